"""How far a project is, and going its way by itself."""

from __future__ import annotations

import pkgutil
import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from filelock import FileLock

from tests.exports.exporting_material import COLOURS, make_video
from tests.scripts.sample_scripts import LIGHTHOUSE
from tests.services.app_doubles import failed
from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import ErrorKind, Refused
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.scripts import ScriptState
from vidgen_core.domain.shots import NewShot, Project, Shot
from vidgen_core.domain.takes import NewTake, Take
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer
from vidgen_core.i18n import get_text
from vidgen_core.media.sample_art import write_sample
from vidgen_core.media.video import probe, sha256_file
from vidgen_core.services.autopilot.progress import ProgressStep
from vidgen_core.services.autopilot.run import AutopilotRun, autopilot_line
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.scripts.prompts import Wanted, Writing


@pytest.fixture
def offline(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vidgen]:
    monkeypatch.setenv("VIDGEN_PROVIDERS__LOCAL__SIZE", "128x72")
    monkeypatch.setenv("VIDGEN_PROVIDERS__LOCAL__ASPECT_RATIO", "16:9")
    monkeypatch.setenv("VIDGEN_RUNNER__TAKES_PER_SHOT", "1")
    with Vidgen.open(locations) as opened:
        yield opened


def steps(app: Vidgen, project: Project) -> dict[str, ProgressStep]:
    return {step.name: step for step in app.progress.steps(project.id)}


def test_an_empty_project_begins_with_its_storyboard(offline: Vidgen) -> None:
    project = offline.projects.ensure("ep01")

    assert [name for name, step in steps(offline, project).items() if step.state == "next"] == ["storyboard"]


def test_each_step_says_what_it_has_and_what_is_missing(offline: Vidgen) -> None:
    project = offline.projects.ensure("ep01")
    new = [
        NewShot(prompt="pan left", image_url="http://127.0.0.1/a.png"),
        NewShot(script="灯灭了。"),
        NewShot(prompt="x"),
    ]
    with offline.store.write() as tx:
        tx.shots.add(project.id, new)
    found = steps(offline, project)

    assert (found["pictures"].done, found["pictures"].total, found["pictures"].missing) == (1, 3, 2)
    assert (found["prompts"].done, found["prompts"].missing) == (2, 1)
    assert (found["videos"].done, found["videos"].missing) == (0, 3)
    assert [name for name, step in found.items() if step.state == "next"] == ["pictures"]
    assert [name for name, step in found.items() if step.state == "done"] == ["storyboard", "order"]


def test_videos_stay_the_next_step_while_they_are_made(offline: Vidgen) -> None:
    project = offline.projects.make_sample("ep01")
    offline.tasks.generate(project.id, offline.shots.ids(project.id), GenerateOptions(takes=1))

    videos = steps(offline, project)["videos"]

    assert (videos.done, videos.total, videos.missing, videos.state) == (0, 6, 6, "next")


def test_a_script_that_is_not_stored_is_what_is_missing(offline: Vidgen) -> None:
    project = offline.projects.ensure("ep01")
    script = offline.scripts.start(project.id, "灯灭了。", "灯塔")

    assert script.state is ScriptState.READY
    assert steps(offline, project)["script"].state == "next"
    offline.scripts.store(script.id)
    assert steps(offline, project)["script"].state == "done"


def test_a_script_becomes_takes_by_itself_and_a_persons_words_stay(offline: Vidgen) -> None:
    project = offline.projects.ensure("ep01")
    script = offline.scripts.start(project.id, "\n".join(LIGHTHOUSE.split("\n")[13:16]), "灯塔")
    added = offline.scripts.store(script.id).added
    mine = offline.shots.edit(added[0].id, prompt="向左平移，我自己写的")
    offline.shots.edit(added[1].id, prompt="")
    walk = walked(offline, project)

    assert (walk.note, walk.clips) == ("done", len(added))
    found = steps(offline, project)
    assert {step.state for step in found.values()} == {"done"}
    assert offline.progress.unfilmed(project.id) == (0, [])
    assert (found["pictures"].missing, found["prompts"].missing, found["videos"].missing) == (0, 0, 0)
    assert offline.shots.get(mine.id).prompt == "向左平移，我自己写的"
    takes = [take for shot in added for take in offline.shots.view(shot.id).takes]
    assert len(takes) == len(added)
    (version,) = [view for view in offline.prompts.versions(mine.id) if view.takes]
    assert (version.version.text, version.takes) == ("向左平移，我自己写的", (1,))
    cut = offline.exports.cut(project.id)
    assert cut is not None
    assert probe(cut).frames == sum(probe(offline.takes.file(take)).frames for take in takes)
    assert {"walk_chose", "walk_cuts", "walk_done"} <= logged(offline, project)


