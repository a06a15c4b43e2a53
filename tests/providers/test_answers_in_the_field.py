"""Answers that nobody has listed: what is accepted, refused or unknown, what may be bought again, what is a request for good.

None of these texts stands in the program; each is of a kind that it has to know.
"""

from __future__ import annotations

import asyncio
import codecs
import functools
import gzip
import json
import textwrap
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import respx
from doubles import one_round
from plain_server import Request, plain_server, reply
from provider_world import World, make_key, make_params
from pydantic import SecretStr

from vidgen_core.config.schema import Settings
from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.llm.client import Chat
from vidgen_core.providers.base import Key, Provider, RemoteJob, RemoteStatus, Submission
from vidgen_core.providers.http.client import Http, Patience, Verb
from vidgen_core.providers.http.error_body import error_body_in
from vidgen_core.providers.http.error_mapping import failure_of
from vidgen_core.providers.images.adapter import Images
from vidgen_core.providers.kie import responses
from vidgen_core.providers.kie.adapter import Kie
from vidgen_core.providers.lovart import responses as lovart_answers
from vidgen_core.providers.lovart.adapter import Lovart
from vidgen_core.providers.yunwu import responses as yunwu_answers
from vidgen_core.providers.yunwu.adapter import Yunwu

K, D = ErrorKind, Delivery
SECRET = "sk-Vf93kQm2Zx81LpWn4Rt6"
KEY = make_key(SECRET)
PAIR = Key(id="ab", label="pair", secret=SecretStr("ak_one:sk_other"))


@pytest.fixture
async def providers(world: World) -> AsyncIterator[dict[str, Provider]]:
    made: dict[str, Provider] = {
        "yunwu": Yunwu(world.settings, world.locations),
        "kie": Kie(world.settings, world.locations),
        "lovart": Lovart(world.settings, world.locations),
        "images": Images(world.settings, world.locations),
    }
    yield made
    for provider in made.values():
        await provider.close()


SUBMITS = {
    "yunwu": "/v1/video/create",
    "kie": "/api/v1/veo/generate",
    "lovart": "/v1/openapi/chat",
    "images": "/v1/images/generations",
    "chat": "/v1/chat/completions",
}
EVERY = sorted(SUBMITS)


async def refused(providers: dict[str, Provider], world: World, name: str, status: int, body: Any) -> RemoteError:
    """The error that a submit answered so ends in."""
    text = body if isinstance(body, str) else json.dumps(body)
    with respx.mock(base_url=world.server.url, assert_all_called=False) as wire:
        route = wire.post(SUBMITS[name]).respond(status, text=text)
        wire.post("/v1/openapi/project/save").respond(json={"code": 0, "data": {"project_id": "p1"}})
        with pytest.raises(RemoteError) as caught:
            await _submit(providers, world, name)
        assert route.call_count == 1
    return caught.value


async def accepted(providers: dict[str, Provider], world: World, name: str, status: int, body: Any) -> str:
    """The id of the job that a submit answered so has made, as it stands in the answer."""
    provider, key = providers[name], PAIR if name == "lovart" else KEY
    order = world.order(provider, picture=None)
    with respx.mock(base_url=world.server.url, assert_all_called=False) as wire:
        wire.post(SUBMITS[name]).respond(status, json=body)
        wire.post("/v1/openapi/project/save").respond(json={"code": 0, "data": {"project_id": "p1"}})
        submission = await provider.submit(order, await provider.prepare(order, key), key)
    return submission.remote_id.removeprefix("p1/")


async def _submit(providers: dict[str, Provider], world: World, name: str) -> None:
    if name == "chat":
        chat = Chat(world.server.url)
        try:
            await chat.ask(KEY, "m", [{"role": "user", "content": "hello"}], temperature=0.1, max_tokens=5)
        finally:
            await chat.close()
        return
    provider, key = providers[name], PAIR if name == "lovart" else KEY
    asked_for = {"size": "1K", "aspect_ratio": "1:1"} if name == "images" else {}
    order = world.order(provider, picture=None, **asked_for)
    await provider.submit(order, await provider.prepare(order, key), key)


# --- a good status without an id: unknown ---------------------------------------------------------------------------

OPEN: list[Any] = [
    {"message": "The studio is packed tonight, your clip waits in line; rate limit 3/min"},
    {"msg": "Thanks! Heavy traffic, we will come back to you"},
    {"status": "processing", "message": "审核中"},
    {"status": "queued", "detail": "server is busy"},
    {"info": "请求过于频繁，任务已加入排队"},
    {"success": True, "message": "too many requests ahead of yours, 37th in the queue"},
    {"code": 0, "message": "high demand", "data": None},
    {"code": "success", "message": "negative balance will be settled later", "data": {}},
    {"message": "content under moderation, wait for the result", "data": None},
    {"success": False, "message": "queue position 12, insufficient credits may delay it"},
    {"error": "your order was accepted and is pending review"},
    {"id": None, "task_id": "null", "taskId": "undefined", "data": {"id": " "}},
    {"id": True, "task_id": 3.5, "data": {"task_id": False}},
    '{"id": NaN, "task_id": Infinity}',
    {"code": 200, "msg": "success", "data": {"taskId": "NaN"}},
    {"code": 1, "message": "提交成功", "data": None},
    {"data": "排队中"},
    "overloaded, try again",
    [],
    {"code": 1, "msg": "ok"},
    {"code": 1, "msg": "Done.", "data": ""},
]


@pytest.mark.parametrize(("name", "body"), one_round(EVERY, OPEN), ids=str)
async def test_words_alone_after_a_good_status_never_make_a_refusal(providers, world, name, body) -> None:
    error = await refused(providers, world, name, 200, body)
    assert error.delivery is D.UNKNOWN, error


CLEAR: list[tuple[Any, set[ErrorKind]]] = [
    (
        {"error": {"code": "LengthNotOffered", "message": "a clip of 99 seconds is not on the menu"}},
        {K.PROVIDER, K.PARAMETER},
    ),
    ({"error": {"type": "InvalidAspectRatio", "message": "no"}}, {K.PARAMETER}),
    ({"success": False, "code": "E-4711", "message": "we do not film cats"}, {K.PROVIDER}),
    ({"code": -3107, "message": "参数 foo 有误", "data": None}, {K.PARAMETER}),
    ({"code": 50413, "msg": "nope", "data": None}, {K.PROVIDER}),
    ({"error": {"code": "content_policy_breach_sensitive", "message": "x"}}, {K.MODERATION}),
    ({"error": {"code": "insufficient_funds", "message": "x"}}, {K.BALANCE}),
    ({"success": False, "error": {"code": "RateLimitReached", "message": "slower"}}, {K.RATE_LIMIT}),
    ({"error": {"code": "model_overloaded", "message": "x"}}, {K.OVERLOADED}),
    ({"errcode": 40017, "errmsg": "bad", "data": None}, {K.PROVIDER}),
]


@pytest.mark.parametrize(("name", "answer"), one_round(EVERY, CLEAR))
async def test_a_machine_code_after_a_good_status_refuses_in_clear(providers, world, name, answer) -> None:
    body, kinds = answer
    if name in ("chat", "images") and "error" not in body:
        return
    error = await refused(providers, world, name, 200, body)
    assert (error.delivery, error.kind in kinds) == (D.REFUSED, True), error


