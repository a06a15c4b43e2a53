"""When to poll a remote job again.

Fixed-interval polling polls often while nothing can have happened yet, and still finds a finished job half an
interval late. Knowing how long jobs of a model take, the same number of polls can be spent where the job is
likely to end. With density ``f`` of the duration and ``S`` the share of jobs still running, the expected delay
for a given number of polls is smallest when polls are spaced like ``sqrt(S / f)``.

The durations are cut into parts of equal probability and the density is smoothed over neighbours. Until some thirty durations are
known, a wide log-normal distribution around their median stands for those that are missing. No gap after the first poll is longer
than 1.5 intervals, so that a job that ends where few did is not found much later than at a fixed interval. A provider that has
become quicker or slower shows in a row of jobs that end before the first poll or after the last part; what was known is
forgotten then. ``benchmarks/pace.py`` simulates all this.
"""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final

#: Durations of one model remembered; old ones make room.
REMEMBERED: Final = 100
#: Durations needed before they are trusted.
ENOUGH: Final = 8
#: Durations from which on the prior has no say.
KNOWN: Final = 30
#: Deciles of the standard normal distribution and its ends: the shape of the prior.
_NORMAL: Final = (-2.0, -1.28, -0.84, -0.52, -0.25, 0.0, 0.25, 0.52, 0.84, 1.28, 2.0)
#: Standard deviation of the logarithm in the prior.
SPREAD: Final = 0.5
#: Parts of equal probability into which the durations are cut.
PARTS: Final = 16
#: Polls of a fixed interval below which there is nothing to be spent better.
FEWEST: Final = 2.0
#: Polls planned, as a share of those that a fixed interval makes; the rest is room for error.
PLANNED_SHARE: Final = 0.97
#: The shortest and the longest gap between two polls, as shares of the interval.
SHORTEST, LONGEST = 0.2, 1.5
#: Jobs in a row outside of all that is known after which it is forgotten.
STREAK: Final = 3


@dataclass(frozen=True)
class _Plan:
    """Edges of the parts (seconds since submit) and the spacing inside each."""

    edges: tuple[float, ...]
    spacing: tuple[float, ...]

    @property
    def first(self) -> float:
        """Seconds from the submit to the first poll."""
        return self.edges[0] + self.spacing[0] / 2


class PollIntervals:
    """Learned durations (submit to done, seconds) by model, and the plan made from them."""

    def __init__(self) -> None:
        self._durations: dict[Hashable, deque[float]] = {}
        self._plans: dict[tuple[Hashable, float], tuple[int, _Plan | None]] = {}
        #: Durations learned in all, and how many in a row were outside of the plan: below zero before, above zero after it.
        self._learned: dict[Hashable, int] = {}
        self._outside: dict[Hashable, int] = {}

    def learn(self, model: Hashable, durations: Iterable[float]) -> None:
        """Remember how long jobs of ``model`` took, as near as the polls before and after their end can say."""
        known = self._durations.setdefault(model, deque(maxlen=REMEMBERED))
        for seconds in durations:
            if seconds <= 0:
                continue
            known.append(seconds)
            self._learned[model] = self._learned.get(model, 0) + 1
            if self._has_changed(model, seconds):
                latest = list(known)[-STREAK:]
                known.clear()
                known.extend(latest)
                self._plans = {key: plan for key, plan in self._plans.items() if key[0] != model}

    def _has_changed(self, model: Hashable, seconds: float) -> bool:
        plan = next((plan for key, (_, plan) in self._plans.items() if key[0] == model), None)
        if plan is None:
            return False
        early, late = seconds <= plan.first + plan.spacing[0] / 4, seconds > plan.edges[-1] + 2 * max(plan.spacing)
        before = self._outside.get(model, 0)
        now = min(before, 0) - 1 if early else max(before, 0) + 1 if late else 0
        changed = abs(now) >= STREAK
        self._outside[model] = 0 if changed else now
        return changed

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
            return plan.first - elapsed
        return plan.spacing[bisect.bisect_right(plan.edges, elapsed) - 1]

    def _plan(self, model: Hashable, interval: float) -> _Plan | None:
        learned, (planned, plan) = self._learned.get(model, 0), self._plans.get((model, interval), (-1, None))
        # A plan changes little with one more duration of many.
        if learned - planned > len(self._durations.get(model, ())) / 20 or planned < 0:
            plan = _make_plan(sorted(self._durations.get(model, ())), interval)
            self._plans[model, interval] = learned, plan
        return plan


def _make_plan(durations: list[float], interval: float) -> _Plan | None:
    if len(durations) < ENOUGH or sum(durations) < FEWEST * interval * len(durations):
        return None
    known = sorted((*durations, *_prior(durations)))
    edges = _edges(known, interval)
    widths = [right - left for left, right in itertools.pairwise(edges)]
    density = _smoothed([1 / (PARTS * width) for width in widths])
    running = [1 - (part + 0.5) / PARTS for part in range(PARTS)]
    shape = [(alive / dense) ** 0.5 for alive, dense in zip(running, density, strict=True)]
    budget = PLANNED_SHARE * sum(known) / len(known) / interval

    def spaced(scale: float) -> list[float]:
        return [min(max(scale * one, SHORTEST * interval), LONGEST * interval) for one in shape]

    # Seconds that a job spends before each edge, on average, and in each part.
    sums = [0.0, *itertools.accumulate(known)]
    before = [(sums[place := bisect.bisect(known, edge)] + (len(known) - place) * edge) / len(known) for edge in edges]
    spent = [right - left for left, right in itertools.pairwise(before)]

    def polls(spacing: list[float]) -> float:
        return sum(seconds / gap for seconds, gap in zip(spent, spacing, strict=True))

    low, high = 0.0, LONGEST * interval / min(shape)
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if polls(spaced(middle)) > budget else (low, middle)
    spacing = spaced(high)
    # Where even the longest gaps are too many polls, a fixed interval does as well.
    return _Plan(edges, tuple(spacing)) if polls(spacing) <= budget else None


def _prior(durations: list[float]) -> list[float]:
    """Durations that are not known yet: a share of a log-normal distribution around the median."""
    share = max(0.0, 1 - len(durations) / KNOWN)
    points = round(share * len(_NORMAL))
    median = durations[len(durations) // 2]
    step = (len(_NORMAL) - 1) / max(points - 1, 1)
    return [median * math.exp(SPREAD * _NORMAL[round(number * step)]) for number in range(points)]


def _edges(known: list[float], interval: float) -> tuple[float, ...]:
    """Quantiles, none nearer to the one before than a hundredth of an interval."""
    edges = [known[round(part * (len(known) - 1) / PARTS)] for part in range(PARTS + 1)]
    for part in range(1, PARTS + 1):
        edges[part] = max(edges[part], edges[part - 1] + 0.01 * interval)
    return tuple(edges)


def _smoothed(density: list[float]) -> list[float]:
    padded = [density[0], *density, density[-1]]
    return [(left + 2 * here + right) / 4 for left, here, right in zip(padded, padded[1:], padded[2:], strict=False)]


def jitter(seconds: float, interval: float) -> float:
    """``seconds`` moved at random by at most a tenth of an interval or of itself, so that polls are spread."""
    return seconds + min(seconds, interval) * random.uniform(-0.1, 0.1)
