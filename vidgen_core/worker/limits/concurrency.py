"""Who may submit now: slots of the cap, holds, keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vidgen_core.db import Tx
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.worker.context import ActiveTask, Context, Lane
from vidgen_core.worker.limits.key_pool import Empty, Lease, Wait

#: Code of a hold for want of a key; it ends by itself when a key appears.
NO_KEY = "lane_no_key"
#: Its causes when none was entered, none is switched on, or all were entered for another address.
NO_KEYS = frozenset({"no_keys", "all_disabled", "all_elsewhere"})
#: Code of a hold after one was entered: a person says whether what had been queued goes.
KEY_CAME = "lane_key_came"


@dataclass
class Concurrency:
    """Remote jobs in flight by provider; a lost answer keeps its slot until its job cannot be running any more."""

    ctx: Context
    lanes: dict[int, Lane] = field(default_factory=dict)
    modes: dict[int, ProviderId] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)
    #: Attempt id of a lost answer -> its provider, its task and when it stops to count.
    unknown: dict[int, tuple[ProviderId, int, datetime]] = field(default_factory=dict)

    def put(self, held: ActiveTask, lane: Lane) -> None:
        """A task stands in ``lane`` from now on."""
        task = held.task
        self.modes[task.id], self.lanes[task.id] = task.provider, lane
        if lane is Lane.LOCAL:
            self._release_key(task.id)

    def drop(self, held: ActiveTask) -> None:
        """A task is no longer held."""
        task, attempt = held.task, held.attempt
        self._release_key(task.id)
        self.modes.pop(task.id, None)
        self.lanes.pop(task.id, None)
        lost = attempt is not None and attempt.state is AttemptState.UNKNOWN and task.status is TaskStatus.FAILED
        if lost and attempt is not None:
            self.count_unknown(attempt.id, task.id, task.provider, attempt.intent_at or self.ctx.clock())

    def count_unknown(self, attempt_id: int, task_id: int, mode: ProviderId, since: datetime) -> None:
        """Count a lost answer as in flight for the longest time such a job can take."""
        longest = min(self.ctx.providers[mode].longest_job, self.ctx.settings().runner.max_wait)
        self.unknown[attempt_id] = (mode, task_id, since + timedelta(seconds=longest))

    def shift(self, by: timedelta) -> None:
        """The clock was set."""
        self.unknown = {id_: (mode, task_id, until + by) for id_, (mode, task_id, until) in self.unknown.items()}

    def forget_resolved(self, tx: Tx) -> None:
        """Forget lost answers that a person has resolved."""
        for attempt_id, (_, task_id, _) in list(self.unknown.items()):
            tasks = tx.tasks.many([task_id])
            if not tasks or tasks[0].status is not TaskStatus.FAILED or tasks[0].attempt_id != attempt_id:
                del self.unknown[attempt_id]

    def free(self, mode: ProviderId) -> int:
        """Slots left under the cap as the settings have it now."""
        now = self.ctx.clock()
        self.unknown = {key: one for key, one in self.unknown.items() if one[2] > now}
        busy = sum(1 for task_id, lane in self.lanes.items() if lane is Lane.REMOTE and self.modes[task_id] is mode)
        lost = sum(1 for other, _, _ in self.unknown.values() if other is mode)
        cap = self.ctx.settings().max_concurrent(mode)
        return min(cap, self.ctx.providers[mode].at_once or cap) - busy - lost

    def lease(self, mode: ProviderId) -> Lease | None:
        """A key for the next task of ``mode``; None holds the lane and says why."""
        pool, lanes = self.ctx.keys[mode], self.ctx.lanes
        match pool.lease():
            case Lease() as lease:
                lanes.lift(mode, NO_KEY)
                return lease
            case Wait(seconds=seconds, reason=reason):
                until = self.ctx.clock() + timedelta(seconds=seconds)
                lanes.hold(mode, f"lane_{reason}", until=until, provider=mode.value, seconds=round(seconds))
            case Empty(reason=reason):
                lanes.hold(mode, NO_KEY, provider=mode.value, cause=reason)
        return None

    def key_may_have_come(self, mode: ProviderId) -> bool:
        """Whether a lane that waits for a key can go on."""
        lease = self.lease(mode)
        if lease is not None:
            self.ctx.keys[mode].release(lease.key.id)
        return lease is not None

    def _release_key(self, task_id: int) -> None:
        key_id = self.keys.pop(task_id, None)
        if key_id is not None:
            self.ctx.keys[self.modes[task_id]].release(key_id)
