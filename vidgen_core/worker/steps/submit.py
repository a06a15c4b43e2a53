"""queued -> processing: the one step that costs money.

The order of things is the promise: claim, make ready (free), put the intent on disk, send once, put the
remote id on disk. A crash before the intent costs nothing; a crash after it leaves an attempt in ``sending``,
which is never sent again by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from vidgen_core.db import Tx
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import Delivery, ErrorKind, FileError, HandOver, RemoteError, StoreError
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import Failure
from vidgen_core.money import BudgetExceeded
from vidgen_core.providers.base import Key, Order, Prepared, Provider, Submission
from vidgen_core.worker import records
from vidgen_core.worker.backoff import LONGEST_BEFORE_SUBMIT, back_off, bounded
from vidgen_core.worker.context import ActiveTask, Context, Lane, Next
from vidgen_core.worker.failures import evidence_of, failure_of, is_disk_trouble, repeats
from vidgen_core.worker.limits.key_pool import KeyOutcome, outcome_of

logger = logging.getLogger(__name__)

#: Seconds until a database that could not be written is tried again.
STORE_WAIT = 1.0
#: Seconds until a journal that could not be written is tried again.
JOURNAL_WAIT = 10.0
#: Clear refusals for want of capacity before the task gives up.
OVERLOADED_TRIES = 5
#: Seconds that a stop at once gives requests that have not left to be taken back.
TAKE_BACK = 5.0
#: Seconds before the provider's log is asked about a lost answer: it needs a moment to show the job.
SETTLE = 3.0


async def submit(held: ActiveTask, ctx: Context, key: Key | None) -> Next | None:
    """Claim a queued task, make it ready and send it once."""
    provider, settings = ctx.provider(held), ctx.settings()
    base_url, cap = provider.base_url, cap_of(ctx, provider)
    taken = await ctx.writer.do(lambda tx: records.claim(tx, held, key, base_url, settings, ctx.clock(), cap))
    if isinstance(taken, BudgetExceeded):
        ctx.budget.stopped(taken, held.task.provider)
    if taken is not True:
        held.no_slot = taken is records.FULL
        return None
    return await send(held, ctx, key)


def cap_of(ctx: Context, provider: Provider) -> records.Cap:
    """How many jobs of a provider may be under way now, as the settings have it."""
    settings = ctx.settings()
    jobs = settings.max_concurrent(provider.mode)
    return records.Cap(min(jobs, provider.at_once or jobs), min(provider.longest_job, settings.runner.max_wait))


async def send(held: ActiveTask, ctx: Context, key: Key | None) -> Next | None:
    """Make ready and send the attempt that is held."""
    provider, order = ctx.provider(held), ctx.order(held)
    try:
        prepared = await provider.prepare(order, key)
    except Exception as error:  # noqa: BLE001 — nothing paid has left, so every error is safe to judge here
        return await refused(held, ctx, error)
    await _wait_for_turn(held, ctx, key)
    request = held.request = asyncio.ensure_future(_order(held, ctx, order, prepared, key))
    return await asyncio.shield(request)


async def _order(held: ActiveTask, ctx: Context, order: Order, prepared: Prepared, key: Key | None) -> Next | None:
    """Put the intent on disk, send, and write down what came of it, as one thing that a stop does not tear apart."""
    held.left = False
    try:
        if await _intend_to_send(held, ctx, prepared):
            held.left = True
            return await _send(held, ctx, order, prepared, key)
        return None
    finally:
        held.request = None


async def _intend_to_send(held: ActiveTask, ctx: Context, prepared: Prepared) -> bool:
    """Put the intent on disk; False when nothing is to be sent, and then nothing of it stands any more."""
    # The wall as well: while a machine sleeps, the monotonic clock may stand still.
    begun = time.monotonic(), ctx.clock.wall()
    generation = await _intend(held, ctx, prepared)
    if generation is None:
        return False
    try:
        await write_order(held, ctx, generation)
    except FileError as error:
        hold_for_journal(held, ctx)
        await _requeue(held, ctx, _not_sent("journal_unwritable", cause=error.code), 0.0)
        return False
    stalled = max(time.monotonic() - begun[0], (ctx.clock.wall() - begun[1]).total_seconds())
    if stalled > ctx.takeover_seconds / 2:
        # The machine stood still: somebody else may think by now that this carrier is dead.
        await _requeue(held, ctx, _not_sent("submit_stalled", seconds=round(stalled)), 0.0)
        return False
    if ctx.is_unwanted(held):
        await _take_back(held, ctx)
        return False
    return True


async def _take_back(held: ActiveTask, ctx: Context) -> None:
    """A stop, a pause or a wish to cancel came after the intent and before the request has left."""
    await _requeue(held, ctx, _not_sent("submit_taken_back"), 0.0)


async def _send(held: ActiveTask, ctx: Context, order: Order, prepared: Prepared, key: Key | None) -> Next | None:
    """Send once; what is said to it is written down before anything else happens."""
    provider = ctx.provider(held)
    try:
        submission = await provider.submit(order, prepared, key)
        await _keep_id(held, ctx, submission)
    except RemoteError as error:
        if error.delivery is Delivery.UNKNOWN:
            if isinstance(error, HandOver):
                ctx.lanes.hand_over(held.task.provider, error)
            return await lost(held, ctx, failure_of(error, ChargeStatus.UNKNOWN), evidence_of(error))
        return await refused(held, ctx, error)
    except Exception as error:  # noqa: BLE001 — after the intent an unforeseen error may mean an accepted job
        if provider.repeatable_submit:
            return await refused(held, ctx, error)
        return await lost(held, ctx, failure_of(error, ChargeStatus.UNKNOWN), None)
    ctx.lanes.reached(held.task.provider)
    ctx.lanes.accepted(held.task.provider)
    _report(held, ctx, None)
    return Next(_first_look(held, ctx), Lane.REMOTE)


def hold_for_journal(held: ActiveTask, ctx: Context) -> None:
    """Nothing paid leaves as long as the journal cannot be written."""
    until = ctx.clock() + timedelta(seconds=JOURNAL_WAIT)
    ctx.lanes.hold(held.task.provider, "lane_journal_unwritable", until=until, path=str(ctx.journal.path))


async def write_order(held: ActiveTask, ctx: Context, generation: int) -> None:
    """Write a paid act and its generation to the journal before it is sent.

    :raises FileError: the journal cannot be written
    """
    attempt = held.attempt
    if generation and attempt is not None:
        facts = {"task": held.task.id, "attempt": attempt.id, "provider": attempt.provider.value}
        await asyncio.to_thread(ctx.journal.order, generation, **facts)


async def _intend(held: ActiveTask, ctx: Context, prepared: Prepared) -> int | None:
    """Put the intent on disk; returns its generation, 0 for what is free to repeat, or None when nothing is to be sent."""
    attempt, paid = held.attempt, not ctx.provider(held).repeatable_submit
    assert attempt is not None

    def write(tx: Tx) -> int | None:
        if not records.intend(tx, held, prepared, ctx.clock()):
            return None
        return records.next_generation(tx) if paid else 0

    try:
        return await ctx.writer.do(write)
    except Exception:
        # A failed commit may be on disk all the same; what is sure is that nothing was sent.
        held.unsent = attempt.id
        raise


def _not_sent(code: str, **params: Any) -> RemoteError:
    return RemoteError(code, kind=ErrorKind.NETWORK, delivery=Delivery.NOT_SENT, **params)


async def let_go(held: list[ActiveTask], ctx: Context) -> None:
    """Wait no more for the answers to paid requests: whether they were bought is not known from now on.

    Those that have not left yet see the stop by themselves and take their intents back.
    """
    unsent = [one.request for one in held if one.request is not None and not one.left]
    if unsent:
        await asyncio.wait(unsent, timeout=TAKE_BACK)
    requests = [one.request for one in held if one.request is not None]
    for request in requests:
        request.cancel()
    await asyncio.gather(*requests, return_exceptions=True)
    for one in held:
        if one.attempt is None or one.attempt.state is not AttemptState.SENDING:
            continue
        if not one.left:
            await _take_back(one, ctx)
            continue
        failure = Failure(kind=ErrorKind.SUBMIT_UNKNOWN, code="submit_interrupted", charged=ChargeStatus.UNKNOWN)
        await lost(one, ctx, failure, None)


async def _wait_for_turn(held: ActiveTask, ctx: Context, key: Key | None) -> None:
    """Let the submits of one key keep their distance."""
    if key is None:
        return
    pool = ctx.keys[held.task.provider]
    while (seconds := pool.pace(key.id)) > 0:  # noqa: ASYNC110 — the limiter is time, there is no event to wait for
        await asyncio.sleep(seconds)


async def _keep_id(held: ActiveTask, ctx: Context, submission: Submission) -> None:
    """The id is the money: it is tried to be written for as long as it takes."""
    attempt = held.attempt
    assert attempt is not None
    cost = submission.cost.model_dump(mode="json") if submission.cost else None
    facts = {"remote_id": submission.remote_id, "cost": cost, "request_id": submission.request_id}
    await keep(held, ctx, lambda tx: records.accept(tx, held, submission, ctx.clock()), "accepted", facts)
    if ctx.provider(held).repeatable_submit:
        return
    with contextlib.suppress(FileError):
        await asyncio.to_thread(
            ctx.journal.job,
            task=held.task.id,
            attempt=attempt.id,
            provider=attempt.provider.value,
            remote_id=submission.remote_id,
        )


async def keep(
    held: ActiveTask, ctx: Context, write: Callable[[Tx], None], kind: str = "", facts: Mapping[str, Any] | None = None
) -> None:
    """Write down what a provider has answered to a paid request: a database that cannot be written is tried until it can.

    Meanwhile an answer of a ``kind`` lies in the journal, so that a crash does not lose it.
    :raises Superseded: somebody else knows more of the task
    """
    note: str | None = None
    while True:
        try:
            await ctx.writer.do(write)
        except (StoreError, FileError) as error:
            logger.error("the answer about task %s is not yet kept: %s", held.task.id, error)
            ctx.lanes.unwritable(held.task.provider, STORE_WAIT)
            if kind and note is None:
                note = await _note(held, ctx, kind, facts or {})
            await asyncio.sleep(STORE_WAIT)
        else:
            break
    if note is not None:
        with contextlib.suppress(FileError):
            await asyncio.to_thread(ctx.journal.settle, note)


async def _note(held: ActiveTask, ctx: Context, kind: str, facts: Mapping[str, Any]) -> str | None:
    """Put an answer into the journal; None where that cannot be written either."""
    attempt = held.attempt
    if attempt is None or attempt.intent_at is None:
        return None
    known = {"task": held.task.id, "attempt": attempt.id, "provider": attempt.provider.value}
    try:
        return await asyncio.to_thread(
            ctx.journal.note, kind, **known, intent_at=attempt.intent_at.timestamp(), **facts
        )
    except FileError as error:
        logger.error("the journal cannot be written either: %s", error)
        return None


def _first_look(held: ActiveTask, ctx: Context) -> float:
    provider = ctx.provider(held)
    interval = provider.own_pace or ctx.settings().runner.poll_interval
    return ctx.pace.delay((provider.mode, held.task.model), 0.0, interval)


async def lost(held: ActiveTask, ctx: Context, failure: Failure, evidence: str | None) -> Next:
    """The answer is lost: keep the slot, ask the provider's log after a moment."""
    await keep(held, ctx, lambda tx: records.lose_answer(tx, held, failure, evidence, ctx.clock()))
    return Next(SETTLE, Lane.REMOTE)


