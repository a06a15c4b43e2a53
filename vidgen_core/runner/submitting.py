"""queued -> processing: the one step that costs money.

The order of things is the promise: claim, make ready (free), put the intent on disk, send once, put the
remote id on disk. A crash before the intent costs nothing; a crash after it leaves an attempt in ``sending``,
which is never sent again by itself.
"""

from __future__ import annotations

import asyncio
import logging

from vidgen_core.errors import Delivery, ErrorKind, FileError, HandOver, InputError, RemoteError, StoreError
from vidgen_core.keys import Outcome, outcome_of
from vidgen_core.models import AttemptState, Charge, Failure
from vidgen_core.money import Stop
from vidgen_core.providers.base import Key, Order, Prepared, Submission
from vidgen_core.runner import records
from vidgen_core.runner.backoff import LONGEST_BEFORE_SUBMIT, back_off, bounded
from vidgen_core.runner.context import Context, Held, Lane, Next
from vidgen_core.runner.failures import PASSING, evidence_of, failure_of, is_disk_trouble

logger = logging.getLogger(__name__)

#: Seconds until a database that could not be written is tried again.
STORE_WAIT = 1.0
#: Clear refusals for want of capacity before the task gives up.
OVERLOADED_TRIES = 5
#: Seconds before the provider's log is asked about a lost answer: it needs a moment to show the job.
SETTLE = 3.0


async def submit(held: Held, ctx: Context, key: Key | None) -> Next | None:
    """Claim a queued task, make it ready and send it once."""
    base_url, settings = ctx.provider(held).base_url, ctx.settings()
    taken = await ctx.writer.do(lambda tx: records.claim(tx, held, key, base_url, settings, ctx.clock()))
    if isinstance(taken, Stop):
        ctx.budget.stopped(taken, held.task.provider)
    if taken is not True:
        return None
    return await send(held, ctx, key)


async def send(held: Held, ctx: Context, key: Key | None) -> Next | None:
    """Make ready and send the attempt that is held."""
    provider, order = ctx.provider(held), ctx.order(held)
    try:
        prepared = await provider.prepare(order, key)
    except Exception as error:  # noqa: BLE001 — nothing paid has left, so every error is safe to judge here
        return await refused(held, ctx, error)
    await _wait_for_turn(held, ctx, key)
    if not await ctx.writer.do(lambda tx: records.intend(tx, held, prepared, ctx.clock())):
        return None
    try:
        await asyncio.shield(asyncio.ensure_future(_send(held, ctx, order, prepared, key)))
    except RemoteError as error:
        if error.delivery is Delivery.UNKNOWN:
            if isinstance(error, HandOver):
                ctx.lanes.hand_over(held.task.provider, error)
            return await lost(held, ctx, failure_of(error, Charge.UNKNOWN), evidence_of(error))
        return await refused(held, ctx, error)
    except (FileError, InputError) as error:
        return await refused(held, ctx, error)
    except Exception as error:  # noqa: BLE001 — after the intent an unforeseen error may mean an accepted job
        return await lost(held, ctx, failure_of(error, Charge.UNKNOWN), None)
    ctx.lanes.reached(held.task.provider)
    ctx.lanes.accepted(held.task.provider)
    _report(held, ctx, None)
    return Next(_first_look(held, ctx), Lane.REMOTE)


async def _wait_for_turn(held: Held, ctx: Context, key: Key | None) -> None:
    """Let the submits of one key keep their distance."""
    if key is None:
        return
    pool = ctx.keys[held.task.provider]
    while (seconds := pool.pace(key.id)) > 0:  # noqa: ASYNC110 — the limiter is time, there is no event to wait for
        await asyncio.sleep(seconds)


async def _send(held: Held, ctx: Context, order: Order, prepared: Prepared, key: Key | None) -> None:
    """Send and write the id down as one thing that a stop does not tear apart."""
    held.sending = True
    try:
        submission = await ctx.provider(held).submit(order, prepared, key)
        await _keep_id(held, ctx, submission)
    finally:
        held.sending = False


