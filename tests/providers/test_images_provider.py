"""The image endpoints keep the contract of paid providers, and their answers are kept before anything else."""

from __future__ import annotations

import base64
import io
import json
import math
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from contract import PaidContract
from PIL import Image
from provider_world import World, job_of, make_key, send

from vidgen_core.config.schema import Settings
from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.shots import ShotReference
from vidgen_core.domain.tasks import GenerationParams, TaskKind
from vidgen_core.media.images import inspect_image
from vidgen_core.providers.base import Key, Order, Provider, ReferencePicture, RemoteStatus
from vidgen_core.providers.http.client import ProviderResponse, answer_of
from vidgen_core.providers.images.adapter import Images, ResponseCache
from vidgen_core.providers.images.models import BUILT_IN, pixels
from vidgen_core.providers.images.responses import picture_in

Build = Callable[[Callable[[], Settings]], Provider]


class PictureWorld(World):
    """Orders are for pictures."""

    def order(self, provider: Provider, prompt: str = "a quiet street", **more: Any) -> Order:
        params = GenerationParams(prompt=prompt, aspect_ratio="9:16", size="auto", options=more.pop("options", {}))
        model = more.pop("model", provider.models()[0])
        return Order(reference=f"t1-a{abs(hash(prompt))}", model=model, params=params, output=TaskKind.IMAGE, **more)


@pytest.fixture
def world(world: World, monkeypatch: pytest.MonkeyPatch) -> PictureWorld:
    # A picture is answered when a job's time is over, and that time is real.
    quick = replace(world.server.options, job_seconds=(0.0, 0.05))
    monkeypatch.setattr(world.server.state, "options", quick)
    return PictureWorld(world.server, world.clock, world.locations, world.picture)


@pytest.fixture
async def provider(world: PictureWorld) -> AsyncIterator[Provider]:
    provider = Images(world.settings, world.locations)
    yield provider
    await provider.close()


@pytest.fixture
def key() -> Key:
    return make_key()


class TestImages(PaidContract):
    @pytest.fixture
    def build(self, world: PictureWorld) -> Build:
        return lambda settings: Images(settings, world.locations)

    def check_result(self, part: Any, length: int | None) -> None:
        assert part.received == length
        assert inspect_image(part.path).format == "PNG"


# --- the ways to a picture


@pytest.mark.parametrize("way", ["images", "chat"])
@pytest.mark.parametrize("tag", ["", "[[as-link]]", "[[in-parts]]", "[[in-images]]"])
async def test_the_picture_is_found_wherever_the_answer_holds_it(provider, key, world, way: str, tag: str) -> None:
    order = world.order(provider, f"a quiet street {tag}", options={"way": way})
    job = await send(provider, order, key)
    state = await provider.poll(job, key)
    assert state.status is RemoteStatus.SUCCEEDED
    with world.part() as part:
        assert await provider.fetch(job, state.url, part, key) == part.received
        assert inspect_image(part.path).format == "PNG"


@pytest.mark.parametrize(("way", "path"), [("images", "/v1/images/edits"), ("chat", "/v1/chat/completions")])
async def test_references_go_along(provider, key, world, way: str, path: str) -> None:
    references = (ReferencePicture(path=world.picture),) * 2
    order = world.order(provider, options={"way": way}).model_copy(update={"references": references})
    prepared = await provider.prepare(order, key)
    assert (prepared.sent["path"], prepared.sent["images"]) == (path, 2)
    await provider.submit(order, prepared, key)
    seen = world.server.stats()["images"]
    assert [picture["format"] for picture in seen] == ["JPEG", "JPEG"]


async def test_words_alone_go_to_the_generations(provider, key, world) -> None:
    prepared = await provider.prepare(world.order(provider), key)
    assert prepared.payload["path"] == "/v1/images/generations"
    assert prepared.payload["fields"] == {
        "model": "gpt-image-2",
        "size": "1024x1536",
        "prompt": "a quiet street",
        "n": 1,
    }


