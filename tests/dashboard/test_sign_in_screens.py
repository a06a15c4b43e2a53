"""The screens of those who have signed in: each page draws for every role, and only offers what is theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from screens import Screen, open_screen

from vidgen_core.dashboard.shell import sign_in
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.access.auth import Auth
from vidgen_core.services.access.permissions import Role, Visitor
from vidgen_core.services.access.sessions import COOKIE, Sessions, login_of

Sit = Callable[[Role], None]


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    """A studio that is shared with passwords."""
    with open_screen(tmp_path / "home", monkeypatch) as screen:
        sharing = Auth(screen.app.settings_file)
        sharing.ensure_token()
        screen.app.settings_file.change({"sharing.sign_in": "password"})
        yield screen


@pytest.fixture
def sit(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> Sit:
    """Let somebody who has signed in sit down; AppTest has no cookies of its own."""

    def sitting(role: Role) -> None:
        cookies = {COOKIE: Sessions(screen.app.settings_file, screen.app.store).begin(Visitor(role, "Li Wei"))}
        monkeypatch.setattr(type(st.context), "cookies", property(lambda _: cookies))

    return sitting


def test_without_a_cookie_nothing_but_the_way_in_is_drawn(screen: Screen) -> None:
    screen.run()
    assert "Sign in" in screen.words()
    assert not screen.at.button
    assert not screen.at.selectbox


@pytest.mark.parametrize("page", ["shots", "tasks", "storyboard", "pick", "log"])
def test_every_page_draws_for_a_viewer(screen: Screen, sit: Sit, page: str) -> None:
    sit(Role.VIEWER)
    at = screen.open(page)
    assert not at.error


@pytest.mark.parametrize(("role", "hidden"), [(Role.VIEWER, {"add", "settings"}), (Role.MAKER, {"settings"})])
def test_pages_for_others_are_not_there(screen: Screen, sit: Sit, role: Role, hidden: set[str]) -> None:
    sit(role)
    screen.run()
    for page in hidden:
        with pytest.raises(ValueError, match="Could not find a navigation page"):
            screen.at.switch_page(f"../../pages/{page}.py")


@pytest.fixture
def filled(screen: Screen) -> Screen:
    """With something in every state for which a screen has a button."""
    screen.app.shots.add(screen.project.id, prompt="a shot without a picture")
    screen.add_takes(2)
    screen.fail(screen.add_tasks()[0], ErrorKind.TIMEOUT)
    screen.submit(screen.add_tasks()[0], None)
    screen.add_tasks(status=TaskStatus.PENDING)
    return screen


@pytest.mark.parametrize("page", ["shots", "tasks", "storyboard", "pick", "log", "analytics"])
def test_no_button_that_a_viewer_sees_is_refused(filled: Screen, sit: Sit, page: str) -> None:
    sit(Role.VIEWER)
    filled.open(page)
    for key in {button.key for button in filled.at.button if button.key and not button.disabled}:
        filled.open(page)
        filled.press(key)
        assert "Ask an owner" not in filled.words() + filled.toasts(), key
    assert {box.disabled for box in filled.at.text_area} <= {True}


def test_a_maker_sees_what_makes_and_nothing_that_rules(filled: Screen, sit: Sit) -> None:
    sit(Role.MAKER)
    keys = {button.key for page in ("shots", "tasks", "log") for button in filled.open(page).button}
    assert {"generate_all", "tasks_clear", "add_shots"} <= keys
    assert "log_clear" not in keys
    assert filled.header()["stops"]
    assert not filled.header()["settings"]


def test_what_a_viewer_must_not_do_is_answered_by_a_sentence(
    screen: Screen, sit: Sit, monkeypatch: pytest.MonkeyPatch
) -> None:
    sit(Role.VIEWER)
    # A button that should not have been drawn.
    monkeypatch.setattr("vidgen_core.dashboard.shell.sign_in.may", lambda _: True)
    screen.run()
    screen.head(do="pause")
    assert "Ask an owner" in screen.toasts()
    assert screen.app.worker.status(None).paused is None


def test_an_owner_sets_a_password_and_it_is_kept_as_a_hash(screen: Screen, sit: Sit) -> None:
    sit(Role.OWNER)
    at = screen.open("settings")
    at.text_input(key="sharing_password_maker").input("make-make-make").run()
    screen.press("sharing_password_maker_set")
    sharing = Auth(screen.app.settings_file)
    assert sharing.check_password("make-make-make") is Role.MAKER
    assert "make-make-make" not in screen.app.settings_file.path.read_text(encoding="utf-8")


def test_a_cookie_of_yesterday_s_token_opens_nothing(screen: Screen, sit: Sit) -> None:
    sit(Role.OWNER)
    Auth(screen.app.settings_file).renew_token()
    screen.run()
    assert not screen.at.selectbox


def test_an_account_that_was_signed_out_of_is_asked_to_sign_in_anew(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen.app.settings_file.change({"sharing.sign_in": "oidc", "sharing.makers": "li@studio.example"})
    account = {"is_logged_in": True, "email": "li@studio.example", "name": "Li", "sub": "li", "iat": 1}
    monkeypatch.setattr(sign_in, "_account", lambda: account)
    monkeypatch.setattr(type(st.context), "cookies", property(lambda _: {}))
    sessions = Sessions(screen.app.settings_file, screen.app.store)
    sessions.sign_out(sessions.begin(Visitor(Role.MAKER, "Li"), login=login_of(account)))
    screen.run()

    assert [button.key for button in screen.at.button] == ["sign_in"]
    assert "Sign in" in screen.words()
