"""An agent wants more than its limits allow, and a person answers in Chromium."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from browser_studio import Studio, Visitors, settled
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from playwright.sync_api import expect

from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer


@pytest.fixture
def rehearsal(studio: Studio) -> Iterator[RehearsalServer]:
    options = RehearsalOptions(videos="shared", job_seconds=(0.2, 0.4), video_scale=0.1)
    with RehearsalServer(options) as server:
        key = {"name": "main", "secret": "sk-good-aaaa1111"}
        changed = {
            "providers.yunwu.base_url": server.url,
            "providers.yunwu.keys": [key],
            "runner.poll_interval": 0.2,
        }
        studio.vidgen.settings_file.change(changed)
        yield server
        studio.vidgen.settings_file.change(dict.fromkeys(changed))


@pytest.fixture
def ask(studio: Studio) -> Iterator[Callable[..., Any]]:
    """Calls a tool as an agent; Playwright has the loop of this thread."""
    token = studio.vidgen.agents.add("planner", per_day=Decimal("0.5"), in_all=Decimal(10))

    async def call(tool: str, arguments: dict[str, Any]) -> Any:
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=90) as http,
            Client(streamable_http_client(f"{studio.url}/mcp", http_client=http)) as client,
        ):
            answer = await client.call_tool(tool, arguments)
            assert not answer.is_error, answer.content
            return answer.structured_content

    with ThreadPoolExecutor(1) as pool:
        yield lambda tool, **arguments: pool.submit(asyncio.run, call(tool, arguments)).result()


def test_a_person_says_yes_on_a_phone_and_the_agent_goes_on(
    studio: Studio, visitor: Visitors, rehearsal: RehearsalServer, ask: Callable[..., Any]
) -> None:
    project = studio.project("agents", shots=0).name
    rows = "shot,prompt\n1,a ship in the fog\n2,a lighthouse\n"
    ask("import_list", project=project, files=[{"name": "list.csv", "text": rows}])
    quote = ask("quote", project=project, takes=1, provider="yunwu")
    assert ask("generate", quote=quote["quote"])["state"] == "waiting"
    assert sum(rehearsal.stats()["accepted"].values()) == 0

    page = visitor(width=390, height=844, touch=True)
    page.goto(f"{studio.url}/?project={project}")
    settled(page)
    page.locator("[class*=st-key-agent_answer_] button").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("planner wants to order 2 tasks")
    dialog.locator(".st-key-agent_yes button").click()
    expect(dialog).to_be_hidden()

    ordered = ask("order", quote=quote["quote"], seconds=45)
    tasks = [task["task"] for task in ordered["tasks"]]
    assert (ordered["state"], len(tasks)) == ("ordered", 2)
    done = ask("follow", project=project, tasks=tasks, seconds=50)
    assert [task["status"] for task in done["tasks"]] == ["completed"] * 2
    ask("pick", project=project, shot="1", take=1)
    assert ask("export", project=project, format="edl", seconds=45)["state"] == "done"
    assert sum(rehearsal.stats()["accepted"].values()) == 2
