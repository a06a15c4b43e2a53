"""Verdicts of the checks on the screens: badges with reasons, rank, the best of each, drawing until one passes, accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from screens import Screen, open_screen

from vidgen_core.dashboard.components import dialogs
from vidgen_core.dashboard.pick import order as pick_order
from vidgen_core.dashboard.pick import room
from vidgen_core.dashboard.quality import best, drawing
from vidgen_core.dashboard.session import current_visit
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.takes import CheckResult, Severity, Take, Verdict
from vidgen_core.domain.tasks import DrawState, UntilPass
from vidgen_core.media.checks import verdict_of
from vidgen_core.services.generation.planning import GenerateOptions

PASS, DOUBT, FAIL = Verdict.PASS, Verdict.DOUBT, Verdict.FAIL
SEVERITIES = {PASS: Severity.PASS, DOUBT: Severity.DOUBT, FAIL: Severity.FAIL}


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    monkeypatch.setenv("VIDGEN_CHECKS__ENABLED", "true")
    monkeypatch.setenv("VIDGEN_MODE", "yunwu")
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        opened.give_key(ProviderId("yunwu"))
        yield opened


def judged(screen: Screen, take: Take, verdict: Verdict, value: float = 0.9) -> None:
    result = CheckResult(code="frozen", severity=SEVERITIES[verdict], value=value, limit=0.5)
    with screen.app.store.write() as tx:
        tx.takes.judge(take, verdict, [result])


def judged_shot(screen: Screen, *verdicts: Verdict | None) -> tuple[int, list[Take]]:
    shot, takes = screen.add_takes(len(verdicts))
    for take, verdict in zip(takes, verdicts, strict=True):
        if verdict is not None:
            judged(screen, take, verdict)
    return shot, takes


def typed(screen: Screen, **values: Any) -> None:
    """Fields of a dialog as somebody has filled them; AppTest closes a dialog when one is filled in it."""
    for name, value in values.items():
        screen.at.session_state[name] = value


def pick_data(screen: Screen) -> dict[str, Any]:
    found: dict[str, Any] = {}
    screen.act(lambda: found.update(room.describe(current_visit(), pick_order.pick_position(current_visit()))))
    return found


def test_a_card_says_the_verdict_of_each_take_and_its_reason_with_the_measured_value(screen: Screen) -> None:
    _, takes = judged_shot(screen, PASS, FAIL, None, DOUBT)
    screen.app.takes.choose(takes[3].shot_id, takes[3].id)
    screen.run()
    shown = screen.takes()
    assert [shown[label]["state"] for label in ("v1", "v2", "v3", "v4")] == ["Pass", "Fail", "Done", "Chosen · Doubt"]
    assert shown["v1"]["warnings"] == []
    assert shown["v2"]["warnings"] == ["Nothing moves for most of it. (0.9, limit 0.5)"]


def test_the_review_room_shows_the_best_first(screen: Screen) -> None:
    judged_shot(screen, FAIL, DOUBT, None)
    screen.open("pick")
    shown = pick_data(screen)["shots"][0]["takes"]
    assert [take["number"] for take in shown] == [3, 2, 1]
    assert shown[2]["facts"].startswith("🚫 Fail · ⚠ Nothing moves")
    assert shown[2]["sign"] == "🚫"


def test_the_task_table_shows_filters_and_sorts_by_verdict(screen: Screen) -> None:
    judged_shot(screen, PASS, FAIL, DOUBT)
    screen.open("tasks")
    screen.at.get_by_key("tasks_sort").set_value("verdict")
    screen.run()
    assert list(screen.at.dataframe[0].value["verdict"]) == [["✅ Pass"], ["🚫 Fail"], ["❓ Doubt"]]
    screen.at.get_by_key("tasks_verdict").set_value("fail")
    screen.run()
    assert list(screen.at.dataframe[0].value["verdict"]) == [["🚫 Fail"]]


def test_the_best_of_each_is_listed_accepted_and_taken_back(screen: Screen) -> None:
    first, of_first = judged_shot(screen, DOUBT, PASS, PASS)
    second, of_second = judged_shot(screen, FAIL, DOUBT)
    third, _ = judged_shot(screen, FAIL)
    fourth, of_fourth = judged_shot(screen, PASS, PASS)
    screen.app.takes.choose(fourth, of_fourth[1].id)
    screen.open("pick")
    screen.press("best_of_all")
    assert "v2 · ✅ Pass" in screen.words()
    assert "v2 · ❓ Doubt" not in screen.words()
    typed(screen, best_passed_only=False)
    screen.act(lambda: dialogs.ask("Asked", best._body, screen.app.takes.best(screen.project.id)))
    assert "v2 · ❓ Doubt" in screen.words()

    screen.press("best_act")

    def chosen() -> list[int | None]:
        return [screen.app.shots.get(shot).chosen_take_id for shot in (first, second, third, fourth)]

    assert chosen() == [of_first[1].id, of_second[1].id, None, of_fourth[1].id]
    screen.app.takes.choose(second, of_second[0].id)
    screen.press("best_undo")
    assert chosen() == [None, of_second[0].id, None, of_fourth[1].id]


def test_the_dialog_orders_one_take_until_one_passes_within_its_ceiling(screen: Screen) -> None:
    [task] = screen.add_tasks()
    screen.open("shots")
    screen.act(lambda: drawing.ask([task.shot_id]))
    assert "Probably" in screen.words()
    typed(screen, draw_most=3, draw_ceiling=0.8, draw_on_doubt=True)
    screen.act(lambda: dialogs.ask("Asked", drawing._body, [task.shot_id], True))
    assert "at most ≈¥0.80" in screen.words()

    screen.press("draw_act")

    view = screen.app.shots.view(task.shot_id)
    assert len(view.tasks) == 2
    assert view.draw is not None
    assert (view.draw.until.most, view.draw.until.again_on, str(view.draw.ceiling.amount)) == (3, DOUBT, "0.8")
    screen.open("shots")
    assert "Draw 1 of at most 3" in screen.summary()
    with screen.app.store.write() as tx:
        tx.draws.set_state(view.draw, DrawState.STOPPED, "most")
    screen.run()
    assert "Stopped: no take passed" in screen.summary()


def test_an_automatic_run_draws_until_one_passes(screen: Screen) -> None:
    screen.add_tasks()
    until = UntilPass(most=3)
    plain, drawn = (screen.app.progress.sheet(screen.project.id, one) for one in (None, until))
    assert plain.asks == drawn.asks
    run = screen.app.progress.go(screen.project.id, None, until)
    assert run.until == until


def test_a_check_that_people_contradict_gets_a_button_that_moves_its_limit(screen: Screen) -> None:
    for value, keeps in ((0.6, True), (0.7, True), (0.95, False)):
        shot, [take] = screen.add_takes(1)
        judged(screen, take, FAIL, value)
        if keeps:
            screen.app.takes.choose(shot, take.id)
        else:
            screen.app.takes.reject(take.id, "")
    screen.open("analytics")
    assert "right about 1 of 3" in screen.words()
    assert screen.at.button(key="move_frozen").label == "Move limit from 0.5 to 0.7"

    screen.press("move_frozen")

    assert screen.app.settings().checks.frozen == 0.7
    assert "right about 1 of 1" in screen.words()


def rate(screen: Screen, kept: bool, result: CheckResult) -> None:
    """A take that one check has measured, chosen or rejected by a person."""
    shot, [take] = screen.add_takes(1)
    with screen.app.store.write() as tx:
        tx.takes.judge(take, verdict_of([result]), [result])
    if kept:
        screen.app.takes.choose(shot, take.id)
    else:
        screen.app.takes.reject(take.id, "")


def test_a_check_that_lets_rejected_takes_pass_gets_a_stricter_limit(screen: Screen) -> None:
    def blurred(value: float) -> CheckResult:
        return CheckResult(code="blurred", severity=Severity.PASS, value=value, limit=0.48)

    for value, kept in ((0.9, True), (0.8, True), (0.5, False), (0.55, False)):
        rate(screen, kept, blurred(value))
    assert all(one.better is None for one in screen.app.checks.accuracy(None).checks)
    # What another check has caught says nothing about this one.
    caught = CheckResult(code="frozen", severity=Severity.FAIL, value=0.99, limit=0.5)
    rate(screen, False, caught)
    assert [one.code for one in screen.app.checks.accuracy(None).checks] == ["frozen"]

    rate(screen, False, blurred(0.6))
    [found] = [one for one in screen.app.checks.accuracy(None).checks if one.code == "blurred"]
    assert (found.right, found.wrong, found.better, found.caught) == (0, 0, 0.8, 3)
    # A chosen take among them is too dear.
    rate(screen, True, blurred(0.58))
    assert not [one for one in screen.app.checks.accuracy(None).checks if one.code == "blurred"]
    for _ in range(3):
        rate(screen, False, blurred(0.57))
    screen.open("analytics")
    assert "would have caught" in screen.at.button(key="move_blurred").help
    screen.press("move_blurred")
    assert screen.app.settings().checks.limits["blurred"] == 0.8


def test_what_the_model_said_of_takes_is_counted_beside_the_checks(screen: Screen) -> None:
    for fault, kept in ((True, False), (True, True), (False, False), (True, False)):
        severity = Severity.DOUBT if fault else Severity.PASS
        rate(screen, kept, CheckResult(code="model_hands", severity=severity, value=fault, limit=0))
    [found] = screen.app.checks.accuracy(None).checks
    assert (found.code, found.right, found.wrong, found.limit, found.better) == ("model_hands", 2, 1, None, None)
    screen.open("analytics")
    assert "right about 2 of 3" in screen.words()


def test_analytics_say_what_drawing_has_saved(screen: Screen) -> None:
    screen.app.settings_file.change({"runner.takes_per_shot": 3})
    [task] = screen.add_tasks()
    [drawn] = screen.app.tasks.generate(
        screen.project.id, [task.shot_id], GenerateOptions(until=UntilPass(most=4))
    ).tasks
    screen.submit(drawn)
    with screen.app.store.write() as tx:
        tx.draws.set_state(tx.draws.open()[0], DrawState.PASSED)
    found = screen.app.reports.of(screen.project.id).drawing
    assert found is not None
    assert (found.shots, found.draws, found.draws_saved, found.saved and float(found.saved)) == (1, 1, 2, 0.8)
    screen.open("analytics")
    assert [one.value for one in screen.at.metric if one.label == "Draws saved"] == ["2"]
