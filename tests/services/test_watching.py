"""Watched folders: what is written there becomes shots, once, and within the limit."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import ErrorKind, FileError, InputError
from vidgen_core.domain.shots import Project, Shot
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.i18n import get_text
from vidgen_core.media.disk import opened_within
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.imports import watched_folders


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched_folders, "QUIET", 0.15)
    monkeypatch.setattr(watched_folders, "_STEP", 0.05)
    monkeypatch.setattr(watched_folders, "LOOK_EVERY", 0.3)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def draw(path: Path) -> bytes:
    Image.new("RGB", (160, 90), tuple(path.name.encode().ljust(3, b"x")[:3])).save(path)
    return path.read_bytes()


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def shots(app: Vidgen, project: Project) -> list[Shot]:
    return [app.shots.get(shot_id) for shot_id in app.shots.ids(project.id)]


def work(app: Vidgen) -> None:
    app.worker.start()
    assert app.worker.wait_until_working(20)


def test_a_picture_becomes_a_shot_with_the_text_beside_it(app: Vidgen, project: Project, inbox: Path) -> None:
    app.watched_folders.set(project.id, str(inbox))
    work(app)
    (inbox / "1.0.txt").write_text("pan left", encoding="utf-8")
    draw(inbox / "1.0.png")
    until(lambda: app.watched_folders.state(project.id).added == 1)

    assert [(shot.number, shot.prompt) for shot in shots(app, project)] == [("1.0", "pan left")]
    state = app.watched_folders.state(project.id)
    assert (state.last, state.problem, state.refused) == ("1.0.png", None, ())


def test_a_picture_that_is_being_written_is_waited_for(app: Vidgen, project: Project, inbox: Path) -> None:
    whole = draw(inbox.parent / "1.png")
    app.watched_folders.set(project.id, str(inbox))
    work(app)
    (inbox / "1.png").write_bytes(whole[: len(whole) // 2])
    draw(inbox / "2.png")
    until(lambda: len(shots(app, project)) == 1)
    assert shots(app, project)[0].number == "2"

    (inbox / "1.png").write_bytes(whole)
    until(lambda: len(shots(app, project)) == 2)
    assert app.watched_folders.state(project.id).refused == ()


def test_what_never_becomes_a_picture_is_told_of(
    app: Vidgen, project: Project, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched_folders, "PATIENCE", 0.3)
    app.watched_folders.set(project.id, str(inbox))
    work(app)
    (inbox / "page.jpg").write_text("<html></html>", encoding="utf-8")
    until(lambda: app.watched_folders.state(project.id).refused)

    ((name, code, _),) = app.watched_folders.state(project.id).refused
    assert (name, code) == ("page.jpg", "image_not_a_picture")
    assert shots(app, project) == []


def test_watching_survives_a_restart_and_brings_nothing_in_twice(
    locations: Locations, small_renders: None, inbox: Path
) -> None:
    with Vidgen.open(locations) as app:
        project = app.projects.ensure("ep01")
        app.watched_folders.set(project.id, str(inbox))
        draw(inbox / "1.png")
        work(app)
        until(lambda: len(shots(app, project)) == 1)
    draw(inbox / "2.png")
    with Vidgen.open(locations) as app:
        work(app)
        until(lambda: len(shots(app, project)) == 2)
        until(lambda: app.watched_folders.state(project.id).last == "2.png")

        assert [shot.number for shot in shots(app, project)] == ["1", "2"]


def test_a_prompt_that_comes_later_finds_its_shot_unless_one_was_written(
    app: Vidgen, project: Project, inbox: Path
) -> None:
    app.watched_folders.set(project.id, str(inbox))
    work(app)
    draw(inbox / "1.png")
    draw(inbox / "2.png")
    until(lambda: len(shots(app, project)) == 2)
    first, second = shots(app, project)
    app.shots.edit(second.id, prompt="by hand")
    (inbox / "1.txt").write_text("late", encoding="utf-8")
    (inbox / "2.txt").write_text("too late", encoding="utf-8")
    until(lambda: app.shots.get(first.id).prompt == "late")

    assert app.shots.get(second.id).prompt == "by hand"


@pytest.mark.usefixtures("yunwu_key")
def test_new_shots_are_generated_until_the_limit_is_reached(
    app: Vidgen, project: Project, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_MODE", "yunwu")
    app.worker.pause()
    # Three takes of ¥0.40 each: the limit leaves money for one shot.
    app.watched_folders.set(project.id, str(inbox), generate=True, limit=Decimal(2))
    for name in ("1", "2"):
        (inbox / f"{name}.txt").write_text("pan", encoding="utf-8")
        draw(inbox / f"{name}.png")
    work(app)
    until(lambda: app.watched_folders.state(project.id).problem == "watch_limit_reached")

    assert len(shots(app, project)) == 2
    assert app.tasks.counts(project.id)[TaskStatus.QUEUED] == 3
    spent = app.watched_folders.state(project.id).spent
    assert spent is not None
    assert spent.amount == Decimal("1.2")


def test_a_folder_that_is_gone_is_told_of_and_waited_for(app: Vidgen, project: Project, inbox: Path) -> None:
    app.watched_folders.set(project.id, str(inbox))
    inbox.rmdir()
    work(app)
    until(lambda: app.watched_folders.state(project.id).problem == "watch_folder_gone")
    inbox.mkdir()
    draw(inbox / "1.png")
    until(lambda: len(shots(app, project)) == 1)

    assert app.watched_folders.state(project.id).problem is None


def test_a_folder_is_no_longer_watched_when_that_is_taken_back(app: Vidgen, project: Project, inbox: Path) -> None:
    app.watched_folders.set(project.id, str(inbox))
    app.watched_folders.unset(project.id)

    assert app.watched_folders.get(project.id) is None


def test_folders_that_make_no_sense_are_refused(app: Vidgen, project: Project, inbox: Path) -> None:
    for folder, limit, code in (
        ("", None, "watch_folder_missing"),
        (str(inbox / "gone"), None, "watch_folder_missing"),
        (str(app.locations.images), None, "watch_folder_own"),
        (str(inbox), Decimal(-1), "watch_limit_wrong"),
    ):
        with pytest.raises(InputError, match=code):
            app.watched_folders.set(project.id, folder, limit=limit)
    assert app.watched_folders.get(project.id) is None


def test_without_a_runner_here_nothing_is_brought_in(app: Vidgen, project: Project, inbox: Path) -> None:
    app.watched_folders.set(project.id, str(inbox))
    draw(inbox / "1.png")
    app.watched_folders.start()
    time.sleep(1)
    app.watched_folders.stop()

    assert shots(app, project) == []


def test_a_link_out_of_the_folder_is_never_read(app: Vidgen, project: Project, inbox: Path) -> None:
    private = inbox.parent / "private"
    private.mkdir()
    draw(private / "secret.png")
    (private / "secret.txt").write_text("secret words")
    app.watched_folders.set(project.id, str(inbox))
    work(app)
    (inbox / "1.png").symlink_to(private / "secret.png")
    (inbox / "2.png").symlink_to(private / "gone.png")
    os.mkfifo(inbox / "3.png")
    (inbox / "4.txt").symlink_to(private / "secret.txt")
    draw(inbox / "4.png")
    until(lambda: app.watched_folders.state(project.id).added == 1)
    until(lambda: app.watched_folders.state(project.id).refused)

    assert [(shot.number, shot.prompt) for shot in shots(app, project)] == [("4", "")]
    ((name, code, params),) = app.watched_folders.state(project.id).refused
    assert (name, code) == ("1.png", "file_outside")
    assert get_text("en").error(ErrorKind.FILE, code, params)


def test_a_picture_that_becomes_a_link_later_is_never_read(app: Vidgen, project: Project, inbox: Path) -> None:
    private = inbox.parent / "private.png"
    draw(private)
    app.watched_folders.set(project.id, str(inbox))
    work(app)
    draw(inbox / "1.png")
    until(lambda: len(shots(app, project)) == 1)
    (inbox / "1.png").unlink()
    (inbox / "1.png").symlink_to(private)
    until(lambda: app.watched_folders.state(project.id).refused)

    assert len(shots(app, project)) == 1


def test_a_watched_folder_that_becomes_a_link_later_is_never_followed(
    app: Vidgen, project: Project, inbox: Path
) -> None:
    private = inbox.parent / "private"
    private.mkdir()
    draw(private / "1.png")
    app.watched_folders.set(project.id, str(inbox))
    work(app)
    inbox.rename(inbox.parent / "moved")
    inbox.symlink_to(private)
    until(lambda: app.watched_folders.state(project.id).refused)

    assert shots(app, project) == []


def test_a_link_into_a_folder_that_the_owner_has_listed_comes_in(app: Vidgen, project: Project, inbox: Path) -> None:
    listed = inbox.parent / "listed"
    listed.mkdir()
    draw(listed / "7.png")
    app.settings_file.change({"access.path_roots": str(listed)})
    app.watched_folders.set(project.id, str(inbox))
    work(app)
    (inbox / "7.png").symlink_to(listed / "7.png")
    until(lambda: len(shots(app, project)) == 1)

    assert app.watched_folders.state(project.id).refused == ()


def test_a_relative_folder_is_one_of_the_data_folder_wherever_the_program_stands(
    app: Vidgen, project: Project, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(inbox.parent)
    with pytest.raises(InputError, match="watch_folder_missing"):
        app.watched_folders.set(project.id, inbox.name)
    here = os.path.relpath(inbox, app.locations.home)
    assert app.watched_folders.set(project.id, here).folder == str(inbox.resolve())


def test_a_link_that_takes_the_place_of_a_file_while_it_is_opened_is_not_read(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = inbox.parent / "private.png"
    draw(private)
    file = inbox / "1.png"
    draw(file)
    real_open = Path.open

    def swapped(path: Path, *args: Any, **kwargs: Any) -> Any:
        """Open what a link put there leads to, and put the file back."""
        path.rename(path.with_name("kept"))
        path.symlink_to(private)
        opened = real_open(path, *args, **kwargs)
        path.unlink()
        path.with_name("kept").rename(path)
        return opened

    monkeypatch.setattr(Path, "open", swapped)
    with pytest.raises(FileError, match="file_outside"), opened_within(file, [inbox.resolve()]):
        raise AssertionError("it was read")


def test_pictures_that_find_no_room_come_in_when_there_is_room_again(
    app: Vidgen, project: Project, inbox: Path
) -> None:
    app.watched_folders.set(project.id, str(inbox))
    draw(inbox / "a.png")
    app.locations.incoming.mkdir(exist_ok=True)
    # Linux' own full disk stands where pictures are kept.
    shutil.rmtree(app.locations.images)
    app.locations.images.symlink_to("/dev/full")
    work(app)
    until(lambda: app.watched_folders.state(project.id).problem == "watch_not_kept")
    assert (shots(app, project), app.watched_folders.state(project.id).refused) == ([], ())

    app.locations.images.unlink()

    until(lambda: len(shots(app, project)) == 1)
    until(lambda: app.watched_folders.state(project.id).problem is None)


def test_a_prompt_that_was_written_by_a_clock_ahead_is_not_waited_for(
    app: Vidgen, project: Project, inbox: Path
) -> None:
    app.watched_folders.set(project.id, str(inbox))
    draw(inbox / "a.png")
    work(app)
    until(lambda: len(shots(app, project)) == 1)

    (inbox / "later.txt").write_text("pan left")
    os.utime(inbox / "later.txt", (time.time() + 86_400,) * 2)
    (inbox / "later.txt").rename(inbox / "a.txt")

    until(lambda: shots(app, project)[0].prompt == "pan left")
