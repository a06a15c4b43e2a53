"""What an image cell points at, and whether that is a picture."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path, PureWindowsPath
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from vidgen_core.domain.errors import FileError
from vidgen_core.media.images import FORMATS, ImageFacts, digest_of, inspect_image
from vidgen_core.services.imports.plan import Reason
from vidgen_core.services.imports.staging import stored_name
from vidgen_core.services.imports.values import is_link, written_value

#: Endings of pictures that can be used.
PICTURE_ENDINGS: Final = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif"}
)
#: Endings of pictures that cannot, and are refused rather than passed over.
OTHER_PICTURE_ENDINGS: Final = frozenset(
    {".svg", ".psd", ".ai", ".eps", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".ico", ".jxl", ".exr", ".tga"}
)
#: The end of a name, before a space and the next one; what stands before it must have one length.
_ENDS: Final = r"(?i:\.png|\.jpg|jpeg|webp|heic)"
#: An attachment as tables in the cloud export it: its name, and where it lies.
_ATTACHED: Final = re.compile(r"([^()（）\n]{1,200}+)[(（](https?://[^\s()（）]++)[)）]")
#: Formulas that show the picture of a link; of one that is put together from parts, none of them is the picture.
_LINKED: Final = re.compile(r'(?:IMAGE|HYPERLINK)\(\s*+"([^"]++)"\s*+[,;)]', re.IGNORECASE)
#: Where an object says the link or the path of its picture.
_LINK_KEYS: Final = (
    "url",
    "image_url",
    "tmp_url",
    "download_url",
    "link",
    "href",
    "src",
    "uri",
    "path",
    "file",
    "image",
)
#: Endings that mean one kind of file.
_JPEG: Final = frozenset({".jpg", ".jpeg", ".jfif"})
#: Folders below that of a list in which pictures are searched.
_MOST_FOLDERS: Final = 50
_QUOTES: Final = {'"': '"', "'": "'", "“": "”", "‘": "’", "「": "」", "<": ">", "`": "`", "《": "》", "[": "]"}
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


class Surroundings:
    """Where the pictures of a list are searched for.

    :param base: the folder that relative paths count from
    :param may_leave: whether a list may name files outside of it: not when it came through a browser
    :param beside: pictures that came together with the list, wherever they lie
    """

    def __init__(self, base: Path, may_leave: bool = True, beside: Sequence[Path] = ()) -> None:
        self.base = base
        self.may_leave = may_leave
        self.beside = frozenset(beside)

    @cached_property
    def names(self) -> dict[str, Path]:
        """Pictures in the folder and those below it by name and by stem, without regard to case and form of accents."""
        found: dict[str, Path] = {}
        for path in sorted(self.beside):
            found.setdefault(fold_name(path.name), path)
            found.setdefault(fold_name(path.stem), path)
        folders = [self.base]
        for folder in folders:
            try:
                entries = sorted(folder.iterdir())
            except OSError:
                continue
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.suffix.lower() in PICTURE_ENDINGS:
                    found.setdefault(fold_name(entry.name), entry)
                    found.setdefault(fold_name(entry.stem), entry)
                elif len(folders) < _MOST_FOLDERS and not entry.suffix and not entry.is_symlink() and entry.is_dir():
                    folders.append(entry)
        return found


def names_picture(cell: str) -> bool:
    """Whether a cell says by its form that it is the name or the link of a picture."""
    ending = PureWindowsPath(cell.strip("\"' ").partition("?")[0]).suffix.lower()
    return (
        len(cell) < 1000 and "\n" not in cell and (ending in PICTURE_ENDINGS | OTHER_PICTURE_ENDINGS or is_link(cell))
    )


def fold_name(name: str) -> str:
    """What tells file names apart on the systems that care least."""
    return unicodedata.normalize("NFC", name).casefold().strip()


def find_picture(cell: str, around: Surroundings) -> ListedPicture:
    """What a cell points at; files are found but not yet opened."""
    cell = _bare(_listed(cell))
    if not cell:
        return ListedPicture()
    return _from_data_uri(cell) if cell[:5].casefold() == "data:" else _find(cell, around)


def several_pictures(cell: str, around: Surroundings) -> list[str]:
    """The pictures of a cell that names more than one, each to be found by itself; empty for any other cell."""
    cell = _bare(_listed(cell))
    first, *more = _several(cell) if cell and cell[:5].casefold() != "data:" else [cell]
    if not more or _find(first, around).rejected:
        return []
    # A name with a comma in it is one picture, if it is there as it stands.
    whole = _find(cell, around)
    return [first, *more] if whole.rejected or whole.warning or whole.link else []


def _listed(cell: str) -> str:
    """The pictures of a list or an object that a program has written into a cell, one a line; other cells as they are."""
    held = written_value(cell)
    found = list(_named_by(held)) if held is not None else []
    return cell if held is None or None in found else "\n".join(filter(None, found))


def _named_by(held: Any) -> Iterator[str | None]:
    """What values name; an attachment by its name and its link, None for what names no picture."""
    if isinstance(held, list | tuple):
        for one in held:
            yield from _named_by(one)
    elif isinstance(held, dict):
        link, name = next((held[key] for key in _LINK_KEYS if held.get(key)), ""), held.get("name") or ""
        yield from _named_by(f"{name} ({link})" if name and is_link(str(link)) else link or name)
    else:
        yield held if isinstance(held, str) else "" if held is None else None


def _bare(cell: str) -> str:
    """A path without what copying put around it: quotes, brackets, marks of direction."""
    cell = "".join(letter for letter in cell if unicodedata.category(letter) != "Cf" or letter == "\u200d").strip()
    while len(cell) > 1 and _QUOTES.get(cell[0]) == cell[-1] and cell[-1] not in cell[1:-1]:
        cell = cell[1:-1].strip()
    return cell


def _several(cell: str) -> list[str]:
    """The paths and links of a cell that names more than one."""
    parts = [_bare(part) for part in re.split(rf"[\n;；|,，、]|(?<=[\"'])\s+(?=[\"'])|(?<={_ENDS})\s+(?![(（])", cell)]
    parts = [part for part in parts if part]
    named = (is_link(part) or PureWindowsPath(part).suffix or _ATTACHED.fullmatch(part) for part in parts)
    return parts if parts and all(named) else [cell]


def _find(cell: str, around: Surroundings) -> ListedPicture:
    if attached := _ATTACHED.fullmatch(cell):
        named = _find(attached[1].strip(), around)
        return named if not named.rejected else _find(attached[2], around)
    if re.match(r"https?:", cell, re.IGNORECASE):
        return ListedPicture(link=cell) if is_link(cell) else _no("image_link_invalid", cell)
    if re.match(r"=[\w.]++\(", cell):
        found = _LINKED.search(cell)
        return _find(found[1], around) if found else ListedPicture(rejected=Reason("image_embedded"))
    if re.match(r"file:", cell, re.IGNORECASE):
        cell = _of_file_link(cell)
    return _from_path(cell, around)


def _of_file_link(link: str) -> str:
    """``file:///J:/a%20b.png`` and ``file://nas/share/b.png`` as paths; a ``?`` or ``#`` that was not quoted belongs to the name."""
    rest = unquote(re.sub(r"^file:", "", link, flags=re.IGNORECASE))
    host, path = (found[1], found[2]) if (found := re.match(r"//([^/]*)(/.*)?$", rest, re.DOTALL)) else ("", rest)
    if host and host.casefold() != "localhost":
        return f"//{host}{path or ''}"
    return re.sub(r"^/+(?=[A-Za-z][:|])", "", path or "")


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
    found, code = None, "image_missing"
    # Names that no file can have: too long, with a zero in them, of an unknown user.
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        places = list(_places(cell, around.base))
        allowed = [path for path in places if around.may_leave or _is_inside(path, around.base)]
        code = "image_missing" if len(allowed) == len(places) else "image_outside"
        found = next((path for path in allowed if path.is_file()), None)
    return ListedPicture(file=found) if found else _by_name(cell, around) or _no(code, cell)


