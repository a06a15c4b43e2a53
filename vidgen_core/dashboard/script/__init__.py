"""Parts of the Script page."""
