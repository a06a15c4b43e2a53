"""Who may ask."""

from __future__ import annotations

import pytest
from server_client import WS, TestClient
from starlette.websockets import WebSocketDisconnect

from vidgen_core.models import Shot, Take
from vidgen_core.server.guard import allowed_hosts, same_origin

FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1:9999"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_foreign_page_gets_neither_facts_nor_media(client: TestClient, take: Take, headers: dict[str, str]) -> None:
    assert client.get("/api/health", headers=headers).status_code == 403
    assert client.get(f"/app/static/media/take/{take.id}.mp4", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://127.0.0.1:8501"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
)
def test_our_own_pages_and_programs_are_answered(client: TestClient, headers: dict[str, str]) -> None:
    assert client.get("/api/health", headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.7"])
def test_a_name_that_is_not_ours_is_refused(client: TestClient, host: str) -> None:
    # What a rebound DNS name would send: the address is ours, the name is theirs.
    assert client.get("/api/health", headers={"Host": host}).status_code == 400


def test_a_foreign_page_cannot_listen(client: TestClient, shot: Shot) -> None:
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client.websocket_connect(f"{WS}/api/ws?project={shot.project_id}", headers={"Origin": "https://evil.example"}),
    ):
        pass
    assert refused.value.code == 1008


def test_answers_forbid_guessing_and_lending(client: TestClient, take: Take) -> None:
    headers = client.get(f"/app/static/media/poster/{take.id}.jpg").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-frame-options"] == "SAMEORIGIN"


def test_the_bound_address_is_allowed_and_a_wildcard_allows_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "192.168.1.5" in allowed_hosts("192.168.1.5")
    assert allowed_hosts("::") == allowed_hosts(None)
    monkeypatch.setenv("VIDGEN_ALLOWED_HOSTS", "studio.example, *.lan")
    assert allowed_hosts(None)[-2:] == ["studio.example", "*.lan"]


def test_a_program_without_origin_counts_as_ours() -> None:
    assert same_origin({"host": "127.0.0.1:8501"})
    assert not same_origin({"host": "127.0.0.1:8501", "origin": "http://127.0.0.1:8502"})
