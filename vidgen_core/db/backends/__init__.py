"""The databases that the store can be in: SQLite, a file in the data home, or PostgreSQL, shared by several machines."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from vidgen_core.db.backends.backend import Backend
from vidgen_core.db.ledger_chain import Head
from vidgen_core.domain.errors import StoreError


def backend_of(
    path_or_url: Path | str, *, checkpoints: bool, timezone: str, on_line: Callable[[Head], None] | None = None
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
        case "postgresql" | "postgres" if url.database and not re.search("[@#]", f"{url.host}{url.database}"):
            from vidgen_core.db.backends.postgres import PostgresBackend

            return PostgresBackend(url, timezone=timezone)
        case "postgresql" | "postgres":
            # What looks like a host or a name may be the rest of a password that was not quoted.
            raise StoreError("store_url_unreadable")
        case other:
            raise StoreError("store_unsupported", scheme=other)