async def _keep_id(held: Held, ctx: Context, submission: Submission) -> None:
    """The id is the money: a database that cannot be written now is tried until it can."""
    while True:
        try:
            return await ctx.writer.do(lambda tx: records.accept(tx, held, submission, ctx.clock()))
        except StoreError as error:
            logger.error("remote id %s of task %s not yet kept: %s", submission.remote_id, held.task.id, error)
            await asyncio.sleep(STORE_WAIT)


def _first_look(held: Held, ctx: Context) -> float:
    provider = ctx.provider(held)
    interval = provider.own_pace or ctx.settings().runner.poll_interval
    return ctx.pace.delay((provider.mode, held.task.model), 0.0, interval)


async def lost(held: Held, ctx: Context, failure: Failure, evidence: str | None) -> Next:
    """The answer is lost: keep the slot, ask the provider's log after a moment."""
    await ctx.writer.do(lambda tx: records.lose_answer(tx, held, failure, evidence, ctx.clock()))
    return Next(SETTLE, Lane.REMOTE)


async def refused(held: Held, ctx: Context, error: Exception) -> Next | None:
    """Surely not accepted: wait, take another key, or fail, as the table of repetitions says."""
    failure, settings = failure_of(error), ctx.settings().runner
    if not isinstance(error, RemoteError):
        if is_disk_trouble(error):
            return await _requeue(held, ctx, failure, error, back_off(settings, 1))
        return await _fail(held, ctx, failure, error)
    mode = held.task.provider
    if isinstance(error, HandOver):
        ctx.lanes.hand_over(mode, error)
        return await _requeue(held, ctx, failure, error, 0.0)
    if error.delivery is Delivery.NOT_SENT and error.kind is ErrorKind.NETWORK:
        delay = back_off(settings, ctx.lanes.misses(mode) + 1, error.retry_after)
        ctx.lanes.unreachable(mode, delay, "lane_unreachable")
        return await _requeue(held, ctx, failure, error, 0.0)
    ctx.lanes.reached(mode)
    _report(held, ctx, error)
    if error.kind in (ErrorKind.AUTH, ErrorKind.BALANCE, ErrorKind.RATE_LIMIT):
        return await _requeue(held, ctx, failure, error, bounded(error.retry_after, LONGEST_BEFORE_SUBMIT))
    if error.kind in (ErrorKind.OVERLOADED, ErrorKind.NETWORK) or _may_pass(error):
        tries = await _count(held, ctx, error.kind)
        if tries < OVERLOADED_TRIES:
            return await _requeue(held, ctx, failure, error, back_off(settings, tries + 1, error.retry_after))
    if error.kind is ErrorKind.PARAMETER:
        ctx.lanes.refused_alike(mode, held.task.model, error.code)
    return await _fail(held, ctx, failure, error)


def _may_pass(error: RemoteError) -> bool:
    """A free step before the paid request failed for a reason that may pass."""
    return error.delivery is Delivery.NOT_SENT and error.kind in PASSING


async def _count(held: Held, ctx: Context, kind: ErrorKind) -> int:
    attempts = await ctx.read(lambda tx: tx.attempts.of_task(held.task.id))
    return sum(1 for attempt in attempts if attempt.failure is not None and attempt.failure.kind is kind)


async def _requeue(held: Held, ctx: Context, failure: Failure, error: Exception, delay: float) -> Next | None:
    await ctx.writer.do(
        lambda tx: records.requeue(
            tx, held, failure, evidence_of(error), ctx.clock(), delay, state=AttemptState.REFUSED
        )
    )
    return None


async def _fail(held: Held, ctx: Context, failure: Failure, error: Exception) -> Next | None:
    await ctx.writer.do(
        lambda tx: records.fail(
            tx,
            held,
            failure,
            ctx.clock(),
            state=AttemptState.REFUSED,
            evidence=evidence_of(error),
            charge=Charge.NONE,
        )
    )
    return None


def _report(held: Held, ctx: Context, error: RemoteError | None) -> None:
    """Tell the key pool how its key fared."""
    attempt = held.attempt
    if attempt is None or attempt.key_id is None:
        return
    outcome = Outcome.OK if error is None else outcome_of(error)
    if outcome is not None:
        ctx.keys[attempt.provider].report(attempt.key_id, outcome, error.retry_after if error else None)
