"""Parts of the Tasks and Log pages."""
