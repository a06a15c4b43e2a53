"""PostgreSQL: one database that several machines share.

Writers take turns by an advisory lock, as ``BEGIN IMMEDIATE`` makes them do in SQLite, so that what a transaction has read is
still true when it writes. Readers see one moment and cannot write. Everything else is what SQLAlchemy makes of the statements.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
import time
from collections.abc import Callable, Generator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite.dml import OnConflictDoNothing, OnConflictDoUpdate
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql.compiler import SQLCompiler

from vidgen_core.db import dialect, migrations
from vidgen_core.db.backends.backend import Backend
from vidgen_core.db.schema import metadata
from vidgen_core.db.schema.queue import ledger_lines
from vidgen_core.db.schema.system import revision
from vidgen_core.db.transaction import BEGUN_AT, CHANNEL, REVISION, TIME
from vidgen_core.db.triggers import TRIGGERS
from vidgen_core.domain.errors import CommitUnknown, StoreError

try:
    import psycopg
    from psycopg.adapt import Loader
except ImportError:
    # An ImportError of its own shared library says nothing to people either.
    raise StoreError("store_driver_missing") from None

#: The advisory lock of writers; any number that nothing else in the database uses.
WRITE_LOCK: Final = 0x76696467
#: That of the worker, and that of whoever asks language models.
RUNNER_LOCK: Final = WRITE_LOCK + 1
WRITING_LOCK: Final = WRITE_LOCK + 2
#: The session that has a lock.
_HOLDER: Final = (
    "FROM pg_locks WHERE granted AND locktype = 'advisory' AND classid = 0 AND objid = {} AND objsubid = 1 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
#: A session whose machine has stood still in the midst of a statement: for the server it is not idle then.
_STANDS_STILL: Final = (
    "AND pid IN (SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Client' AND greatest(query_start, state_change) "
    "< clock_timestamp() - CAST(current_setting('idle_in_transaction_session_timeout') AS interval))"
)
_HERE: Final = "CAST(current_schema() AS regnamespace)"
_IS_OURS: Final = f"SELECT to_regclass(quote_ident(current_schema()) || '.{ledger_lines.name}')"
#: What the schema of others holds, each table and view being a type, too; without what extensions and the engine brought.
_PRESENT: Final = (
    f"SELECT typname FROM pg_type WHERE typnamespace = {_HERE} AND typelem = 0 AND typname NOT LIKE 'pgqueuer%%' "  # noqa: S608
    "AND NOT EXISTS (SELECT FROM pg_depend WHERE deptype = 'e' AND objid IN (pg_type.oid, typrelid)) "
    "ORDER BY typname = 'alembic_version', typname"
)
#: The first of ``_parts`` that is not there, or does not work.
_MISSING: Final = (
    "SELECT part FROM unnest(%s::text[]) AS part WHERE part NOT IN ("  # noqa: S608
    f"SELECT relname FROM pg_class WHERE relnamespace = {_HERE} UNION ALL "
    "SELECT relname || '.' || attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
    f"WHERE relnamespace = {_HERE} AND NOT attisdropped UNION ALL "
    "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
    f"WHERE relnamespace = {_HERE} AND tgenabled <> 'D') LIMIT 1"
)
#: Server settings of every session; a writer that stands still must not keep the others waiting for good.
_SESSION: Final = {
    # An intent is on disk before its order leaves, whatever the server does by default.
    "synchronous_commit": "on",
    "lock_timeout": f"{dialect.BUSY_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{dialect.BUSY_SECONDS}s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
_READER: Final = {"default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on"}
#: The same for our side: a server that has gone silent is given up within seconds.
_CONNECTION: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": dialect.BUSY_SECONDS * 1000,
    "application_name": "vidgen",
}


#: Seconds after which the number of the last change is asked for, when nothing was heard.
_ASK_EVERY: Final = 2.0
#: Seconds after which a session is given up whose server says nothing, whatever the network says of it: in a transaction, where
#: writers wait for their turn for less, and outside of one.
SILENT: Final = dialect.BUSY_SECONDS + 5.0
SILENT_OUTSIDE: Final = 5.0
#: Seconds for which a server that let nobody in is not asked again: of many who wait for it each would wait as long.
REST: Final = 2.0
#: Seconds for which a server that has not answered a commit is asked what became of it.
SETTLING: Final = 5.0
_REVISION_SQL: Final = str(REVISION)
#: Takes the turn of a writer, and then the time and the number of the transaction.
_BEGIN: Final = (
    f"SELECT pg_advisory_xact_lock({WRITE_LOCK}), extract(epoch FROM clock_timestamp())::float8, "  # noqa: S608
    "CAST(pg_current_xact_id() AS text)"
)
#: When the counts of a server began: with a crash, or when somebody wants it so.
_RECOVERED: Final = "coalesce(CAST(extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()) AS text), '')"
#: Ends the session of a transaction that waits for a commit which was lost on its way, and waits for that.
_END_TRANSACTION: Final = (
    "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE backend_xid = CAST(CAST(%s AS xid8) AS xid)"
)
#: What became of a transaction; a copy of the server may hear of it later.
_STATUS: Final = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_xact_status(CAST(%s AS xid8)) END"


class _WholeNumber(Loader):
    """Sums of whole numbers are ``numeric`` in PostgreSQL, and whole all the same."""

    def load(self, data: Any) -> int | float:
        digits = bytes(data).decode()
        return int(digits) if digits.lstrip("-").isdecimal() else float(digits)


def _without_constraint(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    # The statement is the same in both databases; this one would also take the name of a constraint.
    element.constraint_target = None
    visit = getattr(compiler, f"visit_{element.__visit_name__}")
    return str(visit(element, **options))


compiles(OnConflictDoUpdate, "postgresql")(_without_constraint)
compiles(OnConflictDoNothing, "postgresql")(_without_constraint)


class Session(psycopg.Connection[Any]):
    """A connection whose server must not be silent for long: one that stands still, or is cut off, tells no end of it."""

    #: Whether a statement may take as long as it does.
    is_patient = False
    #: When its server has recovered from a crash last: numbers of transactions may come again then.
    recovered = ""
    #: The number of the transaction of a writer.
    number: str | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        #: Says what became of a transaction whose commit was not answered.
        self.settle: Callable[[str], bool]

    def commit(self) -> None:
        number, self.number = self.number, None
        try:
            super().commit()
        except psycopg.Error:
            # What the server refuses leaves the connection as it is.
            if number is None or not self.closed or not self.settle(f"{number} {self.recovered}"):
                raise

    def wait(self, gen: Any, *options: Any, **more: Any) -> Any:
        return super().wait(gen if self.is_patient else self._heard(gen), *options, **more)

    def _heard(self, waits: Any) -> Generator[Any, Any, Any]:
        """Wait for what another generator waits for, until nothing was heard for too long."""
        # Outside of transactions nothing is asked but whether it is there, who leads, and for the last number.
        heard_at, longest = time.monotonic(), SILENT_OUTSIDE if self.autocommit else SILENT
        try:
            asked = next(waits)
            while True:
                ready = yield asked
                if ready:
                    heard_at = time.monotonic()
                elif time.monotonic() - heard_at > longest:
                    break
                asked = waits.send(ready)
        except StopIteration as done:
            return done.value
        # Whatever it still says is an answer to nothing that is asked later.
        self.pgconn.finish()
        raise psycopg.OperationalError("the server is silent")


class PostgresBackend(Backend):
    """A database on a server.

    :param timezone: in which days of budget and reports begin, an IANA name; empty: this machine's, as it is now
    :raises StoreError: ``store_driver_missing``
    """

    is_shared = True

    def __init__(self, url: URL, *, timezone: str) -> None:
        super().__init__()
        # Without user, password and options.
        self.place = f"postgresql://{url.host or ''}{f':{url.port}' if url.port else ''}/{url.database}"
        self._url = url.set(drivername="postgresql+psycopg", query={**_texts(_CONNECTION), **url.query})
        self._session = {**_SESSION, "TimeZone": timezone or _present_offset()}
        # That a broken connection cannot be put back or ended is no news: it is thrown away, and whoever used it was told.
        for name in ("sqlalchemy.pool", "psycopg"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._listener: _ChangeListener | None = None
        self._rests_until = 0.0
        self.writer = self._engine(writes=True)
        self.readers = self._engine(writes=False)

    def _engine(self, *, writes: bool) -> Engine:
        engine = create_engine(
            self._url,
            poolclass=QueuePool,
            pool_size=1 if writes else 4,
            max_overflow=0 if writes else 28,
            # Few connections that know the statements already, and others only where many read at once.
            pool_use_lifo=True,
            # The server may have been restarted since a connection was used last.
            pool_pre_ping=True,
            hide_parameters=True,
            json_serializer=lambda value: dialect.storable(dialect.json_text(value)),
        )
        event.listen(engine, "before_cursor_execute", dialect.storable_parameters, retval=True)
        session = self._session if writes else {**self._session, **_READER}

        @event.listens_for(engine, "do_connect")
        def _connect(_dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]) -> Session:
            return self._connected(*arguments, **options)

        @event.listens_for(engine, "checkin")
        def _hurry(connection: Session | None, _record: object) -> None:
            if connection is not None:
                connection.is_patient = False

        @event.listens_for(engine, "connect")
        def _set_up(connection: Session, _record: object) -> None:
            self._set_up(connection, session)

        if writes:

            @event.listens_for(engine, "begin")
            def _begin(connection: Connection) -> None:
                try:
                    [_, seconds, number] = connection.exec_driver_sql(_BEGIN).one()
                    connection.info[BEGUN_AT] = seconds
                    session: Any = connection.connection.driver_connection
                    session.number = number
                except DBAPIError as error:
                    if isinstance(error.orig, psycopg.errors.LockNotAvailable):
                        self.end_holder(WRITE_LOCK, _STANDS_STILL)
                    raise

        return engine

    def end_holder(self, lock: int, only: str = "") -> None:
        """End the session that has a lock.

        :param only: a condition of SQL
        """
        with self.readers.connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) {_HOLDER.format(lock)} {only}")

    def _set_up(self, connection: Session, session: dict[str, str]) -> None:
        connection.adapters.register_loader("numeric", _WholeNumber)
        settings = ", ".join("set_config(%s, %s, false)" for _ in session)
        values = [part for item in session.items() for part in item]
        [connection.recovered, *_] = connection.execute(f"SELECT {_RECOVERED}, {settings}", values).fetchone() or [""]
        connection.commit()

    def _connected(self, *arguments: Any, **options: Any) -> Session:
        if time.monotonic() < self._rests_until:
            raise psycopg.OperationalError("the server is silent")
        try:
            session = Session.connect(*arguments, **options)
        except psycopg.errors.ConnectionTimeout:
            self._rests_until = time.monotonic() + REST
            raise
        session.settle = self._settle
        return session

    def was_committed(self, transaction: str) -> bool | None:
        xid, _, recovered = transaction.partition(" ")
        try:
            with contextlib.closing(self.connect()) as session:
                session.execute(_END_TRANSACTION, (xid,))
                [status] = session.execute(_STATUS, (xid,)).fetchone() or [None]
                same = recovered == session.recovered != ""
        except psycopg.errors.InvalidParameterValue:
            # Since a crash it has not got so far again.
            return False
        if status == "in progress":
            raise psycopg.OperationalError("its session does not end")
        # Another transaction may have this number since a crash, but not of one that was committed before.
        return False if status == "aborted" else True if status == "committed" and same else None

    def _settle(self, transaction: str) -> bool:
        """Whether a transaction was committed whose end was not answered.

        :raises CommitUnknown: the server does not say
        """
        until = time.monotonic() + SETTLING
        while time.monotonic() < until:
            with contextlib.suppress(psycopg.Error):
                committed = self.was_committed(transaction)
                if committed is None:
                    break
                return committed
            time.sleep(0.1)
        raise CommitUnknown(transaction, place=self.place)

    def patient(self, connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.is_patient = True

    def connect(self) -> Session:
        arguments, options = self.readers.dialect.create_connect_args(self._url)
        connection = self._connected(*arguments, **options)
        try:
            self._set_up(connection, self._session)
            connection.autocommit = True
        except psycopg.Error:
            connection.close()
            raise
        return connection

    def prepare(self) -> None:
        # The lock of writers makes two first starts take turns.
        with self.writer.begin() as connection:
            self.patient(connection)
            encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
            if encoding != "UTF8":
                raise StoreError("store_not_utf8", place=self.place, encoding=str(encoding))
            if connection.exec_driver_sql(_IS_OURS).scalar():
                self._check_whole(connection)
            elif present := connection.exec_driver_sql(_PRESENT).scalar():
                raise StoreError("store_of_others", place=self.place, table=present)
            if not migrations.is_current(connection):
                migrations.upgrade(connection)

    def _check_whole(self, connection: Connection) -> None:
        """Refuse a schema of which a part is missing: without a trigger money is not counted.

        :raises StoreError: ``store_incomplete`` (missing)
        """
        found = migrations.current(connection)
        missing = None if found else "alembic_version"
        if found == migrations.HEAD:
            missing = connection.exec_driver_sql(_MISSING, (_parts(),)).scalar()
            if not missing and connection.execute(revision.select()).first() is None:
                missing = revision.name
        if missing:
            raise StoreError("store_incomplete", place=self.place, missing=str(missing))

    def _revision(self) -> int:
        if self._listener is None or not self._listener.is_alive():
            # None yet, or the server was restarted.
            self._listener = _ChangeListener(self.connect(), self._tells)
            self._listener.start()
        return self._listener.number

    def reached(self, number: int) -> None:
        listener = self._listener
        if listener is not None:
            listener.reached(number)

    def close(self) -> None:
        super().close()
        with self._revision_lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()

    def time(self) -> float:
        with self.readers.connect() as connection:
            return float(connection.execute(TIME).scalar_one())

    def runner_lock(self, file: Path) -> AdvisoryRunnerLock:  # noqa: ARG002 - the lock is the server's
        return AdvisoryRunnerLock(self, RUNNER_LOCK)

    def writing_lock(self, file: Path) -> AdvisoryRunnerLock:  # noqa: ARG002 - as above
        return AdvisoryRunnerLock(self, WRITING_LOCK)

    def backup(self, target: Path) -> None:
        from vidgen_core.db.copying import copy_to_file

        copy_to_file(self, target)

    def info(self) -> dict[str, Any]:
        with self.readers.connect() as connection:
            schema = migrations.current(connection)
            version, size, now = connection.exec_driver_sql(
                "SELECT current_setting('server_version'), pg_database_size(current_database()), "
                "extract(epoch FROM clock_timestamp())::float8"
            ).one()
        return {
            "engine": "postgresql",
            "version": str(version).partition(" ")[0],
            "path": self.place,
            "bytes": int(size),
            "schema": schema,
            #: How far the server's clock is ahead of this machine's, in seconds.
            "clock_ahead": now - datetime.now().astimezone().timestamp(),
        }


class _ChangeListener(threading.Thread):
    """Hears the number of each change as it is committed, so that nobody has to ask for it; ends with its connection.

    :raises psycopg.Error: the server is away
    """

    def __init__(self, connection: psycopg.Connection[Any], tells: list[Callable[[], None]]) -> None:
        super().__init__(name="vidgen-changes", daemon=True)
        self._connection = connection
        self._tells = tells
        self._lock = threading.Lock()
        self.number = 0
        try:
            connection.execute(f"LISTEN {CHANNEL}")
            self.number = self._asked()
        except psycopg.Error:
            connection.close()
            raise

    def reached(self, number: int) -> None:
        with self._lock:
            self.number = max(self.number, number)

    def stop(self) -> None:
        """End, from another thread, also in the midst of a question."""
        with contextlib.suppress(OSError, psycopg.Error):
            line = socket.fromfd(self._connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)
            with line:
                line.shutdown(socket.SHUT_RDWR)
        self.join(timeout=10)

    def run(self) -> None:
        try:
            while True:
                ready, _, _ = select.select([self._connection.fileno()], [], [], _ASK_EVERY)
                if not ready:
                    # Finds out whether the server is still there.
                    self.reached(self._asked())
                heard = [int(told.payload) for told in self._connection.notifies(timeout=0.01)]
                if heard:
                    self.reached(max(heard))
                    for tell in tuple(self._tells):
                        tell()
        except (psycopg.Error, OSError, ValueError):
            # The next one who asks opens another connection, or hears that the server is away.
            pass
        finally:
            self._connection.close()

    def _asked(self) -> int:
        row = self._connection.execute(_REVISION_SQL).fetchone()
        return int(row[0]) if row is not None else 0


class AdvisoryRunnerLock:
    """The lock of a database, by its server: it ends with the session, so with the process, its machine or the network."""

    def __init__(self, backend: PostgresBackend, number: int) -> None:
        self._backend = backend
        self._number = number
        #: That of all tries: a new one each time would cost the server more than the question does.
        self._session: psycopg.Connection[Any] | None = None
        self._held = False

    def acquire(self) -> bool:
        if self._held:
            self.release()
        if self._session is None or not self._answers(self._session, "SELECT 1"):
            self._session = self._connected()
        self._held = self._asked(self._session, f"SELECT pg_try_advisory_lock({self._number})")
        return self._held

    def is_taken(self) -> bool:
        with contextlib.closing(self._connected()) as session:
            return self._asked(session, f"SELECT EXISTS (SELECT 1 {_HOLDER.format(self._number)})")

    def take_away(self) -> None:
        try:
            self._backend.end_holder(self._number)
        except DBAPIError as error:
            raise self._translated(error) from error

    def is_held(self) -> bool:
        self._held = self._held and self._session is not None and self._answers(self._session, "SELECT 1")
        return self._held

    def release(self) -> None:
        session, held = self._session, self._held
        self._session, self._held = None, False
        if session is not None:
            # The server would notice a moment later that the session has ended.
            if held:
                self._answers(session, f"SELECT pg_advisory_unlock({self._number})")
            session.close()

    def _connected(self) -> psycopg.Connection[Any]:
        try:
            return self._backend.connect()
        except psycopg.Error as error:
            raise self._translated(error) from error

    def _asked(self, session: psycopg.Connection[Any], question: str) -> bool:
        try:
            row = session.execute(question).fetchone()
        except psycopg.Error as error:
            raise self._translated(error) from error
        return row is not None and bool(row[0])

    def _answers(self, session: psycopg.Connection[Any], statement: str) -> bool:
        """Whether a statement can be run on a session; one on which it cannot be has lost the lock."""
        try:
            session.execute(statement)
        except psycopg.Error:
            session.close()
            return False
        return True

    def _translated(self, error: Exception) -> Exception:
        return dialect.translated(error, self._backend.place) or error


def _parts() -> list[str]:
    """Names of all that the schema consists of, as the server calls them."""
    parts = [*TRIGGERS]
    for table in metadata.sorted_tables:
        parts += [table.name, f"{table.name}_pkey", *(str(index.name) for index in table.indexes)]
        for column in table.columns:
            parts += [f"{table.name}.{column.name}"] + [f"{table.name}_{column.name}_key"] * bool(column.unique)
    return parts


def _texts(values: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def _present_offset() -> str:
    """The difference of this machine from UTC, as PostgreSQL writes time zones: west of Greenwich is positive."""
    offset = datetime.now().astimezone().strftime("%z")
    turned = {"+": "-", "-": "+"}[offset[0]]
    return f"<{offset[:3]}>{turned}{offset[1:3]}:{offset[3:5]}"
