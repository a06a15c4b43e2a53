"""What runs in the browser: code and style of the screens' components, two files a component at most.

The server hands them out under an address that changes when they do, so that a browser fetches each once; the screens name
that address.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
#: Media types by ending.
TYPES: Final = {".js": "text/javascript", ".css": "text/css"}
#: Names of all files.
FILES: Final = frozenset(file.name for file in _HERE.iterdir() if file.suffix in TYPES)


def path(name: str) -> Path:
    """Where a file of ``FILES`` lies."""
    return _HERE / name


@cache
def version(name: str) -> str:
    """Changes when the file does."""
    return sha256(path(name).read_bytes()).hexdigest()[:12]
