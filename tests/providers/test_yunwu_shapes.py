"""Yunwu's answers in all the shapes that were seen, and its requests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
import respx
from provider_world import World, job_of, make_key, make_params, send

from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.providers.base import Found, RemoteJob, RemoteState, RemoteStatus, Submission
from vidgen_core.providers.yunwu.adapter import Yunwu

KEY = make_key()
URL = "https://cdn.example.com/v/1.mp4"


@pytest.fixture
async def yunwu(world: World) -> AsyncIterator[Yunwu]:
    provider = Yunwu(world.settings, world.locations)
    yield provider
    await provider.close()


async def accepted(yunwu: Yunwu, world: World, status: int, body: Any) -> Submission:
    order = world.order(yunwu, picture=None)
    prepared = await yunwu.prepare(order, KEY)
    with respx.mock(base_url=world.server.url) as wire:
        text = body if isinstance(body, str) else json.dumps(body)
        wire.post("/v1/video/create").respond(status, text=text)
        return await yunwu.submit(order, prepared, KEY)


async def validated(yunwu: Yunwu, world: World, body: Any) -> RemoteState:
    job = RemoteJob(remote_id="grok:1/2", model="grok-video-3", params=make_params())
    with respx.mock(base_url=world.server.url) as wire:
        text = body if isinstance(body, str) else json.dumps(body)
        route = wire.get("/v1/video/query", params={"id": "grok:1/2"}).respond(200, text=text)
        state = await yunwu.poll(job, KEY)
        assert b"grok%3A1%2F2" in route.calls.last.request.url.raw_path
        return state


@pytest.mark.parametrize(
    ("body", "remote_id"),
    [
        ({"id": "grok:2f0c", "status": "processing", "status_update_time": 1764522528}, "grok:2f0c"),
        ({"id": "veo3.1-components:1762241017-aB3dE", "status": "pending", "enhanced_prompt": "x"},
         "veo3.1-components:1762241017-aB3dE"),
        ({"task_id": "video_1", "status": "queued"}, "video_1"),
        ({"taskId": "t-1"}, "t-1"),
        ({"code": "success", "message": "", "data": {"id": "d-1"}}, "d-1"),
        ({"code": "success", "data": {"task_id": "d-2", "status": "SUBMITTED"}}, "d-2"),
        ({"id": "grok:3", "status": "error", "error": "text"}, "grok:3"),
        ({"id": 17}, "17"),
    ],
)  # fmt: skip
async def test_an_id_is_found_wherever_it_stands_and_kept_as_it_is(yunwu, world, body, remote_id) -> None:
    assert (await accepted(yunwu, world, 200, body)).remote_id == remote_id


@pytest.mark.parametrize(
    ("body", "code", "delivery"),
    [
        ({"id": "", "status": "error", "error": "try again later"}, "answer_without_id", Delivery.UNKNOWN),
        ({"success": False, "message": "nothing"}, "answer_without_id", Delivery.UNKNOWN),
        ({"success": False, "message": "nothing", "code": "E-17"}, "submit_refused", Delivery.REFUSED),
        ({"status": "error", "error": {"message": "内容违规", "code": ""}}, "content_refused", Delivery.REFUSED),
        ({"status": "pending"}, "answer_without_id", Delivery.UNKNOWN),
        ({}, "answer_without_id", Delivery.UNKNOWN),
        ([], "answer_unreadable", Delivery.UNKNOWN),
        ("", "answer_unreadable", Delivery.UNKNOWN),
        ("<html>ok</html>", "answer_unreadable", Delivery.UNKNOWN),
        ('{"id": "grok:1', "answer_unreadable", Delivery.UNKNOWN),
    ],
)
async def test_an_answer_without_an_id_is_a_refusal_only_when_it_says_so(yunwu, world, body, code, delivery) -> None:
    with pytest.raises(RemoteError) as caught:
        await accepted(yunwu, world, 200, body)
    assert (caught.value.code, caught.value.delivery) == (code, delivery)


async def test_the_request_id_is_taken_from_header_or_text(yunwu, world) -> None:
    with pytest.raises(RemoteError) as caught:
        await accepted(yunwu, world, 500, {"error": {"message": "bad (request id: 2026112209)"}})
    assert caught.value.request_id == "2026112209"


WORDS = {
    RemoteStatus.QUEUED: ["pending", "queued", "submitted", "NOT_START", "preparing"],
    RemoteStatus.RUNNING: ["running", "processing", "IN_PROGRESS", "generating", "image_downloading",
                           "video_generating", "video_generation_completed", "video_upsampling",
                           "video_upsampling_completed"],
    RemoteStatus.FAILED: ["failed", "FAILURE", "fail", "error", "video_generation_failed",
                          "video_upsampling_failed", "expired"],
    RemoteStatus.CANCELLED: ["cancelled", "canceled"],
    RemoteStatus.UNKNOWN: ["contemplating", "", None, 7],
}  # fmt: skip


@pytest.mark.parametrize(("status", "word"), [(status, word) for status, words in WORDS.items() for word in words])
async def test_each_status_word_means_what_it_means(yunwu, world, status, word) -> None:
    assert (await validated(yunwu, world, {"status": word})).status is status


@pytest.mark.parametrize(
    "word",
    ["completed", "complete", "SUCCESS", "succeeded", "succeed", "finished", "done", "video_upsampling_completed"],
)
async def test_success_needs_its_word_and_a_link(yunwu, world, word) -> None:
    state = await validated(yunwu, world, {"status": word, "video_url": URL})
    assert (state.status, state.url) == (RemoteStatus.SUCCEEDED, URL)


@pytest.mark.parametrize("place", ["data", "detail"])
async def test_a_status_may_stand_deeper(yunwu, world, place) -> None:
    assert (await validated(yunwu, world, {place: {"status": "running"}})).status is RemoteStatus.RUNNING


@pytest.mark.parametrize("name", ["state", "task_status"])
async def test_a_status_may_have_another_name(yunwu, world, name) -> None:
    assert (await validated(yunwu, world, {name: "failed"})).status is RemoteStatus.FAILED


@pytest.mark.parametrize(
    "where",
    [
        {"video_url": URL}, {"url": URL}, {"videoUrl": URL}, {"detail": {"video_url": URL}}, {"detail": {"url": URL}},
        {"detail": {"generations": [{"url": URL}]}}, {"data": {"video_url": URL}}, {"data": {"url": URL}},
        {"data": {"output": URL}}, {"output": {"url": URL}}, {"data": [{"url": URL}]}, {"output": [URL]},
        {"metadata": {"url": URL}}, {"data": {"result_url": URL}}, {"fail_reason": URL},
    ],
)  # fmt: skip
async def test_a_link_is_found_wherever_it_stands(yunwu, world, where) -> None:
    assert (await validated(yunwu, world, {"status": "completed", "video_url": None} | where)).url == URL


@pytest.mark.parametrize(
    ("progress", "percent"),
    [(0, 0), (75, 75), ("75%", 75), ("100%", 100), (250, 100), (33.6, 33), (None, None), ("soon", None), (-5, None)],
)
async def test_progress_is_read_in_any_form(yunwu, world, progress, percent) -> None:
    assert (await validated(yunwu, world, {"status": "running", "progress": progress})).progress == percent


async def test_progress_may_stand_in_the_detail(yunwu, world) -> None:
    assert (await validated(yunwu, world, {"status": "running", "detail": {"progress_pct": 40}})).progress == 40


@pytest.mark.parametrize(
    "where",
    [
        {"error": "内容违规"}, {"error": {"message": "内容违规"}}, {"fail_reason": "内容违规"}, {"failReason": "内容违规"},
        {"detail": {"error": "内容违规"}}, {"message": "内容违规"}, {"reason": "内容违规"}, {"data": {"fail_reason": "内容违规"}},
        {"error": "InputImageSensitiveContentDetected.PrivacyInformation"},
    ],
)  # fmt: skip
async def test_the_reason_of_a_failure_is_found_wherever_it_stands(yunwu, world, where) -> None:
    state = await validated(yunwu, world, {"status": "failed"} | where)
    assert state.failure is not None
    assert state.failure.kind is ErrorKind.MODERATION
    assert state.failure.charged is ChargeStatus.UNKNOWN


async def test_a_generator_that_refused_its_own_result_is_a_refusal_of_content(yunwu, world) -> None:
    state = await validated(yunwu, world, {"status": "completed", "progress": 100, "moderated": True})
    assert state.status is RemoteStatus.FAILED
    assert state.failure is not None
    assert state.failure.kind is ErrorKind.MODERATION


@pytest.mark.parametrize("body", ["<html>", "", "[]", "null", "17"])
async def test_an_unreadable_poll_is_an_error_and_not_a_state(yunwu, world, body) -> None:
    with pytest.raises(RemoteError):
        await validated(yunwu, world, body)


# --- requests -------------------------------------------------------------------------------------------------------


async def sent_by(yunwu: Yunwu, world: World, **asked_for: Any) -> dict[str, Any]:
    order = world.order(yunwu, **asked_for)
    with respx.mock(base_url=world.server.url) as wire:
        route = wire.post("/v1/video/create").respond(200, json={"id": "x"})
        await send(yunwu, order, KEY)
        request = route.calls.last.request
    assert request.headers["authorization"] == f"Bearer {KEY.secret.get_secret_value()}"
    assert int(request.headers["content-length"]) == len(request.content)
    body: dict[str, Any] = json.loads(request.content)
    return body


async def test_a_request_holds_what_the_document_names_and_nothing_else(yunwu, world) -> None:
    body = await sent_by(yunwu, world, size="1080P")
    image = body["images"].pop()
    assert body == {
        "model": "grok-video-3",
        "prompt": "a slow zoom",
        "aspect_ratio": "9:16",
        "size": "1080P",
        "images": [],
    }
    assert image.startswith("data:image/jpeg;base64,")


async def test_a_duration_is_sent_as_a_whole_number_and_only_when_asked_for(yunwu, world) -> None:
    assert (await sent_by(yunwu, world, duration=10.0))["duration"] == 10


async def test_veo_is_asked_in_its_own_words(yunwu, world) -> None:
    world.options = {"yunwu": {"enhance_prompt": True}}
    body = await sent_by(yunwu, world, model="veo3.1", aspect_ratio="16:9", size="1080P")
    assert (body["enhance_prompt"], body["enable_upsample"]) == (True, True)
    assert "size" not in body


@pytest.mark.parametrize("ordered", [True, False])
async def test_whether_a_prompt_may_be_rewritten_is_as_it_was_when_it_was_ordered(yunwu, world, ordered) -> None:
    world.options = {"yunwu": {"enhance_prompt": not ordered}}
    body = await sent_by(yunwu, world, model="veo3.1", aspect_ratio="16:9", options={"enhance_prompt": ordered})
    assert body["enhance_prompt"] is ordered


async def test_a_link_is_sent_instead_of_the_picture_where_that_is_set(yunwu, world) -> None:
    world.options = {"yunwu": {"images": "url"}}
    assert (await sent_by(yunwu, world, image_url="https://pics.example.com/1.jpg"))["images"] == [
        "https://pics.example.com/1.jpg"
    ]


async def test_a_shot_that_only_has_a_link_sends_the_link(yunwu, world) -> None:
    body = await sent_by(yunwu, world, picture=None, image_url="https://pics.example.com/1.jpg")
    assert body["images"] == ["https://pics.example.com/1.jpg"]


async def test_the_picture_is_fitted_under_the_limit(yunwu, world) -> None:
    world.options = {"yunwu": {"image_max_bytes": 50_000}}
    await send(yunwu, world.order(yunwu), KEY)
    seen = world.server.stats()["images"][-1]
    assert seen["format"] == "JPEG"
    assert seen["bytes"] <= 50_000


# --- before the click ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked_for", "code", "fatal"),
    [
        ({"prompt": " "}, "prompt_missing", True),
        ({"duration": 6.5}, "duration_not_whole", True),
        ({"aspect_ratio": "4:3"}, "aspect_ratio_not_taken", False),
        ({"seed": 4}, "seed_not_taken", False),
        ({"watermark": "me"}, "watermark_not_taken", False),
    ],
)
def test_what_a_model_does_not_take_is_said_before_the_click(yunwu, asked_for, code, fatal) -> None:
    problems = {problem.code: problem.fatal for problem in yunwu.check("grok-video-3", make_params(**asked_for))}
    assert problems[code] is fatal


def test_links_only_asks_for_a_link(yunwu, world) -> None:
    world.options = {"yunwu": {"images": "url"}}
    assert [p.code for p in yunwu.check("grok-video-3", make_params(image="a.jpg")) if p.fatal] == ["image_link_needed"]


def test_a_veo_model_that_may_ignore_the_picture_says_so(yunwu) -> None:
    params = make_params(image="a.jpg", aspect_ratio="16:9")
    assert "image_perhaps_ignored" in {p.code for p in yunwu.check("veo3-pro", params)}
    assert "image_perhaps_ignored" not in {p.code for p in yunwu.check("veo3-pro-frames", params)}


def test_veo_2_takes_no_upright_format(yunwu) -> None:
    codes = {p.code: p.fatal for p in yunwu.check("veo2", make_params(aspect_ratio="9:16"))}
    assert codes["aspect_ratio_not_taken"]


# --- account --------------------------------------------------------------------------------------------------------


async def test_the_balance_is_told_in_yuan_by_the_relays_own_rate(yunwu, world) -> None:
    connection = await yunwu.test(KEY)
    assert connection.balance is not None
    assert (connection.balance.currency, connection.balance.amount) == ("CNY", Decimal("7300.0000"))


async def test_a_key_without_a_limit_of_its_own_asks_the_subscription(yunwu, world) -> None:
    with respx.mock(base_url=world.server.url) as wire:
        wire.get("/v1/models").respond(json={"data": []})
        wire.get("/api/pricing_new").respond(404)
        wire.get("/api/status").respond(json={"data": {"quota_per_unit": 500000, "quota_display_type": "CNY"}})
        wire.get("/api/usage/token/").respond(json={"data": {"unlimited_quota": True, "total_available": 0}})
        wire.get("/v1/dashboard/billing/subscription").respond(json={"hard_limit_usd": 100})
        wire.get("/v1/dashboard/billing/usage").respond(json={"total_usage": 2500})
        connection = await yunwu.test(KEY)
    assert connection.balance is not None
    assert (connection.balance.amount, connection.balance.currency) == (Decimal("75.0000"), "CNY")


RELAY: dict[str, Any] = {"quota_per_unit": 500000, "usd_exchange_rate": 7}
LEFT: dict[str, Any] = {"data": {"total_available": 5_000_000}}
NO = httpx.Response(404)


@pytest.mark.parametrize(
    ("status", "on_key", "granted", "used", "left"),
    [
        ({"data": RELAY}, LEFT, NO, NO, "CNY 70.0000"),
        ({"data": RELAY}, {"data": {"total_available": -5_000_000}}, NO, NO, "CNY -70.0000"),
        # In whatever the relay displays.
        ({"data": RELAY | {"quota_display_type": "USD"}}, NO, {"hard_limit_usd": 100}, {"total_usage": 2500}, "CNY 525.0000"),
        ({"data": RELAY | {"quota_display_type": "TOKENS"}}, NO, {"hard_limit_usd": 50_000_000}, {"total_usage": 0}, "CNY 700.0000"),
        ({"data": RELAY | {"quota_display_type": "TOKENS"}}, NO, {"hard_limit_usd": 200_000_000}, {"total_usage": 0}, "CNY 2800.0000"),
        ({"data": RELAY | {"display_in_currency": False}}, NO, {"hard_limit_usd": 50_000_000}, {"total_usage": 0}, "CNY 700.0000"),
        ({"data": {"quota_display_type": "TOKENS"}}, NO, {"hard_limit_usd": 50_000_000}, {"total_usage": 0}, None),
        (NO, NO, {"hard_limit_usd": 100}, {"total_usage": 0}, None),
        # Nothing is read out of a refusal.
        (httpx.Response(500, json={"data": RELAY}), LEFT, NO, NO, None),
        ({"success": False, "data": RELAY}, LEFT, NO, NO, None),
        ({"data": RELAY}, httpx.Response(500, json={"data": {"total_available": 0}}), NO, NO, None),
        ({"data": RELAY}, {"success": False, "data": {"total_available": 0}}, NO, NO, None),
        ({"data": RELAY}, NO, {"error": {"message": "x"}, "hard_limit_usd": 0}, {"total_usage": 0}, None),
        ({"data": RELAY}, NO, {"hard_limit_usd": 100}, httpx.Response(500, json={"total_usage": 0}), None),
        # Numbers that none can be.
        ({"data": RELAY}, {"data": {"total_available": 1e300}}, NO, NO, None),
        ({"data": RELAY}, {"data": {"total_available": "5,000,000"}}, NO, NO, None),
        ({"data": RELAY}, NO, {"hard_limit_usd": -1e300}, {"total_usage": 0}, None),
        ({"data": RELAY}, NO, {"hard_limit_usd": 100}, {"total_usage": 1e40}, None),
        ({"data": RELAY | {"quota_per_unit": 1e-300}}, LEFT, NO, NO, None),
        ({"data": RELAY | {"quota_per_unit": -500000}}, LEFT, NO, NO, None),
        ({"data": RELAY | {"usd_exchange_rate": 1e300}}, LEFT, NO, NO, "USD 10.0000"),
        ({"data": RELAY | {"usd_exchange_rate": 1e-9}}, LEFT, NO, NO, "USD 10.0000"),
    ],
)  # fmt: skip
async def test_a_balance_is_what_an_answer_says_and_nothing_else(
    yunwu, world, status, on_key, granted, used, left
) -> None:
    paths = ("/api/status", "/api/usage/token/", "/v1/dashboard/billing/subscription", "/v1/dashboard/billing/usage")
    with respx.mock(base_url=world.server.url, assert_all_called=False) as wire:
        for path, said in zip(paths, (status, on_key, granted, used), strict=True):
            wire.get(path).mock(
                return_value=said if isinstance(said, httpx.Response) else httpx.Response(200, json=said)
            )
        found = await yunwu.balance(KEY)
    assert (found and f"{found.currency} {found.amount}") == left


@pytest.mark.parametrize("more", [{"quota": 1e300}, {"quota": -1e300}, {"quota": "NaN"}])
async def test_one_line_of_the_log_that_makes_no_sense_settles_the_others(yunwu, world, more) -> None:
    rows = [{"task_id": "a", "quota": 500_000, "type": 2}, {"task_id": "b", "type": 2, **more}]
    with respx.mock(base_url=world.server.url) as wire:
        wire.get("/api/log/token").respond(json={"data": rows})
        wire.get("/api/status").respond(json={"data": RELAY})
        [job] = await yunwu.charges(datetime(2026, 1, 1, tzinfo=UTC), KEY) or ()
    assert (job.remote_id, job.kept.amount) == ("a", Decimal("7.0000"))


async def test_a_log_or_a_price_list_that_is_refused_says_nothing(yunwu, world) -> None:
    rows = [{"task_id": "a", "quota": 500_000, "type": 2, "model_name": "veo3", "quota_type": 1, "model_price": 0.1}]
    with respx.mock(base_url=world.server.url) as wire:
        wire.get("/api/status").respond(json={"data": RELAY})
        wire.get(path__regex="/api/(log|pricing).*").respond(json={"success": False, "message": "closed", "data": rows})
        assert await yunwu.charges(datetime(2026, 1, 1, tzinfo=UTC), KEY) is None
        with pytest.raises(RemoteError):
            await yunwu.price_list()


@pytest.mark.parametrize("answer", [httpx.Response(404), httpx.Response(200, text="<html>"), httpx.ReadTimeout("x")])
async def test_a_balance_nobody_tells_is_unknown_and_nothing_worse(yunwu, world, answer) -> None:
    with respx.mock(base_url=world.server.url) as wire:
        wire.get("/v1/models").respond(json={"data": []})
        wire.get(path__regex="/(api|v1/dashboard)/.*").mock(side_effect=[answer] * 5)
        connection = await yunwu.test(KEY)
    assert connection.ok
    assert connection.balance is None


async def test_models_come_from_the_provider_once_it_was_asked(yunwu) -> None:
    assert "veo2-pro" in yunwu.models()
    await yunwu.test(KEY)
    assert {"grok-video-3", "veo3.1-fast", "veo_3_1-4K", "kling-v1-6", "viduq2-pro"} <= set(yunwu.models())
    assert "veo2-pro" not in yunwu.models()
    assert "happyhorse-1.0" not in yunwu.models()
    assert "gpt-4o-mini" not in yunwu.models()


async def test_an_unreachable_provider_fails_the_test_calmly(yunwu, world) -> None:
    with respx.mock(base_url=world.server.url) as wire:
        wire.get("/v1/models").mock(side_effect=httpx.ConnectError("no"))
        connection = await yunwu.test(KEY)
    assert not connection.ok
    assert connection.failure is not None
    assert connection.failure.code == "connect_failed"


# --- the log --------------------------------------------------------------------------------------------------------


async def test_a_job_whose_answer_was_lost_is_found_in_the_log(yunwu, world) -> None:
    order = world.order(yunwu, "[[reset-after-accept]]")
    with pytest.raises(RemoteError):
        await send(yunwu, order, KEY)
    found = await yunwu.find(order, datetime.fromtimestamp(world.clock.now, UTC), KEY)
    assert found is not None
    assert [type(one) for one in found] == [Found]
    state = await yunwu.poll(job_of(order, Submission(remote_id=found[0].remote_id), yunwu), KEY)
    assert state.status is RemoteStatus.QUEUED


async def test_older_jobs_and_other_models_are_no_candidates(yunwu, world) -> None:
    await send(yunwu, world.order(yunwu, "early"), KEY)
    world.pass_time(60)
    await send(yunwu, world.order(yunwu, "other", model="grok-video-3-10s"), KEY)
    assert await yunwu.find(world.order(yunwu), datetime.fromtimestamp(world.clock.now, UTC), KEY) == ()


@pytest.mark.parametrize(
    "rows",
    [
        [{"model_name": "grok-video-3", "created_at": 4102444800, "quota": 200}],
        [{"model_name": "grok-video-3", "created_at": 4102444800, "quota": 200, "other": "{"}],
        "nothing",
    ],
)
async def test_a_log_that_names_no_jobs_is_no_log(yunwu, world, rows) -> None:
    with respx.mock(base_url=world.server.url) as wire:
        wire.get("/api/log/token").respond(json={"success": True, "data": rows})
        assert await yunwu.find(world.order(yunwu), datetime.now(UTC), KEY) is None


async def test_a_log_that_cannot_be_asked_is_no_log(yunwu, world) -> None:
    world.server.set_faults({"log-unknown": 1})
    assert await yunwu.find(world.order(yunwu), datetime.now(UTC), KEY) is None


async def test_a_full_log_settles_the_jobs_that_it_holds_whole(yunwu, world) -> None:
    def line(number: int, job: str, quota: int = 27_397, kind: int = 2) -> dict[str, object]:
        return {"created_at": 1_000_000 + number, "quota": quota, "type": kind, "other": f'{{"task_id": "{job}"}}'}

    # The newest first; below the last line the log is cut: of that second, and of the refunded job, more may be missing.
    rows = [
        line(1100, "whole"),
        line(1100, "whole", kind=6),
        *(line(n, f"job {n}") for n in range(1099, 103, -1)),
        line(103, "refund alone", kind=6),
        line(102, "at the edge"),
    ]
    assert len(rows) == 1000
    with respx.mock(base_url=world.server.url) as wire:
        status = {"quota_per_unit": 500_000, "usd_exchange_rate": 7.3}
        wire.get("/api/status").respond(json={"success": True, "data": status})
        asked = wire.get("/api/log/token").respond(json={"success": True, "data": rows})
        found = {one.remote_id: one for one in await yunwu.charges(datetime(1970, 1, 1, tzinfo=UTC), KEY)}
        assert found.keys() == {"whole", *(f"job {n}" for n in range(104, 1100))}
        assert (found["whole"].kept.amount, found["job 500"].kept.amount) == (0, Decimal("0.4"))

        asked.respond(json={"success": True, "data": rows[1:]})
        short = {one.remote_id for one in await yunwu.charges(datetime(1970, 1, 1, tzinfo=UTC), KEY)}
    assert {"refund alone", "at the edge"} <= short
