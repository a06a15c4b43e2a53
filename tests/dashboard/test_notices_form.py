"""The settings of notices: the address is kept like a key, and can be tried and taken away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from screens import Screen, open_screen

URL = "http://127.0.0.1:9/hook/very-secret-token"


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        yield opened


def test_an_address_is_saved_masked_tried_and_removed(screen: Screen) -> None:
    screen.open("settings")
    assert screen.at.button(key="notices_test").disabled
    field = next(box for box in screen.at.text_input if box.label == "Webhook address")
    field.set_value(URL)
    screen.press("notices_save")
    saved = screen.app.settings().notices
    assert saved.url.get_secret_value() == URL
    field = next(box for box in screen.at.text_input if box.label == "Webhook address")
    assert (field.value, field.placeholder) == ("", "127.0.0.1 ****, saved")
    assert "very-secret" not in str(screen.at)
    screen.press("notices_test")
    assert "127.0.0.1 did not take the message" in screen.toasts()
    screen.press("notices_remove")
    assert not screen.app.settings().notices.url.get_secret_value()


def test_a_wrong_address_is_refused_by_name(screen: Screen) -> None:
    screen.open("settings")
    next(box for box in screen.at.text_input if box.label == "Webhook address").set_value("group of mine")
    screen.press("notices_save")
    assert "Webhook address" in screen.words()
    assert not screen.app.settings().notices.url.get_secret_value()
