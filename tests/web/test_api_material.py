"""A shot's material by the HTTP API."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image
from server_client import TestClient


def png(color: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (64, 64), color).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def shot(client: TestClient) -> dict[str, Any]:
    params = {"mode": "references", "sound": False, "negative_prompt": "rain"}
    made = client.post("/api/shots", json={"prompt": "a street", "params": params})
    assert made.status_code == 200, made.text
    return made.json()


def test_pictures_go_up_and_come_back(client: TestClient, shot: dict[str, Any]) -> None:
    assert shot["params"] == {"mode": "references", "sound": False, "negative_prompt": "rain"}
    where = f"/api/shots/{shot['id']}"
    ended = client.put(f"{where}/last-frame", content=png("red")).json()
    assert client.get(ended["last_frame"]).content == png("red")
    client.post(f"{where}/references", content=png("blue"))
    two = client.post(f"{where}/references?role=style", content=png("green")).json()["references"]
    assert [(one["role"], client.get(one["image"]).content) for one in two] == [
        ("character", png("blue")),
        ("style", png("green")),
    ]

    link = {"image_url": "https://example.com/a.png", "role": "object"}
    key = two[1]["image"].rsplit("/", 1)[1]
    changed = client.patch(where, json={"references": [{"image": key, "role": "style"}, link]}).json()
    assert [one["role"] for one in changed["references"]] == ["style", "object"]
    assert changed["references"][1]["image_url"] == "https://example.com/a.png"
    assert client.delete(f"{where}/last-frame").json()["last_frame"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"references": [{"image": "../a.png"}]},
        {"references": [{"image": "0" * 64 + ".png"}]},
        {"references": [{"role": "style"}]},
        {"references": [{"image_url": "file:///etc/passwd"}]},
        {"last_frame_url": "javascript:alert(1)"},
        {"params": {"mode": "everything"}},
        {"params": {"sound": "yes"}},
    ],
)
def test_what_is_no_picture_or_no_value_is_refused(
    client: TestClient, shot: dict[str, Any], changes: dict[str, Any]
) -> None:
    refused = client.patch(f"/api/shots/{shot['id']}", json=changes)
    assert refused.status_code in (400, 422)
    assert refused.json()["error"]["message"]


def test_what_the_model_does_not_take_is_said_before_it_is_ordered(client: TestClient, shot: dict[str, Any]) -> None:
    client.put(f"/api/shots/{shot['id']}/last-frame", content=png("red"))
    client.patch(
        f"/api/shots/{shot['id']}", json={"params": {"provider": "kie", "model": "grok-imagine/image-to-video"}}
    )
    asked = client.post("/api/tasks", json={"shot_ids": [shot["id"]], "dry_run": True}).json()
    assert [one["code"] for one in asked["refused"]] == ["last_frame_not_taken"]


@pytest.mark.parametrize(
    "body",
    [
        {"shot": "7", "references": [{"image": "0" * 64 + ".png"}]},
        {"shot": "7", "params": {"callback_url": "javascript:alert(1)"}},
        {"shot": "7", "params": {"seed": 2**32}},
        {"shot": "7", "params": {"aspect_ratio": "banana"}},
    ],
)
def test_a_shot_that_is_refused_is_not_begun(client: TestClient, body: dict[str, Any]) -> None:
    refused = client.post("/api/shots", json=body)
    assert refused.status_code in (400, 422), refused.text
    assert client.get("/api/shots", params={"text": "7"}).json().get("total", 0) == 0


@pytest.mark.parametrize("asked_for", [{"aspect_ratio": "banana"}, {"aspect_ratio": "0:0"}, {"size": "1080P\n720P"}])
def test_an_order_is_refused_for_what_a_shot_is_refused_for(
    client: TestClient, shot: dict[str, Any], asked_for: dict[str, str]
) -> None:
    refused = client.post("/api/tasks", json={"shot_ids": [shot["id"]], "dry_run": True, **asked_for})
    assert refused.status_code in (400, 422)
    assert next(iter(asked_for.values()))[:6] in refused.json()["error"]["message"]
