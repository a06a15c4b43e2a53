"""Vidgen: a batch image-to-video studio."""

import os
import sys

# Pydantic would read the metadata of every installed package to find plug-ins, of which there are none.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
# httpx would import a command line of its own, and with it all of Rich and Pygments; without it httpx goes on as it is.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

__version__ = "0.1.0"
