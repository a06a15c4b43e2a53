"""Tables of a web page: what many services hand out as *Excel*, and what browsers put on the clipboard."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from vidgen_core.services.imports.readers.table import Sheet, TableRow


def html_sheets(text: str) -> list[Sheet]:
    """The tables of a page that have more than one row; none for what is no page."""
    if not re.match(r"\s*+(?:<[!?][^>]*+>\s*+)*+<(?:html|head|meta|body|style|table)\b", text, re.IGNORECASE):
        return []
    reader = _HtmlReader()
    reader.feed(text)
    reader.close()
    return [Sheet("", rows) for rows in reader.tables if len(rows) > 1]


class _HtmlReader(HTMLParser):
    """Rows and cells; a picture is its address, a cell over several rows gives its value to all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[TableRow]] = []
        self._cell: list[str] | None = None
        self._spans = (1, 1)
        #: Column → what a cell above says, and for how many rows more.
        self._below: dict[int, tuple[str, int]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "table":
            self.tables.append([])
            self._below = {}
        elif tag == "tr" and self.tables:
            self._end_cell()
            self.tables[-1].append(TableRow(len(self.tables[-1]) + 1, []))
            self._fill()
        elif tag in ("td", "th") and self.tables:
            self._end_cell()
            wide, high = (
                int(given.get(name, "")) if given.get(name, "").isdecimal() else 1 for name in ("colspan", "rowspan")
            )
            self._cell, self._spans = [], (min(wide, 100), min(high, 1000))
        elif tag == "br" and self._cell is not None:
            self._cell.append("\n")
        elif tag == "img" and self._cell is not None:
            self._cell.append(given.get("src", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self._end_cell()

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(re.sub(r"\s+", " ", data))

    def _end_cell(self) -> None:
        if self._cell is None or not self.tables or not self.tables[-1]:
            return
        values, text = self.tables[-1][-1].cells, "".join(self._cell).strip()
        (wide, high), self._cell = self._spans, None
        for place in range(wide):
            if high > 1:
                self._below[len(values)] = (text if not place else "", high - 1)
            values.append(text if not place else "")
        self._fill()

    def _fill(self) -> None:
        """Values of cells that reach down into this row."""
        values = self.tables[-1][-1].cells
        while (kept := self._below.get(len(values))) is not None:
            text, left = kept
            if left > 1:
                self._below[len(values)] = (text, left - 1)
            else:
                del self._below[len(values)]
            values.append(text)
