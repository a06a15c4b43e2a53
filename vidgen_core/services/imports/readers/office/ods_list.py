"""Spreadsheets of LibreOffice (OpenDocument 1.3, part 3, chapter 9)."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.formulas import untame
from vidgen_core.services.imports.numbers import date_as_shown
from vidgen_core.services.imports.readers.bounds import LAST_ROW, MOST_CELLS, Broken, TooMuch, check_package
from vidgen_core.services.imports.readers.csv_list import read_bytes
from vidgen_core.services.imports.readers.office.xlsx_parts import Package, Picture, attribute, name_of
from vidgen_core.services.imports.readers.table import Sheet, TableRow, struck

_MOST_COLUMNS: Final = 200
_NOT_SHOWN: Final = frozenset({"collapse", "filter"})


def ods_sheets(source: Path | bytes, name: str) -> list[Sheet]:
    """Every sheet with what its cells show.

    :raises InputError: list_unreadable, list_too_large, list_empty, ods_broken
    """
    data = read_bytes(source, name)
    try:
        if not data.startswith(b"PK"):
            data = _packed(data)
        check_package(data, is_workbook=False)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            package = Package(archive)
            root = package.root("content.xml")
            if root is None:
                raise Broken
            styles = frozenset(_struck_styles(root))
            return [_sheet(package, table, styles) for table in root.iter() if name_of(table) == "table"]
    except TooMuch as error:
        raise InputError(error.code, name=name, limit=error.limit) from None
    except (Broken, ET.ParseError, zipfile.BadZipFile, ValueError, KeyError, OSError) as error:
        raise InputError("ods_broken", name=name) from error


def _packed(flat: bytes) -> bytes:
    """A document in one file of XML as the package that it stands for."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("content.xml", flat)
    return packed.getvalue()


def _struck_styles(root: ET.Element) -> Iterator[str]:
    """Names of the styles whose letters are struck out."""
    for style in root.iter():
        lines = (attribute(one, f"text-line-through-{kind}") for one in style for kind in ("style", "type"))
        if name_of(style) == "style" and any(line not in ("", "none") for line in lines):
            yield attribute(style, "name")


def _sheet(package: Package, table: ET.Element, struck_styles: frozenset[str]) -> Sheet:
    grid: list[TableRow] = []
    #: Column → rows that a merged cell still covers, what it shows, and its pictures.
    covering: dict[int, tuple[int, str, Sequence[Picture]]] = {}
    line = cells_left = 0
    cells_left = MOST_CELLS
    for row in _rows(table):
        times = _repeated(row, "number-rows-repeated")
        cells, pictures = _cells(package, row, covering, struck_styles)
        hidden = attribute(row, "visibility") in _NOT_SHOWN
        if any(cells) or pictures:
            # The same row many times over is seldom meant, and a million times never.
            for copy in range(min(times, 1000)):
                cells_left -= len(cells)
                if cells_left < 0:
                    raise TooMuch("list_too_many_cells", MOST_CELLS)
                grid.append(TableRow(line + copy + 1, list(cells), pictures, hidden))
        line += times
        if line > LAST_ROW:
            break
    columns = [column for column in table.iter() if name_of(column) == "table-column"]
    hidden_columns = tuple(
        chr(ord("A") + place)
        for place, column in enumerate(columns[:26])
        if attribute(column, "visibility") in _NOT_SHOWN and _repeated(column, "number-columns-repeated") == 1
    )
    return Sheet(attribute(table, "name"), grid, hidden_columns=hidden_columns)


def _rows(parent: ET.Element) -> Iterator[ET.Element]:
    for child in parent:
        if name_of(child) == "table-row":
            yield child
        elif name_of(child) in ("table-rows", "table-header-rows", "table-row-group"):
            yield from _rows(child)


def _repeated(element: ET.Element, name: str) -> int:
    text = attribute(element, name)
    return int(text) if text.isdecimal() and len(text) < 9 else 1


def _cells(
    package: Package,
    row: ET.Element,
    covering: dict[int, tuple[int, str, Sequence[Picture]]],
    struck_styles: frozenset[str],
) -> tuple[list[str], dict[int, Sequence[Picture]]]:
    cells: list[str] = []
    pictures: dict[int, Sequence[Picture]] = {}
    own = False
    for cell in row:
        if name_of(cell) not in ("table-cell", "covered-table-cell"):
            continue
        times = min(_repeated(cell, "number-columns-repeated"), _MOST_COLUMNS - len(cells))
        text = _text(cell, struck_styles)
        text = struck(text) if attribute(cell, "style-name") in struck_styles else text
        shown: Sequence[Picture] = [picture for picture in _pictures(package, cell) if picture]
        for _ in range(times):
            column = len(cells)
            if (rows := _repeated(cell, "number-rows-spanned")) > 1:
                covering[column] = (rows - 1, text, shown)
            elif name_of(cell) == "covered-table-cell" and column in covering:
                left, text, shown = covering.pop(column)
                if left > 1:
                    covering[column] = (left - 1, text, shown)
            own = own or (name_of(cell) == "table-cell" and bool(text or shown))
            cells.append(text)
            if shown:
                pictures[column] = shown
    while cells and not cells[-1]:
        cells.pop()
    # A row with nothing of its own is no shot.
    return (cells, pictures) if own else ([], {})


def _text(cell: ET.Element, struck_styles: frozenset[str]) -> str:
    """What the cell shows: its paragraphs; of a date and a time what was typed."""
    kind, date, time = attribute(cell, "value-type"), attribute(cell, "date-value"), attribute(cell, "time-value")
    lines = [_said(child, struck_styles) for child in cell if name_of(child) == "p"]
    shown = untame("\n".join(lines))
    if kind == "date" and date:
        day = datetime.fromisoformat(date)
        # A year that is shown was meant.
        return shown if str(day.year) in shown else date_as_shown(day)
    if kind == "time" and time:
        hours, _, rest = time.removeprefix("PT").partition("H")
        return f"{int(hours)}:{int(rest.partition('M')[0] or 0)}"
    return shown


def _said(paragraph: ET.Element, struck_styles: frozenset[str]) -> str:
    parts = [paragraph.text or ""]
    for child in paragraph:
        match name_of(child):
            case "s":
                parts.append(" " * min(_repeated(child, "c"), 1000))
            case "tab":
                parts.append("\t")
            case "line-break":
                parts.append("\n")
            case "annotation" | "ruby-text":
                pass
            case _:
                said = _said(child, struck_styles)
                parts.append(struck(said) if attribute(child, "style-name") in struck_styles else said)
        parts.append(child.tail or "")
    return "".join(parts)


def _pictures(package: Package, cell: ET.Element) -> Iterator[Picture | None]:
    for frame in cell.iter():
        if name_of(frame) == "image" and (target := attribute(frame, "href")):
            yield package.picture(target.removeprefix("./"))
        elif name_of(frame) == "binary-data":
            yield base64.b64decode(frame.text or "")
