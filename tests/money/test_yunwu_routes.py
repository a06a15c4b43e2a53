"""Every route of a Yunwu key on the rehearsal: first and last frame, references, sound; and a model on trial."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from doubles import wait_until
from PIL import Image, ImageOps
from rehearsed import Home, rehearsed_home

from tests.money.test_lovart_batch import busy_picture
from vidgen_core.config.paths import Locations
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import GenerationMode, NewShot, ShotParams, ShotReference
from vidgen_core.domain.takes import Take
from vidgen_core.domain.tasks import GenerationParams, NewTask, Task, TaskStatus
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.media.checks.clip import Clip, ClipRequest
from vidgen_core.media.images import keep_image
from vidgen_core.services.facade import Vidgen

YUNWU = ProviderId("yunwu")
TEXT, FIRST, LAST, REFERENCES = GenerationMode
Queue = Callable[..., Task]


@pytest.fixture
def home(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Home, RehearsalServer]]:
    keys = {"keys": ["sk-good-aaaa1111"], "max_wait": 60.0}
    with rehearsed_home(locations, monkeypatch, keys, videos="render", video_scale=0.15, video_seconds=1.0) as (
        home,
        server,
    ):
        monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__UPLOAD_URL", server.url)
        home.image = keep_image(busy_picture(locations.home / "first.png"), locations.images)
        yield home, server


@pytest.fixture
def last(locations: Locations) -> str:

    with Image.open(busy_picture(locations.home / "first.png")) as opened:
        ImageOps.flip(ImageOps.invert(opened)).save(locations.home / "last.png")
    return keep_image(locations.home / "last.png", locations.images)


@pytest.fixture
def queue(home: tuple[Home, RehearsalServer], last: str) -> Queue:
    def add(model: str, mode: GenerationMode, prompt: str = "hold still", **more: Any) -> Task:
        own, _ = home
        frames = {"image": own.image} if mode in (FIRST, LAST) else {}
        frames |= {"last_frame": last} if mode is LAST else {}
        references = (ShotReference(image=own.image), ShotReference(image=last)) if mode is REFERENCES else ()
        params = {"aspect_ratio": "9:16", "size": "720P", "mode": mode, "references": references, **frames, **more}
        with own.store.write() as tx:
            [shot] = tx.shots.add(own.project.id, [NewShot(number=None, prompt=prompt)])
            new = NewTask(
                project_id=own.project.id,
                shot_id=shot.id,
                provider=YUNWU,
                model=model,
                params=GenerationParams(prompt=f"{prompt} {model} {mode}", **params),
            )
            return tx.tasks.add([new])[0]

    return add


def takes_of(home: Home, tasks: list[Task]) -> list[Take | None]:
    with home.store.read() as tx:
        return [tx.takes.of_task(task.id) for task in tasks]


def heard(take: Take | None) -> bool:
    assert take is not None
    peak = Clip(Path(take.folder, take.file), ClipRequest()).peak
    return peak is not None and peak > -60


def test_every_route_makes_its_takes_once(home: tuple[Home, RehearsalServer], queue: Queue) -> None:
    own, server = home
    wanted = [
        ("grok-video-3", FIRST, {}), ("grok-video-3", REFERENCES, {}), ("veo3.1", LAST, {}), ("veo3.1-components", REFERENCES, {}),
        ("grok-videos", FIRST, {"duration": 6.0}), ("grok-videos", TEXT, {}),
        ("kling-v1-6", LAST, {}), ("kling-v1-6", REFERENCES, {}), ("kling-v2-6", FIRST, {"sound": True, "size": "1080P"}),
        ("kling-3.0-turbo", FIRST, {"duration": 3.0}),
        ("viduq2-pro", LAST, {}), ("viduq2", REFERENCES, {}), ("viduq3-pro", TEXT, {"sound": True}),
        ("MiniMax-Hailuo-02", LAST, {"size": "768P"}),
        ("doubao-seedance-2-0-260128", LAST, {"sound": True}), ("doubao-seedance-2-0-260128", REFERENCES, {}),
        ("doubao-seedance-1-5-pro-251215", FIRST, {"sound": True}),
    ]  # fmt: skip
    tasks = [queue(model, mode, **more) for model, mode, more in wanted]
    with own.running():
        ended = own.finish(tasks, 90)

    assert [(task.model, task.status, task.failure) for task in ended] == [
        (task.model, TaskStatus.COMPLETED, None) for task in tasks
    ]
    stats = server.stats()
    assert (stats["submits_total"], stats["accepted_total"]) == (len(tasks), len(tasks))
    for task, take in zip(ended, takes_of(own, tasks), strict=True):
        assert take is not None
        assert not {"first_frame_differs", "last_frame_differs", "silent"} & set(take.warnings), task.params.prompt
        assert heard(take) is (task.params.sound is True or task.model.startswith(("veo3", "doubao-seedance-2")))


def test_what_a_model_ignores_in_silence_is_seen_on_its_take(home: tuple[Home, RehearsalServer], queue: Queue) -> None:
    own, _ = home
    tasks = [
        queue("kling-v1-6", LAST, "hold still [[ignores-field:image_tail]]"),
        queue("viduq3-pro", TEXT, "hold still [[ignores-field:audio]]", sound=True),
        queue("doubao-seedance-2-0-260128", FIRST, "hold still [[upside-down]]"),
        queue("veo3.1", FIRST, "hold still [[wrong-ratio]]"),
    ]
    with own.running():
        ended = own.finish(tasks, 60)
    assert {task.status for task in ended} == {TaskStatus.COMPLETED}
    found = [set(take.warnings) - {"size_differs"} for take in takes_of(own, tasks) if take]
    # A second is made of each; this Veo makes eight, asked or not.
    assert found == [{"last_frame_differs"}, set(), {"first_frame_differs"}, {"ratio_differs", "length_differs"}]
    assert all(task.warnings for task in ended)


@pytest.mark.parametrize("tag", ["reset-after-accept", "gateway-after-accept", "no-task-id"])
def test_an_answer_lost_on_any_route_is_found_or_left_open_and_never_sent_again(
    home: tuple[Home, RehearsalServer], queue: Queue, monkeypatch: pytest.MonkeyPatch, tag: str
) -> None:
    monkeypatch.setattr("vidgen_core.worker.steps.reconcile.RECONCILE_FOR", 1.0)
    monkeypatch.setattr("vidgen_core.worker.steps.submit.SETTLE", 0.1)
    own, server = home
    wanted = [
        ("kling-v1-6", FIRST, {}), ("viduq2-pro", FIRST, {}), ("MiniMax-Hailuo-02", FIRST, {"size": "768P"}),
        ("doubao-seedance-2-0-260128", FIRST, {}), ("grok-videos", FIRST, {"duration": 6.0}),
    ]  # fmt: skip
    tasks = [queue(model, mode, f"hold still [[{tag}]]", **more) for model, mode, more in wanted]
    with own.running():
        own.finish(tasks, 60)
    assert server.stats()["submits_total"] == len(tasks)


@pytest.mark.parametrize("more", ["references", "last_frame"])
def test_a_shot_that_was_edited_into_what_its_model_refuses_is_not_sent(
    home: tuple[Home, RehearsalServer], last: str, queue: Queue, more: str
) -> None:
    own, server = home
    tasks = [queue(model, FIRST) for model in ("vidu2.0", "kling-v1-6", "doubao-seedance-2-0-260128")]
    added = {"references": (ShotReference(image=last),)}
    added |= {"last_frame": last} if more == "last_frame" else {}
    with own.store.write() as tx:
        for task in tasks:
            # As it was queued by somebody who left the mode to the pictures.
            tx.tasks.note(task.id, params=task.params.model_copy(update={"mode": None, **added}))
    with own.running():
        ended = own.finish(tasks, 60)
    assert {task.failure.code if task.failure else "" for task in ended} == {"references_with_frame"}
    assert server.stats()["submits_total"] == 0


def test_the_price_that_is_shown_is_the_price_that_is_charged_also_after_a_change(
    home: tuple[Home, RehearsalServer], locations: Locations, last: str
) -> None:
    own, server = home
    models = [
        "grok-video-3", "grok-video-3-10s", "veo3.1-fast", "grok-videos", "kling-v1-6", "kling-3.0-turbo", "viduq2-pro",
        "doubao-seedance-2-0-260128", "MiniMax-Hailuo-02", "veo3-fast-frames",
    ]  # fmt: skip
    with Vidgen.open(locations) as app:
        own.settings_file.change({"mode": "yunwu", "runner.takes_per_shot": 1, "providers.yunwu.size": "720P"})
        app.budget.refresh_prices(YUNWU)
        httpx.post(f"{server.url}/_rehearsal/yunwu-prices", json={"viduq2-pro": 3.3}, trust_env=False)
        app.budget.refresh_prices(YUNWU)
        shown: dict[str, Decimal] = {}
        for model in models:
            size = "768P" if "Hailuo" in model else "720P"
            params = ShotParams(model=model, size=size)
            shot = app.shots.add(own.project.id, None, f"hold still {model}", locations.home / "first.png", params)
            cost = app.tasks.estimate(own.project.id, [shot.id]).money
            assert cost is not None
            shown[model] = cost.amount
            app.tasks.generate(own.project.id, [shot.id])
        assert shown["viduq2-pro"] == Decimal("3.3")
        with own.running():
            wait_until(lambda: app.tasks.counts(own.project.id).get(TaskStatus.COMPLETED) == len(models), 90)
        charged = server.stats()["charged"]["yunwu"]
    assert Decimal(str(round(charged, 4))) == sum(shown.values())


def test_a_model_on_trial_is_let_go_on_once_it_was_seen_to_follow(
    home: tuple[Home, RehearsalServer], locations: Locations, last: str
) -> None:
    own, server = home
    with Vidgen.open(locations) as app:
        own.settings_file.change({"mode": "yunwu", "runner.takes_per_shot": 1})

        def make(model: str, prompts: list[str]) -> list[int]:
            shots = [
                app.shots.add(own.project.id, None, prompt, locations.home / "first.png", ShotParams(model=model))
                for prompt in prompts
            ]
            return [task.id for task in app.tasks.generate(own.project.id, [shot.id for shot in shots]).tasks]

        good = make("veo3-pro", ["hold still", "zoom in", "pan left"])
        bad = make("model-of-tomorrow", ["hold still [[upside-down]]", "zoom in", "pan left"])
        with own.running():
            wait_until(lambda: {task.status for task in app.tasks.many(good)} == {TaskStatus.COMPLETED}, 60)
            wait_until(lambda: app.tasks.get(bad[0]).status is TaskStatus.COMPLETED, 60)
        [waiting] = app.worker.status(own.project.id).canaries
        assert (waiting.model, waiting.waiting, waiting.decided) == ("model-of-tomorrow", 2, True)
        assert server.stats()["submits_total"] == 4
