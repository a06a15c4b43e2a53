"""What PostgreSQL does beyond the contract: it is elsewhere, may be away, and may be somebody else's."""

from __future__ import annotations

import gc
import gettext
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random

import psycopg
import pytest
from doubles import wait_until
from postgres_server import Network, Postgres
from sqlalchemy import JSON, BigInteger, Boolean, Column, Double, Integer, delete, event, insert, select, text, update
from store_contract import FAILED, NETWORK, PROCESSING, film, now, task_in, yuan
from test_figures import lives, rows

from vidgen_core.db import Store, Tx, dialect
from vidgen_core.db.backends.postgres import _SESSION, WRITE_LOCK, Session
from vidgen_core.db.ledger_chain import line_hash
from vidgen_core.db.schema import metadata
from vidgen_core.db.schema.columns import Micros, UtcTime
from vidgen_core.db.schema.queue import attempts, ledger_lines
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import CommitUnknown, StoreError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Shot
from vidgen_core.domain.tasks import Failure

CHINESE = Path("/usr/share/locale/zh_CN/LC_MESSAGES/postgres-15.mo")


@pytest.fixture
def shared(postgres_url: str) -> Iterator[Store]:
    opened = Store.open(postgres_url)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql://vidgen:secret@127.0.0.1:1/vidgen", "store_server_away"),
        ("postgresql://vidgen:secret@no-such-host.invalid/vidgen", "store_host_unknown"),
        ("postgresql://vidgen:secret@127.0.0.1:port/vidgen", "store_url_unreadable"),
        ("postgresql://vidgen:secret@127.0.0.1", "store_url_unreadable"),
        ("postgresql://vidgen:p@secret#1@127.0.0.1/vidgen", "store_url_unreadable"),
        ("postgresql://vidgen:p@1/secret@127.0.0.1/vidgen", "store_url_unreadable"),
        ("{server}/postgres?surely=secret", "store_url_unreadable"),
        ("{server}/postgres?sslmode=secret", "store_url_unreadable"),
        ("{server}/postgres?sslmode=require", "store_server_tls"),
        ("{database}/postgres", "store_login_refused"),
        ("mysql://vidgen:secret@127.0.0.1/vidgen", "store_unsupported"),
        ("{server}/nothing", "store_database_missing"),
        ("{nobody}/postgres", "store_login_refused"),
    ],
)
def test_a_wrong_address_is_one_sentence_without_the_password(postgres: Postgres, url: str, code: str) -> None:
    server = postgres.url("").rstrip("/")
    others = {name: server.replace("vidgen@", f"{name}:secret@") for name in ("nobody", "database")}
    with pytest.raises(StoreError) as caught:
        Store.open(url.format(server=server, **others))
    assert caught.value.code == code
    assert "secret" not in str(caught.value.params)


@pytest.mark.parametrize(
    ("rule", "mode", "code"),
    [
        ("hostssl all caller all trust", "prefer", ""),
        ("hostssl all caller all trust", "disable", "store_tls_needed"),
        ("hostnossl all caller all trust", "prefer", ""),
        ("hostnossl all caller all trust", "require", "store_tls_refused"),
        ("", "prefer", "store_not_admitted"),
    ],
)
def test_who_may_come_with_and_without_encryption_is_no_matter_of_the_password(
    postgres: Postgres, rule: str, mode: str, code: str
) -> None:
    url = postgres.new()
    name = url.rpartition("/")[2]
    postgres.run(f"CREATE ROLE caller LOGIN; ALTER DATABASE {name} OWNER TO caller")
    try:
        with postgres.with_rule(f"{rule}\nhost all caller all reject"):
            as_caller = f"{url.replace('vidgen@', 'caller:secret@')}?sslmode={mode}"
            wait_until(lambda: code_of(as_caller) == code)
    finally:
        postgres.drop(url)
        postgres.run("DROP ROLE caller")


