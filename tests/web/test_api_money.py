"""Money over the API: the sheet, limits, the ledger, prices."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from server_client import TestClient

from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Shot
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions


def test_the_sheet_is_shown_and_nothing_is_queued(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    project = vidgen.projects.get(shot.project_id).name
    body = {"project": project, "shot_ids": [shot.id], "provider": "yunwu", "takes": 2, "aspect_ratio": "21:9"}

    sheet = client.post("/api/tasks/preflight", json=body).json()

    [problem] = [problem for problem in sheet["problems"] if problem["code"] == "aspect_ratio_not_taken"]
    assert (problem["shots"], problem["count"]) == ([shot.number], 1)
    good = client.post("/api/tasks/preflight", json={**body, "aspect_ratio": "9:16"}).json()
    assert (good["tasks"], good["low"]) == (2, {"amount": 0.8, "currency": "CNY"})
    assert vidgen.tasks.ids(shot.project_id) == []


def give_key(vidgen: Vidgen) -> None:
    vidgen.settings_file.change({"providers.yunwu.keys": [{"name": "main", "secret": "sk-test-x4KR"}]})


def test_without_a_key_nothing_is_queued_and_a_sentence_says_so(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    [kept] = vidgen.tasks.generate(
        shot.project_id, [shot.id], GenerateOptions(takes=1, provider=ProviderId("yunwu")), release=False
    ).tasks
    project = vidgen.projects.get(shot.project_id).name

    for address, body in (
        ("/api/tasks", {"project": project, "shot_ids": [shot.id], "provider": "yunwu"}),
        ("/api/yunwu/tasks/run-concurrent", {"task_ids": [str(kept.id)]}),
    ):
        answer = client.post(address, json=body)
        assert answer.status_code == 409
        assert "key" in answer.json()["error"]["message"]
    assert [task.status for task in vidgen.tasks.many(vidgen.tasks.ids(None))] == ["pending"]


def test_running_kept_tasks_says_what_was_ordered(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    give_key(vidgen)
    made = vidgen.tasks.generate(
        shot.project_id, [shot.id], GenerateOptions(takes=2, provider=ProviderId("yunwu")), release=False
    ).tasks
    ids = [str(task.id) for task in made]

    answer = client.post("/api/yunwu/tasks/run-concurrent", json={"task_ids": ids, "max_concurrent": 3}).json()

    assert (answer["done"], answer["refused"]) == (ids, [])
    assert (answer["ordered"]["count"], answer["ordered"]["cost"]["amount"]) == (2, 0.8)


def test_all_means_the_shots_without_takes(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    project = vidgen.projects.get(shot.project_id).name
    asked_for = {"project": project, "all": True, "takes": 1}
    client.post("/api/tasks", json={"project": project, "shot_ids": [shot.id], "takes": 1})

    first, second = client.post("/api/tasks", json=asked_for).json(), client.post("/api/tasks", json=asked_for).json()
    more = client.post("/api/tasks", json=asked_for | {"again": True}).json()

    assert [(one["count"], one["with_takes"]) for one in (first, second)] == [(1, 1), (0, 2)]
    assert more["count"] == 2


def test_a_limit_is_set_seen_and_passed_once(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    give_key(vidgen)
    project = vidgen.projects.get(shot.project_id).name
    asked_for = {"project": project, "shot_ids": [shot.id], "provider": "yunwu", "takes": 3}
    made = client.post("/api/tasks", json=asked_for).json()
    assert made["count"] == 3
    assert (made["ordered"]["count"], made["ordered"]["cost"]["amount"], made["ordered"]["worst"]["amount"]) == (
        3,
        1.2,
        3.6,
    )

    [limit] = client.post("/api/budget", json={"project": project, "limit": 0.4}).json()["limits"]
    assert (limit["scope"], limit["left"], limit["percent"]) == ("project", 0.4, 0)
    [passed] = client.post("/api/budget/go-on", json={"project": project}).json()["limits"]
    assert passed["left"] == 1.2
    assert client.get("/api/budget", params={"project": project}).json()["limits"] == [passed]


def test_the_ledger_is_told_to_the_cent(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    [task] = vidgen.tasks.generate(
        shot.project_id, [shot.id], GenerateOptions(takes=1, provider=ProviderId("yunwu")), release=False
    ).tasks
    with vidgen.store.write() as tx:
        for charge, amount in ((ChargeStatus.CHARGED, "2.92"), (ChargeStatus.REFUNDED, "1.01")):
            cost = Money(amount=Decimal(amount), currency="CNY")
            attempt = tx.attempts.begin(task.id, ProviderId("yunwu"), task.model, "k1", "k1", None, cost)
            tx.attempts.update(attempt.id, charge=charge, state=AttemptState.FAILED, intent_at=datetime.now(UTC))

    [line] = client.get("/api/spend").json()["spend"]

    assert (line["charged"], line["refunded"], line["owed"]["amount"]) == (2.92, 1.01, 2.92)
    assert client.get("/api/spend", params={"since": "2999-01-01"}).json()["spend"] == []


def test_prices_are_listed_and_a_provider_without_a_list_says_so(client: TestClient) -> None:
    assert {row["source"] for row in client.get("/api/prices").json()} == {"built_in"}

    refused = client.post("/api/prices/lovart/refresh")

    assert refused.status_code == 409
    assert "price list" in refused.text


def test_a_quote_is_ordered_once_by_its_token(client: TestClient, vidgen: Vidgen) -> None:
    quote = client.post("/api/quote", json={"project": "ep01", "all": True, "takes": 1}).json()
    assert (quote["count"], quote["cost"]["amount"]) == (2, 0)
    assert vidgen.tasks.ids(None) == []

    first = client.post("/api/tasks", json={"quote": quote["quote"]}).json()
    again = client.post("/api/tasks", json={"quote": quote["quote"]}).json()

    assert len(first["tasks"]) == 2
    assert [task["id"] for task in again["tasks"]] == [task["id"] for task in first["tasks"]]
    assert client.post("/api/tasks", json={"quote": quote["quote"], "takes": 1}).status_code == 422
    assert client.post("/api/tasks", json={"quote": "1-forged"}).status_code == 404
