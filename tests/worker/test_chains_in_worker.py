"""Chains in the worker: who goes first, which frame goes along, and what is waited for."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from doubles import ScriptedProvider, wait_until
from PIL import Image
from runner_bench import Bench

from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import ShotFilter
from vidgen_core.domain.shots import NewShot, Shot
from vidgen_core.domain.takes import Take
from vidgen_core.domain.tasks import ChainLink, GenerationParams, NewTask, Task, TaskStatus
from vidgen_core.media.files import PartFile
from vidgen_core.providers.base import Key, Order, Prepared, RemoteJob
from vidgen_core.worker import chain

COMPLETED, PENDING, QUEUED = TaskStatus.COMPLETED, TaskStatus.PENDING, TaskStatus.QUEUED
_EVERY = ShotFilter()
REFUSED = RemoteError("moderation", kind=ErrorKind.MODERATION, delivery=Delivery.REFUSED)


def write_clip(path: Path, seed: int, begins: Path | None) -> Path:
    """Half a second that begins with a picture, or with blocks that no other seed has, and moves on."""
    noise = np.random.default_rng(seed).integers(0, 255, (16, 9, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    first = noise if begins is None else np.asarray(Image.open(begins).convert("RGB")).copy()
    first[:8, :8] = seed * 37 % 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 72, 128, "yuv420p"
        for number in range(6):
            shifted = np.roll(first, 4 * number, axis=0)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shifted, "rgb24")))
        container.mux(stream.encode(None))
    return path


def last_frame(path: Path) -> np.ndarray[Any, Any]:
    """The last frame of a video, decoded from its beginning."""
    with av.open(str(path)) as container:
        *_, last = container.decode(video=0)
        return last.to_ndarray(format="rgb24")


class ClipProvider(ScriptedProvider):
    """Makes another video for every job, and keeps what the first frame of each was, as it was sent."""

    begun: list[tuple[str, np.ndarray[Any, Any] | None]]
    before_intent: Callable[[Order], None] | None = None

    async def prepare(self, order: Order, key: Key | None) -> Prepared:
        prepared = await super().prepare(order, key)
        if self.before_intent is not None:
            self.before_intent(order)
        self.frames[order.reference] = None if order.image is None else np.asarray(Image.open(order.image))
        return prepared

    async def submit(self, order: Order, prepared: Prepared, key: Key | None) -> Any:
        submission = await super().submit(order, prepared, key)
        self.begun.append((order.params.prompt, self.frames[order.reference]))
        return submission

    async def fetch(self, job: RemoteJob, url: str, part: PartFile, key: Key | None) -> int | None:
        begins = self.locations.images / job.params.image if job.params.image else None
        clip = part.target.parent / f"{job.remote_id}-src.mp4"
        self.fetches = [write_clip(clip, int(job.remote_id.partition("-")[2]), begins).read_bytes()]
        return await super().fetch(job, url, part, key)

    def start_over(self) -> None:
        self.begun, self.frames = [], {}


class Studio:
    """Chains of shots on a bench."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        provider = bench.provider = ClipProvider(bench.settings_file.current, bench.locations, video=Path())
        provider.start_over()
        self.provider = provider
        self.store = bench.store

    def add(self, chain_name: str, count: int) -> list[Shot]:
        new = [NewShot(number=f"{chain_name}{n}", prompt=f"{chain_name}{n}", chain=chain_name) for n in range(count)]
        with self.store.write() as tx:
            return tx.shots.add(self.bench.project.id, new)

    def order(self, shots: list[Shot]) -> list[Task]:
        with self.store.write() as tx:
            return tx.tasks.add(
                [
                    NewTask(
                        project_id=shot.project_id,
                        shot_id=shot.id,
                        provider=ProviderId("yunwu"),
                        model="scripted",
                        params=GenerationParams(
                            prompt=shot.prompt,
                            aspect_ratio="9:16",
                            size="720P",
                            link=ChainLink(shot=shot.follows) if shot.follows else None,
                        ),
                        cost=Money(amount="0.4", currency="CNY"),
                    )
                    for shot in shots
                ]
            )

    def task(self, task: Task) -> Task:
        return self.bench.task(task)

    def finish(self, tasks: list[Task]) -> None:
        try:
            wait_until(lambda: all(self.task(task).status is COMPLETED for task in tasks), 25)
        except AssertionError:
            for task in tasks:
                found = self.task(task)
                print(found.label, found.status, found.waits_for, _code(found), found.stage)  # noqa: T201
            for line in self.bench.log()[:12]:
                print(line.code, line.params)  # noqa: T201
            raise

    def held(self, task: Task, code: str) -> Task:
        wait_until(lambda: self.task(task).status is PENDING and _code(self.task(task)) == code, 30)
        return self.task(task)

    def takes(self, shot: Shot) -> list[Take]:
        with self.store.read() as tx:
            return tx.takes.of_shots([shot.id])[shot.id]

    def choose(self, shot: Shot, take: Take) -> None:
        with self.store.write() as tx:
            tx.shots.choose(shot.id, take.id)

    def stale(self, shots: list[Shot]) -> dict[str, str]:
        with self.store.read() as tx:
            found = chain.Chain(tx, tx.shots.many([shot.id for shot in shots]))
        return {found.shots[shot_id].number: stale.code for shot_id, stale in found.stale.items()}

    def check_frames(self) -> None:
        """Every follower was sent the last frame of the chosen take before it, to the pixel."""
        first_frames = dict(self.provider.begun)
        with self.store.read() as tx:
            for shot in tx.shots.many(tx.shots.ids(self.bench.project.id, _EVERY)):
                if shot.follows is None or shot.prompt not in first_frames:
                    continue
                before = tx.shots.get(shot.follows)
                take = tx.takes.get(before.chosen_take_id or 0)
                np.testing.assert_array_equal(first_frames[shot.prompt], last_frame(Path(take.folder, take.file)))