@pytest.mark.parametrize(
    ("model", "size", "ratio", "expected"),
    [
        ("gpt-image-1", "auto", "16:9", "1536x1024"),
        ("gpt-image-1", "auto", "1:1", "1024x1024"),
        ("dall-e-3", "auto", "9:16", "1024x1792"),
        ("doubao-seedream-4-0", "2K", "16:9", "2736x1536"),
        ("doubao-seedream-4-5-251128", "auto", "1:1", "2048x2048"),
        ("doubao-seedream-5-0-260128", "1K", "16:9", "2736x1536"),
        ("flux", "auto", "9:16", "768x1360"),
        ("flux", "640x480", "9:16", "640x480"),
    ],
)
def test_sizes_are_those_of_the_models_family(model: str, size: str, ratio: str, expected: str) -> None:
    assert pixels(model, size, ratio) == expected


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gpt-image-2", "generations"), ("gpt-image-2.5", "generations"), ("doubao-seedream-5-0-260128", "generations"),
        ("gemini-3-pro-image", "completions"), ("gemini-2.5-flash-image-preview", "completions"), ("nano-banana-pro", "completions"),
    ],
)  # fmt: skip
async def test_each_model_is_asked_in_its_own_way_unless_that_was_set(
    provider, key, world, model: str, path: str
) -> None:
    assert (await provider.prepare(world.order(provider, model=model), key)).payload["path"].endswith(path)
    forced = world.order(provider, model=model, options={"way": "images"})
    assert (await provider.prepare(forced, key)).payload["path"].endswith("generations")


@pytest.mark.parametrize(
    ("model", "given", "code"),
    [
        ("gpt-image-2", 16, None), ("gpt-image-2", 17, "references_too_many"), ("gemini-2.5-flash-image", 4, "references_too_many"),
        ("gemini-3-pro-image", 4, None), ("doubao-seedream-4-5-251128", 11, "references_too_many"), ("dall-e-3", 1, "references_not_taken"),
        ("painter-of-tomorrow", 17, "references_too_many"),
    ],
)  # fmt: skip
def test_references_that_a_model_does_not_take_are_refused_and_never_dropped(
    provider, world, model: str, given: int, code: str | None
) -> None:
    params = world.order(provider).params.model_copy(update={"references": (ShotReference(image="a.jpg"),) * given})
    assert [one.code for one in provider.check(model, params) if one.fatal] == ([code] if code else [])


def test_a_reference_that_is_only_a_link_goes_to_chat_models_alone(provider, world) -> None:
    linked = (ShotReference(image_url="https://pics.example.com/1.jpg"),)
    params = world.order(provider).params.model_copy(update={"references": linked})
    assert [one.code for one in provider.check("gpt-image-2", params)] == ["picture_file_needed"]
    assert provider.check("gemini-3-pro-image", params) == ()


MODELS = [*BUILT_IN, "gpt-4o-image", "dall-e-2", "nano-banana", "painter-of-tomorrow"]


@pytest.mark.parametrize("model", MODELS)
async def test_whatever_is_asked_for_in_any_combination_is_sent_or_said(provider, key, world, model: str) -> None:
    pick = random.Random(model).choice
    for _ in range(40):
        given = pick((0, 0, 1, 3, 12, 18))
        chosen = pick(((), ("aspect_ratio",)))
        options = {"way": pick(("auto", "images", "chat")), "quality": pick(("auto", "high"))}
        params = GenerationParams(
            prompt="a lake",
            aspect_ratio=pick(("9:16", "16:9", "1:1", "21:9", "2:3", "5:7")),
            size=pick(("auto", "1K", "2k", "4K", "1024x1536", "640x480")),
            seed=pick((None, None, 77)),
            references=(ShotReference(image="a.jpg"),) * given,
            chosen=chosen,
            options=options,
        )
        problems = provider.check(model, params)
        said = {one.field for one in problems}
        if fatal := {one.field for one in problems if one.fatal}:
            assert fatal == {"references"}
            continue
        order = Order(
            reference="t1-a1",
            model=model,
            params=params,
            output=TaskKind.IMAGE,
            references=(ReferencePicture(path=world.picture),) * given,
        )
        prepared = await provider.prepare(order, key)
        fields, asked = prepared.payload["fields"], (model, params.size, params.aspect_ratio, chosen, options, said)
        assert prepared.sent["images"] == given, asked
        words = json.dumps(fields["messages"]) if "messages" in fields else ""
        size = params.size if words else fields["size"]
        across, down = (int(side) for side in (size if "x" in size else "1x1").split("x"))
        if params.size != "auto" and "size" not in said:
            edge = {"1K": 1024, "2K": 2048, "4K": 4096}.get(params.size.upper())
            assert params.size in (words or size) or math.sqrt(across * down) == pytest.approx(edge, rel=0.02), asked
        if chosen and "aspect_ratio" not in said:
            wide, high = (int(side) for side in params.aspect_ratio.split(":"))
            assert f"ratio: {params.aspect_ratio}" in words or across / down == pytest.approx(wide / high, rel=0.05), (
                asked
            )
        assert (params.seed is None) == ("seed" not in said), asked
        assert options["quality"] == "auto" or fields.get("quality") == "high" or "Quality: high" in words, asked


