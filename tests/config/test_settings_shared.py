"""Settings that machines share: one row that each change compares and replaces, and a file each for what is their own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from doubles import wait_until
from postgres_server import postgres, postgres_url  # noqa: F401 - fixtures

from vidgen_core.config.file import SettingsFile, SharedText
from vidgen_core.config.paths import Locations
from vidgen_core.db import Store
from vidgen_core.domain.errors import SettingsError, StoreError
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.system.database import SettingsRow

FIRST = '# Ours\nsave_dir = "one"\n\n[runner]\nmax_concurrent = 7 # at night 9\n\n[scale]\ntimezone = "UTC"\n'


@pytest.fixture
def row(tmp_path: Path) -> Iterator[SettingsRow]:
    store = Store.open(tmp_path / "shared.db")
    yield SettingsRow(store)
    store.close()


def machine(home: Path, row: SettingsRow, text: str = "") -> SettingsFile:
    locations = Locations(home).create()
    locations.settings_file.write_text(text, encoding="utf-8")
    file = SettingsFile(locations)
    file.share(row)
    return file


def test_the_first_machine_brings_its_settings_and_each_keeps_its_own_section(row: SettingsRow, tmp_path: Path) -> None:
    one = machine(tmp_path / "a", row, FIRST)
    two = machine(tmp_path / "b", row, 'save_dir = "two"\n[scale]\ntimezone = "Asia/Shanghai"\n')
    assert [file.current().runner.max_concurrent for file in (one, two)] == [7, 7]
    assert [file.current().save_dir for file in (one, two)] == ["one", "one"]
    assert [file.current().scale.timezone for file in (one, two)] == ["UTC", "Asia/Shanghai"]
    two.change({"scale.timezone": "Europe/Berlin"})
    assert one.current().scale.timezone == "UTC"
    assert two.current().scale.timezone == "Europe/Berlin"
    kept = row.read()
    assert kept is not None
    assert "timezone" not in kept.text


def test_a_change_is_in_force_on_all_machines_with_its_comments(row: SettingsRow, tmp_path: Path) -> None:
    one, two = machine(tmp_path / "a", row, FIRST), machine(tmp_path / "b", row)
    assert two.current().runner.max_concurrent == 7
    assert one.change({"runner.max_concurrent": 5, "budget.limit": 12}).runner.max_concurrent == 5
    wait_until(lambda: (two.current().runner.max_concurrent, two.current().budget.limit) == (5, 12))
    kept = row.read()
    assert kept is not None
    assert kept.text.startswith("# Ours\n")
    assert "max_concurrent = 5 # at night 9" in kept.text
    with pytest.raises(SettingsError):
        two.change({"runner.max_concurrent": 0})
    assert row.read() == kept


def test_of_many_changes_on_two_machines_none_is_lost(row: SettingsRow, tmp_path: Path) -> None:
    files = [machine(tmp_path / name, row) for name in ("a", "b")]
    names = ["runner.max_wait", "runner.max_retries", "runner.takes_per_shot", "budget.limit", "language", "save_dir"]
    values = [700.0, 4, 2, 9, "en", "x"]
    with ThreadPoolExecutor(len(names)) as pool:
        list(
            pool.map(
                lambda one: files[one[0] % 2].change({one[1][0]: one[1][1]}), enumerate(zip(names, values, strict=True))
            )
        )
    now = row.read()
    assert now is not None
    assert now.rev == len(names) + 1
    fresh = machine(tmp_path / "c", row).current()
    assert (fresh.runner.max_wait, fresh.runner.max_retries, fresh.runner.takes_per_shot) == (700.0, 4, 2)
    assert (fresh.budget.limit, fresh.language, fresh.save_dir) == (9, "en", "x")
    assert not row.replace(now.rev - 1, "")
    assert row.read() == now


def test_while_the_database_is_away_what_was_known_stays(
    row: SettingsRow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = machine(tmp_path / "a", row, FIRST)
    assert file.current().save_dir == "one"

    def away() -> SharedText | None:
        raise StoreError("store_server_away", place="there")

    monkeypatch.setattr(row, "read", away)
    monkeypatch.setattr("vidgen_core.config.file.LOOK_EVERY", 0.0)
    assert file.current().save_dir == "one"
    with pytest.raises(StoreError):
        file.change({"save_dir": "two"})
    monkeypatch.undo()
    assert file.change({"save_dir": "two"}).save_dir == "two"


def test_machines_on_one_server_share_settings_and_no_backup_has_their_keys(
    postgres_url: str,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"SCALE__DATABASE": postgres_url, "SCALE__TIMEZONE": "UTC"}.items():
        monkeypatch.setenv(f"VIDGEN_{name}", value)
    # Set by the first home that is opened; put back after the test.
    monkeypatch.setenv("TZ", "UTC")
    one, two = Locations(tmp_path / "a").create(), Locations(tmp_path / "b").create()
    one.settings_file.write_text(
        '[[providers.yunwu.keys]]\nname = "a"\nsecret = "sk-secret-12345678"\n', encoding="utf-8"
    )
    with Vidgen.open(one) as first, Vidgen.open(two) as second:
        assert [key.name for key in second.settings().providers.yunwu.keys] == ["a"]  # type: ignore[attr-defined]
        second.settings_file.change({"runner.max_concurrent": 2})
        wait_until(lambda: first.settings().runner.max_concurrent == 2)
        assert first.settings_file.place == first.store.place
        assert "settings_shared" in {finding.code for finding in first.diagnostics.doctor()}
        files = first.cleanup.backup(tmp_path / "backup.db")
    for file in files:
        assert b"sk-secret" not in file.read_bytes()
    assert "max_concurrent = 2" in files[1].read_text(encoding="utf-8")
