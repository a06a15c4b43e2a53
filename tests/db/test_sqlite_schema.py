"""The schema: what opening a database makes is what the code says, and every question has its index."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from doubles import one_round
from sqlalchemy import event, text

from vidgen_core.db import Store, Tx
from vidgen_core.db.dialect import spelled
from vidgen_core.db.keyset import mark_of
from vidgen_core.db.migrations import HEAD
from vidgen_core.db.triggers import TRIGGERS
from vidgen_core.domain.errors import ErrorKind, InputError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import LogFilter, ShotFilter, TaskFilter
from vidgen_core.domain.takes import NewTake
from vidgen_core.domain.tasks import LIVE, TaskKind, TaskStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def schema_of(path: Path, kind: str) -> dict[str, str]:
    connection = sqlite3.connect(path)
    query = "SELECT name, sql FROM sqlite_master WHERE type = ? AND sql IS NOT NULL AND name != 'alembic_version'"
    found = {name: " ".join(sql.replace('"', "").split()) for name, sql in connection.execute(query, (kind,))}
    connection.close()
    return found


def test_migrated_triggers_are_the_present_ones(database: Path) -> None:
    wanted = {
        name: " ".join(f"CREATE TRIGGER {name} {spelled(body, 'sqlite')}".replace('"', "").split())
        for name, body in TRIGGERS.items()
    }
    assert schema_of(database, "trigger") == wanted


def test_the_named_head_is_the_last_revision() -> None:
    config = Config()
    config.set_main_option("script_location", "vidgen_core.db:migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


FAILED = frozenset({TaskStatus.FAILED})
ANY, ERRORS = LogFilter(), LogFilter(frozenset({LogLevel.ERROR}), task_id=3)

#: Questions by the indexes they are answered with; none of them may walk over a table or sort all of it.
QUESTIONS: list[tuple[str, Callable[[Tx], object]]] = [
    ("tasks_by_id", lambda tx: tx.tasks.page(1, TaskFilter(), "id", True)),
    ("tasks_by_id", lambda tx: tx.tasks.page(1, TaskFilter(), "status", False)),
    ("tasks_by_id", lambda tx: tx.tasks.page(1, TaskFilter(), "provider", False)),
    ("tasks_by_shot", lambda tx: tx.tasks.page(1, TaskFilter(LIVE), "shot", False)),
    ("tasks_by_attempts", lambda tx: tx.tasks.page(1, TaskFilter(provider=ProviderId("kie")), "attempts", True)),
    ("tasks_by_cost", lambda tx: tx.tasks.page(1, TaskFilter(), "cost", True)),
    ("tasks_by_finished", lambda tx: tx.tasks.page(1, TaskFilter(FAILED), "finished", True)),
    ("tasks_by_duration", lambda tx: tx.tasks.page(1, TaskFilter(FAILED), "duration", True)),
    ("tasks_by_id", lambda tx: tx.tasks.page(1, TaskFilter(output=TaskKind.VIDEO), "id", True)),
    ("candidates_of_shot", lambda tx: tx.candidates.of_shots([1, 2])),
    ("task_counts", lambda tx: tx.tasks.counts(1)),
    ("tasks_changed", lambda tx: tx.tasks.changed_since(1, 5)),
    ("tasks_of_shot", lambda tx: tx.tasks.of_shots([1, 2])),
    ("tasks_claim", lambda tx: tx.tasks.claimable(ProviderId("kie"), NOW, 5)),
    ("tasks_claim_in_project", lambda tx: tx.tasks.claimable(ProviderId("kie"), NOW, 5, {2})),
    ("tasks_batch", lambda tx: tx.tasks.of_batch(3, TaskStatus.PENDING)),
    ("attempts_unsettled", lambda tx: tx.attempts.unsettled(ProviderId("kie"), "key", NOW)),
    ("attempts_intents", lambda tx: tx.ledger.between(ProviderId("kie"), "key", NOW, NOW)),
    ("balances_of_key", lambda tx: tx.ledger.last_balance(ProviderId("kie"), "key")),
    ("ledger_daily USING PRIMARY KEY (day>?)", lambda tx: tx.ledger.sums(1, NOW.date())),
    ("ledger_daily USING PRIMARY KEY (day>?)", lambda tx: tx.ledger.committed(None, NOW.date())),
    ("tasks_due", lambda tx: tx.tasks.next_due(ProviderId("kie"), NOW)),
    ("tasks_active", lambda tx: tx.tasks.active()),
    ("tasks_active", lambda tx: tx.tasks.active_counts(1)),
    ("task_counts", lambda tx: tx.tasks.queued(1)),
    ("shot_counts", lambda tx: tx.shots.counts(1)),
    ("tasks_cancel_requested", lambda tx: tx.tasks.cancel_requested()),
    ("shots_all", lambda tx: tx.shots.page(1, ShotFilter(), 20)),
    ("shots_failed", lambda tx: tx.shots.page(1, ShotFilter("failed"), 20)),
    ("shots_running", lambda tx: tx.shots.ids(1, ShotFilter("running"))),
    ("shots_to_choose", lambda tx: tx.shots.ids(1, ShotFilter("to_choose"))),
    ("shots_without_takes", lambda tx: tx.shots.ids(1, ShotFilter("without_takes"))),
    ("shots_chosen", lambda tx: tx.shots.ids(1, ShotFilter("chosen"))),
    ("shots_changed", lambda tx: tx.shots.changed_since(1, 5)),
    ("shots_number", lambda tx: tx.shots.by_number(1, "1.0")),
    ("shots_identity", lambda tx: tx.shots.identities(1)),
    ("attempts_of_task", lambda tx: tx.attempts.of_task(1)),
    ("attempts_open", lambda tx: tx.attempts.open(ProviderId("kie"))),
    ("attempts_succeeded", lambda tx: tx.attempts.durations(ProviderId("kie"))),
    ("attempts_intents", lambda tx: tx.attempts.recent_intents(ProviderId("kie"), NOW)),
    ("attempts_remote", lambda tx: tx.attempts.by_remote_id(ProviderId("kie"), "r")),
    ("takes_of_shot", lambda tx: tx.takes.of_shots([1, 2])),
    ("log_project", lambda tx: tx.log.page(1, ANY, 50)),
    ("log_task", lambda tx: tx.log.page(1, ERRORS, 50)),
]

#: Questions that sort what they found, which is little.
SORTED: list[tuple[str, Callable[[Tx], object]]] = [
    ("tasks_of_kind", lambda tx: tx.tasks.page(1, TaskFilter(kind=ErrorKind.AUTH), "finished", True)),
    ("tasks_of_shot", lambda tx: tx.tasks.page(1, TaskFilter(shot_id=1), "status", True)),
    ("tasks_of_text", lambda tx: tx.tasks.page(1, TaskFilter(text="rare"), "shot", True)),
]


@pytest.fixture
def filled(store: Store) -> Store:
    """Enough rows in enough cells for every question to be really asked."""
    with store.write() as tx:
        tx._connection.exec_driver_sql(SHOTS)
        tx._connection.exec_driver_sql(TEXTS)
        tx._connection.exec_driver_sql(TASKS)
    return store


SHOTS = """
WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 20)
INSERT INTO shots
    (id, project_id, number, position, prompt, script, params, extra, search_text, rev, changed_rev, created_at)
