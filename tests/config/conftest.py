"""A data home of its own and an environment without settings."""

import os
from pathlib import Path

import pytest

from vidgen_core.config.file import SettingsFile
from vidgen_core.config.paths import Locations


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("VIDGEN_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def locations(tmp_path: Path) -> Locations:
    return Locations(tmp_path / "home").create()


@pytest.fixture
def file(locations: Locations) -> SettingsFile:
    return SettingsFile(locations)
