"""Statements that run often: compiled once, and handed to SQLite's driver as they are.

SQLAlchemy spends several times what SQLite needs on a small statement. A prepared one is written with SQLAlchemy, keeps what it is
compiled to, and leaves out the rest of that work; other databases run it as any other statement.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Executable
from sqlalchemy.sql.compiler import SQLCompiler

_Process = Callable[[Any], Any]
_NOTHING: Final[Mapping[str, Any]] = {}


class FetchedRows:
    """What a statement has returned, read to its end; its methods are those of SQLAlchemy's results."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: Sequence[Any], rowcount: int = -1) -> None:
        self._rows = rows
        #: Rows that a statement without results has changed.
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> Sequence[Any]:
        return self._rows

    def one_or_none(self) -> Any:
        return self._rows[0] if self._rows else None

    def scalars(self) -> FetchedRows:
        return FetchedRows([row[0] for row in self._rows])

    def scalar(self) -> Any:
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:
        return self._rows[0][0]


class _Compiled(NamedTuple):
    """A statement for one set of parameters, as the driver takes it."""

    sql: str
    #: Values of its own, by name.
    own: Mapping[str, Any]
    #: The names of the values in their order, and what makes of each what the driver stores.
    places: tuple[tuple[str, _Process | None], ...]
    #: Makes a row of what the driver returns; None: it returns nothing.
    row: Callable[[Sequence[Any]], Any] | None

    def values(self, given: Mapping[str, Any]) -> tuple[Any, ...]:
        known = {**self.own, **given}
        return tuple([known[name] if process is None else process(known[name]) for name, process in self.places])


class PreparedStatement:
    """A statement that is compiled once for each set of columns that it is given.

    :param statement: with lists as ``dialect.one_of`` and ``dialect.among`` write them, and without defaults of Python
    :param apart: what it reads and writes is nothing that changes which wait (``Transaction.soon``) write or count
    """

    def __init__(self, statement: Executable, *, apart: bool = False) -> None:
        self.statement = statement
        self.apart = apart
        self._compiled: dict[tuple[str, ...], _Compiled] = {}

    def run(self, connection: Connection, parameters: Any = None) -> FetchedRows:
        """Run it in the transaction of a connection, as ``Connection.execute`` does."""
        if connection.dialect.name != "sqlite":
            result = connection.execute(self.statement, parameters)
            return FetchedRows(result.all() if result.returns_rows else (), result.rowcount)
        many = isinstance(parameters, list)
        first = parameters[0] if many else parameters or _NOTHING
        names = tuple(first)
        compiled = self._compiled.get(names)
        if compiled is None:
            compiled = self._compiled[names] = _compiled(self.statement, connection, first)
        values: Any = [compiled.values(row) for row in parameters] if many else compiled.values(first)
        sql, cursor = compiled.sql, connection.connection.cursor()
        for listener in connection.dispatch.before_cursor_execute:
            sql, values = listener(connection, cursor, sql, values, None, many)
        (cursor.executemany if many else cursor.execute)(sql, values)
        rows = [*map(compiled.row, cursor.fetchall())] if compiled.row is not None else ()
        return FetchedRows(rows, cursor.rowcount)


def _compiled(statement: Executable, connection: Connection, given: Mapping[str, Any]) -> _Compiled:
    dialect = connection.dialect
    compiled: SQLCompiler = statement.compile(dialect=dialect, column_keys=sorted(given))  # type: ignore[attr-defined]
    if compiled.insert_prefetch or compiled.update_prefetch:
        raise TypeError("defaults of Python are not filled in")
    if compiled.post_compile_params:
        # Other databases would refuse to run it for many rows at once.
        raise TypeError("a list of values is written by dialect.one_of or dialect.among")
    processors: Mapping[str, Any] = compiled._bind_processors
    places = tuple((name, processors.get(name)) for name in compiled.positiontup or ())
    own = {name: value for name, value in compiled.construct_params(dict(given)).items() if name not in given}
    return _Compiled(compiled.string, own, places, _maker(compiled, dialect))


def _maker(compiled: SQLCompiler, dialect: Any) -> Callable[[Sequence[Any]], Any] | None:
    columns = compiled._result_columns
    if not columns:
        return None
    names = [entry.keyname for entry in columns]
    made: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024 — of any columns
    found = ((place, entry.type._cached_result_processor(dialect, None)) for place, entry in enumerate(columns))
    processed = [(place, process) for place, process in found if process is not None]
    if not processed:
        whole: Callable[[Sequence[Any]], Any] = made._make
        return whole

    def make(values: Sequence[Any]) -> Any:
        row = list(values)
        for place, process in processed:
            row[place] = process(row[place])
        return made._make(row)

    return make
