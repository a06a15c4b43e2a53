"""How much a list may hold. Checked while it is unpacked piece by piece, before anything is built from it.

A workbook or a document of a few kilobytes can unpack to gigabytes, or to millions of cells; what it says of its own size
is not believed.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Final
from xml.parsers import expat

from vidgen_core.domain.errors import InputError

#: Rows with something in them.
MOST_ROWS: Final = 20_000
#: The last row that may have something in it: what lies between is read.
LAST_ROW: Final = 100_000
#: Cells of a list, and texts that its cells share.
MOST_CELLS: Final = 250_000
#: Elements of XML in a workbook or document, styles and formatted but empty cells among them.
MOST_ELEMENTS: Final = 1_500_000
#: Commas, brackets and braces of a JSON or CSV file, in its texts as well.
MOST_SEPARATORS: Final = 5_000_000
#: Depth of elements within elements.
DEEPEST: Final = 100
#: Unpacked bytes of a workbook, pictures included, and of its parts in XML.
MOST_BYTES: Final = 300 << 20
MOST_XML_BYTES: Final = 100 << 20
#: Files in a workbook beside its pictures: sheets and what belongs to them.
MOST_PARTS: Final = 5_000
#: Elements of a workbook beside its cells and their texts: each becomes an object.
MOST_FORMATS: Final = 200_000
#: Of these, in the table of styles.
MOST_STYLES: Final = 60_000
#: Characters of one formula beside the cells (Excel's own limit), of all that are longer than ``_A_NAME``, and of all
#: lists of ranges that are.
LONGEST_FORMULA: Final = 8_192
MOST_FORMULAS: Final = 100_000
MOST_RANGES: Final = 1_000_000
_A_NAME: Final = 255
#: Parts of which a reader takes formulas and lists of ranges to pieces, by their first element.
_TAKEN_TO_PIECES: Final = frozenset({"workbook", "worksheet", "styleSheet"})
#: Columns of a table that one cell of a document may span.
WIDEST_SPAN: Final = 1_000
_BLOCK: Final = 1 << 18
#: What may stand before the first bracket of XML in any encoding.
_BEFORE: Final = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"
_CELLS: Final = frozenset({"row", "c", "v", "f", "is", "t", "si", "r"})


class TooMuch(Exception):
    """A limit is passed; ``code`` and ``limit`` say which."""

    def __init__(self, code: str, limit: int) -> None:
        super().__init__(code)
        self.code = code
        self.limit = limit


class Broken(Exception):
    """It is no package of XML, or one with what such packages never hold."""


def check_rows(rows: int, name: str) -> None:
    """:raises InputError: ``list_too_many_rows`` (name, limit)"""
    if rows > MOST_ROWS:
        raise InputError("list_too_many_rows", name=name, limit=MOST_ROWS)


def check_separators(data: bytes, name: str, separators: bytes) -> None:
    """Refuse a text that would become more values than any list has.

    :raises InputError: ``list_too_many_cells`` (name, limit)
    """
    if sum(data.count(bytes((separator,))) for separator in separators) > MOST_SEPARATORS:
        raise InputError("list_too_many_cells", name=name, limit=MOST_CELLS)


def check_package(data: bytes, *, is_workbook: bool) -> None:
    """Look through every part of a workbook or document.

    :raises TooMuch: ``list_too_large`` (in MB), ``list_too_many_cells``, ``list_too_many_rows``, ``list_too_many_parts``,
        ``list_too_many_formats``, ``list_formulas_long``, ``list_too_deep``
    :raises Broken:
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            pictures = sum("/media/" in part.filename for part in parts)
            # A picture for each row is much, and allowed.
            if len(parts) - pictures > MOST_PARTS or pictures > MOST_ROWS:
                raise TooMuch("list_too_many_parts", MOST_PARTS)
            if len({part.filename.casefold() for part in parts}) < len(parts):
                # Readers would not agree on which of the two is meant.
                raise Broken
            # No reader takes more of a part than the directory says.
            if sum(part.file_size for part in parts) > MOST_BYTES:
                raise TooMuch("list_too_large", MOST_BYTES >> 20)
            texts = [part for part in parts if _is_xml(archive, part)]
            _count_roughly(archive, texts)
            budget = _Budget(is_workbook=is_workbook)
            for part in texts:
                look = _Look(budget)
                for block in _blocks(archive, part):
                    look.parser.Parse(block, False)
                look.parser.Parse(b"", True)
    except (
        zipfile.BadZipFile,
        zlib.error,
        expat.ExpatError,
        ValueError,
        NotImplementedError,
        OSError,
        EOFError,
    ) as error:
        raise Broken from error
    except RuntimeError as error:
        # Encrypted, as zipfile says it.
        raise Broken from error


