"""Blur against the reference, how it grows over the clip, and how far the look of a chain has drifted."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Final, NamedTuple

import av
import numpy as np
from PIL import Image

from vidgen_core.domain.errors import FileError
from vidgen_core.domain.takes import Severity
from vidgen_core.media import first_frame_match, video
from vidgen_core.media.checks.check import Bad, Check
from vidgen_core.media.checks.clip import LARGE, Clip
from vidgen_core.media.checks.reference_frames import reference

#: Frames of a clip that are compared with the reference.
_MEASURED: Final = 6
#: Contrast (0-255) below which a picture has no edges to measure.
_FLAT: Final = 4.0
#: Steps of brightness that do not count as a bend: rounding alone, all over a sky, would outweigh the edges that blur takes.
_GRAIN: Final = 3.0
#: Sharpness below which a picture has nothing that blur could take.
_SOFT: Final = 0.01


def sharpness(picture: Image.Image) -> float | None:
    """How finely contrast is drawn: bends of brightness from pixel to pixel by contrast; None for an even picture."""
    grey = np.asarray(picture.convert("L"), dtype=np.float32)
    if min(grey.shape) < 16 or float(grey.std()) < _FLAT:
        return None
    # Bends and not steps: blur takes the bends of an edge first, and noise of the encoder hardly has broad ones.
    bends = sum(np.square(np.maximum(np.abs(np.diff(grey, 2, axis=axis)) - _GRAIN, 0)).mean() for axis in (0, 1))
    return float(np.sqrt(bends) / grey.std())


#: Frames at the end of a video among which the last sharp one is searched for.
_ENDING: Final = 16
#: Share of the sharpest of them that a frame must have.
_SHARP: Final = 0.75
#: Longest side in pixels at which pictures of a chain are compared.
_COMPARED: Final = 360


class Drift(NamedTuple):
    """How far a picture lies from the first one of its chain."""

    #: Sharpness as a share of the first one's; None where one of them has no edges.
    sharpness: float | None
    #: Mean difference of colours, 0-255.
    colour: float
    #: At most 1, about 0 for different pictures; None where one of them is too even to tell.
    similarity: float | None


def last_sharp_picture(path: Path, edge: int) -> Image.Image:
    """The last frame of a video that is neither blurred beside its neighbours nor black, its longest side at most ``edge`` pixels.

    :raises FileError: as ``video.last_picture``
    """
    frames: deque[Image.Image] = deque(maxlen=_ENDING)
    try:
        with video.open_video(path) as container:
            stream = video.video_stream(container, path)
            if stream.duration:
                container.seek((stream.start_time or 0) + stream.duration, stream=stream, backward=True)
            ending = deque(video.decoded(container, stream, path), maxlen=_ENDING)
            frames.extend(video.picture_of(frame, edge) for frame in ending)
    except (av.FFmpegError, EOFError, OSError) as error:
        raise FileError("video_unplayable", path=str(path)) from error
    if not frames:
        raise FileError("video_unplayable", path=str(path))
    measured = [sharpness(_small(frame)) or 0.0 for frame in frames]
    least = _SHARP * max(measured)
    return next(frame for frame, sharp in zip(reversed(frames), reversed(measured), strict=True) if sharp >= least)


def drift_from(picture: Image.Image, first: Image.Image) -> Drift:
    """How far a picture lies from the first one of its chain."""
    here, there = _small(picture), _small(first)
    sharp, wanted = sharpness(here), sharpness(there.resize(here.size))
    grey = [np.asarray(one.resize((4, 4), Image.Resampling.BOX), dtype=np.float64) for one in (here, there)]
    return Drift(
        sharpness=sharp / wanted if sharp is not None and wanted else None,
        colour=float(np.abs(grey[0] - grey[1]).mean()),
        similarity=first_frame_match.similarity(here, there),
    )


def _small(picture: Image.Image) -> Image.Image:
    small = picture.convert("RGB")
    small.thumbnail((_COMPARED, _COMPARED))
    return small


def _against_reference(clip: Clip) -> float | None:
    """Sharpness of the clip as a share of its reference's; without one as a share of what pictures usually have."""
    picture = reference(clip.asked.first_frame, 2 * LARGE)
    frames = clip.pictures.large
    shares = [
        found / wanted
        for one in frames[:: -(-len(frames) // _MEASURED)]
        if (found := sharpness(one)) is not None and (wanted := _wanted(one, picture))
    ]
    return float(np.median(shares)) if shares else None


def _wanted(frame: Image.Image, picture: Image.Image | None) -> float | None:
    """Sharpness of what a frame shows of its reference, as large as it shows it: a camera that comes nearer blurs nothing.

    None where that is too even or soft to tell.
    """
    if picture is None:
        return _USUAL
    part = first_frame_match.part_shown(frame, picture)
    found = sharpness(part.resize(frame.size) if part else picture.resize(_covering(picture.size, frame.size)))
    return found if found is not None and found > _SOFT else None


def _drift(clip: Clip) -> float | None:
    """Sharpness of the last third as a share of the first third's."""
    found = [measured for one in clip.pictures.large if (measured := sharpness(one)) is not None]
    third = len(found) // 3
    before = np.median(found[:third]) if third else 0.0
    return float(np.median(found[-third:]) / before) if before > _SOFT else None


def _covering(size: tuple[int, int], frame: tuple[int, int]) -> tuple[int, int]:
    scale = max(frame[0] / size[0], frame[1] / size[1])
    return max(16, round(size[0] * scale)), max(16, round(size[1] * scale))


#: What stands for the sharpness of a picture that was never there. Of the limit's share of it, the softest good clips of the
#: labelled set have 1.5 times as much and the sharpest blurred ones 0.8 times.
_USUAL: Final = 0.036

CHECKS = (
    Check("blurred", Severity.FAIL, Bad.BELOW, _against_reference),
    Check("drifts", Severity.DOUBT, Bad.BELOW, _drift),
)
