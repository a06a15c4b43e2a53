"""What cards show of their takes, and what is done with them there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from screens import Screen, open_screen

from vidgen_core.dashboard.session import Visit, current_visit
from vidgen_core.dashboard.shots import take_actions
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.access.permissions import Role, Visitor, as_visitor


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        opened.give_key(ProviderId("yunwu"))
        yield opened


def test_a_take_is_chosen_and_given_up_again(screen: Screen) -> None:
    shot, takes = screen.add_takes(2)
    screen.run()
    screen.do(do="choose", take=takes[1].id)
    assert screen.app.shots.get(shot).chosen_take_id == takes[1].id
    assert [screen.takes()[label]["state"] for label in ("v1", "v2")] == ["Done", "Chosen"]
    screen.do(do="unchoose", take=takes[1].id)
    assert screen.app.shots.get(shot).chosen_take_id is None


def test_a_take_is_rejected_and_taken_back(screen: Screen) -> None:
    _, [take] = screen.add_takes(1)
    screen.run()
    assert "Reject" in screen.takes()["v1"]["menu"]
    screen.do(do="reject", take=take.id)
    assert screen.takes()["v1"]["state"] == "Rejected"
    screen.do(do="unreject", take=take.id)
    assert screen.takes()["v1"]["state"] == "Done"


def test_an_act_that_comes_twice_is_carried_out_once(screen: Screen) -> None:
    [task] = screen.add_tasks()
    screen.fail(task, ErrorKind.MODERATION)
    screen.run()
    again = {"n": 1, "do": "step", "task": task.id, "name": "submit_again"}
    screen.act(lambda: take_actions.carry_out(current_visit(), [again]))
    assert screen.status(task) is TaskStatus.QUEUED
    screen.fail(task, ErrorKind.MODERATION, "grok:2")
    screen.act(lambda: take_actions.carry_out(current_visit(), [again]))
    assert screen.status(task) is TaskStatus.FAILED


def forget_what_was_seen(screen: Screen) -> None:
    """A server that comes back knows nothing of the sessions it had."""
    screen.act(lambda: st.session_state.pop("_takes_told_seen"))


@pytest.mark.parametrize(("click", "makes"), [({"do": "generate"}, 3), ({"do": "menu", "name": "one_more"}, 1)])
def test_an_order_that_is_told_again_after_a_restart_is_made_once(
    screen: Screen, click: dict[str, object], makes: int
) -> None:
    [task] = screen.add_tasks()
    screen.run()
    order = {"n": 1, "of": "page", "shot": task.shot_id, **click}
    for told, orders in ((order, 1), (order, 1), (order | {"n": 2}, 2), (order | {"of": "other page"}, 3)):
        screen.act(lambda told=told: take_actions.carry_out(current_visit(), [told]))
        forget_what_was_seen(screen)
        assert screen.app.tasks.page(screen.project.id).total == 1 + orders * makes


def test_a_choice_that_is_told_again_after_a_restart_replaces_no_later_one(screen: Screen) -> None:
    shot, takes = screen.add_takes(2)
    screen.run()
    choice = {"n": 1, "of": "page", "do": "choose", "take": takes[0].id}
    screen.act(lambda: take_actions.carry_out(current_visit(), [choice]))
    screen.app.takes.choose(shot, takes[1].id)
    forget_what_was_seen(screen)
    screen.act(lambda: take_actions.carry_out(current_visit(), [choice]))
    assert screen.app.shots.get(shot).chosen_take_id == takes[1].id


def test_the_star_of_a_take_that_is_chosen_no_more_takes_no_other_away(screen: Screen) -> None:
    shot, takes = screen.add_takes(2)
    screen.app.takes.choose(shot, takes[0].id)
    screen.run()
    screen.app.takes.choose(shot, takes[1].id)
    screen.do(do="unchoose", take=takes[0].id)
    assert screen.app.shots.get(shot).chosen_take_id == takes[1].id


def test_a_take_is_submitted_again_once_though_it_is_told_again_after_a_restart(screen: Screen) -> None:
    [task] = screen.add_tasks()
    screen.fail(task, ErrorKind.MODERATION)
    screen.run()
    again = {"n": 1, "of": "page", "do": "step", "task": task.id, "name": "submit_again"}
    screen.act(lambda: take_actions.carry_out(current_visit(), [again]))
    screen.fail(task, ErrorKind.MODERATION, "grok:2")
    forget_what_was_seen(screen)
    screen.act(lambda: take_actions.carry_out(current_visit(), [again]))
    assert screen.status(task) is TaskStatus.FAILED


def test_a_way_on_that_is_none_any_more_does_nothing(screen: Screen) -> None:
    [task] = screen.add_tasks()
    screen.run()
    screen.do(do="step", task=task.id, name="submit_again")
    assert len(screen.app.tasks.attempts(task.id)) == 0
    assert screen.status(task) is task.status


@pytest.mark.parametrize(
    "what",
    [
        {"do": "choose", "take": 1_000},
        {"do": "choose", "take": "1"},
        {"do": "history", "task": None},
        {"do": "remove", "task": 1_000},
    ],
)
def test_what_is_not_there_is_answered_by_a_sentence(screen: Screen, what: dict[str, object]) -> None:
    screen.add_takes(1)
    screen.run()
    screen.do(**what)
    assert screen.toasts()


def test_takes_of_another_project_are_out_of_reach(screen: Screen) -> None:
    _, [take] = screen.add_takes(1)
    screen.run()
    other = screen.app.projects.ensure("ep02")
    screen.act(
        lambda: take_actions.carry_out(
            Visit(current_visit().app, other, current_visit().t), [{"n": 1, "do": "choose", "take": take.id}]
        )
    )
    assert screen.app.shots.get(take.shot_id).chosen_take_id is None


def test_a_viewer_who_sends_an_act_all_the_same_is_refused(screen: Screen) -> None:
    _, [take] = screen.add_takes(1)
    screen.run()
    viewer = Visitor(Role.VIEWER, "Li Wei")

    def send() -> None:
        visit = Visit(as_visitor(current_visit().app, viewer), current_visit().project, current_visit().t)
        take_actions.carry_out(visit, [{"n": 1, "do": "choose", "take": take.id}])

    screen.act(send)
    assert "Ask" in screen.toasts()
    assert screen.app.shots.get(take.shot_id).chosen_take_id is None


def test_older_takes_are_shown_when_asked_for(screen: Screen) -> None:
    shot, _ = screen.add_takes(8)
    screen.run()
    assert list(screen.takes()) == ["v3", "v4", "v5", "v6", "v7", "v8"]
    screen.do(do="show_all", shot=shot)
    assert len(screen.takes()) == 8


def test_a_take_under_way_says_how_far_it_is_and_makes_nothing_up(screen: Screen) -> None:
    first, second = screen.add_tasks(2)
    for task in (first, second):
        screen.submit(task)
    with screen.app.store.write() as tx:
        tx.tasks.note(first.id, progress=45)
    screen.run()
    with_percent, without = screen.takes()["v1"], screen.takes()["v2"]
    assert (with_percent["percent"], without["percent"]) == (45, None)
    assert with_percent["facts"].startswith("45% · ")
    assert "%" not in without["facts"]
    assert "Cancel" in without["menu"]
