"""For which takes a yes was given without asking: on disk, because a second one after a crash would be a second price."""

from __future__ import annotations

import hashlib
from pathlib import Path


class Consents:
    """One file for each take; small, and gone with the take's release."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, remote_id: str) -> bool:
        """Take the one consent of a take; False when it was taken before or cannot be written down."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file(remote_id).touch(exist_ok=False)
        except OSError:
            return False
        return True

    def give_back(self, remote_id: str) -> None:
        """Nothing was confirmed after all, or the take is at its end."""
        self._file(remote_id).unlink(missing_ok=True)

    def _file(self, remote_id: str) -> Path:
        return self._folder / hashlib.sha256(remote_id.encode()).hexdigest()[:32]
