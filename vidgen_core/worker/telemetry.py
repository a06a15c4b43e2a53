"""How long requests to providers take and which errors they end with: plain counters, read by whoever asks for metrics."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from vidgen_core.domain.errors import ErrorKind, RemoteError
from vidgen_core.domain.providers import ProviderId

if TYPE_CHECKING:
    from vidgen_core.domain.attempts import Attempt
    from vidgen_core.domain.tasks import Task
    from vidgen_core.worker.tracing import Tracing

#: What the worker asks of a provider.
RequestKind = Literal["prepare", "submit", "poll", "download"]
#: Upper bounds of the classes of a histogram, in seconds; one more class has no bound.
BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


@dataclass
class Latency:
    """A histogram of durations in seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        """Count a duration."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds


@dataclass
class Telemetry:
    """The counters of one worker since it was made. Written in its loop; others may read at any time."""

    latencies: dict[tuple[RequestKind, ProviderId], Latency] = field(default_factory=dict)
    errors: Counter[tuple[RequestKind, ProviderId, ErrorKind]] = field(default_factory=Counter)

    #: Spans, where somebody collects them.
    tracing: Tracing | None = None

    @contextmanager
    def request(self, kind: RequestKind, task: Task, attempt: Attempt | None) -> Iterator[None]:
        """Count one request about a task, and the error that it raises."""
        begun, provider = time.perf_counter(), task.provider
        traced = self.tracing.request(kind, task, attempt) if self.tracing and attempt else nullcontext()
        try:
            with traced:
                yield
        except RemoteError as error:
            self.errors[kind, provider, error.kind] += 1
            raise
        except TimeoutError:
            self.errors[kind, provider, ErrorKind.TIMEOUT] += 1
            raise
        finally:
            if (kind, provider) not in self.latencies:
                self.latencies[kind, provider] = Latency()
            self.latencies[kind, provider].add(time.perf_counter() - begun)
