"""A database that cannot be written at the worst moment: nothing is bought twice, and no answer is given up."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from doubles import wait_until
from runner_bench import Bench
from sqlalchemy import Connection, Engine, event

from vidgen_core.config.paths import Locations
from vidgen_core.db import Journal
from vidgen_core.db.transaction import Transaction
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import Delivery, ErrorKind, FileError, RemoteError, StoreError
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.i18n import get_text
from vidgen_core.providers.base import Key, Order, Prepared, Submission
from vidgen_core.services.facade import Vidgen
from vidgen_core.worker.background.abandoned_jobs import AbandonedJobs

COMPLETED, FAILED = TaskStatus.COMPLETED, TaskStatus.FAILED
CODES = {"full": sqlite3.SQLITE_FULL, "busy": sqlite3.SQLITE_BUSY, "io": sqlite3.SQLITE_IOERR}


def failure(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(name)
    error.sqlite_errorcode = CODES[name]  # type: ignore[misc]
    return error


class Faults:
    """Lets commits of this process fail, when ``when`` says so."""

    def __init__(self) -> None:
        self.when: Callable[[], Exception | None] = lambda: None

    def __call__(self, connection: Connection) -> None:
        # Readers commit, too, which cannot fail.
        reads = connection.exec_driver_sql("PRAGMA query_only").scalar()
        error = None if reads else self.when()
        if error is not None:
            raise error


@pytest.fixture
def faults() -> Iterator[Faults]:
    found = Faults()
    event.listen(Engine, "commit", found)
    yield found
    event.remove(Engine, "commit", found)


@pytest.mark.parametrize("name", CODES)
def test_an_id_is_kept_when_the_database_cannot_be_written(bench: Bench, faults: Faults, name: str) -> None:
    left = [3]

    def while_the_answer_is_there() -> Exception | None:
        if bench.provider.in_flight and left[0]:
            left[0] -= 1
            return failure(name)
        return None

    bench.provider.polls = [*bench.provider.polls]
    faults.when = while_the_answer_is_there
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, COMPLETED, FAILED)

    assert (ended.status, ended.remote_id, left) == (COMPLETED, "remote-1", [0])
    assert len(bench.provider.sent) == 1


def test_a_disk_that_is_full_inside_a_statement_loses_no_id(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk undoes the whole transaction, and its savepoints with it."""
    runner = bench.start()
    submit, pages = bench.provider.submit, f"PRAGMA max_page_count={2**30}"

    def tell(statement: str) -> int:
        with runner._store._writer.connect() as connection:
            return int(connection.exec_driver_sql(statement).scalar() or 0)

    async def fill_the_disk(order: Order, prepared: Prepared, key: Key | None) -> Submission:
        answer = await submit(order, prepared, key)
        tell("PRAGMA max_page_count=1")
        return answer.model_copy(update={"evidence": "x" * 100_000})

    monkeypatch.setattr(bench.provider, "submit", fill_the_disk)
    [task] = bench.queue()
    wait_until(lambda: (hold := runner._scheduler) and hold._ctx.pauses.of(task.provider))
    assert bench.task(task).remote_id is None
    with Vidgen.open(bench.locations) as other:
        # Another process reads the same store, and learns what is not in it.
        wait_until(lambda: other.worker.status(None).provider_pauses.get(task.provider))
        held = other.worker.status(None).provider_pauses[task.provider]
        assert held["code"] == "pause_store_unwritable"
        assert get_text("en", strict=True).error("file", held["code"], held["params"])
        tell(pages)

        assert bench.wait(task, COMPLETED, FAILED).remote_id == "remote-1"
        wait_until(lambda: task.provider not in other.worker.status(None).provider_pauses)
    assert len(bench.provider.sent) == 1


def test_a_clear_refusal_is_kept_when_the_database_cannot_be_written(bench: Bench, faults: Faults) -> None:
    left = [2]

    def after_the_refusal() -> Exception | None:
        if bench.provider.sent and left[0]:
            left[0] -= 1
            return failure("full")
        return None

    bench.provider.submits = [RemoteError("refused", kind=ErrorKind.MODERATION, delivery=Delivery.REFUSED)]
    faults.when = after_the_refusal
    [task] = bench.queue()
    bench.start()

    bench.wait(task, FAILED)

    assert [attempt.state for attempt in bench.attempts(task)] == [AttemptState.REFUSED]


