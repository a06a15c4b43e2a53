"""Jobs nobody waits for any more, looked at now and then: what was paid for is still taken in."""

from __future__ import annotations

from datetime import datetime, timedelta

from vidgen_core.errors import RemoteError
from vidgen_core.models import Attempt, AttemptState, Charge, Task, TaskStatus
from vidgen_core.providers.base import RemoteState, RemoteStatus
from vidgen_core.runner import records
from vidgen_core.runner.context import Context, Held, job_of
from vidgen_core.store import Tx

#: Seconds between two looks at jobs that are late.
EVERY = 120.0
#: How long after giving up a job is still looked at.
FOR = timedelta(hours=24)
#: Jobs looked at in one round.
ROUND = 50


async def look(ctx: Context) -> list[Held]:
    """Ask after abandoned jobs; returns the tasks whose result has come in, now ``downloading``."""
    arrived = []
    for task, attempt in await ctx.read(lambda tx: _abandoned(tx, ctx)):
        held = Held(task, attempt)
        state = await _ask(held, ctx, attempt)
        if state is None:
            continue
        if state.status is RemoteStatus.SUCCEEDED and state.url:
            if await ctx.writer.do(lambda tx, held=held, state=state: records.arrive(tx, held, state, ctx.clock())):  # type: ignore[misc]
                arrived.append(held)
        elif state.status in (RemoteStatus.FAILED, RemoteStatus.CANCELLED):
            await ctx.writer.do(lambda tx, attempt=attempt, state=state: _close(tx, attempt, state, ctx.clock()))  # type: ignore[misc]
    return arrived


async def _ask(held: Held, ctx: Context, attempt: Attempt) -> RemoteState | None:
    try:
        return await ctx.provider(held).poll(job_of(held.task, attempt), ctx.key(held))
    except RemoteError:
        return None


def _abandoned(tx: Tx, ctx: Context) -> list[tuple[Task, Attempt]]:
    since = ctx.clock() - FOR
    found = []
    for mode, provider in ctx.providers.items():
        if provider.own_pace is not None:
            continue
        for attempt in tx.attempts.open(mode):
            if attempt.state is not AttemptState.ABANDONED or attempt.remote_id is None:
                continue
            if attempt.ended_at is None or attempt.ended_at < since:
                continue
            task = tx.tasks.get(attempt.task_id)
            if task.status in (TaskStatus.FAILED, TaskStatus.CANCELLED) and task.attempt_id == attempt.id:
                found.append((task, attempt))
    return found[:ROUND]


def _close(tx: Tx, attempt: Attempt, state: RemoteState, now: datetime) -> None:
    """A late job has failed on the other side: nothing more will come of it."""
    charge = state.charge or (state.failure.charged if state.failure else Charge.UNKNOWN)
    cost = state.cost if state.cost is not None and state.cost.amount else attempt.cost
    tx.attempts.update(
        attempt.id,
        state=AttemptState.FAILED,
        ended_at=now,
        failure=state.failure,
        evidence=state.evidence,
        cost=cost,
        charge=charge,
    )
    records.retell_cost(tx, attempt.task_id)
