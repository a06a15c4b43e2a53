"""Vidgen: a batch image-to-video studio."""

import os

# Pydantic would read the metadata of every installed package to find plug-ins, of which there are none.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from vidgen_core.providers.registry import register_all

__version__ = "0.1.0"

# First of all: settings, prices and screens are made of what the providers say.
register_all()
