"""Faults of our own: a step that raised what no step may raise is tried again, and not for ever.

The deadline counts here as everywhere. The same fault three times in a row ends its task in a state that a person can act
on: its slot is free, its remote id and its money are kept, and looking again costs nothing.
"""

from __future__ import annotations

import logging
from typing import Final

from vidgen_core.db import Tx
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind, FileError, StoreError, VidgenError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import LIVE, Failure, TaskStatus
from vidgen_core.worker import records
from vidgen_core.worker.context import ActiveTask, Context, Lane, Next
from vidgen_core.worker.failures import failure_of
from vidgen_core.worker.steps import poll

logger = logging.getLogger(__name__)

#: Seconds until a step that broke is tried again.
AGAIN: Final = 5.0
#: Equal faults of a task in a row that end it.
MOST: Final = 3


async def after(held: ActiveTask, ctx: Context, error: Exception, lane: Lane) -> Next | None:
    """What becomes of a task whose step raised ``error``.

    A store or a disk that cannot be written is no fault of a task, so it is waited for.
    """
    task = held.task
    logger.error("step of task %s", task.id, exc_info=error)
    name = error.code if isinstance(error, VidgenError) else type(error).__name__
    known = failure_of(error)
    ctx.writer.post(
        lambda tx: records.log(tx, LogLevel.ERROR, "step_broken", task, cause=known.code, detail=known.params)
    )
    count = _count(held, ctx, name)
    try:
        if task.status is TaskStatus.PROCESSING and poll.overdue(held, ctx):
            return await poll.time_out(held, ctx)
        if count >= MOST and not isinstance(error, StoreError | FileError):
            await ctx.writer.do(lambda tx: _end(tx, held, ctx, name))
            return None
    except Exception:
        # The store is at fault: nothing can be written down, so nothing has changed.
        logger.exception("task %s could not be ended", task.id)
    if task.status is TaskStatus.QUEUED:
        ctx.lanes.unreachable(task.provider, AGAIN, "lane_mishap")
        return None
    # Nobody knows what of the step is on disk.
    held.stale = True
    return Next(AGAIN, lane)


def _count(held: ActiveTask, ctx: Context, name: str) -> int:
    before, count = ctx.faults.get(held.task.id, (name, 0))
    count = count + 1 if before == name else 1
    ctx.faults[held.task.id] = (name, count)
    return count


def _end(tx: Tx, held: ActiveTask, ctx: Context, name: str) -> None:
    """End the task as its row stands now, which may be further than what is held."""
    found = tx.tasks.many([held.task.id])
    if not found:
        return
    task, attempt = found[0], tx.attempts.get(found[0].attempt_id) if found[0].attempt_id is not None else None
    if task.status not in LIVE:
        return
    now, fresh = ctx.clock(), ActiveTask(task, attempt)
    state = attempt.state if attempt is not None and task.status is TaskStatus.PROCESSING else None
    if state is AttemptState.SENDING and attempt is not None:
        records.lose_answer(tx, fresh, _failure(ErrorKind.SUBMIT_UNKNOWN, name, ChargeStatus.UNKNOWN), None, now)
        fresh, state = ActiveTask(tx.tasks.get(task.id), tx.attempts.get(attempt.id)), AttemptState.UNKNOWN
    if state is AttemptState.UNKNOWN and attempt is not None and attempt.remote_id is None:
        records.fail(tx, fresh, _failure(ErrorKind.SUBMIT_UNKNOWN, name, ChargeStatus.UNKNOWN), now)
    elif state is AttemptState.PREPARING:
        failure = _failure(ErrorKind.PROVIDER, name, ChargeStatus.NONE)
        records.fail(tx, fresh, failure, now, state=AttemptState.REFUSED, charge=ChargeStatus.NONE)
    elif state is not None and attempt is not None and attempt.remote_id is not None:
        charge = poll.assumed(attempt)
        failure = _failure(ErrorKind.PROVIDER, name, charge)
        records.fail(tx, fresh, failure, now, state=AttemptState.ABANDONED, charge=charge)
    elif task.status is TaskStatus.DOWNLOADING:
        charged = attempt.charge if attempt else ChargeStatus.UNKNOWN
        records.fail(tx, fresh, _failure(ErrorKind.FILE, name, charged), now)
    else:
        records.fail(tx, fresh, _failure(ErrorKind.PROVIDER, name, ChargeStatus.NONE), now)
    tx.after_commit(lambda: held.take(fresh.task, fresh.attempt))


def _failure(kind: ErrorKind, name: str, charged: ChargeStatus) -> Failure:
    return Failure(kind=kind, code="internal_error", params={"type": name}, charged=charged)
