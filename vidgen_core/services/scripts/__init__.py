"""From a script to a storyboard and its prompts."""
