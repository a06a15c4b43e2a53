"""The price a job wants a yes for, over the API."""

from __future__ import annotations

from decimal import Decimal

import pytest
from server_client import TestClient

from vidgen_core.domain.money import Money
from vidgen_core.domain.shots import Shot
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.generation.tasks import Tasks

PRICE = Money(amount=Decimal("40.5"), currency="credits")


@pytest.fixture
def task_id(vidgen: Vidgen, shot: Shot) -> int:
    return vidgen.tasks.generate(shot.project_id, [shot.id], GenerateOptions(takes=1), release=False).tasks[0].id


def test_a_price_is_shown_and_confirmed_as_it_was_shown(
    client: TestClient, task_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    yeses: list[tuple[int, Money | None]] = []
    monkeypatch.setattr(Tasks, "asked_price", lambda _tasks, _task_id: PRICE)
    monkeypatch.setattr(Tasks, "confirm_price", lambda _tasks, id_, price: yeses.append((id_, price)))

    shown = client.get(f"/api/tasks/{task_id}/price").json()["price"]
    assert (shown["amount"], shown["currency"]) == (40.5, "credits")
    answer = client.post(f"/api/tasks/{task_id}/confirm", json={name: shown[name] for name in ("amount", "currency")})

    assert answer.status_code == 200
    assert yeses == [(task_id, PRICE)]


def test_a_task_that_waits_for_nothing_says_so(client: TestClient, task_id: int) -> None:
    asked = client.get(f"/api/tasks/{task_id}/price")
    confirmed = client.post(f"/api/tasks/{task_id}/confirm", json={"amount": 1, "currency": "credits"})

    assert (asked.status_code, confirmed.status_code) == (409, 409)
    assert "has no price to confirm" in asked.text


@pytest.mark.parametrize("body", [{}, {"amount": -1, "currency": "credits"}, {"amount": "much", "currency": "credits"}])
def test_a_yes_without_its_price_is_refused(client: TestClient, task_id: int, body: dict[str, object]) -> None:
    assert client.post(f"/api/tasks/{task_id}/confirm", json=body).status_code in (400, 422)