#: Envelopes of other clouds and protocols, as relays pass them on.
ENVELOPES: list[tuple[Any, set[ErrorKind]]] = [
    ({"errors": [{"message": "no", "extensions": {"code": "BAD_USER_INPUT"}}], "data": None}, {K.PARAMETER}),
    ({"errors": [{"message": "duration must be one of 5, 10"}], "data": {"createVideo": None}}, {K.PARAMETER}),
    ({"errors": [{"status": "422", "title": "Invalid Attribute", "detail": "duration must be 5"}]}, {K.PARAMETER}),
    ({"Response": {"Error": {"Code": "InvalidParameterValue.Duration", "Message": "no"}, "RequestId": "r"}}, {K.PARAMETER}),
    ({"Response": {"Error": {"Code": "FailedOperation.InsufficientBalance", "Message": "x"}}}, {K.BALANCE}),
    ({"Response": {"Error": {"Code": "AuthFailure.SignatureFailure", "Message": "x"}}}, {K.AUTH}),
    ({"ResponseMetadata": {"RequestId": "r", "Error": {"CodeN": 9, "Code": "Odd", "Message": "敏感内容"}}}, {K.MODERATION}),
    ({"Code": "InvalidParameter.Size", "Message": "x", "RequestId": "r"}, {K.PARAMETER}),
    ({"ErrCode": 400017, "ErrMsg": "invalid aspect ratio", "Resp": None}, {K.PARAMETER}),
    ({"header": {"code": 10013, "message": "input content moderation not passed", "sid": "x"}}, {K.MODERATION}),
    ([{"jsonrpc": "2.0", "id": 8, "error": {"code": -32602, "message": "Invalid params"}}], {K.PARAMETER, K.PROVIDER}),
    ({"type": "https://x.example/v", "title": "Validation failed", "status": 422, "detail": "ratio not supported"}, {K.PARAMETER}),
    ({"fault": {"faultstring": "x", "detail": {"errorcode": "oauth.v2.InvalidApiKeyForResource"}}}, {K.AUTH}),
    ({"isSuccess": False, "returnCode": "9999", "returnMsg": "参数 duration 错误"}, {K.PARAMETER}),
    ({"result": "fail", "resultCode": "INVALID_PARAM", "resultMsg": "x"}, {K.PARAMETER}),
    ({"meta": {"code": 400, "error_message": "ratio not supported"}}, {K.PARAMETER}),
    ({"BaseResp": {"StatusCode": 4001, "StatusMessage": "duration too long"}}, {K.PARAMETER}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "status", "answer"), one_round(["yunwu", "kie"], [200, 429], ENVELOPES))
async def test_a_refusal_in_the_envelope_of_another_service_is_one(providers, world, name, status, answer) -> None:
    body, kinds = answer
    error = await refused(providers, world, name, status, body)
    assert (error.delivery, error.kind in kinds) == (D.REFUSED, True), error


