"""Poll abandoned jobs so that paid results are still downloaded.

Every attempt that a provider has accepted is polled to its end for a day, also when its task was sent again or has ended
with another attempt: its result is then a further take of the shot. The one that was polled the longest time ago is next.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from vidgen_core.db import Tx
from vidgen_core.domain.attempts import Attempt, AttemptState
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import NewTask, Task, TaskStatus
from vidgen_core.providers.base import RemoteState, RemoteStatus
from vidgen_core.worker.context import ActiveTask, Context, job_of
from vidgen_core.worker.retries import log_failure
from vidgen_core.worker.steps.poll import arrive
from vidgen_core.worker.transition import UNDER_WAY, log, update_cost

logger = logging.getLogger(__name__)

#: Seconds between two polls of one abandoned job, at most.
EVERY = 120.0
#: The same in intervals of polling: who polls often wants these results soon, too.
INTERVALS: Final = 12
#: How long after giving up a job is still polled.
FOR: Final = timedelta(hours=24)
#: Jobs polled in one round, and at once.
ROUND = 50
AT_ONCE = 8
#: Seconds that one poll may take.
LONGEST_POLL = 60.0

_ENDED_WITHOUT: Final = frozenset({TaskStatus.FAILED, TaskStatus.CANCELLED})
_ACTIVE: Final = frozenset({TaskStatus.PROCESSING, TaskStatus.DOWNLOADING})


@dataclass
class AbandonedJobs:
    """Which abandoned job was polled when."""

    ctx: Context
    #: Round of the last poll by attempt; those that are not in it were not polled in this run.
    _polled: dict[int, int] = field(default_factory=dict)
    _round: int = 0
    #: Abandoned jobs when they were last counted.
    _count: int = 0

    @property
    def pause(self) -> float:
        """Seconds until the next round: so many that each abandoned job is polled once within ``EVERY``."""
        every = min(EVERY, INTERVALS * self.ctx.settings().runner.poll_interval)
        return every / max(1, math.ceil(self._count / ROUND))

    async def poll(self) -> AsyncIterator[ActiveTask]:
        """Poll those whose turn it is; yields the tasks whose result has come in, now ``downloading``."""
        jobs = self.ctx.read(self._abandoned)
        self._round += 1
        self._count = len(jobs)
        open_ = {attempt.id for _, attempt in jobs}
        self._polled = {id_: at for id_, at in self._polled.items() if id_ in open_}
        jobs.sort(key=lambda one: (self._polled.get(one[1].id, 0), one[1].id))
        jobs = jobs[:ROUND]
        self._polled |= dict.fromkeys((attempt.id for _, attempt in jobs), self._round)
        gate = asyncio.Semaphore(AT_ONCE)
        for polled in asyncio.as_completed([self._poll_one(task, attempt, gate) for task, attempt in jobs]):
            active = await polled
            if active is not None:
                yield active

    def _abandoned(self, tx: Tx) -> list[tuple[Task, Attempt]]:
        since, found = self.ctx.clock() - FOR, []
        for mode in self.ctx.providers:
            accepted = [attempt for attempt in tx.attempts.left(mode) if (_last(attempt) or since) >= since]
            if not accepted or self.ctx.providers[mode].repeatable_submit:
                continue
            tasks = {task.id: task for task in tx.tasks.with_deleted({attempt.task_id for attempt in accepted})}
            found += [
                (tasks[attempt.task_id], attempt)
                for attempt in accepted
                if attempt.task_id in tasks and _is_abandoned(tasks[attempt.task_id], attempt)
            ]
        return found

    async def _poll_one(self, task: Task, attempt: Attempt, gate: asyncio.Semaphore) -> ActiveTask | None:
        """Poll one job; whatever it answers, the others are polled all the same."""
        active = ActiveTask(task, attempt)
        try:
            async with gate:
                async with asyncio.timeout(LONGEST_POLL):
                    state = await self.ctx.provider(active).poll(job_of(task, attempt), self.ctx.key(active))
                return await self._take_note(active, state)
        except Exception as error:  # noqa: BLE001 - see above
            log_failure(logger, f"abandoned job {attempt.remote_id} of task {task.id}", error)
        return None

    async def _take_note(self, active: ActiveTask, state: RemoteState) -> ActiveTask | None:
        now, attempt = self.ctx.clock(), active.attempt
        assert attempt is not None
        if state.status is RemoteStatus.SUCCEEDED and state.url:
            return await self.ctx.writer.do(lambda tx: _arrive(tx, active, attempt, state, now))
        if state.status in (RemoteStatus.FAILED, RemoteStatus.CANCELLED):
            await self.ctx.writer.do(lambda tx: _close(tx, attempt, state, now))
        return None


def _last(attempt: Attempt) -> datetime | None:
    return attempt.ended_at or attempt.accepted_at or attempt.intent_at


def _is_abandoned(task: Task, attempt: Attempt) -> bool:
    """Whether nobody polls an attempt: the worker does as long as its task is active with it."""
    if attempt.state not in (AttemptState.ABANDONED, AttemptState.ACCEPTED):
        return False
    return task.attempt_id != attempt.id or task.status not in _ACTIVE


def _arrive(tx: Tx, active: ActiveTask, attempt: Attempt, state: RemoteState, now: datetime) -> ActiveTask | None:
    """The result of an abandoned job is its task's own, unless that has gone on without it: then a further take's."""
    task = next(iter(tx.tasks.with_deleted({active.task.id})), None)
    fresh = tx.attempts.get(attempt.id)
    if task is None or fresh.state is not attempt.state or not _is_abandoned(task, fresh):
        return None
    if task.attempt_id == fresh.id and task.status in _ENDED_WITHOUT:
        # What was paid for is shown, also when its task was deleted meanwhile.
        tx.tasks.restore([task.id])
        found = ActiveTask(tx.tasks.get(task.id), fresh)
    else:
        found = _further_take(tx, task, fresh)
    return found if arrive(tx, found, state, now) else None


def _further_take(tx: Tx, task: Task, attempt: Attempt) -> ActiveTask:
    """A task of its own for an attempt whose task has gone on without it; its money goes along."""
    new = NewTask(
        project_id=task.project_id,
        shot_id=task.shot_id,
        provider=attempt.provider,
        model=attempt.model,
        params=task.params,
        status=TaskStatus.PENDING,
        output=task.output,
        cost=attempt.cost,
    )
    [further] = tx.tasks.add([new])
    tx.attempts.reassign(attempt.id, further.id)
    # The same steps as every task: the table of transitions knows no way around them.
    tx.forget((UNDER_WAY, attempt.provider))
    tx.tasks.move(further.id, TaskStatus.QUEUED)
    tx.tasks.move(
        further.id,
        TaskStatus.PROCESSING,
        attempt_id=attempt.id,
        remote_id=attempt.remote_id,
        submitted_at=attempt.accepted_at,
    )
    update_cost(tx, task.id)
    active = ActiveTask(tx.tasks.get(further.id), tx.attempts.get(attempt.id))
    log(tx, LogLevel.INFO, "task_late_further", active.task, of=task.take)
    return active


def _close(tx: Tx, attempt: Attempt, state: RemoteState, now: datetime) -> None:
    """An abandoned job has failed on the other side: nothing more will come of it."""
    if tx.attempts.get(attempt.id).state is not attempt.state:
        return
    charge = state.charge or (state.failure.charged if state.failure else ChargeStatus.UNKNOWN)
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
    update_cost(tx, attempt.task_id)
