"""What holds submissions back: concurrency, keys, paused providers, budget."""
