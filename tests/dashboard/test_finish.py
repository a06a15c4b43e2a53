"""Finishing takes on the screens: one take, all chosen takes, and which file goes out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from screens import Screen, open_screen

from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import FinishVerb, TaskStatus
from vidgen_core.services.generation.finishing import FinishOptions


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as screen:
        yield screen


@pytest.fixture
def files(tmp_path: Path, small_video: Path) -> dict[str, str]:
    """Where the videos of takes lie."""
    (tmp_path / "take.mp4").write_bytes(small_video.read_bytes())
    return {"folder": str(tmp_path), "file": "take.mp4"}


def test_one_take_is_enlarged_from_its_menu(screen: Screen, files: dict[str, str]) -> None:
    _, [take] = screen.add_takes(**files)
    screen.open("shots")
    assert "Extend or enlarge…" in screen.takes()["v1"]["menu"]
    screen.do(do="finish", take=take.id)
    assert "Local · lanczos" in screen.words()
    assert screen.at.button(key="finish_upscale").label == "Enlarge · free"
    screen.press("finish_upscale")
    assert [
        task.params.parent.take for task in screen.app.tasks.page(screen.project.id).items if task.params.parent
    ] == [take.id]


def test_chosen_takes_are_finished_by_their_sheet(screen: Screen, files: dict[str, str]) -> None:
    shots = [screen.add_takes(**files), screen.add_takes(folder="/videos", file="gone.mp4")]
    for shot_id, [take] in shots:
        screen.app.takes.choose(shot_id, take.id)
    screen.open("export")
    screen.press("finish_chosen")
    told = screen.words().replace("\\", "")
    assert "**2.0** v1" in told
    assert "Local · lanczos · free" in told
    assert screen.at.button(key="finish_act").label == "Order 1 · free"
    screen.at.number_input(key="finish_chosen_ceiling").set_value(3.0)
    screen.press("finish_act")
    [task] = [task for task in screen.app.tasks.page(screen.project.id).items if task.params.parent]
    assert (task.params.parent and task.params.parent.verb, task.draw is not None) == (FinishVerb.UPSCALE, True)


def test_an_enlarged_take_is_marked_and_its_menu_leads_back(screen: Screen, files: dict[str, str]) -> None:
    shot_id, [take] = screen.add_takes(**files)
    screen.app.takes.choose(shot_id, take.id)
    [task] = screen.app.finishing.order(take.id, FinishOptions(verb=FinishVerb.UPSCALE)).tasks
    larger = _end(screen, task.id, files, take.id)
    screen.open("shots")
    shown = screen.takes()["v2 ⇧"]
    assert "Use the source in exports again" in shown["menu"]
    screen.do(do="use_source", take=larger)
    assert "Use it in exports for its source" in screen.takes()["v2"]["menu"]
    screen.do(do="use_finished", take=larger)
    assert screen.app.takes.get(larger).stands_in
    screen.open("export")
    assert "1 chosen take is exported extended or enlarged." in screen.words()


def _end(screen: Screen, task_id: int, files: dict[str, str], parent: int) -> int:
    from vidgen_core.domain.takes import NewTake

    with screen.app.store.write() as tx:
        task = tx.tasks.get(task_id)
        for status in (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING, TaskStatus.COMPLETED):
            tx.tasks.move(task_id, status)
        new = NewTake(
            project_id=task.project_id, shot_id=task.shot_id, task_id=task.id, number=task.take, folder=files["folder"], file=files["file"], poster=None, seconds=1.0, width=640, height=360, bytes=9, sha256="0",
            provider=ProviderId("local"), model="lanczos", parent_id=parent, stands_in=True,
        )  # fmt: skip
        return tx.takes.add(new).id
