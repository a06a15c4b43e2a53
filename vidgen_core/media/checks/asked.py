"""Length, ratio and size against what was asked for."""

from __future__ import annotations

from vidgen_core.domain.takes import Severity
from vidgen_core.media.checks.check import Bad, Check
from vidgen_core.media.checks.clip import Clip
from vidgen_core.media.request_match import shorter_side


def _seconds_off(clip: Clip) -> float | None:
    """Models round lengths to their frames, so a part of a second more or less is what was asked for."""
    return None if clip.asked.seconds is None else abs(clip.facts.seconds - clip.asked.seconds)


def _ratio_off(clip: Clip) -> float | None:
    """Share by which the ratio of width to height is another one."""
    across, _, down = clip.asked.ratio.partition(":")
    try:
        wanted = float(across) / float(down)
    except (ValueError, ZeroDivisionError):
        return None
    return abs(clip.facts.width / clip.facts.height / wanted - 1) if wanted > 0 else None


def _size_share(clip: Clip) -> float | None:
    """What came of the shorter side, as a share of what was asked for."""
    side = shorter_side(clip.asked.size)
    return min(clip.facts.width, clip.facts.height) / side if side else None


CHECKS = (
    Check("length_differs", Severity.FAIL, Bad.ABOVE, _seconds_off),
    Check("ratio_differs", Severity.FAIL, Bad.ABOVE, _ratio_off),
    # Fewer pixels can be used all the same.
    Check("size_differs", Severity.NOTE, Bad.BELOW, _size_share),
)
