"""One of several workers on a database that they share.

An engine says which tasks are this worker's; each bears its name while it has an attempt, so that a worker that was thought
dead and is not changes nothing any more. What only one of them does (asking for tasks to be carried, chains, budget, abandoned
jobs, balances), the one does that has the lock of the runner: the leader.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Final

from vidgen_core.db import Tx
from vidgen_core.db.backends.backend import RunnerLock
from vidgen_core.db.worker_state import CHECK_NOW, CLOCK_SET, GENERATION, PAUSED, forget_checks
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import FileError, StoreError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.worker import database_age, recovery
from vidgen_core.worker.clock import JUMP, ServerClock, shift_times
from vidgen_core.worker.context import ActiveTask, Context, Next
from vidgen_core.worker.engines.engine import Engine
from vidgen_core.worker.limits.concurrency import Concurrency
from vidgen_core.worker.limits.key_pool import kept_states
from vidgen_core.worker.scheduler import HEARTBEAT, Scheduler
from vidgen_core.worker.step import read_active
from vidgen_core.worker.steps.claim import cap_of, under_way
from vidgen_core.worker.transition import UNDER_WAY, requeue

logger = logging.getLogger(__name__)

#: Seconds between two looks whether this worker leads, or may lead.
LEAD: Final = 1.0
#: Seconds after which every task under way is asked to be carried again: whatever the engine lost comes back.
RECONCILE: Final = 5.0
#: How long a task waits for the machine that alone can go on with it, counted from its order.
WAIT_FOR_MACHINE: Final = timedelta(hours=1)
#: How long a worker that has ended without a word is remembered.
REMEMBERED: Final = timedelta(days=1)


class SharedConcurrency(Concurrency):
    """As the database counts: it alone knows what the other workers do."""

    def free(self, mode: ProviderId) -> int:
        cap = cap_of(self.ctx.settings(), self.ctx.providers[mode])
        return cap.jobs - self.ctx.read(lambda tx: under_way(tx, mode, cap, self.ctx.clock()))


class SharedScheduler(Scheduler):
    """Takes the tasks that an engine hands to it through ``step``.

    :param lock: whoever has it leads
    """

    _tick = 0.2

    def __init__(self, ctx: Context, started_at: datetime, engine: Engine, lock: RunnerLock) -> None:
        super().__init__(ctx, started_at)
        self._concurrency = SharedConcurrency(ctx)
        self._engine = engine
        self._lock = lock
        self.leads = False
        #: Tasks that are handed to this worker -> done when it has nothing more to do for them.
        self._carried: dict[int, asyncio.Future[None]] = {}
        #: When a leader showed the last sign of life, by the monotonic clock, and the signs there were then.
        self._led_at = ctx.clock.monotonic()
        self._signs: list[datetime] = []
        #: ``CLOCK_SET`` when the server was last asked for its time, and when a jump of it was shifted.
        self._clock_set = self._shifted = 0.0
        #: Tasks that are to be handed to somebody, or to the worker of one machine.
        self._wanted: list[tuple[str, int]] = []

    async def run(self) -> None:
        running = asyncio.create_task(self._engine.run(self._carry), name="engine")
        try:
            await super().run()
        finally:
            # Only now: what was waited for until its answer came is given back with it.
            self._engine.stop()
            await asyncio.wait((running,))
            await asyncio.to_thread(self._lock.release)
            name = self._ctx.worker or ""
            self._ctx.writer.post(lambda tx: tx.heartbeat.forget(name, self._ctx.clock() - REMEMBERED))

    async def _recover(self) -> None:
        await recovery.write_journal(self._ctx)
        await recovery.mend_times(self._ctx)
        self._doubt = await recovery.check_database_age(self._ctx)
        self._log_start(0)

    async def _turn(self) -> None:
        await self._check_lead()
        await super()._turn()
        if self.leads and self._every("reconcile", RECONCILE):
            self._wanted += self._ctx.read(self._under_way)
        wanted, self._wanted = self._wanted, []
        for machine in sorted({machine for machine, _ in wanted}):
            await self._engine.put([id_ for where, id_ in wanted if where == machine], machine)

    async def _wait_for_store(self, error: StoreError | FileError) -> None:
        # Nobody could show a sign of life.
        self._led_at = self._ctx.clock.monotonic()
        await super()._wait_for_store(error)

    async def _check_clock(self) -> None:
        clock = self._ctx.clock
        if isinstance(clock, ServerClock) and clock.is_old:
            # Read before: what is shifted between the two is still to be seen as a jump here.
            known = self._ctx.read(CLOCK_SET.get) or 0.0
            await asyncio.to_thread(clock.ask)
            self._shifted = self._clock_set if clock.jump() else known
        await super()._check_clock()
        if not clock.jump():
            self._clock_set = self._shifted

    def _shift_times(self, tx: Tx, jump: float) -> float:
        """Shift what no other worker has shifted yet."""
        self._shifted = CLOCK_SET.get(tx) or 0.0
        left = jump - (self._shifted - self._clock_set)
        if abs(left) <= JUMP:
            return 0.0
        shift_times(tx, left)
        # What was written by the new time already was shifted as well.
        recovery.bound_times(tx, self._ctx.clock() + timedelta(seconds=jump))
        self._shifted += left
        CLOCK_SET.put(tx, self._shifted)
        return left

    async def _check_lead(self) -> None:
        if not self._every("lead", LEAD):
            return
        led = self.leads
        try:
            self.leads = await asyncio.to_thread(self._lock.is_held if led else self._lock.acquire)
            if not self.leads and self._is_leaderless():
                logger.warning("the leader stands still: another one is to lead")
                self._led_at = self._ctx.clock.monotonic()
                await asyncio.to_thread(self._lock.take_away)
            self.problem = None
        except StoreError as error:
            # New sessions are refused, perhaps, while those that it has work; if not, the turn finds out.
            self.leads, self.problem = False, error
        if self.leads and not led:
            # Nothing of what another one knew is known here.
            self._revision = -1
            self._times.pop("reconcile", None)
            logger.info("worker %s leads", self._ctx.worker)

    def _under_way(self, tx: Tx) -> list[tuple[str, int]]:
        """Tasks that somebody is to carry, with the machine that alone can."""
        return [(self._only_at(read_active(tx, task)), task.id) for task in tx.tasks.active()]

    def _only_at(self, active: ActiveTask) -> str:
        """The machine that alone can go on with a task under way; empty: any can, or it has been waited for long enough."""
        task, attempt = active.task, active.attempt
        if attempt is None or attempt.intent_at is None or task.cancel_requested:
            return ""
        address = attempt.remote_id or str((attempt.sent or {}).get("page", ""))
        if not self._ctx.providers[task.provider].is_of_machine(address):
            return ""
        return machine_of(attempt.worker) if self._ctx.clock() - attempt.intent_at < WAIT_FOR_MACHINE else ""

    def _is_leaderless(self) -> bool:
        """Whether no leader has shown a sign of life for long."""
        now = self._ctx.clock.monotonic()
        signs = [beat.at for beat in self._ctx.read(lambda tx: tx.heartbeat.all()) if beat.leads]
        if signs != self._signs:
            # Whatever times they bear: the clock of the server may have been set.
            self._signs, self._led_at = signs, now
        # One that has just begun to lead has not said so yet.
        return now - self._led_at > self._ctx.takeover_seconds + 2 * HEARTBEAT

    # --- what the engine hands over ---------------------------------------------------------------------------------

    async def _carry(self, task_id: int) -> None:
        """Have a task until there is nothing more to do for it."""
        if self._ctx.stopping:
            # Until it is given back.
            await asyncio.get_running_loop().create_future()
        carried = self._carried.get(task_id)
        if carried is None:
            carried = self._carried[task_id] = asyncio.get_running_loop().create_future()
            try:
                taken = await self._take(task_id)
            except BaseException:
                self._carried.pop(task_id, None)
                carried.cancel()
                raise
            if not taken:
                self._done(task_id)
        await asyncio.shield(carried)

    async def _take(self, task_id: int) -> bool:
        """Begin with a task, as its row stands now; False when there is nothing to do for it here."""
        for task in self._ctx.read(lambda tx: tx.tasks.many([task_id])):
            if task.status is TaskStatus.QUEUED:
                return self._may_begin(task) and super()._begin(task)
        found = await self._ctx.writer.do(lambda tx: self._own(tx, task_id))
        if found is not None:
            self._activate(found, 0.0)
        return found is not None

    def _own(self, tx: Tx, task_id: int) -> ActiveTask | None:
        """A task under way, with this worker's name where another one had it."""
        for task in tx.tasks.many([task_id]):
            if task.status not in (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING):
                return None
            active = read_active(tx, task)
            if self._only_at(active) not in ("", machine_of(self._ctx.worker)):
                return None
            if self._is_elsewhere(active):
                if task.status is TaskStatus.DOWNLOADING:
                    # The table of transitions has no shorter way.
                    tx.forget((UNDER_WAY, task.provider))
                    tx.tasks.move(task.id, TaskStatus.PROCESSING)
                    active = read_active(tx, tx.tasks.get(task.id))
                requeue(tx, active, None, None, self._ctx.clock(), 0.0, state=AttemptState.REFUSED)
                return None
            if task.attempt_id is not None:
                tx.attempts.update(task.attempt_id, worker=self._ctx.worker)
            active = read_active(tx, task)
            active.worker = self._ctx.worker
            return active
        return None

    def _is_elsewhere(self, active: ActiveTask) -> bool:
        """Whether another machine has what a free renderer had begun: it is begun anew here."""
        attempt = active.attempt
        if not active.task.provider.is_free or attempt is None:
            return False
        return machine_of(attempt.worker) != machine_of(self._ctx.worker)

    def _may_begin(self, task: Task) -> bool:
        if self._ctx.paused or task.cancel_requested or (self._doubt is not None and not task.provider.is_free):
            return False
        return self._ctx.pauses.of(task.provider) is None

    def _done(self, task_id: int) -> None:
        carried = self._carried.pop(task_id, None)
        if carried is not None and not carried.done():
            carried.set_result(None)

    def _settle(self, active: ActiveTask, following: Next | None) -> None:
        super()._settle(active, following)
        if following is None:
            self._done(active.task.id)

    # --- what the store says ----------------------------------------------------------------------------------------

    def _news(self, tx: Tx) -> tuple[list[ActiveTask], set[int]]:
        tx.state.many([row.name() for row in (PAUSED, CLOCK_SET, GENERATION, CHECK_NOW)])
        self._ctx.paused = PAUSED.has(tx)
        clock = self._ctx.clock
        if isinstance(clock, ServerClock) and (CLOCK_SET.get(tx) or 0.0) != self._clock_set:
            clock.expire()
        self._load_pauses(tx)
        if not database_age.looks_behind(tx, self._ctx):
            # As a witness of what all have bought.
            self._ctx.newest = database_age.generation_of(tx)
        for mode, pool in self._ctx.keys.built.items():
            pool.follow(kept_states(tx, mode))
        if self.leads:
            self._ctx.budget.follow(tx)
        to_cancel = [task for task in tx.tasks.cancel_requested() if task.id in self._active]
        return [read_active(tx, task) for task in to_cancel], self._asked_for(tx)

    def _asked_for(self, tx: Tx) -> set[int]:
        asked = set(CHECK_NOW.get(tx) or ())
        mine = asked & self._active.keys()
        gone = mine
        if self.leads and asked:
            # Nobody has them any more.
            gone = asked - {task.id for task in tx.tasks.active() if task.id not in mine}
        if gone:
            self._ctx.writer.post(lambda tx: forget_checks(tx, gone))
        return mine

    # --- what only the leader does ----------------------------------------------------------------------------------

    async def _fill(self) -> None:
        if self.leads:
            await super()._fill()

    def _begin(self, task: Task) -> bool:
        self._wanted.append((self._ctx.providers[task.provider].machine, task.id))
        # Whoever claims it is not heard of here.
        self._ahead.pop(task.provider, None)
        return True

    def _start_abandoned_round(self) -> None:
        if self.leads:
            super()._start_abandoned_round()

    def _take_late(self, active: ActiveTask) -> None:
        self._wanted.append((self._only_at(active), active.task.id))

    async def _check_billing(self) -> None:
        if self.leads:
            await super()._check_billing()


def machine_of(worker: str | None) -> str:
    """The name of a worker without what tells its starts apart."""
    return (worker or "").rpartition(":")[0]
