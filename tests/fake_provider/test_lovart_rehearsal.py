"""The rehearsal speaks Lovart's agent protocol: signed, chat-shaped, and as moody as an agent is."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

import httpx
import pytest
from rehearsal_wire import Wire, decode, picture

from vidgen_core.fake_provider.faults import CATALOGUE, LOVART, Verb

ACCESS = "ak_good"
PREFIX = "/v1/openapi"
SAYS = {
    "key-invalid": (401, 401, "invalid access key"),
    "ip-forbidden": (403, 403, "not allowed"),
    "thread-busy": (409, 2011, "running task"),
    "project-gone": (404, 404, "does not exist"),
    "signature-stale": (401, 401, "timestamp"),
    "balance-empty": (402, 2012, "quota"),
    "parameter": (400, 400, "invalid value"),
    "rate-limit": (429, 1429, "rate limit"),
    "rate-limit-retry-after": (429, 1429, "rate limit"),
    "moderated-input": (400, 400, "content policy"),
    "server-error": (500, 500, "internal error"),
    "bad-gateway": (502, None, "<html>"),
    "html": (200, None, "<html>"),
    "refusal-inside": (451, "fail_to_fetch_task", "InvalidParameter"),
    "business-code": (200, -2001, "4013"),
    "limit-as-429": (429, "bad_response_status_code", "exceeds the limit of 6s"),
    "retry-after": (429, 1429, "rate limit"),
    "odd-text": (400, "²", "ud83d"),
    "echo-key": (400, "invalid_request", "rejected by the upstream"),
}


def signed(method: str, path: str, access: str = ACCESS, age: float = 0.0) -> dict[str, str]:
    timestamp = str(int(time.time() - age))
    secret = f"sk{access[2:]}"
    mark = hmac.new(secret.encode(), f"{method}\n{path}\n{timestamp}".encode(), hashlib.sha256).hexdigest()
    names = {"X-Access-Key": access, "X-Timestamp": timestamp, "X-Signature": mark}
    return names | {"X-Signed-Method": method, "X-Signed-Path": path}


def post(wire: Wire, path: str, body: dict[str, Any], **more: Any) -> httpx.Response:
    return wire.bare.post(f"{PREFIX}{path}", json=body, headers=signed("POST", f"{PREFIX}{path}", **more))


def get(wire: Wire, path: str, **params: str) -> dict[str, Any]:
    reply = wire.bare.get(f"{PREFIX}{path}", params=params, headers=signed("GET", f"{PREFIX}{path}"))
    found: dict[str, Any] = reply.json()["data"]
    return found


def chat(wire: Wire, prompt: str, **more: Any) -> httpx.Response:
    project = post(wire, "/project/save", {"project_id": ""}).json()["data"]["project_id"]
    return post(wire, "/chat", {"prompt": prompt, "project_id": project, **more})


def thread(wire: Wire, prompt: str, **more: Any) -> str:
    return str(chat(wire, prompt, **more).json()["data"]["thread_id"])


def link(wire: Wire, thread_id: str) -> str:
    artifacts = get(wire, "/chat/result", thread_id=thread_id)["items"][-1]["artifacts"]
    return str(artifacts[0]["content"])


def test_a_thread_becomes_a_video_that_plays(wire: Wire) -> None:
    sent = wire.bare.post(
        f"{PREFIX}/file/upload",
        files={"file": ("a.jpg", picture(), "image/jpeg")},
        headers=signed("POST", f"{PREFIX}/file/upload"),
    ).json()
    asked = "Aspect ratio: 9:16.\nLength: 1 seconds.\nResolution: 720p.\n-----\nwalks\n-----"
    thread_id = thread(wire, asked, attachments=[sent["data"]["url"]])
    assert get(wire, "/chat/status", thread_id=thread_id) == {"status": "running"}
    wire.pass_time()
    assert get(wire, "/chat/status", thread_id=thread_id) == {"status": "done"}
    width, height, seconds = decode(wire.fetch(link(wire, thread_id), Referer="https://www.lovart.ai/").content)
    assert (width < height, seconds) == (True, 1.0)
    assert wire.server.stats()["submits"] == {"walks": 1}


def test_a_file_is_given_only_to_callers_from_its_own_pages(wire: Wire) -> None:
    thread_id = thread(wire, "walks")
    wire.pass_time()
    assert wire.fetch(link(wire, thread_id)).status_code == 403


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        ({"X-Signature": "0" * 64}, "signature"),
        ({"X-Signed-Path": "/v1/openapi/chat"}, "signature"),
        ({"X-Timestamp": "1"}, "signature"),
        ({"X-Access-Key": ""}, "access key"),
    ],
)
def test_a_wrong_signature_is_refused(wire: Wire, spoilt: dict[str, str], words: str) -> None:
    path = f"{PREFIX}/mode/query"
    reply = wire.bare.post(path, json={}, headers=signed("POST", path) | spoilt)
    assert reply.status_code == 401
    assert words in reply.json()["message"]


def test_a_signature_may_be_five_minutes_old_and_no_older(wire: Wire) -> None:
    assert [post(wire, "/mode/query", {}, age=age).status_code for age in (290.0, 320.0)] == [200, 401]


def test_a_bad_access_key_is_refused_everywhere(wire: Wire) -> None:
    for path in ("/mode/query", "/project/save", "/chat"):
        assert post(wire, path, {"prompt": "a", "project_id": "project_1"}, access="ak_bad").status_code == 401


def refusals() -> list[str]:
    """Every refusal in the catalogue: a new one without an expectation here fails."""
    connection = {"reset-before-accept", "slow-accept"}
    faults = [fault for fault in CATALOGUE.values() if fault.verb is Verb.SUBMIT and LOVART in fault.providers]
    return [fault.name for fault in faults if fault.name not in connection]


@pytest.mark.parametrize("name", refusals())
def test_lovart_refuses_in_its_own_words(wire: Wire, name: str) -> None:
    status, code, words = SAYS[name]
    reply = chat(wire, f"a cat [[{name}]]")
    assert (reply.status_code, words in reply.text) == (status, True)
    assert code is None or reply.json()["code"] == code
    assert ("retry-after" in reply.headers) == (name in {"rate-limit-retry-after", "retry-after"})
    stats = wire.server.stats()
    assert (stats["submits_total"], stats["accepted_total"], stats["charged"]) == (1, 0, {})


def test_a_thread_takes_back_that_it_is_done(wire: Wire) -> None:
    thread_id = thread(wire, "[[done-too-early]]")
    assert [get(wire, "/chat/status", thread_id=thread_id)["status"] for _ in range(3)] == [
        "done",
        "running",
        "running",
    ]


def test_a_thread_waits_for_a_yes(wire: Wire) -> None:
    thread_id = thread(wire, "[[confirmation:40]]")
    wire.pass_time()
    found = get(wire, "/chat/result", thread_id=thread_id)
    assert (found["pending_confirmation"]["estimated_cost"], found["items"]) == (40.0, [])
    assert post(wire, "/chat/confirm", {"thread_id": thread_id}).status_code == 200
    assert link(wire, thread_id).endswith("link=0")
    assert post(wire, "/chat/confirm", {"thread_id": thread_id}).status_code == 400


def test_an_agent_may_answer_in_words_alone(wire: Wire) -> None:
    thread_id = thread(wire, "[[only-words:How long?]]")
    wire.pass_time()
    items = get(wire, "/chat/result", thread_id=thread_id)["items"]
    assert items == [{"type": "assistant", "text": "How long?"}]


def test_an_aborted_thread_says_so(wire: Wire) -> None:
    thread_id = thread(wire, "[[cancelled]]")
    wire.pass_time()
    assert get(wire, "/chat/status", thread_id=thread_id) == {"status": "abort"}


def test_a_picture_that_is_not_there_is_refused(wire: Wire) -> None:
    reply = chat(wire, "walks", attachments=[f"{wire.url}/lovart-uploads/lovart/nothing"])
    assert (reply.status_code, wire.server.stats()["accepted_total"]) == (400, 0)


def test_every_fault_of_the_agent_is_tested_here() -> None:
    tested = {"done-too-early", "confirmation", "only-words"}
    assert tested == {fault.name for fault in CATALOGUE.values() if fault.verb is Verb.AGENT}
