"""Bytes become a file only when they are all there, and never at another file's cost."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from vidgen_core.domain.errors import FileError
from vidgen_core.media.disk import replacing
from vidgen_core.media.files import PartFile, ensure_free_space, translate_os_errors
from vidgen_core.media.video import probe


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_download_takes_its_name_when_it_is_complete(tmp_path: Path, clip: Path) -> None:
    data, target = clip.read_bytes(), tmp_path / "项目" / "1.0" / "1.0-v1.mp4"

    with PartFile(target) as part:
        for start in range(0, len(data), 1000):
            part.append(data[start : start + 1000])
            assert not target.exists()
        final = part.finish(len(data))

    assert final == target
    assert target.read_bytes() == data
    assert names(target.parent) == [target.name]


def test_what_was_received_is_gone_on_with(tmp_path: Path, clip: Path) -> None:
    data, target = clip.read_bytes(), tmp_path / "take.mp4"
    with PartFile(target) as first:
        first.append(data[:5000])
        assert first.received == 5000

    again = PartFile(target)

    assert again.received == 5000
    again.append(data[5000:])
    assert again.received == len(data)
    assert again.finish().read_bytes() == data


def test_what_the_source_says_of_a_file_stands_beside_it_until_it_is_complete(tmp_path: Path, clip: Path) -> None:
    data, target = clip.read_bytes(), tmp_path / "v" / "take.mp4"
    with PartFile(target) as first:
        first.begin({"etag": "one"}, anew=True)
        first.append(data[:5000])

    again = PartFile(target)

    assert again.source == {"etag": "one"}
    again.append(data[5000:])
    again.finish(len(data))
    assert names(target.parent) == ["take.mp4"]


def test_bytes_are_known_by_their_own_source_until_those_of_another_come(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "take.mp4")
    part.begin({"etag": "one"}, anew=True)
    part.append(b"one")

    part.begin({"etag": "two"}, anew=True)

    assert (part.received, part.source) == (3, {"etag": "one"})
    part.append(b"other")
    part.close()
    again = PartFile(tmp_path / "take.mp4")
    assert (again.received, again.source, again.path.read_bytes()) == (5, {"etag": "two"}, b"other")


def test_a_restart_forgets_what_was_received(tmp_path: Path, clip: Path) -> None:
    part = PartFile(tmp_path / "take.mp4")
    part.append(b"from another file")

    part.restart()
    part.append(clip.read_bytes())

    assert part.finish().read_bytes() == clip.read_bytes()


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_wrong_length_is_refused_and_the_part_stays(tmp_path: Path, clip: Path, difference: int) -> None:
    data = clip.read_bytes()
    part = PartFile(tmp_path / "take.mp4")
    part.append(data)

    with pytest.raises(FileError) as caught:
        part.finish(len(data) + difference)

    assert caught.value.code == "download_incomplete"
    assert caught.value.params["received"] == len(data)
    assert caught.value.params["expected"] == len(data) + difference
    assert part.received == len(data)
    assert not part.target.exists()


@pytest.mark.parametrize("content", [b"<html>gone</html>", b""])
def test_what_does_not_play_never_gets_the_name(tmp_path: Path, content: bytes) -> None:
    part = PartFile(tmp_path / "take.mp4")
    part.append(content)

    with pytest.raises(FileError):
        part.finish()

    assert names(tmp_path) == ["take.mp4.part"]


def test_nothing_received_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="video_missing"):
        PartFile(tmp_path / "take.mp4").finish()


def test_another_file_of_the_same_name_is_left_alone(tmp_path: Path, clip: Path) -> None:
    target = tmp_path / "take.mp4"
    target.write_text("somebody's own work")
    for expected in ("take (2).mp4", "take (3).mp4"):
        part = PartFile(target)
        # A box that players skip makes each content its own.
        part.append(clip.read_bytes() + (20).to_bytes(4) + b"free" + expected.encode()[:12].ljust(12))

        assert part.finish().name == expected

    assert target.read_text() == "somebody's own work"


def test_the_same_content_is_not_kept_twice(tmp_path: Path, clip: Path) -> None:
    target = tmp_path / "take.mp4"
    shutil.copy(clip, target)
    part = PartFile(target)
    part.append(clip.read_bytes())

    assert part.finish() == target
    assert names(tmp_path) == sorted({"take.mp4", clip.name, "picture.jpg"})


def test_file_systems_without_links_are_served_too(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    target = tmp_path / "take.mp4"
    target.write_text("other")
    part = PartFile(target)
    part.append(clip.read_bytes())

    assert part.finish().name == "take (2).mp4"
    assert target.read_text() == "other"


def test_two_downloads_of_one_name_do_not_mix(tmp_path: Path, clip: Path) -> None:
    target = tmp_path / "take.mp4"
    with PartFile(target, owner="t1") as one, PartFile(target, owner="t2") as other:
        one.append(b"one")
        other.append(clip.read_bytes())

        assert other.finish().read_bytes() == clip.read_bytes()
        assert one.received == 3


def test_a_process_that_is_killed_leaves_only_its_part(tmp_path: Path, clip: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from vidgen_core.media.files import PartFile\n"
        "part = PartFile(Path(sys.argv[2])); part.append(Path(sys.argv[1]).read_bytes()[:7000])\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )

    subprocess.run([sys.executable, "-c", code, clip, tmp_path / "v" / "take.mp4"], check=False)

    assert names(tmp_path / "v") == ["take.mp4.part"]
    assert PartFile(tmp_path / "v" / "take.mp4").received == 7000


def test_room_on_the_disk_is_looked_at_first(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet" / "there"
    free = shutil.disk_usage(tmp_path).free

    ensure_free_space(folder, 1000, reserve=0)
    with pytest.raises(FileError) as caught:
        ensure_free_space(folder, free * 2)

    assert caught.value.code == "disk_full"
    assert caught.value.params["folder"] == str(folder)
    assert caught.value.params["needed"] > free * 2
    assert 0 < caught.value.params["free"] <= free * 1.5
    assert not folder.exists()


def test_the_reserve_stays_free(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="disk_full"):
        ensure_free_space(tmp_path, 0, reserve=10**18)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EROFS, "folder_read_only"),
        (errno.EACCES, "folder_read_only"),
        (errno.ENAMETOOLONG, "path_too_long"),
        (errno.EIO, "file_not_written"),
    ],
)
def test_the_systems_refusals_become_errors_of_ours(tmp_path: Path, number: int, code: str) -> None:
    with pytest.raises(FileError) as caught, translate_os_errors(tmp_path / "take.mp4"):
        raise OSError(number, os.strerror(number))

    assert caught.value.code == code
    assert str(tmp_path) in {caught.value.params.get("folder"), str(Path(caught.value.params.get("path", "x")).parent)}


def test_a_name_no_disk_takes_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="path_too_long"):
        PartFile(tmp_path / ("x" * 300) / "take.mp4")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "settings"
    target.write_text("old")

    def fail_half_way() -> None:
        with replacing(target, ".tmp") as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()

    assert (target.read_text(), names(tmp_path)) == ("old", ["settings"])
    with replacing(target, ".tmp") as part:
        part.write_text("new")
    assert (target.read_text(), names(tmp_path)) == ("new", ["settings"])


CONTAINERS = [
    ("mp4", "libx264", ".mp4"), ("mov", "libx264", ".mov"), ("webm", "libvpx", ".webm"), ("gif", "gif", ".gif"),
]  # fmt: skip
#: Containers that browsers do not play.
UNPLAYED = [
    ("matroska", "libx264"),
    ("matroska", "mpeg4"),
    ("mpegts", "libx264"),
    ("mpegts", "mpeg2video"),
    ("avi", "mpeg4"),
    ("flv", "flv"),
]


def film(path: Path, container: str, codec: str) -> bytes:
    """Eight frames of a second of 24."""
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "rgb8" if codec == "gif" else "yuv420p"
        for place in range(8):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 40 + 20 * place, np.uint8), "rgb24")
            frame.pts = place
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path.read_bytes()


@pytest.mark.parametrize(("container", "codec"), UNPLAYED)
def test_a_result_that_browsers_do_not_play_becomes_an_mp4(tmp_path: Path, container: str, codec: str) -> None:
    target = tmp_path / "videos" / "1.0-v1.mp4"
    with PartFile(target) as part:
        part.append(film(tmp_path / "source", container, codec))
        final = part.finish()

    assert final == target
    assert names(target.parent) == [final.name]
    facts = probe(final)
    assert (facts.codec, facts.frames, facts.width, facts.faststart) == ("h264", 8, 64, True)
    assert facts == part.facts
    with av.open(str(final)) as played:
        tones = [float(frame.to_ndarray(format="gray").mean()) for frame in played.decode(video=0)]
    assert tones == sorted(tones)
    assert tones[-1] - tones[0] > 100


@pytest.mark.parametrize(("container", "codec", "ending"), CONTAINERS)
def test_a_result_ends_as_its_container_whatever_it_was_called(
    tmp_path: Path, container: str, codec: str, ending: str
) -> None:
    target = tmp_path / "项目 1" / "1.0-v1.mp4"
    given = film(tmp_path / "source", container, codec)
    with PartFile(target) as part:
        part.append(given)
        final = part.finish()

    assert final == target.with_suffix(ending)
    assert final.read_bytes() == given
    assert names(target.parent) == [final.name]
