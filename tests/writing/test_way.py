"""How far a project is, and going its way by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.writing.sample_scripts import LIGHTHOUSE
from vidgen_core.app import Vidgen
from vidgen_core.app.way import WayStep
from vidgen_core.locations import Locations
from vidgen_core.models import Project, ScriptState
from vidgen_core.store import NewShot


@pytest.fixture
def offline(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vidgen]:
    monkeypatch.setenv("VIDGEN_PROVIDERS__LOCAL__SIZE", "128x72")
    monkeypatch.setenv("VIDGEN_PROVIDERS__LOCAL__ASPECT_RATIO", "16:9")
    monkeypatch.setenv("VIDGEN_RUNNER__TAKES_PER_SHOT", "1")
    with Vidgen.open(locations) as opened:
        yield opened


def steps(app: Vidgen, project: Project) -> dict[str, WayStep]:
    return {step.name: step for step in app.way.steps(project.id)}


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
    offline.tasks.generate(project.id, offline.shots.ids(project.id), takes=1)

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
    offline.way.go(project.id)
    offline.runner.start()
    _until(lambda: not offline.way.walk(project.id).on)  # type: ignore[union-attr]

    walk = offline.way.walk(project.id)
    assert walk is not None
    assert walk.note == "done"
    found = steps(offline, project)
    assert (found["pictures"].missing, found["prompts"].missing, found["videos"].missing) == (0, 0, 0)
    assert offline.shots.get(mine.id).prompt == "向左平移，我自己写的"
    takes = [take for shot in added for take in offline.shots.view(shot.id).takes]
    assert len(takes) == len(added)
    (version,) = [view for view in offline.prompts.versions(mine.id) if view.takes]
    assert (version.version.text, version.takes) == ("向左平移，我自己写的", (1,))
    assert offline.prompts.version_of_take(mine.id, 1) == version.version.number


def test_it_can_be_stopped_and_begins_nothing_more(offline: Vidgen) -> None:
    project = offline.projects.ensure("ep01")
    offline.way.go(project.id)
    offline.way.halt(project.id)

    walk = offline.way.walk(project.id)
    assert walk is not None
    assert (walk.on, walk.note) == (False, "stopped")


def test_the_strip_costs_little_at_ten_thousand_shots(offline: Vidgen) -> None:
    project = offline.projects.ensure("ep01")
    with offline.store.write() as tx:
        tx.shots.add(
            project.id, [NewShot(prompt="x" * 200 if n % 2 else "", script="灯灭了。" * 20) for n in range(10_000)]
        )

    def best() -> float:
        begun = time.process_time()
        offline.way.steps(project.id)
        return time.process_time() - begun

    assert min(best() for _ in range(5)) < 0.05


def _until(condition: Callable[[], bool], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)
