"""Frozen: the share of a clip in which nothing moves."""

from __future__ import annotations

from typing import Final

import numpy as np

from vidgen_core.domain.takes import Severity
from vidgen_core.media.checks.check import Bad, Check
from vidgen_core.media.checks.clip import Clip

#: Seconds between the two frames that are compared: a slow camera is seen only after a while.
_APART: Final = 0.5
#: Side in pixels of the fields that are compared: the grain of an encoder is gone in their mean.
_FIELD: Final = 6
#: Steps of brightness by which the most changed field must change; encoders alone change less.
_MOVES: Final = 1.2
#: Seconds of a clip; a shorter one may be too short for anything to move in it, unless it is a single picture.
_SHORTEST: Final = 0.7


def _still(clip: Clip) -> float | None:
    """Share of frames, 0–1, after which nothing has moved half a second later."""
    if clip.asked.still:
        return None
    pictures = clip.pictures
    apart = max(1, round(_APART * pictures.fps))
    if len(pictures.small) == 1 and clip.facts.frames <= 1:
        return 1.0
    if len(pictures.small) <= apart or pictures.times[-1] < _SHORTEST:
        return None
    fields = _fields(pictures.small)
    changed = np.abs(fields[apart:] - fields[:-apart]).reshape(len(fields) - apart, -1)
    # Not the single most changed one: a spinning logo or a blinking dot in a corner is no video.
    most = np.sort(changed, axis=1)[:, -max(3, changed.shape[1] // 50) :].mean(axis=1)
    return float((most < _MOVES).mean())


def _fields(frames: np.ndarray) -> np.ndarray:
    count, height, width = frames.shape
    rows, columns = max(1, height // _FIELD), max(1, width // _FIELD)
    cut = frames[:, : rows * _FIELD, : columns * _FIELD].astype(np.float32)
    if cut.shape[1] < _FIELD or cut.shape[2] < _FIELD:
        return frames.astype(np.float32)
    means: np.ndarray = cut.reshape(count, rows, _FIELD, columns, _FIELD).mean(axis=(2, 4))
    return means


CHECKS = (Check("frozen", Severity.FAIL, Bad.ABOVE, _still),)
