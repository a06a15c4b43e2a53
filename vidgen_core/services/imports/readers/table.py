"""Tables, whatever file they come from, become a plan: header, rows, pictures, and what is to be said of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.columns import (
    Columns,
    ListChoice,
    find_header,
    labels,
    likely_header,
    match_columns,
    plain_header,
)
from vidgen_core.services.imports.plan import ImportPlan, Reason, RowNote
from vidgen_core.services.imports.readers.bounds import check_rows
from vidgen_core.services.imports.readers.pictures import Progress, Surroundings, names_picture
from vidgen_core.services.imports.rows import ListRow, cut_row, plan_rows

#: Rows above the header that may hold titles and remarks.
HEAD: Final = 30
#: Stands for every sheet that has a header.
EVERY_SHEET: Final = "*"
#: Fields of a table that is a list of shots.
_ENOUGH: Final = 2
#: First values of a column that are shown when its header says nothing.
_SHOWN: Final = 3


def cell_text(text: str) -> str:
    """The lines of a cell without what stands around them, and without empty ones."""
    return "\n".join(filter(None, (line.strip() for line in text.split("\n"))))


#: Around letters that are struck out; no text holds these signs.
_STRUCK: Final = re.compile("\x0e([^\x0e\x0f]*+)\x0f?")


def struck(text: str) -> str:
    """Letters that are struck out, for ``without_struck``."""
    return f"\x0e{text}\x0f" if text.strip() else ""


def without_struck(sheet: Sheet) -> Sheet:
    """The sheet without the letters that are struck out in cells that have others; rows that are struck out as a whole are hidden."""
    return sheet._replace(
        rows=[_unstruck(row) if any("\x0e" in cell for cell in row.cells) else row for row in sheet.rows]
    )


def _unstruck(row: TableRow) -> TableRow:
    kept = [re.sub(" {2,}", " ", _STRUCK.sub("", cell)).strip() for cell in row.cells]
    whole = [_STRUCK.sub(r"\1", cell) for cell in row.cells]
    if not any(kept):
        return row._replace(cells=whole, hidden=True)
    gone = [part.strip() for cell, rest in zip(row.cells, kept, strict=True) if rest for part in _STRUCK.findall(cell)]
    said = (Reason("letters_struck", {"text": " … ".join(gone)[:80]}),) if gone else ()
    cells = [rest or cell for rest, cell in zip(kept, whole, strict=True)]
    return row._replace(cells=cells, warnings=(*row.warnings, *said))


class TableRow(NamedTuple):
    """One row of a sheet."""

    #: As the sheet counts it, from 1.
    line: int
    cells: list[str]
    #: Column → pictures that lie on the cell, or links to them.
    pictures: Mapping[int, Sequence[bytes | str]] = {}
    #: Hidden, or struck out as a whole.
    hidden: bool = False
    #: Why the row cannot be read as one at all.
    broken: Reason | None = None
    #: What is doubtful about its cells.
    warnings: tuple[Reason, ...] = ()
    #: Column → where the cell leads to, whatever it shows.
    links: Mapping[int, str] = {}


class Sheet(NamedTuple):
    """A table as it stands in a file; ``title`` is empty where there is only one."""

    title: str
    rows: Sequence[TableRow]
    hidden: bool = False
    #: Letters of columns that are hidden.
    hidden_columns: tuple[str, ...] = ()
    #: Rows that are headings or sums between and beneath the shots.
    left_out: int = 0


def plan_sheets(
    sheets: Sequence[Sheet],
    name: str,
    around: Surroundings,
    choice: ListChoice,
    progress: Progress | None = None,
) -> ImportPlan:
    """The plan of the chosen sheets, else of the first visible one that has a header.

    :raises InputError: list_without_header, list_too_many_rows
    """
    found = [(sheet, *head) for sheet in sheets if (head := find_header(_head(sheet), choice.columns))]
    chosen = [table for table in found if _is_chosen(table[0], choice)]
    if not choice.sheets and chosen:
        # The first that says more of a shot than its text: a table of characters may stand above it.
        chosen = [max(chosen, key=lambda table: min(len(table[2].fields), _ENOUGH))]
    if not chosen:
        raise InputError("list_without_header", name=name)
    rows: list[ListRow] = []
    notes: list[RowNote] = []
    recognised: dict[str, str] = {}
    unknown: dict[str, None] = {}
    for sheet, index, columns in chosen:
        headers = labels(sheet.rows[index].cells)
        recognised |= {headers[place]: field for place, field in columns.meant.items()}
        unknown |= dict.fromkeys(header for header in columns.unknown.values() if not header.startswith("#"))
        body = sheet.rows[index + 1 :]
        rows += _list_rows(body, columns, hidden=choice.hidden)
        if left_out := 0 if choice.hidden else sum(row.hidden and any(row.cells) for row in body):
            notes.append(RowNote(None, "rows_hidden", {"source": name, "count": left_out}))
        if sheet.left_out:
            notes.append(RowNote(None, "rows_no_shots", {"source": name, "count": sheet.left_out}))
        if sheet.hidden_columns:
            columns_said = ", ".join(sheet.hidden_columns)
            notes.append(RowNote(None, "columns_hidden", {"source": name, "columns": columns_said}))
    others = [sheet.title for sheet, *_ in found if all(sheet is not taken for taken, *_ in chosen)]
    if others and not choice.sheets:
        read = ", ".join(sheet.title for sheet, *_ in chosen)
        params = {"source": name, "sheet": read, "others": ", ".join(others[:8])}
        notes.append(RowNote(None, "sheets_left", params))
    check_rows(len(rows), name)
    return ImportPlan(
        source=name,
        shots=plan_rows(rows, name, around, progress),
        recognised=recognised,
        unknown=tuple(unknown),
        notes=tuple(notes),
    )


def _is_chosen(sheet: Sheet, choice: ListChoice) -> bool:
    if not choice.sheets or EVERY_SHEET in choice.sheets:
        return choice.hidden or not sheet.hidden
    return sheet.title in choice.sheets


def _head(sheet: Sheet) -> list[list[str]]:
    return [row.cells for row in sheet.rows[:HEAD]]


#: What people write for the value of the cell above.
_AS_ABOVE: Final = re.compile(
    r"[(（\[]?(?:(?:同上|同前)(?:一?[行格镜鏡])?|与上(?:一?[行格镜鏡])?(?:相)?同|〃|″|”|\"|''|↑|ditto|idem|(?:same )?as above|上に同じ|上と同じ)[)）\].。]?",
    re.IGNORECASE,
)


def _as_meant(rows: Sequence[TableRow], columns: Columns) -> Iterator[TableRow]:
    """The rows with the value of the cell above, whatever it is, where a cell points at it; no two shots have one number."""
    above: TableRow | None = None
    for row in rows:
        marks = {place for place, cell in enumerate(row.cells) if _AS_ABOVE.fullmatch(cell.strip())}
        if above is not None and marks:
            own = {columns.fields.get("shot")}
            cells = [
                cell if place not in marks else "" if place in own else (above.cells[place : place + 1] or [""])[0]
                for place, cell in enumerate(row.cells)
            ]
            pictures = {place: lying for place, lying in above.pictures.items() if place in marks - own}
            links = {place: link for place, link in above.links.items() if place in marks - own}
            row = row._replace(cells=cells, pictures=pictures | dict(row.pictures), links=links | dict(row.links))
        if not row.broken:
            above = row
        yield row


def _list_rows(rows: Sequence[TableRow], columns: Columns, *, hidden: bool) -> Iterator[ListRow]:
    for row in _as_meant(rows, columns):
        if row.hidden and not hidden:
            continue
        if row.broken:
            yield ListRow(row.line, {}, {}, broken=row.broken)
        elif cut := cut_row(row.line, _with_links(row, columns), columns, row.pictures):
            yield cut._replace(warnings=row.warnings)
        elif row.warnings:
            yield ListRow(row.line, {}, {}, broken=row.warnings[0])


def _with_links(row: TableRow, columns: Columns) -> list[str]:
    """The cells, with the link instead of its text where a picture is meant and the text names none."""
    if not row.links:
        return row.cells
    meant = {place for place, field in columns.meant.items() if field in ("image", "last_frame", "references")}
    return [
        row.links[place] if place in meant and place in row.links and not names_picture(cell) else cell
        for place, cell in enumerate(row.cells)
    ]


class SheetInspection(NamedTuple):
    """The columns of one sheet, for a person to say what they are."""

    #: Empty for a list without sheets.
    title: str
    #: What the columns are called, as ``ListChoice.columns`` names them.
    columns: tuple[str, ...]
    #: Field → column, as they would be taken without being told.
    guess: dict[str, str]
    #: Column → its first values.
    samples: dict[str, tuple[str, ...]]
    hidden: bool
    hidden_rows: int
    hidden_columns: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """The same for lists with the same headers."""
        return hashlib.sha256("\n".join(map(plain_header, self.columns)).encode()).hexdigest()[:24]

    @property
    def usable(self) -> bool:
        """Whether it can be read as guessed: it has a picture or a prompt."""
        return not {"image", "prompt", "picture_prompt"}.isdisjoint(self.guess)


def inspect_tables(sheets: Sequence[Sheet]) -> tuple[SheetInspection, ...]:
    """The sheets that are not empty."""
    return tuple(_inspect(sheet, index) for sheet in sheets if (index := likely_header(_head(sheet))) is not None)


def _inspect(sheet: Sheet, index: int) -> SheetInspection:
    names = labels(sheet.rows[index].cells)
    body = sheet.rows[index + 1 :]
    samples: dict[str, list[str]] = {name: [] for name in names}
    for row in body[:HEAD]:
        for name, cell in zip(names, row.cells, strict=False):
            if cell.strip() and len(samples[name]) < _SHOWN:
                samples[name].append(cell.strip()[:80])
    return SheetInspection(
        title=sheet.title,
        columns=tuple(dict.fromkeys(names)),
        guess={field: names[place] for field, place in match_columns(names).fields.items()},
        samples={name: tuple(values) for name, values in samples.items()},
        hidden=sheet.hidden,
        hidden_rows=sum(row.hidden for row in body),
        hidden_columns=sheet.hidden_columns,
    )
