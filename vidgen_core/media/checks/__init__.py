"""Checks of finished clips: what can be measured on this machine, free and offline, without a person looking.

Each check is a file of this package with its ``CHECKS``; ``run`` measures all of them from one decoding of the clip.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from vidgen_core.domain.errors import FileError
from vidgen_core.domain.takes import CheckResult, Severity
from vidgen_core.media.checks import (
    asked,
    black,
    blur,
    cuts,
    flicker,
    frozen,
    reference_frames,
    same_video,
    sound,
    text,
    whole,
)
from vidgen_core.media.checks.check import Check, verdict_of
from vidgen_core.media.checks.clip import Clip, ClipRequest
from vidgen_core.media.video import VideoFacts

__all__ = [
    "AT_DOWNLOAD",
    "CHECKS",
    "UNCHECKED",
    "UNPLAYABLE",
    "is_heard",
    "run",
    "shows_frames",
    "unchecked",
    "unplayable",
    "verdict_of",
]

#: In the order in which reasons are told.
CHECKS: Final[tuple[Check, ...]] = tuple(
    check
    for module in (whole, same_video, asked, black, frozen, reference_frames, cuts, flicker, blur, text, sound)
    for check in module.CHECKS
)
#: Codes of what needs a few frames and the sound alone: they are measured right after every download.
AT_DOWNLOAD: Final = frozenset(check.code for module in (asked, reference_frames) for check in module.CHECKS) | {
    "silent"
}
#: The clip cannot be checked: it cannot be played, or is larger than anything a model makes.
UNPLAYABLE: Final = "unplayable"
#: The clip could not be checked to the end.
UNCHECKED: Final = "unchecked"


def run(
    path: Path, request: ClipRequest, limits: Mapping[str, float], facts: VideoFacts | None = None
) -> list[CheckResult]:
    """Measure everything that can be measured; the same clip and limits give the same results.

    :param limits: by code; a check without one is left out
    :param facts: those of the clip, where somebody has probed it already
    """
    clip = Clip(path, request)
    if facts is not None:
        clip.facts = facts
    results: list[CheckResult] = []
    for check in CHECKS:
        if check.code not in limits:
            continue
        try:
            result = check.run(clip, limits[check.code])
        except FileError:
            return [*results, unplayable()]
        if result is not None:
            results.append(result)
    return results


def shows_frames(request: ClipRequest, results: Iterable[CheckResult]) -> bool:
    """Whether a clip shows every frame that was sent where it belongs; False also where that cannot be seen."""
    sent = sum(frame is not None for frame in (request.first_frame, request.last_frame))
    codes = {check.code for check in reference_frames.CHECKS}
    return sent > 0 and sent == sum(one.code in codes and one.severity is Severity.PASS for one in results)


def is_heard(path: Path, limit: float) -> bool:
    """Whether a video has sound of at least ``limit`` dB of full scale; False where that cannot be told."""
    try:
        peak = Clip(path, ClipRequest()).peak
    except FileError:
        return False
    return peak is not None and peak >= limit


def unplayable() -> CheckResult:
    """The result of a clip that cannot be read to the end."""
    return CheckResult(code=UNPLAYABLE, severity=Severity.FAIL, value=1.0, limit=0.0)


def unchecked() -> CheckResult:
    """The result of a clip that could not be checked to the end."""
    return CheckResult(code=UNCHECKED, severity=Severity.DOUBT, value=1.0, limit=0.0)
