"""Text lists as people have them: any spreadsheet's CSV, Markdown tables, and prompts one a line, in the encodings they use."""

from __future__ import annotations

import csv
import html
import io
import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.columns import Columns, find_header, likely_header
from vidgen_core.services.imports.decoding import decodings
from vidgen_core.services.imports.formulas import untame
from vidgen_core.services.imports.numbers import number_of, numeral, plain_digits
from vidgen_core.services.imports.plan import Reason
from vidgen_core.services.imports.readers.bounds import check_rows, check_separators
from vidgen_core.services.imports.readers.html_list import html_sheets
from vidgen_core.services.imports.readers.pictures import names_picture
from vidgen_core.services.imports.readers.records import record_sheet
from vidgen_core.services.imports.readers.table import HEAD, Sheet, TableRow, struck
from vidgen_core.services.imports.values import clean

#: Lists with pictures inside (data URIs) are large; beyond this it is no list.
LARGEST: Final = 200 << 20
_DELIMITERS: Final = (",", ";", "\t", "|")
#: Those that text is full of, or that few programs write: only behind a header with two names that are known.
_RARE: Final = ("，", "；", "^", "~")
#: Between columns that are set apart by blanks alone.
_BLANKS: Final = re.compile(r"(?<=\S)(?: {2,}+\u3000*+|\u3000++ *+)(?=\S)")
#: Stands in no list: what is read with it has one column.
_NONE: Final = "\x1f"
#: Letters in which a header must be found.
_HEAD_LETTERS: Final = 1 << 18
#: Broken quotes that are stepped over before a list counts as garbage.
_PATIENCE: Final = 1000
#: Endings of files that may be prompts alone, without a header.
PROSE_ENDINGS: Final = frozenset({".txt", ".md", ".markdown", ".text", ""})
_RULE: Final = re.compile(r"\s*+\|?\s*+:?-++:?\s*+(?:[|+]\s*+:?-++:?\s*+)*+\|?\s*+")
#: A block of a Markdown document that holds a text or a table as it is.
_FENCED: Final = re.compile(
    r"(?ms)^[ \t]*+```[ \t]*+(?:csv|tsv|te?xt|plaintext|markdown|md)?[ \t]*+$\n(.*?)(?:^[ \t]*+```[ \t]*+$|\Z)",
    re.IGNORECASE,
)
#: A line that parts what stands above from what stands below.
_PARTING: Final = re.compile(r"(?m)^[ \t]*+(?:```\w*+|([-=*_—])(?:[ \t]*+\1){2,})[ \t]*+$")
#: ``1.``, ``2、``, ``(3)``, ``第4镜：``, ``Shot 5:`` before a prompt.
_NUMBER_AHEAD: Final = re.compile(
    r"\s*+(?:[(（\[【]\s*+)?((?:第|[镜鏡][头頭]|分[镜鏡]|[镜鏡]|shot|scene|prompt)?\s*+#?\d{1,4}+(?:[.\-]\d{1,3}+)?[a-z]?\s*+"
    r"(?:[镜鏡][头頭]?)?)\s*+(?:[)）\]】]|[.、:：．](?!\d)|-\s)\s*+",
    re.IGNORECASE,
)
#: What is written in XML is no prompt.
_MARKUP: Final = re.compile(r"\s*+<[?!a-z]", re.IGNORECASE)
#: ``一、``, ``①``: what else may stand before the prompts of a list.
_LISTED: Final = re.compile(r"(?m)^[ \t]*+(?:([一二三四五六七八九十]{1,3})[、.．]|([①-⑳]))[ \t]*+")
#: ``00:00-00:05 …``, ``[0s-5s] …``: from when to when each prompt is shown.
_TIMED: Final = re.compile(
    r"[\[(（]?((?:\d{1,2}:\d{2}|\d{1,3}(?:\.\d)?\s?[s秒]?)\s?[-–—~至]\s?(?:\d{1,2}:\d{2}|\d{1,3}(?:\.\d)?\s?[s秒]))[\])）]?[:：]?\s*+(\S.*+)",
    re.DOTALL,
)
#: ``+----+-----+`` between the rows of a drawn table.
_RULER: Final = re.compile(r"(?:\+[-=]{2,}+|[-=]{3,}+\+)[-=+]*+")
#: Such lines of a table that has them between its rows, not only around its header.
_DRAWN: Final = 4
#: Lines that name what stands below them.
_NAMES: Final = re.compile(
    r"(?m)^[ \t]*+(?:[^:：\s][^:：\n]{0,40}[:：]|#{1,6} [^\n]{1,40}|\*\*[^\n]{1,40}\*\*)[ \t]*+$"
)
_BULLET: Final = re.compile(r"\s*+[-*•·●▪]\s++")
#: A picture or a link before its prompt.
_PICTURED: Final = re.compile(
    r"(https?://\S++|[^\s:：=|,，\t][^:：=|,，\t\n]{0,200}?\.(?:png|jpe?g|webp|heic|bmp|gif|tiff?|avif))(?:\s*+[:：=|,，\t]\s*+|\s++|\Z)",
    re.IGNORECASE,
)


