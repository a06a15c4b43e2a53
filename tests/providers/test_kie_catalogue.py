"""KIE's live catalogue: what it publishes is used, what it gets wrong changes nothing, and prices are those charged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from doubles import one_round
from provider_world import World, finish, make_key, make_params, send

from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import GenerationMode, ShotReference
from vidgen_core.domain.tasks import FinishVerb, GenerationParams, ParentTake, TaskKind
from vidgen_core.fake_provider.kie.validation import models
from vidgen_core.money.prices import Price, estimate
from vidgen_core.providers.base import Order, RemoteStatus
from vidgen_core.providers.common.model_check import validate_order
from vidgen_core.providers.http.client import Http
from vidgen_core.providers.kie.adapter import Kie
from vidgen_core.providers.kie.catalogue import Catalogue
from vidgen_core.providers.kie.models import KieModel, Listed, built_in, model_of
from vidgen_core.providers.kie.price_prose import prices_in
from vidgen_core.providers.kie.roles import read_roles
from vidgen_core.providers.kie.schema import form_of, read_document

KEY = make_key()
NEW = "studio/tomorrow-7"
#: A model that nobody has heard of, described in words of its own.
FIELDS: dict[str, Any] = {
    "prompt": {"type": "string", "required": True, "maxLength": 900},
    "negative_prompt": {"type": "string"},
    "start_image_url": {"type": "string", "description": "The opening picture."},
    "end_image_url": {"type": "string"},
    "reference_image_urls": {"type": "string[]", "maxItems": 4},
    "ratio": {"type": "string", "enum": ["16:9", "9:16"], "default": "16:9"},
    "resolution": {"type": "string", "enum": ["540p", "1440p"], "default": "540p"},
    "duration": {"type": "string", "enum": ["4s", "9s"], "required": True, "default": "4s"},
    "with_audio": {"type": "boolean", "default": False},
    "seed": {"type": "integer", "minimum": 0, "maximum": 99},
    "engine": {"type": "string", "enum": ["only"], "required": True},
    "grain": {"type": "number", "required": True, "default": 0.5},
}
ENTRY = {
    "input": FIELDS,
    "taskType": ["Image to Video"],
    "pricingDesc": "540p: 3 credits/s without audio, 4 credits/s with audio; 1440p: 7 credits/s without audio, 9 credits/s with audio",
    "price": [
        {"credits": 3, "per": "second", "when": {"resolution": "540p", "with_audio": False}},
        {"credits": 4, "per": "second", "when": {"resolution": "540p", "with_audio": True}},
        {"credits": 7, "per": "second", "when": {"resolution": "1440p", "with_audio": False}},
        {"credits": 9, "per": "second", "when": {"resolution": "1440p", "with_audio": True}},
    ],
}


TEXT = {"type": "string"}


@pytest.fixture
async def kie(world: World) -> AsyncIterator[Kie]:
    provider = Kie(world.settings, world.locations)
    provider._catalogue = Catalogue(provider._http, world.locations.home / "catalogues" / "kie.json", spacing=0.0)
    world.server.state.options.__dict__["kie_lookup_spacing"] = 0.0
    yield provider
    await provider.close()
    world.server.state.options.__dict__["kie_lookup_spacing"] = 1.0


async def test_a_model_published_only_in_the_catalogue_is_usable(kie, world) -> None:
    assert NEW not in kie.models()
    world.server.change_catalogue({NEW: ENTRY})
    world.options = {"kie": {"model": NEW}}
    assert await kie.refresh_models(KEY) is True

    can = kie.capabilities(NEW)
    assert (can.aspect_ratios, can.sizes, can.durations) == (("16:9", "9:16"), ("540P", "1440P"), (4.0, 9.0))
    assert can.modes == frozenset(GenerationMode)
    assert (can.sound, can.negative_prompt, can.max_references, can.seed_range) == ("optional", True, 4, (0, 99))
    order = world.order(
        kie, model=NEW, last=world.picture, size="1440P", duration=9.0, sound=True, seed=5, negative_prompt="rain"
    )
    assert kie.check(NEW, order.params) == ()
    payload = (await kie.prepare(order, KEY)).payload["input"]
    links = payload.pop("start_image_url"), payload.pop("end_image_url")
    assert all("kie-uploads" in link for link in links)
    assert payload == {
        "prompt": "a slow zoom", "negative_prompt": "rain", "ratio": "9:16", "resolution": "1440p", "duration": "9s",
        "with_audio": True, "seed": 5, "engine": "only", "grain": 0.5,
    }  # fmt: skip
    job = await send(kie, order, KEY)
    assert (await finish(kie, job, KEY, world)).status is RemoteStatus.SUCCEEDED
    assert "prompt_over_limit" in {one.code for one in kie.check(NEW, make_params("x" * 901))}


async def test_a_new_list_is_told_with_its_prices_before_all_schemas_are_read(kie, world) -> None:
    world.server.change_catalogue({NEW: ENTRY})
    world.options = {"kie": {"model": NEW}}
    assert await kie.refresh_models(KEY) is True
    first = dict(world.server.stats()["lookups"])
    assert {one.model for one in await kie.price_list() or ()} >= {NEW, "veo-3-1"}
    assert sum(count for model, count in first.items() if model != "models") < 10
    assert await kie.refresh_models(KEY) is True
    assert len(world.server.stats()["lookups"]) > len(first) + 20


async def test_a_model_of_a_list_that_is_not_here_is_awaited_and_one_that_no_list_names_is_not(kie, world) -> None:
    world.server.change_catalogue({NEW: ENTRY})
    world.options = {"kie": {"model": NEW}}
    params = make_params(aspect_ratio="9:16", image_url="https://cdn.example/first.jpg")
    assert [(one.code, one.fatal) for one in kie.check(NEW, params)] == [("model_form_awaited", True)]
    assert all(kie.awaited(name) is None for name in ("veo3_fast", "wan/3-0-video"))

    await kie.refresh_models(KEY)
    assert kie.awaited(NEW) is None
    assert kie.awaited("no/such") is None
    kie._catalogue._file.unlink()
    assert kie.awaited(NEW) is not None
    world.options = {"kie": {"live_catalogue": False}}
    assert kie.awaited(NEW) is None


async def test_the_switch_is_off_and_nothing_is_asked(kie, world) -> None:
    world.options = {"kie": {"live_catalogue": False}}
    assert await kie.refresh_models(KEY) is False
    assert world.server.stats()["lookups"] == {}
    assert await kie.price_list() is None


async def test_what_was_read_is_known_after_a_restart_and_not_asked_again(kie, world) -> None:
    world.server.change_catalogue({NEW: ENTRY})
    world.options = {"kie": {"model": NEW}}
    await kie.refresh_models(KEY)
    before = world.server.stats()["lookups"]
    again = Kie(world.settings, world.locations)
    again._catalogue = Catalogue(again._http, world.locations.home / "catalogues" / "kie.json", spacing=0.0)
    assert again.capabilities(NEW).sizes == ("540P", "1440P")
    await again.refresh_models(KEY)
    await again.close()
    after = world.server.stats()["lookups"]
    assert (after["models"], after[NEW]) == (before["models"], before[NEW])


@pytest.mark.parametrize(
    "fault", ["catalogue-down", "catalogue-refused", "catalogue-empty", "catalogue-hostile", "schema-null"]
)
async def test_a_catalogue_that_misbehaves_changes_nothing(kie, world, fault) -> None:
    while await kie.refresh_models(KEY):
        pass
    known = {name: kie.capabilities(name) for name in kie.models()}
    job = await send(kie, world.order(kie, model="veo-3-1"), KEY)
    kept = kie._catalogue
    old = json.loads(kept._file.read_text())
    old["at"] = 1.0
    for row in old["models"].values():
        row.pop("asked", None)
    kept._file.write_text(json.dumps(old))

    world.server.set_faults({fault: 1})
    await kie.refresh_models(KEY)
    assert {name: kie.capabilities(name) for name in kie.models()} == known
    world.server.set_faults({fault: 0})
    assert (await finish(kie, job, KEY, world)).status is RemoteStatus.SUCCEEDED


async def test_a_model_that_vanishes_is_offered_no_more_and_what_waits_is_asked_for_as_before(kie, world) -> None:
    world.server.change_catalogue({NEW: ENTRY})
    world.options = {"kie": {"model": NEW}}
    await kie.refresh_models(KEY)
    order = world.order(kie, model=NEW, size="1440P", duration=9.0, sound=True)
    before = (await kie.prepare(order, KEY)).payload
    world.options = {}
    world.server.change_catalogue(withdraw=(NEW,))
    kie._catalogue._now = lambda: 4_000_000_000.0
    await kie.refresh_models(KEY)
    assert NEW not in kie.models()
    assert kie.check(NEW, order.params) == ()
    assert (await kie.prepare(order, KEY)).payload == before
    # It comes back with another form.
    world.server.change_catalogue(
        {NEW: ENTRY | {"input": FIELDS | {"resolution": {"type": "string", "enum": ["540p"]}}}}
    )
    kie._catalogue._now = lambda: 4_100_000_000.0
    await kie.refresh_models(KEY)
    assert NEW in kie.models()
    assert "size_not_taken" in {one.code for one in kie.check(NEW, order.params) if one.fatal}


@pytest.mark.parametrize("length", ["Infinity", "9" * 400, "1e999", "-4", "NaN", 10**300])
async def test_a_length_that_cannot_be_breaks_no_price_and_no_order(kie, world, length) -> None:
    world.server.change_catalogue(
        {NEW: ENTRY | {"input": FIELDS | {"duration": {"type": "string", "default": length}}}}
    )
    world.options = {"kie": {"model": NEW}}
    await kie.refresh_models(KEY)
    table = tuple(Price(provider=ProviderId("kie"), **vars(one), source="list") for one in await kie.price_list())
    order = world.order(kie, model=NEW, size="540P")
    assert estimate(ProviderId("kie"), NEW, order.params, own=table) is None
    assert "duration" not in (await kie.prepare(order, KEY)).payload["input"]


async def test_a_test_of_the_connection_and_the_balance_wait_for_no_catalogue(
    kie, world, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.providers.kie.adapter.LISTED_WITHIN", 0.05)
    # Somebody is reading all schemas, slowly.
    async with kie._catalogue._lock:
        assert (await kie.balance(KEY)).amount > 0
        assert (await kie.test(KEY)).ok
    assert (await kie.test(KEY)).ok


async def test_a_file_of_the_catalogue_that_is_broken_is_as_none(kie, world) -> None:
    await kie.refresh_models(KEY)
    kie._catalogue._file.write_text('{"models": {"x": ')
    assert kie.capabilities("wan/3-0-video").sizes == ("480P", "720P", "1080P")
    assert "veo3_fast" in kie.models()


async def test_one_account_looks_up_once_a_second(tmp_path: Path) -> None:
    times: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        times.append(asyncio.get_running_loop().time())
        if len(times) == 1:
            return httpx.Response(200, json={"code": 429, "msg": "Too many requests", "data": None})
        row = {"model": "a/b", "taskType": ["Text to Video"]}
        return httpx.Response(200, json={"code": 200, "data": {"models": [row], "openapi": None, "points": []}})

    http = Http()
    catalogue = Catalogue(http, tmp_path / "kie.json", spacing=0.1)
    with respx.mock:
        respx.get(url__startswith="https://kie.example/api/v1/models").mock(side_effect=answer)
        await catalogue.refresh("https://kie.example", KEY, ("a/b",))
    await http.close()
    assert len(times) >= 3
    assert all(later - earlier >= 0.09 for earlier, later in pairwise(times))
    assert catalogue.models("https://kie.example", "video") == ("a/b",)


async def test_a_model_that_fails_often_is_warned_about(kie, world) -> None:
    world.server.change_catalogue({"veo-3-1": {**models()["veo-3-1"], "success": 21.5}})
    world.options = {"kie": {"model": "veo-3-1"}}
    await kie.refresh_models(KEY)
    found = [one for one in kie.check("veo-3-1", make_params(aspect_ratio="16:9")) if one.code == "model_fails_often"]
    assert [(one.fatal, one.params["rate"]) for one in found] == [(False, 22)]


#: Ten models whose prices depend on what is asked for, and an order of each.
PRICED: list[tuple[str, dict[str, Any]]] = [
    ("bytedance/seedance-2", {"size": "4K", "duration": 4.0}),
    ("bytedance/seedance-2", {}),
    ("bytedance/seedance-2-5", {"size": "1080P", "duration": 30.0}),
    ("kling-3.0/video", {"size": "720P", "duration": 3.0, "sound": True}),
    ("kling-3.0/video", {"size": "1080P", "duration": 7.0}),
    ("kling/v3-turbo-image-to-video", {"size": "1080P", "duration": 9.0}),
    ("kling-2.6/image-to-video", {"duration": 10.0, "sound": True}),
    ("kling-2.6/image-to-video", {"duration": 5.0}),
    ("gemini-omni-video", {"picture": None, "duration": 8.0}),
    ("minimax-h3/image-to-video", {"size": "2K"}),
    ("wan/2-7-image-to-video", {"size": "1080P", "duration": 2.0}),
    ("wan/3-0-video", {"size": "1080P", "duration": 30.0}),
    ("grok-imagine/image-to-video", {"size": "720P", "duration": 13.0}),
    ("veo-3-1", {"size": "1080P"}),
    ("veo3_lite", {"size": "4K"}),
    (NEW, {"size": "1440P", "sound": False}),
]


@pytest.mark.parametrize(("model", "asked_for"), PRICED)
async def test_the_price_shown_is_the_price_charged(kie, world, model, asked_for) -> None:
    world.server.change_catalogue({NEW: ENTRY})
    world.options = {"kie": {"model": model}}
    await kie.refresh_models(KEY)
    listed = await kie.price_list()
    table = tuple(Price(provider=ProviderId("kie"), **vars(one), source="list") for one in listed)
    order = world.order(kie, f"a lake {model}", model=model, **asked_for)
    assert [one for one in kie.check(model, order.params) if one.fatal] == []

    shown = estimate(ProviderId("kie"), model, order.params, own=table)
    await send(kie, order, KEY)
    assert shown is not None
    assert shown.amount == Decimal(str(world.server.stats()["charged"]["kie"]))


@pytest.mark.parametrize(("model", "asked_for"), [one for one in PRICED if one[0] != NEW])
async def test_the_built_in_prices_are_those_of_the_day(kie, world, model, asked_for) -> None:
    order = world.order(kie, f"a lake {model}", model=model, **asked_for)
    shown = estimate(ProviderId("kie"), model, order.params)
    if shown is not None:
        await send(kie, order, KEY)
        assert shown.amount == Decimal(str(world.server.stats()["charged"]["kie"]))


async def test_a_price_that_changes_is_shown_as_it_is_now(kie, world) -> None:
    await kie.refresh_models(KEY)
    dear = {**models()["wan/3-0-video"], "pricingDesc": "480P: 80 credits/s; 720P: 160 credits/s"}
    world.server.change_catalogue({"wan/3-0-video": dear})
    kie._catalogue._now = lambda: 4_000_000_000.0
    await kie.refresh_models(KEY)
    rows = {one.size: one.amount for one in await kie.price_list() or () if one.model == "wan/3-0-video"}
    assert rows == {"480P": Decimal(80), "720P": Decimal(160)}


@pytest.mark.parametrize(
    ("prose", "rows"),
    [
        ("Each task costs 20 credits (0.10 USD).", [("take", "", None, None, 20)]),
        ("Only today: 0 credits per video, 1080p: 8 credits", [("take", "1080P", None, None, 8)]),
        ("A 5-second video costs 160 credits (0.80 USD), a 10-second video costs 320 credits",
         [("take", "", 5.0, None, 160), ("take", "", 10.0, None, 320)]),
        ("22.5 credits/s ($0.1125) for 720 p or 29 credits/s ($0.145) for 1080 p",
         [("second", "720P", None, None, 22.5), ("second", "1080P", None, None, 29)]),
        ("480P: 17 credits/s ($0.085/s, with video) | 28 credits/s ($0.140/s, no video)",
         [("second", "480P", None, None, 28)]),
        ("14 credits/s without audio, 20 credits/s with audio",
         [("second", "", None, False, 14), ("second", "", None, True, 20)]),
        ("540p: 3 credits/s without audio, 4 credits/s with audio; 1080p: 7 credits/s without audio",
         [("second", "540P", None, False, 3), ("second", "540P", None, True, 4), ("second", "1080P", None, False, 7)]),
        ("720P — 60 credits, 1080P — 65 credits per video",
         [("take", "720P", None, None, 60), ("take", "1080P", None, None, 65)]),
        ("Nano Banana — now just 8 credits ($0.04) for 1 K, and 18 credits for 4 K",
         [("take", "1K", None, None, 8), ("take", "4K", None, None, 18)]),
        ("Free for now", []),
        ("credits credits 999999999999 credits per " * 50, []),
    ],
)  # fmt: skip
def test_prices_in_prose_are_read(prose, rows) -> None:
    found = [(one.unit, one.size, one.seconds, one.sound, float(one.amount)) for one in prices_in("m", prose)]
    assert found == rows


def document(input_schema: Any, **more: Any) -> dict[str, Any]:
    body = {"type": "object", "properties": {"model": {"type": "string"}, "input": input_schema}}
    content = {"application/json": {"schema": body}}
    return {"paths": {"/api/v1/jobs/createTask": {"post": {"requestBody": {"content": content}}}}, **more}


CIRCLE = {"$ref": "#/components/schemas/a"}
TREE = {"oneOf": [CIRCLE] * 12, "anyOf": [CIRCLE] * 12, "properties": {"a": CIRCLE}}


@pytest.mark.parametrize(
    "bad",
    [
        None, "text", [], {}, {"paths": {"/v1/chat/completions": {"post": {}}}}, document(None), document(CIRCLE),
        document(CIRCLE, components={"schemas": {"a": CIRCLE}}),
        document(CIRCLE, components={"schemas": {"a": TREE}}),
        document({"type": "object", "properties": {"x": CIRCLE}}, components={"schemas": {"a": TREE}}),
        document({"$ref": "https://evil.example/schema.json"}),
        document({"type": "object", "properties": {}}),
        document({"type": "object", "properties": {"a b": {"type": "string"}}}),
        document({"type": "object", "properties": {f"f{n}": {"type": "string"} for n in range(200)}}),
        document({"type": "object", "required": ["x"], "properties": {"y": {"type": "string"}}}),
    ],
)  # fmt: skip
def test_a_document_that_describes_no_job_is_none(bad) -> None:
    assert read_document(bad, "m") is None


def test_of_alternatives_exactly_one_is_asked_with() -> None:
    branches = [
        {"type": "object", "required": ["task_id"], "properties": {"task_id": {"type": "string"}}},
        {"type": "object", "required": ["image_url"], "properties": {"image_url": {"type": "string"}}},
    ]
    common = {"properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}
    forms = read_document(document({"oneOf": branches, **common}), "m")
    assert forms is not None
    assert [sorted(form.fields) for form in forms] == [["prompt", "task_id"], ["image_url", "prompt"]]


@pytest.mark.parametrize(
    ("field", "role"),
    [
        ({"type": "array", "items": {"type": "string"}, "maxItems": 1}, "first"),
        ({"type": "array", "items": {"type": "string"}, "description": "First frame and last frame"}, "frames"),
        ({"type": "array", "items": {"type": "string"}, "description": "Reference images"}, "references"),
        ({"type": "array", "items": {"type": "string"}}, "unsure_pictures"),
        ({"type": "array", "items": {"type": "object"}}, None),
        ({"type": "boolean"}, None),
    ],
)
def test_pictures_are_recognised_only_where_that_is_certain(field, role) -> None:
    forms = read_document(document({"type": "object", "properties": {"image_urls": field}}), "m")
    assert forms is not None
    roles = read_roles(forms[0], draws=False, hints={}).by_role
    assert [name for name, value in roles.items() if value == "image_urls"] == ([role] if role else [])


LINK = {"type": "string", "format": "uri"}


def model_with(*inputs: dict[str, Any]) -> KieModel:
    """A model whose request has a prompt and, in each alternative, some fields more."""
    objects = [
        {"type": "object", "properties": {"prompt": {"type": "string"}, **fields}, "required": ["prompt"]}
        for fields in inputs
    ]
    forms = read_document(document({"oneOf": objects} if len(objects) > 1 else objects[0]), "m")
    return model_of("m", Listed(makes="video", forms=forms))


@pytest.mark.parametrize(
    ("field", "lengths", "written"),
    [
        ({"type": "integer", "enum": [5, 10]}, (5, 10), 5),
        ({"type": "integer", "nullable": True, "enum": [5, 10, None]}, (5, 10), 5),
        ({"type": ["string", "null"], "enum": ["5s", "10s", None]}, (5, 10), "5s"),
        ({"enum": [5, 10]}, (5, 10), 5),
        ({"oneOf": [{"const": "5"}, {"const": "10", "title": "long"}]}, (5, 10), "5"),
        ({"anyOf": [{"type": "string", "enum": ["5"]}, {"type": "null"}]}, (5,), "5"),
        ({"type": "string", "pattern": "^(5|10)$"}, (5, 10), "5"),
        ({"type": "integer", "minimum": 5, "maximum": 15, "multipleOf": 5}, (5, 10, 15), 5),
        ({"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 6}, (4, 5), 5),
        ({"type": "integer", "minimum": 3, "exclusiveMinimum": True, "maximum": 6, "exclusiveMaximum": True}, (4, 5), 5),
        ({"type": "number", "exclusiveMinimum": 3.5, "maximum": 5.5}, (4, 5), 5),
        ({"type": "string", "minimum": "4", "maximum": "5"}, (4, 5), "5"),
        ({"anyOf": [{"const": -1}, {"type": "integer", "minimum": 4, "maximum": 5}]}, (4, 5), 5),
        ({"anyOf": [{"type": "string", "enum": ["auto"]}, {"type": "integer", "minimum": 4, "maximum": 5}]}, (4, 5), 5),
        ({"allOf": [{"type": "integer"}, {"minimum": 4, "maximum": 5}]}, (4, 5), 5),
    ],
)  # fmt: skip
def test_lengths_are_read_of_every_kind_of_schema_and_sent_as_it_wants_them(field, lengths, written) -> None:
    model = model_with({"duration": field})
    can = model.capabilities()

    assert can.lengths == lengths
    assert {one.code for one in validate_order(can, make_params(duration=float(lengths[-1] + 1)))} == {
        "duration_not_taken"
    }
    request = model.request(can.settle(make_params(duration=5.0)), {}, seed=None, translate=False)
    assert request is not None
    assert request["input"]["duration"] == written


@pytest.mark.parametrize(
    ("name", "field", "asked_for", "written"),
    [
        ("resolution", {"type": "integer", "enum": [720, 1080]}, {"size": "1080P"}, 1080),
        ("resolution", {"oneOf": [{"const": "720p"}, {"const": "1080p"}]}, {"size": "1080P"}, "1080p"),
        ("aspect_ratio", {"type": ["string", "null"], "enum": ["16:9", "9:16", None]}, {}, "9:16"),
        ("sound", {"type": "string", "enum": ["on", "off"]}, {"sound": True}, "on"),
        ("generate_audio", {"type": "string", "enum": ["true", "false"]}, {"sound": False}, "false"),
        ("generate_audio", {"default": True}, {"sound": False}, False),
        ("reference_image_urls", {"type": "array", "items": {"anyOf": [LINK, {"type": "null"}]}, "maxItems": 2}, {"references": 2}, ["l", "l"]),
        ("reference_image_urls", {"oneOf": [LINK, {"type": "array", "items": LINK, "maxItems": 2}]}, {"references": 2}, ["l", "l"]),
        ("first_frame_url", {"anyOf": [LINK, {"type": "null"}]}, {"image": "a.png"}, "l"),
    ],
)  # fmt: skip
def test_other_values_are_read_of_every_kind_of_schema(name, field, asked_for, written) -> None:
    model = model_with({name: field})
    references = tuple(ShotReference(image=f"{n}.png") for n in range(asked_for.get("references", 0)))
    can = model.capabilities()
    params = can.settle(make_params(**asked_for | {"references": references}))

    assert [one for one in validate_order(can, params) if one.fatal] == []
    pictures = {"first": ["l"] if asked_for.get("image") else [], "references": ["l"] * len(references)}
    request = model.request(params, pictures, seed=None, translate=False)
    assert request is not None
    assert request["input"][name] == written
    if references:
        many = params.model_copy(update={"references": references * 2})
        assert "references_too_many" in {one.code for one in validate_order(can, many)}


def test_what_one_alternative_takes_is_not_asked_of_another() -> None:
    prompt = {"prompt": {"type": "string"}}
    one = {"duration": {"type": "integer", "enum": [4, 8]}, "resolution": {"enum": ["720p"]}}
    other = {"duration": {"type": "integer", "minimum": 4, "maximum": 15}, "resolution": {"enum": ["720p", "1080p"]}}
    shapes = {
        "oneOf": [
            {"properties": prompt | one},
            {"properties": prompt | other | {"image_url": LINK}, "required": ["image_url"]},
        ]
    }
    model = model_of("m", Listed(makes="video", forms=read_document(document(shapes), "m")))
    can = model.capabilities()
    shown: dict[str, Any] = {"image": "a.png"}

    def against(**asked_for: Any) -> list[str]:
        return [one.code for one in model.against(can.settle(make_params(**asked_for)))]

    assert against(duration=8.0) == against(**shown, duration=15.0, size="1080P") == []
    assert against(duration=15.0) == against(size="1080P") == ["combination_not_taken"]
    assert model.request(can.settle(make_params(duration=15.0)), {}, seed=None, translate=False) is None


def test_alternatives_within_alternatives_and_parts_are_found() -> None:
    first = {"properties": {"first_frame_url": LINK}, "required": ["first_frame_url"]}
    others = {
        "properties": {"reference_image_urls": {"type": "array", "items": LINK}},
        "required": ["reference_image_urls"],
    }
    prompt = {"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}
    for schema in (
        {"allOf": [prompt, {"oneOf": [first, others]}]},
        {"oneOf": [{"anyOf": [{"allOf": [prompt, first]}, {"type": "null"}]}, {"allOf": [prompt, others]}]},
    ):
        modes = model_of("m", Listed(makes="video", forms=read_document(document(schema), "m"))).capabilities().modes
        assert modes == {GenerationMode.FIRST_FRAME, GenerationMode.REFERENCES}


@pytest.mark.parametrize(
    ("field", "schema", "asked_for"),
    [
        ("prompt", TEXT, {}),
        ("negative_prompt", TEXT, {"negative_prompt": "rain"}),
        ("sound", {"type": "boolean"}, {"sound": True}),
        ("duration", {"type": "integer", "minimum": 3, "maximum": 15}, {"duration": 9.0}),
        ("aspect_ratio", {"type": "string", "enum": ["16:9", "9:16"]}, {"chosen": ("aspect_ratio",)}),
        ("size", {"type": "string", "enum": ["720p", "1080p"]}, {"chosen": ("size",)}),
        ("seed", {"type": "integer"}, {"seed": 7}),
        ("watermark", TEXT, {"watermark": "me"}),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
@pytest.mark.parametrize("other", [{}, {"aspect_ratio": TEXT}], ids=["alone", "beside a ratio without words"])
def test_what_only_an_alternative_for_other_material_takes_is_not_lost_in_silence(
    field, schema, asked_for, other
) -> None:
    prompt = {} if field == "prompt" else {"prompt": TEXT}
    framed = {"start_image": {"type": "string", "required": True}, field: schema}
    forms = tuple(form_of(prompt | more) for more in ({"style": TEXT} | other, framed))
    model = model_of("m", Listed(makes="video", forms=forms))
    can, params = model.capabilities(), make_params("a boat", **asked_for)
    problems = (*validate_order(can, params), *model.against(can.settle(params)))
    assert any(one.fatal or one.field == field for one in problems)


async def test_a_list_of_pictures_of_unknown_use_asks_first(kie, world) -> None:
    entry = {
        "input": {"prompt": {"type": "string"}, "image_urls": {"type": "string[]"}},
        "taskType": ["Image to Video"],
    }
    world.server.change_catalogue({NEW: entry})
    world.options = {"kie": {"model": NEW}}
    await kie.refresh_models(KEY)
    params: GenerationParams = make_params(image="a.png")
    assert {(one.code, one.fatal) for one in kie.check(NEW, params)} >= {("image_perhaps_ignored", False)}


async def test_pictures_are_drawn_by_jobs_and_after_references(kie, world) -> None:
    await kie.refresh_models(KEY)
    assert "nano-banana-2-1" in kie.picture_models()
    assert "nano-banana-2-1" not in kie.models()
    asked_for = {"picture": None, "reference_pictures": (world.picture,), "model": "nano-banana-2-1", "size": "auto"}
    order = world.order(kie, "a lake at dawn", **asked_for).model_copy(update={"output": TaskKind.IMAGE})
    assert [one for one in kie.check(order.model, order.params) if one.fatal] == []
    prepared = await kie.prepare(order, KEY)
    (link,) = prepared.payload["input"].pop("image_input")
    assert "kie-uploads" in link
    assert prepared.payload["input"] == {"prompt": "a lake at dawn", "aspect_ratio": "9:16", "output_format": "png"}
    table = tuple(Price(provider=ProviderId("kie"), **vars(one), source="list") for one in await kie.price_list())
    job = await send(kie, order, KEY)
    assert estimate(ProviderId("kie"), order.model, order.params, own=table).amount == Decimal(8)
    assert world.server.stats()["charged"]["kie"] == 8
    state = await finish(kie, job, KEY, world)
    assert state.status is RemoteStatus.SUCCEEDED
    part = world.part("picture")
    await kie.fetch(job, state.url, part, KEY)
    part.close()
    assert part.path.read_bytes()[1:4] == b"PNG"


#: What an order of ``NEW`` asks for, by the field that carries it.
OPTIONS: dict[str, dict[str, Any]] = {
    "prompt": {},
    "negative_prompt": {"negative_prompt": "rain"},
    "ratio": {"aspect_ratio": "9:16"},
    "resolution": {"size": "1440P"},
    "duration": {"duration": 9.0},
    "with_audio": {"sound": True},
    "seed": {"seed": 7},
    "start_image_url": {"image_url": "https://cdn.example/first.jpg"},
}


@pytest.mark.parametrize(
    ("field", "instead", "asked_by"), one_round(list(OPTIONS), [None, {"type": "object"}], ["the shot", "the settings"])
)
async def test_what_a_schema_takes_no_longer_is_refused_or_was_not_known_to_be_lost(
    kie, world, field, instead, asked_by
) -> None:
    world.options = {"kie": {"model": NEW}}
    world.server.change_catalogue({NEW: ENTRY})
    await kie.refresh_models(KEY)
    asked_for = {"image_url": "https://cdn.example/first.jpg", "size": "1440P", "duration": 9.0} | OPTIONS[field]
    own = {"the shot": {"chosen": ("aspect_ratio", "size")}, "the settings": {"defaults": ("sound", "negative_prompt")}}
    params = kie.capabilities(NEW).spelled(
        make_params(aspect_ratio=asked_for.pop("aspect_ratio", "16:9"), **asked_for, **own[asked_by])
    )
    assert kie.losses(NEW, params) == {}

    fields = {name: row for name, row in FIELDS.items() if name != field} | ({field: instead} if instead else {})
    form = model_of(NEW, Listed(makes="video", forms=(form_of(fields),)))
    kie._known = lambda _: form
    kie._facts = (None, {})

    assert kie.losses(NEW, params) or any(problem.fatal for problem in kie.check(NEW, params))


PARENT = ParentTake(
    verb=FinishVerb.EXTEND,
    take=1,
    number=1,
    provider=ProviderId("kie"),
    model="veo-3-1",
    remote_id="job-1",
    made_at=datetime.now(UTC),
    video="a.mp4",
    seconds=8.0,
)


@pytest.mark.parametrize(
    ("model", "field", "asked_for"),
    [
        ("veo/extend", "prompt", {}),
        ("grok-imagine/extend", "prompt", {"duration": 6.0}),
        ("grok-imagine/extend", "extend_times", {"duration": 6.0}),
    ],
)
async def test_what_an_extension_takes_no_longer_was_not_known_to_be_lost(kie, model, field, asked_for) -> None:
    params = make_params("it sails on", mode=GenerationMode.TEXT, parent=PARENT, **asked_for)
    known = kie.losses(model, params)
    assert not [one for one in kie.check(model, params) if one.fatal]

    fields = {("told" if name == field else name): row for name, row in built_in()[model].fields.items()}
    form = model_of(model, Listed(makes="video", forms=(form_of(fields | {"told": {"type": "string"}}),)))
    kie._known = lambda _: form
    kie._facts = (None, {})

    assert set(kie.losses(model, params)) - set(known) or any(one.fatal for one in kie.check(model, params))


async def test_whether_the_prompt_of_an_extension_is_translated_is_as_the_task_says(kie) -> None:
    switch = {"task_id": TEXT, "prompt": TEXT, "enable_translation": {"type": "boolean"}}
    model = model_of(NEW, Listed(makes="video", forms=(form_of(switch),)))
    kie._known = lambda _: model
    params = make_params(mode=GenerationMode.TEXT, parent=PARENT, options={"enable_translation": False})

    payload = (await kie.prepare(Order(reference="r", model=NEW, params=params), KEY)).payload

    assert payload["input"]["enable_translation"] is False
