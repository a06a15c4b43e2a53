"""A link that somebody knows, entered over the API."""

from __future__ import annotations

from server_client import TestClient

from tests.services.app_doubles import link_unknown
from vidgen_core.domain.shots import Shot
from vidgen_core.services.facade import Vidgen


def test_a_known_link_is_fetched_and_anything_else_is_refused_in_a_sentence(
    client: TestClient, vidgen: Vidgen, shot: Shot
) -> None:
    task = link_unknown(vidgen, shot)

    wrong = client.post(f"/api/tasks/{task.id}/link", json={"url": "somewhere"})
    right = client.post(f"/api/tasks/{task.id}/link", json={"url": "https://cdn.example.com/v.mp4"})
    again = client.post(f"/api/tasks/{task.id}/link", json={"url": "https://cdn.example.com/v.mp4"})

    assert (wrong.status_code, right.status_code, again.status_code) == (422, 200, 409)
    assert "https://" in wrong.json()["error"]["message"]
    assert right.json()["status"] == "downloading"
