"""The drawer of one task: the money ledger in words, and the ways on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from screens import Screen, open_screen

from vidgen_core.dashboard.tasks import history
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Failure, Task, TaskStatus


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        yield opened


def open_drawer(screen: Screen, task: Task) -> None:
    """What a click on *Open* leaves behind; the click itself is for the browser tests."""
    screen.open("tasks")
    screen.at.session_state["_dialog"] = lambda: history._open("Task", task.id)
    screen.run()


def test_every_attempt_says_what_was_sent_what_came_back_and_what_it_cost(screen: Screen) -> None:
    (task,) = screen.add_tasks()
    screen.fail(task, ErrorKind.PROVIDER, remote_id="grok:ff3e2b29")
    screen.give_key(ProviderId("yunwu"))
    screen.app.tasks.retry([task.id])
    screen.fail(task, ErrorKind.MODERATION, remote_id="grok:aa11")

    open_drawer(screen, task)

    words = screen.words()
    assert "2 attempts" in words
    assert "main" in words
    assert "≈¥0.40 · Estimated" in words
    assert [code.value for code in screen.at.code if code.value.startswith("grok:")] == ["grok:aa11", "grok:ff3e2b29"]
    assert [box.label for box in screen.at.expander if "picture" in box.label] == [
        "What was sent · 1 picture (412 kB)"
    ] * 2


def test_a_task_that_waits_for_a_person_is_started_from_its_drawer(screen: Screen) -> None:
    (task,) = screen.add_tasks()
    screen.give_key(ProviderId("yunwu"))
    with screen.app.store.write() as tx:
        tx.tasks.move(task.id, TaskStatus.PENDING, failure=Failure(kind=ErrorKind.PARAMETER, code="run_over"))
    open_drawer(screen, task)

    assert screen.at.button(key="history_start").label == "Start · ≈¥0.40"

    screen.press("history_start")
    assert screen.status(task) is TaskStatus.QUEUED


def test_a_timed_out_task_is_asked_about_for_free(screen: Screen) -> None:
    (task,) = screen.add_tasks()
    screen.fail(task, ErrorKind.TIMEOUT)
    open_drawer(screen, task)

    assert screen.at.button(key="history_look_again").label == "Look again · free"
    assert screen.at.button(key="history_submit_again").label == "Generate again · ≈¥0.40"

    screen.press("history_look_again")
    assert screen.status(task) is TaskStatus.PROCESSING


def test_a_lost_answer_is_attached_to_its_remote_job(screen: Screen) -> None:
    (task,) = screen.add_tasks()
    screen.fail(task, ErrorKind.SUBMIT_UNKNOWN, remote_id=None)
    open_drawer(screen, task)

    screen.at.text_input(key="history_remote_id").set_value(" grok:found ")
    screen.press("history_adopt_act")

    adopted = screen.app.tasks.get(task.id)
    assert (adopted.remote_id, adopted.status) == ("grok:found", TaskStatus.PROCESSING)


CANDIDATES = {
    "candidates": ["grok:one", "grok:two"],
    "told": [
        {"at": "2026-11-21T10:00:00+00:00", "prompt": "a lighthouse in the rain"},
        {"at": "2026-11-21T10:00:09+00:00", "prompt": ""},
    ],
}


@pytest.mark.parametrize("told", [True, False])
def test_jobs_of_the_log_that_may_be_the_one_are_offered(screen: Screen, told: bool) -> None:
    (task,) = screen.add_tasks()
    params = CANDIDATES if told else {"candidates": CANDIDATES["candidates"]}
    screen.fail(task, ErrorKind.SUBMIT_UNKNOWN, remote_id=None, code="submit_candidates", params=params)
    open_drawer(screen, task)

    box = screen.at.selectbox(key="history_remote_id")
    assert box.value is None
    assert [option.split(" ")[0] for option in box.options] == ["grok:one", "grok:two"]
    assert ("lighthouse" in box.options[0] and "2026" in box.options[0]) is told
    box.set_value("grok:two")
    screen.press("history_adopt_act")

    adopted = screen.app.tasks.get(task.id)
    assert (adopted.remote_id, adopted.status) == ("grok:two", TaskStatus.PROCESSING)


def test_nothing_chosen_of_the_log_is_answered_by_a_sentence(screen: Screen) -> None:
    (task,) = screen.add_tasks()
    screen.fail(task, ErrorKind.SUBMIT_UNKNOWN, remote_id=None, code="submit_candidates", params=CANDIDATES)
    open_drawer(screen, task)

    screen.press("history_adopt_act")

    assert len(screen.at.toast) == 1
    assert screen.status(task) is TaskStatus.FAILED


def test_a_link_that_was_not_understood_is_entered_for_free(screen: Screen) -> None:
    (task,) = screen.add_tasks()
    screen.fail(task, ErrorKind.PROVIDER, code="link_not_understood")
    open_drawer(screen, task)
    assert screen.at.button(key="history_look_again").label == "Look again · free"

    screen.at.text_input(key="history_link").set_value("https://cdn.example.com/v.mp4")
    screen.press("history_link_act")

    linked = screen.app.tasks.get(task.id)
    assert (linked.status, linked.result_url) == (TaskStatus.DOWNLOADING, "https://cdn.example.com/v.mp4")


def test_an_empty_remote_id_is_answered_by_a_sentence_and_changes_nothing(screen: Screen) -> None:
    (task,) = screen.add_tasks()
    screen.fail(task, ErrorKind.SUBMIT_UNKNOWN, remote_id=None)
    open_drawer(screen, task)

    screen.press("history_adopt_act")

    assert len(screen.at.toast) == 1
    assert screen.status(task) is TaskStatus.FAILED


def test_a_task_of_the_local_renderer_has_nothing_to_attach(screen: Screen) -> None:
    (task,) = screen.add_tasks(provider="local", model="ken-burns", cost=None)
    screen.fail(task, ErrorKind.FILE, remote_id=None)

    open_drawer(screen, task)

    assert not screen.at.get("form")
    assert screen.at.button(key="history_submit_again").label == "Generate again · free"
