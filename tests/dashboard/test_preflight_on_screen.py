"""Paid acts on the screens: the number in a label is the number made, and dear orders and missing keys ask first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dashboard.screens import Screen, open_screen
from vidgen_core.dashboard.pick import room
from vidgen_core.dashboard.session import current_visit
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import NewShot, Shot, ShotParams
from vidgen_core.domain.tasks import TaskStatus


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        opened.app.settings_file.change({"mode": "yunwu", "runner.takes_per_shot": 2})
        yield opened


@pytest.fixture
def paid(screen: Screen) -> Screen:
    """With a key; takes of ¥0.40."""
    screen.give_key(ProviderId("yunwu"))
    return screen


def add(screen: Screen, count: int = 1, **params: object) -> list[Shot]:
    with screen.app.store.write() as tx:
        new = [NewShot(prompt=f"pan {n}", params=ShotParams.model_validate(params)) for n in range(count)]
        return tx.shots.add(screen.project.id, new)


def tasks(screen: Screen) -> int:
    return sum(screen.app.tasks.counts(screen.project.id).values())


def number_in(label: str) -> int:
    found = re.search(r"\d+", label)
    assert found, label
    return int(found[0])


@pytest.mark.parametrize("own", [None, 1, 3])
def test_a_card_makes_as_many_as_its_button_says(paid: Screen, own: int | None) -> None:
    [shot] = add(paid, takes=own)
    paid.open("shots")
    label = paid.generate_words(shot.id)

    paid.do(do="generate", shot=shot.id)

    assert tasks(paid) == number_in(label) == (own or 2)


@pytest.mark.parametrize("own", [None, 3])
def test_one_more_on_a_card_is_one(paid: Screen, own: int | None) -> None:
    [shot] = add(paid, takes=own)
    paid.open("shots")

    paid.do(do="menu", shot=shot.id, name="one_more")

    assert tasks(paid) == 1


@pytest.mark.parametrize("own", [None, 3])
def test_one_more_on_the_pick_screen_is_one(paid: Screen, own: int | None) -> None:
    shot_id, takes = paid.add_takes(2)
    paid.app.shots.edit(shot_id, params=ShotParams(takes=own))
    paid.open("pick")

    paid.act(lambda: room.carry_out(current_visit(), [{"n": 1, "do": "more", "shot": shot_id}]))

    assert tasks(paid) == len(takes) + 1


def test_ticked_shots_that_have_takes_are_left_out_until_they_are_asked_for(paid: Screen) -> None:
    having, _ = paid.add_takes(1)
    [bare] = add(paid)
    paid.open("shots")
    paid.tick(having, bare.id)
    button = paid.at.button(key="selected_generate")
    assert number_in(button.label) == 2

    paid.at.checkbox(key="selected_again").check().run()
    button = paid.at.button(key="selected_generate")
    assert number_in(button.label) == 4
    paid.press("selected_generate")

    assert tasks(paid) == 1 + 4


def test_generate_all_leaves_out_shots_with_takes_and_says_how_many(paid: Screen) -> None:
    paid.add_takes(1)
    add(paid, 3)
    paid.open("shots")

    paid.press("generate_all")
    assert "1 shot has takes already" in paid.words().replace("\\", "")
    assert number_in(paid.at.button(key="preflight_act").label) == 6
    paid.press("preflight_act")

    assert tasks(paid) == 1 + 6


def test_generate_all_asks_nothing_where_it_is_free(screen: Screen) -> None:
    screen.app.settings_file.change({"mode": "local"})
    add(screen, 3)
    screen.open("shots")

    screen.press("generate_all")

    assert tasks(screen) == 6


def test_a_click_above_the_limit_shows_the_sheet_first(paid: Screen) -> None:
    paid.app.settings_file.change({"gate.ask_above": 0.5})
    [shot] = add(paid)
    paid.open("shots")

    paid.do(do="generate", shot=shot.id)
    assert tasks(paid) == 0
    assert "2 tasks" in paid.words().replace("\\", "")
    paid.press("preflight_cancel")
    assert tasks(paid) == 0

    paid.do(do="generate", shot=shot.id)
    paid.press("preflight_act")
    assert tasks(paid) == 2


def test_without_a_key_the_button_asks_for_one(screen: Screen) -> None:
    [shot] = add(screen)
    screen.open("shots")
    assert screen.generate_words(shot.id) == "Enter a key"
    assert screen.at.button(key="generate_all").label == "Enter a key"

    screen.do(do="generate", shot=shot.id)

    assert tasks(screen) == 0
    assert [field for field in screen.at.text_input if str(field.key).endswith("_key")]


def test_one_more_without_a_key_asks_for_one(screen: Screen) -> None:
    shot, _ = screen.add_takes(1)
    screen.open("pick")
    screen.act(lambda: room.carry_out(current_visit(), [{"n": 1, "do": "more", "shot": shot}]))
    assert tasks(screen) == 1
    assert [field for field in screen.at.text_input if str(field.key).endswith("_key")]


def test_starting_kept_tasks_above_the_limit_asks(paid: Screen) -> None:
    paid.app.settings_file.change({"gate.ask_above": 0.5})
    [shot] = add(paid)
    paid.app.tasks.generate(paid.project.id, [shot.id], release=False)
    paid.open("tasks")

    paid.press("tasks_all_start")
    assert paid.app.tasks.counts(paid.project.id)[TaskStatus.PENDING] == 2
    paid.press("preflight_act")
    assert paid.app.tasks.counts(paid.project.id)[TaskStatus.QUEUED] == 2
