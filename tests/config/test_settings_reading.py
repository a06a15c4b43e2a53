"""Where values come from, and what is said about wrong ones."""

import pytest
from doubles import wait_until

from vidgen_core.config.file import SettingsFile
from vidgen_core.config.loader import load_settings
from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import SettingsError
from vidgen_core.domain.providers import ProviderId

SPEC_EXAMPLE = """
mode = "local"                  # local | yunwu | kie | lovart
language = "auto"               # auto | zh | en
save_dir = ""                   # default: <home>/videos
file_pattern = "{project}/{shot}/{shot}-v{take}.mp4"

[runner]
max_concurrent = 3              # remote jobs in flight, per provider
poll_interval = 10.0            # seconds
max_wait = 600.0                # seconds from submit until a job counts as timed out
retry_on_fail = true
max_retries = 2
takes_per_shot = 3

[providers.yunwu]
base_url = "https://yunwu.ai"
model = "grok-video-3"
size = "1080P"
aspect_ratio = "9:16"
keys = [{ name = "main", secret = "sk-abcdefx4KR" }]

[providers.kie]
base_url = "https://api.kie.ai"
upload_url = "https://kieai.redpandaai.co"
model = "veo3_fast"
aspect_ratio = "9:16"
watermark = ""
callback_url = ""
seed = ""                       # empty: random
enable_fallback = false
enable_translation = true
keys = []

[budget]
limit = 0                       # 0: none; the queue pauses when the estimate of spend passes it
currency = "CNY"
"""


def write(locations: Locations, text: str) -> None:
    locations.settings_file.write_text(text, encoding="utf-8")


def refusal(locations: Locations) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(locations)
    return caught.value


def test_a_fresh_machine_renders_locally(locations: Locations) -> None:
    settings = load_settings(locations)

    assert settings.mode is ProviderId("local")
    assert settings.runner.max_concurrent == 3
    assert settings.save_folder(locations) == locations.videos


def test_the_documented_file_is_read(locations: Locations) -> None:
    write(locations, SPEC_EXAMPLE)

    settings = load_settings(locations)

    assert [key.label for key in settings.providers.yunwu.keys] == ["main ••x4KR"]
    assert settings.providers.kie.upload_url == "https://kieai.redpandaai.co"


