"""Pictures from a terminal: the whole way offline, and prices before anything paid."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.cli_doubles import Vidgen
from vidgen_core.services.facade import Vidgen as Opened


@pytest.fixture
def storyboard(tmp_path: Path, vidgen: Vidgen, monkeypatch: pytest.MonkeyPatch) -> Vidgen:
    monkeypatch.setattr("vidgen_core.services.library.references._FRAME_SIZE", "96x160")
    board = tmp_path / "board.csv"
    board.write_text("镜号,画面提示词,脚本\n1.0,雨夜的街,他走了。\n2.0,清晨的海,\n", encoding="utf-8")
    assert vidgen("import", str(board)).status == 0
    return vidgen


def test_shots_without_pictures_get_them_offline_and_one_is_picked(storyboard: Vidgen, home: Path) -> None:
    made = storyboard("pictures", "--missing", "--count", "2", "--json")
    assert made.status == 0, made.err
    assert [task["output"] for task in made.json["queued"]] == ["image"] * 4
    assert storyboard("run", "--until-done").status == 0

    shots = storyboard("shots", "--json").json
    assert [len(shot["pictures"]) for shot in shots] == [2, 2]
    assert all(Path(shot["image"]).exists() for shot in shots)
    assert storyboard("pictures", "--missing", "--json").json["queued"] == []

    picked = storyboard("pick-picture", "1.0", "2", "--json").json
    with Image.open(picked["file"]) as picture:
        assert picture.size == (96, 160)
    first = storyboard("shots", "--json").json[0]
    assert first["image"] == picked["file"]
    assert [picture["chosen"] for picture in first["pictures"]] == [False, True]


def test_pictures_that_cost_money_ask_first(storyboard: Vidgen, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__IMAGES__KEYS", '[{"name":"a","secret":"sk-pictures-01"}]')
    monkeypatch.setenv("VIDGEN_GATE__ASK_ABOVE", "0")

    said = storyboard("pictures", "--all")

    assert said.status == 2
    assert "--yes" in said.err
    assert storyboard("tasks", "--json").json == []
    assert storyboard("pictures", "--all", "--yes").status == 0
    assert len(storyboard("tasks", "--json").json) == 2


@pytest.mark.parametrize("words", [[], ["--all", "--missing"], ["--missing", "--shot", "1.0"]])
def test_one_way_of_naming_shots_is_needed(storyboard: Vidgen, words: list[str]) -> None:
    said = storyboard("pictures", *words)
    assert said.status == 2
    assert "--missing" in said.err


def test_a_waiting_picture_is_cancelled_by_its_name(storyboard: Vidgen, home: Path) -> None:
    storyboard("pictures", "--shot", "1.0")
    with Opened.open() as app:
        [task] = app.tasks.many(app.tasks.ids(None))
    assert task.label == "1.0-p1"

    assert storyboard("cancel", "1.0-p1", "--json").json["done"] == [str(task.id)]


def test_shots_are_put_in_order(storyboard: Vidgen) -> None:
    def order() -> list[str]:
        return [shot["shot"] for shot in storyboard("shots", "--json").json]

    assert order() == ["1.0", "2.0"]
    assert storyboard("move", "2.0", "--before", "1.0", "--json").json == {"shot": "2.0", "place": 1}
    assert order() == ["2.0", "1.0"]
    assert storyboard("move", "2.0").status == 0
    assert order() == ["1.0", "2.0"]
