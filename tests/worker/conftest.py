"""A runner over a real store with a scripted provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from runner_bench import QUICK, Bench

from vidgen_core.config.paths import Locations


@pytest.fixture
def bench(locations: Locations, small_video: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("vidgen_core.worker.steps.submit.SETTLE", 0.05)
    # On a slow machine a round of them would come between a failure and what a test says of it.
    monkeypatch.setattr("vidgen_core.worker.background.abandoned_jobs.INTERVALS", 10_000)
    bench = Bench(locations, small_video)
    yield bench
    # A test may leave requests out that nobody answers.
    bench.stop(at_once=True)
    bench.store.close()
