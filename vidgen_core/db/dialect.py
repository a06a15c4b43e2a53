"""SQL and errors that each database has in its own way; everything else is plain SQL.

Constructs are compiled for the database that runs them, so a statement that was compiled once serves both.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, ClassVar, Final

from sqlalchemy import BindParameter, ColumnElement, Double, Integer, Table, Text, literal
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NULLTYPE, TypeEngine

from vidgen_core.domain.errors import FileError, StoreError, VidgenError

BUSY_SECONDS: Final = 10

_BIGGEST: Final = 2**63


class _Spelled(FunctionElement[Any]):
    """An expression with a spelling for each database; ``{0}`` is its first operand."""

    sqlite: ClassVar[str]
    postgresql: ClassVar[str]

    def __init__(self, *operands: ColumnElement[Any], type_: TypeEngine[Any]) -> None:
        super().__init__(*operands)
        self.type = type_


@compiles(_Spelled)
def _spell(element: _Spelled, compiler: SQLCompiler, **options: Any) -> str:
    spelling: str = getattr(element, compiler.dialect.name)
    return spelling.format(*(compiler.process(operand, **options) for operand in element.clauses))


def _spelling(*, sqlite: str, postgresql: str) -> type[_Spelled]:
    # Statements are kept compiled by their classes.
    return type("_Spelled", (_Spelled,), {"inherit_cache": True, "sqlite": sqlite, "postgresql": postgresql})


_Greatest = _spelling(sqlite="max({0}, {1})", postgresql="greatest({0}, {1})")
#: The planner of PostgreSQL knows how many rows a search leaves.
_Unindexed = _spelling(sqlite="+{0}", postgresql="{0}")
_Contains = _spelling(sqlite="instr({0}, {1}) > 0", postgresql="strpos({0}, {1}) > 0")
_Mentions = _spelling(
    # LIKE of SQLite ignores the case of ASCII letters.
    sqlite="({0} LIKE '%' || {1} || '%' ESCAPE '/')",
    postgresql="(CAST({0} AS TEXT) ILIKE '%%' || {1} || '%%' ESCAPE '/')",
)
_Microseconds = _spelling(sqlite="round({0}, 6)", postgresql="CAST(round(CAST({0} AS NUMERIC), 6) AS DOUBLE PRECISION)")
_JsonValues = _spelling(sqlite="json_each({0})", postgresql="json_array_elements_text({0})")
_AmongNumbers = _spelling(
    sqlite="{0} IN (SELECT value FROM json_each({1}))",
    # A number of 19 digits may be none that the database can hold, so no row has it.
    postgresql="{0} = ANY(ARRAY(SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST({1} AS JSON)) "
    "WHERE length(value) < 19))",
)
_AmongTexts = _spelling(
    sqlite=_AmongNumbers.sqlite,
    postgresql="{0} = ANY(ARRAY(SELECT value FROM json_array_elements_text(CAST({1} AS JSON))))",
)


def upsert(table: Table) -> Insert:
    """An INSERT with ON CONFLICT."""
    return insert(table)


def among(column: ColumnElement[Any], values: Collection[Any] | BindParameter[Any]) -> ColumnElement[bool]:
    """``column IN values`` for any number of values in one statement, or for ``listed`` ones given when it is run."""
    listing = values if isinstance(values, BindParameter) else literal(listed(values))
    kind = _AmongNumbers if isinstance(column.type, Integer) else _AmongTexts
    return kind(column, listing, type_=NULLTYPE)


def one_of(column: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """``column IN values`` for values that stand in the statement, so that it can be run for many rows at once."""
    return column.in_([literal(value, column.type) for value in sorted(values)])


def listed(values: Collection[Any]) -> str:
    """Values as ``among`` takes them in a parameter."""
    return json.dumps(list(values))


def json_values(column: ColumnElement[Any]) -> Any:
    """The values of a JSON list as rows of one column, ``value``."""
    return _JsonValues(column, type_=Text()).table_valued("value")


def contains(column: ColumnElement[str], lower: str) -> ColumnElement[bool]:
    """Whether ``column``, which is in lower case, contains ``lower``; nothing in it needs escaping."""
    return _Contains(column, literal(lower), type_=NULLTYPE)


def mentions(column: ColumnElement[Any], words: str) -> ColumnElement[bool]:
    """Whether ``column``, of text or JSON, contains the words in any case."""
    escaped = words.replace("/", "//").replace("%", "/%").replace("_", "/_")
    return _Mentions(column, literal(escaped), type_=NULLTYPE)


def greatest(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    return _Greatest(one, other, type_=one.type)


def unindexed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """``column`` in a form that no index is chosen for: SQLite cannot know how many rows a text search leaves."""
    return _Unindexed(column, type_=column.type)


def to_microseconds(seconds: ColumnElement[float]) -> ColumnElement[float]:
    """Seconds rounded as times are: rounding errors would order equal durations."""
    return _Microseconds(seconds, type_=Double())


#: Expressions in SQL texts: ``name[operand]`` is written so.
_SPELLINGS: Final[dict[str, dict[str, str]]] = {
    "sqlite": {
        # The local date of a time, as days since 1970.
        "day_of": "CAST(julianday(date({}, 'unixepoch', 'localtime')) - 2440587.5 AS INTEGER)",
        "hour_of": "CAST({} / 3600 AS INTEGER)",
        # A time, and now, as whole milliseconds.
        "ms_of": "CAST(round({} * 1000) AS INTEGER)",
        "ms_now": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
        # The kind of a failure.
        "kind_of": "json_extract({}, '$.kind')",
        # Whether a value has been spoilt so that the two above and ``json_of`` would break on it.
        "no_text": "typeof({}) = 'blob'",
        "no_json": "({0} IS NOT NULL AND NOT json_valid({0}))",
        "greatest": "max({})",
        # A value as JSON.
        "json_of": "json_quote({})",
        # A value of the body of a line of the ledger.
        "body_number": "json_extract(body, '$.{}')",
        "body_text": "json_extract(body, '$.{}')",
        "in_list": "IN (SELECT value FROM json_each({}))",
        "differs_from": "IS NOT ({})",
    },
    "postgresql": {
        # In the time zone of the session.
        "day_of": "(CAST(to_timestamp({}) AS DATE) - DATE '1970-01-01')",
        "hour_of": "CAST(floor({} / 3600) AS BIGINT)",
        "ms_of": "CAST(floor({} * 1000 + 0.5) AS BIGINT)",
        "ms_now": "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)",
        # It reads no text of a document that has a NUL anywhere.
        "kind_of": r"(CAST(replace(CAST({} AS TEXT), '\u0000', '\ufffd') AS JSON) ->> 'kind')",
        "no_text": "false",
        "no_json": "false",
        "greatest": "greatest({})",
        "json_of": "coalesce(CAST(to_json({}) AS TEXT), 'null')",
        "body_number": "CAST(CAST(body AS JSON) ->> '{}' AS BIGINT)",
        "body_text": "(CAST(body AS JSON) ->> '{}')",
        "in_list": "IN (SELECT value FROM json_array_elements_text(CAST({} AS JSON)))",
        "differs_from": "IS DISTINCT FROM ({})",
    },
}
_SPELLED: Final = re.compile(rf"\b({'|'.join(_SPELLINGS['sqlite'])})\[([^][]*)\]")


def spelled(sql: str, database: str) -> str:
    """A text of SQL as a database, ``sqlite`` or ``postgresql``, writes it."""
    done = _SPELLED.sub(lambda found: _SPELLINGS[database][found[1]].format(found[2]), sql)
    # From the innermost outwards.
    return done if done == sql else spelled(done, database)


def data_version(driver: Any) -> int | None:
    """A number that changes with the commits of other connections; None where the database tells none."""
    if not isinstance(driver, sqlite3.Connection):
        return None
    return int(driver.execute("PRAGMA data_version").fetchone()[0])


def in_transaction(driver: Any) -> bool:
    """Whether a connection of the driver is in a transaction that can still be committed."""
    if isinstance(driver, sqlite3.Connection):
        return driver.in_transaction
    # psycopg: INTRANS, which a statement that failed ends.
    return int(driver.info.transaction_status) == 2


def translated(error: Exception, place: Path | str) -> VidgenError | None:
    """The error for users that a database error means; None when it is a bug."""
    if isinstance(error, PendingRollbackError):
        return StoreError("store_unreachable", path=str(place))
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause, str(place))
    if hasattr(cause, "sqlstate"):
        return _of_postgres(cause, str(place))
    return None


def _of_sqlite(error: sqlite3.Error, where: str) -> VidgenError | None:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
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
        case sqlite3.SQLITE_ERROR if re.search("malformed JSON|no such table", str(error)):
            # Somebody has put a hand to the file, or another one in its place: what we write is JSON.
            return StoreError("store_damaged", path=where)
    return None


def _of_postgres(error: Any, where: str) -> VidgenError | None:
    """By the code of the server (PostgreSQL manual, appendix A); without one the server was not reached."""
    code: str | None = error.sqlstate
    if code is None:
        # OperationalError: the connection was refused, broke off or took too long; ProgrammingError: its address is wrong.
        kinds = {kind.__name__ for kind in type(error).__mro__}
        known = kinds & {"OperationalError", "InterfaceError", "ProgrammingError"}
        return _of_connection(str(error), where) if known else None
    if code in ("55P03", "40P01", "40001", "57014"):
        return StoreError("store_locked", path=where)
    if code == "53100":
        return FileError("disk_full", folder=where)
    if code.startswith("28"):
        return StoreError("store_login_refused", place=where)
    if code == "3D000":
        return StoreError("store_database_missing", place=where)
    if code in ("25006", "42501", "3F000"):
        # 3F000: of the schemas that it would write to, it may use none.
        return StoreError("store_server_read_only", place=where)
    if code == "53300":
        return StoreError("store_server_full", place=where)
    if code.startswith(("XX", "58", "55", "42P01", "42P10", "42703", "42883")):
        return StoreError("store_server_broken", place=where, code=code)
    if code.startswith(("08", "53", "57", "25P03", "25P04")):
        return StoreError("store_server_away", place=where)
    return None


#: What a driver says of a connection that there is none of, without a code: its own words and the server's, in English or Chinese, as patterns.
_SAID: Final = (
    ("store_url_unreadable", r"invalid connection option|bad value for|connection is bad: invalid"),
    ("store_database_missing", r'database ".*" does not exist|数据库 ".*" 不存在'),
    (
        "store_login_refused",
        r'role ".*" does not exist|authentication failed|no password|permitted to log in|角色 ?".*" ?(不存在|进行登录)|认证失败',
    ),
    # Where both were tried, it is no matter of encryption.
    ("store_not_admitted", r"(?s)SSL encryption.*no encryption|no encryption.*SSL encryption"),
    ("store_tls_refused", r"pg_hba.*SSL encryption|SSL encryption.*pg_hba"),
    ("store_tls_needed", r"pg_hba.*no encryption|no encryption.*pg_hba"),
    ("store_not_admitted", r"pg_hba"),
    ("store_server_read_only", r"permission denied|权限不够"),
    ("store_server_full", r"too many c|connection slots|not currently accepting connections|太多|预留|不接受"),
    ("store_server_tls", r"support SSL|certificate|sslmode"),
    ("store_host_unknown", r"failed to resolve|could not translate host"),
)


def _of_connection(said: str, where: str) -> VidgenError:
    """Why there is no connection."""
    code = next((code for code, words in _SAID if re.search(words, said)), "store_server_away")
    return StoreError(code, place=where)


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
    return tuple([storable(value) for value in row])


def storable(value: Any) -> Any:
    """``value`` as SQLite can store it: no lone surrogates, no NUL in text, no number beyond 64 bits."""
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                # A surrogate pair becomes its character again; a lone surrogate becomes the replacement character.
                value = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return value.replace("\0", "\ufffd") if "\0" in value else value
    if isinstance(value, int) and not -_BIGGEST <= value < _BIGGEST:
        return _BIGGEST - 1 if value > 0 else -_BIGGEST
    return value