def code_of(url: str) -> str:
    """What is said of a database that is opened."""
    try:
        Store.open(url).close()
    except StoreError as error:
        return error.code
    return ""


@pytest.mark.skipif(not CHINESE.is_file(), reason="needs the Chinese words of PostgreSQL, which its package brings")
@pytest.mark.parametrize(
    ("said", "code"),
    [
        ('password authentication failed for user "%s"', "store_login_refused"),
        ('Ident authentication failed for user "%s"', "store_login_refused"),
        ('role "%s" does not exist', "store_login_refused"),
        ('role "%s" is not permitted to log in', "store_login_refused"),
        ('database "%s" does not exist', "store_database_missing"),
        ('no pg_hba.conf entry for host "%s", user "%s", database "%s", %s', "store_tls_needed"),
        ('pg_hba.conf rejects connection for host "%s", user "%s", database "%s", %s', "store_tls_needed"),
        ("sorry, too many clients already", "store_server_full"),
        ('too many connections for role "%s"', "store_server_full"),
        ('database "%s" is not currently accepting connections', "store_server_full"),
        ("remaining connection slots are reserved for non-replication superuser connections", "store_server_full"),
        ("permission denied for database %s", "store_server_read_only"),
        ("the database system is starting up", "store_server_away"),
    ],
)
def test_a_server_that_speaks_chinese_is_understood(said: str, code: str) -> None:
    with CHINESE.open("rb") as catalogue:
        words = gettext.GNUTranslations(catalogue).gettext(said)
    assert words != said
    filled = words.replace("%s", "vidgen", words.count("%s") - 1).replace("%s", "no encryption")
    known = dialect.translated(psycopg.OperationalError(filled), "there")
    assert known is not None
    assert known.code == code


def test_a_server_that_takes_connections_and_says_nothing_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(StoreError) as caught:
        # The least that the driver waits.
        Store.open(f"postgresql://vidgen@127.0.0.1:{silent.getsockname()[1]}/vidgen?connect_timeout=2")
    assert caught.value.code == "store_server_away"


def write_to(url: str) -> None:
    with closing(Store.open(url)) as store, store.write() as tx:
        tx.projects.ensure("film")


@pytest.mark.parametrize(
    ("mend", "code"),
    [
        ("ALTER ROLE reader SUPERUSER", "store_server_read_only"),
        ("ALTER ROLE reader CONNECTION LIMIT -1", "store_server_full"),
    ],
)
def test_a_role_without_rights_is_one_sentence_and_it_goes_on_when_it_has_them(
    postgres: Postgres, postgres_url: str, mend: str, code: str
) -> None:
    import psycopg

    with closing(psycopg.connect(postgres_url, autocommit=True)) as connection:
        limit = 0 if code == "store_server_full" else -1
        connection.execute(f"CREATE ROLE reader LOGIN CONNECTION LIMIT {limit}")
        try:
            rights = "SELECT" if limit else "ALL"
            connection.execute(f"GRANT {rights} ON ALL TABLES IN SCHEMA public TO reader")
            connection.execute(f"GRANT {rights} ON ALL SEQUENCES IN SCHEMA public TO reader")
            url = postgres_url.replace("vidgen@", "reader:secret@")
            with pytest.raises(StoreError) as caught:
                write_to(url)
            assert caught.value.code == code
            assert caught.value.passes
            assert "secret" not in str(caught.value.params)
            connection.execute(mend)
            write_to(url)
        finally:
            connection.execute("DROP OWNED BY reader")
            connection.execute("DROP ROLE reader")


