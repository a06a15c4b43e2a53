"""A video in more pixels: every frame is resized (Lanczos), the sound is copied. It adds no details."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import av

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import FileError
from vidgen_core.media import video
from vidgen_core.media.disk import replacing

#: Longest side in pixels of what is made.
LONGEST: Final = 3840
_PART: Final = ".part"


class EnlargeSpec(Frozen):
    """What is to be enlarged, and by how much along each side."""

    video: Path
    factor: float = 2.0


def enlarge(spec: EnlargeSpec, target: Path, on_progress: Callable[[float], None] = lambda _: None) -> None:
    """Write the enlarged video as an MP4 that appears whole or not at all.

    :raises FileError: as ``video.probe``, and disk_full, folder_read_only
    """
    facts = video.probe(spec.video)
    try:
        with replacing(target, _PART) as part:
            _write(spec, part, facts.frames, on_progress)
    except (av.FFmpegError, EOFError) as error:
        raise FileError("video_unplayable", path=str(spec.video)) from error
    on_progress(1.0)


def _write(spec: EnlargeSpec, part: Path, frames: int, on_progress: Callable[[float], None]) -> None:
    with (
        video.open_video(spec.video) as source,
        av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as made,
    ):
        pictures = video.video_stream(source, spec.video)
        sound = next(iter(source.streams.audio), None)
        factor = min(spec.factor, LONGEST / max(pictures.width, pictures.height))
        out = made.add_stream("libx264", rate=pictures.average_rate or 24, options={"preset": "veryfast", "crf": "17"})
        out.width, out.height = (round(side * factor / 2) * 2 for side in (pictures.width, pictures.height))
        out.pix_fmt, out.codec_context.thread_count = "yuv420p", 1
        if pictures.time_base:
            out.codec_context.time_base = pictures.time_base
        copied = made.add_stream_from_template(sound) if sound is not None else None
        done = 0
        for packet in source.demux(*(stream for stream in (pictures, sound) if stream is not None)):
            if packet.stream is sound and copied is not None:
                if packet.dts is not None:
                    packet.stream = copied
                    made.mux(packet)
                continue
            for frame in packet.decode():
                if not isinstance(frame, av.VideoFrame):
                    continue
                larger = frame.reformat(out.width, out.height, format="yuv420p", interpolation="LANCZOS")
                larger.pts, larger.time_base = frame.pts, frame.time_base
                made.mux(out.encode(larger))
                done += 1
                on_progress(min(0.99, done / max(1, frames)))
        made.mux(out.encode(None))
