"""The storyboard's logic: what the wall is given, and what a drop does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from screens import Screen, open_screen

from vidgen_core.dashboard.components import media
from vidgen_core.dashboard.session import current_visit
from vidgen_core.dashboard.storyboard import wall
from vidgen_core.domain.shots import NewShot, ShotParams


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        yield opened


def add(screen: Screen, *shots: NewShot) -> list[int]:
    with screen.app.store.write() as tx:
        return [shot.id for shot in tx.shots.add(screen.project.id, list(shots))]


def described(screen: Screen) -> dict[str, Any]:
    """What the component is given to draw."""
    found: dict[str, Any] = {}

    def describe() -> None:
        visit = current_visit()
        found.update(wall.describe(visit, visit.app.shots.frames(visit.project.id).items))

    screen.act(describe)
    return found


def acts(screen: Screen, *wanted: dict[str, Any]) -> None:
    screen.act(lambda: wall.carry_out(current_visit(), wanted))


def order(screen: Screen) -> list[int]:
    return screen.app.shots.ids(screen.project.id)


def test_an_empty_storyboard_says_what_to_do(screen: Screen) -> None:
    screen.open("storyboard")
    assert "drag them into order" in screen.words()


def test_a_frame_has_its_script_line_or_else_its_prompt_and_its_seconds(screen: Screen) -> None:
    add(screen, NewShot(prompt="pan left", script="She opens the door.", params=ShotParams(duration=8)))
    add(screen, NewShot(prompt="zoom in"))
    taken, [take] = screen.add_takes(1)
    screen.app.takes.choose(taken, take.id)
    screen.open("storyboard")

    first, second, third = described(screen)["frames"]

    assert (first["words"], first["script"], first["seconds"]) == ("She opens the door.", True, 8)
    assert (second["words"], second["script"], second["picture"]) == ("zoom in", False, None)
    assert third["picture"] == media.poster_url(take), "where there is no picture the chosen take is shown"
    assert described(screen)["sum"] == f"3 frames · {round(8 + second['seconds'] + take.seconds)} sec"


def test_a_drop_moves_the_shot_and_undo_brings_it_back(screen: Screen) -> None:
    a, b, c = add(screen, NewShot(), NewShot(), NewShot())
    screen.open("storyboard")
    assert not described(screen)["undo"]

    acts(screen, {"n": 5, "do": "move", "shot": c, "before": a})
    assert order(screen) == [c, a, b]
    acts(screen, {"n": 6, "do": "move", "shot": a, "before": None})
    assert order(screen) == [c, b, a]

    assert described(screen)["undo"]
    acts(screen, {"n": 7, "do": "undo"}, {"n": 8, "do": "undo"})
    assert order(screen) == [a, b, c]
    assert not described(screen)["undo"]


def test_an_act_that_comes_twice_is_done_once(screen: Screen) -> None:
    a, b, c = add(screen, NewShot(), NewShot(), NewShot())
    screen.open("storyboard")
    first = {"n": 5, "do": "move", "shot": a, "before": None}

    acts(screen, first)
    acts(screen, first, {"n": 6, "do": "move", "shot": c, "before": b})
    acts(screen, {"n": 7, "do": "undo"}, {"n": 7, "do": "undo"})

    assert order(screen) == [b, c, a]
    assert described(screen)["seen"] == 7


def test_a_shot_that_is_gone_or_another_project_s_is_answered_by_a_sentence(screen: Screen) -> None:
    a, b = add(screen, NewShot(), NewShot())
    screen.open("storyboard")
    foreign = screen.app.shots.add(screen.app.projects.ensure("other").id).id
    screen.app.shots.delete([b])

    for number, (shot, before) in enumerate([(foreign, None), (b, a), (a, foreign), ("x", None)], start=1):
        acts(screen, {"n": number, "do": "move", "shot": shot, "before": before})
        assert "no longer exists" in screen.toasts(), (shot, before)

    assert order(screen) == [a]


def test_undo_forgets_another_project(screen: Screen) -> None:
    a, b = add(screen, NewShot(), NewShot())
    screen.open("storyboard")
    acts(screen, {"n": 1, "do": "move", "shot": b, "before": a})
    screen.app.projects.ensure("other")
    screen.run()

    screen.at.selectbox(key="project").set_value("other")
    screen.run()

    assert not described(screen)["undo"]


def test_a_long_film_has_several_walls_and_each_knows_what_stands_behind_it(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wall, "PER_WALL", 2)
    a, b, c = add(screen, NewShot(), NewShot(), NewShot())
    screen.open("storyboard")

    shown = described(screen)
    assert ([frame["id"] for frame in shown["frames"]], shown["behind"]) == ([a, b], c)

    acts(screen, {"n": 1, "do": "move", "shot": a, "before": shown["behind"]})
    assert order(screen) == [b, a, c]
