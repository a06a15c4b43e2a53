"""Money over the API: the sheet, limits, the ledger, prices."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from server_client import TestClient

from vidgen_core.app import Vidgen
from vidgen_core.models import AttemptState, Charge, Mode, Money, Shot


def test_the_sheet_is_shown_and_nothing_is_queued(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    project = vidgen.projects.get(shot.project_id).name
    body = {"project": project, "shot_ids": [shot.id], "provider": "yunwu", "takes": 2, "aspect_ratio": "21:9"}

    sheet = client.post("/api/tasks/preflight", json=body).json()

    [problem] = [problem for problem in sheet["problems"] if problem["code"] == "aspect_ratio_not_taken"]
    assert (problem["shots"], problem["count"]) == ([shot.number], 1)
    good = client.post("/api/tasks/preflight", json={**body, "aspect_ratio": "9:16"}).json()
    assert (good["tasks"], good["low"]) == (2, {"amount": 0.8, "currency": "CNY"})
    assert vidgen.tasks.ids(shot.project_id) == []


def test_a_limit_is_set_seen_and_passed_once(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    project = vidgen.projects.get(shot.project_id).name
    wish = {"project": project, "shot_ids": [shot.id], "provider": "yunwu", "takes": 3}
    assert client.post("/api/tasks", json=wish).json()["count"] == 3

    [limit] = client.post("/api/budget", json={"project": project, "limit": 0.4}).json()["limits"]
    assert (limit["scope"], limit["left"], limit["percent"]) == ("project", 0.4, 0)
    [passed] = client.post("/api/budget/go-on", json={"project": project}).json()["limits"]
    assert passed["left"] == 1.2
    assert client.get("/api/budget", params={"project": project}).json()["limits"] == [passed]


def test_the_ledger_is_told_to_the_cent(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    [task] = vidgen.tasks.generate(shot.project_id, [shot.id], takes=1, provider=Mode.YUNWU, release=False).tasks
    with vidgen.store.write() as tx:
        for charge, amount in ((Charge.CHARGED, "2.92"), (Charge.REFUNDED, "1.01")):
            cost = Money(amount=Decimal(amount), currency="CNY")
            attempt = tx.attempts.begin(task.id, Mode.YUNWU, task.model, "k1", "k1", None, cost)
            tx.attempts.update(attempt.id, charge=charge, state=AttemptState.FAILED, intent_at=datetime.now(UTC))

    [line] = client.get("/api/spend").json()["spend"]

    assert (line["charged"], line["refunded"], line["owed"]["amount"]) == (2.92, 1.01, 2.92)
    assert client.get("/api/spend", params={"since": "2999-01-01"}).json()["spend"] == []


def test_prices_are_listed_and_a_provider_without_a_list_says_so(client: TestClient) -> None:
    assert {row["source"] for row in client.get("/api/prices").json()} == {"built_in"}

    refused = client.post("/api/prices/kie/refresh")

    assert refused.status_code == 409
    assert "price list" in refused.text
