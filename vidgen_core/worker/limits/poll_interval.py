"""When to poll a remote job again.

Fixed-interval polling polls often while nothing can have happened yet, and still finds a finished job half an
interval late. Knowing how long jobs of a model take, the same number of polls can be spent where the job is
likely to end. With density ``f`` of the duration and ``S`` the share of jobs still running, the expected delay
for a given number of polls is smallest when polls are spaced like ``sqrt(S / f)``.
"""

from __future__ import annotations

import bisect
import itertools
import random
from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

#: Durations of one model remembered; old ones make room.
REMEMBERED = 200
#: Durations needed before they are trusted.
ENOUGH = 8
#: Parts of equal probability into which the durations are cut.
PARTS = 10
#: Polls planned, as a share of those that a fixed interval makes; the rest is room for error.
PLANNED_SHARE = 0.93
#: No poll comes sooner after another than this share of the interval.
SHORTEST = 0.2


@dataclass(frozen=True)
class _Plan:
    """Edges of the parts (seconds since submit) and the spacing inside each."""

    edges: tuple[float, ...]
    spacing: tuple[float, ...]


class PollIntervals:
    """Learned durations (submit to done, seconds) by model, and the plan made from them."""

    def __init__(self) -> None:
        self._durations: dict[Hashable, deque[float]] = {}
        self._plans: dict[tuple[Hashable, float], _Plan | None] = {}

    def learn(self, model: Hashable, durations: Iterable[float]) -> None:
        """Remember how long jobs of ``model`` took."""
        known = self._durations.setdefault(model, deque(maxlen=REMEMBERED))
        known.extend(seconds for seconds in durations if seconds > 0)
        self._plans = {key: plan for key, plan in self._plans.items() if key[0] != model}

    def usual(self, model: Hashable) -> tuple[float, float] | None:
        """The median and the ninth decile of the durations, in seconds; None while too few are known."""
        known = sorted(self._durations.get(model, ()))
        if len(known) < ENOUGH:
            return None
        return known[len(known) // 2], known[int(len(known) * 0.9)]

    def delay(self, model: Hashable, elapsed: float, interval: float) -> float:
        """Seconds from now until the next poll of a job submitted ``elapsed`` seconds ago."""
        plan = self._plan(model, interval)
        if plan is None or elapsed >= plan.edges[-1]:
            return interval
        if elapsed < plan.edges[0]:
            return plan.edges[0] - elapsed + plan.spacing[0] / 2
        return plan.spacing[bisect.bisect_right(plan.edges, elapsed) - 1]

    def _plan(self, model: Hashable, interval: float) -> _Plan | None:
        key = (model, interval)
        if key not in self._plans:
            self._plans[key] = _make_plan(sorted(self._durations.get(model, ())), interval)
        return self._plans[key]


def _make_plan(durations: list[float], interval: float) -> _Plan | None:
    if len(durations) < ENOUGH:
        return None
    edges = [durations[round(part * (len(durations) - 1) / PARTS)] for part in range(PARTS + 1)]
    mean = sum(durations) / len(durations)
    polls = PLANNED_SHARE * mean / interval
    if polls < 1:
        return None
    widths = [max(right - left, 0.01 * interval) for left, right in itertools.pairwise(edges)]
    running = [1 - (part + 0.5) / PARTS for part in range(PARTS)]
    weight = [(1 / (PARTS * width * alive)) ** 0.5 for width, alive in zip(widths, running, strict=True)]
    expected = sum(alive * rate * width for alive, rate, width in zip(running, weight, widths, strict=True))
    scale = max(polls - 0.5, 0.5) / expected
    shortest = SHORTEST * interval
    return _Plan(tuple(edges), tuple(max(1 / (scale * rate), shortest) for rate in weight))


def jitter(seconds: float, share: float = 0.1) -> float:
    """``seconds`` moved at random by at most ``share`` of itself, so that polls do not march in step."""
    return seconds * random.uniform(1 - share, 1 + share)