async def refused(held: ActiveTask, ctx: Context, error: Exception) -> Next | None:
    """Surely not accepted: wait, take another key, or fail, as the table of repetitions says."""
    settings = ctx.settings().runner
    if not isinstance(error, RemoteError):
        if is_disk_trouble(error):
            return await _requeue(held, ctx, error, back_off(settings, 1))
        return await _fail(held, ctx, error)
    mode = held.task.provider
    if isinstance(error, HandOver):
        ctx.lanes.hand_over(mode, error)
        return await _requeue(held, ctx, error, 0.0)
    if error.delivery is Delivery.NOT_SENT and error.kind is ErrorKind.NETWORK:
        delay = back_off(settings, ctx.lanes.misses(mode) + 1, error.retry_after)
        ctx.lanes.unreachable(mode, delay, "lane_unreachable")
        return await _requeue(held, ctx, error, 0.0)
    ctx.lanes.reached(mode)
    _report(held, ctx, error)
    if error.kind in (ErrorKind.AUTH, ErrorKind.BALANCE, ErrorKind.RATE_LIMIT):
        return await _requeue(held, ctx, error, bounded(error.retry_after, LONGEST_BEFORE_SUBMIT))
    if repeats(error):
        tries = await _count(held, ctx, error.kind)
        if tries < OVERLOADED_TRIES:
            return await _requeue(held, ctx, error, back_off(settings, tries + 1, error.retry_after))
    if error.kind is ErrorKind.PARAMETER:
        ctx.lanes.refused_alike(mode, held.task.model, error.code, error.params)
    return await _fail(held, ctx, error)


