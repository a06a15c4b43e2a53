"""processing: asking how an accepted job stands, and finding out about one whose answer was lost."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from vidgen_core.db import Tx
from vidgen_core.domain.attempts import Attempt, AttemptState
from vidgen_core.domain.errors import ErrorKind, HandOver, RemoteError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import LINK_NOT_UNDERSTOOD, Failure
from vidgen_core.providers.base import WAITING_FOR_PERSON, WAITS, Found, RemoteState, RemoteStatus, Submission
from vidgen_core.providers.http.links import WITHOUT_LINK
from vidgen_core.worker import records
from vidgen_core.worker.backoff import LONGEST_BEFORE_POLL, back_off, bounded
from vidgen_core.worker.context import ActiveTask, Context, Lane, Next, job_of
from vidgen_core.worker.failures import PASSING, failure_of
from vidgen_core.worker.limits.poll_interval import jitter
from vidgen_core.worker.steps import confirm
from vidgen_core.worker.steps.submit import lost, send

#: The longest, in seconds, that one poll may take, whatever a provider does meanwhile.
LONGEST_POLL = 300.0
#: The shortest pause, in seconds, before the last look at a job whose time is nearly up.
LAST_LOOK = 0.05
#: Polls that may say *done* without naming a link before the task fails.
BLANK_SUCCESSES = 3
#: Seconds around a lost answer in which the provider's log is searched: clocks differ, and a request takes its time.
WINDOW_BEFORE = 5.0
WINDOW_AFTER = 335.0
#: Logs count in whole seconds.
LOG_SECOND = 1.0
#: Jobs of a provider's log that are named to a person.
MOST_NAMED = 5
#: Characters of such a job's prompt that are kept.
MOST_TOLD = 80
#: Seconds after the intent during which the provider's log is asked again before a person is.
RECONCILE_FOR = 60.0
#: Seconds between two looks at a task whose request somebody else may have sent.
TAKEOVER_LOOK = 5.0
#: Seconds between two looks into the provider's log.
RECONCILE_EVERY = 10.0


async def follow(held: ActiveTask, ctx: Context) -> Next | None:
    """One look at a task in ``processing``, wherever its attempt stands."""
    attempt = held.attempt
    if attempt is None or attempt.state is AttemptState.PREPARING:
        return await _start_over(held, ctx)
    if attempt.state is AttemptState.SENDING:
        return await _without_answer(held, ctx, attempt)
    if attempt.state is AttemptState.UNKNOWN and attempt.remote_id is None:
        return await _reconcile(held, ctx, attempt)
    if held.task.cancel_requested:
        return await give_up(held, ctx)
    return await _poll(held, ctx, attempt)


async def _start_over(held: ActiveTask, ctx: Context) -> Next | None:
    """Nothing paid had left: the task goes back into the queue."""
    await ctx.writer.do(lambda tx: records.requeue(tx, held, None, None, ctx.clock(), 0.0, state=AttemptState.REFUSED))
    return None


async def _without_answer(held: ActiveTask, ctx: Context, attempt: Attempt) -> Next | None:
    """The intent was written and no answer: only where sending again is harmless is it sent again.

    Whoever wrote the intent may be waiting for the answer still, unless that carrier is dead for sure.
    """
    if held.unsent == attempt.id:
        return await _start_over(held, ctx)
    if ctx.provider(held).repeatable_submit:
        return await send(held, ctx, ctx.key(held))
    if not held.inherited:
        age = (ctx.clock() - (attempt.intent_at or attempt.created_at)).total_seconds()
        rest = ctx.takeover_seconds - max(age, time.monotonic() - held.since)
        if rest > 0:
            held.stale = True
            return Next(min(rest, TAKEOVER_LOOK), Lane.REMOTE)
    failure = Failure(kind=ErrorKind.SUBMIT_UNKNOWN, code="submit_interrupted", charged=ChargeStatus.UNKNOWN)
    return await lost(held, ctx, failure, None)


async def give_up(held: ActiveTask, ctx: Context) -> Next | None:
    """The user no longer waits: tell the provider where it listens, and remember that it may be charged."""
    attempt = held.attempt
    assert attempt is not None
    stopped = False
    if attempt.remote_id is not None:
        job = job_of(held.task, attempt)
        try:
            stopped = await ctx.provider(held).cancel(job, ctx.key(held))
        except Exception as error:  # noqa: BLE001 — a person no longer waits, whatever the other side does
            known = failure_of(error)
            ctx.writer.post(
                lambda tx: records.log(
                    tx, LogLevel.WARNING, "cancel_unheard", held.task, cause=known.code, detail=known.params
                )
            )
    await ctx.writer.do(lambda tx: records.give_up(tx, held, ctx.clock(), stopped=stopped))
    return None


async def _poll(held: ActiveTask, ctx: Context, attempt: Attempt) -> Next | None:
    provider, job = ctx.provider(held), job_of(held.task, attempt)
    try:
        async with asyncio.timeout(LONGEST_POLL):
            said = await provider.poll(job, ctx.key(held))
        state = await confirm.answer(held, ctx, said)
    except HandOver as error:
        ctx.lanes.hand_over(provider.mode, error)
        state = RemoteState(status=RemoteStatus.RUNNING, stage=WAITING_FOR_PERSON, evidence=error.evidence)
        return await _still_running(held, ctx, state)
    except RemoteError as error:
        return await _poll_failed(held, ctx, error)
    except TimeoutError:
        return await _poll_failed(held, ctx, RemoteError("no_answer_in_time", kind=ErrorKind.NETWORK))
    held.poll_errors = 0
    ctx.lanes.handed_back(provider.mode)
    if state.status is RemoteStatus.SUCCEEDED and state.url:
        return await _done(held, ctx, attempt, state)
    if state.status in (RemoteStatus.FAILED, RemoteStatus.CANCELLED):
        return await _failed(held, ctx, state)
    if state.stage == WITHOUT_LINK:
        held.blank_successes += 1
        if held.blank_successes > BLANK_SUCCESSES:
            return await _not_understood(held, ctx, state)
    return await _still_running(held, ctx, state)


async def _done(held: ActiveTask, ctx: Context, attempt: Attempt, state: RemoteState) -> Next | None:
    now = ctx.clock()
    if attempt.accepted_at is not None and attempt.waited_at is None and attempt.state is AttemptState.ACCEPTED:
        ctx.pace.learn((attempt.provider, attempt.model), [(now - attempt.accepted_at).total_seconds()])
    arrived = await ctx.writer.do(lambda tx: records.arrive(tx, held, state, now))
    return Next(0.0, Lane.LOCAL) if arrived else None


async def _still_running(held: ActiveTask, ctx: Context, state: RemoteState) -> Next | None:
    now = ctx.clock()
    before, told = held.task, _new_quarter(held.task.progress, state.progress)
    held.task = before.model_copy(update={"progress": state.progress, "stage": state.stage})
    if state.stage in WAITS and held.attempt is not None:
        held.attempt = held.attempt.model_copy(update={"waited_at": now})
    if overdue(held, ctx):
        return await time_out(held, ctx)
    ctx.writer.post(lambda tx: records.see(tx, before, state, now, told=told))
    return _look_again(held, ctx, _delay(held, ctx))


def _look_again(held: ActiveTask, ctx: Context, delay: float) -> Next:
    """The next look: in ``delay`` seconds, and in any case when the job's time is up."""
    left = _time_left(held, ctx)
    return Next(delay if left is None else min(delay, max(left, LAST_LOOK)), Lane.REMOTE)