class _Table(NamedTuple):
    text: str
    delimiter: str
    columns: Columns


class _CsvRecord(NamedTuple):
    #: Line of the file where it begins, from 1.
    line: int
    values: list[str]
    #: Whether a quote is opened in it and never closed.
    open: bool = False


def text_sheets(source: Path | bytes, name: str, chosen: Mapping[str, str] | None = None) -> list[Sheet]:
    """The tables of a text: one, or those of a Markdown document; prompts alone are a table of one column.

    :raises InputError: list_unreadable, list_too_large, list_empty, list_not_text, list_broken
    """
    likely: list[Sheet] = []
    for decoded in decodings(read_bytes(source, name)):
        text = without_thoughts(decoded)
        fenced = _fenced(text)
        for part in filter(None, (fenced, text)):
            found = html_sheets(part) or _markdown(part) or _drawn(part) or _table(part, name, chosen)
            if found:
                return found
        if found := html_sheets(text[text.casefold().find("<table") :]) if "<table" in text.casefold() else []:
            return found
        prompts = record_sheet(_untagged(text)) or _prompts(fenced or text, Path(name).suffix.lower())
        if prompts:
            return [prompts]
        likely = likely or _likely(text, name)
    if not likely:
        raise InputError("list_not_text", name=name)
    return likely


def without_thoughts(text: str) -> str:
    """The text without what a model thought aloud, on the same lines."""
    kept, at = [], 0
    while (start := text.find("<think", at)) >= 0 and (end := text.find("</think", start)) >= 0:
        kept += [text[at:start], "\n" * text.count("\n", start, end)]
        at = text.find(">", end) + 1 or len(text)
    return "".join([*kept, text[at:]])


def _untagged(text: str) -> str:
    """The text with each element that holds nothing but words as a field of its name, and without other tags."""
    if not re.search(r"<(\w{1,40}+)>[^<>]*+</\1>\s*+<(\w{1,40}+)>[^<>]*+</\2>", text[:_HEAD_LETTERS]):
        return text
    fields = re.sub(
        r"<(\w{1,40}+)>([^<>]*+)</\1>", lambda found: f"\n{found[1]}: {html.unescape(found[2]).strip()}\n", text
    )
    return re.sub(r"</?\w{1,40}+>", "\n", fields)


def _fenced(text: str) -> str:
    """What stands in the fences of a text, on its lines; empty where there is none."""
    parts, end = [], 0
    for found in _FENCED.finditer(text):
        parts += ["\n" * text.count("\n", end, found.start(1)), found[1]]
        end = found.end(1)
    return "".join(parts)


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


def _table(text: str, name: str, chosen: Mapping[str, str] | None) -> list[Sheet]:
    """The text as a table with a header that is known; guesses at the encoding prove themselves by it."""
    found = [table for table in (_with_delimiter(text, one, chosen) for one in _DELIMITERS) if table]
    if not found:
        apart = (text, *_RARE), (_BLANKS.sub("\t", text), "\t")
        tried = [_with_delimiter(one, mark, chosen) for one, *marks in apart for mark in marks]
        found = [table for table in tried if table and len(table.columns.fields) > 1]
    best = max(found, key=lambda table: len(table.columns.fields), default=None)
    if best is None:
        return []
    text = best.text
    alone = len(best.columns.fields) + len(best.columns.unknown) == 1
    if alone and len(_NAMES.findall(text)) > 1:
        # ``Prompt:`` before each of them is a field, no header.
        return []
    # What stands behind a comma of a list of one column belongs to it.
    if alone:
        return [Sheet("", _rows(text, _NONE, name))]
    return [Sheet("", _joined(_rows(text, best.delimiter, name), best.delimiter, chosen))]


