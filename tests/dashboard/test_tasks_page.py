"""The task table: what it shows, finds and does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from screens import Screen, open_screen

from vidgen_core.dashboard.components import batches
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import TaskStatus


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        opened.give_key(ProviderId("yunwu"))
        yield opened


def rows(screen: Screen) -> pd.DataFrame:
    return screen.at.dataframe[0].value


def tick(screen: Screen, *positions: int) -> None:
    """What a click on the boxes at the left does; the canvas itself is for the browser tests."""
    (key,) = (element.key for element in screen.at.dataframe)
    screen.at.session_state[str(key)] = {"selection": {"rows": list(positions), "columns": [], "cells": []}}
    screen.run()


def test_an_empty_list_says_what_to_do_next(screen: Screen) -> None:
    screen.open("tasks")

    assert "No tasks yet" in screen.words()


def test_a_row_says_in_words_how_its_take_stands(screen: Screen) -> None:
    (task,) = screen.add_tasks()
    screen.fail(task, ErrorKind.MODERATION)

    screen.open("tasks")

    row = rows(screen).iloc[0]
    assert row["number"] == "1.0 v1"
    assert row["status"] == ["❌ Failed"]
    assert row["provider"] == "Yunwu API · grok-video-3"
    assert row["key"] == "main ••x4KR"
    assert row["cost"] == "≈¥0.40"
    assert "content was refused" in row["error"]


def test_the_status_filter_is_in_the_address_in_words_of_no_language(screen: Screen) -> None:
    _, bad = screen.add_tasks(2)
    screen.fail(bad, ErrorKind.NETWORK)
    screen.open("tasks")

    screen.choose("tasks_status", ["failed"])

    assert list(rows(screen)["number"]) == [f"1.0 v{bad.take}"]
    assert screen.at.query_params["status"] == "failed"


def test_an_address_decides_about_filter_and_order(screen: Screen) -> None:
    for prompt in ("pan left", "pan right", "zoom in"):
        screen.add_tasks(prompt=prompt)
    screen.open("tasks")

    for name, value in {"q": "pan", "sort": "shot", "up": "1"}.items():
        screen.at.query_params[name] = value
    screen.run()

    assert list(rows(screen)["prompt"]) == ["pan left", "pan right"]


def test_an_address_of_ours_that_comes_back_late_undoes_no_click(screen: Screen) -> None:
    _, bad = screen.add_tasks(2)
    screen.fail(bad, ErrorKind.NETWORK)
    screen.open("tasks")
    screen.choose("tasks_status", ["failed"])
    late = dict(screen.at.query_params)
    screen.choose("tasks_status", ["failed", "pending"])

    screen.at.query_params = late
    screen.choose("tasks_status", [])

    assert len(rows(screen)) == 2
    assert "status" not in screen.at.query_params


def test_nonsense_in_the_address_is_passed_over(screen: Screen) -> None:
    screen.add_tasks()
    screen.open("tasks")
    for name in ("status", "provider", "error", "sort", "p"):
        screen.at.query_params[name] = "nonsense"

    screen.run()

    assert len(rows(screen)) == 1


def test_a_number_that_no_shot_has_finds_nothing(screen: Screen) -> None:
    screen.add_tasks()
    screen.open("tasks")

    screen.at.text_input(key="tasks_shot").set_value("9.9").run()

    assert "No task matches" in screen.words()
    screen.press("tasks_show_all")
    assert len(rows(screen)) == 1


def test_rows_stand_still_while_one_is_ticked_and_new_tasks_come_in(screen: Screen) -> None:
    screen.add_tasks(2)
    screen.open("tasks")
    before = list(rows(screen)["number"])
    tick(screen, 1)

    screen.add_tasks()
    screen.run()

    assert list(rows(screen)["number"]) == before
    assert screen.at.button(key="tasks_do_cancel").label == "Cancel 1"


def test_a_page_beyond_the_last_shows_the_last(screen: Screen) -> None:
    for _ in range(11):
        screen.add_tasks(5)
    screen.open("tasks")
    screen.at.query_params["p"] = "7"

    screen.run()

    assert len(rows(screen)) == 5


def test_deleted_tasks_come_back(screen: Screen) -> None:
    tasks = screen.add_tasks(3)
    screen.open("tasks")
    tick(screen, 0, 1)

    screen.press("tasks_do_delete")
    assert list(rows(screen)["number"]) == ["1.0 v1"]

    screen.press("tasks_undo")
    assert len(rows(screen)) == len(tasks)


def test_what_was_already_sent_is_not_cancelled_without_asking(screen: Screen) -> None:
    sent, waiting = screen.add_tasks(2)
    screen.submit(sent)
    screen.open("tasks")
    tick(screen, 0, 1)

    screen.press("tasks_do_cancel")

    assert screen.status(waiting) is TaskStatus.CANCELLED
    assert screen.status(sent) is TaskStatus.PROCESSING
    assert "may still be charged" in screen.words()

    screen.press("confirm_act")
    assert screen.app.tasks.get(sent.id).cancel_requested


def test_retry_shows_the_price_and_leaves_out_what_would_fail_again(screen: Screen) -> None:
    tasks = screen.add_tasks(4)
    for task, kind in zip(
        tasks, (ErrorKind.PROVIDER, ErrorKind.OVERLOADED, ErrorKind.MODERATION, ErrorKind.TIMEOUT), strict=True
    ):
        screen.fail(task, kind, remote_id=f"grok:{task.id}")
    screen.open("tasks")
    tick(screen, 0, 1, 2, 3)

    screen.press("tasks_do_retry")

    ticked = {box.key: box.value for box in screen.at.checkbox}
    assert ticked == {
        "retry_overloaded": True,
        "retry_provider": True,
        "retry_moderation": False,
        "retry_timeout.free": False,
    }
    assert screen.at.button(key="retry_act").label == "Generate 2 again · ≈¥0.80"

    screen.press("retry_act")
    assert [screen.status(task).value for task in tasks] == ["queued", "queued", "failed", "failed"]


def test_a_lost_answer_is_retried_only_after_the_warning(screen: Screen) -> None:
    (task,) = screen.add_tasks()
    screen.fail(task, ErrorKind.SUBMIT_UNKNOWN, remote_id=None)
    screen.open("tasks")
    tick(screen, 0)

    screen.press("tasks_do_retry")

    assert screen.at.button(key="retry_act").disabled
    assert "It may have been paid already" in screen.words()


def test_looking_again_is_free_and_asks_nothing(screen: Screen) -> None:
    (task,) = screen.add_tasks()
    screen.fail(task, ErrorKind.TIMEOUT)
    screen.open("tasks")
    tick(screen, 0)

    screen.press("tasks_do_look_again")

    assert screen.status(task) is TaskStatus.PROCESSING
    assert "Looking again at 1 task" in screen.toasts()


def test_clearing_all_asks_and_leaves_what_is_under_way(screen: Screen) -> None:
    sent, _ = screen.add_tasks(2)
    screen.submit(sent)
    screen.open("tasks")

    screen.press("tasks_clear")
    assert "all 2 tasks of “ep01”" in screen.words()

    screen.press("confirm_act")
    assert list(rows(screen)["number"]) == [f"1.0 v{sent.take}"]


def test_a_large_request_is_worked_off_in_pieces(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_BATCH", 4)
    screen.add_tasks(10)
    screen.open("tasks")

    screen.press("tasks_clear")
    screen.press("confirm_act")
    screen.run()

    assert "10 tasks were removed from the list" in screen.words()
    assert not screen.app.tasks.ids(screen.project.id)
    screen.press("tasks_undo")
    assert len(screen.app.tasks.ids(screen.project.id)) == 10


def test_all_failed_ones_are_offered_without_ticking_rows(screen: Screen) -> None:
    _, bad = screen.add_tasks(2)
    screen.fail(bad, ErrorKind.PROVIDER)
    screen.open("tasks")

    screen.press("tasks_all_retry")

    assert screen.at.button(key="retry_act").label == "Generate 1 again · ≈¥0.40"
