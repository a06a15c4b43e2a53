"""Lovart keeps the contract, against the rehearsal, and treats its agent as what it is."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
import respx
from contract import RemoteContract
from provider_world import GOOD, World, finish, make_key, make_params, send

from vidgen_core.config.schema import Settings
from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.domain.money import Money
from vidgen_core.domain.shots import GenerationMode, ShotReference
from vidgen_core.providers.base import (
    WAITING_FOR_CONFIRMATION,
    Key,
    Provider,
    ReferencePicture,
    RemoteState,
    RemoteStatus,
)
from vidgen_core.providers.lovart.adapter import Lovart
from vidgen_core.providers.lovart.prompt_text import message, request

Build = Callable[[Callable[[], Settings]], Provider]
PAIR = f"ak{GOOD[2:]}:{GOOD}"


@pytest.fixture
def key() -> Key:
    return make_key(PAIR)


@pytest.fixture
async def provider(world: World) -> AsyncIterator[Lovart]:
    made = Lovart(world.settings, world.locations)
    yield made
    await made.close()


class TestLovart(RemoteContract):
    @pytest.fixture
    def key(self) -> Key:
        return make_key(PAIR)

    @pytest.fixture
    def build(self, world: World) -> Build:
        return lambda settings: Lovart(settings, world.locations)


async def test_the_prompt_arrives_word_for_word_with_the_options_beside_it(provider, key, world) -> None:
    prompt = "A cat.\n-----\nAspect ratio: 1:1 — 猫"
    await send(provider, world.order(provider, prompt, duration=4.0, aspect_ratio="16:9"), key)
    (job,) = world.server.jobs()
    assert job["prompt"] == prompt
    assert (job["model"], job["seconds"]) == ("generate_video_seedance_v2_0", 4.0)
    assert (job["width"], job["height"]) == (1280, 720)
    assert len(job["params"]["attachments"]) == 1


def test_the_tool_is_a_request_unless_it_is_made_a_rule() -> None:
    asked_for, rule = (request("veo3", make_params(), {}, "p", only=only)["tool_config"] for only in (False, True))
    assert asked_for == {"prefer_tool_categories": {"VIDEO": ["generate_video_veo3"]}}
    assert rule == asked_for | {"include_tools": ["generate_video_veo3"]}


def test_what_was_not_asked_for_is_not_sent() -> None:
    text = message("veo3", make_params(aspect_ratio="Auto"), {})
    assert "ratio" not in text
    assert "Length" not in text
    assert "picture" not in text


@pytest.mark.parametrize(
    ("mode", "pictures", "said"),
    [
        (GenerationMode.FIRST_LAST_FRAME, 2, "ends with the second one"),
        (GenerationMode.REFERENCES, 2, "none of which is a frame"),
        (GenerationMode.FIRST_FRAME, 1, "as its first frame"),
        (GenerationMode.TEXT, 0, "from the text alone"),
    ],
)
async def test_several_pictures_are_attached_in_order_and_explained(provider, key, world, mode, pictures, said) -> None:
    frames = mode in (GenerationMode.FIRST_FRAME, GenerationMode.FIRST_LAST_FRAME)
    order = world.order(provider, picture=world.picture if frames else None, mode=mode, sound=True).model_copy(
        update={
            "last_frame": world.picture if mode is GenerationMode.FIRST_LAST_FRAME else None,
            "references": (ReferencePicture(path=world.picture),) * (2 if mode is GenerationMode.REFERENCES else 0),
        }
    )
    prepared = await provider.prepare(order, key)
    assert len(prepared.payload["attachments"]) == pictures
    assert said in prepared.payload["prompt"]
    assert "With sound." in prepared.payload["prompt"]


@pytest.mark.parametrize("way", ["api", "browser"])
@pytest.mark.parametrize("model", ["seedance_v2_0", "veo3_1", "kling_v3", "tool_of_tomorrow"])
def test_whatever_is_asked_for_in_any_combination_is_told_or_said(world, way: str, model: str) -> None:
    world.options = {"lovart": {"way": way}}
    provider = Lovart(world.settings, world.locations)
    pick, link = random.Random(f"{way} {model}").choice, "https://pics.example.com/1.png"
    reached = 0
    for _ in range(150):
        refs = pick((0, 0, 1, 3, 12))
        asked_for: dict[str, Any] = {
            "image": pick((None, "a.png")),
            "image_url": pick((None, None, link)),
            "last_frame": pick((None, None, "b.png")),
            "references": tuple(ShotReference(**{pick(("image", "image_url")): link}) for _ in range(refs)),
            "mode": pick((None, None, *GenerationMode)),
            "aspect_ratio": pick(("9:16", "16:9", "Auto", "auto", "5:4")),
            "size": pick(("720P", "1080p", "4K")),
            "duration": pick((None, 0.5, 4.0, 45.0)),
            "sound": pick((None, True, False)),
            "negative_prompt": pick(("", "rain")),
            "seed": pick((None, 5)),
            "watermark": pick(("", "me")),
            "callback_url": pick(("", "https://example.com/done")),
        }
        params = make_params(**asked_for)
        problems = provider.check(model, params)
        if any(one.fatal for one in problems):
            continue
        reached += 1
        said, settled = {one.field for one in problems}, provider.capabilities(model).settle(params)
        # As each way takes them: links and files, or one file.
        first = settled.image if way == "browser" else settled.image or settled.image_url
        pictures = {"first": [first] if first else [], "last": [settled.last_frame] if settled.last_frame else []}
        pictures["references"] = [one.image or one.image_url for one in settled.references]
        text = message(model, settled, pictures)
        frames = settled.has_first_frame + settled.has_last_frame
        assert (len(pictures["first"]) + len(pictures["last"]), way == "browser" and frames > 1) == (frames, False), (
            asked_for
        )
        assert not (way == "browser" and settled.references), asked_for
        told = {
            "aspect_ratio": settled.aspect_ratio.lower() == "auto" or f"ratio: {settled.aspect_ratio}." in text,
            "size": settled.size.lower() in text,
            "duration": settled.duration is None or f"Length: {settled.duration:g} s" in text,
            "sound": settled.sound is None or ("With sound." in text) is settled.sound,
            "negative_prompt": not settled.negative_prompt or "rain" in text,
            "seed": settled.seed is None,
            "watermark": not settled.watermark,
            "callback_url": not settled.callback_url,
        }
        assert {name for name, is_told in told.items() if not is_told} <= said, asked_for
        assert "auto" not in text, asked_for
    assert reached > 5


@pytest.mark.parametrize(("queue", "price"), [("unlimited", 0), ("fast", 25), ("keep", 25)])
async def test_the_account_is_brought_to_the_queue_of_the_settings_before_an_order(
    provider, key, world, queue, price
) -> None:
    world.options = {"lovart": {"queue": queue, "confirm_up_to": 40}}
    await send(provider, world.order(provider), key)
    assert world.server.stats()["charged"]["lovart"] == price
    assert provider.confirms_up_to == (0 if queue == "unlimited" else 40)
    notes = (await provider.test(key)).notes
    assert notes == (("note.lovart_unlimited",) if queue == "unlimited" else ("note.lovart_fast",))
    world.options = {"lovart": {"queue": "fast"}}
    assert (await provider.test(key)).notes == ("note.lovart_fast",)


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([{"unlimited": False, "unlimited_enable": False}], "lovart_no_unlimited"),
        ([{"unlimited": False, "unlimited_enable": True}, None, {"unlimited": False}], "lovart_queue_not_set"),
    ],
)
async def test_an_account_that_cannot_be_switched_sends_nothing(provider, key, world, answers, code) -> None:
    world.options = {"lovart": {"queue": "unlimited"}}
    with respx.mock(base_url=world.server.url, assert_all_called=False) as wire:
        modes = [one for one in answers if one is not None]
        wire.post("/v1/openapi/mode/query").mock(
            side_effect=[httpx.Response(200, json={"code": 0, "data": one}) for one in modes]
        )
        wire.post("/v1/openapi/mode/set").respond(json={"code": 0, "data": {}})
        with pytest.raises(RemoteError) as caught:
            await provider.prepare(world.order(provider), key)
    assert (caught.value.code, caught.value.delivery is Delivery.UNKNOWN) == (code, False)


async def test_each_take_has_a_project_of_its_own_and_its_canvas_is_kept(provider, key, world) -> None:
    orders = [world.order(provider, take=take) for take in (1, 2)]
    prepared = [await provider.prepare(order, key) for order in orders]
    projects = [one.payload["project_id"] for one in prepared]
    assert len(set(projects)) == 2
    assert prepared[0].sent["canvas"] == f"https://www.lovart.ai/canvas?projectId={projects[0]}"
    submission = await provider.submit(orders[0], prepared[0], key)
    assert submission.remote_id.startswith(f"{projects[0]}/thread_")


async def test_takes_of_a_shot_share_one_upload(provider, key, world) -> None:
    for take in (1, 2, 3):
        await provider.prepare(world.order(provider, take=take), key)
    assert world.server.stats()["uploads_total"] == 1


@pytest.mark.parametrize("fault", ["upload-500", "upload-html"])
async def test_a_failed_upload_has_cost_nothing(provider, key, world, fault) -> None:
    world.server.set_faults({fault: 1})
    with pytest.raises(RemoteError) as caught:
        await provider.prepare(world.order(provider), key)
    assert caught.value.delivery is Delivery.NOT_SENT


async def test_an_early_done_is_not_believed(provider, key, world) -> None:
    job = await send(provider, world.order(provider, "[[done-too-early]]"), key)
    assert (await provider.poll(job, key)).status is RemoteStatus.RUNNING
    assert (await finish(provider, job, key, world)).status is RemoteStatus.SUCCEEDED


SHOWN = {
    "items": [
        {"type": "generator", "artifacts": [{"type": "video", "content": "https://cdn.example.com/7.mp4?sig=%d"}]}
    ]
}


async def looked_at(provider: Lovart, key: Key, world: World, looks: list[tuple[Any, Any]]) -> list[RemoteState]:
    """What becomes of looks at one thread, each with what the thread says of itself and what it has brought."""
    job = await send(provider, world.order(provider), key)
    job = job.model_copy(update={"submitted_at": datetime.now(UTC) - timedelta(minutes=1)})
    states = []
    for number, (status, result) in enumerate(looks):
        with respx.mock(base_url=world.server.url) as wire:
            wire.get(path="/v1/openapi/chat/status").respond(json={"code": 0, "data": status})
            wire.get(path="/v1/openapi/chat/result").respond(
                text=json.dumps({"code": 0, "data": result}).replace("%d", f"{number}")
            )
            states.append(await provider.poll(job, key))
    return states


@pytest.mark.parametrize("word", ["idle", "ready", "settled", "空闲", None])
async def test_a_thread_in_a_word_that_nobody_knows_has_ended_when_its_video_stays(
    provider, key, world, monkeypatch, word
) -> None:
    status = {"status": word}
    assert not {state.url for state in await looked_at(provider, key, world, [(status, SHOWN)] * 3)} - {None}
    monkeypatch.setattr("vidgen_core.providers.lovart.api.STAYS", 0.0)
    states = await looked_at(provider, key, world, [(status, {}), *[(status, SHOWN)] * 2])
    assert [state.status for state in states] == [*[RemoteStatus.UNKNOWN] * 2, RemoteStatus.SUCCEEDED]
    assert states[-1].url == "https://cdn.example.com/7.mp4?sig=2"


async def test_a_video_that_the_agent_replaces_is_not_taken(provider, key, world, monkeypatch) -> None:
    monkeypatch.setattr("vidgen_core.providers.lovart.api.STAYS", 0.0)
    other = json.loads(json.dumps(SHOWN).replace("7.mp4", "8.mp4"))
    shown = [SHOWN, other, SHOWN, {}, SHOWN, other]
    states = await looked_at(provider, key, world, [({"status": "idle"}, result) for result in shown])
    assert {state.status for state in states} == {RemoteStatus.UNKNOWN}


@pytest.mark.parametrize(
    "status",
    [{"status": "running"}, {"status": "editing"}, {"status": "queued"}, {"status": "idle", "done": False}, {"status": "idle", "progress": 40}],
)  # fmt: skip
async def test_the_video_of_a_thread_that_goes_on_is_not_taken(provider, key, world, monkeypatch, status) -> None:
    monkeypatch.setattr("vidgen_core.providers.lovart.api.STAYS", 0.0)
    states = await looked_at(provider, key, world, [(status, SHOWN)] * 3)
    assert RemoteStatus.SUCCEEDED not in {state.status for state in states}


@pytest.mark.parametrize("word", ["waiting", "idle", "paused"])
async def test_a_question_is_found_whatever_the_thread_says_of_itself(provider, key, world, word) -> None:
    asks = {"pending_confirmation": {"estimated_cost": 30}}
    [state] = await looked_at(provider, key, world, [({"status": word}, asks)])
    assert (state.stage, state.confirmation) == (WAITING_FOR_CONFIRMATION, Money(amount="30", currency="credits"))


async def test_words_instead_of_a_video_are_a_failure_in_those_words(provider, key, world) -> None:
    job = await send(provider, world.order(provider, "[[only-words:Which mood do you prefer?]]"), key)
    state = await finish(provider, job, key, world)
    assert (state.status, state.url) == (RemoteStatus.FAILED, None)
    assert state.failure is not None
    assert (state.failure.kind, state.failure.code) == (ErrorKind.PROVIDER, "agent_answered_in_words")
    assert state.failure.params["said"] == "Which mood do you prefer?"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("That goes against our guidelines.", ErrorKind.MODERATION),
        ("你的内容包含敏感信息。", ErrorKind.MODERATION),
        ("You have not enough credits.", ErrorKind.BALANCE),
    ],
)
async def test_the_agents_words_say_what_kind_of_no_it_is(provider, key, world, words, kind) -> None:
    job = await send(provider, world.order(provider, f"[[only-words:{words}]]"), key)
    state = await finish(provider, job, key, world)
    assert state.failure is not None
    assert (state.failure.kind, state.failure.params["said"]) == (kind, words)


async def test_the_state_of_another_thread_says_nothing(provider, key, world) -> None:
    job = await send(provider, world.order(provider), key)
    done = {"thread_id": "another", "status": "done", "items": [{"type": "assistant", "text": "That is not allowed."}]}
    with respx.mock(base_url=world.server.url) as wire:
        wire.get(path__startswith="/v1/openapi/chat/").respond(json={"code": 0, "data": done})
        with pytest.raises(RemoteError) as caught:
            await provider.poll(job, key)
    assert caught.value.code == "remote_job_unknown"


async def test_an_aborted_thread_is_a_cancelled_job(provider, key, world) -> None:
    job = await send(provider, world.order(provider, "[[cancelled]]"), key)
    assert (await finish(provider, job, key, world)).status is RemoteStatus.CANCELLED


@pytest.mark.parametrize(
    ("tag", "kind", "delivery"),
    [
        ("thread-busy", ErrorKind.OVERLOADED, Delivery.REFUSED),
        ("project-gone", ErrorKind.PROVIDER, Delivery.NOT_SENT),
        ("signature-stale", ErrorKind.AUTH, Delivery.REFUSED),
    ],
)
async def test_its_own_refusals_are_told_by_their_kind(provider, key, world, tag, kind, delivery) -> None:
    with pytest.raises(RemoteError) as caught:
        await send(provider, world.order(provider, f"[[{tag}]]"), key)
    assert (caught.value.kind, caught.value.delivery) == (kind, delivery)


@pytest.mark.parametrize("secret", ["ak_alone", "ak_alone:", ":sk_alone"])
async def test_half_a_pair_of_keys_is_no_key(provider, world, secret) -> None:
    connection = await provider.test(make_key(secret))
    assert connection.failure is not None
    assert (connection.failure.kind, connection.failure.code) == (ErrorKind.AUTH, "key_pair_needed")


async def test_a_pair_whose_halves_do_not_belong_together_is_refused(provider) -> None:
    connection = await provider.test(make_key("ak_one:sk_other"))
    assert connection.failure is not None
    assert (connection.failure.kind, connection.failure.code) == (ErrorKind.AUTH, "key_rejected")


# --- the price that wants a yes -------------------------------------------------------------------------------------------


def in_credits(amount: int) -> Money:
    return Money(amount=Decimal(amount), currency="credits")


@pytest.mark.parametrize(
    ("said", "cost"),
    [
        (80, 80),
        ("about 80 credits", 80),
        ("1,200 credits", 1200),
        ("20-80", None),
        ("1.2k", None),
        ("1.200", None),
        ("1万", None),
        ("?", None),
    ],
)
async def test_a_price_is_read_whole_or_not_at_all(provider, key, world, said, cost) -> None:
    job = await send(provider, world.order(provider), key)
    asks = {
        "thread_id": job.remote_id.rpartition("/")[2],
        "status": "done",
        "pending_confirmation": {"estimated_cost": said},
    }
    with respx.mock(base_url=world.server.url) as wire:
        wire.get(path__startswith="/v1/openapi/chat/").respond(json={"code": 0, "data": asks})
        state = await provider.poll(job, key)
    assert (state.stage, state.confirmation) == ("waiting_for_confirmation", cost and in_credits(cost))


@pytest.mark.parametrize(
    "text",
    ["['{}']", '{{"url": "{}"}}', "[video]({})", "<{}>", "({})"],
    ids=["list", "json", "markdown", "angles", "round"],
)
async def test_a_link_is_taken_out_of_what_stands_around_it(provider, key, world, text) -> None:
    job, link = await send(provider, world.order(provider), key), "https://assets.example/v/1.mp4"
    made = {"type": "generator", "artifacts": [{"type": "video", "content": text.format(link)}]}
    with respx.mock(base_url=world.server.url) as wire:
        wire.get(path__startswith="/v1/openapi/chat/").respond(
            json={"code": 0, "data": {"status": "done", "items": [made]}}
        )
        assert (await provider.poll(job, key)).url == link


@pytest.mark.parametrize("limit", [0, 1, 99])
async def test_looking_never_says_yes_to_a_price_whatever_the_limit(provider, key, world, limit) -> None:
    world.options = {"lovart": {"confirm_up_to": limit}}
    job = await send(provider, world.order(provider, "[[confirmation:1]]"), key)
    for _ in range(2):
        state = await finish(provider, job, key, world)
        assert (state.status, state.stage) == (RemoteStatus.RUNNING, "waiting_for_confirmation")
        assert state.confirmation == in_credits(1)
    assert not world.server.state.jobs.find(job.remote_id.partition("/")[2]).hits["confirmed"]


async def test_the_limit_is_the_settings_and_holds_at_once(provider, world) -> None:
    assert provider.confirms_up_to == 0
    world.options = {"lovart": {"confirm_up_to": 25}}
    assert provider.confirms_up_to == 25


async def test_a_yes_lets_the_job_go_on(provider, key, world) -> None:
    job = await send(provider, world.order(provider, "[[confirmation]]"), key)
    assert (await finish(provider, job, key, world)).confirmation == in_credits(25)
    assert await provider.confirm(job, key)
    state = await finish(provider, job, key, world)
    assert (state.status, state.confirmation) == (RemoteStatus.SUCCEEDED, None)


async def test_a_yes_nobody_waits_for_is_an_error(provider, key, world) -> None:
    job = await send(provider, world.order(provider), key)
    with pytest.raises(RemoteError):
        await provider.confirm(job, key)


@pytest.mark.parametrize(
    ("status", "body", "delivery"),
    [
        (504, {"message": "upstream timed out"}, Delivery.UNKNOWN),
        (200, {"code": 504, "message": "the request timed out"}, Delivery.UNKNOWN),
        (502, {"message": "rate limit"}, Delivery.UNKNOWN),
        (200, {"code": 2012, "message": "not enough credits"}, Delivery.REFUSED),
        (404, {"message": "thread not found"}, Delivery.REFUSED),
    ],
)
async def test_a_yes_is_refused_only_in_clear(provider, key, world, status, body, delivery) -> None:
    job = await send(provider, world.order(provider, "[[confirmation]]"), key)
    with respx.mock(assert_all_called=True) as wire:
        wire.post(f"{world.server.url}/v1/openapi/chat/confirm").respond(status, json=body)
        with pytest.raises(RemoteError) as caught:
            await provider.confirm(job, key)
    assert caught.value.delivery is delivery