def _code(task: Task) -> str:
    return task.failure.code if task.failure else ""


@pytest.fixture
def studio(bench: Bench) -> Studio:
    return Studio(bench)


@pytest.fixture
def by_itself(monkeypatch: pytest.MonkeyPatch, locations: Locations) -> None:
    monkeypatch.setenv("VIDGEN_CHAIN__FIRST_PASSING", "true")
    monkeypatch.setenv("VIDGEN_CHECKS__ENABLED", "false")
    monkeypatch.setenv("VIDGEN_CHAIN__LEAST_SHARPNESS", "0")
    monkeypatch.setenv("VIDGEN_CHAIN__MOST_COLOUR", "255")


def test_each_follower_begins_with_the_last_frame_and_chains_run_side_by_side(by_itself: None, studio: Studio) -> None:
    chains = [studio.add(name, 3) for name in "ab"]
    tasks = studio.order([shot for shots in chains for shot in shots])
    studio.bench.start()

    studio.finish(tasks)

    for name in "ab":
        assert [words for words, _ in studio.provider.begun if words[0] == name] == [f"{name}{n}" for n in range(3)]
    assert {words for words, _ in studio.provider.begun[:2]} == {"a0", "b0"}
    assert len(studio.provider.begun) == 6
    studio.check_frames()
    sent = studio.bench.attempts(tasks[1])[0].sent["material"]
    assert (sent["chain"]["shot"], sent["first_frame"].endswith(".png")) == (chains[0][0].id, True)


def test_without_an_auto_run_a_person_chooses_what_goes_on(studio: Studio) -> None:
    [first, second] = studio.add("a", 2)
    head, follower = studio.order([first, second])
    studio.bench.start()
    studio.finish([head])

    assert studio.held(follower, "chain_waits_choice").failure is not None
    assert len(studio.provider.begun) == 1
    studio.choose(first, studio.takes(first)[0])
    studio.finish([follower])
    studio.check_frames()


def test_a_shot_before_that_failed_holds_its_followers_alone(by_itself: None, studio: Studio) -> None:
    good, bad = studio.add("g", 2), studio.add("b", 3)
    studio.provider.submits = [REFUSED, None]
    tasks = studio.order(bad)
    studio.bench.start()
    studio.held(tasks[1], "chain_previous_failed")
    studio.held(tasks[2], "chain_waits")

    studio.finish(studio.order(good))
    with studio.store.write() as tx:
        tx.tasks.release([tasks[0].id])
    studio.finish(tasks)
    studio.check_frames()


def test_the_newest_choice_counts_until_the_request_leaves(studio: Studio) -> None:
    [first, second] = studio.add("a", 2)
    made = studio.order([first, first])
    studio.bench.start()
    studio.finish(made)
    old, new = studio.takes(first)
    studio.choose(first, old)

    def choose_another(order: Order) -> None:
        if order.params.prompt == second.prompt and len(chosen) == 0:
            chosen.append(new)
            studio.choose(first, new)

    chosen: list[Take] = []
    studio.provider.before_intent = choose_another
    [task] = studio.order([second])
    studio.finish([task])

    assert [words for words, _ in studio.provider.begun].count(second.prompt) == 1
    studio.check_frames()
    assert len(studio.bench.attempts(task)) == 2


