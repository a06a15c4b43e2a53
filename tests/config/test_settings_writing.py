"""Changing settings from the program, with the file's own words kept."""

import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest

from vidgen_core.config.file import SettingsFile
from vidgen_core.config.loader import load_settings
from vidgen_core.config.lookup import dotted_get, parse_value, setting_names
from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import Settings
from vidgen_core.domain.errors import SettingsError
from vidgen_core.domain.provider_settings import KeySettings
from vidgen_core.domain.providers import ProviderId, video_providers


def refusal(file: SettingsFile, values: dict[str, Any]) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        file.change(values)
    return caught.value


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_change_is_in_force_and_on_disk(file: SettingsFile, locations: Locations) -> None:
    settings = file.change({"runner.max_concurrent": 5, "mode": ProviderId("kie"), "budget.limit": "12.50"})

    assert settings.runner.max_concurrent == 5
    assert load_settings(locations) == settings
    assert tomllib.loads(file.path.read_text()) == {
        "runner": {"max_concurrent": 5},
        "mode": "kie",
        "budget": {"limit": 12.5},
    }


def test_comments_and_order_of_the_file_are_kept(file: SettingsFile) -> None:
    text = '# mine\nmode = "local" # for now\n\n[runner]\n# slow line\npoll_interval = 10.0\nmax_wait = 600.0\n'
    file.path.write_text(text)

    file.change({"runner.poll_interval": 30.0})

    assert file.path.read_text() == text.replace("10.0", "30.0")


def test_keys_go_round(file: SettingsFile) -> None:
    file.change({"providers.yunwu.keys": [{"name": "主要", "secret": "sk-abcdefx4KR\n"}]})
    keys = file.current().providers.yunwu.keys
    second = KeySettings.model_validate({"name": "b", "secret": "sk-b", "enabled": False})

    settings = file.change({"providers.yunwu.keys": [*keys, second]})

    assert [(key.name, key.secret.get_secret_value(), key.enabled) for key in settings.providers.yunwu.keys] == [
        ("主要", "sk-abcdefx4KR", True),
        ("b", "sk-b", False),
    ]


def test_keys_written_as_tables_stay_tables(file: SettingsFile) -> None:
    file.path.write_text(
        '[providers.kie]\nmodel = "veo3"\n[[providers.kie.keys]]\nname = "a"\nsecret = "1"\n[budget]\nlimit = 1\n'
    )

    file.change({"providers.kie.keys": [{"name": "a", "secret": "1"}, {"name": "b", "secret": "2"}]})

    assert file.path.read_text().count("[[providers.kie.keys]]") == 2
    assert [key.name for key in file.current().providers.kie.keys] == ["a", "b"]

    file.change({"providers.kie.keys": [], "providers.kie.model": "veo3_fast"})

    assert file.current().providers.kie.keys == ()
    assert file.current().budget.limit == 1


def test_sections_out_of_order_can_be_changed(file: SettingsFile) -> None:
    file.path.write_text('[providers.yunwu]\nmodel = "a"\n[runner]\nmax_wait = 60\n[providers.kie]\nmodel = "b"\n')

    settings = file.change({"providers.kie.model": "c", "providers.yunwu.model": "d", "providers.lovart.model": "e"})

    assert [settings.providers.of(mode).model for mode in video_providers()] == ["ken-burns", "d", "c", "e"]


def test_dotted_names_at_the_top_can_be_changed(file: SettingsFile) -> None:
    file.path.write_text('runner.max_wait = 60\nproviders.kie = { model = "b" }\n')

    settings = file.change({"runner.max_wait": 61, "runner.max_retries": 1, "providers.kie.model": "c"})

    assert (settings.runner.max_wait, settings.runner.max_retries, settings.providers.kie.model) == (61, 1, "c")


def test_nothing_takes_a_setting_out_of_the_file(file: SettingsFile) -> None:
    file.change({"providers.kie.duration": 8})

    settings = file.change({"providers.kie.duration": None})

    assert settings.providers.kie.duration is None
    assert "duration" not in file.path.read_text()


def test_one_wrong_value_changes_nothing(file: SettingsFile) -> None:
    file.path.write_text('mode = "kie"\n')

    error = refusal(file, {"mode": "yunwu", "runner.max_concurrent": 0})

    assert (error.code, error.params["field"]) == ("setting_invalid", "runner.max_concurrent")
    assert file.path.read_text() == 'mode = "kie"\n'


def test_an_unknown_name_changes_nothing(file: SettingsFile) -> None:
    error = refusal(file, {"runner.max_retrys": 1})

    assert (error.code, error.params["nearest"]) == ("setting_unknown", "runner.max_retries")
    assert not file.path.exists()


