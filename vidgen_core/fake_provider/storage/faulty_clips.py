"""Clips with a fault that a person would see, made from a good one: what checks of takes are tried out on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from vidgen_core.media.text_overlay import font_for

#: Samples a second of the sound that clips are given.
_SOUND_RATE: Final = 44_100
#: Options of encoders that save time.
_QUICK: Final[Mapping[str, dict[str, str]]] = {
    "libx264": {"preset": "superfast", "crf": "21"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
}


def _frozen(frames: list[Image.Image], lots: np.random.Generator) -> list[Image.Image]:
    """Stands still from somewhere in its first third on."""
    at = int(len(frames) * lots.uniform(0, 0.33))
    return [frames[min(number, at)] for number in range(len(frames))]


def _black(frames: list[Image.Image], lots: np.random.Generator) -> list[Image.Image]:
    """Black, or now and then white, for a quarter of its length."""
    start = int(len(frames) * lots.uniform(0.1, 0.7))
    colour = "white" if lots.random() < 0.25 else "black"
    empty = Image.new("RGB", frames[0].size, colour)
    return [empty if start <= number <= start + len(frames) // 4 else one for number, one in enumerate(frames)]


def _flicker(frames: list[Image.Image], lots: np.random.Generator) -> list[Image.Image]:
    """Its brightness jumps every frame or every few."""
    every, depth = int(lots.integers(1, 4)), lots.uniform(0.12, 0.4)
    return [
        one.point(lambda value, down=depth * (number // every % 2): int(value * (1 - down)))
        for number, one in enumerate(frames)
    ]


def _blurred(frames: list[Image.Image], lots: np.random.Generator) -> list[Image.Image]:
    """Out of focus all through."""
    radius = max(frames[0].size) * lots.uniform(0.008, 0.02)
    return [one.filter(ImageFilter.GaussianBlur(radius)) for one in frames]


def _text(frames: list[Image.Image], lots: np.random.Generator) -> list[Image.Image]:
    """A watermark or a subtitle on top."""
    width, height = frames[0].size
    words = ("Sample Video", "WATERMARK 2026", "示例水印", "AI生成 仅供预览", "made with demo", "@rehearsal_0815")
    words_here = words[int(lots.integers(len(words)))]
    size = max(12, int(min(width, height) * lots.uniform(0.055, 0.09)))
    font = font_for(words_here, size)
    while font.getlength(words_here) > width * 0.9 and size > 10:
        size -= 2
        font = font_for(words_here, size)
    room = max(1, int(width - font.getlength(words_here)) - 8)
    at = (4 + int(lots.integers(room)), int((height - 2 * size) * lots.choice([0.04, 0.5, 0.92])))
    marked = []
    for one in frames:
        copy = one.copy()
        ImageDraw.Draw(copy).text(at, words_here, fill="white", font=font, stroke_width=1, stroke_fill="black")
        marked.append(copy)
    return marked


#: By name: what is done to the frames of a good clip.
SPOILED: Final[dict[str, Callable[[list[Image.Image], np.random.Generator], list[Image.Image]]]] = {
    "frozen": _frozen,
    "black-frames": _black,
    "flicker": _flicker,
    "blurred": _blurred,
    "text-on-top": _text,
}


def spoil(good: Path, target: Path, fault: str, seed: int) -> None:
    """Write a clip with a fault of ``SPOILED``; the same seed spoils in the same way."""
    frames, fps = read_frames(good)
    write_clip(SPOILED[fault](frames, np.random.default_rng(seed)), target, fps)


def cut_together(first: Path, second: Path, target: Path) -> None:
    """Write a clip that shows the first until its middle and then the second."""
    (frames, fps), (others, _) = read_frames(first), read_frames(second)
    half = len(frames) // 2
    size = frames[0].size
    write_clip(frames[:half] + [one.resize(size) for one in others[: len(frames) - half]], target, fps)


def read_frames(path: Path) -> tuple[list[Image.Image], int]:
    """All frames of a short clip, and how many of them a second has."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [Image.fromarray(frame.to_ndarray(format="rgb24")) for frame in container.decode(stream)], round(
            float(stream.average_rate or 24)
        )


def write_clip(
    frames: list[Image.Image],
    target: Path,
    fps: int,
    codec: str = "libx264",
    sound: npt.NDArray[np.float32] | None = None,
) -> None:
    """Encode frames, with one channel of sound if there is any; the container is that of the target's name."""
    with av.open(str(target), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *frames[0].size, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {**_QUICK.get(codec, {})}
        if codec != "libx264":
            stream.bit_rate = 2_000_000
        heard = container.add_stream("aac", rate=_SOUND_RATE, layout="mono") if sound is not None else None
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if heard is not None and sound is not None:
            samples = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="fltp", layout="mono")
            samples.sample_rate = _SOUND_RATE
            samples.pts = 0
            container.mux(heard.encode(samples))
            container.mux(heard.encode(None))


def hum(seconds: float, loudness: float = 0.2) -> npt.NDArray[np.float32]:
    """Sound for a clip: a chord that swells; 0 is a silent track."""
    at = np.arange(int(seconds * _SOUND_RATE)) / _SOUND_RATE
    chord = np.sin(at * 2 * np.pi * 220) + np.sin(at * 2 * np.pi * 330) * np.sin(at * 3)
    sound: npt.NDArray[np.float32] = (loudness * chord / 2).astype(np.float32)
    return sound
