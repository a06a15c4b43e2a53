"""Characters from a terminal: added, shown with what is sent of them, deleted with a word on who names them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.cli_doubles import Vidgen


@pytest.fixture
def board(tmp_path: Path, vidgen: Vidgen) -> Vidgen:
    listed = tmp_path / "board.csv"
    listed.write_text("shot,prompt\n1.0,@小明 runs\n2.0,a lake\n", encoding="utf-8")
    assert vidgen("import", str(listed)).status == 0
    return vidgen


def test_a_character_is_added_shown_and_deleted(board: Vidgen, tmp_path: Path) -> None:
    face = tmp_path / "face.png"
    Image.new("RGB", (64, 64), "red").save(face)
    made = board("set-character", "@小明", "--description", "红围巾", "--picture", str(face), "--json")
    assert made.status == 0, made.err
    (one,) = made.json
    assert (one["name"], one["description"], one["shots"]) == ("小明", "红围巾", ["1.0"])
    assert Path(one["images"][0]).is_file()
    assert board("characters", "--json").json == made.json
    assert "@小明" in board("characters").out

    sent = board("sent", "1.0", "--json").json
    assert sent["prompt"] == "小明 runs\n小明: 红围巾"
    assert "小明: words." in board("sent", "1.0").out

    asked = board("delete-character", "小明")
    assert asked.status == 2
    assert "1.0" in asked.err
    assert board("delete-character", "小明", "--yes", "--json").json == {"deleted": "小明", "shots": ["1.0"]}
    assert board("characters", "--json").json == []


def test_a_name_that_nobody_has_is_said(board: Vidgen) -> None:
    asked = board("sent", "1.0")
    assert (asked.status, "@小明" in asked.err) == (0, True)
    assert board("delete-character", "Bo").status == 2
