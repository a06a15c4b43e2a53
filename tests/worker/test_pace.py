"""When to look again: no more looks than a fixed interval makes, and a job is found in half the time."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from types import ModuleType

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


@functools.cache
def simulator() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "pace.py"
    spec = importlib.util.spec_from_file_location("pace", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "polls", "delay", "p95"),
    [
        ("uniform 60-180", 1.0, 0.52, 1.0),
        ("log-normal, median 90", 1.0, 0.65, 1.0),
        ("log-normal, wide", 1.03, 1.0, 1.03),
        ("bimodal 60 / 240", 1.0, 0.6, 1.0),
        ("queue-delayed", 1.2, 0.75, 1.0),
        ("always 60", 0.7, 0.5, 1.0),
        ("short, 5-15", 1.02, 1.02, 1.02),
        ("quicker at half time", 1.03, 0.5, 1.0),
        ("slower at half time", 1.06, 0.5, 1.0),
    ],
)
def test_jobs_are_found_sooner_than_at_a_fixed_interval(name: str, polls: float, delay: float, p95: float) -> None:
    found = simulator().ratios(name, 2000)

    assert found["polls"] <= polls
    assert found["delay"] <= delay
    assert found["p95"] <= p95


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
    assert all(9.0 <= jitter(10.0, 10.0) <= 11.0 for _ in range(100))
    assert all(89.0 <= jitter(90.0, 10.0) <= 91.0 for _ in range(100))
