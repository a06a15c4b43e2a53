"""The way in: any path, the right reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.columns import AS_GUESSED, ListChoice
from vidgen_core.services.imports.plan import ImportPlan, merge_plans
from vidgen_core.services.imports.readers.csv_list import read_csv
from vidgen_core.services.imports.readers.folder import read_folder, read_images
from vidgen_core.services.imports.readers.pictures import OTHER_PICTURE_ENDINGS, PICTURE_ENDINGS, Progress
from vidgen_core.services.imports.readers.storyboard import read_storyboard
from vidgen_core.services.imports.readers.xlsx_list import read_xlsx

_LISTS: Final[dict[str, Callable[..., ImportPlan]]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".txt": read_csv,
    ".json": read_storyboard,
    ".xlsx": read_xlsx,
    ".xlsm": read_xlsx,
}
#: Endings of the lists that can be read.
LIST_ENDINGS: Final = frozenset(_LISTS)


def read_source(path: Path, *, may_leave: bool = True, progress: Progress | None = None) -> ImportPlan:
    """The plan of one list, storyboard, folder or picture; pictures of a list count from its own folder.

    :param may_leave: whether a list may name pictures outside of its folder
    :param progress: called with how many of how many pictures are checked
    :raises InputError: source_missing, source_unknown, xls_old, and as the readers
    """
    return read_sources([path], may_leave=may_leave, progress=progress)


def read_sources(
    paths: Sequence[Path],
    *,
    may_leave: bool = True,
    choices: Mapping[Path, ListChoice] | None = None,
    progress: Progress | None = None,
) -> ImportPlan:
    """One plan for several paths: lists and folders in the order given, then single pictures in natural order.

    :param choices: which sheet and columns are meant, for lists that are not to be read as guessed
    :raises InputError: as ``read_source``; nothing is half read
    """
    pictures = [path for path in paths if _is_picture(path)]
    prompts = _prompts(paths)
    others = [path for path in paths if not _is_picture(path) and path not in prompts]
    plans = [_read(path, may_leave, (choices or {}).get(path, AS_GUESSED), progress) for path in others]
    if pictures:
        plans.append(read_images(pictures, progress=progress))
    return plans[0] if len(plans) == 1 else merge_plans(plans)


def lists_among(paths: Iterable[Path]) -> list[Path]:
    """Those of the paths that are lists by their ending; the ``name.txt`` of a picture among them is its prompt, no list."""
    every = list(paths)
    prompts = _prompts(every)
    return [path for path in every if path.suffix.lower() in LIST_ENDINGS and path not in prompts]


def _prompts(paths: Iterable[Path]) -> set[Path]:
    every = list(paths)
    stems = {picture.with_suffix("") for picture in every if _is_picture(picture)}
    names = {picture for picture in every if _is_picture(picture)}
    texts = (path for path in every if path.suffix.lower() == ".txt")
    return {text for text in texts if text.with_suffix("") in stems | names}


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_ENDINGS | OTHER_PICTURE_ENDINGS and path.is_file()


def _read(path: Path, may_leave: bool, choice: ListChoice, progress: Progress | None) -> ImportPlan:
    if path.is_dir():
        return read_folder(path, progress=progress)
    if not path.exists():
        raise InputError("source_missing", path=str(path))
    ending = path.suffix.lower()
    if ending == ".xls":
        raise InputError("xls_old", name=path.name)
    if ending not in _LISTS:
        raise InputError("source_unknown", path=str(path))
    return _LISTS[ending](path, path.absolute().parent, may_leave=may_leave, choice=choice, progress=progress)
