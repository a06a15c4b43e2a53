"""When to look again: no more looks than a fixed interval makes, and a job is found in half the time."""

from __future__ import annotations

import random

import pytest

from vidgen_core.worker.limits.poll_interval import ENOUGH, PollIntervals, jitter

INTERVAL = 10.0


def look_until_found(book: PollIntervals, duration: float) -> tuple[int, float]:
    """Looks made and seconds between the end of the job and the look that saw it."""
    elapsed, looks = 0.0, 0
    while elapsed < duration:
        elapsed += book.delay("m", elapsed, INTERVAL)
        looks += 1
    return looks, elapsed - duration


def averages(book: PollIntervals, durations: list[float]) -> tuple[float, float]:
    found = [look_until_found(book, duration) for duration in durations]
    return sum(looks for looks, _ in found) / len(found), sum(late for _, late in found) / len(found)


@pytest.mark.parametrize("seed", range(5))
def test_learned_durations_find_a_job_in_half_the_time_with_no_more_looks(seed: int) -> None:
    chance = random.Random(seed)
    jobs = [chance.uniform(60, 180) for _ in range(3000)]
    book = PollIntervals()
    book.learn("m", jobs[:200])
    plain = averages(PollIntervals(), jobs[200:])
    learned = averages(book, jobs[200:])

    assert learned[0] <= plain[0]
    assert learned[1] <= plain[1] * 0.55


def test_too_few_durations_are_not_trusted() -> None:
    book = PollIntervals()
    book.learn("m", [60.0] * (ENOUGH - 1))

    assert book.delay("m", 0.0, INTERVAL) == INTERVAL
    assert book.usual("m") is None


def test_a_job_longer_than_any_before_is_looked_at_as_usual() -> None:
    book = PollIntervals()
    book.learn("m", [60.0, 62.0] * ENOUGH)

    assert book.delay("m", 500.0, INTERVAL) == INTERVAL


def test_jobs_that_always_take_the_same_time_are_not_hammered() -> None:
    book = PollIntervals()
    book.learn("m", [60.0] * 50)

    looks, late = look_until_found(book, 60.0)

    assert looks <= 3
    assert late < INTERVAL


def test_jitter_stays_near() -> None:
    assert all(9.0 <= jitter(10.0) <= 11.0 for _ in range(100))
