"""Agents on the screen: letting one in, revoking it, and the yes or no to its orders."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from screens import Screen, open_screen

from vidgen_core.domain.agents import Quote, QuoteState
from vidgen_core.services.generation.planning import GenerateOptions


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    monkeypatch.setenv("VIDGEN_MODE", "yunwu")
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__KEYS", '[{"name": "main", "secret": "sk-test-x4KR"}]')
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        yield opened


def waiting_order(screen: Screen) -> Quote:
    app = screen.app
    app.agents.add("planner")
    project = app.projects.all()[0]
    shots = [app.shots.add(project.id, str(n), f"a ship in the fog {n}").id for n in range(90, 92)]
    quoted = app.quotes.make(project.id, shots, GenerateOptions(takes=1), agent="planner")
    return app.quotes.order(quoted.token, "planner").quote


def test_an_agent_is_let_in_with_limits_and_revoked(screen: Screen) -> None:
    screen.open("settings")
    screen.at.text_input(key="agent_name").set_value("planner")
    screen.at.number_input(key="agent_per_day").set_value(2.5)
    screen.press("agent_add")
    [agent] = screen.app.agents.all()
    assert (agent.name, agent.role, agent.per_day, agent.in_all) == ("planner", "maker", Decimal("2.5"), Decimal(0))
    token = next(code.value for code in screen.at.code if code.value.startswith("vda_"))
    assert screen.app.agents.find(token) == agent
    screen.press("agent_token_seen")
    assert token not in str(screen.at)
    screen.press("agent_revoke_planner")
    screen.press("confirm_act")
    assert screen.app.agents.find(token) is None


def test_a_nameless_agent_is_refused_in_a_sentence(screen: Screen) -> None:
    screen.open("settings")
    screen.press("agent_add")
    assert "name" in screen.toasts()
    assert screen.app.agents.all() == []


@pytest.mark.parametrize(("answer", "state"), [("agent_yes", QuoteState.ORDERED), ("agent_no", QuoteState.DECLINED)])
def test_a_person_answers_an_order_in_a_dialog(screen: Screen, answer: str, state: QuoteState) -> None:
    quote = waiting_order(screen)
    screen.open("shots")
    assert "planner wants to order 2 tasks" in screen.words()
    screen.press(f"agent_answer_{quote.id}")
    assert "daily limit" in screen.words()
    screen.press(answer)
    assert screen.app.quotes.get(quote.id).state is state
    assert "planner wants to order" not in screen.words()
