"""What is sent, how often, and what happens when sending goes wrong: the table of repetitions, row by row."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from doubles import RUNNING, done, one_round, wait_until
from runner_bench import Bench

from vidgen_core import money
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import Delivery, ErrorKind, FileError, RemoteError
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ModelPrice, ProviderId
from vidgen_core.domain.shots import ShotReference
from vidgen_core.domain.tasks import GenerationParams, Task, TaskStatus
from vidgen_core.i18n import get_text
from vidgen_core.i18n.log_lines import log_sentence
from vidgen_core.providers.base import Found, Prepared
from vidgen_core.providers.capabilities import Problem
from vidgen_core.services.schemas.tasks import TaskError
from vidgen_core.worker.context import ActiveTask
from vidgen_core.worker.limits.concurrency import Concurrency
from vidgen_core.worker.steps.reconcile import WINDOW_AFTER

COMPLETED, FAILED = TaskStatus.COMPLETED, TaskStatus.FAILED


def refusal(kind: ErrorKind, **more: object) -> RemoteError:
    return RemoteError(str(kind), kind=kind, delivery=Delivery.REFUSED, **more)


def lost_answer() -> RemoteError:
    return RemoteError("answer_lost", kind=ErrorKind.NETWORK, delivery=Delivery.UNKNOWN)


def test_a_task_becomes_a_file_and_its_attempt_says_what_it_cost(bench: Bench) -> None:
    bench.start()
    [task] = bench.queue()

    ended = bench.wait(task, COMPLETED, FAILED)

    assert ended.status is COMPLETED
    assert ended.file is not None
    [attempt] = bench.attempts(task)
    assert (attempt.state, attempt.charge) == (AttemptState.SUCCEEDED, ChargeStatus.ESTIMATED)
    assert attempt.intent_at is not None
    assert attempt.accepted_at is not None
    assert attempt.intent_at <= attempt.accepted_at
    assert ended.cost == attempt.cost


def test_a_request_that_never_left_is_sent_again_and_pauses_the_provider_meanwhile(bench: Bench) -> None:
    never = RemoteError("unreachable", kind=ErrorKind.NETWORK, delivery=Delivery.NOT_SENT)
    bench.provider.submits = [never, never, None]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    states = [attempt.state for attempt in bench.attempts(task)]
    assert states == [AttemptState.REFUSED, AttemptState.REFUSED, AttemptState.SUCCEEDED]
    assert "pause_unreachable" in {line.code for line in bench.log()}


@pytest.mark.parametrize("kind", [ErrorKind.MODERATION, ErrorKind.PARAMETER, ErrorKind.FILE])
def test_a_refusal_for_its_content_is_not_repeated(bench: Bench, kind: ErrorKind) -> None:
    bench.provider.submits = [refusal(kind)]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    assert ended.failure is not None
    assert (ended.failure.kind, ended.failure.charged) == (kind, ChargeStatus.NONE)
    assert len(bench.provider.sent) == 1


@pytest.mark.parametrize("kind", [ErrorKind.AUTH, ErrorKind.BALANCE])
def test_a_key_that_is_refused_is_passed_over_without_failing_a_task(bench: Bench, kind: ErrorKind) -> None:
    bench.provider.submits = [refusal(kind), None]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    first, second = bench.provider.keys
    assert first != second


def test_when_no_key_is_left_the_provider_waits_and_no_task_fails(bench: Bench) -> None:
    bench.provider.submits = [refusal(ErrorKind.AUTH)]
    tasks = bench.queue(6)
    bench.start()

    hold = wait_until(bench.hold)

    assert hold["code"] == "pause_no_key"
    assert hold["params"]["cause"] == "all_rejected"
    wait_until(lambda: {bench.task(task).status for task in tasks} == {TaskStatus.QUEUED})
    assert len(bench.provider.sent) <= 3


def test_a_paused_provider_goes_on_when_a_person_says_so(bench: Bench) -> None:
    bench.provider.submits = [refusal(ErrorKind.AUTH), refusal(ErrorKind.AUTH), None]
    [task] = bench.queue()
    runner = bench.start()
    wait_until(bench.hold)

    with bench.store.write() as tx:
        tx.state.put("provider_pause.yunwu", None)
    runner.wake()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED


def test_too_many_requests_are_waited_out(bench: Bench) -> None:
    bench.provider.submits = [refusal(ErrorKind.RATE_LIMIT, retry_after=0.05), None]
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED


def test_a_saturated_provider_is_asked_again_a_bounded_number_of_times(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.worker.limits.key_pool.FIRST_REST", {"rate_limited": 0.02, "overloaded": 0.02})
    bench.provider.submits = [refusal(ErrorKind.OVERLOADED)]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    assert ended.failure is not None
    assert ended.failure.kind is ErrorKind.OVERLOADED
    assert len(bench.provider.sent) == 6


def test_a_lost_answer_is_never_sent_again_by_itself(bench: Bench) -> None:
    bench.provider.submits = [lost_answer()]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED, COMPLETED)

    assert ended.failure is not None
    assert ended.failure.kind is ErrorKind.SUBMIT_UNKNOWN
    [attempt] = bench.attempts(task)
    assert (attempt.state, attempt.charge) == (AttemptState.UNKNOWN, ChargeStatus.UNKNOWN)
    assert len(bench.provider.sent) == 1


def test_an_unforeseen_error_after_the_intent_counts_as_a_lost_answer(bench: Bench) -> None:
    bench.provider.submits = [ZeroDivisionError()]
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, FAILED)

    assert ended.failure is not None
    assert ended.failure.kind is ErrorKind.SUBMIT_UNKNOWN


def test_a_lost_answer_keeps_its_slot(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_CONCURRENT", "1")
    bench.provider.submits = [lost_answer(), None]
    first, second = bench.queue(2)
    runner = bench.start()
    bench.wait(first, FAILED)
    runner.wake()

    assert bench.task(second).status is TaskStatus.QUEUED

    with bench.store.write() as tx:
        tx.tasks.release([first.id])
    assert bench.wait(second, COMPLETED).status is COMPLETED


def test_a_lost_answer_that_was_resolved_before_it_was_counted_keeps_no_slot(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_CONCURRENT", "1")
    bench.provider.submits = [lost_answer(), None]
    first, second = bench.queue(2)
    drop = Concurrency.drop

    def resolved_first(self: Concurrency, active: ActiveTask) -> bool:
        if active.task.status is FAILED:
            with bench.store.write() as tx:
                tx.tasks.release([first.id])
            # The worker has looked at the store between the two.
            scheduler = runner._scheduler
            assert scheduler is not None
            scheduler._revision = self.ctx.store.revision()
        return drop(self, active)

    monkeypatch.setattr(Concurrency, "drop", resolved_first)
    runner = bench.start()

    assert bench.wait(second, COMPLETED).status is COMPLETED


def in_time() -> datetime:
    """When the provider has noted a job: with the order, however long this machine takes to send it."""
    return datetime.now(UTC) + timedelta(seconds=WINDOW_AFTER / 2)


def test_a_lost_answer_is_found_in_the_providers_log(bench: Bench) -> None:
    bench.provider.submits = [lost_answer()]
    mine = Found(remote_id="found-1", at=in_time(), model="scripted", prompt=" pan \n left ")
    others = mine.model_copy(update={"remote_id": "not-mine", "prompt": "pan right"})
    bench.provider.found = (others, mine)
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, COMPLETED, FAILED)

    assert (ended.status, ended.remote_id) == (COMPLETED, "found-1")
    assert len(bench.provider.sent) == 1


@pytest.mark.parametrize("options", ["--mode=custom", "--ar 9:16", "--loop", "--ar 9:16 --fast --seed=7 --style raw"])
def test_options_that_the_provider_has_written_behind_our_prompt_make_it_no_other(bench: Bench, options: str) -> None:
    bench.provider.submits = [lost_answer()]
    bench.provider.found = (Found(remote_id="found-1", at=in_time(), model="scripted", prompt=f"pan  left\n{options}"),)
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, COMPLETED, FAILED)

    assert (ended.status, ended.remote_id, len(bench.provider.sent)) == (COMPLETED, "found-1", 1)


FOUND = {"remote_id": "found-x", "model": "scripted", "prompt": "pan left"}


@pytest.mark.parametrize(
    "jobs",
    [
        pytest.param([{}, {"remote_id": "found-y"}], id="two of them"),
        pytest.param([{"prompt": "a colleague's car chase"}], id="another prompt"),
        pytest.param([{"prompt": "pan left --ar 9:16"}, {"prompt": "pan right"}], id="options, and another job"),
        pytest.param([{"prompt": "pan left --style of a car chase"}], id="words behind an option"),
        pytest.param([{"prompt": "pan left, then up --ar 9:16"}], id="words before an option"),
        pytest.param([{"prompt": "pan left--ar 9:16"}], id="an option without a space"),
        pytest.param([{"prompt": "pan left -- ar"}], id="a dash"),
        pytest.param([{"prompt": None}], id="a log without prompts"),
        pytest.param([{"prompt": ""}], id="an empty prompt"),
        pytest.param([{"prompt": "pan left", "model": "another"}], id="another model"),
        pytest.param([{"late": 3600.0}], id="long after"),
        pytest.param([{"late": -3600.0}], id="before"),
    ],
)
def test_what_is_not_surely_ours_in_the_log_is_for_a_person(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, jobs: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr("vidgen_core.worker.steps.reconcile.RECONCILE_FOR", 0.0)
    at = in_time()
    bench.provider.submits = [lost_answer()]
    bench.provider.found = tuple(
        Found(at=at + timedelta(seconds=job.pop("late", 0.0)), **{**FOUND, **job}) for job in map(dict, jobs)
    )
    [task] = bench.queue()
    bench.start()

    ended = bench.wait(task, COMPLETED, FAILED)

    assert ended.failure is not None
    assert (ended.failure.kind, ended.remote_id) == (ErrorKind.SUBMIT_UNKNOWN, None)
    fits = [job for job in jobs if "late" not in job and "model" not in job]
    assert ended.failure.params.get("candidates", []) == [job.get("remote_id", "found-x") for job in fits]
    told = [(job["at"], job["prompt"]) for job in ended.failure.params.get("told", [])]
    assert told == [(at.isoformat(timespec="seconds"), job.get("prompt", FOUND.get("prompt")) or "") for job in fits]
    said = get_text("en", strict=True).failure(ended.failure)
    assert all(job.get("remote_id", "found-x") in said for job in fits)


def test_three_equal_parameter_errors_pause_the_provider_instead_of_failing_the_batch(bench: Bench) -> None:
    bench.provider.submits = [refusal(ErrorKind.PARAMETER)]
    tasks = bench.queue(12)
    bench.start()

    hold = wait_until(bench.hold)

    assert hold["code"] == "pause_same_failure"
    wait_until(lambda: all(bench.task(task).status in (FAILED, TaskStatus.QUEUED) for task in tasks))
    statuses = [bench.task(task).status for task in tasks]
    assert statuses.count(FAILED) <= 5
    assert statuses.count(TaskStatus.QUEUED) >= 7


def test_what_a_model_no_longer_takes_is_not_sent(bench: Bench) -> None:
    [task] = bench.queue()
    params = {"model": "m", "value": "9", "allowed": "4, 8"}
    bench.provider.problems = (Problem(field="duration", code="duration_not_taken", params=params),)
    bench.start()

    ended = bench.wait(task, FAILED)

    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.charged) == ("duration_not_taken", ChargeStatus.NONE)
    assert bench.provider.sent == []
    [attempt] = bench.attempts(task)
    assert attempt.state is AttemptState.REFUSED


def test_what_nobody_can_describe_for_the_moment_waits_in_the_queue_and_goes_on_by_itself(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.worker.steps.claim.FORM_WAIT", timedelta(seconds=0.1))
    unknown = Problem(field="model", code="model_form_awaited", params={"model": "scripted"})
    away = [unknown]
    monkeypatch.setattr(bench.provider, "awaited", lambda _model: next(iter(away), None))
    [task] = bench.queue()
    bench.start()
    wait_until(lambda: bench.task(task).failure)

    waiting = bench.task(task)
    assert (waiting.status, bench.attempts(task), bench.provider.sent) == (TaskStatus.QUEUED, [], [])
    error = TaskError.of(waiting, get_text("en"))
    assert error is not None
    assert "The parameters of scripted are only in KIE’s live list" in error.message

    away.clear()
    done_now = bench.wait(task, COMPLETED, FAILED)
    assert (done_now.status, done_now.failure) == (COMPLETED, None)
    assert sum(line.code == "task_held" for line in bench.log()) == 1


def lost(code: str = "seed_not_taken", field: str = "seed") -> Problem:
    return Problem(field=field, code=code, params={"model": "scripted"}, fatal=False)


def warned(*codes: str) -> GenerationParams:
    return GenerationParams(prompt="pan left", aspect_ratio="9:16", size="720P", warned=codes)


def test_what_would_be_sent_without_something_asked_for_waits_for_a_person_unless_that_was_said(bench: Bench) -> None:
    bench.provider.problems = (lost(),)
    [unsaid], [known] = bench.queue(params=warned()), bench.queue(params=warned("seed_not_taken"))
    bench.start()

    assert bench.wait(known, COMPLETED, FAILED).status is COMPLETED
    waiting = bench.wait(unsaid, TaskStatus.PENDING)

    assert len(bench.provider.sent) == 1
    assert bench.attempts(unsaid) == []
    assert waiting.failure is not None
    words = get_text("en").failure(waiting.failure)
    assert "scripted takes no seed; it is left out." in words
    assert "Start it" in words


UNDESCRIBED = Problem(field="model", code="model_form_awaited", params={"model": "scripted"})


@pytest.mark.parametrize(
    ("problem", "status", "code"),
    [
        (lost("prompt_left_out", "prompt"), TaskStatus.PENDING, "asked_left_out"),
        (Problem(field="image", code="image_not_taken", params={"model": "m"}), FAILED, "image_not_taken"),
        (UNDESCRIBED, TaskStatus.QUEUED, "model_form_awaited"),
    ],
    ids=["left out", "refused", "unknown"],
)
def test_a_model_that_changes_while_its_request_is_made_is_asked_again_before_anything_is_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, problem: Problem, status: TaskStatus, code: str
) -> None:
    prepare = bench.provider.prepare

    async def slowly(*given: Any) -> Prepared:
        prepared = await prepare(*given)
        bench.provider.problems = (problem,)
        return prepared

    monkeypatch.setattr(bench.provider, "prepare", slowly)
    monkeypatch.setattr(
        bench.provider, "awaited", lambda _: UNDESCRIBED if UNDESCRIBED in bench.provider.problems else None
    )
    [task] = bench.queue(params=warned())
    bench.start()

    def found() -> Task | None:
        now = bench.task(task)
        return now if now.status is COMPLETED or (now.failure and now.failure.code == code) else None

    assert (wait_until(found).status, bench.provider.sent) == (status, [])


def test_a_task_that_a_person_starts_after_it_was_asked_about_is_sent_as_it_is(bench: Bench) -> None:
    bench.provider.problems = (lost(), lost("size_left_out", "size"))
    [task] = bench.queue(params=warned())
    runner = bench.start()
    bench.wait(task, TaskStatus.PENDING)

    with bench.store.write() as tx:
        tx.tasks.release([task.id])
    runner.wake()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED


def test_a_model_that_fails_often_loses_nothing_and_is_sent(bench: Bench) -> None:
    bench.provider.problems = (lost("model_fails_often", "model"),)
    [task] = bench.queue(params=warned())
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED


def list_price(bench: Bench, amount: str) -> None:
    with bench.store.write() as tx:
        row = ModelPrice(model="scripted", amount=Decimal(amount))
        money.store_price_list(tx, ProviderId("yunwu"), [row], datetime.now(UTC))


@pytest.mark.parametrize("amount", ["0.39", "0.4", "0.4003"], ids=["fallen", "same", "rounded"])
def test_a_price_that_has_not_risen_changes_nothing(bench: Bench, amount: str) -> None:
    [task] = bench.queue()
    list_price(bench, amount)
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).cost == Money(amount="0.4", currency="CNY")


def test_a_price_that_has_risen_since_it_was_queued_waits_for_a_yes(bench: Bench) -> None:
    [task] = bench.queue()
    list_price(bench, "0.6")
    runner = bench.start()

    waiting = bench.wait(task, TaskStatus.PENDING)

    assert bench.provider.sent == []
    assert bench.attempts(task) == []
    assert waiting.cost == Money(amount="0.6", currency="CNY")
    assert waiting.failure is not None
    assert "from ¥0.40 to ¥0.60" in get_text("en").failure(waiting.failure)
    assert any("from ¥0.40 to ¥0.60" in log_sentence(get_text("en"), line) for line in bench.log())

    with bench.store.write() as tx:
        tx.tasks.release([task.id])
    runner.wake()

    ended = bench.wait(task, COMPLETED, FAILED)
    assert (ended.status, ended.cost) == (COMPLETED, Money(amount="0.6", currency="CNY"))


def test_a_picture_that_cannot_be_read_fails_its_task_only(bench: Bench) -> None:
    bench.provider.prepares = [FileError("image_missing", path="x.png"), None]
    first, second = bench.queue(2)
    bench.start()

    ended = {bench.wait(task, COMPLETED, FAILED).status for task in (first, second)}

    assert ended == {COMPLETED, FAILED}
    assert len(bench.provider.sent) == 1


@pytest.mark.parametrize(
    ("gone", "code"),
    [
        ({"image": "aa/first.png"}, "first_frame_gone"),
        ({"last_frame": "aa/last.png"}, "last_frame_gone"),
        ({"references": (ShotReference(image="aa/face.png"),)}, "reference_gone"),
    ],
    ids=["first", "last", "reference"],
)
def test_a_picture_that_has_vanished_is_said_by_what_it_is_and_nothing_is_sent(
    bench: Bench, gone: dict[str, Any], code: str
) -> None:
    params = GenerationParams(prompt="pan left", aspect_ratio="9:16", size="720P", **gone)
    if "image" in gone:
        bench.provider.prepares = [FileError("image_missing", path=str(bench.locations.images / gone["image"]))]
    [task] = bench.queue(1, params=params)
    bench.start()

    failure = bench.wait(task, FAILED).failure

    assert failure is not None
    assert (failure.code, failure.params, failure.charged) == (code, {}, ChargeStatus.NONE)
    for lang in ("zh", "en"):
        assert str(bench.locations.home) not in get_text(lang, strict=True).failure(failure)
    assert bench.provider.sent == []


def test_the_cap_is_never_exceeded_and_a_free_slot_is_filled(bench: Bench) -> None:
    bench.provider.polls = [RUNNING, RUNNING, RUNNING, done()]
    tasks = bench.queue(9)
    bench.start()
    for task in tasks:
        bench.wait(task, COMPLETED)

    assert bench.provider.peak == 3
    assert len(bench.provider.sent) == 9


def test_a_change_of_the_cap_applies_while_it_runs(bench: Bench) -> None:
    bench.provider.polls = [RUNNING]
    bench.queue(8)
    runner = bench.start()
    wait_until(lambda: len(bench.provider.in_flight) == 3)

    bench.settings_file.change({"runner.max_concurrent": 6})
    runner.wake()

    wait_until(lambda: len(bench.provider.in_flight) == 6)


def test_pausing_submits_nothing_new_and_goes_on_afterwards(bench: Bench) -> None:
    with bench.store.write() as tx:
        tx.state.put("paused", {"submitting": True, "reason": "user"})
    [task] = bench.queue()
    runner = bench.start()
    wait_until(lambda: "runner_started" in {line.code for line in bench.log()})
    assert bench.task(task).status is TaskStatus.QUEUED

    with bench.store.write() as tx:
        tx.state.put("paused", None)
    runner.wake()

    assert bench.wait(task, COMPLETED).status is COMPLETED


def test_what_was_queued_without_a_key_waits_for_a_yes_when_one_comes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIDGEN_PROVIDERS__YUNWU__KEYS")
    bench.settings_file.change({"providers.yunwu.keys": []})
    tasks = bench.queue(3)
    runner = bench.start()
    assert wait_until(bench.hold)["params"]["cause"] == "no_keys"

    bench.settings_file.change({"providers.yunwu.keys": [{"name": "a", "secret": "sk-aaaa1111"}]})
    runner.wake()
    wait_until(lambda: (bench.hold() or {}).get("code") == "pause_key_came")
    assert bench.provider.sent == []
    bench.stop()
    bench.start()
    assert {bench.task(task).status for task in tasks} == {TaskStatus.QUEUED}

    with bench.store.write() as tx:
        tx.state.put("provider_pause.yunwu", None)
    for task in tasks:
        assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED


def test_what_is_queued_after_a_key_came_goes_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIDGEN_PROVIDERS__YUNWU__KEYS")
    bench.settings_file.change({"providers.yunwu.keys": []})
    [early] = bench.queue()
    runner = bench.start()
    wait_until(bench.hold)
    with bench.store.write() as tx:
        tx.tasks.move(early.id, TaskStatus.CANCELLED)

    bench.settings_file.change({"providers.yunwu.keys": [{"name": "a", "secret": "sk-aaaa1111"}]})
    runner.wake()
    wait_until(lambda: bench.hold() is None)
    [late] = bench.queue()
    assert bench.wait(late, COMPLETED, FAILED).status is COMPLETED


@pytest.mark.parametrize(
    ("kind", "delivery"),
    one_round(
        [kind for kind in ErrorKind if kind is not ErrorKind.SUBMIT_UNKNOWN], [Delivery.REFUSED, Delivery.NOT_SENT]
    ),
)
def test_retryable_is_what_the_runner_repeats_by_itself(bench: Bench, kind: ErrorKind, delivery: Delivery) -> None:
    bench.provider.submits = [RemoteError("said_no", kind=kind, delivery=delivery), None]
    [task] = bench.queue()
    bench.start()
    ended = bench.wait(task, COMPLETED, FAILED)

    first, *others = bench.attempts(task)
    assert first.failure is not None
    assert first.failure.retryable is bool(others)
    if ended.failure is not None:
        error = TaskError.of(ended, get_text("en"))
        assert error is not None
        assert error.retryable is False


def test_an_answer_that_was_lost_is_never_retryable(bench: Bench) -> None:
    bench.provider.submits = [lost_answer()]
    [task] = bench.queue()
    bench.start()
    ended = bench.wait(task, FAILED)

    assert [attempt.failure is not None and attempt.failure.retryable for attempt in bench.attempts(task)] == [False]
    assert ended.failure is not None
    assert not ended.failure.retryable


def test_only_some_orders_are_on_their_way_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidgen_core.worker.scheduler.STARTING", 2)
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_CONCURRENT", "6")
    bench.provider.submit_gate = gate = asyncio.Event()
    tasks = bench.queue(6)
    runner = bench.start()

    wait_until(lambda: len(bench.provider.sent) == 2)
    assert bench.task_counts()[TaskStatus.PROCESSING] == 2
    assert runner._loop is not None
    runner._loop.call_soon_threadsafe(gate.set)

    assert [bench.wait(task, COMPLETED, FAILED).status for task in tasks] == [COMPLETED] * 6
