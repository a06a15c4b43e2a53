"""The worker as screens, API and command line see it: starting and stopping it, its state, and what is left to do."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic import Field

from vidgen_core.db import Journal, Store, Tx
from vidgen_core.db.repositories.state import HeartbeatRepository
from vidgen_core.db.worker_state import ALIKE, CHECK_NOW, PAUSED, PROVIDER_PAUSE, Paused
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import FileError, RunnerBusy, StoreError, VidgenError
from vidgen_core.domain.log import Heartbeat, LogLevel
from vidgen_core.domain.money import OWED, Money
from vidgen_core.domain.providers import ProviderId, provider_ids
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.tasks import ActiveCount, TaskStatus
from vidgen_core.providers.base import Connection
from vidgen_core.services.access.permissions import Role, requires, stored
from vidgen_core.services.autopilot.run import stop_all
from vidgen_core.services.billing import budget
from vidgen_core.services.billing.budget import BudgetView
from vidgen_core.services.generation import canaries, gate
from vidgen_core.services.generation.canaries import Canary
from vidgen_core.services.system.connections import last_connection
from vidgen_core.services.system.database import open_store
from vidgen_core.worker import database_age
from vidgen_core.worker.clock import ServerClock
from vidgen_core.worker.database_age import Doubt
from vidgen_core.worker.limits.concurrency import KEY_CAME
from vidgen_core.worker.limits.provider_pause import unwritable_elsewhere

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext
    from vidgen_core.services.generation.tasks import Tasks
    from vidgen_core.worker.telemetry import Telemetry
    from vidgen_core.worker.worker import Worker

#: Seconds without a sign of life after which a runner counts as gone.
ALIVE_SECONDS: Final = 10.0
#: How many finished tasks of a provider tell how long the next one takes.
REMEMBERED: Final = 50
#: Seconds a stopping runner is given to bring submits under way to their end.
STOP_SECONDS: Final = 30.0
_HELD: Final = frozenset({TaskStatus.PROCESSING, TaskStatus.DOWNLOADING})
#: Tasks that the worker of another process is to poll now, at most so many.
_MOST_ASKED: Final = 1000


class Status(Frozen):
    """What the header shows."""

    mode: ProviderId
    counts: dict[TaskStatus, int] = Field(default_factory=dict)
    #: 0–100 over all tasks that were not cancelled; None without any.
    percent: int | None = None
    #: None: nothing to wait for, or not yet known.
    eta_seconds: float | None = None
    #: Spend by currency; refunds and free work are left out.
    spent: dict[str, Money] = Field(default_factory=dict)
    heartbeat: Heartbeat | None = None
    #: Seconds since then.
    silent: float | None = None
    #: A runner has shown a sign of life in the last seconds.
    alive: bool = False
    #: That runner is in this process.
    here: bool = False
    #: Several machines share the database, and processes of their own work the queue.
    shared: bool = False
    #: Why nothing is submitted: ``user``, or a code of the runner's own.
    paused: str | None = None
    #: Providers that the worker holds back by itself -> what the store keeps about it.
    provider_pauses: dict[ProviderId, dict[str, Any]] = Field(default_factory=dict)
    #: The current provider needs a key and has none switched on.
    key_missing: bool = False
    connection: Connection | None = None
    connection_age: float | None = None
    budget: BudgetView = BudgetView()
    canaries: tuple[Canary, ...] = ()

    @property
    def live(self) -> int:
        """Tasks the runner still has to do with."""
        return sum(self.counts.get(TaskStatus(name), 0) for name in ("queued", "processing", "downloading"))


class BackgroundService(Protocol):
    """A service with a thread that runs beside the worker."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class WorkerControl:
    """The runner of this data home; it may live in this process, in another one, or not at all."""

    def __init__(
        self,
        ctx: ServiceContext,
        tasks: Tasks,
        companions: Callable[[], tuple[Sequence[BackgroundService], Sequence[BackgroundService]]],
    ) -> None:
        """
        :param companions: services that are started with the worker: those that are stopped before it stops, and those
            that are stopped after it, because what it ended last is told, too
        """
        self._ctx = ctx
        self._tasks = tasks
        self._companions = companions
        self._before: Sequence[BackgroundService] = ()
        self._after: Sequence[BackgroundService] = ()
        self._runner: Worker | None = None
        self._stopping: Worker | None = None
        self._store: Store | None = None
        self._journal = Journal(ctx.locations.journal)
        self._clock: ServerClock | None = None
        #: How long tasks of a provider have taken, and how many had been completed then: it changes with nothing else.
        self._usual: dict[ProviderId, tuple[int, float | None]] = {}

    # --- life

    def start_embedded(self) -> None:
        """Start the runner beside a server's other duties; where machines share a database, ``vidgen worker`` does the work."""
        if not self._ctx.store.is_shared:
            self.start()

    def start(self, *, standby: bool = True, name: str = "") -> None:
        """Start the runner in this process; a second call does nothing.

        :param standby: when another process holds it, wait in the background and take over; otherwise raise
        :param name: what people call this worker where several share a database
        :raises RunnerBusy: (pid) another process holds the runner and ``standby`` is False
        """
        if self._runner is not None:
            return
        if not standby and self.is_held:
            beat = self.heartbeat()
            raise RunnerBusy(pid=beat.pid if beat else "?")
        from vidgen_core.providers.registry import open_provider
        from vidgen_core.worker.context import BuiltOnUse
        from vidgen_core.worker.worker import Worker

        ctx, settings = self._ctx, self._ctx.settings_file.recent
        # The runner alone moves the write-ahead log into the database, so it has a store of its own.
        self._store = open_store(ctx.locations, checkpoints=True)
        self._runner = Worker(
            self._store,
            settings,
            ctx.locations,
            lambda uploads: BuiltOnUse(
                provider_ids(), lambda mode: open_provider(mode, settings, ctx.locations, uploads(mode))
            ),
            media=ctx.media,
            name=name,
        ).start()
        self._before, self._after = self._companions()
        for service in (*self._before, *self._after):
            service.start()

    def stop_soon(self) -> None:
        """Let the runner of this process, if there is one, buy nothing new; waits for nothing."""
        if self._runner is not None:
            self._runner.stop_soon()

    def stop_at_once(self) -> None:
        """Give up paid requests that are out: whether they were bought is not known then."""
        runner = self._runner or self._stopping
        if runner is not None:
            runner.stop_at_once()

    def stop(self, timeout: float = STOP_SECONDS, waits: Callable[[int, float], None] | None = None) -> None:
        """Stop the runner of this process, if there is one; everything stays resumable.

        :param waits: told when paid requests that are out are waited for: how many, and the most seconds
        """
        for service in self._before:
            service.stop()
        runner, self._runner = self._runner, None
        if runner is not None:
            self._stopping = runner
            runner.stop(timeout, waits)
            self._stopping = None
        for service in self._after:
            service.stop()
        store, self._store = self._store, None
        if store is not None:
            store.close()

    @requires(Role.VIEWER)
    def wake(self) -> None:
        """There is something new to do; without a runner here, the one elsewhere sees it by itself."""
        if self._runner is not None:
            self._runner.wake()

    @requires(Role.MAKER, log=False)
    def look_now(self, task_id: int) -> None:
        """Somebody has heard that a task's job ended: ask after it now, here or where the runner is."""
        if self._runner is not None and self.is_here and not self._ctx.store.is_shared:
            self._runner.check_now(task_id)
            return
        with self._ctx.store.write() as tx:
            asked = [id_ for id_ in CHECK_NOW.get(tx) or [] if id_ != task_id]
            CHECK_NOW.put(tx, [*asked, task_id][-_MOST_ASKED:])

    def job_ended(self, provider: ProviderId, remote_id: str) -> None:
        """A provider says that a job has ended: ask after its task now; of an unknown job nothing is made."""
        with self._ctx.store.read() as tx:
            attempt = tx.attempts.by_remote_id(provider, remote_id)
        if attempt is not None:
            self.look_now(attempt.task_id)

    @requires(Role.VIEWER)
    def wait_until_working(self, timeout: float) -> bool:
        """Wait until this process runs the tasks; False when another one keeps doing so."""
        return self._runner is not None and self._runner.wait_until_working(timeout)

    @property
    @requires(Role.VIEWER)
    def is_here(self) -> bool:
        """Whether this process runs the tasks (and does not merely stand by)."""
        return self._runner is not None and self._runner.works

    @property
    @requires(Role.VIEWER)
    def is_held(self) -> bool:
        """Whether some process runs the tasks."""
        if self.is_here:
            return True
        try:
            return self._ctx.store.runner_lock(self._ctx.locations.runner_lock).is_taken()
        except StoreError:
            # Whoever had it has lost it.
            return False

    @property
    @requires(Role.VIEWER)
    def problem(self) -> VidgenError | None:
        """Why the runner of this process does not work, if it does not."""
        return self._runner.problem if self._runner is not None else None

    @property
    @requires(Role.VIEWER)
    def telemetry(self) -> Telemetry | None:
        """What the worker of this process has counted; None where it runs elsewhere."""
        return self._runner.telemetry if self._runner is not None else None

    heartbeat = stored(Role.VIEWER, HeartbeatRepository.get)

    # --- changing

    @requires(Role.MAKER)
    def pause(self) -> None:
        """Submit nothing new; what was submitted is followed to its end."""
        with self._ctx.store.write() as tx:
            PAUSED.put(tx, Paused())
            tx.log.add(LogLevel.INFO, "paused")
        self.wake()

    @requires(Role.MAKER)
    def resume(self) -> int:
        """Submit again, and forget why providers were held back.

        Where the database may be older than what was bought, this trusts it from now on: what is queued for paid services
        is set aside as pending first.

        :returns: how many tasks were set aside
        """
        aside, found = 0, self._journal.look()
        with self._ctx.store.write() as tx:
            doubt = database_age.doubt(tx, found)
            pauses = [PROVIDER_PAUSE.get(tx, mode) for mode in provider_ids()]
            # It may be the journal of another machine that knows more.
            if doubt is not None or any(pause is not None and pause.code in database_age.CODES for pause in pauses):
                aside = database_age.go_on(tx, tx.now())
                stop_all(tx)
            if doubt is not None:
                trusted, head = database_age.trust(tx, found)
            PAUSED.put(tx, None)
            for mode in provider_ids():
                if PROVIDER_PAUSE.has(tx, mode):
                    PROVIDER_PAUSE.put(tx, None, mode)
                    ALIKE.put(tx, None, mode)
            tx.log.add(LogLevel.INFO, "resumed")
        if doubt is not None:
            self._journal.begin(trusted, head)
        self.wake()
        return aside

    def begin_journal(self) -> None:
        """Let a home that has bought nothing yet have its journal; one that cannot be written is said before an order."""
        if self._ctx.locations.journal.exists():
            return
        with self._ctx.store.read() as tx:
            bought = database_age.generation_of(tx)
        # A machine that joins others has no journal yet; theirs know what was bought.
        if not bought or self._ctx.store.is_shared:
            with suppress(FileError):
                self._journal.begin(bought)

    @requires(Role.VIEWER)
    def doubt(self) -> Doubt | None:
        """Why nothing paid is sent from this database: it may be older than what was bought."""
        found = self._journal.look()
        with self._ctx.store.read() as tx:
            return database_age.doubt(tx, found)

    @requires(Role.MAKER)
    def release(self, mode: ProviderId) -> None:
        """Let what was queued for a provider while it had no key go out."""
        with self._ctx.store.write() as tx:
            pause = PROVIDER_PAUSE.get(tx, mode)
            if pause is not None and pause.code == KEY_CAME:
                PROVIDER_PAUSE.put(tx, None, mode)
                tx.log.add(LogLevel.INFO, "pause_ended", provider=mode.value)
        self.wake()

    @requires(Role.MAKER)
    def stop_unsubmitted(self, project_id: int) -> int:
        """Cancel what was not submitted yet: free. Returns how many."""
        unsent = TaskFilter(statuses=frozenset({TaskStatus.PENDING, TaskStatus.QUEUED}))
        return len(self._tasks.cancel(self._tasks.ids(project_id, unsent)).done)

    @requires(Role.MAKER)
    def give_up(self, project_id: int) -> int:
        """Stop waiting for what was submitted: it may still be charged. Returns how many were asked to."""
        held = TaskFilter(statuses=_HELD)
        return len(self._tasks.cancel(self._tasks.ids(project_id, held), give_up=True).done)

    # --- watching

    @requires(Role.VIEWER)
    def status(self, project_id: int | None) -> Status:
        """What the header shows; no remote call is made."""
        settings = self._ctx.settings()
        known = last_connection(self._ctx, settings.mode)
        # A day's limit begins anew at midnight without any change.
        work = ("work", project_id, datetime.now().astimezone().date())
        heartbeat = self.heartbeat()
        found = self._ctx.revision_cache.ask(work, lambda tx: self._work(tx, project_id))
        silent = self.silence(heartbeat) if heartbeat is not None else None
        if self._runner is not None and self.is_here:
            unwritten = self._runner.unwritten
        else:
            unwritten = unwritable_elsewhere(self._ctx.locations, datetime.now(UTC))
        return found.model_copy(
            update={
                "provider_pauses": found.provider_pauses | unwritten,
                "heartbeat": heartbeat,
                "silent": silent,
                "alive": silent is not None and silent < ALIVE_SECONDS,
                "here": self.is_here,
                "shared": self._ctx.store.is_shared,
                "key_missing": gate.key_missing(self._ctx, [settings.mode]) is not None,
                "connection": known.connection,
                "connection_age": known.age,
            }
        )

    @requires(Role.VIEWER)
    def silence(self, beat: Heartbeat) -> float:
        """Seconds since a sign of life; one of the future was written before the clock was set back."""
        return abs((self._now() - beat.at).total_seconds())

    def _now(self) -> datetime:
        """The time that workers write down: of several machines, that of their server."""
        if not self._ctx.store.is_shared:
            return datetime.now(UTC)
        clock = self._clock
        if clock is None:
            clock = self._clock = ServerClock(self._ctx.store.time)
        elif clock.is_old:
            clock.ask()
            clock.follow()
        return clock()

    def _work(self, tx: Tx, project_id: int | None) -> Status:
        """What there is to do and what holds it back."""
        counts = tx.tasks.counts(project_id)
        held = tx.tasks.active_counts(project_id) if any(counts.get(status) for status in _HELD) else []
        names = {PROVIDER_PAUSE.name(mode): mode for mode in provider_ids()}
        said = tx.state.many([PAUSED.name(), *names])
        return Status(
            mode=self._ctx.settings().mode,
            counts=counts,
            percent=percent(counts, held),
            eta_seconds=self._eta(tx, project_id, counts, held),
            spent=_spent(tx, project_id),
            paused=_paused(said.get(PAUSED.name())),
            provider_pauses={names[name]: pause for name, pause in said.items() if name in names and pause},
            canaries=canaries.of_project(tx, project_id),
            budget=budget.view(tx, self._ctx.settings(), project_id),
        )

    def _eta(
        self, tx: Tx, project_id: int | None, counts: dict[TaskStatus, int], held: list[ActiveCount]
    ) -> float | None:
        """Seconds until the queue is empty; None when nothing waits, or when no like task has ended yet."""
        if not (counts.get(TaskStatus.QUEUED) or held):
            return None
        settings, completed = self._ctx.settings(), tx.tasks.counts(None).get(TaskStatus.COMPLETED, 0)
        queued = tx.tasks.queued(project_id)
        longest = 0.0
        for mode in provider_ids():
            left = queued.get(mode, 0) + sum(some.n - _done(some) for some in held if some.provider is mode)
            if not left:
                continue
            if self._usual.get(mode, (None,))[0] != completed:
                self._usual[mode] = completed, _usual(tx, mode)
            usual = self._usual[mode][1]
            if usual is None:
                return None
            longest = max(longest, usual * max(left / settings.max_concurrent(mode), min(left, 1.0)))
        return longest or None


