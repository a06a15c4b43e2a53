"""Jobs of the fake provider: the order, its progress by the clock, and its end."""

from __future__ import annotations

import heapq
import math
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from vidgen_core.fake_provider.faults import CATALOGUE
from vidgen_core.fake_provider.refusals import ODD_TEXT, echo


class Stage(StrEnum):
    """The stage of a job; each protocol has its own names."""

    QUEUED = "queued"
    PREPARING = "preparing"
    GENERATING = "generating"
    FINISHING = "finishing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


RUNNING: Final = frozenset({Stage.QUEUED, Stage.PREPARING, Stage.GENERATING, Stage.FINISHING})

#: A stage is left when this share of the job's time has passed.
_LEFT_AT: Final = (
    (0.1, Stage.QUEUED),
    (0.25, Stage.PREPARING),
    (0.85, Stage.GENERATING),
    (1.0, Stage.FINISHING),
)

#: Faults of the result that end a job without a video.
_FAILURES: Final = (
    "failed", "failed-no-refund", "failed-parameter", "failed-overloaded", "failed-timeout", "moderated-output",
    "error-in", "failed-words", "failed-odd-text", "failed-echo-key", "filtered-count",
)  # fmt: skip
_KEEPS_MONEY: Final = frozenset({"failed-no-refund"})


@dataclass(frozen=True)
class Order:
    """What a submit asks for, in any protocol."""

    prompt: str
    model: str
    #: pixels
    width: int = 720
    height: int = 1280
    seconds: float = 5.0
    seed: int | None = None
    #: Key of the first reference picture in ``Pictures``.
    picture: str | None = None
    callback: str = ""
    #: The request as sent, pictures left out.
    params: dict[str, Any] = field(default_factory=dict)
    #: Which interface it came through: ``veo`` or ``jobs`` at KIE.
    interface: str = ""
    #: What it costs where that depends on what is asked for; None: the usual price.
    price: float | None = None
    #: Key of the picture that the video ends with.
    last_picture: str | None = None
    #: The video has sound.
    sound: bool = False
    #: It draws a picture.
    draws: bool = False
    #: The job whose video is extended, or else enlarged.
    source: Job | None = None
    longer: bool = False


@dataclass
class Job:
    """One accepted order; its stage depends on the clock alone."""

    id: str
    file_id: str
    provider: str
    key: str
    order: Order
    seed: int
    price: float
    faults: dict[str, str | None]
    #: seconds since 1970
    created: float
    seconds: float
    hits: Counter[str] = field(default_factory=Counter)
    #: Links handed out so far.
    links: int = 0
    settled: bool = False
    #: The key of its submit, exactly as sent.
    sent_key: str = ""

    def has(self, fault: str) -> bool:
        return fault in self.faults

    def argument(self, fault: str) -> str:
        """What the tag says after the colon, else the catalogue's default."""
        return self.faults.get(fault) or CATALOGUE[fault].default or ""

    def number(self, fault: str) -> float:
        """The argument as a number; the catalogue's default where it is none."""
        try:
            return float(self.argument(fault))
        except ValueError:
            return float(CATALOGUE[fault].default or 0)

    def fires(self, fault: str) -> bool:
        """Whether the fault affects this request: true the first ARG times."""
        if not self.has(fault) or self.hits[fault] >= self.number(fault):
            return False
        self.hits[fault] += 1
        return True

    @property
    def ends(self) -> float:
        """When it ends, in seconds since 1970; infinite where it is stuck."""
        return math.inf if self.has("stuck") else self.created + self.seconds

    @property
    def failure(self) -> str | None:
        """The fault that makes it fail, if one does."""
        return next((name for name in _FAILURES if self.has(name)), None)

    @property
    def refunded(self) -> bool:
        """Whether its end gives the money back."""
        return self.has("cancelled") or (self.failure is not None and self.failure not in _KEEPS_MONEY)

    def reason(self, usual: str) -> str:
        """The message of its failure, as the fault names it."""
        if self.has("failed-words"):
            return self.argument("failed-words")
        if self.has("failed-odd-text"):
            return ODD_TEXT
        return echo(self.sent_key) if self.has("failed-echo-key") else usual

    def stage(self, now: float) -> Stage:
        if now >= self.ends:
            return self._end()
        share = (now - self.created) / self.seconds if self.ends < math.inf else 0.5
        return next(stage for left_at, stage in (*_LEFT_AT, (math.inf, Stage.FINISHING)) if share < left_at)

    def _end(self) -> Stage:
        if self.has("cancelled"):
            return Stage.CANCELLED
        return Stage.FAILED if self.failure else Stage.SUCCEEDED

    def progress(self, now: float) -> int:
        """Per cent, 100 only at the end."""
        if now >= self.ends:
            return 100
        share = (now - self.created) / self.seconds if self.ends < math.inf else 0.5
        return max(0, min(99, int(share * 100)))


class Jobs:
    """All jobs; keeps the ended ones up to a limit, and the peak of those in flight."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._by_id: OrderedDict[str, Job] = OrderedDict()
        self._by_file: dict[str, Job] = {}
        self._ending: list[tuple[float, str]] = []
        self._ended: OrderedDict[str, None] = OrderedDict()
        self.in_flight: Counter[str] = Counter()
        self.peak_in_flight: Counter[str] = Counter()

    def add(self, job: Job) -> None:
        self._by_id[job.id] = job
        self._by_file[job.file_id] = job
        if job.ends < math.inf:
            heapq.heappush(self._ending, (job.ends, job.id))
        self.in_flight[job.provider] += 1
        self.peak_in_flight[job.provider] = max(self.peak_in_flight[job.provider], self.in_flight[job.provider])

    def find(self, job_id: str) -> Job | None:
        return self._by_id.get(job_id)

    def of_file(self, file_id: str) -> Job | None:
        return self._by_file.get(file_id)

    def all(self) -> list[Job]:
        return list(self._by_id.values())

    def settle(self, now: float) -> list[Job]:
        """Jobs that ended since the last call; forgets the oldest ended ones beyond the limit."""
        ended = []
        while self._ending and self._ending[0][0] <= now:
            job = self._by_id[heapq.heappop(self._ending)[1]]
            self.in_flight[job.provider] -= 1
            self._ended[job.id] = None
            ended.append(job)
        while len(self._ended) > self._keep:
            self._forget(self._ended.popitem(last=False)[0])
        return ended

    def _forget(self, job_id: str) -> None:
        job = self._by_id.pop(job_id)
        del self._by_file[job.file_id]
