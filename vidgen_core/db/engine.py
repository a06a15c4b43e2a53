"""The store: one database, one writer at a time, any number of readers that never wait for it.

    with store.read() as tx:  ...      a snapshot; cannot write
    with store.write() as tx: ...      atomic, durable when the block is left

Database errors leave this module as ``StoreError`` or ``FileError``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidgen_core.db import dialect
from vidgen_core.db.backends import backend_of
from vidgen_core.db.backends.backend import RunnerLock
from vidgen_core.db.ledger_chain import ChainRepository, Head
from vidgen_core.db.transaction import CURRENT, Transaction
from vidgen_core.domain.errors import StoreError

if TYPE_CHECKING:
    from vidgen_core.db.copying import Copied
    from vidgen_core.db.repositories.access import (
        AgentRepository,
        QuoteRepository,
        RequestRepository,
        SessionRepository,
    )
    from vidgen_core.db.repositories.attempts import AttemptRepository
    from vidgen_core.db.repositories.batches import BatchRepository, DrawRepository, ShotChainRepository
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
    from vidgen_core.db.repositories.takes import ReviewRepository, TakeRepository
    from vidgen_core.db.repositories.tasks import TaskRepository


class _Repository:
    """A repository of a transaction; imported, and made once, when it is first asked for, because most commands need few."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._made: Callable[[Transaction], Any] | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self._name, self._kind = name, owner.__annotations__[name]

    def __get__(self, tx: Transaction, owner: type | None = None) -> Any:
        if self._made is None:
            self._made = getattr(import_module(f"vidgen_core.db.repositories.{self._module}"), self._kind)
        # From now on the attribute is found before this is asked.
        tx.__dict__[self._name] = made = self._made(tx)
        return made


def _repository(module: str) -> Any:
    return _Repository(module)


class Tx(Transaction):
    """A transaction with its repositories, each made when it is first asked for."""

    projects: ProjectRepository = _repository("projects")
    shots: ShotRepository = _repository("shots")
    tasks: TaskRepository = _repository("tasks")
    attempts: AttemptRepository = _repository("attempts")
    ledger: LedgerRepository = _repository("ledger")
    chain = cached_property(ChainRepository)
    takes: TakeRepository = _repository("takes")
    reviews: ReviewRepository = _repository("takes")
    candidates: CandidateRepository = _repository("candidates")
    log: LogRepository = _repository("log")
    keys: KeyRepository = _repository("state")
    heartbeat: HeartbeatRepository = _repository("state")
    state: StateRepository = _repository("state")
    batches: BatchRepository = _repository("batches")
    shot_chains: ShotChainRepository = _repository("batches")
    draws: DrawRepository = _repository("batches")
    disputes: DisputeRepository = _repository("disputes")
    reports: ReportRepository = _repository("reports")
    uploads: UploadRepository = _repository("state")
    prompts: PromptVersionRepository = _repository("scripts")
    scripts: ScriptRepository = _repository("scripts")
    llm_calls: LlmCallRepository = _repository("scripts")
    progress: ProgressRepository = _repository("scripts")
    sessions: SessionRepository = _repository("access")
    requests: RequestRepository = _repository("access")
    agents: AgentRepository = _repository("access")
    quotes: QuoteRepository = _repository("access")


