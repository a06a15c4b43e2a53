"""How a finished video differs from what was asked for; cheap enough to be measured after every download.

A difference is a flag and no fault of the file: the take was paid for and stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import FileError
from vidgen_core.media import first_frame_match, video
from vidgen_core.media.video import VideoFacts

#: Seconds by which a length may differ: models round lengths to their frames.
LENGTH_MARGIN: Final = 0.5
#: Share by which a ratio may differ.
RATIO_MARGIN: Final = 0.05
#: Share of the shorter side asked for that has to come.
SIZE_SHARE: Final = 0.9
#: Shorter sides in pixels of sizes that are no number of lines.
_NAMED_SIZES: Final = {"1K": 1024, "2K": 1440, "4K": 2160, "8K": 4320}


class VideoRequest(Frozen):
    """What was asked of a model; None and empty: nothing."""

    #: Width to height as ``9:16``.
    ratio: str = ""
    #: ``720P``, ``4K`` or pixels as ``832×1504``.
    size: str = ""
    seconds: float | None = None
    sound: bool | None = None
    first_frame: Path | None = None
    last_frame: Path | None = None


class Comparison(Frozen):
    """What a finished video is beside what was asked for."""

    #: Codes of what differs: ``ratio_differs``, ``size_differs``, ``length_differs``, ``silent``, ``first_frame_differs``,
    #: ``last_frame_differs``; what cannot be measured is not flagged.
    differences: tuple[str, ...] = ()
    #: Whether it shows the frames that were sent where they belong; None: there are none, or it cannot be seen.
    shows_frames: bool | None = None


def compare(path: Path, facts: VideoFacts, asked: VideoRequest) -> Comparison:
    """Compare a finished file with what was asked for."""
    frames = {
        "first_frame_differs": _shows(first_frame_match.begins_with, path, asked.first_frame),
        "last_frame_differs": _shows(first_frame_match.ends_with, path, asked.last_frame),
    }
    sent = [
        shown for shown, picture in zip(frames.values(), (asked.first_frame, asked.last_frame), strict=True) if picture
    ]
    shows = None if not sent or None in sent else all(sent)
    codes = (*_differences(path, facts, asked), *(code for code, shown in frames.items() if shown is False))
    return Comparison(differences=codes, shows_frames=False if False in sent else shows)


def _differences(path: Path, facts: VideoFacts, asked: VideoRequest) -> Iterator[str]:
    if _ratio_differs(asked.ratio, facts):
        yield "ratio_differs"
    side = shorter_side(asked.size)
    if side is not None and min(facts.width, facts.height) < side * SIZE_SHARE:
        yield "size_differs"
    if asked.seconds is not None and abs(facts.seconds - asked.seconds) > LENGTH_MARGIN:
        yield "length_differs"
    if asked.sound and video.is_silent(path):
        yield "silent"


def shorter_side(size: str) -> int | None:
    """The shorter side in pixels of a size; None where its name does not say."""
    text = size.strip().upper()
    if text in _NAMED_SIZES:
        return _NAMED_SIZES[text]
    if lines := re.fullmatch(r"~?([0-9]{3,4})P?", text):
        return int(lines[1])
    sides = re.fullmatch(r"~?([0-9]{2,5})\s{0,3}[X×*]\s{0,3}([0-9]{2,5})", text)
    return min(int(sides[1]), int(sides[2])) if sides else None


def _ratio_differs(asked: str, facts: VideoFacts) -> bool:
    across, _, down = asked.partition(":")
    try:
        wanted = float(across) / float(down)
    except (ValueError, ZeroDivisionError):
        return False
    return abs(facts.width / facts.height / wanted - 1) > RATIO_MARGIN


def _shows(match: Callable[[Path, Path], bool | None], path: Path, picture: Path | None) -> bool | None:
    """A doubt is all that can be said: a picture that is gone or too even tells nothing."""
    try:
        return match(path, picture) if picture is not None else None
    except FileError:
        return None
