"""The log: every line in the reader's words, found by what it says, read page by page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from screens import Screen, open_screen

from vidgen_core.dashboard.session import Visit
from vidgen_core.dashboard.tasks import log_view
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.queries import LogFilter
from vidgen_core.i18n import get_text


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        yield opened


def write(
    screen: Screen, code: str, level: LogLevel = LogLevel.INFO, task_id: int | None = None, **params: object
) -> None:
    with screen.app.store.write() as tx:
        tx.log.add(level, code, project_id=screen.project.id, task_id=task_id, **params)


def lines(screen: Screen) -> list[str]:
    """The lines as they stand, without their times."""
    shown = [text.value for text in screen.at.markdown if "&nbsp;" in text.value]
    return [line.split("&nbsp;")[1].replace("\\", "") for text in shown for line in text.split("  \n")]


def test_an_empty_log_says_what_will_stand_there(screen: Screen) -> None:
    screen.open("log")

    assert "Nothing has happened yet" in screen.words()


def test_lines_are_read_newest_first_with_level_and_words(screen: Screen) -> None:
    write(screen, "task_started", shot="1.0", take=1, attempt=1)
    write(screen, "task_failed", LogLevel.ERROR, shot="1.0", take=1, kind="balance", cause="balance", detail={})

    screen.open("log")

    assert lines(screen) == [
        ":red[❌ Error] Task 1.0 v1 failed: The account has no balance left. Top it up with the provider, then generate again.",
        ":blue[ℹ️ Info] Task 1.0 v1 started (attempt 1)",
    ]


def test_the_tail_may_stand_last(screen: Screen) -> None:
    write(screen, "paused")
    write(screen, "resumed")
    screen.open("log")

    screen.choose("log_order", "last")

    assert [line.split("] ")[1] for line in lines(screen)] == ["Submitting is paused", "Submitting continues"]


def test_people_search_for_what_they_read(screen: Screen) -> None:
    write(screen, "task_arrived", shot="1.0", take=1)
    write(screen, "task_started", shot="2.0", take=1, attempt=1)
    screen.open("log")

    screen.at.text_input(key="log_q").set_value("is generated").run()

    assert len(lines(screen)) == 1
    screen.at.text_input(key="log_q").set_value("nobody says this").run()
    assert "No line matches" in screen.words()


def test_a_task_and_a_level_narrow_the_log(screen: Screen) -> None:
    first, second = screen.add_tasks(2)
    for task in (first, second):
        write(screen, "task_started", task_id=task.id, shot="1.0", take=task.take, attempt=1)
        write(screen, "task_late", LogLevel.WARNING, task_id=task.id, shot="1.0", take=task.take)
    screen.open("log")

    screen.at.text_input(key="log_task").set_value("1.0 v2").run()
    assert len(lines(screen)) == 2
    screen.choose("log_levels", [LogLevel.WARNING])

    assert lines(screen) == [":orange[⚠️ Warning] A late result of task 1.0 v2 was taken in, downloading it"]


def test_a_task_that_is_not_there_is_told_how_to_write(screen: Screen) -> None:
    write(screen, "paused")
    screen.open("log")

    screen.at.text_input(key="log_task").set_value("first one").run()

    assert "Write shot and take" in screen.words()


def test_older_lines_are_a_page_away_and_stand_still_while_new_ones_come(screen: Screen) -> None:
    for number in range(log_view.WINDOW + 20):
        write(screen, "looking_again", shot=f"{number}.0", take=1)
    screen.open("log")

    screen.press("log_older")
    before = lines(screen)
    write(screen, "paused")
    screen.run()

    assert len(before) == 20
    assert lines(screen) == before
    screen.press("log_newer")
    assert "Submitting is paused" in lines(screen)[0]


def test_a_view_that_no_longer_follows_keeps_its_lines(screen: Screen) -> None:
    write(screen, "paused")
    screen.open("log")

    screen.at.toggle(key="log_follow").set_value(False).run()
    write(screen, "resumed")
    screen.run()

    assert len(lines(screen)) == 1


def test_clearing_asks_first_and_leaves_other_projects_alone(screen: Screen) -> None:
    write(screen, "task_started", shot="1.0", take=1, attempt=1)
    other = screen.app.projects.ensure("other")
    with screen.app.store.write() as tx:
        # Of the whole program: shown in every project.
        tx.log.add(LogLevel.INFO, "paused")
        tx.log.add(LogLevel.INFO, "resumed", project_id=other.id)
    screen.open("log")
    screen.at.selectbox(key="project").set_value("ep01").run()

    screen.press("log_clear")
    assert len(lines(screen)) == 2
    screen.press("confirm_act")

    assert not lines(screen)
    assert [line.code for line in screen.app.log.page(other.id)] == ["resumed", "paused"]
    write(screen, "task_late", shot="1.0", take=1)
    screen.run()
    assert len(lines(screen)) == 1


@pytest.mark.parametrize("format", ["txt", "csv", "json"])
def test_the_log_is_taken_along_in_the_readers_words(screen: Screen, format: str) -> None:  # noqa: A002
    write(screen, "task_started", shot="=1+1", take=1, attempt=1)
    visit = Visit(screen.app, screen.project, get_text("zh"))

    text = log_view.export(visit, format, LogFilter()).decode()  # type: ignore[arg-type]

    assert "开始执行（第 1 次）" in text
