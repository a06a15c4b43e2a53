"""The journal of a data home: a small file beside the database that survives its loss.

    generation   a number that rises with every paid request or price confirmation before it is sent; the database stores
                 it, too: a database with a lower number is an old copy, and the worker buys nothing with it on its own
    ledger       the last line of the ledger: a ledger that ends before it has lost lines
    notes        responses to paid requests that could not be written to the database yet; the next start reads them

One record per line with its checksum, durable when the method returns. The file is longer than its content, so that
responses can be written when the disk is full: orders leave ``RESERVE`` bytes free. A last line that a crash cut short is
dropped; anything else that cannot be read is reported as damage.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import threading
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vidgen_core.db.ledger_chain import Head
from vidgen_core.domain.errors import FileError
from vidgen_core.media.disk import sync_file, sync_folder, translate_os_errors

if TYPE_CHECKING:
    from filelock import FileLock

logger = logging.getLogger(__name__)

#: Bytes by which the file grows when it is full.
ROOM: Final = 64 * 1024
#: Bytes that orders leave free for the responses to those under way.
RESERVE: Final = 16 * 1024
#: Bytes of content after which the file is compacted.
MOST: Final = 256 * 1024
#: Jobs that compaction keeps.
JOBS: Final = 200
_FREE: Final = b"\n"

Record = dict[str, Any]


@dataclass(frozen=True)
class JournalState:
    """The content of a journal."""

    exists: bool = True
    #: A part that is not the end of the last record cannot be read.
    damaged: bool = False
    #: The file was copied: another data home may work on the same queue.
    copied: bool = False
    #: When the file was changed last, or copied; seconds since 1970.
    changed_at: float = 0.0
    generation: int = 0
    #: The last line of the ledger, as far as it was told.
    ledger: Head | None = None
    #: Responses that may be in no database.
    notes: tuple[Record, ...] = ()
    #: The last jobs that were bought; normally their ids are in the database as well.
    jobs: tuple[Record, ...] = ()


class Journal:
    """The journal of one data home. Safe to use from many threads and processes; a missing file is a fresh home."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        #: Whether the thread that holds the lock holds that of all processes.
        self._held = False
        #: Where the last record of ours begins, and its line.
        self._last = 0, b""

    @functools.cached_property
    def _file_lock(self) -> FileLock:
        # Imported by who reads or writes: whoever opens a home has a journal.
        from filelock import FileLock

        return FileLock(self.path.with_name(f"{self.path.name}.lock"), mode=0o600, thread_local=False)

    def read(self) -> JournalState:
        """The present content.

        :raises FileError: it cannot be read
        """
        with self.locked():
            return self._read()

    def begin(self, generation: int, ledger: Head | None = None) -> None:
        """Continue from ``generation``: the file is created or compacted.

        A damaged file is kept under another name.
        :param ledger: the last line of the ledger from now on; None: as it was told last
        :raises FileError: it cannot be written
        """
        with self.locked():
            found = self._read()
            if found.damaged:
                self.path.replace(self.path.with_name(f"{self.path.name}.damaged"))
                found = JournalState()
            self._compact(max(generation, found.generation), _kept(found, ledger or found.ledger))

    def order(self, generation: int, *, wait: bool = True, **facts: Any) -> None:
        """Record that a paid request or price confirmation is about to be sent; durable when this returns.

        :param wait: False: it is durable after the next ``sync``, so that several wait for the disk once
        :raises FileError: it cannot be written, so nothing must be sent
        """
        self._append({"t": "order", "generation": generation, **facts}, leave=RESERVE, wait=wait)

    def sync(self) -> None:
        """Make durable what was recorded without waiting.

        :raises FileError: it cannot be written
        """
        with self.locked():
            sync_file(self.path)

    def job(self, **facts: Any) -> None:
        """Record a remote id that is in the database, in case the database is lost; not synced."""
        self._append({"t": "job", **facts}, leave=RESERVE, wait=False)

    def ledger(self, head: Head) -> None:
        """Record the last line of the ledger; not synced, and left out where it cannot be written. The highest one counts."""
        try:
            self._append({"t": "ledger", **head._asdict()}, leave=RESERVE, wait=False)
        except FileError as error:
            logger.info("the end of the ledger is not in the journal: %s", error)

    def note(self, kind: str, **facts: Any) -> str:
        """Keep a response that the database cannot store now; returns the name to ``settle`` it by.

        :raises FileError: it cannot be written
        """
        name = uuid.uuid4().hex
        self._append({"t": "note", "id": name, "kind": kind, **facts})
        return name

    def settle(self, name: str) -> None:
        """Record that a note is in the database now.

        :raises FileError: it cannot be written
        """
        self._append({"t": "settled", "id": name}, wait=False)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all others out; what is recorded meanwhile takes no lock of its own.

        :raises FileError: it cannot be locked
        """
        with self._lock, translate_os_errors(self.path):
            if self._held:
                yield
                return
            with self._file_lock:
                self._held = True
                try:
                    yield
                finally:
                    self._held = False

    def _append(self, record: Record, *, leave: int = 0, wait: bool = True) -> None:
        line = _line(record)
        with self.locked(), self.path.open("r+b", buffering=0) as file:
            end, size, torn = self._find_end(file)
            if end > MOST:
                found = self._read()
                if not found.damaged:
                    self._compact(found.generation, (*_kept(found, found.ledger), record))
                    return
            _make_room(file, size, size - end - len(line), leave)
            file.seek(end)
            # Overwrites the rest of a line that was cut short.
            _write(file, line + _FREE * (torn - len(line)))
            self._last = end, line
            if wait:
                os.fsync(file.fileno())

    def _find_end(self, file: FileIO) -> tuple[int, int, int]:
        """Where the next record goes, the size of the file, and the bytes of a line that was cut short there."""
        size, (begin, line) = os.fstat(file.fileno()).st_size, self._last
        file.seek(begin)
        if line and file.read(len(line) + 1) == line + _FREE:
            # Nobody has written since: what is before need not be read again.
            return begin + len(line), size, 0
        file.seek(0)
        content = file.read()
        end = _end_of(content)
        return end, size, len(content.rstrip(_FREE)) - end

    def look(self) -> JournalState:
        """As ``read``; one that cannot be read counts as damaged."""
        try:
            return self.read()
        except FileError as error:
            logger.error("the journal cannot be read: %s", error)
            return JournalState(damaged=True)

    def _read(self) -> JournalState:
        try:
            content, facts = self.path.read_bytes(), self.path.stat()
        except FileNotFoundError:
            return JournalState(exists=False)
        lines = [line for line in content[: _end_of(content)].split(_FREE) if line]
        records = [_record(line) for line in lines]
        if not records or None in records:
            return JournalState(damaged=True, generation=max((_generation(one) for one in records), default=0))
        known = [record for record in records if record is not None]
        if known[0].get("t") != "head":
            return JournalState(damaged=True, generation=max(map(_generation, known)))
        settled = {record["id"] for record in known if record["t"] == "settled"}
        return JournalState(
            copied=known[0]["file"] != facts.st_ino,
            changed_at=facts.st_ctime,
            generation=max(map(_generation, known)),
            ledger=max((Head(one["n"], one["hash"]) for one in known if one["t"] == "ledger"), default=None),
            notes=tuple(one for one in known if one["t"] == "note" and one["id"] not in settled),
            jobs=tuple(one for one in known if one["t"] == "job"),
        )

    def _compact(self, generation: int, records: tuple[Record, ...]) -> None:
        part = self.path.with_name(f"{self.path.name}.new")
        part.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                # The inode number: a copy has another one.
                head = {"t": "head", "v": 1, "file": os.fstat(file.fileno()).st_ino, "generation": generation}
                file.write(b"".join(map(_line, (head, *records))) + _FREE * ROOM)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
            sync_folder(self.path.parent)
        finally:
            part.unlink(missing_ok=True)


def _kept(found: JournalState, ledger: Head | None) -> tuple[Record, ...]:
    """The records that a compacted journal goes on with."""
    head = () if ledger is None else ({"t": "ledger", **ledger._asdict()},)
    return (*head, *found.jobs[-JOBS:], *found.notes)


def _make_room(file: FileIO, size: int, left: int, leave: int) -> None:
    """Ensure that ``leave`` bytes stay free beyond what is to be written.

    :raises OSError: the disk is full
    """
    if left >= max(leave, RESERVE):
        return
    try:
        file.seek(size)
        _write(file, _FREE * ROOM)
        os.fsync(file.fileno())
    except OSError:
        # A response may use the reserve; an order may not.
        if left < leave or left < 0:
            raise


def _write(file: FileIO, data: bytes) -> None:
    """Write everything: an unbuffered file may take a part, and a buffered one would fail again when it is closed."""
    while data:
        data = data[file.write(data) :]


def _line(record: Record) -> bytes:
    body = json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(body), body)


def _record(line: bytes) -> Record | None:
    """The record of a line; None when its checksum is wrong."""
    check, _, body = line.partition(b" ")
    if check != b"%08x" % zlib.crc32(body):
        return None
    record: Record = json.loads(body)
    return record


def _end_of(content: bytes) -> int:
    """The offset of the next record: after the last complete one, if only the last line is incomplete."""
    written = content.rstrip(_FREE)
    if not written:
        return 0
    start = written.rfind(_FREE) + 1
    return len(written) + 1 if _record(written[start:]) is not None else start


def _generation(record: Record | None) -> int:
    return int(record.get("generation", 0)) if record is not None else 0