def each_commit() -> list[object]:
    """Every failure at every commit; each commit fails in one way in each run of the tests, the others in the whole suite."""
    return [
        pytest.param(nth, name, marks=() if nth % len(CODES) == kind else pytest.mark.extended)
        for nth in range(1, 9)
        for kind, name in enumerate(CODES)
    ]


@pytest.mark.parametrize(("nth", "name"), each_commit())
def test_each_commit_may_fail_once(bench: Bench, faults: Faults, name: str, nth: int) -> None:
    bench.provider.longest_job = 0.5
    commits = iter(range(1, 1000))
    tasks = bench.queue(4)
    faults.when = lambda: failure(name) if next(commits) == nth else None
    bench.start()

    ended = [bench.wait(task, COMPLETED, FAILED) for task in tasks]

    assert [task.status for task in ended] == [COMPLETED] * 4
    assert len(bench.provider.sent) == 4
    assert all(attempt.remote_id for task in tasks for attempt in bench.attempts(task)[-1:])


@pytest.mark.parametrize("nth", [pytest.param(n, marks=() if n % 2 else pytest.mark.extended) for n in range(1, 11)])
def test_each_commit_may_be_made_and_not_answered(bench: Bench, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
    """As by a server that falls silent then: what was written is there, and its writer is told that the server is away."""
    bench.provider.longest_job = 0.5
    tasks = bench.queue(4)
    commits, commit = iter(range(1, 1000)), Transaction.commit

    def lose_the_answer(tx: Transaction) -> None:
        commit(tx)
        if next(commits) == nth:
            raise StoreError("store_server_away", place="-")

    monkeypatch.setattr(Transaction, "commit", lose_the_answer)
    bench.start()

    ended = [bench.wait(task, COMPLETED, FAILED) for task in tasks]

    assert [task.status for task in ended] == [COMPLETED] * 4
    assert len(bench.provider.sent) == 4
    assert all(attempt.remote_id for task in tasks for attempt in bench.attempts(task)[-1:])


@pytest.mark.parametrize("error", [FileError("disk_full", folder="/"), OSError(28, "No space left on device")])
def test_an_error_of_this_machine_after_the_intent_is_no_refusal(bench: Bench, error: Exception) -> None:
    bench.provider.submits = [error]
    [task] = bench.queue()
    bench.start()

    wait_until(lambda: [attempt.state for attempt in bench.attempts(task)] == [AttemptState.UNKNOWN])
    assert len(bench.provider.sent) == 1


def test_a_fresh_link_that_could_not_be_written_is_asked_for_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.worker.step.AGAIN", 0.05)
    bench.provider.links = ["https://cdn.invalid/fresh.mp4"]
    bench.provider.fetches = [*[RemoteError("link_expired", kind=ErrorKind.FILE)] * 6, None]
    left = [5]

    def while_the_link_is_written(_1: object, _2: object, _3: object, values: object, *_: object) -> None:
        if left[0] and "https://cdn.invalid/fresh.mp4" in str(values):
            left[0] -= 1
            raise failure("busy")

    event.listen(Engine, "before_cursor_execute", while_the_link_is_written)
    try:
        [task] = bench.queue()
        bench.start()
        ended = bench.wait(task, COMPLETED, FAILED)
    finally:
        event.remove(Engine, "before_cursor_execute", while_the_link_is_written)

    assert (ended.status, left) == (COMPLETED, [0])
    assert bench.provider.fetched[-1] == "https://cdn.invalid/fresh.mp4"


def test_a_lost_answer_that_could_not_be_written_is_unknown_after_a_kill(
    bench: Bench, faults: Faults, small_video: Path, tmp_path: Path
) -> None:
    """What is known of it in memory only dies with the process; its intent on the disk is enough."""
    bench.provider.submits = [RemoteError("timed_out", kind=ErrorKind.NETWORK, delivery=Delivery.UNKNOWN)]
    faults.when = lambda: failure("io") if bench.provider.sent else None
    [task] = bench.queue()
    runner = bench.start()
    wait_until(lambda: runner.unwritten)

    shutil.copytree(bench.locations.home, tmp_path / "as killed")
    faults.when = lambda: None
    restarted = Bench(Locations(tmp_path / "as killed"), small_video)
    assert [attempt.state for attempt in restarted.attempts(task)] == [AttemptState.SENDING]
    restarted.start()
    ended = restarted.wait(task, COMPLETED, FAILED)
    restarted.stop()

    assert (ended.failure and ended.failure.kind, restarted.provider.sent) == (ErrorKind.SUBMIT_UNKNOWN, [])
    assert [attempt.state for attempt in restarted.attempts(task)] == [AttemptState.UNKNOWN]
    restarted.store.close()


@pytest.mark.parametrize(
    "error",
    [StoreError("store_unreachable", path="-"), FileError("disk_full", folder="/"), RuntimeError("ours")],
    ids=repr,
)
def test_a_look_at_the_database_that_fails_gives_up_no_request_that_is_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("vidgen_core.worker.worker.RESTART", 0.05)
    bench.provider.submit_gate = gate = asyncio.Event()
    [task] = bench.queue()
    runner = bench.start()
    wait_until(lambda: bench.provider.sent)
    loop, revision, failed = runner._loop, runner._store.revision, threading.Event()
    assert loop is not None

    def fail_once() -> int:
        if not failed.is_set():
            failed.set()
            raise error
        return revision()

    monkeypatch.setattr(runner._store, "revision", fail_once)
    wait_until(failed.is_set)
    loop.call_soon_threadsafe(gate.set)

    ended = bench.wait(task, COMPLETED, FAILED)

    assert (ended.status, ended.remote_id, len(bench.provider.sent)) == (COMPLETED, "remote-1", 1)


def test_an_answer_outlives_tables_that_are_gone_for_a_while(bench: Bench) -> None:
    """As when another file is put in the place of the database, and taken away again."""
    bench.provider.submit_gate = gate = asyncio.Event()
    [task] = bench.queue()
    runner = bench.start()
    wait_until(lambda: bench.provider.sent)
    assert runner._loop is not None

    def rename(before: str, after: str) -> None:
        with closing(sqlite3.connect(bench.locations.database)) as connection:
            # Triggers go on naming what is gone.
            connection.execute("PRAGMA legacy_alter_table=ON")
            connection.execute(f"ALTER TABLE {before} RENAME TO {after}")

    rename("attempts", "gone")
    runner._loop.call_soon_threadsafe(gate.set)
    kept = wait_until(lambda: Journal(bench.locations.journal).read().notes)
    rename("gone", "attempts")

    ended = bench.wait(task, COMPLETED, FAILED)

    assert [note["remote_id"] for note in kept] == ["remote-1"]
    assert (ended.status, ended.remote_id, len(bench.provider.sent)) == (COMPLETED, "remote-1", 1)
    wait_until(lambda: not Journal(bench.locations.journal).read().notes)


def test_an_answer_that_a_mistake_of_ours_keeps_out_comes_in_with_the_next_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("vidgen_core.worker.steps.submit.accept", lambda *_: 1 / 0)
        [task] = bench.queue()
        bench.start()
        wait_until(lambda: [one.state for one in bench.attempts(task)] == [AttemptState.UNKNOWN])
        bench.stop()
    bench.start()

    ended = bench.wait(task, COMPLETED, FAILED)

    assert (ended.status, ended.remote_id, len(bench.provider.sent)) == (COMPLETED, "remote-1", 1)


def test_a_round_beside_the_queue_that_meets_no_database_says_so_without_a_trace(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away = StoreError("store_server_away", place="postgresql://127.0.0.1")
    monkeypatch.setattr(AbandonedJobs, "_abandoned", lambda *_: raise_(away))
    caplog.set_level(logging.INFO)
    bench.start()
    wait_until(lambda: any("polling abandoned jobs" in record.message for record in caplog.records))
    [task] = bench.queue()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert not [record for record in caplog.records if record.exc_info]


def raise_(error: Exception) -> None:
    raise error
