"""Nobody but the owner reads what lies in the data home."""

from __future__ import annotations

import os
import sqlite3
import stat

import pytest

from vidgen_core.config.paths import Locations
from vidgen_core.services.facade import Vidgen

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")


def rights(locations: Locations) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in locations.home.iterdir() if file.is_file()}


def test_files_of_a_home_are_its_owner_s(locations: Locations) -> None:
    before = os.umask(0o022)
    try:
        locations.home.mkdir(parents=True, exist_ok=True)
        # As an earlier version left it.
        sqlite3.connect(locations.database).close()
        locations.home.joinpath("server.log").write_text("")
        locations.home.joinpath("server.log").chmod(0o644)
        for _ in range(2):
            with Vidgen.open(locations) as app:
                app.settings_file.change({"mode": "local"})
                project = app.projects.ensure("ep01")
                app.shots.add(project.id, prompt="rain")
                found = rights(locations)
                assert {name: mode for name, mode in found.items() if mode & 0o077} == {}
                assert {"vidgen.db", "vidgen.db-wal", "settings.toml", "server.log"} <= found.keys()
        assert stat.S_IMODE(locations.home.stat().st_mode) == 0o700
        with Vidgen.open(locations) as app:
            copy = locations.home / "copy.db"
            app.store.backup(copy)
            assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    finally:
        os.umask(before)