OTHERS = "store_of_others"


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("CREATE TABLE people (id int)", "people"),
        ("CREATE TABLE tasks (id int)", "tasks"),
        ("CREATE VIEW tasks AS SELECT 1 AS id", "tasks"),
        ("CREATE TYPE tasks AS ENUM ('done')", "tasks"),
        ("CREATE TABLE alembic_version AS SELECT 'ab12' AS version_num; CREATE TABLE people (id int)", "people"),
        ("CREATE TABLE alembic_version (version_num text)", "alembic_version"),
    ],
)
def test_a_database_of_others_is_left_alone(postgres: Postgres, statement: str, table: str) -> None:
    url = postgres.new()
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute(statement)
        before = tables(connection)
        with pytest.raises(StoreError) as caught:
            Store.open(url)
        assert (caught.value.code, caught.value.params["table"]) == (OTHERS, table)
        assert tables(connection) == before


def tables(connection: psycopg.Connection[tuple[str]]) -> list[tuple[str]]:
    return connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()


def test_the_engine_and_what_belongs_to_the_server_may_be_there_first(postgres: Postgres) -> None:
    url = postgres.new()
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute("CREATE TABLE pgqueuer_log (id int)")
        connection.execute("CREATE TABLE spots (id int); CREATE TYPE colour AS ENUM ('red')")
        # What an extension brought, without one that has to be installed on the machine of the tests.
        for kind, name in (("TABLE", "spots"), ("TYPE", "colour")):
            connection.execute(f"ALTER EXTENSION plpgsql ADD {kind} {name}")
    Store.open(url).close()


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        ("DELETE FROM alembic_version", "alembic_version"),
        ("DROP TABLE alembic_version", "alembic_version"),
        ("DROP TABLE log", "log"),
        ("ALTER TABLE projects DROP COLUMN archived_at", "projects.archived_at"),
        ("DROP INDEX attempts_of_task", "attempts_of_task"),
        ("ALTER TABLE takes DROP CONSTRAINT takes_task_id_key", "takes_task_id_key"),
        ("ALTER TABLE state DROP CONSTRAINT state_pkey", "state_pkey"),
        ("DROP TRIGGER task_added ON tasks", "task_added"),
        ("ALTER TABLE tasks DISABLE TRIGGER task_added", "task_added"),
        ("DELETE FROM revision", "revision"),
        ("CREATE SCHEMA apart; ALTER TABLE log SET SCHEMA apart", "log"),
    ],
)
def test_a_database_of_which_a_part_is_missing_is_not_used(postgres_url: str, statement: str, missing: str) -> None:
    with closing(psycopg.connect(postgres_url, autocommit=True)) as connection:
        connection.execute(statement)
    with pytest.raises(StoreError) as caught:
        Store.open(postgres_url)
    assert (caught.value.code, caught.value.params["missing"]) == ("store_incomplete", missing)
    # A restore that is still under way brings the rest.
    assert caught.value.passes


def test_a_database_of_a_later_version_is_left_alone(postgres_url: str) -> None:
    with closing(psycopg.connect(postgres_url, autocommit=True)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError) as caught:
        Store.open(postgres_url)
    assert caught.value.code == "store_too_new"


@pytest.mark.parametrize(
    ("trouble", "mended", "code"),
    [
        ("ALTER DATABASE {} ALLOW_CONNECTIONS false", "ALTER DATABASE {} ALLOW_CONNECTIONS true", "store_server_full"),
        ("ALTER DATABASE {} CONNECTION LIMIT 0", "ALTER DATABASE {} CONNECTION LIMIT -1", "store_server_full"),
        (
            "REVOKE CONNECT ON DATABASE {} FROM PUBLIC",
            "GRANT CONNECT ON DATABASE {} TO guest",
            "store_server_read_only",
        ),
        ("REVOKE ALL ON DATABASE {} FROM guest", "ALTER DATABASE {} OWNER TO guest", "store_server_read_only"),
    ],
)
def test_a_database_that_lets_nobody_in_says_so_and_opens_when_it_is_mended(
    postgres: Postgres, trouble: str, mended: str, code: str
) -> None:
    url = postgres.new()
    name = url.rpartition("/")[2]
    postgres.run("CREATE ROLE guest LOGIN")
    try:
        if "OWNER" not in mended:
            postgres.run(f"ALTER DATABASE {name} OWNER TO guest")
            with closing(psycopg.connect(url, autocommit=True)) as connection:
                connection.execute("GRANT ALL ON SCHEMA public TO guest")
            postgres.run(f"REVOKE ALL ON DATABASE {name} FROM guest")
        postgres.run(trouble.format(name))
        with pytest.raises(StoreError) as caught:
            Store.open(url.replace("vidgen@", "guest@"))
        assert (caught.value.code, caught.value.passes) == (code, True)
        postgres.run(mended.format(name))
        write_to(url.replace("vidgen@", "guest@"))
    finally:
        postgres.drop(url)
        postgres.run("DROP ROLE guest")