def test_the_choice_and_the_doubts_are_left_to_a_person_and_a_cut_is_made_once(offline: Vidgen) -> None:
    project = offline.projects.ensure("ep01")
    rejected, chosen, doubtful = (new_shot(offline, project, prompt="pan left") for _ in range(3))
    first = add_take(offline, rejected, 0)
    offline.takes.reject(first.id, "")
    good = add_take(offline, rejected, 1)
    add_take(offline, chosen, 2)
    mine = add_take(offline, chosen, 3)
    offline.takes.choose(chosen.id, mine.id)
    add_take(offline, doubtful, 4, warnings=("ratio_differs",))
    assert (steps(offline, project)["export"].missing, steps(offline, project)["export"].lack) == (2, "choice")

    assert walked(offline, project).note == "to_choose"
    assert choices(offline, project) == {rejected.id: good.id, chosen.id: mine.id, doubtful.id: None}
    assert offline.exports.all(project.id) == []

    offline.takes.choose_number(doubtful.id, 1)
    export = steps(offline, project)["export"]
    assert (export.state, export.lack) == ("next", "export")
    assert walked(offline, project).clips == 3
    assert walked(offline, project).note == "done"
    assert [export.format for export in offline.exports.all(project.id)] == ["mp4"]
    assert steps(offline, project)["export"].state == "done"

    offline.takes.choose_number(chosen.id, 1)
    assert offline.exports.cut(project.id) is None
    walked(offline, project)
    assert len(offline.exports.all(project.id)) == 2


def test_a_choice_that_is_taken_back_during_a_walk_stays_taken_back(offline: Vidgen) -> None:
    project = offline.projects.ensure("ep01")
    shot = new_shot(offline, project, prompt="pan left")
    add_take(offline, shot, 0)
    waits = new_shot(offline, project, prompt="pan left", image_url="http://127.0.0.1:1/a.png")
    offline.worker.pause()
    offline.progress.go(project.id)
    offline.worker.start()
    _until(lambda: offline.shots.get(shot.id).chosen_take_id is not None)
    _until(lambda: offline.shots.get(waits.id).live_count == 1)

    offline.takes.choose(shot.id, None)
    offline.tasks.cancel(offline.tasks.ids(project.id))
    _until(lambda: not offline.progress.run(project.id).on)  # type: ignore[union-attr]

    assert choices(offline, project)[shot.id] is None
    assert offline.progress.run(project.id).note == "to_choose"  # type: ignore[union-attr]


def test_shots_without_a_take_are_named_with_their_reasons(offline: Vidgen) -> None:
    project = offline.projects.ensure("ep01")
    link = "http://127.0.0.1/a.png"
    refused = new_shot(offline, project, prompt="pan left")
    failed(offline, refused, ErrorKind.MODERATION)
    new_shot(offline, project, prompt="pan left")
    new_shot(offline, project, image_url=link)
    cancelled = new_shot(offline, project, prompt="pan left", image_url=link)
    offline.tasks.cancel(
        [task.id for task in offline.tasks.generate(project.id, [cancelled.id], GenerateOptions(takes=1)).tasks]
    )
    waiting = new_shot(offline, project, prompt="pan left", image_url=link)
    offline.tasks.generate(project.id, [waiting.id], GenerateOptions(takes=1), release=False)
    new_shot(offline, project, prompt="pan left", image_url=link)

    total, named = offline.progress.unfilmed(project.id)

    assert total == 6
    assert [(one.shot, one.failure.kind if one.failure else one.why) for one in named] == [
        ("1.0", ErrorKind.MODERATION),
        ("2.0", "picture"),
        ("3.0", "prompt"),
        ("4.0", "cancelled"),
        ("5.0", "waiting"),
        ("6.0", "open"),
    ]
    assert len(offline.progress.unfilmed(project.id, limit=2)[1]) == 2


