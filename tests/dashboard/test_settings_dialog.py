"""The 生视频配置 dialog: the current provider's part of the settings, in one place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from screens import Screen, open_screen

from vidgen_core.dashboard.settings import keys_table
from vidgen_core.domain.provider_settings import KeySettings
from vidgen_core.domain.providers import ProviderId

SECRET = "sk-abcdefghijklmx4KR"


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        yield opened


def open_dialog(screen: Screen, mode: ProviderId) -> None:
    screen.app.settings_file.change({"mode": mode})
    screen.open("log")
    screen.head(do="videos")


def labels(screen: Screen) -> list[str]:
    """What stands in the dialog, from top to bottom."""
    kinds = ("text_input", "selectbox", "slider", "number_input")
    found = [element for kind in kinds for element in screen.at.get(kind)]
    return [element.label for element in found if str(element.key).startswith("video_")]


def test_it_is_laid_out_as_drawn(screen: Screen) -> None:
    open_dialog(screen, ProviderId("yunwu"))

    assert labels(screen) == [
        "API key", "Model", "Size", "Aspect ratio", "Takes per shot", "Concurrency", "Poll interval (seconds)",
    ]  # fmt: skip


def test_the_local_renderer_is_asked_for_no_key(screen: Screen) -> None:
    open_dialog(screen, ProviderId("local"))

    assert "API key" not in labels(screen)
    assert "Model" in labels(screen)


def test_a_saved_key_is_a_masked_hint_and_stays_when_nothing_is_typed(screen: Screen) -> None:
    screen.app.settings_file.change({keys_table.setting(ProviderId("yunwu")): [KeySettings.typed("main", SECRET)]})
    open_dialog(screen, ProviderId("yunwu"))
    (typed,) = [element for element in screen.at.text_input if element.label == "API key" and "video" in element.key]

    assert (typed.value, typed.placeholder) == ("", "sk-****x4KR")

    screen.press("video_save")
    assert screen.app.settings().providers.yunwu.keys[0].secret.get_secret_value() == SECRET


def test_everything_is_saved_at_once_and_the_key_keeps_its_name(screen: Screen) -> None:
    screen.app.settings_file.change({keys_table.setting(ProviderId("yunwu")): [KeySettings.typed("main", SECRET)]})
    open_dialog(screen, ProviderId("yunwu"))
    turn = screen.at.session_state["_form_video"]["round"]

    screen.at.text_input(key=f"video_{turn}_key").set_value("sk-mnopqrstuvw9999")
    screen.at.slider(key=f"video_{turn}_runner.takes_per_shot").set_value(1)
    screen.at.selectbox(key=f"video_{turn}_providers.yunwu.aspect_ratio").set_value("16:9")
    screen.press("video_save")

    settings = screen.app.settings()
    (key,) = settings.providers.yunwu.keys
    assert (key.name, key.secret.get_secret_value()) == ("main", "sk-mnopqrstuvw9999")
    assert (settings.runner.takes_per_shot, settings.providers.yunwu.aspect_ratio) == (1, "16:9")


def test_cancel_changes_nothing(screen: Screen) -> None:
    open_dialog(screen, ProviderId("local"))
    turn = screen.at.session_state["_form_video"]["round"]

    screen.at.slider(key=f"video_{turn}_runner.takes_per_shot").set_value(1)
    screen.press("video_cancel")

    assert screen.app.settings().runner.takes_per_shot == 3


def test_the_real_output_size_stands_beside_its_name(screen: Screen) -> None:
    open_dialog(screen, ProviderId("yunwu"))

    (size,) = [box for box in screen.at.selectbox if box.label == "Size"]

    assert "1080P (~832×1504)" in size.options
    assert "480×848" in size.help