def _by_name(cell: str, around: Surroundings) -> ListedPicture | None:
    """The picture of that name beside the list or below: lists that moved here together with theirs still name the old folder."""
    name = fold_name(PureWindowsPath(cell).name)
    path = around.names.get(name) or around.names.get(fold_name(unquote(name)))
    # Not every system takes ``12:30.png``, ``CON.png`` and names of 90 Chinese letters: what came here is called otherwise.
    stored = fold_name(stored_name(re.split(r"[/\\]", cell)[-1]))
    path = path or around.names.get(stored)
    if path is None and PureWindowsPath(name).suffix in _JPEG:
        path = around.names.get(PureWindowsPath(name).stem)
        path = path if path and path.suffix.lower() in _JPEG else None
    allowed = path in around.beside or around.may_leave or (path is not None and _is_inside(path, around.base))
    if path is None or not allowed or not path.is_file():
        return None
    is_as_named = (stored if "/" not in cell and "\\" not in cell else fold_name(cell)) in (
        fold_name(path.name), fold_name(path.stem),
    )  # fmt: skip
    return ListedPicture(file=path, warning=None if is_as_named else Reason("image_found_beside", {"path": cell[:300]}))


def _is_inside(path: Path, base: Path) -> bool:
    """Whether a path lies below ``base``; of one that does not by its very name, the disk is not asked whether it is there."""
    named = Path(os.path.normpath(path)).is_relative_to(os.path.normpath(base))
    return named and path.resolve().is_relative_to(base.resolve())