def _new_quarter(before: int | None, now: int | None) -> bool:
    """Whether a quarter of the way has been passed: worth a line in the log."""
    return now is not None and now // 25 > (before or 0) // 25


async def _poll_failed(held: ActiveTask, ctx: Context, error: RemoteError) -> Next | None:
    """An unusable answer never fails a task; only the deadline does."""
    held.poll_errors += 1
    if overdue(held, ctx):
        return await time_out(held, ctx)
    task, count = held.task, held.poll_errors
    if count in (1, 5, 25):
        ctx.writer.post(
            lambda tx: records.log(
                tx, LogLevel.WARNING, "poll_failed", task, cause=error.code, detail=error.params, count=count
            )
        )
    slower = 2 ** min(count, 4) if error.kind is ErrorKind.RATE_LIMIT else min(1 + count / 4, 4)
    usual = _delay(held, ctx)
    ours = min(usual * slower, max(usual, LONGEST_BEFORE_POLL))
    return _look_again(held, ctx, max(ours, bounded(error.retry_after, LONGEST_BEFORE_POLL)))


def _delay(held: ActiveTask, ctx: Context) -> float:
    provider, attempt = ctx.provider(held), held.attempt
    if provider.own_pace is not None:
        return provider.own_pace
    since = _began(attempt)
    elapsed = (ctx.clock() - since).total_seconds() if since else 0.0
    interval = ctx.settings().runner.poll_interval
    return jitter(ctx.pace.delay((provider.mode, held.task.model), elapsed, interval))


