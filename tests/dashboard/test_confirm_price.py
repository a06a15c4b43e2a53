"""A take that waits for its price to be confirmed: looked at, answered once, never by a stray click."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from screens import Screen, open_screen

from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Task
from vidgen_core.providers.base import WAITING_FOR_CONFIRMATION
from vidgen_core.services.generation.tasks import Tasks

PRICE = Money(amount=Decimal(40), currency="credits")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, Money | None]]:
    """The yeses that reached the façade."""
    yeses: list[tuple[int, Money | None]] = []
    monkeypatch.setattr(Tasks, "asked_price", lambda _tasks, _task_id: PRICE)
    monkeypatch.setattr(Tasks, "confirm_price", lambda _tasks, task_id, price: yeses.append((task_id, price)))
    return yeses


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as screen:
        yield screen


def under_way(screen: Screen, stage: str) -> Task:
    [task] = screen.add_tasks(provider=ProviderId("lovart"), model="seedance_v2_0")
    screen.submit(task, "project_1/thread_1")
    with screen.app.store.write() as tx:
        tx.tasks.note(task.id, stage=stage)
    screen.open("shots")
    return task


def test_a_yes_is_asked_for_with_its_price_and_said_once(screen: Screen, said: list[tuple[int, Money | None]]) -> None:
    task = under_way(screen, WAITING_FOR_CONFIRMATION)
    assert "waits for its price to be confirmed" in screen.takes()["v1"]["facts"]
    assert screen.takes()["v1"]["confirm"]

    screen.do(do="confirm", task=task.id)
    assert said == []
    assert "40 credits" in screen.words()

    screen.press("confirm_act")
    assert said == [(task.id, PRICE)]


def test_a_take_that_waits_for_nothing_has_no_such_button(screen: Screen) -> None:
    under_way(screen, "running")
    assert not screen.takes()["v1"]["confirm"]
