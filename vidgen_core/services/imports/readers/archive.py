"""ZIP archives: lists together with their pictures."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Final

from vidgen_core.domain.errors import InputError
from vidgen_core.media.disk import ensure_free_space, translate_os_errors
from vidgen_core.services.imports.decoding import decodings
from vidgen_core.services.imports.staging import Staging

#: Files of one archive, and bytes of all of them.
MOST_FILES: Final = 10_000
MOST_BYTES: Final = 2 << 30
#: Archives within archives.
_DEEPEST: Final = 3
_OFFICE: Final = ("[content_types].xml", "mimetype")
_UTF8_NAMES: Final = 0x800


def is_archive(path: Path) -> bool:
    """Whether a file is a ZIP archive and no document of an office program, by what is in it."""
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PK\3\4":
                return False
        with zipfile.ZipFile(path) as archive:
            return not any(name.casefold() in _OFFICE for name in archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False


def unpack(path: Path, staging: Staging) -> list[Path]:
    """The files of an archive, and of archives in it, in a folder of staging, without those that systems add.

    What was unpacked is removed again when it ends with an error.

    :raises InputError: zip_broken, zip_too_large
    :raises FileError: as ``Staging.reserve``
    """
    written: list[Path] = []
    try:
        return _unpack(path, staging, written)
    except BaseException:
        staging.remove(written)
        raise


def _unpack(path: Path, staging: Staging, written: list[Path]) -> list[Path]:
    found: list[Path] = []
    left = MOST_BYTES
    too_large = InputError("zip_too_large", name=path.name, files=MOST_FILES, limit=MOST_BYTES >> 20)
    archives = [(path, path.stem, 0)]
    try:
        for packed, folder, depth in archives:
            with zipfile.ZipFile(packed) as archive:
                entries = [entry for entry in archive.infolist() if _is_wanted(entry)]
                if len(found) + len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > left:
                    raise too_large
                ensure_free_space(staging.path, sum(entry.file_size for entry in entries))
                names = {entry.filename for entry in entries}
                for entry in entries:
                    if entry.filename.removesuffix(".csv") + "_all.csv" in names:
                        # Notion writes every table twice.
                        continue
                    target = staging.reserve(f"{folder}/{_name(entry)}")
                    written.append(target)
                    with archive.open(entry) as source, translate_os_errors(target), target.open("wb") as file:
                        while block := source.read(1 << 20):
                            left -= len(block)
                            if left < 0:
                                raise too_large
                            file.write(block)
                    if depth < _DEEPEST and is_archive(target):
                        inner = target.relative_to(staging.path).with_suffix("")
                        archives.append((target, str(inner), depth + 1))
                    else:
                        found.append(target)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        raise InputError("zip_broken", name=path.name) from error
    staging.remove(packed for packed, _, depth in archives if depth)
    return found


def _is_wanted(entry: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(entry.filename).parts
    return (
        not entry.is_dir()
        and bool(parts)
        and "__MACOSX" not in parts
        and not parts[-1].startswith((".", "~$", "Thumbs.db", "desktop.ini"))
    )


def _name(entry: zipfile.ZipInfo) -> str:
    """The name as its system wrote it: Windows in China writes GBK without saying so."""
    if entry.flag_bits & _UTF8_NAMES:
        return entry.filename
    try:
        return next(decodings(entry.filename.encode("cp437")), entry.filename)
    except UnicodeEncodeError:
        return entry.filename
