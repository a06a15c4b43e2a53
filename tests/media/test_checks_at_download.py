"""A finished video is compared with what was asked for, and what differs is named."""

from __future__ import annotations

import random
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vidgen_core.config.schema import ChecksSettings
from vidgen_core.domain.takes import CheckResult, Severity
from vidgen_core.media import checks
from vidgen_core.media.checks.asked import shorter_side
from vidgen_core.media.checks.clip import ClipRequest
from vidgen_core.media.video import last_picture


def busy(path: Path, seed: int, size: tuple[int, int] = (144, 256)) -> Path:
    """A picture with many things in it."""
    lots, picture = random.Random(seed), Image.new("RGB", size, "white")
    for _ in range(40):
        colour = tuple(lots.randrange(256) for _ in range(3))
        left, top = lots.randrange(size[0]), lots.randrange(size[1])
        picture.paste(colour, (left, top, left + size[0] // 6, top + size[1] // 8))
    picture.save(path)
    return path


def video(path: Path, first: Path, last: Path, seconds: float = 2.0, loudness: float | None = None) -> Path:
    """A video that shows one picture and then another; with a tone of a loudness, 0 for a silent track."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=12)
        frames = [Image.open(one).convert("RGB") for one in (first, last)]
        stream.width, stream.height, stream.pix_fmt = *frames[0].size, "yuv420p"
        sound = out.add_stream("aac", rate=44_100, layout="mono") if loudness is not None else None
        count = int(seconds * 12)
        for number in range(count):
            out.mux(stream.encode(av.VideoFrame.from_image(frames[number >= count // 2])))
        out.mux(stream.encode())
        if sound is not None:
            wave = np.sin(np.arange(int(44_100 * seconds)) * 0.05)[None, :] * loudness
            frame = av.AudioFrame.from_ndarray(wave.astype(np.float32), format="flt", layout="mono")
            frame.sample_rate = 44_100
            out.mux(sound.encode(frame))
            out.mux(sound.encode())
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pictures")
    return busy(folder / "1.png", 1), busy(folder / "2.png", 2)


@pytest.fixture(scope="module")
def clip(pictures: tuple[Path, Path]) -> Path:
    return video(pictures[0].with_name("clip.mp4"), *pictures)


def measured(clip: Path, asked: ClipRequest) -> list[CheckResult]:
    limits = ChecksSettings().limits
    return checks.run(clip, asked, {code: limits[code] for code in checks.AT_DOWNLOAD})


def codes(clip: Path, **asked: object) -> tuple[str, ...]:
    found = measured(clip, ClipRequest.model_validate(asked))
    return tuple(one.code for one in found if one.severity is not Severity.PASS)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ()),
        ({"ratio": "9:16"}, ()),
        ({"ratio": "16:9"}, ("ratio_differs",)),
        ({"ratio": "Auto"}, ()),
        ({"ratio": "0:0"}, ()),
        ({"seconds": 2.4}, ()),
        ({"seconds": 8.0}, ("length_differs",)),
        ({"size": "720P"}, ("size_differs",)),
        ({"size": "144x256"}, ()),
        ({"size": "~150×260"}, ()),
        ({"size": "auto"}, ()),
        ({"sound": True}, ("silent",)),
        ({"sound": False}, ()),
    ],
)
def test_what_differs_from_the_request_is_named(clip: Path, asked: dict[str, object], found: tuple[str, ...]) -> None:
    assert codes(clip, **asked) == found


@pytest.mark.parametrize(("loudness", "found"), [(0.0, ("silent",)), (0.3, ())])
def test_a_track_in_which_nothing_is_heard_is_silence(
    pictures: tuple[Path, Path], tmp_path: Path, loudness: float, found: tuple[str, ...]
) -> None:
    assert codes(video(tmp_path / "a.mp4", *pictures, loudness=loudness), sound=True) == found


def test_frames_are_told_from_other_pictures(clip: Path, pictures: tuple[Path, Path]) -> None:
    first, last = pictures
    assert codes(clip, first_frame=first, last_frame=last) == ()
    assert codes(clip, first_frame=last, last_frame=first) == ("first_frame_differs", "last_frame_differs")


def test_a_picture_that_is_gone_or_even_raises_no_flag(clip: Path, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "grey").save(tmp_path / "even.png")
    assert codes(clip, first_frame=tmp_path / "gone.png", last_frame=tmp_path / "even.png") == ()


def test_the_last_picture_is_the_last_one_shown(clip: Path, pictures: tuple[Path, Path]) -> None:
    shown = np.asarray(last_picture(clip, 256), dtype=float)
    assert np.abs(shown - np.asarray(Image.open(pictures[1]).convert("RGB"), dtype=float)).mean() < 10


@pytest.mark.parametrize(
    ("size", "side"),
    [("720P", 720), ("1080p", 1080), ("4k", 2160), ("2K", 1440), ("~480×848", 480), ("1024x1792", 1024), ("auto", None),
     ("large", None), ("", None)],
)  # fmt: skip
def test_sizes_are_read_by_their_names(size: str, side: int | None) -> None:
    assert shorter_side(size) == side


@pytest.mark.parametrize(
    ("frames", "shown"), [("12", True), ("21", False), ("1", True), ("2", False), ("", False), ("1e", False)]
)
def test_frames_are_seen_where_they_belong_or_it_cannot_be_said(
    clip: Path, pictures: tuple[Path, Path], tmp_path: Path, frames: str, shown: bool
) -> None:
    Image.new("RGB", (64, 64), "grey").save(tmp_path / "even.png")
    known = {"1": pictures[0], "2": pictures[1], "e": tmp_path / "even.png"}
    first, last = (*(known[name] for name in frames), None, None)[:2]
    asked = ClipRequest(first_frame=first, last_frame=last)
    assert checks.shows_frames(asked, measured(clip, asked)) is shown
