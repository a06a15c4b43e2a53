"""What the store needs of a database."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

from sqlalchemy import Connection, Engine

from vidgen_core.db.transaction import REVISION

_REVISION_SQL: Final = str(REVISION)


class RunnerLock(Protocol):
    """What the one worker of a database holds while it works; of several that share a server, the one that leads."""

    def acquire(self) -> bool:
        """Take it; False while another process has it.

        :raises StoreError: ``store_server_away``
        """
        ...

    def is_taken(self) -> bool:
        """Whether any process has it.

        :raises StoreError: ``store_server_away``
        """
        ...

    def is_held(self) -> bool:
        """Whether this process still has it: a server that was restarted has forgotten it."""
        ...

    def take_away(self) -> None:
        """Let whoever has it lose it: a process that stands still keeps what is a server's. Where it is a file, nothing happens.

        :raises StoreError: ``store_server_away``
        """
        ...

    def release(self) -> None:
        """Give it back; does nothing when it is lost."""
        ...


class Backend(ABC):
    """What the store needs of a database beyond SQL."""

    #: Where it is, for people: a path, or a URL without its password.
    place: str
    #: Whether other machines may use it, too.
    is_shared: ClassVar[bool]
    writer: Engine
    readers: Engine

    def __init__(self) -> None:
        #: The connection of ``revision``, which is called so often that one of the pool would cost more than the query.
        self._revision_connection: Any = None
        self._revision_lock = threading.Lock()
        #: Those that are told of changes.
        self._tells: list[Callable[[], None]] = []

    @abstractmethod
    def prepare(self) -> None:
        """Create or upgrade the schema."""

    def revision(self) -> int:
        """The number of the last change, as soon as it is committed."""
        with self._revision_lock:
            return self._revision()

    def time(self) -> float:
        """Seconds since 1970 where the database is."""
        return time.time()

    def reached(self, number: int) -> None:  # noqa: ARG002 - for those who count
        """A change of this process with that number is committed."""
        for tell in tuple(self._tells):
            tell()

    def on_change(self, tell: Callable[[], None]) -> Callable[[], None]:
        """As ``Store.on_change``."""
        self._tells.append(tell)
        return lambda: self._tells.remove(tell)

    def _revision(self) -> int:
        if self._revision_connection is None:
            self._revision_connection = self.connect()
        row = self._revision_connection.execute(_REVISION_SQL).fetchone()
        return int(row[0]) if row is not None else 0

    def was_committed(self, transaction: str) -> bool | None:  # noqa: ARG002 - a file answers each commit
        """As ``Store.was_committed``."""
        return None

    def patient(self, connection: Connection) -> None:
        """Let each statement of a connection take as long as it does, until it is given back: a server is else given up that says nothing."""

    @abstractmethod
    def connect(self) -> Any:
        """A connection of the driver outside of the pools, each of whose statements is a transaction of its own."""

    @abstractmethod
    def runner_lock(self, file: Path) -> RunnerLock:
        """The lock of the worker.

        :param file: the lock file of the data home, for a database that is no server
        """

    @abstractmethod
    def writing_lock(self, file: Path) -> RunnerLock:
        """The lock of whoever asks language models.

        :param file: as of ``runner_lock``
        """

    @abstractmethod
    def backup(self, target: Path) -> None:
        """Write a complete copy to a file."""

    def checkpoint(self) -> None:
        """Move what was logged into the database, where that is not the server's own affair."""

    @abstractmethod
    def info(self) -> dict[str, Any]:
        """Facts for diagnostics; sizes in bytes."""

    def close(self) -> None:
        """Close all connections; may be called again."""
        self.readers.dispose()
        self.writer.dispose()
        with self._revision_lock:
            connection, self._revision_connection = self._revision_connection, None
            if connection is not None:
                connection.close()
