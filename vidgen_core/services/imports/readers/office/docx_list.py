"""Tables of Word documents (ECMA-376, part 1, 17.4), as Word, WPS and Feishu write them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.readers.bounds import Broken, TooMuch, check_package
from vidgen_core.services.imports.readers.csv_list import read_bytes
from vidgen_core.services.imports.readers.office.xlsx_parts import Package, Picture, attribute, below, name_of
from vidgen_core.services.imports.readers.table import Sheet, TableRow, cell_text, struck

_BODY: Final = "word/document.xml"
#: Cells that a cell may span.
_WIDEST: Final = 200
#: Elements around rows and cells that say where these come from.
_AROUND: Final = frozenset({"sdt", "sdtContent", "customXml", "ins", "moveTo"})
#: What is no text of a cell: properties, what was deleted, how letters are read, and what stands there for older readers only.
_NO_TEXT: Final = frozenset({"pPr", "rPr", "del", "moveFrom", "Fallback", "rt"})
#: Column → what a merged cell shows in every row that it covers.
_Covering = dict[int, tuple[str, Sequence[Picture]]]


def docx_sheets(source: Path | bytes, name: str) -> list[Sheet]:
    """The tables of a document that have more than one row.

    :raises InputError: list_unreadable, list_too_large, list_empty, docx_broken; document_unread where there is no such table
    """
    data = read_bytes(source, name)
    try:
        check_package(data, is_workbook=False)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            document = _Document(Package(archive))
    except TooMuch as error:
        raise InputError(error.code, name=name, limit=error.limit) from None
    except (Broken, ET.ParseError, zipfile.BadZipFile, ValueError, KeyError, OSError) as error:
        raise InputError("docx_broken", name=name) from error
    if not document.sheets:
        raise InputError("document_unread", name=name)
    return document.sheets


class _Document:
    def __init__(self, package: Package) -> None:
        root = package.root(_BODY)
        if root is None:
            raise Broken
        self._package = package
        #: Id → address of a link, or part of a picture.
        self._targets = {key: target for key, (_, target) in package.relations(_BODY).items()}
        tables = [list(self._rows(table)) for table in root.iter() if name_of(table) == "tbl"]
        self.sheets = [Sheet("", rows) for rows in tables if len(rows) > 1]

    def _rows(self, table: ET.Element) -> Iterator[TableRow]:
        covering: _Covering = {}
        for line, row in enumerate(_inside(table, "tr"), 1):
            if any(name_of(change) == "del" for change in _properties(row, "trPr")):
                continue
            cells: list[str] = []
            pictures: dict[int, Sequence[Picture]] = {}
            links: dict[int, str] = {}
            for cell in _inside(row, "tc"):
                column = len(cells)
                text, shown = self._shown(cell, column, covering)
                cells += [text, *[""] * (_span(cell) - 1)]
                if shown:
                    pictures[column] = shown
                if found := self._found(below(cell, "hyperlink"), "id"):
                    links[column] = found[-1]
            yield TableRow(line, cells, pictures, links=links)

    def _shown(self, cell: ET.Element, column: int, covering: _Covering) -> tuple[str, Sequence[Picture]]:
        """Text and pictures of a cell; of one that is merged into the cell above, those of that cell."""
        merged = [attribute(one, "val") for one in _properties(cell, "tcPr") if name_of(one) == "vMerge"]
        if merged and merged[0] != "restart" and column in covering:
            return covering[column]
        parts = [*self._found(below(cell, "blip"), "embed", "link"), *self._found(below(cell, "imagedata"), "id")]
        found = cell_text("".join(_texts(cell))), [one for part in parts if (one := self._package.picture(part))]
        covering.pop(column, None)
        if merged:
            covering[column] = found
        return found

    def _found(self, elements: Iterator[ET.Element], *names: str) -> list[str]:
        ids = (attribute(element, name) for element in elements for name in names)
        return [self._targets[key] for key in ids if self._targets.get(key)]


def _inside(parent: ET.Element, name: str) -> Iterator[ET.Element]:
    for child in parent:
        if name_of(child) == name:
            yield child
        elif name_of(child) in _AROUND:
            yield from _inside(child, name)


def _properties(element: ET.Element, name: str) -> Iterator[ET.Element]:
    return (one for child in element if name_of(child) == name for one in child)


def _span(cell: ET.Element) -> int:
    said = next((attribute(one, "val") for one in _properties(cell, "tcPr") if name_of(one) == "gridSpan"), "")
    return min(int(said), _WIDEST) if said.isdecimal() and len(said) < 9 and int(said) else 1


def _has(run: ET.Element, name: str) -> bool:
    return any(
        name_of(one) == name and attribute(one, "val") not in ("0", "false", "off") for one in _properties(run, "rPr")
    )


def _texts(element: ET.Element) -> Iterator[str]:
    for child in element:
        match name_of(child):
            case "t":
                yield child.text or ""
            case "tab":
                yield "\t"
            case "br" | "cr":
                yield "\n"
            case "noBreakHyphen":
                yield "-"
            case "p":
                yield from _texts(child)
                yield "\n"
            case "r" if _has(child, "vanish"):
                pass
            case "r" if _has(child, "strike") or _has(child, "dstrike"):
                yield struck("".join(_texts(child)))
            case other if other not in _NO_TEXT:
                yield from _texts(child)
