"""SQL and errors that are specific to SQLite; everything else is plain SQL.

Another backend adds its branch to each function here and joins the contract tests.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Table, UnaryExpression, func, literal, select
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.operators import custom_op

from vidgen_core.domain.errors import FileError, StoreError, VidgenError

BUSY_SECONDS: Final = 10

_BIGGEST: Final = 2**63

#: First fixed release of each line that got the fix of the WAL-reset race (sqlite.org, release history).
_FIXED: Final = {(3, 44): 6, (3, 50): 7, (3, 51): 3}


def has_wal_reset_bug(version: Sequence[int]) -> bool:
    """Whether this SQLite can damage a database when one connection checkpoints while another one writes."""
    line, patch = (version[0], version[1]), version[2]
    if line in _FIXED:
        return patch < _FIXED[line]
    return (3, 7) <= line < max(_FIXED)


def pragmas(*, writes: bool, checkpoints: bool) -> list[str]:
    """The pragmas of a new connection. A reader cannot write; only the worker's store checkpoints."""
    common = [
        f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}",
        "PRAGMA synchronous=FULL",
        f"PRAGMA cache_size={-16_000 if writes else -4_000}",
        "PRAGMA temp_store=MEMORY",
        f"PRAGMA wal_autocheckpoint={1000 if writes and checkpoints else 0}",
    ]
    return common if writes else [*common, "PRAGMA query_only=ON"]


def begin(*, writes: bool) -> str:
    """The BEGIN statement. A writer takes the lock at once, so that nothing it has read can change before it writes."""
    return "BEGIN IMMEDIATE" if writes else "BEGIN"


def upsert(table: Table) -> Insert:
    """An INSERT with ON CONFLICT."""
    return insert(table)


def among(column: ColumnElement[Any], values: Collection[Any] | BindParameter[Any]) -> ColumnElement[bool]:
    """``column IN values`` for any number of values in one statement, or for ``listed`` ones given when it is run."""
    listing = values if isinstance(values, BindParameter) else listed(values)
    rows = func.json_each(listing).table_valued("value")
    return column.in_(select(rows.c.value))


def listed(values: Collection[Any]) -> str:
    """Values as ``among`` takes them in a parameter."""
    return json.dumps(list(values))


def contains(column: ColumnElement[str], lower: str) -> ColumnElement[bool]:
    """Whether ``column``, which is in lower case, contains ``lower``; nothing in it needs escaping."""
    return func.instr(column, literal(lower)) > 0


def mentions(column: ColumnElement[str], words: str) -> ColumnElement[bool]:
    """Whether ``column`` contains the words in any case; SQLite's LIKE ignores the case of ASCII letters."""
    return column.contains(words, autoescape=True)


def greatest(*values: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.max(*values)


def unindexed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """``column`` in a form that no index is chosen for: SQLite cannot know how many rows a text search leaves."""
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)


def translated(error: Exception, path: Path | str) -> VidgenError | None:
    """The error for users that a database error means; None when it is a bug."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.Error):
        return None
    where = str(path)
    match getattr(cause, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreError("store_locked", path=where)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StoreError("store_damaged", path=where)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return StoreError("store_read_only", path=where)
        case sqlite3.SQLITE_FULL:
            return FileError("disk_full", folder=where)
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_IOERR | sqlite3.SQLITE_PROTOCOL | sqlite3.SQLITE_NOMEM:
            return StoreError("store_unreachable", path=where)
    return None


def json_text(value: Any) -> str:
    """JSON that SQLite's functions can read: without NaN and infinity."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value


def storable_parameters(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, executemany: bool
) -> tuple[str, Any]:
    """The parameters of a statement, made storable: responses of providers may contain anything JSON can express."""
    return statement, [_row(row) for row in parameters] if executemany else _row(parameters)


def _row(row: Any) -> Any:
    if isinstance(row, dict):
        return {name: storable(value) for name, value in row.items()}
    return tuple(storable(value) for value in row)


def storable(value: Any) -> Any:
    """``value`` as SQLite can store it: no lone surrogates, no NUL in text, no number beyond 64 bits."""
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            # A surrogate pair becomes its character again; a lone surrogate becomes the replacement character.
            value = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, str):
        return value.replace("\0", "\ufffd") if "\0" in value else value
    if isinstance(value, int) and not -_BIGGEST <= value < _BIGGEST:
        return _BIGGEST - 1 if value > 0 else -_BIGGEST
    return value
