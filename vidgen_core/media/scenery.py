"""Pictures drawn by the program: landscapes for the sample project and a quiet ground where a shot has no picture."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]


def draw_backdrop(text: str, width: int, height: int, seed: int) -> Image.Image:
    """A soft gradient with a few lights, its colours chosen by the text."""
    dice = np.random.default_rng([zlib.crc32(text.encode("utf-8", "replace")), seed & 0xFFFFFFFF])
    small = (max(2, width // 8), max(2, height // 8))
    x, y = _grid(*small)
    top, bottom = dice.uniform(18, 70, 3), dice.uniform(60, 150, 3)
    canvas = top + (bottom - top) * y[..., None]
    for _ in range(4):
        centre, reach = dice.uniform(0.1, 0.9, 2), dice.uniform(0.12, 0.35)
        light = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * reach**2))
        canvas = canvas + light[..., None] * dice.uniform(10, 70, 3)
    picture = Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def draw_frame(text: str, width: int, height: int, seed: int) -> Image.Image:
    """A scene of the program's own making, another one for each seed."""
    return draw_backdrop(text, width, height, seed)


def _grid(width: int, height: int) -> tuple[Floats, Floats]:
    """Coordinates from 0 to 1, rightwards and downwards."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return x / max(1, width - 1), y / max(1, height - 1)
