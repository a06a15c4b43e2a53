"""The rough cut: all clips one after the other in one MP4.

Where all videos have the same streams their packets are taken over as they are; otherwise every frame is brought to the
size and rate that most of them have, on black where the shape differs. Sound is always encoded, so that each clip's
begins and ends with its picture to the sample; a clip without sound is silent, and without any sound there is no track.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageOps

from vidgen_core.domain.errors import FileError, Refused
from vidgen_core.media.disk import ensure_free_space, replacing
from vidgen_core.media.images import open_upright
from vidgen_core.media.sample_art import draw_backdrop
from vidgen_core.media.text_overlay import TextOverlay, has_font
from vidgen_core.services.exports.cut import CutPart, known, lay_out
from vidgen_core.services.exports.facts import open_video, usual_rate, usual_size
from vidgen_core.services.exports.film import Film, FilmClip, Options, Progress
from vidgen_core.services.exports.sound import Sound
from vidgen_core.services.exports.timelines.subtitles import Cue, cues

#: Threads of the encoder: one, so that the screens stay quick.
_THREADS: Final = 1
#: Degrees counter-clockwise that a frame asks to be turned by → FFmpeg's filters for it.
_TURNS: Final = {90: (("transpose", "cclock"),), -90: (("transpose", "clock"),), 180: (("hflip", ""), ("vflip", ""))}


@dataclass(frozen=True)
class CutStyle:
    """What every frame is brought to; size in even pixels."""

    width: int
    height: int
    rate: Fraction


def write_rough_cut(film: Film, target: Path, options: Options, progress: Progress) -> None:
    """Write the MP4, index first.

    :raises Refused: export_font_missing
    :raises FileError: video_missing, video_unplayable, image_*, disk_full, folder_read_only
    """
    parts = lay_out(film, options.still_seconds)
    facts = known(parts)
    told = _overlays(parts, options)
    ensure_free_space(target.parent, film.bytes)
    whole = len(facts) == len(parts) and not any(part.trimmed for part in parts)
    alike = whole and all(video.joinable for video in facts) and len({video.signature for video in facts}) == 1
    joined = alike and not (options.numbers or told) and all(_is_shown_whole(video.path) for video in facts)
    with (
        replacing(target, ".part") as part,
        av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as container,
    ):
        if joined:
            _join(container, parts, progress)
        else:
            look = CutStyle(*usual_size(facts), usual_rate(facts))
            _encode(container, parts, look, options.numbers, told, progress)
    progress(1.0)


def _overlays(parts: Sequence[CutPart], options: Options) -> Sequence[Cue]:
    """Spoken lines that are drawn, seen that they and the numbers can be.

    :raises Refused: ``export_font_missing``
    """
    told = cues(parts) if options.subtitles else []
    drawn = [cue.text for cue in told] + [part.clip.shot.number for part in parts if options.numbers]
    if not has_font("".join(drawn)):
        raise Refused("export_font_missing")
    return told


# --- without encoding


def _is_shown_whole(path: Path) -> bool:
    """Whether every packet is shown, and says when it is decoded: an edit list leaves some out, and Matroska may not say."""
    with open_video(path) as source:
        packets = (packet for packet in source.demux(source.streams.video[0]) if packet.size)
        return not any(packet.is_discard or packet.dts is None for packet in packets)


def _join(container: OutputContainer, parts: Sequence[CutPart], progress: Progress) -> None:
    first = parts[0].clip.source
    if first is None:
        raise TypeError("only videos can be joined")
    with open_video(first) as pattern:
        stream = container.add_stream_from_template(pattern.streams.video[0])
    sound = Sound.for_parts(container, [part.facts for part in parts])
    for number, part in enumerate(parts):
        if part.clip.source:
            _copy_packets(container, stream, part.clip.source, part.begin)
        if sound:
            sound.add(part)
        progress((number + 1) / len(parts))
    if sound:
        sound.finish()


def _copy_packets(container: OutputContainer, stream: VideoStream, path: Path, begin: Fraction) -> None:
    with open_video(path) as source:
        origin = source.streams.video[0]
        base = origin.time_base or Fraction(1, 90_000)
        shift = round(begin / base) - (origin.start_time or 0)
        for packet in source.demux(origin):
            if packet.dts is None:
                continue
            packet.dts += shift
            packet.pts = packet.dts if packet.pts is None else packet.pts + shift
            packet.stream = stream
            container.mux(packet)


# --- with encoding


def _encode(
    container: OutputContainer,
    parts: Sequence[CutPart],
    look: CutStyle,
    numbers: bool,
    told: Sequence[Cue],
    progress: Progress,
) -> None:
    stream = _stream(container, look)
    sound = Sound.for_parts(container, [part.facts for part in parts])
    total = max(1, round(parts[-1].end * look.rate))
    written = 0
    subtitles = _Subtitles(told, look)
    for part in parts:
        last = round(part.end * look.rate)
        caption = TextOverlay.draw(part.clip.shot.number, look.width, look.height) if numbers else None
        for frame in _exactly(_frames(part, look), last - written, part.clip.source):
            overlays = [each for each in (caption, subtitles.at(written / look.rate)) if each]
            shown = _stamped(frame, overlays, look) if overlays else frame
            shown.pts, shown.time_base = written, 1 / look.rate
            # What the frame was in its own video is no order to the encoder.
            shown.pict_type = PictureType.NONE
            container.mux(stream.encode(shown))
            written += 1
            progress(min(0.99, written / total))
        if sound:
            sound.add(part)
    container.mux(stream.encode(None))
    if sound:
        sound.finish()


class _Subtitles:
    """The overlay of each moment; each is drawn once."""

    def __init__(self, told: Sequence[Cue], look: CutStyle) -> None:
        self._waiting, self._look = list(told), look
        self._shown: TextOverlay | None = None

    def at(self, time: Fraction) -> TextOverlay | None:
        """Of a time that is never before the last one."""
        while self._waiting and self._waiting[0].end <= time:
            self._waiting.pop(0)
            self._shown = None
        if not self._waiting or self._waiting[0].begin > time:
            return None
        if self._shown is None:
            self._shown = TextOverlay.subtitle(self._waiting[0].text, self._look.width, self._look.height)
        return self._shown


def _stream(container: OutputContainer, look: CutStyle) -> VideoStream:
    stream = container.add_stream("libx264", rate=look.rate, options={"preset": "veryfast", "crf": "18"})
    stream.width, stream.height, stream.pix_fmt = look.width, look.height, "yuv420p"
    context = stream.codec_context
    context.thread_count = _THREADS
    context.gop_size = max(1, round(look.rate * 2))
    # BT.709, limited range.
    context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1
    return stream


def _exactly(frames: Iterator[VideoFrame], wanted: int, path: Path | None) -> Iterator[VideoFrame]:
    """So many frames: what is too much is left out, the last one stands for what is missing.

    :raises FileError: video_unplayable without any
    """
    last: VideoFrame | None = None
    given = 0
    for frame in frames:
        if given == wanted:
            return
        last = frame
        given += 1
        yield frame
    if last is None:
        raise FileError("video_unplayable", path=str(path))
    for _ in range(given, wanted):
        yield last


def _frames(part: CutPart, look: CutStyle) -> Iterator[VideoFrame]:
    """The clip's frames in the look of the cut; at least one, not always as many as wanted."""
    if part.facts is None:
        yield _still(part.clip, look)
        return
    with open_video(part.facts.path) as source:
        stream = source.streams.video[0]
        graph: av.filter.Graph | None = None
        for frame in source.decode(stream):
            graph = graph or _graph(stream, frame.rotation, part.start, look)
            graph.vpush(frame)
            yield from _ready(graph)
        if graph:
            graph.vpush(None)
            yield from _ready(graph)


