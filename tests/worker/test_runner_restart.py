"""Where a crash can leave a task, and where it goes from there."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from doubles import RUNNING, done, wait_until
from filelock import FileLock
from runner_bench import Bench

from vidgen_core.domain.attempts import Attempt, AttemptState
from vidgen_core.domain.errors import ErrorKind, RunnerBusy
from vidgen_core.domain.tasks import Task, TaskStatus

COMPLETED, FAILED = TaskStatus.COMPLETED, TaskStatus.FAILED


def leave(bench: Bench, task: Task, **attempt: object) -> Attempt:
    """Bring a task to where a killed runner would have left it."""
    key = bench.settings_file.current().providers.yunwu.keys[0]
    with bench.store.write() as tx:
        assert tx.tasks.move(task.id, TaskStatus.PROCESSING)
        begun = tx.attempts.begin(task.id, task.provider, task.model, key.fingerprint, key.label, None, task.cost)
        if attempt:
            tx.attempts.update(begun.id, **attempt)
        if "remote_id" in attempt:
            tx.tasks.note(task.id, remote_id=attempt["remote_id"], submitted_at=datetime.now(UTC))
        return begun


def test_killed_before_the_intent_the_task_is_queued_again(bench: Bench) -> None:
    [task] = bench.queue()
    leave(bench, task)
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert len(bench.provider.sent) == 1


def test_killed_after_the_intent_nothing_is_sent_again(bench: Bench) -> None:
    [task] = bench.queue()
    leave(bench, task, state=AttemptState.SENDING, intent_at=datetime.now(UTC))
    bench.start()

    ended = bench.wait(task, COMPLETED, FAILED)

    assert ended.failure is not None
    assert ended.failure.kind is ErrorKind.SUBMIT_UNKNOWN
    assert bench.provider.sent == []


def test_killed_after_acceptance_the_job_is_waited_for(bench: Bench) -> None:
    [task] = bench.queue()
    now = datetime.now(UTC)
    leave(bench, task, state=AttemptState.ACCEPTED, intent_at=now, accepted_at=now, remote_id="r-1")
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).remote_id == "r-1"
    assert bench.provider.sent == []


def test_killed_while_downloading_the_file_is_brought_home_once(bench: Bench, small_video: Path) -> None:
    [task] = bench.queue()
    now = datetime.now(UTC)
    begun = leave(bench, task, state=AttemptState.SUCCEEDED, accepted_at=now, remote_id="r-1")
    with bench.store.write() as tx:
        tx.tasks.move(task.id, TaskStatus.DOWNLOADING, attempt_id=begun.id, result_url="https://cdn.invalid/v.mp4")
    # The crash came between the rename and the note of it.
    path = bench.locations.videos / "ep01" / "1.0" / "1.0-v1.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(small_video.read_bytes())
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).file == str(path)
    assert [one.name for one in path.parent.iterdir()] == ["1.0-v1.mp4"]


def test_a_stop_leaves_everything_so_that_the_next_start_goes_on(bench: Bench) -> None:
    bench.provider.polls = [RUNNING]
    tasks = bench.queue(5)
    bench.start()
    wait_until(lambda: len(bench.provider.in_flight) == 3)
    bench.stop()
    assert len(bench.provider.sent) == 3

    bench.provider.polls = [done()]
    bench.start()

    for task in tasks:
        assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert len(bench.provider.sent) == 5


def test_a_stop_waits_for_a_paid_request_that_is_out(bench: Bench) -> None:
    bench.provider.submit_gate = asyncio.Event()
    [task] = bench.queue()
    runner = bench.start()
    wait_until(lambda: bench.provider.sent)
    loop = runner._loop
    assert loop is not None
    loop.call_later(0.3, bench.provider.submit_gate.set)

    bench.stop()

    [attempt] = bench.attempts(task)
    assert (attempt.state, attempt.remote_id) == (AttemptState.ACCEPTED, "remote-1")


def test_a_second_runner_stands_by_and_takes_over(bench: Bench) -> None:
    lock = FileLock(bench.locations.runner_lock)
    with lock:
        [task] = bench.queue()
        runner = bench.start()
        wait_until(lambda: isinstance(runner.problem, RunnerBusy))
        assert bench.task(task).status is TaskStatus.QUEUED
        assert not runner.works

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert runner.works


def test_the_runner_gives_a_sign_of_life(bench: Bench) -> None:
    bench.start()

    def beat() -> object:
        with bench.store.read() as tx:
            return tx.heartbeat.get()

    assert wait_until(beat)


@pytest.mark.parametrize("late_id", ["r-late"])
def test_an_adopted_job_is_followed_from_where_it_stands(bench: Bench, late_id: str) -> None:
    [task] = bench.queue()
    leave(bench, task, state=AttemptState.SENDING, intent_at=datetime.now(UTC))
    runner = bench.start()
    bench.wait(task, FAILED)
    [attempt] = bench.attempts(task)

    with bench.store.write() as tx:
        tx.attempts.update(attempt.id, state=AttemptState.ACCEPTED, remote_id=late_id, accepted_at=datetime.now(UTC))
        tx.tasks.move(task.id, TaskStatus.PROCESSING, attempt_id=attempt.id, remote_id=late_id)
    runner.wake()

    assert bench.wait(task, COMPLETED).remote_id == late_id
    assert bench.provider.sent == []
