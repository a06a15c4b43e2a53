"""``vidgen finish`` offline: one take, all chosen takes, and which file goes out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.cli_doubles import Vidgen


@pytest.fixture
def chosen(tmp_path: Path, vidgen: Vidgen) -> Vidgen:
    """Two shots with a chosen take each."""
    listed = tmp_path / "board.csv"
    listed.write_text("shot,prompt\n1.0,pan left\n2.0,zoom in\n", encoding="utf-8")
    assert vidgen("import", str(listed)).status == 0
    assert vidgen("generate", "--all", "--takes", "1", "--yes").status == 0
    assert vidgen("run", "--until-done").status == 0
    for number in ("1.0", "2.0"):
        assert vidgen("pick", number, "1").status == 0
    return vidgen


@pytest.mark.extended
def test_one_take_and_then_all_chosen_takes_are_enlarged(chosen: Vidgen) -> None:
    made = chosen("finish", "1.0", "--upscale", "--json")
    assert made.status == 0, made.err
    (task,) = made.json["queued"]
    assert (task["shot"], task["take"], task["parent"], task["model"]) == ("1.0", 2, 1, "lanczos")
    assert chosen("run", "--until-done").status == 0

    seen = chosen("finish", "--chosen", "--upscale", "--dry-run", "--json")
    assert (seen.json["tasks"], "Take 2 replaces it already" in seen.err) == (1, True)
    both = chosen("finish", "--chosen", "--upscale", "--ceiling", "1", "--json")
    assert both.status == 1
    assert [task["shot"] for task in both.json["queued"]] == ["2.0"]
    assert [one["code"] for one in both.json["refused"]] == ["finish_there"]

    back = chosen("use-finished", "1.0", "2", "--source", "--json")
    assert back.json == {"shot": "1.0", "take": 2, "stands_in": False}
    assert chosen("use-finished", "1.0", "2", "--json").json["stands_in"] is True


def test_what_is_not_said_is_asked_for_and_what_nobody_can_do_is_refused(chosen: Vidgen) -> None:
    for words, said in (
        (["1.0"], "--extend"),
        (["1.0", "--extend", "--upscale"], "--extend"),
        (["--upscale"], "--chosen"),
        (["1.0", "--chosen", "--upscale"], "--chosen"),
        (["9.0", "--upscale"], "9.0"),
        (["1.0", "7", "--upscale"], "7"),
        (["1.0", "--4k"], "ken-burns"),
    ):
        answer = chosen("finish", *words)
        assert (answer.status, said in answer.err) == (2, True), answer.err
    assert chosen("finish", "--chosen", "--4k", "--json").json["queued"] == []
    told = chosen("finish", "--chosen", "--upscale", "--seconds", "3", "--json")
    assert (len(told.json["queued"]), told.err.count("seconds")) == (2, 2), told.err
    assert chosen("use-finished", "1.0", "1").status == 2
