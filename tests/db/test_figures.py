"""The sums behind the figures: whatever happens to tasks and attempts, they are what a count of all rows would give."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from store_contract import (
    CANCELLED,
    COMPLETED,
    DOWNLOADING,
    FAILED,
    NETWORK,
    PROCESSING,
    QUEUED,
    film,
    new_task,
    take_of,
    task_in,
    yuan,
)

from vidgen_core.db import Store, Tx
from vidgen_core.db.dialect import spelled
from vidgen_core.db.repositories.reports import FigureFilter
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import DrawState, Task, TaskKind, UntilPass

ALL = FigureFilter()


@pytest.fixture
def store(every_store: Store) -> Store:
    return every_store


def ends(tx: Tx, wanted: FigureFilter = ALL) -> dict[tuple[str, str], int]:
    return {(end.status, end.kind): end.n for end in tx.reports.ends(wanted)}


def spent(tx: Tx) -> dict[tuple[str, str], tuple[int, Decimal]]:
    return {(one.state, one.charge): (one.n, one.cost) for one in tx.reports.attempts(ALL)}


def attempt(tx: Tx, task: Task, key: str | None = "k1", cost: Any = None) -> int:
    return tx.attempts.begin(task.id, task.provider, task.model, key, "main ••x4KR", None, cost or yuan("0.40")).id


def test_a_task_that_ends_otherwise_after_all_is_counted_once(store: Store) -> None:
    with store.write() as tx:
        [shot] = film(tx)
        task = task_in(tx, shot, PROCESSING)
        tx.tasks.move(task.id, FAILED, failure=NETWORK)
        assert ends(tx) == {("failed", "network"): 1}
        for status in (QUEUED, PROCESSING, DOWNLOADING, COMPLETED):
            tx.tasks.move(task.id, status)
        assert ends(tx) == {("completed", ""): 1}


def test_what_was_deleted_stays_counted_with_its_money(store: Store) -> None:
    with store.write() as tx:
        [shot] = film(tx)
        task = task_in(tx, shot, PROCESSING)
        number = attempt(tx, task)
        tx.attempts.update(number, state=AttemptState.FAILED, charge=ChargeStatus.CHARGED)
        tx.tasks.move(task.id, FAILED, failure=NETWORK)
        before = ends(tx), spent(tx)
        tx.tasks.delete([task.id])
        assert (ends(tx), spent(tx)) == before
        assert spent(tx) == {("failed", "charged"): (1, Decimal("0.4"))}


def test_money_moves_with_what_becomes_known_of_it(store: Store) -> None:
    with store.write() as tx:
        [shot] = film(tx)
        number = attempt(tx, task_in(tx, shot, PROCESSING))
        assert spent(tx) == {}, "nothing has left yet"
        tx.attempts.update(number, state=AttemptState.SENDING)
        assert spent(tx) == {}
        tx.attempts.update(number, state=AttemptState.ACCEPTED, charge=ChargeStatus.ESTIMATED)
        assert spent(tx) == {("accepted", "estimated"): (1, Decimal("0.4"))}
        tx.attempts.update(number, state=AttemptState.FAILED, charge=ChargeStatus.REFUNDED, cost=yuan("0.37"))
        assert spent(tx) == {("failed", "refunded"): (1, Decimal("0.37"))}
        rows = tx._connection.exec_driver_sql("SELECT count(*) FROM ledger_daily").scalar()
    assert rows == 1, "states on the way leave no rows"


def test_a_chosen_take_counts_as_long_as_it_is_chosen_in_a_shot_that_is_there(store: Store) -> None:
    with store.write() as tx:
        [shot] = film(tx)
        first, second = (tx.takes.add(take_of(tx, task_in(tx, shot, COMPLETED))) for _ in range(2))

        def chosen() -> int:
            return ends(tx).get(("chosen", ""), 0)

        assert chosen() == 0
        tx.shots.choose(shot.id, first.id)
        tx.shots.choose(shot.id, second.id)
        assert chosen() == 1
        tx.shots.delete([shot.id])
        assert chosen() == 0
        tx.shots.restore([shot.id])
        assert chosen() == 1
        tx.tasks.delete([second.task_id])
        assert chosen() == 0


def test_stages_take_the_time_between_their_marks(store: Store) -> None:
    begun = datetime.now(UTC)
    with store.write() as tx:
        [shot] = film(tx)
        task = tx.tasks.add([new_task(shot)])[0]
        tx._connection.exec_driver_sql("UPDATE tasks SET queued_at = queued_at - 33")
        tx.tasks.move(task.id, PROCESSING)
        number = attempt(tx, task)
        tx.attempts.update(number, state=AttemptState.ACCEPTED, accepted_at=begun)
        tx.attempts.update(number, state=AttemptState.SUCCEEDED, ended_at=begun + timedelta(seconds=123))
        tx.tasks.move(task.id, DOWNLOADING, polled_at=datetime.now(UTC) - timedelta(seconds=7))
        tx.tasks.move(task.id, COMPLETED)
        found = {one.stage: one.seconds for one in tx.reports.times(ALL)}
    assert found == {"queue": 35.0, "remote": 120.0, "download": 7.0}


@pytest.mark.parametrize(
    ("seconds", "kept"), [(0.04, 0.0), (0.31, 0.4), (4.2, 4.0), (61.0, 60.0), (333.0, 350.0), (7_212.0, 7_000.0)]
)
def test_durations_are_kept_to_a_tenth(store: Store, seconds: float, kept: float) -> None:
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    with store.write() as tx:
        [shot] = film(tx)
        number = attempt(tx, task_in(tx, shot, QUEUED))
        tx.attempts.update(number, state=AttemptState.ACCEPTED, accepted_at=begun)
        tx.attempts.update(number, state=AttemptState.SUCCEEDED, ended_at=begun + timedelta(seconds=seconds))
        assert [one.seconds for one in tx.reports.times(ALL)] == [kept]


def test_what_was_adopted_has_not_waited_in_the_queue(store: Store) -> None:
    with store.write() as tx:
        [shot] = film(tx)
        attempt(tx, tx.tasks.add([new_task(shot, status="pending")])[0])
        assert tx.reports.times(ALL) == []


def test_pictures_are_counted_beside_the_takes(store: Store) -> None:
    with store.write() as tx:
        [shot] = film(tx)
        task = tx.tasks.add([new_task(shot, output=TaskKind.IMAGE)])[0]
        tx.tasks.move(task.id, PROCESSING)
        attempt(tx, task)
        tx.tasks.move(task.id, DOWNLOADING, polled_at=datetime.now(UTC))
        tx.tasks.move(task.id, COMPLETED)
        assert ends(tx) == {("image_completed", ""): 1}
        assert tx.reports.times(ALL) == []
        assert tx.reports.takes_by_hour(ALL, 0, 2**31) == []


def test_filters_leave_one_project_and_one_provider(store: Store) -> None:
    with store.write() as tx:
        [shot] = film(tx)
        other = tx.shots.add(tx.projects.ensure("other").id, [NewShot(prompt="x")])[0]
        task_in(tx, shot, COMPLETED)
        task_in(tx, shot, FAILED, provider=ProviderId("kie"))
        task_in(tx, other, CANCELLED)
        assert ends(tx, FigureFilter(project_id=shot.project_id)) == {("completed", ""): 1, ("failed", ""): 1}
        assert ends(tx, FigureFilter(provider=ProviderId("kie"))) == {("failed", ""): 1}
        day = (date.today() - date(1970, 1, 1)).days  # noqa: DTZ011 - the machine's day is meant
        assert ends(tx, FigureFilter(since=day + 2)) == {}
        assert len(ends(tx, FigureFilter(since=day - 1, until=day + 1))) == 3


def scanned(tx: Tx, table: str) -> list[tuple[Any, ...]]:
    """The rows of a table of sums, as a scan of all rows finds them."""
    query = spelled(COUNTED[table], tx.database)
    return sorted(tuple(row) for row in tx._connection.exec_driver_sql(query))


#: The sums by table; what each database writes in its own way as in the triggers.
COUNTED = {
    "task_ends_daily": (
        """SELECT day_of[finished_at], project_id, provider, model,
            CASE output WHEN 'image' THEN 'image_' ELSE '' END || status, coalesce(failure_kind, ''), count(*)
        FROM tasks WHERE finished_at IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6
        UNION ALL
        SELECT day_of[takes.created_at], takes.project_id, takes.provider, takes.model, 'chosen', '', count(*)
        FROM shots JOIN takes ON takes.id = shots.chosen_take_id WHERE shots.deleted_at IS NULL GROUP BY 1, 2, 3, 4"""
    ),
    "ledger_daily": (
        """SELECT day_of[coalesce(intent_at, created_at)], project_id, provider, model, coalesce(key_id, ''), state,
            coalesce(kind_of[failure], ''), charge,
            CASE WHEN cost IS NULL THEN '' ELSE coalesce(cost_currency, '') END, count(*), sum(coalesce(cost, 0))
        FROM attempts GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
        UNION ALL
        SELECT day_of[created_at], project_id, 'writing', model, key_label,
            CASE state WHEN 'answered' THEN 'succeeded' ELSE state END, coalesce(kind_of[failure], ''),
            CASE state WHEN 'refused' THEN 'none' WHEN 'unknown' THEN 'unknown' ELSE 'estimated' END,
            CASE WHEN cost IS NULL THEN '' ELSE coalesce(cost_currency, '') END, count(*), sum(coalesce(cost, 0))
        FROM llm_calls GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9"""
    ),
    "takes_hourly": (
        """SELECT hour_of[finished_at], project_id, provider, count(*)
        FROM tasks WHERE status = 'completed' AND output = 'video' AND finished_at IS NOT NULL GROUP BY 1, 2, 3"""
    ),
}


def rows(tx: Tx) -> dict[str, list[Any]]:
    return {
        table: sorted(tuple(row) for row in tx._connection.exec_driver_sql(f"SELECT * FROM {table} WHERE n != 0"))  # noqa: S608
        for table in COUNTED
    }


def lives(tx: Tx, chance: random.Random) -> Iterator[None]:
    """Tasks of any kind in any order: begun, failed, tried again, finished, chosen, deleted, restored."""
    shots = film(tx, 6)
    for _ in range(80):
        task = tx.tasks.add(
            [
                new_task(
                    chance.choice(shots),
                    provider=chance.choice((ProviderId("kie"), ProviderId("yunwu"))),
                    output=chance.choice(list(TaskKind)),
                )
            ]
        )[0]
        for _ in range(chance.randint(1, 3)):
            tx.tasks.move(task.id, PROCESSING)
            number = attempt(tx, task, chance.choice((None, "k1", "k2")), yuan(f"0.{chance.randint(1, 99)}"))
            tx.attempts.update(
                number, state=chance.choice(list(AttemptState)), charge=chance.choice(list(ChargeStatus))
            )
            tx.attempts.update(number, failure=chance.choice((None, NETWORK)), cost=chance.choice((None, yuan("0.5"))))
            tx.tasks.move(task.id, chance.choice((FAILED, CANCELLED, DOWNLOADING)), failure=NETWORK)
            if tx.tasks.move(task.id, COMPLETED):
                if task.output is TaskKind.IMAGE:
                    break
                take = tx.takes.add(take_of(tx, task))
                tx.shots.choose(task.shot_id, chance.choice((take.id, None)))
                break
            tx.tasks.move(task.id, QUEUED)
        if chance.random() < 0.2:
            tx.tasks.delete([task.id])
            if chance.random() < 0.5:
                tx.tasks.restore([task.id])
        yield


@pytest.mark.parametrize("seed", range(4))
def test_the_sums_are_those_of_a_count_of_all_rows(store: Store, seed: int) -> None:
    with store.write() as tx:
        for _ in lives(tx, random.Random(seed)):
            pass
        kept = rows(tx)
        found = {table: scanned(tx, table) for table in COUNTED}
    assert kept == found
    assert all(kept.values())


_IN_CHINA = """
import os, sys, time
os.environ["TZ"] = "Asia/Shanghai"
time.tzset()
from pathlib import Path
from vidgen_core.db import Store
store = Store.open(Path(sys.argv[1]))
with store.write() as tx:
    tx._connection.exec_driver_sql(
        "INSERT INTO tasks (project_id, shot_id, shot_position, take, batch, status, provider, model, text_id, turn,"
        " charge, rev, created_at, finished_at) VALUES (1, 1, 1, 1, 1, 'failed', 'kie', 'm', 1, 1, 'none', 1, 0, ?)",
        (float(sys.argv[2]),),
    )
    print(tx._connection.exec_driver_sql("SELECT date(day * 86400, 'unixepoch') FROM task_ends_daily").scalar())
"""


def test_a_day_is_one_of_the_studio_and_not_one_of_utc(database: Path) -> None:
    late = datetime(2026, 3, 1, 17, 30, tzinfo=UTC).timestamp()
    said = subprocess.run(
        [sys.executable, "-c", _IN_CHINA, database, str(late)], capture_output=True, text=True, timeout=60
    )
    assert said.stdout.strip() == "2026-03-02", said.stderr


def test_draws_are_counted_by_order_and_shot(store: Store) -> None:
    with store.write() as tx:
        one, two = film(tx, 2)
        for shots, times in (([one, two], 2), ([one], 1)):
            order = tx.draws.begin(
                one.project_id, [shot.id for shot in shots], UntilPass(), yuan("9"), {}, DrawState.PASSED
            )
            for shot in shots:
                for _ in range(times):
                    attempt(tx, task_in(tx, shot, QUEUED, draw=order))
        drawn, _ = tx.reports.drawn(ALL, None, None)
    assert (drawn.shots, drawn.draws) == (3, 5)
