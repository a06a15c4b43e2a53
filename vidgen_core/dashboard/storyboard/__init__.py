"""Parts of the Storyboard page."""
