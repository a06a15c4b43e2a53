"""Sheets as people lay them out, turned into one header with a row a shot below it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from vidgen_core.services.imports.columns import KEPT, Columns, find_header, match_columns, plain_header
from vidgen_core.services.imports.numbers import number_of, plain_digits
from vidgen_core.services.imports.readers.bounds import MOST_CELLS
from vidgen_core.services.imports.readers.pictures import names_picture
from vidgen_core.services.imports.readers.table import HEAD, Sheet, TableRow
from vidgen_core.services.imports.values import counted

#: Columns of a sheet that is a wall of pictures.
_WIDEST: Final = 30
#: Rows of a sheet in which every column is a shot.
_MOST_FIELDS: Final = 60
_SCENES: Final = frozenset(
    plain_header(name)
    for name in (
        "场次",
        "场",
        "场景",
        "集",
        "集数",
        "scene",
        "episode",
        "act",
        "幕",
        "場次",
        "シーン",
        "сцена",
        "escena",
        "szene",
        "scène",
    )
)
#: ``第一场 咖啡馆``, ``Scene 3``, ``EP02``, ``INT. CAFE – DAY``: a heading between shots.
_HEADING: Final = re.compile(
    r"(?:第\s*+\d{1,3}+\s*+[场場集幕章回话話]|(?:场景?|集|幕|scene|sc|ep|episode|act|chapter|part)\s*+[.#:：_-]?\s*+(?:\d{1,3}|[一二三四五六七八九十]{1,3})|(?:int|ext|i/e|内景|外景)[ ./、：:]).*+",
    re.IGNORECASE | re.DOTALL,
)
_KEPT: Final = frozenset(map(plain_header, KEPT))
_SUM: Final = re.compile(
    r"(?:总?合计|總計|总计|小计|共计|总时长|total|subtotal|sum|gesamt|合計)\s*+[:：]?.{0,12}", re.IGNORECASE
)


#: ``（秒）``, ``必填，不超过500字``, ``required``: what is to be written below.
_HINT: Final = re.compile(
    r"[(（\[【][^()（）\[\]【】]*+[)）\]】]|(?:必填|选填|可选|单位|填写|required\b|optional\b|unit\b).*+",
    re.IGNORECASE | re.DOTALL,
)


def arranged(sheet: Sheet, chosen: Mapping[str, str] | None = None) -> Sheet:
    """The sheet with its header above its shots.

    Read are: sheets that are turned on their side, blocks that stand beside each other, a header that is repeated on
    every page, headings of scenes between the shots, sums beneath them, scenes named once for the rows below, lists
    without any header, and walls of pictures with their text beneath.
    """
    head = _head(sheet.rows, chosen)
    turned = _turned(sheet.rows)
    across = _head(turned, chosen)
    if across and len(across[1].fields) > max(1, len(head[1].fields) if head else 0):
        sheet, head = sheet._replace(rows=turned), across
    if head is None:
        return sheet if chosen else sheet._replace(rows=_wall(sheet.rows) or _without_header(sheet.rows) or sheet.rows)
    above, header, body = sheet.rows[: head[0]], sheet.rows[head[0]], sheet.rows[head[0] + 1 :]
    header, body = _side_by_side(header, body)
    columns = match_columns(header.cells, chosen)
    header, body, left_out = _plain_rows(header, body, columns)
    return sheet._replace(rows=[*above, header, *body], left_out=sheet.left_out + left_out)


def _head(rows: Sequence[TableRow], chosen: Mapping[str, str] | None) -> tuple[int, Columns] | None:
    return find_header([row.cells for row in rows[:HEAD]], chosen)


def _turned(rows: Sequence[TableRow]) -> list[TableRow]:
    """Each column as a row; none for what is too long to have its shots across."""
    if not 1 < len(rows) <= _MOST_FIELDS or any(row.broken for row in rows):
        return []
    width = max(max((len(row.cells), *(place + 1 for place in row.pictures))) for row in rows)
    if width * len(rows) > MOST_CELLS:
        return []
    return [
        TableRow(
            column + 1,
            [row.cells[column] if column < len(row.cells) else "" for row in rows],
            {place: row.pictures[column] for place, row in enumerate(rows) if column in row.pictures},
            links={place: row.links[column] for place, row in enumerate(rows) if column in row.links},
        )
        for column in range(width)
        if any(column in row.pictures or (column < len(row.cells) and row.cells[column].strip()) for row in rows)
    ]


def _side_by_side(header: TableRow, body: Sequence[TableRow]) -> tuple[TableRow, Sequence[TableRow]]:
    """Blocks with the same header beside each other, put below each other."""
    plain = [plain_header(cell) for cell in header.cells]
    first = next((name for name in plain if name), "")
    starts = [place for place, name in enumerate(plain) if name == first]
    blocks = [_trimmed(plain[start:end]) for start, end in zip(starts, [*starts[1:], len(plain)], strict=True)]
    width = len(blocks[0])
    if len(blocks) < 2 or width < 2 or any(block != blocks[0] for block in blocks) or any(row.broken for row in body):
        return header, body
    stacked = [
        row._replace(
            cells=row.cells[start : start + width],
            pictures={place - start: held for place, held in row.pictures.items() if start <= place < start + width},
            links={place - start: link for place, link in row.links.items() if start <= place < start + width},
        )
        for start in starts
        for row in body
    ]
    return header._replace(cells=header.cells[starts[0] : starts[0] + width]), stacked


def _trimmed(names: list[str]) -> list[str]:
    while names and not names[-1]:
        names = names[:-1]
    return names


def _plain_rows(header: TableRow, body: Sequence[TableRow], columns: Columns) -> tuple[TableRow, list[TableRow], int]:
    """The rows that are shots, with the scene that a heading or a row above names, and how many others there were."""
    width = len(header.cells)
    scene = next((place for place, name in columns.unknown.items() if plain_header(name) in _SCENES), None)
    named_once = scene is not None and _is_named_once(body, scene, columns.fields.get("shot"))
    kept: list[TableRow] = []
    texts = {columns.fields.get(field) for field in ("prompt", "picture_prompt", "script")}
    heading = said = ""
    left_out = 0
    for at, row in enumerate(body):
        filled = {place: cell.strip() for place, cell in enumerate(row.cells) if cell.strip()}
        words = set(filled.values())
        shows = any(columns.fields.get(field) in filled for field in ("prompt", "image", "picture_prompt"))
        if row.broken:
            kept.append(row)
        elif not row.pictures and len(filled) > 1 and (row.cells == header.cells or _explains(filled, columns)):
            left_out += 1
        elif at and row.line > body[at - 1].line + 1 and len(filled) > 1 and all(map(_is_name, filled.values())):
            # Another table, below an empty row.
            left_out += len(body) - at
            break
        elif (
            len(words) == 1
            and filled.keys() - texts
            and not row.pictures
            and len(columns.fields) > 1
            and _HEADING.fullmatch(plain_digits(word := next(iter(words))))
        ):
            heading, left_out = word, left_out + 1
        elif not shows and not row.pictures and any(_SUM.fullmatch(cell) for cell in filled.values()):
            left_out += 1
        else:
            cells = list(row.cells)
            if scene is not None and scene < len(cells):
                said = cells[scene] if cells[scene].strip() or not named_once else said
                cells[scene] = said
            kept.append(row._replace(cells=cells) if not heading or scene is not None else _under(row, heading, width))
    if heading and scene is None:
        header = header._replace(cells=[*header.cells, "场次"])
    return header, kept, left_out


#: A row that shows how the sheet is to be filled in.
_EXAMPLE: Final = re.compile(
    r"(?:示例|示範|样例|範例|范例|填写示例|example|sample|e\.?g\.?)[ :：_-]*\d{0,2}", re.IGNORECASE
)


def _explains(filled: Mapping[int, str], columns: Columns) -> bool:
    """Whether a row is no shot: it says once more what its columns are, what is to be written there, or what their sum is."""
    number = filled.get(columns.fields.get("shot", -1), "")
    meant = {place: field for place, field in columns.meant.items() if place in filled}
    again = [place for place, field in meant.items() if field in match_columns([filled[place]]).fields]
    is_hint = not any(map(str.isdecimal, number)) and all(map(_HINT.fullmatch, filled.values()))
    return (
        (len(meant) > 1 and len(again) == len(meant))
        or is_hint
        or bool(_SUM.fullmatch(number) or _EXAMPLE.fullmatch(number))
    )


def _is_name(cell: str) -> bool:
    """Whether it is what a column is called."""
    return plain_header(cell) in _KEPT or bool(match_columns([cell]).meant)


def _is_named_once(body: Sequence[TableRow], scene: int, shot: int | None) -> bool:
    """Whether a scene is named in its first row alone, and numbers begin anew with it: otherwise none may be meant."""

    def column(place: int) -> list[str]:
        return [row.cells[place].strip() if place < len(row.cells) else "" for row in body if any(row.cells)]

    scenes, numbers = column(scene), [number for number in column(shot) if number] if shot is not None else []
    return bool(scenes) and bool(scenes[0]) and not all(scenes) and len(set(numbers)) < len(numbers)


def _under(row: TableRow, heading: str, width: int) -> TableRow:
    return row._replace(cells=[*row.cells[:width], *[""] * (width - len(row.cells)), heading])


# --- no header at all


def _wall(rows: Sequence[TableRow]) -> list[TableRow]:
    """Pictures beside each other, with what stands beneath (or, where nothing does, above) as their text."""
    pictured = [place for place, row in enumerate(rows) if row.pictures]
    if not any(len(rows[place].pictures) > 1 for place in pictured) or any(
        max(rows[place].pictures) >= _WIDEST for place in pictured
    ):
        return []
    beneath = _texts(rows, pictured[-1] + 1, len(rows))
    found = [TableRow(0, ["shot", "image", "prompt"])]
    for before, place, after in zip([-1, *pictured], pictured, [*pictured[1:], len(rows)], strict=False):
        texts = _texts(rows, place, after) if beneath else _texts(rows, before + 1, place + 1)
        for column in sorted(rows[place].pictures):
            lines = texts.get(column, [])
            number = next((number for line in lines if (number := number_of(line))), "")
            prompt = "\n".join(line for line in lines if not number or number_of(line) != number)
            found.append(TableRow(rows[place].line, [number, "", prompt], {1: rows[place].pictures[column]}))
    return found


def _texts(rows: Sequence[TableRow], start: int, end: int) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for row in rows[start:end]:
        for column, cell in enumerate(row.cells):
            if cell.strip():
                found.setdefault(column, []).append(cell.strip())
    return found


def _without_header(rows: Sequence[TableRow]) -> list[TableRow]:
    """The rows below a header made up from what the columns hold; none where they do not say it clearly."""
    whole = [row for row in rows if not row.broken]
    width = max((len(row.cells) for row in whole), default=0)
    if not whole or not 1 < width <= 20 or sum(len(row.cells) >= 2 for row in whole) * 2 < len(whole):
        return []
    columns = [
        [cell for row in whole if place < len(row.cells) and (cell := row.cells[place].strip())]
        for place in range(width)
    ]
    pictured = {place for row in whole for place in row.pictures}
    names = [""] * width

    def take(field: str, test: Callable[[str], object], *, first: bool = False) -> None:
        for place, cells in enumerate(columns):
            is_picture = field == "image" and place in pictured
            if not names[place] and (is_picture or (cells and (not first or place == 0) and all(map(test, cells)))):
                names[place] = field
                return

    take("image", names_picture)
    take("shot", lambda cell: len(cell) <= 12 and number_of(cell), first=True)
    take("duration", lambda cell: re.fullmatch(r"\d{1,2}(?:\.\d)?\s?(?:s|sec|秒)", counted(cell), re.IGNORECASE))
    texts = {
        place: sum(map(len, cells)) / len(cells) for place, cells in enumerate(columns) if cells and not names[place]
    }
    if not texts or not {"image", "shot"} & set(names):
        return []
    longest = max(texts, key=lambda place: texts[place])
    names[longest] = "prompt" if texts[longest] >= 2 else ""
    return [TableRow(0, names), *rows] if names[longest] else []
