"""Statements that are compiled once, and changes that are made together: they do what each alone would have done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, bindparam, create_engine, insert, select, update

from vidgen_core.db import Store
from vidgen_core.db.dialect import one_of
from vidgen_core.db.prepared import PreparedStatement
from vidgen_core.db.schema import metadata
from vidgen_core.db.schema.system import log
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import GenerationParams, NewTask, Task, TaskStatus

YUNWU = ProviderId("yunwu")


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.connect() as found, found.begin():
        yield found
    engine.dispose()


def line(number: int) -> dict[str, object]:
    return {"at": None, "level": "info", "code": f"code {number}", "params": {"n": number, "text": "短剧"}}


def test_rows_are_those_that_any_other_statement_reads(connection: Connection) -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    PreparedStatement(insert(log)).run(connection, [line(1) | {"at": at}, line(2) | {"at": at}])
    query = (
        select(log).where(one_of(log.c.code, ["code 1", "code 2"]), log.c.id >= bindparam("least")).order_by(log.c.id)
    )

    found = PreparedStatement(query).run(connection, {"least": 1})

    assert [row._asdict() for row in found] == [row._asdict() for row in connection.execute(query, {"least": 1})]
    assert found.scalars().all() == [1, 2]


def test_a_list_that_other_databases_would_refuse_for_many_rows_is_refused(connection: Connection) -> None:
    with pytest.raises(TypeError):
        PreparedStatement(select(log).where(log.c.code.in_(["code 1"]))).run(connection)


def test_other_columns_are_another_statement(connection: Connection) -> None:
    PreparedStatement(insert(log)).run(connection, line(1) | {"at": datetime(2026, 1, 2, tzinfo=UTC)})
    change = PreparedStatement(update(log).where(log.c.id == bindparam("the_line")))

    assert change.run(connection, {"the_line": 1, "code": "new"}).rowcount == 1
    assert change.run(connection, {"the_line": 1, "params": {"a": 1}}).rowcount == 1
    assert change.run(connection, {"the_line": 9, "code": "none"}).rowcount == 0

    row = connection.execute(select(log)).one()
    assert (row.code, row.params) == ("new", {"a": 1})


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "a.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    yield store
    store.close()


def queue(store: Store, n: int) -> list[Task]:
    with store.write() as tx:
        project = tx.projects.ensure("film")
        [shot] = tx.shots.add(project.id, [NewShot(number="1", prompt="x")])
        params = GenerationParams(aspect_ratio="9:16", size="720P")
        return tx.tasks.add(
            [NewTask(project_id=project.id, shot_id=shot.id, provider=YUNWU, model="m", params=params)] * n
        )


def test_changes_that_are_made_together_are_seen_by_the_next_question(store: Store) -> None:
    tasks = queue(store, 3)
    with store.write() as tx:
        moved = [
            tx.tasks.moved(task, TaskStatus.PROCESSING, progress=3, cost=Money(amount="1", currency="CNY"))
            for task in tasks
        ]
        assert tx.tasks.many([task.id for task in tasks]) == moved
        again = [task and tx.tasks.moved(task, TaskStatus.QUEUED) for task in moved]
        # The second change of a row comes after its first.
        assert [task and tx.tasks.moved(task, TaskStatus.PENDING) is not None for task in again] == [True] * 3
        assert tx.tasks.counts(None)[TaskStatus.PENDING] == 3
        assert tx.tasks.moved(tx.tasks.get(tasks[0].id), TaskStatus.COMPLETED) is None


def test_an_attempt_that_is_changed_with_others_stands_as_it_was_told(store: Store) -> None:
    tasks = queue(store, 2)
    with store.write() as tx:
        begun = [tx.attempts.begin(task.id, YUNWU, "m", "k", "k", None, None) for task in tasks]
        told = [tx.attempts.updated(one, state=AttemptState.SENDING, sent={"n": one.id}) for one in begun]
        assert [tx.attempts.get(one.id) for one in told] == told


def test_a_row_that_is_not_as_it_was_read_undoes_the_whole(store: Store) -> None:
    [task] = queue(store, 1)

    def change() -> None:
        with store.write() as tx:
            tx.tasks.move(task.id, TaskStatus.PENDING)
            tx.tasks.moved(task, TaskStatus.PROCESSING)

    with pytest.raises(RuntimeError):
        change()
    with store.read() as tx:
        assert tx.tasks.get(task.id).status is TaskStatus.QUEUED


def test_what_stands_as_it_was_read_is_told_by_one_statement(store: Store) -> None:
    one, other = queue(store, 2)
    with store.write() as tx:
        tx.tasks.note(other.id, progress=5)
    with store.write() as tx:
        tx.tasks.look_at([one.id, other.id])
        assert (tx.tasks.is_unchanged(one, None), tx.tasks.is_unchanged(other, None)) == (True, False)
        tx.tasks.note(one.id, progress=5)
        assert not tx.tasks.is_unchanged(one, None)


def test_a_change_that_waits_is_not_made_for_a_statement_apart_from_it(store: Store) -> None:
    one, other = queue(store, 2)
    with store.write() as tx:
        begun = [tx.attempts.begin(task.id, YUNWU, "m", "k", "k", None, None) for task in (one, other)]
        tx.tasks.moved(tx.tasks.get(one.id), TaskStatus.PENDING)
        again = tx.attempts.add(other.id, YUNWU, "m", "k", "k", None, None)
        assert (again.number, len(tx._soon)) == (begun[1].number + 1, 1)
        assert tx.tasks.get(one.id).status is TaskStatus.PENDING


def test_what_this_transaction_has_changed_stands_as_it_was_told(store: Store) -> None:
    [queued] = queue(store, 1)
    with store.write() as tx:
        attempt = tx.attempts.begin(queued.id, YUNWU, "m", "k", "k", None, None)
        task = tx.tasks.get(queued.id)
    with store.write() as tx:
        moved = tx.tasks.moved(task, TaskStatus.PROCESSING)
        sent = tx.attempts.updated(attempt, state=AttemptState.SENDING)
        assert moved is not None
        assert tx.tasks.is_unchanged(moved, sent)
        assert not tx.tasks.is_unchanged(task, attempt)
        tx.tasks.note_at_commit(moved, unchanged=True, progress=5)
    with store.read() as fresh:
        now_so = fresh.tasks.get(task.id)
        assert tx.tasks.is_unchanged(now_so, fresh.attempts.get(attempt.id))
