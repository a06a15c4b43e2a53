"""The runner as interfaces see it: whole runs, the header, and what two processes may do at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.services.app_doubles import PRICE, failed, sent
from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import ErrorKind, RunnerBusy
from vidgen_core.domain.log import Heartbeat
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Project, Shot
from vidgen_core.domain.tasks import ActiveCount, TaskStatus
from vidgen_core.media.video import probe
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.system.worker_control import percent

AddShot = Callable[..., Shot]
#: Seconds that anything awaited here may take on a busy machine.
PATIENCE = 60.0


def run_to_the_end(app: Vidgen, project: Project) -> None:
    """Let the runner work until nothing is left; its store signals every change."""
    until = time.monotonic() + PATIENCE
    app.worker.start()
    while app.worker.status(project.id).live:
        assert time.monotonic() < until, app.log.page(None)
        time.sleep(0.02)


def test_queued_takes_become_videos_of_the_asked_size_and_length(
    app: Vidgen, project: Project, add_shot: AddShot, picture: Path
) -> None:
    shot = add_shot("1.0", image=picture)
    app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=2))

    run_to_the_end(app, project)

    view = app.shots.view(shot.id)
    assert view.counts == {TaskStatus.COMPLETED: 2}
    for task, take in zip(view.tasks, view.takes, strict=True):
        file = app.takes.file(take)
        assert str(file) == task.file
        facts = probe(file)
        assert (facts.width, facts.height) == (128, 72)
        assert facts.seconds == pytest.approx(0.5, abs=0.05)
        poster = app.takes.poster(take)
        assert poster is not None
        assert poster.exists()
    status = app.worker.status(project.id)
    assert (status.percent, status.eta_seconds, status.spent, status.here) == (100, None, {}, True)


def test_stopping_and_opening_again_loses_nothing(locations: Locations, small_renders: None, picture: Path) -> None:
    with Vidgen.open(locations) as first:
        project = first.projects.ensure("ep01")
        ids = [first.shots.add(project.id, prompt="pan left", image=picture).id for _ in range(3)]
        first.tasks.generate(project.id, ids, GenerateOptions(takes=2))
        first.worker.start()
        assert first.worker.wait_until_working(PATIENCE)

    with Vidgen.open(locations) as second:
        run_to_the_end(second, project)
        assert second.tasks.counts(project.id)[TaskStatus.COMPLETED] == 6
        assert len(list(second.settings().save_folder(locations).rglob("*.mp4"))) == 6


def test_a_second_process_learns_that_the_tasks_are_run_elsewhere(app: Vidgen, locations: Locations) -> None:
    app.worker.start()
    assert app.worker.wait_until_working(PATIENCE)

    with Vidgen.open(locations) as other:
        assert other.worker.is_held
        assert not other.worker.is_here
        with pytest.raises(RunnerBusy):
            other.worker.start(standby=False)

    app.worker.stop()
    assert not app.worker.is_held


def test_closing_twice_is_harmless(locations: Locations, small_renders: None) -> None:
    app = Vidgen.open(locations)
    app.worker.start()

    app.close()
    app.close()


# --- the header


def test_percent_counts_what_is_under_way_by_its_share() -> None:
    halfway = ActiveCount(ProviderId("kie"), TaskStatus.PROCESSING, 1, 50)
    coming = ActiveCount(ProviderId("kie"), TaskStatus.DOWNLOADING, 1, 0)
    counts = {TaskStatus.COMPLETED: 1, TaskStatus.FAILED: 1, TaskStatus.PROCESSING: 1, TaskStatus.DOWNLOADING: 1}

    assert percent(counts, [halfway, coming]) == 87
    assert percent({TaskStatus.CANCELLED: 4}, []) is None
    assert percent({TaskStatus.QUEUED: 3, TaskStatus.CANCELLED: 3}, []) == 0


def test_time_left_is_unknown_until_a_like_task_has_ended(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    shot = add_shot()
    app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=4))
    assert app.worker.status(project.id).eta_seconds is None

    with app.store.write() as tx:
        done = tx.tasks.page(project.id, _every(), "id", False, 1).items[0]
        tx.tasks.move(done.id, TaskStatus.PROCESSING)
        tx.tasks.move(done.id, TaskStatus.DOWNLOADING)
        tx.tasks.move(done.id, TaskStatus.COMPLETED)
    eta = app.worker.status(project.id).eta_seconds

    assert eta is not None
    assert eta >= 0


def _every() -> object:
    from vidgen_core.domain.queries import TaskFilter

    return TaskFilter()


def test_what_was_given_back_or_refused_is_not_spent(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    shot = add_shot()
    sent(app, shot)
    failed(app, shot, ErrorKind.MODERATION, "grok:2", charge=ChargeStatus.REFUNDED)
    failed(app, shot, ErrorKind.PARAMETER, None, charge=ChargeStatus.NONE)
    failed(app, shot, ErrorKind.SUBMIT_UNKNOWN, None, charge=ChargeStatus.UNKNOWN)

    spent = app.worker.status(project.id).spent

    assert spent == {"CNY": PRICE.model_copy(update={"amount": PRICE.amount * 2})}


def test_the_header_says_whether_a_runner_is_alive(app: Vidgen, project: Project) -> None:
    assert not app.worker.status(project.id).alive

    now = datetime.now(UTC)
    with app.store.write() as tx:
        tx.heartbeat.beat(Heartbeat(pid=1, host="other", started_at=now, at=now))
    assert app.worker.status(project.id).alive

    with app.store.write() as tx:
        tx.heartbeat.beat(Heartbeat(pid=1, host="other", started_at=now, at=now - timedelta(minutes=1)))
    assert not app.worker.status(project.id).alive


def test_pausing_is_shown_and_resuming_ends_the_pauses(app: Vidgen, project: Project) -> None:
    with app.store.write() as tx:
        tx.state.put(
            "provider_pause.yunwu",
            {"code": "pause_balance", "params": {}, "since": "2026-01-01T00:00:00Z", "until": None},
        )
    app.worker.pause()

    paused = app.worker.status(project.id)
    assert paused.paused == "user"
    assert paused.provider_pauses[ProviderId("yunwu")]["code"] == "pause_balance"

    app.worker.resume()
    resumed = app.worker.status(project.id)
    assert resumed.paused is None
    assert resumed.provider_pauses == {}


def test_stopping_comes_in_a_free_and_a_paid_kind(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    shot = add_shot()
    app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=3))
    under_way = sent(app, shot)

    assert app.worker.stop_unsubmitted(project.id) == 3
    assert not app.tasks.get(under_way.id).cancel_requested
    assert app.worker.give_up(project.id) == 1
    assert app.tasks.get(under_way.id).cancel_requested


def test_the_header_is_quick(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    shots = [add_shot().id for _ in range(20)]
    app.tasks.generate(project.id, shots, GenerateOptions(takes=5))
    app.worker.status(project.id)

    began = time.process_time()
    app.worker.status(project.id)

    assert time.process_time() - began < 0.1
