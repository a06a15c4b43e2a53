"""processing: poll an accepted job until it ends."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vidgen_core.db import Tx
from vidgen_core.domain.attempts import Attempt, AttemptState
from vidgen_core.domain.errors import ErrorKind, HandOver, RemoteError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import LINK_NOT_UNDERSTOOD, Failure, TaskStatus
from vidgen_core.providers.base import WAITING_FOR_PERSON, WAITS, RemoteState, RemoteStatus
from vidgen_core.providers.http.links import WITHOUT_LINK
from vidgen_core.worker.context import ActiveTask, Context, Next, job_of
from vidgen_core.worker.limits.poll_interval import jitter
from vidgen_core.worker.retries import LONGEST_BEFORE_POLL, PASSING, back_off, bounded, failure_of
from vidgen_core.worker.steps import confirm
from vidgen_core.worker.transition import change_attempt, fail, fenced, log, move, owed, remember, requeue, same

#: The longest, in seconds, that one poll may take, whatever a provider does meanwhile.
LONGEST_POLL = 300.0
#: The shortest pause, in seconds, before the last poll of a job whose time is nearly up.
LAST_POLL = 0.05
#: Seconds after which a poll that says nothing new is written down all the same.
NOTED = 2.0
#: Polls that may say *done* without naming a link before the task fails.
BLANK_SUCCESSES = 3


@dataclass
class Polls:
    """Polls of a task in a row that broke, and those that said *done* without a link."""

    errors: int = 0
    blank: int = 0
    #: Seconds from the poll before to the one that comes.
    gap: float = 0.0
    #: When what a poll said was written down last.
    noted_at: datetime | None = None


# --- decisions --------------------------------------------------------------------------------------------------------


async def poll(active: ActiveTask, ctx: Context) -> Next | None:
    """Ask the provider once how the job stands, and do what follows from it."""
    provider, polls, attempt = ctx.provider(active), active.own(Polls), active.sent
    try:
        with ctx.telemetry.request("poll", active.task, active.attempt):
            async with asyncio.timeout(LONGEST_POLL):
                said = await provider.poll(job_of(active.task, attempt), ctx.key(active))
        state = await confirm.answer(active, ctx, said)
    except HandOver as error:
        ctx.pauses.hand_over(provider.mode, error)
        state = RemoteState(status=RemoteStatus.RUNNING, stage=WAITING_FOR_PERSON, evidence=error.evidence)
        return await _still_running(active, ctx, state)
    except (RemoteError, TimeoutError) as error:
        late = RemoteError("no_answer_in_time", kind=ErrorKind.NETWORK)
        return await _poll_failed(active, ctx, error if isinstance(error, RemoteError) else late)
    polls.errors = 0
    ctx.pauses.handed_back(provider.mode)
    if state.status is RemoteStatus.SUCCEEDED and state.url:
        ctx.job_over(active)
        return await _done(active, ctx, state)
    if state.status in (RemoteStatus.FAILED, RemoteStatus.CANCELLED):
        return await _failed(active, ctx, state)
    if state.stage == WITHOUT_LINK:
        polls.blank += 1
        if polls.blank > BLANK_SUCCESSES:
            return await _not_understood(active, ctx, state)
    return await _still_running(active, ctx, state)


async def _done(active: ActiveTask, ctx: Context, state: RemoteState) -> Next | None:
    now, attempt = ctx.clock(), active.sent
    if attempt.accepted_at is not None and attempt.waited_at is None and attempt.state is AttemptState.ACCEPTED:
        # It ended somewhere between two polls.
        since = min(active.own(Polls).gap, ctx.settings().runner.poll_interval) / 2
        ctx.intervals.learn((attempt.provider, attempt.model), [(now - attempt.accepted_at).total_seconds() - since])
    arrived = await ctx.write(active, lambda tx: arrive(tx, active, state, now))
    return Next(0.0, remote=False) if arrived else None


async def _still_running(active: ActiveTask, ctx: Context, state: RemoteState) -> Next | None:
    now, before = ctx.clock(), active.task
    # Worth a line in the log: a quarter of the job is done.
    quarter = state.progress is not None and state.progress // 25 > (before.progress or 0) // 25
    active.task = before.model_copy(update={"progress": state.progress, "stage": state.stage})
    if state.stage in WAITS and active.attempt is not None:
        active.attempt = active.attempt.model_copy(update={"waited_at": now})
    left, usual = _timing(active, ctx, now)
    if left < 0:
        return await time_out(active, ctx)
    polls = active.own(Polls)
    polls.gap = min(usual, max(left, LAST_POLL))
    news = (state.progress, state.stage) != (before.progress, before.stage) or state.stage in WAITS
    if news or polls.noted_at is None or abs((now - polls.noted_at).total_seconds()) >= NOTED:
        polls.noted_at = now
        ctx.writer.post(lambda tx: note_progress(tx, active, state, now, quarter=quarter), before.id)
    return Next(polls.gap)


async def _poll_failed(active: ActiveTask, ctx: Context, error: RemoteError) -> Next | None:
    """An unusable answer never fails a task; only the deadline does."""
    polls, task = active.own(Polls), active.task
    polls.errors += 1
    count, (left, usual) = polls.errors, _timing(active, ctx, ctx.clock())
    if left < 0:
        return await time_out(active, ctx)
    if count in (1, 5, 25):
        ctx.writer.post(
            lambda tx: log(
                tx, LogLevel.WARNING, "poll_failed", task, cause=error.code, detail=error.params, count=count
            )
        )
    slower = 2 ** min(count, 4) if error.kind is ErrorKind.RATE_LIMIT else min(1 + count / 4, 4)
    ours = min(usual * slower, max(usual, LONGEST_BEFORE_POLL))
    return Next(min(max(ours, bounded(error.retry_after, LONGEST_BEFORE_POLL)), max(left, LAST_POLL)))


def _timing(active: ActiveTask, ctx: Context, now: datetime) -> tuple[float, float]:
    """Seconds until the job's time is up, and until it is usually polled again.

    There is no end while a person is waited for, or before the job was accepted.
    """
    provider, attempt, runner = ctx.provider(active), active.attempt, ctx.settings().runner
    # Since when the provider has been working on it without waiting for a person.
    began = (attempt.waited_at or attempt.accepted_at) if attempt else None
    elapsed = (now - began).total_seconds() if began else 0.0
    left = math.inf if began is None or active.task.stage in WAITS else runner.max_wait - elapsed
    if provider.own_pace is not None:
        return left, provider.own_pace
    delay = ctx.intervals.delay((provider.mode, active.task.model), elapsed, runner.poll_interval)
    return left, jitter(delay, runner.poll_interval)


def is_overdue(active: ActiveTask, ctx: Context) -> bool:
    """Whether the job takes too long."""
    left, _ = _timing(active, ctx, ctx.clock())
    return left < 0


def assumed(attempt: Attempt) -> ChargeStatus:
    """What counts for a job that nobody waits for any more: what the provider named stays."""
    if not attempt.cost:
        return ChargeStatus.NONE if attempt.charge is not ChargeStatus.UNKNOWN else ChargeStatus.UNKNOWN
    return attempt.charge if attempt.charge is ChargeStatus.CHARGED else ChargeStatus.ASSUMED


async def time_out(active: ActiveTask, ctx: Context) -> Next | None:
    """Give up after the longest wait: never sent again, and a result that comes later is still downloaded."""
    waited = round(ctx.settings().runner.max_wait)
    failure = Failure(
        kind=ErrorKind.TIMEOUT, code="waited_too_long", params={"seconds": waited}, charged=ChargeStatus.ASSUMED
    )
    charge = assumed(active.attempt) if active.attempt else ChargeStatus.NONE
    await ctx.write(
        active, lambda tx: fail(tx, active, failure, ctx.clock(), state=AttemptState.ABANDONED, charge=charge)
    )
    return None


async def _failed(active: ActiveTask, ctx: Context, state: RemoteState) -> Next | None:
    """The remote side gave up: a new attempt for a reason known to be passing, within ``max_retries``.

    Anything else may be the provider's answer to what was sent, and the same order again is money again.
    """
    provider, settings, task = ctx.provider(active), ctx.settings().runner, active.task
    await provider.release(job_of(task, active.sent))
    failure = state.failure or _blank_failure(state)
    charge = state.charge or (failure.charged if active.sent.cost else ChargeStatus.NONE)
    tries = ctx.read(lambda tx: _failures(tx, task.id)) + 1
    free = provider.repeatable_submit
    unknown = failure.kind is ErrorKind.PROVIDER and not failure.retryable and not free
    if unknown and failure.provider_message:
        ctx.pauses.failed_alike(task.provider, task.model, task.id, failure.provider_message)
    passing = failure.retryable or (free and failure.kind in PASSING)
    failure = failure.model_copy(update={"retryable": passing})
    once = unknown and settings.retry_unknown_failures and tries == 1
    if (passing or once) and settings.retry_on_fail and tries <= settings.max_retries:
        delay, kept = back_off(settings, tries), failure.model_copy(update={"charged": charge})
        await ctx.write(
            active,
            lambda tx: requeue(
                tx, active, kept, state.evidence, ctx.clock(), delay, state=AttemptState.FAILED, cost=state.cost
            ),
        )
    else:
        await _end(active, ctx, failure, state, AttemptState.FAILED, charge)
    return None


async def _end(
    active: ActiveTask,
    ctx: Context,
    failure: Failure,
    said: RemoteState,
    closed: AttemptState,
    charge: ChargeStatus | None,
) -> None:
    """End the task without a file; ``closed`` is what becomes of its attempt, with what the provider ``said`` of it."""
    await ctx.write(
        active,
        lambda tx: fail(
            tx, active, failure, ctx.clock(), state=closed, evidence=said.evidence, charge=charge, cost=said.cost
        ),
    )


async def _not_understood(active: ActiveTask, ctx: Context, state: RemoteState) -> Next | None:
    """Done, and no link that we can read: it is paid for, so it is never sent again, and its raw answer is kept.

    Polling again and naming the link are free; a link that comes later is still downloaded.
    """
    failure = Failure(kind=ErrorKind.PROVIDER, code=LINK_NOT_UNDERSTOOD, charged=ChargeStatus.ASSUMED)
    charge = ChargeStatus.ASSUMED if active.attempt and active.attempt.cost else None
    await _end(active, ctx, failure, state, AttemptState.ABANDONED, charge)
    return None


def _blank_failure(state: RemoteState) -> Failure:
    """A job that ended without a reason."""
    code = "remote_cancelled" if state.status is RemoteStatus.CANCELLED else "remote_failed"
    return Failure(kind=ErrorKind.PROVIDER, code=code, charged=ChargeStatus.UNKNOWN)


def _failures(tx: Tx, task_id: int) -> int:
    return sum(1 for attempt in tx.attempts.of_task(task_id) if attempt.state is AttemptState.FAILED)


async def give_up(active: ActiveTask, ctx: Context) -> Next | None:
    """Stop waiting at the user's request: tell the provider where it listens, and remember that it may be charged."""
    attempt, stopped = active.sent, False
    if attempt.remote_id is not None:
        try:
            stopped = await ctx.provider(active).cancel(job_of(active.task, attempt), ctx.key(active))
        except Exception as error:  # noqa: BLE001 — a person no longer waits, whatever the other side does
            known, task = failure_of(error), active.task
            ctx.writer.post(
                lambda tx: log(tx, LogLevel.WARNING, "cancel_unheard", task, cause=known.code, detail=known.params)
            )
    await ctx.write(active, lambda tx: abandon(tx, active, ctx.clock(), stopped=stopped))
    return None


