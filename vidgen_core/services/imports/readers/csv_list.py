"""Text lists as people have them: any spreadsheet's CSV, in the encodings and with the delimiters they use."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.columns import AS_GUESSED, Columns, ListChoice, find_header, likely_header
from vidgen_core.services.imports.formulas import untame
from vidgen_core.services.imports.plan import ImportPlan, Reason
from vidgen_core.services.imports.readers.bounds import check_rows, check_separators
from vidgen_core.services.imports.readers.decoding import decodings
from vidgen_core.services.imports.readers.pictures import Progress, Surroundings
from vidgen_core.services.imports.rows import ListRow, cut_row, plan_rows

#: Lists with pictures inside (data URIs) are large; beyond this it is no list.
LARGEST: Final = 200 << 20
_DELIMITERS: Final = (",", ";", "\t", "|")
#: Rows above the header that may hold titles and remarks.
_HEAD: Final = 30
#: Letters in which a header must be found.
_HEAD_LETTERS: Final = 1 << 18
#: Broken quotes that are stepped over before a list counts as garbage.
_PATIENCE: Final = 1000


class _Table(NamedTuple):
    text: str
    delimiter: str
    #: Line of the header.
    header: int
    columns: Columns
    headers: list[str]


class _Record(NamedTuple):
    #: Line of the file where it begins, from 1.
    line: int
    values: list[str]
    #: Whether a quote is opened in it and never closed.
    open: bool = False


def read_csv(
    source: Path | bytes,
    base: Path,
    *,
    name: str | None = None,
    may_leave: bool = True,
    choice: ListChoice = AS_GUESSED,
    progress: Progress | None = None,
) -> ImportPlan:
    """The plan of a list in UTF-8, UTF-16 or GB18030 with comma, semicolon, tab or bar between the cells.

    :param base: the folder that paths of pictures count from
    :param name: what to call the list when it is bytes
    :param may_leave: whether it may name pictures outside of ``base``; False for lists that came through a browser
    :param choice: which column is what, where a person has said so
    :raises InputError: list_unreadable, list_too_large, list_empty, list_not_text, list_without_header, list_broken
    """
    name = name or (source.name if isinstance(source, Path) else "list.csv")
    table = _find_table(read_bytes(source, name), name, choice.columns)
    rows = _rows(table, name)
    return ImportPlan(
        source=name,
        shots=plan_rows(rows, name, Surroundings(base, may_leave), progress),
        recognised={table.headers[index].strip(): field for field, index in table.columns.fields.items()},
        unknown=tuple(header for header in table.columns.unknown.values() if not header.startswith("#")),
    )


def read_bytes(source: Path | bytes, name: str) -> bytes:
    """All of a list, within bounds.

    :raises InputError: list_unreadable, list_too_large, list_empty
    """
    try:
        size = source.stat().st_size if isinstance(source, Path) else len(source)
        if size > LARGEST:
            raise InputError("list_too_large", name=name, limit=LARGEST >> 20)
        data = source.read_bytes() if isinstance(source, Path) else source
    except (OSError, ValueError) as error:
        raise InputError("list_unreadable", name=name) from error
    if not data.strip(b"\0 \t\r\n,;\xef\xbb\xbf\xff\xfe"):
        raise InputError("list_empty", name=name)
    check_separators(data, name, b",;\t|{[\n")
    return data


def csv_headers(source: Path | bytes, name: str) -> list[str]:
    """The cells of what most likely is the header, known or not; none when the list has no second column or row.

    :raises InputError: as ``read_csv``, but for the header
    """
    best: list[str] = []
    texts = decodings(read_bytes(source, name))
    for text in texts:
        for delimiter in _DELIMITERS:
            rows = [record.values for record in _head_of(text, delimiter)]
            index = likely_header(rows)
            if index is not None and (find_header(rows) or len(rows[index]) > len(best)):
                best = rows[index]
                if find_header(rows):
                    return best
        if best:
            return best
    raise InputError("list_not_text", name=name)


def _find_table(data: bytes, name: str, chosen: Mapping[str, str] | None) -> _Table:
    """The first reading of the bytes that has a header; guesses at the encoding prove themselves by it."""
    readable = False
    for text in decodings(data):
        readable = True
        table = _table_of(text, chosen)
        if table:
            return table
    raise InputError("list_without_header" if readable else "list_not_text", name=name)


def _table_of(text: str, chosen: Mapping[str, str] | None) -> _Table | None:
    found = [table for table in (_with_delimiter(text, delimiter, chosen) for delimiter in _DELIMITERS) if table]
    return max(found, key=lambda table: len(table.columns.fields), default=None)


def _head_of(text: str, delimiter: str) -> list[_Record]:
    try:
        return list(itertools.islice(_records(text[:_HEAD_LETTERS], delimiter), _HEAD))
    except csv.Error:
        return []


def _with_delimiter(text: str, delimiter: str, chosen: Mapping[str, str] | None) -> _Table | None:
    head = _head_of(text, delimiter)
    found = find_header([record.values for record in head], chosen)
    if found is None:
        return None
    index, columns = found
    return _Table(text, delimiter, head[index].line, columns, head[index].values)


def _rows(table: _Table, name: str) -> Iterator[ListRow]:
    found = 0
    try:
        for record in _records(table.text, table.delimiter):
            if record.line <= table.header:
                continue
            if record.open:
                yield ListRow(record.line, {}, {}, broken=Reason("row_quote_open"))
            elif row := cut_row(record.line, record.values, table.columns):
                found += 1
                check_rows(found, name)
                yield row
    except csv.Error as error:
        raise InputError("list_broken", name=name) from error


def _records(text: str, delimiter: str) -> Iterator[_Record]:
    """Records with the line each begins on.

    A quote that is never closed would swallow the rest of the list: its line is given up alone and reading goes on
    after it.
    """
    # One limit for the whole process, and a data URI is one cell.
    csv.field_size_limit(LARGEST)
    lines = io.StringIO(text, newline="").readlines()
    start = 0
    for _ in range(_PATIENCE):
        reader = csv.reader(lines[start:], delimiter=delimiter, skipinitialspace=True)
        begin = start
        for values in reader:
            end = start + reader.line_num
            if (end == len(lines) or end > begin + 1) and _is_open(lines[begin:end], delimiter):
                break
            yield _Record(begin + 1, [untame(value) for value in values])
            begin = end
        else:
            return
        yield _Record(begin + 1, [], open=True)
        start = begin + 1
    raise csv.Error


def _is_open(lines: list[str], delimiter: str) -> bool:
    """Whether the record in these lines opens a quote that is never closed; only the strict reader tells.

    Such a quote runs to the end of the list, or to the next quote further down, after which text is glued to it.
    """
    try:
        list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error as error:
        return len(lines) > 1 or "unexpected end of data" in str(error)
    return False
