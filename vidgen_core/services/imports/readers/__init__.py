"""Readers of the formats that can be imported."""
