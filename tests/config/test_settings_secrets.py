"""A key is never seen in clear outside of its file."""

import traceback

import pytest

from vidgen_core.config.file import SettingsFile
from vidgen_core.config.loader import load_settings
from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import Settings
from vidgen_core.domain.errors import SettingsError
from vidgen_core.domain.provider_settings import KeySettings
from vidgen_core.domain.providers import provider_ids
from vidgen_core.domain.setting_values import mask_secret

SECRET = "sk-Zq7Lw9RtX2mNx4KR"


@pytest.mark.parametrize(
    ("secret", "masked"),
    [("sk-abcdx4KR", "sk-****x4KR"), (SECRET, "sk-****x4KR"), ("sk-a", "sk-****"), ("abcdefgh", "****"), ("", "****")],
)
def test_a_masked_secret_shows_at_most_its_last_four(secret: str, masked: str) -> None:
    assert mask_secret(secret) == masked


def test_label_and_fingerprint_name_a_key_without_showing_it() -> None:
    key = KeySettings.model_validate({"name": "main", "secret": SECRET})
    same = KeySettings.model_validate({"name": "other", "secret": f" {SECRET}\n"})

    assert key.label == "main ••x4KR"
    assert len(key.fingerprint) == 12
    assert key.fingerprint == same.fingerprint
    assert SECRET[:12] not in key.label + key.fingerprint


def test_settings_print_and_dump_without_secrets(locations: Locations) -> None:
    settings = SettingsFile(locations).change(
        {"providers.kie.keys": [{"name": "a", "secret": SECRET}], "providers.kie.webhook_secret": SECRET}
    )

    shown = f"{settings} {settings!r} {settings.model_dump_json()} {settings.model_dump()}"

    assert settings.providers.kie.keys[0].secret.get_secret_value() == SECRET
    assert SECRET not in shown


@pytest.mark.parametrize(
    "text",
    [
        f'[providers.kie]\nkeys = [{{name = "a", secret = "{SECRET}", x = 1}}]',
        f'[providers.kie]\nkeys = [{{name = "a", secret = "{SECRET} {SECRET}"}}]',
        f'[providers.kie]\nkeys = [{{name = "a", secret = "{SECRET}"}}, {{name = "b", secret = "{SECRET}"}}]',
        f'[providers.kie]\nkeys = "{SECRET}"',
        f'[providers.kie]\nwebhook_secret = ["{SECRET}"]',
        f'[providers.kie]\nkeys = [{{name = "a", secret = "{SECRET}]',
        f"[providers.kie]\nkeys = {SECRET}",
    ],
)
def test_no_error_or_traceback_quotes_a_secret_of_the_file(locations: Locations, text: str) -> None:
    locations.settings_file.write_text(text)

    with pytest.raises(SettingsError) as caught:
        load_settings(locations)

    seen = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.__context__)
    assert SECRET not in seen


@pytest.mark.parametrize(
    "value", [f'[{{"name":"a","secret":"{SECRET}"', f'[{{"name":"a","secret":"{SECRET}","x":1}}]', SECRET]
)
def test_no_error_or_traceback_quotes_a_secret_of_the_environment(
    locations: Locations, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__KIE__KEYS", value)

    with pytest.raises(SettingsError) as caught:
        load_settings(locations)

    assert SECRET not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)


def test_no_default_is_a_secret() -> None:
    assert Settings().providers.kie.webhook_secret.get_secret_value() == ""
    assert all(not Settings().providers.of(mode).keys for mode in provider_ids())
