"""``make bench`` prints every row and keeps it in one place of the report."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parents[2] / "benchmarks"
REPORT = "# Figures\n\n## Polls (`benchmarks/pace.py`)\n\nBy hand.\n\n## Rest\n\nMore.\n"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmarks_main", HERE / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "HERE", tmp_path)
    return module


def test_what_is_printed_stands_in_the_section_that_names_it_once(bench: ModuleType) -> None:
    first = bench.kept(REPORT, "pace", "here", "| one |")
    again = bench.kept(first, "pace", "here", "| two |")

    polls, rest = again.split("## Rest")
    assert "By hand." in polls
    assert "| two |" in polls
    assert "| one |" not in again
    assert rest.strip() == "More."
    assert bench.kept(again, "pace", "here", "| two |") == again
    assert bench.kept(REPORT, "day", "here", "| one |").index("### day") > REPORT.index("More.")


def test_a_row_is_kept_where_its_bar_is_missed(bench: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import sys\nprint('| 12 s |')\nsys.exit(1)\n")

    assert bench.run("slow", str(tmp_path)) == ("| 12 s |", 1)


def test_what_takes_too_long_is_ended(bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "LONGEST", 0.0)
    (tmp_path / "endless.py").write_text("import threading\nthreading.Event().wait()\n")

    said, ended = bench.run("endless", str(tmp_path))

    assert (said, ended == 0) == ("", False)


def test_only_what_there_is_gets_other_arguments(bench: ModuleType) -> None:
    assert set(bench.SMALLER) <= set(bench.NAMES) == {path.stem for path in HERE.glob("[!_]*.py")}
