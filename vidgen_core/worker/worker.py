"""The embedded worker: one thread, one event loop, one worker per data home."""

from __future__ import annotations

import asyncio
import logging
import platform
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import Settings
from vidgen_core.db import Journal, Store
from vidgen_core.db.backends.backend import RunnerLock
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import RunnerBusy, StoreError, VidgenError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.media.storage import LocalMedia
from vidgen_core.providers.base import Provider
from vidgen_core.providers.http.cleaning import clean_text
from vidgen_core.worker import tracing
from vidgen_core.worker.clock import Clock, ServerClock
from vidgen_core.worker.context import BuiltOnUse, Context
from vidgen_core.worker.group_commit import GroupCommit, GroupJournal
from vidgen_core.worker.limits.budget_pause import BudgetPause
from vidgen_core.worker.limits.key_pool import KeyPool, StoredKeys, interval_of, pace_for
from vidgen_core.worker.limits.provider_pause import ProviderPauses
from vidgen_core.worker.scheduler import Scheduler
from vidgen_core.worker.telemetry import Telemetry

logger = logging.getLogger(__name__)

#: Seconds until a standby asks for the lock again.
STANDBY = 2.0
#: Seconds until a loop that broke is started again.
RESTART = 3.0
#: Seconds between two checks whether a worker that ends waits for paid requests.
STEP = 0.1
#: Characters of the name of a worker.
LONGEST_NAME = 100
#: How far back submits count for the rate limits at a start.
INTENTS = timedelta(seconds=60)


class StoredUploads:
    """Links of pictures uploaded to a provider, in the store, so that a restart uploads nothing again; its keys share them."""

    def __init__(self, mode: ProviderId, store: Store, writer: GroupCommit) -> None:
        self._mode = mode
        self._store = store
        self._writer = writer

    def get(self, sha: str) -> str | None:
        """The link, unless it has expired."""
        with self._store.read() as tx:
            return tx.uploads.get(self._mode, "", sha)

    def put(self, sha: str, url: str, expires_at: datetime) -> None:
        """Remember a link; one that has expired already is forgotten."""
        self._writer.post(lambda tx: tx.uploads.put(self._mode, "", sha, url, expires_at))


Providers = Callable[[Callable[[ProviderId], StoredUploads]], Mapping[ProviderId, Provider]]


