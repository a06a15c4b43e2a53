"""Real pictures and videos, small enough to be made anew for each test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from vidgen_core.media.kenburns import RenderSpec, render

Frames = npt.NDArray[np.float64]


def texture(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture with detail everywhere, so that any motion can be measured."""
    dice = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for cells in (6, 24, 80):
        small = dice.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        total += np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))
    return Image.fromarray((total / 3).astype(np.uint8))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.jpg"
    texture(480, 480).save(path, quality=92)
    return path


@pytest.fixture
def clip(tmp_path: Path, picture: Path) -> Path:
    """A whole video of one second."""
    path = tmp_path / "clip.mp4"
    render(RenderSpec(image=picture, prompt="pan left", width=160, height=240, seconds=1.0), path)
    return path


def read_frames(path: Path) -> Frames:
    """Brightness of every frame, shape (frames, height, width)."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="gray").astype(np.float64) for frame in container.decode(video=0)])


@pytest.fixture
def rendered(tmp_path: Path, picture: Path) -> Callable[..., Frames]:
    """Render a prompt and give its frames."""

    def make(prompt: str, *, image: Path | None = picture, seed: int = 1, seconds: float = 1.0) -> Frames:
        target = tmp_path / f"{abs(hash((prompt, seed, image)))}.mp4"
        render(RenderSpec(image=image, prompt=prompt, width=160, height=160, seconds=seconds, seed=seed), target)
        return read_frames(target)

    return make
