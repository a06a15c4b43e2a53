"""What lies on one machine of several waits for its worker, and goes to nobody else; whatever does not, does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from doubles import RUNNING, ScriptedProvider, done, wait_until
from postgres_server import postgres, postgres_url, shared_studio  # noqa: F401 - fixtures
from runner_bench import QUICK, Bench

from vidgen_core.config.paths import Locations
from vidgen_core.db import Store
from vidgen_core.db.worker_state import GENERATION
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import GenerationParams, NewTask, Task, TaskStatus
from vidgen_core.providers.local.adapter import MODEL, LocalProvider
from vidgen_core.services.facade import Vidgen
from vidgen_core.worker.worker import Worker

pytest.importorskip("pgqueuer", reason="needs the engine of the extra `scale`")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE = 90.0
COMPLETED = TaskStatus.COMPLETED
LOCAL = ProviderId("local")
#: What an attempt of the renderer has no need of.
NOTHING = dict.fromkeys(("key_id", "key_label", "base_url", "cost"))


class OfOneMachine(ScriptedProvider):
    """Takes orders in a window of one machine, or keeps the answer to its first job where it came in."""

    window = ""

    @property
    def machine(self) -> str:
        return self.window

    def is_of_machine(self, address: str) -> bool:
        return address == "remote-1"


class Studio:
    """Machines with a worker each, and a server."""

    def __init__(self, folder: Path, video: Path, url: str) -> None:
        self._folder = folder
        self._video = video
        self._url = url
        self.bench = Bench(Locations(folder / "own").create(), video, url)
        self.providers: dict[str, OfOneMachine] = {}
        self._workers: dict[str, tuple[Worker, Store]] = {}

    def start(self, name: str) -> OfOneMachine:
        """Start a worker; returns its provider."""
        locations = Locations(self._folder / name.encode(errors="replace").hex()[:40]).create()
        settings = self.bench.settings_file.current
        provider = self.providers[name] = OfOneMachine(settings, locations, video=self._video)
        store, local = Store.open(self._url, timezone="UTC"), LocalProvider(settings, locations)
        worker = Worker(store, settings, locations, lambda _: {provider.mode: provider, LOCAL: local}, name=name)
        self._workers[name] = worker.start(), store
        return provider

    def stop(self, name: str) -> None:
        worker, store = self._workers.pop(name)
        worker.stop()
        store.close()

    def close(self) -> None:
        for name in list(self._workers):
            self.stop(name)
        self.bench.store.close()

    def has(self, task: Task) -> str:
        """The machine whose worker has a task."""
        return (self.bench.attempts(task)[-1].worker or "").rpartition(":")[0]

    def render(self) -> Task:
        """Queue a task of the free renderer."""
        params = GenerationParams(prompt="pan left", aspect_ratio="9:16", size="128x72", duration=0.5)
        bench = self.bench
        with bench.store.write() as tx:
            [task] = tx.tasks.add(
                [
                    NewTask(
                        project_id=bench.project.id, shot_id=bench.shot.id, provider=LOCAL, model=MODEL, params=params
                    )
                ]
            )
        return task

    def forget_an_order(self, name: str) -> Task:
        """Start a worker on a backup of before an order that its journal knows, with another task queued."""
        self.start(name)
        [bought] = self.bench.queue()
        wait_until(lambda: self.bench.task(bought).status is COMPLETED, PATIENCE)
        self.stop(name)
        with self.bench.store.write() as tx:
            GENERATION.put(tx, None)
        [task] = self.bench.queue()
        self.start(name)
        return task

    def newest(self, name: str) -> int:
        """The newest generation that a worker has seen."""
        scheduler = self._workers[name][0]._scheduler
        return scheduler._ctx.newest if scheduler is not None else 0

    def leads(self, name: str) -> bool:
        with self.bench.store.read() as tx:
            return any(beat.leads and beat.name.startswith(f"{name}:") for beat in tx.heartbeat.all())


@pytest.fixture
def studio(
    tmp_path: Path,
    small_video: Path,
    postgres_url: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Studio]:
    for name, value in {**QUICK, **shared_studio(postgres_url, tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VIDGEN_SCALE__TAKEOVER_SECONDS", "3")
    opened = Studio(tmp_path, small_video, postgres_url)
    yield opened
    opened.close()


def test_orders_of_one_window_go_through_it_whoever_leads(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OfOneMachine, "window", "desk")
    studio.start("a")
    wait_until(lambda: studio.leads("a"), PATIENCE)
    tasks = studio.bench.queue(3)
    studio.start("desk")
    for task in tasks:
        wait_until(lambda task=task: studio.bench.task(task).status is COMPLETED, PATIENCE)
    assert [len(studio.providers[name].sent) for name in ("a", "desk")] == [0, 3]


def test_an_answer_kept_on_a_machine_waits_for_its_worker(studio: Studio) -> None:
    studio.start("a").polls = [RUNNING]
    first, second = studio.bench.queue(2)
    wait_until(
        lambda: {studio.bench.task(one).remote_id for one in (first, second)} == {"remote-1", "remote-2"}, PATIENCE
    )
    kept = next(one for one in (first, second) if studio.bench.task(one).remote_id == "remote-1")
    free = next(one for one in (first, second) if one is not kept)
    studio.stop("a")
    studio.start("b")
    wait_until(lambda: studio.bench.task(free).status is COMPLETED, PATIENCE)
    assert studio.has(free) == "b"
    # It was offered as often as the other one.
    assert (studio.has(kept), studio.bench.task(kept).status) == ("a", TaskStatus.PROCESSING)
    studio.start("a").polls = [done()]
    wait_until(lambda: studio.bench.task(kept).status is COMPLETED, PATIENCE)
    assert studio.has(kept) == "a"
    assert [attempt.state for attempt in studio.bench.attempts(kept)] == [AttemptState.SUCCEEDED]


def test_a_machine_that_does_not_come_back_is_not_waited_for_for_ever(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.start("a").polls = [RUNNING]
    [task] = studio.bench.queue()
    wait_until(lambda: studio.bench.task(task).remote_id == "remote-1", PATIENCE)
    studio.stop("a")
    monkeypatch.setattr("vidgen_core.worker.engines.shared.WAIT_FOR_MACHINE", timedelta(0))
    studio.start("b")
    wait_until(lambda: studio.bench.task(task).status is COMPLETED, PATIENCE)
    assert studio.has(task) == "b"


@pytest.mark.parametrize("status", [TaskStatus.PROCESSING, TaskStatus.DOWNLOADING])
def test_what_a_lost_machine_was_rendering_is_rendered_anew(studio: Studio, status: TaskStatus) -> None:
    bench, task = studio.bench, studio.render()
    with bench.store.write() as tx:
        tx.tasks.move(task.id, TaskStatus.PROCESSING)
        attempt = tx.attempts.begin(task.id, provider=LOCAL, model=MODEL, worker="gone:1", **NOTHING)
        tx.attempts.update(attempt.id, state=AttemptState.SENDING, intent_at=attempt.created_at)
        tx.attempts.update(
            attempt.id, state=AttemptState.ACCEPTED, remote_id="a-render", accepted_at=attempt.created_at
        )
        tx.tasks.note(task.id, remote_id="a-render")
        if status is TaskStatus.DOWNLOADING:
            tx.attempts.update(attempt.id, state=AttemptState.SUCCEEDED, ended_at=attempt.created_at)
            tx.tasks.move(task.id, status, result_url="/nowhere/a-render.mp4")
    studio.start("b")
    wait_until(lambda: studio.bench.task(task).status in (COMPLETED, TaskStatus.FAILED), PATIENCE)
    assert studio.bench.task(task).status is COMPLETED


def test_a_database_that_one_journal_knows_to_be_old_is_trusted_from_any_machine(studio: Studio) -> None:
    task = studio.forget_an_order("a")
    hold = wait_until(studio.bench.hold, PATIENCE)
    assert hold["code"] == "pause_database_behind"
    with Vidgen.open(studio.bench.locations) as own:
        assert own.worker.doubt() is None
        assert own.worker.resume() == 1
        # Those that come now are bought.
        [later] = studio.bench.queue()
        wait_until(lambda: studio.bench.task(later).status is COMPLETED, PATIENCE)
        assert studio.bench.task(task).status is TaskStatus.PENDING
        assert studio.bench.hold() is None


def test_what_one_machine_knows_of_an_old_database_no_other_one_lifts(studio: Studio) -> None:
    again = studio.forget_an_order("a")
    wait_until(studio.bench.hold, PATIENCE)
    studio.stop("a")
    # Its journal says nothing of what was bought.
    knows_nothing = studio.start("b")
    wait_until(lambda: studio.leads("b"), PATIENCE)
    local = studio.render()
    wait_until(lambda: studio.bench.task(local).status is COMPLETED, PATIENCE)
    assert (studio.bench.hold() or {}).get("code") == "pause_database_behind"
    assert (studio.bench.task(again).status, knows_nothing.sent) == (TaskStatus.QUEUED, [])


@pytest.mark.parametrize("stays", ["buyer", "witness"])
def test_a_database_that_comes_back_older_is_noticed_by_whoever_works(studio: Studio, stays: str) -> None:
    """As a server that was put back, or whose stand-by had not heard of the last orders."""
    machines = {name: studio.start(name) for name in ("a", "b")}
    [first] = studio.bench.queue()
    wait_until(lambda: studio.bench.task(first).status is COMPLETED, PATIENCE)
    wait_until(lambda: all(studio.newest(name) for name in machines), PATIENCE)
    buyer = studio.has(first)
    studio.stop(buyer if stays == "witness" else next(iter(machines.keys() - {buyer})))
    with studio.bench.store.write() as tx:
        GENERATION.put(tx, None)
    [again] = studio.bench.queue()

    hold = wait_until(studio.bench.hold, PATIENCE)

    assert hold["code"] == "pause_database_behind"
    wait_until(lambda: studio.bench.task(again).status is TaskStatus.QUEUED, PATIENCE)
    assert sum(len(machine.sent) for machine in machines.values()) == 1


@pytest.mark.parametrize("name", ["../a/b", "x" * 3000, "desk\udcff"], ids=["path", "long", "no text"])
def test_a_worker_may_have_any_name(studio: Studio, name: str) -> None:
    provider = studio.start(name)
    [task] = studio.bench.queue()
    wait_until(lambda: studio.bench.task(task).status in (COMPLETED, TaskStatus.FAILED), PATIENCE)
    assert (studio.bench.task(task).status, len(provider.sent)) == (COMPLETED, 1)


def test_the_engine_reads_an_address_as_the_store_does() -> None:
    from vidgen_core.worker.engines.pgqueuer import _for_asyncpg

    given = "postgres://v:p%40%23w@h:5433/db?connect_timeout=3&sslmode=prefer&host=h"
    assert _for_asyncpg(given) == "postgresql://v:p%40%23w@h:5433/db?host=h&sslmode=prefer"
