"""From a script to a storyboard by the command line alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.cli_doubles import Vidgen
from tests.scripts.sample_scripts import LIGHTHOUSE


@pytest.fixture
def lighthouse(tmp_path: Path) -> Path:
    path = tmp_path / "灯塔.txt"
    path.write_bytes(LIGHTHOUSE.encode("gb18030"))
    return path


def test_a_two_page_chinese_script_becomes_a_storyboard_offline(vidgen: Vidgen, lighthouse: Path) -> None:
    said = vidgen("script", str(lighthouse), "--project", "ep01", "--json")

    assert said.status == 0, said.err
    assert len(said.json["added"]) == 22
    assert (said.json["lost_lines"], said.json["invented"]) == ([], 0)
    shots = vidgen("shots", "--project", "ep01", "--json").json
    assert [shot["shot"] for shot in shots][:7] == ["1.0", "1.1", "1.2", "1.3", "1.4", "2.0", "2.1"]
    assert shots[2]["script"] == "小满：爷爷，等等我！"
    assert shots[2]["prompt"] == "小满开口说：“爷爷，等等我！”固定镜头。"
    assert shots[0]["picture_prompt"].startswith("外景 海边 黄昏。海浪拍打礁石")
    assert all(shot["params"]["duration"] for shot in shots)


def test_a_dry_run_shows_the_storyboard_and_stores_nothing(vidgen: Vidgen, lighthouse: Path) -> None:
    said = vidgen("script", str(lighthouse), "--dry-run", "--json")

    assert (said.status, len(said.json["shots"]), said.json["added"]) == (0, 22, [])
    assert vidgen("shots", "--json").json == []


def test_the_same_script_is_added_twice_only_when_asked(vidgen: Vidgen, lighthouse: Path) -> None:
    vidgen("script", str(lighthouse))
    refused = vidgen("script", str(lighthouse))
    again = vidgen("script", str(lighthouse), "--again", "--json")

    assert refused.status == 2
    assert "in the storyboard already" in refused.err
    assert [shot["shot"] for shot in again.json["added"]][:1] == ["6.0"]
    assert len(vidgen("shots", "--json").json) == 44


def test_what_is_no_script_is_said_in_a_sentence(vidgen: Vidgen, tmp_path: Path) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"\xff\xd8")

    said = vidgen("script", str(picture))

    assert said.status == 2
    assert "cannot be read as a script" in said.err


def test_a_question_that_nobody_answers_leaves_no_project_behind(
    vidgen: Vidgen, lighthouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "BASE_URL": "http://127.0.0.1:9/v1",
        "MODEL": "writer",
        "KEYS": '[{"name": "a", "secret": "sk-aaaa1111"}]',
    }.items():
        monkeypatch.setenv(f"VIDGEN_WRITING__{name}", value)

    said = vidgen("script", str(lighthouse))

    assert said.status == 2
    assert "--yes" in said.err
    assert vidgen("projects", "--json").json == []
