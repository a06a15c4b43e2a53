"""A stop waits for paid requests that are out, as long as their answers may take, and for no longer than a person will."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from doubles import done, wait_until
from runner_bench import Bench

from vidgen_core.db import Journal, Store, Tx
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.worker.steps import submit
from vidgen_core.worker.worker import Worker

FAILED = TaskStatus.FAILED


def under_way(bench: Bench, count: int, sent: int) -> Worker:
    """A runner with ``sent`` paid requests out, none of them answered."""
    bench.provider.submit_gate = asyncio.Event()
    bench.queue(count)
    runner = bench.start()
    wait_until(lambda: len(bench.provider.sent) == sent)
    return runner


def answer(bench: Bench, runner: Worker) -> None:
    gate, loop = bench.provider.submit_gate, runner._loop
    assert gate is not None
    assert loop is not None
    loop.call_soon_threadsafe(gate.set)


def states(bench: Bench) -> list[AttemptState]:
    with bench.store.read() as tx:
        return [attempt.state for attempt in tx.attempts.open(bench.provider.mode)]


def test_a_stop_says_what_it_waits_for_and_keeps_every_answer(bench: Bench) -> None:
    runner = under_way(bench, 5, sent=3)
    told: list[tuple[int, float]] = []

    def waits(count: int, seconds: float) -> None:
        told.append((count, seconds))
        answer(bench, runner)

    runner.stop(waits=waits)

    assert told == [(3, pytest.approx(bench.provider.longest_submit, abs=60))]
    assert not runner.thread.is_alive()
    assert states(bench) == [AttemptState.ACCEPTED] * 3
    assert len(bench.provider.sent) == 3
    assert {line.params["n"] for line in bench.log() if line.code == "runner_waits"} == {3}


def test_answers_take_their_own_time_and_not_that_of_the_stop(bench: Bench) -> None:
    runner = under_way(bench, 1, sent=1)
    runner.stop_soon()
    wait_until(lambda: runner._scheduler and runner._scheduler.waits)

    runner.stop(0.0001, waits=lambda *_: answer(bench, runner))
    bench.stop()

    assert states(bench) == [AttemptState.ACCEPTED]


def test_a_second_request_ends_it_at_once_and_leaves_the_outcome_unknown(bench: Bench) -> None:
    runner = under_way(bench, 5, sent=3)

    runner.stop(waits=lambda *_: runner.stop_at_once())

    assert not runner.thread.is_alive()
    assert states(bench) == [AttemptState.UNKNOWN] * 3
    bench.provider.submit_gate, bench.provider.polls = None, [done()]
    bench.start()
    wait_until(lambda: bench.task_counts()[FAILED] == 3)
    assert len(bench.provider.sent) == 3


def test_an_answer_that_never_comes_is_not_waited_for_without_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.provider, "longest_submit", 0.1, raising=False)
    runner = under_way(bench, 1, sent=1)

    runner.stop()

    assert not runner.thread.is_alive()
    assert states(bench) == [AttemptState.UNKNOWN]


def stop(bench: Bench, runner: Worker, task: Task) -> None:
    runner.stop_soon()
    wait_until(lambda: runner._scheduler is None or runner._scheduler._ctx.stopping)


def stop_at_once(bench: Bench, runner: Worker, task: Task) -> None:
    runner.stop_at_once()
    wait_until(lambda: runner._scheduler is None or runner._scheduler._ctx.stopping)


def pause(bench: Bench, runner: Worker, task: Task) -> None:
    with bench.store.write() as tx:
        tx.state.put("paused", True)
    runner.wake()
    wait_until(lambda: runner._scheduler and runner._scheduler._ctx.paused)


def cancel(bench: Bench, runner: Worker, task: Task) -> None:
    with bench.store.write() as tx:
        tx.tasks.request_cancel([task.id])
    runner.wake()
    wait_until(lambda: runner._scheduler and runner._scheduler._active[task.id].task.cancel_requested)


@pytest.mark.parametrize("asked_for", [stop, stop_at_once, pause, cancel])
def test_an_intent_whose_request_has_not_left_is_taken_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, asked_for: Callable[[Bench, Worker, Task], None]
) -> None:
    order, asked = Journal.order, []

    def stop_between(self: Journal, *given: Any, **facts: Any) -> None:
        order(self, *given, **facts)
        if not asked:
            asked.append([one.state for one in bench.attempts(task)])
            asked_for(bench, runner, task)

    monkeypatch.setattr(Journal, "order", stop_between)
    [task] = bench.queue()
    runner = bench.start()
    ended = TaskStatus.CANCELLED if asked_for is cancel else TaskStatus.QUEUED
    wait_until(lambda: asked and bench.task(task).status is ended)

    assert asked == [[AttemptState.SENDING]]
    assert bench.provider.sent == []
    assert [(one.state, one.charge) for one in bench.attempts(task)] == [(AttemptState.REFUSED, ChargeStatus.NONE)]
    if asked_for is cancel:
        return
    bench.stop()
    with bench.store.write() as tx:
        tx.state.put("paused", None)
    bench.start()
    assert bench.wait(task, TaskStatus.COMPLETED, FAILED).status is TaskStatus.COMPLETED
    assert len(bench.provider.sent) == 1


def test_a_stop_while_the_intent_is_written_leaves_nothing_unknown(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    intend, commit, intended = submit.intend, Store.commit, threading.Event()

    def note(*given: Any) -> bool:
        intended.set()
        return intend(*given)

    def stop_meanwhile(store: Store, tx: Tx) -> None:
        if intended.is_set():
            intended.clear()
            stop(bench, runner, task)
        commit(store, tx)

    monkeypatch.setattr(submit, "intend", note)
    monkeypatch.setattr(Store, "commit", stop_meanwhile)
    [task] = bench.queue()
    runner = bench.start()
    runner.thread.join(15)

    assert (bench.provider.sent, bench.task(task).status) == ([], TaskStatus.QUEUED)
    assert [one.state for one in bench.attempts(task)] == [AttemptState.REFUSED]


def test_a_request_that_has_left_is_not_taken_back(bench: Bench) -> None:
    runner = under_way(bench, 1, sent=1)
    with bench.store.write() as tx:
        tx.state.put("paused", True)
        [attempt] = tx.attempts.open(bench.provider.mode)
        tx.tasks.request_cancel([attempt.task_id])
    runner.wake()
    wait_until(lambda: runner._scheduler and runner._scheduler._ctx.paused)
    runner.stop(waits=lambda *_: runner.stop_at_once())

    assert states(bench) == [AttemptState.UNKNOWN]
