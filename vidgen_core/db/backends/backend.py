"""What the store needs of a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine


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
