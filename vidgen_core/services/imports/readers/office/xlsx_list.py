"""Workbooks of Excel, WPS, LibreOffice, Feishu and Google."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import openpyxl  # type: ignore[import-untyped]
from openpyxl.cell.read_only import EMPTY_CELL  # type: ignore[import-untyped]
from openpyxl.utils import get_column_letter  # type: ignore[import-untyped]

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.formulas import untame
from vidgen_core.services.imports.numbers import date_as_shown
from vidgen_core.services.imports.plan import Reason
from vidgen_core.services.imports.readers.bounds import LAST_ROW, Broken, TooMuch, check_package
from vidgen_core.services.imports.readers.csv_list import read_bytes
from vidgen_core.services.imports.readers.office.xlsx_parts import Picture, Range, SheetParts, read_parts
from vidgen_core.services.imports.readers.table import Sheet, TableRow, struck
from vidgen_core.services.imports.values import is_link

_MOST_COLUMNS: Final = 200


def xlsx_sheets(source: Path | bytes, name: str) -> list[Sheet]:
    """Every sheet with what its cells show.

    :raises InputError: list_unreadable, list_too_large, list_empty, xlsx_broken
    """
    data = read_bytes(source, name)
    try:
        check_package(data, is_workbook=True)
    except Broken as error:
        raise InputError("xlsx_broken", name=name) from error
    except TooMuch as error:
        raise InputError(error.code, name=name, limit=error.limit) from None
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(io.BytesIO(data)) as archive:
            # Styles and validations that openpyxl does not know are of no interest here.
            warnings.simplefilter("ignore")
            parts = {part.title: part for part in read_parts(archive)}
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            sheets = [_sheet(sheet, parts.get(sheet.title)) for sheet in book.worksheets]
            book.close()
    except Exception as error:
        # A broken workbook fails anywhere in its reader, in any way.
        raise InputError("xlsx_broken", name=name) from error
    return sheets


def _sheet(sheet: Any, parts: SheetParts | None) -> Sheet:
    # The size a sheet claims to have is often wrong.
    sheet.reset_dimensions()
    # Formatted but empty rows may go on for a million; nothing stands below this one.
    found = enumerate(sheet.iter_rows(max_row=LAST_ROW, max_col=_MOST_COLUMNS))
    grid: dict[int, list[Any]] = {}
    for index, row in found:
        if any(cell is not EMPTY_CELL and cell.value is not None for cell in row):
            grid[index] = [None if cell is EMPTY_CELL else cell for cell in row]
    # Rows are read as wide as they may be.
    filled = max((place for row in grid.values() for place, cell in enumerate(row) if cell), default=-1)
    width = 1 + max([filled, *(column for _, column in (*parts.links, *parts.unreckoned))] if parts else [filled])
    grid = {index: row[:width] for index, row in grid.items()}
    if parts is None:
        return Sheet(sheet.title, [_row(index, cells, {}, hidden=False) for index, cells in grid.items()])
    pictures = {place: tuple(held) for place, held in parts.pictures.items() if place[1] < _MOST_COLUMNS}
    for place, (row, column) in parts.shown.items():
        cell = grid[row][column] if row in grid and column < len(grid[row]) else None
        if cell is not None and isinstance(cell.value, str) and is_link(cell.value):
            pictures[place] = (cell.value,)
    for row, _ in pictures:
        grid.setdefault(row, [])
    _spread(grid, pictures, parts.merged)
    by_row: dict[int, dict[int, Sequence[Picture]]] = {}
    for (row, column), held in pictures.items():
        by_row.setdefault(row, {})[column] = held
    links: dict[int, dict[int, str]] = {}
    for (row, column), link in parts.links.items():
        links.setdefault(row, {})[column] = link
    unreckoned: dict[int, list[int]] = {}
    for row, column in parts.unreckoned:
        if (row, column) not in pictures:
            unreckoned.setdefault(row, []).append(column)
            grid.setdefault(row, [])
    rows = [
        _row(
            index,
            grid[index],
            by_row.get(index, {}),
            unreckoned.get(index, ()),
            parts.struck,
            hidden=index in parts.hidden_rows,
        )._replace(links=links.get(index, {}))
        for index in sorted(grid)
    ]
    columns = tuple(get_column_letter(index + 1) for index in sorted(parts.hidden_columns))
    return Sheet(sheet.title, rows, parts.hidden, columns)


def _spread(
    grid: dict[int, list[Any]], pictures: dict[tuple[int, int], tuple[Picture, ...]], merged: Sequence[Range]
) -> None:
    """Give what stands in a merged cell to all that it covers; a title over many columns stays in its first one."""
    for one in merged:
        is_title = one.right - one.left >= 2 and one.top == one.bottom
        right = one.left if is_title else min(one.right, _MOST_COLUMNS - 1)
        held = next(
            (
                pictures[place]
                for place in (
                    (row, column)
                    for row in range(one.top, min(one.bottom, one.top + 1000) + 1)
                    for column in range(one.left, min(one.right, one.left + 50) + 1)
                )
                if place in pictures
            ),
            None,
        )
        source = grid.get(one.top, [])
        cell = source[one.left] if one.left < len(source) else None
        if cell is None and held is None:
            continue
        for row in range(one.top, min(one.bottom, LAST_ROW - 1) + 1):
            for column in range(one.left, right + 1):
                if held:
                    pictures[row, column] = held
                if row not in grid:
                    # A row with nothing of its own is no shot.
                    continue
                cells = grid[row]
                cells.extend([None] * (column + 1 - len(cells)))
                cells[column] = cell


def _row(
    index: int,
    cells: list[Any],
    pictures: dict[int, Sequence[Picture]],
    unreckoned: Sequence[int] = (),
    in_parts: Mapping[tuple[int, int], str] = MappingProxyType({}),
    *,
    hidden: bool,
) -> TableRow:
    texts = [
        "" if cell is None else _shown(cell, in_parts, is_picture=column in pictures)
        for column, cell in enumerate(cells)
    ]
    errors = [
        Reason("cell_error", {"value": str(cell.value)[:20], "column": get_column_letter(column + 1)})
        for column, cell in enumerate(cells)
        if cell is not None and cell.data_type == "e" and column not in pictures
    ] + [Reason("cell_unreckoned", {"column": get_column_letter(column + 1)}) for column in unreckoned]
    return TableRow(index + 1, texts, pictures, hidden, warnings=tuple(errors))


def _shown(cell: Any, in_parts: Mapping[tuple[int, int], str], *, is_picture: bool) -> str:
    text = _text(cell, is_picture=is_picture)
    if text and cell.font is not None and cell.font.strike:
        return struck(text)
    return untame(_letters(in_part)) if text and (in_part := in_parts.get((cell.row - 1, cell.column - 1))) else text


def _text(cell: Any, *, is_picture: bool) -> str:
    """A cell as it is seen in the sheet, as far as shot lists need: ``1.0`` stays ``1.0``, ``9:16`` a ratio."""
    value = cell.value
    if cell.data_type == "e" or (is_picture and isinstance(value, str) and "(" in value):
        # An error of a formula, or the formula of the picture.
        return ""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case int() | float():
            return _number(value, getattr(cell, "number_format", "") or "")
        case time():
            # Spreadsheets take a typed 9:16 for a time of day.
            return _clock(
                timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
            )
        case timedelta():
            return _clock(value)
        case datetime() | date():
            return date_as_shown(value, getattr(cell, "number_format", "") or "")
        case _:
            return untame(_letters(str(value)))


def _letters(text: str) -> str:
    """Letters that XML cannot hold, as the format writes them (ECMA-376 part 1, ST_Xstring)."""
    return re.sub(r"_x(00[01][0-9A-Fa-f]|005[Ff])_", lambda found: chr(int(found[1], 16)), text)


def _clock(length: timedelta) -> str:
    seconds = round(length.total_seconds(), 2)
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes) // 60}:{int(minutes) % 60}" + (f":{rest:g}" if rest else "")


#: ``000``, ``0.0``, ``"S"00``: digits that are always shown, and what is written around them.
_FORMAT: Final = re.compile(r'((?:"[^"]*"|\\.)*)(#?,?#*)(0+)(?:\.(0+))?((?:"[^"]*"|\\.)*)(?:_ |_\))?')


def _number(value: float, number_format: str) -> str:
    found = _FORMAT.fullmatch(number_format.partition(";")[0])
    if found and (len(found[3]) > 1 or found[4] or found[1] or found[5]):
        before, after = (re.sub(r'"|\\', "", part or "") for part in (found[1], found[5]))
        whole, _, rest = f"{abs(value):.{len(found[4] or '')}f}".partition(".")
        text = whole.zfill(len(found[3])) + (f".{rest}" if rest else "")
        return f"{'-' if value < 0 else ''}{before}{text}{after}"
    return str(int(value)) if value == int(value) else repr(value)
