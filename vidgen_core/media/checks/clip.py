"""A clip as the checks see it: read once packet by packet and decoded once, at no more than 360 pixels.

Whatever a file claims to be, reading it costs a bounded number of packets, frames and pixels. The bounds count work and
not time, so that the same clip always has the same results.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import FileError
from vidgen_core.media import video

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

#: Longest sides in pixels: of frames that are examined one by one, and of all frames.
LARGE: Final = 360
SMALL: Final = 96
#: Frames a second that are kept at ``LARGE``.
LARGE_RATE: Final = 2.0
#: Pixels decoded of one clip: 48 seconds of 1080P at 30 frames a second.
MOST_PIXELS: Final = 3_000_000_000
MOST_FRAMES: Final = 3_600
#: Packets read of one file.
MOST_PACKETS: Final = 400_000
#: Seconds of sound that are listened to.
MOST_SOUND: Final = 180.0
#: Brightness that no part of a black frame has.
_BLACK: Final = 24
#: Loudness in LUFS of what nobody hears: the lower end of EBU R 128's meter.
NO_SOUND: Final = -70.0


class ClipRequest(Frozen):
    """What was asked of a model, and what else a clip is judged by; None and empty: nothing."""

    #: Width to height as ``9:16``; empty: that of the first frame.
    ratio: str = ""
    #: ``720P``, ``4K`` or pixels as ``832×1504``.
    size: str = ""
    seconds: float | None = None
    sound: bool | None = None
    first_frame: Path | None = None
    last_frame: Path | None = None
    #: A camera and a scene that stand still were asked for.
    still: bool = False
    #: Earlier takes of other tasks with the same video.
    same: int = 0


@dataclass(frozen=True)
class SoundTrack:
    """The sound track: integrated loudness in LUFS (EBU R 128), at most 0."""

    loudness: float
    #: Share of samples at full scale, 0–1.
    clipped: float


@dataclass
class DecodedFrames:
    """What was decoded of a clip, frame by frame in the order shown."""

    #: Seconds of each frame from the first one.
    times: Floats
    #: frames × height × width, brightness 0–255, longest side ``SMALL``.
    small: Bytes
    #: Frames at ``LARGE`` as RGB, about ``LARGE_RATE`` a second; the first and the last one are in it.
    large: list[Image.Image]
    #: Share of dark and of bright pixels of each frame, 0–1.
    dark: Floats
    bright: Floats
    #: The end was reached within the bounds.
    whole: bool
    #: Packets that were read of what is to be shown; of a whole clip each of them should have been a frame.
    packets: int

    @property
    def fps(self) -> float:
        """Frames a second as they are shown; 24 where that cannot be told."""
        span = float(self.times[-1] - self.times[0]) if len(self.times) > 1 else 0.0
        return (len(self.times) - 1) / span if span > 0 else 24.0


class Clip:
    """One video file and what was asked for. Everything is read when it is first needed, and once."""

    def __init__(self, path: Path, asked: ClipRequest) -> None:
        self.path = path
        self.asked = asked

    @cached_property
    def facts(self) -> video.VideoFacts:
        """:raises FileError: as ``video.probe``"""
        return video.probe(self.path)

    @cached_property
    def pictures(self) -> DecodedFrames:
        """:raises FileError: video_unplayable, video_too_large"""
        try:
            with video.open_video(self.path) as container:
                return _decode(container, video.video_stream(container, self.path), self.path)
        except (av.FFmpegError, EOFError, ValueError) as error:
            raise FileError("video_unplayable", path=str(self.path)) from error

    @property
    def lasting(self) -> Floats:
        """Seconds for which each frame is seen; of the last one known where the clip was read to its end. As ``pictures``."""
        times = self.pictures.times
        end = self.facts.seconds if self.pictures.whole else 0.0
        return np.diff(times, append=max(end, times[-1]))

    @property
    def first_shown(self) -> Image.Image:
        """The first frame that is not black; as ``pictures``."""
        if "pictures" not in self.__dict__:
            return video.first_picture(self.path, LARGE)
        large = self.pictures.large
        # Many models begin with a black frame.
        return next((one for one in large if np.asarray(one.convert("L").resize((8, 8))).max() > _BLACK), large[0])

    @property
    def last_shown(self) -> Image.Image:
        """The last frame; as ``pictures``."""
        decoded = "pictures" in self.__dict__ and self.pictures.whole
        return self.pictures.large[-1] if decoded else video.last_picture(self.path, LARGE)

    @cached_property
    def peak(self) -> float | None:
        """The loudest sample in dB of full scale, ``NO_SOUND`` without a track; None where it cannot be decoded.

        Measured by decoding alone, as the worker does in its own process: filters of FFmpeg are for the process of checks.
        """
        try:
            with video.open_video(self.path) as container:
                stream = next(iter(container.streams.audio), None)
                loudest = 0.0
                plain = av.AudioResampler(format="flt", layout="mono")
                for frame in container.decode(stream) if stream else ():
                    heard = (float(np.abs(one.to_ndarray()).max(initial=0)) for one in plain.resample(frame))
                    loudest = max(loudest, *heard, 0.0)
                    if frame.time is not None and frame.time > MOST_SOUND:
                        break
        except (av.FFmpegError, EOFError, ValueError):
            return None
        return min(0.0, max(NO_SOUND, 20 * math.log10(loudest))) if loudest else NO_SOUND

    @cached_property
    def sound(self) -> SoundTrack | None:
        """None without a sound track that can be decoded."""
        try:
            with video.open_video(self.path) as container:
                return _listen(container)
        except (av.FFmpegError, EOFError, ValueError):
            return None


def _decode(container: InputContainer, stream: VideoStream, path: Path) -> DecodedFrames:
    stream.codec_context.thread_count = 1
    small: list[Bytes] = []
    times: list[float] = []
    dark: list[float] = []
    bright: list[float] = []
    large: list[tuple[int, Image.Image]] = []
    last: VideoFrame | None = None
    next_large, reading = 0.0, _Reading()
    for number, frame in enumerate(reading.frames(container, stream)):
        time = frame.time if frame.time is not None else number / 24
        if not times:
            next_large = time
        times.append(float(time))
        # A frame of another size than the first is seen at that one's.
        size = small[0].shape if small else _within(frame, SMALL)
        grey = np.asarray(_reduced(frame, size, "gray").to_ndarray(), dtype=np.uint8)
        small.append(grey)
        dark.append(float((grey < 32).mean()))
        bright.append(float((grey > 235).mean()))
        last = frame
        if time >= next_large:
            large.append((number, _picture(frame)))
            next_large = time + 1 / LARGE_RATE
    if last is None:
        raise FileError("video_unplayable", path=str(path))
    if large[-1][0] != len(small) - 1:
        large.append((len(small) - 1, _picture(last)))
    stamps = np.asarray(times)
    return DecodedFrames(
        times=np.sort(stamps - stamps.min()),
        small=np.stack(small),
        large=[picture for _, picture in large],
        dark=np.asarray(dark),
        bright=np.asarray(bright),
        whole=reading.whole,
        packets=reading.packets,
    )


class _Reading:
    """Reads frames within the bounds; what is broken between good ones is left out."""

    whole = False
    packets = 0

    def frames(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        pixels = frames = 0
        for count, packet in enumerate(container.demux(stream)):
            if count > MOST_PACKETS or pixels > MOST_PIXELS or frames >= MOST_FRAMES:
                return
            # An edit list leaves out frames that others are decoded from.
            self.packets += packet.size > 0 and not packet.is_discard
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                # It has cost as much as a frame.
                pixels += stream.width * stream.height
                frames += 1
                continue
            for frame in decoded:
                pixels += frame.width * frame.height
                frames += 1
                yield frame
        self.whole = True


def _within(frame: VideoFrame, edge: int) -> tuple[int, ...]:
    """Height and width of a frame as even numbers, the longest side at most ``edge`` pixels."""
    scale = min(1.0, edge / max(frame.width, frame.height))
    return max(2, round(frame.height * scale / 2) * 2), max(2, round(frame.width * scale / 2) * 2)


def _reduced(frame: VideoFrame, size: tuple[int, ...], format: str) -> VideoFrame:  # noqa: A002 - FFmpeg's name for it
    height, width = size
    return frame.reformat(width, height, format=format, interpolation="AREA")


def _picture(frame: VideoFrame) -> Image.Image:
    picture = Image.fromarray(_reduced(frame, _within(frame, LARGE), "rgb24").to_ndarray())
    return picture.rotate(frame.rotation, expand=True) if frame.rotation else picture


def _listen(container: InputContainer) -> SoundTrack | None:
    stream = next(iter(container.streams.audio), None)
    if stream is None:
        return None
    graph = av.filter.Graph()
    source = graph.add_abuffer(template=stream)
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    loudness, clipped, samples = NO_SOUND, 0, 0
    plain = av.AudioResampler(format="flt", layout="mono")
    for frame in container.decode(stream):
        for one in plain.resample(frame):
            heard = np.abs(one.to_ndarray())
            clipped += int((heard >= 0.999).sum())
            samples += heard.size
        graph.push(frame)
        loudness = _loudness(graph, loudness)
        if frame.time is not None and frame.time > MOST_SOUND:
            break
    graph.push(None)
    loudness = _loudness(graph, loudness)
    return SoundTrack(loudness=min(0.0, loudness), clipped=clipped / samples if samples else 0.0)


def _loudness(graph: av.filter.Graph, before: float) -> float:
    """The integrated loudness after the frames that the meter has passed on."""
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return before
        before = float(frame.metadata.get("lavfi.r128.I", before))
