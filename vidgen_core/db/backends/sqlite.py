"""SQLite: one file in the data home, WAL, one writer at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.pool import QueuePool

from vidgen_core.db import dialect, ledger_chain, migrations
from vidgen_core.db.backends.backend import Backend
from vidgen_core.db.ledger_chain import Head
from vidgen_core.db.transaction import raw_connection
from vidgen_core.domain.errors import StoreError

#: First fixed release of each line that got the fix of the WAL-reset race (sqlite.org, release history).
_FIXED: Final = {(3, 44): 6, (3, 50): 7, (3, 51): 3}
#: Bytes of the smallest database.
_LEAST: Final = 512


def has_wal_reset_bug(version: Sequence[int]) -> bool:
    """Whether this SQLite can damage a database when one connection checkpoints while another one writes."""
    line, patch = (version[0], version[1]), version[2]
    if line in _FIXED:
        return patch < _FIXED[line]
    return (3, 7) <= line < max(_FIXED)


class SqliteBackend(Backend):
    """A database file.

    :param checkpoints: the worker's store moves the write-ahead log into the database; others never do
    :param on_line: told of each line that is added to the ledger
    """

    is_shared = False

    def __init__(self, path: Path, *, checkpoints: bool, on_line: Callable[[Head], None] | None = None) -> None:
        super().__init__()
        self.path = path
        self.place = str(path)
        self.writer = _engine(path, checkpoints=checkpoints, on_line=on_line or _nobody_asks)
        self.readers = _engine(path)

    def prepare(self) -> None:
        if self.path.is_file() and 0 < self.path.stat().st_size < _LEAST:
            # For SQLite it is an empty database, which it would write over.
            raise StoreError("store_damaged", path=str(self.path))
        with self.writer.connect() as connection:
            _use_wal(connection)
            if migrations.is_current(connection):
                connection.rollback()
            else:
                connection.rollback()
                with connection.begin():
                    migrations.upgrade(connection)

    def connect(self) -> sqlite3.Connection:
        # Opened only when there is a database: reading the revision must not create a file that was removed.
        where = f"{self.path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(
            where, uri=True, check_same_thread=False, isolation_level=None, timeout=dialect.BUSY_SECONDS
        )
        for pragma in _pragmas(writes=False, checkpoints=False):
            connection.execute(pragma)
        return connection

    def runner_lock(self, file: Path) -> FileRunnerLock:
        return FileRunnerLock(file)

    writing_lock = runner_lock

    def backup(self, target: Path) -> None:
        part = target.with_name(target.name + ".part")
        with self.readers.connect() as connection:
            copy = sqlite3.connect(part)
            part.chmod(0o600)
            try:
                raw_connection(connection).backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")
                copy.close()
                part.replace(target)
            finally:
                copy.close()
                part.unlink(missing_ok=True)

    def checkpoint(self) -> None:
        with self.writer.connect() as connection:
            raw_connection(connection).execute("PRAGMA wal_checkpoint(PASSIVE)")

    def info(self) -> dict[str, Any]:
        with self.readers.connect() as connection:
            journal = str(connection.execute(text("PRAGMA journal_mode")).scalar_one())
            schema = migrations.current(connection)
        wal = self.path.with_name(self.path.name + "-wal")
        return {
            "engine": "sqlite",
            "version": sqlite3.sqlite_version,
            "wal_reset_bug": has_wal_reset_bug(sqlite3.sqlite_version_info),
            "journal_mode": journal,
            "path": self.place,
            "bytes": self.path.stat().st_size,
            "wal_bytes": wal.stat().st_size if wal.exists() else 0,
            "schema": schema,
        }


class FileRunnerLock:
    """The lock of a data home, by the operating system: it ends with the process."""

    def __init__(self, file: Path) -> None:
        from filelock import FileLock

        self._lock = FileLock(file, thread_local=False)

    def take_away(self) -> None:
        pass

    def acquire(self) -> bool:
        try:
            self._lock.acquire(timeout=0)
        except TimeoutError:
            return False
        return True

    def is_taken(self) -> bool:
        if not self.acquire():
            return True
        self.release()
        return False

    def is_held(self) -> bool:
        return self._lock.is_locked

    def release(self) -> None:
        self._lock.release()


def _pragmas(*, writes: bool, checkpoints: bool) -> list[str]:
    """The pragmas of a new connection. A reader cannot write; only the worker's store checkpoints."""
    common = [
        f"PRAGMA busy_timeout={dialect.BUSY_SECONDS * 1000}",
        "PRAGMA synchronous=FULL",
        f"PRAGMA cache_size={-4_000 if writes else -2_000}",
        "PRAGMA temp_store=MEMORY",
        f"PRAGMA wal_autocheckpoint={1000 if writes and checkpoints else 0}",
    ]
    return common if writes else [*common, "PRAGMA query_only=ON"]


def _nobody_asks(_line: Head) -> None:
    """The listener for lines of the ledger where there is none."""


def _engine(path: Path, *, checkpoints: bool = False, on_line: Callable[[Head], None] | None = None) -> Engine:
    """Connections to the database.

    :param on_line: told of each line that is added to the ledger; without it the connections only read
    """
    writes = on_line is not None
    engine = create_engine(
        # Not a formatted URL: ``?``, ``#`` and ``%`` in a path would be parsed as parts of it.
        URL.create("sqlite", database=str(path)),
        # The writer is one connection behind a lock; readers come and go with threads.
        poolclass=QueuePool,
        pool_size=1 if writes else 8,
        max_overflow=0 if writes else 56,
        connect_args={"check_same_thread": False, "isolation_level": None, "timeout": dialect.BUSY_SECONDS},
        # Tracebacks must not contain prompts.
        hide_parameters=True,
        json_serializer=dialect.json_text,
    )
    event.listen(engine, "before_cursor_execute", dialect.storable_parameters, retval=True)

    @event.listens_for(engine, "connect")
    def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in _pragmas(writes=writes, checkpoints=checkpoints):
            connection.execute(pragma)
        if on_line is not None:
            ledger_chain.register(connection, on_line)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes the lock at once, so that nothing it has read can change before it writes.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _use_wal(connection: Connection) -> None:
    raw = raw_connection(connection)
    if raw.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        return
    # Imported by a first start alone.
    from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

    # Two first starts at once: SQLite refuses the switch without waiting while the other one holds the file.
    again = Retrying(
        retry=retry_if_exception(_is_locked),
        stop=stop_after_delay(dialect.BUSY_SECONDS),
        wait=wait_random(0.01, 0.05),
        reraise=True,
    )
    again(raw.execute, "PRAGMA journal_mode=WAL")
