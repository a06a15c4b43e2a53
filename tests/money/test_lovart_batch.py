"""A batch through Lovart under all faults: each take ends in its class, the others untouched, nothing bought twice."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from doubles import wait_until
from PIL import Image
from rehearsed import Home, rehearsed_home

from vidgen_core.config.paths import Locations
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import GenerationParams, NewTask, Task, TaskStatus
from vidgen_core.media.images import keep_image
from vidgen_core.media.video import probe
from vidgen_core.providers.base import WAITING_FOR_CONFIRMATION

DONE = "completed"
PAIRS = ["ak-good-aaaa1111:sk-good-aaaa1111", "ak-bad-bbbb2222:sk-bad-bbbb2222", "ak-poor-cccc3333:sk-poor-cccc3333"]
#: Fault → how the take ends: ``completed`` or the kind of its failure.
EXPECTED = {
    "": DONE,
    "done-too-early": DONE,
    "only-words": "provider",
    "only-words:That is against our guidelines.": "moderation",
    "moderated-input": "moderation",
    "moderated-output": "moderation",
    "parameter": "parameter",
    "failed-parameter": "parameter",
    "thread-busy:1": DONE,
    "project-gone:1": DONE,
    "rate-limit-retry-after:1": DONE,
    "poll-500:2": DONE,
    "poll-429:1": DONE,
    "poll-html:2": DONE,
    "poll-gateway:2": DONE,
    "poll-reset:2": DONE,
    "poll-not-found:2": DONE,
    "status-unknown": DONE,
    "status-missing": DONE,
    "url-late:2": DONE,
    "cancelled": "provider",
    "completed-without-url": "provider",
    "stuck": "timeout",
    "link-404:1": DONE,
    "link-expired:1": DONE,
    "link-dead": "file",
    "download-redirect": DONE,
    "truncated:1": DONE,
    "truncated-reset:1": DONE,
    "garbage-file": "file",
    "reset-before-accept": "submit_unknown",
    "server-error": "submit_unknown",
    "html": "submit_unknown",
    "reset-after-accept": "submit_unknown",
    "gateway-after-accept": "submit_unknown",
    "empty-after-accept": "submit_unknown",
    "no-task-id": "submit_unknown",
}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__LOVART__SETTLE", "0")
    monkeypatch.setattr("vidgen_core.worker.steps.reconcile.RECONCILE_FOR", 1.0)
    monkeypatch.setattr("vidgen_core.worker.limits.key_pool.FIRST_REST", {"rate_limited": 0.2, "overloaded": 0.2})
    monkeypatch.setattr("vidgen_core.worker.limits.provider_pause.SAME_FAILURES", 99)


def point_lovart(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    named = json.dumps([{"name": f"k{number}", "secret": pair} for number, pair in enumerate(PAIRS)])
    monkeypatch.setenv("VIDGEN_PROVIDERS__LOVART__BASE_URL", url)
    monkeypatch.setenv("VIDGEN_PROVIDERS__LOVART__KEYS", named)


def queue(home: Home, prompts: list[str], duration: float | None = None) -> list[Task]:
    with home.store.write() as tx:
        shots = tx.shots.add(
            home.project.id, [NewShot(number=None, prompt=prompt, image=home.image) for prompt in prompts]
        )
        params = {"image": home.image, "aspect_ratio": "9:16", "size": "720P", "duration": duration}
        new = [
            NewTask(
                project_id=home.project.id,
                shot_id=shot.id,
                provider=ProviderId("lovart"),
                model="seedance_v2_0",
                params=GenerationParams(prompt=shot.prompt, **params),
            )
            for shot in shots
        ]
        return tx.tasks.add(new)


def ending(task: Task) -> str:
    return task.status.value if task.status is TaskStatus.COMPLETED else str(task.failure and task.failure.kind)


@pytest.mark.slow
def test_each_fault_ends_in_its_class(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed_home(locations, monkeypatch, {"concurrent": 20}) as (home, server):
        point_lovart(monkeypatch, server.url)
        prompts = [f"pan left, {number} [[{fault}]]" if fault else "pan left" for number, fault in enumerate(EXPECTED)]
        tasks = queue(home, prompts)
        with home.running():
            ended = home.finish(tasks, 90)
        stats = server.stats()

    assert {fault: ending(task) for fault, task in zip(EXPECTED, ended, strict=True)} == EXPECTED
    assert all(probe(Path(task.file)).seconds > 0 for task in ended if task.file)
    bought = {fault: stats["accepted"].get(prompt, 0) for fault, prompt in zip(EXPECTED, prompts, strict=True)}
    # Words instead of a video and a stop without a reason may cost credits each time: nobody knows them to be passing.
    assert max(bought.values()) == 1, bought
    assert (bought["only-words"], bought["cancelled"]) == (1, 1)
    assert stats["wrong_key_polls"] == 0
    assert stats["downloads_with_authorization"] == 0


def test_a_take_that_waits_for_a_yes_waits_and_says_so(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsed_home(locations, monkeypatch) as (home, server):
        point_lovart(monkeypatch, server.url)
        tasks = queue(home, ["zoom in [[confirmation:40]]"])
        with home.running():
            wait_until(lambda: home.tasks(tasks)[0].stage == WAITING_FOR_CONFIRMATION, 20)
            [waiting] = home.tasks(tasks)
            assert waiting.status is TaskStatus.PROCESSING
            # The user sets a limit, and the take goes on by itself.
            home.settings_file.change({"providers.lovart.confirm_up_to": 40})
            [ended] = home.finish(tasks, 30)
        stats = server.stats()

    assert ended.status is TaskStatus.COMPLETED
    assert stats["accepted_total"] == 1


def test_what_came_is_compared_with_what_was_asked_for(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    # Clips of the picture that was sent, a second long.
    with rehearsed_home(locations, monkeypatch, videos="render", video_seconds=1.0) as (home, server):
        point_lovart(monkeypatch, server.url)
        tasks = queue(home, ["zoom in"], 1.0) + queue(home, ["zoom out [[wrong-ratio]]"], 8.0) + queue(home, ["pan"])
        with home.running():
            home.finish(tasks, 30)
        with home.store.read() as tx:
            takes = [tx.takes.of_task(task.id) for task in tasks]

    assert [take and take.warnings for take in takes] == [
        ("size_differs",),
        ("length_differs", "ratio_differs", "size_differs"),
        ("size_differs",),
    ]


def busy_picture(path: Path) -> Path:
    """A picture with many things in it, so that it can be told from another."""
    picture, lots = Image.new("RGB", (360, 640), "white"), random.Random(3)
    for _ in range(40):
        colour = tuple(lots.randrange(256) for _ in range(3))
        picture.paste(colour, (left := lots.randrange(300), top := lots.randrange(560), left + 60, top + 80))
    picture.save(path)
    return path


def test_a_video_that_begins_with_another_picture_is_marked(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed_home(locations, monkeypatch, videos="render", video_seconds=1.0) as (home, server):
        point_lovart(monkeypatch, server.url)
        home.image = keep_image(busy_picture(locations.home / "busy.png"), locations.images)
        tasks = queue(home, ["zoom in", "pan left", "zoom out [[upside-down]]"])
        with home.running():
            home.finish(tasks, 60)
        with home.store.read() as tx:
            takes = [tx.takes.of_task(task.id) for task in tasks]

    assert ["first_frame_differs" in take.warnings for take in takes if take] == [False, False, True]
