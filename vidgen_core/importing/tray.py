"""Where files that came through a browser lie until they become shots."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, Final

from pathvalidate import sanitize_filename

from vidgen_core.media.disk import translate_os_errors

#: Seconds after which a tray that nobody has touched is thrown away.
STALE: Final = 24 * 3600.0
_BLOCK: Final = 1 << 20
_DEEPEST: Final = 8


class Tray:
    """A folder for one visitor's files; names keep their folders, but lead nowhere else."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, name: str, source: IO[bytes]) -> Path:
        """Copy one file in and return where it lies; a name that is taken gets a number behind it.

        :raises FileError: disk_full, folder_read_only
        """
        target = self.path.joinpath(*_safe_parts(name))
        with translate_os_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            target = _free(target)
            with target.open("xb") as file:
                shutil.copyfileobj(source, file, _BLOCK)
        return target

    def remove(self, paths: Iterable[Path]) -> None:
        """Take files away again; those that are not in the tray stay."""
        for path in paths:
            if path.is_relative_to(self.path):
                path.unlink(missing_ok=True)

    def throw_away(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def open_tray(folder: Path) -> Tray:
    """A new tray below ``folder``; trays that were left behind are thrown away.

    :raises FileError: disk_full, folder_read_only
    """
    with translate_os_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in folder.iterdir():
            if time.time() - old.stat().st_mtime > STALE:
                shutil.rmtree(old, ignore_errors=True)
        path = folder / secrets.token_hex(8)
        path.mkdir()
    return Tray(path)


def _safe_parts(name: str) -> list[str]:
    parts = [sanitize_filename(part, platform="universal") for part in PurePosixPath(name.replace("\\", "/")).parts]
    kept = [part for part in parts if part.strip(". ")]
    return kept[-_DEEPEST:] or ["file"]


def _free(target: Path) -> Path:
    number = 2
    free = target
    while free.exists():
        free = target.with_name(f"{target.stem} ({number}){target.suffix}")
        number += 1
    return free
