"""Vidgen: a batch image-to-video studio."""

__version__ = "0.1.0"