@pytest.mark.parametrize(
    "body",
    [
        {"errors": [{"message": "no thumbnail", "extensions": {"code": "THUMB"}}], "data": {"createVideo": {"made": True}}},
        {"errors": [{"message": "position 4, queued", "extensions": {"code": "ENQUEUED_LATE"}}], "data": None},
        {"errors": [{"message": "Something happened"}], "data": None},
        {"Response": {"RequestId": "r-1", "Notice": "InvalidParameter is not the case"}},
        {"Response": {"Error": {"Code": "Pending", "Message": "task already submitted, in queue"}}},
        {"header": {"code": 10000, "message": "noted"}, "payload": {"note": "insufficient credits soon"}},
        [{"jsonrpc": "2.0", "id": 3, "result": {"note": "throttled, will run"}}],
        {"jsonrpc": "2.0", "id": 3, "result": None},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("name", ["yunwu", "kie"])
async def test_what_another_service_leaves_open_stays_open(providers, world, name, body) -> None:
    assert (await refused(providers, world, name, 200, body)).delivery is D.UNKNOWN


# --- a refusal in another -------------------------------------------------------------------------------------------


def wrap(inner: Any, depth: int = 1, prefix: str = "") -> str:
    text = prefix + json.dumps(inner, ensure_ascii=False)
    return text if depth == 1 else wrap({"message": text}, depth - 1)


LONG = {"error": {"code": "InvalidDuration", "message": "clips end at 8 seconds"}}
HURT = {"error": {"code": "OutputVideoSensitive", "message": "we saw something"}}
WRAPPED: list[tuple[int, Any, ErrorKind]] = [
    (451, {"code": "fail_to_fetch_task", "message": wrap(LONG)}, K.PARAMETER),
    (500, {"code": "fail_to_fetch_task", "message": wrap(LONG, prefix="upstream said: ")}, K.PARAMETER),
    (502, {"error": {"message": wrap(HURT), "type": "upstream_error"}}, K.MODERATION),
    (400, {"msg": wrap(HURT, depth=3)}, K.MODERATION),
    (429, {"error": wrap({"detail": "aspect ratio 7:3 is outside of what we film"})}, K.PARAMETER),
    (429, {"error": {"message": "Prompt has 4012 characters, 2000 is the maximum"}}, K.PARAMETER),
    (429, {"message": "视频时长超过该账户的上限"}, K.PARAMETER),
    (429, {"message": "resolution 4320p exceeds your tier"}, K.PARAMETER),
    (403, {"detail": "You have run out of credits"}, K.BALANCE),
    (401, {"message": wrap({"msg": "账户余额不足，请充值"})}, K.BALANCE),
    (403, {"error": {"message": "Not enough balance on this account"}}, K.BALANCE),
    (503, {"data": {"fail_reason": wrap({"code": "PromptTooLong", "message": "x"})}}, K.PARAMETER),
    (
        500,
        {"error": {"message": "[sora] " + wrap({"error": {"message": "a real person's face was found"}})}},
        K.MODERATION,
    ),
]


@pytest.mark.parametrize(("name", "answer"), one_round(EVERY, WRAPPED), ids=str)
async def test_what_is_wrapped_is_read_before_what_is_around_it(providers, world, name, answer) -> None:
    status, body, kind = answer
    error = await refused(providers, world, name, status, body)
    assert (error.kind, error.delivery) == (kind, D.REFUSED), error
    assert "{" not in error.params["said"]


@pytest.mark.parametrize(
    "text",
    [
        "The picture size is above what this one takes",
        "Nine to two is a ratio nobody renders here",
        "画面比例不在列表中",
        "La durée dépasse huit secondes",
        "Die Bildgröße wird nicht angeboten",
        "動画の長さは8秒以下にしてください",
        "프롬프트가 너무 깁니다",
        "Слишком большое разрешение",
    ],
)
@pytest.mark.parametrize("name", EVERY)
async def test_too_many_for_what_was_sent_is_not_asked_again(providers, world, name, text) -> None:
    for body in ({"error": {"message": text}}, {"error": {"message": json.dumps({"error": {"message": text}})}}):
        assert (await refused(providers, world, name, 429, body)).kind is K.PARAMETER


#: Somebody asked too often, whatever else is spoken of.
TOO_OFTEN = [
    "Too many requests. Try again in 20 seconds. Limit of 10 per minute",
    "Rate limit reached for model veo9: Limit 10/min. Please reduce request size or wait 6s",
    "You exceeded the maximum number of concurrent videos (3)",
    "请求频率超过限制，请60秒后重试",
    "Requests per minute exceeded for your plan",
    "Image generation rate limit exceeded",
    "Slow down, wait at least 30 seconds",
]


@pytest.mark.parametrize(("name", "text"), one_round(EVERY, TOO_OFTEN))
async def test_too_many_requests_stay_too_many_requests(providers, world, name, text) -> None:
    error = await refused(providers, world, name, 429, {"error": {"message": text}})
    assert (error.kind, error.delivery) == (K.RATE_LIMIT, D.REFUSED), error


async def test_a_queue_behind_a_bad_gateway_leaves_the_order_open(providers, world) -> None:
    error = await refused(providers, world, "yunwu", 503, {"message": "high demand, your task is in our queue"})
    assert error.delivery is D.UNKNOWN


@pytest.mark.parametrize("status", [403, 401, 200])
async def test_an_upload_refused_for_want_of_money_says_nothing_against_the_key(providers, world, status) -> None:
    body = {
        "success": False,
        "code": 402 if status == 200 else None,
        "detail": "A positive credit balance is required, yours is empty",
    }
    with respx.mock(base_url=world.server.url) as wire:
        wire.post("/api/file-stream-upload").respond(status, json=body)
        with pytest.raises(RemoteError) as caught:
            await providers["kie"].prepare(world.order(providers["kie"]), KEY)
    assert (caught.value.kind, caught.value.delivery) == (K.BALANCE, D.NOT_SENT)


# --- ids ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "remote_id"),
    [
        ('{"id": 90071992547409931234}', "90071992547409931234"),
        ('{"id": 17.0}', "17"),
        ('{"id": "a\\u0000b"}', "ab"),
        ('{"id": "ok-1", "note": "\\ud83d"}', "ok-1"),
        ('{"id": "ok-2", "deep": ' + "[" * 5000 + "]" * 5000 + "}", "ok-2"),
        ('{"id": "ok-3", "cost": 1e999, "n": ' + "9" * 5000 + "}", "ok-3"),
        ('\ufeff{"id": "ok-4"}', "ok-4"),
        ('{"id": "ok-5", "status": "pending", "id": null}', "ok-5"),
        ('{"id": "", "status": "pending", "id": "ok-6"}', "ok-6"),
        (')]}\',\n{"id": "ok-7"}', "ok-7"),
        ('parse({"id": "ok-8"});', "ok-8"),
        ('{"id": "ok-9"}\n{"took": 12}', "ok-9"),
        ('<!-- edge -->{"id": "ok-10"}', "ok-10"),
        ('{"id": "ok-11", "status": "pend', "ok-11"),
        ('{"status": "pending", "id": "ok-12"', "ok-12"),
        ('{"list": [1, {"a": "}{"}], "id": "ok-13", "more": {"b": [', "ok-13"),
    ],
    ids=lambda one: one[:40],
)
async def test_an_odd_answer_still_names_its_job(providers, world, body, remote_id) -> None:
    yunwu = providers["yunwu"]
    order = world.order(yunwu, picture=None)
    prepared = await yunwu.prepare(order, KEY)
    with respx.mock(base_url=world.server.url) as wire:
        wire.post(SUBMITS["yunwu"]).respond(200, text=body)
        submission = await yunwu.submit(order, prepared, KEY)
    assert submission.remote_id == remote_id
    assert submission.model_dump_json().encode()


@pytest.mark.parametrize(
    "body", ['{"id": "ok-1', '{"id"', '{"note": "id: ok-1"', "{", '{"error": {"id": "ok-1"', "id=ok-1"]
)
async def test_half_an_id_is_none(providers, world, body) -> None:
    assert (await refused(providers, world, "yunwu", 200, body)).delivery is D.UNKNOWN


@pytest.mark.parametrize(
    "word", ["failed", "N/A", "unknown", "string", "0", "-1", "insufficient quota", "请稍后再试", "猫" * 400]
)
@pytest.mark.parametrize("name", ["yunwu", "kie", "lovart"])
async def test_a_word_at_the_place_of_an_id_is_none(providers, world, name, word) -> None:
    named = {"thread_id": word} if name == "lovart" else {"taskId": word, "id": word}
    error = await refused(providers, world, name, 200, {"code": 200, "msg": "success", "data": named})
    assert error.delivery is D.UNKNOWN, error


@pytest.mark.parametrize(
    "body",
    [
        {"object": "error", "id": "err_123", "message": "no such model", "type": "invalid_request_error", "code": 404},
        {"id": "req-9", "success": False, "code": "E-4711", "message": "we do not film cats"},
        {"id": "req-9", "error": {"code": "LengthNotOffered", "message": "99 seconds"}},
        {"jsonrpc": "2.0", "id": "17", "error": {"code": -32602, "message": "not on the menu"}},
    ],
    ids=["object", "success", "error", "rpc"],
)
@pytest.mark.parametrize("name", ["yunwu", "kie"])
async def test_a_refusal_that_bears_a_name_of_its_own_names_no_job(providers, world, name, body) -> None:
    assert (await refused(providers, world, name, 200, body)).delivery is D.REFUSED


@pytest.mark.parametrize(
    "more",
    [
        {"status": "failed", "error": {"code": "invalid_size", "message": "x"}},
        {"code": 1, "description": "submitted"},
        {"success": False, "code": "E-1", "message": "queued behind 12 others"},
        {"error": {"code": "", "message": ""}},
    ],
    ids=["ended", "good code", "queued", "empty error"],
)
async def test_a_job_that_may_be_there_keeps_its_name_beside_an_error(providers, world, more) -> None:
    assert await accepted(providers, world, "yunwu", 200, {"id": "job-77", **more}) == "job-77"


@pytest.mark.parametrize("status", [429, 400, 402, 403])
@pytest.mark.parametrize("name", ["yunwu", "kie", "lovart"])
async def test_a_job_and_not_a_word_under_a_bad_status_leave_it_open(providers, world, name, status) -> None:
    named = {"thread_id": "t-1"} if name == "lovart" else {"task_id": "t-1"}
    assert (await refused(providers, world, name, status, named)).delivery is D.UNKNOWN


@pytest.mark.parametrize("status", [429, 400, 402, 403])
@pytest.mark.parametrize(
    "more", [{"message": "many are before you"}, {"error": {"code": "SlowDown", "message": "busy"}}]
)
async def test_a_plain_id_beside_a_word_for_under_way_leaves_a_bad_status_open(providers, world, status, more) -> None:
    body = {"id": "job-77", "status": "queued", **more}
    assert (await refused(providers, world, "yunwu", status, body)).delivery is D.UNKNOWN


def packed(body: bytes, *, cut: int = 0, broken: int = 0) -> bytes:
    """A packed body without so many bytes at its end, or with so many wrong ones."""
    whole = gzip.compress(body)
    return whole[: len(whole) - cut - broken] + bytes(255 - one for one in whole[len(whole) - broken :])


NAMES_A_JOB = b'{"id": "ok-1", "status": "pending", "more": "%s"}' % ", ".join(map(str, range(3000))).encode()
BROKEN: dict[str, tuple[bytes, str]] = {
    "closed": (reply(b'{"id": "ok-1", "status": "pending", "more', Content_Length="500"), "closed"),
    "silent": (reply(b'{"id": "ok-1", "status": "pending", "more', Content_Length="500"), "silent"),
    "without end": (reply(b'{"id": "ok-1", "more": "none"}', Content_Length="9999"), "more"),
    "chunks without end": (
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1e\r\n{"id": "ok-1", "more": "none"}\r\n',
        "chunks",
    ),
    "a wrong checksum": (reply(packed(NAMES_A_JOB, broken=8), Content_Encoding="gzip"), "silent"),
    "wrong at its end": (reply(packed(NAMES_A_JOB, broken=2000), Content_Encoding="gzip"), "silent"),
    "packed and cut": (reply(packed(NAMES_A_JOB, cut=2000), Content_Encoding="gzip"), "silent"),
    "packed and closed": (reply(packed(NAMES_A_JOB, cut=9), Content_Length="9999", Content_Encoding="gzip"), "closed"),
}


async def submit_to_broken(world: World, answer: bytes, then: str) -> Submission:
    """What comes of a submit that is answered so, after which the connection is closed, says no more or goes on for ever."""
    more = {"more": b" ", "chunks": b"1\r\n \r\n"}.get(then, b"")

    async def handle(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        while more:
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.write(more)
        if then == "closed":
            await writer.drain()
            writer.close()

    async with plain_server(handle) as server:
        settings = Settings.model_validate({"providers": {"yunwu": {"base_url": server.url}}})
        total = 0.5 if more else 60
        yunwu = Yunwu(lambda: settings, world.locations, http=Http({Verb.SUBMIT: Patience(30, 30, 0.3, total)}))
        order = world.order(yunwu, picture=None)
        try:
            return await yunwu.submit(order, await yunwu.prepare(order, KEY), KEY)
        finally:
            await yunwu.close()


@pytest.mark.parametrize("broken", BROKEN)
async def test_an_id_that_came_before_an_answer_broke_is_kept(world, broken) -> None:
    assert (await submit_to_broken(world, *BROKEN[broken])).remote_id == "ok-1"


async def test_a_refusal_in_a_damaged_answer_is_not_believed(world) -> None:
    body = packed(b'{"error": {"code": "insufficient_user_quota", "message": "none left"}}', broken=8)
    with pytest.raises(RemoteError) as caught:
        await submit_to_broken(world, reply(body, Content_Encoding="gzip"), "silent")
    assert caught.value.delivery is D.UNKNOWN


@pytest.mark.parametrize("status", [400, 422, 429, 402])
@pytest.mark.parametrize("name", ["yunwu", "kie", "lovart"])
async def test_a_refusal_beside_a_job_that_is_under_way_is_none(providers, world, name, status) -> None:
    id_ = "thread_id" if name == "lovart" else "taskId"
    body = {"code": status, "message": "slow down, rate limit", "data": {id_: "t-1", "state": "queued"}}
    assert (await refused(providers, world, name, status, body)).delivery is D.UNKNOWN


@pytest.mark.parametrize(
    "text", ["Clé d’API invalide", "Ungültiger API-Schlüssel", "無効なAPIキーです", "неверный API-ключ"]
)
async def test_a_refused_key_is_one_in_other_languages_too(providers, world, text) -> None:
    assert (await refused(providers, world, "yunwu", 400, {"error": {"message": text}})).kind is K.AUTH


@pytest.mark.parametrize(
    "text", ["Saldo insuficiente", "クレジットが不足しています", "недостаточно средств", "Guthaben aufgebraucht"]
)
async def test_want_of_money_is_said_in_other_languages_too(providers, world, text) -> None:
    assert (await refused(providers, world, "yunwu", 403, {"error": {"message": text}})).kind is K.BALANCE


@pytest.mark.parametrize(
    "body",
    [
        '{"code": 200, "msg": "success", "data": "veo_77ab12cd34"}',
        '{"code": 200, "msg": "success", "data": {"jobId": "veo_77ab12cd34"}}',
        '{"code": 200, "data": {"task": {"id": "veo_77ab12cd34"}}}',
        '{"id": "veo_77ab12cd34", "status": "queued", "message": "rate limit; insufficient quota soon"}',
    ],
)
async def test_an_answer_of_kie_names_its_job_at_unusual_places_too(providers, world, body) -> None:
    kie = providers["kie"]
    order = world.order(kie, picture=None)
    prepared = await kie.prepare(order, KEY)
    with respx.mock(base_url=world.server.url) as wire:
        wire.post(SUBMITS["kie"]).respond(200, text=body)
        submission = await kie.submit(order, prepared, KEY)
    assert submission.remote_id == "veo_77ab12cd34"


ID = "j0b-77ab12cd34"
PLACES: list[Any] = [
    {"code": 0, "message": "", "data": {"task": {"NAME_id": ID}}},
    {"code": 200, "data": json.dumps({"NAMEId": ID})},
    {"code": "Success", "data": {"NAME_ids": [ID]}},
    {"status": "parked", "envelope": {"submission": {"NAMEID": ID, "request_id": "req-1"}}},
    {"code": 0, "data": [{"NAME": {"uuid": ID}}]},
    {"code": 0, "data": {"request": {"NAME_id": "another-1"}, "made": {"NAME_id": ID}}},
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["yunwu", "kie", "lovart"])
async def test_an_id_is_found_at_places_that_nobody_has_listed(providers, world, name, place) -> None:
    body = json.loads(json.dumps(place).replace("NAME", "thread" if name == "lovart" else "task"))
    assert await accepted(providers, world, name, 200, body) == ID


@pytest.mark.parametrize(
    "body",
    [
        {"code": 0, "data": {"tasks": [{"task_id": "one-1"}, {"task_id": "two-2"}]}},
        {"code": 5012, "data": {"blocked_by": {"task": {"id": "one-1"}}}},
        {"code": 0, "data": {"request": {"task_id": "one-1"}}},
    ],
    ids=["several", "refused", "ours"],
)
@pytest.mark.parametrize("name", ["yunwu", "kie"])
async def test_an_id_that_may_be_of_another_job_is_not_taken(providers, world, name, body) -> None:
    assert (await refused(providers, world, name, 200, body)).delivery is D.UNKNOWN


#: Where the job of a request may be said to lie: the model, the path it is sent to, and an address in the answer's header.
LOCATIONS = [
    ("yunwu", "grok-video-3", "/v1/video/create", "/v1/video/query?id=ID"),
    ("yunwu", "grok-video-3", "/v1/video/create", "{home}/v1/video/query?lang=en&id=ID"),
    ("yunwu", "grok-videos", "/v1/videos", "/v1/videos/ID"),
    ("yunwu", "kling-v2-6", "/kling/v1/videos/text2video", "{home}/kling/v1/videos/text2video/ID"),
    ("yunwu", "kling-3.0-turbo", "/kling/text-to-video/kling-3.0-turbo", "/kling/text-to-video/kling-3.0-turbo/ID/"),
    ("yunwu", "viduq3-pro", "/ent/v2/text2video", "/ent/v2/tasks/ID/creations"),
    ("yunwu", "MiniMax-Hailuo-02", "/minimax/v1/video_generation", "/minimax/v1/query/video_generation?task_id=ID"),
    ("yunwu", "doubao-seedance-2-0-260128", "/volc/v1/contents/generations/tasks", "tasks/ID"),
    ("kie", "veo3_fast", "/api/v1/veo/generate", "/api/v1/veo/record-info?taskId=ID"),
    ("kie", "bytedance/seedance-2", "/api/v1/jobs/createTask", "{home}/api/v1/jobs/recordInfo?taskId=ID"),
]  # fmt: skip


async def order_answered(providers, world, name: str, model: str, path: str, status: int = 201, **answer: Any) -> str:
    """The id of the job of an order whose request was answered so."""
    provider = providers[name]
    size = {"size": "768P", "duration": 6.0} if "Hailuo" in model else {}
    order = world.order(provider, model=model, picture=None, **size)
    prepared = await provider.prepare(order, KEY)
    with respx.mock(base_url=world.server.url) as wire:
        wire.post(path).respond(status, **answer)
        return (await provider.submit(order, prepared, KEY)).remote_id


@pytest.mark.parametrize(("name", "model", "path", "location"), LOCATIONS)
@pytest.mark.parametrize("body", ["", "{}", '{"status": "queued"}'])
async def test_an_id_that_stands_only_in_a_location_is_kept(
    providers, world, name, model, path, location, body
) -> None:
    headers = {"Location": location.replace("ID", ID).format(home=world.server.url)}
    assert await order_answered(providers, world, name, model, path, text=body, headers=headers) == ID


@pytest.mark.parametrize(
    "location",
    [
        "https://elsewhere.example.com/v1/video/query?id=ID", "//elsewhere.example.com/v1/video/query?id=ID", "/login?next=ID",
        "/v1/video/query", "/v1/video/query?id=", "/v1/video/query?id=undefined", "/v1/video/query?id=a1", "/v1/video/query?id=..%2F..%2Fx1",
        "/v1/models/ID", "/v1/video/create/status", "http://[broken", "ID", "",
    ],
)  # fmt: skip
async def test_another_location_names_no_job(providers, world, location) -> None:
    headers = {"Location": location.replace("ID", ID)}
    with pytest.raises(RemoteError) as caught:
        await order_answered(
            providers, world, "yunwu", "grok-video-3", "/v1/video/create", 200, text="", headers=headers
        )
    assert caught.value.delivery is D.UNKNOWN


async def test_a_location_beside_a_refusal_names_no_job(providers, world) -> None:
    headers = {"Location": f"/v1/video/query?id={ID}"}
    with pytest.raises(RemoteError) as caught:
        await order_answered(
            providers, world, "yunwu", "grok-video-3", "/v1/video/create", 200, headers=headers,
            json={"error": {"code": "invalid_request", "message": "no such size"}},
        )  # fmt: skip
    assert caught.value.delivery is D.REFUSED


@pytest.mark.parametrize(
    "body",
    [
        f"<response><status>queued</status><task_id>{ID}</task_id></response>",
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Result><data><taskId>{ID}</taskId></data></Result>',
        f'<task id="{ID}" state="queued"/>',
        f'<v:response xmlns:v="urn:x"><v:job><v:id>{ID}</v:id></v:job></v:response>',
        f"<xml><id><![CDATA[{ID}]]></id></xml>",
    ],
)
@pytest.mark.parametrize("name", ["yunwu", "kie"])
async def test_an_id_in_xml_is_kept(providers, world, name, body) -> None:
    model, path = {"yunwu": ("grok-video-3", SUBMITS["yunwu"]), "kie": ("veo3_fast", SUBMITS["kie"])}[name]
    assert await order_answered(providers, world, name, model, path, 200, text=body) == ID


@pytest.mark.parametrize(
    "body",
    [
        f"<error><code>500</code><task_id>{ID}</task_id></error>",
        f"<html><body><div id='{ID}'>queued</div></body></html>",
        f"<response><tasks><task_id>{ID}</task_id><task_id>other-1</task_id></tasks></response>",
        f"<response><request><task_id>{ID}</task_id></request></response>",
        f"<response><task_id>{ID}</task_id>",
        f'<!DOCTYPE x [<!ENTITY a "{ID}">]><response><task_id>&a;</task_id></response>',
        "<a>" * 20_000 + f"<task_id>{ID}</task_id>" + "</a>" * 20_000,
    ],
    ids=["error", "page", "several", "ours", "half", "entities", "deep"],
)
async def test_an_id_in_xml_that_may_be_anything_is_none(providers, world, body) -> None:
    assert (await refused(providers, world, "yunwu", 200, body)).delivery is D.UNKNOWN


async def test_a_thread_named_by_a_broken_answer_is_kept(providers, world) -> None:
    broken = {"code": 1, "message": "zonk", "data": {"thread_id": ID}}
    assert await accepted(providers, world, "lovart", 500, broken) == ID


async def test_a_conflict_that_speaks_of_an_order_taken_leaves_it_open(providers, world) -> None:
    error = await refused(providers, world, "lovart", 409, {"code": 7, "message": "a duplicate request is under way"})
    assert error.delivery is D.UNKNOWN


# --- where a job stands, in envelopes that nobody has listed -----------------------------------------------------

LINK = "https://example.org/films/7.mp4"
RESULT = json.dumps({"resultUrls": [LINK]})
ENVELOPES: list[Any] = [
    {"code": 200, "data": json.dumps({"taskId": "7", "state": "success", "resultJson": RESULT})},
    {"taskId": "7", "state": "success", "resultJson": RESULT},
    {"code": 0, "data": {"taskId": "7", "state": "success", "resultJson": RESULT}},
    {"code": "SUCCESS", "msg": "", "data": {"taskId": "7", "state": "success", "resultJson": RESULT}},
]


@pytest.mark.parametrize("body", ENVELOPES)
async def test_a_record_of_kie_is_read_in_any_envelope(providers, world, body) -> None:
    state = await looked_at(providers["kie"], world, "/api/v1/jobs/recordInfo", body)
    assert (state.status, state.url) == (RemoteStatus.SUCCEEDED, LINK)


@pytest.mark.parametrize("body", ENVELOPES)
async def test_a_failure_of_kie_is_read_in_any_envelope(providers, world, body) -> None:
    text = json.dumps(body).replace("success", "fail").replace("resultJson", "failMsg").replace(LINK, "a wobbly plinth")
    state = await looked_at(providers["kie"], world, "/api/v1/jobs/recordInfo", json.loads(text))
    assert state.status is RemoteStatus.FAILED
    assert state.failure is not None
    assert not state.failure.retryable


async def looked_at(provider: Provider, world: World, path: str, body: Any) -> Any:
    job = RemoteJob(remote_id="7", model="kling/v2", params=make_params())
    with respx.mock(base_url=world.server.url) as wire:
        wire.get(path).respond(200, json=body)
        return await provider.poll(job, KEY)


async def thread(providers: dict[str, Provider], world: World, status: Any, result: Any) -> Any:
    job = RemoteJob(remote_id="p/7", model="veo3", params=make_params())
    with respx.mock(base_url=world.server.url) as wire:
        wire.get("/v1/openapi/chat/status").respond(200, json=status)
        wire.get("/v1/openapi/chat/result").respond(200, json=result)
        return await providers["lovart"].poll(job, PAIR)


FILM = {"type": "video", "content": LINK}
SHOWN = {"code": 0, "data": {"status": "done", "items": [{"type": "generator", "artifacts": [FILM]}]}}


@pytest.mark.parametrize(
    "status",
    [
        {"code": 0, "data": {"status": "finished"}},
        {"code": 0, "data": {"state": "TASK_COMPLETED"}},
        {"code": 0, "data": {"thread": {"status": "done"}}},
        {"code": 0, "data": {"done": True}},
        {"status": "done"},
    ],
)
async def test_a_thread_that_has_ended_is_told_by_any_word(providers, world, status) -> None:
    assert (await thread(providers, world, status, SHOWN)).url == LINK


@pytest.mark.parametrize(
    "data",
    [
        {"items": [{"type": "tool", "artifacts": FILM}]},
        {"items": [{"type": "tool", "artifact": {"kind": "video", "content": LINK}}]},
        {"items": [{"type": "generator", "artifacts": [{"type": "video/mp4", "content": LINK}]}]},
        {"items": [{"type": "assistant", "text": f"Here you are: [film]({LINK})"}]},
        {"items": [{"type": "generator", "content": json.dumps({"videos": [{"url": LINK}]})}]},
        {"items": [], "artifacts": [FILM]},
        {"messages": [{"role": "assistant", "artifacts": [FILM]}]},
        {"items": {"0": {"artifacts": [FILM]}}},
        {"items": [{"type": "user", "text": "like https://example.org/mine.mp4"}, {"type": "tool", "artifacts": FILM}]},
        {"items": [{"artifacts": [{"type": "video", "content": "https://example.org/a.mp4"}, FILM]}]},
    ],
)
async def test_a_video_of_a_thread_is_found_wherever_it_stands(providers, world, data) -> None:
    state = await thread(providers, world, {"code": 0, "data": {"status": "done"}}, {"code": 0, "data": data})
    assert (state.status, state.url) == (RemoteStatus.SUCCEEDED, LINK)


@pytest.mark.parametrize(
    "data", [{"status": "failed", "message": "the plinth wobbles"}, {"state": "ERROR", "error": "the plinth wobbles"}]
)
async def test_a_thread_that_failed_ends_in_its_own_words(providers, world, data) -> None:
    state = await thread(providers, world, {"code": 0, "data": data}, {"code": 0, "data": {"items": []}})
    assert state.status is RemoteStatus.FAILED
    assert state.failure.params["said"] == "the plinth wobbles"
    assert not state.failure.retryable


async def test_a_thread_whose_video_a_filter_took_says_so(providers, world) -> None:
    held = {"status": "done", "items": [{"artifacts": [{"type": "video", "content": "", "moderated": True}]}]}
    state = await thread(providers, world, {"code": 0, "data": {"status": "done"}}, {"code": 0, "data": held})
    assert (state.status, state.failure.kind) == (RemoteStatus.FAILED, K.MODERATION)


@pytest.mark.parametrize("name", EVERY)
async def test_an_answer_that_points_to_a_result_elsewhere_leaves_the_order_open(providers, world, name) -> None:
    assert (await refused(providers, world, name, 303, "")).delivery is D.UNKNOWN


async def test_a_job_in_a_list_of_one_is_read_as_the_job(providers, world) -> None:
    job = RemoteJob(remote_id="7", model="grok-video-3", params=make_params())
    with respx.mock(base_url=world.server.url) as wire:
        wire.get("/v1/video/query").respond(200, json=[{"status": "completed", "url": "https://example.org/7.mp4"}])
        state = await providers["yunwu"].poll(job, KEY)
    assert (state.status, state.url) == (RemoteStatus.SUCCEEDED, "https://example.org/7.mp4")


@pytest.mark.parametrize(
    "body",
    [
        {"output_text": "a slow pan"},
        {"output": {"choices": [{"message": {"content": "a slow pan"}}]}},
        {"choices": [{"text": "a slow pan"}]},
        {"output": [{"type": "message", "content": [{"type": "output_text", "text": "a slow pan"}]}]},
        {"candidates": [{"content": {"parts": [{"text": "a slow pan"}]}}]},
        {"error": {"message": ""}, "choices": [{"message": {"content": "a slow pan"}}]},
        {"response": "a slow pan", "model": "m", "done": True},
        [{"generated_text": "a slow pan"}],
        {"code": 0, "data": {"reply": "a slow pan", "prompt": {"text": "x"}}},
        {"completion": "a slow pan", "usage": {"content": ""}},
    ],
)
async def test_what_a_model_wrote_is_kept_in_any_shape(world, body) -> None:
    with respx.mock(base_url=world.server.url) as wire:
        wire.post(SUBMITS["chat"]).respond(200, json=body)
        chat = Chat(world.server.url)
        try:
            reply = await chat.ask(KEY, "m", [{"role": "user", "content": "x"}], temperature=0.1, max_tokens=5)
        finally:
            await chat.close()
    assert reply.text == "a slow pan"


def events(*data: object) -> str:
    return "".join(f"event: message\ndata: {json.dumps(one)}\n\n" for one in data) + "data: [DONE]\n\n"


async def test_what_a_model_streams_unasked_is_kept(world) -> None:
    parts = [{"choices": [{"delta": {"role": "assistant"}}]}]
    parts += [{"choices": [{"delta": {"content": text}, "finish_reason": None}]} for text in ("a slow ", "pan")]
    parts += [{"choices": [{"delta": {}, "finish_reason": "length"}]}, {"choices": [], "usage": {"prompt_tokens": 7}}]
    with respx.mock(base_url=world.server.url) as wire:
        wire.post(SUBMITS["chat"]).respond(200, text=events(*parts), content_type="text/event-stream")
        chat = Chat(world.server.url)
        try:
            reply = await chat.ask(KEY, "m", [{"role": "user", "content": "x"}], temperature=0.1, max_tokens=5)
        finally:
            await chat.close()
    assert (reply.text, reply.finish, reply.tokens_in) == ("a slow pan", "length", 7)


async def test_an_order_answered_by_an_event_is_accepted(providers, world) -> None:
    order = world.order(providers["yunwu"])
    prepared = await providers["yunwu"].prepare(order, KEY)
    with respx.mock(base_url=world.server.url) as wire:
        wire.post(SUBMITS["yunwu"]).respond(200, text=events({"id": "grok:77", "status": "pending"}))
        accepted = await providers["yunwu"].submit(order, prepared, KEY)
    assert accepted.remote_id == "grok:77"


FILM = "https://cdn.example/f/one.mp4"
ENDED = json.dumps({"id": "j-1", "status": "completed", "video_url": FILM})
BEGUN = json.dumps({"id": "j-1", "status": "processing"})


@pytest.mark.parametrize(
    "text",
    [
        f"{BEGUN}\n{ENDED}\n",
        f"{ENDED}\n<!-- edge 7, 3 ms -->",
        f"{ENDED}\x00\x00",
        f"jQuery_17({ENDED});",
        f"/**/cb.done({ENDED})",
        f")]}}',\n{ENDED}",
        f"for(;;);{ENDED}",
    ],
    ids=["lines", "comment", "zeros", "call", "guarded call", "prefix", "loop"],
)  # fmt: skip
async def test_a_job_has_ended_whatever_stands_around_the_answer(providers, world, text) -> None:
    with respx.mock(base_url=world.server.url) as wire:
        wire.get("/v1/video/query").respond(200, text=text)
        state = await providers["yunwu"].poll(
            RemoteJob(remote_id="j-1", model="grok-video-3", params=make_params()), KEY
        )
    assert (state.status, state.url) == (RemoteStatus.SUCCEEDED, FILM)


def _several(ours: dict[str, object], key: str) -> list[Any]:
    url = "https://cdn.example/f/another.mp4"
    other = {key: "j-2", "status": "completed", "state": "success", "video_url": url}
    broken = {key: "j-3", "status": "failed", "state": "fail", "error": "policy violation"}
    return [
        [other, ours],
        [broken, ours],
        {"items": [other, broken, ours]},
        {"total": 3, "list": {"records": [broken, ours, other]}},
        {"jobs": {"j-2": other, "j-1": ours, "j-3": broken}},
        {"rows": json.dumps([other, ours])},
    ]


@pytest.mark.parametrize("shape", range(6))
@pytest.mark.parametrize("name", ["yunwu", "kie"])
async def test_of_several_jobs_in_one_answer_only_the_own_one_counts(providers, world, name, shape) -> None:
    key = "id" if name == "yunwu" else "taskId"
    ended = {key: "j-1", "status": "completed", "state": "success", "video_url": FILM}
    running = {key: "j-1", "status": "processing", "state": "generating"}
    path, model = (
        ("/v1/video/query", "grok-video-3") if name == "yunwu" else ("/api/v1/jobs/recordInfo", "bytedance/seedance-2")
    )
    for ours, status, url in ((ended, RemoteStatus.SUCCEEDED, FILM), (running, RemoteStatus.RUNNING, None)):
        body = _several(ours, key)[shape]
        with respx.mock(base_url=world.server.url) as wire:
            wire.get(path).respond(200, json={"code": 200, "data": body} if name == "kie" else body)
            state = await providers[name].poll(RemoteJob(remote_id="j-1", model=model, params=make_params()), KEY)
        assert (state.status, state.url) == (status, url)


async def test_a_question_refused_by_a_code_under_a_good_status_is_not_owed(providers, world) -> None:
    error = await refused(providers, world, "chat", 200, {"code": -7781, "data": None, "msg": "nope"})
    assert error.delivery is D.REFUSED


# --- what may be bought again ---------------------------------------------------------------------------------------

#: Each blames what was sent, or says nothing that anybody knows: none is bought again.
KEPT = [
    "Clips on this plan must stay below eight seconds",
    "The reference does not match the requested canvas",
    "Prompt is 3900 characters, that is more than we read",
    "A ratio of 5:1 cannot be rendered",
    "One output was filtered",
    "No videos could be generated for this prompt; you will not be charged",
    "A real human face was detected in frame 1",
    "The portrait could not be verified, please try again later",
    "This was not an internal error but your wish",
    "timeout must be between 5 and 60",
    "parameter `timeout` is wrong",
    "Generation failed",
    "Something went wrong",
    "上传的素材不清晰，请更换后再试",
    "系统异常：检测到画面中的人物",
    "并非系统错误，请修改描述",
    "时长只能是 5 或 10",
    "提示词过于复杂",
    "internal error: the image is too dark",
    "The dog in the picture wears a hat we do not like",
    "a minor appears in the first frame; internal error code 12",
    "system error 9: two logos are visible in the reference",
    "Internal error; the subject resembles a politician",
    "server error: gore",
    "Service temporarily unavailable (nudity)",
    "capacity exceeded: more than two people",
    "Internal error: el sujeto no gusta",
    "internal error: le sujet est refusé",
    "Internal Error: 画像に人物がいます",
    "Internal error: на фото политик",
    "内部错误：含未成年人",
    "系统错误：画面中出现国旗",
    "timed out, the choreography asks for ten dancers",
    "rate limit for famous subjects",
    "Internal error: FaceDetectionError",
]
#: Each names an error of the provider's own: it is tried again.
AGAIN = [
    "Internal server error (request id: 20261129abc)",
    "The service is temporarily unavailable, please try again later",
    "Task timed out after 600 seconds on the render farm",
    "Deadline exceeded while waiting for a worker",
    "No GPU capacity available right now",
    "All our servers are busy at the moment",
    "upstream connection reset",
    "worker crashed, no result was produced",
    "服务器内部错误，请稍后重试",
    "上游服务超时",
    "系统繁忙，请稍后再试",
    "算力不足",
    "504 Gateway Timeout",
    "model is overloaded. Please try again later. (ref 77)",
    "Internal Error, Please try again later.",
    "Server exception, please try again later or contact customer service",
    "upstream worker crashed: CUDA out of memory (node gpu-17)",
    "unexpected internal error occurred in step 3 of 4",
    "RuntimeError: connection reset by peer while generating the video, trace id 9fa8-22",
    "model veo3.1 is overloaded right now",
    "系统异常，任务执行失败，请联系管理员（错误码：50012）",
    "当前人数过多，排队任务过多，请10分钟后再试",
    "The server had an error while processing your request. Sorry about that!",
    "We're experiencing high demand right now",
    "CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 79.15 GiB total capacity)",
    "internal error, your credits have been refunded",
    "render worker crashed with exit code 137, heartbeat lost",
    "Google Veo: service is temporarily unavailable",
    "系统繁忙，积分已退还",
    "GPU资源不足，任务已取消，请重新提交",
]
TABLES = [yunwu_answers.TABLE, responses.TABLE, lovart_answers.TABLE]


@pytest.mark.parametrize("text", KEPT)
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.provider)
def test_a_job_that_failed_for_what_was_sent_is_not_bought_again(table, text) -> None:
    failure = failure_of(table, error_body_in({"status": "failed", "fail_reason": text}, 200))
    assert not failure.retryable, failure
    assert failure.kind not in (K.OVERLOADED, K.TIMEOUT) or not failure.retryable
    assert failure.provider_message == text


@pytest.mark.parametrize("text", AGAIN)
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.provider)
def test_what_is_known_to_be_passing_is_tried_again(table, text) -> None:
    failure = failure_of(table, error_body_in({"status": "failed", "fail_reason": text}, 200))
    assert failure.retryable, failure


