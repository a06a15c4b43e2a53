"""Move one task by one transition, and decide what becomes of it when that raises.

    pending ──release──> queued ──submit──> processing ──poll: done──> downloading ──file──> completed
                           ^  (claim, intend, accept)        │                         │
                           └── surely not accepted, or ──────┤                         │
                               a new attempt is allowed      └──────> failed <─────────┘
                                                                      cancelled

``step`` reads where the store says that the task is, moves it by one transition and says when to call again and whether
the task counts against the provider's concurrency until then. None: the task has ended, waits in the queue, or waits for a
person. Call it twice, kill it anywhere: the result is the same and nothing is paid twice, because every change of status
repeats its source states and the intent is on disk before a paid request leaves.

A step that raised what no step may raise is tried again, and not for ever: the deadline counts here as everywhere, and the
same error three times in a row ends its task in a state that a person can act on. What that state is, says the module of
the step that raised (``end_broken``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from vidgen_core.db import Tx
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind, FileError, StoreError, Superseded, VidgenError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import ENDED, LIVE, Failure, Task, TaskStatus
from vidgen_core.providers.base import Key
from vidgen_core.worker.context import ActiveTask, Context, Next
from vidgen_core.worker.retries import failure_of
from vidgen_core.worker.steps import download, poll, reconcile, submit
from vidgen_core.worker.transition import log

logger = logging.getLogger(__name__)

#: Seconds until a step that raised is tried again.
AGAIN: Final = 5.0
#: Equal errors of a task in a row that end it.
MOST: Final = 3


async def step(active: ActiveTask, ctx: Context, key: Key | None = None) -> Next | None:
    """Move a task by one step. ``key`` is the lease for a queued task of a provider that needs one.

    :raises Superseded: another process has moved the task on
    """
    following: Next | None = None
    try:
        if not active.stale or await _refresh(active, ctx):
            following = await _run(active, ctx, key)
    except Superseded:
        raise
    except Exception as error:  # noqa: BLE001 — written down there, with the error
        return await _recover(active, ctx, error)
    ctx.errors.pop(active.task.id, None)
    if ctx.telemetry.tracing is not None and active.attempt is not None and active.task.status in ENDED:
        ctx.telemetry.tracing.ended(active.task, active.attempt, ctx.clock())
    return following


async def _run(active: ActiveTask, ctx: Context, key: Key | None) -> Next | None:
    """Run the step that the task is at."""
    status, attempt = active.task.status, active.attempt
    if status is TaskStatus.QUEUED:
        return await submit.submit(active, ctx, key)
    if status is TaskStatus.DOWNLOADING:
        async with ctx.downloads:
            return await download.download(active, ctx)
    if status is not TaskStatus.PROCESSING:
        return None
    if attempt is None or attempt.state is AttemptState.PREPARING:
        return await reconcile.start_over(active, ctx)
    without_id = attempt.state is AttemptState.UNKNOWN and attempt.remote_id is None
    if attempt.state is AttemptState.SENDING or (without_id and not active.task.cancel_requested):
        return await reconcile.reconcile(active, ctx)
    return await (poll.give_up if active.task.cancel_requested else poll.poll)(active, ctx)


def read_active(tx: Tx, task: Task) -> ActiveTask:
    """A task with its present attempt."""
    return ActiveTask(task, tx.attempts.get(task.attempt_id) if task.attempt_id is not None else None)


async def _refresh(active: ActiveTask, ctx: Context) -> bool:
    """Read a task again as the store has it now; False when there is nothing more to be done for it."""
    found = ctx.read(lambda tx: [read_active(tx, task) for task in tx.tasks.many([active.task.id])])
    if not found or found[0].task.status not in (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING):
        return False
    attempt = found[0].attempt
    if active.worker is not None and attempt is not None and attempt.worker != active.worker:
        # Another worker has taken it over.
        return False
    active.stale = False
    active.take(found[0].task, attempt)
    return True


async def _recover(active: ActiveTask, ctx: Context, error: Exception) -> Next | None:
    """Try a step again that raised, or end its task; a store or a disk that cannot be written is no fault of a task."""
    task, known = active.task, failure_of(error)
    at_fault = None if isinstance(error, StoreError | FileError) else error
    logger.error("step of task %s: %s", task.id, error, exc_info=at_fault)
    name = error.code if isinstance(error, VidgenError) else type(error).__name__
    ctx.writer.post(lambda tx: log(tx, LogLevel.ERROR, "step_broken", task, cause=known.code, detail=known.params))
    before, count = ctx.errors.get(task.id, (name, 0))
    count = count + 1 if before == name else 1
    ctx.errors[task.id] = (name, count)
    try:
        if task.status is TaskStatus.PROCESSING and poll.is_overdue(active, ctx):
            return await poll.time_out(active, ctx)
        if count >= MOST and not isinstance(error, StoreError | FileError):
            await ctx.writer.do(lambda tx: _end(tx, active, name, ctx.clock()))
            return None
    except Exception:
        # The store is at fault: nothing can be written down, so nothing has changed.
        logger.exception("task %s could not be ended", task.id)
    if task.status is TaskStatus.QUEUED:
        ctx.pauses.unreachable(task.provider, AGAIN, "pause_internal_error")
        return None
    # Nobody knows what of the step is on disk.
    active.stale = True
    return Next(AGAIN, remote=task.status is not TaskStatus.DOWNLOADING)


def _end(tx: Tx, active: ActiveTask, name: str, now: datetime) -> None:
    """End the task as its row stands now, which may be further than what is in memory."""
    found = tx.tasks.many([active.task.id])
    if not found or found[0].status not in LIVE:
        return
    fresh = read_active(tx, found[0])
    failure = Failure(kind=ErrorKind.PROVIDER, code="internal_error", params={"type": name}, charged=ChargeStatus.NONE)
    _ending_of(fresh)(tx, fresh, failure, now)
    tx.after_commit(lambda: active.take(fresh.task, fresh.attempt))


def _ending_of(active: ActiveTask) -> Callable[[Tx, ActiveTask, Failure, datetime], None]:
    """What the step that a task is at writes when it cannot get any further."""
    attempt = active.attempt
    if active.task.status is TaskStatus.DOWNLOADING:
        return download.end_broken
    if active.task.status is TaskStatus.PROCESSING and attempt is not None:
        if attempt.remote_id is not None:
            return poll.end_broken
        if attempt.state in (AttemptState.SENDING, AttemptState.UNKNOWN):
            return reconcile.end_broken
    return submit.end_broken
