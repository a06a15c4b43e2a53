"""Transactions: statements, the revision, savepoints, and what happens after the commit."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, Text, cast, func, select, update
from sqlalchemy.engine import CursorResult

from vidgen_core.db import dialect
from vidgen_core.db.schema import revision

T = TypeVar("T")

REVISION = select(revision.c.n)
_NEXT_REVISION = update(revision).values(n=revision.c.n + 1).returning(revision.c.n)
#: On which a server tells each committed number.
CHANNEL = "vidgen"
_NEXT_AND_TELL = _NEXT_REVISION.returning(func.pg_notify(CHANNEL, cast(revision.c.n, Text)))


class Transaction:
    """An open transaction of the database."""

    def __init__(self, connection: Connection, place: str, *, writes: bool) -> None:
        self._connection = connection
        self._place = place
        self._writes = writes
        self._after: list[Callable[[], None]] = []
        #: Changes that are made together at the end: their statement, and the values of one.
        self._last: list[tuple[Executable, dict[str, Any]]] = []
        self._kept: dict[Hashable, Any] = {}

    @property
    def database(self) -> str:
        """The kind of database, as SQLAlchemy calls it."""
        return self._connection.dialect.name

    def at_commit(self, statement: Executable, values: dict[str, Any]) -> None:
        """Make a change together with others of its kind, before the commit or the next question to its table."""
        self._last.append((statement, values))

    def add_rest(self) -> None:
        """Make the changes that wait for the end."""
        waiting, self._last = self._last, []
        together: dict[Executable, list[dict[str, Any]]] = defaultdict(list)
        for statement, row in waiting:
            together[statement].append(row)
        for statement, rows in together.items():
            self.execute(statement, rows)

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

    def forget(self, what: Hashable) -> None:
        """Let it be read again."""
        self._kept.pop(what, None)

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        return self._connection.execute(statement, parameters)

    @cached_property
    def rev(self) -> int:
        """The number of this change, higher than all before; in a reader, of the last change it sees."""
        if not self._writes:
            return int(self.execute(REVISION).scalar_one())
        return int(self.execute(_NEXT_AND_TELL if self.database == "postgresql" else _NEXT_REVISION).scalar_one())

    @property
    def number(self) -> int | None:
        """``rev``, when it has been taken."""
        return self.__dict__.get("rev")

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Roll back only the block when it raises, and continue the transaction.

        Raises what the block raised, a database error translated as by ``Store.write``. After some errors (a full disk)
        SQLite rolls back the whole transaction itself: then it is not ``alive`` any more.
        """
        mark, waiting, numbered = len(self._after), len(self._last), "rev" in self.__dict__
        try:
            # By the driver itself: a savepoint is set for each of many small changes.
            raw: Any = self._connection.connection.driver_connection
            raw.execute("SAVEPOINT part")
            yield
            raw.execute("RELEASE part")
        except BaseException as error:
            del self._after[mark:]
            del self._last[waiting:]
            self._kept.clear()
            if not numbered:
                # The number was taken inside of the block, and is given back with it.
                self.__dict__.pop("rev", None)
            # The rollback fails, too, when everything was rolled back already; the cause is what matters.
            with contextlib.suppress(Exception):
                raw.execute("ROLLBACK TO part")
                raw.execute("RELEASE part")
            known = dialect.translated(error, self._place) if isinstance(error, Exception) else None
            if known is None:
                raise
            raise known from error

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


def raw_connection(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError("not an SQLite connection")
    return driver
