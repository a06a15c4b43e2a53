"""Films of real videos for the exporters."""

from __future__ import annotations

from pathlib import Path

import pytest
from exporting_material import UPRIGHT, WIDE, colour_of, film_of, frames_of, make_video

from vidgen_core.services.exports.film import Film


@pytest.fixture(scope="session")
def forty(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Forty videos of two sizes and of 10 to 14 frames, by the number of their shot; every fifth is wide."""
    folder = tmp_path_factory.mktemp("takes")
    return {
        number: make_video(
            folder / f"{number}.0-v1.mp4",
            colour_of(number - 1),
            WIDE if number % 5 == 0 else UPRIGHT,
            frames=frames_of(number),
        )
        for number in range(1, 41)
    }


@pytest.fixture
def film(forty: dict[int, Path], tmp_path: Path) -> Film:
    """Forty chosen takes of 42 shots: the last two have none."""
    return film_of(forty, 42, tmp_path / "images")
