"""Pictures over the HTTP API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image
from server_client import TestClient

from vidgen_core.domain.shots import NewCandidate, Project
from vidgen_core.services.facade import Vidgen


def candidate(vidgen: Vidgen, shot_id: int, tmp_path: Path, colour: str, number: int) -> str:
    path = tmp_path / f"{colour}.png"
    Image.new("RGB", (80, 120), colour).save(path)
    key = vidgen.shots.keep_image(path)
    project = vidgen.shots.get(shot_id).project_id
    with vidgen.store.write() as tx:
        return str(
            tx.candidates.add(
                NewCandidate(project_id=project, shot_id=shot_id, number=number, image=key, width=80, height=120)
            ).id
        )


def project_of(vidgen: Vidgen) -> Project:
    found = vidgen.projects.find("ep01")
    assert found is not None
    return found


def test_pictures_are_priced_queued_and_listed(client: TestClient, vidgen: Vidgen) -> None:
    dry = client.post("/api/pictures", json={"project": "ep01", "missing": True, "count": 2, "dry_run": True}).json()
    assert (dry["count"], dry["cost"], dry["tasks"]) == (2, {"amount": 0.0, "currency": "CNY", "estimated": True}, [])

    made = client.post("/api/pictures", json={"project": "ep01", "missing": True, "count": 2})

    assert made.status_code == 200
    assert [(task["shot"], task["output"], task["provider"]) for task in made.json()["tasks"]] == [
        ("2.0", "image", "local"),
        ("2.0", "image", "local"),
    ]
    listed = client.get("/api/tasks", params={"project": "ep01", "output": "image"}).json()
    assert listed["total"] == 2
    assert client.get("/api/tasks", params={"project": "ep01", "output": "video"}).json()["total"] == 0


def test_every_provider_that_draws_can_be_asked_and_no_other(client: TestClient) -> None:
    def asked(**more: str) -> tuple[int, dict[str, Any]]:
        answer = client.post("/api/pictures", json={"project": "ep01", "all": True, "dry_run": True, **more})
        return answer.status_code, answer.json()

    for provider, model in (("kie", "nano-banana-2"), ("images", "gpt-image-1"), ("local", "storyboard")):
        status, found = asked(provider=provider, model=model)
        assert (status, found["count"], found["refused"]) == (200, 2, []), provider
    assert asked(provider="yunwu")[0] == 422
    shot = client.get("/api/shots", params={"project": "ep01"}).json()["items"][0]
    assert client.patch(f"/api/shots/{shot['id']}", json={"params": {"seed": 7}}).status_code == 200
    _, found = asked(provider="images", model="gpt-image-1")
    assert [(one["code"], one["shots"], one["fatal"]) for one in found["warnings"]] == [
        ("seed_not_taken", [shot["shot"]], False)
    ]
    _, found = asked(provider="kie", model="veo3_fast")
    assert (found["count"], {one["code"] for one in found["refused"]}) == (0, {"model_draws_nothing"})


def test_a_candidate_is_chosen_and_the_picture_before_it_stays_choosable(
    client: TestClient, vidgen: Vidgen, tmp_path: Path
) -> None:
    [first, _] = vidgen.shots.page(project_of(vidgen).id).items
    new = candidate(vidgen, first.shot.id, tmp_path, "red", 1)

    pictures = client.post(f"/api/pictures/{new}/choose").json()

    assert [(one["number"], one["chosen"], one["task"]) for one in pictures] == [(1, True, None), (2, False, None)]
    shot = client.get(f"/api/shots/{first.shot.id}").json()
    assert shot["pictures"] == pictures == client.get(f"/api/shots/{first.shot.id}/pictures").json()
    seen = client.get(pictures[0]["image"])
    assert (seen.status_code, seen.headers["content-type"]) == (200, "image/png")
    small = client.get(f"{pictures[0]['image']}.jpg")
    assert (small.status_code, small.headers["content-type"]) == (200, "image/jpeg")


def test_what_is_not_there_cannot_be_chosen_or_drawn_for(client: TestClient) -> None:
    assert client.post("/api/pictures/999/choose").status_code == 404
    assert client.post("/api/pictures", json={"project": "ep01", "shots": ["9.9"]}).status_code == 404
    assert client.post("/api/pictures", json={"project": "ep01", "all": True, "count": 9}).status_code == 422
    assert client.get("/app/static/media/candidate/999").status_code == 404