def test_what_the_environment_decides_cannot_be_changed(file: SettingsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_WAIT", "60")

    error = refusal(file, {"runner.max_wait": 90})

    assert (error.code, error.params["field"]) == ("setting_from_environment", "runner.max_wait")
    assert error.params["where"] == "VIDGEN_RUNNER__MAX_WAIT"


def test_values_of_the_environment_do_not_leak_into_the_file(
    file: SettingsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__KIE__KEYS", '[{"name":"a","secret":"sk-environment"}]')

    file.change({"providers.kie.model": "veo3"})

    assert "sk-environment" not in file.path.read_text()


def test_file_and_folder_are_for_their_owner_only(tmp_path: Path) -> None:
    file = SettingsFile(Locations(tmp_path / "new" / "home"))

    file.change({"mode": "kie"})

    assert mode_of(file.path) == 0o600
    assert mode_of(file.path.parent) == 0o700


def test_a_file_written_by_hand_becomes_private_when_read(file: SettingsFile) -> None:
    file.path.write_text('mode = "kie"\n')
    file.path.chmod(0o644)

    file.current()

    assert mode_of(file.path) == 0o600


def test_a_link_to_a_file_elsewhere_stays_a_link(file: SettingsFile, tmp_path: Path) -> None:
    elsewhere = tmp_path / "dotfiles.toml"
    elsewhere.write_text('mode = "kie"\n')
    file.path.symlink_to(elsewhere)

    file.change({"mode": "yunwu"})

    assert file.path.is_symlink()
    assert elsewhere.read_text() == 'mode = "yunwu"\n'


def test_a_failed_write_leaves_the_old_file_and_no_rest(file: SettingsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.change({"mode": "kie"})

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    error = refusal(file, {"mode": "yunwu"})

    assert (error.code, error.params["why"]) == ("settings_unwritable", "No space left on device")
    assert file.current().mode is ProviderId("kie")
    assert {path.name for path in file.path.parent.glob("*settings*")} == {"settings.toml", "settings.toml.lock"}


def test_two_writers_lose_nothing(locations: Locations) -> None:
    writers = [SettingsFile(locations) for _ in range(2)]

    def write(file: SettingsFile, name: str) -> None:
        for value in range(1, 11):
            file.change({name: value})

    threads = [
        threading.Thread(target=write, args=(file, name))
        for file, name in zip(writers, ("runner.max_wait", "runner.max_retries"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    runner = load_settings(locations).runner
    assert (runner.max_wait, runner.max_retries) == (10, 10)


def test_every_setting_has_a_sentence() -> None:
    names = setting_names()

    assert [name for name, sentence, _, _ in names if not sentence.endswith(".")] == []
    assert "runner.max_concurrent" in [name.name for name in names]
    assert {name.name for name in names if name.secret} == {
        "providers.local.keys",
        "providers.yunwu.keys",
        "providers.kie.keys",
        "providers.kie.webhook_secret",
        "providers.lovart.keys",
        "providers.images.keys",
        "sharing.token",
        "sharing.viewer_password",
        "sharing.maker_password",
        "sharing.owner_password",
        "writing.keys",
        "notices.secret",
        "notices.url",
        "scale.database",
        "scale.media_secret",
    }


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("runner.max_concurrent", "5", 5),
        ("runner.poll_interval", "0.5", 0.5),
        ("runner.retry_on_fail", "no", False),
        ("mode", "kie", ProviderId("kie")),
        ("providers.kie.duration", "", None),
        ("providers.kie.duration", "8", 8.0),
        ("save_dir", "", ""),
    ],
)
def test_typed_words_become_values(name: str, text: str, value: object) -> None:
    assert parse_value(name, text) == value


def test_keys_are_typed_as_json(file: SettingsFile) -> None:
    file.change({"providers.kie.keys": parse_value("providers.kie.keys", '[{"name": "a", "secret": "sk-a"}]')})

    assert file.current().providers.kie.keys[0].name == "a"


@pytest.mark.parametrize(
    ("name", "text", "code", "reason"),
    [
        ("runner.max_concurrent", "many", "setting_invalid", "whole_number"),
        ("runner.max_concurrent", "0", "setting_invalid", "at_least"),
        ("providers.kie.keys", "sk-a", "setting_invalid", "json"),
        ("runner.max_concurent", "5", "setting_unknown", None),
        ("runner", "5", "setting_unknown", None),
    ],
)
def test_wrong_words_are_refused(name: str, text: str, code: str, reason: str | None) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_value(name, text)

    assert (caught.value.code, caught.value.params.get("reason")) == (code, reason)


def test_a_value_is_found_by_its_dotted_name() -> None:
    assert dotted_get(Settings(), "providers.yunwu.model") == "grok-video-3"

    with pytest.raises(SettingsError, match="setting_unknown"):
        dotted_get(Settings(), "providers.yunwu.__class__")


def test_settings_do_not_change_in_place() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().runner.max_wait = 1  # type: ignore[misc]
