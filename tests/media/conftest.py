"""Real pictures and videos, small enough to be made anew for each test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from media_material import Frame, read_frames, texture

from vidgen_core.media.kenburns import RenderSpec, render


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


@pytest.fixture
def rendered(tmp_path: Path, picture: Path) -> Callable[..., Frame]:
    """Render a prompt and give its frames."""

    def make(prompt: str, *, image: Path | None = picture, seed: int = 1, seconds: float = 1.0) -> Frame:
        target = tmp_path / f"{abs(hash((prompt, seed, image)))}.mp4"
        render(RenderSpec(image=image, prompt=prompt, width=160, height=160, seconds=seconds, seed=seed), target)
        return read_frames(target)

    return make