@pytest.mark.parametrize(
    ("model", "asked_for", "said"),
    [
        ("gpt-image-2", {"aspect_ratio": "9:16", "chosen": ("aspect_ratio",)}, {"aspect_ratio_drawn_as": "1024x1536"}),
        ("gpt-image-2", {"aspect_ratio": "2:3", "chosen": ("aspect_ratio",)}, {}),
        # What only the settings say is no option of anybody's.
        ("gpt-image-2", {"aspect_ratio": "9:16"}, {}),
        ("gpt-image-1", {"size": "4K"}, {"size_not_taken": "4K"}),
        ("dall-e-3", {"size": "640x480"}, {"size_not_taken": "640x480"}),
        ("doubao-seedream-5-0-260128", {"size": "1K"}, {"size_not_taken": "1K"}),
        ("doubao-seedream-5-0-260128", {"size": "1024x1536"}, {"size_not_taken": "1024x1536"}),
        ("gemini-3-pro-image", {"size": "640x480", "chosen": ("aspect_ratio",)}, {"aspect_ratio_drawn_as": "640x480"}),
    ],
)
def test_what_is_drawn_in_another_way_is_said(
    provider, model: str, asked_for: dict[str, Any], said: dict[str, str]
) -> None:
    params = GenerationParams(**{"prompt": "a lake", "aspect_ratio": "9:16", "size": "auto"} | asked_for)
    found = provider.check(model, params)
    assert not any(one.fatal for one in found)
    assert {one.code: one.params.get("size", one.params["value"]) for one in found} == said


# --- answers without a picture


@pytest.mark.parametrize(
    ("tag", "way", "kind", "code"),
    [
        ("declined", "chat", ErrorKind.MODERATION, "content_refused"),
        ("content-filter", "chat", ErrorKind.MODERATION, "content_refused"),
        ("declined", "images", ErrorKind.PROVIDER, "no_picture"),
        ("base64-broken", "images", ErrorKind.PROVIDER, "picture_broken"),
        ("not-a-picture", "images", ErrorKind.PROVIDER, "picture_broken"),
    ],
)
async def test_an_order_that_was_carried_out_without_a_picture_has_failed_and_may_be_charged(
    provider, key, world, tag: str, way: str, kind: ErrorKind, code: str
) -> None:
    job = await send(provider, world.order(provider, f"[[{tag}]]", options={"way": way}), key)
    state = await provider.poll(job, key)
    assert state.status is RemoteStatus.FAILED
    assert (state.failure.kind, state.failure.code, state.failure.charged) == (kind, code, ChargeStatus.UNKNOWN)


async def test_a_refusal_by_the_safety_system_costs_nothing(provider, key, world) -> None:
    with pytest.raises(RemoteError) as caught:
        await send(provider, world.order(provider, "[[moderation-blocked]]"), key)
    assert (caught.value.kind, caught.value.delivery) == (ErrorKind.MODERATION, Delivery.REFUSED)