def _began(attempt: Attempt | None) -> datetime | None:
    """Since when the provider has had the job to itself."""
    return (attempt.waited_at or attempt.accepted_at) if attempt else None


def _time_left(held: ActiveTask, ctx: Context) -> float | None:
    """Seconds until the job's time is up; None while a person is waited for, or before it was accepted."""
    since = None if held.task.stage in WAITS else _began(held.attempt)
    if since is None:
        return None
    return ctx.settings().runner.max_wait - (ctx.clock() - since).total_seconds()


def overdue(held: ActiveTask, ctx: Context) -> bool:
    """Whether the job of ``held`` takes too long."""
    left = _time_left(held, ctx)
    return left is not None and left < 0


def assumed(attempt: Attempt) -> ChargeStatus:
    """What counts for a job that nobody waits for any more: what the provider named stays."""
    if not attempt.cost:
        return ChargeStatus.NONE if attempt.charge is not ChargeStatus.UNKNOWN else ChargeStatus.UNKNOWN
    return attempt.charge if attempt.charge is ChargeStatus.CHARGED else ChargeStatus.ASSUMED


async def time_out(held: ActiveTask, ctx: Context) -> Next | None:
    """Waited long enough: never sent again, and a late result is still taken in."""
    waited = round(ctx.settings().runner.max_wait)
    failure = Failure(
        kind=ErrorKind.TIMEOUT, code="waited_too_long", params={"seconds": waited}, charged=ChargeStatus.ASSUMED
    )
    charge = assumed(held.attempt) if held.attempt else ChargeStatus.NONE
    await ctx.writer.do(
        lambda tx: records.fail(tx, held, failure, ctx.clock(), state=AttemptState.ABANDONED, charge=charge)
    )
    return None


async def _failed(held: ActiveTask, ctx: Context, state: RemoteState) -> Next | None:
    """The remote side gave up: a new attempt for a reason known to be passing, within ``max_retries``.

    Anything else may be the provider's answer to what was sent, and the same order again is money again.
    """
    assert held.attempt is not None
    await ctx.provider(held).release(job_of(held.task, held.attempt))
    failure = state.failure or _blank_failure(state)
    settings = ctx.settings().runner
    charge = state.charge or (failure.charged if held.attempt.cost else ChargeStatus.NONE)
    tries = await ctx.read(lambda tx: _failures(tx, held.task.id)) + 1
    free = ctx.provider(held).repeatable_submit
    unknown = failure.kind is ErrorKind.PROVIDER and not failure.retryable and not free
    if unknown and failure.provider_message:
        ctx.lanes.failed_alike(held.task.provider, held.task.model, held.task.id, failure.provider_message)
    passing = failure.retryable or (free and failure.kind in PASSING)
    failure = failure.model_copy(update={"retryable": passing})
    once = unknown and settings.retry_unknown_failures and tries == 1
    if (passing or once) and settings.retry_on_fail and tries <= settings.max_retries:
        delay = back_off(settings, tries)
        kept = failure.model_copy(update={"charged": charge})
        await ctx.writer.do(
            lambda tx: records.requeue(
                tx, held, kept, state.evidence, ctx.clock(), delay, state=AttemptState.FAILED, cost=state.cost
            )
        )
        return None
    await _end(held, ctx, failure, state, AttemptState.FAILED, charge)
    return None


