"""The frame: language, project, header and the stops."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from screens import Screen, open_screen

from vidgen_core.dashboard.shell import project_menu, shell
from vidgen_core.domain.errors import ErrorKind, FileError
from vidgen_core.domain.log import Heartbeat
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Failure, TaskStatus
from vidgen_core.providers.base import Connection
from vidgen_core.web.app_instance import close_vidgen, get_vidgen


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as screen:
        yield screen


def buttons(screen: Screen) -> dict[str, str]:
    return {button.key or "": button.label for button in screen.at.button}


def test_the_browsers_language_is_spoken_until_another_is_chosen(screen: Screen) -> None:
    screen.at.context = {"locale": "zh-CN"}
    screen.run()
    assert screen.header()["words"]["pause"] == "暂停"
    screen.choose("language", "en")
    assert screen.header()["words"]["pause"] == "Pause"


def test_the_settings_may_fix_the_language(screen: Screen) -> None:
    screen.app.settings_file.change({"language": "zh"})
    screen.run()
    assert screen.header()["words"]["pause"] == "暂停"


def test_the_newest_project_is_opened_and_the_address_may_name_another(screen: Screen) -> None:
    screen.app.projects.ensure("ep02")
    screen.run()
    assert screen.at.selectbox(key="project").value == "ep02"
    screen.at.selectbox(key="project").set_value("ep01").run()
    assert screen.at.selectbox(key="project").value == "ep01"


def test_an_empty_project_is_not_opened_before_one_with_shots(screen: Screen) -> None:
    screen.app.shots.add(screen.project.id, prompt="pan left")
    screen.app.projects.ensure("ep02")
    screen.run()
    assert screen.at.selectbox(key="project").value == "ep01"


def test_a_chinese_visitor_of_an_english_machine_gets_a_chinese_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_HOME", str(tmp_path / "fresh"))
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    app = get_vidgen()
    try:
        screen = Screen(app, app.projects.all()[0])
        screen.at.context = {"locale": "zh-CN"}
        screen.run()
        assert screen.at.selectbox(key="project").value == "示例短剧"
        assert "夕阳下的群山" in screen.at.text_area[0].value
    finally:
        close_vidgen()


def test_another_project_than_the_first_one_stays_open_when_the_header_leads_to_a_page(screen: Screen) -> None:
    screen.add_tasks(2)
    screen.app.shots.add(screen.app.projects.ensure("ep02").id, prompt="pan left")
    screen.at.query_params["project"] = "ep01"
    screen.run()
    screen.head(do="tasks", count="queued")
    screen.run()
    assert "2 tasks" in screen.words()
    assert screen.at.selectbox(key="project").value == "ep01"


def test_a_project_that_was_opened_stays_open_until_its_browser_has_heard_of_it(screen: Screen) -> None:
    screen.run()
    screen.at.text_input(key="new_project").set_value("雨夜").run()
    for _ in range(2):
        # What was sent before still names the project before.
        screen.at.selectbox(key="project").set_value("ep01").run()
        assert screen.at.selectbox(key="project").value == "雨夜"
    screen.act(project_menu.browser_heard)
    screen.at.selectbox(key="project").set_value("ep01").run()
    assert screen.at.selectbox(key="project").value == "ep01"


def test_a_project_is_made_and_opened(screen: Screen) -> None:
    screen.run()
    screen.at.text_input(key="new_project").set_value("雨夜").run()
    assert screen.at.selectbox(key="project").value == "雨夜"
    assert screen.app.projects.find("雨夜") is not None


def test_a_name_that_is_too_long_is_answered_by_a_sentence(screen: Screen) -> None:
    screen.run()
    screen.at.text_input(key="new_project").set_value("x" * 500).run()
    assert screen.toasts()
    assert len(screen.app.projects.all()) == 1


def test_the_header_counts_what_is_where(screen: Screen) -> None:
    first, *_ = screen.add_tasks(3)
    screen.submit(first)
    screen.run()
    assert [words for _, _, _, words, _ in screen.header()["counts"]] == [
        "Generating 1",
        "Queued 2",
        "Done 0",
        "Failed 0",
    ]


def test_large_counts_of_the_header_are_short_and_whole_in_their_words(screen: Screen) -> None:
    screen.add_tasks(12_345)
    screen.run()
    _, queued, *_ = screen.header()["counts"]
    assert queued[2:4] == ["12K", "Queued 12,345"]
    screen.choose("language", "zh")
    _, queued, *_ = screen.header()["counts"]
    assert queued[2:4] == ["1.2万", "排队中 12,345"]


def test_the_end_of_a_batch_is_told_once(screen: Screen) -> None:
    first, second = screen.add_tasks(2)
    screen.run()
    assert not screen.toasts()
    screen.fail(first, ErrorKind.MODERATION)
    screen.run()
    assert not screen.toasts()
    screen.fail(second, ErrorKind.MODERATION)
    screen.run()
    assert screen.toasts() == "All tasks ended: 0 done, 2 failed."
    screen.run()
    assert not screen.toasts()


def test_pausing_is_told_on_every_page_and_can_be_taken_back(screen: Screen) -> None:
    screen.run()
    screen.head(do="pause")
    assert "Paused: nothing new is sent" in screen.words()
    screen.head(do="resume")
    assert "Paused" not in screen.words()


def test_each_stop_says_how_many_and_what_it_costs(screen: Screen) -> None:
    first, *_ = screen.add_tasks(3)
    screen.submit(first)
    screen.run()
    said = {name: (label, help_) for name, label, help_, _ in screen.header()["stops"]}
    assert said["pause"][0] == "Pause submitting, 1 running continues"
    assert said["unsent"][0] == "Cancel 2 not submitted"
    assert said["give_up"][0] == "Give up waiting for 1"
    assert "may still be charged" in said["give_up"][1]


def test_cancelling_what_was_not_submitted_leaves_what_was(screen: Screen) -> None:
    first, second, third = screen.add_tasks(3)
    screen.submit(first)
    screen.run()
    screen.head(do="unsent")
    assert [screen.status(task) for task in (first, second, third)] == [
        TaskStatus.PROCESSING,
        TaskStatus.CANCELLED,
        TaskStatus.CANCELLED,
    ]


def test_giving_up_asks_and_names_the_price(screen: Screen) -> None:
    first, *_ = screen.add_tasks(2)
    screen.submit(first)
    screen.run()
    screen.head(do="give_up")
    assert "≈¥0.40" in screen.words()
    assert not screen.app.tasks.get(first.id).cancel_requested
    screen.press("confirm_act")
    assert screen.app.tasks.get(first.id).cancel_requested


def test_a_provider_that_is_paused_says_why_and_goes_on_at_a_click(screen: Screen) -> None:
    hold = {
        "code": "pause_no_key",
        "params": {"provider": "yunwu", "cause": "rejected"},
        "since": datetime.now(UTC).isoformat(),
        "until": None,
        "by_itself": False,
    }
    with screen.app.store.write() as tx:
        tx.state.put("provider_pause.yunwu", hold)
    screen.run()
    assert "Yunwu API is paused: " in screen.words()
    screen.press("go_on_yunwu")
    assert "is paused" not in screen.words()


@pytest.mark.parametrize("code", ["pause_database_behind", "pause_store_unwritable"])
def test_what_holds_all_providers_back_is_said_once(screen: Screen, code: str) -> None:
    with screen.app.store.write() as tx:
        for mode in (ProviderId("yunwu"), ProviderId("kie"), ProviderId("lovart"), ProviderId("images")):
            hold = {
                "code": code,
                "params": {"orders": 2, "provider": mode.value},
                "since": datetime.now(UTC).isoformat(),
            }
            tx.state.put(f"provider_pause.{mode}", hold | {"until": None, "by_itself": False})
    screen.run()
    assert len([name for name in buttons(screen) if name.startswith("go_on_")]) == 1
    said = {line for line in screen.words().splitlines() if "database" in line}
    assert len(said) == 1
    assert "is paused" not in screen.words()
    screen.press(next(name for name in buttons(screen) if name.startswith("go_on_")))
    assert "database" not in screen.words()


def test_a_runner_that_fell_silent_is_told_with_the_way_on(screen: Screen) -> None:
    seen = datetime.now(UTC) - timedelta(minutes=3)
    with screen.app.store.write() as tx:
        tx.heartbeat.beat(Heartbeat(pid=1, host="studio", started_at=seen, at=seen))
    screen.run()
    assert "last reported 3 minutes ago" in screen.words()


def test_a_runner_elsewhere_is_named(screen: Screen) -> None:
    now = datetime.now(UTC)
    with screen.app.store.write() as tx:
        tx.heartbeat.beat(Heartbeat(pid=4711, host="render-box", started_at=now, at=now))
    screen.run()
    assert "another process on render-box (process 4711)" in screen.words()


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        (None, "Not checked yet"),
        (Connection(ok=True), "Connected"),
        (Connection(ok=True, balance=Money(amount="128.5", currency="CNY")), "Connected · ¥128.50"),
        (Connection(ok=False, failure=Failure(kind=ErrorKind.AUTH, code="auth")), "Key refused"),
        (Connection(ok=False, failure=Failure(kind=ErrorKind.NETWORK, code="network")), "No network"),
        (Connection(ok=False, failure=Failure(kind=ErrorKind.PROVIDER, code="provider")), "Not connected"),
    ],
)
def test_the_connection_is_told_as_it_was_last_seen(screen: Screen, connection: Connection | None, words: str) -> None:
    screen.app.settings_file.change({"mode": "yunwu"})
    screen.give_key(ProviderId("yunwu"))
    if connection is not None:
        kept = {"connection": connection.model_dump(mode="json"), "at": datetime.now(UTC).isoformat()}
        with screen.app.store.write() as tx:
            tx.state.put("connection.yunwu", kept)
    screen.run()
    assert screen.header()["connection"]["words"] == f"● {words}"


def test_without_a_key_the_header_says_so_and_the_message_line_asks_for_one(screen: Screen) -> None:
    screen.app.settings_file.change({"mode": "yunwu"})
    screen.run()
    assert screen.header()["connection"]["words"] == "● No key"
    assert buttons(screen)["enter_key"] == "Enter a key"


def test_a_request_that_was_accepted_says_that_the_connection_works(screen: Screen) -> None:
    screen.app.settings_file.change({"mode": "yunwu"})
    screen.give_key(ProviderId("yunwu"))
    refused = Connection(ok=False, failure=Failure(kind=ErrorKind.AUTH, code="auth"))
    long_ago = {"connection": refused.model_dump(mode="json"), "at": "2020-01-01T00:00:00+00:00"}
    with screen.app.store.write() as tx:
        tx.state.put("connection.yunwu", long_ago)
    [task] = screen.add_tasks()
    attempt = screen.submit(task)
    with screen.app.store.write() as tx:
        tx.attempts.update(attempt.id, intent_at=datetime.now(UTC), accepted_at=datetime.now(UTC))
    screen.run()
    assert screen.header()["connection"]["words"] == "● Connected"


def test_the_mode_is_switched_for_all(screen: Screen) -> None:
    screen.run()
    screen.head(do="mode", mode="yunwu")
    assert screen.app.settings().mode is ProviderId("yunwu")


def test_a_database_that_cannot_be_opened_is_a_sentence(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise FileError("home_unwritable", path="/nowhere", why="read-only")

    monkeypatch.setattr("vidgen_core.web.get_vidgen", broken)
    screen.at.run()
    assert not screen.at.exception
    assert screen.at.error
    assert "/nowhere" in screen.at.error[0].value


def test_an_error_nobody_expected_shows_no_traceback(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []
    monkeypatch.setattr(shell.st, "error", lambda sentence, **_: said.append(sentence))
    assert shell.tell_of(ZeroDivisionError("secret-detail")) is True
    assert "secret-detail" not in said[0]
    assert "ZeroDivisionError" in caplog.text


def test_a_page_that_was_asked_for_opens_although_another_rerun_overtook_the_request(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen.add_tasks(2)
    screen.run()
    switched, switch_page = [], st.switch_page

    def overtaken_once(page: Path, **asked: Any) -> None:
        switched.append(page.stem)
        if len(switched) > 1:
            switch_page(page, **asked)
        st.stop()

    monkeypatch.setattr(st, "switch_page", overtaken_once)
    screen.head(do="tasks", count="queued")
    assert "2 tasks" not in screen.words()

    screen.run()
    assert "2 tasks" in screen.words()
    screen.run()
    assert switched == ["tasks", "tasks"]
