"""Chains against the rehearsal: what the provider was sent, in which order, and how often, whatever dies on the way."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from doubles import wait_until
from PIL import Image
from rehearsed import environment, options

from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import VidgenError
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.shots import Project
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.media.sample_art import write_sample
from vidgen_core.media.video import last_picture
from vidgen_core.services.facade import Vidgen

#: Mean difference (0-255) that the JPEG of the way makes of a picture.
_JPEG = 4.0


def build(app: Vidgen, chains: int, shots: int) -> Project:
    """A project of chains, each with a picture of its own to begin with."""
    project = app.projects.ensure("ep01")
    for number in range(chains):
        picture = app.locations.home / f"head{number}.png"
        write_sample(picture, number + 1, 360, 640)
        for place in range(shots):
            shot = app.shots.add(
                project.id, f"{number}.{place}", f"the walker {number}.{place}", picture if place == 0 else None
            )
            if place:
                app.chains.link(shot.id)
    return project


def check(app: Vidgen, project: Project, server: RehearsalServer, count: int) -> None:
    """Each shot was bought once, after the one before it, and was sent that one's last frame."""
    shots = [view.shot for view in app.shots.page(project.id, limit=count).items]
    takes = {shot.id: app.takes.get(shot.chosen_take_id) for shot in shots if shot.chosen_take_id}
    jobs = sorted(server.state.jobs.all(), key=lambda job: job.created)
    sent = {job.order.prompt: (place, job.order) for place, job in enumerate(jobs)}
    assert len(jobs) == len(sent) == count
    for shot in shots:
        if shot.follows is None:
            continue
        place, job = sent[shot.prompt]
        before = next(one for one in shots if one.id == shot.follows)
        assert place > sent[before.prompt][0]
        seen = server.state.pictures.path(job.picture)
        assert seen is not None
        assert _differ(seen, Path(takes[before.id].folder, takes[before.id].file)) < _JPEG


def _differ(sent: Path, video: Path) -> float:
    frame = last_picture(video, 4096)
    with Image.open(sent) as opened:
        shown = opened.convert("RGB").resize(frame.size)
    return float(np.abs(_numbers(shown) - _numbers(frame)).mean())


def _numbers(picture: Image.Image) -> npt.NDArray[np.float64]:
    return np.asarray(picture, dtype=np.float64)


@pytest.fixture
def chained(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "VIDGEN_MODE": "yunwu",
        "VIDGEN_RUNNER__TAKES_PER_SHOT": "1",
        "VIDGEN_CHAIN__LEAST_SHARPNESS": "0",
        "VIDGEN_CHAIN__MOST_COLOUR": "255",
        "VIDGEN_GATE__ASK_ABOVE_TASKS": "1000",
        "VIDGEN_BUDGET__CANARY": "off",
    }.items():
        monkeypatch.setenv(name, value)


def test_each_follower_is_sent_the_last_frame_of_the_shot_before_it(
    locations: Locations, monkeypatch: pytest.MonkeyPatch, chained: None
) -> None:
    monkeypatch.setenv("VIDGEN_CHAIN__FIRST_PASSING", "true")
    monkeypatch.setenv("VIDGEN_CHECKS__ENABLED", "false")
    with RehearsalServer(options(videos="render")) as server:
        for name, value in environment(server.url, keys=["sk-good-aaaa1111"]).items():
            monkeypatch.setenv(name, value)
        with Vidgen.open(locations) as app:
            project = build(app, 2, 3)
            app.tasks.generate(project.id, app.shots.ids(project.id))
            app.worker.start()
            wait_until(lambda: app.tasks.counts(project.id)[TaskStatus.COMPLETED] == 6, 60)
            app.takes.choose_first(project.id)
            check(app, project, server, 6)


@pytest.mark.extended
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_thirty_shots_in_six_chains_come_to_a_rough_cut_through_ten_kills(
    locations: Locations, monkeypatch: pytest.MonkeyPatch, chained: None
) -> None:
    # What the rehearsal renders is no film: its looks are not judged here.
    monkeypatch.setenv("VIDGEN_CHECKS__ENABLED", "false")
    dice = random.Random(5)
    home = dict(os.environ) | {"VIDGEN_HOME": str(locations.home)}
    command = [sys.executable, "-m", "vidgen_core", "run", "--json", "--project", "ep01"]
    with RehearsalServer(options(videos="render")) as server:
        near = environment(server.url, keys=["sk-good-aaaa1111"], concurrent=4, max_wait=120.0)
        for name, value in near.items():
            monkeypatch.setenv(name, value)
        with Vidgen.open(locations) as app:
            project = build(app, 6, 5)
            app.progress.go(project.id, limit=Decimal(0))
            for kills in range(11):
                bought = len(server.state.jobs.all())
                process = subprocess.Popen(
                    command, env=home | near, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                try:
                    if kills < 10:
                        wait_until(
                            lambda bought=bought: (
                                settle(app, project, server)
                                or len(server.state.jobs.all()) > bought
                                # Between two kills a slow machine may buy several.
                                or is_over(app, project)
                            ),
                            # Orders that a kill has lost hold the cap as long as their jobs may last.
                            240,
                        )
                        with contextlib.suppress(subprocess.TimeoutExpired):
                            process.wait(dice.random())
                    else:
                        wait_until(lambda: settle(app, project, server) or is_over(app, project), 400)
                finally:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
            run = app.progress.run(project.id)
            assert run is not None
            assert (run.note, run.clips) == ("done", 30)
            check(app, project, server, 30)


def is_over(app: Vidgen, project: Project) -> bool:
    run = app.progress.run(project.id)
    return run is not None and not run.on


def settle(app: Vidgen, project: Project, server: RehearsalServer) -> bool:
    """Decide about lost answers as a person does who looks into the provider's own list; never says that it is over."""
    failed = TaskFilter(statuses=frozenset({TaskStatus.FAILED}))
    made = {job.order.prompt: job.id for job in server.state.jobs.all()}
    for task in app.tasks.many(app.tasks.ids(project.id, failed)):
        with contextlib.suppress(VidgenError):
            if task.remote_id is not None:
                app.tasks.look_again([task.id])
            elif task.params.prompt in made:
                app.tasks.adopt(task.id, made[task.params.prompt])
            else:
                app.tasks.retry([task.id], confirm=True)
    return False