@pytest.mark.parametrize(
    "mark",
    [
        {"raiMediaFilteredCount": 2}, {"response": {"raiMediaFilteredReasons": ["x"]}}, {"moderated": True},
        {"candidates": [{"finishReason": "SAFETY"}]}, {"data": {"filtered_count": "1"}}, {"is_nsfw": True},
    ],
)  # fmt: skip
def test_a_mark_of_a_filter_says_content_without_a_word(mark) -> None:
    assert failure_of(yunwu_answers.TABLE, error_body_in({"status": "failed"} | mark, 200)).kind is K.MODERATION


# --- a key that is echoed -------------------------------------------------------------------------------------------


def _echoes() -> list[str]:
    import base64
    from urllib.parse import quote

    percent = "".join(f"%{byte:02X}" for byte in SECRET.encode())
    return [
        f"bad key {SECRET}", f"Bearer {SECRET} refused", SECRET.upper(), SECRET.swapcase(), quote(f"Bearer {SECRET}"), percent,
        base64.b64encode(f"user:{SECRET}".encode()).decode(), base64.b64encode(SECRET.encode()).decode(), SECRET.encode().hex(),
        f"the key ending in {SECRET[-9:]}", f"the key {SECRET[3:14]}… is unknown", "".join(f"\\u{ord(c):04x}" for c in SECRET),
        json.dumps({"message": json.dumps({"key": SECRET})}), percent.replace("%", "%25"),
        *(mark.join(SECRET) for mark in (" ", "-", "\u200b", "\u00ad", "\n")),
        SECRET.encode().hex(":"), " ".join(f"0x{byte:02x}" for byte in SECRET.encode()), "".join(f"\\x{ord(c):02x}" for c in SECRET),
        "".join(f"&#x{ord(c):x};" for c in SECRET), "".join(f"&amp;#{ord(c)};" for c in SECRET),
        "".join(f"={ord(c):02X}" for c in SECRET), base64.b32encode(SECRET.encode()).decode(),
        "".join(chr(ord(c) + 0xFEE0) for c in SECRET),
        "\n".join(textwrap.wrap(base64.b64encode(f"Authorization: Bearer {SECRET}".encode()).decode(), 16)),
        SECRET[::-1], codecs.encode(SECRET, "rot13"), base64.b64encode(SECRET[::-1].encode()).decode(),
        *(code(f"{'x' * n}{SECRET}!!".encode()).decode() for n in range(4) for code in (base64.b85encode, base64.a85encode)),
        *(base64.b64encode(base64.b64encode(f"{'x' * n}{SECRET}".encode())).decode() for n in range(3)),
        base64.b64encode(SECRET.encode()).hex(), base64.b64encode(SECRET.encode().hex().encode()).decode(),
        base64.b32encode(base64.b64encode(SECRET.encode())).decode(),
        str([*SECRET.encode()]), " ".join(map(str, SECRET.encode())), base64.b64encode(SECRET.encode("utf-16-le")).decode(),
        *(one + "".join(f"{before}{byte:o}" for byte in SECRET.encode()) for one, before in (("", "\\"), ("od: ", " "), ("0", " 0o"))),
        *(base64.b64encode(code(b"key: " + SECRET.encode())).decode() for code in (gzip.compress, zlib.compress)),
        functools.reduce(lambda coded, _: base64.b64encode(coded), range(3), f"Bearer {SECRET}".encode()).decode(),
        "".join(f"&#000{byte};" for byte in SECRET.encode()), quote("".join(f"&#{byte};" for byte in SECRET.encode())),
        quote(quote(percent)), base64.b64encode(percent.encode()).decode(), "".join(f"\\U{byte:08x}" for byte in SECRET.encode()),
        base64.b64encode(SECRET.encode("utf-32")).decode(), SECRET.encode().hex().encode().hex().encode().hex(),
        SECRET.encode("utf-16-le").hex(), "".join(f"%u{ord(c):04x}" for c in SECRET), "\u0301".join(SECRET),
    ]  # fmt: skip


