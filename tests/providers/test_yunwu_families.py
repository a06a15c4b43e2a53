"""The routes of one Yunwu key: which models they have, what is sent, where a job is asked for, what its answers mean."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import respx
from provider_world import World, make_key, make_params, make_settings

from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.domain.shots import GenerationMode, ShotReference
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.providers.base import Order, Prepared, ReferencePicture, RemoteJob, RemoteState, RemoteStatus
from vidgen_core.providers.yunwu.adapter import Yunwu
from vidgen_core.providers.yunwu.catalogue import ListedModel
from vidgen_core.providers.yunwu.families import FAMILIES

KEY = make_key()
URL = "https://cdn.example.com/v/1.mp4"
TEXT, FIRST, LAST, REFERENCES = GenerationMode


@pytest.fixture
async def yunwu(world: World) -> AsyncIterator[Yunwu]:
    provider = Yunwu(world.settings, world.locations)
    yield provider
    await provider.close()


def order_of(world: World, model: str, mode: GenerationMode, **asked_for: Any) -> Order:
    """An order as the worker makes it: with the pictures of its mode on this machine."""
    picture = world.picture
    frames = mode in (FIRST, LAST)
    params = make_params(mode=mode, **asked_for)
    return Order(
        reference=f"ref-{model}",
        model=model,
        params=params.model_copy(update={"image": picture.name} if frames else {}),
        image=picture if frames else None,
        last_frame=picture if mode is LAST else None,
        references=(ReferencePicture(path=picture),) * 2 if mode is REFERENCES else (),
    )


async def sent(yunwu: Yunwu, world: World, order: Order, answer: Any) -> tuple[str, Any, Prepared, str]:
    """The path and body of the one paid request, and the id that its answer gave."""
    prepared = await yunwu.prepare(order, KEY)
    with respx.mock(base_url=world.server.url) as wire:
        route = wire.post(path__regex="/.*").respond(200, json=answer)
        submission = await yunwu.submit(order, prepared, KEY)
        assert route.call_count == 1
        request = route.calls.last.request
    text = request.content.decode("utf-8", "replace")
    body = json.loads(text) if request.headers["content-type"] == "application/json" else text
    return request.url.path, body, prepared, submission.remote_id


def is_data(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("data:image/jpeg;base64,")


def is_base64(value: Any) -> bool:
    return isinstance(value, str) and base64.b64decode(value, validate=True)[:2] == b"\xff\xd8"


KLING = {"code": 0, "message": "SUCCEED", "request_id": "r", "data": {"task_id": "k-1", "task_status": "submitted"}}
VIDU = {"task_id": "v-1", "state": "created", "model": "viduq2-pro", "images": ["data:…"], "credits": 20}
HAILUO = {"task_id": "h-1", "base_resp": {"status_code": 0, "status_msg": "success"}}
ARK = {"id": "cgt-1"}


@pytest.mark.parametrize(
    ("mode", "action", "fields"),
    [(TEXT, "text2video", ()), (FIRST, "image2video", ("image",)), (LAST, "image2video", ("image", "image_tail"))],
)
async def test_kling_takes_bare_base64_and_a_tail(yunwu, world, mode, action, fields) -> None:
    order = order_of(world, "kling-v2-6", mode, duration=10.0, sound=True, negative_prompt="rain", size="1080P")
    path, body, prepared, remote_id = await sent(yunwu, world, order, KLING)
    assert (path, remote_id) == (f"/kling/v1/videos/{action}", "k-1")
    assert all(is_base64(body.pop(field)) for field in fields)
    plain = {"model_name": "kling-v2-6", "prompt": "a slow zoom", "mode": "pro", "duration": "10", "sound": "on"}
    ratio = {"aspect_ratio": "9:16"} if mode is TEXT else {}
    assert body == plain | {"negative_prompt": "rain"} | ratio
    assert prepared.sent["path"] == path


async def test_kling_takes_several_references_by_a_route_of_their_own(yunwu, world) -> None:
    path, body, _, _ = await sent(yunwu, world, order_of(world, "kling-v1-6", REFERENCES), KLING)
    assert path == "/kling/v1/videos/multi-image2video"
    assert [is_base64(one["image"]) for one in body["image_list"]] == [True, True]


async def test_kling_turbo_wants_links_and_has_a_body_of_its_own(yunwu, world) -> None:
    order = order_of(world, "kling-3.0-turbo", FIRST, duration=7.0)
    linked = order.model_copy(update={"params": order.params.model_copy(update={"image_url": URL}), "image": None})
    path, body, _, _ = await sent(yunwu, world, linked, KLING)
    assert path == "/kling/image-to-video/kling-3.0-turbo"
    assert body == {
        "contents": [{"type": "prompt", "text": "a slow zoom"}, {"type": "first_frame", "url": URL}],
        "settings": {"resolution": "720p", "duration": 7},
    }
    codes = {one.code for one in yunwu.check(order.model, order.params) if one.fatal}
    assert codes == {"image_link_needed"}


@pytest.mark.parametrize(
    ("model", "mode", "action", "pictures"),
    [
        ("viduq3-pro", TEXT, "text2video", 0), ("viduq3-pro", FIRST, "img2video", 1),
        ("viduq2-pro", LAST, "start-end2video", 2), ("viduq2", REFERENCES, "reference2video", 2),
    ],
)  # fmt: skip
async def test_vidu_has_a_route_for_each_mode(yunwu, world, model, mode, action, pictures) -> None:
    path, body, _, remote_id = await sent(yunwu, world, order_of(world, model, mode, duration=5.0, seed=3), VIDU)
    assert (path, remote_id) == (f"/ent/v2/{action}", "v-1")
    assert len(list(filter(is_data, body.pop("images", [])))) == pictures
    ratio = {} if mode in (FIRST, LAST) else {"aspect_ratio": "9:16"}
    assert body == {"model": model, "prompt": "a slow zoom", "resolution": "720p", "duration": 5, "seed": 3} | ratio


async def test_the_sound_of_vidu_is_sent_where_the_model_has_it(yunwu, world) -> None:
    _, body, _, _ = await sent(yunwu, world, order_of(world, "viduq3-pro", TEXT, sound=False), VIDU)
    assert body["audio"] is False
    assert [p.code for p in yunwu.check("viduq1", make_params(sound=True, size="1080P")) if p.fatal] == [
        "sound_not_taken"
    ]


@pytest.mark.parametrize(("mode", "frames"), [(TEXT, []), (FIRST, ["first"]), (LAST, ["first", "last"])])
async def test_hailuo_takes_a_first_and_a_last_frame(yunwu, world, mode, frames) -> None:
    order = order_of(world, "MiniMax-Hailuo-02", mode, duration=6.0, size="768P")
    path, body, _, remote_id = await sent(yunwu, world, order, HAILUO)
    assert (path, remote_id) == ("/minimax/v1/video_generation", "h-1")
    assert all(is_data(body.pop(f"{frame}_frame_image")) for frame in frames)
    assert body == {"model": "MiniMax-Hailuo-02", "prompt": "a slow zoom", "resolution": "768P", "duration": 6}


@pytest.mark.parametrize(
    ("mode", "roles"),
    [
        (TEXT, []),
        (FIRST, ["first_frame"]),
        (LAST, ["first_frame", "last_frame"]),
        (REFERENCES, ["reference_image"] * 2),
    ],
)
async def test_seedance_names_the_role_of_each_picture(yunwu, world, mode, roles) -> None:
    order = order_of(world, "doubao-seedance-2-0-260128", mode, duration=8.0, sound=False)
    path, body, _, remote_id = await sent(yunwu, world, order, ARK)
    assert (path, remote_id) == ("/volc/v1/contents/generations/tasks", "cgt-1")
    text, *pictures = body.pop("content")
    assert text == {"type": "text", "text": "a slow zoom"}
    assert [one["role"] for one in pictures] == roles
    assert all(is_data(one["image_url"]["url"]) for one in pictures)
    assert body == {"model": order.model, "resolution": "720p", "ratio": "9:16", "duration": 8, "generate_audio": False}


async def test_older_seedance_reads_its_options_behind_the_prompt(yunwu, world) -> None:
    order = order_of(world, "doubao-seedance-1-5-pro-251215", TEXT, duration=5.0, sound=True)
    _, body, _, _ = await sent(yunwu, world, order, ARK)
    assert body["content"] == [{"type": "text", "text": "a slow zoom --resolution 720p --ratio 9:16 --duration 5"}]
    assert body["generate_audio"] is True


async def test_the_openai_route_sends_a_form_with_files(yunwu, world) -> None:
    answer = {"id": "video_1", "object": "video", "status": "queued"}
    path, form, prepared, remote_id = await sent(
        yunwu, world, order_of(world, "grok-videos", FIRST, duration=6.0), answer
    )
    assert (path, remote_id) == ("/v1/videos", "video_1")
    for name, value in {"model": "grok-videos", "prompt": "a slow zoom", "size": "9:16", "seconds": "6"}.items():
        assert f'name="{name}"\r\n\r\n{value}\r\n' in form
    assert form.count('name="input_reference"; filename="1.jpg"') == 1
    assert "image_bytes" in prepared.sent


@pytest.mark.parametrize(
    ("model", "mode", "count"),
    [("veo3.1", LAST, 2), ("veo2-fast-frames", LAST, 2), ("veo3.1-components", REFERENCES, 2)],
)
async def test_the_unified_route_sends_frames_and_references_in_order(yunwu, world, model, mode, count) -> None:
    path, body, _, _ = await sent(yunwu, world, order_of(world, model, mode, aspect_ratio="16:9"), {"id": "x"})
    assert path == "/v1/video/create"
    assert len(body["images"]) == count


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
async def test_one_request_leaves_and_a_lost_answer_stays_unknown(yunwu, world, family) -> None:
    mode = TEXT if TEXT in family.capabilities(family.built_in[0]).modes else FIRST
    order = order_of(world, family.built_in[0], mode)
    prepared = await yunwu.prepare(order, KEY)
    for answer in ({"message": "success"}, {"status": "queued, server busy"}):
        with respx.mock(base_url=world.server.url) as wire:
            route = wire.post(prepared.sent["path"]).respond(200, json=answer)
            with pytest.raises(RemoteError) as caught:
                await yunwu.submit(order, prepared, KEY)
            assert (caught.value.delivery, route.call_count) == (Delivery.UNKNOWN, 1)


@pytest.mark.parametrize(
    ("model", "status", "answer", "kind"),
    [
        ("kling-v1-6", 200, {"code": 1301, "message": "trigger risk control", "data": None}, ErrorKind.MODERATION),
        ("kling-v1-6", 200, {"code": 1102, "message": "Resource pack depleted"}, ErrorKind.BALANCE),
        ("kling-v1-6", 200, {"code": 1201, "message": "image_tail is invalid"}, ErrorKind.PARAMETER),
        ("kling-v1-6", 429, {"code": 1303, "message": "parallel task over resource pack limit"}, ErrorKind.OVERLOADED),
        ("MiniMax-Hailuo-02", 200, {"base_resp": {"status_code": 1026, "status_msg": "input"}, "task_id": ""}, ErrorKind.MODERATION),
        ("MiniMax-Hailuo-02", 200, {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, ErrorKind.BALANCE),
        ("viduq2-pro", 400, {"err_code": "invalid_param", "message": "duration is not supported"}, ErrorKind.PARAMETER),
        ("doubao-seedance-2-0-260128", 400,
         {"error": {"code": "InputImageSensitiveContentDetected.PrivacyInformation", "message": "x"}}, ErrorKind.MODERATION),
    ],
)  # fmt: skip
async def test_a_clear_refusal_owes_nothing(yunwu, world, model, status, answer, kind) -> None:
    mode = FIRST if model.startswith("viduq2") else TEXT
    order = order_of(world, model, mode, size="768P" if "Hailuo" in model else "720P")
    prepared = await yunwu.prepare(order, KEY)
    with respx.mock(base_url=world.server.url) as wire:
        wire.post(prepared.sent["path"]).respond(status, json=answer)
        with pytest.raises(RemoteError) as caught:
            await yunwu.submit(order, prepared, KEY)
    assert (caught.value.kind, caught.value.delivery) == (kind, Delivery.REFUSED)


# --- poll -----------------------------------------------------------------------------------------------------------


async def looked(
    yunwu: Yunwu, world: World, model: str, path: str, answers: dict[str, Any], sent_by: str = "", **params: Any
) -> RemoteState:
    """What a poll comes to; ``answers`` by path and query."""
    kept = {"route": yunwu._family(model).name, "path": sent_by} if sent_by else {}
    job = RemoteJob(remote_id="job/1", model=model, params=make_params(**params), sent=kept)
    with respx.mock(base_url=world.server.url, assert_all_called=False) as wire:
        for place, answer in answers.items():
            status, body = answer if isinstance(answer, tuple) else (200, answer)
            wire.route(url__regex=f".*{place}$").respond(status, json=body)
        return await yunwu.poll(job, KEY)


@pytest.mark.parametrize(
    ("model", "path", "answer"),
    [
        ("kling-v1-6", "/kling/v1/videos/text2video/job%2F1",
         {"code": 0, "data": {"task_id": "1", "task_status": "succeed", "task_result": {"videos": [{"id": "a", "url": URL}]}}}),
        ("kling-3.0-turbo", "/kling/text-to-video/kling-3.0-turbo/job%2F1",
         {"code": 0, "data": [{"status": "succeeded", "outputs": [{"type": "video", "url": URL}]}]}),
        ("viduq2", "/ent/v2/tasks/job%2F1/creations",
         {"state": "success", "creations": [{"id": "1", "url": URL, "cover_url": "https://cdn.example.com/c.jpg"}]}),
        ("MiniMax-Hailuo-02", r"/minimax/v1/query/video_generation\?task_id=job%2F1",
         {"status": "Success", "file_id": "7", "file": {"download_url": URL}, "base_resp": {"status_code": 0}}),
        ("doubao-seedance-2-0-260128", "/volc/v1/contents/generations/tasks/job%2F1",
         {"status": "succeeded", "content": {"video_url": URL, "last_frame_url": "https://cdn.example.com/l.png"}}),
        ("grok-videos", "/v1/videos/job%2F1", {"object": "video", "status": "completed", "metadata": {"url": URL}}),
        ("veo3.1", r"/v1/video/query\?id=job%2F1", {"status": "completed", "video_url": URL}),
    ],
)  # fmt: skip
async def test_each_route_asks_where_it_sent_and_finds_its_link(yunwu, world, model, path, answer) -> None:
    state = await looked(yunwu, world, model, path, {path: answer})
    assert (state.status, state.url) == (RemoteStatus.SUCCEEDED, URL)


async def test_a_job_is_asked_for_at_the_path_that_it_was_sent_to(yunwu, world) -> None:
    path = "/kling/v1/videos/image2video"
    answers = {f"{path}/job%2F1": {"code": 0, "data": {"task_status": "processing"}}}
    assert (await looked(yunwu, world, "kling-v1-6", path, answers, sent_by=path)).status is RemoteStatus.RUNNING
    # An adopted job has nothing kept of its request: what its shot has says it.
    assert (await looked(yunwu, world, "kling-v1-6", path, answers, image="a.jpg")).status is RemoteStatus.RUNNING


async def test_a_file_that_is_named_by_an_id_is_asked_for(yunwu, world) -> None:
    state = await looked(
        yunwu,
        world,
        "MiniMax-Hailuo-02",
        "",
        {
            "query/video_generation.*": {
                "status": "Success",
                "file_id": "205258526306433",
                "base_resp": {"status_code": 0},
            },
            r"files/retrieve\?file_id=205258526306433": {"file": {"file_id": 1, "download_url": URL}},
        },
    )
    assert (state.status, state.url) == (RemoteStatus.SUCCEEDED, URL)


async def test_a_closed_file_of_the_openai_route_is_had_from_the_unified_one(yunwu, world) -> None:
    answers = {
        "/v1/videos/job%2F1": {"object": "video", "status": "completed"},
        "/v1/videos/job%2F1/content": (403, {"error": "forbidden"}),
        r"/v1/video/query\?id=job%2F1": {"status": "completed", "video_url": URL},
    }
    state = await looked(yunwu, world, "grok-videos", "", answers)
    assert (state.status, state.url) == (RemoteStatus.SUCCEEDED, URL)


@pytest.mark.parametrize(
    ("model", "answer", "kind"),
    [
        ("kling-v1-6", {"code": 0, "data": {"task_status": "failed", "task_status_msg": "content violates policy"}}, ErrorKind.MODERATION),
        ("MiniMax-Hailuo-02", {"status": "Fail", "base_resp": {"status_code": 1027, "status_msg": "output"}}, ErrorKind.MODERATION),
        ("viduq2", {"state": "failed", "err_code": "CreationPolicyViolation", "creations": []}, ErrorKind.MODERATION),
        ("doubao-seedance-2-0-260128",
         {"status": "failed", "error": {"code": "OutputVideoSensitiveContentDetected", "message": "x"}}, ErrorKind.MODERATION),
        ("doubao-seedance-2-0-260128", {"status": "expired"}, ErrorKind.PROVIDER),
    ],
)  # fmt: skip
async def test_a_failed_job_says_why_and_is_not_bought_again(yunwu, world, model, answer, kind) -> None:
    state = await looked(yunwu, world, model, "", {"/.*": answer})
    assert state.status is RemoteStatus.FAILED
    assert state.failure is not None
    assert (state.failure.kind, state.failure.retryable) == (kind, False)


@pytest.mark.parametrize(
    ("model", "answer"),
    [
        ("kling-v1-6", {"code": 1203, "message": "task not found", "data": None}),
        ("MiniMax-Hailuo-02", {"base_resp": {"status_code": 1004, "status_msg": "token not match group"}}),
    ],
)
async def test_an_error_inside_a_good_status_is_no_state_of_the_job(yunwu, world, model, answer) -> None:
    with pytest.raises(RemoteError):
        await looked(yunwu, world, model, "", {"/.*": answer})


# --- before the click -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "asked_for", "code"),
    [
        ("kling-v2-master", {"mode": LAST, "image": "a", "last_frame": "b"}, "last_frame_not_taken"),
        ("kling-v1-6", {"duration": 7}, "duration_not_taken"),
        ("kling-3.0-turbo", {"duration": 16}, "duration_not_taken"),
        ("viduq3-pro", {"duration": 17}, "duration_not_taken"),
        ("viduq2-pro", {"duration": 9, "image": "a", "last_frame": "b"}, "duration_over_frames"),
        ("MiniMax-Hailuo-02", {"duration": 10, "size": "1080P"}, "duration_not_with_size"),
        ("MiniMax-Hailuo-02", {"size": "512P"}, "size_needs_first_frame"),
        ("MiniMax-Hailuo-2.3-Fast", {"size": "768P"}, "image_needed"),
        ("doubao-seedance-2-0-260128", {"duration": 16}, "duration_not_taken"),
        ("doubao-seedance-1-0-pro-fast-251015", {"image": "a", "last_frame": "b"}, "last_frame_not_taken"),
        ("grok-videos", {"duration": 15}, "duration_not_taken"),
        ("grok-video-3-10s", {"duration": 6, "image": "a"}, "duration_not_taken"),
        ("wan2.6-i2v", {}, "route_not_spoken"),
        ("happyhorse-1.0", {}, "route_not_spoken"),
        ("runwayml-gen4_turbo-5", {}, "route_not_spoken"),
    ],
)  # fmt: skip
def test_what_a_route_refuses_is_said_before_the_click(yunwu, model, asked_for, code) -> None:
    params = GenerationParams.model_validate({"prompt": "x", "aspect_ratio": "9:16", "size": "720P", **asked_for})
    assert code in {problem.code for problem in yunwu.check(model, params) if problem.fatal}


@pytest.mark.parametrize(
    ("model", "sizes", "seconds"),
    [
        ("grok-video-3-15s", ("720P", "1080P"), (15.0,)), ("grok-1.5-video-6s", ("720P", "1080P"), (6.0,)),
        ("veo_3_1-4K", ("4K",), (4.0, 6.0, 8.0)), ("veo3.1-fast-4k", ("4K",), (8.0,)), ("VEO_3_1-FAST-4K", ("4K",), (4.0, 6.0, 8.0)),
    ],
)  # fmt: skip
def test_what_a_name_fixes_is_read_in_any_case(yunwu, model, sizes, seconds) -> None:
    can = yunwu.capabilities(model)
    assert (can.sizes, can.durations) == (sizes, seconds)


async def test_a_length_that_is_in_the_name_is_not_sent_besides(yunwu, world) -> None:
    _, body, _, _ = await sent(yunwu, world, order_of(world, "grok-video-3-10s", FIRST, duration=10.0), {"id": "x"})
    assert "duration" not in body


# --- the picture host -----------------------------------------------------------------------------------------------


def test_the_picture_host_is_yunwus_own_only_for_yunwu_and_counts_as_an_address_of_the_key() -> None:
    own = make_settings("https://yunwu.ai").providers.of("yunwu")
    other = make_settings("https://relay.example").providers.of("yunwu")
    assert own.picture_host == "https://imageproxy.zhongzhuan.chat"
    assert own.hosts == "https://imageproxy.zhongzhuan.chat https://yunwu.ai"
    assert (other.picture_host, other.hosts) == ("", "https://relay.example")


@pytest.mark.parametrize(("model", "uploads"), [("grok-video-3", 1), ("veo3.1", 0), ("kling-3.0-turbo", 1)])
async def test_pictures_are_uploaded_for_models_that_read_only_links(yunwu, world, model, uploads) -> None:
    world.options = {"yunwu": {"upload_url": f"{world.server.url}/host"}}
    link = "https://pics.example.com/1.jpg"
    order = order_of(world, model, FIRST)
    with respx.mock(base_url=world.server.url, assert_all_called=False) as wire:
        host = wire.post("/host/api/upload").respond(json={"url": link, "created": 1767086612986})
        first, again = await yunwu.prepare(order, KEY), await yunwu.prepare(order, KEY)
        assert host.call_count == uploads
    assert first.payload == again.payload
    assert (link in json.dumps(first.payload)) is bool(uploads)
    assert first.sent["image_transport"] == ("upload" if uploads else "data")


@pytest.mark.parametrize(
    "answer",
    [{"status": 500}, {"text": "<html>"}, {"json": {"url": None}}, {"status": 403, "json": {"message": "余额不足"}},
     {"json": {"url": "javascript:alert(1)"}}],
)  # fmt: skip
async def test_a_failed_upload_has_sent_no_order(yunwu, world, answer) -> None:
    world.options = {"yunwu": {"upload_url": f"{world.server.url}/host"}}
    status, more = answer.get("status", 200), {name: value for name, value in answer.items() if name != "status"}
    with respx.mock(base_url=world.server.url) as wire:
        wire.post("/host/api/upload").respond(status, **more)
        with pytest.raises(RemoteError) as caught:
            await yunwu.prepare(order_of(world, "grok-video-3", FIRST), KEY)
    assert caught.value.delivery is not Delivery.UNKNOWN


async def test_a_link_that_could_not_be_fetched_is_uploaded_anew(yunwu, world) -> None:
    world.options = {"yunwu": {"upload_url": f"{world.server.url}/host"}}
    order = order_of(world, "grok-video-3", FIRST)
    with respx.mock(base_url=world.server.url) as wire:
        host = wire.post("/host/api/upload").respond(json={"url": "https://pics.example.com/1.jpg"})
        wire.post("/v1/video/create").respond(
            400, json={"error": {"code": "invalid_request", "message": "failed to fetch image"}}
        )
        prepared = await yunwu.prepare(order, KEY)
        with pytest.raises(RemoteError) as caught:
            await yunwu.submit(order, prepared, KEY)
        await yunwu.prepare(order, KEY)
        assert (caught.value.code, host.call_count) == ("picture_not_fetched", 2)


async def test_a_bound_key_goes_to_no_picture_host_that_it_was_not_entered_for(yunwu, world, tmp_path: Path) -> None:
    world.options = {"yunwu": {"upload_url": "https://pics.example.com"}}
    bound = KEY.model_copy(update={"hosts": world.server.url})
    with respx.mock, pytest.raises(RemoteError) as caught:
        await yunwu.prepare(order_of(world, "grok-video-3", FIRST), bound)
    assert caught.value.code == "key_elsewhere"


@pytest.mark.parametrize("model", ["doubao-seedance-2-0-260128", "doubao-seedance-1-5-pro-251215", "viduq2"])
async def test_takes_of_one_seed_are_not_the_same_video_twice(yunwu, world, model) -> None:
    order = order_of(world, model, TEXT, seed=2**32 - 1)
    requests = [await yunwu.prepare(order.model_copy(update={"take": take}), KEY) for take in (1, 2, 3)]
    told = [re.findall(r"seed\W+(\d+)", json.dumps(request.payload)) for request in requests]
    # Behind the last seed comes the first.
    assert told == [["4294967295"], ["0"], ["1"]]


async def test_a_model_is_asked_in_the_same_way_whatever_its_case(yunwu, world) -> None:
    asked = [
        (await yunwu.prepare(order_of(world, model, TEXT, duration=5.0), KEY)).payload["fields"]
        for model in ("doubao-seedance-1-0-pro-250528", "Doubao-Seedance-1-0-Pro-250528")
    ]
    assert asked[0]["content"] == asked[1]["content"]


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("image", {"image_url": URL}),
        ("last_frame", {"image": "a.png", "last_frame_url": URL}),
        ("references", {"references": (ShotReference(image_url=URL),)}),
    ],
)
def test_a_picture_that_is_only_a_link_is_refused_before_the_click_where_files_are_sent(yunwu, field, given) -> None:
    model = "veo_3_1-components" if field == "references" else "veo_3_1"
    for route, found in (("openai", {(field, "picture_file_needed")}), ("unified", set())):
        yunwu._catalogue.keep(yunwu.base_url, {model: ListedModel(families=(route,))})
        fatal = {(one.field, one.code) for one in yunwu.check(model, make_params(**given)) if one.fatal}
        assert fatal == found