def _ready(graph: av.filter.Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return


def _graph(stream: VideoStream, rotation: int, start: Fraction, look: CutStyle) -> av.filter.Graph:
    """From the in point on, turned upright, made to fit, on black, at the rate of the cut."""
    size = f"{look.width}:{look.height}"
    graph = av.filter.Graph()
    chain = [
        graph.add_buffer(template=stream),
        # Streams like MPEG-TS do not begin at 0. The frame at the in point is not lost to rounding.
        graph.add("setpts", "PTS-STARTPTS"),
        graph.add("trim", f"start={max(0.0, float(start) - 0.001):.6f}"),
        graph.add("setpts", "PTS-STARTPTS"),
        *(graph.add(name, given or None) for name, given in _TURNS.get(rotation, ())),
        graph.add("scale", f"{size}:force_original_aspect_ratio=decrease:flags=bicubic:out_color_matrix=bt709"),
        graph.add("pad", f"{size}:-1:-1:color=black"),
        graph.add("setsar", "1"),
        graph.add("fps", f"fps={look.rate}:start_time=0"),
        graph.add("format", "pix_fmts=yuv420p"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*chain).configure()
    return graph


def _still(clip: FilmClip, look: CutStyle) -> VideoFrame:
    size = (look.width, look.height)
    if clip.source and clip.source.is_file():
        picture = ImageOps.pad(open_upright(clip.source, size), size, Image.Resampling.LANCZOS)
    else:
        picture = draw_backdrop(clip.shot.number, *size, 0)
    frame = VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
    return frame.reformat(format="yuv420p", dst_colorspace="itu709")


def _stamped(frame: VideoFrame, overlays: Sequence[TextOverlay], look: CutStyle) -> VideoFrame:
    """A copy of the frame with letters on it."""
    pixels = frame.to_ndarray().astype(np.uint8, copy=False).ravel()
    whole, quarter = look.width * look.height, look.width * look.height // 4
    planes = [
        _plane(pixels[:whole], look.width),
        _plane(pixels[whole : whole + quarter], look.width // 2),
        _plane(pixels[whole + quarter :], look.width // 2),
    ]
    for overlay in overlays:
        overlay.put_on(planes)
    stacked = np.concatenate([np.asarray(plane).ravel() for plane in planes])
    return VideoFrame.from_ndarray(stacked.reshape(look.height * 3 // 2, look.width), format="yuv420p")


def _plane(pixels: npt.NDArray[np.uint8], width: int) -> Image.Image:
    return Image.fromarray(pixels.reshape(-1, width).copy())
