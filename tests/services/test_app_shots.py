"""Shots: adding, editing, and what follows from an edit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services.app_doubles import add_take, sent
from vidgen_core.domain.errors import FileError, InputError, Refused
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.shots import Project, Shot, ShotParams
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

AddShot = Callable[..., Shot]


def test_a_shot_keeps_its_picture_in_the_image_store(app: Vidgen, add_shot: AddShot, picture: Path) -> None:
    shot = add_shot(image=picture)

    picture_bytes = picture.read_bytes()
    picture.unlink()
    assert shot.image is not None
    assert app.shots.image_path(shot.image).read_bytes() == picture_bytes


def test_a_picture_may_come_as_bytes(app: Vidgen, add_shot: AddShot, picture: Path) -> None:
    assert add_shot(image=picture.read_bytes()).image == add_shot(image=picture).image


def test_a_file_that_is_no_picture_adds_no_shot(app: Vidgen, project: Project, tmp_path: Path) -> None:
    path = tmp_path / "notes.jpg"
    path.write_text("not a picture")

    with pytest.raises(FileError):
        app.shots.add(project.id, "1.0", "x", path)

    assert app.shots.page(project.id).total == 0


def test_a_number_that_is_taken_is_refused(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    add_shot("1.0")
    other = add_shot("2.0")

    with pytest.raises(InputError, match="shot_number_taken"):
        app.shots.add(project.id, " 1.0 ")
    with pytest.raises(InputError, match="shot_number_taken"):
        app.shots.edit(other.id, number="1.0")
    with pytest.raises(InputError, match="shot_number_empty"):
        app.shots.edit(other.id, number=" ")
    assert app.shots.edit(other.id, number="2.0", prompt="same number").number == "2.0"


def test_an_edited_prompt_reaches_what_was_not_sent_yet_and_nothing_else(
    app: Vidgen, project: Project, add_shot: AddShot
) -> None:
    shot = add_shot(prompt="pan left")
    queued, kept = (
        app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=1), release=release).tasks[0]
        for release in (True, False)
    )
    under_way = sent(app, shot)

    app.shots.edit(shot.id, prompt="tilt up")

    assert app.tasks.get(queued.id).params.prompt == "tilt up"
    assert app.tasks.get(kept.id).params.prompt == "tilt up"
    assert app.tasks.get(under_way.id).params.prompt == "pan left"
    found = app.tasks.ids(project.id, TaskFilter(text="tilt up"))
    assert set(found) == {queued.id, kept.id}


def test_an_edit_leaves_alone_what_the_click_asked_for(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    shot = add_shot()
    task = app.tasks.generate(
        project.id, [shot.id], GenerateOptions(takes=1, aspect_ratio="1:1", size="256x256")
    ).tasks[0]

    app.shots.edit(shot.id, params=ShotParams(size="64x64"))

    params = app.tasks.get(task.id).params
    assert (params.size, params.aspect_ratio) == ("64x64", "1:1")


def test_a_new_picture_reaches_queued_tasks(app: Vidgen, project: Project, add_shot: AddShot, picture: Path) -> None:
    shot = add_shot()
    task = app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=1)).tasks[0]

    edited = app.shots.set_image(shot.id, picture)

    assert app.tasks.get(task.id).params.image == edited.image is not None


def test_an_edit_made_elsewhere_meanwhile_is_not_overwritten(app: Vidgen, add_shot: AddShot) -> None:
    shot = add_shot()
    app.shots.edit(shot.id, prompt="theirs")

    with pytest.raises(Refused, match="edited_elsewhere"):
        app.shots.edit(shot.id, rev=shot.rev, prompt="mine")

    assert app.shots.get(shot.id).prompt == "theirs"


def test_a_view_shows_tasks_and_counts(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    shot = add_shot()
    app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=2))

    view = app.shots.view(shot.id)

    assert view.counts == {TaskStatus.QUEUED: 2}
    assert [task.take for task in view.tasks] == [1, 2]
    assert view.take_of(view.tasks[0]) is None


def test_a_deleted_shot_takes_its_unsent_tasks_along_and_comes_back(
    app: Vidgen, project: Project, add_shot: AddShot
) -> None:
    shot = add_shot()
    app.tasks.generate(project.id, [shot.id], GenerateOptions(takes=2))

    assert app.shots.delete([shot.id]) == [shot.id]
    assert app.shots.ids(project.id) == []
    assert app.tasks.counts(project.id)[TaskStatus.QUEUED] == 0

    app.shots.restore([shot.id])
    assert app.shots.ids(project.id) == [shot.id]
    assert app.tasks.counts(project.id)[TaskStatus.CANCELLED] == 2


def test_a_shot_with_a_video_under_way_is_not_deleted(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    shot = add_shot()
    sent(app, shot)

    assert app.shots.delete([shot.id]) == []
    assert app.shots.ids(project.id) == [shot.id]


def test_shots_are_moved(app: Vidgen, project: Project, add_shot: AddShot) -> None:
    first, second, third = (add_shot(number) for number in ("1.0", "2.0", "3.0"))

    app.shots.move(third.id, first.id)

    assert app.shots.ids(project.id) == [third.id, first.id, second.id]


def test_a_frame_lasts_as_long_as_its_chosen_take_or_as_its_video_would(
    app: Vidgen, project: Project, add_shot: AddShot
) -> None:
    plain, own, by_model, done = (add_shot(number) for number in ("1.0", "2.0", "3.0", "4.0"))
    app.shots.edit(own.id, params=ShotParams(duration=8))
    app.shots.edit(by_model.id, params=ShotParams(provider=ProviderId("yunwu"), model="grok-video-3"))
    take = add_take(app, project, done)
    app.takes.choose(done.id, take.id)

    frames = app.shots.frames(project.id).items

    assert [(frame.shot.id, frame.take) for frame in frames] == [
        (plain.id, None), (own.id, None), (by_model.id, None), (done.id, app.takes.get(take.id)),
    ]  # fmt: skip
    ours = app.settings().providers.local.duration
    assert [frame.seconds for frame in frames] == [ours, 8, 6, take.seconds]


def test_cards_show_what_the_store_holds_after_every_kind_of_change(
    app: Vidgen, add_shot: AddShot, project: Project
) -> None:
    first, second = add_shot(), add_shot()
    ids = [first.id, second.id]
    app.tasks.generate(project.id, ids, GenerateOptions(takes=2))
    [task, other] = app.shots.views(ids)[0].tasks

    def same() -> None:
        with app.store.read() as tx:
            anew = tx.tasks.of_shots(ids)
        assert {view.shot.id: list(view.tasks) for view in app.shots.views(ids)} == anew

    def undone() -> None:
        # A revision that came to nothing is given to the next change.
        with app.store.write() as tx:
            tx.tasks.note(task.id, stage="never")
            raise Refused("shot_not_found")

    same()
    with app.store.write() as tx:
        tx.tasks.move(task.id, TaskStatus.PROCESSING)
        tx.tasks.note(task.id, progress=40)
    same()
    app.shots.edit(first.id, number="7.0")
    same()
    assert {task.shot for task in app.shots.views(ids)[0].tasks} == {"7.0"}
    with pytest.raises(Refused):
        undone()
    same()
    with app.store.write() as tx:
        tx.tasks.note(task.id, stage="now")
    same()
    app.tasks.cancel([other.id])
    app.tasks.delete([other.id])
    same()
    app.shots.delete([second.id])
    assert [view.shot.id for view in app.shots.views(ids)] == [first.id]
    app.shots.restore([second.id])
    same()
