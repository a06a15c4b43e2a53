"""A take that does not follow what was sent is marked, whoever made it: first frame, length, ratio, sound."""

from __future__ import annotations

from typing import Any

import pytest
from rehearsed import Home, rehearsed_home

from tests.money.test_lovart_batch import busy_picture, point_lovart
from vidgen_core.config.paths import Locations
from vidgen_core.domain.providers import ProviderId, video_providers
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import GenerationParams, NewTask, Task, TaskStatus
from vidgen_core.media.images import keep_image

#: Provider, model, seconds, and what else is asked for; each takes a first frame.
MODELS: list[tuple[str, str, float, dict[str, Any]]] = [
    ("yunwu", "grok-video-3", 6, {}),
    ("yunwu", "veo3.1", 8, {}),
    ("yunwu", "grok-videos", 6, {}),
    ("yunwu", "kling-v2-6", 5, {"size": "1080P", "sound": True}),
    ("yunwu", "kling-3.0-turbo", 3, {}),
    ("yunwu", "viduq2-pro", 5, {}),
    ("yunwu", "viduq3-pro", 5, {"sound": True}),
    ("yunwu", "MiniMax-Hailuo-02", 6, {"size": "768P"}),
    ("yunwu", "doubao-seedance-2-0-260128", 4, {"sound": True}),
    ("kie", "veo3_fast", 8, {}),
    ("kie", "bytedance/seedance-2", 4, {"sound": True}),
    ("kie", "kling-3.0/video", 3, {"sound": True}),
    ("lovart", "seedance_v2_0", 4, {"sound": True}),
    ("local", "ken-burns", 1, {"sound": True}),
]
#: What the rehearsal does to a clip, all at once.
FAULTS = "[[upside-down]] [[wrong-ratio]] [[silent]]"


def queue(home: Home, words: str) -> list[Task]:
    """A task of each model, made from one picture."""
    with home.store.write() as tx:
        shots = tx.shots.add(home.project.id, [NewShot(number=None, prompt=words) for _ in MODELS])
        return tx.tasks.add(
            [
                NewTask(
                    project_id=home.project.id,
                    shot_id=shot.id,
                    provider=ProviderId(provider),
                    model=model,
                    params=GenerationParams(
                        **{"prompt": f"{words} {model}", "image": home.image, "aspect_ratio": "9:16", "size": "720P"}
                        | {"duration": float(seconds), **more}
                    ),
                )
                for shot, (provider, model, seconds, more) in zip(shots, MODELS, strict=True)
            ]
        )


def test_the_models_are_of_every_provider_that_makes_videos() -> None:
    assert {provider for provider, *_ in MODELS} == set(video_providers())


@pytest.mark.extended
@pytest.mark.timeout(300)
def test_what_was_ignored_is_marked_whoever_made_the_take(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"keys": ["sk-good-aaaa1111"], "max_wait": 240.0}
    # A second of each video is made, whatever was asked for.
    with rehearsed_home(locations, monkeypatch, settings, videos="render", video_scale=0.15, video_seconds=1.0) as (
        home,
        server,
    ):
        monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__UPLOAD_URL", server.url)
        monkeypatch.setenv("VIDGEN_PROVIDERS__LOVART__SETTLE", "0")
        point_lovart(monkeypatch, server.url)
        home.image = keep_image(busy_picture(locations.home / "busy.png"), locations.images)
        followed, ignored = queue(home, "hold still"), queue(home, f"hold still {FAULTS}")
        with home.running():
            ended = home.finish([*followed, *ignored], 240)
        assert [task.failure for task in ended if task.status is not TaskStatus.COMPLETED] == []
        with home.store.read() as tx:
            takes = [tx.takes.of_task(task.id) for task in ended]

    marks = [set(take.warnings) - {"size_differs"} for take in takes if take]
    for (provider, model, seconds, more), good, bad in zip(MODELS, marks, marks[len(MODELS) :], strict=False):
        silent = {"silent"} if more.get("sound") else set()
        if provider == "local":
            # It makes what it is asked for, and no sound.
            assert (good, bad) == (silent, silent), model
            continue
        assert good == {"length_differs"}, (model, seconds)
        assert bad == {"length_differs", "first_frame_differs", "ratio_differs"} | silent, model
