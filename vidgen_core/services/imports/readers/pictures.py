"""What an image cell points at, and whether that is a picture."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PureWindowsPath
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from vidgen_core.domain.errors import FileError
from vidgen_core.media.images import FORMATS, ImageFacts, inspect_image
from vidgen_core.services.imports.plan import Reason
from vidgen_core.services.imports.values import is_link

#: Endings of pictures that can be used.
PICTURE_ENDINGS: Final = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif"}
)
#: Endings of pictures that cannot, and are refused rather than passed over.
OTHER_PICTURE_ENDINGS: Final = frozenset(
    {".svg", ".psd", ".ai", ".eps", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".ico", ".jxl", ".exr", ".tga"}
)
#: Called with how many of how many are done.
Progress = Callable[[int, int], None]


class ListedPicture(NamedTuple):
    """A row's picture: at most one of file, link and bytes, or the reason against it."""

    file: Path | None = None
    link: str | None = None
    data: bytes | None = None
    rejected: Reason | None = None
    warning: Reason | None = None
    facts: ImageFacts | None = None
    #: Its key in the image store.
    key: str | None = None


class Surroundings(NamedTuple):
    """Where the pictures of a list are searched for."""

    #: The folder that relative paths count from.
    base: Path
    #: Whether a list may name files outside of it: not when it came through a browser.
    may_leave: bool = True


def find_picture(cell: str, around: Surroundings) -> ListedPicture:
    """What a cell points at; files are found but not yet opened."""
    if not cell:
        return ListedPicture()
    if cell[:5].casefold() == "data:":
        return _from_data_uri(cell)
    if re.match(r"https?:", cell, re.IGNORECASE):
        return ListedPicture(link=cell) if is_link(cell) else _no("image_link_invalid", cell)
    if re.match(r"=(_xlfn\.)?(DISPIMG|IMAGE)\(", cell, re.IGNORECASE):
        return ListedPicture(rejected=Reason("image_embedded"))
    if re.match(r"file:", cell, re.IGNORECASE):
        cell = unquote(urlsplit(cell).path)
    return _from_path(cell, around)


def _no(code: str, path: str) -> ListedPicture:
    return ListedPicture(rejected=Reason(code, {"path": path[:300]}))


def _from_data_uri(cell: str) -> ListedPicture:
    head, comma, body = cell.partition(",")
    if not comma or not head.casefold().endswith(";base64"):
        return ListedPicture(rejected=Reason("image_data_broken"))
    try:
        data = base64.b64decode(re.sub(r"\s", "", body), validate=True)
    except (binascii.Error, ValueError):
        return ListedPicture(rejected=Reason("image_data_broken"))
    return ListedPicture(data=data) if data else ListedPicture(rejected=Reason("image_data_broken"))


def _from_path(cell: str, around: Surroundings) -> ListedPicture:
    try:
        places = list(_places(cell, around.base))
        allowed = [path for path in places if around.may_leave or _is_inside(path, around.base)]
        found = next((path for path in allowed if path.is_file()), None)
        beside = around.base / PureWindowsPath(cell).name
        may_be_beside = PureWindowsPath(cell).name and (around.may_leave or _is_inside(beside, around.base))
        if found is None and may_be_beside and beside.is_file():
            # Lists that moved here together with their pictures still name the old folder.
            return ListedPicture(file=beside, warning=Reason("image_found_beside", {"path": cell[:300]}))
        if found is None:
            return _no("image_missing" if len(allowed) == len(places) else "image_outside", cell)
    except (OSError, ValueError, RuntimeError):
        # Names that no file can have: too long, with a zero in them, of an unknown user.
        return _no("image_missing", cell)
    return ListedPicture(file=found)


def _is_inside(path: Path, base: Path) -> bool:
    """Whether a path lies below ``base``; of one that does not by its very name, the disk is not asked whether it is there."""
    named = Path(os.path.normpath(path)).is_relative_to(os.path.normpath(base))
    return named and path.resolve().is_relative_to(base.resolve())


def _places(cell: str, base: Path) -> Iterator[Path]:
    """The spellings under which a file may lie: as written, with forward slashes, composed and decomposed accents."""
    for spelling in (cell, cell.replace("\\", "/")):
        for form in ("NFC", "NFD"):
            yield base / Path(unicodedata.normalize(form, spelling)).expanduser()


def check_pictures(pictures: Iterable[ListedPicture], progress: Progress | None = None) -> list[ListedPicture]:
    """The same pictures, those that are no pictures with the reason against them.

    Each file is opened once however many rows name it, two at a time: decoding does not hold the interpreter.
    """
    every = list(pictures)
    files = list(dict.fromkeys(picture.file for picture in every if picture.file))
    checked: dict[Path, ListedPicture] = {}
    with ThreadPoolExecutor(max_workers=2) as pool:
        for file, picture in zip(files, pool.map(check_file, files), strict=True):
            checked[file] = picture
            if progress:
                progress(len(checked), len(files))
    return [_judged(picture, checked) for picture in every]


def _judged(picture: ListedPicture, checked: dict[Path, ListedPicture]) -> ListedPicture:
    if picture.file:
        found = checked[picture.file]
    elif picture.data:
        found = _check_bytes(picture.data)
    else:
        return picture
    return found if found.rejected else picture._replace(facts=found.facts, key=found.key)


def check_file(path: Path) -> ListedPicture:
    """A file with its facts and key, or the reason why it cannot serve as reference image."""
    try:
        facts = inspect_image(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileError as error:
        return ListedPicture(rejected=Reason(error.code, error.params))
    except OSError:
        return _no("image_missing", str(path))
    return ListedPicture(file=path, facts=facts, key=f"{digest}.{FORMATS[facts.format]}")


def _check_bytes(data: bytes) -> ListedPicture:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture")
        path.write_bytes(data)
        found = check_file(path)
    if found.rejected:
        # The path of a file that is gone would tell nothing.
        return ListedPicture(rejected=Reason(found.rejected.code, found.rejected.params | {"path": "data:"}))
    return found
