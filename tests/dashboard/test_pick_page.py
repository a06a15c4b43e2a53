"""The Pick screen's logic: where it stands, what it shows, what its acts do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from screens import Screen, open_screen

from vidgen_core.dashboard.pick import order as pick_order
from vidgen_core.dashboard.pick import room
from vidgen_core.dashboard.session import current_visit
from vidgen_core.domain.errors import NotFound
from vidgen_core.services.library.projects import SAMPLE

_NUMBERS = itertools.count(1)


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        yield opened


def act(screen: Screen, **what: Any) -> None:
    number = next(_NUMBERS)
    screen.act(lambda: room.carry_out(current_visit(), [{"n": number, **what}]))


def described(screen: Screen) -> dict[str, Any]:
    """What the component is given to draw."""
    found: dict[str, Any] = {}
    screen.act(lambda: found.update(room.describe(current_visit(), pick_order.pick_position(current_visit()))))
    return found


def test_without_takes_the_screen_says_what_to_do(screen: Screen) -> None:
    screen.open("pick")

    assert "Nothing to review yet" in screen.words()
    assert screen.at.button(key="pick_to_shots").label == "Go to the shots"


def test_a_newcomer_is_led_to_the_takes_until_they_are_there(screen: Screen) -> None:
    name, _ = SAMPLE["en"]
    screen.app.projects.rename(screen.project.id, name)
    screen.add_takes(2)

    screen.open("export")
    assert "Your first takes are ready" in screen.words()
    assert [link.proto.page for link in screen.at.main.get("page_link") if link.proto.label == "Review"] == ["pick"]
    screen.open("pick")
    assert "Your first takes are ready" not in screen.words()


def test_the_first_shot_that_waits_stands_there_with_all_its_takes(screen: Screen) -> None:
    first, takes = screen.add_takes(2)
    second, _ = screen.add_takes(5)
    screen.app.takes.choose(first, takes[0].id)
    screen.open("pick")
    data = described(screen)

    assert data["shot"] == second
    assert [(shot["id"], len(shot["takes"])) for shot in data["shots"]] == [(first, 2), (second, 5)]
    assert [shot["takes"][0]["chosen"] for shot in data["shots"]] == [True, False]
    assert (data["total"], data["outside"]) == (2, 0)
    assert data["shots"][1]["takes"][0]["facts"].startswith("5 sec · 720×1280 · grok-video-3 · seed")


def test_choosing_rejecting_and_taking_back(screen: Screen) -> None:
    shot, takes = screen.add_takes(3)
    screen.open("pick")
    results = screen.app.takes

    act(screen, do="choose", shot=shot, take=takes[1].id)
    assert [take.chosen for take in results.takes_of(shot)] == [False, True, False]
    act(screen, do="reject", shot=shot, take=takes[1].id, reason="Motion wrong")
    assert [(take.chosen, take.rejected) for take in results.takes_of(shot)][1] == (False, "Motion wrong")
    act(screen, do="choose", shot=shot, take=takes[1].id)
    assert [(take.chosen, take.rejected) for take in results.takes_of(shot)][1] == (True, None)
    act(screen, do="unchoose", shot=shot, take=takes[1].id)
    act(screen, do="reject", shot=shot, take=takes[0].id)
    act(screen, do="unreject", shot=shot, take=takes[0].id)
    assert not any(take.chosen or take.rejected is not None for take in results.takes_of(shot))


def test_acts_on_takes_of_other_shots_change_nothing(screen: Screen) -> None:
    first, takes = screen.add_takes(1)
    second, _ = screen.add_takes(1)
    screen.open("pick")

    act(screen, do="choose", shot=second, take=takes[0].id)
    act(screen, do="choose", shot="x", take=None)
    act(screen)

    assert not any(take.chosen for shot in (first, second) for take in screen.app.takes.takes_of(shot))
    with pytest.raises(NotFound):
        screen.app.takes.choose(second, takes[0].id)


def test_after_all_shots_that_are_sent_comes_one_that_waits_elsewhere() -> None:
    order = list(range(1, 201))

    def coming(place: int, *waiting: int) -> int | None:
        return pick_order.PickPosition(order[place], order, frozenset(waiting)).next

    assert coming(100, 3, 100, 180) == 180
    assert coming(100, 3, 100) == 3
    assert coming(100, 100) is None
    assert pick_order.PickPosition(None, [], frozenset()).next is None


def test_a_strip_of_many_shots_shows_those_around(screen: Screen) -> None:
    order = list(range(1, 201))

    def around(place: int) -> list[int]:
        return pick_order.PickPosition(order[place], order, frozenset()).around

    assert around(0) == list(range(1, 82))
    assert around(100)[40] == 101
    assert around(199) == list(range(120, 201))


def test_one_more_take_is_queued_for_its_price(screen: Screen) -> None:
    shot, _ = screen.add_takes(1)
    screen.open("pick")
    before = len(screen.app.shots.view(shot).tasks)

    act(screen, do="more", shot=shot)

    assert len(screen.app.shots.view(shot).tasks) == before + 1


def test_a_new_prompt_is_saved_and_makes_one_more_take(screen: Screen) -> None:
    shot, _ = screen.add_takes(1)
    screen.open("pick")
    before = len(screen.app.shots.view(shot).tasks)

    seen = screen.app.shots.get(shot).prompt
    act(screen, do="prompt", shot=shot, text="the camera stays still", seen=seen)

    view = screen.app.shots.view(shot)
    assert view.shot.prompt == "the camera stays still"
    assert len(view.tasks) == before + 1
    assert view.tasks[-1].params.prompt == "the camera stays still"


def test_what_reviewers_said_stands_at_the_take_and_a_link_is_made_in_a_dialog(screen: Screen) -> None:
    shot, takes = screen.add_takes(2)
    link = screen.app.reviews.share(screen.project.id)
    screen.app.reviews.vote(link, "x" * 8, "Ann", takes[1].id, vote=1, favourite=True)
    screen.app.reviews.comment(link, "x" * 8, "Ann", takes[1].id, 0.5, "the hand")
    screen.open("pick")
    first, second = described(screen)["shots"][0]["takes"]
    assert (first["votes"], first["comments"]) == ([], [])
    assert second["votes"] == [{"name": "Ann", "vote": 1, "favourite": True}]
    assert second["comments"] == [{"name": "Ann", "at": 0.5, "text": "the hand"}]

    act(screen, do="share", shot=shot)
    screen.at.button(key=f"review_revoke_{link.id}").click().run()
    assert not screen.app.reviews.links(screen.project.id)[0].works
    act(screen, do="share", shot=shot)
    screen.at.button(key="review_make").click().run()
    assert len(screen.app.reviews.links(screen.project.id)) == 2
