"""A finished video against the one it was made from: the same pictures at the same moments, in as many pixels or more.

An enlarged one is as long as its source; an extended one goes on where its source ends.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from vidgen_core.domain.errors import FileError
from vidgen_core.domain.takes import SOURCE_DIFFERS, SOURCE_UNKNOWN
from vidgen_core.media import video

if TYPE_CHECKING:
    # Brought along by what is compared: most workers never enlarge anything.
    import numpy as np
    import numpy.typing as npt
    from av.video.frame import VideoFrame

#: Seconds by which the lengths may differ.
LENGTH_MARGIN: Final = 0.25
#: Share by which the ratios of width to height may differ.
RATIO_MARGIN: Final = 0.03
#: Least structural similarity (SSIM, 0–1) of two frames of one moment. Enlarged and encoded anew it stays above 0.75 at this size,
#: another picture and another moment of a moving one stay below 0.1.
ALIKE: Final = 0.6
#: Moments that are compared, as shares of the length.
_MOMENTS: Final = (0.02, 0.25, 0.5, 0.75, 0.95)
#: Longest side in pixels at which frames are compared.
_EDGE: Final = 96
#: Frames of the source before and after a moment that count as the same: models number frames in their own way.
_NEIGHBOURS: Final = 2
#: Side in pixels of the fields of SSIM, and its constants for brightness of 0–255.
_FIELD: Final = 8
_C1: Final = (0.01 * 255) ** 2
_C2: Final = (0.03 * 255) ** 2


def differs(source: Path, finished: Path, *, longer: bool = False) -> str | None:
    """What is against using a finished file in the place of its source; None: nothing.

    :param longer: it was extended
    :returns: ``source_differs``, or ``source_unknown`` where one of the files cannot be read
    """
    try:
        before, after = video.probe(source), video.probe(finished)
        added = after.seconds - before.seconds
        if (added <= LENGTH_MARGIN) if longer else (abs(added) > LENGTH_MARGIN):
            return SOURCE_DIFFERS
        if abs(before.width / before.height / (after.width / after.height) - 1) > RATIO_MARGIN:
            return SOURCE_DIFFERS
        if min(after.width, after.height) < min(before.width, before.height):
            return SOURCE_DIFFERS
        seconds = min(before.seconds, after.seconds)
        moments = [share * seconds for share in _MOMENTS]
        alike = min(_similarity(source, finished, moment, before.fps) for moment in moments)
    except FileError:
        return SOURCE_UNKNOWN
    return None if alike >= ALIKE else SOURCE_DIFFERS


def _similarity(source: Path, finished: Path, moment: float, fps: float) -> float:
    """The best similarity of the finished frame of a moment to one of the source's frames around it."""
    (shown,) = _frames(finished, moment, 1, fps)
    around = _frames(source, max(0.0, moment - _NEIGHBOURS / fps), 2 * _NEIGHBOURS + 1, fps)
    return max(ssim(one, shown) for one in around)


def _frames(path: Path, moment: float, count: int, fps: float) -> list[VideoFrame]:
    """Some frames from a moment on; the last ones where the video ends before.

    :raises FileError: as ``video.probe``
    """
    import av

    found: list[VideoFrame] = []
    try:
        with video.open_video(path) as container:
            stream = video.video_stream(container, path)
            begin = stream.start_time or 0
            if stream.time_base:
                container.seek(begin + int(moment / stream.time_base), stream=stream, backward=True)
            offset = float(begin * stream.time_base) if stream.time_base else 0.0
            for frame in video.decoded(container, stream, path):
                early = frame.time is not None and frame.time - offset < moment - 0.5 / fps
                found = [frame] if early else [*found, frame]
                if not early and len(found) > count:
                    break
    except (av.FFmpegError, EOFError) as error:
        raise FileError("video_unplayable", path=str(path)) from error
    if not found:
        raise FileError("video_unplayable", path=str(path))
    return found[-count:]


def ssim(one: VideoFrame, other: VideoFrame) -> float:
    """The structural similarity of two frames in brightness (Wang et al. 2004), mean of fields of 8×8 pixels; 1: equal."""
    scale = _EDGE / max(one.width, one.height)
    size = _whole(one.width * scale), _whole(one.height * scale)
    here, there = _fields(one, *size), _fields(other, *size)
    means, spreads = (here.mean(axis=1), there.mean(axis=1)), (here.var(axis=1), there.var(axis=1))
    together = (here * there).mean(axis=1) - means[0] * means[1]
    light = (2 * means[0] * means[1] + _C1) / (means[0] ** 2 + means[1] ** 2 + _C1)
    return float((light * (2 * together + _C2) / (spreads[0] + spreads[1] + _C2)).mean())


def _whole(side: float) -> int:
    """A side of whole fields."""
    return max(2, round(side / _FIELD)) * _FIELD


def _fields(frame: VideoFrame, width: int, height: int) -> npt.NDArray[np.float64]:
    """Brightness (0–255) by field and pixel."""
    grey = frame.reformat(width, height, format="gray", interpolation="AREA").to_ndarray()
    parts = grey.astype("float64").reshape(height // _FIELD, _FIELD, width // _FIELD, _FIELD)
    return parts.swapaxes(1, 2).reshape(-1, _FIELD * _FIELD)
