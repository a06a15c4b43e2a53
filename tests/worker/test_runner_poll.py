"""Waiting for a remote job: errors, deadlines, failures, cancel requests, and results that come late."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from doubles import RUNNING, done, wait_until
from runner_bench import Bench

from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind, RemoteError
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.tasks import Failure, TaskStatus
from vidgen_core.providers.base import WAITING_FOR_CONFIRMATION, RemoteState, RemoteStatus
from vidgen_core.services.facade import Vidgen

COMPLETED, FAILED, CANCELLED = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED
WAITING = RemoteState(status=RemoteStatus.RUNNING, stage=WAITING_FOR_CONFIRMATION)


def remote_failure(
    kind: ErrorKind, charged: ChargeStatus = ChargeStatus.UNKNOWN, *, passing: bool = True, said: str = ""
) -> RemoteState:
    failure = Failure(kind=kind, code=str(kind), charged=charged, retryable=passing, params={"said": said})
    return RemoteState(status=RemoteStatus.FAILED, failure=failure)


def test_poll_errors_never_fail_a_task(bench: Bench) -> None:
    broken = RemoteError("answer_unreadable", kind=ErrorKind.NETWORK)
    bench.provider.polls = [broken, broken, RemoteError("slow_down", kind=ErrorKind.RATE_LIMIT), done()]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED


def test_the_next_order_is_taken_up_while_the_end_of_a_job_is_written(bench: Bench) -> None:
    bench.settings_file.change({"runner.max_concurrent": 1})
    bench.provider.polls = [RUNNING]
    tasks = bench.queue(2)
    runner = bench.start()
    wait_until(lambda: len(bench.provider.poll_keys) > 1, 30)
    with closing(sqlite3.connect(bench.store.place, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        bench.provider.polls = [done()]
        wait_until(lambda: runner._scheduler is not None and len(runner._scheduler._steps) == 2, 30)
        assert len(bench.provider.sent) == 1
        other.execute("COMMIT")

    assert [bench.wait(task, COMPLETED, FAILED).status for task in tasks] == [COMPLETED, COMPLETED]
    assert (len(bench.provider.sent), bench.provider.peak) == (2, 1)


def test_an_unknown_word_means_still_running(bench: Bench) -> None:
    bench.provider.polls = [RemoteState(status=RemoteStatus.UNKNOWN, stage="pondering"), done()]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED


def test_a_job_is_asked_for_with_the_key_that_sent_it(bench: Bench) -> None:
    bench.provider.polls = [RUNNING, RUNNING, done()]
    tasks = bench.queue(4)
    bench.start()
    for task in tasks:
        bench.wait(task, COMPLETED)

    assert set(bench.provider.keys) == set(bench.provider.poll_keys)
    assert all(bench.provider.poll_keys)


def test_what_the_provider_failed_at_is_tried_again_within_max_retries(bench: Bench) -> None:
    bench.provider.polls = [remote_failure(ErrorKind.PROVIDER)]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    assert len(bench.provider.sent) == 3
    assert [attempt.state for attempt in bench.attempts(task)] == [AttemptState.FAILED] * 3
    assert ended.cost is not None
    assert str(ended.cost.amount) == "1.2"
    assert ended.charge is ChargeStatus.UNKNOWN


def test_what_the_provider_gave_back_is_not_counted(bench: Bench) -> None:
    bench.provider.polls = [remote_failure(ErrorKind.PROVIDER, ChargeStatus.REFUNDED), done()]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, COMPLETED)

    assert ended.cost is not None
    assert str(ended.cost.amount) == "0.4"


@pytest.mark.parametrize("kind", [ErrorKind.MODERATION, ErrorKind.PARAMETER])
def test_a_result_refused_for_its_content_is_not_bought_again(bench: Bench, kind: ErrorKind) -> None:
    bench.provider.polls = [remote_failure(kind, passing=False)]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, FAILED).failure.kind is kind
    assert len(bench.provider.sent) == 1


def test_a_job_that_failed_for_a_reason_nobody_knows_is_not_bought_again(bench: Bench) -> None:
    bench.provider.polls = [remote_failure(ErrorKind.PROVIDER, passing=False, said="the moon was in the way")]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    assert len(bench.provider.sent) == 1
    assert ended.failure.provider_message == "the moon was in the way"


def test_a_setting_allows_one_more_try_after_an_unknown_failure(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__RETRY_UNKNOWN_FAILURES", "true")
    bench.provider.polls = [remote_failure(ErrorKind.PROVIDER, passing=False, said="the moon was in the way")]
    [task] = bench.queue()
    bench.start()

    bench.wait(task, FAILED)

    assert len(bench.provider.sent) == 2


def test_two_tasks_that_fail_with_the_same_unknown_words_hold_the_rest_of_the_batch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_CONCURRENT", "1")
    bench.provider.polls = [remote_failure(ErrorKind.PROVIDER, passing=False, said=f"no luck (id {n})") for n in (1, 2)]
    tasks = bench.queue(6)
    bench.start()

    wait_until(bench.hold)
    for task in tasks[:2]:
        bench.wait(task, FAILED)
    bench.stop()

    hold = bench.hold()
    assert hold is not None
    assert (hold["code"], hold["params"]["said"]) == ("pause_same_words", "no luck (id 2)")
    assert not hold["by_itself"]
    assert len(bench.provider.sent) == 2
    assert [bench.task(task).status for task in tasks[2:]] == [TaskStatus.QUEUED] * 4


def test_retrying_can_be_switched_off(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__RETRY_ON_FAIL", "false")
    bench.provider.polls = [remote_failure(ErrorKind.PROVIDER)]
    [task] = bench.queue()
    bench.start()
    bench.wait(task, FAILED)

    assert len(bench.provider.sent) == 1


def test_done_without_a_link_is_asked_three_times_more_and_then_fails(bench: Bench) -> None:
    bench.provider.polls = [RemoteState(status=RemoteStatus.UNKNOWN, stage="completed_without_link")]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    assert (ended.failure.code, ended.failure.kind) == ("link_not_understood", ErrorKind.PROVIDER)
    assert not ended.failure.retryable
    # The round of abandoned jobs may ask once more before this is read.
    assert len(bench.provider.poll_keys) in (4, 5)


def test_done_without_a_link_is_never_bought_again_and_keeps_its_answer(bench: Bench) -> None:
    blank = RemoteState(status=RemoteStatus.UNKNOWN, stage="completed_without_link", evidence="HTTP 200 {}")
    bench.provider.polls = [blank]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    [attempt] = bench.attempts(task)
    assert len(bench.provider.sent) == 1
    assert (attempt.state, attempt.charge, attempt.evidence) == (
        AttemptState.ABANDONED,
        ChargeStatus.ASSUMED,
        "HTTP 200 {}",
    )
    assert (ended.charge, ended.cost) == (ChargeStatus.ASSUMED, Money(amount="0.4", currency="CNY"))


def test_a_job_that_takes_too_long_is_not_sent_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_WAIT", "0.2")
    bench.provider.polls = [RUNNING]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    assert ended.failure.kind is ErrorKind.TIMEOUT
    assert ended.charge is ChargeStatus.ASSUMED
    assert len(bench.provider.sent) == 1


def test_the_time_a_person_takes_is_not_counted_also_after_a_restart(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_WAIT", "2.0")
    bench.provider.polls = [WAITING]
    [task] = bench.queue()
    bench.start()
    accepted = wait_until(lambda: bench.task(task).submitted_at)
    wait_until(lambda: datetime.now(UTC) - accepted > timedelta(seconds=2.5))
    assert bench.task(task).status is TaskStatus.PROCESSING
    bench.stop()

    bench.provider.polls = [RUNNING, RUNNING, done()]
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED


def test_an_answer_that_cannot_be_used_does_not_end_a_wait_for_a_person(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_WAIT", "0.3")
    bench.provider.polls = [WAITING, RemoteError("answer_unreadable", kind=ErrorKind.NETWORK)]
    [task] = bench.queue()
    bench.start()
    wait_until(lambda: len(bench.provider.poll_keys) > 1)
    since = datetime.now(UTC)
    wait_until(lambda: datetime.now(UTC) - since > timedelta(seconds=0.8))

    assert bench.task(task).status is TaskStatus.PROCESSING


def test_a_job_that_goes_on_after_a_person_can_still_take_too_long(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_WAIT", "0.3")
    bench.provider.polls = [WAITING, RUNNING]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, FAILED).failure.kind is ErrorKind.TIMEOUT


def test_looking_again_at_a_timed_out_job_is_free_and_takes_its_result(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_WAIT", "0.2")
    bench.provider.polls = [RUNNING]
    [task] = bench.queue()
    runner = bench.start()
    bench.wait(task, FAILED)
    bench.provider.polls = [done()]

    with bench.store.write() as tx:
        assert tx.tasks.move(task.id, TaskStatus.PROCESSING)
    runner.wake()

    assert bench.wait(task, COMPLETED).status is COMPLETED
    assert len(bench.provider.sent) == 1


def test_a_late_result_is_taken_in_by_itself(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidgen_core.worker.background.abandoned_jobs.EVERY", 0.2)
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_WAIT", "0.2")
    bench.provider.polls = [RUNNING]
    [task] = bench.queue()
    bench.start()
    bench.wait(task, FAILED)

    bench.provider.polls = [done()]

    assert bench.wait(task, COMPLETED).status is COMPLETED
    assert "task_late" in {line.code for line in bench.log()}


def test_giving_up_ends_the_waiting_and_says_that_it_may_be_charged(bench: Bench) -> None:
    bench.provider.polls = [RUNNING]
    [task] = bench.queue()
    runner = bench.start()
    wait_until(lambda: bench.task(task).remote_id)

    with bench.store.write() as tx:
        tx.tasks.request_cancel([task.id])
    runner.wake()

    ended = bench.wait(task, CANCELLED)
    [attempt] = bench.attempts(task)
    assert attempt.state is AttemptState.ABANDONED
    assert ended.charge is ChargeStatus.ESTIMATED
    assert bench.provider.cancelled == [attempt.remote_id]


def test_a_result_for_a_cancelled_task_is_still_taken_in(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidgen_core.worker.background.abandoned_jobs.EVERY", 0.2)
    bench.provider.polls = [RUNNING]
    [task] = bench.queue()
    runner = bench.start()
    wait_until(lambda: bench.task(task).remote_id)
    with bench.store.write() as tx:
        tx.tasks.request_cancel([task.id])
    runner.wake()
    bench.wait(task, CANCELLED)

    bench.provider.polls = [done()]

    assert bench.wait(task, COMPLETED).file is not None


def test_progress_is_kept_and_quarters_are_logged(bench: Bench) -> None:
    bench.provider.polls = [
        RemoteState(status=RemoteStatus.RUNNING, progress=10),
        RemoteState(status=RemoteStatus.RUNNING, progress=55),
        RemoteState(status=RemoteStatus.RUNNING, progress=90),
    ]
    [task] = bench.queue()
    bench.start()

    wait_until(lambda: bench.task(task).progress == 90)
    told = [line.params["percent"] for line in bench.log() if line.code == "task_progress"]
    assert sorted(told) == [55, 90]


def test_a_task_can_be_asked_for_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__POLL_INTERVAL", "60")
    bench.provider.polls = [done()]
    [task] = bench.queue()
    runner = bench.start()
    wait_until(lambda: bench.task(task).remote_id)

    runner.check_now(task.id)

    bench.wait(task, COMPLETED)


def test_a_process_that_only_serves_screens_has_a_task_asked_for_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__POLL_INTERVAL", "60")
    bench.provider.polls = [done()]
    [task] = bench.queue()
    bench.start()
    wait_until(lambda: bench.task(task).remote_id)

    with Vidgen.open(bench.locations) as standby:
        standby.worker.look_now(task.id)

    bench.wait(task, COMPLETED)
    with bench.store.read() as tx:
        assert tx.state.get("look_now") == []
