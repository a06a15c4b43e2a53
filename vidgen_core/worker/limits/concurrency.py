"""Who may submit now: jobs under way by provider, and keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vidgen_core.db import Tx
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.worker.context import ActiveTask, Context
from vidgen_core.worker.limits.key_pool import Empty, Lease, Wait

#: Code of a pause for want of a key; it ends without a person when a key appears.
NO_KEY = "pause_no_key"
#: Its causes when none was entered, none is switched on, or all were entered for another address.
NO_KEYS = frozenset({"no_keys", "all_disabled", "all_elsewhere"})
#: Code of a pause after one was entered: a person says whether what had been queued goes.
KEY_CAME = "pause_key_came"


@dataclass
class Concurrency:
    """Remote jobs under way by provider; a lost answer counts as one until its job cannot be running any more."""

    ctx: Context
    #: Active tasks -> whether they count against their provider's concurrency.
    remote: dict[int, bool] = field(default_factory=dict)
    providers: dict[int, ProviderId] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)
    #: Attempt id of a lost answer -> its provider, its task and when it stops to count.
    in_doubt: dict[int, tuple[ProviderId, int, datetime]] = field(default_factory=dict)

    def put(self, active: ActiveTask, *, remote: bool) -> bool:
        """Count a task from now on, or count it no more although it is active; whether another may begin for it."""
        task = active.task
        freed = self.remote.get(task.id, False) and not remote
        self.providers[task.id], self.remote[task.id] = task.provider, remote
        if not remote:
            self._release_key(task.id)
        return freed

    def drop(self, active: ActiveTask) -> bool:
        """Forget a task that is no longer active; whether its lost answer counts from now on."""
        task, attempt = active.task, active.attempt
        self._release_key(task.id)
        self.providers.pop(task.id, None)
        self.remote.pop(task.id, None)
        lost = attempt is not None and attempt.state is AttemptState.UNKNOWN and task.status is TaskStatus.FAILED
        if lost and attempt is not None:
            self.count_in_doubt(attempt.id, task.id, task.provider, attempt.intent_at or self.ctx.clock())
        return lost

    def count_in_doubt(self, attempt_id: int, task_id: int, mode: ProviderId, since: datetime) -> None:
        """Count a lost answer as under way for the longest time such a job can take."""
        longest = min(self.ctx.providers[mode].longest_job, self.ctx.settings().runner.max_wait)
        self.in_doubt[attempt_id] = (mode, task_id, since + timedelta(seconds=longest))

    def shift(self, by: timedelta) -> None:
        """The clock was set."""
        self.in_doubt = {id_: (mode, task_id, until + by) for id_, (mode, task_id, until) in self.in_doubt.items()}

    def forget_resolved(self, tx: Tx) -> None:
        """Forget lost answers that a person has resolved."""
        for attempt_id, (_, task_id, _) in list(self.in_doubt.items()):
            tasks = tx.tasks.many([task_id])
            if not tasks or tasks[0].status is not TaskStatus.FAILED or tasks[0].attempt_id != attempt_id:
                del self.in_doubt[attempt_id]

    def free(self, mode: ProviderId) -> int:
        """How many more jobs may be under way, as the settings have it now."""
        now = self.ctx.clock()
        self.in_doubt = {key: one for key, one in self.in_doubt.items() if one[2] > now}
        busy = sum(1 for task_id, remote in self.remote.items() if remote and self.providers[task_id] is mode)
        lost = sum(1 for other, _, _ in self.in_doubt.values() if other is mode)
        cap = self.ctx.settings().max_concurrent(mode)
        return min(cap, self.ctx.providers[mode].at_once or cap) - busy - lost

    def lease(self, mode: ProviderId, only: str | None = None) -> Lease | None:
        """A key for the next task of ``mode``; None pauses the provider and says why.

        :param only: as ``KeyPool.lease`` takes it
        """
        pool, pauses = self.ctx.keys[mode], self.ctx.pauses
        match pool.lease(only=only):
            case Lease() as lease:
                pauses.lift(mode, NO_KEY)
                return lease
            case Wait(seconds=seconds, reason=reason):
                until = self.ctx.clock() + timedelta(seconds=seconds)
                pauses.pause(mode, f"pause_{reason}", until=until, provider=mode.value, seconds=round(seconds))
            case Empty(reason=reason):
                pauses.pause(mode, NO_KEY, provider=mode.value, cause=reason)
        return None

    def key_may_have_come(self, mode: ProviderId) -> bool:
        """Whether a provider that waits for a key can go on."""
        lease = self.lease(mode)
        if lease is not None:
            self.ctx.keys[mode].release(lease.key.id)
        return lease is not None

    def _release_key(self, task_id: int) -> None:
        key_id = self.keys.pop(task_id, None)
        if key_id is not None:
            self.ctx.keys[self.providers[task_id]].release(key_id)
