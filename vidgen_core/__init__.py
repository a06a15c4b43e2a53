"""Vidgen: a batch image-to-video studio."""

from vidgen_core.providers.registry import register_all

__version__ = "0.1.0"

# First of all: settings, prices and screens are made of what the providers say.
register_all()
