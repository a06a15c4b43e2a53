"""Pictures for agents: small JPEGs, and many takes on one sheet."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from vidgen_core.media.images import open_upright

#: Pixels of the longer side of a single picture, and of one on a sheet.
EDGE: Final = 1024
_CELL: Final = 320
_LABEL: Final = 24
_COLUMNS: Final = 4
#: Pictures on one sheet.
MOST: Final = 40


def jpeg(path: Path, edge: int = EDGE) -> bytes:
    """A picture as a JPEG of at most so many pixels a side.

    :raises FileError: as ``open_upright``
    """
    picture = open_upright(path, (edge, edge))
    picture.thumbnail((edge, edge))
    return _bytes(picture)


def sheet(pictures: Sequence[Path | None]) -> bytes:
    """Pictures in rows of four, numbered from 1; where one cannot be read its place stays empty."""
    rows = -(-len(pictures) // _COLUMNS)
    height = _CELL * 9 // 16 + _LABEL
    canvas = Image.new("RGB", (_COLUMNS * _CELL, max(1, rows) * height), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(18)
    for place, path in enumerate(pictures):
        left, top = place % _COLUMNS * _CELL, place // _COLUMNS * height
        draw.text((left + 6, top + 1), str(place + 1), fill="black", font=font)
        if path is None or not path.is_file():
            continue
        picture = open_upright(path, (_CELL, _CELL))
        picture.thumbnail((_CELL - 8, height - _LABEL - 4))
        canvas.paste(picture, (left + 4, top + _LABEL))
    return _bytes(canvas)


def _bytes(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.convert("RGB").save(data, "JPEG", quality=80)
    return data.getvalue()