@pytest.mark.extended
def test_two_processes_never_take_the_same_step(offline: Vidgen, locations: Locations) -> None:
    project = offline.projects.ensure("ep01")
    shots = [new_shot(offline, project, script="灯灭了。", picture_prompt="灯塔") for _ in range(3)]
    offline.worker.start()
    assert offline.worker.wait_until_working(30)
    with Vidgen.open(locations) as beside:
        beside.worker.start()
        assert beside.progress.is_alive
        assert walked(beside, project).note == "done"
        assert beside.prompts.writing(project.id) is None

    assert [len(offline.shots.view(shot.id).tasks) for shot in shots] == [1, 1, 1]
    assert len(offline.exports.all(project.id)) == 1


def test_it_waits_while_another_process_asks_the_language_model(offline: Vidgen, locations: Locations) -> None:
    project = offline.projects.ensure("ep01")
    new_shot(offline, project, script="灯灭了。", picture_prompt="灯塔")
    with FileLock(locations.home / "writing.lock"):
        offline.progress.go(project.id)
        offline.worker.start()
        _until(lambda: (walk := offline.progress.run(project.id)) is not None and walk.note == "writing")
        assert offline.prompts.writing(project.id) == Writing(1, wanted=Wanted())
    _until(lambda: not offline.progress.run(project.id).on)  # type: ignore[union-attr]
    walk = offline.progress.run(project.id)
    assert walk is not None
    assert (walk.note, walk.clips) == ("done", 1)


def test_it_can_be_stopped_and_begins_nothing_more(offline: Vidgen) -> None:
    project = offline.projects.ensure("ep01")
    offline.progress.go(project.id)
    offline.progress.halt(project.id)

    walk = offline.progress.run(project.id)
    assert walk is not None
    assert (walk.on, walk.note) == (False, "stopped")


@pytest.fixture
def paid(offline: Vidgen, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Vidgen, RehearsalServer]]:
    """Takes of ¥0.40 each at the rehearsal."""
    with RehearsalServer(RehearsalOptions(videos="shared", job_seconds=(0.1, 0.2), video_scale=0.1)) as server:
        offline.settings_file.change(
            {
                "mode": "yunwu",
                "runner.poll_interval": 0.1,
                "runner.max_concurrent": 2,
                "providers.yunwu.base_url": server.url,
                "providers.yunwu.keys": [{"name": "main", "secret": "sk-good-aaaa1111"}],
            }
        )
        yield offline, server


def drawn_shots(app: Vidgen, project: Project, count: int) -> None:
    for number in range(count):
        picture = app.locations.home / f"{number}.jpg"
        write_sample(picture, number, 90, 160)
        app.shots.add(project.id, None, f"pan {number}", picture)


def test_the_sheet_counts_what_the_walk_makes(paid: tuple[Vidgen, RehearsalServer]) -> None:
    app, _ = paid
    project = app.projects.ensure("ep01")
    drawn_shots(app, project, 3)
    new_shot(app, project, picture_prompt="a lighthouse")
    new_shot(app, project)

    sheet = app.progress.sheet(project.id)

    assert (sheet.tasks, sheet.pictures, sheet.questions) == (4 + sheet.pictures, sheet.pictures, 0)
    assert sheet.low == Money(amount=Decimal("1.6"), currency="CNY")
    assert sheet.high == Money(amount=Decimal("4.8"), currency="CNY")
    assert not sheet.free
    walked(app, project)
    counts = app.tasks.counts(project.id)
    assert sum(counts.values()) == sheet.tasks


def test_a_walk_never_passes_its_own_budget_and_says_where_it_stopped(paid: tuple[Vidgen, RehearsalServer]) -> None:
    app, server = paid
    project = app.projects.ensure("ep01")
    drawn_shots(app, project, 5)

    app.progress.go(project.id, Decimal("1.0"))
    app.worker.start()
    _until(lambda: not app.progress.run(project.id).on)  # type: ignore[union-attr]
    walk = app.progress.run(project.id)

    assert walk is not None
    assert (walk.note, walk.limit) == ("limit", Money(amount=Decimal("1.0"), currency="CNY"))
    counts = app.tasks.counts(project.id)
    assert (counts[TaskStatus.COMPLETED], counts[TaskStatus.PENDING], counts[TaskStatus.QUEUED]) == (2, 3, 0)
    assert server.stats()["accepted_total"] == 2
    assert "¥1.00" in autopilot_line(get_text("en"), walk)
    # Its limit has ended with it: a person starts what was kept.
    app.tasks.start(app.tasks.ids(project.id, TaskFilter(statuses=frozenset({TaskStatus.PENDING}))))
    _until(lambda: app.tasks.counts(project.id)[TaskStatus.COMPLETED] == 5)


