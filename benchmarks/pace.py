"""When jobs are found to have ended, against polling at a fixed interval: a simulation without a clock.

    python benchmarks/pace.py [--jobs 3000]

*Delay* is from the end of a job to the poll that sees it, *polls* are those of one job; both against a fixed interval of 10 s on the
same jobs. The model learns from what its own polls have seen, as the worker does, and from the first job on.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable

from vidgen_core.worker.limits.poll_interval import PollIntervals, jitter

INTERVAL = 10.0


def _queued(chance: random.Random, number: int) -> float:
    """Quick jobs behind a queue that grows and shrinks."""
    return chance.gammavariate(8, 5) + max(0.0, 120 * ((number // 100) % 3) / 2 * chance.uniform(0.7, 1.3))


DURATIONS: dict[str, Callable[[random.Random, int], float]] = {
    "uniform 60-180": lambda chance, _: chance.uniform(60, 180),
    "log-normal, median 90": lambda chance, _: chance.lognormvariate(4.5, 0.35),
    "log-normal, wide": lambda chance, _: chance.lognormvariate(4.5, 0.8),
    "bimodal 60 / 240": lambda chance, _: chance.gauss(60, 6) if chance.random() < 0.6 else chance.gauss(240, 20),
    "queue-delayed": _queued,
    "always 60": lambda *_: 60.0,
    "short, 5-15": lambda chance, _: chance.uniform(5, 15),
    "quicker at half time": lambda chance, number: (
        chance.uniform(120, 240) if number < 1500 else chance.uniform(30, 60)
    ),
    "slower at half time": lambda chance, number: chance.uniform(30, 60) if number < 1500 else chance.uniform(120, 240),
}


def simulate(
    draw: Callable[[random.Random, int], float], jobs: int, seed: int, *, learning: bool
) -> list[tuple[int, float]]:
    """Polls and delay in seconds of each job."""
    chance, model, found = random.Random(seed), PollIntervals(), []
    # Of the jitter, which draws from it.
    random.seed(seed)
    for number in range(jobs):
        duration, elapsed, polls = max(draw(chance, number), 1.0), 0.0, 0
        gap = 0.0
        while elapsed < duration:
            gap = jitter(model.delay("m", elapsed, INTERVAL), INTERVAL)
            elapsed += gap
            polls += 1
        if learning:
            model.learn("m", [elapsed - min(gap, INTERVAL) / 2])
        found.append((polls, elapsed - duration))
    return found


def ratios(name: str, jobs: int = 3000, seed: int = 1) -> dict[str, float]:
    """The model against a fixed interval: polls, mean delay and 95th percentile of the delay."""
    ours, fixed = (simulate(DURATIONS[name], jobs, seed, learning=learning) for learning in (True, False))
    late, plain = (sorted(delay for _, delay in found) for found in (ours, fixed))
    return {
        "polls": sum(polls for polls, _ in ours) / sum(polls for polls, _ in fixed),
        "delay": sum(late) / sum(plain),
        "p95": late[int(0.95 * jobs)] / plain[int(0.95 * jobs)],
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--jobs", type=int, default=3000)
    given = options.parse_args()
    print("| durations | polls | delay | 95th percentile |\n|---|---|---|---|")
    for name in DURATIONS:
        found = ratios(name, given.jobs)
        print(f"| {name} | {found['polls']:.2f} | {found['delay']:.2f} | {found['p95']:.2f} |")


if __name__ == "__main__":
    main()
