"""What a video's streams are, as far as putting clips one after the other needs it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
from av.container import InputContainer

from vidgen_core.domain.errors import FileError
from vidgen_core.media.video import CONTAINERS

#: Frame rates that editors know.
STANDARD_RATES: Final = tuple(
    Fraction(rate) for rate in ("24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60")
)
#: How often such a rate shows each frame: 8 and 12.5 fps are shown at 24 and 25, 120 at 60.
_TIMES: Final = (*map(Fraction, range(2, 9)), Fraction(1, 2), Fraction(1, 4))


@dataclass(frozen=True)
class Facts:
    """One video; sizes in pixels as it is shown, ``seconds`` exact."""

    path: Path
    width: int
    height: int
    fps: Fraction
    seconds: Fraction
    sound: bool
    #: Seconds at which the first picture stands; 0 but for streams like MPEG-TS.
    offset: Fraction
    #: Its packets can stand in an MP4 as they are, and every player shows them.
    joinable: bool
    #: Videos with the same one can follow each other without being encoded again.
    signature: tuple[Any, ...]


def open_video(path: Path) -> InputContainer:
    """:raises FileError: ``video_unplayable``, ``video_missing`` (path)"""
    try:
        return av.open(str(path), "r", options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file"})
    except FileNotFoundError as error:
        raise FileError("video_missing", path=str(path)) from error
    except (av.FFmpegError, OSError) as error:
        raise FileError("video_unplayable", path=str(path)) from error


def read_facts(path: Path) -> Facts:
    """:raises FileError: as ``open_video``"""
    with open_video(path) as container:
        stream = next(iter(container.streams.video), None)
        if stream is None:
            raise FileError("video_unplayable", path=str(path))
        try:
            frame = next(container.decode(stream))
        except (av.FFmpegError, StopIteration) as error:
            raise FileError("video_unplayable", path=str(path)) from error
        size = (frame.width, frame.height)
        context = stream.codec_context
        signature = (context.name, context.profile, context.pix_fmt, *size, frame.rotation, stream.time_base)
        width, height = size[::-1] if frame.rotation % 180 else size
        return Facts(
            path=path,
            width=width,
            height=height,
            fps=(stream.average_rate or Fraction(24)).limit_denominator(1001),
            seconds=_seconds(container),
            sound=bool(container.streams.audio),
            offset=(stream.start_time or 0) * (stream.time_base or Fraction(1)),
            # Codec configuration as MP4 wants it (ISO 14496-15), not start codes.
            joinable=context.name in ("h264", "hevc") and bytes(context.extradata or b"")[:1] == b"\x01",
            signature=(*signature, stream.average_rate, stream.sample_aspect_ratio, context.extradata),
        )


def _seconds(container: InputContainer) -> Fraction:
    stream = container.streams.video[0]
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    return Fraction(container.duration or 0, av.time_base)


def usual_size(facts: Iterable[Facts]) -> tuple[int, int]:
    """The size that most videos have, in even pixels; of two equally frequent ones the larger."""
    sizes = Counter((video.width // 2 * 2, video.height // 2 * 2) for video in facts)
    return max(sizes, key=lambda size: (sizes[size], size[0] * size[1]))


def usual_rate(facts: Sequence[Facts]) -> Fraction:
    """The frame rate for most of the videos, as editors know it; of two equally frequent ones that of a video, the higher."""
    rates = Counter(_rate_for(video.fps) for video in facts)
    own = {nearest_rate(video.fps) for video in facts}
    return max(rates, key=lambda rate: (rates[rate], rate in own, rate))


def _rate_for(fps: Fraction) -> Fraction:
    """The rate of editors at which every frame is shown equally long, or one of several left out; else the nearest."""
    own = nearest_rate(fps)
    if own in STANDARD_RATES:
        return own
    for times in _TIMES:
        # Not every editor cuts at 48.
        if (rate := nearest_rate(fps * times)) in STANDARD_RATES and rate != 48:
            return rate
    usual = [rate for rate in STANDARD_RATES if rate.denominator == 1 or abs(rate - fps) < Fraction(1, 10)]
    return min(usual, key=lambda rate: abs(rate - fps))


def nearest_rate(fps: Fraction) -> Fraction:
    """A rate that was measured as the one it means: 29.97 is 30000/1001; one that no editor knows stays as it is."""
    nearest = min(STANDARD_RATES, key=lambda rate: abs(rate - fps))
    return nearest if abs(nearest - fps) < Fraction(1, 100) else fps
