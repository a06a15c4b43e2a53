"""The file beside the database: durable lines, room for a full disk, and damage that is said."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from vidgen_core.db import Journal
from vidgen_core.db import journal as module
from vidgen_core.domain.errors import FileError


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    found = Journal(tmp_path / "vidgen.journal")
    found.begin(0)
    return found


def order(journal: Journal) -> int:
    generation = journal.read().generation + 1
    journal.order(generation, task=generation)
    return generation


def test_what_was_written_is_read_by_the_next(journal: Journal) -> None:
    order(journal)
    order(journal)
    name = journal.note("accepted", remote_id="job-1 短剧")
    settled = journal.note("accepted", remote_id="job-2")
    journal.settle(settled)

    found = Journal(journal.path).read()
    assert (found.exists, found.damaged, found.copied, found.generation) == (True, False, False, 2)
    assert [(one["id"], one["remote_id"]) for one in found.notes] == [(name, "job-1 短剧")]


def test_a_fresh_home_has_none(tmp_path: Path) -> None:
    assert not Journal(tmp_path / "vidgen.journal").read().exists


def test_only_its_owner_reads_it(journal: Journal) -> None:
    assert journal.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_last_line_that_was_torn_is_cut(journal: Journal, cut: int) -> None:
    order(journal)
    journal.note("accepted", remote_id="job-1")
    whole = journal.path.read_bytes()
    written = whole.rstrip(b"\n")
    journal.path.write_bytes(written[:-cut] + b"\n" * (len(whole) - len(written) + cut))

    assert (journal.read().damaged, journal.read().notes) == (False, ())
    journal.note("accepted", remote_id="j")
    assert [one["remote_id"] for one in journal.read().notes] == ["j"]
    assert journal.read().generation == 1


@pytest.mark.parametrize("spoil", [lambda _: b"", lambda text: b"\x00" * len(text), lambda text: text[7:]])
def test_a_file_that_is_no_journal_is_said(journal: Journal, spoil: Any) -> None:
    order(journal)
    journal.path.write_bytes(spoil(journal.path.read_bytes()))
    assert journal.read().damaged


def test_a_line_in_the_middle_that_was_changed_is_said_and_kept_aside(journal: Journal) -> None:
    order(journal)
    order(journal)
    journal.path.write_bytes(journal.path.read_bytes().replace(b'"generation":1', b'"generation":7'))

    assert journal.read().damaged
    journal.begin(5)
    assert (journal.read().damaged, journal.read().generation) == (False, 5)
    assert journal.path.with_name("vidgen.journal.damaged").exists()


def test_a_copy_knows_that_it_is_one(journal: Journal, tmp_path: Path) -> None:
    order(journal)
    copy = Journal(tmp_path / "copy.journal")
    shutil.copy(journal.path, copy.path)

    assert (copy.read().copied, copy.read().generation) == (True, 1)
    copy.begin(0)
    assert (copy.read().copied, copy.read().generation) == (False, 1)


def test_what_is_needed_survives_being_written_anew(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 4096)
    name = journal.note("accepted", remote_id="kept")
    for number in range(200):
        order(journal)
        journal.job(remote_id=f"job-{number}")

    found = Journal(journal.path).read()
    assert found.generation == 200
    assert [one["id"] for one in found.notes] == [name]
    assert found.jobs[-1]["remote_id"] == "job-199"
    assert journal.path.stat().st_size < 4096 + 2 * module.ROOM


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the disk has given is written over; it gives no more."""
    write = module._write

    def refuse_to_grow(file: FileIO, data: bytes) -> None:
        if file.tell() + len(data) > os.fstat(file.fileno()).st_size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(file, data)

    monkeypatch.setattr(module, "_write", refuse_to_grow)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_stops_orders_before_it_stops_answers(journal: Journal) -> None:
    sent = 0
    with contextlib.suppress(FileError):
        for sent in range(100_000):  # noqa: B007 — the last one is what counts
            order(journal)
    assert 200 < sent < 99_999
    with pytest.raises(FileError, match="disk_full"):
        order(journal)
    names = [journal.note("accepted", task=number, remote_id=f"job-{number}") for number in range(50)]

    found = journal.read()
    assert found.generation == sent
    assert [one["id"] for one in found.notes] == names


def test_many_write_at_once(journal: Journal) -> None:
    other = Journal(journal.path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: (journal, other)[n % 2].note("accepted", remote_id=f"{n}"), range(60)))
    assert {one["remote_id"] for one in journal.read().notes} == {f"{n}" for n in range(60)}


def test_a_record_goes_behind_whatever_was_written_since_the_last_one(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, other = [journal.note("accepted")], Journal(journal.path)
    names += [other.note("accepted", remote_id="of another process"), journal.note("accepted")]
    with journal.path.open("r+b") as file:
        file.seek(len(file.read().rstrip(b"\n")) + 1)
        file.write(b"00000000 cut short, and longer than what comes next" + b"!" * 500)
    names.append(journal.note("accepted"))
    monkeypatch.setattr(module, "MOST", 0)
    names.append(other.note("accepted", remote_id="written anew"))
    monkeypatch.undo()
    names.append(journal.note("accepted"))

    found = journal.read()
    assert not found.damaged
    assert [one["id"] for one in found.notes] == names
