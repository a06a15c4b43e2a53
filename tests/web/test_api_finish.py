"""Finishing takes by the HTTP API: offers, one take, all chosen takes, and which file exports use."""

from __future__ import annotations

from server_client import TestClient

from vidgen_core.domain.takes import Take
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.facade import Vidgen


def test_a_take_is_offered_finished_and_ordered(client: TestClient, take: Take) -> None:
    (offer,) = client.get(f"/api/takes/{take.id}/finish").json()
    assert (offer["verb"], offer["provider"], offer["reason"]) == ("upscale", "local", None)
    seen = client.post(f"/api/takes/{take.id}/finish", json={"verb": "upscale", "dry_run": True}).json()
    assert (seen["count"], seen["tasks"]) == (1, [])
    made = client.post(f"/api/takes/{take.id}/finish", json={"verb": "upscale"}).json()
    assert [(one["parent"], one["model"]) for one in made["tasks"]] == [(take.number, "lanczos")]
    refused = client.post(f"/api/takes/{take.id}/finish", json={"verb": "fetch_4k"})
    assert refused.status_code == 422


def test_all_chosen_takes_are_one_batch(client: TestClient, vidgen: Vidgen, take: Take) -> None:
    client.post(f"/api/takes/{take.id}/choose")
    body = {"project": "ep01", "verb": "upscale", "dry_run": True}
    seen = client.post("/api/finish", json=body).json()
    assert [(row["shot"], row["take"], row["reason"]) for row in seen["rows"]] == [("1.0", 1, None)]
    assert (seen["preflight"]["tasks"], seen["queued"]) == (1, None)
    made = client.post("/api/finish", json=body | {"dry_run": False, "ceiling": 1, "shots": ["1.0"]}).json()
    assert [task["parent"] for task in made["queued"]["tasks"]] == [1]
    again = client.post("/api/finish", json=body).json()
    assert "already" in again["rows"][0]["reason"]
    for wrong in ({"ceiling": -1}, {"verb": "shrink"}, {"shots": ["9.0"]}):
        assert client.post("/api/finish", json=body | wrong).status_code in (404, 422)


def test_a_take_that_was_not_enlarged_stands_in_for_nothing(client: TestClient, take: Take) -> None:
    assert client.post(f"/api/takes/{take.id}/use", json={"used": True}).status_code == 422
    assert client.post("/api/takes/99/use", json={}).status_code == 404


def test_the_best_of_each_shot_is_listed_and_chosen(client: TestClient, vidgen: Vidgen, take: Take) -> None:
    with vidgen.store.write() as tx:
        for status in (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING, TaskStatus.COMPLETED):
            tx.tasks.move(take.task_id, status)
    body = {"project": "ep01", "dry_run": True}
    [seen] = client.post("/api/choose-best", json=body).json()
    assert (seen["shot"], seen["take"], seen["chosen"]) == ("1.0", 1, False)
    assert vidgen.shots.get(take.shot_id).chosen_take_id is None
    assert client.post("/api/choose-best", json=body | {"passed_only": True}).json() == []
    [done] = client.post("/api/choose-best", json={"project": "ep01", "shots": ["1.0"]}).json()
    assert (done["chosen"], vidgen.shots.get(take.shot_id).chosen_take_id) == (True, take.id)
    assert client.post("/api/choose-best", json={"project": "ep01", "shots": ["9.0"]}).status_code == 422


def test_the_model_judges_only_where_it_is_on(client: TestClient, take: Take) -> None:
    seen = client.post("/api/judge", json={"project": "ep01", "dry_run": True}).json()
    assert (seen["total"], seen["busy"]) == (1, False)
    refused = client.post("/api/judge", json={"project": "ep01"})
    assert refused.status_code == 409
    assert "switched off" in refused.json()["error"]["message"]
    assert client.get("/api/judge", params={"project": "ep01"}).json()["total"] == 0