async def _end(
    held: ActiveTask,
    ctx: Context,
    failure: Failure,
    said: RemoteState,
    closed: AttemptState,
    charge: ChargeStatus | None,
) -> None:
    """End the task without a file; ``closed`` is what becomes of its attempt, with what the provider ``said`` of it."""
    await ctx.writer.do(
        lambda tx: records.fail(
            tx, held, failure, ctx.clock(), state=closed, evidence=said.evidence, charge=charge, cost=said.cost
        )
    )


async def _not_understood(held: ActiveTask, ctx: Context, state: RemoteState) -> Next | None:
    """Done, and no link that we can read: it is paid for, so it is never sent again, and its raw answer is kept.

    Looking again and naming the link are free; a link that comes late is still taken in.
    """
    failure = Failure(kind=ErrorKind.PROVIDER, code=LINK_NOT_UNDERSTOOD, charged=ChargeStatus.ASSUMED)
    charge = ChargeStatus.ASSUMED if held.attempt and held.attempt.cost else None
    await _end(held, ctx, failure, state, AttemptState.ABANDONED, charge)
    return None


def _blank_failure(state: RemoteState) -> Failure:
    """A job that ended without a reason."""
    code = "remote_cancelled" if state.status is RemoteStatus.CANCELLED else "remote_failed"
    return Failure(kind=ErrorKind.PROVIDER, code=code, charged=ChargeStatus.UNKNOWN)


def _failures(tx: Tx, task_id: int) -> int:
    return sum(1 for attempt in tx.attempts.of_task(task_id) if attempt.state is AttemptState.FAILED)


async def _reconcile(held: ActiveTask, ctx: Context, attempt: Attempt) -> Next | None:
    """Look for the job in the provider's own log: what is surely ours is taken, anything else is for a person."""
    if held.task.cancel_requested:
        return await give_up(held, ctx)
    intent_at = attempt.intent_at or attempt.created_at
    since = intent_at - timedelta(seconds=WINDOW_BEFORE)
    try:
        found = await ctx.provider(held).find(ctx.order(held), since, ctx.key(held))
    except HandOver as error:
        ctx.lanes.hand_over(attempt.provider, error)
        return Next(ctx.settings().runner.poll_interval, Lane.REMOTE)
    except RemoteError:
        found = ()
    age = (ctx.clock() - intent_at).total_seconds()
    candidates: list[Found] = []
    if found is not None:
        candidates = await ctx.read(lambda tx: _candidates(tx, attempt, found))
        own = _own(held, attempt, candidates)
        if own is not None and (own.exact or await ctx.read(lambda tx: _alone(tx, attempt))):
            return await _adopt(held, ctx, own)
        if age < min(RECONCILE_FOR, ctx.settings().runner.max_wait):
            return Next(min(RECONCILE_EVERY, ctx.settings().runner.poll_interval), Lane.REMOTE)
    failure = _for_a_person(attempt, candidates)
    await ctx.writer.do(lambda tx: records.fail(tx, held, failure, ctx.clock()))
    return None