def _count_roughly(archive: zipfile.ZipFile, texts: list[zipfile.ZipInfo]) -> None:
    """Much faster than a parser: what is hopeless ends here."""
    elements = rows = size = 0
    for part in texts:
        for block in _blocks(archive, part):
            size += len(block)
            elements += block.count(b"<")
            rows += block.count(b"<row")
            if elements > MOST_ELEMENTS:
                is_long = rows > MOST_ROWS
                raise TooMuch(*("list_too_many_rows", MOST_ROWS) if is_long else ("list_too_many_cells", MOST_CELLS))
            if size > MOST_XML_BYTES:
                raise TooMuch("list_too_large", MOST_XML_BYTES >> 20)


def _is_xml(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """By what it is: a sheet may be called a picture."""
    with archive.open(part) as stream:
        return stream.read(_BLOCK).lstrip(_BEFORE).startswith(b"<")


def _blocks(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(part) as stream:
        while block := stream.read(_BLOCK):
            yield block


class _Budget:
    """What may still come, over all parts."""

    def __init__(self, *, is_workbook: bool) -> None:
        self.is_workbook = is_workbook
        self.cells = MOST_CELLS
        self.strings = MOST_CELLS
        self.rows = MOST_ROWS
        self.formats = MOST_FORMATS
        self.formulas = MOST_FORMULAS
        self.ranges = MOST_RANGES


class _Look:
    """Counts what one part of XML holds."""

    def __init__(self, budget: _Budget) -> None:
        self._budget = budget
        self._depth = 0
        self._row = 0
        #: Whether a row has begun in which nothing has been found.
        self._row_is_empty = False
        self._styles: int | None = None
        self._is_taken_to_pieces = False
        #: Characters of text since the last element that is no cell began; None in cells.
        self._text: int | None = None
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._stop
        self.parser.CharacterDataHandler = self._say
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _doctype(self, *_: object) -> None:
        # No office program writes one; entities that unfold and files of the server hide behind it.
        raise Broken

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise TooMuch("list_too_deep", DEEPEST)
        name = tag.rpartition(":")[2]
        if self._depth == 1:
            self._is_taken_to_pieces = self._budget.is_workbook and name in _TAKEN_TO_PIECES
            self._styles = MOST_STYLES if name == "styleSheet" else None
        self._end_text()
        if self._is_taken_to_pieces and name not in _CELLS:
            self._text = 0
            self._count_ranges(attributes)
        if name == "row":
            self._begin_row(attributes.get("r", ""))
        elif name in ("v", "is", "f"):
            self._count_cell()
        elif name == "si":
            self._count_string()
        elif name == "gridSpan":
            self._check_span(next(iter(attributes.values()), ""))
        elif name not in _CELLS and self._budget.is_workbook:
            self._count_format()

    def _stop(self, _: str) -> None:
        self._end_text()
        self._depth -= 1

    def _say(self, text: str) -> None:
        if self._text is not None:
            self._text += len(text)

    def _end_text(self) -> None:
        if self._text is not None:
            self._count_formula(self._text)
            self._text = None

    def _count_formula(self, length: int) -> None:
        """Readers take some of them apart in a time that grows with the square of their length."""
        if length > _A_NAME:
            self._budget.formulas -= length
        if length > LONGEST_FORMULA or self._budget.formulas < 0:
            raise TooMuch("list_formulas_long", LONGEST_FORMULA)

    def _count_ranges(self, attributes: dict[str, str]) -> None:
        self._budget.ranges -= sum(len(value) for value in attributes.values() if len(value) > _A_NAME)
        if self._budget.ranges < 0:
            raise TooMuch("list_too_many_formats", MOST_FORMATS)

    def _count_format(self) -> None:
        self._budget.formats -= 1
        if self._styles is not None:
            self._styles -= 1
        if self._budget.formats < 0 or (self._styles or 0) < 0:
            raise TooMuch("list_too_many_formats", MOST_STYLES if (self._styles or 0) < 0 else MOST_FORMATS)

    def _check_span(self, columns: str) -> None:
        if len(columns) > 4 or (columns.isdecimal() and int(columns) > WIDEST_SPAN):
            raise TooMuch("list_too_many_cells", MOST_CELLS)

    def _count_string(self) -> None:
        self._budget.strings -= 1
        if self._budget.strings < 0:
            raise TooMuch("list_too_many_cells", MOST_CELLS)

    def _begin_row(self, place: str) -> None:
        self._row = int(place) if place.isascii() and place.isdigit() and len(place) < 12 else self._row + 1
        self._row_is_empty = True

    def _count_cell(self) -> None:
        self._budget.cells -= 1
        if self._budget.cells < 0:
            raise TooMuch("list_too_many_cells", MOST_CELLS)
        if self._row_is_empty:
            self._row_is_empty = False
            self._budget.rows -= 1
            if self._budget.rows < 0:
                raise TooMuch("list_too_many_rows", MOST_ROWS)
            if self._row > LAST_ROW:
                raise TooMuch("list_too_many_rows", LAST_ROW)
