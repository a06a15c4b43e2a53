"""Whatever a step raises, its task ends in time, its slot comes free and nothing that was bought is forgotten."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from doubles import RUNNING, done, wait_until
from runner_bench import Bench

from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind, RemoteError
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.providers.base import RemoteState
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.recovery import StepName
from vidgen_core.worker.limits.key_pool import LONGEST_ASKED

COMPLETED, FAILED, QUEUED = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.QUEUED
#: What nobody expects from a verb of a provider.
SURPRISES = [KeyError("status"), TypeError("no"), RecursionError(), UnicodeEncodeError("utf-8", "\ud83d", 0, 1, "no")]
#: Far longer than anybody waits: a day, 31 years, the year 9999, for ever.
AGES = [86400.0, 251_606_951_999.0, float("inf"), float("nan"), -1.0]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidgen_core.worker.step.AGAIN", 0.05)


@pytest.mark.parametrize("error", SURPRISES, ids=lambda error: type(error).__name__)
def test_a_poll_that_breaks_three_times_alike_sets_its_task_aside(bench: Bench, error: Exception) -> None:
    bench.provider.polls = [error]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    [attempt] = bench.attempts(task)
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.params["type"]) == ("internal_error", type(error).__name__)
    assert (attempt.state, attempt.remote_id, attempt.charge) == (
        AttemptState.ABANDONED,
        "remote-1",
        ChargeStatus.ASSUMED,
    )
    assert (ended.remote_id, str(ended.cost.amount if ended.cost else 0)) == ("remote-1", "0.4")
    assert len(bench.provider.poll_keys) == 3
    assert len(bench.provider.sent) == 1


def test_what_was_set_aside_can_be_looked_at_again_for_nothing(bench: Bench) -> None:
    bench.provider.polls = [KeyError("status")]
    [task] = bench.queue()
    runner = bench.start()
    bench.wait(task, FAILED)
    bench.provider.polls = [done()]

    with Vidgen.open(bench.locations) as app:
        assert StepName.LOOK_AGAIN in {step.name for step in app.tasks.steps(bench.task(task))}
        app.tasks.look_again([task.id])
    runner.wake()

    assert bench.wait(task, COMPLETED).file
    assert len(bench.provider.sent) == 1


def test_a_task_that_breaks_gives_its_slot_to_the_next(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_CONCURRENT", "1")
    bench.provider.polls = [KeyError("status")] * 3 + [done()]
    first, second = bench.queue(2)
    bench.start()

    assert bench.wait(first, FAILED, COMPLETED).status is FAILED
    assert bench.wait(second, FAILED, COMPLETED).status is COMPLETED


def test_different_faults_and_faults_with_good_answers_between_go_on(bench: Bench) -> None:
    twice: list[Any] = [KeyError("a"), KeyError("b")]
    bench.provider.polls = [*twice, RUNNING, *twice, TypeError("c"), *twice, RUNNING, done()]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, FAILED, COMPLETED).status is COMPLETED


def test_the_deadline_counts_also_where_every_poll_breaks(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_WAIT", "0.2")
    monkeypatch.setattr("vidgen_core.worker.step.MOST", 1000)
    bench.provider.polls = [KeyError("status")]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    assert ended.failure is not None
    assert ended.failure.kind is ErrorKind.TIMEOUT


def test_a_poll_that_never_comes_back_does_not_keep_its_slot(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_WAIT", "0.2")
    monkeypatch.setattr("vidgen_core.worker.steps.poll.LONGEST_POLL", 0.1)

    async def never(*_: Any) -> RemoteState:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(bench.provider, "poll", never)
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    assert ended.failure is not None
    assert ended.failure.kind is ErrorKind.TIMEOUT


def test_a_download_that_breaks_can_be_fetched_again(bench: Bench) -> None:
    bench.provider.fetches = [ZeroDivisionError()]
    [task] = bench.queue()
    runner = bench.start()
    ended = bench.wait(task, FAILED)
    assert ended.failure is not None
    assert (ended.failure.kind, ended.failure.code) == (ErrorKind.FILE, "internal_error")
    bench.provider.fetches = [None]

    with Vidgen.open(bench.locations) as app:
        app.tasks.download_again([task.id])
    runner.wake()

    assert bench.wait(task, COMPLETED).file


def test_a_task_that_breaks_before_anything_left_owes_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> bool:
        raise LookupError

    monkeypatch.setattr("vidgen_core.worker.steps.submit.claim", broken)
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    assert ended.failure is not None
    assert (ended.failure.code, ended.charge, bench.attempts(task)) == ("internal_error", ChargeStatus.NONE, [])
    assert bench.provider.sent == []


def test_a_look_into_the_log_that_breaks_leaves_the_outcome_unknown(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise LookupError

    monkeypatch.setattr(bench.provider, "find", broken)
    bench.provider.submits = [ConnectionResetError()]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    assert ended.failure is not None
    assert (ended.failure.kind, ended.failure.code) == (ErrorKind.SUBMIT_UNKNOWN, "internal_error")
    [attempt] = bench.attempts(task)
    assert (attempt.state, attempt.charge) == (AttemptState.UNKNOWN, ChargeStatus.UNKNOWN)


@pytest.mark.parametrize("asked", AGES)
def test_a_request_to_wait_never_outlasts_the_deadline(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, asked: float
) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_WAIT", "0.2")
    bench.provider.polls = [RemoteError("slow_down", kind=ErrorKind.RATE_LIMIT, retry_after=asked)]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    assert ended.failure is not None
    assert ended.failure.kind is ErrorKind.TIMEOUT


@pytest.mark.parametrize("kind", [ErrorKind.RATE_LIMIT, ErrorKind.NETWORK])
@pytest.mark.parametrize("asked", AGES)
def test_a_refused_submit_waits_an_hour_at_most(bench: Bench, asked: float, kind: ErrorKind) -> None:
    bench.provider.submits = [RemoteError("slow_down", kind=kind, retry_after=asked)]
    [task] = bench.queue()
    bench.start()

    wait_until(lambda: len(bench.attempts(task)) > 0 and bench.task(task).status is QUEUED)
    bench.stop()

    latest = datetime.now(UTC) + timedelta(seconds=LONGEST_ASKED)
    assert (bench.task(task).due_at or latest) <= latest
    with bench.store.read() as tx:
        assert all((usage.cooling_until or latest) <= latest for usage in tx.keys.all(task.provider))
        hold = tx.state.get("provider_pause.yunwu")
    assert hold is None or hold["until"] is None or datetime.fromisoformat(hold["until"]) <= latest


@pytest.mark.parametrize(("code", "longest"), [("rate_limited", "LIMITED"), ("rate_limited_unclear", "UNCLEAR")])
def test_a_submit_that_is_always_refused_as_too_often_ends_and_a_person_begins_anew(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, code: str, longest: str
) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__BACKOFF_BASE", "0.01")
    monkeypatch.setattr("vidgen_core.worker.limits.key_pool.LONGEST_REST", {"rate_limited": 0.02, "overloaded": 0.02})
    monkeypatch.setattr(f"vidgen_core.worker.steps.submit.LONGEST_{longest}", timedelta(seconds=0.05))
    bench.provider.submits = [RemoteError(code, kind=ErrorKind.RATE_LIMIT)]
    [task] = bench.queue()
    runner = bench.start()

    ended = bench.wait(task, FAILED)

    assert ended.failure is not None
    assert ended.failure.code == code
    assert len(bench.provider.sent) >= 6
    assert {attempt.charge for attempt in bench.attempts(task)} == {ChargeStatus.NONE}

    bench.provider.submits = [*[RemoteError(code, kind=ErrorKind.RATE_LIMIT)] * 4, None]
    with Vidgen.open(bench.locations) as app:
        app.tasks.retry([task.id])
    runner.wake()
    assert bench.wait(task, COMPLETED).file


@pytest.mark.parametrize("asked", [value for value in AGES if value > 60])
def test_a_link_that_asks_to_wait_is_fetched_within_a_minute(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, asked: float
) -> None:
    monkeypatch.setattr("vidgen_core.worker.steps.download.LONGEST_BEFORE_POLL", 0.05)
    bench.provider.fetches = [RemoteError("download_failed", kind=ErrorKind.NETWORK, retry_after=asked), None]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
