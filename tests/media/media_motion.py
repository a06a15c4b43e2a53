"""Measuring motion between two frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.float64]


def shift(before: Frame, after: Frame) -> tuple[float, float]:
    """How far the content went, in whole pixels rightwards and downwards, by phase correlation."""
    window = np.outer(np.hanning(before.shape[0]), np.hanning(before.shape[1]))
    one, other = (np.fft.rfft2((frame - frame.mean()) * window) for frame in (before, after))
    cross = other * np.conj(one)
    peaks = np.fft.irfft2(cross / (np.abs(cross) ** 0.7 + 1e-9), before.shape)
    down, right = np.unravel_index(int(np.argmax(peaks)), peaks.shape)
    height, width = peaks.shape
    return (float(right - width if right > width // 2 else right), float(down - height if down > height // 2 else down))


def spread(before: Frame, after: Frame) -> float:
    """How far left and right, top and bottom went apart: positive when the picture grew."""
    height, width = before.shape
    third, tall = width * 2 // 5, height * 2 // 5
    left, right = shift(before[:, :third], after[:, :third]), shift(before[:, -third:], after[:, -third:])
    top, bottom = shift(before[:tall], after[:tall]), shift(before[-tall:], after[-tall:])
    return (right[0] - left[0] + bottom[1] - top[1]) / 2


def travel(frames: Frame) -> Frame:
    """How far the content has gone rightwards, every sixth frame, added up so that it may leave the frame."""
    some = frames[::6]
    steps = [shift(before, after)[0] for before, after in zip(some, some[1:], strict=False)]
    return np.concatenate([[0.0], np.cumsum(steps)])
