"""Wrong host, origin, token, path, size or shape: the right status, and nothing changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from server_client import HERE, WS, TestClient
from starlette.applications import Starlette
from starlette.websockets import WebSocketDisconnect

from vidgen_core.domain.shots import Shot
from vidgen_core.domain.takes import Take
from vidgen_core.services.facade import Vidgen
from vidgen_core.web import serve

NEW = {"json": {"name": "stolen"}}


def names(vidgen: Vidgen) -> list[str]:
    return [project.name for project in vidgen.projects.all()]


@pytest.fixture
def exposed(vidgen: Vidgen) -> Iterator[TestClient]:
    """A client of a server that other machines can reach, with nothing about sharing set."""
    serving = serve("0.0.0.0")  # noqa: S104 - told, not bound
    app = Starlette(routes=serving.routes, middleware=serving.middleware, lifespan=serving.lifespan)
    with TestClient(app, base_url=HERE, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


@pytest.fixture
def token(vidgen: Vidgen, exposed: TestClient) -> dict[str, str]:
    return {"Authorization": f"Bearer {vidgen.settings().sharing.token.get_secret_value()}"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 400),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Basic d3Jvbmc6d3Jvbmc="}, 401),
        ({"X-Forwarded-For": "10.0.0.9"}, 401),
        # Proxies that were told to say only this much.
        ({"X-Forwarded-Proto": "https"}, 401),
        ({"X-Forwarded-Server": "studio"}, 401),
        ({"Via": "1.1 studio"}, 401),
        ({"CF-Connecting-IP": "203.0.113.9"}, 401),
    ],
)
def test_who_must_not_changes_nothing(client: TestClient, vidgen: Vidgen, headers: dict[str, str], status: int) -> None:
    assert client.post("/api/projects", headers=headers, **NEW).status_code == status
    assert names(vidgen) == ["ep01"]


def test_from_this_machine_no_token_is_needed(client: TestClient, vidgen: Vidgen) -> None:
    assert client.post("/api/projects", **NEW).status_code == 200
    assert names(vidgen) == ["ep01", "stolen"]


def test_a_server_that_others_reach_answers_nobody_without_its_token(
    exposed: TestClient, vidgen: Vidgen, token: dict[str, str], take: Take
) -> None:
    for path in ("/api/status", "/api/docs", "/api/openapi.json", f"/app/static/media/take/{take.id}.mp4"):
        answer = exposed.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    assert exposed.post("/api/projects", **NEW).status_code == 401
    assert names(vidgen) == ["ep01"]
    assert exposed.get("/api/health").status_code == 200
    assert exposed.get("/api/status", headers=token).status_code == 200
    assert exposed.get(f"/app/static/media/take/{take.id}.mp4", headers=token).status_code == 200


def test_pages_of_such_a_server_lead_to_the_sign_in(exposed: TestClient) -> None:
    answer = exposed.get("/shots?project=ep01")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fshots%3Fproject%3Dep01")
    assert exposed.get("/_stcore/host-config").status_code == 401
    assert exposed.post("/shots").status_code == 401


def test_code_of_the_screens_is_open_so_that_a_signed_out_tab_still_finds_the_sign_in(
    exposed: TestClient, take: Take
) -> None:
    assert exposed.get("/app/static/media/part/push.js").status_code == 200
    for path in (f"../take/{take.id}.mp4", f"..%2ftake%2f{take.id}.mp4", f"%2e%2e/take/{take.id}.mp4", "nothing.js"):
        assert exposed.get(f"/app/static/media/part/{path}").status_code in (401, 404)


def test_events_of_such_a_server_need_a_cookie(exposed: TestClient, shot: Shot) -> None:
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        exposed.websocket_connect(f"{WS}/api/ws?project={shot.project_id}"),
    ):
        pass
    assert refused.value.code == 1008


@pytest.mark.parametrize(
    "path",
    [
        "/api/docs/..%2f..%2fsettings.toml",
        "/api/docs/%2e%2e/%2e%2e/settings.toml",
        "/api/tasks/..%2f..%2fvidgen.db/video",
        "/api/export/1/..%2f..%2fsettings.toml",
        "/app/static/media/export/1/..%2f..%2f..%2fsettings.toml",
        "/app/static/media/icon/..%2f..%2fhouse.py.svg",
    ],
)
def test_no_path_leads_out(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (404, 422)
    assert "token" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "how", "status"),
    [
        ("POST", "/api/projects", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", "/api/projects", {"content": b"\xff\xfe", "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", "/api/projects", {"content": b"[" * 100_000, "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", "/api/projects", {"json": {"name": "x" * 121}}, 422),
        ("POST", "/api/projects", {"json": {"name": "  "}}, 422),
        (
            "POST",
            "/api/projects",
            {"content": b'{"name": "\\ud800"}', "headers": {"Content-Type": "application/json"}},
            422,
        ),
        ("POST", "/api/projects", {"json": {"name": ["stolen"]}}, 422),
        ("POST", "/api/projects", {"json": {"name": "stolen", "more": 1}}, 422),
        ("POST", "/api/projects", {}, 422),
        ("POST", "/api/tasks", {"json": {"project": "ep01"}}, 422),
        ("POST", "/api/tasks", {"json": {"project": "ep01", "all": "yes"}}, 422),
        ("POST", "/api/tasks", {"json": {"project": "ep01", "all": True, "takes": 6}}, 422),
        ("POST", "/api/tasks", {"json": {"project": "nowhere", "all": True}}, 404),
        ("POST", "/api/tasks", {"json": {"project": "ep01", "shots": ["99"]}}, 404),
        ("POST", "/api/tasks/cancel", {"json": {"ids": []}}, 422),
        ("POST", "/api/tasks/cancel", {"json": {"ids": [10**30]}}, 422),
        ("POST", "/api/tasks/cancel", {"json": {"ids": ["1; DROP TABLE tasks"]}}, 422),
        ("GET", f"/api/tasks/{10**30}", {}, 422),
        ("GET", "/api/local/progress?task_ids=a,b", {}, 422),
        ("GET", "/api/local/progress?task_ids=99", {}, 404),
        ("PUT", "/api/shots/1/image", {"content": b"no picture"}, 422),
        ("PUT", "/api/shots/1/image", {"content": b""}, 422),
        ("POST", "/api/import", {"files": {"files": ("x.csv", b"\x00\x01\x02")}}, 422),
        ("POST", "/api/import", {"data": {"project": "ep01"}}, 422),
        ("DELETE", "/api/projects", {}, 405),
        ("GET", "/api/nothing", {}, 404),
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(
    client: TestClient, vidgen: Vidgen, method: str, path: str, how: dict[str, Any], status: int
) -> None:
    before = vidgen.store.revision()
    answer = client.request(method, path, **how)
    assert answer.status_code == status, answer.text
    assert set(answer.json()["error"]) == {"kind", "message"}
    assert vidgen.store.revision() == before


def test_a_body_that_says_it_is_too_large_is_not_even_read(client: TestClient, vidgen: Vidgen) -> None:
    answer = client.post("/api/projects", content=b"x" * 1_000_001)
    assert (answer.status_code, answer.json()["error"]["kind"]) == (413, "parameter")


def test_a_body_that_does_not_say_so_is_cut_off(client: TestClient, vidgen: Vidgen) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 50_000

    headers = {"Content-Type": "application/json"}
    assert client.post("/api/projects", content=endless(), headers=headers).status_code == 413
    assert names(vidgen) == ["ep01"]


def test_a_change_of_what_was_edited_elsewhere_is_refused(client: TestClient, vidgen: Vidgen, shot: Shot) -> None:
    vidgen.shots.edit(shot.id, prompt="fog")
    answer = client.patch(f"/api/shots/{shot.id}", json={"prompt": "snow", "rev": shot.rev})
    assert answer.status_code == 409
    assert vidgen.shots.get(shot.id).prompt == "fog"


@pytest.mark.parametrize(
    ("body", "english", "chinese"),
    [
        (
            {"shot_ids": ["x"]},
            "shot_ids.0 is not valid: it must be a whole number",
            "shot_ids.0 不正确：必须是整数",
        ),
        ({"takes": 9, "all": True}, "takes is not valid: it must be at most 5", "takes 不正确：不能大于 5"),
        ({"all": True, "how": 1}, "how is not valid: there is no such field", "how 不正确：没有这个字段"),
        (
            {"all": True, "provider": "images"},
            "provider is not valid: it must be one of: ",
            "只能是以下之一：",
        ),
        ({"all": True, "model": "m" * 201}, "it must have at most 200 characters", "最多 200 个字符"),
        ({"all": True, "mode": "by magic"}, "it must be one of: text, first_frame", "只能是以下之一：text"),
    ],
)
def test_a_wrong_field_is_explained_in_the_language_of_the_caller(
    client: TestClient, body: dict[str, object], english: str, chinese: str
) -> None:
    for language, sentence in (("en", english), ("zh-CN", chinese)):
        answer = client.post("/api/tasks", json=body, headers={"Accept-Language": language})
        assert answer.status_code == 422
        assert sentence in answer.json()["error"]["message"]
