"""Black or white frames."""

from __future__ import annotations

from typing import Final

import numpy as np

from vidgen_core.domain.takes import Severity
from vidgen_core.media.checks.check import Bad, Check
from vidgen_core.media.checks.clip import Clip, DecodedFrames
from vidgen_core.media.checks.reference_frames import reference

#: Share of dark or bright pixels from which a frame shows nothing.
_EMPTY: Final = 0.98
#: Seconds for which every frame is seen at the least.
_MOMENT: Final = 1e-6
#: Seconds at the beginning that may be black: many models begin so.
_BEGINNING: Final = 0.1
#: Seconds that a fade from or to black may be black, and the most that brightness (0-255) changes from frame to frame in it.
_FADE: Final = 0.5
_FADE_STEP: Final = 12.0


def _empty(clip: Clip) -> float | None:
    """Share of the time, 0–1, in which a clip is black or white all over; None where that is what was asked for."""
    picture = reference(clip.asked.first_frame)
    if picture is not None:
        grey = np.asarray(picture.convert("L"))
        if max((grey < 32).mean(), (grey > 235).mean()) > _EMPTY - 0.05:
            return None
    pictures = clip.pictures
    empty = (pictures.dark > _EMPTY) | (pictures.bright > _EMPTY)
    if not empty.all():
        empty = empty & (pictures.times > _BEGINNING) & ~_fades(pictures, empty)
    return float(np.average(empty, weights=clip.lasting + _MOMENT))


def _fades(pictures: DecodedFrames, empty: np.ndarray) -> np.ndarray:
    """The empty frames at either end into which, or out of which, the picture fades: that is how a film ends, no fault."""
    means = pictures.small.mean(axis=(1, 2), dtype=np.float64)
    found = np.zeros(len(empty), dtype=bool)
    most = max(1, round(_FADE * pictures.fps))
    for inwards in (slice(None), slice(None, None, -1)):
        run = int(np.argmin(empty[inwards]))
        steps = np.abs(np.diff(means[inwards][: run + 1]))
        if 0 < run <= most and steps.max() <= _FADE_STEP:
            found[inwards][:run] = True
    return found


CHECKS = (Check("black", Severity.FAIL, Bad.ABOVE, _empty),)
