"""The script screen, the writing of prompts, and the strip of steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from screens import Screen, open_screen

from tests.scripts.sample_scripts import LIGHTHOUSE
from tests.services.app_doubles import failed
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.queries import ShotFilter
from vidgen_core.domain.shots import Author, NewShot
from vidgen_core.services.autopilot.run import note_run


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        yield opened


def test_a_pasted_script_becomes_a_storyboard_by_clicks(screen: Screen) -> None:
    at = screen.open("script")
    at.text_area(key="script_text").set_value(LIGHTHOUSE).run()
    screen.press("script_go")
    (view,) = screen.app.scripts.all(screen.project.id)
    assert len(at.dataframe[0].value) == 22

    screen.press(f"script_store_{view.script.id}")

    assert "22 shots are in the storyboard." in screen.toasts()
    assert len(screen.app.shots.ids(screen.project.id)) == 22


def test_rows_of_the_plan_that_are_not_wanted_stay_out(screen: Screen) -> None:
    at = screen.open("script")
    at.text_area(key="script_text").set_value(LIGHTHOUSE).run()
    screen.press("script_go")
    (view,) = screen.app.scripts.all(screen.project.id)
    unwanted = [shot.script for shot in screen.app.scripts.board(view.script.id).plan.shots[1:3]]
    # As the table in the browser says it.
    at.session_state[f"script_plan_{view.script.id}"] = {"edited_rows": {1: {"keep": False}, 2: {"keep": False}}}

    screen.press(f"script_store_{view.script.id}")

    assert "20 shots are in the storyboard." in screen.toasts()
    stored = [item.shot.script for item in screen.app.shots.page(screen.project.id, ShotFilter(), limit=50).items]
    assert len(stored) == 20
    assert not set(stored) & set(unwanted)


def test_a_script_that_cannot_be_read_is_answered_with_a_sentence(screen: Screen) -> None:
    at = screen.open("script")
    at.get("file_uploader")[0].upload("a.docx", b"PK no zip").run()  # type: ignore[attr-defined]

    assert "cannot be read" in screen.toasts()


def test_empty_prompts_are_written_by_clicks_and_a_persons_words_stay(screen: Screen) -> None:
    with screen.app.store.write() as tx:
        empty, mine = tx.shots.add(screen.project.id, [NewShot(script="A door opens."), NewShot(prompt="my words")])
    screen.open("shots")
    screen.choose("prompts_for", "all")
    screen.press("prompts_begin")
    assert screen.app.prompts.wait(screen.project.id, 30)

    assert screen.app.shots.get(mine.id).prompt == "my words"
    written = screen.app.prompts.versions(empty.id)[0]
    assert (written.version.author, written.in_use) == (Author.MODEL, True)


def test_every_screen_has_the_strip_and_the_switch(screen: Screen) -> None:
    screen.app.shots.add(screen.project.id, prompt="pan left")
    at = screen.open("log")
    screen.press("way_go")
    walk = screen.app.progress.run(screen.project.id)
    assert walk is not None
    assert walk.on
    assert "Auto-run" in screen.words()

    screen.press("way_halt")
    assert not at.button(key="way_go").disabled


def test_prompts_are_written_for_exactly_the_ticked_shots(screen: Screen) -> None:
    with screen.app.store.write() as tx:
        line = "A door opens."
        mine, empty, other = tx.shots.add(
            screen.project.id, [NewShot(script=line, prompt="my words"), NewShot(script=line), NewShot(script=line)]
        )
    screen.open("shots")
    screen.tick(mine.id, empty.id)
    screen.press("ticked_prompts_begin")
    assert screen.app.prompts.wait(screen.project.id, 30)
    assert screen.app.prompts.writing(screen.project.id).total == 1  # type: ignore[union-attr]
    assert screen.app.shots.get(empty.id).prompt

    screen.choose("ticked_prompts_for", "all")
    assert "What a person wrote stays" in screen.words()
    screen.press("ticked_prompts_begin")
    assert screen.app.prompts.wait(screen.project.id, 30)
    assert screen.app.prompts.writing(screen.project.id).total == 2  # type: ignore[union-attr]
    assert screen.app.shots.get(mine.id).prompt == "my words"
    assert [view.in_use for view in screen.app.prompts.versions(mine.id)] == [False, True]
    assert screen.app.shots.get(other.id).prompt == ""


def test_the_strip_says_what_came_of_a_walk_until_that_is_read(screen: Screen) -> None:
    shot = screen.app.shots.add(screen.project.id, prompt="pan left")
    failed(screen.app, shot, ErrorKind.MODERATION)
    walk = screen.app.progress.go(screen.project.id)
    note_run(screen.app.context, screen.project.id, walk, on=False, note="done", clips=2)
    screen.open("log")
    assert "the rough cut has 2 shots" in screen.words()
    assert "content was refused" in screen.words()

    screen.press("way_dismiss")
    assert "the rough cut has 2 shots" not in screen.words()


def test_boxes_show_the_prompts_that_their_reader_has_had_written(screen: Screen) -> None:
    with screen.app.store.write() as tx:
        [shot] = tx.shots.add(screen.project.id, [NewShot(script="A door opens.")])
    screen.open("shots")
    screen.press("prompts_begin")
    assert screen.app.prompts.wait(screen.project.id, 30)
    screen.run()
    written = screen.app.shots.get(shot.id).prompt
    assert screen.at.text_area(key=f"prompt_{shot.id}_1").value == written != ""
    assert "changed elsewhere" not in screen.words()

    screen.app.shots.edit(shot.id, prompt="hail")
    screen.run()
    assert screen.at.text_area(key=f"prompt_{shot.id}_1").value == written
    assert "changed elsewhere" in screen.words()