@pytest.mark.parametrize(("number", "shape"), one_round(range(len(_echoes())), ["message", "error", "status", "html"]))
async def test_an_echoed_key_is_in_nothing_that_is_kept(providers, world, number, shape) -> None:
    echo = _echoes()[number]
    body: Any = {
        "message": {"message": echo, "code": echo},
        "error": {"error": {"message": echo, "code": echo, "type": echo}},
        "status": {"id": echo, "status": echo},
        "html": f"no such key: {echo}",
    }[shape]
    yunwu = providers["yunwu"]
    with respx.mock(base_url=world.server.url) as wire:
        text = body if isinstance(body, str) else json.dumps(body)
        wire.get("/v1/video/query").respond(
            401 if shape != "status" else 200, text=text, headers={"x-request-id": SECRET}
        )
        job = RemoteJob(remote_id="t1", model="grok-video-3", params=make_params())
        try:
            kept = (await yunwu.poll(job, KEY)).model_dump_json()
        except RemoteError as error:
            kept = json.dumps([error.params, error.evidence, error.request_id], default=str)
    told = kept.lower()
    for form in [SECRET, SECRET[-9:], SECRET[3:14], SECRET.encode().hex()]:
        assert form.lower() not in told
    assert not any(form.lower() in told for form in _echoes()[4:8])
    disguised = echo in _echoes()[13:]
    assert not disguised or json.dumps(echo)[1:-1].lower() not in told.replace("\\\\", "\\")
    assert not disguised or echo.lower() not in json.loads(f"[{told}]").__repr__().lower()


