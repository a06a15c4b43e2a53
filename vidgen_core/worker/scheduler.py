"""Who goes next, when to look again, under which cap: one loop over a heap of due times."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import os
import platform
from datetime import datetime, timedelta
from typing import Any

from vidgen_core.db import JournalState, Tx
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import FileError, StoreError, Superseded
from vidgen_core.domain.log import Heartbeat, LogLevel
from vidgen_core.domain.providers import ProviderId, paid_providers
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.providers.base import Key
from vidgen_core.worker import canary, database_age, internal_errors, records, storage_check
from vidgen_core.worker.background import abandoned_jobs
from vidgen_core.worker.background.billing_sync import BillingSync
from vidgen_core.worker.backoff import LONGEST_BEFORE_SUBMIT
from vidgen_core.worker.context import ActiveTask, Context, Lane, Next
from vidgen_core.worker.limits import budget_pause
from vidgen_core.worker.limits.concurrency import KEY_CAME, NO_KEY, NO_KEYS, Concurrency
from vidgen_core.worker.limits.key_pool import Lease
from vidgen_core.worker.step import step as advance
from vidgen_core.worker.steps import download, submit

logger = logging.getLogger(__name__)

#: Seconds between two looks at the store for changes made by others.
TICK = 0.5
#: Seconds between two signs of life.
HEARTBEAT = 2.0
#: Downloads at once; they hold no slot of the cap.
DOWNLOADS = 8
#: The state that names tasks to be looked at now; written by processes that do not run them.
_ASKED = "look_now"


class Scheduler:
    """Carries every live task through ``advance`` until told to stop."""

    def __init__(self, ctx: Context, started_at: datetime) -> None:
        self._ctx = ctx
        self._started_at = started_at
        self._slots = Concurrency(ctx)
        self._books = BillingSync(ctx, self._go_on)
        self._places = storage_check.StorageCheck(ctx)
        self._held: dict[int, ActiveTask] = {}
        self._due: list[tuple[float, int, int]] = []
        self._order = itertools.count()
        self._steps: dict[int, asyncio.Task[None]] = {}
        self._alarm = asyncio.Event()
        self._revision = -1
        #: Whether a slot was freed or the store has changed since slots were last filled.
        self._work = True
        self._next_due_at: datetime | None = None
        #: Why nothing paid may be sent from this database.
        self._doubt: database_age.Doubt | None = None
        self._times: dict[str, float] = {}
        self._downloads = asyncio.Semaphore(DOWNLOADS)
        self._late: asyncio.Task[None] | None = None
        self._late_jobs = abandoned_jobs.AbandonedJobs(ctx)
        #: Tasks to be looked at again as soon as their step is done.
        self._asked: set[int] = set()
        self._at_once = asyncio.Event()
        #: While a stop waits: paid requests that are out, and the most seconds that their answers may take.
        self.waits: tuple[int, float] | None = None

    def wake(self) -> None:
        """Look at the store now."""
        self._revision = -1
        self._alarm.set()

    def look(self, task_id: int) -> None:
        """Ask after a task now: somebody has heard that its job ended."""
        if task_id in self._steps:
            # The answer that is under way may be older than the news.
            self._asked.add(task_id)
        elif task_id in self._held:
            self._plan(task_id, 0.0)

    @property
    def unwritten(self) -> dict[ProviderId, dict[str, Any]]:
        """Holds that stand because the database cannot be written, and so cannot be read there."""
        return self._ctx.lanes.unwritten()

    def stop(self) -> None:
        """Submit nothing more; paid requests that are out are waited for."""
        self._ctx.stopping = True
        self._alarm.set()

    def stop_at_once(self) -> None:
        """Wait for nothing any more: requests that are out become *unknown*."""
        self._at_once.set()
        self.stop()

    async def run(self) -> None:
        """The loop."""
        await self._recover()
        while not self._ctx.stopping:
            self._alarm.clear()
            self._look_at_clock()
            if self._every("heartbeat", HEARTBEAT):
                self._beat()
            await self._look_at_store()
            await self._fill()
            self._start_due()
            self._look_for_late()
            await self._look_at_books()
            await self._rest()
        await self._drain()

    # --- starting ---------------------------------------------------------------------------------------------------

    async def _recover(self) -> None:
        """Take up every task where the last run left it."""
        await self._read_journal()
        try:
            await self._ctx.writer.do(self._mend_times)
        except (StoreError, FileError):
            # What was left is followed all the same.
            logger.exception("times that lie far ahead could not be mended")
        held, unknown = await self._ctx.read(self._left_over)
        for one in held:
            # This process holds the lock of the home, so whoever carried it is dead.
            one.inherited = True
            self._hold(one, Lane.LOCAL if one.task.status is TaskStatus.DOWNLOADING else Lane.REMOTE, 0.0)
        for attempt_id, task_id, mode, since in unknown:
            self._slots.count_unknown(attempt_id, task_id, mode, since)
        self._ctx.writer.post(lambda tx: tx.log.add(LogLevel.INFO, "runner_started", held=len(held), pid=os.getpid()))

    def _mend_times(self, tx: Tx) -> None:
        """Nothing waits for a time that was written down while the clock was wrong."""
        now = self._ctx.clock()
        tx.tasks.cap_due(now + timedelta(seconds=LONGEST_BEFORE_SUBMIT))
        tx.attempts.clamp_future_times(now)

    async def _read_journal(self) -> None:
        """Write to the database what the last run could only write down beside it, and see whether it is new enough."""
        ctx = self._ctx
        found = await asyncio.to_thread(self._journal_look)
        if found.notes:
            taken = await ctx.writer.do(lambda tx: database_age.take_in(tx, found.notes, ctx.clock()))
            for name in taken:
                await asyncio.to_thread(ctx.journal.settle, name)
        await self._look_for_doubt()

    def _journal_look(self) -> JournalState:
        try:
            return self._ctx.journal.read()
        except FileError:
            logger.exception("the journal cannot be read")
            return JournalState(damaged=True)

    async def _look_for_doubt(self) -> None:
        """Whether the queue may hold what was bought already; only a person ends that."""
        ctx = self._ctx
        found = await asyncio.to_thread(self._journal_look)
        self._doubt, seen = await ctx.read(lambda tx: (database_age.doubt(tx, found), records.generation_of(tx)))
        await ctx.read(ctx.lanes.load)
        if self._doubt is None:
            try:
                await asyncio.to_thread(ctx.journal.begin, seen)
            except FileError:
                # Nothing paid leaves before it can be written.
                logger.exception("the journal cannot be written")
        for mode in paid_providers():
            hold = ctx.lanes.hold_of(mode)
            if self._doubt is None and hold is not None and hold.code in database_age.CODES:
                ctx.lanes.lift(mode)
            if self._doubt is not None and mode in ctx.providers:
                ctx.lanes.hold(mode, self._doubt.code, by_itself=False, provider=mode.value, **self._doubt.params)

    def _left_over(self, tx: Tx) -> tuple[list[ActiveTask], list[tuple[int, int, ProviderId, datetime]]]:
        self._ctx.lanes.load(tx)
        held = [self._held_of(tx, task) for task in tx.tasks.active()]
        known = {one.task.id for one in held}
        unknown: list[tuple[int, int, ProviderId, datetime]] = []
        for mode, provider in self._ctx.providers.items():
            if provider.repeatable_submit:
                continue
            unknown.extend(
                (attempt.id, attempt.task_id, mode, attempt.intent_at or attempt.created_at)
                for attempt in tx.attempts.open(mode)
                if attempt.state is AttemptState.UNKNOWN and attempt.task_id not in known
            )
        return held, unknown

    def _held_of(self, tx: Tx, task: Task) -> ActiveTask:
        return ActiveTask(task, tx.attempts.get(task.attempt_id) if task.attempt_id is not None else None)

    # --- the store --------------------------------------------------------------------------------------------------

    async def _look_at_store(self) -> None:
        """Notice what others did: wishes to cancel, looking again, pausing, lifting a hold."""
        if self._revision >= 0 and not self._every("store", TICK):
            return
        revision = await asyncio.to_thread(self._ctx.store.revision)
        if revision == self._revision:
            return
        self._revision, self._work = revision, True
        news, asked = await self._ctx.read(self._news)
        for held in news:
            self._take_up(held)
        for task_id in asked:
            self.look(task_id)

    def _news(self, tx: Tx) -> tuple[list[ActiveTask], set[int]]:
        """Tasks that others have changed, and those that they want looked at now."""
        self._ctx.paused = bool(tx.state.get("paused"))
        before = {mode: self._ctx.lanes.hold_of(mode) for mode in self._ctx.providers}
        self._ctx.lanes.load(tx)
        for mode, hold in before.items():
            if hold is not None and self._ctx.lanes.hold_of(mode) is None and mode in self._ctx.keys:
                # A person said "go on": every key gets another chance.
                self._ctx.keys[mode].renew()
        self._slots.forget_resolved(tx)
        strangers = [task for task in tx.tasks.active() if task.id not in self._held]
        wishes = [task for task in tx.tasks.cancel_requested() if task.id in self._held]
        return [self._held_of(tx, task) for task in strangers + wishes], self._asked_for(tx)

    def _asked_for(self, tx: Tx) -> set[int]:
        """Other processes hear of jobs that have ended, too; each is looked at once."""
        asked: set[int] = set(tx.state.get(_ASKED) or ())
        if asked:
            self._ctx.writer.post(
                lambda tx: tx.state.put(_ASKED, [id_ for id_ in tx.state.get(_ASKED) or () if id_ not in asked])
            )
        return asked

    def _take_up(self, news: ActiveTask) -> None:
        known = self._held.get(news.task.id)
        if known is None:
            # Seen in a snapshot: our own step may have ended it meanwhile, so it is read again before its first step.
            news.stale = True
            self._hold(news, Lane.LOCAL if news.task.status is TaskStatus.DOWNLOADING else Lane.REMOTE, 0.0)
            return
        if known.task.cancel_requested:
            return
        known.task = known.task.model_copy(update={"cancel_requested": True})
        step = self._steps.get(news.task.id)
        if step is None:
            self._plan(news.task.id, 0.0)
        elif known.task.status is TaskStatus.DOWNLOADING:
            step.cancel()

    # --- filling slots ----------------------------------------------------------------------------------------------

    async def _fill(self) -> None:
        """Start queued tasks while there are slots and keys."""
        due = self._next_due_at is not None and self._next_due_at <= self._ctx.clock()
        if self._ctx.paused or self._ctx.stopping or not (self._work or due or self._every("fill", TICK)):
            return
        self._work = False
        if self._doubt is not None:
            await self._look_for_doubt()
        await self._look_at_budget()
        self._next_due_at = None
        for mode in self._ctx.providers:
            await self._fill_mode(mode)

    async def _fill_mode(self, mode: ProviderId) -> None:
        if self._doubt is not None and not mode.is_free:
            return
        free = self._slots.free(mode)
        keyless = self._was_keyless(mode)
        if free <= 0 or not self._may_submit(mode):
            return
        now = self._ctx.clock()
        starting = [task_id for task_id in self._steps if self._slots.modes.get(task_id) is mode]
        held_back = self._ctx.budget.projects
        tasks = await self._ctx.read(lambda tx: tx.tasks.claimable(mode, now, free + len(starting), held_back))
        waiting = [task for task in tasks if task.id not in self._held]
        if waiting and keyless:
            # They were queued, but nobody has said yes to their price with this key.
            self._ctx.lanes.hold(mode, KEY_CAME, by_itself=False, provider=mode.value)
            return
        hold = self._ctx.lanes.hold_of(mode)
        if waiting or hold is not None:
            wanted = [(await download.target(ActiveTask(task), self._ctx)).parent for task in waiting[:free]]
            if not await self._places.are_ready(mode, wanted):
                return
        if waiting and not self._books.ready(mode):
            return
        for task in waiting[:free]:
            if not self._begin(task):
                return
        if len(waiting) < free:
            due = await self._ctx.read(lambda tx: tx.tasks.next_due(mode, now))
            if due is not None:
                self._next_due_at = min(due, self._next_due_at or due)

    def _was_keyless(self, mode: ProviderId) -> bool:
        """Whether there was no key at all until now."""
        hold = self._ctx.lanes.hold_of(mode)
        return hold is not None and hold.code == NO_KEY and hold.params.get("cause") in NO_KEYS

    def _may_submit(self, mode: ProviderId) -> bool:
        hold = self._ctx.lanes.hold_of(mode)
        if hold is None:
            return True
        if hold.handed_over and self._ctx.providers[mode].handed_back:
            self._ctx.lanes.handed_back(mode)
            return True
        if hold.code in storage_check.HOLDS:
            # Looked at again where the next tasks are known.
            return self._every(f"place of {mode}", storage_check.EVERY)
        return hold.code == NO_KEY and self._slots.key_may_have_come(mode)

    def _begin(self, task: Task) -> bool:
        key: Key | None = None
        if self._ctx.providers[task.provider].needs_key:
            lease = self._slots.lease(task.provider)
            if not isinstance(lease, Lease):
                return False
            key = lease.key
            self._slots.keys[task.id] = key.id
        held = self._held[task.id] = ActiveTask(task)
        self._slots.put(held, Lane.REMOTE)
        self._step(held, key)
        return True

    async def _look_at_budget(self) -> None:
        """Go on with what the budget held back, once it fits."""
        if not self._every("budget", TICK):
            return
        ctx, settings, now = self._ctx, self._ctx.settings(), self._ctx.clock()
        modes, projects = await ctx.read(lambda tx: ctx.budget.judge(tx, settings, now))
        ctx.budget.let_go(modes, projects)
        if projects:
            await ctx.writer.do(lambda tx: budget_pause.lift_projects(tx, projects))
        if ripe := await ctx.read(canary.ripe):
            await ctx.writer.do(lambda tx: canary.go_on(tx, ripe))

    # --- steps ------------------------------------------------------------------------------------------------------

    def _hold(self, held: ActiveTask, lane: Lane, delay: float) -> None:
        self._held[held.task.id] = held
        self._slots.put(held, lane)
        self._plan(held.task.id, delay)

    def _plan(self, task_id: int, delay: float) -> None:
        heapq.heappush(self._due, (self._ctx.clock.monotonic() + delay, next(self._order), task_id))
        self._alarm.set()

    def _start_due(self) -> None:
        now = self._ctx.clock.monotonic()
        while self._due and self._due[0][0] <= now:
            _, _, task_id = heapq.heappop(self._due)
            held = self._held.get(task_id)
            if held is not None and task_id not in self._steps:
                self._step(held, None)

    def _step(self, held: ActiveTask, key: Key | None) -> None:
        task = asyncio.create_task(self._advance(held, key), name=f"task {held.task.id}")
        self._steps[held.task.id] = task

    async def _advance(self, held: ActiveTask, key: Key | None) -> None:
        task_id = held.task.id
        try:
            following = await self._advance_or_recover(held, key)
        except asyncio.CancelledError:
            following = Next(0.0, Lane.LOCAL)
            if self._ctx.stopping:
                raise
        except Superseded as error:
            logger.warning("task %s was moved on by somebody else: %s", task_id, error)
            held.stale = True
            following = Next(TICK, self._slots.lanes.get(task_id, Lane.REMOTE))
        finally:
            self._steps.pop(task_id, None)
        self._settle(held, following)

    async def _advance_or_recover(self, held: ActiveTask, key: Key | None) -> Next | None:
        try:
            following = await self._advance_in_lane(held, key)
        except Superseded:
            raise
        except Exception as error:  # noqa: BLE001 — written down there, with the error
            return await internal_errors.after(held, self._ctx, error, self._slots.lanes.get(held.task.id, Lane.REMOTE))
        self._ctx.faults.pop(held.task.id, None)
        return following

    async def _advance_in_lane(self, held: ActiveTask, key: Key | None) -> Next | None:
        if held.stale and not await self._read_again(held):
            return None
        if held.task.status is TaskStatus.DOWNLOADING:
            async with self._downloads:
                return await advance(held, self._ctx, key)
        return await advance(held, self._ctx, key)

    async def _read_again(self, held: ActiveTask) -> bool:
        """Know a task as the store has it now; False when there is nothing more to be done for it."""

        def read(tx: Tx) -> ActiveTask | None:
            found = tx.tasks.many([held.task.id])
            return self._held_of(tx, found[0]) if found else None

        now = await self._ctx.read(read)
        if now is None or now.task.status not in (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING):
            return False
        held.stale = False
        held.take(now.task, now.attempt)
        return True

    def _settle(self, held: ActiveTask, following: Next | None) -> None:
        asked = held.task.id in self._asked
        self._asked.discard(held.task.id)
        if following is None:
            self._held.pop(held.task.id, None)
            self._slots.drop(held)
            if not held.no_slot:
                self._work = True
                self._alarm.set()
            return
        self._work = self._work or following.lane is Lane.LOCAL
        self._slots.put(held, following.lane)
        self._plan(held.task.id, 0.0 if asked or held.task.cancel_requested else following.delay)

    # --- resting ----------------------------------------------------------------------------------------------------

    async def _rest(self) -> None:
        pause = TICK
        if self._due:
            pause = min(pause, self._due[0][0] - self._ctx.clock.monotonic())
        if self._next_due_at is not None:
            pause = min(pause, (self._next_due_at - self._ctx.clock()).total_seconds())
        if pause <= 0:
            await asyncio.sleep(0)
            return
        try:
            await asyncio.wait_for(self._alarm.wait(), pause)
        except TimeoutError:
            return

    def _look_at_clock(self) -> None:
        """Notice a clock that was set, and let everything that is kept be as long ago, or as far ahead, as it was.

        Store and memory change together, so nothing of the loop runs meanwhile.
        """
        ctx = self._ctx
        jump = ctx.clock.jump()
        if not jump:
            ctx.clock.follow()
            return
        try:
            ctx.writer.post(lambda tx: _shift(tx, jump)).result()
        except Exception:
            # The runner's own time goes on as before, and the next look tries again.
            logger.exception("a clock that was set could not be followed")
            return
        ctx.clock.follow()
        by = timedelta(seconds=jump)
        ctx.lanes.shift(by)
        self._slots.shift(by)
        for pool in ctx.keys.values():
            pool.shift(by)
        self._next_due_at = None if self._next_due_at is None else self._next_due_at + by
        with ctx.store.read() as tx:
            for held in self._held.values():
                held.attempt = held.attempt and tx.attempts.get(held.attempt.id).model_copy(
                    update={"state": held.attempt.state}
                )
        logger.warning("the clock was set by %+.0f s", jump)

    def _every(self, name: str, seconds: float) -> bool:
        now = self._ctx.clock.monotonic()
        if now - self._times.get(name, -seconds) < seconds:
            return False
        self._times[name] = now
        return True

    def _beat(self) -> None:
        beat = Heartbeat(
            pid=os.getpid(), host=platform.node(), started_at=self._started_at, at=self._ctx.clock(), note=None
        )
        self._ctx.writer.post(lambda tx: tx.heartbeat.beat(beat))

    def _look_for_late(self) -> None:
        if self._late is None and self._every("late", self._late_jobs.pause):
            self._late = asyncio.create_task(self._late_round(), name="late jobs")

    async def _look_at_books(self) -> None:
        if self._every("books", TICK):
            busy = {held.task.provider for held in self._held.values()}
            if self._books.open - busy:
                busy |= await self._ctx.read(lambda tx: frozenset(tx.tasks.queued(None)))
            self._books.look(busy)

    def _go_on(self) -> None:
        self._work = True
        self._alarm.set()

    async def _late_round(self) -> None:
        try:
            async for held in self._late_jobs.look():
                self._hold(held, Lane.LOCAL, 0.0)
        except Exception:
            # The next round asks again; nothing of this one is lost.
            logger.exception("looking for late jobs")
        finally:
            self._late = None

    async def _drain(self) -> None:
        """Let go of everything but paid requests that are out: those are waited for."""
        if self._late is not None:
            self._late.cancel()
        await self._books.stop()
        paid = {}
        for task_id, step in list(self._steps.items()):
            if self._held[task_id].request is not None:
                paid[step] = self._held[task_id]
            else:
                step.cancel()
        if paid:
            await self._wait_for_answers(paid)
        for step in list(self._steps.values()):
            step.cancel()
        await asyncio.gather(*self._steps.values(), return_exceptions=True)
        self._ctx.writer.post(lambda tx: tx.log.add(LogLevel.INFO, "runner_stopped", pid=os.getpid()))

    async def _wait_for_answers(self, paid: dict[asyncio.Task[None], ActiveTask]) -> None:
        """Paid requests that are out are waited for as long as their answers may take, unless a person will not."""
        seconds = max(self._ctx.provider(held).longest_submit for held in paid.values())
        self.waits = len(paid), seconds
        logger.warning(
            "Waiting for %d paid requests that are out, at most %d s; a second signal ends it at once, and whether "
            "they were bought is not known then.", len(paid), seconds,
        )  # fmt: skip
        self._ctx.writer.post(lambda tx: tx.log.add(LogLevel.INFO, "runner_waits", n=len(paid), seconds=round(seconds)))
        until, at_once = self._ctx.clock.monotonic() + seconds, asyncio.create_task(self._at_once.wait())
        while (left := {step for step in paid if not step.done()}) and not at_once.done():
            rest = until - self._ctx.clock.monotonic()
            if rest <= 0:
                break
            self._beat()
            await asyncio.wait({*left, at_once}, timeout=min(rest, HEARTBEAT), return_when=asyncio.FIRST_COMPLETED)
            self.waits = sum(not step.done() for step in paid), max(until - self._ctx.clock.monotonic(), 0.0)
        at_once.cancel()
        self.waits = None
        await submit.let_go([paid[step] for step in paid if not step.done()], self._ctx)


def _shift(tx: Tx, seconds: float) -> None:
    tx.tasks.shift_due(seconds)
    tx.attempts.shift_open_times(seconds)
    tx.log.add(LogLevel.WARNING, "clock_set", seconds=round(seconds))
