"""The documented requests of n8n and Make do what the page says, and twice the same order once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from server_client import TestClient

from vidgen_core.services.access.auth import Auth
from vidgen_core.services.facade import Vidgen

PAGE = Path(__file__).parents[2] / "docs/how-to/webhooks.md"


def documented() -> dict[str, dict[str, Any]]:
    """Each request of the page as method, path, headers and body."""
    n8n, make = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL))
    asked = n8n["parameters"]
    sent = make["mapper"]
    return {
        "n8n": {
            "method": asked["method"],
            "url": asked["url"],
            # A body that is specified as JSON is sent as such.
            "headers": {one["name"]: one["value"] for one in asked["headerParameters"]["parameters"]}
            | {"Content-Type": f"application/{asked['specifyBody']}"},
            "content": asked["jsonBody"],
        },
        "make": {
            "method": sent["method"].upper(),
            "url": sent["url"],
            "headers": {one["name"]: one["value"] for one in sent["headers"]} | {"Content-Type": sent["contentType"]},
            "content": sent["data"],
        },
    }


@pytest.mark.parametrize(("service", "takes"), [("n8n", 2), ("make", 2)])
def test_a_documented_request_orders_once_however_often_it_is_sent(
    client: TestClient, vidgen: Vidgen, service: str, takes: int
) -> None:
    Auth(vidgen.settings_file).ensure_token()
    token = Auth(vidgen.settings_file).settings.token.get_secret_value()
    project = vidgen.projects.ensure("ep01")
    shot = vidgen.shots.page(project.id).items[0].shot
    vidgen.shots.edit(shot.id, number="1.0")
    request = documented()[service]
    request["headers"]["Authorization"] = request["headers"]["Authorization"].replace("YOUR-TOKEN", token)
    # What the services fill in: the id of a run.
    request["headers"]["Idempotency-Key"] = re.sub(r"^=|\{\{.*?\}\}", "4711", request["headers"]["Idempotency-Key"])

    first, again = (client.request(**request) for _ in range(2))

    assert (first.status_code, first.json()["ordered"]["count"]) == (200, takes)
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
    assert len(vidgen.tasks.ids(None)) == takes


@pytest.mark.parametrize("service", ["n8n", "make"])
def test_without_its_token_a_request_from_elsewhere_orders_nothing(
    client: TestClient, vidgen: Vidgen, service: str
) -> None:
    assert client.request(**documented()[service]).status_code == 401
    assert vidgen.tasks.ids(None) == []
