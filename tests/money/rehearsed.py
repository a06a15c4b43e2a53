"""A data home whose providers are the rehearsal server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from doubles import wait_until

from vidgen_core.config.file import SettingsFile
from vidgen_core.config.paths import Locations
from vidgen_core.db import Store
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId, provider_ids
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import LIVE, GenerationParams, NewTask, Task
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.media.images import keep_image
from vidgen_core.media.sample_art import write_sample
from vidgen_core.providers.registry import open_provider
from vidgen_core.worker.context import BuiltOnUse
from vidgen_core.worker.worker import Worker

MODELS = {ProviderId("yunwu"): "grok-video-3", ProviderId("kie"): "veo3_fast"}
KEYS = ["sk-good-aaaa1111", "sk-bad-bbbb2222", "sk-poor-cccc3333", "sk-good-dddd4444"]


def options(**changes: Any) -> RehearsalOptions:
    quick = {"videos": "shared", "job_seconds": (0.2, 0.6), "video_scale": 0.1, "kie_submits_per_10s": 10_000}
    return RehearsalOptions(**{**quick, **changes})


def environment(url: str, *, keys: list[str] = KEYS, concurrent: int = 10, max_wait: float = 8.0) -> dict[str, str]:
    """Settings that point at the rehearsal and do not wait long."""
    named = json.dumps([{"name": f"k{number}", "secret": secret} for number, secret in enumerate(keys)])
    return {
        "VIDGEN_RUNNER__MAX_CONCURRENT": str(concurrent),
        "VIDGEN_RUNNER__POLL_INTERVAL": "0.1",
        "VIDGEN_RUNNER__MAX_WAIT": str(max_wait),
        "VIDGEN_RUNNER__BACKOFF_BASE": "0.05",
        "VIDGEN_RUNNER__BACKOFF_MAX": "0.2",
        "VIDGEN_PROVIDERS__YUNWU__BASE_URL": url,
        "VIDGEN_PROVIDERS__YUNWU__KEYS": named,
        "VIDGEN_PROVIDERS__KIE__BASE_URL": url,
        "VIDGEN_PROVIDERS__KIE__UPLOAD_URL": url,
        "VIDGEN_PROVIDERS__KIE__KEYS": named,
    }


class Home:
    """Shots, tasks and a runner against a rehearsal server."""

    def __init__(self, locations: Locations) -> None:
        self.locations = locations
        self.settings_file = SettingsFile(locations)
        self.store = Store.open(locations.database)
        picture = locations.home / "sample.jpg"
        write_sample(picture, 1, 360, 640)
        self.image = keep_image(picture, locations.images)
        with self.store.write() as tx:
            self.project = tx.projects.ensure("ep01")

    def queue(self, mode: ProviderId, prompts: list[str], takes: int = 1) -> list[Task]:
        with self.store.write() as tx:
            shots = tx.shots.add(
                self.project.id, [NewShot(number=None, prompt=prompt, image=self.image) for prompt in prompts]
            )
            size = "1080P" if mode is ProviderId("yunwu") else "720P"
            new = [
                NewTask(
                    project_id=self.project.id,
                    shot_id=shot.id,
                    provider=mode,
                    model=MODELS[mode],
                    params=GenerationParams(prompt=shot.prompt, image=self.image, aspect_ratio="9:16", size=size),
                    cost=Money(amount="0.4", currency="CNY"),
                )
                for shot in shots
                for _ in range(takes)
            ]
            return tx.tasks.add(new)

    def tasks(self, tasks: list[Task]) -> list[Task]:
        with self.store.read() as tx:
            return tx.tasks.many([task.id for task in tasks])

    @contextmanager
    def running(self) -> Iterator[Worker]:
        store = Store.open(self.locations.database, checkpoints=True)
        runner = Worker(
            store,
            self.settings_file.current,
            self.locations,
            lambda uploads: BuiltOnUse(
                provider_ids(),
                lambda mode: open_provider(mode, self.settings_file.current, self.locations, uploads(mode)),
            ),
        ).start()
        try:
            yield runner
        finally:
            runner.stop()
            store.close()

    def finish(self, tasks: list[Task], timeout: float = 60.0) -> list[Task]:
        wait_until(lambda: not any(task.status in LIVE for task in self.tasks(tasks)), timeout)
        return self.tasks(tasks)


@contextmanager
def rehearsed_home(
    locations: Locations, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any] | None = None, **changes: Any
) -> Iterator[tuple[Home, RehearsalServer]]:
    with RehearsalServer(options(**changes)) as server:
        for name, value in environment(server.url, **(settings or {})).items():
            monkeypatch.setenv(name, value)
        home = Home(locations)
        try:
            yield home, server
        finally:
            home.store.close()