@pytest.mark.parametrize(
    "written", [[*SECRET.encode()], [*SECRET], [*f"Bearer {SECRET}".encode()]], ids=["bytes", "letters", "header"]
)
async def test_a_key_that_a_program_wrote_as_a_list_is_in_nothing_that_is_kept(providers, world, written) -> None:
    body = {"error": {"message": "no such key", "key": {"type": "Buffer", "data": written}}, "seen": written}
    error = await refused(providers, world, "yunwu", 401, body)
    assert json.dumps(written[5:15])[1:-1] not in error.evidence
    assert "no such key" in error.evidence


async def test_a_short_key_does_not_spoil_ids_that_hold_its_letters(providers, world) -> None:
    yunwu = providers["yunwu"]
    order = world.order(yunwu, picture=None)
    key = make_key("sk-a")
    prepared = await yunwu.prepare(order, key)
    with respx.mock(base_url=world.server.url) as wire:
        wire.post(SUBMITS["yunwu"]).respond(200, json={"id": "task-abc", "message": "sk-a took it"})
        submission = await yunwu.submit(order, prepared, key)
    assert submission.remote_id == "task-abc"
    assert "sk-a took" not in str(submission.evidence)


@pytest.mark.parametrize("code", ["²", "٣", "1e9", "--1", 10**40])
async def test_a_code_in_other_digits_is_no_reason_to_break(providers, world, code) -> None:
    kie = providers["kie"]
    data = {
        "taskId": "t1",
        "state": "fail",
        "failCode": code,
        "errorCode": code,
        "failMsg": "x \ud83d\x00",
        "progress": code,
    }
    with respx.mock(base_url=world.server.url) as wire:
        wire.get("/api/v1/jobs/recordInfo").respond(200, text=json.dumps({"code": 200, "data": data}))
        state = await kie.poll(
            RemoteJob(remote_id="t1", model="grok-imagine/image-to-video", params=make_params()), KEY
        )
    assert state.status is RemoteStatus.FAILED
    assert state.model_dump_json().encode("utf-8")


