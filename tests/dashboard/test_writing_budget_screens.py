"""What the budget does not let a language model be asked: one sentence, and one word to go on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from screens import Screen, open_screen

from tests.scripts.sample_scripts import LIGHTHOUSE
from vidgen_core.domain.shots import NewShot
from vidgen_core.fake_provider.server import RehearsalServer, settings_hint


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    """One question costs a yuan, and the budget is one."""
    with RehearsalServer() as server:
        for name, value in settings_hint(server.url).items():
            if name.startswith("VIDGEN_WRITING"):
                monkeypatch.setenv(name, value)
        monkeypatch.setenv("VIDGEN_WRITING__PIECE_SIZE", "200")
        price = {"provider": "writing", "model": "rehearsal", "amount": 1, "unit": "call"}
        monkeypatch.setenv("VIDGEN_PRICES", json.dumps([price]))
        monkeypatch.setenv("VIDGEN_BUDGET__LIMIT", "1")
        with open_screen(tmp_path / "home", monkeypatch) as opened:
            yield opened


def test_a_script_that_the_budget_has_stopped_goes_on_by_a_click(screen: Screen) -> None:
    app, project = screen.app, screen.project
    script = app.scripts.start(project.id, LIGHTHOUSE, "灯塔")
    assert app.scripts.wait(script.id, 30)
    at = screen.open("script")
    sentences = [warning.value for warning in at.warning if "used up" in warning.value]
    assert len(sentences) == 1
    assert "this question to the language model may cost ¥1.00" in sentences[0]

    screen.press(f"budget_once_script_{script.id}")
    screen.press("confirm_act")

    assert app.scripts.wait(script.id, 30)
    screen.run()
    assert app.scripts.get(script.id).done == 3
    assert not [warning.value for warning in at.warning if "may cost" in warning.value]
    at = screen.open("analytics")
    assert {metric.label: metric.value for metric in at.metric}["Spent"] == "≈¥3.00"
    assert "Questions to language models **3**" in screen.words()


def test_prompts_that_the_budget_has_stopped_go_on_by_a_click(screen: Screen) -> None:
    app, project = screen.app, screen.project
    with app.store.write() as tx:
        new = [NewShot(number=None, prompt="", script=f"海浪 {n}") for n in range(3)]
        ids = [shot.id for shot in tx.shots.add(project.id, new)]
    app.prompts.write(project.id, ids)
    assert app.prompts.wait(project.id, 30)
    screen.open("shots")
    screen.press("budget_once_prompts")
    screen.press("confirm_act")

    assert app.prompts.wait(project.id, 30)
    assert app.prompts.empty(project.id) == []
