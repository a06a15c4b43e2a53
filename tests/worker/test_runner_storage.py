"""Nothing is bought that could not be saved, and what was bought waits for its place."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from doubles import RUNNING, done, wait_until
from runner_bench import Bench

from vidgen_core.domain.errors import FileError
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.i18n import get_text
from vidgen_core.media.disk import ensure_writable
from vidgen_core.services.facade import Vidgen

COMPLETED, DOWNLOADING, QUEUED = TaskStatus.COMPLETED, TaskStatus.DOWNLOADING, TaskStatus.QUEUED


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidgen_core.worker.storage_check.EVERY", 0.05)
    monkeypatch.setattr("vidgen_core.worker.steps.download.DISK_WAIT", 0.1)


def file_for_folder(folder: Path) -> Callable[[], None]:
    """A file stands where the folder should be; returns how it is mended."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("no folder")
    return folder.unlink


def file_above(folder: Path) -> Callable[[], None]:
    return file_for_folder(folder.parent)


def dangling_link(folder: Path) -> Callable[[], None]:
    if folder.exists():
        shutil.rmtree(folder)
    folder.symlink_to(folder.parent / "drive that is not there")
    return folder.unlink


PLACES = {
    "a file": (file_for_folder, "pause_folder_is_file"),
    "a file above": (file_above, "pause_folder_is_file"),
    "a link to nowhere": (dangling_link, "pause_folder_gone"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "drive" / "videos"
    monkeypatch.setenv("VIDGEN_SAVE_DIR", str(folder))
    folder.parent.mkdir()
    return folder


@pytest.mark.parametrize(("spoil", "code"), PLACES.values(), ids=PLACES)
def test_a_place_that_cannot_be_written_holds_every_order(
    bench: Bench, folder: Path, spoil: Callable[[Path], Callable[[], None]], code: str
) -> None:
    mend = spoil(folder)
    tasks = bench.queue(20)
    bench.start()

    hold = wait_until(bench.hold)
    assert hold["code"] == code
    assert get_text("en", strict=True).error("file", hold["code"], hold["params"])
    with Vidgen.open(bench.locations) as app:
        assert "save_folder_unwritable" in {finding.code for finding in app.diagnostics.doctor()}
    assert bench.provider.sent == []

    mend()

    for task in tasks:
        assert bench.wait(task, COMPLETED).file
    assert bench.hold() is None


@pytest.mark.parametrize(("spoil", "code"), PLACES.values(), ids=PLACES)
def test_what_was_bought_waits_for_its_place(
    bench: Bench, folder: Path, spoil: Callable[[Path], Callable[[], None]], code: str
) -> None:
    bench.provider.polls = [RUNNING]
    [task] = bench.queue()
    bench.start()
    wait_until(lambda: bench.task(task).remote_id)
    mend = spoil(folder)
    bench.provider.polls = [done()]
    wait_until(lambda: "disk_wait" in {line.code for line in bench.log()})
    assert bench.task(task).status is DOWNLOADING

    mend()

    assert bench.wait(task, COMPLETED, TaskStatus.FAILED).status is COMPLETED


def test_the_folder_of_the_project_counts_too(bench: Bench, folder: Path) -> None:
    folder.mkdir()
    mend = file_for_folder(folder / "ep01")
    [task] = bench.queue()
    bench.start()
    assert wait_until(bench.hold)["code"] == "pause_folder_is_file"
    assert bench.provider.sent == []

    mend()

    assert bench.wait(task, COMPLETED).file


def test_a_drive_that_is_not_connected_is_missed(bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drives = {str(folder.parent)}
    is_mount = os.path.ismount
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) in drives or is_mount(path))
    [first] = bench.queue()
    bench.start()
    assert bench.wait(first, COMPLETED).file

    drives.clear()
    [second] = bench.queue()

    assert wait_until(bench.hold)["code"] == "pause_folder_gone"
    drives.add(str(folder.parent))
    assert bench.wait(second, COMPLETED).file
    assert len(bench.provider.sent) == 2


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EROFS, "folder_read_only"), (errno.EACCES, "folder_read_only"), (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"), (errno.EIO, "file_not_written"), (errno.ESTALE, "file_not_written"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("call", ["open", "fsync"])
def test_every_refusal_of_the_system_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str, call: str
) -> None:
    def refuse(*_: Any, **__: Any) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(FileError) as caught:
            ensure_writable(tmp_path / "not" / "there" / "yet")
    assert caught.value.code == code
    assert list(tmp_path.iterdir()) == []
