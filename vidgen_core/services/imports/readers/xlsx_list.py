"""Workbooks of Excel, WPS and LibreOffice."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final, NamedTuple

import openpyxl  # type: ignore[import-untyped]
from openpyxl.cell.read_only import EMPTY_CELL  # type: ignore[import-untyped]

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.columns import AS_GUESSED, Columns, ListChoice, find_header, likely_header
from vidgen_core.services.imports.formulas import untame
from vidgen_core.services.imports.plan import ImportPlan
from vidgen_core.services.imports.readers.bounds import LAST_ROW, Broken, TooMuch, check_package
from vidgen_core.services.imports.readers.csv_list import read_bytes
from vidgen_core.services.imports.readers.pictures import Progress, Surroundings
from vidgen_core.services.imports.rows import ListRow, cut_row, plan_rows

_MOST_COLUMNS: Final = 200
_HEAD: Final = 30


class _Sheet(NamedTuple):
    title: str
    #: (row number, cells)
    rows: list[tuple[int, list[str]]]


def read_xlsx(
    source: Path | bytes,
    base: Path,
    *,
    name: str | None = None,
    may_leave: bool = True,
    choice: ListChoice = AS_GUESSED,
    progress: Progress | None = None,
) -> ImportPlan:
    """The plan of the sheet that was chosen, else of the first one that has a header; as ``read_csv``.

    :raises InputError: list_unreadable, list_too_large, list_empty, list_without_header, xlsx_broken
    """
    name = name or (source.name if isinstance(source, Path) else "list.xlsx")
    data = read_bytes(source, name)
    _refuse_bombs(data, name)
    sheets = [sheet for sheet in _sheets(data, name) if choice.sheet in (None, sheet.title)]
    for sheet in sheets:
        found = find_header([cells for _, cells in sheet.rows[:_HEAD]], choice.columns)
        if found is None:
            continue
        index, columns = found
        headers = sheet.rows[index][1]
        return ImportPlan(
            source=name,
            shots=plan_rows(_rows(sheet.rows[index + 1 :], columns), name, Surroundings(base, may_leave), progress),
            recognised={headers[place].strip(): field for field, place in columns.fields.items()},
            unknown=tuple(header for header in columns.unknown.values() if not header.startswith("#")),
        )
    raise InputError("list_without_header", name=name)


def xlsx_headers(source: Path | bytes, name: str) -> dict[str, list[str]]:
    """Title of each sheet that is not empty → the cells of what most likely is its header, known or not.

    :raises InputError: as ``read_xlsx``, but for the header
    """
    data = read_bytes(source, name)
    _refuse_bombs(data, name)
    found: dict[str, list[str]] = {}
    for sheet in _sheets(data, name):
        rows = [cells for _, cells in sheet.rows[:_HEAD]]
        index = likely_header(rows)
        if index is not None:
            found[sheet.title] = rows[index]
    return found


def _rows(rows: list[tuple[int, list[str]]], columns: Columns) -> Iterator[ListRow]:
    for line, cells in rows:
        row = cut_row(line, cells, columns)
        if row:
            yield row


def _refuse_bombs(data: bytes, name: str) -> None:
    try:
        check_package(data, is_workbook=True)
    except Broken as error:
        raise InputError("xlsx_broken", name=name) from error
    except TooMuch as error:
        raise InputError(error.code, name=name, limit=error.limit) from None


def _sheets(data: bytes, name: str) -> list[_Sheet]:
    try:
        with warnings.catch_warnings():
            # Styles and validations that openpyxl does not know are of no interest here.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            sheets = [_Sheet(sheet.title, _cells(sheet)) for sheet in book.worksheets]
            book.close()
    except Exception as error:
        # A broken workbook fails anywhere in its reader, in any way.
        raise InputError("xlsx_broken", name=name) from error
    return sheets


def _cells(sheet: Any) -> list[tuple[int, list[str]]]:
    # The size a sheet claims to have is often wrong.
    sheet.reset_dimensions()
    # Formatted but empty rows may go on for a million; nothing stands below this one.
    rows = enumerate(sheet.iter_rows(max_row=LAST_ROW, max_col=_MOST_COLUMNS), start=1)
    texts = ((line, ["" if cell is EMPTY_CELL else _text(cell) for cell in row]) for line, row in rows)
    return [(line, cells) for line, cells in texts if any(cells)]


def _text(cell: Any) -> str:
    """A cell as it is seen in the sheet, as far as shot lists need: ``1.0`` stays ``1.0``, ``9:16`` a ratio."""
    value = cell.value
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case int() | float():
            return _number(value, getattr(cell, "number_format", "") or "")
        case time():
            # Spreadsheets take a typed 9:16 for a time of day.
            return f"{value.hour}:{value.minute}"
        case datetime() | date():
            return value.isoformat()
        case _:
            return untame(str(value))


def _number(value: float, number_format: str) -> str:
    decimals = re.fullmatch(r"#?,?#*0\.(0+)(_ |_\))?", number_format)
    if decimals:
        return f"{value:.{len(decimals[1])}f}"
    return str(int(value)) if value == int(value) else repr(value)
