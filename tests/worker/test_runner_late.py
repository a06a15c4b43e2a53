"""What was paid for comes in within a day, whatever has become of its task meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from doubles import RUNNING, done, wait_until
from runner_bench import Bench

from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind, RemoteError
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.providers.base import RemoteState, RemoteStatus
from vidgen_core.services.facade import Vidgen

COMPLETED, FAILED, QUEUED = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.QUEUED


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidgen_core.worker.background.abandoned_jobs.EVERY", 0.1)


class Jobs:
    """What a provider answers by remote id; a job that is not named goes on running."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: dict[str, Any] = {}
        self.asked: list[str] = []
        monkeypatch.setattr(bench.provider, "poll", self.poll)

    async def poll(self, job: Any, _key: Any) -> RemoteState:
        self.asked.append(job.remote_id)
        said = self.said.get(job.remote_id, RUNNING)
        if isinstance(said, Exception):
            raise said
        state: RemoteState = said
        return state


@pytest.fixture
def jobs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    return Jobs(bench, monkeypatch)


def abandon(bench: Bench, remote_id: str, age: timedelta = timedelta(0)) -> Task:
    """A task whose accepted job was given up ``age`` ago."""
    [task] = bench.queue()
    key, at = bench.settings_file.current().providers.yunwu.keys[0], datetime.now(UTC) - age
    with bench.store.write() as tx:
        tx.tasks.move(task.id, TaskStatus.PROCESSING)
        begun = tx.attempts.begin(task.id, task.provider, task.model, key.fingerprint, key.label, None, task.cost)
        tx.attempts.update(
            begun.id, state=AttemptState.ABANDONED, remote_id=remote_id, intent_at=at, accepted_at=at, ended_at=at,
            charge=ChargeStatus.ASSUMED,
        )  # fmt: skip
        tx.tasks.move(task.id, FAILED, attempt_id=begun.id, remote_id=remote_id)
    return bench.task(task)


def of_shot(bench: Bench) -> list[Task]:
    with bench.store.read() as tx:
        return tx.tasks.of_shots([bench.shot.id])[bench.shot.id]


def test_everybody_has_a_turn_although_many_never_end(
    bench: Bench, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.worker.background.abandoned_jobs.ROUND", 3)
    for number in range(10):
        abandon(bench, f"stuck-{number}")
    last = abandon(bench, "done")
    jobs.said["done"] = done()
    bench.start()

    assert bench.wait(last, COMPLETED).file
    assert {f"stuck-{number}" for number in range(9)} <= set(jobs.asked)


@pytest.mark.parametrize("error", [KeyError("status"), RemoteError("gone", kind=ErrorKind.NETWORK), TimeoutError()])
def test_a_job_whose_look_breaks_does_not_keep_the_others(bench: Bench, jobs: Jobs, error: Exception) -> None:
    abandon(bench, "broken")
    last = abandon(bench, "done")
    jobs.said |= {"broken": error, "done": done()}
    bench.start()

    assert bench.wait(last, COMPLETED).file


def test_a_task_that_was_sent_again_keeps_both_results(bench: Bench, jobs: Jobs) -> None:
    first = abandon(bench, "first")
    with bench.store.write() as tx:
        tx.tasks.release([first.id])
    jobs.said["remote-1"] = done()
    bench.start()
    second = bench.wait(first, COMPLETED)

    jobs.said["first"] = done()
    wait_until(lambda: [one.status for one in of_shot(bench)] == [COMPLETED, COMPLETED])

    [own, further] = of_shot(bench)
    assert (own.id, own.remote_id, further.remote_id, further.take) == (second.id, "remote-1", "first", 2)
    price = Money(amount="0.4", currency="CNY")
    assert (bench.task(own).cost, further.cost) == (price, price)
    assert [one.state for one in bench.attempts(own) + bench.attempts(further)] == [AttemptState.SUCCEEDED] * 2
    with bench.store.read() as tx:
        assert {take.task_id for take in tx.takes.of_shots([bench.shot.id])[bench.shot.id]} == {own.id, further.id}
        spent = tx.ledger.by_charge()["CNY"]
    assert sum(one.amount for one in spent.values()) == 2 * price.amount
    assert len(bench.provider.sent) == 1
    assert "task_late_further" in {line.code for line in bench.log()}


def test_a_task_that_waits_to_be_sent_again_does_not_lose_its_first_job(bench: Bench, jobs: Jobs) -> None:
    first = abandon(bench, "first")
    with bench.store.write() as tx:
        tx.tasks.release([first.id])
        tx.tasks.note(first.id, due_at=datetime.now(UTC) + timedelta(minutes=30))
    jobs.said["first"] = done()
    bench.start()

    wait_until(lambda: COMPLETED in [one.status for one in of_shot(bench)])

    assert bench.task(first).status is QUEUED
    assert bench.provider.sent == []


def test_what_was_deleted_comes_back_with_the_result_that_was_paid(bench: Bench, jobs: Jobs) -> None:
    first = abandon(bench, "first")
    with Vidgen.open(bench.locations) as app:
        app.tasks.delete([first.id])
    jobs.said["first"] = done()
    bench.start()

    wait_until(lambda: [one.status for one in of_shot(bench)] == [COMPLETED])


@pytest.mark.parametrize(("hours", "asked"), [(23, True), (25, False)])
def test_a_day_is_waited(bench: Bench, jobs: Jobs, hours: int, asked: bool) -> None:
    abandon(bench, "old", timedelta(hours=hours))
    last = abandon(bench, "new")
    jobs.said["new"] = done()
    bench.start()
    bench.wait(last, COMPLETED)

    assert ("old" in jobs.asked) is asked


def test_a_late_failure_is_told_to_its_task_once(bench: Bench, jobs: Jobs) -> None:
    task = abandon(bench, "first")
    jobs.said["first"] = RemoteState(status=RemoteStatus.FAILED, charge=ChargeStatus.REFUNDED)
    bench.start()

    wait_until(lambda: bench.attempts(task)[0].state is AttemptState.FAILED)

    ended = bench.task(task)
    assert (ended.status, ended.cost, ended.charge) == (FAILED, None, ChargeStatus.NONE)


def test_looking_again_and_a_late_look_take_it_in_once(bench: Bench, jobs: Jobs) -> None:
    task = abandon(bench, "first")
    runner = bench.start()
    wait_until(lambda: "first" in jobs.asked)
    with bench.store.write() as tx:
        assert tx.tasks.move(task.id, TaskStatus.PROCESSING)
    jobs.said["first"] = done()
    runner.wake()

    assert bench.wait(task, COMPLETED).file
    assert [one.id for one in of_shot(bench)] == [task.id]
