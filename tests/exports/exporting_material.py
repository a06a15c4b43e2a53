"""Tiny real videos of one colour each, and films made of them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from vidgen_core.config.paths import Locations
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Shot
from vidgen_core.domain.takes import Take
from vidgen_core.media.storage import LocalMedia
from vidgen_core.services.exports.film import Film, make_film

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
#: Colours far enough apart to be told after encoding.
COLOURS = ((200, 30, 30), (30, 160, 30), (40, 40, 200), (200, 200, 40), (40, 190, 190), (190, 40, 190))
UPRIGHT, WIDE = (72, 128), (128, 72)


class ImagesIn(LocalMedia):
    """Media of this machine with any folder as image store."""

    def __init__(self, images: Path) -> None:
        super().__init__(Locations(images.parent))
        self._images = images

    def path_of_picture(self, key: str) -> Path:
        return self._images / key


def colour_of(place: int) -> tuple[int, int, int]:
    """Of the clip at a place, from 0."""
    return COLOURS[place % len(COLOURS)]


def make_video(
    path: Path,
    colour: tuple[int, int, int],
    size: tuple[int, int] = UPRIGHT,
    frames: int = 12,
    fps: int = 24,
    sound: bool = False,
) -> Path:
    """An H.264 MP4 of one colour; with ``sound`` a tone as long as the picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "18"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        context = video.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1
        audio = container.add_stream("aac", rate=44_100) if sound else None
        pixels = np.full((size[1], size[0], 3), colour, np.uint8)
        for number in range(frames):
            frame = VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p", dst_colorspace="itu709")
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio:
            length = frames * 44_100 // fps
            tone = 0.5 * np.sin(np.arange(length) * 2 * np.pi * 440 / 44_100)
            for begin in range(0, length, 1024):
                piece = tone[None, begin : begin + 1024].astype(np.float32)
                samples = AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
                samples.sample_rate, samples.pts, samples.time_base = 44_100, begin, Fraction(1, 44_100)
                container.mux(audio.encode(samples))
            container.mux(audio.encode(None))
    return path


def shot(id_: int, /, **changes: object) -> Shot:
    """Shot 1 is ``1.0``, shot 10 is ``10.0``."""
    facts = {"id": id_, "project_id": 1, "number": f"{id_}.0", "position": id_, "created_at": AT}
    return Shot.model_validate(facts | {"prompt": f"Prompt {id_}"} | changes)


def take_of(shot: Shot, file: Path, number: int = 1) -> Take:
    """A chosen take of the shot in the file."""
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        assert container.duration is not None
        # Matroska gives all of its streams one length.
        seconds = float(stream.duration * stream.time_base) if stream.duration else container.duration / av.time_base
        return Take(
            id=1000 + shot.id,
            project_id=shot.project_id,
            shot_id=shot.id,
            task_id=2000 + shot.id,
            number=number,
            folder=str(file.parent),
            file=file.name,
            seconds=seconds,
            width=stream.width,
            height=stream.height,
            bytes=file.stat().st_size,
            sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
            provider=ProviderId("local"),
            model="ken-burns",
            chosen=True,
            created_at=AT,
        )


def film_of(files: dict[int, Path], shots: int, images: Path, *, stills: bool = False, **changes: object) -> Film:
    """A film of so many shots; ``files`` holds the chosen videos by shot number, from 1."""
    every = [shot(number, **changes) for number in range(1, shots + 1)]
    chosen = [take_of(each, files[each.id], 1 + each.id % 3) for each in every if each.id in files]
    return make_film("雨夜 ep01", every, chosen, ImagesIn(images), AT, stills=stills)


def quiet(_: float) -> None:
    """Nobody watches the progress."""


def frames_of(number: int) -> int:
    """How many frames the video of a shot has."""
    return 10 + number % 5