async def test_a_link_that_is_gone_says_so(provider, key, world) -> None:
    job = await send(provider, world.order(provider, "[[link-gone]]"), key)
    state = await provider.poll(job, key)
    with world.part() as part, pytest.raises(RemoteError) as caught:
        await provider.fetch(job, state.url, part, key)
    assert caught.value.kind is ErrorKind.FILE


# --- the answer is the money


async def test_an_answer_that_was_kept_is_found_by_its_order_and_by_no_other(provider, key, world) -> None:
    order = world.order(provider)
    now = datetime.now(UTC)
    assert await provider.find(order, now, key) is None
    await send(provider, order, key)

    [found] = await provider.find(order, now, key)

    assert (found.remote_id, found.exact) == (order.reference, True)
    assert await provider.find(world.order(provider, "another"), now, key) is None


async def test_a_full_disk_is_waited_for_and_nothing_is_sent_again(
    provider, key, world, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vidgen_core.domain.errors import FileError

    monkeypatch.setattr("vidgen_core.providers.images.adapter.DISK_WAIT", 0.01)
    keep, full = ResponseCache.keep, iter([True, True])

    def keep_if_there_is_room(self: ResponseCache, *args: Any, **kwargs: Any) -> None:
        if next(full, False):
            raise FileError("disk_full", folder="x", free=0, needed=1)
        keep(self, *args, **kwargs)

    monkeypatch.setattr(ResponseCache, "keep", keep_if_there_is_room)
    order = world.order(provider, "once only")

    job = await send(provider, order, key)

    assert (await provider.poll(job, key)).status is RemoteStatus.SUCCEEDED
    assert world.server.stats()["submits"]["once only"] == 1


async def test_a_released_answer_leaves_nothing_behind(provider, key, world) -> None:
    order = world.order(provider)
    job = await send(provider, order, key)
    assert len(list(world.locations.drawings.iterdir())) == 2

    await provider.release(job)

    assert list(world.locations.drawings.iterdir()) == []
    state = await provider.poll(job_of(order, _submission(order), provider), key)
    assert (state.status, state.failure.code) == (RemoteStatus.FAILED, "picture_answer_gone")


def _submission(order: Order) -> Any:
    from vidgen_core.providers.base import Submission

    return Submission(remote_id=order.reference)


# --- shapes seen in the wild


PNG = base64.b64encode(b"\x89PNG").decode()
#: Long enough to be told from a word.
LONG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(90)).decode()


def answered_with(body: Any, status: int = 200) -> ProviderResponse:
    return answer_of(status, {}, json.dumps(body))


SHAPES = [
    {"data": [{"b64_json": PNG}]},
    {"data": [{"b64_json": f"data:image/png;base64,{PNG}"}]},
    {"data": [{"url": f"data:image/png;base64,{PNG}"}]},
    {"images": [{"image_url": {"url": f"data:image/png;base64,{PNG}"}}]},
    {"data": {"b64_json": PNG}},
    {"choices": [{"message": {"content": [{"inline_data": {"mime_type": "image/png", "data": PNG}}]}}]},
    {"choices": [{"message": {"content": f"text\n![a](data:image/png;base64,{PNG})"}}]},
]
LINKS = [
    {"data": [{"url": "https://example.org/a"}]},
    {"data": ["https://example.org/a"]},
    {"choices": [{"message": {"content": "![a](https://example.org/a)"}}]},
    {"choices": [{"message": {"content": "Done: https://example.org/a.png"}}]},
    {"choices": [{"message": {"content": None, "images": [{"image_url": {"url": "https://example.org/a"}}]}}]},
    {"code": 0, "data": {"images": [{"image_url": "https://example.org/a"}]}},
    {"result": {"sample": "https://example.org/a.png?sig=1"}},
    {"input": {"image": "https://example.org/input.png"}, "job": {"outputs": ["https://example.org/a.webp"]}},
    {"result": '{"resultUrls": ["https://example.org/a.jpg"]}'},
]