#: Fields with sentences, in the order in which a comma may be expected in them.
_SENTENCES: Final = ("prompt", "picture_prompt", "script", "negative_prompt")


def _joined(rows: list[TableRow], delimiter: str, chosen: Mapping[str, str] | None) -> list[TableRow]:
    """The rows with the text put together again that a comma in it, without quotes, has cut into more cells than there are columns."""
    head = find_header([row.cells for row in rows[:HEAD]], chosen)
    names = rows[head[0]].cells if head else []
    place = next((head[1].fields[field] for field in _SENTENCES if field in head[1].fields), None) if head else None
    if place is None or place >= len(names):
        return rows
    between = f"{delimiter} " if delimiter in ",;" else delimiter
    whole: list[TableRow] = []
    for row in rows:
        cells = _without_blanks(row.cells)
        end = place + 1 + len(cells) - len(names)
        if len(cells) > len(names):
            cells = [*cells[:place], between.join(cells[place:end]), *cells[end:]]
            row = row._replace(cells=cells, warnings=(*row.warnings, Reason("cells_joined", {"column": names[place]})))
        whole.append(row)
    return whole


def _without_blanks(cells: list[str]) -> list[str]:
    filled = [place for place, cell in enumerate(cells) if cell.strip()]
    return cells[: filled[-1] + 1] if filled else []


def _head_of(text: str, delimiter: str) -> list[_CsvRecord]:
    try:
        return list(itertools.islice(_records(text[:_HEAD_LETTERS], delimiter), HEAD))
    except csv.Error:
        return []


def _with_delimiter(text: str, delimiter: str, chosen: Mapping[str, str] | None) -> _Table | None:
    found = find_header([record.values for record in _head_of(text, delimiter)], chosen)
    return _Table(text, delimiter, found[1]) if found else None


def _likely(text: str, name: str) -> list[Sheet]:
    """The reading with most columns, for a person to say what they are."""
    best, width = "", 0
    for delimiter in _DELIMITERS:
        rows = [record.values for record in _head_of(text, delimiter)]
        index = likely_header(rows)
        if index is not None and len(rows[index]) > width:
            best, width = delimiter, len(rows[index])
    return [Sheet("", _rows(text, best, name))] if best else []


def _rows(text: str, delimiter: str, name: str) -> list[TableRow]:
    rows: list[TableRow] = []
    try:
        for record in _records(text, delimiter):
            if record.open:
                rows.append(TableRow(record.line, [], broken=Reason("row_quote_open")))
            elif any(record.values) and not _RULER.fullmatch("".join(record.values)):
                rows.append(TableRow(record.line, [_typed(cell) for cell in record.values]))
                check_rows(len(rows) - HEAD, name)
    except csv.Error as error:
        raise InputError("list_broken", name=name) from error
    return rows


def _typed(cell: str) -> str:
    """``="001"`` as the text that a spreadsheet shows for it: programs write it so that zeros stay."""
    plain = cell.strip()
    found = plain[2:-1] if len(plain) > 2 and plain.startswith('="') and plain.endswith('"') else ""
    return found.replace('""', '"') if found and '"' not in found.replace('""', "") else cell


# --- Markdown


def _markdown(text: str) -> list[Sheet]:
    """The tables of a Markdown document, each called by the heading above it."""
    lines = [re.sub(r"^\s*+(?:>\s*+)++(?=\|)", "", line) for line in text.splitlines()]
    sheets: list[Sheet] = []
    title = ""
    place = 0
    while place < len(lines):
        if heading := re.match(r"#{1,6}\s+(.*)", lines[place]):
            title = heading[1].strip()
        if (
            "|" in lines[place]
            and place + 1 < len(lines)
            and "|" in lines[place + 1]
            and _RULE.fullmatch(lines[place + 1])
        ):
            rows = [TableRow(place + 1, _cut(lines[place]))]
            place += 2
            while place < len(lines) and "|" in lines[place]:
                rows.append(TableRow(place + 1, _cut(lines[place])))
                place += 1
            sheets.append(Sheet(title, rows))
        else:
            place += 1
    return _as_one(sheets)


