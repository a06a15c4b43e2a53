"""The Local provider's renderer: a video of a camera moving over a still picture.

The same ``RenderSpec`` and picture give the same frames; another seed gives another take of the same move.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import av.filter
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from PIL import Image
from pydantic import Field

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import InputError
from vidgen_core.media.camera_path import Box, CameraPath, Floats, Stage, boxes, matrices, plan_path
from vidgen_core.media.camera_words import Camera, Move, choose_moves, read_camera
from vidgen_core.media.disk import replacing
from vidgen_core.media.images import open_upright, upright_size
from vidgen_core.media.sample_art import draw_backdrop
from vidgen_core.media.text_overlay import TextOverlay

__all__ = ["Move", "RenderSpec", "choose_moves", "pixel_size", "render"]

#: Short sides of the named sizes, in pixels.
SHORT_SIDES: Final = {
    "360P": 360,
    "480P": 480,
    "540P": 540,
    "720P": 720,
    "1080P": 1080,
    "1440P": 1440,
    "2K": 1440,
    "4K": 2160,
}
SMALLEST_EDGE: Final = 16
LARGEST_EDGE: Final = 8192
#: Picture pixels per frame pixel at the largest zoom: at one, slow moves shimmer (12 % between frames of noise, 0.1 % here).
_OVERSAMPLING: Final = 1.08
#: Ratio of one size of the planes to the next.
_STEP: Final = 1.3
#: Pixels that may be resized beside those that are wanted.
_SPARE: Final = 32

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
_Plane = Image.Image | Bytes


class RenderSpec(Frozen):
    """What to render; sizes in pixels (even), time in seconds."""

    #: None: a plain backdrop.
    image: Path | None
    prompt: str
    width: int = Field(ge=SMALLEST_EDGE, le=LARGEST_EDGE, multiple_of=2)
    height: int = Field(ge=SMALLEST_EDGE, le=LARGEST_EDGE, multiple_of=2)
    seconds: float = Field(default=5.0, gt=0, le=600)
    fps: int = Field(default=24, ge=1, le=120)
    seed: int = 0
    #: A small line in the lower left corner.
    caption: str = ""

    @property
    def frames(self) -> int:
        """How many frames the video has; at least one."""
        return max(1, round(self.seconds * self.fps))


def pixel_size(size: str, aspect_ratio: str) -> tuple[int, int]:
    """Width and height in even pixels: ``720P`` … ``4K`` name the short side, ``1280x720`` names both.

    :raises InputError: size_unknown, ratio_unknown
    """
    word = size.strip().upper().replace("×", "X").replace("*", "X")
    width, cross, height = word.partition("X")
    if cross:
        return _even(_edge(width, size)), _even(_edge(height, size))
    short = SHORT_SIDES.get(word)
    if short is None:
        raise InputError("size_unknown", size=size)
    across, down = _ratio(aspect_ratio)
    if across >= down:
        return _even(short * across / down), short
    return short, _even(short * down / across)


def render(spec: RenderSpec, target: Path, on_progress: Callable[[float], None] | None = None) -> None:
    """Write an H.264 MP4 (yuv420p, index first) that appears under its name only when it is complete.

    :param on_progress: called with the part of frames encoded, 0–1; an exception from it ends the rendering.
    :raises FileError: image_* for the picture, disk_full, folder_read_only
    """
    camera = read_camera(spec.prompt)
    picture = _picture(spec, camera)
    with replacing(target, ".rendering") as part:
        _encode(_frames(picture, camera, spec), spec, part, on_progress or (lambda _: None))


def _edge(text: str, size: str) -> int:
    if not (text.strip().isdecimal() and SMALLEST_EDGE <= int(text) <= LARGEST_EDGE):
        raise InputError("size_unknown", size=size)
    return int(text)


def _ratio(text: str) -> tuple[int, int]:
    across, _, down = text.strip().replace("：", ":").replace("/", ":").partition(":")
    if not (across.strip().isdecimal() and down.strip().isdecimal()):
        raise InputError("ratio_unknown", ratio=text)
    ratio = int(across), int(down)
    if 0 in ratio or not 0.2 <= ratio[0] / ratio[1] <= 5:
        raise InputError("ratio_unknown", ratio=text)
    return ratio


def _even(edge: float) -> int:
    return max(2, round(edge / 2) * 2)


def _picture(spec: RenderSpec, camera: Camera) -> Image.Image:
    """The picture, no larger than the largest zoom needs."""
    if spec.image is None:
        return draw_backdrop(spec.prompt, round(spec.width * 1.6), round(spec.height * 1.6), spec.seed)
    stage = Stage(*upright_size(spec.image), spec.width, spec.height)
    scale = _plan(camera, stage, spec).nearest * _OVERSAMPLING
    return open_upright(spec.image, (round(spec.width * scale), round(spec.height * scale)))


def _plan(camera: Camera, stage: Stage, spec: RenderSpec) -> CameraPath:
    return plan_path(camera, stage, spec.frames, spec.seconds, spec.seed)


def _frames(picture: Image.Image, camera: Camera, spec: RenderSpec) -> Iterator[Sequence[_Plane]]:
    """The frames: brightness, and the two colour planes of half size."""
    stage = Stage(picture.width, picture.height, spec.width, spec.height, find_subject(picture))
    path = _plan(camera, stage, spec)
    planes = _Planes(picture, min(1.0, _OVERSAMPLING * spec.width * path.nearest / stage.cover[0]))
    caption = TextOverlay.draw(spec.caption, spec.width, spec.height) if spec.caption else None
    views: list[Box] | list[Floats] = boxes(path, stage) if path.flat else matrices(path, stage)
    for view in views:
        if isinstance(view, tuple):
            shown: Sequence[_Plane] = planes.cut(view, stage)
        else:
            shown = [_turned(plane, view, stage, 1 if i == 0 else 2) for i, plane in enumerate(planes.at(1.0))]
        if caption:
            images = [Image.fromarray(plane) if isinstance(plane, np.ndarray) else plane for plane in shown]
            caption.put_on(images)
            shown = images
        yield shown


def _turned(plane: Image.Image, view: Floats, stage: Stage, share: int) -> Image.Image:
    """One plane of one frame of a turned camera; ``share`` is 2 for the colour planes of half size."""
    size = (stage.frame_width // share, stage.frame_height // share)
    across, down = plane.width / stage.width, plane.height / stage.height
    matrix = np.diag([across, down, 1.0]) @ view @ np.diag([share, share, 1.0])
    data = (matrix / matrix[2, 2]).ravel()[:8].tolist()
    return plane.transform(size, Image.Transform.PERSPECTIVE, data, Image.Resampling.BILINEAR)


def find_subject(picture: Image.Image) -> tuple[float, float]:
    """The focal point as fractions of width and height: what stands out, weighted towards the middle."""
    cells = 48
    small = picture.convert("RGB").resize((cells, cells), Image.Resampling.BOX)
    colours = np.asarray(small, dtype=np.float64)
    outstanding = np.linalg.norm(colours - colours.mean(axis=(0, 1)), axis=2)
    edges = np.hypot(*np.gradient(colours.mean(axis=2)))
    # Blocks of 4 × 4: larger objects count for more than lines or lights.
    salience = (outstanding / 255 + edges / 96).reshape(cells // 4, 4, cells // 4, 4).mean(axis=(1, 3))
    y, x = (np.mgrid[0 : cells // 4, 0 : cells // 4] + 0.5) / (cells // 4)
    weight = salience**4 * np.exp(-((x - 0.5) ** 2 + (y - 0.5) ** 2) / 0.12) + 1e-9
    weight /= weight.sum()
    found = (float((x * weight).sum()), float((y * weight).sum()))
    return min(max(found[0], 0.25), 0.75), min(max(found[1], 0.25), 0.75)


class _Planes:
    """Brightness and the two colour planes of half size, in BT.709: moving these is half the work of moving RGB.

    :param factor: of the picture's size to that of the planes, as the nearest view needs them
    """

    def __init__(self, picture: Image.Image, factor: float) -> None:
        if factor < 1.0:
            picture = picture.resize(_scaled(picture.size, factor), Image.Resampling.BICUBIC, reducing_gap=2.0)
        frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24").reformat(
            format="yuv444p", dst_colorspace="itu709"
        )
        y, u, v = (Image.fromarray(np.ascontiguousarray(plane)) for plane in frame.to_ndarray())
        half = _scaled(picture.size, 0.5)
        self._factor = factor
        self._whole: tuple[Image.Image, av.VideoFrame, av.VideoFrame] | None = None
        self._sizes = {0: [y, u.resize(half, Image.Resampling.BOX), v.resize(half, Image.Resampling.BOX)]}

    def at(self, nearness: float) -> list[Image.Image]:
        """The smallest planes that do for a view, for the work of a frame grows with the square of what it is made from.

        :param nearness: frame pixels a picture pixel
        """
        number = max(0, math.floor(math.log(self._factor / (_OVERSAMPLING * nearness), _STEP)))
        if number not in self._sizes:
            self._sizes[number] = [
                plane.resize(_scaled(plane.size, _STEP**-number), Image.Resampling.HAMMING) for plane in self._sizes[0]
            ]
        return self._sizes[number]

    def cut(self, view: Box, stage: Stage) -> list[Bytes]:
        """The planes of one frame of a camera that is not turned."""
        brightness, *colours = self.at(stage.frame_width / (view[2] - view[0]))
        if self._whole is None or self._whole[0] is not brightness:
            # FFmpeg moves colour planes by parts of a pixel: it is told that brightness is one.
            self._whole = (brightness, _as_colours(brightness), _as_colours(*colours))
        across, down = brightness.width / stage.width, brightness.height / stage.height
        box = (view[0] * across, view[1] * down, view[2] * across, view[3] * down)
        half = (box[0] / 2, box[1] / 2, box[2] / 2, box[3] / 2)
        width, height = stage.frame_width, stage.frame_height
        return [
            *_resized(self._whole[1], box, width, height)[:1],
            *_resized(self._whole[2], half, width // 2, height // 2),
        ]


def _as_colours(*planes: Image.Image) -> av.VideoFrame:
    """A frame with these as colour planes of full size, continued beyond the right and lower edge."""
    wide, high = planes[0].width + 2 * _SPARE, planes[0].height + 2 * _SPARE
    frame = av.VideoFrame(wide, high, "yuv444p")
    for into, plane in zip(frame.planes[1:], planes, strict=False):
        whole = np.pad(np.asarray(plane), ((0, high - plane.height), (0, wide - plane.width)), mode="edge")
        _bytes_of(into)[:, :wide] = whole
    frame.pts = 0
    return frame


def _bytes_of(plane: av.video.plane.VideoPlane) -> Bytes:
    """The rows of a plane in FFmpeg's own memory, with what it leaves free behind each."""
    room: Bytes = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload] # PyAV does not say that it is a buffer
    return room.reshape(plane.height, -1)


