"""The store: one database, one writer at a time, any number of readers that never wait for it.

    with store.read() as tx:  ...      a snapshot; cannot write
    with store.write() as tx: ...      atomic, durable when the block is left

Database errors leave this module as ``StoreError`` or ``FileError``.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from vidgen_core.db import dialect, ledger_chain, migrations
from vidgen_core.db.ledger_chain import ChainRepository, Head
from vidgen_core.db.repositories.access import (
    CURRENT,
    AgentRepository,
    QuoteRepository,
    RequestRepository,
    SessionRepository,
)
from vidgen_core.db.repositories.attempts import AttemptRepository
from vidgen_core.db.repositories.batches import BatchRepository, DrawRepository
from vidgen_core.db.repositories.candidates import CandidateRepository
from vidgen_core.db.repositories.disputes import DisputeRepository
from vidgen_core.db.repositories.ledger import LedgerRepository
from vidgen_core.db.repositories.log import LogRepository
from vidgen_core.db.repositories.projects import ProjectRepository
from vidgen_core.db.repositories.reports import ReportRepository
from vidgen_core.db.repositories.scripts import (
    LlmCallRepository,
    ProgressRepository,
    PromptVersionRepository,
    ScriptRepository,
)
from vidgen_core.db.repositories.shots import ShotRepository
from vidgen_core.db.repositories.state import HeartbeatRepository, KeyRepository, StateRepository, UploadRepository
from vidgen_core.db.repositories.takes import TakeRepository
from vidgen_core.db.repositories.tasks import TaskRepository
from vidgen_core.db.transaction import REVISION, Transaction, raw_connection
from vidgen_core.domain.errors import StoreError

_REVISION_SQL = str(REVISION)


class Tx(Transaction):
    """A transaction with its repositories."""

    @cached_property
    def projects(self) -> ProjectRepository:
        return ProjectRepository(self)

    @cached_property
    def shots(self) -> ShotRepository:
        return ShotRepository(self)

    @cached_property
    def tasks(self) -> TaskRepository:
        return TaskRepository(self)

    @cached_property
    def attempts(self) -> AttemptRepository:
        return AttemptRepository(self)

    @cached_property
    def ledger(self) -> LedgerRepository:
        return LedgerRepository(self)

    @cached_property
    def chain(self) -> ChainRepository:
        return ChainRepository(self)

    @cached_property
    def takes(self) -> TakeRepository:
        return TakeRepository(self)

    @cached_property
    def candidates(self) -> CandidateRepository:
        return CandidateRepository(self)

    @cached_property
    def log(self) -> LogRepository:
        return LogRepository(self)

    @cached_property
    def keys(self) -> KeyRepository:
        return KeyRepository(self)

    @cached_property
    def heartbeat(self) -> HeartbeatRepository:
        return HeartbeatRepository(self)

    @cached_property
    def state(self) -> StateRepository:
        return StateRepository(self)

    @cached_property
    def batches(self) -> BatchRepository:
        return BatchRepository(self)

    @cached_property
    def draws(self) -> DrawRepository:
        return DrawRepository(self)

    @cached_property
    def disputes(self) -> DisputeRepository:
        return DisputeRepository(self)

    @cached_property
    def reports(self) -> ReportRepository:
        return ReportRepository(self)

    @cached_property
    def uploads(self) -> UploadRepository:
        return UploadRepository(self)

    @cached_property
    def prompts(self) -> PromptVersionRepository:
        return PromptVersionRepository(self)

    @cached_property
    def scripts(self) -> ScriptRepository:
        return ScriptRepository(self)

    @cached_property
    def llm_calls(self) -> LlmCallRepository:
        return LlmCallRepository(self)

    @cached_property
    def progress(self) -> ProgressRepository:
        return ProgressRepository(self)

    @cached_property
    def sessions(self) -> SessionRepository:
        return SessionRepository(self)

    @cached_property
    def requests(self) -> RequestRepository:
        return RequestRepository(self)

    @cached_property
    def agents(self) -> AgentRepository:
        return AgentRepository(self)

    @cached_property
    def quotes(self) -> QuoteRepository:
        return QuoteRepository(self)


class Store:
    """An open database. Safe to use from many threads; made by ``Store.open``."""

    def __init__(self, path: Path, *, checkpoints: bool) -> None:
        self.path = path
        #: Told the last line of the ledger after each commit that added to it, outside of every transaction.
        self.witness: Callable[[Head], None] | None = None
        self._ledger_grew = False
        self._writer = _engine(path, checkpoints=checkpoints, on_line=self._note_line)
        self._readers = _engine(path)
        self._lock = threading.Lock()
        self._owner: int | None = None
        #: The connection of ``revision``, which is called so often that one of the pool would cost more than the query.
        self._revision_connection: sqlite3.Connection | None = None
        self._revision_lock = threading.Lock()

    @classmethod
    def open(cls, path_or_url: Path | str, *, checkpoints: bool = False) -> Store:
        """Open the database, created if there is none, and upgrade its schema.

        :param checkpoints: the worker's store moves the write-ahead log into the database; others never do.
        Raises StoreError: store_unsupported, store_locked, store_damaged, store_too_new, store_read_only,
        store_unreachable; FileError: disk_full.
        """
        store = cls(_path_of(path_or_url), checkpoints=checkpoints)
        try:
            with store._translated():
                store._prepare()
        except BaseException:
            store.close()
            raise
        return store

    def _prepare(self) -> None:
        with self._writer.connect() as connection:
            _use_wal(connection)
            if migrations.is_current(connection):
                connection.rollback()
            else:
                connection.rollback()
                with connection.begin():
                    migrations.upgrade(connection)

    @contextmanager
    def read(self) -> Iterator[Tx]:
        with self._translated(), self._readers.connect() as connection:
            yield Tx(connection, self.path, writes=False)

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """A transaction that is committed when the block is left and rolled back when it raises.

        One at a time in a Store; waits for another process for 10 s, then raises StoreError store_locked.
        """
        tx = self.begin()
        try:
            yield tx
        except BaseException as error:
            self.roll_back(tx)
            known = dialect.translated(error, self.path) if isinstance(error, Exception) else None
            if known is None:
                raise
            raise known from error
        self.commit(tx)
        tx.tell()

    def begin(self) -> Tx:
        """Begin a transaction that ``commit`` or ``roll_back`` ends, in any thread; ``write`` does so where it can."""
        if self._owner == threading.get_ident():
            raise RuntimeError("this thread is writing already: use tx.savepoint()")
        self._lock.acquire()
        try:
            self._owner = threading.get_ident()
            with self._translated():
                connection = self._writer.connect()
                try:
                    connection.begin()
                except BaseException:
                    connection.close()
                    raise
            return Tx(connection, self.path, writes=True)
        except BaseException:
            self._release()
            raise

    def commit(self, tx: Tx) -> None:
        """Make a transaction durable; one that cannot be is rolled back. ``tx.tell`` then tells those who wait for it."""
        request, head = CURRENT.get(), None
        try:
            with self._translated():
                if not tx.alive:
                    # For the driver a commit without a transaction is a success.
                    raise StoreError("store_undone", path=str(self.path))
                if request is not None:
                    tx.requests.mark_written(request)
                if self._ledger_grew and self.witness is not None:
                    head = tx.chain.head()
                tx.commit()
        except BaseException:
            self.roll_back(tx)
            raise
        self._release()
        if head is not None and self.witness is not None:
            self.witness(head)

    def roll_back(self, tx: Tx) -> None:
        """Undo a transaction."""
        try:
            tx.roll_back()
        finally:
            self._release()

    def _note_line(self) -> None:
        self._ledger_grew = True

    def _release(self) -> None:
        self._owner, self._ledger_grew = None, False
        self._lock.release()

    def revision(self) -> int:
        """The number of the last change of projects, shots, tasks, attempts, takes or state; takes some microseconds."""
        with self._translated(), self._revision_lock:
            if self._revision_connection is None:
                self._revision_connection = _connect_for_revision(self.path)
            return int(self._revision_connection.execute(_REVISION_SQL).fetchone()[0])

    def backup(self, target: Path) -> None:
        """Write a complete copy to ``target`` while others read and write."""
        part = target.with_name(target.name + ".part")
        with self._translated(), self._readers.connect() as connection:
            copy = sqlite3.connect(part)
            part.chmod(0o600)
            try:
                raw_connection(connection).backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")
            finally:
                copy.close()
        part.replace(target)

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database as far as readers allow."""
        with self._lock, self._translated(), self._writer.connect() as connection:
            raw_connection(connection).execute("PRAGMA wal_checkpoint(PASSIVE)")

    def info(self) -> dict[str, Any]:
        """Facts for diagnostics; sizes in bytes."""
        with self._translated(), self._readers.connect() as connection:
            journal = str(connection.execute(text("PRAGMA journal_mode")).scalar_one())
            schema = migrations.current(connection)
        wal = self.path.with_name(self.path.name + "-wal")
        return {
            "sqlite": sqlite3.sqlite_version,
            "wal_reset_bug": dialect.has_wal_reset_bug(sqlite3.sqlite_version_info),
            "journal_mode": journal,
            "path": str(self.path),
            "bytes": self.path.stat().st_size,
            "wal_bytes": wal.stat().st_size if wal.exists() else 0,
            "schema": schema,
        }

    def close(self) -> None:
        """Close all connections; may be called again."""
        self._readers.dispose()
        self._writer.dispose()
        with self._revision_lock:
            connection, self._revision_connection = self._revision_connection, None
            if connection is not None:
                connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            known = dialect.translated(error, self.path)
            if known is None:
                raise
            raise known from error


