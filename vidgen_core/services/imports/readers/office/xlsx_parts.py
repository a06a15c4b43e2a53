"""What a workbook holds beside the values of its cells: merged ranges, what is hidden, and pictures.

ECMA-376 part 1 (SpreadsheetML, DrawingML); pictures inside of cells as Excel keeps them ([MS-XLSX] 2.2.4.9, rich values) and as
WPS does (``xl/cellimages.xml``, ``DISPIMG``).
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from vidgen_core.services.imports.readers.table import struck

#: Of a picture in the package, or a link that is fetched like one in a cell.
Picture = bytes | str
#: English metric units of a point and of a pixel.
_POINT: Final = 12_700
_PIXEL: Final = 9_525
_DISPIMG: Final = re.compile(r'DISPIMG\(\s*"([^"]+)"', re.IGNORECASE)
_IMAGE_OF: Final = re.compile(r"=?(?:_xlfn\.)?IMAGE\(\s*+(\$?[A-Z]{1,3}\$?\d{1,7})\s*+[,)]", re.IGNORECASE)
#: Of a link that is put together from parts, none of them is the picture.
_IMAGE: Final = re.compile(r'IMAGE\(\s*+"([^"]++)"\s*+[,;)]', re.IGNORECASE)


class Range(NamedTuple):
    """Rows and columns from 0, ends included."""

    top: int
    left: int
    bottom: int
    right: int


class SheetParts(NamedTuple):
    title: str
    hidden: bool
    merged: tuple[Range, ...]
    hidden_rows: frozenset[int]
    hidden_columns: frozenset[int]
    #: (row, column) → pictures on it, from the top left.
    pictures: dict[tuple[int, int], list[Picture]]
    #: Where a cell leads to on the web, whatever it shows.
    links: dict[tuple[int, int], str]
    #: Cells with a formula that nobody has reckoned: programs that write workbooks often leave that to Excel.
    unreckoned: frozenset[tuple[int, int]]
    #: Cells that show the picture to which another cell has the link.
    shown: dict[tuple[int, int], tuple[int, int]]
    #: Texts of which a part is struck out, with its marks (``table.struck``).
    struck: dict[tuple[int, int], str]


def name_of(element: ET.Element) -> str:
    """The name of an element without its namespace: strict and transitional files differ in it alone."""
    return str(element.tag).rpartition("}")[2]


def attribute(element: ET.Element, name: str) -> str:
    """An attribute by its name without a namespace; empty when it is not there."""
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")


def below(element: ET.Element, name: str) -> Iterator[ET.Element]:
    """Every element of that name; what stands there for older readers only is passed over."""
    for child in element:
        if name_of(child) == "Fallback":
            continue
        if name_of(child) == name:
            yield child
        yield from below(child, name)


def cell_place(reference: str) -> tuple[int, int] | None:
    """``B7`` → (6, 1)."""
    found = re.fullmatch(r"\$?([A-Z]{1,3})\$?(\d{1,7})", reference)
    if not found:
        return None
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - 64
    return int(found[2]) - 1, column - 1


class Package:
    """The parts of a workbook by name, and their relations."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = {name.casefold(): name for name in archive.namelist()}
        self._pictures: dict[str, bytes] = {}

    def root(self, part: str) -> ET.Element | None:
        name = self._names.get(part.casefold())
        # Document types were refused when the package was checked.
        return None if name is None else ET.fromstring(self._archive.read(name))  # noqa: S314

    def elements(self, part: str) -> Iterator[ET.Element]:
        """The elements of a large part as each ends; rows are let go of."""
        name = self._names.get(part.casefold())
        if name is None:
            return
        data: ET.Element | None = None
        with self._archive.open(name) as stream:
            for event, element in ET.iterparse(stream, ("start", "end")):  # noqa: S314
                if event == "start":
                    if name_of(element) == "sheetData":
                        data = element
                    continue
                yield element
                if data is not None and name_of(element) == "row":
                    data.clear()

    def mentions(self, part: str, word: bytes) -> bool:
        """Whether a word stands anywhere in a part; of most parts nobody needs to know more."""
        name = self._names.get(part.casefold())
        return name is not None and word in self._archive.read(name)

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Id → (kind, target): a part of this package, or a link."""
        folder, _, file = part.rpartition("/")
        root = self.root(f"{folder}/_rels/{file}.rels".lstrip("/"))
        found = {}
        for one in root if root is not None else ():
            target = one.get("Target", "")
            if one.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, unquote(target))).lstrip("/")
            found[one.get("Id", "")] = one.get("Type", "").rpartition("/")[2], target
        return found

    def related(self, part: str, kind: str) -> list[str]:
        return [target for found, target in self.relations(part).values() if found == kind]

    def picture(self, target: str) -> Picture | None:
        """The bytes of a part, read once however many cells show it; a link stays one."""
        if _is_link(target):
            return target
        name = self._names.get(target.casefold())
        if name is None:
            return None
        if name not in self._pictures:
            self._pictures[name] = self._archive.read(name)
        return self._pictures[name]


def read_parts(archive: zipfile.ZipFile) -> list[SheetParts]:
    """The sheets of a workbook in their order."""
    package = Package(archive)
    book = next(iter(package.related("", "officeDocument")), "xl/workbook.xml")
    root = package.root(book)
    if root is None:
        return []
    targets = package.relations(book)
    in_cells = _InCells(package, book)
    struck_strings = _struck_strings(package, book)
    found = []
    for sheet in below(root, "sheet"):
        kind, part = targets.get(attribute(sheet, "id"), ("", ""))
        if kind == "worksheet":
            found.append(
                _sheet(package, part, sheet.get("name", ""), sheet.get("state", "visible"), in_cells, struck_strings)
            )
    return found


def _struck_strings(package: Package, book: str) -> dict[str, str]:
    """The shared strings of which a part is struck out, by their places."""
    part = next(iter(package.related(book, "sharedStrings")), "")
    if not package.mentions(part, b"strike"):
        return {}
    return {
        str(place): text
        for place, held in enumerate(one for one in package.elements(part) if name_of(one) == "si")
        if (text := _struck_in_part(held))
    }


def _struck_in_part(held: ET.Element) -> str:
    """A text with marks around the parts that are struck out; empty without any."""
    runs = [
        ("".join(one.text or "" for one in run if name_of(one) == "t"), any(map(_strikes, below(run, "strike"))))
        for run in held
        if name_of(run) == "r"
    ]
    return "".join(struck(text) if gone else text for text, gone in runs) if any(gone for _, gone in runs) else ""


def _strikes(element: ET.Element) -> bool:
    return element.get("val") not in ("0", "false")


def _sheet(
    package: Package, part: str, title: str, state: str, in_cells: _InCells, struck_strings: dict[str, str]
) -> SheetParts:
    grid = _Grid()
    merged: list[Range] = []
    pictures: dict[tuple[int, int], list[Picture]] = {}
    links: dict[tuple[int, int], str] = {}
    unreckoned: set[tuple[int, int]] = set()
    shown: dict[tuple[int, int], tuple[int, int]] = {}
    struck_cells: dict[tuple[int, int], str] = {}
    targets = package.relations(part)
    for element in package.elements(part):
        match name_of(element):
            case "c" if len(element):
                place = cell_place(element.get("r", ""))
                picture = in_cells.of(element) if place else None
                if place and picture:
                    pictures[place] = [picture]
                elif place:
                    _take_formula(element, place, links, unreckoned, shown)
                    struck_cells |= _struck_text(element, place, struck_strings)
            case "hyperlink":
                place = cell_place(element.get("ref", "").partition(":")[0])
                target = targets.get(attribute(element, "id"), ("", ""))[1]
                links |= {place: target} if place and _is_link(target) else {}
            case "mergeCell":
                first, _, last = element.get("ref", "").partition(":")
                top, bottom = cell_place(first), cell_place(last or first)
                merged += [Range(*top, *bottom)] if top and bottom else []
            case "row":
                grid.take_row(element)
            case "col":
                grid.take_column(element)
            case "sheetFormatPr":
                grid.take_format(element)
    for drawing in package.related(part, "drawing"):
        for place, picture in _drawn(package, drawing, grid):
            pictures.setdefault(place, []).append(picture)
    hidden_rows, hidden_columns = frozenset(grid.hidden_rows), frozenset(grid.hidden_columns)
    found = tuple(merged), hidden_rows, hidden_columns, pictures, links, frozenset(unreckoned), shown, struck_cells
    return SheetParts(title, state != "visible", *found)


def _struck_text(cell: ET.Element, place: tuple[int, int], strings: dict[str, str]) -> dict[tuple[int, int], str]:
    kind = cell.get("t")
    if kind == "inlineStr":
        text = "".join(map(_struck_in_part, below(cell, "is")))
    else:
        text = strings.get(next((one.text or "" for one in cell if name_of(one) == "v"), ""), "") if kind == "s" else ""
    return {place: text} if text else {}


def _take_formula(
    cell: ET.Element,
    place: tuple[int, int],
    links: dict[tuple[int, int], str],
    unreckoned: set[tuple[int, int]],
    shown: dict[tuple[int, int], tuple[int, int]],
) -> None:
    texts = {name_of(child): child.text or "" for child in cell}
    if found := _HYPERLINK.match(texts.get("f", "")):
        links[place] = found[1]
    elif (found := _IMAGE_OF.match(texts.get("f", ""))) and (other := cell_place(found[1].upper())):
        shown[place] = other
    elif "f" in texts and not texts.get("v") and cell.get("t") != "str":
        unreckoned.add(place)


def _is_link(target: str) -> bool:
    return target.casefold().startswith(("http://", "https://"))


#: ``HYPERLINK("https://…","picture")``
_HYPERLINK: Final = re.compile(r"\s*+=?HYPERLINK\(\"(https?://[^\"\s]++)\"", re.IGNORECASE)


class _Grid:
    """Where the rows and columns of a sheet lie, in English metric units."""

    def __init__(self) -> None:
        self._height = 15.0 * _POINT
        self._width = _column_width(9.14)
        self._heights: dict[int, float] = {}
        self._widths: dict[int, float] = {}
        self.hidden_rows: set[int] = set()
        self.hidden_columns: set[int] = set()

    def take_format(self, form: ET.Element) -> None:
        self._height = _number(form.get("defaultRowHeight"), 15.0) * _POINT
        self._width = _column_width(_number(form.get("defaultColWidth"), 9.14))

    def take_row(self, row: ET.Element) -> None:
        index = int(_number(row.get("r"), 0)) - 1
        if row.get("hidden") in ("1", "true"):
            self.hidden_rows.add(index)
            self._heights[index] = 0.0
        elif row.get("ht"):
            self._heights[index] = _number(row.get("ht"), 15.0) * _POINT

    def take_column(self, column: ET.Element) -> None:
        is_hidden = column.get("hidden") in ("1", "true")
        first, last = int(_number(column.get("min"), 1)) - 1, int(_number(column.get("max"), 1)) - 1
        for index in range(first, min(last, first + 200) + 1):
            self._widths[index] = 0.0 if is_hidden else _column_width(_number(column.get("width"), 9.14))
            if is_hidden and last < 200:
                self.hidden_columns.add(index)

    def row_height(self, index: int) -> float:
        return self._heights.get(index, self._height)

    def column_width(self, index: int) -> float:
        return self._widths.get(index, self._width)

    def covered(self, row: int, column: int, y: float, x: float, height: float, width: float) -> tuple[int, int]:
        """The cell that a picture is meant for: where it begins, or the next one if it covers more of that."""
        return _covered(row, y, height, self.row_height), _covered(column, x, width, self.column_width)


def _covered(first: int, offset: float, length: float, size_of: Callable[[int], float]) -> int:
    """Of the cells a picture lies on, the first that is covered most."""
    best, index, covered, share = first, first, 0.0, 0.0
    begin = offset
    while length > 0 and index < first + 8:
        size = size_of(index)
        if size > 0:
            covered = min(size - min(begin, size), length)
            if covered / size > share + 0.01:
                best, share = index, covered / size
            length -= covered
        begin = max(begin - size, 0.0)
        index += 1
    return best


def _number(text: str | None, otherwise: float) -> float:
    try:
        value = float(text) if text else otherwise
    except ValueError:
        return otherwise
    return value if abs(value) < 1e12 else otherwise


def _column_width(letters: float) -> float:
    """Letters of the default font to units: 7 pixels each and 5 of margin."""
    return (letters * 7 + 5) * _PIXEL


# --- drawings: pictures over cells


class _Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float


def _drawn(package: Package, part: str, grid: _Grid) -> Iterator[tuple[tuple[int, int], Picture]]:
    root = package.root(part)
    if root is None:
        return
    targets = package.relations(part)
    placed: list[tuple[tuple[int, int], tuple[Any, int], Picture]] = []
    for anchor in (one for kind in ("twoCellAnchor", "oneCellAnchor", "absoluteAnchor") for one in below(root, kind)):
        row, column, y, x, height, width = _anchored(anchor, grid)
        for pic, inner in _pictures(anchor, _Box(0.0, 0.0, width, height)):
            target = _target(pic, targets)
            picture = package.picture(target) if target else None
            if picture:
                at = _moved(grid, row, column, y + inner.y, x + inner.x)
                placed.append((grid.covered(*at, inner.height, inner.width), (at, len(placed)), picture))
    for place, _, picture in sorted(placed, key=lambda found: found[:2]):
        yield place, picture


def _moved(grid: _Grid, row: int, column: int, y: float, x: float) -> tuple[int, int, float, float]:
    """The cell that lies so far below and beside the beginning of another one."""
    while y >= grid.row_height(row) and y > 0 and row < 100_000:
        y -= grid.row_height(row)
        row += 1
    while x >= grid.column_width(column) and x > 0 and column < 16_384:
        x -= grid.column_width(column)
        column += 1
    return row, column, max(y, 0.0), max(x, 0.0)


def _anchored(anchor: ET.Element, grid: _Grid) -> tuple[int, int, float, float, float, float]:
    """Row, column and offsets of where a drawing begins, its height and width."""
    ext = next((child for child in anchor if name_of(child) == "ext"), None)
    height = _number(ext.get("cy"), 0.0) if ext is not None else 0.0
    width = _number(ext.get("cx"), 0.0) if ext is not None else 0.0
    if name_of(anchor) == "absoluteAnchor":
        pos = next(below(anchor, "pos"), None)
        y, x = (_number(pos.get("y"), 0.0), _number(pos.get("x"), 0.0)) if pos is not None else (0.0, 0.0)
        return 0, 0, max(y, 0.0), max(x, 0.0), height, width
    row, column, y, x = _corner(anchor, "from")
    if name_of(anchor) == "twoCellAnchor":
        last_row, last_column, last_y, last_x = _corner(anchor, "to")
        height = last_y - y + sum(grid.row_height(index) for index in range(row, min(last_row, row + 10_000)))
        width = last_x - x + sum(grid.column_width(index) for index in range(column, min(last_column, column + 1_000)))
    return row, column, y, x, max(height, 1.0), max(width, 1.0)


def _corner(anchor: ET.Element, name: str) -> tuple[int, int, float, float]:
    corner = next((child for child in anchor if name_of(child) == name), None)
    said = {name_of(child): child.text for child in corner} if corner is not None else {}
    row, column = int(_number(said.get("row"), 0.0)), int(_number(said.get("col"), 0.0))
    return max(row, 0), max(column, 0), _number(said.get("rowOff"), 0.0), _number(said.get("colOff"), 0.0)


def _pictures(parent: ET.Element, box: _Box) -> Iterator[tuple[ET.Element, _Box]]:
    """Pictures in an anchor, those of groups within groups among them, each with where it lies in the anchor."""
    for child in parent:
        kind = name_of(child)
        if kind == "pic":
            yield child, box
        elif kind == "grpSp":
            yield from _grouped(child, box)
        elif kind in ("AlternateContent", "Choice"):
            yield from _pictures(child, box)


def _grouped(group: ET.Element, box: _Box) -> Iterator[tuple[ET.Element, _Box]]:
    frame = _frame(group, "grpSpPr", "chOff", "chExt")
    for child in group:
        kind = name_of(child)
        if kind not in ("pic", "grpSp"):
            continue
        own = _frame(child, "spPr" if kind == "pic" else "grpSpPr", "off", "ext")
        inner = box
        if frame and own and frame.width and frame.height:
            across, down = box.width / frame.width, box.height / frame.height
            x, y = box.x + (own.x - frame.x) * across, box.y + (own.y - frame.y) * down
            inner = _Box(x, y, own.width * across, own.height * down)
        if kind == "pic":
            yield child, inner
        else:
            yield from _grouped(child, inner)


def _frame(element: ET.Element, properties: str, off: str, ext: str) -> _Box | None:
    held = next((child for child in element if name_of(child) == properties), None)
    form = next(below(held, "xfrm"), None) if held is not None else None
    if form is None:
        return None
    found = {name_of(child): child for child in form}
    if off not in found or ext not in found:
        return None
    return _Box(
        _number(found[off].get("x"), 0.0),
        _number(found[off].get("y"), 0.0),
        _number(found[ext].get("cx"), 0.0),
        _number(found[ext].get("cy"), 0.0),
    )


def _target(pic: ET.Element, targets: dict[str, tuple[str, str]]) -> str:
    blip = next(below(pic, "blip"), None)
    if blip is None:
        return ""
    return targets.get(attribute(blip, "embed") or attribute(blip, "link"), ("", ""))[1]


# --- pictures inside of cells


class _InCells:
    """The pictures that cells hold as their value."""

    def __init__(self, package: Package, book: str) -> None:
        self._package = package
        self._folder = book.rpartition("/")[0]
        #: Name in ``DISPIMG`` → part.
        self._wps = self._read_wps()
        #: Place in the cells' ``vm``, from 1 → part.
        self._rich = self._read_rich()

    def of(self, cell: ET.Element) -> Picture | None:
        if target := self._rich.get(cell.get("vm", "")):
            return self._package.picture(target)
        for child in cell:
            text = child.text or ""
            if name_of(child) not in ("f", "v") or "(" not in text:
                continue
            if found := _DISPIMG.search(text):
                return self._package.picture(self._wps.get(found[1], ""))
            if found := _IMAGE.search(text):
                return found[1]
        return None

    def _read_wps(self) -> dict[str, str]:
        part = f"{self._folder}/cellimages.xml"
        root = self._package.root(part)
        if root is None:
            return {}
        targets = self._package.relations(part)
        found = {}
        for pic in below(root, "pic"):
            about = next(below(pic, "cNvPr"), None)
            if about is not None and (target := _target(pic, targets)):
                found[about.get("name", "")] = target
        return found

    def _read_rich(self) -> dict[str, str]:
        """``vm`` → metadata → rich value → relation → part."""
        metadata = self._package.root(f"{self._folder}/metadata.xml")
        values = self._package.root(f"{self._folder}/richData/rdrichvalue.xml")
        structures = self._package.root(f"{self._folder}/richData/rdrichvaluestructure.xml")
        relations = f"{self._folder}/richData/richValueRel.xml"
        listed = self._package.root(relations)
        if metadata is None or values is None or structures is None or listed is None:
            return {}
        targets = self._package.relations(relations)
        pictures = [targets.get(attribute(one, "id"), ("", ""))[1] for one in listed]
        keys = [[key.get("n", "") for key in one] for one in structures]
        shown: list[str] = []
        for value in values:
            names = keys[int(value.get("s", "0"))] if int(value.get("s", "0")) < len(keys) else []
            held = {name: one.text or "" for name, one in zip(names, value, strict=False)}
            place = held.get("_rvRel:LocalImageIdentifier", "")
            shown.append(pictures[int(place)] if place.isdecimal() and int(place) < len(pictures) else "")
        return _by_metadata(metadata, shown)


def _by_metadata(metadata: ET.Element, shown: list[str]) -> dict[str, str]:
    kinds = [one.get("name") for one in below(metadata, "metadataType")]
    blocks = [
        int(_number(rvb.get("i"), -1.0))
        for future in below(metadata, "futureMetadata")
        if future.get("name") == "XLRICHVALUE"
        for rvb in below(future, "rvb")
    ]
    cells = next(below(metadata, "valueMetadata"), None)
    found = {}
    for place, block in enumerate(cells if cells is not None else (), start=1):
        for record in block:
            kind, value = int(_number(record.get("t"), 0.0)), int(_number(record.get("v"), -1.0))
            if 0 < kind <= len(kinds) and kinds[kind - 1] == "XLRICHVALUE" and 0 <= value < len(blocks):
                index = blocks[value]
                if 0 <= index < len(shown) and shown[index]:
                    found[str(place)] = shown[index]
    return found
