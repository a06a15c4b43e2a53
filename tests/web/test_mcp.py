"""Agents over HTTP: the SDK's own client against a real server, and what those get who may not."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import httpx2
import pytest
from doubles import embedded_worker, wait_until
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from served import on_a_port

from vidgen_core.config.paths import Locations
from vidgen_core.domain.agents import QuoteState
from vidgen_core.domain.shots import ShotParams
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer, settings_hint
from vidgen_core.services.access.auth import Auth
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.exports.film import Format
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.quotes import Quotes
from vidgen_core.web import get_vidgen, mcp

KEY = "sk-good-aaaa1111"
PRICES = [
    {"provider": "images", "model": "*", "amount": "0.1", "currency": "CNY"},
    {"provider": "writing", "model": "*", "amount": 1, "unit": "call"},
]


@pytest.fixture
def rehearsal(monkeypatch: pytest.MonkeyPatch) -> Iterator[RehearsalServer]:
    options = RehearsalOptions(videos="shared", job_seconds=(0.2, 0.4), video_scale=0.1)
    with RehearsalServer(options) as server:
        for name, value in {
            "VIDGEN_MODE": "yunwu",
            "VIDGEN_RUNNER__POLL_INTERVAL": "0.1",
            "VIDGEN_RUNNER__TAKES_PER_SHOT": "1",
            "VIDGEN_PROVIDERS__YUNWU__BASE_URL": server.url,
            "VIDGEN_PROVIDERS__YUNWU__KEYS": json.dumps([{"name": "k1", "secret": KEY}]),
        }.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def served(home: Locations, monkeypatch: pytest.MonkeyPatch, rehearsal: RehearsalServer) -> Iterator[str]:
    """The address of a server whose worker works, with two projects."""
    embedded_worker(monkeypatch, works=True)
    with Vidgen.open(home) as before:
        before.projects.ensure("ep01")
        before.shots.add(before.projects.ensure("secret").id, "9", "a hidden wording")
    with on_a_port() as url:
        yield url


def let_in(role: Role = Role.MAKER, per_day: object = 10, in_all: object = 10, only: str | None = None) -> str:
    app = get_vidgen()
    projects = None if only is None else [app.projects.ensure(only).id]
    return app.agents.add("bot", role, Decimal(str(per_day)), Decimal(str(in_all)), projects)


@asynccontextmanager
async def connected(url: str, token: str) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
    ):
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    """The structured answer of a tool that was not refused."""
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    found = answer.structured_content
    return found["result"] if found and found.keys() == {"result"} else found


@asynccontextmanager
async def waiting_for_a_person(url: str) -> AsyncIterator[tuple[Client, str]]:
    """An agent that may spend nothing has ordered a shot: its connection, and the quote that waits for a yes."""
    token, app = await asyncio.to_thread(let_in, per_day=0, in_all=0), get_vidgen()
    await asyncio.to_thread(app.shots.add, app.projects.ensure("ep01").id, "1", "rain")
    async with connected(url, token) as client:
        quote = (await call(client, "quote", project="ep01"))["quote"]
        await call(client, "generate", quote=quote)
        yield client, quote


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error
    return str(answer.content[0].text)


LIST = "shot,prompt,image\n1,a ship in the fog,1.png\n2,a lighthouse,1.png\n"


def files(picture: bytes) -> list[dict[str, str]]:
    return [{"name": "list.csv", "text": LIST}, {"name": "1.png", "base64": base64.b64encode(picture).decode()}]


async def test_an_agent_imports_quotes_orders_picks_and_exports(
    served: str, rehearsal: RehearsalServer, picture: bytes
) -> None:
    token = await asyncio.to_thread(let_in, per_day=0.5, in_all=10)
    app = get_vidgen()
    async with connected(served, token) as client:
        who = await call(client, "whoami")
        assert (who["name"], who["role"], who["per_day"]["left"]["amount"]) == ("bot", "maker", 0.5)
        imported = await call(client, "import_list", project="ep01", files=files(picture))
        assert imported["added"] == ["1", "2"]
        await call(client, "edit_prompt", project="ep01", shot="2", prompt="a lighthouse at night")

        both = await call(client, "quote", project="ep01")
        assert (both["count"], both["cost"]["amount"]) == (2, 0.8)
        waits = await call(client, "generate", quote=both["quote"])
        assert (waits["state"], waits["tasks"]) == ("waiting", [])
        assert sum(rehearsal.stats()["accepted"].values()) == 0
        [waiting] = app.quotes.waiting()
        await asyncio.to_thread(app.quotes.approve, waiting.id, waiting.price)

        ordered = await call(client, "order", quote=both["quote"], seconds=30)
        ids = [task["task"] for task in ordered["tasks"]]
        assert (ordered["state"], len(ids)) == ("ordered", 2)
        stand = await call(client, "follow", project="ep01", tasks=ids, seconds=40)
        assert [task["status"] for task in stand["tasks"]] == ["completed", "completed"]
        again = await call(client, "generate", quote=both["quote"])
        assert [task["task"] for task in again["tasks"]] == ids

        sheet = await client.call_tool("contact_sheet", {"project": "ep01"})
        assert [part.type for part in sheet.content] == ["text", "image"]
        look = await client.call_tool("look", {"project": "ep01", "shot": "1", "take": 1})
        assert base64.b64decode(look.content[1].data)[:2] == b"\xff\xd8"
        for number in ("1", "2"):
            await call(client, "pick", project="ep01", shot=number, take=1)
        export = await call(client, "export", project="ep01", format="edl", seconds=30)
        assert export["state"] == "done"
        [content] = (await client.read_resource(export["uri"])).contents
        assert b"TITLE" in base64.b64decode(content.blob)
    assert sum(rehearsal.stats()["accepted"].values()) == 2
    assert {one.agent for id_ in ids for one in app.tasks.attempts(int(id_))} == {"bot"}
    assert "did_takes_choose_number" in {line.code for line in app.log.page(None) if line.params.get("who") == "bot"}


async def test_every_kind_of_order_has_a_quote_and_all_of_them_are_paid_once(
    served: str, rehearsal: RehearsalServer, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings_hint(rehearsal.url).items():
        if name.startswith(("VIDGEN_WRITING", "VIDGEN_PROVIDERS__IMAGES")):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("VIDGEN_GATE__ASK_ABOVE", "100")
    for name in ("CHECKS__ENABLED", "CHECKS__ASK_MODEL", "WRITING__VISION"):
        monkeypatch.setenv(f"VIDGEN_{name}", "true")
    app = get_vidgen()
    await asyncio.to_thread(app.settings_file.change, {"prices": PRICES})
    token = await asyncio.to_thread(let_in, per_day=10, in_all=10)
    async with connected(served, token) as client:
        await call(client, "import_list", project="ep01", files=files(picture))
        heard = await call(client, "quote", project="ep01", shots=["2"], sound=True)
        assert ("sound_perhaps_ignored", ["2"]) in [(one["code"], one["shots"]) for one in heard["warnings"]]
        drawn = await call(client, "quote_pictures", project="ep01", shots=["1"], model="gpt-image-1")
        written = await call(client, "quote_prompts", project="ep01", shots=["1"], translate="zh")
        until = await call(client, "quote", project="ep01", shots=["2"], until_pass={"most": 2})
        assert [(one["count"], one["cost"]["amount"]) for one in (drawn, written, until)] == [
            (1, 0.1),
            (1, 1),
            (2, 0.8),
        ]

        for quote in (drawn, written, until):
            ordered = await call(client, "generate", quote=quote["quote"])
            assert ordered["state"] == "ordered"
            if quote is drawn:
                made = await asyncio.to_thread(app.tasks.many, [int(task["task"]) for task in ordered["tasks"]])
                assert {task.model for task in made} == {"gpt-image-1"}
            if quote is not written:
                ids = [task["task"] for task in ordered["tasks"]]
                ended = await call(client, "follow", project="ep01", tasks=ids, seconds=40)
                assert {task["status"] for task in ended["tasks"]} == {"completed"}
        shot = await call(client, "get_shot", project="ep01", shot="1")
        look = await client.call_tool("look", {"project": "ep01", "shot": "1", "picture": shot["pictures"][-1]})
        assert base64.b64decode(look.content[1].data)[:2] == b"\xff\xd8"
        await call(client, "choose_picture", project="ep01", shot="1", picture=shot["pictures"][-1])
        await call(client, "pick", project="ep01", shot="2", take=1)
        assert await asyncio.to_thread(app.prompts.wait, app.projects.ensure("ep01").id, 30)
        assert (await call(client, "get_shot", project="ep01", shot="2"))["takes"][0]["faults"] is None
        seen = await call(client, "quote_judgements", project="ep01", shots=["2"])
        await call(client, "generate", quote=seen["quote"])
        assert await asyncio.to_thread(app.model_judge.wait, app.projects.ensure("ep01").id, 60)
        assert (await call(client, "order", quote=seen["quote"]))["left"] == 0
        assert (await call(client, "get_shot", project="ep01", shot="2"))["takes"][0]["faults"] is not None
        assert "another way" in await refused(client, "quote_finish", project="ep01", shots=["2"], verb="fetch_4k")

    def is_counted() -> bool:
        """Another take may be drawn meanwhile, and the provider name its own number."""
        spent = sum(one.cost.amount for one in app.ledger.requests() if one.cost)
        return app.agents.statuses(app.agents.get("bot"))[1].spent.amount == spent

    await asyncio.to_thread(wait_until, is_counted, 60)
    assert {(one.kind, one.agent) for one in app.ledger.requests()} == {("attempt", "bot"), ("question", "bot")}
    assert app.metrics.text()[0].decode().count("vidgen_double_submits 0.0") == 1


SCENES = "第1场 外景 河边 夜\n小明走到河边，停下。\n小明：你好。\n\n第2场 内景 屋里 日\n小红点灯，看向窗外。\n"


async def test_an_agent_splits_a_script_and_stores_its_shots(
    served: str, rehearsal: RehearsalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await asyncio.to_thread(let_in, only="ep01")
    app = get_vidgen()
    other = app.scripts.start(app.projects.ensure("secret").id, SCENES, offline=True)
    async with connected(served, token) as client:
        assert "language model" in await refused(client, "quote_script", project="ep01", text=SCENES)
        script = await call(client, "split_script", project="ep01", text=SCENES, name="夜")
        board = await call(client, "storyboard", project="ep01", script=script["id"])
        assert "小明：你好。" in "".join(row["script"] for row in board["shots"])
        stored = await call(client, "store_script", project="ep01", script=script["id"])
        assert len(stored["added"]) == len(board["shots"]) > 1
        assert "already" in await refused(client, "store_script", project="ep01", script=script["id"])
        for foreign in (str(other.id), "x", "9" * 15):
            for tool in ("storyboard", "store_script"):
                assert "小明" not in await refused(client, tool, project="ep01", script=foreign)

        for name, value in settings_hint(rehearsal.url).items():
            if name.startswith("VIDGEN_WRITING"):
                monkeypatch.setenv(name, value)
        await asyncio.to_thread(app.settings_file.change, {"prices": PRICES})
        quote = await call(client, "quote_script", project="ep01", text=f"{SCENES}小红：再见。\n")
        assert (quote["count"], len(await call(client, "list_scripts", project="ep01"))) == (1, 1)
        await call(client, "generate", quote=quote["quote"])
        newest = (await call(client, "list_scripts", project="ep01"))[0]
        assert await asyncio.to_thread(app.scripts.wait, int(newest["id"]), 60)
        assert (await call(client, "list_scripts", project="ep01"))[0]["state"] == "ready"


async def test_the_tools_describe_themselves_and_there_are_a_guide_and_a_prompt(served: str) -> None:
    token = await asyncio.to_thread(let_in)
    async with connected(served, token) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"quote", "generate", "pick", "export", "follow", "import_list"} <= tools.keys()
        assert all(tool.description for tool in tools.values())
        assert tools["generate"].input_schema["required"] == ["quote"]
        assert [str(one.uri) for one in (await client.list_resources()).resources] == ["vidgen://guide"]
        prompt = await client.get_prompt("make_videos", {"project": "ep01"})
        assert "quote" in str(prompt.messages[0].content)


async def test_a_refusal_says_what_to_do(served: str) -> None:
    token = await asyncio.to_thread(let_in, only="ep01")
    async with connected(served, token) as client:
        assert "ep01" in await refused(client, "list_shots", project="nowhere")
        assert "quote" in await refused(client, "generate", quote="1-forged")
        assert "77" in await refused(client, "get_shot", project="ep01", shot="77")
        assert "at least 1" in await refused(client, "quote", project="ep01", shots=[])
        wrong = await refused(client, "import_list", project="ep01", files=[{"name": "a.csv"}])
        assert "text" in wrong
        # Where files lie on this machine is not said.
        wrong = await refused(client, "import_list", project="ep01", files=[{"name": "a.odd", "base64": "AAECAw=="}])
        assert wrong.startswith("a.odd ")


async def test_an_order_that_nobody_has_answered_says_so(served: str) -> None:
    app = get_vidgen()
    async with waiting_for_a_person(served) as (client, quote):
        [waiting] = app.quotes.waiting()
        with app.store.write() as tx:
            tx.quotes.move(waiting, QuoteState.WAITING, expires_at=datetime.now(UTC))
        for tool in ("order", "generate"):
            assert (await call(client, tool, quote=quote))["state"] == "expired"


# --- those who may not


def initialize(url: str, **headers: str) -> httpx.Response:
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "list_projects", "arguments": {}},
    }
    accepted = {"Accept": "application/json, text/event-stream"}
    return httpx.post(f"{url}/mcp", json=body, headers=accepted | headers, timeout=30)


async def test_without_a_good_token_nothing_is_answered(served: str) -> None:
    token = await asyncio.to_thread(let_in)
    for headers in (
        {},
        {"Authorization": "Bearer vda_wrong"},
        {"Authorization": f"Basic {token}"},
        {"Cookie": f"vidgen_session={token}"},
    ):
        answer = await asyncio.to_thread(initialize, served, **headers)
        assert answer.status_code == 401
        assert "token of an agent" in answer.json()["error"]["message"]
    good = await asyncio.to_thread(initialize, served, Authorization=f"Bearer {token}")
    assert good.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://127.0.0.1:9"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_a_page_from_elsewhere_is_refused(served: str, headers: dict[str, str]) -> None:
    token = await asyncio.to_thread(let_in)
    answer = await asyncio.to_thread(initialize, served, Authorization=f"Bearer {token}", **headers)
    assert answer.status_code in (400, 403)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set as soon as somebody has asked what became of an order."""
    event, follow = threading.Event(), Quotes.follow

    def asks(self: Quotes, *arguments: Any) -> Any:
        found = follow(self, *arguments)
        event.set()
        return found

    monkeypatch.setattr(Quotes, "follow", asks)
    return event


