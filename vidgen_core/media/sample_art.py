"""Pictures that come with the program: sample images, scenes cut from them, and a plain backdrop."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from vidgen_core.media.disk import replacing

#: The pictures of the sample project's shots, in their order: 720×1280 pixels.
SAMPLE_IMAGES: Final = tuple(Path(__file__).with_name("sample_images") / f"{number}.jpg" for number in range(1, 7))
#: Least share of a sample image that a scene shows along its tighter side.
_LEAST: Final = 0.6


def sample_scene(text: str, width: int, height: int, seed: int) -> Image.Image:
    """A part of a sample image, at times mirrored; another seed, or another text, gives another one."""
    rng = _rng(text, seed)
    with Image.open(SAMPLE_IMAGES[seed % len(SAMPLE_IMAGES)]) as opened:
        picture = opened.convert("RGB")
    if seed // len(SAMPLE_IMAGES) % 2:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    scale = min(picture.width / width, picture.height / height) * float(rng.uniform(_LEAST, 1))
    left, top = (picture.width - width * scale) * rng.random(), (picture.height - height * scale) * rng.random()
    box = (left, top, left + width * scale, top + height * scale)
    return picture.resize((width, height), Image.Resampling.BICUBIC, box=box)


def write_sample(target: Path, seed: int, width: int, height: int) -> None:
    """Write a sample scene whole or not at all, as JPEG or by the target's ending."""
    kind = "PNG" if target.suffix.lower() == ".png" else "JPEG"
    with replacing(target, ".tmp") as part:
        sample_scene("", width, height, seed).save(part, kind, quality=92)


def draw_backdrop(text: str, width: int, height: int, seed: int) -> Image.Image:
    """A soft gradient with a few lights, its colours chosen by the text."""
    rng = _rng(text, seed)
    columns, rows = max(2, width // 8), max(2, height // 8)
    y, x = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j].astype(np.float32)
    top, bottom = rng.uniform(18, 70, 3), rng.uniform(60, 150, 3)
    canvas = top + (bottom - top) * y[..., None]
    for _ in range(4):
        centre, reach = rng.uniform(0.1, 0.9, 2), rng.uniform(0.12, 0.35)
        glow = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * reach**2))
        canvas = canvas + glow[..., None] * rng.uniform(10, 70, 3)
    picture = Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def _rng(text: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(text.encode("utf-8", "replace")), seed & 0xFFFFFFFF])