def percent(counts: dict[TaskStatus, int], held: Iterable[ActiveCount]) -> int | None:
    """How much of the work is done, 0–100, with the part-way progress of tasks under way; None without any work."""
    total = sum(count for status, count in counts.items() if status is not TaskStatus.CANCELLED)
    if not total:
        return None
    ended = counts.get(TaskStatus.COMPLETED, 0) + counts.get(TaskStatus.FAILED, 0)
    return int(100 * (ended + sum(_done(some) for some in held)) / total)


def _done(some: ActiveCount) -> float:
    """How many tasks' worth of these is done."""
    return some.n if some.status is TaskStatus.DOWNLOADING else some.progress / 100


def _usual(tx: Tx, mode: ProviderId) -> float | None:
    """Seconds that a task of a provider has lately taken from start to file."""
    done = TaskFilter(statuses=frozenset({TaskStatus.COMPLETED}), provider=mode)
    tasks = tx.tasks.page(None, done, "finished", True, REMEMBERED).items
    seconds = [
        (task.finished_at - task.started_at).total_seconds() for task in tasks if task.finished_at and task.started_at
    ]
    return statistics.fmean(seconds) if seconds else None


def _spent(tx: Tx, project_id: int | None) -> dict[str, Money]:
    """What is or may be owed, by currency; what was given back or never bought does not count."""
    sums: dict[str, Money] = {}
    for currency, by_charge in tx.ledger.by_charge(project_id).items():
        owed = sum((spent.amount for charge, spent in by_charge.items() if charge in OWED), Decimal(0))
        if owed:
            sums[currency] = Money(amount=owed, currency=currency)
    return sums


def _paused(state: object) -> str | None:
    return str(state.get("reason", "user")) if isinstance(state, dict) else None
