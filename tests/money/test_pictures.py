"""Pictures keep every promise about money: sent once, never forgotten, unknown when nobody knows."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from doubles import wait_until
from rehearsed import KEYS, Home, options

from vidgen_core.config.paths import Locations
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import GenerationParams, NewTask, Task, TaskKind, TaskStatus
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.media.images import inspect_image

PRICE = Money(amount="0.3", currency="CNY")


class PictureHome(Home):
    """Tasks that draw."""

    def draw(self, prompts: list[str], count: int = 1, way: str = "images") -> list[Task]:
        with self.store.write() as tx:
            shots = tx.shots.add(self.project.id, [NewShot(picture_prompt=prompt) for prompt in prompts])
            params = {"aspect_ratio": "9:16", "size": "auto", "options": {"way": way}}
            new = [
                NewTask(
                    project_id=self.project.id,
                    shot_id=shot.id,
                    provider=ProviderId("images"),
                    model="gpt-image-1",
                    params=GenerationParams(prompt=shot.picture_prompt, **params),
                    cost=PRICE,
                    output=TaskKind.IMAGE,
                )
                for shot in shots
                for _ in range(count)
            ]
            return tx.tasks.add(new)

    def attempt(self, task: Task):  # type: ignore[no-untyped-def]
        with self.store.read() as tx:
            return tx.attempts.of_task(task.id)[-1]

    def image_of(self, task: Task) -> str | None:
        with self.store.read() as tx:
            return tx.shots.get(task.shot_id).image


def environment(url: str) -> dict[str, str]:
    keys = ",".join(f'{{"name":"k{n}","secret":"{secret}"}}' for n, secret in enumerate(KEYS[:1] + KEYS[3:]))
    return {
        "VIDGEN_RUNNER__MAX_CONCURRENT": "6",
        "VIDGEN_RUNNER__POLL_INTERVAL": "0.1",
        "VIDGEN_RUNNER__MAX_WAIT": "6",
        "VIDGEN_RUNNER__BACKOFF_BASE": "0.05",
        "VIDGEN_RUNNER__BACKOFF_MAX": "0.2",
        "VIDGEN_PROVIDERS__IMAGES__BASE_URL": url,
        "VIDGEN_PROVIDERS__IMAGES__KEYS": f"[{keys}]",
    }


@pytest.fixture
def world(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[PictureHome, RehearsalServer]]:
    with rehearsed(locations, monkeypatch) as found:
        yield found


@contextmanager
def rehearsed(
    locations: Locations, monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, float] = (0.0, 0.2), **more: Any
) -> Iterator[tuple[PictureHome, RehearsalServer]]:
    with RehearsalServer(options(job_seconds=seconds, **more)) as server:
        for name, value in environment(server.url).items():
            monkeypatch.setenv(name, value)
        home = PictureHome(locations)
        try:
            yield home, server
        finally:
            home.store.close()


def test_a_batch_of_pictures_is_bought_once_each_by_every_way(world: tuple[PictureHome, RehearsalServer]) -> None:
    home, server = world
    tasks = home.draw(["street", "harbour [[as-link]]"], count=2) + home.draw(
        ["bridge", "hill [[in-images]]"], 2, "chat"
    )
    with home.running():
        ended = home.finish(tasks)
        # What was kept of an answer is let go after the commit that ends its task.
        wait_until(lambda: list(home.locations.drawings.iterdir()) == [])

    assert {task.status for task in ended} == {TaskStatus.COMPLETED}
    assert set(server.stats()["submits"].values()) == {2}
    for task in ended:
        assert task.file is not None
        assert inspect_image(Path(task.file)).format == "PNG"
        assert (task.cost, home.attempt(task).state) == (PRICE, AttemptState.SUCCEEDED)


def test_a_picture_that_does_not_follow_what_was_sent_is_marked_and_kept(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed(locations, monkeypatch, video_scale=1.0) as (home, _):
        ways = [home.draw([f"lake{tag}"], way=way) for tag in ("", " [[wrong-ratio]]") for way in ("images", "chat")]
        with home.running():
            ended = home.finish([task for tasks in ways for task in tasks])
        assert {task.status for task in ended} == {TaskStatus.COMPLETED}
        with home.store.read() as tx:
            found = [tx.candidates.of_task(task.id) for task in ended]
    # The rehearsal's chat model knows squares alone.
    assert [one.warnings for one in found if one] == [(), ("ratio_differs",), ("ratio_differs",), ("ratio_differs",)]


@pytest.mark.parametrize("way", ["images", "chat"])
@pytest.mark.parametrize(
    "tag", ["reset-after-accept", "gateway-after-accept", "error-after-accept", "html-after-accept"]
)
def test_a_lost_answer_is_unknown_and_never_sent_again(
    world: tuple[PictureHome, RehearsalServer], tag: str, way: str
) -> None:
    home, server = world
    tasks = home.draw([f"street [[{tag}]]"], way=way)
    with home.running():
        [task] = home.finish(tasks)

    assert (task.status, task.failure and task.failure.kind) == (TaskStatus.FAILED, ErrorKind.SUBMIT_UNKNOWN)
    assert task.charge is ChargeStatus.UNKNOWN
    assert server.stats()["submits_total"] == 1


@pytest.mark.parametrize(
    ("tag", "way", "kind"),
    [
        ("moderation-blocked", "images", ErrorKind.MODERATION),
        ("moderated-input", "chat", ErrorKind.MODERATION),
        ("declined", "chat", ErrorKind.MODERATION),
        ("content-filter", "chat", ErrorKind.MODERATION),
        ("parameter", "images", ErrorKind.PARAMETER),
    ],
)
def test_what_was_declined_is_not_asked_again(
    world: tuple[PictureHome, RehearsalServer], tag: str, way: str, kind: ErrorKind
) -> None:
    home, server = world
    tasks = home.draw([f"street [[{tag}]]"], way=way)
    with home.running():
        [task] = home.finish(tasks)

    assert (task.status, task.failure and task.failure.kind) == (TaskStatus.FAILED, kind)
    assert server.stats()["submits_total"] == 1
    refused = home.attempt(task).state is AttemptState.REFUSED
    assert home.attempt(task).charge is (ChargeStatus.NONE if refused else ChargeStatus.UNKNOWN)


def test_too_many_requests_are_waited_out(world: tuple[PictureHome, RehearsalServer]) -> None:
    home, server = world
    tasks = home.draw(["street [[rate-limit-retry-after:1]]"])
    with home.running():
        [task] = home.finish(tasks)

    assert task.status is TaskStatus.COMPLETED
    assert server.stats()["accepted_total"] == 1


@pytest.mark.parametrize("tag", ["base64-broken", "not-a-picture"])
def test_a_broken_picture_is_not_bought_again_by_itself(world: tuple[PictureHome, RehearsalServer], tag: str) -> None:
    home, server = world
    tasks = home.draw([f"street [[{tag}]]"])
    with home.running():
        [task] = home.finish(tasks)

    assert task.failure is not None
    assert (task.status, task.failure.code) == (TaskStatus.FAILED, "picture_broken")
    assert server.stats()["submits_total"] == task.attempts == 1
    assert home.image_of(task) is None


def test_a_link_that_is_gone_fails_the_download_and_buys_nothing_more(
    world: tuple[PictureHome, RehearsalServer],
) -> None:
    home, server = world
    tasks = home.draw(["street [[link-gone]]"])
    with home.running():
        [task] = home.finish(tasks)

    assert (task.status, task.failure and task.failure.kind) == (TaskStatus.FAILED, ErrorKind.FILE)
    assert server.stats()["submits_total"] == 1


def test_an_answer_that_was_kept_before_a_crash_is_taken_in(world: tuple[PictureHome, RehearsalServer]) -> None:
    """The picture lies on the disk and its id was never committed: as after a kill between the two."""
    home, server = world
    tasks = home.draw(["street"])
    [before] = tasks
    with home.running():
        [task] = home.finish(tasks)
    picture = Path(task.file or "").read_bytes()
    reference = f"t{before.id}-a1"
    (home.locations.drawings / f"{reference}.picture").write_bytes(picture)
    (home.locations.drawings / f"{reference}.json").write_text('{"picture": true, "url": null}')
    with home.store.write() as tx:
        attempt = tx.attempts.of_task(task.id)[0]
        tx.attempts.update(attempt.id, state=AttemptState.SENDING, remote_id=None, accepted_at=None, ended_at=None)
        tx._connection.exec_driver_sql(
            "UPDATE tasks SET status = 'processing', remote_id = NULL, file = NULL, finished_at = NULL, duration = NULL"
        )

    with home.running():
        [again] = home.finish(tasks)
        wait_until(lambda: list(home.locations.drawings.iterdir()) == [])

    assert (again.status, again.remote_id) == (TaskStatus.COMPLETED, reference)
    assert server.stats()["submits_total"] == 1


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.extended
def test_no_kill_buys_a_picture_twice_or_loses_one(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(5)
    with rehearsed(locations, monkeypatch, seconds=(0.1, 0.8)) as (home, server):
        tasks = home.draw(
            [f"street {number} [[{('as-link', 'in-images')[number % 2]}]]" for number in range(10)], count=2
        )
        surroundings = {**os.environ, "VIDGEN_HOME": str(locations.home)}
        for _ in range(6):
            heard = server.stats()["submits_total"]
            process = _run(surroundings)
            wait_until(lambda heard=heard: server.stats()["submits_total"] > heard or not _live(home, tasks), 60)
            try:
                process.wait(chance.uniform(0.0, 0.9))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
        _run(surroundings).wait(120)

        ended = home.tasks(tasks)
        assert not _live(home, tasks)
        accepted = Counter(server.stats()["accepted"])
        with home.store.read() as tx:
            attempts = [attempt for task in ended for attempt in tx.attempts.of_task(task.id)]
        prompts = {task.id: task.params.prompt for task in ended}
        left = Counter(prompts[attempt.task_id] for attempt in attempts if attempt.state is not AttemptState.REFUSED)
        assert max(accepted.values()) <= 2, "no prompt was bought more often than asked"
        assert all(accepted[prompt] <= left[prompt] for prompt in accepted), "nothing was sent beside the ledger"
        for task in ended:
            unknown = task.failure is not None and task.failure.kind is ErrorKind.SUBMIT_UNKNOWN
            assert unknown or task.status is TaskStatus.COMPLETED
            if task.file:
                inspect_image(Path(task.file))


def _run(surroundings: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "vidgen_core", "run", "--until-done", "--json"]
    return subprocess.Popen(command, env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _live(home: PictureHome, tasks: list[Task]) -> bool:
    return any(
        task.status in (TaskStatus.QUEUED, TaskStatus.PROCESSING, TaskStatus.DOWNLOADING) for task in home.tasks(tasks)
    )
