"""Whole videos are described, broken ones are refused with their own reason."""

import hashlib
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vidgen_core.domain.errors import FileError
from vidgen_core.media.video import poster, probe, sha256_file


def refusal(path: Path) -> str:
    with pytest.raises(FileError) as caught:
        probe(path)
    assert caught.value.params["path"] == str(path)
    return caught.value.code


def encode(
    path: Path, frames: list[np.ndarray], *, fast: bool = False, kind: str | None = None, pixel: str = "1"
) -> Path:
    """A video of given RGB frames, 10 a second."""
    with av.open(str(path), "w", format=kind, options={"movflags": "+faststart"} if fast else {}) as container:
        stream = container.add_stream("libx264" if kind != "webm" else "libvpx-vp9", rate=10)
        stream.width, stream.height, stream.pix_fmt = frames[0].shape[1], frames[0].shape[0], "yuv420p"
        stream.sample_aspect_ratio = Fraction(pixel)
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def noise(count: int, width: int = 96, height: int = 64) -> list[np.ndarray]:
    dice = np.random.default_rng(5)
    return [dice.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(count)]


def test_a_whole_video_is_described(clip: Path) -> None:
    facts = probe(clip)

    assert (facts.width, facts.height, facts.frames, facts.fps, facts.codec) == (160, 240, 24, 24.0, "h264")
    assert facts.seconds == pytest.approx(1.0, abs=0.01)
    assert facts.bytes == clip.stat().st_size
    assert facts.faststart


@pytest.mark.parametrize(("pixel", "width"), [("4/3", 128), ("8/9", 85), ("1/100", 96)])
def test_a_video_whose_pixels_are_not_square_is_as_wide_as_it_is_shown(tmp_path: Path, pixel: str, width: int) -> None:
    facts = probe(encode(tmp_path / "wide.mp4", noise(5), pixel=pixel))
    assert (facts.width, facts.height) == (width, 64)


def test_an_index_at_the_end_is_noticed(tmp_path: Path) -> None:
    assert not probe(encode(tmp_path / "slow.mp4", noise(5))).faststart
    assert probe(encode(tmp_path / "fast.mp4", noise(5), fast=True)).faststart


@pytest.mark.parametrize(("ending", "kind"), [("webm", "webm"), ("mkv", "matroska"), ("mov", "mov"), ("ts", "mpegts")])
def test_other_containers_are_taken(tmp_path: Path, ending: str, kind: str) -> None:
    facts = probe(encode(tmp_path / f"clip.{ending}", noise(10), kind=kind))

    assert (facts.width, facts.height, facts.frames) == (96, 64, 10)
    assert facts.seconds == pytest.approx(1.0, abs=0.15)


def test_a_box_added_to_the_end_does_no_harm(clip: Path) -> None:
    with clip.open("ab") as file:
        file.write((20).to_bytes(4) + b"free" + b"job-12345678")

    assert probe(clip).frames == 24


def test_a_video_that_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing.mp4") == "video_missing"


def test_an_empty_video(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()

    assert refusal(tmp_path / "empty.mp4") == "video_empty"


@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("fast", [True, False])
def test_a_video_that_is_cut_off(tmp_path: Path, fast: bool, part: float) -> None:
    path = encode(tmp_path / "clip.mp4", noise(20), fast=fast)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])

    assert refusal(path) == "video_truncated"


@pytest.mark.parametrize("kind", ["webm", "matroska"])
def test_a_video_of_another_kind_that_is_cut_off(tmp_path: Path, kind: str) -> None:
    path = encode(tmp_path / "clip", noise(40), kind=kind)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    assert refusal(path) == "video_truncated"


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><html><body>403 Forbidden</body></html>" * 50,
        b'{"code": 404, "msg": "no such file"}',
        b"just words\n" * 1000,
        b"\0" * 4096,
        b"\xff" * 4096,
    ],
)
def test_what_is_no_video(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "page.mp4").write_bytes(content)

    assert refusal(tmp_path / "page.mp4") == "video_unplayable"


def test_a_picture_is_no_video(tmp_path: Path) -> None:
    Image.new("RGB", (100, 100)).save(tmp_path / "picture.mp4", "PNG")
    Image.new("RGB", (100, 100)).save(tmp_path / "moving.mp4", "GIF")

    assert refusal(tmp_path / "picture.mp4") == "video_unplayable"
    assert refusal(tmp_path / "moving.mp4") == "video_unplayable"


def test_a_playlist_cannot_reach_for_other_files(tmp_path: Path, clip: Path) -> None:
    shutil.copy(clip, tmp_path / "secret.mp4")
    lists = {
        "hls.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n",
        "concat.mp4": f"ffconcat version 1.0\nfile {clip.name}\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)

        assert refusal(tmp_path / name) == "video_unplayable"


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    assert refusal(path) == "video_unplayable"


def test_a_poster_shows_the_first_frame(tmp_path: Path, clip: Path) -> None:
    target = tmp_path / "posters" / "clip.jpg"

    poster(clip, target, edge=120)

    with Image.open(target) as picture, av.open(str(clip)) as container:
        assert (picture.format, picture.size) == ("JPEG", (80, 120))
        first = next(container.decode(video=0)).reformat(80, 120, format="rgb24").to_ndarray()
        assert np.abs(np.asarray(picture, float) - first).mean() < 8
    assert [each.name for each in target.parent.iterdir()] == ["clip.jpg"]


def test_a_poster_is_not_black_when_the_video_begins_so(tmp_path: Path) -> None:
    black, red = np.zeros((64, 96, 3), np.uint8), np.full((64, 96, 3), (220, 30, 30), np.uint8)
    path = encode(tmp_path / "fade.mp4", [black] * 6 + [red] * 6)

    poster(path, tmp_path / "poster.jpg")

    with Image.open(tmp_path / "poster.jpg") as picture:
        assert np.asarray(picture)[..., 0].mean() > 180


def test_a_video_that_is_all_black_has_a_poster_too(tmp_path: Path) -> None:
    path = encode(tmp_path / "night.mp4", [np.zeros((64, 96, 3), np.uint8)] * 60)

    poster(path, tmp_path / "poster.jpg")

    with Image.open(tmp_path / "poster.jpg") as picture:
        assert picture.size == (96, 64)


def test_there_is_no_poster_of_what_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "page.mp4").write_text("<html>")

    with pytest.raises(FileError, match="video_unplayable"):
        poster(tmp_path / "page.mp4", tmp_path / "poster.jpg")

    assert not (tmp_path / "poster.jpg").exists()


def test_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 3_000_000)

    assert sha256_file(tmp_path / "file") == hashlib.sha256(b"x" * 3_000_000).hexdigest()
