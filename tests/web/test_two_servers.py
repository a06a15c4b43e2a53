"""Two ``vidgen serve`` over one database: what is given at one counts at the other at once, and once at both together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from doubles import wait_until
from mcp import Client
from postgres_server import Postgres, own_server, shared_studio
from served import Served
from test_mcp import call, connected, refused

from vidgen_core.config.paths import Locations
from vidgen_core.services.access.auth import Auth
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.facade import Vidgen

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROUNDS = 10
BODY = {"project": "ep01", "shots": ["1"], "takes": 1, "provider": "local"}


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with own_server() as server:
        yield server


@pytest.fixture(scope="module")
def servers(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    folder = tmp_path_factory.mktemp("servers")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in shared_studio(server.new("vidgen_template"), folder).items():
            patch.setenv(name, value)
        with Vidgen.open(Locations(folder / "own").create()) as app:
            app.shots.add(app.projects.ensure("ep01").id, "1", prompt="rain")
            Auth(app.settings_file).ensure_token()
        found: list[Served] = []
        try:
            found += [Served(Locations(folder / name).create()) for name in "ab"]
            yield found[0], found[1]
        finally:
            for one in found:
                one.kill()


@pytest.fixture
def app(
    servers: tuple[Served, Served], server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Vidgen]:
    """A third machine of the studio."""
    for name, value in shared_studio(server.url("test1"), tmp_path).items():
        monkeypatch.setenv(name, value)
    with Vidgen.open(Locations(tmp_path / "home").create()) as app:
        yield app


def at_both(servers: tuple[Served, Served], ask: Callable[[httpx.Client], httpx.Response]) -> list[httpx.Response]:
    """The answers of both to the same request, sent at once."""

    def at(server: Served) -> httpx.Response:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
            return ask(client)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(at, servers))


def test_one_key_at_both_at_once_orders_once_and_is_answered_alike(servers: tuple[Served, Served], app: Vidgen) -> None:
    before = len(app.tasks.ids(None))
    for n in range(ROUNDS):
        headers = {"Idempotency-Key": f"both-{n}"}
        one, other = at_both(servers, lambda server: server.post("/api/tasks", json=BODY, headers=headers))  # noqa: B023
        assert len(app.tasks.ids(None)) == before + n + 1
        assert (one.status_code, other.status_code) == (200, 200), (one.text, other.text)
        assert one.json() == other.json()


def test_a_quote_of_one_is_ordered_at_the_other_and_once_at_both(servers: tuple[Served, Served], app: Vidgen) -> None:
    before = len(app.tasks.ids(None))
    for n in range(ROUNDS):
        with httpx.Client(base_url=servers[n % 2].url, trust_env=False, timeout=60) as server:
            quote = server.post("/api/quote", json=BODY).json()["quote"]
        one, other = at_both(servers, lambda server: server.post("/api/tasks", json={"quote": quote}))  # noqa: B023
        assert len(app.tasks.ids(None)) == before + n + 1
        assert (one.status_code, other.status_code) == (200, 200), (one.text, other.text)
        assert [task["id"] for task in one.json()["tasks"]] == [task["id"] for task in other.json()["tasks"]]


async def test_an_agents_quote_is_good_at_both_until_it_is_revoked_at_one(
    servers: tuple[Served, Served], app: Vidgen
) -> None:
    await asyncio.to_thread(app.settings_file.change, {"mode": "local"})
    token = await asyncio.to_thread(app.agents.add, "bot", Role.MAKER, Decimal(1), Decimal(1), None)
    before = len(app.tasks.ids(None))
    async with connected(servers[0].url, token) as first, connected(servers[1].url, token) as second:
        quote = (await call(first, "quote", project="ep01", shots=["1"], again=True))["quote"]
        answers = await asyncio.gather(*(call(server, "generate", quote=quote) for server in (first, second)))
        assert [one["state"] for one in answers] == ["ordered", "ordered"]
        assert answers[0]["tasks"] == answers[1]["tasks"]
        assert len(app.tasks.ids(None)) == before + len(answers[0]["tasks"])
        await asyncio.to_thread(app.agents.revoke, "bot")
        for server in (first, second):
            assert await is_refused(server)


async def is_refused(server: Client) -> bool:
    try:
        return bool(await refused(server, "list_projects"))
    except Exception:  # noqa: BLE001 - the SDK's own for each transport: what counts is that nothing is answered
        return True


def test_a_review_link_that_is_revoked_at_one_is_dead_at_the_other_at_once(servers: tuple[Served, Served]) -> None:
    with (
        httpx.Client(base_url=servers[0].url, trust_env=False, timeout=60) as first,
        httpx.Client(base_url=servers[1].url, trust_env=False, timeout=60) as second,
    ):
        for one, other in ((first, second), (second, first)):
            made = one.post("/api/review-links", json={"project": "ep01"}).json()
            page = f"/review/{made['url'].rpartition('/')[2]}"
            assert [server.get(f"{page}/data").status_code for server in (one, other)] == [200, 200]
            assert one.delete(f"/api/review-links/{made['id']}").status_code == 200
            assert [server.get(f"{page}/data").status_code for server in (other, one)] == [404, 404]


def test_who_signs_out_at_one_is_signed_out_at_the_other(servers: tuple[Served, Served], app: Vidgen) -> None:
    Auth(app.settings_file).set_password(Role.VIEWER, "look-look-look")
    app.settings_file.change({"sharing.sign_in": "password"})
    try:
        # Settings of another machine are in force within a second.
        wait_until(lambda: all(httpx.get(f"{server.url}/api/projects", trust_env=False).is_error for server in servers))
        with httpx.Client(trust_env=False, timeout=60) as browser:
            form = {"name": "Ann", "password": "look-look-look"}
            assert browser.post(f"{servers[0].url}/sign-in", data=form).status_code == 303
            # A proxy before both would send the cookie to either; a port is no part of where it belongs.
            assert [browser.get(f"{server.url}/api/projects").status_code for server in servers] == [200, 200]
            kept = dict(browser.cookies)
            browser.post(f"{servers[1].url}/sign-in/out")
        with httpx.Client(trust_env=False, timeout=60, cookies=kept) as copied:
            assert [copied.get(f"{server.url}/api/projects").status_code for server in servers] == [401, 401]
    finally:
        app.settings_file.change({"sharing.sign_in": "none"})