@pytest.mark.parametrize("status", [400, 403, 409, 429])
@pytest.mark.parametrize("name", ["kie", "lovart"])
async def test_a_job_in_an_envelope_that_says_well_is_kept_under_any_status(providers, world, name, status) -> None:
    id_, code = ("thread_id", 0) if name == "lovart" else ("taskId", 200)
    assert await accepted(providers, world, name, status, {"code": code, "data": {id_: "t-1"}}) == "t-1"


@pytest.mark.parametrize("name", ["yunwu", "kie", "lovart"])
async def test_of_several_jobs_in_one_answer_none_is_left_out(providers, world, name) -> None:
    id_ = {"lovart": "thread_id", "kie": "taskId", "yunwu": "task_id"}[name]
    error = await refused(providers, world, name, 200, {"code": 200, "data": [{id_: "t-1"}, {id_: "t-2"}]})
    assert (error.delivery, "t-1" in error.evidence, "t-2" in error.evidence) == (D.UNKNOWN, True, True)
    assert await accepted(providers, world, name, 200, {"code": 200, "data": [{id_: "t-1"}, {id_: "t-1"}]}) == "t-1"


@pytest.mark.parametrize("name", ["yunwu", "kie", "lovart"])
async def test_words_of_an_order_that_was_taken_under_too_many_leave_it_open(providers, world, name) -> None:
    error = await refused(providers, world, name, 429, {"message": "Accepted. We shall begin soon."})
    assert error.delivery is D.UNKNOWN