def test_killed_again_and_again_a_chain_is_bought_once_and_in_order(by_itself: None, studio: Studio) -> None:
    tasks = studio.order([*studio.add("a", 3), *studio.add("b", 3)])
    dice = random.Random(1)
    for _ in range(4):
        studio.bench.start()
        before = len(studio.provider.begun)
        wait_until(
            lambda seen=before: (
                len(studio.provider.begun) > seen or all(studio.task(task).status is COMPLETED for task in tasks)
            ),
            30,
        )
        if dice.random() < 0.5:
            wait_until(lambda: any(studio.task(task).status is COMPLETED for task in tasks), 30)
        studio.bench.stop()
    studio.bench.start()
    studio.finish(tasks)

    words = [words for words, _ in studio.provider.begun]
    assert sorted(words) == ["a0", "a1", "a2", "b0", "b1", "b2"]
    assert [one for one in words if one[0] == "a"] == ["a0", "a1", "a2"]
    studio.check_frames()


def test_a_vanished_last_frame_is_said_and_stops_no_other_chain(by_itself: None, studio: Studio) -> None:
    [first, second], good = studio.add("a", 2), studio.add("g", 2)
    [head] = studio.order([first])
    studio.bench.start()
    studio.finish([head])
    take = studio.takes(first)[0]
    Path(take.folder, take.file).unlink()

    [follower, *others] = studio.order([second, *good])

    failure = studio.held(follower, "chain_frame_gone").failure
    assert failure is not None
    assert failure.params == {"shot": "a0", "take": 1}
    studio.finish(others)


def test_a_shot_that_follows_none_any_more_waits_for_a_picture(by_itself: None, studio: Studio) -> None:
    [first, second] = studio.add("a", 2)
    head, follower = studio.order([first, second])
    with studio.store.write() as tx:
        tx.shots.edit(second.id, {"chain": ""})
    studio.bench.start()

    studio.held(follower, "chain_gone")
    studio.finish([head])
    assert len(studio.provider.begun) == 1


def test_a_drifted_look_waits_for_a_person(by_itself: None, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_CHAIN__MOST_COLOUR", "0")
    head, follower = studio.order(studio.add("a", 2))
    studio.bench.start()
    studio.finish([head])

    failure = studio.held(follower, "chain_drifted").failure
    assert failure is not None
    assert failure.params["what"] == "colour"


def test_another_choice_in_the_middle_marks_exactly_the_followers_and_undo_brings_them_back(
    by_itself: None, studio: Studio
) -> None:
    shots = studio.add("a", 4)
    studio.bench.start()
    studio.finish(studio.order([*shots, shots[1]]))
    with studio.store.read() as tx:
        chosen = tx.takes.get(tx.shots.get(shots[1].id).chosen_take_id or 0)
    other = next(take for take in studio.takes(shots[1]) if take.id != chosen.id)
    assert studio.stale(shots) == {}

    studio.choose(shots[1], other)
    assert studio.stale(shots) == {"a2": "take", "a3": "take"}
    studio.choose(shots[1], chosen)
    assert studio.stale(shots) == {}
    with studio.store.write() as tx:
        tx.shots.edit(shots[0].id, {"prompt": "another"})
    assert studio.stale(shots) == {"a1": "words", "a2": "words", "a3": "words"}
    with studio.store.write() as tx:
        tx.shots.edit(shots[0].id, {"prompt": "a0"})
        tx.shots.move(shots[2].id, None)
    assert studio.stale(shots) == {"a3": "moved", "a2": "moved"}
    with studio.store.write() as tx:
        tx.shots.move(shots[2].id, shots[3].id)
    assert studio.stale(shots) == {}


@pytest.mark.usefixtures("by_itself")
def test_waiting_shots_take_no_place_of_others(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated: 200 shots in 20 chains, claimed round by round under a cap; every place that may be used is."""
    cap, chains = 15, [studio.add(f"c{number:02}-", 10) for number in range(20)]
    studio.order([shot for shots in chains for shot in shots])
    made: dict[int, int] = {}
    rounds = 0
    while len(made) < 200:
        with studio.store.write() as tx:
            for one in tx.shot_chains.waiting():
                task = tx.tasks.get(one.id)
                if task.waits_for in made:
                    tx.tasks.note(one.id, waits_for=None)
            going = tx.tasks.claimable(ProviderId("yunwu"), datetime.now(UTC), cap)
            for task in going:
                assert tx.tasks.move(task.id, TaskStatus.PROCESSING)
        rounds += 1
        for task in going:
            made[task.shot_id] = rounds
    least = max(10, -(-200 // cap))
    assert 200 / (rounds * cap) >= 0.95 * 200 / (least * cap)
