"""What the settings of a data home name: its database, a file of its own or a server, and where its media are kept."""

from __future__ import annotations

import os
import time

from vidgen_core.config.file import SharedText
from vidgen_core.config.loader import load_settings, read_text
from vidgen_core.config.lookup import variable_of
from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import ScaleSettings
from vidgen_core.db import Store
from vidgen_core.db.worker_state import SHARED_SETTINGS, SharedSettings
from vidgen_core.domain.errors import SettingsError
from vidgen_core.media import storage


def open_store(locations: Locations, *, checkpoints: bool = False) -> Store:
    """Open the database, created if there is none.

    :param checkpoints: as of ``Store.open``
    :raises StoreError: as ``Store.open``
    :raises SettingsError: the settings name a server and cannot be read
    """
    scale = _scale(locations)
    url = scale.database.get_secret_value()
    if not url:
        return Store.open(locations.database, checkpoints=checkpoints)
    # Days begin for everybody where the studio is, in what this process counts as in what the database does.
    os.environ["TZ"] = scale.timezone
    if hasattr(time, "tzset"):
        time.tzset()
    return Store.open(url, checkpoints=checkpoints, timezone=scale.timezone)


def open_media(locations: Locations) -> storage.LocalMedia:
    """The storage of videos and pictures.

    :raises FileError: ``media_driver_missing``
    """
    return storage.open_media(locations, _scale(locations))


class SettingsRow:
    """The settings of all machines that share a database, in a row of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.place = store.place

    def read(self) -> SharedText | None:
        with self._store.read() as tx:
            found = SHARED_SETTINGS.get(tx)
        return SharedText(found.rev, found.text) if found else None

    def replace(self, rev: int, text: str) -> bool:
        with self._store.write() as tx:
            found = SHARED_SETTINGS.get(tx)
            if (found.rev if found else 0) != rev:
                return False
            SHARED_SETTINGS.put(tx, SharedSettings(rev=rev + 1, text=text))
        return True


def _scale(locations: Locations) -> ScaleSettings:
    """What the settings say; where they cannot be read, the data home's own file, unless they name a server."""
    try:
        return load_settings(locations).scale
    except SettingsError:
        if _name_a_server(locations):
            raise
        return ScaleSettings()


def _name_a_server(locations: Locations) -> bool:
    """Whether settings that cannot be read mention one: an empty studio in its place would frighten people."""
    try:
        written = read_text(locations.settings_file)
    except SettingsError:
        written = ""
    named = any(line.lstrip().startswith("database") and "postgres" in line for line in written.splitlines())
    return named or variable_of("scale.database") in os.environ
