"""When a person has to do something in the provider's own window: the provider waits, nothing is lost, and it goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from doubles import RUNNING, done, wait_until
from runner_bench import Bench

from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import Delivery, ErrorKind, HandOver
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.providers.base import WAITING_FOR_PERSON, Found

COMPLETED, FAILED, QUEUED = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.QUEUED


def captcha(delivery: Delivery = Delivery.NOT_SENT) -> HandOver:
    return HandOver("page_captcha", kind=ErrorKind.AUTH, delivery=delivery, provider="lovart")


def test_the_provider_waits_for_the_person_and_goes_on_by_itself_when_it_is_done(bench: Bench) -> None:
    bench.provider.prepares = [captcha(), None]
    tasks = bench.queue(3)
    bench.start()

    held = wait_until(bench.hold)
    assert (held["code"], held["by_itself"], held["until"]) == ("page_captcha", False, None)
    wait_until(lambda: any(len(bench.attempts(task)) for task in tasks))
    bench.provider.handed_back = True

    assert {bench.wait(task, COMPLETED, FAILED).status for task in tasks} == {COMPLETED}
    assert bench.hold() is None
    assert len(bench.provider.sent) == 3


def test_nothing_is_begun_while_a_person_is_waited_for(bench: Bench) -> None:
    bench.provider.at_once = 1
    bench.provider.prepares = [captcha(), None]
    tasks = bench.queue(3)
    bench.start()
    wait_until(bench.hold)
    since = datetime.now(UTC)
    wait_until(lambda: datetime.now(UTC) - since > timedelta(seconds=1.2))

    assert {bench.task(task).status for task in tasks} == {QUEUED}
    assert bench.provider.sent == []
    assert sum(len(bench.attempts(task)) for task in tasks) == 1


def test_a_provider_that_takes_one_at_a_time_gets_one_at_a_time(bench: Bench) -> None:
    bench.provider.at_once = 1
    bench.provider.polls = [RUNNING, done(), RUNNING, done(), RUNNING, done()]
    tasks = bench.queue(3)
    bench.start()
    for task in tasks:
        bench.wait(task, COMPLETED)

    assert bench.provider.peak == 1


def test_a_job_under_way_waits_too_and_does_not_time_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_WAIT", "0.4")
    bench.provider.polls = [captcha(Delivery.REFUSED)]
    [task] = bench.queue()
    bench.start()
    wait_until(lambda: bench.task(task).stage == WAITING_FOR_PERSON)
    since = datetime.now(UTC)
    wait_until(lambda: datetime.now(UTC) - since > timedelta(seconds=0.8))
    assert bench.hold() is not None
    bench.provider.polls = [done()]

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    wait_until(lambda: bench.hold() is None)


def test_a_click_that_may_have_been_taken_is_looked_for_as_long_as_the_person_needs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.worker.steps.reconcile.RECONCILE_FOR", 0.1)
    bench.provider.submits = [captcha(Delivery.UNKNOWN)]
    seen: list[dict[str, object]] = []

    async def find(order, since, key):
        seen.append(order.sent)
        if len(seen) < 4:
            raise captcha(Delivery.REFUSED)
        return (Found(remote_id="canvas", at=datetime.now(UTC), model="scripted", exact=True),)

    bench.provider.find = find
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert [attempt.state for attempt in bench.attempts(task)] == [AttemptState.SUCCEEDED]
    assert seen[0] == {"images": 0, "material": {"mode": "text"}}
    assert len(bench.provider.sent) == 1
