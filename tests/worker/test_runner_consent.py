"""A yes to a price within the provider's limit: paid for under the budget, written down before it leaves, said once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from doubles import RUNNING, done, wait_until
from runner_bench import Bench

from vidgen_core.domain.attempts import Attempt
from vidgen_core.domain.errors import Delivery, ErrorKind, Refused, RemoteError
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.tasks import Failure, Task, TaskStatus
from vidgen_core.providers.base import WAITING_FOR_CONFIRMATION, RemoteState, RemoteStatus
from vidgen_core.worker.steps import confirm

COMPLETED, FAILED, CANCELLED = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED
ESTIMATE, PRICE = Money(amount=Decimal("0.4"), currency="CNY"), Money(amount=Decimal(2), currency="CNY")


def asks(price: Money | None = PRICE) -> RemoteState:
    return RemoteState(status=RemoteStatus.RUNNING, stage=WAITING_FOR_CONFIRMATION, confirmation=price)


@pytest.fixture
def asking(bench: Bench) -> Bench:
    """A provider whose jobs ask for 2 CNY and are let go on up to that."""
    bench.provider.polls = [asks(), RUNNING, done()]
    bench.provider.confirms_up_to = Decimal(2)
    return bench


def refusal(delivery: Delivery) -> RemoteError:
    return RemoteError("server_error", kind=ErrorKind.PROVIDER, delivery=delivery)


def only_attempt(bench: Bench, task: Task) -> Attempt:
    [attempt] = bench.attempts(task)
    return attempt


def codes(bench: Bench) -> list[str]:
    return [line.code for line in bench.log()]


def wait_for_looks(bench: Bench, more: int = 4) -> None:
    """Until the job was asked after a few times more."""
    looks = len(bench.provider.poll_keys)
    wait_until(lambda: len(bench.provider.poll_keys) >= looks + more)


def waits(bench: Bench, task: Task) -> bool:
    return bench.task(task).stage == WAITING_FOR_CONFIRMATION


def person_says_yes(bench: Bench, task: Task, price: Money) -> Attempt:
    """As a server does it, in another process."""
    with bench.store.write() as tx:
        [seen] = tx.attempts.of_task(task.id)
        return confirm.set_aside(tx, seen, price, bench.settings_file.current(), datetime.now(UTC))


def test_the_price_stands_in_the_ledger_before_the_yes_leaves(asking: Bench) -> None:
    [task] = asking.queue()
    seen: list[Attempt] = []

    async def look() -> None:
        seen.append(only_attempt(asking, task))

    asking.provider.at_confirm = look
    asking.start()

    assert asking.wait(task, COMPLETED, FAILED).cost == PRICE
    [at_the_yes] = seen
    assert (at_the_yes.cost, at_the_yes.charge) == (PRICE, ChargeStatus.ESTIMATED)
    assert at_the_yes.confirmed_at is not None
    wait_until(lambda: "price_confirmed" in codes(asking))
    [line] = [line for line in asking.log() if line.code == "price_confirmed"]
    assert (line.params["price"], line.task_id) == ("2 CNY", task.id)


@pytest.mark.parametrize(
    ("limit", "price"),
    [
        (None, PRICE),
        (Decimal(0), PRICE),
        (Decimal("1.99"), PRICE),
        (Decimal(2), None),
        (Decimal(2), Money(amount=Decimal(0), currency="CNY")),
        (Decimal(2), Money(amount=Decimal(1), currency="USD")),
    ],
)
def test_what_is_not_a_known_price_within_the_limit_waits_for_a_person(
    asking: Bench, limit: Decimal | None, price: Money | None
) -> None:
    asking.provider.polls = [asks(price)]
    asking.provider.confirms_up_to = limit
    [task] = asking.queue()
    asking.start()
    wait_until(lambda: waits(asking, task))
    wait_for_looks(asking)

    assert asking.provider.confirmed == []
    assert only_attempt(asking, task).cost == ESTIMATE


def test_a_second_question_waits_for_a_person(asking: Bench) -> None:
    asking.provider.polls = [asks(), RUNNING, asks()]
    [task] = asking.queue()
    asking.start()
    wait_until(lambda: waits(asking, task))
    wait_for_looks(asking)

    assert len(asking.provider.confirmed) == 1
    # What the person agrees to comes on top of what was agreed to before.
    assert person_says_yes(asking, task, PRICE).cost == Money(amount=Decimal(4), currency="CNY")


def test_over_the_budget_nothing_is_confirmed_and_the_log_says_why_once(asking: Bench) -> None:
    asking.provider.polls = [asks()]
    asking.settings_file.change({"budget.limit": "1.9"})
    [task] = asking.queue()
    asking.start()
    wait_until(lambda: waits(asking, task))
    wait_for_looks(asking)
    wait_until(lambda: "price_left" in codes(asking))

    assert asking.provider.confirmed == []
    attempt = only_attempt(asking, task)
    assert (attempt.cost, attempt.charge, attempt.confirmed_at) == (ESTIMATE, ChargeStatus.ESTIMATED, None)
    [line] = [line for line in asking.log() if line.code == "price_left"]
    assert line.params["cause"] == "budget_all"

    asking.settings_file.change({"budget.limit": "2"})
    wait_until(lambda: asking.provider.confirmed)
    assert only_attempt(asking, task).cost == PRICE


def test_all_prices_together_stay_under_the_budget(asking: Bench) -> None:
    # Three estimates of 0.4 and two prices fit under 5, a third price does not.
    asking.settings_file.change({"budget.limit": "5"})
    asking.provider.polls = [asks()]
    tasks = asking.queue(3)
    asking.start()
    wait_until(lambda: len(asking.provider.confirmed) == 2 and "price_left" in codes(asking))
    wait_for_looks(asking, 6)

    assert len(asking.provider.confirmed) == 2
    assert sorted(str(only_attempt(asking, task).cost.amount) for task in tasks) == ["0.4", "2", "2"]


@pytest.mark.parametrize("delivery", [Delivery.REFUSED, Delivery.NOT_SENT])
def test_a_yes_that_surely_was_not_taken_is_taken_back(asking: Bench, delivery: Delivery) -> None:
    asking.provider.polls = [asks()]
    asking.provider.confirms = [refusal(delivery)]
    between: list[Attempt] = []
    [task] = asking.queue()
    poll = asking.provider.poll

    async def watched(*args: Any) -> RemoteState:
        between.append(only_attempt(asking, task))
        return await poll(*args)

    asking.provider.poll = watched  # type: ignore[method-assign]
    asking.start()
    wait_until(lambda: len(asking.provider.confirmed) >= 2)

    assert {(one.cost, one.charge, one.confirmed_at) for one in between} == {(ESTIMATE, ChargeStatus.ESTIMATED, None)}
    assert "price_confirmed" not in codes(asking)


def test_a_provider_that_takes_no_yes_leaves_nothing_behind(asking: Bench) -> None:
    asking.provider.polls = [asks()]
    asking.provider.confirms = [False]
    [task] = asking.queue()
    asking.start()
    wait_until(lambda: waits(asking, task))
    asking.stop()

    attempt = only_attempt(asking, task)
    assert (attempt.cost, attempt.confirmed_at) == (ESTIMATE, None)
    assert "price_confirmed" not in codes(asking)


def test_a_yes_whose_answer_was_lost_is_not_said_again(asking: Bench) -> None:
    asking.provider.polls = [asks()]
    asking.provider.confirms = [refusal(Delivery.UNKNOWN)]
    [task] = asking.queue()
    asking.start()
    wait_until(lambda: waits(asking, task))
    wait_for_looks(asking)

    assert len(asking.provider.confirmed) == 1
    attempt = only_attempt(asking, task)
    assert (attempt.cost, attempt.charge) == (PRICE, ChargeStatus.ESTIMATED)
    assert "poll_failed" in codes(asking)


def test_killed_between_the_yes_and_its_answer_no_second_one_is_said(
    asking: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking.provider, "longest_submit", 0.0, raising=False)
    asking.provider.polls = [asks()]
    asking.provider.at_confirm = asyncio.Event().wait  # type: ignore[assignment]
    [task] = asking.queue()
    asking.start()
    wait_until(lambda: asking.provider.confirmed)
    asking.stop()
    assert only_attempt(asking, task).cost == PRICE

    asking.start()
    wait_until(lambda: waits(asking, task))
    wait_for_looks(asking)

    assert len(asking.provider.confirmed) == 1
    assert asking.task(task).status is TaskStatus.PROCESSING


def test_a_stop_waits_for_a_yes_that_is_out(asking: Bench) -> None:
    asking.provider.polls = [asks()]
    gate = asyncio.Event()
    asking.provider.at_confirm = gate.wait  # type: ignore[assignment]
    asking.queue()
    runner = asking.start()
    wait_until(lambda: asking.provider.confirmed)
    loop = runner._loop
    assert loop is not None
    loop.call_later(0.3, gate.set)

    asking.stop()

    assert "price_confirmed" in codes(asking)


@pytest.mark.parametrize("ending", ["given up", "failed"])
def test_what_a_person_has_agreed_to_stays_owed_however_the_job_ends(asking: Bench, ending: str) -> None:
    asking.provider.confirms_up_to = None
    asking.provider.polls = [asks()]
    [task] = asking.queue()
    with asking.store.write() as tx:
        tx.tasks.note(task.id, cost=None)
    runner = asking.start()
    wait_until(lambda: waits(asking, task))
    person_says_yes(asking, task, PRICE)

    if ending == "given up":
        with asking.store.write() as tx:
            tx.tasks.request_cancel([task.id])
        runner.wake()
    else:
        failure = Failure(kind=ErrorKind.MODERATION, code="content_refused", charged=ChargeStatus.UNKNOWN)
        asking.provider.polls = [RemoteState(status=RemoteStatus.FAILED, failure=failure)]

    ended = asking.wait(task, CANCELLED, FAILED)
    assert ended.cost == PRICE
    assert ended.charge in (ChargeStatus.ESTIMATED, ChargeStatus.UNKNOWN)


def test_of_two_who_say_yes_to_the_same_question_the_first_wins(asking: Bench) -> None:
    asking.provider.confirms_up_to = None
    asking.provider.polls = [asks()]
    [task] = asking.queue()
    asking.start()
    wait_until(lambda: waits(asking, task))
    seen = only_attempt(asking, task)
    person_says_yes(asking, task, PRICE)

    with asking.store.write() as tx, pytest.raises(Refused, match="nothing_to_confirm"):
        confirm.set_aside(tx, seen, PRICE, asking.settings_file.current(), datetime.now(UTC))
    # The runner, too, has heard of it.
    asking.provider.confirms_up_to = Decimal(2)
    wait_for_looks(asking)
    assert asking.provider.confirmed == []
