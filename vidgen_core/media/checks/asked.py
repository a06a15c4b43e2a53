"""Length, ratio and size against what was asked for."""

from __future__ import annotations

import re
from typing import Final

from vidgen_core.domain.shots import shape_of, side_lengths
from vidgen_core.domain.takes import Severity
from vidgen_core.media.checks.check import Bad, Check
from vidgen_core.media.checks.clip import Clip
from vidgen_core.media.checks.reference_frames import reference

#: Shorter sides in pixels of sizes that are no number of lines.
_NAMED_SIZES: Final = {"1K": 1024, "2K": 1440, "4K": 2160, "8K": 4320}


def _seconds_off(clip: Clip) -> float | None:
    """Models round lengths to their frames, so a part of a second more or less is what was asked for."""
    return None if clip.asked.seconds is None else abs(clip.facts.seconds - clip.asked.seconds)


def _ratio_off(clip: Clip) -> float | None:
    """Share by which the ratio of width to height is another one."""
    wanted = shape_of(clip.asked.ratio) if clip.asked.ratio else _shape_of_frame(clip)
    return abs(clip.facts.width / clip.facts.height / wanted - 1) if wanted else None


def _shape_of_frame(clip: Clip) -> float:
    """Width over height of the picture that a clip begins with, which it has where no ratio is asked for; 0: unknown."""
    picture = reference(clip.asked.first_frame)
    return picture.width / picture.height if picture else 0.0


def _size_share(clip: Clip) -> float | None:
    """What came of the shorter side, as a share of what was asked for."""
    side = shorter_side(clip.asked.size)
    return min(clip.facts.width, clip.facts.height) / side if side else None


def shorter_side(size: str) -> int | None:
    """The shorter side in pixels of a size; None where its name does not say."""
    text = size.strip().upper()
    if text in _NAMED_SIZES:
        return _NAMED_SIZES[text]
    if lines := re.fullmatch(r"~?([0-9]{3,4})P?", text):
        return int(lines[1])
    sides = side_lengths(text.removeprefix("~"))
    return min(sides) if sides else None


CHECKS = (
    Check("length_differs", Severity.FAIL, Bad.ABOVE, _seconds_off),
    Check("ratio_differs", Severity.FAIL, Bad.ABOVE, _ratio_off),
    # Fewer pixels can be used all the same.
    Check("size_differs", Severity.NOTE, Bad.BELOW, _size_share),
)
