"""The databases that the store can be in: SQLite, a file in the data home, or PostgreSQL, shared by several machines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from vidgen_core.domain.errors import StoreError


class RunnerLock(Protocol):
    """What the one worker of a database holds while it works."""

    #: Whether it can be lost while this process lives.
    can_be_lost: bool

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

    def release(self) -> None:
        """Give it back; does nothing when it is lost."""
        ...


class Backend(Protocol):
    """What the store needs of a database beyond SQL."""

    #: Where it is, for people: a path, or a URL without its password.
    place: str
    #: Whether other machines may use it, too.
    is_shared: bool
    writer: Engine
    readers: Engine

    def prepare(self) -> None:
        """Create or upgrade the schema."""
        ...

    def revision(self) -> int:
        """The number of the last change, as soon as it is committed."""
        ...

    def runner_lock(self, file: Path) -> RunnerLock:
        """The lock of the worker.

        :param file: the lock file of the data home, for a database that is no server
        """
        ...

    def backup(self, target: Path) -> None:
        """Write a complete copy to a file."""
        ...

    def checkpoint(self) -> None:
        """Move what was logged into the database, where that is not the server's own affair."""
        ...

    def info(self) -> dict[str, Any]:
        """Facts for diagnostics; sizes in bytes."""
        ...

    def close(self) -> None:
        """Close all connections; may be called again."""
        ...


def backend_of(
    path_or_url: Path | str, *, checkpoints: bool, timezone: str, on_line: Callable[[], None] | None = None
) -> Backend:
    """The backend of a database.

    :param on_line: told of each line that is added to the ledger, where the database is not a server
    :raises StoreError: ``store_unsupported`` (scheme), ``store_url_unreadable``, ``store_driver_missing``
    """
    from vidgen_core.db.backends.sqlite import SqliteBackend

    if isinstance(path_or_url, Path) or "://" not in path_or_url:
        return SqliteBackend(Path(path_or_url), checkpoints=checkpoints, on_line=on_line)
    try:
        url = make_url(path_or_url)
    except (ArgumentError, ValueError):
        # Without its cause, which quotes the URL, and with it perhaps a password.
        raise StoreError("store_url_unreadable") from None
    match url.get_backend_name():
        case "sqlite" if url.database:
            return SqliteBackend(Path(url.database), checkpoints=checkpoints, on_line=on_line)
        case "postgresql" | "postgres" if url.database:
            from vidgen_core.db.backends.postgres import PostgresBackend

            return PostgresBackend(url, timezone=timezone)
        case "postgresql" | "postgres":
            raise StoreError("store_url_unreadable")
        case other:
            raise StoreError("store_unsupported", scheme=other)
