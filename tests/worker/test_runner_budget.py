"""The budget: what does not fit is not sent, and what fits again goes on by itself."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from doubles import RUNNING, done, wait_until
from runner_bench import Bench

from vidgen_core import money
from vidgen_core.db.worker_state import PROJECT_PAUSE
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import Failure, Task, TaskStatus
from vidgen_core.providers.base import RemoteState, RemoteStatus
from vidgen_core.worker import canary

COMPLETED, FAILED, PENDING, QUEUED = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.PENDING, TaskStatus.QUEUED


def limit(bench: Bench, **values: Any) -> None:
    bench.settings_file.change({f"budget.{name}": value for name, value in values.items()})


def statuses(bench: Bench, tasks: list[Task]) -> list[TaskStatus]:
    return [bench.task(task).status for task in tasks]


def held_at(bench: Bench, code: str) -> dict[str, Any]:
    def hold() -> dict[str, Any] | None:
        found = bench.hold()
        return found if found and found["code"] == code else None

    found: dict[str, Any] = wait_until(hold)
    return found


def test_what_would_pass_the_limit_stays_in_the_queue(bench: Bench) -> None:
    limit(bench, limit="1.0")
    tasks = bench.queue(5)
    bench.start()

    hold = held_at(bench, "budget_all")
    wait_until(lambda: statuses(bench, tasks).count(COMPLETED) == 2)

    assert len(bench.provider.sent) == 2
    assert statuses(bench, tasks).count(QUEUED) == 3
    assert hold["params"]["limit"] == {"amount": "1", "currency": "CNY"}
    assert hold["params"]["next"] == {"amount": "0.4", "currency": "CNY"}


def test_a_raised_limit_lets_the_queue_go_on_by_itself(bench: Bench) -> None:
    limit(bench, limit="0.4")
    tasks = bench.queue(3)
    bench.start()
    held_at(bench, "budget_all")

    limit(bench, limit="1.2")

    wait_until(lambda: statuses(bench, tasks).count(COMPLETED) == 3)
    assert bench.hold() is None


def test_money_under_way_counts_before_anything_is_known_of_it(bench: Bench) -> None:
    limit(bench, limit="0.8", currency="CNY")
    bench.settings_file.change({"runner.max_concurrent": 50})
    bench.provider.submit_gate = asyncio.Event()
    bench.queue(50)
    bench.start()

    held_at(bench, "budget_all")
    wait_until(lambda: len(bench.provider.sent) == 2)
    assert len(bench.provider.sent) == 2


def test_a_refusal_gives_its_money_back_to_the_queue(bench: Bench) -> None:
    limit(bench, limit="0.4")
    refused = RemoteError("parameter", kind=ErrorKind.MODERATION, delivery=Delivery.REFUSED)
    bench.provider.submits = [refused, None]
    tasks = bench.queue(3)
    bench.start()

    wait_until(lambda: statuses(bench, tasks).count(COMPLETED) == 1)
    held_at(bench, "budget_all")
    assert sorted(statuses(bench, tasks)) == [COMPLETED, FAILED, QUEUED]


def test_a_lost_answer_keeps_its_money(bench: Bench) -> None:
    limit(bench, limit="0.4")
    bench.provider.submits = [RemoteError("answer_lost", kind=ErrorKind.NETWORK, delivery=Delivery.UNKNOWN)]
    tasks = bench.queue(2)
    bench.start()

    held_at(bench, "budget_all")
    wait_until(lambda: statuses(bench, tasks) == [FAILED, QUEUED])
    assert len(bench.provider.sent) == 1
    assert bench.attempts(tasks[0])[0].charge is ChargeStatus.UNKNOWN


def test_a_retry_is_paid_from_the_same_budget(bench: Bench) -> None:
    limit(bench, limit="0.4")
    failure = Failure(kind=ErrorKind.PROVIDER, code="provider_failed", retryable=True, charged=ChargeStatus.CHARGED)
    bench.provider.polls = [RemoteState(status=RemoteStatus.FAILED, failure=failure)]
    [task] = bench.queue()
    bench.start()

    held_at(bench, "budget_all")
    assert bench.task(task).status is QUEUED
    assert [attempt.state for attempt in bench.attempts(task)] == [AttemptState.FAILED]


def test_a_projects_own_limit_holds_only_that_project(bench: Bench) -> None:
    with bench.store.write() as tx:
        other = tx.projects.ensure("ep02")
        money.set_project_limit(tx, bench.project.id, Decimal("0.4"))
        shot = tx.shots.add(other.id, [NewShot(number="1.0", prompt="pan left")])[0]
    mine = bench.queue(3)
    bench.project, bench.shot = other, shot
    others = bench.queue(3)
    bench.start()

    wait_until(lambda: statuses(bench, others) == [COMPLETED] * 3)
    wait_until(lambda: statuses(bench, mine).count(COMPLETED) == 1)
    assert statuses(bench, mine).count(QUEUED) == 2
    with bench.store.read() as tx:
        assert tx.state.get(PROJECT_PAUSE.name(mine[0].project_id))["code"] == "budget_project"
    assert bench.hold() is None

    with bench.store.write() as tx:
        money.set_project_limit(tx, mine[0].project_id, Decimal(0))

    wait_until(lambda: statuses(bench, mine) == [COMPLETED] * 3)
    with bench.store.read() as tx:
        assert PROJECT_PAUSE.get(tx, mine[0].project_id) is None


def test_the_day_has_a_limit_of_its_own(bench: Bench) -> None:
    limit(bench, per_day="0.8")
    tasks = bench.queue(3)
    bench.start()

    hold = held_at(bench, "budget_day")
    wait_until(lambda: statuses(bench, tasks).count(COMPLETED) == 2)
    midnight = datetime.fromisoformat(hold["until"]).astimezone()
    assert (midnight.hour, midnight.minute) == (0, 0)
    assert midnight > datetime.now(UTC)


def test_without_a_price_nothing_is_sent_under_a_limit_and_the_task_says_why(bench: Bench) -> None:
    limit(bench, limit="100")
    [task] = bench.queue()
    with bench.store.write() as tx:
        tx.tasks.note(task.id, cost=None)
    bench.start()

    held = bench.wait(task, PENDING)

    assert held.failure is not None
    assert (held.failure.code, held.failure.params["model"]) == ("price_missing", "scripted")
    assert bench.provider.sent == []

    bench.settings_file.change({"prices": [{"provider": "yunwu", "model": "scripted", "amount": "0.7"}]})
    with bench.store.write() as tx:
        tx.tasks.release([task.id])

    ended = bench.wait(task, COMPLETED)
    assert ended.cost == Money(amount=Decimal("0.7"), currency="CNY")
    assert ended.failure is None


def test_without_a_rate_nothing_is_sent_under_a_limit(bench: Bench) -> None:
    limit(bench, limit="100", currency="EUR")
    bench.queue()
    bench.start()

    assert held_at(bench, "budget_rate_missing")["params"]["currency"] == "CNY"
    assert bench.provider.sent == []

    limit(bench, rates=[{"of": "CNY", "worth": "0.13"}])
    wait_until(lambda: len(bench.provider.sent) == 1)


def test_free_work_is_never_held(bench: Bench) -> None:
    limit(bench, limit="0.1")
    bench.settings_file.change({"prices": [{"provider": "yunwu", "model": "scripted", "amount": 0}]})
    tasks = bench.queue(2)
    bench.start()

    wait_until(lambda: statuses(bench, tasks) == [COMPLETED] * 2)


def test_a_grant_lets_what_waits_go_out_and_no_more(bench: Bench) -> None:
    limit(bench, limit="0.4")
    tasks = bench.queue(3)
    bench.start()
    held_at(bench, "budget_all")

    with bench.store.write() as tx:
        money.allow_overrun(tx, bench.settings_file.current(), bench.project.id, datetime.now(UTC))
    wait_until(lambda: statuses(bench, tasks) == [COMPLETED] * 3)

    [late] = bench.queue()
    held_at(bench, "budget_all")
    assert bench.task(late).status is QUEUED


def test_a_limit_that_comes_near_is_said_once(bench: Bench) -> None:
    limit(bench, limit="2.0", warn_at=50)
    tasks = bench.queue(4)
    bench.start()

    wait_until(lambda: statuses(bench, tasks) == [COMPLETED] * 4)
    lines = [line for line in bench.log() if line.code == "budget_near_all"]
    assert [line.params["percent"] for line in lines] == [60]


@pytest.mark.parametrize("state", ["preparing", "sending"])
def test_a_killed_run_leaves_its_money_set_aside(bench: Bench, state: str) -> None:
    """As the store stands after ``kill -9`` between the claim and the answer."""
    limit(bench, limit="0.4")
    tasks = bench.queue(2)
    with bench.store.write() as tx:
        tx.tasks.move(tasks[0].id, TaskStatus.PROCESSING)
        left = tx.attempts.begin(
            tasks[0].id, tasks[0].provider, "scripted", None, None, None, tasks[0].cost, ChargeStatus.ESTIMATED
        )
        if state == "sending":
            tx.attempts.update(left.id, state=AttemptState.SENDING, intent_at=datetime.now(UTC))
    bench.start()

    if state == "preparing":
        wait_until(lambda: statuses(bench, tasks).count(COMPLETED) == 1)
    held_at(bench, "budget_all")
    assert len(bench.provider.sent) == (1 if state == "preparing" else 0)


PASSING = RemoteState(
    status=RemoteStatus.FAILED,
    failure=Failure(kind=ErrorKind.PROVIDER, code="remote_failed", retryable=True, charged=ChargeStatus.UNKNOWN),
)


def run_with_a_limit(bench: Bench) -> None:
    with bench.store.write() as tx:
        money.limit_run(
            tx, bench.settings_file.current(), bench.project.id, Money(amount=Decimal("0.4"), currency="CNY")
        )


def end_the_run(bench: Bench) -> None:
    with bench.store.write() as tx:
        money.end_run(tx, bench.project.id)


@pytest.mark.parametrize("answer", ["a failed job", "a refusal that passes", "no order at all"])
def test_what_is_under_way_when_a_run_ends_is_not_ordered_again_by_itself(bench: Bench, answer: str) -> None:
    busy = RemoteError("server_error", kind=ErrorKind.OVERLOADED, delivery=Delivery.REFUSED)
    run_with_a_limit(bench)
    [task] = bench.queue()
    if answer == "a failed job":
        bench.provider.polls = [RUNNING]
        bench.start()
        wait_until(lambda: bench.task(task).remote_id)
        end_the_run(bench)
        bench.provider.polls = [PASSING]
    elif answer == "a refusal that passes":
        bench.provider.submit_gate, bench.provider.submits = asyncio.Event(), [busy]
        runner = bench.start()
        wait_until(lambda: bench.provider.sent)
        end_the_run(bench)
        runner._loop.call_soon_threadsafe(bench.provider.submit_gate.set)  # type: ignore[union-attr]
    else:
        with bench.store.write() as tx:
            tx.tasks.move(task.id, TaskStatus.PROCESSING)
            tx.attempts.begin(task.id, task.provider, "scripted", None, None, None, task.cost, ChargeStatus.ESTIMATED)
        end_the_run(bench)
        bench.start()

    kept = bench.wait(task, PENDING, FAILED, COMPLETED)
    assert (kept.status, kept.failure and kept.failure.code) == (PENDING, "run_over")
    sent = 0 if answer == "no order at all" else 1
    assert len(bench.provider.sent) == sent

    # A person's own order is none of the run's: it is tried again as ever.
    bench.provider.submit_gate = None
    bench.provider.submits, bench.provider.polls = [None], [PASSING, done()]
    with bench.store.write() as tx:
        tx.tasks.release([task.id])
    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert len(bench.provider.sent) == sent + 2


def test_a_persons_task_of_before_the_run_is_tried_again_after_it(bench: Bench) -> None:
    [task] = bench.queue()
    run_with_a_limit(bench)
    bench.provider.polls = [RUNNING]
    bench.start()
    wait_until(lambda: bench.task(task).remote_id)
    end_the_run(bench)
    bench.provider.polls = [PASSING, done()]

    assert bench.wait(task, COMPLETED, FAILED, PENDING).status is COMPLETED


def test_the_rest_of_a_batch_does_not_follow_its_first_shot_when_the_run_has_ended(bench: Bench) -> None:
    run_with_a_limit(bench)
    [first], [rest] = bench.queue(), bench.queue(status=PENDING)
    with bench.store.write() as tx:
        canary.keep(tx, rest.batch, bench.project.id, [first.id], auto=True)
        for status in (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING, COMPLETED):
            tx.tasks.move(first.id, status)
    with bench.store.read() as tx:
        assert canary.ripe(tx) == [rest.batch]
    end_the_run(bench)

    with bench.store.read() as tx:
        assert canary.ripe(tx) == []
