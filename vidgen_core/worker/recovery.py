"""Take up what the last run has left: answers in the journal, active tasks, lost answers, times of a wrong clock."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from vidgen_core.db import JournalState, Tx
from vidgen_core.db.ledger_chain import Head
from vidgen_core.db.worker_state import TRUSTED
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import FileError, StoreError
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId, paid_providers
from vidgen_core.domain.tasks import Failure
from vidgen_core.providers.base import Submission
from vidgen_core.worker import database_age
from vidgen_core.worker.context import ActiveTask, Context
from vidgen_core.worker.retries import LONGEST_BEFORE_SUBMIT
from vidgen_core.worker.step import read_active
from vidgen_core.worker.steps import submit
from vidgen_core.worker.transition import fail, requeue

logger = logging.getLogger(__name__)

#: Seconds by which a time may differ from itself when it is kept in two places.
SAME_MOMENT: Final = 0.001


#: A lost answer: its attempt, its task, its provider and since when.
InDoubt = tuple[int, int, ProviderId, datetime]


@dataclass(frozen=True)
class LeftOver:
    """What a start finds: why nothing paid may be sent, tasks to go on with, and lost answers without an active task."""

    doubt: database_age.Doubt | None
    active: list[ActiveTask]
    in_doubt: list[InDoubt]


async def recover(ctx: Context) -> LeftOver:
    """Write answers of the journal that the database lacks, and read what the last run has left."""
    await write_journal(ctx)
    doubt = await check_database_age(ctx)
    await mend_times(ctx)
    active, in_doubt = ctx.read(lambda tx: _left_over(tx, ctx))
    for one in active:
        # This process holds the lock of the home, so whoever had it is dead.
        one.inherited = True
    return LeftOver(doubt, active, in_doubt)


async def mend_times(ctx: Context) -> None:
    """Let nothing wait for a time that was written down while the clock was wrong."""
    try:
        await ctx.writer.do(lambda tx: bound_times(tx, ctx.clock()))
    except (StoreError, FileError) as error:
        # What was left goes on all the same.
        logger.warning("times that lie far ahead could not be mended: %s", error)


async def write_journal(ctx: Context) -> None:
    """Write answers of the journal that the database lacks."""
    found = await asyncio.to_thread(ctx.journal.look)
    if found.notes:
        for name in await ctx.writer.do(lambda tx: write_answers(tx, found.notes, ctx.clock())):
            await asyncio.to_thread(ctx.journal.settle, name)


async def check_database_age(ctx: Context) -> database_age.Doubt | None:
    """Pause the paid providers while the queue may hold what was bought already; only a person ends that."""
    found = await asyncio.to_thread(ctx.journal.look)
    # In the life of this worker others have bought, too.
    found = replace(found, generation=max(found.generation, ctx.newest))
    ctx.behind = False
    doubt, seen, times = ctx.read(
        lambda tx: (database_age.doubt(tx, found), database_age.generation_of(tx), TRUSTED.get(tx) or 0)
    )
    ctx.read(ctx.pauses.load)
    head: Head | None = None
    is_ours = ctx.doubted is not None or ctx.worker is None
    if doubt is None:
        ctx.doubted = None
    elif ctx.doubted is None:
        ctx.doubted = times
    elif times > ctx.doubted:
        # Somebody has said since that it is right, maybe on a machine with another journal.
        seen, head = await ctx.writer.do(lambda tx: database_age.trust(tx, found))
        doubt = ctx.doubted = None
    if doubt is None:
        try:
            await asyncio.to_thread(ctx.journal.begin, seen, head or await _note_lost_lines(ctx, found))
        except (FileError, StoreError) as error:
            # Nothing paid leaves before it can be written.
            logger.error("the journal cannot be written: %s", error)
    for mode in paid_providers():
        pause = ctx.pauses.of(mode)
        # The journal of another machine may know more than ours.
        if doubt is None and is_ours and pause is not None and pause.code in database_age.CODES:
            ctx.pauses.lift(mode)
        if doubt is not None and mode in ctx.providers:
            ctx.pauses.pause(mode, doubt.code, by_itself=False, provider=mode.value, **doubt.params)
    return doubt


async def _note_lost_lines(ctx: Context, found: JournalState) -> Head | None:
    """Say in the ledger that lines are missing at its end, where an older database was put in place; its new last line."""
    if not ctx.read(lambda tx: tx.chain.lacks(found.ledger)):
        return None

    def write(tx: Tx) -> Head | None:
        database_age.note_lost_lines(tx, found, "start")
        return tx.chain.head()

    return await ctx.writer.do(write)


def bound_times(tx: Tx, now: datetime) -> None:
    """Let no time lie further ahead than the worker writes any."""
    tx.tasks.cap_due(now + timedelta(seconds=LONGEST_BEFORE_SUBMIT))
    tx.attempts.clamp_future_times(now)
    tx.heartbeat.clamp_future_times(now)


def _left_over(tx: Tx, ctx: Context) -> tuple[list[ActiveTask], list[InDoubt]]:
    ctx.pauses.load(tx)
    active = [read_active(tx, task) for task in tx.tasks.active()]
    known = {one.task.id for one in active}
    in_doubt = [
        (attempt.id, attempt.task_id, mode, attempt.intent_at or attempt.created_at)
        for mode in ctx.providers
        for attempt in tx.attempts.open(mode)
        if attempt.state is AttemptState.UNKNOWN
        and attempt.task_id not in known
        and not ctx.providers[mode].repeatable_submit
    ]
    return active, in_doubt


def write_answers(tx: Tx, notes: tuple[dict[str, Any], ...], now: datetime) -> list[str]:
    """Write answers of the journal that the database lacks; returns the names of those that it has now."""
    ours = [one for one in notes if one["kind"] in ("accepted", "refused")]
    return [str(one["id"]) for one in ours if _write_answer(tx, one, now)]


def _write_answer(tx: Tx, one: dict[str, Any], now: datetime) -> bool:
    """Whether the database has a note; one about an attempt that it does not know stays."""
    found = [attempt for attempt in tx.attempts.of_task(one["task"]) if attempt.id == one["attempt"]]
    intent = found[0].intent_at if found else None
    # The same id may be another attempt's in a database that was put back.
    if intent is None or abs(intent.timestamp() - one["intent_at"]) > SAME_MOMENT:
        return False
    attempt = found[0]
    if one["kind"] == "accepted":
        cost = Money.model_validate(one["cost"]) if one.get("cost") else None
        submission = Submission(remote_id=one["remote_id"], cost=cost, request_id=one.get("request_id"))
        task = next(iter(tx.tasks.many([attempt.task_id])), None)
        submit.keep_id(tx, task, attempt, submission, now)
    elif attempt.state is AttemptState.SENDING:
        task = tx.tasks.get(attempt.task_id)
        failure = Failure.model_validate(one["failure"])
        if one["again"]:
            requeue(tx, ActiveTask(task, attempt), failure, None, now, 0.0, state=AttemptState.REFUSED)
        else:
            fail(tx, ActiveTask(task, attempt), failure, now, state=AttemptState.REFUSED)
    return True
