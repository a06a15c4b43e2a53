"""``kill -9`` in the middle of paid work, a few rounds of what ``benchmarks/kills.py`` does two hundred times."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from vidgen_core.models import Mode


def benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "kills.py"
    spec = importlib.util.spec_from_file_location("kills", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("mode", [Mode.YUNWU, Mode.KIE])
def test_nothing_is_bought_twice_lost_or_shown_half(mode: Mode) -> None:
    figures = benchmark().kill_rounds(mode, rounds=4, seed=7, max_wait=6.0)

    assert figures["killed while running"] >= 2
    assert figures["last run ended by itself"]
    assert figures["bought more often than asked"] == 0
    assert figures["sent more often than the ledger says"] == 0
    assert figures["tasks not ended"] == 0
    assert figures["broken files"] == 0
    assert figures["files that no task names"] == 0
    assert figures["polls with a wrong key"] == 0
    assert figures["failed otherwise"] == []
