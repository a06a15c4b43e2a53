"""Agents by the command line, and the SDK's own client over stdio."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.cli.cli_doubles import Vidgen


def test_an_agent_is_let_in_listed_and_revoked(vidgen: Vidgen) -> None:
    vidgen("projects")
    added = vidgen("agent", "add", "bot", "--per-day", "2.5", "--in-all", "20", "--json")
    token = json.loads(added.out)["token"]
    assert token.startswith("vda_")
    assert "vda_" in vidgen("agent", "add", "eye", "--role", "viewer").out
    listed = json.loads(vidgen("agent", "list", "--json").out)
    assert [(one["name"], one["role"], one["per_day"]) for one in listed] == [
        ("bot", "maker", "2.5"),
        ("eye", "viewer", "0"),
    ]
    assert token not in json.dumps(listed)
    assert "bot" in vidgen("agent", "list").out
    assert vidgen("agent", "revoke", "bot").status == 0
    again = vidgen("agent", "revoke", "bot")
    assert (again.status, "bot" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["agent", "add", "bot", "--role", "king"], "viewer or a maker"),
        (["agent", "add", "bot", "--per-day", "much"], "0 or more"),
        (["agent", "add", "bot", "--only", "nowhere"], "nowhere"),
        (["mcp"], "vidgen agent add"),
        (["mcp", "--agent", "nobody"], "vidgen agent add"),
    ],
)
def test_what_is_wrong_is_said(vidgen: Vidgen, arguments: list[str], told: str) -> None:
    said = vidgen(*arguments)
    assert (said.status, told in said.err) == (2, True)


async def test_an_agent_works_over_stdio(vidgen: Vidgen, home: Path) -> None:
    token = json.loads(vidgen("agent", "add", "bot", "--json").out)["token"]
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "vidgen_core", "mcp"],
        env={**os.environ, "VIDGEN_AGENT_TOKEN": token},
    )
    async with Client(stdio_client(parameters)) as client:
        rows = "shot,prompt\n1,pan left over a harbour\n"
        files = [{"name": "list.csv", "text": rows}]
        imported = await client.call_tool("import_list", {"project": "ep01", "files": files})
        assert imported.structured_content is not None
        assert imported.structured_content["added"] == ["1"]
        quote = await client.call_tool("quote", {"project": "ep01", "takes": 1})
        assert quote.structured_content is not None
        ordered = await client.call_tool("generate", {"quote": quote.structured_content["quote"]})
        assert ordered.structured_content is not None
        ids = [task["task"] for task in ordered.structured_content["tasks"]]
        done = await client.call_tool("follow", {"project": "ep01", "tasks": ids, "seconds": 50})
        assert done.structured_content is not None
        assert [task["status"] for task in done.structured_content["tasks"]] == ["completed"]
        wrong = await client.call_tool("pick", {"project": "ep01", "shot": "1", "take": 9})
        assert wrong.is_error
