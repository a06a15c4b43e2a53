"""A day of a studio of thirty people who order 100,000 jobs, as a simulation: where does it wait, and what is its bottleneck?

    python benchmarks/day.py [--jobs 100000] [--people 30] [--workers 2] [--serves 3] [--keys 6] [--cap 1200] [--seed 1]

Events come from a seeded model and time is a heap of them, so a day takes seconds. What each step costs was measured
by the other benchmarks (``Costs``); stations serve in order of arrival. The busiest five minutes of a station say how near
it is to its limit; the one that is nearest is the bottleneck.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import random
import statistics
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HOUR = 3600.0
#: Seconds over which a station's load is taken.
SPAN = 300.0


@dataclass(frozen=True)
class Costs:
    """Seconds of one task unless said otherwise; see docs/performance.md."""

    #: Of a worker's processor: before the order leaves, for each poll, from the first byte to the take.
    submit: float = 0.030
    poll: float = 0.004
    finish: float = 0.045
    #: Of PostgreSQL's processors.
    postgres: float = 0.050
    #: For which one commit has the lock of writers, and commits of a task (1.6 where twenty run at once: they share).
    commit: float = 0.007
    commits: float = 2.0
    #: Of ``vidgen serve``: one click, a page that is refreshed after a change, a task that is queued.
    click: float = 0.15
    refresh: float = 0.03
    queue: float = 0.003
    #: Bytes of a video, and bytes a second of a worker's network.
    video: float = 10e6
    network: float = 100e6


class Station:
    """Equal servers and one queue in order of arrival."""

    def __init__(self, name: str, servers: int) -> None:
        self.name = name
        self.servers = servers
        self._free = [0.0] * servers
        self.busy: dict[int, float] = defaultdict(float)
        self.waits: list[float] = []

    def serve(self, now: float, seconds: float) -> float:
        """When it is done; asked in order of time."""
        begin = max(now, heapq.heappop(self._free))
        end = begin + seconds
        heapq.heappush(self._free, end)
        self.waits.append(begin - now)
        at = begin
        while at < end:
            span = int(at // SPAN)
            until = min(end, (span + 1) * SPAN)
            self.busy[span] += until - at
            at = until
        return end

    def peak(self) -> float:
        return max(self.busy.values(), default=0.0) / (SPAN * self.servers)

    def mean(self, seconds: float) -> float:
        return sum(self.busy.values()) / (seconds * self.servers)


@dataclass
class Job:
    ordered: float
    person: int
    sent: float = 0.0
    ended: float = 0.0


class Day:
    """The simulation."""

    def __init__(self, asked: argparse.Namespace, costs: Costs) -> None:
        self._costs = costs
        self._asked = asked
        self._chance = random.Random(asked.seed)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()
        self._waiting: deque[Job] = deque()
        self._dispatching = False
        self.under_way = 0
        self.most_under_way = 0
        self.done: list[tuple[Job, float]] = []
        self.keys = Station("rate of the keys (20 in 10 s each)", asked.keys)
        self.workers = Station("processors of the workers", asked.workers)
        self.lock = Station("lock of writers", 1)
        self.postgres = Station("processors of PostgreSQL", 2)
        self.network = Station("networks of the workers", asked.workers)
        self.serves = Station("processors of vidgen serve", asked.serves)
        self.stations = (self.keys, self.workers, self.lock, self.postgres, self.network, self.serves)
        #: When each person's page was refreshed last: at most twice a second.
        self._refreshed: Counter[int] = Counter()

    def at(self, moment: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._order), act))

    def run(self) -> None:
        for moment, person, size in self.batches():
            self.at(moment, lambda now, person=person, size=size: self._ordered(now, person, size))  # type: ignore[misc]
        while self._events:
            now, _, act = heapq.heappop(self._events)
            act(now)

    def batches(self) -> list[tuple[float, int, int]]:
        """(second of the day, person, jobs): two busy stretches a day, and long batches more often than not at their ends."""
        chance, left, found = self._chance, self._asked.jobs, []
        begins = [chance.gauss(9.3, 0.6) for _ in range(self._asked.people)]
        while left > 0:
            person = chance.randrange(self._asked.people)
            size = min(left, max(1, round(chance.lognormvariate(3.7, 1.0))), 600)
            middle, width = (3.0, 1.4) if chance.random() < 0.45 else (7.5, 1.6)
            found.append((max(0.0, (begins[person] + chance.gauss(middle, width)) * HOUR), person, size))
            left -= size
        return sorted(found)

    def _ordered(self, now: float, person: int, size: int) -> None:
        ready = self.serves.serve(now, self._costs.click + self._costs.queue * size)
        self.lock.serve(now, self._costs.commit * 2)
        jobs = [Job(ready, person) for _ in range(size)]

        def queued(now: float) -> None:
            self._waiting.extend(jobs)
            self._dispatch(now)

        self.at(ready, queued)

    def _dispatch(self, now: float) -> None:
        while self._waiting and self.under_way < self._asked.cap:
            job = self._waiting.popleft()
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            # One turn of a key each half second.
            turn = self.keys.serve(now, 0.5) - 0.5
            self.at(turn, lambda now, job=job: self._submit(now, job))  # type: ignore[misc]

    def _commit(self, now: float) -> float:
        """A third of what a task writes."""
        self.postgres.serve(now, self._costs.postgres / 3)
        return self.lock.serve(now, self._costs.commit * self._costs.commits / 3)

    def _submit(self, now: float, job: Job) -> None:
        ready = self.workers.serve(now, self._costs.submit)

        def intended(now: float) -> None:
            job.sent = self._commit(now) + self._chance.uniform(0.2, 0.8)
            self._changed(now, job)
            job.ended = job.sent + self._chance.lognormvariate(4.5, 0.5)
            # A poll is late by half of an interval of ten seconds at the mean.
            seen = job.ended + self._chance.uniform(0.0, 10.0)
            polls = max(1, round((seen - job.sent) / 10))
            for number in range(1, polls + 1):
                self.at(job.sent + (seen - job.sent) * number / polls, self._poll)
            self.at(seen, lambda now: self._ended(now, job))

        self.at(ready, intended)

    def _poll(self, now: float) -> None:
        self.workers.serve(now, self._costs.poll)

    def _ended(self, now: float, job: Job) -> None:
        self.under_way -= 1
        self._commit(now)
        self._changed(now, job)
        # From the provider, and into the bucket.
        here = self.network.serve(now, 2 * self._costs.video / self._costs.network)
        self.at(here, lambda now: self._finish(now, job))
        self._dispatch(now)

    def _finish(self, now: float, job: Job) -> None:
        ready = self.workers.serve(now, self._costs.finish)

        def stored(now: float) -> None:
            self.done.append((job, self._commit(now)))
            self._changed(now, job)
            # Somebody looks at it and says yes or no.
            self.at(now + self._chance.expovariate(1 / 600), lambda now: self._click(now))

        self.at(ready, stored)

    def _click(self, now: float) -> None:
        self.serves.serve(now, self._costs.click)

    def _changed(self, now: float, job: Job) -> None:
        if now - self._refreshed[job.person] >= 0.5:
            self._refreshed[job.person] = now  # type: ignore[assignment]
            self.serves.serve(now, self._costs.refresh)

    def figures(self) -> dict[str, Any]:
        begun = min(job.ordered for job, _ in self.done)
        seconds = max(at for _, at in self.done) - begun
        stations = sorted(self.stations, key=lambda one: one.peak(), reverse=True)
        return {
            "jobs": len(self.done),
            "hours": round(seconds / HOUR, 1),
            "most under way": self.most_under_way,
            "from order to submit s": _spread([job.sent - job.ordered for job, _ in self.done]),
            "from end to take s": _spread([at - job.ended for job, at in self.done]),
            "stations": {
                one.name: {
                    "mean": f"{one.mean(seconds):.0%}",
                    "busiest five minutes": f"{one.peak():.0%}",
                    "wait s": _spread(one.waits),
                }
                for one in stations
            },
            "bottleneck": stations[0].name,
            "after it": f"{stations[1].name}, at {stations[0].peak() / stations[1].peak():.1f} times the load",
        }


def _spread(values: list[float]) -> str:
    """Median, 95th percentile and longest."""
    found = sorted(values)
    return f"{statistics.median(found):.1f} / {found[int(len(found) * 0.95)]:.1f} / {found[-1]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("jobs", 100_000), ("people", 30), ("workers", 2), ("serves", 3), ("keys", 6), ("cap", 1200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    day = Day(asked, Costs())
    day.run()
    print(json.dumps(day.figures(), indent=1))


if __name__ == "__main__":
    main()