class Worker:
    """Does the tasks of one data home; as long as another process does, it stands by and takes over.

    :param store: a store of its own, opened with ``checkpoints=True``.
    :param providers: makes the provider instances, when they are needed, inside the worker's loop.
    :param name: what people call it where several share the database; empty: as the settings or the machine do
    """

    def __init__(
        self,
        store: Store,
        settings: Callable[[], Settings],
        locations: Locations,
        providers: Providers,
        clock: Clock | None = None,
        media: LocalMedia | None = None,
        name: str = "",
    ) -> None:
        self._store = store
        self._settings = settings
        self._locations = locations
        self._providers = providers
        self._media = media or LocalMedia(locations)
        self._clock = clock
        self._name = name
        self._ending = threading.Event()
        self._working = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._scheduler: Scheduler | None = None
        self._problem: VidgenError | None = None
        self.telemetry = Telemetry()
        self.thread = threading.Thread(target=self._run, name="vidgen-runner", daemon=True)

    @property
    def problem(self) -> VidgenError | None:
        """Why it does not work now, if it does not."""
        scheduler = self._scheduler
        if self._problem is not None or scheduler is None:
            return self._problem
        return scheduler.store_error or scheduler.problem

    def start(self) -> Worker:
        self.thread.start()
        return self

    @property
    def works(self) -> bool:
        """Whether this worker, not another process's, does the tasks; of several that share them, whether it leads."""
        scheduler = self._scheduler
        return scheduler.leads if scheduler is not None else self._working.is_set()

    @property
    def unwritten(self) -> dict[ProviderId, dict[str, Any]]:
        """Provider pauses that the store cannot show, for it cannot be written."""
        scheduler = self._scheduler
        return scheduler.unwritten if scheduler is not None else {}

    def wait_until_working(self, timeout: float) -> bool:
        """Wait for the lock; False when another process keeps it."""
        return self._working.wait(timeout)

    def wake(self) -> None:
        """There is something new in the store."""
        self._tell(lambda scheduler: scheduler.wake())

    def check_now(self, task_id: int) -> None:
        """Poll a task now instead of at its time; nothing happens when it is not active here."""
        self._tell(lambda scheduler: scheduler.check_now(task_id))

    def _tell(self, act: Callable[[Scheduler], None]) -> None:
        loop, scheduler = self._loop, self._scheduler
        if loop is not None and scheduler is not None:
            with suppress(RuntimeError):  # the loop has just been closed: nobody is there to be told
                loop.call_soon_threadsafe(act, scheduler)

    def stop_soon(self) -> None:
        """Begin to end, without waiting: nothing new is bought from now on."""
        self._ending.set()
        self._tell(lambda scheduler: scheduler.stop())

    def stop_at_once(self) -> None:
        """End without waiting for paid requests that are out: whether they were bought is not known then."""
        self._ending.set()
        self._tell(lambda scheduler: scheduler.stop_at_once())

    def stop(self, timeout: float = 15.0, waits: Callable[[int, float], None] | None = None) -> None:
        """End; everything is left so that the next run goes on from it.

        Paid requests that are out are waited for, as long as their answers may take.

        :param timeout: seconds for everything else
        :param waits: told once how many are waited for, and how many seconds at most
        """
        self.stop_soon()
        while timeout > 0 and self.thread.is_alive():
            before = time.monotonic()
            self.thread.join(min(timeout, STEP))
            scheduler = self._scheduler
            out = scheduler.waits if scheduler is not None else None
            if out is None:
                timeout -= time.monotonic() - before
            elif waits is not None:
                waits(*out)
                waits = None

    def _run(self) -> None:
        lock = self._store.runner_lock(self._locations.runner_lock)
        if self._store.is_shared:
            # Others may work, too: the lock only says who leads.
            self._work(lock)
            self._working.clear()
            return
        while not self._ending.is_set():
            try:
                self._problem = None if lock.acquire() else RunnerBusy()
            except StoreError as error:
                self._problem = error
            if self._problem is not None:
                self._ending.wait(STANDBY)
                continue
            try:
                self._work(lock)
            finally:
                self._working.clear()
                lock.release()

    def _work(self, lock: RunnerLock) -> None:
        self._working.set()
        while not self._ending.is_set() and (self._store.is_shared or lock.is_held()):
            try:
                asyncio.run(self._main(lock))
            except StoreError as error:
                self._problem = error
                self._ending.wait(RESTART)
            except Exception as error:
                logger.exception("the worker's loop broke")
                self._problem = error if isinstance(error, VidgenError) else VidgenError("runner_broken")
                self._ending.wait(RESTART)

    async def _main(self, lock: RunnerLock) -> None:
        writer = GroupCommit(self._store)
        found = self._providers(lambda mode: StoredUploads(mode, self._store, writer))
        providers = BuiltOnUse(found, found.__getitem__)
        try:
            ctx = await asyncio.to_thread(self._context, writer, providers)
            self._loop, self._scheduler = asyncio.get_running_loop(), self._scheduler_for(ctx, lock)
            if self._ending.is_set():
                self._scheduler.stop()
            self._problem = None
            await self._scheduler.run()
        finally:
            self._scheduler = self._loop = None
            for provider in providers.built.values():
                await provider.close()
            if self.telemetry.tracing is not None:
                await asyncio.to_thread(self.telemetry.tracing.close)
            await writer.stop()
            await asyncio.to_thread(self._store.checkpoint)

    def _scheduler_for(self, ctx: Context, lock: RunnerLock) -> Scheduler:
        if not self._store.is_shared:
            return Scheduler(ctx, ctx.clock())
        from vidgen_core.worker.engines import engine_of
        from vidgen_core.worker.engines.shared import SharedScheduler, machine_of

        engine = engine_of(
            self._settings().scale.database.get_secret_value(), ctx.takeover_seconds, machine_of(ctx.worker)
        )
        return SharedScheduler(ctx, ctx.clock(), engine, lock)

    def _context(self, writer: GroupCommit, providers: Mapping[ProviderId, Provider]) -> Context:
        # Also for those that need no key now: a setting may change that.
        keys = BuiltOnUse(providers, lambda mode: self._pool(mode, providers[mode], writer, clock))
        clock = (
            ServerClock(self._store.time) if self._store.is_shared and self._clock is None else self._clock or Clock()
        )
        pauses = ProviderPauses(writer, clock, self._locations, shared=self._store.is_shared)
        self.telemetry.tracing = tracing.from_environment()
        journal = Journal(self._locations.journal)
        self._store.witness = journal.ledger
        ctx = Context(
            store=self._store,
            journal=journal,
            writer=writer,
            settings=self._settings,
            locations=self._locations,
            providers=providers,
            keys=keys,
            pauses=pauses,
            clock=clock,
            budget=BudgetPause(pauses),
            media=self._media,
            journals=GroupJournal(journal),
            telemetry=self.telemetry,
        )
        if self._store.is_shared:
            scale = self._settings().scale
            name = clean_text(self._name or scale.worker or platform.node())[:LONGEST_NAME]
            ctx.worker = f"{name}:{secrets.token_hex(3)}"
            ctx.takeover_seconds = scale.takeover_seconds
        self._learn(ctx)
        return ctx

    def _pool(self, mode: ProviderId, provider: Provider, writer: GroupCommit, clock: Clock) -> KeyPool:
        """The keys with what the last run knew of them, so that a restart grants no second burst."""
        known = StoredKeys(mode, self._store, writer)
        limit = provider.rate_limit
        if self._store.is_shared:
            # The store spaces the submits of all workers.
            return KeyPool(mode, self._settings, clock, known, every=interval_of(limit) if limit else 0.0)
        pool = KeyPool(mode, self._settings, clock, known, pace_for(limit))
        with self._store.read() as tx:
            open_attempts = [attempt for attempt in tx.attempts.open(mode) if attempt.state is AttemptState.ACCEPTED]
            jobs: dict[str, int] = {}
            for attempt in open_attempts:
                if attempt.key_id:
                    jobs[attempt.key_id] = jobs.get(attempt.key_id, 0) + 1
            now = clock()
            intents = tx.attempts.recent_intents(mode, since=now - INTENTS)
        pool.start(jobs, [(key_id, min(at, now)) for key_id, at in intents if key_id], limit)
        return pool

    def _learn(self, ctx: Context) -> None:
        """How long jobs took before, so that the first polls are well timed already."""
        with self._store.read() as tx:
            for mode in ctx.providers:
                for model, durations in tx.attempts.durations(mode).items():
                    ctx.intervals.learn((mode, model), durations)