def _as_one(sheets: list[Sheet]) -> list[Sheet]:
    """Tables with one header, a scene each, as one table with the heading of each beside its rows."""
    if len(sheets) < 2 or not all(sheet.title and sheet.rows[0].cells == sheets[0].rows[0].cells for sheet in sheets):
        return sheets
    header = sheets[0].rows[0]
    width = len(header.cells)
    rows = [
        row._replace(cells=[*row.cells[:width], *[""] * (width - len(row.cells)), sheet.title])
        for sheet in sheets
        for row in sheet.rows[1:]
    ]
    return [Sheet("", [header._replace(cells=[*header.cells, "场次"]), *rows])]


def _drawn(text: str) -> list[Sheet]:
    """A table with a line drawn between its rows, whose cells may go over several lines."""
    lines = text.split("\n")
    rulers = [place for place, line in enumerate(lines) if _RULER.match(line.strip())]
    if len(rulers) < _DRAWN:
        return []
    rows = []
    for above, below in itertools.pairwise(rulers):
        cut = [_cut(line) for line in lines[above + 1 : below] if "|" in line]
        if cut:
            columns = itertools.zip_longest(*cut, fillvalue="")
            rows.append(TableRow(above + 2, ["\n".join(filter(None, cells)) for cells in columns]))
    return [Sheet("", rows)] if find_header([row.cells for row in rows[:HEAD]]) else []


#: ``<img src="a.png">``, ``![[a.png|200]]``
_PICTURE_TAG: Final = re.compile(
    r"<img\b[^<>]*?\bsrc\s*+=\s*+([\"'])([^\"'<>]++)\1[^<>]*+>|!\[\[([^\[\]|]++)(?:\|[^\[\]]*+)?\]\]", re.IGNORECASE
)


def _cut(line: str) -> list[str]:
    inner = re.sub(r"^\s*+\||(?<!\\)\|\s*+$", "", line)
    return [_plain(cell) for cell in re.split(r"(?<!\\)\|", inner)]


def _plain(cell: str) -> str:
    """A cell without its marks: ``![](a.png)`` is the picture's path, ``<br>`` a line break."""
    text = re.sub(r'!\[[^\[\]]*+\]\(<?([^()<>"]++)>?[^()]*+\)', r"\1", cell.replace("\\|", "|"))
    text = re.sub(r"<br\s*+/?>", "\n", text, flags=re.IGNORECASE).strip()
    text = re.sub(r"~~(?! )([^~]++)~~", lambda found: struck(found[1]), text)
    if picture := _PICTURE_TAG.fullmatch(text):
        text = picture[2] or picture[3]
    if link := re.fullmatch(r"\[([^\[\]]*+)\]\(<?([^()<>\s]++)>?\)", text):
        text = link[2] if names_picture(link[2]) else link[1]
    return untame(re.sub(r"^(\*\*|`|__)(.+)\1$", r"\2", text, flags=re.DOTALL))


# --- prompts alone


def _pieces(text: str) -> list[tuple[int, str]]:
    """Prompts with the lines on which they begin."""
    in_paragraphs = re.search(r"\n[ \t]*\n", text) is not None
    numbered = _NUMBER_AHEAD.match(plain_digits(text.lstrip())) is not None
    pieces: list[tuple[int, list[str]]] = []
    is_new = True
    for place, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            is_new = True
            continue
        # The next number of a list begins the next prompt, whatever stands between the others.
        if is_new or not in_paragraphs or (numbered and _NUMBER_AHEAD.match(plain_digits(line))):
            pieces.append((place, []))
        pieces[-1][1].append(line.strip())
        is_new = False
    return [(place, "\n".join(lines)) for place, lines in pieces]


