"""ZIP archives: lists together with their pictures."""

from __future__ import annotations

import contextlib
import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from vidgen_core.domain.errors import InputError
from vidgen_core.media.disk import ensure_free_space, translate_os_errors
from vidgen_core.services.imports.staging import Staging

#: Files of one archive, and bytes of all of them.
MOST_FILES: Final = 10_000
MOST_BYTES: Final = 2 << 30
#: Archives within archives.
_DEEPEST: Final = 3
_OFFICE: Final = ("[content_types].xml", "mimetype")
_UTF8_NAMES: Final = 0x800
#: Behind the names of what Notion exports.
_NOTION_ID: Final = re.compile(r" [0-9a-f]{32}(?=[/.]|_all)")


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
                repeated = _repeated([entry.filename for entry in entries])
                for entry, name in zip(entries, _names(entries), strict=True):
                    if entry.filename in repeated:
                        continue
                    target = staging.reserve(f"{folder}/{name}")
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


def _repeated(names: Sequence[str]) -> set[str]:
    """What Notion writes again: a table with all of its rows is there beside it, and each row is a page below it."""
    every = set(names)
    tables = {name for name in names if name.endswith(".csv") and name.removesuffix(".csv") + "_all.csv" in every}
    folders = tuple(f"{_NOTION_ID.sub('', table).removesuffix('.csv')}/" for table in tables)
    return tables | {name for name in names if name.endswith(".md") and _NOTION_ID.sub("", name).startswith(folders)}


def _names(entries: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The names as their system wrote them: programs on Windows write them in its own encoding, without saying so."""
    # What does not say that it is UTF-8 was read as code page 437.
    raw = [None if entry.flag_bits & _UTF8_NAMES else entry.filename.encode("cp437") for entry in entries]
    encoding = _encoding_of(b"\n".join(name for name in raw if name and not _is_utf8(name)))
    return [
        entry.filename if name is None else name.decode("utf-8" if _is_utf8(name) else encoding)
        for entry, name in zip(entries, raw, strict=True)
    ]


def _is_utf8(name: bytes) -> bool:
    """Whether it holds Chinese, or what else takes three bytes: two may be valid by chance."""
    try:
        return any(letter > "\u07ff" for letter in name.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _encoding_of(names: bytes) -> str:
    """The encoding of all names of an archive together: a single one says too little."""
    if not re.search(rb"[\x80-\xff][\x40-\x7e]?[\x80-\xff]", names):
        # Accents stand alone.
        return "cp437"
    for encoding, is_likely in (
        ("utf-8", str),
        ("gb18030", _is_usual),
        ("cp932", _has_no_half),
        ("big5", str),
        ("gb18030", str),
    ):
        with contextlib.suppress(UnicodeDecodeError):
            if is_likely(names.decode(encoding)):
                return encoding
    return "cp437"


def _is_usual(text: str) -> bool:
    """Whether a text is mostly of the letters of GB 2312, for nearly everything is valid GB18030."""
    beyond = [letter for letter in text if not letter.isascii()]
    usual = sum(bool(letter.encode("gb2312", "ignore")) for letter in beyond)
    return usual * 2 > len(beyond) and not re.search("[\ue000-\uf8ff]", text)


def _has_no_half(text: str) -> bool:
    """Whether there are no half-wide kana, which other encodings seem to be full of."""
    return not re.search("[\uff61-\uff9f]", text)
