"""Flicker: brightness that goes up and down from frame to frame."""

from __future__ import annotations

from typing import Final

import numpy as np

from vidgen_core.domain.takes import Severity
from vidgen_core.media.checks.check import Bad, Check
from vidgen_core.media.checks.clip import Clip

#: Seconds over which brightness is smoothed: what is slower is light that changes.
_SMOOTH: Final = 0.5
#: Turns a second from which it is flicker; one lightning is none.
_TURNS: Final = 3.0
#: Percent of brightness that do not count as a turn.
_LEAST: Final = 1.5
#: Brightness (0-255) below which all is dark.
_DARK: Final = 16.0


def _flicker(clip: Clip) -> float | None:
    """How far brightness strays from its course, in percent of it (root mean square); 0 where it seldom turns."""
    pictures = clip.pictures
    if len(pictures.small) < 8:
        return None
    # In four fields: a lamp may flicker in one corner of the frame.
    _, height, width = pictures.small.shape
    halves = [
        pictures.small[:, rows, columns].mean(axis=(1, 2), dtype=np.float64)
        for rows in (slice(0, height // 2), slice(height // 2, None))
        for columns in (slice(0, width // 2), slice(width // 2, None))
    ]
    seconds = max(float(pictures.times[-1]), 1 / pictures.fps)
    # The second of four: things that wobble past one corner are no flicker.
    return sorted(_strays(half, pictures.fps, seconds) for half in halves)[2]


def _strays(brightness: np.ndarray, fps: float, seconds: float) -> float:
    # Twice the clip has all of it around each frame, however close together its frames say that they are.
    span = max(3, min(round(_SMOOTH * fps), 2 * len(brightness)) | 1)
    padded = np.pad(brightness, span // 2, mode="edge")
    course = np.lib.stride_tricks.sliding_window_view(padded, span).mean(axis=1)
    # Eyes see shares of brightness and not steps: a dark frame flickers by fewer.
    stray = (brightness - course) / np.maximum(course, _DARK) * 100
    turns = np.sign(stray[np.abs(stray) > _LEAST])
    # A run of strays to one side is half a turn: there and back.
    runs = int((np.diff((np.abs(stray) > _LEAST).astype(np.int8)) == 1).sum())
    if max(int((np.diff(turns) != 0).sum()), runs) / seconds < _TURNS:
        return 0.0
    return float(np.sqrt((stray**2).mean()))


CHECKS = (Check("flicker", Severity.FAIL, Bad.ABOVE, _flicker),)
