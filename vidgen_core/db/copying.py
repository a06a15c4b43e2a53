"""Copy a whole database into an empty one, of whichever kind each is, and compare what has arrived."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Table,
    delete,
    func,
    insert,
    select,
    text,
    true,
    type_coerce,
    update,
)
from sqlalchemy.exc import DBAPIError

from vidgen_core.db import dialect
from vidgen_core.db.backends.backend import Backend
from vidgen_core.db.backends.sqlite import SqliteBackend
from vidgen_core.db.schema import metadata
from vidgen_core.db.schema.columns import Micros
from vidgen_core.db.schema.system import SETTINGS, heartbeat, revision, state
from vidgen_core.db.transaction import raw_connection
from vidgen_core.db.triggers import drop_triggers, renew_triggers
from vidgen_core.domain.errors import StoreError

_ROWS: Final = 1000
#: Written by any process that has opened a database.
_OF_PROCESSES: Final = (state, heartbeat)
#: Holds keys, so it is copied to another server only: a file is a backup, or of a machine that has settings of its own.
_NOT_INTO_FILES: Final = state.c.name != SETTINGS


class Copied(NamedTuple):
    """Rows of a table that were copied."""

    table: str
    rows: int


def copy_database(source: Backend, target: Backend) -> list[Copied]:
    """Copy all rows in one transaction, which is undone unless all of them arrive.

    :raises StoreError: ``store_copy_not_empty`` (place), ``store_copy_differs`` (table)
    """
    with source.readers.connect() as old, target.writer.begin() as new:
        source.patient(old)
        target.patient(new)
        for table in metadata.sorted_tables:
            if table is not revision and table not in _OF_PROCESSES and new.execute(select(table).limit(1)).first():
                raise StoreError("store_copy_not_empty", place=target.place)
        # The sums are copied as they are; with triggers they would be counted a second time.
        drop_triggers(new)
        copied = [
            _copy_table(old, new, table, source.place, whole=target.is_shared)
            for table in metadata.sorted_tables
            if table is not revision
        ]
        with _reading(source.place):
            number = old.execute(select(revision.c.n)).scalar_one()
        new.execute(update(revision).values(n=number))
        renew_triggers(new)
    return copied


def copy_to_file(source: Backend, target: Path) -> None:
    """Copy a database into a new SQLite file."""
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    copy = SqliteBackend(part, checkpoints=True)
    try:
        copy.prepare()
        copy_database(source, copy)
        with copy.writer.connect() as connection:
            # One file, with nothing beside it.
            raw_connection(connection).execute("PRAGMA journal_mode=DELETE")
    finally:
        copy.close()
    part.replace(target)


@contextmanager
def _reading(place: str) -> Iterator[None]:
    """Errors of what is read, which the database that is written to has no part in."""
    try:
        yield
    except DBAPIError as error:
        raise dialect.translated(error, place) or error from error


def _copy_table(old: Connection, new: Connection, table: Table, place: str, *, whole: bool) -> Copied:
    kept = true() if whole or table is not state else _NOT_INTO_FILES
    if table in _OF_PROCESSES:
        new.execute(delete(table))
    with _reading(place):
        parts = old.execution_options(yield_per=_ROWS).execute(select(table).where(kept)).mappings().partitions(_ROWS)
    while True:
        with _reading(place):
            rows = next(parts, None)
        if rows is None:
            break
        new.execute(insert(table), [dict(row) for row in rows])
    with _reading(place):
        before = _sums(old, table, kept)
    after = _sums(new, table, kept)
    if before != after:
        raise StoreError("store_copy_differs", table=table.name)
    counter = table.autoincrement_column
    if counter is not None and new.dialect.name == "postgresql":
        _go_on_after(new, table.name, counter.name)
    return Copied(table.name, after[0])


def _sums(connection: Connection, table: Table, kept: ColumnElement[bool]) -> tuple[int, ...]:
    """The number of rows, and the sums of their ids and of all money."""
    summed = [
        func.coalesce(func.sum(type_coerce(column, BigInteger)), 0)
        for column in table.c
        if isinstance(column.type, Micros) or (column.primary_key and isinstance(column.type, Integer))
    ]
    return tuple(
        int(value) for value in connection.execute(select(func.count(), *summed).select_from(table).where(kept)).one()
    )


def _go_on_after(new: Connection, table: str, column: str) -> None:
    """Let new rows be numbered after those that were copied."""
    names: dict[str, Any] = {"table": table, "column": column}
    new.execute(
        text(
            f"SELECT setval(pg_get_serial_sequence(:table, :column), coalesce(max({column}), 1), max({column}) IS NOT NULL) "  # noqa: S608
            f"FROM {table}"
        ),
        names,
    )