def _path_of(path_or_url: Path | str) -> Path:
    if isinstance(path_or_url, Path) or "://" not in path_or_url:
        return Path(path_or_url)
    url = make_url(path_or_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise StoreError("store_unsupported", scheme=url.get_backend_name())
    return Path(url.database)


def _engine(path: Path, *, checkpoints: bool = False, on_line: Callable[[], None] | None = None) -> Engine:
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
        for pragma in dialect.pragmas(writes=writes, checkpoints=checkpoints):
            connection.execute(pragma)
        if on_line is not None:
            ledger_chain.register(connection, on_line)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(dialect.begin(writes=writes))

    return engine


def _connect_for_revision(path: Path) -> sqlite3.Connection:
    # Opened only when there is a database: reading the revision must not create a file that was removed.
    where = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(
        where, uri=True, check_same_thread=False, isolation_level=None, timeout=dialect.BUSY_SECONDS
    )
    for pragma in dialect.pragmas(writes=False, checkpoints=False):
        connection.execute(pragma)
    return connection


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


@retry(
    retry=retry_if_exception(_is_locked),
    stop=stop_after_delay(dialect.BUSY_SECONDS),
    wait=wait_random(0.01, 0.05),
    reraise=True,
)
def _use_wal(connection: Connection) -> None:
    # Two first starts at once: SQLite refuses the switch without waiting while the other one holds the file.
    raw_connection(connection).execute("PRAGMA journal_mode=WAL")