SELECT v, 1, v || '.0', v, '', '', '{}', '{}', '', 1, 1, 0 FROM n
"""
TEXTS = """
WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 40)
INSERT INTO texts (id, digest, text) SELECT v, CAST(v AS BLOB), CASE v WHEN 7 THEN 'rare' ELSE 'common' END FROM n
"""
TASKS = """
WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 400)
INSERT INTO tasks
    (project_id, shot_id, shot_position, take, batch, status, provider, model, text_id, turn, charge, rev, created_at,
    failure_kind, finished_at, duration, params)
SELECT 1, 1 + v % 20, 1 + v % 20, v, 1, CASE v % 3 WHEN 0 THEN 'failed' WHEN 1 THEN 'queued' ELSE 'completed' END,
    CASE v % 2 WHEN 0 THEN 'kie' ELSE 'local' END, 'm', 1 + v % 40, v, 'none', v, v, CASE v WHEN 3 THEN 'auth' END,
    CASE WHEN v % 3 != 1 THEN v END, CASE WHEN v % 3 != 1 THEN v END, '{"aspect_ratio": "16:9", "size": "720P"}'
FROM n
"""


@contextmanager
def statements(store: Store) -> Iterator[list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []

    def note(_c: object, _k: object, statement: str, parameters: Any, _x: object, _m: object) -> None:
        if statement.startswith("SELECT"):
            seen.append((statement, parameters))

    event.listen(store._readers, "before_cursor_execute", note)
    yield seen
    event.remove(store._readers, "before_cursor_execute", note)


def plan(store: Store, ask: Callable[[Tx], object]) -> list[str]:
    with statements(store) as seen, store.read() as tx:
        ask(tx)
    with store.read() as tx:
        return [
            row[3]
            for statement, parameters in seen
            for row in tx._connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]


@pytest.mark.parametrize(("index", "ask"), QUESTIONS)
def test_every_question_is_answered_along_its_index(filled: Store, index: str, ask: Callable[[Tx], object]) -> None:
    steps = plan(filled, ask)
    assert any(index in step for step in steps), steps
    for table in ("tasks", "shots", "attempts", "takes", "log"):
        assert f"SCAN {table}" not in steps


@pytest.mark.parametrize(("index", "ask"), SORTED)
def test_narrow_questions_find_their_rows_by_their_own_index(
    filled: Store, index: str, ask: Callable[[Tx], object]
) -> None:
    steps = plan(filled, ask)
    assert any(index in step for step in steps), steps
    assert not any("SCAN tasks" in step for step in steps)


@pytest.mark.parametrize("sort", ["id", "shot", "attempts", "cost", "finished", "duration", "status", "provider"])
def test_no_sort_of_the_task_table_sorts_all_rows(filled: Store, sort: Any) -> None:
    assert not any(
        "TEMP B-TREE" in step for step in plan(filled, lambda tx: tx.tasks.page(1, TaskFilter(), sort, True))
    )


@contextmanager
def work(tx: Tx) -> Iterator[list[int]]:
    """How many instructions SQLite carries out, which is what a page costs whatever the machine does besides."""
    done = [0]

    def count() -> int:
        done[0] += 1
        return 0

    driver: Any = tx._connection.connection.driver_connection
    driver.set_progress_handler(count, 1)
    yield done
    driver.set_progress_handler(None, 0)


@pytest.mark.parametrize(
    ("sort", "descending"),
    one_round(
        ["id", "shot", "attempts", "cost", "verdict", "finished", "duration", "status", "provider"], [False, True]
    ),
)
def test_turning_to_a_page_costs_the_same_wherever_it_lies(filled: Store, sort: Any, descending: bool) -> None:
    with filled.write() as tx:
        tx._connection.exec_driver_sql(
            TASKS.replace("v < 400", "v < 3000").replace(", v, 1, CASE v % 3", ", v + 400, 1, CASE v % 3")
        )
        tx._connection.exec_driver_sql("UPDATE tasks SET cost = id % 7, verdict = 'pass' WHERE id % 2 AND id > 400")
    with filled.read() as tx:
        costs = []
        for skip in (0, 700, 1_700, 2_600):
            before = tx.tasks.page(1, TaskFilter(), sort, descending, 20, skip=skip)
            with work(tx) as done:
                page = tx.tasks.page(1, TaskFilter(), sort, descending, 20, before.next)
            assert page.items == tx.tasks.page(1, TaskFilter(), sort, descending, 20, skip=skip + 20).items
            costs.append(done[0])
        assert max(costs) < 2 * min(costs), costs


@pytest.mark.parametrize("sort", ["order", "number", "state", "takes", "changed"])
def test_pages_of_shots_follow_each_other(filled: Store, sort: Any) -> None:
    with filled.write() as tx:
        tx._connection.exec_driver_sql("UPDATE shots SET completed_count = id % 3, changed_rev = id % 5")
    with filled.read() as tx:
        found, page = [], tx.shots.page(1, ShotFilter(), 3, sort=sort)
        while page.next:
            found += page.items
            page = tx.shots.page(1, ShotFilter(), 3, page.next, sort=sort)
        assert [*found, *page.items] == tx.shots.page(1, ShotFilter(), 100, sort=sort).items
        assert len(found) + len(page.items) == page.total == 20


def test_a_page_begins_where_the_last_one_ended_though_its_rows_have_moved(filled: Store) -> None:
    with filled.write() as tx:
        first = tx.shots.page(1, ShotFilter(), 5)
        tx.shots.move(first.items[4].id, None)
        assert [shot.number for shot in tx.shots.page(1, ShotFilter(), 2, first.next).items] == ["6.0", "7.0"]


@pytest.mark.parametrize(
    "mark",
    ["", "x", "WzFd", "é", "A" * 5_000, mark_of("id", [5]), mark_of("cost-", ["x", 5]), mark_of("cost-", [1, 2**63])],
)
def test_what_is_no_mark_is_refused(filled: Store, mark: str) -> None:
    with filled.read() as tx, pytest.raises(InputError, match="page_mark_unknown"):
        tx.tasks.page(1, TaskFilter(), "cost", True, after=mark)
    with filled.read() as tx, pytest.raises(InputError, match="page_mark_unknown"):
        tx.shots.page(1, ShotFilter(), 5, mark)


def test_ids_are_never_used_again(store: Store) -> None:
    """Ids of tasks, attempts and log lines are kept outside the database as well."""
    for table in ("tasks", "attempts", "log"):
        assert "AUTOINCREMENT" in schema_of(Path(store.place), "table")[table]
    with store.write() as tx:
        for rows in (SHOTS, TEXTS, TASKS):
            tx._connection.exec_driver_sql(rows)
        first = tx.attempts.begin(4, ProviderId("yunwu"), "m", None, None, None, None).id
    with store.write() as tx:
        tx.execute(text("DELETE FROM attempts"))
        assert tx.attempts.begin(5, ProviderId("yunwu"), "m", None, None, None, None).id == first + 1


@pytest.mark.parametrize("provider", ["kie", "local"])
def test_the_same_video_again_costs_the_same_however_often_it_came(filled: Store, provider: str) -> None:
    """A provider that answers every order with one file must not slow the worker down."""

    def same(task_id: int) -> NewTake:
        return NewTake(
            project_id=1, shot_id=1 + task_id % 20, task_id=task_id, number=task_id, folder="f", file=f"{task_id}.mp4", poster=None, seconds=5.0, width=64, height=64, bytes=9, sha256="same", provider=ProviderId(provider),
            model="m", prompt=f"{task_id}", content="alike",
        )  # fmt: skip

    costs = []
    with filled.write() as tx:
        for task_id in range(1, 302):
            if task_id in (20, 301):
                with work(tx) as done:
                    assert len(tx.takes.twins(same(task_id))) == 5
                costs.append(done[0])
            tx.takes.put(same(task_id))
    assert costs[1] < 1.5 * costs[0], costs