class Store:
    """An open database. Safe to use from many threads; made by ``Store.open``."""

    def __init__(self, path_or_url: Path | str, *, checkpoints: bool, timezone: str) -> None:
        self._backend = backend = backend_of(
            path_or_url, checkpoints=checkpoints, timezone=timezone, on_line=self._note_line
        )
        #: Told the last line of the ledger after each commit that added to it, outside of every transaction.
        self.witness: Callable[[Head], None] | None = None
        #: The last line that the open transaction has added, where it is no server that does.
        self._line: Head | None = None
        self._witnessed: Head | None = None
        #: Where it is, for people.
        self.place = backend.place
        #: Whether other machines may use it, too.
        self.is_shared = backend.is_shared
        self._writer = backend.writer
        self._readers = backend.readers
        self._lock = threading.Lock()
        self._owner: int | None = None

    @classmethod
    def open(cls, path_or_url: Path | str, *, checkpoints: bool = False, timezone: str = "") -> Store:
        """Open the database, a file or one of PostgreSQL, created if there is none, and upgrade its schema.

        :param checkpoints: the worker's store moves the write-ahead log into the database; others never do.
        :param timezone: of PostgreSQL, in which its days begin; SQLite takes this machine's
        Raises StoreError: store_unsupported, store_locked, store_damaged, store_too_new, store_read_only,
        store_unreachable, of PostgreSQL also store_url_unreadable, store_host_unknown, store_driver_missing, store_server_away,
        store_login_refused, store_not_admitted, store_tls_needed, store_tls_refused, store_database_missing, store_not_utf8, store_of_others, store_incomplete; FileError: disk_full.
        """
        store = cls(path_or_url, checkpoints=checkpoints, timezone=timezone)
        try:
            with store.translated():
                store._backend.prepare()
        except BaseException:
            store.close()
            raise
        return store

    @contextmanager
    def read(self, *, patient: bool = False) -> Iterator[Tx]:
        """A transaction that sees one moment and cannot write.

        :param patient: wait for answers of a server for as long as they take; else it is given up when it is silent
        """
        with self.translated(), self._readers.connect() as connection:
            if patient:
                self._backend.patient(connection)
            connection.begin()
            yield Tx(connection, self.place, writes=False)
            # Undone instead, it would take the prepared statements of a server's driver with it.
            connection.commit()

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
            known = dialect.translated(error, self.place) if isinstance(error, Exception) else None
            if known is None:
                raise
            raise known from error
        self.commit(tx)
        tx.tell()

    def begin(self) -> Tx:
        """Begin a transaction that ``commit`` or ``roll_back`` ends, in any thread; ``write`` does so where it can."""
        if self._owner == threading.get_ident():
            raise RuntimeError("this thread is writing already")
        self._lock.acquire()
        try:
            self._owner = threading.get_ident()
            with self.translated():
                connection = self._writer.connect()
                try:
                    connection.begin()
                except BaseException:
                    connection.close()
                    raise
            return Tx(connection, self.place, writes=True)
        except BaseException:
            self._release()
            raise

    def commit(self, tx: Tx) -> None:
        """Make a transaction durable; one that cannot be is rolled back. ``tx.tell`` then tells those who wait for it.

        :raises CommitUnknown: a server may have committed it
        """
        request, head = CURRENT.get(), None
        try:
            with self.translated():
                if not tx.alive:
                    # For the driver a commit without a transaction is a success.
                    raise StoreError("store_undone", path=self.place)
                if request is not None:
                    tx.requests.mark_written(request)
                tx.add_rest()
                head = self._line
                # A server adds the lines itself, where nobody here hears of it.
                if self.witness is not None and self.is_shared:
                    head = tx.chain.head()
                tx.commit()
                if tx.number is not None:
                    self._backend.reached(tx.number)
        except BaseException:
            self.roll_back(tx)
            raise
        self._release()
        if head is not None and head != self._witnessed and self.witness is not None:
            self._witnessed = head
            self.witness(head)

    def roll_back(self, tx: Tx) -> None:
        """Undo a transaction."""
        try:
            tx.roll_back()
        finally:
            self._release()

    def was_committed(self, transaction: str) -> bool | None:
        """Whether a transaction of ``CommitUnknown`` was committed; None: nobody can say any more.

        :raises StoreError: nobody can say yet
        """
        with self.translated():
            return self._backend.was_committed(transaction)

    def _note_line(self, line: Head) -> None:
        self._line = line

    def _release(self) -> None:
        self._owner = self._line = None
        self._lock.release()

    def revision(self) -> int:
        """The number of the last change of projects, shots, tasks, attempts, takes or state; takes some microseconds."""
        with self.translated():
            return self._backend.revision()

    def on_change(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Be told of changes as they are committed: by a server, in a thread of its own, of those of any machine, else of ours.

        A server does so from the first ``revision`` on, and after its restart from the next one on.
        :returns: what ends it
        """
        return self._backend.on_change(tell)

    def time(self) -> float:
        """Seconds since 1970 where the database is."""
        with self.translated():
            return self._backend.time()

    def now(self) -> datetime:
        """``time``, aware, in UTC: what all who share it go by, whatever clock their machines have."""
        return datetime.fromtimestamp(self.time(), UTC)

    def backup(self, target: Path) -> None:
        """Write a complete copy, an SQLite file, to ``target`` while others read and write."""
        with self.translated():
            self._backend.backup(target)

    def runner_lock(self, file: Path) -> RunnerLock:
        """The lock of the one worker of this database; ``file`` is that of the data home.

        Its ``acquire`` raises StoreError store_server_away.
        """
        return self._backend.runner_lock(file)

    def writing_lock(self, file: Path) -> RunnerLock:
        """The lock of whoever asks language models about what is in this database; as ``runner_lock``."""
        return self._backend.writing_lock(file)

    def copy_to(self, target: Store) -> list[Copied]:
        """Copy everything into an empty database; returns the rows of each table.

        Raises StoreError store_copy_not_empty, store_copy_differs.
        """
        from vidgen_core.db.copying import copy_database

        with self.translated(), target.translated():
            return copy_database(self._backend, target._backend)

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database as far as readers allow."""
        with self._lock, self.translated():
            self._backend.checkpoint()

    def info(self) -> dict[str, Any]:
        """Facts for diagnostics; sizes in bytes."""
        with self.translated():
            return self._backend.info()

    def close(self) -> None:
        """Close all connections; may be called again."""
        self._backend.close()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of the database as those for users."""
        try:
            yield
        except Exception as error:
            known = dialect.translated(error, self.place)
            if known is None:
                raise
            raise known from error
