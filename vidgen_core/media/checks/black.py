"""Black or white frames."""

from __future__ import annotations

from typing import Final

import numpy as np

from vidgen_core.domain.takes import Severity
from vidgen_core.media.checks.check import Bad, Check
from vidgen_core.media.checks.clip import Clip
from vidgen_core.media.checks.reference_frames import reference

#: Share of dark or bright pixels from which a frame shows nothing.
_EMPTY: Final = 0.98
#: Seconds at the beginning that may be black: many models begin so.
_BEGINNING: Final = 0.1


def _empty(clip: Clip) -> float | None:
    """Share of frames, 0–1, that are black or white all over; None where that is what was asked for."""
    picture = reference(clip.asked.first_frame)
    if picture is not None:
        grey = np.asarray(picture.convert("L"))
        if max((grey < 32).mean(), (grey > 235).mean()) > _EMPTY - 0.05:
            return None
    pictures = clip.pictures
    empty = (pictures.dark > _EMPTY) | (pictures.bright > _EMPTY)
    if not empty.all():
        empty = empty & (pictures.times > _BEGINNING)
    return float(empty.mean())


CHECKS = (Check("black", Severity.FAIL, Bad.ABOVE, _empty),)
