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
from vidgen_core.dashboard.shots.take_actions import SHOT_ACTIONS
from vidgen_core.domain.errors import InputError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import ShotFilter, ShotSort
from vidgen_core.domain.shots import NewShot, Shot, ShotParams
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


def rows(screen: Screen, sort: ShotSort = "order") -> list[dict[str, Any]]:
    """What the table of the page shows."""
    screen.run()
    screen.choose("view", "table")
    screen.choose("sort", sort)
    [table] = screen.at.data_editor
    found = cast("list[dict[str, Any]]", table.value.to_dict("records"))
    return [row | {"state": list(row["state"])} for row in found]


def test_a_row_says_how_its_shot_stands_and_what_a_click_makes(screen: Screen) -> None:
    screen.give_key(ProviderId("yunwu"))
    shot_id, takes = screen.add_takes(2)
    screen.app.takes.choose(shot_id, takes[1].id)
    screen.add_tasks(1)
    add(screen, "nothing yet")

    done, waiting, none = rows(screen)

    assert (done["state"], done["made"]) == (["⭐ Chosen", "✅ Done"], "2 takes · ✅ Done 2")
    assert f"/poster/{takes[1].id}.jpg" in done["take"]
    assert waiting["state"] == ["🕐 Queued"]
    assert (none["state"], none["made"]) == (["○ No takes"], "No takes yet")
    assert none["generate"] == "✦ Generate 3 · free"
    assert [row["order"] for row in (done, waiting, none)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("sort", "wanted"),
    [
        ("order", ["10.0", "2.0", "1.0"]),
        ("number", ["1.0", "2.0", "10.0"]),
        ("state", ["2.0", "1.0", "10.0"]),
        ("takes", ["10.0", "2.0", "1.0"]),
        ("changed", ["1.0", "2.0", "10.0"]),
    ],
)
def test_rows_are_sorted_over_all_pages(screen: Screen, sort: ShotSort, wanted: list[str]) -> None:
    chosen, takes = screen.add_takes(1)
    [queued] = screen.add_tasks(1)
    [last] = add(screen, "nothing yet")
    screen.app.takes.choose(chosen, takes[0].id)
    for shot, number in ((chosen, "10.0"), (queued.shot_id, "2.0"), (last.id, "1.0")):
        screen.app.shots.edit(shot, number=number)

    assert [row["number"] for row in rows(screen, sort)] == wanted


def test_rows_and_cards_share_one_selection(screen: Screen) -> None:
    _first, second = add(screen, "a", "b")
    screen.run()
    screen.tick(second.id)

    assert [row["selected"] for row in rows(screen)] == [False, True]
    assert "1 shot selected" in screen.words()
    screen.press("tick_none")
    assert [row["selected"] for row in rows(screen)] == [False, False]


def test_the_menu_of_a_row_is_that_of_a_card_and_leads_to_its_takes(screen: Screen) -> None:
    shot_id, _ = screen.add_takes(1)
    screen.run()
    screen.act(lambda: shot_table.open_menu(shot_id))

    labels = [button.label for button in screen.at.button if (button.key or "").startswith("row_")]
    assert labels == [
        "Review",
        *(
            get_text("en")(f"shots.menu.{one.name}", price="free")
            for one in SHOT_ACTIONS
            if one.name not in ("unlink", "refresh")
        ),
    ]
    screen.at.button(key="row_review").click().run()
    screen.check()


def test_words_are_replaced_in_ticked_shots_only_when_there_are_any(screen: Screen) -> None:
    first, second, third = add(screen, "red car", "red house", "blue car")
    screen.run()
    screen.tick(second.id)

    screen.at.text_input(key="replace_find").set_value("red")
    screen.at.text_input(key="replace_with").set_value("green")
    next(button for button in screen.at.button if button.label == "Replace in 1 shot").click().run()

    prompts = [screen.app.shots.get(shot.id).prompt for shot in (first, second, third)]
    assert prompts == ["red car", "green house", "blue car"]
    assert "1 shot changed" in screen.toasts()