def _resized(source: av.VideoFrame, box: Box, width: int, height: int) -> list[Bytes]:
    """A part of both colour planes at another size.

    FFmpeg begins at a whole pixel, but for colours, and takes whole sizes. So more is resized than is wanted, as much as makes
    their ratio the right one.
    """
    left, from_x, to_x, right = _whole_sizes(box[0], box[2], width)
    top, from_y, to_y, lower = _whole_sizes(box[1], box[3], height)
    kind = "bicubic" if box[2] - box[0] < width else "bilinear"
    graph = av.filter.Graph()
    graph.threads = 1
    steps = [
        graph.add_buffer(width=source.width, height=source.height, format=source.format, time_base=Fraction(1, 24)),
        graph.add("crop", f"{from_x}:{from_y}:{left}:{top}:exact=1"),
        graph.add("scale", f"{to_x}:{to_y}:flags={kind}:in_h_chr_pos={right}:in_v_chr_pos={lower}"),
        graph.add("buffersink"),
    ]
    for step, following in itertools.pairwise(steps):
        step.link_to(following)
    graph.configure()
    graph.push(source)
    moved = graph.pull()
    assert isinstance(moved, av.VideoFrame)
    return [_bytes_of(plane)[:height, :width] for plane in moved.planes[1:]]


