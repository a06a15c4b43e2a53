"""A saved key goes to the host that it was entered for: whoever changes an address does not get it sent there."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from vidgen_core.config.file import SettingsFile
from vidgen_core.config.paths import Locations
from vidgen_core.domain.errors import SettingsError
from vidgen_core.domain.provider_settings import KeySettings
from vidgen_core.domain.providers import ProviderId

KEYS = [{"name": "main", "secret": "sk-good-aaaa1111"}, {"name": "more", "secret": "sk-good-bbbb2222"}]
SECTIONS = {
    "providers.yunwu": "base_url",
    "providers.kie": "base_url",
    "providers.lovart": "base_url",
    "providers.images": "base_url",
    "writing": "base_url",
}
ELSEWHERE = "http://127.0.0.1:9"


@pytest.fixture
def file(locations: Locations) -> SettingsFile:
    return SettingsFile(locations.create())


def works(file: SettingsFile, section: str) -> list[bool]:
    settings = file.current()
    found = settings.writing if section == "writing" else settings.providers.of(ProviderId(section.partition(".")[2]))
    return [key.works for key in found.keys]


@pytest.mark.parametrize(("section", "field"), [*SECTIONS.items(), ("providers.kie", "upload_url")])
def test_saved_keys_stay_behind_when_the_address_names_another_host(
    file: SettingsFile, section: str, field: str
) -> None:
    before = getattr(file.current().providers.kie if "kie" in section else None, field, None)
    file.change({f"{section}.keys": KEYS})
    assert works(file, section) == [True, True]
    file.change({f"{section}.{field}": ELSEWHERE})
    assert works(file, section) == [False, False]
    # Another process sees the same.
    again = SettingsFile(Locations(file.path.parent))
    assert works(again, section) == [False, False]
    # Nothing is lost: entered again, or with the old address.
    file.change({f"{section}.keys": KEYS[:1]})
    assert works(file, section) == [True]
    if before:
        file.change({f"{section}.{field}": before})
        assert works(file, section) == [False]


def test_the_old_address_brings_its_keys_back(file: SettingsFile) -> None:
    old = file.current().providers.yunwu.base_url
    file.change({"providers.yunwu.keys": KEYS})
    file.change({"providers.yunwu.base_url": ELSEWHERE})
    file.change({"providers.yunwu.base_url": "http://127.0.0.1:10"})
    file.change({"providers.yunwu.base_url": old})
    assert works(file, "providers.yunwu") == [True, True]


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("https://yunwu.ai:443", True),
        ("https://YUNWU.ai/v1", True),
        ("http://yunwu.ai", False),
        ("https://yunwu.ai:8443", False),
        ("https://yunwu.ai.evil.example", False),
        ("https://yunwu.ai@evil.example", False),
    ],
)
def test_a_host_is_scheme_name_and_port(file: SettingsFile, address: str, same: bool) -> None:
    file.change({"providers.yunwu.keys": KEYS})
    file.change({"providers.yunwu.base_url": address})
    assert works(file, "providers.yunwu") == [same, same]


def test_a_key_that_comes_with_the_address_is_meant_for_it(file: SettingsFile) -> None:
    file.change({"providers.yunwu.keys": KEYS[:1]})
    file.change({"providers.yunwu.base_url": ELSEWHERE, "providers.yunwu.keys": KEYS})
    assert works(file, "providers.yunwu") == [False, True]


def test_a_rewritten_list_keeps_what_each_key_is_for(file: SettingsFile) -> None:
    file.change({"providers.yunwu.keys": KEYS[:1]})
    file.change({"providers.yunwu.base_url": ELSEWHERE})
    keys = file.current().providers.yunwu.keys
    file.change({"providers.yunwu.keys": [*keys, KeySettings(name="new", secret=SecretStr("sk-good-cccc3333"))]})
    assert works(file, "providers.yunwu") == [False, True]


def test_what_is_written_into_the_file_or_the_environment_is_the_owner_s_own_deed(
    file: SettingsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.change({"providers.yunwu.keys": KEYS})
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__BASE_URL", ELSEWHERE)
    assert works(SettingsFile(Locations(file.path.parent)), "providers.yunwu") == [True, True]
    monkeypatch.delenv("VIDGEN_PROVIDERS__YUNWU__BASE_URL")
    file.path.write_text(
        file.path.read_text() + f'[providers.kie]\nbase_url = "{ELSEWHERE}"\nkeys = [{{name = "a", secret = "b"}}]\n'
    )
    assert works(SettingsFile(Locations(file.path.parent)), "providers.kie") == [True]


def test_keys_of_the_environment_are_not_sent_where_a_screen_says(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGEN_PROVIDERS__YUNWU__KEYS", '[{"name": "main", "secret": "sk-good-aaaa1111"}]')
    file = SettingsFile(locations.create())
    with pytest.raises(SettingsError) as refused:
        file.change({"providers.yunwu.base_url": ELSEWHERE})
    assert refused.value.code == "key_of_environment"
    assert file.current().providers.yunwu.base_url != ELSEWHERE
