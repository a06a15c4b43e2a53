"""Frozen: the share of a clip in which nothing moves."""

from __future__ import annotations

from typing import Final

import numpy as np

from vidgen_core.domain.takes import Severity
from vidgen_core.media.checks.check import Bad, Check
from vidgen_core.media.checks.clip import Clip, DecodedFrames, Floats

#: Seconds between the two frames that are compared: a slow camera is seen only after a while.
_APART: Final = 0.5
#: Side in pixels of the fields that are compared: the grain of an encoder is gone in their mean.
_FIELD: Final = 6
#: Steps of brightness by which the most changed field must change; encoders alone change less.
_MOVES: Final = 1.2
#: A frame that is seen so many times longer than the usual one stands still.
_UNEQUAL: Final = 4.0
#: Moments at which a clip is looked at, however long it says that a frame lasts.
_MOST_MOMENTS: Final = 20_000
#: Seconds of a clip; a shorter one may be too short for anything to move in it, unless it is a single picture.
_SHORTEST: Final = 0.7


def _still(clip: Clip) -> float | None:
    """Share of the time, 0–1, after which nothing has moved half a second later."""
    if clip.asked.still:
        return None
    pictures = clip.pictures
    if len(pictures.small) == 1:
        # The one frame that is left of a damaged clip says nothing.
        return 1.0 if clip.facts.frames <= 1 else None
    shown, fps = _shown(pictures, clip.lasting)
    apart = max(1, round(_APART * fps))
    if len(shown) <= apart or (len(shown) - 1) / fps < _SHORTEST:
        return None
    fields = _fields(pictures.small)
    pairs, times = np.unique(np.stack([shown[:-apart], shown[apart:]]), axis=1, return_counts=True)
    changed = np.abs(fields[pairs[1]] - fields[pairs[0]]).reshape(pairs.shape[1], -1)
    # Not the single most changed one: a spinning logo or a blinking dot in a corner is no video.
    most = np.sort(changed, axis=1)[:, -max(3, changed.shape[1] // 50) :].mean(axis=1)
    return float(times[most < _MOVES].sum() / times.sum())


def _shown(pictures: DecodedFrames, lasting: Floats) -> tuple[np.ndarray, float]:
    """Numbers of the frames that are seen at regular moments, and how many of these a second has.

    Of a clip whose frames last unequally long, as when an encoder has left out those in which nothing moves, the moments are
    those of its usual frame.

    :param lasting: as ``Clip.lasting``
    """
    usual = min(float(np.median(lasting[:-1])), _APART)
    if lasting.max() <= _UNEQUAL * usual:
        return np.arange(len(pictures.times)), pictures.fps
    end = float(pictures.times[-1] + lasting[-1])
    usual = max(usual, end / _MOST_MOMENTS)
    moments = np.arange(0.0, end, usual)
    return np.searchsorted(pictures.times, moments + usual / 10, side="right") - 1, 1 / usual


def _fields(frames: np.ndarray) -> np.ndarray:
    count, height, width = frames.shape
    rows, columns = max(1, height // _FIELD), max(1, width // _FIELD)
    cut = frames[:, : rows * _FIELD, : columns * _FIELD].astype(np.float32)
    if cut.shape[1] < _FIELD or cut.shape[2] < _FIELD:
        return frames.astype(np.float32)
    means: np.ndarray = cut.reshape(count, rows, _FIELD, columns, _FIELD).mean(axis=(2, 4))
    return means


CHECKS = (Check("frozen", Severity.FAIL, Bad.ABOVE, _still),)
