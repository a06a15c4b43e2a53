"""What a step of a task needs at hand, handed in so that nothing lives in a module."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import Settings
from vidgen_core.db import Journal, Store, Tx
from vidgen_core.domain.attempts import Attempt
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Task
from vidgen_core.providers.base import Key, Order, Provider, RemoteJob
from vidgen_core.worker.clock import Clock
from vidgen_core.worker.group_commit import GroupCommit
from vidgen_core.worker.limits.budget_pause import BudgetPause
from vidgen_core.worker.limits.key_pool import KeyPool
from vidgen_core.worker.limits.poll_interval import PaceBook
from vidgen_core.worker.limits.provider_pause import ProviderPauses

T = TypeVar("T")

#: Seconds after an intent for which its task is left to whoever has written it, although nothing is heard of it.
TAKEOVER = 30.0


class Lane(StrEnum):
    """What a task occupies until it is looked at again."""

    #: One slot of the provider's cap: being submitted or under way on the remote side.
    REMOTE = "remote"
    #: No slot: downloading, or waiting for the disk.
    LOCAL = "local"


@dataclass(frozen=True)
class Next:
    """Call ``advance`` again in ``delay`` seconds; until then the task stands in ``lane``."""

    delay: float
    lane: Lane


@dataclass
class ActiveTask:
    """A live task in the runner's hands: the last known row and what is only counted while it is held.

    The counters may be lost in a crash: they bound repetitions that cost nothing.
    """

    task: Task
    attempt: Attempt | None = None
    #: The paid request that is about to leave or out: a stop waits for it.
    request: asyncio.Task[Any] | None = None
    #: A byte of that request may have left: it is not taken back any more.
    left: bool = False
    poll_errors: int = 0
    fetch_errors: int = 0
    links_renewed: int = 0
    #: Questions for a fresh link that nobody answered.
    links_unanswered: int = 0
    #: Downloads that were too slow.
    slow_fetches: int = 0
    #: Polls that said *done* without a link.
    blank_successes: int = 0
    #: The log has heard that the budget leaves its price to a person.
    price_left: bool = False
    #: Its row may have changed: it is read again before the next step.
    stale: bool = False
    #: It was not claimed, for the cap has no slot free.
    no_slot: bool = False
    #: Left behind by a runner that is dead for sure.
    inherited: bool = False
    #: The attempt whose intent may be on disk although its request surely did not leave.
    unsent: int | None = None
    #: When it was taken up, by the monotonic clock.
    since: float = field(default_factory=time.monotonic)

    def take(self, task: Task, attempt: Attempt | None) -> None:
        """Know the task from now on as it was read or written."""
        self.task, self.attempt = task, attempt


@dataclass
class Context:
    """The runner's tools."""

    store: Store
    journal: Journal
    writer: GroupCommit
    settings: Callable[[], Settings]
    locations: Locations
    providers: Mapping[ProviderId, Provider]
    keys: Mapping[ProviderId, KeyPool]
    lanes: ProviderPauses
    clock: Clock
    budget: BudgetPause
    pace: PaceBook = field(default_factory=PaceBook)
    #: The last fault of our own by task, and how often in a row it has come.
    faults: dict[int, tuple[str, int]] = field(default_factory=dict)
    takeover_seconds: float = TAKEOVER
    #: Nothing paid leaves any more: the runner ends, or a person has paused it.
    stopping: bool = False
    paused: bool = False

    def is_unwanted(self, held: ActiveTask) -> bool:
        """Whether a paid request that has not left yet is not to leave."""
        return self.stopping or self.paused or held.task.cancel_requested

    async def read(self, query: Callable[[Tx], T]) -> T:
        """Run a query beside the event loop."""
        return await asyncio.to_thread(self._read, query)

    def _read(self, query: Callable[[Tx], T]) -> T:
        with self.store.read() as tx:
            return query(tx)

    def provider(self, held: ActiveTask) -> Provider:
        return self.providers[held.task.provider]

    def key(self, held: ActiveTask) -> Key | None:
        """The key that sent the attempt: a job is asked for only with it."""
        attempt = held.attempt
        if attempt is None or attempt.key_id is None:
            return None
        return self.keys[attempt.provider].by_id(attempt.key_id)

    def order(self, held: ActiveTask) -> Order:
        task, attempt = held.task, held.attempt
        assert attempt is not None
        image = self.locations.images / task.params.image if task.params.image else None
        return Order(
            reference=f"t{task.id}-a{attempt.number}",
            model=task.model,
            params=task.params,
            image=image,
            take=task.take,
            output=task.output,
            references=tuple(self.locations.images / key for key in task.params.references),
            sent=attempt.sent,
        )


def job_of(task: Task, attempt: Attempt) -> RemoteJob:
    """The remote job of an accepted attempt."""
    assert attempt.remote_id is not None
    return RemoteJob(
        remote_id=attempt.remote_id,
        model=attempt.model,
        params=task.params,
        base_url=attempt.base_url,
        submitted_at=attempt.accepted_at,
    )