def _whole_sizes(begin: float, end: float, size: int) -> tuple[int, int, int, int]:
    """First whole pixel, sizes in the ratio of ``end - begin`` to ``size``, and how far ``begin`` is from that pixel, in 256ths."""
    ratio = (end - begin) / size
    after = np.arange(size, size + _SPARE)
    before = np.rint(after * ratio)
    best = int(np.abs(before / after - ratio).argmin())
    # What the ratio is wrong by is shared by both ends.
    begin += (end - begin - size * before[best] / after[best]) / 2
    first = max(0, math.floor(begin))
    return first, int(before[best]), int(after[best]), -round((begin - first) * 256)


def _scaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _encode(
    frames: Iterator[Sequence[_Plane]], spec: RenderSpec, target: Path, on_progress: Callable[[float], None]
) -> None:
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = _stream(container, spec)
        written = 0
        for number, planes in enumerate(frames):
            frame = av.VideoFrame(spec.width, spec.height, "yuv420p")
            for into, plane in zip(frame.planes, planes, strict=True):
                _bytes_of(into)[:, : into.width] = np.asarray(plane)
            frame.pts = number
            for packet in stream.encode(frame):
                container.mux(packet)
                written += 1
            on_progress(written / spec.frames)
        container.mux(stream.encode(None))
    on_progress(1.0)


def _stream(container: OutputContainer, spec: RenderSpec) -> VideoStream:
    # ultrafast takes half the time of superfast, and with CABAC less room, at a similarity of 0.996 (SSIM) for such smooth moves.
    options = {"preset": "ultrafast", "crf": "19", "x264-params": "cabac=1"}
    stream = container.add_stream("libx264", rate=spec.fps, options=options)
    stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, "yuv420p"
    context = stream.codec_context
    # One thread, so that frames do not depend on the machine and many clips side by side are made soonest.
    context.thread_count = 1
    context.gop_size = spec.fps * 2
    context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1
    return stream
