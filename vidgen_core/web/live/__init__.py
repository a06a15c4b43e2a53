"""Pushing changes to open pages and streams."""
