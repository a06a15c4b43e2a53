"""The picture that stands in a take's place until there is a video."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from vidgen_core.media.images import open_upright, save_thumbnail

#: Longer edge in pixels; it is out of focus, so few are enough.
EDGE: Final = 240
_BLUR: Final = 9
_EMPTY: Final = (128, 132, 148)


def draw_waiting(source: Path | None, ratio: str, target: Path) -> None:
    """Write ``source`` cropped to ``ratio`` (``9:16``), dimmed and out of focus; a plain grey without a source.

    :raises FileError: the picture cannot be read or the file not written
    """
    if source is None:
        picture = Image.new("RGB", size_of(ratio, (1, 1)), _EMPTY)
    else:
        upright = open_upright(source, (EDGE, EDGE)).convert("RGB")
        cropped = ImageOps.fit(upright, size_of(ratio, upright.size))
        blurred = cropped.filter(ImageFilter.GaussianBlur(_BLUR))
        picture = ImageEnhance.Color(ImageEnhance.Brightness(blurred).enhance(0.9)).enhance(0.6)
    save_thumbnail(picture, target, EDGE)


def size_of(ratio: str, fallback: tuple[int, int]) -> tuple[int, int]:
    """Pixels of a ratio with the longer side at ``EDGE``; a ratio left to the model follows ``fallback``."""
    found = re.fullmatch(r"(\d+):(\d+)", ratio)
    width, height = (int(found[1]), int(found[2])) if found else fallback
    scale = EDGE / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