async def test_an_id_may_stand_one_step_below_its_name(providers, world) -> None:
    assert await accepted(providers, world, "kie", 200, {"code": 200, "data": {"taskId": {"id": "t-1"}}}) == "t-1"


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        ('{"message": "时长超出范围"}'.encode("gbk"), {}, "时长超出范围"),
        ('{"message": "尺寸超出範圍"}'.encode("big5"), {"Content-Type": "application/json; charset=big5"}, "範圍"),
        (b"<Error><Code>A1</Code><Message>Seed out of bounds</Message></Error>", {}, "Seed out of bounds"),
        ('{"message": "时长超出范围"}'.encode()[:-5], {}, "时长超出"),
    ],
    ids=["gbk", "labelled", "xml", "cut in a letter"],
)
@pytest.mark.parametrize("name", ["yunwu", "kie", "lovart"])
async def test_a_refusal_is_quoted_whatever_it_is_written_in(providers, world, name, body, headers, said) -> None:
    with respx.mock(base_url=world.server.url, assert_all_called=False) as wire:
        wire.post(SUBMITS[name]).respond(400, content=body, headers=headers)
        wire.post("/v1/openapi/project/save").respond(json={"code": 0, "data": {"project_id": "p1"}})
        with pytest.raises(RemoteError) as caught:
            await _submit(providers, world, name)
    assert (caught.value.delivery, said in caught.value.params["said"]) == (D.REFUSED, True), caught.value.params
