"""Every refusal and every lost answer at the moment of submitting."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import pytest
from rehearsal_wire import Wire

from vidgen_core.fake_provider.faults import CATALOGUE, IMAGES, KIE, YUNWU, Verb

#: Fault → HTTP status and words of the body.
YUNWU_SAYS = {
    "key-invalid": (401, "无效的令牌"),
    "ip-forbidden": (403, "IP"),
    "key-expired": (401, "该令牌已过期"),
    "key-disabled": (401, "该令牌状态不可用"),
    "group-forbidden": (403, "分组"),
    "model-forbidden": (403, "该令牌无权访问模型"),
    "user-banned": (403, "用户已被封禁"),
    "key-exhausted": (401, "该令牌额度已用尽"),
    "pre-consume-failed": (403, "pre_consume_token_quota_failed"),
    "saturated-quota": (429, "insufficient_user_quota"),
    "size-required": (400, "invalid_size"),
    "model-missing": (400, "未指定模型名称"),
    "parameter-as-429": (429, "duration_out_of_range"),
    "no-price": (429, "未找到价格配置"),
    "base-resp-429": (429, '"status_code":400'),
    "saturated": (429, "负载已饱和"),
    "saturated-500": (500, "负载已饱和"),
    "saturated-404": (404, "负载已饱和"),
    "no-channel": (503, "model_not_found"),
    "prompt-blocked": (500, "prompt_blocked"),
    "violation-fee": (400, "violation_fee"),
    "body-too-large": (413, "too large"),
    "upstream-failed": (500, "do_request_failed"),
    "error-in-200": (200, '"status":"error"'),
    "balance-empty": (403, "insufficient_user_quota"),
    "parameter": (400, "invalid_request"),
    "rate-limit": (429, "您已达到请求数限制"),
    "rate-limit-retry-after": (429, "您已达到总请求数限制"),
    "moderated-input": (400, "sensitive_words_detected"),
    "server-error": (500, '"code":null'),
    "bad-gateway": (502, "<html>"),
    "html": (200, "<html>"),
    "refusal-inside": (451, "InvalidParameter"),
    "business-code": (200, '"code": -2001'),
    "limit-as-429": (429, "exceeds the limit of 6s"),
    "retry-after": (429, "您已达到总请求数限制"),
    "odd-text": (400, "ud83d"),
    "echo-key": (400, "rejected by the upstream"),
}
#: Fault → HTTP status, code in the body (None: no JSON), words of the body.
KIE_SAYS = {
    "key-invalid": (200, 401, "access permissions"),
    "ip-forbidden": (200, 401, "whitelist"),
    "subkey-cap": (200, 433, "limit of this key"),
    "parameter-as-500": (200, 500, "allowed options"),
    "english-only": (200, 400, "Only English prompts"),
    "feature-disabled": (200, 505, "disabled"),
    "paused": (200, 500, "temporarily paused"),
    "maintenance": (200, 455, "maintenance"),
    "flow-rejected": (200, 422, "rejected by Flow"),
    "unsafe-image": (200, 400, "unsafe image"),
    "image-unfetchable": (200, 451, "Failed to fetch the image"),
    "balance-empty": (200, 402, "insufficient"),
    "parameter": (200, 422, "allowed options"),
    "rate-limit": (200, 429, "frequency"),
    "rate-limit-retry-after": (429, 429, "Too many requests"),
    "moderated-input": (200, 400, "content policies"),
    "server-error": (200, 500, "Server exception"),
    "bad-gateway": (502, None, "<html>"),
    "html": (200, None, "<html>"),
    "refusal-inside": (200, 451, "InvalidParameter"),
    "business-code": (200, -2001, "4013"),
    "limit-as-429": (200, 429, "exceeds the limit of 6s"),
    "retry-after": (429, 429, "Too many requests"),
    "odd-text": (200, 400, "ud83d"),
    "echo-key": (200, 400, "rejected by the upstream"),
}
#: These have tests of their own below.
CONNECTION = {"reset-before-accept", "slow-accept", "colleague-in-log"}
#: Refusals that name a time.
TIMED = {"rate-limit-retry-after", "retry-after"}


def refusals(provider: str) -> list[str]:
    """Every refusal in the catalogue: a new one without an expectation here fails."""
    return [
        fault.name
        for fault in CATALOGUE.values()
        if fault.verb is Verb.SUBMIT and provider in fault.providers and fault.name not in CONNECTION
    ]


@pytest.mark.parametrize("name", refusals(YUNWU))
def test_yunwu_refuses_in_its_own_words(wire: Wire, name: str) -> None:
    status, words = YUNWU_SAYS[name]
    reply = wire.yunwu_submit(f"a cat [[{name}]]")
    assert reply.status_code == status
    assert words in reply.text
    assert ("retry-after" in reply.headers) == (name in TIMED)
    stats = wire.server.stats()
    assert (stats["submits_total"], stats["accepted_total"]) == (1, 0)
    assert stats["charged"].get(YUNWU, 0) == (0.4 if name == "violation-fee" else 0)


@pytest.mark.parametrize("name", refusals(KIE))
def test_kie_refuses_in_its_own_words(wire: Wire, name: str) -> None:
    status, code, words = KIE_SAYS[name]
    for reply in (wire.veo_submit(f"a cat [[{name}]]"), wire.task_submit(f"a dog [[{name}]]")):
        assert reply.status_code == status
        assert words in reply.text
        assert code is None or reply.json()["code"] == code
        assert ("retry-after" in reply.headers) == (name in TIMED)
    stats = wire.server.stats()
    assert (stats["submits_total"], stats["accepted_total"], stats["charged"]) == (2, 0, {})


def test_yunwu_names_the_request_in_header_and_text(wire: Wire) -> None:
    reply = wire.yunwu_submit("[[key-invalid]]")
    request_id = reply.headers["x-oneapi-request-id"]
    assert f"(request id: {request_id})" in reply.json()["error"]["message"]


@pytest.mark.parametrize("submit", ["yunwu_submit", "veo_submit"])
def test_a_reset_before_acceptance_leaves_no_job(wire: Wire, submit: str) -> None:
    with pytest.raises(httpx.ReadError):
        getattr(wire, submit)("[[reset-before-accept]]")
    assert (wire.server.stats()["accepted_total"], wire.server.jobs()) == (0, [])


@pytest.mark.parametrize("submit", ["yunwu_submit", "veo_submit", "task_submit"])
@pytest.mark.parametrize(
    ("name", "error"), [("reset-after-accept", httpx.ReadError), ("close-after-accept", httpx.RemoteProtocolError)]
)
def test_a_connection_lost_after_acceptance_leaves_a_job_that_is_paid(
    wire: Wire, name: str, error: type[Exception], submit: str
) -> None:
    with pytest.raises(error):
        getattr(wire, submit)(f"a cat [[{name}]]")
    stats = wire.server.stats()
    assert stats["accepted"] == {f"a cat [[{name}]]": 1}
    assert sum(stats["charged"].values()) > 0
    assert len(wire.server.jobs()) == 1


ANSWERS: dict[str, Callable[[httpx.Response], bool]] = {
    "gateway-after-accept": lambda reply: reply.status_code == 504 and "<html>" in reply.text,
    "error-after-accept": lambda reply: "500" in f"{reply.status_code}{reply.text}",
    "html-after-accept": lambda reply: reply.status_code == 200 and "<html>" in reply.text,
    "empty-after-accept": lambda reply: reply.status_code == 200 and reply.content == b"",
    "no-task-id": lambda reply: reply.status_code == 200 and "ask" not in str(reply.json().get("data", "")),
}


@pytest.mark.parametrize("submit", ["yunwu_submit", "veo_submit", "task_submit"])
@pytest.mark.parametrize("name", ANSWERS)
def test_an_unreadable_answer_hides_a_job_that_is_paid(wire: Wire, name: str, submit: str) -> None:
    reply = getattr(wire, submit)(f"[[{name}]]")
    assert ANSWERS[name](reply)
    job = wire.server.jobs()[0]
    assert job["id"] not in reply.text
    assert sum(wire.server.stats()["charged"].values()) > 0


def test_the_status_of_a_gateway_can_be_chosen(wire: Wire) -> None:
    assert wire.yunwu_submit("[[bad-gateway:524]]").status_code == 524
    assert wire.yunwu_submit("[[gateway-after-accept:522]]").status_code == 522


@pytest.mark.parametrize("submit", ["yunwu_submit", "veo_submit"])
def test_a_slow_answer_comes_after_the_job_exists(wire: Wire, submit: str) -> None:
    wire.http.timeout = httpx.Timeout(0.3)
    with pytest.raises(httpx.ReadTimeout):
        getattr(wire, submit)("[[slow-answer:60]]")
    assert len(wire.server.jobs()) == 1


def test_a_late_acceptance_makes_a_job_nobody_waits_for(wire: Wire) -> None:
    wire.http.timeout = httpx.Timeout(0.2)
    with pytest.raises(httpx.ReadTimeout):
        wire.yunwu_submit("[[slow-accept:0.6]]")
    assert wire.server.jobs() == []
    deadline = time.monotonic() + 10.0
    while not wire.server.jobs() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(wire.server.jobs()) == 1


def test_a_slow_answer_still_names_the_job(wire: Wire) -> None:
    reply = wire.yunwu_submit("[[slow-answer:0.05]]")
    assert reply.json()["id"] == wire.server.jobs()[0]["id"]


def test_yunwu_names_the_job_in_three_shapes(wire: Wire) -> None:
    shapes = [wire.yunwu_submit(prompt).json() for prompt in ("a", "[[reply-task-id]]", "[[reply-data-id]]")]
    ids = [shapes[0]["id"], shapes[1]["task_id"], shapes[2]["data"]["task_id"]]
    assert ids == [job["id"] for job in wire.server.jobs()]
    assert "id" not in shapes[1]
    assert "id" not in shapes[2]


def test_kie_names_the_job_in_three_shapes(wire: Wire) -> None:
    shapes = [wire.task_submit(prompt).json()["data"] for prompt in ("a", "[[reply-task-id]]", "[[reply-data-id]]")]
    assert [list(shape) for shape in shapes] == [["taskId"], ["task_id"], ["recordId"]]
    assert [next(iter(shape.values())) for shape in shapes] == [job["id"] for job in wire.server.jobs()]


def test_yunwus_times_are_seconds_for_grok_and_milliseconds_for_others_unless_told(wire: Wire) -> None:
    def time_of(prompt: str, model: str) -> int:
        return int(wire.yunwu_submit(prompt, model=model).json()["status_update_time"])

    seconds = int(wire.clock.now)
    assert time_of("a", "grok-video-3") == time_of("[[reply-seconds]]", "veo3.1-fast") == seconds
    assert time_of("a", "veo3.1-fast") == time_of("[[reply-milliseconds]]", "grok-video-3") == seconds * 1000


def test_every_fault_of_an_answer_is_tested_here() -> None:
    tested = {*ANSWERS, "reset-after-accept", "close-after-accept", "slow-answer", "reply-task-id", "reply-data-id"}
    tested |= {"reply-seconds", "reply-milliseconds", "queued-words", "id-nan", "id-number"}
    # What only image endpoints do is tested with the provider that asks them.
    videos = [fault for fault in CATALOGUE.values() if fault.providers != (IMAGES,)]
    assert tested == {fault.name for fault in videos if fault.verb is Verb.ANSWER}


def test_a_number_lets_later_submits_of_the_prompt_through(wire: Wire) -> None:
    replies = [wire.yunwu_submit("a cat [[rate-limit:2]]").status_code for _ in range(4)]
    assert replies == [429, 429, 200, 200]
    assert wire.server.stats()["accepted"] == {"a cat [[rate-limit:2]]": 2}


def test_a_tag_of_the_other_provider_does_nothing(wire: Wire) -> None:
    assert wire.yunwu_submit("[[maintenance]]").status_code == 200
    assert wire.veo_submit("[[no-channel]]").json()["code"] == 200


def test_an_unknown_tag_is_part_of_the_prompt_and_noted(wire: Wire) -> None:
    assert wire.yunwu_submit("[[fialed]]").status_code == 200
    assert wire.server.stats()["unknown_tags"] == {"fialed": 1}
