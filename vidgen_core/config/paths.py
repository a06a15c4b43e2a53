"""Every path the program may touch.

``VIDGEN_HOME`` names the data home; without it the platform's user data folder is used.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import platformdirs


class _InHome:
    """The path of something in the data home."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, locations: Locations, _: type | None = None) -> Path:
        return locations.home / self._name


@dataclass(frozen=True)
class Locations:
    """The data home and what lies in it."""

    home: Path

    settings_file = _InHome("settings.toml")
    database = _InHome("vidgen.db")
    #: What must be known when the database cannot be written, or is older than what was bought.
    journal = _InHome("vidgen.journal")
    runner_lock = _InHome("runner.lock")
    #: Reference images by content: ``<sha256>.<ext>``.
    images = _InHome("images")
    posters = _InHome("posters")
    thumbnails = _InHome("thumbnails")
    #: Jobs of the Local provider: what to render and the file being rendered.
    local_jobs = _InHome("local-jobs")
    #: Pictures that were drawn and paid for, until they are in the image store.
    drawings = _InHome("drawings")
    #: The save folder unless the settings name another.
    videos = _InHome("videos")
    #: Uploads and fetched pictures, until they become shots.
    incoming = _InHome("incoming")
    exports = _InHome("exports")

    def unwritable(self, name: str) -> Path:
        """Empty; until its time of change the database could not be written for the provider of that name."""
        return self.home / f"vidgen.db.unwritable-{name}"

    def of_provider(self, name: str) -> Path:
        """What a provider keeps for itself and for people to change."""
        return self.home / name

    def create(self) -> Locations:
        """Make the home, readable by its owner only, and the folders in it; return self."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        for folder in (self.images, self.posters, self.thumbnails, self.local_jobs, self.drawings):
            folder.mkdir(exist_ok=True)
        return self

    def make_private(self) -> None:
        """Let nobody but the owner read the files of the home: database, journal, settings, locks.

        What SQLite makes beside the database later takes over the database's rights.
        """
        if os.name != "posix":
            return
        for file in self.home.iterdir():
            with contextlib.suppress(FileNotFoundError, PermissionError):
                found = file.lstat()
                if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077 and found.st_uid == os.getuid():
                    file.chmod(0o600)


def find_locations() -> Locations:
    """The data home named by ``VIDGEN_HOME``, else the platform's user data folder."""
    named = os.environ.get("VIDGEN_HOME")
    home = Path(named).expanduser() if named else Path(platformdirs.user_data_dir("vidgen", appauthor=False))
    return Locations(home.absolute())
