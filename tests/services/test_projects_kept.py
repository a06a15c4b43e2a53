"""Projects are renamed, copied, archived and deleted, and what was spent in them stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import InputError, NotFound, Refused
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import Project
from vidgen_core.domain.takes import NewTake
from vidgen_core.domain.tasks import GenerationParams, NewTask, TaskStatus
from vidgen_core.services.facade import Vidgen


@pytest.fixture
def app(tmp_path: Path) -> Vidgen:
    return Vidgen.open(Locations(tmp_path / "home"))


def film(
    app: Vidgen, name: str, folder: Path, file: str = "a.mp4", status: TaskStatus = TaskStatus.COMPLETED
) -> Project:
    """A project with one shot and one take, whose file is there."""
    project = app.projects.ensure(name)
    shot = app.shots.add(project.id, prompt="rain on the roof")
    folder.mkdir(exist_ok=True)
    (folder / file).write_bytes(b"x" * 1000)
    params = GenerationParams(prompt="rain", aspect_ratio="9:16", size="720P")
    yunwu = ProviderId("yunwu")
    with app.store.write() as tx:
        new = NewTask(project_id=project.id, shot_id=shot.id, provider=yunwu, model="grok-video-3", params=params)
        [task] = tx.tasks.add([new])
        tx.tasks.move(task.id, TaskStatus.PROCESSING)
        if status is not TaskStatus.COMPLETED:
            return project
        tx.tasks.move(task.id, TaskStatus.DOWNLOADING)
        tx.tasks.move(task.id, TaskStatus.COMPLETED)
        tx.takes.add(
            NewTake(
                project_id=project.id, shot_id=shot.id, task_id=task.id, number=1, folder=str(folder), file=file,
                poster=None, seconds=5.0, width=720, height=1280, bytes=1000, sha256="0" * 64, provider=yunwu,
                model="grok-video-3", seed=None,
            )
        )  # fmt: skip
    return project


def test_a_renamed_project_is_the_same_one(app: Vidgen) -> None:
    project = app.projects.ensure("draft")
    assert app.projects.rename(project.id, "  雨夜   ep01 ").name == "雨夜 ep01"
    assert app.projects.find("draft") is None
    assert app.projects.rename(project.id, "雨夜 ep01").id == project.id


@pytest.mark.parametrize("name", ["", "   ", "x" * 500, "other"])
def test_a_name_that_cannot_be_is_refused(app: Vidgen, name: str) -> None:
    app.projects.ensure("other")
    project = app.projects.ensure("draft")
    for verb in (app.projects.rename, app.projects.copy):
        with pytest.raises(InputError):
            verb(project.id, name)
    assert [one.name for one in app.projects.all()] == ["other", "draft"]


def test_a_copy_has_the_shots_and_no_takes(app: Vidgen, tmp_path: Path) -> None:
    project = film(app, "ep01", tmp_path / "videos")
    copy = app.projects.copy(project.id, "ep02")
    [shot] = app.shots.page(copy.id).items
    assert (shot.shot.number, shot.shot.prompt) == ("1.0", "rain on the roof")
    assert not shot.takes
    app.shots.edit(shot.shot.id, prompt="snow")
    assert app.shots.page(project.id).items[0].shot.prompt == "rain on the roof"


def test_an_archived_project_says_so_and_comes_back(app: Vidgen) -> None:
    project = app.projects.ensure("old")
    assert app.projects.archive(project.id).archived
    assert app.projects.find("old") == app.projects.get(project.id)
    assert not app.projects.archive(project.id, False).archived


@pytest.mark.parametrize("files", [False, True])
def test_deleting_says_what_goes_and_leaves_the_files_unless_asked(app: Vidgen, tmp_path: Path, files: bool) -> None:
    project = film(app, "ep01", tmp_path / "videos")
    gone = app.projects.deletion(project.id)
    assert (gone.shots, gone.takes, gone.bytes) == (1, 1, 1000)
    app.projects.delete(project.id, files=files)
    assert (tmp_path / "videos" / "a.mp4").exists() is not files
    assert not app.projects.all()
    assert not app.shots.ids(project.id)
    assert app.projects.ensure("ep01").id != project.id
    with pytest.raises(NotFound):
        app.projects.rename(project.id, "again")


def test_a_file_that_another_project_uses_stays(app: Vidgen, tmp_path: Path) -> None:
    first, second = film(app, "one", tmp_path / "videos"), film(app, "two", tmp_path / "videos")
    assert app.projects.delete(first.id, files=True).bytes == 0
    assert (tmp_path / "videos" / "a.mp4").exists()
    assert app.projects.delete(second.id, files=True).bytes == 1000
    assert not (tmp_path / "videos" / "a.mp4").exists()


def test_a_project_with_a_paid_video_under_way_stays(app: Vidgen, tmp_path: Path) -> None:
    project = film(app, "busy", tmp_path / "videos", status=TaskStatus.PROCESSING)
    with pytest.raises(Refused) as refused:
        app.projects.delete(project.id)
    assert refused.value.code == "project_busy"
    assert app.shots.ids(project.id)
