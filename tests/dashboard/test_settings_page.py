"""Settings: a save is checked first, names the wrong field, writes only what was changed, and applies at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from screens import Screen, open_screen

from vidgen_core.dashboard.settings import keys_table
from vidgen_core.domain.money import Money
from vidgen_core.domain.provider_settings import KeySettings
from vidgen_core.domain.providers import ProviderId
from vidgen_core.i18n import get_text
from vidgen_core.providers.base import Connection

SECRET = "sk-abcdefghijklmx4KR"


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with open_screen(tmp_path / "home", monkeypatch) as opened:
        yield opened


def field(setting: str, form: str, turn: int = 0) -> str:
    return f"{form}_{turn}_{setting}"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_tab_and_every_field_has_a_name(screen: Screen, language: str) -> None:
    screen.app.settings_file.change({"language": language})
    screen.open("settings")
    kinds = ("tab", "text_input", "number_input", "selectbox", "slider", "toggle")
    labels = {element.label for kind in kinds for element in screen.at.get(kind)}
    assert len(labels) > 40
    assert {label for label in labels if re.fullmatch(r"[a-z]+([._][a-z_.]+)+", label)} == set()


def test_a_save_is_written_and_applies_at_once(screen: Screen) -> None:
    screen.open("settings")

    screen.at.number_input(key=field("runner.poll_interval", "runner")).set_value(2.5)
    screen.at.slider(key=field("runner.takes_per_shot", "runner")).set_value(5)
    screen.press("runner_save")

    runner = screen.app.settings().runner
    assert (runner.poll_interval, runner.takes_per_shot) == (2.5, 5)
    assert "Saved" in screen.toasts()
    assert screen.at.number_input(key=field("runner.poll_interval", "runner", 1)).value == 2.5


def test_a_wrong_value_is_named_and_nothing_is_written(screen: Screen) -> None:
    screen.open("settings")

    screen.at.number_input(key=field("runner.poll_interval", "runner")).set_value(0.001)
    screen.at.slider(key=field("runner.takes_per_shot", "runner")).set_value(5)
    screen.press("runner_save")

    (complaint,) = [error.value for error in screen.at.error]
    assert "“Poll interval (seconds)” is not right" in complaint
    assert "0.05" in complaint
    assert screen.app.settings().runner.takes_per_shot == 3
    assert screen.at.number_input(key=field("runner.poll_interval", "runner")).value == 0.001


def test_cancel_changes_nothing_and_forgets_what_was_typed(screen: Screen) -> None:
    screen.open("settings")

    screen.at.number_input(key=field("runner.max_wait", "runner")).set_value(1.0)
    screen.press("runner_cancel")

    assert screen.at.number_input(key=field("runner.max_wait", "runner", 1)).value == 600
    assert screen.app.settings().runner.max_wait == 600


def test_a_save_leaves_alone_what_was_changed_elsewhere_meanwhile(screen: Screen) -> None:
    screen.open("settings")
    screen.app.settings_file.change({"runner.max_retries": 7})

    screen.at.number_input(key=field("runner.max_wait", "runner")).set_value(90.0)
    screen.press("runner_save")

    runner = screen.app.settings().runner
    assert (runner.max_retries, runner.max_wait) == (7, 90)


def test_the_slider_and_the_exact_number_move_each_other(screen: Screen) -> None:
    screen.open("settings")
    number = field("runner.max_concurrent", "runner")

    screen.at.number_input(key=number).set_value(40).run()
    assert screen.at.slider(key=f"{number}_slider").value == 5

    screen.at.slider(key=f"{number}_slider").set_value(2).run()
    assert screen.at.number_input(key=number).value == 2

    screen.press("runner_save")
    assert screen.app.settings().runner.max_concurrent == 2


def test_what_the_environment_decides_is_shown_and_cannot_be_changed(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__POLL_INTERVAL", "0.2")
    screen.open("settings")

    shown = screen.at.number_input(key=field("runner.poll_interval", "runner"))

    assert (shown.value, shown.disabled) == (0.2, True)
    assert "VIDGEN_RUNNER__POLL_INTERVAL" in screen.words()


def test_a_file_name_pattern_is_tried_while_it_is_typed(screen: Screen) -> None:
    screen.open("settings")
    pattern = screen.at.text_input(key=field("file_pattern", "files"))

    pattern.set_value("{shot}/{take}_{model}.mp4").run()
    assert "/1.0/1_ken-burns.mp4" in screen.words().replace("\\", "")

    pattern.set_value("{project}.mp4").run()
    assert "The file name pattern cannot be used" in screen.words()


def test_a_folder_that_cannot_be_written_to_is_said_so(screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    screen.open("settings")

    screen.at.text_input(key=field("save_dir", "files")).set_value(str(tmp_path / "file" / "videos")).run()

    assert "cannot be written to" in screen.words()


def test_a_key_is_added_and_from_then_on_seen_only_masked(screen: Screen) -> None:
    screen.open("settings")

    screen.at.text_input(key="key_new_secret_yunwu").set_value(SECRET)
    screen.press("key_add_act_yunwu")

    (key,) = screen.app.settings().providers.yunwu.keys
    assert (key.name, key.secret.get_secret_value()) == ("key 1", SECRET)
    assert list(screen.at.dataframe[0].value["masked"]) == ["sk-****x4KR"]
    sent = "\n".join(str(element.proto) for element in screen.at.main)
    assert SECRET not in sent


def test_a_key_with_a_space_in_it_is_answered_by_a_sentence_without_the_key(screen: Screen) -> None:
    screen.open("settings")

    screen.at.text_input(key="key_new_secret_yunwu").set_value("sk-not a key")
    screen.press("key_add_act_yunwu")

    assert "“API key” is not right" in screen.toasts()
    assert "not a key" not in screen.toasts()
    assert not screen.app.settings().providers.yunwu.keys


def test_a_key_of_the_language_model_that_cannot_be_one_is_answered_by_a_sentence(screen: Screen) -> None:
    screen.open("settings")
    screen.at.text_input(key="writing_0_key").input("not a key").run()
    screen.at.button(key="writing_test").click().run()

    assert not screen.at.exception
    said = " ".join(error.value for error in screen.at.error)
    assert "“API key” is not right" in said
    assert "not a key" not in said


def test_keys_are_renamed_and_switched_off_in_the_table(screen: Screen) -> None:
    screen.app.settings_file.change({keys_table.setting(ProviderId("yunwu")): [KeySettings.typed("a", SECRET)]})
    screen.open("settings")

    screen.act(lambda: keys_table.apply_edits(ProviderId("yunwu"), {0: {"name": "main", "enabled": False}}))

    (key,) = screen.app.settings().providers.yunwu.keys
    assert (key.name, key.enabled, key.secret.get_secret_value()) == ("main", False, SECRET)
    assert list(screen.at.dataframe[0].value["health"]) == ["⚪ Switched off"]


def test_two_keys_of_one_name_are_refused_with_a_sentence(screen: Screen) -> None:
    keys = [KeySettings.typed("a", SECRET), KeySettings.typed("b", "sk-bcdefghijklmnop")]
    screen.app.settings_file.change({keys_table.setting(ProviderId("yunwu")): keys})
    screen.open("settings")

    screen.act(lambda: keys_table.apply_edits(ProviderId("yunwu"), {1: {"name": "a"}}))

    assert "“API key” is not right" in screen.toasts()
    assert [key.name for key in screen.app.settings().providers.yunwu.keys] == ["a", "b"]


def test_removing_a_key_asks_first(screen: Screen) -> None:
    screen.app.settings_file.change({keys_table.setting(ProviderId("yunwu")): [KeySettings.typed("main", SECRET)]})
    screen.open("settings")

    screen.press("key_remove_yunwu")
    assert screen.app.settings().providers.yunwu.keys
    assert "main ••x4KR" in screen.words().replace("\\", "")

    screen.press("confirm_act")
    assert not screen.app.settings().providers.yunwu.keys


def test_a_connection_that_cannot_be_made_is_said_in_one_line_without_the_key(screen: Screen) -> None:
    keys = [KeySettings.typed("main", SECRET)]
    screen.app.settings_file.change(
        {keys_table.setting(ProviderId("yunwu")): keys, "providers.yunwu.base_url": "http://127.0.0.1:9"}
    )
    screen.open("settings")

    screen.press("key_test_yunwu")

    (line,) = [error.value for error in screen.at.error]
    assert "Not connected" in line
    assert SECRET not in line


def test_a_working_key_is_told_with_its_balance() -> None:
    money = Money(amount=Decimal("128.5"), currency="CNY")

    line = keys_table.connection_line(get_text("zh"), Connection(ok=True, balance=money))

    assert line == "连接正常，余额 ¥128.50"


def test_doctor_and_backup_are_a_click_away(screen: Screen) -> None:
    screen.open("settings")

    screen.press("doctor")
    assert str(screen.app.locations.home) in screen.words().replace("\\", "")

    screen.press("backup")
    assert len(list((screen.app.locations.home / "backups").glob("vidgen-*.db"))) == 1


def test_what_only_lovart_knows_is_there_and_the_browser_mode_says_what_it_is(screen: Screen) -> None:
    screen.open("settings")
    own = "providers.lovart"
    assert "Experimental" not in screen.words()

    screen.at.toggle(key=field(f"{own}.only_this_tool", "provider_lovart")).set_value(True)
    screen.at.number_input(key=field(f"{own}.confirm_up_to", "provider_lovart")).set_value(40.0)
    screen.at.number_input(key=field(f"{own}.settle", "provider_lovart")).set_value(2.0)
    screen.at.selectbox(key=field(f"{own}.way", "provider_lovart")).set_value("browser").run()
    assert "The API is the way to use." in screen.words()
    screen.press("provider_lovart_save")

    lovart = screen.app.settings().providers.lovart
    assert (lovart.only_this_tool, lovart.confirm_up_to, lovart.settle, lovart.way) == (True, 40, 2, "browser")
