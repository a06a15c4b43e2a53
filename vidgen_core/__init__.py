"""Vidgen: a batch image-to-video studio."""

import os

# Pydantic would read the metadata of every installed package to find plug-ins, of which there are none.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

__version__ = "0.1.0"
