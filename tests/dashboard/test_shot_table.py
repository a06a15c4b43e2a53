"""The shots as a table: what a cell, a paste, a new place and a replacement do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from screens import Screen, open_screen

from vidgen_core.dashboard.session import Visit
from vidgen_core.dashboard.shots import table as shot_table
from vidgen_core.db import NewShot
from vidgen_core.domain.errors import InputError
from vidgen_core.domain.queries import ShotFilter
from vidgen_core.domain.shots import Shot, ShotParams
from vidgen_core.i18n import get_text


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as screen:
        yield screen


def add(screen: Screen, *prompts: str) -> list[Shot]:
    with screen.app.store.write() as tx:
        return tx.shots.add(screen.project.id, [NewShot(prompt=prompt) for prompt in prompts])


def visit(screen: Screen) -> Visit:
    return cast(Visit, SimpleNamespace(app=screen.app, project=screen.project, t=get_text("en")))


def order(screen: Screen) -> list[int]:
    return screen.app.shots.ids(screen.project.id, ShotFilter())


def test_the_table_is_a_switch_away_and_says_how_it_is_edited(screen: Screen) -> None:
    add(screen, "pan left")
    screen.run()
    screen.at.button_group(key="view").set_value("table").run()

    assert not screen.at.exception
    assert "Double-click a cell" in screen.words()


def test_cells_are_saved_and_what_was_not_touched_stays(screen: Screen) -> None:
    [shot] = add(screen, "pan left")
    screen.app.shots.edit(shot.id, params=ShotParams(seed=7, aspect_ratio="1:1"))

    words = {"prompt": " zoom in ", "picture_prompt": "a pier at dawn "}
    cells: dict[str, Any] = {**words, "takes": 2, "aspect_ratio": "16:9", "duration": 6}
    shot_table.save(visit(screen), shot.id, cells)

    saved = screen.app.shots.get(shot.id)
    assert (saved.prompt, saved.number) == ("zoom in", shot.number)
    assert saved.params == ShotParams(seed=7, aspect_ratio="16:9", takes=2, duration=6)
    assert saved.picture_prompt == "a pier at dawn"


def test_an_emptied_cell_leaves_it_to_the_settings_and_zero_is_a_seed(screen: Screen) -> None:
    [shot] = add(screen, "pan left")
    screen.app.shots.edit(shot.id, params=ShotParams(model="m", takes=3))

    shot_table.save(visit(screen), shot.id, {"model": "", "takes": None, "seed": 0})

    assert screen.app.shots.get(shot.id).params == ShotParams(seed=0)


def test_a_number_that_is_taken_and_a_value_that_cannot_be_are_refused(screen: Screen) -> None:
    first, second = add(screen, "a", "b")

    with pytest.raises(InputError, match="shot_number_taken"):
        shot_table.save(visit(screen), second.id, {"number": first.number})
    with pytest.raises(InputError, match="input_invalid"):
        shot_table.save(visit(screen), second.id, {"takes": 9})


def test_a_new_place_moves_the_shot(screen: Screen) -> None:
    a, b, c = (shot.id for shot in add(screen, "a", "b", "c"))

    shot_table.save(visit(screen), c, {"order": 1})
    assert order(screen) == [c, a, b]
    shot_table.save(visit(screen), c, {"order": 99})
    assert order(screen) == [a, b, c]


def test_words_are_replaced_in_the_shots_that_the_filter_leaves(screen: Screen) -> None:
    first, second, third = add(screen, "red car", "red house", "blue car")

    assert (
        shot_table.replace_in(
            visit(screen), screen.app.shots.ids(screen.project.id, ShotFilter(text="car")), "red", "green"
        )
        == 1
    )

    prompts = [screen.app.shots.get(shot.id).prompt for shot in (first, second, third)]
    assert prompts == ["green car", "red house", "blue car"]


def test_the_frame_has_a_row_a_shot_in_order(screen: Screen) -> None:
    shots = add(screen, "a", "b")

    table = shot_table.frame(shots, offset=50)

    assert list(table["number"]) == [shot.number for shot in shots]
    assert list(table["order"]) == [51, 52]


def test_words_are_replaced_in_ticked_shots_only_when_there_are_any(screen: Screen) -> None:
    first, second, third = add(screen, "red car", "red house", "blue car")
    screen.run()
    screen.at.checkbox(key=f"tick_{second.id}").check().run()
    screen.run()

    screen.at.text_input(key="replace_find").set_value("red")
    screen.at.text_input(key="replace_with").set_value("green")
    next(button for button in screen.at.button if button.label == "Replace").click().run()

    prompts = [screen.app.shots.get(shot.id).prompt for shot in (first, second, third)]
    assert prompts == ["red car", "green house", "blue car"]
    assert "1 shot changed" in screen.toasts()
