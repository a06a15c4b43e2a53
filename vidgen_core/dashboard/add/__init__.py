"""Parts of the Add page."""
