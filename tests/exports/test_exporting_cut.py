"""The rough cut plays every clip for exactly its time."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from exporting_material import COLOURS, UPRIGHT, colour_of, film_of, frames_of, make_video, quiet
from PIL import Image

from vidgen_core.domain.errors import FileError
from vidgen_core.services.exports.film import Cancelled, Film, Options
from vidgen_core.services.exports.rough_cut import write_rough_cut
from vidgen_core.services.exports.timelines.jianying import write_draft


def decode(path: Path) -> list[np.ndarray]:
    """All frames as RGB."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def seconds(path: Path) -> Fraction:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        return stream.duration * stream.time_base


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def middle(frame: np.ndarray) -> tuple[int, ...]:
    height, width = frame.shape[:2]
    return tuple(int(value) for value in frame[height // 2, width // 2])


def is_like(colour: Sequence[int], other: Sequence[int]) -> bool:
    return max(abs(int(a) - int(b)) for a, b in zip(colour, other, strict=True)) < 24


def loudness(path: Path) -> np.ndarray:
    """The sound's mean amplitude in each tenth of a second."""
    with av.open(str(path)) as container:
        samples = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    tenths = samples.shape[1] // 4800
    return np.abs(samples[0, : tenths * 4800]).reshape(tenths, 4800).mean(axis=1)


def test_forty_takes_of_two_sizes_become_one_video_of_the_usual_size(film: Film, tmp_path: Path) -> None:
    write_rough_cut(film, tmp_path / "cut.mp4", Options(), quiet)

    frames = decode(tmp_path / "cut.mp4")
    lengths = [frames_of(number) for number in range(1, 41)]
    assert len(frames) == sum(lengths)
    assert seconds(tmp_path / "cut.mp4") == Fraction(sum(lengths), 24)
    assert {frame.shape for frame in frames} == {(128, 72, 3)}
    start = 0
    for place, length in enumerate(lengths):
        for frame in (frames[start], frames[start + length - 1]):
            assert is_like(middle(frame), colour_of(place)), f"clip {place + 1}"
        start += length


def test_a_wide_take_stands_on_black_in_an_upright_cut(film: Film, tmp_path: Path) -> None:
    write_rough_cut(film, tmp_path / "cut.mp4", Options(), quiet)

    frame = decode(tmp_path / "cut.mp4")[sum(frames_of(number) for number in range(1, 5)) + 3]
    assert is_like(middle(frame), colour_of(4))
    assert is_like(frame[4, 36], (0, 0, 0))


def test_videos_of_the_same_streams_are_not_encoded_again(tmp_path: Path) -> None:
    files = {n: make_video(tmp_path / f"{n}.mp4", COLOURS[n - 1], frames=11 + n) for n in (1, 2, 3)}

    write_rough_cut(film_of(files, 3, tmp_path), tmp_path / "cut.mp4", Options(), quiet)

    assert packets(tmp_path / "cut.mp4") == [packet for n in (1, 2, 3) for packet in packets(files[n])]
    assert seconds(tmp_path / "cut.mp4") == Fraction(12 + 13 + 14, 24)
    frames = decode(tmp_path / "cut.mp4")
    assert [is_like(middle(frames[at]), COLOURS[n]) for n, at in enumerate((11, 12, 25))] == [True] * 3


def test_what_an_edit_list_leaves_out_stays_out(tmp_path: Path) -> None:
    files = {n: begin_later(make_video(tmp_path / f"{n}.mp4", COLOURS[n - 1], frames=24), 12) for n in (1, 2)}

    write_rough_cut(film_of(files, 2, tmp_path), tmp_path / "cut.mp4", Options(), quiet)

    frames = decode(tmp_path / "cut.mp4")
    assert [is_like(middle(frames[at]), COLOURS[at // 12]) for at in range(24)] == [True] * 24
    assert seconds(tmp_path / "cut.mp4") == 1


def begin_later(path: Path, frames: int) -> Path:
    """Let an MP4 be shown from a later frame on: its edit list (ISO 14496-12, 8.6.6) begins there."""
    later = path.with_name(f"later-{path.name}")
    options = {"avoid_negative_ts": "disabled", "use_editlist": "1"}
    with av.open(str(path)) as source, av.open(str(later), "w", options=options) as container:
        given = source.streams.video[0]
        stream = container.add_stream_from_template(given)
        for packet in source.demux(given):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            shift = round(frames / 24 / packet.time_base)
            packet.dts, packet.pts, packet.stream = packet.dts - shift, packet.pts - shift, stream
            container.mux(packet)
    return later


def test_pictures_whose_order_the_container_does_not_say_are_all_there(tmp_path: Path) -> None:
    files = {n: into_matroska(make_moving(tmp_path / f"{n}.mp4")) for n in (1, 2)}

    write_rough_cut(film_of(files, 2, tmp_path), tmp_path / "cut.mp4", Options(), quiet)

    shown = [frame.mean() for frame in decode(tmp_path / "cut.mp4")]
    assert len(shown) == 48
    assert all(before < after for part in (shown[:24], shown[24:]) for before, after in pairwise(part))


def make_moving(path: Path) -> Path:
    """A second that grows brighter, in frames that are decoded in another order than they are shown."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"bf": "3", "b-adapt": "0"})
        stream.width, stream.height, stream.pix_fmt = *UPRIGHT, "yuv420p"
        for number in range(24):
            pixels = np.full((UPRIGHT[1], UPRIGHT[0], 3), 20 + number * 9, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def into_matroska(path: Path) -> Path:
    """The same pictures in a container that says when each is shown and not when it is decoded."""
    other = path.with_suffix(".mkv")
    with av.open(str(path)) as source, av.open(str(other), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    return other


def test_sound_stays_with_its_picture_and_silence_fills_the_rest(tmp_path: Path) -> None:
    files = {
        1: make_video(tmp_path / "1.mp4", COLOURS[0], frames=24),
        2: make_video(tmp_path / "2.mp4", COLOURS[1], frames=24, sound=True),
        3: make_video(tmp_path / "3.mp4", COLOURS[2], frames=24),
    }

    write_rough_cut(film_of(files, 3, tmp_path), tmp_path / "cut.mp4", Options(), quiet)

    loud = loudness(tmp_path / "cut.mp4")
    assert loud[:9].max() < 0.01
    assert loud[11:19].min() > 0.1
    assert loud[21:30].max() < 0.01
    assert 30 <= len(loud) <= 31


def test_without_any_sound_there_is_no_sound_track(tmp_path: Path) -> None:
    files = {n: make_video(tmp_path / f"{n}.mp4", COLOURS[n]) for n in (1, 2)}

    write_rough_cut(film_of(files, 2, tmp_path), tmp_path / "cut.mp4", Options(), quiet)

    with av.open(str(tmp_path / "cut.mp4")) as container:
        assert not container.streams.audio


def test_another_frame_rate_keeps_its_time(tmp_path: Path) -> None:
    files = {
        1: make_video(tmp_path / "1.mp4", COLOURS[0], frames=24),
        2: make_video(tmp_path / "2.mp4", COLOURS[1], frames=30, fps=30),
        3: make_video(tmp_path / "3.mp4", COLOURS[2], frames=24),
    }

    write_rough_cut(film_of(files, 3, tmp_path), tmp_path / "cut.mp4", Options(), quiet)

    frames = decode(tmp_path / "cut.mp4")
    assert len(frames) == 72
    assert [is_like(middle(frames[at]), COLOURS[at // 24]) for at in (0, 23, 24, 47, 48, 71)] == [True] * 6


def test_a_missing_shot_is_a_still_when_asked_for(tmp_path: Path) -> None:
    files = {n: make_video(tmp_path / f"{n}.mp4", COLOURS[n]) for n in (1, 3)}
    Image.new("RGB", UPRIGHT, COLOURS[5]).save(tmp_path / "picture.png")
    film = film_of(files, 3, tmp_path, stills=True, image="picture.png")

    write_rough_cut(film, tmp_path / "cut.mp4", Options(stills=True, still_seconds=2.0), quiet)

    frames = decode(tmp_path / "cut.mp4")
    assert len(frames) == 12 + 48 + 12
    assert [is_like(middle(frames[at]), COLOURS[5]) for at in (12, 59)] == [True, True]


def test_a_missing_shot_without_a_picture_is_a_drawn_ground(tmp_path: Path) -> None:
    files = {1: make_video(tmp_path / "1.mp4", COLOURS[0])}
    film = film_of(files, 2, tmp_path, stills=True)

    write_rough_cut(film, tmp_path / "cut.mp4", Options(stills=True, still_seconds=1.0), quiet)

    assert len(decode(tmp_path / "cut.mp4")) == 12 + 24


def test_numbers_are_burnt_in_only_when_asked_for(tmp_path: Path) -> None:
    size = (180, 320)
    files = {1: make_video(tmp_path / "1.mp4", (10, 10, 10), size)}
    film = film_of(files, 1, tmp_path)

    write_rough_cut(film, tmp_path / "plain.mp4", Options(), quiet)
    write_rough_cut(film, tmp_path / "numbered.mp4", Options(numbers=True), quiet)

    corner = (slice(280, 320), slice(0, 60))
    assert decode(tmp_path / "plain.mp4")[5][corner].max() < 60
    assert decode(tmp_path / "numbered.mp4")[5][corner].max() > 150


def turn(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Let an MP4 ask to be shown turned: the matrix of its track header (ISO 14496-12, 8.3.2), in 16.16."""
    identity = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    data = path.read_bytes()
    at = data.index(identity, data.index(b"tkhd"))
    a, b, c, d = (value << 16 for value in matrix)
    turned = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data[:at] + turned + data[at + len(turned) :])
    return path


@pytest.mark.parametrize("matrix", [(0, 1, -1, 0), (0, -1, 1, 0)], ids=["clockwise", "counter-clockwise"])
def test_a_video_that_asks_to_be_turned_stands_upright(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    turned = turn(make_video(tmp_path / "1.mp4", COLOURS[0], (128, 72)), matrix)
    other = make_video(tmp_path / "2.mp4", COLOURS[1], UPRIGHT)

    write_rough_cut(film_of({1: turned, 2: other}, 2, tmp_path), tmp_path / "cut.mp4", Options(), quiet)

    frames = decode(tmp_path / "cut.mp4")
    assert frames[0].shape == (128, 72, 3)
    assert is_like(frames[3][4, 36], COLOURS[0]), "it fills the frame, so no black above it"


def test_a_draft_knows_a_turned_video_as_it_is_shown(tmp_path: Path) -> None:
    turned = turn(make_video(tmp_path / "1.mp4", COLOURS[0], (128, 72)), (0, 1, -1, 0))
    (tmp_path / "drafts").mkdir()

    draft = write_draft(film_of({1: turned}, 1, tmp_path), tmp_path / "drafts", Options(), quiet)

    content = json.loads((draft / "draft_content.json").read_text(encoding="utf-8"))
    (video,) = content["materials"]["videos"]
    assert (video["width"], video["height"]) == UPRIGHT
    assert (content["canvas_config"]["width"], content["canvas_config"]["height"]) == UPRIGHT


def test_cancelling_leaves_nothing_behind(film: Film, tmp_path: Path) -> None:
    def stop(done: float) -> None:
        if done > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_rough_cut(film, tmp_path / "cut.mp4", Options(), stop)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_while_writing_is_said_so(film: Film, tmp_path: Path) -> None:
    # Linux' own full disk stands where the working file would be.
    (tmp_path / "cut.mp4.part").symlink_to("/dev/full")

    with pytest.raises(FileError) as refused:
        write_rough_cut(film, tmp_path / "cut.mp4", Options(), quiet)

    assert refused.value.code == "disk_full"
    assert list(tmp_path.iterdir()) == []


def test_a_take_that_is_no_video_is_named(film: Film, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    clip = film.clips[0].model_copy(update={"source": broken})

    with pytest.raises(FileError) as refused:
        write_rough_cut(film.model_copy(update={"clips": (clip,)}), tmp_path / "cut.mp4", Options(), quiet)

    assert refused.value.code == "video_unplayable"
    assert refused.value.params["path"] == str(broken)
