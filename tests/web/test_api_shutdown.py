"""The whole server in a process of its own: Streamlit closed to visitors, and an end that waits for nobody."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import httpx
import pytest
from api_client import ApiClient
from doubles import wait_until
from served import Served

from vidgen_core.config.paths import Locations
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer, settings_hint
from vidgen_core.services.access.auth import Auth
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.facade import Vidgen

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def home(locations: Locations) -> Locations:
    """A home with a shot and no sample project."""
    with Vidgen.open(locations) as vidgen:
        vidgen.shots.add(vidgen.projects.ensure("ep01").id, prompt="rain")
    return locations


@pytest.fixture
def served(home: Locations) -> Iterator[Served]:
    found = Served(home)
    yield found
    found.kill()


@pytest.mark.extended
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_open_streams_do_not_hold_up_the_end(served: Served, number: signal.Signals) -> None:
    heard: list[str] = []
    with ApiClient(served.url) as client:
        task = client.generate("ep01", all=True, takes=1, release=False)[0]["id"]

        def listen() -> None:
            with ApiClient(served.url) as one:
                for event in one.progress("local", [task]):
                    heard.append(event.name)  # noqa: PERF401 - each counts when it comes

        listeners = [threading.Thread(target=listen, daemon=True) for _ in range(5)]
        for listener in listeners:
            listener.start()
        wait_until(lambda: len(heard) >= 5, 60)
    begun = time.monotonic()
    served.process.send_signal(number)
    served.process.wait(60)
    took = time.monotonic() - begun
    for listener in listeners:
        listener.join(10)
    assert "done" not in heard
    assert took < 3 * slowness(), f"{took:.1f} s"


def slowness() -> float:
    """How many times longer a busy machine may take: the processes that wait for each core."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def test_streamlit_s_own_addresses_are_closed_until_the_password(home: Locations) -> None:
    with Vidgen.open(home) as vidgen:
        sharing = Auth(vidgen.settings_file)
        sharing.ensure_token()
        sharing.set_password(Role.VIEWER, "look-look-look")
        vidgen.settings_file.change({"sharing.sign_in": "password"})
    served = Served(home)
    try:
        with httpx.Client(base_url=served.url, trust_env=False, timeout=60) as visitor:
            assert visitor.get("/").headers["location"] == "/sign-in?next=%2F"
            for path in ("/_stcore/host-config", "/_stcore/metrics", "/media/x", "/component/x", "/app/static/x"):
                assert visitor.get(path).status_code == 401
            assert visitor.put("/_stcore/upload_file/a/b", content=b"x").status_code == 401
            upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
            key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
            assert visitor.get("/_stcore/stream", headers=upgrade | key).status_code == 403
            visitor.post("/sign-in", data={"name": "Li", "password": "look-look-look"})
            assert "<title>" in visitor.get("/").text
            assert visitor.get("/_stcore/host-config").status_code == 200
    finally:
        served.process.send_signal(signal.SIGINT)
        served.process.wait(60)


def tool(url: str, token: str, name: str, **arguments: Any) -> dict[str, Any]:
    """What a tool of an agent answers."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    answer = httpx.post(f"{url}/mcp", json=body, headers=headers, timeout=120, trust_env=False).raise_for_status()
    found: dict[str, Any] = answer.json()["result"]
    assert not found["isError"], found
    return dict(found["structuredContent"])


@pytest.mark.extended
@pytest.mark.parametrize("moment", ["asked", "ordered", "sent"])
def test_a_server_killed_in_the_middle_of_an_agents_order_buys_nothing_twice(
    home: Locations, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    options = RehearsalOptions(videos="shared", job_seconds=(0.5, 1.0), video_scale=0.1)
    with RehearsalServer(options) as provider:
        for name, value in settings_hint(provider.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("VIDGEN_MODE", "yunwu")
        monkeypatch.setenv("VIDGEN_RUNNER__POLL_INTERVAL", "0.2")
        with Vidgen.open(home) as app:
            project = app.projects.ensure("ep01").id
            for prompt in ("snow", "hail"):
                app.shots.add(project, prompt=prompt)
            token = app.agents.add("bot", per_day=Decimal(100), in_all=Decimal(100))
        first = Served(home)
        quote = tool(first.url, token, "quote", project="ep01", takes=1)["quote"]

        def order() -> None:
            with suppress(httpx.HTTPError):
                tool(first.url, token, "generate", quote=quote)

        asking = threading.Thread(target=order)
        with Vidgen.open(home) as app:
            asking.start()
            if moment != "asked":
                wait_until(lambda: app.tasks.ids(project), 60)
            if moment == "sent":
                wait_until(lambda: provider.stats()["submits_total"], 60)
            first.process.kill()
        first.process.wait(60)
        asking.join(120)

        second = Served(home)
        try:
            ordered = [tool(second.url, token, "generate", quote=quote) for _ in range(2)]
            tasks = [task["task"] for task in ordered[0]["tasks"]]
            assert [task["task"] for task in ordered[1]["tasks"]] == tasks
            assert len(tasks) == 3
            wait_until(lambda: tool(second.url, token, "follow", project="ep01", tasks=tasks, seconds=10)["ended"], 120)
            ended = tool(second.url, token, "follow", project="ep01", tasks=tasks)
        finally:
            second.process.kill()
            second.process.wait(60)
        # Sent once each; of what was out when the server was killed nobody knows whether it was bought, and it is not sent again.
        assert max(provider.stats()["accepted"].values()) == 1
        with Vidgen.open(home) as app:
            [states] = zip(*([one.state for one in app.tasks.attempts(int(task))] for task in tasks), strict=True)
            assert set(states) <= {AttemptState.SUCCEEDED, AttemptState.UNKNOWN}
            whole = [task["status"] == "completed" for task in ended["tasks"]]
            assert whole == [state is AttemptState.SUCCEEDED for state in states]
            assert app.ledger.verify().ok
            assert [one.agent for one in app.ledger.requests()] == ["bot"] * 3
