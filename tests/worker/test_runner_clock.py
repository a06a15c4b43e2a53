"""A clock that is set, forward or back, in the middle of everything or while nothing ran."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from doubles import RUNNING, done, wait_until
from runner_bench import Bench

from vidgen_core.db import Journal
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.worker.clock import JUMP, Clock
from vidgen_core.worker.limits.key_pool import LONGEST_ASKED

COMPLETED, FAILED, QUEUED = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.QUEUED
HOURS, DAY = 7200.0, 86400.0


class WallClock(Clock):
    """The machine's clock, which somebody sets."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.ahead = ahead
        super().__init__()

    def wall(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)


class HandClock(Clock):
    """Both clocks moved by hand."""

    def __init__(self) -> None:
        self.at, self.passed = datetime(2026, 11, 22, 12, tzinfo=UTC), 100.0
        super().__init__()

    def wall(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.passed

    def go(self, seconds: float, wall: float | None = None) -> None:
        self.passed += seconds
        self.at += timedelta(seconds=seconds if wall is None else wall)


@pytest.fixture
def clock(bench: Bench) -> WallClock:
    bench.clock = WallClock()
    return bench.clock


def was_set(bench: Bench) -> bool:
    return "clock_set" in {line.code for line in bench.log()}


@pytest.mark.parametrize("by", [HOURS, DAY, -HOURS, -DAY, 31 * 365 * DAY])
def test_two_times_differ_by_what_has_passed_whatever_the_wall_says(by: float) -> None:
    clock = HandClock()
    begun = clock()
    clock.go(3.0, wall=by)

    assert (clock() - begun).total_seconds() == pytest.approx(3.0)
    assert clock.jump() == pytest.approx(by - 3.0)
    clock.follow()
    assert clock() == clock.wall()
    assert clock.jump() == 0.0


def test_a_clock_that_is_kept_right_little_by_little_has_not_jumped() -> None:
    clock = HandClock()
    for _ in range(20):
        clock.go(1.0, wall=1.0 + JUMP / 2)
        assert clock.jump() == 0.0
        clock.follow()
    assert clock() == clock.wall()


def test_an_order_that_stood_still_before_it_left_is_queued_again(
    bench: Bench, clock: WallClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, slept = Journal.order, []

    def sleeping(self: Journal, *facts: Any, **more: Any) -> None:
        if not slept:
            # The machine sleeps after the intent: of its clocks only the wall goes on.
            slept.append(bench.provider.sent.copy())
            clock.ahead += HOURS
        plain(self, *facts, **more)

    monkeypatch.setattr(Journal, "order", sleeping)
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert slept == [[]]
    assert [one.state for one in bench.attempts(task)] == [AttemptState.REFUSED, AttemptState.SUCCEEDED]
    assert len(bench.provider.sent) == 1


@pytest.mark.parametrize("by", [HOURS, DAY, -HOURS, -DAY])
def test_jobs_under_way_are_followed_on_when_the_clock_is_set(bench: Bench, clock: WallClock, by: float) -> None:
    bench.provider.polls = [RUNNING]
    tasks = bench.queue(3)
    bench.start()
    wait_until(lambda: len(bench.provider.in_flight) == 3)

    clock.ahead = by
    wait_until(lambda: was_set(bench))
    looks = len(bench.provider.poll_keys)
    wait_until(lambda: len(bench.provider.poll_keys) > looks + 6)
    assert bench.task_counts()[TaskStatus.PROCESSING] == 3
    for task in tasks:
        [attempt] = bench.attempts(task)
        assert attempt.accepted_at is not None
        assert abs((clock.wall() - attempt.accepted_at).total_seconds()) < 60
    bench.provider.polls = [done()]

    for task in tasks:
        assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert [line.code for line in bench.log()].count("clock_set") == 1


@pytest.mark.parametrize("by", [HOURS, -HOURS])
def test_the_deadline_comes_when_it_would_have(
    bench: Bench, clock: WallClock, monkeypatch: pytest.MonkeyPatch, by: float
) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_WAIT", "3")
    bench.provider.polls = [RUNNING]
    [task] = bench.queue()
    bench.start()
    wait_until(lambda: bench.provider.poll_keys)

    clock.ahead = by
    wait_until(lambda: was_set(bench))
    assert bench.task(task).status is TaskStatus.PROCESSING

    assert bench.wait(task, COMPLETED, FAILED).status is FAILED


@pytest.mark.parametrize("ahead", [DAY, 365 * DAY, -DAY])
@pytest.mark.parametrize(
    "error",
    [
        RemoteError("slow", kind=ErrorKind.RATE_LIMIT, retry_after=0.5),
        RemoteError("down", kind=ErrorKind.NETWORK, delivery=Delivery.NOT_SENT),
    ],
    ids=["a rest that was asked for", "a way that is closed"],
)
def test_a_wait_begun_under_a_wrong_clock_is_as_long_as_it_was(
    bench: Bench, clock: WallClock, monkeypatch: pytest.MonkeyPatch, ahead: float, error: RemoteError
) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__BACKOFF_BASE", "1")
    monkeypatch.setenv("VIDGEN_RUNNER__BACKOFF_MAX", "1")
    bench.clock = clock = WallClock(ahead)
    bench.provider.submits = [error, error, None]
    [task] = bench.queue()
    bench.start()
    wait_until(lambda: bench.hold() or bench.attempts(task))

    clock.ahead = 0.0

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert was_set(bench)


def test_after_a_restart_nothing_waits_for_a_day_that_was_never_near(bench: Bench) -> None:
    far, latest = datetime.now(UTC) + timedelta(days=30), datetime.now(UTC) + timedelta(seconds=LONGEST_ASKED + 60)
    [task] = bench.queue()
    with bench.store.write() as tx:
        tx.tasks.note(task.id, due_at=far)
        hold = {"code": "pause_unreachable", "params": {"provider": "yunwu"}, "since": far.isoformat()}
        tx.state.put("provider_pause.yunwu", {**hold, "until": far.isoformat()})
        for key in bench.settings_file.current().providers.yunwu.keys:
            tx.keys.touch(task.provider, key.fingerprint, key.name)
            tx.keys.set_health(task.provider, key.fingerprint, "cooling", far)
    runner = bench.start()
    wait_until(lambda: (bench.task(task).due_at or far) < latest)

    pauses, keys = runner._scheduler._ctx.pauses, runner._scheduler._ctx.keys  # type: ignore[union-attr]
    assert (pauses.of(task.provider).until or far) < latest
    assert keys[task.provider].lease().seconds <= LONGEST_ASKED


def test_after_a_restart_a_job_accepted_tomorrow_counts_from_now(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_WAIT", "0.3")
    bench.provider.polls = [RUNNING]
    [task] = bench.queue()
    key, far = bench.settings_file.current().providers.yunwu.keys[0], datetime.now(UTC) + timedelta(days=1)
    with bench.store.write() as tx:
        tx.tasks.move(task.id, TaskStatus.PROCESSING)
        begun = tx.attempts.begin(task.id, task.provider, task.model, key.fingerprint, key.label, None, task.cost)
        tx.attempts.update(begun.id, state=AttemptState.ACCEPTED, remote_id="r-1", intent_at=far, accepted_at=far)
        tx.tasks.note(task.id, remote_id="r-1")
    bench.start()

    ended = bench.wait(task, FAILED)

    assert ended.failure is not None
    assert ended.failure.kind is ErrorKind.TIMEOUT
