"""A list of models that changes under what is queued: all that was entered arrives, or nothing of the order leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product
from typing import Any, Final

import pytest
from doubles import wait_until
from rehearsed import KEYS, Home, rehearsed_home

from vidgen_core.config.paths import Locations
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import GenerationParams, NewTask, Task, TaskStatus
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.providers.kie import adapter
from vidgen_core.providers.kie.adapter import Kie
from vidgen_core.providers.yunwu.catalogue import ListedModel, YunwuCatalogue

KIE, YUNWU = ProviderId("kie"), ProviderId("yunwu")
TEXT: Final = {"type": "string"}
#: The fields of a model, and what of an order arrives in each.
FIELDS: Final[dict[str, tuple[dict[str, Any], Any]]] = {
    "prompt": (TEXT, "the boat turns"),
    "negative_prompt": (TEXT, "rain"),
    "start_image_url": (TEXT, ".jpg"),
    "end_image_url": (TEXT, ".jpg"),
    "ratio": ({**TEXT, "enum": ["16:9", "9:16"], "default": "16:9"}, "9:16"),
    "resolution": ({**TEXT, "enum": ["720p", "1080p"], "default": "720p"}, "1080p"),
    "duration": ({"type": "integer", "minimum": 3, "maximum": 15}, 9),
    "with_audio": ({"type": "boolean", "default": False}, True),
    "seed": ({"type": "integer", "minimum": 0, "maximum": 99}, 7),
    "watermark": (TEXT, "me"),
}
Fields = dict[str, Any]


def renamed(fields: Fields, name: str) -> None:
    fields[f"{name}_of_today"] = fields.pop(name)


def in_other_words(fields: Fields, name: str) -> None:
    fields[name] = {"type": "string", "enum": ["basic", "pro"]}


CHANGES: Final[dict[str, Callable[[Fields, str], None]]] = {
    change.__name__.replace("_", "-"): change for change in (renamed, in_other_words)
}
MODELS: Final = {
    f"studio/{name.replace('_', '-')}-{change}": (name, change) for name, change in product(FIELDS, CHANGES)
}


@pytest.fixture
def home(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Home, RehearsalServer]]:
    monkeypatch.setattr(Kie, "rate_limit", None)
    with rehearsed_home(locations, monkeypatch, {"keys": KEYS[:1]}, kie_lookup_spacing=0.0) as (home, server):
        entry = {"input": {name: row for name, (row, _) in FIELDS.items()}, "taskType": ["Image to Video"]}
        server.change_catalogue(dict.fromkeys(MODELS, entry))
        yield home, server


def read_list(home: Home, kie: Kie) -> None:
    kie._catalogue._spacing = 0.0

    async def read() -> None:
        key = next(iter(home.settings_file.current().providers.of(KIE).keys))
        for model in MODELS:
            kie.capabilities(model)
        while any(kie.awaited(model) for model in MODELS):
            await kie.refresh_models(adapter.Key.of(key))
        await kie.close()

    asyncio.run(read())


def change_list(locations: Locations, model: str) -> None:
    """The list says something else of a model, as another worker has read it."""
    file = locations.home / "catalogues" / "kie.json"
    kept = json.loads(file.read_text("utf-8"))
    name, change = MODELS[model]
    fields = kept["models"][model]["forms"][0]["fields"]
    if name in fields:
        CHANGES[change](fields, name)
        file.with_suffix(".new").write_text(json.dumps(kept), "utf-8")
        file.with_suffix(".new").replace(file)


def queue(home: Home, kie: Kie) -> list[Task]:
    params = GenerationParams(
        prompt="the boat turns", negative_prompt="rain", image=home.image, last_frame=home.image, aspect_ratio="9:16",
        size="1080P", chosen=("aspect_ratio", "size"), duration=9.0, sound=True, seed=7, watermark="me",
    )  # fmt: skip
    with home.store.write() as tx:
        shots = tx.shots.add(home.project.id, [NewShot(number=None, prompt=params.prompt)] * len(MODELS))
        new = [
            NewTask(
                project_id=home.project.id,
                shot_id=shot.id,
                provider=KIE,
                model=model,
                params=params.model_copy(update={"warned": tuple(kie.losses(model, params))}),
                cost=Money(amount="5", currency="credits"),
            )
            for shot, model in zip(shots, MODELS, strict=True)
        ]
        return tx.tasks.add(new)


def missing(given: Fields) -> list[str]:
    """What of the order is nowhere in a request."""
    values = list(given.values())
    pictures = sum(str(value).endswith(".jpg") for value in values)
    lost = [name for name, (_, told) in FIELDS.items() if told != ".jpg" and told not in values]
    return lost + ["a picture"] * (2 - pictures)


@pytest.mark.parametrize("when", ["while it is queued", "while its pictures are uploaded"])
def test_all_that_was_entered_arrives_or_nothing_leaves(
    home: tuple[Home, RehearsalServer], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    own, server = home
    kie = Kie(own.settings_file.current, own.locations)
    read_list(own, kie)
    tasks = queue(own, kie)
    upload = adapter.picture_links

    async def upload_and_change(order: Any, *more: Any) -> Any:
        links = await upload(order, *more)
        change_list(own.locations, order.model)
        return links

    if when == "while it is queued":
        for model in MODELS:
            change_list(own.locations, model)
    else:
        monkeypatch.setattr(adapter, "picture_links", upload_and_change)
    with own.running():
        ended = own.finish(tasks)

    sent = {job.order.model: missing(job.order.params["input"]) for job in server.state.jobs.all()}
    assert {model: lost for model, lost in sent.items() if lost} == {}
    held = {task.model for task in ended if task.status is not TaskStatus.COMPLETED}
    assert all(task.failure for task in ended if task.model in held)
    assert not held & set(sent)
    assert {MODELS[model][0] for model in held} == set(FIELDS)
    assert sent


def test_a_list_with_labels_that_nobody_knows_holds_what_is_queued_until_it_is_right_again(
    home: tuple[Home, RehearsalServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, server = home
    monkeypatch.setattr("vidgen_core.worker.steps.claim.FORM_WAIT", timedelta(seconds=0.1))
    catalogue = YunwuCatalogue(own.locations.home / "catalogues" / "yunwu.json")
    catalogue.keep(server.url, {"grok-video-3": ListedModel(labels=("Grok studio",))})
    tasks = own.queue(YUNWU, ["a", "b", "c", "d"])
    with own.running():
        wait_until(lambda: all(task.failure for task in own.tasks(tasks)))
        waiting = own.tasks(tasks)
        assert {task.status for task in waiting} == {TaskStatus.QUEUED}
        assert {task.failure.code for task in waiting if task.failure} == {"route_not_spoken"}
        assert server.stats()["submits_total"] == 0

        catalogue.keep(server.url, {"grok-video-3": ListedModel(families=("unified",), labels=("Grok video",))})
        assert {task.status for task in own.finish(tasks)} == {TaskStatus.COMPLETED}
