"""Pictures with detail, and the measuring of motion between frames."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

Frame = npt.NDArray[np.float64]


def texture(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture with detail everywhere, so that any motion can be measured."""
    dice = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for cells in (6, 24, 80):
        small = dice.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        total += np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))
    return Image.fromarray((total / 3).astype(np.uint8))


def read_frames(path: Path) -> Frame:
    """Brightness of every frame, shape (frames, height, width)."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="gray").astype(np.float64) for frame in container.decode(video=0)])


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
    steps = [shift(before, after)[0] for before, after in itertools.pairwise(some)]
    return np.concatenate([[0.0], np.cumsum(steps)])


def growth(frames: Frame) -> float:
    """How far the picture has grown, every fourth frame, added up so that it may travel as well."""
    return sum(spread(before, after) for before, after in itertools.pairwise(frames[::4]))
