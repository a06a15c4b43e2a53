"""The first and the last frame against the pictures that were sent for them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from vidgen_core.domain.errors import FileError
from vidgen_core.domain.takes import Severity
from vidgen_core.media import first_frame_match
from vidgen_core.media.checks.check import Bad, Check
from vidgen_core.media.checks.clip import LARGE, Clip
from vidgen_core.media.images import open_upright


def reference(path: Path | None, edge: int = LARGE) -> Image.Image | None:
    """A picture that was sent, at most ``edge`` pixels; None where it is gone or was never there."""
    if path is None:
        return None
    try:
        with open_upright(path, (edge, edge)) as opened:
            return opened.convert("RGB")
    except FileError:
        return None


def _first(clip: Clip) -> float | None:
    picture = reference(clip.asked.first_frame)
    return None if picture is None else first_frame_match.similarity(clip.first_shown, picture)


def _last(clip: Clip) -> float | None:
    picture = reference(clip.asked.last_frame)
    return None if picture is None else first_frame_match.similarity(clip.last_shown, picture)


CHECKS = (
    Check("first_frame_differs", Severity.FAIL, Bad.BELOW, _first),
    Check("last_frame_differs", Severity.FAIL, Bad.BELOW, _last),
)