# --- writes -----------------------------------------------------------------------------------------------------------


def note_progress(tx: Tx, active: ActiveTask, state: RemoteState, now: datetime, *, quarter: bool) -> None:
    """Write what a poll said about a job that goes on; ``quarter``: with a line in the log."""
    task, said = active.task, {"progress": state.progress, "stage": state.stage or state.status.value, "polled_at": now}
    if not quarter and state.stage not in WAITS:
        if unchanged := tx.tasks.is_unchanged(task, active.attempt):
            # It is the only change, so that nothing needs to be read again.
            tx.after_commit(lambda: active.follow(task, tx.rev))
        tx.tasks.note_at_commit(task, unchanged=unchanged, **said)
        return
    if not tx.tasks.note_of_attempt(task.id, task.attempt_id, **said):
        return
    if state.stage in WAITS and task.attempt_id is not None:
        tx.attempts.update(task.attempt_id, waited_at=now)
    if quarter:
        log(tx, LogLevel.INFO, "task_progress", task, percent=state.progress)


def arrive(tx: Tx, active: ActiveTask, state: RemoteState, now: datetime) -> bool:
    """Processing (or an ended task whose job was abandoned) -> downloading; False when another process was faster."""
    rows = same(tx, active)
    if rows is None:
        return False
    attempt = rows.sent
    changes: dict[str, Any] = {"state": AttemptState.SUCCEEDED, "evidence": state.evidence}
    if state.cost is not None or state.charge is not None:
        changes["cost"] = state.cost or attempt.cost
        changes["charge"] = state.charge or ChargeStatus.CHARGED
    if attempt.state is not AttemptState.SUCCEEDED:
        changes["ended_at"] = now
        if attempt.key_id:
            tx.keys.touch(attempt.provider, attempt.key_id, attempt.key_label or "", succeeded=1, at=now)
    late = rows.task.status in (TaskStatus.FAILED, TaskStatus.CANCELLED)
    moved = move(tx, rows, TaskStatus.DOWNLOADING, result_url=state.url, polled_at=now, progress=None, stage=None)
    if moved:
        change_attempt(tx, rows, **changes)
        log(tx, LogLevel.INFO, "task_late" if late else "task_arrived", rows.task)
    remember(tx, active, rows)
    return moved


def abandon(tx: Tx, active: ActiveTask, now: datetime, *, stopped: bool) -> None:
    """End a task that the user no longer waits for. ``stopped``: the provider says that it stopped the job.

    :raises Superseded:
    """
    rows = fenced(tx, active)
    if rows.attempt is not None:
        charge = ChargeStatus.UNKNOWN if stopped and rows.attempt.cost else rows.attempt.charge
        change_attempt(tx, rows, state=AttemptState.ABANDONED, ended_at=now, charge=charge)
    cost, known = owed(tx, rows.task)
    if move(tx, rows, TaskStatus.CANCELLED, cost=cost, charge=known):
        log(tx, LogLevel.INFO, "task_cancelled", rows.task)
    remember(tx, active, rows)


def end_broken(tx: Tx, active: ActiveTask, failure: Failure, now: datetime) -> None:
    """End a task that this step cannot get any further with: its job and its money are kept, polling again is free."""
    charge = assumed(active.sent)
    known = failure.model_copy(update={"kind": ErrorKind.PROVIDER, "charged": charge})
    fail(tx, active, known, now, state=AttemptState.ABANDONED, charge=charge)
