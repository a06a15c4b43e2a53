"""What a step of a task needs at hand, handed in so that nothing lives in a module."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import Settings
from vidgen_core.db import Journal, Store, Tx
from vidgen_core.domain.attempts import Attempt, AttemptState
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Task
from vidgen_core.media.storage import LocalMedia
from vidgen_core.providers.base import Key, Order, Provider, ReferencePicture, RemoteJob
from vidgen_core.worker.clock import Clock
from vidgen_core.worker.group_commit import GroupCommit, GroupJournal
from vidgen_core.worker.limits.budget_pause import BudgetPause
from vidgen_core.worker.limits.key_pool import KeyPool
from vidgen_core.worker.limits.poll_interval import PollIntervals
from vidgen_core.worker.limits.provider_pause import ProviderPauses
from vidgen_core.worker.telemetry import Telemetry

T = TypeVar("T")

#: Downloads at once; they do not count against the concurrency of a provider.
DOWNLOADS = 8
#: Seconds after an intent for which its task is left to whoever has written it, although nothing is heard of it.
TAKEOVER = 30.0


class BuiltOnUse(Mapping[ProviderId, T]):
    """Values by provider, each built when it is first asked for: nobody pays for providers that are not in use."""

    def __init__(self, providers: Iterable[ProviderId], build: Callable[[ProviderId], T]) -> None:
        self._providers = tuple(providers)
        self._build = build
        self._lock = threading.Lock()
        self.built: dict[ProviderId, T] = {}

    def __getitem__(self, provider: ProviderId) -> T:
        if provider not in self._providers:
            raise KeyError(provider)
        with self._lock:
            if provider not in self.built:
                self.built[provider] = self._build(provider)
            return self.built[provider]

    def __contains__(self, provider: object) -> bool:
        return provider in self._providers

    def __iter__(self) -> Iterator[ProviderId]:
        return iter(self._providers)

    def __len__(self) -> int:
        return len(self._providers)


@dataclass(frozen=True)
class Next:
    """Call ``step`` again in ``delay`` seconds."""

    delay: float
    #: Whether the task counts against the provider's concurrency until then: submitted or about to be, not downloading.
    remote: bool = True


@dataclass
class ActiveTask:
    """A live task that the worker has in memory: its rows as last read or written, and what no row says.

    What is only counted here may be lost in a crash: it bounds repetitions that cost nothing.
    """

    task: Task
    attempt: Attempt | None = None
    #: The paid request that is about to leave or out: a stop waits for it.
    request: asyncio.Task[Any] | None = None
    #: A byte of that request may have left: it is not taken back any more.
    left: bool = False
    #: Its row may have changed: it is read again before the next step.
    stale: bool = False
    #: It was not claimed, for the concurrency limit is reached.
    at_limit: bool = False
    #: Left behind by a process that is dead for sure.
    inherited: bool = False
    #: The one of several workers that has it in memory.
    worker: str | None = None
    #: When it was taken up, by the monotonic clock.
    since: float = field(default_factory=time.monotonic)
    _own: dict[type, Any] = field(default_factory=dict)

    def take(self, task: Task, attempt: Attempt | None) -> None:
        """Replace the rows by what was read or written."""
        self.task, self.attempt = task, attempt

    def follow(self, before: Task, rev: int) -> None:
        """Take note of the number of a change that this process has made to the row of a task as it was before."""
        if self.task.rev == before.rev:
            self.task = self.task.model_copy(update={"rev": rev})

    @property
    def is_starting(self) -> bool:
        """Whether its order is on the way: from its choice until the provider has answered."""
        return self.request is not None or self.attempt is None or self.attempt.state is AttemptState.PREPARING

    @property
    def sent(self) -> Attempt:
        """The attempt, where there must be one."""
        assert self.attempt is not None, "a task is submitted and polled only through an attempt"
        return self.attempt

    def own(self, kind: type[T]) -> T:
        """The value that one step keeps with the task between its calls; made when it is first asked for."""
        value: T = self._own.setdefault(kind, kind())
        return value


@dataclass
class Context:
    """The worker's tools."""

    store: Store
    journal: Journal
    writer: GroupCommit
    settings: Callable[[], Settings]
    locations: Locations
    providers: Mapping[ProviderId, Provider]
    keys: BuiltOnUse[KeyPool]
    pauses: ProviderPauses
    clock: Clock
    budget: BudgetPause
    media: LocalMedia
    journals: GroupJournal
    intervals: PollIntervals = field(default_factory=PollIntervals)
    telemetry: Telemetry = field(default_factory=Telemetry)
    #: What ``remembered`` has read.
    seen: dict[Hashable, Any] = field(default_factory=dict)
    #: The last unexpected error by task, and how often in a row it has come.
    errors: dict[int, tuple[str, int]] = field(default_factory=dict)
    takeover_seconds: float = TAKEOVER
    #: The name of this worker where several share the database: what is its own bears it.
    worker: str | None = None
    downloads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(DOWNLOADS))
    #: How often the database had been trusted when this worker began to doubt its age; None: it does not.
    doubted: int | None = None
    #: The newest generation that this worker has seen in the database.
    newest: int = 0
    #: Whether it has seen an older one since the age of the database was checked last.
    behind: bool = False
    #: Told when a provider says that a job has succeeded, before that is written.
    job_over: Callable[[ActiveTask], None] = lambda _: None
    #: Nothing paid leaves any more: the worker ends, or a person has paused it.
    stopping: bool = False
    paused: bool = False

    def is_unwanted(self, active: ActiveTask) -> bool:
        """Whether a paid request that has not left yet is not to leave."""
        return self.stopping or self.paused or active.task.cancel_requested

    def read(self, query: Callable[[Tx], T]) -> T:
        """Run a query in the loop: readers never wait for anybody, and each question of the worker is answered by an index."""
        with self.store.read() as tx:
            return query(tx)

    def remembered(self, what: Hashable, query: Callable[[Tx], T]) -> T:
        """What a query has returned since the store was last looked at: for what people seldom change."""
        if what not in self.seen:
            self.seen[what] = self.read(query)
        found: T = self.seen[what]
        return found

    async def write(self, active: ActiveTask, operation: Callable[[Tx], T]) -> T:
        """Change a task in a transaction and return its result once it is durable."""
        return await self.writer.do(operation, active.task.id)

    def provider(self, active: ActiveTask) -> Provider:
        return self.providers[active.task.provider]

    def key(self, active: ActiveTask) -> Key | None:
        """The key that sent the attempt: a job is polled only with it."""
        attempt = active.attempt
        if attempt is None or attempt.key_id is None:
            return None
        return self.keys[attempt.provider].by_id(attempt.key_id)

    def order(self, active: ActiveTask) -> Order:
        task, attempt = active.task, active.sent
        params = self.provider(active).capabilities(task.model).settle(task.params)
        return Order(
            reference=f"t{task.id}-a{attempt.number}",
            model=task.model,
            params=params,
            image=self._file(params.image),
            last_frame=self._file(params.last_frame),
            video=self.media.path_of(params.parent.video) if params.parent else None,
            take=task.take,
            output=task.output,
            references=tuple(
                ReferencePicture(path=self._file(one.image), url=one.image_url, role=one.role)
                for one in params.references
            ),
            sent=attempt.sent,
        )

    def fetch(self, order: Order) -> None:
        """See that the files of an order are on this machine.

        :raises FileError: the bucket cannot be reached or refuses
        """
        for path in order.pictures:
            self.media.picture(path.name)
        if order.params.parent is not None:
            self.media.fetched(order.params.parent.video)

    def _file(self, key: str | None) -> Path | None:
        return self.media.path_of_picture(key) if key else None


def job_of(task: Task, attempt: Attempt) -> RemoteJob:
    """The remote job of an accepted attempt."""
    assert attempt.remote_id is not None
    return RemoteJob(
        remote_id=attempt.remote_id,
        model=attempt.model,
        params=task.params,
        base_url=attempt.base_url,
        submitted_at=attempt.accepted_at,
        sent=attempt.sent,
    )
