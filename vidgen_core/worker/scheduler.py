"""One loop over a heap of due times: which task goes next, when, and within which limits."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import os
import platform
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from vidgen_core.db import Tx
from vidgen_core.db.worker_state import CHECK_NOW, PAUSED, forget_checks
from vidgen_core.domain.errors import FileError, StoreError, Superseded
from vidgen_core.domain.log import Heartbeat, LogLevel
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.providers.base import Key
from vidgen_core.worker import canary, chain, database_age, recovery, storage_check
from vidgen_core.worker.background import abandoned_jobs
from vidgen_core.worker.background.billing_sync import BillingSync
from vidgen_core.worker.background.model_lists import ModelLists
from vidgen_core.worker.clock import shift_times
from vidgen_core.worker.context import ActiveTask, Context, Next
from vidgen_core.worker.limits import budget_pause
from vidgen_core.worker.limits.concurrency import KEY_CAME, NO_KEY, NO_KEYS, Concurrency
from vidgen_core.worker.limits.key_pool import Lease
from vidgen_core.worker.retries import log_failure
from vidgen_core.worker.step import read_active, step
from vidgen_core.worker.steps import download, submit

logger = logging.getLogger(__name__)

#: Seconds between two checks of the store, and of what the budget holds back.
TICK = 0.5
#: Seconds between two signs of life.
HEARTBEAT = 2.0
#: Seconds until a database that cannot be used is asked again.
AGAIN = 1.0
#: Orders of a provider on their way at once: with more, whatever else is due would wait for all of them.
STARTING = 64
#: Queued tasks of a provider that are read beyond those that may begin, until the store is looked at again.
AHEAD = 16


class Scheduler:
    """Takes every live task through ``step`` until told to stop."""

    #: Seconds between two checks of the store for changes made by others.
    _tick = TICK

    def __init__(self, ctx: Context, started_at: datetime) -> None:
        self._ctx = ctx
        ctx.job_over = self._job_over
        self._started_at = started_at
        self._concurrency = Concurrency(ctx)
        self._billing = BillingSync(ctx, self._go_on)
        self._model_lists = ModelLists(ctx)
        self._storage = storage_check.StorageCheck(ctx)
        self._active: dict[int, ActiveTask] = {}
        self._due: list[tuple[float, int, int]] = []
        self._order = itertools.count()
        self._steps: dict[int, asyncio.Task[None]] = {}
        self._alarm = asyncio.Event()
        #: Until when it rests, by the monotonic clock; 0.0 while it does not.
        self._rests_until = 0.0
        self._revision = -1
        #: Why the database cannot be used now.
        self.store_error: StoreError | FileError | None = None
        #: Why it cannot do all that it should, while it goes on with the rest.
        self.problem: StoreError | None = None
        #: Providers with queued tasks, as far as this process knows, and whether tasks wait for a shot of their chain.
        self._queue: tuple[set[ProviderId], bool] | None = None
        #: What goes next by provider, as it was read last.
        self._ahead: dict[ProviderId, list[Task]] = {}
        #: Whether more tasks may begin than are beginning.
        self._more = False
        #: Whether a job has ended or the store has changed since queued tasks were last started.
        self._may_fill = True
        self._next_due_at: datetime | None = None
        #: Why nothing paid may be sent from this database.
        self._doubt: database_age.Doubt | None = None
        self._times: dict[str, float] = {}
        self._abandoned_round: asyncio.Task[None] | None = None
        self._abandoned = abandoned_jobs.AbandonedJobs(ctx)
        #: Tasks to be polled again as soon as their step is done.
        self._asked: set[int] = set()
        self._at_once = asyncio.Event()
        #: Whether it does what only one of several workers does.
        self.leads = True
        #: While a stop waits: paid requests that are out, and the most seconds that their answers may take.
        self.waits: tuple[int, float] | None = None

    def wake(self) -> None:
        """Check the store now."""
        self._revision = -1
        self._alarm.set()

    def check_now(self, task_id: int) -> None:
        """Poll a task now: somebody has heard that its job ended."""
        if task_id in self._steps:
            # The answer that is under way may be older than the news.
            self._asked.add(task_id)
        elif task_id in self._active:
            self._plan(task_id, 0.0)

    @property
    def unwritten(self) -> dict[ProviderId, dict[str, Any]]:
        """Provider pauses that stand because the database cannot be written, and so cannot be read there."""
        return self._ctx.pauses.unwritten()

    def stop(self) -> None:
        """Submit nothing more; paid requests that are out are waited for."""
        self._ctx.stopping = True
        self._alarm.set()

    def stop_at_once(self) -> None:
        """Wait for nothing any more: requests that are out become *unknown*."""
        self._at_once.set()
        self.stop()

    async def run(self) -> None:
        await self._recover()
        while not self._ctx.stopping:
            self._alarm.clear()
            try:
                await self._turn()
                self.store_error = None
            except (StoreError, FileError) as error:
                await self._wait_for_store(error)
            except Exception:
                # A mistake of ours: whatever was paid has its answer before the loop begins anew.
                self._ctx.stopping = True
                await self._drain()
                raise
            await self._rest()
        await self._drain()

    async def _wait_for_store(self, error: StoreError | FileError) -> None:
        """Ask again in a moment; what is under way goes on meanwhile."""
        self.store_error = error
        # What it has told last may not have been taken in.
        self._revision = -1
        await asyncio.sleep(AGAIN)

    async def _turn(self) -> None:
        """Do once what is due now."""
        await self._check_clock()
        if self._every("heartbeat", HEARTBEAT):
            self._beat()
        await self._check_store()
        if self._ctx.behind or (self._doubt is not None and self._every("doubt", self._tick)):
            self._doubt = await recovery.check_database_age(self._ctx)
        await self._fill()
        self._start_due()
        self._start_abandoned_round()
        await self._check_billing()

    # --- starting ---------------------------------------------------------------------------------------------------

    async def _recover(self) -> None:
        """Take up every task where the last run left it."""
        left = await recovery.recover(self._ctx)
        self._doubt = left.doubt
        for one in left.active:
            self._activate(one, 0.0)
        for attempt_id, task_id, mode, since in left.in_doubt:
            self._concurrency.count_in_doubt(attempt_id, task_id, mode, since)
        self._log_start(len(left.active))

    def _log_start(self, held: int) -> None:
        self._ctx.writer.post(lambda tx: tx.log.add(LogLevel.INFO, "runner_started", held=held, pid=os.getpid()))

    # --- the store --------------------------------------------------------------------------------------------------

    async def _check_store(self) -> None:
        """Notice what others did: cancel requests, polling again, pausing, lifting a pause."""
        if self._revision >= 0 and not self._every("store", self._tick):
            return
        revision = self._ctx.store.revision()
        if revision == self._revision:
            return
        self._revision, self._may_fill, self._queue = revision, True, None
        self._ctx.seen.clear()
        self._ahead.clear()
        news, asked = self._ctx.read(self._news)
        for active in news:
            self._take_up(active)
        for task_id in asked:
            self.check_now(task_id)

    def _news(self, tx: Tx) -> tuple[list[ActiveTask], set[int]]:
        """Tasks that others have changed, and those that they want polled now."""
        self._ctx.paused = PAUSED.has(tx)
        self._load_pauses(tx)
        self._concurrency.forget_resolved(tx)
        unclaimed = tx.tasks.active(without=self._active.keys())
        to_cancel = [task for task in tx.tasks.cancel_requested() if task.id in self._active]
        return [read_active(tx, task) for task in unclaimed + to_cancel], self._asked_for(tx)

    def _load_pauses(self, tx: Tx) -> None:
        before = {mode: self._ctx.pauses.of(mode) for mode in self._ctx.providers}
        self._ctx.pauses.load(tx)
        for mode, pause in before.items():
            if pause is not None and self._ctx.pauses.of(mode) is None and mode in self._ctx.keys:
                # A person said "go on": every key gets another chance.
                self._ctx.keys[mode].renew()

    def _asked_for(self, tx: Tx) -> set[int]:
        """Other processes hear of jobs that have ended, too; each is polled once."""
        asked = set(CHECK_NOW.get(tx) or ())
        if asked:
            self._ctx.writer.post(lambda tx: forget_checks(tx, asked))
        return asked

    def _take_up(self, news: ActiveTask) -> None:
        known = self._active.get(news.task.id)
        if known is None:
            # Seen in a snapshot: our own step may have ended it meanwhile, so it is read again before its first step.
            news.stale = True
            self._activate(news, 0.0)
            return
        if known.task.cancel_requested:
            return
        known.task = known.task.model_copy(update={"cancel_requested": True})
        running = self._steps.get(news.task.id)
        if running is None:
            self._plan(news.task.id, 0.0)
        elif known.task.status is TaskStatus.DOWNLOADING:
            running.cancel()

    # --- starting queued tasks --------------------------------------------------------------------------------------

    async def _fill(self) -> None:
        """Start queued tasks while limits and keys allow it."""
        due = self._next_due_at is not None and self._next_due_at <= self._ctx.clock()
        if self._ctx.paused or self._ctx.stopping or not (self._may_fill or due or self._every("fill", self._tick)):
            return
        self._may_fill = False
        await self._check_budget()
        self._next_due_at, self._more = None, False
        queued = await self._queued()
        for mode in self._ctx.providers:
            # A provider without either is not in use, and is not built.
            if mode in queued or self._ctx.pauses.of(mode) is not None:
                await self._fill_mode(mode)

    async def _fill_mode(self, mode: ProviderId) -> None:
        if self._doubt is not None and not mode.is_free:
            return
        free = self._concurrency.free(mode)
        starting = sum(active.task.provider is mode and active.is_starting for active in self._active.values())
        if free > STARTING - starting:
            free, self._more = STARTING - starting, True
        before = self._ctx.pauses.of(mode)
        keyless = before is not None and before.code == NO_KEY and before.params.get("cause") in NO_KEYS
        if free <= 0 or not self._may_submit(mode):
            return
        now = self._ctx.clock()
        waiting = self._known_next(mode)[:free]
        if len(waiting) < free:
            self._ctx.read(lambda tx: self._read_next(tx, mode, free, now))
            waiting = self._known_next(mode)[:free]
        folders = {path.parent for path in download.targets(waiting, self._ctx)}
        if waiting and keyless:
            # They were queued, but nobody has confirmed their price with this key.
            self._ctx.pauses.pause(mode, KEY_CAME, by_itself=False, provider=mode.value)
            return
        pause = self._ctx.pauses.of(mode)
        if (waiting or pause is not None) and not await self._storage.are_ready(mode, folders):
            return
        if waiting and not self._billing.ready(mode):
            return
        for task in waiting:
            if not self._begin(task):
                return

    def _known_next(self, mode: ProviderId) -> list[Task]:
        """The queued tasks that were read and may go next; the claim compares each with its row."""
        kept_back = self._ctx.budget.projects
        ahead = [
            task
            for task in self._ahead.get(mode, ())
            if task.id not in self._active and task.project_id not in kept_back
        ]
        self._ahead[mode] = ahead
        return ahead

    def _read_next(self, tx: Tx, mode: ProviderId, free: int, now: datetime) -> None:
        """Read which queued tasks may go next, and note when more of them will be due."""
        claiming = sum(active.task.status is TaskStatus.QUEUED for active in self._active.values())
        self._ahead[mode] = tx.tasks.claimable(mode, now, free + claiming + AHEAD, self._ctx.budget.projects)
        if len(self._known_next(mode)) < free and (due := tx.tasks.next_due(mode, now)) is not None:
            self._next_due_at = min(due, self._next_due_at or due)

    def _may_submit(self, mode: ProviderId) -> bool:
        pause = self._ctx.pauses.of(mode)
        if pause is None:
            return True
        if pause.handed_over and self._ctx.providers[mode].handed_back:
            self._ctx.pauses.handed_back(mode)
            return True
        if pause.code in storage_check.CODES:
            # Checked again where the next tasks are known.
            return self._every(f"storage of {mode}", storage_check.EVERY)
        return pause.code == NO_KEY and self._concurrency.key_may_have_come(mode)

    def _begin(self, task: Task) -> bool:
        key: Key | None = None
        if self._ctx.providers[task.provider].needs_key:
            parent = task.params.parent
            lease = self._concurrency.lease(task.provider, parent.key_id if parent else None)
            if not isinstance(lease, Lease):
                return False
            key = lease.key
            self._concurrency.keys[task.id] = key.id
        active = self._active[task.id] = ActiveTask(task, worker=self._ctx.worker)
        self._concurrency.put(active, remote=True)
        self._start_step(active, key)
        return True

    async def _queued(self) -> Collection[ProviderId]:
        """Let the shots go on whose turn it is in their chains, and say which providers have queued tasks.

        What this process has not changed itself is asked for once between two looks at the store.
        """
        rules = chain.rules_of(self._ctx)

        def read(tx: Tx) -> tuple[list[chain.Change], tuple[set[ProviderId], bool]]:
            waiting = tx.shot_chains.waiting()
            return chain.changes(tx, rules, waiting), (set(tx.tasks.queued(None)), bool(waiting))

        if self._queue is None or self._queue[1]:
            wanted, self._queue = self._ctx.read(read)
            if wanted:
                await self._ctx.writer.do(lambda tx: chain.carry_out(tx, wanted))
                self._ahead.clear()
                _, self._queue = self._ctx.read(read)
        return self._queue[0]

    async def _check_budget(self) -> None:
        """Go on with what was paused for the budget, once it fits."""
        if not self._every("budget", TICK):
            return
        ctx, settings, now = self._ctx, self._ctx.settings(), self._ctx.clock()
        modes, projects = ctx.read(lambda tx: ctx.budget.check(tx, settings, now))
        ctx.budget.go_on(modes, projects)
        if projects:
            await ctx.writer.do(lambda tx: budget_pause.lift_projects(tx, projects))
        if ripe := ctx.read(canary.ripe):
            await ctx.writer.do(lambda tx: canary.go_on(tx, ripe))
            self._queue = None
            self._ahead.clear()

    # --- steps ------------------------------------------------------------------------------------------------------

    def _activate(self, active: ActiveTask, delay: float) -> None:
        self._active[active.task.id] = active
        self._concurrency.put(active, remote=active.task.status is not TaskStatus.DOWNLOADING)
        self._plan(active.task.id, delay)

    def _plan(self, task_id: int, delay: float) -> None:
        due = self._ctx.clock.monotonic() + delay
        heapq.heappush(self._due, (due, next(self._order), task_id))
        if self._may_fill or due < self._rests_until:
            self._alarm.set()

    def _start_due(self) -> None:
        now = self._ctx.clock.monotonic()
        while self._due and self._due[0][0] <= now:
            _, _, task_id = heapq.heappop(self._due)
            active = self._active.get(task_id)
            if active is not None and task_id not in self._steps:
                self._start_step(active, None)

    def _start_step(self, active: ActiveTask, key: Key | None) -> None:
        self._steps[active.task.id] = asyncio.create_task(self._advance(active, key), name=f"task {active.task.id}")

    async def _advance(self, active: ActiveTask, key: Key | None) -> None:
        task_id = active.task.id
        try:
            following = await step(active, self._ctx, key)
        except asyncio.CancelledError:
            following = Next(0.0, remote=False)
            if self._ctx.stopping:
                raise
        except Superseded as error:
            logger.warning("task %s was moved on by somebody else: %s", task_id, error)
            active.stale = True
            following = Next(TICK, remote=self._concurrency.remote.get(task_id, True))
        finally:
            self._steps.pop(task_id, None)
        self._settle(active, following)

    def _settle(self, active: ActiveTask, following: Next | None) -> None:
        asked = active.task.id in self._asked
        self._asked.discard(active.task.id)
        if following is None:
            self._active.pop(active.task.id, None)
            if self._concurrency.drop(active):
                # Whoever has resolved it since it was written did so before it counted.
                self.wake()
            if active.task.status is TaskStatus.QUEUED:
                self._ahead.pop(active.task.provider, None)
                if self._queue is not None:
                    self._queue[0].add(active.task.provider)
            if not active.at_limit:
                self._may_fill = True
                self._alarm.set()
            return
        freed = self._concurrency.put(active, remote=following.remote)
        self._may_fill = self._may_fill or freed or self._more
        self._plan(active.task.id, 0.0 if asked or active.task.cancel_requested else following.delay)

    def _job_over(self, active: ActiveTask) -> None:
        """Begin the next job while the end of this one is written: its claim is written after it, and counts what runs."""
        if self._concurrency.put(active, remote=False):
            self._may_fill = True
            self._alarm.set()

    # --- resting ----------------------------------------------------------------------------------------------------

    async def _rest(self) -> None:
        pause = self._tick
        if self._due:
            pause = min(pause, self._due[0][0] - self._ctx.clock.monotonic())
        if self._next_due_at is not None:
            pause = min(pause, (self._next_due_at - self._ctx.clock()).total_seconds())
        if pause <= 0:
            await asyncio.sleep(0)
            return
        self._rests_until = self._ctx.clock.monotonic() + pause
        timer = asyncio.get_running_loop().call_later(pause, self._alarm.set)
        await self._alarm.wait()
        timer.cancel()
        self._rests_until = 0.0

    async def _check_clock(self) -> None:
        """Notice a clock that was set, and let everything that is kept be as long ago, or as far ahead, as it was.

        Store and memory change together, so nothing of the loop runs meanwhile.
        """
        ctx = self._ctx
        jump = ctx.clock.jump()
        if not jump:
            ctx.clock.follow()
            return
        try:
            shifted = await ctx.writer.alone(lambda tx: self._shift_times(tx, jump))
        except Exception as error:  # noqa: BLE001 - the worker's own time goes on as before, and the next check tries again
            log_failure(logger, "a clock that was set could not be followed", error)
            return
        ctx.clock.follow()
        if shifted:
            by = timedelta(seconds=shifted)
            ctx.pauses.shift(by)
            self._concurrency.shift(by)
            for pool in ctx.keys.built.values():
                pool.shift(by)
        # It is looked for again.
        self._next_due_at, self._may_fill = None, True
        with ctx.store.read() as tx:
            for active in self._active.values():
                # With the number of before: whether somebody else has changed it is still to be found out.
                active.attempt = active.attempt and tx.attempts.get(active.attempt.id).model_copy(
                    update={"state": active.attempt.state, "rev": active.attempt.rev}
                )
        logger.warning("the clock was set by %+.0f s", jump)

    def _shift_times(self, tx: Tx, jump: float) -> float:
        """Shift what is kept; returns by how many seconds."""
        shift_times(tx, jump)
        return jump

    def _every(self, name: str, seconds: float) -> bool:
        now = self._ctx.clock.monotonic()
        if now - self._times.get(name, -seconds) < seconds:
            return False
        self._times[name] = now
        return True

    def _beat(self) -> None:
        beat = Heartbeat(
            name=self._ctx.worker or "",
            pid=os.getpid(),
            host=platform.node(),
            started_at=self._started_at,
            at=self._ctx.clock(),
            leads=self.leads,
        )
        self._ctx.writer.post(lambda tx: tx.heartbeat.beat(beat))

    def _start_abandoned_round(self) -> None:
        if self._abandoned_round is None and self._every("abandoned", self._abandoned.pause):
            self._abandoned_round = asyncio.create_task(self._poll_abandoned(), name="abandoned jobs")

    async def _check_billing(self) -> None:
        if self._every("billing", TICK):
            busy = {active.task.provider for active in self._active.values()}
            if self._billing.open - busy:
                busy |= self._ctx.read(lambda tx: frozenset(tx.tasks.queued(None)))
            self._billing.check(busy)
            self._model_lists.check()

    def _go_on(self) -> None:
        self._may_fill = True
        self._alarm.set()

    async def _poll_abandoned(self) -> None:
        try:
            async for active in self._abandoned.poll():
                self._take_late(active)
        except Exception as error:  # noqa: BLE001 - the next round asks again; nothing of this one is lost
            log_failure(logger, "polling abandoned jobs", error)
        finally:
            self._abandoned_round = None

    def _take_late(self, active: ActiveTask) -> None:
        """The result of an abandoned job has come in."""
        self._activate(active, 0.0)

    async def _drain(self) -> None:
        """Cancel everything but paid requests that are out: those are waited for."""
        if self._abandoned_round is not None:
            self._abandoned_round.cancel()
        await self._billing.stop()
        await self._model_lists.stop()
        paid = {}
        for task_id, running in list(self._steps.items()):
            if self._active[task_id].request is not None:
                paid[running] = self._active[task_id]
            else:
                running.cancel()
        if paid:
            await self._wait_for_answers(paid)
        for running in list(self._steps.values()):
            running.cancel()
        await asyncio.gather(*self._steps.values(), return_exceptions=True)
        self._ctx.writer.post(lambda tx: tx.log.add(LogLevel.INFO, "runner_stopped", pid=os.getpid()))

    async def _wait_for_answers(self, paid: dict[asyncio.Task[None], ActiveTask]) -> None:
        """Paid requests that are out are waited for as long as their answers may take, unless a person will not."""
        seconds = max(self._ctx.provider(active).longest_submit for active in paid.values())
        self.waits = len(paid), seconds
        logger.warning(
            "Waiting for %d paid requests that are out, at most %d s; a second signal ends it at once, and whether "
            "they were bought is not known then.", len(paid), seconds,
        )  # fmt: skip
        self._ctx.writer.post(lambda tx: tx.log.add(LogLevel.INFO, "runner_waits", n=len(paid), seconds=round(seconds)))
        until, at_once = self._ctx.clock.monotonic() + seconds, asyncio.create_task(self._at_once.wait())
        while (left := {one for one in paid if not one.done()}) and not at_once.done():
            rest = until - self._ctx.clock.monotonic()
            if rest <= 0:
                break
            self._beat()
            await asyncio.wait({*left, at_once}, timeout=min(rest, HEARTBEAT), return_when=asyncio.FIRST_COMPLETED)
            self.waits = sum(not one.done() for one in paid), max(until - self._ctx.clock.monotonic(), 0.0)
        at_once.cancel()
        self.waits = None
        await submit.stop_waiting([paid[one] for one in paid if not one.done()], self._ctx)
