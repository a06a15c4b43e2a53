"""Scripts, prompts and the way over HTTP."""

from __future__ import annotations

from server_client import TestClient

SCRIPT = "第一场 内景 灯塔 夜\n灯室里堆满旧信。\n小满：这些信都是写给谁的？"


def test_a_script_becomes_a_storyboard_and_its_prompts_have_versions(client: TestClient) -> None:
    begun = client.post(
        "/api/scripts", json={"project": "film", "text": SCRIPT, "name": "灯塔", "offline": True}
    ).json()
    board = client.get(f"/api/scripts/{begun['id']}/storyboard").json()
    stored = client.post(f"/api/scripts/{begun['id']}/store").json()

    assert (begun["state"], begun["model"]) == ("ready", "")
    assert [(row["shot"], row["verdict"]) for row in board["shots"]] == [("1.0", "ok"), ("1.1", "ok")]
    assert len(stored["added"]) == 2
    shot = stored["added"][0]
    client.patch(f"/api/shots/{shot}", json={"prompt": "我自己写的"})
    versions = client.get(f"/api/shots/{shot}/prompts").json()
    assert [(one["number"], one["author"], one["in_use"]) for one in versions] == [
        (2, "human", True),
        (1, "model", False),
    ]
    back = client.post(f"/api/shots/{shot}/prompts/{versions[1]['id']}/put-back").json()
    assert back[0]["text"] == versions[1]["text"]
    assert client.get("/api/scripts", params={"project": "film"}).json()[0]["state"] == "stored"


def test_the_way_and_the_writing_of_prompts(client: TestClient) -> None:
    client.post("/api/shots", json={"project": "film", "prompt": "pan left"})
    written = client.post("/api/prompts", json={"project": "film", "camera": "orbit"}).json()
    way = client.get("/api/way", params={"project": "film"}).json()

    assert written["total"] == 0
    assert [step["name"] for step in way["steps"] if step["state"] == "next"] == ["pictures"]
    assert client.post("/api/way/go", params={"project": "film"}).json()["walking"] is True
    assert client.post("/api/way/halt", params={"project": "film"}).json()["walking"] is False


def test_what_makes_no_sense_is_refused_in_a_sentence(client: TestClient) -> None:
    client.post("/api/shots", json={"project": "film", "prompt": "pan left"})
    camera = client.post("/api/prompts", json={"project": "film", "camera": "teleport"})
    translate = client.post("/api/prompts", json={"project": "film", "translate": "zh"})

    assert "push_in" in camera.json()["error"]["message"]
    assert translate.status_code == 409
    assert client.get("/api/scripts/999").status_code == 404