def _candidates(tx: Tx, attempt: Attempt, found: tuple[Found, ...]) -> list[Found]:
    """Jobs that nobody here has, of the model and the time of the request; or that bear its reference."""
    return [
        one
        for one in found
        if (one.exact or _fits(one, attempt)) and tx.attempts.by_remote_id(attempt.provider, one.remote_id) is None
    ]


def _fits(found: Found, attempt: Attempt) -> bool:
    intent_at = attempt.intent_at or attempt.created_at
    at = found.at if found.at.tzinfo else found.at.replace(tzinfo=UTC)
    in_time = -WINDOW_BEFORE - LOG_SECOND <= (at - intent_at).total_seconds() <= WINDOW_AFTER
    return in_time and found.model in (attempt.model, attempt.sent.get("model"))


def _own(held: ActiveTask, attempt: Attempt, candidates: list[Found]) -> Found | None:
    """The one job that is surely ours: it bears our reference, or it alone was ordered with our very prompt.

    A key may be shared, so time and model alone would take somebody else's job. Providers write options behind a prompt in
    their logs; such a prompt is ours where no other job may be the one.
    """
    exact = [one for one in candidates if one.exact]
    prompts = {_words(str(prompt)) for prompt in (held.task.params.prompt, attempt.sent.get("prompt") or "")} - {""}
    said = [(one, _words(one.prompt)) for one in candidates if one.prompt is not None]
    alike = exact or [one for one, words in said if words in prompts]
    if not alike and len(candidates) == 1:
        alike = [one for one, words in said if any(_only_adds_options(words, prompt) for prompt in prompts)]
    return alike[0] if len(alike) == 1 else None


def _only_adds_options(said: str, prompt: str) -> bool:
    """Whether ``said`` is ``prompt`` followed by options and nothing else: ``--name``, ``--name=value`` or ``--name value``."""
    if not said.startswith(f"{prompt} --"):
        return False
    may_be_value = False
    for word in said.removeprefix(prompt).split():
        is_option = word.startswith("--") and word[2:3].isalpha()
        if not is_option and not may_be_value:
            return False
        may_be_value = is_option and "=" not in word
    return True


def _words(text: str) -> str:
    """A prompt without differences of spacing, which logs do not keep."""
    return " ".join(text.split())


def _for_a_person(attempt: Attempt, candidates: list[Found]) -> Failure:
    """The outcome stays unknown; jobs of the provider's log that may be the one are named."""
    known = attempt.failure
    params: dict[str, Any] = {**(known.params if known else {}), "cause": known.code if known else "submit_interrupted"}
    code = "submit_unknown"
    if candidates:
        code = "submit_candidates"
        named = [f"{one.remote_id} ({one.at:%Y-%m-%d %H:%M:%S} UTC)" for one in candidates[:MOST_NAMED]]
        params |= {
            "n": len(candidates),
            "jobs": ", ".join(named) + (" …" if len(candidates) > MOST_NAMED else ""),
            "candidates": [one.remote_id for one in candidates[:MOST_NAMED]],
            "told": [
                {"at": one.at.isoformat(timespec="seconds"), "prompt": _words(one.prompt or "")[:MOST_TOLD]}
                for one in candidates[:MOST_NAMED]
            ],
        }
    return Failure(kind=ErrorKind.SUBMIT_UNKNOWN, code=code, params=params, charged=ChargeStatus.UNKNOWN)


def _alone(tx: Tx, attempt: Attempt) -> bool:
    """Whether no other answer of the same model is open: its job could be the one that was found."""
    others = tx.attempts.open(attempt.provider)
    return not any(
        other.id != attempt.id
        and other.model == attempt.model
        and other.remote_id is None
        and other.state in (AttemptState.SENDING, AttemptState.UNKNOWN)
        for other in others
    )


async def _adopt(held: ActiveTask, ctx: Context, found: Found) -> Next:
    submission = Submission(remote_id=found.remote_id)
    await ctx.writer.do(lambda tx: records.accept(tx, held, submission, ctx.clock()))
    return Next(0.0, Lane.REMOTE)
