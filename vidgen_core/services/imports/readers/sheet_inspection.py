"""What is in a list, for a person to say which sheet and which columns are meant."""

from __future__ import annotations

from pathlib import Path

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.columns import labels, match_columns
from vidgen_core.services.imports.readers.csv_list import csv_headers
from vidgen_core.services.imports.readers.storyboard import storyboard_keys
from vidgen_core.services.imports.readers.xlsx_list import xlsx_headers


class SheetInspection(Frozen):
    """The columns of one sheet, or of a list without sheets."""

    #: Empty for a list without sheets.
    title: str
    #: What the columns are called, as ``ListChoice.columns`` names them.
    columns: tuple[str, ...]
    #: Field → column, as they would be taken without being told.
    guess: dict[str, str]

    @property
    def usable(self) -> bool:
        """Whether it can be read as guessed: it has a picture or a prompt."""
        return bool({"image", "prompt"} & self.guess.keys())


def inspect_sheet(path: Path) -> tuple[SheetInspection, ...]:
    """The sheets of a list; one for a list without sheets, none for an empty workbook.

    :raises InputError: as the readers, but for a missing header
    """
    ending = path.suffix.lower()
    if ending in {".xlsx", ".xlsm"}:
        return tuple(_look(title, headers) for title, headers in xlsx_headers(path, path.name).items())
    if ending == ".json":
        return (_look("", storyboard_keys(path, path.name)),)
    if ending in {".csv", ".tsv", ".txt"}:
        return (_look("", csv_headers(path, path.name)),)
    raise InputError("xls_old" if ending == ".xls" else "source_unknown", path=str(path), name=path.name)


def _look(title: str, headers: list[str]) -> SheetInspection:
    names = labels(headers)
    fields = match_columns(headers).fields
    return SheetInspection(
        title=title,
        columns=tuple(dict.fromkeys(names)),
        guess={field: names[index] for field, index in fields.items()},
    )
