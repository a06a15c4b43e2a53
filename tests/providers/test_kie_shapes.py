"""KIE's two APIs: requests made from the table, records in all shapes, uploads, larger versions, fresh links."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
import respx
from provider_world import World, finish, job_of, make_key, make_params, send

from vidgen_core.domain.errors import Delivery, ErrorKind, InputError, RemoteError
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import GenerationMode, ShotReference
from vidgen_core.domain.tasks import FinishVerb, ParentTake
from vidgen_core.fake_provider.kie.validation import check_task, check_veo, models
from vidgen_core.providers.base import Order, RemoteJob, RemoteState, RemoteStatus, Submission
from vidgen_core.providers.kie.adapter import Kie
from vidgen_core.providers.kie.models import built_in, model_of
from vidgen_core.providers.kie.veo import MODELS as VEO

KEY = make_key()
URL = "https://cdn.example.com/v/1.mp4"
JOBS = "grok-imagine/image-to-video"
PICTURE = ShotReference(image="c.png")
#: Models that both sides know, with each way of asking for something of theirs.
ASKED = sorted(
    (name, mode.value)
    for name, row in built_in().items()
    if name in models()
    for mode in model_of(name).capabilities().modes
)


@pytest.fixture
async def kie(world: World) -> AsyncIterator[Kie]:
    provider = Kie(world.settings, world.locations)
    yield provider
    await provider.close()


# --- requests ---------------------------------------------------------------------------------------------------------


def usual(model: str, kie: Kie) -> dict[str, Any]:
    """Options that the model says it takes."""
    can = kie.capabilities(model)
    return {
        "model": model,
        "aspect_ratio": (can.aspect_ratios or ("16:9",))[0],
        "size": (can.sizes or ("720P",))[-1],
        "duration": (can.lengths or (5.0,))[0],
        "seed": 12345 if can.takes_seed else None,
    }


def material(mode: GenerationMode, world: World) -> dict[str, Any]:
    """The pictures of a mode."""
    return {
        GenerationMode.TEXT: {"picture": None},
        GenerationMode.FIRST_FRAME: {},
        GenerationMode.FIRST_LAST_FRAME: {"last": world.picture},
        GenerationMode.REFERENCES: {"picture": None, "reference_pictures": (world.picture,), "mode": mode},
    }[mode]


@pytest.mark.parametrize(("model", "mode"), ASKED)
async def test_a_request_made_from_the_table_fits_the_documented_schema(kie, world, model, mode) -> None:
    asked = GenerationMode(mode)
    order = world.order(kie, "the camera moves slowly to the left", **usual(model, kie), **material(asked, world))
    assert order.params.mode is asked
    assert [problem for problem in kie.check(model, order.params) if problem.fatal] == []
    payload = (await kie.prepare(order, KEY)).payload
    refusal = check_task(payload)
    assert refusal is None, refusal
    fields = models()[model]["input"]
    assert set(payload["input"]) <= set(fields)
    # Nothing that was asked for is dropped or changed without a word.
    can = kie.capabilities(model)
    assert ("seed" in payload["input"]) == can.takes_seed
    assert ("duration" in payload["input"]) == ("duration" in fields)
    pictures = {GenerationMode.TEXT: 0, GenerationMode.FIRST_LAST_FRAME: 2}.get(asked, 1)
    assert json.dumps(payload).count("kie-uploads/") == pictures
    if can.sound == "optional":
        for asked_for in (True, False):
            heard = order.model_copy(update={"params": order.params.model_copy(update={"sound": asked_for})})
            sent = (await kie.prepare(heard, KEY)).payload["input"]
            assert [name for name, value in sent.items() if value is asked_for and fields[name]["type"] == "boolean"]
    if can.negative_prompt:
        less = order.model_copy(update={"params": order.params.model_copy(update={"negative_prompt": "rain"})})
        assert (await kie.prepare(less, KEY)).payload["input"]["negative_prompt"] == "rain"


@pytest.mark.parametrize("model", VEO)
async def test_a_veo_request_fits_the_documented_schema(kie, world, model) -> None:
    order = world.order(kie, **usual(model, kie), watermark="me", callback_url="https://me.example.com/hook")
    payload = (await kie.prepare(order, KEY)).payload
    assert check_veo(payload) is None
    links = payload.pop("imageUrls")
    assert len(links) == 1
    assert payload == {
        "prompt": "a slow zoom", "model": model, "generationType": "FIRST_AND_LAST_FRAMES_2_VIDEO",
        "aspect_ratio": "16:9", "resolution": "4k", "duration": 4, "seeds": 12345, "watermark": "me",
        "callBackUrl": "https://me.example.com/hook", "enableTranslation": True,
    }  # fmt: skip


async def test_translation_and_fallback_follow_their_switches(kie, world) -> None:
    world.options = {"kie": {"enable_translation": False, "enable_fallback": True}}
    payload = (await kie.prepare(world.order(kie), KEY)).payload
    assert (payload["enableTranslation"], payload["enableFallback"]) == (False, True)


async def test_options_fixed_with_the_task_win_over_later_settings(kie, world) -> None:
    order = world.order(kie, options={"enable_translation": False, "enable_fallback": False})
    payload = (await kie.prepare(order, KEY)).payload
    assert payload["enableTranslation"] is False
    assert "enableFallback" not in payload


async def test_takes_with_a_fixed_seed_differ(kie, world) -> None:
    seeds = [(await kie.prepare(world.order(kie, seed=20000, take=take), KEY)).payload["seeds"] for take in (1, 2, 3)]
    assert seeds == [20000, 20001, 20002]


async def test_without_a_picture_the_prompt_alone_is_sent(kie, world) -> None:
    payload = (await kie.prepare(world.order(kie, picture=None), KEY)).payload
    assert payload["generationType"] == "TEXT_2_VIDEO"
    assert "imageUrls" not in payload


async def test_of_an_unknown_model_only_the_prompt_has_a_field(kie, world) -> None:
    world.options = {"kie": {"live_catalogue": False}}
    order = world.order(kie, model="tomorrow/image-to-video", picture=None, duration=5.0)
    payload = (await kie.prepare(order, KEY)).payload
    assert payload == {"model": "tomorrow/image-to-video", "input": {"prompt": "a slow zoom"}}
    with_picture = world.order(kie, model="tomorrow/image-to-video")
    assert "image_not_taken" in {one.code for one in kie.check("tomorrow/image-to-video", with_picture.params)}
    with pytest.raises(InputError, match="model_form_missing"):
        await kie.prepare(with_picture, KEY)


@pytest.mark.parametrize(
    ("model", "asked_for", "code"),
    [
        ("veo3_fast", {"aspect_ratio": "1:1"}, "aspect_ratio_not_taken"),
        ("veo3_fast", {"aspect_ratio": "16:9", "duration": 5.0}, "duration_not_taken"),
        ("veo3_fast", {"seed": 7}, "seed_out_of_range"),
        ("veo3_fast", {"prompt": ""}, "prompt_missing"),
        ("wan/2-5-image-to-video", {"prompt": "x" * 801}, "prompt_over_limit"),
        ("pixverse-v6/image-to-video", {"prompt": "x"}, "prompt_under_limit"),
        ("bytedance/seedance-1.5-pro", {}, "duration_needed"),
        ("kling-2.6/image-to-video", {"duration": 7.0}, "duration_not_taken"),
        ("hailuo/2-3-image-to-video-pro", {"size": "720P"}, "size_not_taken"),
        (JOBS, {}, "image_needed"),
        ("bytedance/seedance-2", {"duration": 45.0}, "duration_not_taken"),
        ("kling/v3-turbo-text-to-video", {"duration": 16.0}, "duration_not_taken"),
        ("wan/3-0-video", {"duration": 31.0}, "duration_not_taken"),
        ("wan/3-0-video", {"size": "4K"}, "size_not_taken"),
        ("hailuo/2-3-image-to-video-pro", {"image": "a.png", "last_frame": "b.png"}, "last_frame_not_taken"),
        ("hailuo/2-3-image-to-video-pro", {"image": "a.png", "sound": True}, "sound_not_taken"),
        ("veo-3-1", {"references": (PICTURE,) * 4}, "references_too_many"),
        ("veo3", {"references": (PICTURE,)}, "references_not_taken"),
        ("wan/3-0-video", {"image": "a.png", "references": (PICTURE,)}, "references_with_frame"),
        ("pixverse-v6/reference-to-video", {"references": (PICTURE,)}, "model_field_unknown"),
    ],
)
def test_what_a_model_refuses_is_said_before_the_click(kie, model, asked_for, code) -> None:
    assert code in {problem.code for problem in kie.check(model, make_params(**asked_for)) if problem.fatal}


def test_every_model_is_described(kie) -> None:
    for model in kie.models():
        can = kie.capabilities(model)
        assert can.image_transport == "upload"
        assert can.modes | can.unsure_modes


# --- uploads ---------------------------------------------------------------------------------------------------------


async def test_the_takes_of_a_shot_share_one_upload(kie, world) -> None:
    await asyncio.gather(*(send(kie, world.order(kie, take=take), KEY) for take in (1, 2, 3)))
    stats = world.server.stats()
    assert (stats["uploads_total"], stats["submits_total"]) == (1, 3)


async def test_an_upload_is_remembered_beyond_the_process(world) -> None:
    class Shelf:
        links: dict[str, tuple[str, datetime]] = {}  # noqa: RUF012 - shared on purpose, as a table would be

        def get(self, sha: str) -> str | None:
            url, expires_at = self.links.get(sha, ("", datetime.now(UTC)))
            return url if expires_at > datetime.now(UTC) else None

        def put(self, sha: str, url: str, expires_at: datetime) -> None:
            self.links[sha] = (url, expires_at)

    for _ in range(2):
        kie = Kie(world.settings, world.locations, Shelf())
        await send(kie, world.order(kie), KEY)
        await kie.close()
    assert world.server.stats()["uploads_total"] == 1
    (_, expires_at), *_ = Shelf.links.values()
    assert timedelta(hours=19) < expires_at - datetime.now(UTC) <= timedelta(hours=20)


async def test_a_picture_that_could_not_be_fetched_is_uploaded_again(kie, world) -> None:
    with pytest.raises(RemoteError) as caught:
        await send(kie, world.order(kie, "[[image-unfetchable]]"), KEY)
    assert caught.value.kind is ErrorKind.FILE
    await send(kie, world.order(kie), KEY)
    assert world.server.stats()["uploads_total"] == 2


async def test_a_public_link_is_used_as_it_is(kie, world) -> None:
    order = world.order(kie, image_url="https://pics.example.com/1.jpg")
    assert (await kie.prepare(order, KEY)).payload["imageUrls"] == ["https://pics.example.com/1.jpg"]
    assert world.server.stats()["uploads_total"] == 0


async def test_a_link_that_only_this_network_knows_is_not_used(kie, world) -> None:
    order = world.order(kie, image_url="http://192.168.1.5/1.jpg")
    assert (await kie.prepare(order, KEY)).payload["imageUrls"][0].startswith(world.server.url)


@pytest.mark.parametrize(("fault", "code"), [("upload-500", "server_error"), ("upload-html", "answer_unreadable")])
async def test_a_failed_upload_has_sent_nothing_paid(kie, world, fault, code) -> None:
    world.server.set_faults({fault: 1})
    with pytest.raises(RemoteError) as caught:
        await kie.prepare(world.order(kie), KEY)
    assert (caught.value.code, caught.value.delivery) == (code, Delivery.NOT_SENT)
    assert world.server.stats()["submits_total"] == 0


async def test_the_link_of_an_upload_may_have_another_name(kie, world) -> None:
    world.server.set_faults({"upload-file-url": 1})
    assert (await kie.prepare(world.order(kie), KEY)).payload["imageUrls"]


async def test_a_bad_key_is_told_at_the_upload_already(kie, world) -> None:
    with pytest.raises(RemoteError) as caught:
        await kie.prepare(world.order(kie), make_key("sk-bad-1234567890"))
    assert caught.value.kind is ErrorKind.AUTH


# --- submit ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", [{"taskId": "t1"}, {"task_id": "t1"}, {"recordId": "t1"}, {"taskId": None, "recordId": "t1"}]
)
async def test_an_id_is_found_wherever_it_stands(kie, world, data) -> None:
    order = world.order(kie, picture=None)
    with respx.mock(base_url=world.server.url) as wire:
        wire.post("/api/v1/veo/generate").respond(json={"code": 200, "msg": "success", "data": data})
        assert (await send(kie, order, KEY)).remote_id == "t1"


# --- records ---------------------------------------------------------------------------------------------------------


def job(model: str = JOBS, age: float = 60, **asked_for: Any) -> RemoteJob:
    submitted = datetime.now(UTC) - timedelta(seconds=age)
    return RemoteJob(remote_id="t1", model=model, params=make_params(**asked_for), submitted_at=submitted)


async def validated(kie: Kie, world: World, data: Any, of: RemoteJob | None = None, **envelope: Any) -> RemoteState:
    of = of or job()
    path = "/api/v1/veo/record-info" if of.model in VEO else "/api/v1/jobs/recordInfo"
    with respx.mock(base_url=world.server.url) as wire:
        wire.get(path, params={"taskId": "t1"}).respond(json={"code": 200, "msg": "success", "data": data} | envelope)
        return await kie.poll(of, KEY)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("waiting", RemoteStatus.QUEUED), ("queuing", RemoteStatus.QUEUED), ("generating", RemoteStatus.RUNNING),
        ("dreaming", RemoteStatus.UNKNOWN), (None, RemoteStatus.UNKNOWN),
    ],
)  # fmt: skip
async def test_each_state_means_what_it_means(kie, world, state, status) -> None:
    assert (await validated(kie, world, {"taskId": "t1", "state": state})).status is status


@pytest.mark.parametrize(
    ("flag", "status"), [(0, RemoteStatus.RUNNING), (2, RemoteStatus.FAILED), (3, RemoteStatus.FAILED),
                         (7, RemoteStatus.UNKNOWN), (None, RemoteStatus.UNKNOWN), ("0", RemoteStatus.RUNNING)]
)  # fmt: skip
async def test_each_flag_of_veo_means_what_it_means(kie, world, flag, status) -> None:
    assert (await validated(kie, world, {"taskId": "t1", "successFlag": flag}, job("veo3"))).status is status


@pytest.mark.parametrize("state", [{"state": "success", "resultJson": URL}, {"state": "fail", "failMsg": "flagged"}])
@pytest.mark.parametrize("model", ["veo3", JOBS])
async def test_the_record_of_another_job_says_nothing(kie, world, state, model) -> None:
    other = {"taskId": "someone-else", "successFlag": 1} | state
    assert (await validated(kie, world, other, job(model, age=5))).status is RemoteStatus.QUEUED
    with pytest.raises(RemoteError) as caught:
        await validated(kie, world, other, job(model, age=31))
    assert caught.value.code == "remote_job_unknown"


@pytest.mark.parametrize(
    "around",
    [
        "Warning: undefined index in /srv/a.php on line 3\n{}", "{}<!-- 0.2 s -->",
        "<answer><code>200</code><data><state>success</state><resultUrls>" + URL + "</resultUrls></data></answer>",
    ],
)  # fmt: skip
async def test_a_record_is_read_whatever_stands_around_it(kie, world, around) -> None:
    record = {"code": 200, "data": {"taskId": "t1", "state": "success", "resultJson": json.dumps([URL])}}
    with respx.mock(base_url=world.server.url) as wire:
        wire.get("/api/v1/jobs/recordInfo").respond(200, text=around.replace("{}", json.dumps(record)))
        assert (await kie.poll(job(), KEY)).url == URL


async def test_a_page_with_a_script_says_nothing_of_a_job(kie, world) -> None:
    page = '<!DOCTYPE html><html><script>{"data": {"taskId": "t1", "state": "fail"}}</script></html>'
    with respx.mock(base_url=world.server.url) as wire:
        wire.get("/api/v1/jobs/recordInfo").respond(200, text=page)
        with pytest.raises(RemoteError):
            await kie.poll(job(), KEY)


@pytest.mark.parametrize(
    "result",
    [
        json.dumps({"resultUrls": [URL]}), json.dumps({"result_urls": [URL]}), json.dumps({"origin_urls": [URL]}),
        json.dumps({"data": {"result_urls": [URL]}}), {"resultUrls": [URL]}, json.dumps([URL]), [URL],
        json.dumps({"resultUrls": json.dumps([URL])}), json.dumps({"resultUrls": URL}),
    ],
)  # fmt: skip
async def test_a_result_is_read_as_text_or_as_what_it_means(kie, world, result) -> None:
    state = await validated(kie, world, {"taskId": "t1", "state": "success", "resultJson": result})
    assert (state.status, state.url) == (RemoteStatus.SUCCEEDED, URL)


@pytest.mark.parametrize(
    "data",
    [
        {"response": {"resultUrls": [URL]}}, {"response": {"resultUrls": json.dumps([URL])}},
        {"resultUrls": json.dumps([URL]), "response": None}, {"response": {"resultUrls": [], "originUrls": [URL]}},
    ],
)  # fmt: skip
async def test_a_link_of_veo_is_found_wherever_it_stands(kie, world, data) -> None:
    assert (await validated(kie, world, {"successFlag": 1} | data, job("veo3"))).url == URL


@pytest.mark.parametrize("result", ["", None, "{", "not json", json.dumps({"resultUrls": []})])
async def test_success_without_a_link_is_no_success(kie, world, result) -> None:
    state = await validated(kie, world, {"taskId": "t1", "state": "success", "resultJson": result})
    assert (state.status, state.stage) == (RemoteStatus.UNKNOWN, "completed_without_link")


async def test_what_a_job_took_is_told_with_its_success(kie, world) -> None:
    done = {
        "taskId": "t1",
        "state": "success",
        "resultJson": json.dumps({"resultUrls": [URL]}),
        "creditsConsumed": 20.5,
    }
    state = await validated(kie, world, done)
    assert state.cost == Money(amount=Decimal("20.5"), currency="credits")
    assert state.charge is ChargeStatus.CHARGED


@pytest.mark.parametrize(
    ("used", "charge"), [(0, ChargeStatus.REFUNDED), (20, ChargeStatus.CHARGED), (None, ChargeStatus.UNKNOWN)]
)
async def test_a_failed_job_says_what_became_of_its_money(kie, world, used, charge) -> None:
    failed = {"taskId": "t1", "state": "fail", "failCode": "501", "failMsg": "x", "creditsConsumed": used}
    state = await validated(kie, world, failed)
    assert state.failure is not None
    assert (state.charge, state.failure.charged) == (charge, charge)


@pytest.mark.parametrize(
    ("data", "envelope"),
    [
        (None, {"code": 422, "msg": "recordInfo is null"}), (None, {"code": 404, "msg": "not found"}), (None, {}), ({}, {}),
    ],
)  # fmt: skip
async def test_a_record_that_is_not_there_yet_is_waited_for(kie, world, data, envelope) -> None:
    state = await validated(kie, world, data, job(age=5), **envelope)
    assert state.status is RemoteStatus.QUEUED
    with pytest.raises(RemoteError) as caught:
        await validated(kie, world, data, job(age=31), **envelope)
    assert caught.value.code == "remote_job_unknown"


async def test_other_errors_of_a_young_job_are_errors(kie, world) -> None:
    with pytest.raises(RemoteError) as caught:
        await validated(kie, world, None, job(age=1), code=401, msg="You do not have access permissions")
    assert caught.value.kind is ErrorKind.AUTH


# --- full HD ---------------------------------------------------------------------------------------------------------

PLAIN = {"successFlag": 1, "response": {"resultUrls": [URL], "resolution": "720p"}}
WIDE = {"size": "1080P", "aspect_ratio": "16:9"}


async def looked_for_hd(kie: Kie, world: World, of: RemoteJob, answer: httpx.Response) -> RemoteState:
    with respx.mock(base_url=world.server.url) as wire:
        wire.get("/api/v1/veo/record-info").respond(json={"code": 200, "data": PLAIN})
        wire.get("/api/v1/veo/get-1080p-video", params={"taskId": "t1", "index": 0}).mock(return_value=answer)
        return await kie.poll(of, KEY)


async def test_the_larger_version_is_taken_when_it_is_there(kie, world) -> None:
    ready = httpx.Response(200, json={"code": 200, "data": {"resultUrl": "https://cdn.example.com/hd.mp4"}})
    state = await looked_for_hd(kie, world, job("veo3_fast", **WIDE), ready)
    assert (state.status, state.url) == (RemoteStatus.SUCCEEDED, "https://cdn.example.com/hd.mp4")


PROCESSING = httpx.Response(200, json={"code": 400, "msg": "1080P is processing. It should be ready in 1-2 minutes"})


async def test_while_it_is_being_made_the_job_still_runs(kie, world) -> None:
    state = await looked_for_hd(kie, world, job("veo3_fast", **WIDE), PROCESSING)
    assert (state.status, state.stage, state.url) == (RemoteStatus.RUNNING, "upscaling", None)


@pytest.mark.parametrize(
    "answer", [PROCESSING, httpx.ReadError("x"), httpx.ConnectError("x")], ids=["no", "broken", "gone"]
)
@pytest.mark.parametrize(("age", "longest"), [(600, 1800), (70, 120)], ids=["long", "before the deadline"])
async def test_it_is_not_waited_for_for_ever(kie, world, answer, age, longest) -> None:
    world.options["runner"] = {"max_wait": longest}
    of = job("veo3_fast", age=age, **WIDE)
    with respx.mock(base_url=world.server.url) as wire:
        wire.get("/api/v1/veo/record-info").respond(json={"code": 200, "data": PLAIN})
        hd = wire.get("/api/v1/veo/get-1080p-video")
        hd.mock(side_effect=answer if isinstance(answer, Exception) else [answer])
        state = await kie.poll(of, KEY)
    assert (state.status, state.url) == (RemoteStatus.SUCCEEDED, URL)


async def test_where_there_is_none_the_plain_one_is_taken(kie, world) -> None:
    none = httpx.Response(200, json={"code": 422, "msg": "this video cannot be upgraded"})
    assert (await looked_for_hd(kie, world, job("veo3_fast", **WIDE), none)).url == URL


@pytest.mark.parametrize(
    ("asked_for", "resolution"), [({"size": "720P", "aspect_ratio": "16:9"}, "720p"), ({"size": "1080P", "aspect_ratio": "Auto"}, "720p"),
                               (WIDE, "1080p")]
)  # fmt: skip
async def test_it_is_asked_for_only_where_it_can_be_had(kie, world, asked_for, resolution) -> None:
    done = {"successFlag": 1, "response": {"resultUrls": [URL], "resolution": resolution}}
    assert (await validated(kie, world, done, job("veo3_fast", **asked_for))).url == URL


async def test_a_4k_version_is_ordered_once_and_asked_for_by_the_same_request(kie, world, monkeypatch) -> None:
    parent = ParentTake(
        verb=FinishVerb.FETCH_4K, take=1, number=1, provider=ProviderId("kie"), model="veo3_fast", remote_id="t1",
        made_at=datetime.now(UTC), video="v.mp4", seconds=8.0,
    )  # fmt: skip
    order = Order(reference="r", model="veo/get-4k-video", params=make_params(parent=parent))
    prepared = await kie.prepare(order, KEY)
    making = {"code": 422, "msg": "4k is processing. It should be ready in 5-10 minutes"}
    done = {"code": 200, "data": {"taskId": "t1", "resultUrls": [URL], "imageUrls": ["https://cdn.example.com/p.png"]}}
    with respx.mock(base_url=world.server.url) as wire:
        route = wire.post("/api/v1/veo/get-4k-video").respond(json=making)
        remote_id = (await kie.submit(order, prepared, KEY)).remote_id
        assert remote_id == "t1"
        of = job("veo/get-4k-video").model_copy(update={"sent": prepared.sent})
        assert [(await kie.poll(of, KEY)).status for _ in range(3)] == [RemoteStatus.RUNNING] * 3
        assert route.call_count == 2, "the order, and one look in half a minute"
        monkeypatch.setattr("vidgen_core.providers.kie.adapter.LARGER_EVERY", 0.0)
        route.respond(json=done)
        assert (await kie.poll(of, KEY)).url == URL
        assert {json.loads(call.request.content)["taskId"] for call in route.calls} == {"t1"}
        for refused in (
            {"code": 422, "msg": "record status is not success"},
            {"code": 402, "msg": "credits are insufficient"},
        ):
            route.respond(json=refused)
            with pytest.raises(RemoteError):
                await kie.submit(order, prepared, KEY)


@pytest.mark.parametrize(("seconds", "codes"), [(8.0, []), (None, []), (4.0, ["duration_not_taken"])])
async def test_references_make_videos_of_eight_seconds_by_the_older_route(kie, seconds, codes) -> None:
    params = make_params(references=(ShotReference(image="a.png"),), duration=seconds)
    assert [one.code for one in kie.check("veo3_fast", params) if one.fatal] == codes


# --- links and credits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "code"), [(200, 422), (200, 500), (429, 429), (200, 455), (502, None)])
async def test_a_link_that_is_refused_is_not_taken_for_one_that_there_is_not(kie, world, status, code) -> None:
    with respx.mock(base_url=world.server.url) as wire:
        wire.post("/api/v1/common/download-url").respond(status, json={"code": code, "msg": "x"})
        with pytest.raises(RemoteError) as caught:
            await kie.fresh_link(job(), URL, KEY)
    assert (caught.value.kind is ErrorKind.PARAMETER) is (code == 422)


@pytest.mark.parametrize("answer", [{"code": 200, "data": None}, {"code": 200, "data": 5}])
async def test_a_link_that_cannot_be_renewed_is_none(kie, world, answer) -> None:
    with respx.mock(base_url=world.server.url) as wire:
        wire.post("/api/v1/common/download-url").respond(json=answer)
        assert await kie.fresh_link(job(), URL, KEY) is None


async def test_the_balance_is_told_in_credits(kie, world) -> None:
    await send(kie, world.order(kie), KEY)
    assert (await kie.test(KEY)).balance == Money(amount=Decimal("999940.0"), currency="credits")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, "<html>not found</html>"), (404, '{"detail": "Not Found"}'), (500, '{"code": 500, "data": 0}'), (503, '{"data": 12}'),
        (200, '{"code": 500, "msg": "Server Error", "data": 0}'), (200, '{"code": 429, "msg": "too many requests", "data": 0}'),
        (200, '{"success": false, "data": 0}'), (200, '{"error": "x", "data": 3}'), (200, "null"), (302, ""), (204, ""),
    ],
)  # fmt: skip
async def test_an_answer_that_refuses_is_no_good_connection_and_no_balance(kie, world, status, body) -> None:
    with respx.mock(base_url=world.server.url) as wire:
        wire.get("/api/v1/chat/credit").respond(status, text=body)
        connection = await kie.test(KEY)
    assert (connection.ok, connection.balance) == (False, None)


@pytest.mark.parametrize(
    "said", ['"1,200"', '"1200 credits"', "NaN", "1e999", "9" * 30, "true", "null", "[5]", '{"credits": 7}']
)
async def test_a_balance_that_is_no_number_is_unknown(kie, world, said) -> None:
    with respx.mock(base_url=world.server.url, assert_all_called=False) as wire:
        wire.get("/api/v1/chat/credit").respond(text=f'{{"code": 200, "data": {said}}}')
        assert await kie.balance(KEY) is None


async def test_a_job_of_the_last_run_is_followed_where_it_was_sent(kie, world) -> None:
    order = world.order(kie)
    submission = await kie.submit(order, await kie.prepare(order, KEY), KEY)
    there = job_of(order, Submission(remote_id=submission.remote_id), kie)
    world.options = {"kie": {"base_url": "http://127.0.0.1:9", "model": "veo3"}}
    assert (await finish(kie, there, KEY, world)).status is RemoteStatus.SUCCEEDED