def test_the_environment_wins_over_the_file(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    write(locations, SPEC_EXAMPLE)
    monkeypatch.setenv("VIDGEN_MODE", "yunwu")
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__BASE_URL", "http://127.0.0.1:9000")
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__KEYS", '[{"name":"a","secret":"sk-a"}]')
    monkeypatch.setenv("VIDGEN_RUNNER__POLL_INTERVAL", "0.2")

    settings = load_settings(locations)

    assert settings.mode is ProviderId("yunwu")
    assert settings.providers.yunwu.base_url == "http://127.0.0.1:9000"
    assert [key.secret.get_secret_value() for key in settings.providers.yunwu.keys] == ["sk-a"]
    assert settings.runner.poll_interval == 0.2
    assert settings.runner.max_retries == 2
    assert settings.providers.yunwu.model == "grok-video-3"


def test_an_empty_environment_variable_counts_as_absent(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_MODE", "")

    assert load_settings(locations).mode is ProviderId("local")


def test_load_can_be_rehearsed(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__POLL_INTERVAL", "0.05")
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_CONCURRENT", "1000")

    runner = load_settings(locations).runner

    assert (runner.poll_interval, runner.max_concurrent) == (0.05, 1000)


def test_a_provider_may_have_its_own_cap(locations: Locations) -> None:
    write(locations, "[runner]\nmax_concurrent = 4\n[providers.local]\nmax_concurrent = 2\n")

    settings = load_settings(locations)

    assert settings.max_concurrent(ProviderId("local")) == 2
    assert settings.max_concurrent(ProviderId("kie")) == 4


def test_a_relative_save_folder_counts_from_the_data_home(locations: Locations) -> None:
    write(locations, 'save_dir = "out"')

    assert load_settings(locations).save_folder(locations) == locations.home / "out"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_does_no_harm(locations: Locations, encoding: str) -> None:
    locations.settings_file.write_bytes('mode = "kie"\n'.encode(encoding))

    assert load_settings(locations).mode is ProviderId("kie")


def test_a_broken_file_is_named_with_its_line(locations: Locations) -> None:
    write(locations, 'mode = "local"\n\n[runner\nmax_wait = 1\n')

    error = refusal(locations)

    assert (error.code, error.params["line"]) == ("settings_unreadable", 3)
    assert error.params["path"] == str(locations.settings_file)


def test_a_file_that_is_not_utf8_is_named_with_its_line(locations: Locations) -> None:
    locations.settings_file.write_bytes('mode = "local"\nsave_dir = "视频"\n'.encode("gbk"))

    error = refusal(locations)

    assert (error.code, error.params["line"]) == ("settings_not_utf8", 2)


def test_a_folder_in_place_of_the_file_is_a_sentence(locations: Locations) -> None:
    locations.settings_file.mkdir()

    assert refusal(locations).code == "settings_unopenable"


@pytest.mark.parametrize(
    ("text", "field", "nearest"),
    [
        ("[runner]\nmax_concurent = 5", "runner.max_concurent", "runner.max_concurrent"),
        ('languge = "zh"', "languge", "language"),
        ('[providers.yunwo]\nmodel = "x"', "providers.yunwo", "providers.yunwu"),
        (
            '[providers.kie]\nkeys = [{name = "a", secret = "b", enabld = true}]',
            "providers.kie.keys.0.enabld",
            "enabled",
        ),
        ('_env_file = "/etc/passwd"', "_env_file", ""),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(
    locations: Locations, text: str, field: str, nearest: str
) -> None:
    write(locations, text)

    error = refusal(locations)

    assert (error.code, error.params["field"]) == ("setting_unknown", field)
    assert nearest in error.params["nearest"]


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ('mode = "sora"', "mode", "one_of"),
        ("[runner]\nmax_concurrent = 0", "runner.max_concurrent", "at_least"),
        ("[runner]\nmax_concurrent = 1001", "runner.max_concurrent", "at_most"),
        ("[runner]\npoll_interval = 0.04", "runner.poll_interval", "at_least"),
        ("[runner]\npoll_interval = inf", "runner.poll_interval", "number"),
        ('[runner]\nmax_wait = "long"', "runner.max_wait", "number"),
        ("[runner]\ntakes_per_shot = 2.5", "runner.takes_per_shot", "whole_number"),
        ('[runner]\nretry_on_fail = "perhaps"', "runner.retry_on_fail", "yes_or_no"),
        ("[budget]\nlimit = -1", "budget.limit", "at_least"),
        ('[budget]\ncurrency = "yen"', "budget.currency", "currency"),
        ("save_dir = 3", "save_dir", "text"),
        ("runner = 3", "runner", "section"),
        ('file_pattern = "{shot}.mp4"', "file_pattern", "pattern_needs_shot_and_take"),
        ('file_pattern = "{shot}-{take}-{secret}.mp4"', "file_pattern", "pattern_fields"),
        ('file_pattern = "../{shot}-{take}.mp4"', "file_pattern", "pattern_path"),
        ('file_pattern = "/tmp/{shot}-{take}.mp4"', "file_pattern", "pattern_path"),
        ('file_pattern = "C:\\\\{shot}-{take}.mp4"', "file_pattern", "pattern_path"),
        ('file_pattern = "{shot}-{take}.exe"', "file_pattern", "pattern_path"),
        ('file_pattern = "{shot-{take}.mp4"', "file_pattern", "pattern_braces"),
        ('[providers.kie]\nbase_url = "ftp://x"', "providers.kie.base_url", "web_address"),
        ('[providers.kie]\naspect_ratio = "tall"', "providers.kie.aspect_ratio", "ratio"),
        ('[providers.kie]\nseed = "12a"', "providers.kie.seed", "whole_number"),
        ('[providers.kie]\nmodel = ""', "providers.kie.model", "empty"),
        ('[providers.kie]\nkeys = "sk-a"', "providers.kie.keys", "list"),
        ('[providers.kie]\nkeys = [{name = "a"}]', "providers.kie.keys.0.secret", "missing"),
        ('[providers.kie]\nkeys = [{name = "a", secret = "sk a"}]', "providers.kie.keys.0.secret", "not_a_key"),
        (
            '[providers.kie]\nkeys = [{name = "a", secret = "1"}, {name = "a", secret = "2"}]',
            "providers.kie.keys",
            "same_name_twice",
        ),
        (
            '[providers.kie]\nkeys = [{name = "a", secret = "1"}, {name = "b", secret = "1"}]',
            "providers.kie.keys",
            "same_key_twice",
        ),
        ('[providers.yunwu]\nimages = "fax"', "providers.yunwu.images", "one_of"),
    ],
)
def test_a_wrong_value_is_named_with_its_reason(locations: Locations, text: str, field: str, reason: str) -> None:
    write(locations, text)

    error = refusal(locations)

    assert (error.code, error.params["field"], error.params["reason"]) == ("setting_invalid", field, reason)
    assert error.params["where"] == str(locations.settings_file)


def test_a_wrong_variable_is_named(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_WAIT", "soon")

    assert refusal(locations).params["where"] == "VIDGEN_RUNNER__MAX_WAIT"


@pytest.mark.parametrize("name", ["VIDGEN_PROVIDERS__KIE__KEYS", "VIDGEN_PROVIDERS"])
def test_broken_json_in_a_variable_is_named(locations: Locations, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("VIDGEN_SAVE_DIR", "not json either, and fine")
    monkeypatch.setenv(name, '[{"name":"a","secret":"sk-a"')

    error = refusal(locations)

    assert (error.code, error.params["reason"], error.params["where"]) == ("setting_invalid", "json", name)


def test_an_edited_file_counts_from_the_next_look_on(file: SettingsFile, locations: Locations) -> None:
    assert file.current().runner.max_concurrent == 3

    write(locations, "[runner]\nmax_concurrent = 7\n")

    assert file.current().runner.max_concurrent == 7


def test_who_asks_all_the_time_sees_an_edit_in_a_moment_and_a_change_made_here_at_once(
    file: SettingsFile, locations: Locations
) -> None:
    assert file.recent().runner.max_concurrent == 3

    write(locations, "[runner]\nmax_concurrent = 7\n")

    wait_until(lambda: file.recent().runner.max_concurrent == 7)
    file.change({"runner.max_concurrent": 5})
    assert file.recent().runner.max_concurrent == 5


def test_an_unchanged_file_is_not_read_twice(file: SettingsFile, locations: Locations) -> None:
    write(locations, 'mode = "kie"')

    assert file.current() is file.current()


def test_a_file_broken_meanwhile_keeps_the_last_good_settings(file: SettingsFile, locations: Locations) -> None:
    write(locations, 'mode = "kie"')
    good = file.current()

    write(locations, 'mode = "kie')
    kept = file.current()

    assert kept is good
    assert file.problem is not None
    assert file.problem.code == "settings_unreadable"

    write(locations, 'mode = "yunwu"')

    assert file.current().mode is ProviderId("yunwu")
    assert file.problem is None


def test_a_file_broken_from_the_start_is_an_error(file: SettingsFile, locations: Locations) -> None:
    write(locations, "mode")

    for _ in range(2):
        with pytest.raises(SettingsError, match="settings_unreadable"):
            file.current()


def test_names_from_the_environment_are_told(file: SettingsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__MAX_WAIT", "60")
    monkeypatch.setenv("VIDGEN_PROVIDERS__KIE", '{"model": "veo3", "keys": []}')
    monkeypatch.setenv("VIDGEN_HOME", "/somewhere")

    assert file.from_environment() == {"runner.max_wait", "providers.kie.model", "providers.kie.keys"}


def test_a_pattern_may_pad_numbers(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_FILE_PATTERN", "{project}/{shot:0>3}-v{take:02d}.mp4")

    assert load_settings(locations).file_pattern == "{project}/{shot:0>3}-v{take:02d}.mp4"
