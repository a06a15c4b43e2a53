"""The characters of a project by the HTTP API."""

from __future__ import annotations

import pytest
from server_client import TestClient
from test_api_material import png


def test_a_character_comes_into_being_is_named_and_goes(client: TestClient) -> None:
    shot = client.post("/api/shots", json={"project": "ep01", "prompt": "@小明 runs, @Zed too"}).json()
    made = client.put("/api/characters", json={"project": "ep01", "name": "@小明", "description": "红围巾"})
    assert made.status_code == 200, made.text
    seen = client.post("/api/characters/pictures?project=ep01&name=小明", content=png("red")).json()
    assert (seen["name"], seen["shots"], client.get(seen["images"][0]).content) == ("小明", [shot["shot"]], png("red"))

    sent = client.get(f"/api/shots/{shot['id']}/sent").json()
    assert sent["prompt"] == "小明 runs, @Zed too\n小明: 红围巾"
    assert sent["characters"] == [{"name": "小明", "pictures": [], "words": True}]
    assert [one["code"] for one in sent["problems"]] == ["character_unknown", "character_as_words"]

    changed = client.put("/api/characters", json={"project": "ep01", "name": "小明", "new_name": "阿明", "images": []})
    assert (changed.json()["name"], changed.json()["images"], changed.json()["shots"]) == (
        "阿明",
        [],
        [shot["shot"]],
    )
    assert [one["name"] for one in client.get("/api/characters?project=ep01").json()] == ["阿明"]
    assert client.get(f"/api/shots/{shot['id']}/sent").json()["prompt"] == "阿明 runs, @Zed too\n阿明: 红围巾"
    gone = client.delete("/api/characters?project=ep01&name=阿明")
    assert gone.json() == {"deleted": "阿明", "shots": [shot["shot"]]}
    assert client.get("/api/characters?project=ep01").json() == []


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": " @ "},
        {"name": "x" * 81},
        {"name": "a", "images": ["../a.png"]},
        {"name": "a", "images": ["0" * 64 + ".png"]},
        {"name": "a", "voice": "x" * 501},
    ],
)
def test_what_cannot_be_a_character_is_refused(client: TestClient, body: dict[str, object]) -> None:
    assert client.put("/api/characters", json=body).status_code in (400, 422)
    assert client.post("/api/characters/pictures?name=a", content=b"").status_code in (400, 404, 422)
