"""Parts of the Shots page."""
