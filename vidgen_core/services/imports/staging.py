"""Where files that came through a browser lie until they become shots."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Final

from pathvalidate import sanitize_filename

from vidgen_core.domain.errors import FileError, NotFound
from vidgen_core.media.disk import translate_os_errors

#: Seconds after which a staging folder that nobody has touched is deleted.
STALE: Final = 24 * 3600.0
_BLOCK: Final = 1 << 20
_DEEPEST: Final = 8
#: Bytes of a name, with room for a number behind it.
_LONGEST: Final = 240


class Staging:
    """A folder for one visitor's files; names keep their folders, but lead nowhere else."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """A secret: who knows it may put files in."""
        return self.path.name

    def reserve(self, name: str) -> Path:
        """An empty file for what is called so; a name that is taken gets a number behind it.

        :raises FileError: disk_full, folder_read_only, path_too_long
        """
        wanted = self.path.joinpath(*_safe_parts(name))
        with translate_os_errors(wanted):
            wanted.parent.mkdir(parents=True, exist_ok=True)
            for target in _names(wanted):
                try:
                    target.open("xb").close()
                except FileExistsError:
                    continue
                return target
        raise FileError("path_too_long", path=str(wanted))

    def replace(self, name: str) -> Path:
        """An empty file for what is called so; it takes the place of one that was called so before.

        :raises FileError: disk_full, folder_read_only, path_too_long
        """
        wanted = self.path.joinpath(*_safe_parts(name))
        with translate_os_errors(wanted):
            wanted.parent.mkdir(parents=True, exist_ok=True)
            wanted.open("wb").close()
        return wanted

    def put(self, name: str, source: IO[bytes]) -> Path:
        """Copy one file in and return where it lies.

        :raises FileError: as ``reserve``
        """
        target = self.reserve(name)
        with translate_os_errors(target), target.open("wb") as file:
            shutil.copyfileobj(source, file, _BLOCK)
        return target

    def find(self, name: str) -> Path | None:
        """The file of that name, if it is there; a name cannot lead out of the staging folder."""
        path = self.path.joinpath(*PurePosixPath(name).parts)
        inside = path.resolve().is_relative_to(self.path.resolve())
        return path if inside and path.is_file() else None

    def remove(self, paths: Iterable[Path]) -> None:
        """Take files away again; those that are not in the staging folder stay."""
        for path in paths:
            if path.is_relative_to(self.path):
                path.unlink(missing_ok=True)

    def throw_away(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def open_staging(folder: Path) -> Staging:
    """A new staging folder below ``folder``; staging folders that were left behind are deleted.

    :raises FileError: disk_full, folder_read_only
    """
    with translate_os_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in folder.iterdir():
            if time.time() - old.stat().st_mtime > STALE:
                shutil.rmtree(old, ignore_errors=True)
        path = folder / secrets.token_hex(8)
        path.mkdir()
    return Staging(path)


def find_staging(folder: Path, name: str) -> Staging:
    """The staging folder of that name.

    :raises NotFound: staging_gone
    """
    if not re.fullmatch(r"[0-9a-f]{16}", name) or not (folder / name).is_dir():
        raise NotFound("staging_gone")
    return Staging(folder / name)


def _safe_parts(name: str) -> list[str]:
    parts = [stored_name(part) for part in PurePosixPath(name.replace("\\", "/")).parts]
    kept = [part for part in parts if part.strip(". ")]
    return kept[-_DEEPEST:] or ["file"]


def stored_name(name: str) -> str:
    """What a file of that name is called in a staging folder, as every system takes it; one that is too long keeps its ending."""
    stem, dot, ending = name.rpartition(".")
    if len(name.encode("utf-8", "ignore")) > _LONGEST and len(ending) < 10:
        name = stem.encode("utf-8", "ignore")[: _LONGEST - 10].decode("utf-8", "ignore") + dot + ending
    return str(sanitize_filename(name, platform="universal"))


def _names(wanted: Path) -> Iterator[Path]:
    yield wanted
    for number in range(2, 10_000):
        yield wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")
