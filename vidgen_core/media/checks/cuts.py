"""Cuts inside a shot that should have none."""

from __future__ import annotations

from typing import Final

import numpy as np

from vidgen_core.domain.takes import Severity
from vidgen_core.media.checks.check import Bad, Check
from vidgen_core.media.checks.clip import Clip

#: Frames on either side that a change is compared with: a fast camera changes all of them, a cut one.
_AROUND: Final = 4
#: Similarity (-1 to 1) below which two frames in a row may be of two shots.
_UNLIKE: Final = 0.88
#: A cut is so many times less like than the most different frames around it.
_SUDDEN: Final = 4.0


def _cuts(clip: Clip) -> float | None:
    frames = clip.pictures.small
    if len(frames) < 4:
        return None
    unlike = 1.0 - _similarity(frames[:-1], frames[1:])
    cuts = 0
    for at in np.flatnonzero(unlike > 1.0 - _UNLIKE).tolist():
        beside = np.concatenate([unlike[max(0, at - _AROUND) : at], unlike[at + 1 : at + 1 + _AROUND]])
        # A flash is gone after a frame or two; behind a cut it is another picture.
        before, after = frames[max(0, at - 1)][None], frames[min(len(frames) - 1, at + 3)][None]
        lasting = 1.0 - float(_similarity(before, after)[0]) > 1.0 - _UNLIKE
        cuts += bool(lasting and unlike[at] > _SUDDEN * beside.max(initial=0.0))
    return float(cuts)


def _similarity(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Correlation of pairs of frames, -1 to 1; brightness and contrast do not count. Even frames are like each other."""
    flat_left, flat_right = _centred(left), _centred(right)
    power = np.sqrt((flat_left**2).sum(axis=1) * (flat_right**2).sum(axis=1))
    even = _EVEN**2 * flat_left.shape[1]
    product: np.ndarray = ((flat_left * flat_right).sum(axis=1) + even) / (power + even)
    return product


#: Contrast (0-255) of a frame that shows nothing.
_EVEN: Final = 2.0


def _centred(frames: np.ndarray) -> np.ndarray:
    flat = frames.reshape(len(frames), -1).astype(np.float32)
    centred: np.ndarray = flat - flat.mean(axis=1, keepdims=True)
    return centred


CHECKS = (Check("cuts", Severity.FAIL, Bad.ABOVE, _cuts),)
