"""Who may ask."""

from __future__ import annotations

import pytest
from server_client import WS, TestClient
from starlette.websockets import WebSocketDisconnect

from vidgen_core.domain.shots import Shot
from vidgen_core.domain.takes import Take
from vidgen_core.web.middleware.request_guard import allowed_hosts, same_origin

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


@pytest.mark.parametrize("path", ["/api/ws?project=1", "/_stcore/stream", "/anything/else"])
@pytest.mark.parametrize(
    "headers",
    [
        *FOREIGN,
        {"Origin": "https://127.0.0.1:8501"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://localhost:8501"},
        {"Origin": "http://127.0.0.1:8501.evil.example"},
        {"Origin": "http://evil@127.0.0.1:8501"},
        {"Origin": "http://127.0.0.1:8501x"},
        {"Origin": ""},
        # A browser that hides where it comes from.
        {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/140"},
        {"Sec-Fetch-Mode": "websocket"},
    ],
)
def test_a_foreign_page_opens_no_socket(client: TestClient, path: str, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect(f"{WS}{path}", headers=headers):
        pass
    assert refused.value.code == 1008


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://127.0.0.1:8501"}, {"Origin": "HTTP://127.0.0.1:8501"}])
def test_our_own_pages_and_programs_listen(client: TestClient, shot: Shot, headers: dict[str, str]) -> None:
    with client.websocket_connect(f"{WS}/api/ws?project={shot.project_id}", headers=headers) as socket:
        assert socket.receive_json()["hello"] is True


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


@pytest.mark.parametrize(
    ("scheme", "host", "origin", "own"),
    [
        ("http", "127.0.0.1:8501", None, True),
        ("http", "127.0.0.1:8501", "http://127.0.0.1:8502", False),
        ("https", "studio.example", "https://studio.example:443", True),
        ("https", "studio.example", "http://studio.example", False),
        ("http", "studio.example", "http://STUDIO.example", True),
        ("http", "[::1]:8501", "http://[::1]:8501", True),
        # A proxy that ends TLS without saying so.
        ("http", "studio.example", "https://studio.example", True),
        ("http", "studio.example", "https://studio.example:8443", False),
        ("http", "localhost", "https://localhost", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(scheme: str, host: str, origin: str | None, own: bool) -> None:
    headers = {"host": host} | ({"origin": origin} if origin else {})
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    for kind, told in (("http", scheme), ("websocket", scheme.replace("http", "ws"))):
        assert same_origin({"type": kind, "scheme": told, "headers": raw}) is own


def test_a_page_elsewhere_may_link_to_ours_and_embed_nothing(client: TestClient) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/shots", headers=link, follow_redirects=False).status_code == 307
    assert client.get("/media/some.png", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