@pytest.mark.parametrize("step", ["tasks", "pictures"])
def test_a_walk_that_is_stopped_in_the_middle_of_a_step_orders_nothing_more(
    offline: Vidgen, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    project = offline.projects.ensure("ep01")
    if step == "tasks":
        drawn_shots(offline, project, 2)
    else:
        new_shot(offline, project, picture_prompt="a lighthouse")
    names = {"tasks": "generation.tasks.select", "pictures": "library.pictures.Pictures.validated"}
    name = f"vidgen_core.services.{names[step]}"
    look, stopped = pkgutil.resolve_name(name), []

    def stop_meanwhile(*given: object, **named: object) -> object:
        if offline.progress.is_alive and not stopped:
            stopped.append(True)
            offline.progress.halt(project.id)
        return look(*given, **named)

    offline.progress.go(project.id, Decimal("1.0"))
    monkeypatch.setattr(name, stop_meanwhile)
    offline.worker.start()
    _until(lambda: bool(stopped))
    offline.progress.stop()

    assert sum(offline.tasks.counts(project.id).values()) == 0


def test_a_walk_without_a_limit_named_has_its_worst_case(paid: tuple[Vidgen, RehearsalServer]) -> None:
    app, _ = paid
    project = app.projects.ensure("ep01")
    drawn_shots(app, project, 2)

    assert app.progress.go(project.id).limit == Money(amount=Decimal("2.4"), currency="CNY")
    app.progress.halt(project.id)
    assert app.progress.go(project.id, Decimal(0)).limit is None


def test_a_walk_without_a_key_does_not_begin(offline: Vidgen) -> None:
    offline.settings_file.change({"mode": "yunwu"})
    project = offline.projects.ensure("ep01")
    drawn_shots(offline, project, 1)

    with pytest.raises(Refused, match="key_needed"):
        offline.progress.go(project.id)
    assert offline.progress.run(project.id) is None


@pytest.mark.extended
def test_the_strip_costs_little_at_ten_thousand_shots(offline: Vidgen) -> None:
    project = offline.projects.ensure("ep01")
    with offline.store.write() as tx:
        tx.shots.add(
            project.id, [NewShot(prompt="x" * 200 if n % 2 else "", script="灯灭了。" * 20) for n in range(10_000)]
        )

    def best() -> float:
        begun = time.process_time()
        offline.progress.steps(project.id)
        return time.process_time() - begun

    assert min(best() for _ in range(5)) < 0.05


def new_shot(app: Vidgen, project: Project, **values: str) -> Shot:
    with app.store.write() as tx:
        return tx.shots.add(project.id, [NewShot(**values)])[0]


def walked(app: Vidgen, project: Project) -> AutopilotRun:
    """Let a project go its way to the end."""
    app.progress.go(project.id)
    app.worker.start()
    _until(lambda: not app.progress.run(project.id).on)  # type: ignore[union-attr]
    walk = app.progress.run(project.id)
    assert walk is not None
    return walk


def add_take(app: Vidgen, shot: Shot, place: int, warnings: tuple[str, ...] = ()) -> Take:
    """A finished take as the runner leaves it."""
    task = app.tasks.generate(shot.project_id, [shot.id], GenerateOptions(takes=1)).tasks[0]
    file = make_video(app.locations.videos / f"{task.shot}-v{task.take}.mp4", COLOURS[place])
    facts = probe(file)
    new = NewTake(
        project_id=shot.project_id, shot_id=shot.id, task_id=task.id, number=task.take, folder=str(app.locations.videos), file=file.name, poster=None, seconds=facts.seconds,
        width=facts.width, height=facts.height, bytes=facts.bytes, sha256=sha256_file(file), provider=ProviderId("local"), model="ken-burns", warnings=warnings,
    )  # fmt: skip
    with app.store.write() as tx:
        for status in (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING, TaskStatus.COMPLETED):
            assert tx.tasks.move(task.id, status)
        tx.tasks.note(task.id, file=str(file))
        return tx.takes.add(new)


def choices(app: Vidgen, project: Project) -> dict[int, int | None]:
    return {shot.id: shot.chosen_take_id for view in app.shots.views(app.shots.ids(project.id)) if (shot := view.shot)}


def logged(app: Vidgen, project: Project) -> set[str]:
    return {line.code for line in app.log.page(project_id=project.id, limit=200)}


def _until(condition: Callable[[], bool], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)
