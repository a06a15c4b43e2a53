"""The way in: any path, the right reader."""

from __future__ import annotations

import functools
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from vidgen_core.domain.characters import References
from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.characters import is_library, merge, read_library
from vidgen_core.services.imports.columns import AS_GUESSED, ListChoice
from vidgen_core.services.imports.pairing import Spare, give_pictures
from vidgen_core.services.imports.plan import ImportPlan, RowNote, identity, merge_plans
from vidgen_core.services.imports.readers.csv_list import text_sheets
from vidgen_core.services.imports.readers.folder import read_folder, read_images
from vidgen_core.services.imports.readers.layout import arranged
from vidgen_core.services.imports.readers.office.docx_list import docx_sheets
from vidgen_core.services.imports.readers.office.ods_list import ods_sheets
from vidgen_core.services.imports.readers.pictures import OTHER_PICTURE_ENDINGS, PICTURE_ENDINGS, Progress, Surroundings
from vidgen_core.services.imports.readers.storyboard import is_storyboard, read_storyboard, storyboard_sheet
from vidgen_core.services.imports.readers.table import (
    Sheet,
    SheetInspection,
    inspect_tables,
    plan_sheets,
    without_struck,
)

#: Endings of the lists that can be read.
LIST_ENDINGS: Final = frozenset({
    ".csv", ".tsv", ".txt", ".md", ".json", ".jsonl", ".ndjson", ".yaml", ".yml", ".xlsx", ".xlsm", ".ods", ".fods", ".docx",
})  # fmt: skip
#: Endings of files that are nothing but lists in a folder of pictures.
_SURE_LISTS: Final = frozenset({".csv", ".tsv", ".xlsx", ".xlsm", ".ods", ".fods"})
#: Endings of documents that only the programs which made them can hand over.
DOCUMENT_ENDINGS: Final = frozenset({
    ".pdf", ".numbers", ".xlsb", ".pages", ".key", ".doc", ".rtf", ".fdx", ".fountain", ".spmd", ".srt", ".vtt", ".ass", ".ssa",
    ".mhtml", ".mht", ".eml", ".msg",
})  # fmt: skip
#: How subtitles begin: ``00:00:01,000 --> …``, and ASS.
_SUBTITLES: Final = re.compile(rb"(?:\A\W{0,4}\[Script Info\]|^(?:\d{1,2}:)?\d{1,2}:\d{2}[.,]\d{3} --> )", re.MULTILINE)
#: What mails and saved pages say of themselves (RFC 2045), whatever they are called.
_MESSAGE: Final = re.compile(rb"^MIME-Version: ?1\.0", re.MULTILINE | re.IGNORECASE)
#: Endings of what is no list, whatever its first bytes look like.
_NO_LISTS: Final = frozenset({".mp4", ".mov", ".webm", ".mkv", ".avi", ".mp3", ".wav", ".css", ".ini"})
#: Endings of archives, and how those begin that are no ZIP: RAR, 7z, gzip, xz, Zstandard.
_ARCHIVE_ENDINGS: Final = frozenset({".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".xz", ".bz2", ".zst"})
_ARCHIVES: Final = (b"Rar!\x1a", b"7z\xbc\xaf", b"\x1f\x8b", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
#: Names of texts about a list, which are none.
_ABOUT_FILES: Final = re.compile(
    r"(?:read[ _-]?me|notes?|licen[sc]e|changelog|使用说明|说明|必读)[^.]*+\.(?:txt|md)", re.IGNORECASE
)


def read_sources(
    paths: Sequence[Path],
    *,
    may_leave: bool = True,
    choices: Mapping[Path, ListChoice] | None = None,
    spare: Spare = Spare.SHOTS,
    progress: Progress | None = None,
) -> ImportPlan:
    """One plan for several paths: lists and folders in the order given, then single pictures in natural order.

    :param spare: what becomes of pictures that no row of the lists names
    :param choices: which sheet and columns are meant, for lists that are not to be read as guessed
    :raises InputError: source_missing; as ``kind_of`` and ``read_list`` where no other one can be read
    """
    libraries = {path: read_library(path) for path in paths if is_library(path)}
    if libraries:
        rest = _rest(paths, libraries)
        plan = read_sources(rest, may_leave=may_leave, choices=choices, spare=spare, progress=progress)
        return plan.with_library(functools.reduce(merge, libraries.values()))
    pictures = [path for path in paths if _is_picture(path)]
    prompts = _prompts(paths)
    others = [path for path in paths if not _is_picture(path) and path not in prompts]
    plans: list[ImportPlan] = []
    left: list[InputError] = []
    notes: list[RowNote] = []
    known: dict[tuple[str, ...], Path] = {}
    for path in others:
        try:
            plan = _read(path, may_leave, (choices or {}).get(path, AS_GUESSED), pictures, progress)
            # One list in two formats, as in the ZIP of takes.
            first = known.setdefault(tuple(identity(shot, shot.image_key) for shot in plan.shots), path)
            if first == path or not plan.shots:
                plans.append(plan)
            else:
                notes.append(RowNote(None, "list_repeated", {"source": path.name, "other": first.name}))
        except InputError as error:
            if len(paths) == 1 or error.code == "source_missing":
                raise
            # One that cannot be read stops no other.
            left.append(error)
            notes.append(RowNote(None, error.code, {"source": path.name, **error.params}))
    if left and not plans and not pictures:
        raise left[0]
    plan = plans[0] if len(plans) == 1 else merge_plans(plans)
    if pictures:
        alone = read_images(pictures, progress=progress)
        plan = give_pictures(plan, alone, spare) if plans else alone
    return plan.model_copy(update={"notes": (*plan.notes, *notes)}) if notes else plan


def _rest(paths: Sequence[Path], libraries: Mapping[Path, References]) -> list[Path]:
    """The paths without libraries and their pictures."""
    images = {
        image
        for library in libraries.values()
        for some in (library.style_images, *(one.images for one in library.characters))
        for image in some
    }
    return [path for path in paths if path not in libraries and str(path.resolve()) not in images]


def readable(paths: Iterable[Path]) -> tuple[list[Path], list[RowNote]]:
    """The lists and pictures among the files of an archive, and a note for every other one."""
    found: list[Path] = []
    left: list[RowNote] = []
    for path in paths:
        try:
            if _ABOUT_FILES.fullmatch(path.name):
                raise InputError("source_unknown", path=path.name)
            if not _is_picture(path) and not is_library(path):
                kind_of(path)
        except InputError as error:
            left.append(RowNote(None, error.code, {"source": path.name, **error.params}))
        else:
            found.append(path)
    return found, left


def lists_or_all(paths: Sequence[Path]) -> list[Path]:
    """Everything but the pictures, which lists find beside them; all of it where there is no list."""
    prompts = _prompts(paths)
    rest = [path for path in paths if path not in prompts and not _is_picture(path)]
    return rest if lists_among(paths) else list(paths)


def lists_among(paths: Iterable[Path]) -> list[Path]:
    """Those of the paths that are lists by their ending; the ``name.txt`` of a picture among them is its prompt, no list."""
    every = list(paths)
    prompts = _prompts(every)
    lists = (path for path in every if path.suffix.lower() in LIST_ENDINGS and path not in prompts)
    return [path for path in lists if not is_library(path)]


def read_list(
    source: Path | bytes,
    kind: str,
    around: Surroundings,
    *,
    choice: ListChoice = AS_GUESSED,
    progress: Progress | None = None,
) -> ImportPlan:
    """The plan of one list.

    :param kind: as ``kind_of`` says
    :param around: where the pictures are searched for
    :param choice: which sheet and columns are meant, where a person has said so
    :param progress: called with how many of how many pictures are checked
    :raises InputError: list_unreadable, list_too_large, list_empty, list_not_text, list_without_header, and what
        is broken in its kind
    """
    name = source.name if isinstance(source, Path) else kind
    if kind == "json":
        return read_storyboard(source, name, around, choice, progress)
    return plan_sheets(_sheets(source, kind, name, choice), name, around, choice, progress)


def inspect_sheet(path: Path) -> tuple[SheetInspection, ...]:
    """The sheets of a list; one for a list without sheets, none for an empty workbook.

    :raises InputError: as ``read_list``, but for a missing header
    """
    return inspect_tables(_sheets(path, kind_of(path), path.name, AS_GUESSED))


def _sheets(source: Path | bytes, kind: str, name: str, choice: ListChoice) -> list[Sheet]:
    match kind:
        case "json":
            return [storyboard_sheet(source, name)]
        case "xlsx":
            # Imported for the first workbook: it brings openpyxl along.
            from vidgen_core.services.imports.readers.office.xlsx_list import xlsx_sheets

            found = xlsx_sheets(source, name)
        case "ods":
            found = ods_sheets(source, name)
        case "docx":
            found = docx_sheets(source, name)
        case _:
            found = text_sheets(source, name, choice.columns)
    if len(found) > 1:
        # Tables of a text have no names; people choose among them all the same.
        found = [sheet._replace(title=sheet.title or str(number)) for number, sheet in enumerate(found, 1)]
    return [arranged(without_struck(sheet), choice.columns) for sheet in found]


def is_script(path: Path) -> bool:
    """Whether a Word document has no table of shots: it is a script then."""
    try:
        return path.suffix.lower() == ".docx" and not any(sheet.usable for sheet in inspect_sheet(path))
    except InputError as error:
        return error.code == "document_unread"


def kind_of(path: Path) -> str:
    """What a file is, by what is in it: ``xlsx``, ``ods``, ``docx``, ``json`` or ``text``.

    :raises InputError: source_unknown, document_unread, zip_broken, xls_old, xlsx_locked, list_unreadable
    """
    ending = path.suffix.lower()
    if ending in DOCUMENT_ENDINGS:
        raise InputError("document_unread", name=path.name)
    try:
        with path.open("rb") as file:
            first = file.read(4096)
    except OSError as error:
        raise InputError("list_unreadable", name=path.name) from error
    if first.startswith(b"\xd0\xcf\x11\xe0") and "EncryptedPackage".encode("utf-16-le") in path.read_bytes():
        raise InputError("xlsx_locked", name=path.name)
    if first.startswith(b"\xd0\xcf\x11\xe0") or b"urn:schemas-microsoft-com:office:spreadsheet" in first:
        raise InputError("xls_old", name=path.name)
    if first.startswith(b"PK\3\4"):
        if ending not in _NO_LISTS and (found := _of_package(path, ending)):
            return found
        raise InputError("source_unknown", path=path.name)
    if ending in _ARCHIVE_ENDINGS or first.startswith(_ARCHIVES):
        raise InputError("zip_broken", name=path.name)
    if ending in _NO_LISTS or (ending not in LIST_ENDINGS and not _is_text(first)):
        raise InputError("source_unknown", path=path.name)
    if first.startswith(b"%PDF-") or _SUBTITLES.search(first) or _MESSAGE.search(first):
        raise InputError("document_unread", name=path.name)
    if ending == ".fods" or b"<office:document" in first:
        return "ods"
    return "json" if is_storyboard(first, ending) else "text"


def _of_package(path: Path, ending: str) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        if ending not in LIST_ENDINGS:
            raise InputError("zip_broken", name=path.name) from error
        names = []
    if any(name.endswith(".iwa") or name == "xl/workbook.bin" for name in names):
        raise InputError("document_unread", name=path.name)
    if any(name.startswith("xl/") for name in names) or ending in (".xlsx", ".xlsm"):
        return "xlsx"
    if "word/document.xml" in names or ending == ".docx":
        return "docx"
    return "ods" if "content.xml" in names or ending == ".ods" else None


def _is_text(first: bytes) -> bool:
    return bool(first) and (first[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" not in first)


def _prompts(paths: Iterable[Path]) -> set[Path]:
    every = list(paths)
    stems = {picture.with_suffix("") for picture in every if _is_picture(picture)}
    names = {picture for picture in every if _is_picture(picture)}
    texts = (path for path in every if path.suffix.lower() == ".txt")
    return {text for text in texts if text.with_suffix("") in stems | names}


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_ENDINGS | OTHER_PICTURE_ENDINGS and path.is_file()


def _read(
    path: Path, may_leave: bool, choice: ListChoice, beside: Sequence[Path], progress: Progress | None
) -> ImportPlan:
    # Numbers and Pages may be folders.
    if path.is_dir() and path.suffix.lower() not in DOCUMENT_ENDINGS:
        return _read_dir(path, may_leave, choice, progress)
    if not path.exists():
        raise InputError("source_missing", path=str(path))
    around = Surroundings(path.absolute().parent, may_leave, beside)
    return read_list(path, kind_of(path), around, choice=choice, progress=progress)


def _read_dir(path: Path, may_leave: bool, choice: ListChoice, progress: Progress | None) -> ImportPlan:
    """A folder of pictures; one with a list in it is that list with its pictures."""
    try:
        files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith((".", "~$")))
    except OSError as error:
        raise InputError("folder_unreadable", path=str(path)) from error
    lists = [file for file in lists_among(files) if file.suffix.lower() in _SURE_LISTS]
    if not lists:
        return read_folder(path, progress=progress)
    beside = [file for file in files if _is_picture(file) or is_library(file)]
    return read_sources([*lists, *beside], may_leave=may_leave, choices=dict.fromkeys(lists, choice), progress=progress)
