"""What a service says where it should say something else: refusals in wrappings, queued words, keys, odd text."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import httpx
import pytest
from rehearsal_wire import Wire, data_uri, picture

from vidgen_core.fake_provider.faults import CATALOGUE, IMAGES

ORDERS = ["yunwu_submit", "veo_submit", "task_submit"]


@pytest.fixture(params=ORDERS)
def submit(request: pytest.FixtureRequest, wire: Wire) -> Callable[[str], httpx.Response]:
    order: Callable[[str], httpx.Response] = getattr(wire, request.param)
    return order


def draw(wire: Wire, prompt: str) -> httpx.Response:
    return wire.http.post("/v1/images/generations", json={"model": "gpt-image-1", "prompt": prompt})


def ask(wire: Wire, line: str) -> httpx.Response:
    messages = [{"role": "system", "content": "Answer in JSON."}, {"role": "user", "content": f"<line>{line}</line>"}]
    return wire.http.post("/v1/chat/completions", json={"model": "m", "messages": messages})


def accepted(wire: Wire) -> int:
    return int(wire.server.stats()["accepted_total"])


def test_a_refusal_comes_inside_another(wire: Wire, submit: Callable[[str], httpx.Response]) -> None:
    for what, code in (("parameter", "InvalidParameter"), ("moderation", "Sensitive"), ("money", "quota")):
        body = submit(f"[[refusal-inside:{what}]]").json()
        inner = json.loads(body.get("message") or body["msg"])
        assert code in inner["error"]["code"]
    assert accepted(wire) == 0


def test_a_job_exists_and_the_answer_has_words_alone(wire: Wire, submit: Callable[[str], httpx.Response]) -> None:
    reply = submit("[[queued-words:accepted; rate limit 10/min]]")
    assert (reply.status_code, accepted(wire)) == (200, 1)
    assert "accepted; rate limit 10/min" in reply.text
    assert wire.server.jobs()[0]["id"] not in reply.text


def test_an_id_may_be_no_number_or_a_whole_one(wire: Wire, submit: Callable[[str], httpx.Response]) -> None:
    def named(prompt: str) -> object:
        body = submit(prompt).json()
        return body["id"] if "id" in body else body["data"]["taskId"]

    got = named("[[id-nan]]")
    assert isinstance(got, float)
    assert math.isnan(got)
    assert named("[[id-number]]") == int(wire.server.jobs()[-1]["id"])
    assert accepted(wire) == 2


def test_a_refusal_repeats_the_key_so_that_only_a_parser_finds_it(
    wire: Wire, submit: Callable[[str], httpx.Response]
) -> None:
    reply = submit("[[echo-key]]")
    assert "sk-good" not in reply.text
    assert json.dumps(reply.json()).count("sk-good") == 3


def test_a_refusal_has_text_that_no_database_keeps(submit: Callable[[str], httpx.Response]) -> None:
    body = submit("[[odd-text]]").json()
    said = body.get("message") or body["msg"]
    assert "\x00" in said
    with pytest.raises(UnicodeEncodeError):
        said.encode()


def test_only_the_first_submit_has_to_wait(wire: Wire, submit: Callable[[str], httpx.Response]) -> None:
    replies = [submit("[[retry-after:Fri, 31 Dec 9999 23:59:59 GMT]]") for _ in range(2)]
    assert [reply.status_code for reply in replies] == [429, 200]
    assert replies[0].headers["retry-after"] == "Fri, 31 Dec 9999 23:59:59 GMT"
    assert accepted(wire) == 1


def test_the_log_shows_a_colleagues_job_and_none_of_ours(wire: Wire) -> None:
    with pytest.raises(httpx.ReadError):
        wire.yunwu_submit("a cat [[colleague-in-log]]")
    [job] = wire.server.jobs()
    [row] = wire.http.get("/api/log/token").json()["data"]
    assert json.loads(row["other"])["task_id"] == job["id"]
    assert (job["model"], row["model_name"]) == ("grok-video-3", "grok-video-3")
    assert "cat" not in wire.yunwu_look(job["id"]).json()["enhanced_prompt"]


@pytest.mark.parametrize("path", ["/api/file-base64-upload", "/api/file-url-upload"])
def test_an_upload_is_refused_for_money(wire: Wire, path: str) -> None:
    wire.server.set_faults({"upload-no-money": 1})
    uri = data_uri(picture())
    reply = wire.http.post(path, json={"base64Data": uri, "fileUrl": uri, "uploadPath": "a"})
    assert (reply.status_code, "credits" in reply.text) == (403, True)
    sent = wire.http.post("/api/file-stream-upload", files={"file": ("a.jpg", picture(), "image/jpeg")})
    assert sent.status_code == 403


#: Fault → status and words of an image endpoint's answer, and whether it was bought.
DRAWN = {
    "refusal-inside": (451, "InvalidParameter", 0),
    "business-code": (200, "-2001", 0),
    "limit-as-429": (429, "exceeds the limit", 0),
    "retry-after:99": (429, "总请求数", 0),
    "odd-text": (400, "ud83d", 0),
    "echo-key": (400, "rejected by the upstream", 0),
    "queued-words": (200, "in the queue", 1),
    "link-relative": (200, '"url":"/pictures/', 1),
}
DRAWN_NAMES = {fault.partition(":")[0] for fault in DRAWN}


@pytest.mark.parametrize("fault", DRAWN)
def test_image_endpoints_say_the_same(start: Callable[..., Wire], fault: str) -> None:
    wire = start(job_seconds=(0.0, 0.0))
    status, words, bought = DRAWN[fault]
    reply = draw(wire, f"a cat [[{fault}]]")
    assert (reply.status_code, words in reply.text, accepted(wire)) == (status, True, bought)
    assert reply.headers.get("retry-after") == ("99" if "retry-after" in fault else None)


#: Fault → status and words of a language model's answer.
SAID = {
    "chat-no-money": (403, "credits"),
    "chat-business-code": (200, "-2001"),
    "chat-odd-text": (200, "ud83d"),
    "chat-echo-key": (400, "rejected by the upstream"),
    "chat-refusal-inside:money": (451, "insufficient_user_quota"),
    "chat-limit-as-429": (429, "prompt is too long"),
    "chat-retry-after:9": (429, "Rate limit"),
    "chat-queued-words": (200, "in the queue"),
}


@pytest.mark.parametrize("fault", SAID)
def test_language_models_say_the_same(wire: Wire, fault: str) -> None:
    status, words = SAID[fault]
    reply = ask(wire, f"a cat [[{fault}]]")
    assert (reply.status_code, words in reply.text) == (status, True)
    assert "sk-good" not in reply.text
    assert reply.headers.get("retry-after") == ("9" if "retry-after" in fault else None)
    assert ("choices" in reply.json()) == (fault == "chat-odd-text")


def test_only_the_first_question_has_to_wait(wire: Wire) -> None:
    assert [ask(wire, "[[chat-retry-after:9]]").status_code for _ in range(2)] == [429, 200]


def test_every_such_fault_is_tested_here() -> None:
    tested = {fault.partition(":")[0] for fault in (*DRAWN, *SAID)}
    of_models = {f"chat-{name}" for name in DRAWN_NAMES if f"chat-{name}" in CATALOGUE}
    assert of_models <= tested
    assert all(IMAGES in CATALOGUE[name].providers for name in DRAWN_NAMES)
