"""A folder with pictures, for lists to name."""

from pathlib import Path

import pytest
from importing_factories import draw


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with ``a.png``, ``b.jpg`` and ``子目录/图 1.jpg``."""
    for name in ("a.png", "b.jpg", "子目录/图 1.jpg"):
        draw(tmp_path / name)
    return tmp_path