def test_a_password_that_changes_meanwhile_may_stand_in_a_file(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.new()
    name = url.rpartition("/")[2]
    passwords = tmp_path / "pgpass"
    passwords.touch(mode=0o600)
    postgres.run(f"CREATE ROLE keeper LOGIN PASSWORD 'first'; ALTER DATABASE {name} OWNER TO keeper")
    postgres.ask_password_of("keeper")
    try:
        passwords.write_text("*:*:*:keeper:first\n")
        with closing(Store.open(url.replace("vidgen@", "keeper@") + f"?passfile={passwords}")) as store:
            assert answers(store)
            postgres.run("ALTER ROLE keeper PASSWORD 'second'")
            # What is connected stays so.
            assert answers(store)
            postgres.end_sessions(url)
            assert wait_until(lambda: error_of(store)) == "store_login_refused"
            passwords.write_text("*:*:*:keeper:second\n")
            assert answers(store)
    finally:
        postgres.drop(url)
        postgres.run("DROP ROLE keeper")


def test_a_schema_that_a_role_may_not_use_is_a_matter_of_its_rights(postgres: Postgres) -> None:
    url = postgres.new()
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute("DROP SCHEMA public")
    with pytest.raises(StoreError) as caught:
        Store.open(url)
    assert caught.value.code == "store_server_read_only"


@pytest.mark.parametrize(
    "statement", ["DROP TABLE texts CASCADE", "ALTER TABLE projects DROP COLUMN archived_at CASCADE"]
)
def test_a_part_that_is_lost_while_a_store_is_open_is_the_servers_fault(
    postgres_url: str, shared: Store, statement: str
) -> None:
    with closing(psycopg.connect(postgres_url, autocommit=True)) as connection:
        connection.execute(statement)
    with pytest.raises(StoreError) as caught:
        everything(shared)
    assert caught.value.code == "store_server_broken"


def test_a_database_that_cannot_keep_every_text_is_refused(postgres: Postgres) -> None:
    url = postgres.new(options="ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(StoreError) as caught:
        Store.open(url)
    assert (caught.value.code, caught.value.params["encoding"]) == ("store_not_utf8", "LATIN1")


def test_a_restarted_server_costs_no_more_than_what_was_under_way(postgres: Postgres, shared: Store) -> None:
    with pytest.raises(StoreError) as caught, shared.write() as tx:  # noqa: PT012 - it breaks in the middle
        film(tx)
        postgres.restart()
        film(tx)
    assert caught.value.code == "store_server_away"
    with shared.write() as tx:
        assert tx.projects.all() == []
        film(tx)
    before = shared.revision()
    postgres.restart()
    assert shared.revision() == before
    with shared.read() as tx:
        assert len(tx.projects.all()) == 1
    postgres.stop()
    try:
        # Until the thread that listens has noticed it, the last number stands.
        assert wait_until(lambda: error_of(shared)) == "store_server_away"
    finally:
        postgres.start()
    assert shared.revision() == before


def error_of(store: Store) -> str:
    try:
        store.revision()
    except StoreError as error:
        return error.code
    return ""


def test_changes_are_told_to_all_machines_as_they_are_committed(
    postgres: Postgres, postgres_url: str, shared: Store
) -> None:
    told, numbers = threading.Event(), []
    with closing(Store.open(postgres_url)) as other:
        for _ in range(2):
            assert other.revision() == shared.revision()
            end = other.on_change(told.set)
            told.clear()
            with shared.write() as tx:
                tx.projects.ensure(f"film {len(numbers)}")
                numbers.append(tx.rev)
            # Who has committed knows it at once.
            assert shared.revision() == numbers[-1]
            assert told.wait(30)
            assert other.revision() == numbers[-1]
            told.clear()
            undone = shared.begin()
            assert undone.rev > numbers[-1]
            shared.roll_back(undone)
            assert other.revision() == numbers[-1]
            end()
            postgres.restart()
            wait_until(lambda: answers(other) and answers(shared))
    assert not told.is_set()


@pytest.fixture
def network(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    """A way to the server, of which it is soon noticed that nothing comes through."""
    for name in ("SILENT", "SILENT_OUTSIDE"):
        monkeypatch.setattr(f"vidgen_core.db.backends.postgres.{name}", 1.0)
    with closing(Network(postgres.port)) as network:
        yield network


@pytest.mark.parametrize("cut", ["is_open", "lets_answers_through"])
def test_a_server_that_falls_silent_is_away_for_whoever_is_connected(
    postgres_url: str, shared: Store, network: Network, tmp_path: Path, cut: str
) -> None:
    def said(ask: Callable[[], object]) -> object:
        try:
            return ask()
        except StoreError as error:
            return error.code

    with closing(Store.open(network.way_to(postgres_url))) as store:
        lock, standby = store.runner_lock(tmp_path / "a.lock"), store.runner_lock(tmp_path / "a.lock")
        asked = (lambda: lookup(store), lambda: write_a(store, "film"), store.time, standby.acquire)
        assert lock.acquire()
        assert answers(store)
        assert "store_server_away" not in [said(ask) for ask in asked]
        getattr(network, cut).clear()
        assert [said(ask) for ask in asked] == ["store_server_away"] * len(asked)
        assert not lock.is_held()
        with shared.write() as tx:
            tx.projects.ensure("another")
            number = tx.rev
        assert wait_until(lambda: error_of(store)) == "store_server_away"
        getattr(network, cut).set()
        assert wait_until(lambda: answers(store))
        assert store.revision() == number
        standby.release()


def lookup(store: Store) -> int:
    with store.read() as tx:
        return len(tx.projects.all())


def write_a(store: Store, name: str) -> None:
    with store.write() as tx:
        tx.projects.ensure(name)


@pytest.mark.parametrize("cut", ["is_open", "lets_answers_through"])
def test_a_commit_that_is_not_answered_is_settled_before_anybody_writes_again(
    postgres_url: str, shared: Store, network: Network, cut: str
) -> None:
    with closing(Store.open(network.way_to(postgres_url))) as store:
        with pytest.raises(CommitUnknown) as caught, store.write() as tx:  # noqa: PT012 - it breaks at its end
            tx.projects.ensure("film")
            getattr(network, cut).clear()
        assert (caught.value.code, caught.value.params) == ("store_commit_unknown", {"place": store.place})
        if cut == "is_open":
            # The server has not heard of it yet, and keeps the turn for it.
            network.is_open.set()
        with shared.write() as tx:
            there = len(tx.projects.all())
        assert there == 1 or cut == "is_open"
        assert lookup(shared) == there
        # Whoever was not told can ask now.
        getattr(network, cut).set()
        assert wait_until(lambda: answers(store))
        assert store.was_committed(caught.value.transaction) == bool(there)


def test_a_commit_whose_answer_was_lost_on_its_way_is_told_as_what_it_is(
    postgres_url: str, shared: Store, network: Network
) -> None:
    told: list[str] = []
    with closing(Store.open(network.way_to(postgres_url))) as store:
        with store.write() as tx:
            tx.projects.ensure("film")
            tx.after_commit(lambda: told.append("film"))
            network.commit_is_heard = True
        assert (lookup(shared), told) == (1, ["film"])
        write_a(store, "another")
    assert lookup(shared) == 2


def test_a_commit_that_was_lost_on_its_way_is_undone_at_once_and_told_so(
    postgres_url: str, shared: Store, network: Network
) -> None:
    with closing(Store.open(network.way_to(postgres_url))) as store:
        with pytest.raises(StoreError) as caught, store.write() as tx:  # noqa: PT012 - it breaks at its end
            tx.projects.ensure("film")
            network.commit_is_heard = False
        assert caught.value.code == "store_server_away"
        write_a(store, "another")
    assert lookup(shared) == 1


def test_a_server_that_crashes_at_a_commit_says_afterwards_what_became_of_it(postgres: Postgres, shared: Store) -> None:
    turn = shared.begin()
    turn.projects.ensure("film")
    postgres.stop()
    restart = threading.Thread(target=postgres.start)
    restart.start()
    with pytest.raises(StoreError) as caught:
        shared.commit(turn)
    restart.join()
    assert caught.value.code == "store_server_away"
    assert wait_until(lambda: answers(shared))
    assert lookup(shared) == 0


def test_numbers_of_transactions_prove_nothing_after_a_crash(postgres: Postgres, shared: Store) -> None:
    """They are given anew from the last one that is on disk: another transaction may have this one's."""
    with shared.write() as tx:
        tx.projects.ensure("film")
        session = tx._connection.connection.driver_connection
        assert isinstance(session, Session)
        transaction = f"{session.number} {session.recovered}"
    assert shared.was_committed(transaction) is True
    postgres.restart()
    assert shared.was_committed(transaction) is None


def test_a_writer_waits_for_its_turn_although_the_server_says_nothing_meanwhile(
    postgres_url: str, shared: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.db.backends.postgres.SILENT_OUTSIDE", 0.5)
    write_a(shared, "film")
    with closing(Store.open(postgres_url)) as other:
        turn = other.begin()
        waiting = threading.Thread(target=write_a, args=(shared, "another"))
        waiting.start()
        waiting.join(2)
        assert waiting.is_alive()
        other.commit(turn)
        waiting.join()
    assert lookup(shared) == 2


def test_a_long_statement_is_waited_for_where_it_may_be_one(
    postgres_url: str, shared: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.db.backends.postgres.SILENT", 0.2)

    def sleep(*, patient: bool) -> None:
        with shared.read(patient=patient) as tx:
            tx.execute(text("SELECT pg_sleep(1)"))

    sleep(patient=True)
    with pytest.raises(StoreError) as caught:
        sleep(patient=False)
    assert caught.value.code == "store_server_away"
    assert answers(shared)


def answers(store: Store) -> bool:
    try:
        with store.read() as tx:
            tx.projects.all()
            return store.revision() == tx.rev
    except StoreError:
        return False


def test_the_lock_of_the_worker_is_one_and_is_lost_with_the_server(
    postgres: Postgres, postgres_url: str, tmp_path: Path
) -> None:
    with closing(Store.open(postgres_url)) as one, closing(Store.open(postgres_url)) as other:
        first, second = one.runner_lock(tmp_path / "a.lock"), other.runner_lock(tmp_path / "b.lock")
        assert not second.is_taken()
        assert first.acquire()
        assert second.is_taken()
        assert not second.acquire()
        assert first.is_held()
        postgres.restart()
        assert not first.is_held()
        assert second.acquire()
        assert not first.acquire()
        second.release()
        # Its session ends at the server a moment after it was closed here.
        wait_until(first.acquire)
        # The process that has it may stand still.
        second.take_away()
        wait_until(second.acquire)
        assert not first.is_held()
        second.release()


def test_a_writer_that_stands_still_in_the_midst_of_a_statement_keeps_nobody_waiting_for_good(
    postgres_url: str, shared: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("lock_timeout", "idle_in_transaction_session_timeout"):
        monkeypatch.setitem(_SESSION, name, "1s")
    with closing(psycopg.connect(postgres_url)) as frozen, closing(Store.open(postgres_url)) as other:
        # As far as many rows in one statement have come: the server waits for the rest and calls that no idling.
        frozen.execute("SET idle_in_transaction_session_timeout = '1s'")
        frozen.commit()
        frozen.pgconn.enter_pipeline_mode()
        for command in (b"BEGIN", b"SELECT pg_advisory_xact_lock(%d)" % WRITE_LOCK):
            frozen.pgconn.send_query_params(command, None)
        frozen.pgconn.send_flush_request()
        frozen.pgconn.flush()
        wait_until(lambda: refused(other))
        wait_until(lambda: not refused(other))
        with other.write() as tx:
            tx.projects.ensure("film")


def refused(store: Store) -> bool:
    try:
        with store.write():
            return False
    except StoreError as error:
        return error.code == "store_locked"


def test_a_failure_with_a_nul_is_counted_by_its_kind(shared: Store) -> None:
    with shared.write() as tx:
        [shot] = film(tx)
        task = task_in(tx, shot, PROCESSING)
        number = tx.attempts.begin(task.id, task.provider, task.model, None, None, None, yuan("1")).id
        failure = NETWORK.model_copy(update={"provider_message": "half\0a \\u0000 word"})
        tx.attempts.update(number, failure=failure)
        tx.tasks.move(task.id, FAILED, failure=failure)
        assert Failure.model_validate(tx.tasks.get(task.id).failure) == failure


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.read() as tx:
        return {
            table.name: sorted((tuple(map(repr, row)) for row in tx.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def some(column: Column[object]) -> object:
    """A value of a column that is easily lost on the way."""
    match column.type:
        case Micros():
            return Decimal("1234567.000001")
        case UtcTime():
            return now()
        case JSON():
            return {"短剧": [1.5, None, "😀"]}
        case Boolean():
            return True
        case BigInteger():
            return 2**53 + 1
        case Integer():
            return 7
        case Double():
            return 0.1 + 0.2
    return "it's 短剧\n"


def test_a_database_is_copied_there_and_back(store: Store, shared: Store, tmp_path: Path) -> None:
    with store.write() as tx:
        for _ in lives(tx, Random(3)):
            pass
        tx.state.put("said", {"it": "短剧 \0 😀"})
        tx.log.add(LogLevel.INFO, "code", at=now())
        [shot] = film(tx)
        order(tx, shot)
        for table in metadata.sorted_tables:
            if tx.execute(select(table).limit(1)).first() is None and table is not ledger_lines:
                tx.execute(insert(table).values({column.name: some(column) for column in table.columns}))
    assert all(everything(store).values())
    store.copy_to(shared)
    assert everything(shared) == everything(store)
    with closing(Store.open(tmp_path / "back.db")) as back:
        shared.copy_to(back)
        assert everything(back) == everything(store)
    shared.backup(tmp_path / "copy.db")
    with closing(Store.open(tmp_path / "copy.db")) as copy:
        assert everything(copy) == everything(store)
    # What comes after is numbered on and counted.
    ids = {task_id for task_id, *_ in everything(store)["tasks"]}
    for one in (store, shared):
        with one.write() as tx:
            [shot] = film(tx)
            task = task_in(tx, shot, FAILED)
        assert repr(task.id) not in ids
    with store.read() as here, shared.read() as there:
        assert rows(here) == rows(there)


def order(tx: Tx, shot: Shot) -> int:
    """A paid request that has left, with letters that JSON escapes in its words."""
    task = task_in(tx, shot, PROCESSING, provider=ProviderId("kie"))
    number = tx.attempts.begin(task.id, task.provider, 'a "model" \\ 短剧\t', "k1", "main", None, yuan("0.5")).id
    tx.attempts.update(number, state=AttemptState.SENDING, intent_at=now(), failure=NETWORK)
    return number


def test_the_ledgers_chain_goes_on_where_it_was_copied_to(store: Store, shared: Store, tmp_path: Path) -> None:
    with store.write() as tx:
        [shot] = film(tx)
        number = order(tx, shot)
    store.copy_to(shared)
    with shared.write() as tx:
        tx.attempts.update(number, state=AttemptState.ACCEPTED, remote_id="r1", accepted_at=now())
        order(tx, shot)
        tx.llm_calls.begin(shot.project_id, "prompt", "m1", "main", "http://here", cost=yuan("2"))
    with shared.read() as tx:
        lines = list(tx.chain.lines())
        assert list(tx.chain.strays()) == []
        assert tx.ledger.wrong_sums() == []
        assert {row.kind for row in tx.chain.requests(shot.project_id, now() - timedelta(1), now())} == {
            "attempt",
            "question",
        }
        assert len(tx.chain.requests(None, None, None, 2)) == 2
    assert len(lines) == 4
    with closing(Store.open(tmp_path / "back.db")) as back:
        shared.copy_to(back)
        with back.read() as tx:
            assert list(tx.chain.lines()) == lines
            assert list(tx.chain.strays()) == []
            assert tx.ledger.wrong_sums() == []
    for before, line in pairwise([None, *lines]):
        assert line is not None
        assert line.previous == (before.hash if before else "")
        assert line.hash == line_hash(line.n, line.at, line.kind, line.row_id, line.body, line.previous)
    with shared.write() as tx:
        tx.execute(update(attempts).where(attempts.c.id == number).values(cost=Decimal("0.1")))
        tx.execute(delete(ledger_lines).where(ledger_lines.c.n == lines[-1].n + 1))
    with shared.read() as tx:
        assert [(code, row) for code, _, row, _ in tx.chain.strays()] == [("row_differs", number)]


# SQLAlchemy leaves the cursor of a session that has ended to be collected, of which the driver complains.
@pytest.mark.filterwarnings("ignore:Exception ignored in.*ServerCursor", "ignore:.*ServerCursor:ResourceWarning")
def test_a_copy_that_breaks_off_names_what_was_away_and_may_be_made_again(
    postgres: Postgres, postgres_url: str, shared: Store, tmp_path: Path
) -> None:
    with shared.write() as tx:
        film(tx)
    with closing(Store.open(tmp_path / "copy.db")) as file:
        # Between the beginning of the copy and its first row.
        writer = file._backend.writer
        event.listen(writer, "before_cursor_execute", lambda *_: postgres.end_sessions(postgres_url), once=True)
        with pytest.raises(StoreError) as caught:
            shared.copy_to(file)
        assert (caught.value.code, caught.value.params) == ("store_server_away", {"place": shared.place})
        del caught
        gc.collect()
        assert dict(shared.copy_to(file))["shots"] == 1


def test_a_copy_goes_into_an_empty_database_only(store: Store, shared: Store) -> None:
    with store.write() as tx:
        film(tx)
    with shared.write() as tx:
        tx.projects.ensure("other")
    with pytest.raises(StoreError) as caught:
        store.copy_to(shared)
    assert caught.value.code == "store_copy_not_empty"
    with shared.read() as tx:
        assert [project.name for project in tx.projects.all()] == ["other"]


def test_one_machine_imports_nothing_of_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from vidgen_core.config.paths import Locations\n"
        "from vidgen_core.services.facade import Vidgen\n"
        "with Vidgen.open(Locations(Path(sys.argv[1]))) as app: app.shots.add(app.projects.ensure('a').id, [])\n"
        "assert not {'psycopg', 'psycopg_pool', 'pgqueuer', 'asyncpg', 'fsspec', 's3fs'} & sys.modules.keys()\n"
    )
    told = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=100)
    assert told.returncode == 0, told.stderr