async def test_a_token_revoked_in_the_middle_is_worth_nothing_at_once(served: str, asked: threading.Event) -> None:
    app = get_vidgen()
    async with waiting_for_a_person(served) as (client, quote):
        waiting = asyncio.create_task(client.call_tool("order", {"quote": quote, "seconds": 45}))
        assert await asyncio.to_thread(asked.wait, 30)
        await asyncio.to_thread(app.agents.revoke, "bot")
        # A call that waits ends with its next look: readers are trusted for a second.
        answer = await asyncio.wait_for(waiting, 30)
        assert (
            "token of an agent" in str(answer.content)
            if answer.is_error
            else answer.structured_content["state"] == "declined"
        )
        with pytest.raises(MCPError):
            await call(client, "list_projects")
    assert app.quotes.waiting() == []


async def test_an_agents_token_opens_nothing_but_its_tools(served: str) -> None:
    token = await asyncio.to_thread(let_in)
    for path in ("/api/projects", "/api/settings", "/app/static/media/export/1/x"):
        answer = await asyncio.to_thread(
            httpx.get, f"{served}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        assert answer.status_code == 401


async def test_a_viewer_reads_and_changes_nothing(served: str) -> None:
    token = await asyncio.to_thread(let_in, Role.VIEWER)
    async with connected(served, token) as client:
        assert {one["project"] for one in await call(client, "list_projects")} >= {"ep01", "secret"}
        for tool, arguments in {
            "import_list": {"project": "ep01", "files": [{"name": "a.csv", "text": LIST}]},
            "edit_prompt": {"project": "secret", "shot": "9", "prompt": "x"},
            "quote": {"project": "secret"},
            "generate": {"quote": "1-x"},
            "pick": {"project": "secret", "shot": "9", "take": 1},
            "export": {"project": "secret", "format": "csv"},
            "split_script": {"project": "secret", "text": "x"},
            "quote_script": {"project": "secret", "text": "x"},
            "quote_judgements": {"project": "secret"},
        }.items():
            assert "makers" in await refused(client, tool, **arguments)
    assert get_vidgen().shots.by_number(get_vidgen().projects.ensure("secret").id, "9").prompt == "a hidden wording"  # type: ignore[union-attr]


async def test_a_project_that_is_not_in_its_list_is_as_if_it_were_not_there(served: str) -> None:
    token = await asyncio.to_thread(let_in, only="ep01")
    app = get_vidgen()
    secret = app.projects.ensure("secret")
    shot = app.shots.by_number(secret.id, "9")
    assert shot is not None
    [task] = app.tasks.generate(secret.id, [shot.id], release=False).tasks
    export = app.exports.start(secret.id, Format.CSV)
    theirs = app.quotes.make(secret.id, [shot.id]).token
    async with connected(served, token) as client:
        assert [one["project"] for one in await call(client, "list_projects")] == ["ep01"]
        for tool, arguments in {
            "list_shots": {"project": "secret"},
            "get_shot": {"project": "secret", "shot": "9"},
            "edit_prompt": {"project": "secret", "shot": "9", "prompt": "x"},
            "import_list": {"project": "new one", "files": [{"name": "a.csv", "text": LIST}]},
            "quote": {"project": "secret"},
            "generate": {"quote": theirs},
            "order": {"quote": theirs},
            "follow": {"project": "ep01", "tasks": [str(task.id)]},
            "cancel": {"project": "ep01", "tasks": [str(task.id)]},
            "follow_export": {"project": "ep01", "export": export.id},
            "contact_sheet": {"project": "secret"},
        }.items():
            assert "hidden" not in await refused(client, tool, **arguments)
        with pytest.raises(MCPError):
            await client.read_resource(f"vidgen://exports/{secret.id}/{export.id}")
    assert app.projects.find("new one") is None


async def test_no_secret_is_told(served: str, rehearsal: RehearsalServer) -> None:
    """A provider echoes its key; what an agent reads of it has no key, no path and no address in it."""
    app = get_vidgen()
    token = await asyncio.to_thread(let_in, per_day=0, in_all=0)
    project = app.projects.ensure("ep01")
    hook = "https://hooks.example/secret-path"
    app.shots.add(project.id, "1", "rain", params=ShotParams(callback_url=hook))
    own = Auth(app.settings_file).settings.token.get_secret_value()
    async with connected(served, token) as client:
        told = []
        for tool, arguments in {
            "whoami": {},
            "list_projects": {},
            "list_shots": {"project": "ep01"},
            "quote": {"project": "ep01"},
        }.items():
            answer = await client.call_tool(tool, arguments)
            told.append(answer.model_dump_json())
    text = " ".join(told)
    for secret in (KEY, own, token, hook, str(app.locations.home)):
        assert secret not in text


async def test_the_sdk_is_loaded_by_the_first_call_only(home: Locations) -> None:
    code = (
        "import sys; from vidgen_core.web import serve; serve('127.0.0.1');"
        "sys.exit(any(name == 'mcp' or name.startswith('mcp.') for name in sys.modules))"
    )
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=False)
    assert done.returncode == 0


async def test_a_call_that_waits_for_a_person_does_not_keep_the_server(
    home: Locations, monkeypatch: pytest.MonkeyPatch, rehearsal: RehearsalServer, asked: threading.Event
) -> None:
    made: list[mcp.Mcp] = []
    monkeypatch.setattr(mcp.Mcp, "__init__", _remember(mcp.Mcp.__init__, made))
    with Vidgen.open(home) as before:
        before.projects.ensure("ep01")
    with on_a_port() as url:
        async with waiting_for_a_person(url) as (client, quote):
            waiting = asyncio.create_task(client.call_tool("order", {"quote": quote, "seconds": 50}))
            assert await asyncio.to_thread(asked.wait, 30)
            made[0].close_soon()
            with pytest.raises(MCPError):
                await asyncio.wait_for(waiting, 40)


def _remember(make: Any, made: list[Any]) -> Any:
    def begin(self: Any) -> None:
        make(self)
        made.append(self)

    return begin
