"""Transactions: statements, the revision, and what happens after the commit."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeVar, overload

from sqlalchemy import Connection, Double, Executable, Text, cast, extract, func, select, update
from sqlalchemy.engine import CursorResult

from vidgen_core.db import dialect
from vidgen_core.db.prepared import FetchedRows, PreparedStatement
from vidgen_core.db.schema.system import revision

T = TypeVar("T")

REVISION: Final = select(revision.c.n)
#: On which a server tells each committed number.
CHANNEL = "vidgen"
_NEXT = update(revision).values(n=revision.c.n + 1).returning(revision.c.n)
_NEXT_AND_TELL: Final = _NEXT.returning(func.pg_notify(CHANNEL, cast(revision.c.n, Text)))
_THIS_REVISION: Final = PreparedStatement(REVISION)
_NEXT_REVISION: Final = PreparedStatement(_NEXT, apart=True)
#: Under which the connection of a writer keeps the seconds since 1970 at its server when its transaction was begun.
BEGUN_AT: Final = "begun at"
#: The seconds since 1970 at a server.
TIME: Final = select(cast(extract("epoch", func.clock_timestamp()), Double))
_TIME: Final = PreparedStatement(TIME)


class Begun(NamedTuple):
    """A request that is being carried out: its row and its owner."""

    id: int
    owner: str


#: The request for which this thread or coroutine writes.
CURRENT: Final[ContextVar[Begun | None]] = ContextVar("vidgen_request", default=None)


class Known(NamedTuple):
    """What a transaction has read and written, by ``Transaction.known``."""

    #: As ``dialect.data_version`` tells it.
    version: int | None
    kept: dict[Hashable, Any]


NOTHING: Final = Known(None, {})


class Transaction:
    """An open transaction of the database."""

    def __init__(self, connection: Connection, place: str, *, writes: bool) -> None:
        self._connection = connection
        self._place = place
        self._writes = writes
        self._after: list[Callable[[], None]] = []
        #: Changes of rows that are made before the next statement, and rows that are added at the end: statement and values.
        self._soon: list[tuple[PreparedStatement, dict[str, Any]]] = []
        self._last: list[tuple[PreparedStatement, dict[str, Any]]] = []
        #: The rows that are changed soon.
        self._rows: set[Hashable] = set()
        self._kept: dict[Hashable, Any] = {}
        self._version: int | None = None

    @property
    def database(self) -> str:
        """The kind of database, as SQLAlchemy calls it."""
        return self._connection.dialect.name

    def soon(self, row: Hashable, statement: PreparedStatement, values: dict[str, Any]) -> None:
        """Change one row before anything else is asked or changed that is not apart from it, together with other rows that are changed likewise.

        :param row: which one; a row that is there
        """
        if row in self._rows:
            self._change()
        self._rows.add(row)
        self._soon.append((statement, values))

    def _change(self) -> None:
        waiting, self._soon = self._soon, []
        self._rows.clear()
        for statement, rows in _alike(waiting):
            if self._run(statement, rows).rowcount != len(rows):
                raise RuntimeError("a row that was to be changed is not as it was read")

    def at_commit(self, statement: PreparedStatement, values: dict[str, Any]) -> None:
        """Make a change together with others of its kind, before the commit or the next question to its table."""
        self._last.append((statement, values))

    def add_rest(self) -> None:
        """Make the changes that wait."""
        self._change()
        waiting, self._last = self._last, []
        for statement, rows in _alike(waiting):
            self._run(statement, rows)

    def go_on(self, before: Known) -> None:
        """Know what an earlier transaction of this connection has known, if no other connection has written since."""
        self._version = dialect.data_version(self._connection.connection.driver_connection)
        if self._version is not None and self._version == before.version:
            self._kept = before.kept

    def all_known(self) -> Known:
        """What ``go_on`` goes on with, once this is committed."""
        return Known(self._version, self._kept)

    def known(self, what: Hashable, read: Callable[[], T]) -> T:
        """What was read in this transaction before, else what ``read`` returns; whoever changes it says so (``keep``)."""
        if what not in self._kept:
            self._kept[what] = read()
        found: T = self._kept[what]
        return found

    def knows(self, what: Hashable) -> bool:
        """Whether ``known`` would not read it."""
        return what in self._kept

    def keep(self, what: Hashable, value: Any) -> None:
        """What ``known`` returns from now on."""
        self._kept[what] = value

    def kept(self, what: Hashable) -> Any:
        """What ``known`` would return without reading; None where it would read."""
        return self._kept.get(what)

    def forget(self, what: Hashable) -> None:
        """Let it be read again."""
        self._kept.pop(what, None)

    @overload
    def execute(self, statement: PreparedStatement, parameters: Any = None) -> FetchedRows: ...
    @overload
    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]: ...
    def execute(self, statement: Executable | PreparedStatement, parameters: Any = None) -> Any:
        """Run a statement in this transaction."""
        if self._soon and not (isinstance(statement, PreparedStatement) and statement.apart):
            self._change()
        return self._run(statement, parameters)

    def _run(self, statement: Executable | PreparedStatement, parameters: Any) -> Any:
        if isinstance(statement, PreparedStatement):
            return statement.run(self._connection, parameters)
        return self._connection.execute(statement, parameters)

    @cached_property
    def rev(self) -> int:
        """The number of this change, higher than all before; in a reader, of the last change it sees."""
        if not self._writes:
            return int(self.execute(_THIS_REVISION).scalar_one())
        told = self.database == "postgresql"
        return int((self.execute(_NEXT_AND_TELL) if told else self.execute(_NEXT_REVISION)).scalar_one())

    @property
    def number(self) -> int | None:
        """``rev``, when it has been taken."""
        return self.__dict__.get("rev")

    def now(self) -> datetime:
        """The time where the database is, which all who share it go by; aware, in UTC; of a server, one in a transaction."""
        if self.database != "postgresql":
            return datetime.now(UTC)
        if self._writes:
            return datetime.fromtimestamp(self._connection.info[BEGUN_AT], UTC)
        return self.known("now", lambda: datetime.fromtimestamp(float(self._run(_TIME, None).scalar_one()), UTC))

    @property
    def alive(self) -> bool:
        """Whether the writes so far can still be committed."""
        # A connection to a server may have broken off.
        if self._connection.invalidated:
            return False
        return dialect.in_transaction(self._connection.connection.driver_connection)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once everything is durable, and never after a rollback: for state in memory."""
        self._after.append(callback)

    def tell(self) -> None:
        """Everything is durable: call what waits for it."""
        for callback in self._after:
            callback()

    def commit(self) -> None:
        """End the transaction and keep its changes."""
        self.add_rest()
        self._connection.commit()
        self._connection.close()

    def roll_back(self) -> None:
        """End the transaction and drop its changes, whatever is left of them."""
        try:
            self._connection.rollback()
        except Exception:  # noqa: BLE001 - a connection that cannot be put back is thrown away
            self._connection.invalidate()
        self._connection.close()


def _alike(
    waiting: list[tuple[PreparedStatement, dict[str, Any]]],
) -> Iterator[tuple[PreparedStatement, list[dict[str, Any]]]]:
    """Changes by their statement and columns, in the order in which the first of each came."""
    together: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for statement, values in waiting:
        together[statement, tuple(values)].append(values)
    return ((statement, rows) for (statement, _), rows in together.items())


def raw_connection(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError("not an SQLite connection")
    return driver
