"""``kill -9`` in the middle of paid work, a few rounds of what ``benchmarks/kills.py`` does two hundred times."""

from __future__ import annotations

import functools
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from vidgen_core.domain.providers import ProviderId


@functools.cache
def benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "kills.py"
    spec = importlib.util.spec_from_file_location("kills", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look for their module by name.
    sys.modules["kills"] = module
    spec.loader.exec_module(module)
    return module


def kept(figures: dict[str, object]) -> None:
    """What every round must leave: bought at most as often as asked, nothing lost, nothing half."""
    assert figures["last run ended by itself"]
    assert figures["bought more often than asked"] == 0
    assert figures["sent more often than the ledger says"] == 0
    assert figures["clear refusals counted as owed"] == 0
    assert figures["tasks not ended"] == 0
    assert figures["broken files"] == 0
    assert figures["files that no task names"] == 0
    assert figures["polls with a wrong key"] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "rounds"),
    [
        (ProviderId("yunwu"), 2),
        *(pytest.param(mode, 4, marks=pytest.mark.extended) for mode in (ProviderId("yunwu"), ProviderId("kie"))),
    ],
)
def test_nothing_is_bought_twice_lost_or_shown_half(mode: ProviderId, rounds: int) -> None:
    figures = benchmark().kill_rounds(mode, rounds=rounds, seed=7, max_wait=6.0)

    assert figures["killed while running"] >= rounds // 2
    kept(figures)
    assert figures["failed otherwise"] == []


def moments() -> list[object]:
    """Every moment at each provider; a quick one in each run of the tests, the others in the whole suite."""
    kills = benchmark()
    often = {("commit-after", ProviderId("kie"))}
    return [
        pytest.param(moment, mode, marks=() if (moment, mode) in often else pytest.mark.extended)
        for moment in kills.MOMENTS
        for mode in kills.MODELS
        if moment != "random"
    ]


@pytest.mark.slow
@pytest.mark.timeout(450)  # a run whose store fails waits seconds after each failure, and has 120 of them
@pytest.mark.parametrize(("moment", "mode"), moments())
def test_a_kill_or_a_failing_store_in_that_moment_buys_nothing_twice(moment: str, mode: ProviderId) -> None:
    figures = benchmark().kill_rounds(mode, rounds=1, max_wait=5.0, moment=moment, shots=3)

    assert figures["killed while running"] == 1
    kept(figures)