def _places(cell: str, base: Path) -> Iterator[Path]:
    """The spellings under which a file may lie: as written, with forward slashes, unquoted, composed and decomposed accents."""
    spellings = dict.fromkeys((cell, cell.replace("\\", "/"), unquote(cell)))
    for spelling in spellings:
        for form in ("NFC", "NFD"):
            yield base / Path(unicodedata.normalize(form, spelling)).expanduser()


def check_pictures(pictures: Iterable[ListedPicture], progress: Progress | None = None) -> list[ListedPicture]:
    """The same pictures, those that are no pictures with the reason against them.

    Each is opened once however many rows show it, two at a time: decoding does not hold the interpreter.
    """
    every = list(pictures)
    sources = list(dict.fromkeys(source for picture in every if (source := picture.file or picture.data)))
    checked: dict[Path | bytes, ListedPicture] = {}
    with ThreadPoolExecutor(max_workers=2) as pool:
        for source, picture in zip(sources, pool.map(check_picture, sources), strict=True):
            checked[source] = picture
            if progress:
                progress(len(checked), len(sources))
    return [_judged(picture, checked) for picture in every]


def _judged(picture: ListedPicture, checked: dict[Path | bytes, ListedPicture]) -> ListedPicture:
    source = picture.file or picture.data
    if not source:
        return picture
    found = checked[source]
    return found if found.rejected else picture._replace(facts=found.facts, key=found.key)


def check_picture(source: Path | bytes) -> ListedPicture:
    """A picture with its facts and key, or the reason why it cannot serve as reference image."""
    try:
        facts = inspect_image(source)
    except FileError as error:
        # Where it lies among what was brought is of no use to anybody.
        path = source.name if isinstance(source, Path) else "data:"
        return ListedPicture(rejected=Reason(error.code, error.params | {"path": path}))
    key = f"{digest_of(source)}.{FORMATS[facts.format]}"
    return ListedPicture(file=source if isinstance(source, Path) else None, facts=facts, key=key)
