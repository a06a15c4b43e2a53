"""Parts of the Analytics page."""
