"""Tables of a web page: what many services hand out as *Excel*, and what browsers put on the clipboard."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from vidgen_core.services.imports.readers.table import Sheet, TableRow, cell_text, struck

#: Elements that begin a line of their own within a cell.
_LINES = frozenset({"br", "p", "div", "li"})
#: Elements without an end.
_ALONE = frozenset({"img", "br", "input", "hr", "wbr", "col", "link", "meta", "source"})
#: Elements whose content is not shown, and those whose letters are struck out.
_UNSEEN, _CROSSED = frozenset({"script", "style", "template", "noscript"}), frozenset({"s", "del", "strike"})
#: Classes that a style sheet strikes out.
_CLASSES = re.compile(r"\.([\w-]++)\s*+\{[^{}]*?line-through", re.IGNORECASE)
_NOT_SHOWN = re.compile(r"(?:display\s*+:\s*+none|visibility\s*+:\s*+(?:hidden|collapse))", re.IGNORECASE)


def html_sheets(text: str) -> list[Sheet]:
    """The tables of a page that have more than one row; none for what is no page."""
    if not re.match(r"\s*+<[!?a-z]", text, re.IGNORECASE) or not re.search(r"<table\b", text, re.IGNORECASE):
        return []
    reader = _HtmlReader()
    reader.feed(text)
    reader.close()
    return [Sheet("", rows) for rows in reader.tables if len(rows) > 1]


class _HtmlReader(HTMLParser):
    """Rows and cells; a picture is its address, a cell over several rows gives its value to all of them.

    A table within a cell of another is a table of its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[TableRow]] = []
        self._open: list[_HtmlTable] = []
        #: Elements that are open and not shown, or struck out, from the outermost: (name, whether it is not shown).
        self._gone: list[tuple[str, bool]] = []
        self._crossed: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        style = given.get("style", "")
        unseen = tag in _UNSEEN or "hidden" in given or _NOT_SHOWN.search(style) is not None
        crossed = tag in _CROSSED or "line-through" in style.casefold()
        crossed = crossed or not self._crossed.isdisjoint(given.get("class", "").split())
        if tag in ("td", "th", "tr", "table"):
            # Their ends may be left out.
            self._gone.clear()
        if (unseen or crossed or any(tag == name for name, _ in self._gone)) and tag not in (*_ALONE, "tr", "table"):
            self._gone.append((tag, unseen))
        if tag == "table":
            self._open.append(_HtmlTable())
            self.tables.append(self._open[-1].rows)
        elif not self._open:
            return
        elif tag == "tr":
            self._open[-1].begin_row(hidden=unseen or crossed)
        elif tag in ("td", "th"):
            self._open[-1].begin_cell(_count(given, "colspan", 100), _count(given, "rowspan", 1000))
        elif tag == "img":
            # Pages that load their pictures late have something small in their place.
            self._say(f" {given.get('data-src') or given.get('data-original') or given.get('src', '')} ")
        elif tag == "a":
            self._open[-1].link = given.get("href", "")
        elif tag in _LINES:
            self._say("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in [name for name, _ in self._gone]:
            while self._gone.pop()[0] != tag:
                pass
        if self._open and tag in ("td", "th", "tr", "table"):
            self._open[-1].end_cell()
            if tag == "table":
                self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._gone and self._gone[-1][0] == "style":
            self._crossed.update(_CLASSES.findall(data))
        elif self._open:
            self._say(re.sub(r"\s+", " ", data))

    def _say(self, text: str) -> None:
        if not any(unseen for _, unseen in self._gone):
            self._open[-1].say(struck(text) if self._gone else text)


def _count(given: dict[str, str], name: str, most: int) -> int:
    said = given.get(name, "")
    return min(int(said), most) if said.isdecimal() and len(said) < 6 else 1


class _HtmlTable:
    """The rows of one table, while they are read."""

    def __init__(self) -> None:
        self.rows: list[TableRow] = []
        #: Where the last link of the cell leads to.
        self.link = ""
        self._cell: list[str] | None = None
        self._spans = (1, 1)
        #: Column → what a cell above says, and for how many rows more.
        self._below: dict[int, tuple[str, int]] = {}

    def begin_row(self, *, hidden: bool) -> None:
        self.end_cell()
        self.rows.append(TableRow(len(self.rows) + 1, [], hidden=hidden, links={}))
        self._fill()

    def begin_cell(self, wide: int, high: int) -> None:
        self.end_cell()
        self._cell, self._spans, self.link = [], (wide, high), ""

    def say(self, text: str) -> None:
        if self._cell is not None:
            self._cell.append(text)

    def end_cell(self) -> None:
        if self._cell is None or not self.rows:
            return
        values = self.rows[-1].cells
        text = cell_text("".join(self._cell))
        (wide, high), self._cell = self._spans, None
        if self.link:
            self.rows[-1] = self.rows[-1]._replace(links={**self.rows[-1].links, len(values): self.link})
        for place in range(wide):
            if high > 1:
                self._below[len(values)] = (text if not place else "", high - 1)
            values.append(text if not place else "")
        self._fill()

    def _fill(self) -> None:
        """Values of cells that reach down into this row."""
        values = self.rows[-1].cells
        while (kept := self._below.get(len(values))) is not None:
            text, left = kept
            if left > 1:
                self._below[len(values)] = (text, left - 1)
            else:
                del self._below[len(values)]
            values.append(text)