@pytest.mark.parametrize("body", SHAPES)
def test_bytes_in_an_answer_are_found(body: dict[str, Any]) -> None:
    found = picture_in(answered_with(body))
    assert found is not None
    assert found.decoded() == b"\x89PNG"


@pytest.mark.parametrize(
    "body",
    [
        {"result": LONG},
        {"canvas": {"layers": [{"payload": LONG}]}},
        {"candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": LONG}}]}}]},
    ],
)
def test_bytes_are_known_by_their_beginning_wherever_they_stand(body: dict[str, Any]) -> None:
    found = picture_in(answered_with(body))
    assert found is not None
    assert (found.decoded() or b"").startswith(b"\x89PNG\r\n")


def test_a_picture_that_came_with_an_error_of_the_server_is_kept() -> None:
    body = {"error": {"message": "zonk"}, "data": [{"b64_json": LONG}]}
    assert picture_in(answered_with(body, 500)) is not None
    assert picture_in(answered_with(body, 400)) is None


def test_a_link_without_a_name_of_a_picture_is_taken_unless_the_job_still_runs() -> None:
    body = {"result": {"href": "https://example.org/a"}, "status_url": "https://example.org/look"}
    found = picture_in(answered_with(body))
    assert found is not None
    assert found.url == "https://example.org/a"
    assert picture_in(answered_with({**body, "status": "queued"})) is None


@respx.mock
async def test_an_answer_that_is_the_picture_is_the_picture(provider, key, world) -> None:
    drawn = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(drawn, "PNG")
    respx.post(url__regex=".*/v1/images/generations").respond(
        200, content=drawn.getvalue(), headers={"Content-Type": "image/png"}
    )
    order = world.order(provider)
    job = await send(provider, order, key)
    state = await provider.poll(job, key)
    assert state.status is RemoteStatus.SUCCEEDED
    kept = ResponseCache(world.locations.drawings).read(job.remote_id)
    assert kept is not None
    assert inspect_image(kept.file).width == 64


@pytest.mark.parametrize("body", LINKS)
def test_links_in_an_answer_are_found(body: dict[str, Any]) -> None:
    found = picture_in(answered_with(body))
    assert found is not None
    assert (found.url or "").startswith("https://example.org/a")


@pytest.mark.parametrize("body", [None, [], {}, {"data": None}, {"choices": [{}]}, {"choices": "x"}, {"data": [7]}])
def test_answers_without_a_picture_have_none(body: Any) -> None:
    assert picture_in(answered_with(body)) is None


@respx.mock
@pytest.mark.parametrize(
    ("answer", "kind", "delivery"),
    [
        (httpx.Response(200, json={"error": {"message": "余额不足", "code": "insufficient_user_quota"}}), "balance", "refused"),
        (httpx.Response(200, json={"created": 1}), "network", "unknown"),
        (httpx.Response(200, text="data: {}"), "network", "unknown"),
        (httpx.Response(400, json={"error": {"message": "Invalid value: 'size'", "code": "invalid_value"}}), "parameter", "refused"),
        (httpx.Response(503, json={"error": {"code": "model_not_found", "message": "无可用渠道"}}), "overloaded", "refused"),
    ],
)  # fmt: skip
async def test_answers_that_are_no_pictures_are_judged_in_the_usual_order(
    tmp_path: Path, answer: httpx.Response, kind: str, delivery: str
) -> None:
    from vidgen_core.config.paths import Locations

    settings = Settings.model_validate({"providers": {"images": {"base_url": "https://pictures.example"}}})
    provider = Images(lambda: settings, Locations(tmp_path / "home").create())
    route = respx.post("https://pictures.example/v1/images/generations").mock(return_value=answer)
    params = GenerationParams(prompt="a street", aspect_ratio="9:16", size="auto")
    order = Order(reference="t1-a1", model="gpt-image-1", params=params, output=TaskKind.IMAGE)

    with pytest.raises(RemoteError) as caught:
        await provider.submit(order, await provider.prepare(order, make_key()), make_key())
    await provider.close()

    assert (caught.value.kind.value, caught.value.delivery.value) == (kind, delivery)
    assert route.call_count == 1
