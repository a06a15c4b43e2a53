"""Parts of the Pick page."""