async def _count(held: ActiveTask, ctx: Context, kind: ErrorKind) -> int:
    attempts = await ctx.read(lambda tx: tx.attempts.of_task(held.task.id))
    return sum(1 for attempt in attempts if attempt.failure is not None and attempt.failure.kind is kind)


async def _requeue(held: ActiveTask, ctx: Context, error: Exception, delay: float) -> Next | None:
    failure, evidence = failure_of(error), evidence_of(error)
    await keep(
        held,
        ctx,
        lambda tx: records.requeue(tx, held, failure, evidence, ctx.clock(), delay, state=AttemptState.REFUSED),
        "refused",
        {"failure": failure.model_dump(mode="json"), "again": True},
    )
    return None


async def _fail(held: ActiveTask, ctx: Context, error: Exception) -> Next | None:
    failure, evidence = failure_of(error), evidence_of(error)
    await keep(
        held,
        ctx,
        lambda tx: records.fail(
            tx,
            held,
            failure,
            ctx.clock(),
            state=AttemptState.REFUSED,
            evidence=evidence,
            charge=ChargeStatus.NONE,
        ),
        "refused",
        {"failure": failure.model_dump(mode="json"), "again": False},
    )
    return None


def _report(held: ActiveTask, ctx: Context, error: RemoteError | None) -> None:
    """Tell the key pool how its key fared."""
    attempt = held.attempt
    if attempt is None or attempt.key_id is None:
        return
    outcome = KeyOutcome.OK if error is None else outcome_of(error)
    if outcome is not None:
        ctx.keys[attempt.provider].report(attempt.key_id, outcome, error.retry_after if error else None)
