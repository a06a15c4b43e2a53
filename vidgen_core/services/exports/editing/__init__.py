"""Timelines that come back from an editor."""