def _prompts(text: str, ending: str) -> Sheet | None:
    """Prompts one a line or one a paragraph; None for what rather is a table whose header nobody knows."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    if not clean(text) or _is_garbage(text) or _looks_like_table(text) or (_MARKUP.match(text) and "</" in text):
        return None
    if ending not in PROSE_ENDINGS and re.search(r"[,;\t|]", text):
        return None
    text = _LISTED.sub(lambda found: f"{numeral(found[1]) if found[1] else int(unicodedata.numeric(found[2]))}. ", text)
    text = _PARTING.sub("", text)
    if counted := _counted(text):
        return counted
    pieces = _pieces(re.sub(r"(?m)^[ \t]*+#{1,6}[ \t].*$", "", text) if ending in (".md", ".markdown") else text)
    numbered = [_NUMBER_AHEAD.match(plain_digits(piece)) for _, piece in pieces]
    is_numbered = sum(1 for one in numbered if one) * 2 > len(pieces)
    bullets = [_BULLET.match(piece) for _, piece in pieces]
    timed = [
        _TIMED.match(piece, bullet.end() if bullet else 0) for (_, piece), bullet in zip(pieces, bullets, strict=True)
    ]
    if len(timed) > 1 and all(timed):
        spans = [TableRow(line, [one[1], one[2]]) for (line, _), one in zip(pieces, timed, strict=True) if one]
        return Sheet("", [TableRow(0, ["duration", "prompt"]), *spans])
    rows = [TableRow(0, ["shot", "image", "prompt"])]
    for (line, piece), found in zip(pieces, numbered, strict=True):
        number, rest = "", piece
        if is_numbered and found:
            number, rest = number_of(found[1].strip()) or found[1].strip(), _behind(piece, found)
        elif bullet := _BULLET.match(piece):
            rest = piece[bullet.end() :]
        pictured = _PICTURED.match(rest)
        image, prompt = (pictured[1], rest[pictured.end() :]) if pictured else ("", rest)
        rows.append(TableRow(line, [number, image, prompt]))
    return Sheet("", rows)


def _counted(text: str) -> Sheet | None:
    """Prompts that are numbered one after the other, without the words before and behind them; None for others."""
    lines = text.split("\n")
    heads = [(place, found) for place, line in enumerate(lines) if (found := _NUMBER_AHEAD.match(plain_digits(line)))]
    numbers = [number_of(found[1].strip()) or "" for _, found in heads]
    if len(heads) < 2 or numbers != [str(int(numbers[0] or 0) + place) for place in range(len(heads))]:
        return None
    ends = [*(place for place, _ in heads[1:]), len(lines)]
    blocks = [lines[place:end] for (place, _), end in zip(heads, ends, strict=True)]
    longest = max(len("\n".join(block).strip().split("\n")) for block in blocks[:-1])
    rows = [TableRow(0, ["shot", "image", "prompt"])]
    for (place, found), number, block in zip(heads, numbers, blocks, strict=True):
        said = [_behind(block[0], found), *(line.strip() for line in block[1:])]
        last = place == heads[-1][0]
        end = next(
            (at for at, line in enumerate(said) if last and at >= longest and (longest == 1 or not said[at - 1])),
            len(said),
        )
        prompt = re.sub(r"\n{2,}", "\n", "\n".join(said[:end])).strip()
        pictured = _PICTURED.match(prompt)
        rows.append(
            TableRow(
                place + 1, [number, pictured[1] if pictured else "", prompt[pictured.end() :] if pictured else prompt]
            )
        )
        rest = [(at, line) for at, line in enumerate(said[end:], start=place + end + 1) if line]
        rows += [
            TableRow(at, [], broken=Reason("row_unnumbered", {"line": at, "text": line[:60]})) for at, line in rest
        ]
    return Sheet("", rows, left_out=sum(bool(line.strip()) for line in lines[: heads[0][0]]))


def _behind(piece: str, found: re.Match[str]) -> str:
    """What follows the number, as it was written."""
    plain = plain_digits(piece)
    return piece if len(plain) == found.end() else piece[len(piece) - len(plain) + found.end() :].strip()


def _is_garbage(text: str) -> bool:
    sample = text[:4096]
    return sum(1 for letter in sample if not letter.isprintable() and letter not in "\n\t") * 50 > len(sample)


def _looks_like_table(text: str) -> bool:
    """Whether every line has the same number of cells, more than one."""
    lines = [line for line in text.split("\n")[:HEAD] if line.strip()]
    for delimiter in _DELIMITERS:
        counts = {line.count(delimiter) for line in lines}
        if len(counts) == 1 and counts != {0} and len(lines) > 1 and f"{delimiter} " not in text:
            return True
    return False


# --- records


def _records(text: str, delimiter: str) -> Iterator[_CsvRecord]:
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
            yield _CsvRecord(begin + 1, [untame(value) for value in values])
            begin = end
        else:
            return
        yield _CsvRecord(begin + 1, [], open=True)
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
