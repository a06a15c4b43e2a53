"""Storyboards in JSON and YAML: what earlier steps of the workflow, other tools and language models write down."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.columns import ListChoice, match_columns, plain_header
from vidgen_core.services.imports.decoding import decodings
from vidgen_core.services.imports.loose_json import Damaged, keys_of_parts, read_json, read_loosely, read_whole
from vidgen_core.services.imports.material import said_references
from vidgen_core.services.imports.numbers import number_of
from vidgen_core.services.imports.plan import ImportPlan, Reason, RowNote
from vidgen_core.services.imports.readers.bounds import check_rows
from vidgen_core.services.imports.readers.csv_list import read_bytes, without_thoughts
from vidgen_core.services.imports.readers.pictures import Progress, Surroundings
from vidgen_core.services.imports.readers.table import Sheet, TableRow
from vidgen_core.services.imports.rows import ListRow, cut_row, plan_rows
from vidgen_core.services.imports.values import clean

#: Keys below which shots, or what holds them, are searched first.
_HOLDERS: Final = dict.fromkeys(
    plain_header(name)
    for name in (
        "shots", "镜头", "分镜", "镜头列表", "分镜列表", "storyboard", "clips", "frames", "panels", "segments", "items", "prompts",
        "scenes", "场景", "场次", "场", "sequences", "chapters", "acts", "episodes", "集", "data", "result", "results", "list", "rows",
        "records",
    )
)  # fmt: skip
_SCENE_KEYS: Final = (
    "scene", "scene_number", "scene_no", "scene_id", "场次", "场", "场景号", "number", "id", "no", "index",
)  # fmt: skip
#: Where an object says the text or the file that it stands for.
_SAYS: Final = (
    "url", "path", "file", "src", "uri", "text", "plain_text", "content", "line", "description", "prompt", "seconds", "value", "name",
    "台词", "对白", "旁白", "内容", "文本", "文字",
)  # fmt: skip
#: Keys below which APIs, and programs that ask them, have what a model answered.
_ANSWERS: Final = frozenset((
    "content", "text", "output_text", "response", "output", "answer", "result", "data", "arguments", "input", "completion", "message", "reply",
))  # fmt: skip
#: A text that may be one.
_ANSWER: Final = re.compile(r"(?m)^[ \t]*+[\[{]\s*+[\"\[{]|```")
#: Such texts that are read in search of shots.
_MOST_ANSWERS: Final = 20
_SPEAKERS: Final = ("speaker", "character", "who", "role", "角色", "人物")
_DEEPEST: Final = 8


class _Entry(NamedTuple):
    held: Any
    #: The number of the scene it stands in.
    scene: str = ""
    #: The key it stands under.
    key: str = ""


#: Keys of shots within a shot.
_SUB_SHOTS: Final = re.compile(r"(?:shots|clips|镜头|分镜)\Z")
#: JSON or YAML in a Markdown fence.
_FENCED: Final = re.compile(
    r"```(?:(?:json[cl5]?)?[ \t]*+\r?\n\s*+(?=[\[{])|ya?ml[ \t]*+\r?\n)(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE
)
_FENCE: Final = re.compile(rb"```(?:(?:json[cl5]?)?[ \t]*\r?\n\s*[\[{]|ya?ml[ \t]*\r?\n)", re.IGNORECASE)
#: Where JSON begins in a text with words around it.
_BEGIN: Final = re.compile(r"(?m)^[ \t]*+[\[{]\s*+[\"\[{]")
_BEGINS: Final = re.compile(rb"\n[ \t]*[\[{]\s*[\"\[{]")
#: The first letters of JSON; ``[wide] She turns`` is none.
_OPENS: Final = re.compile(rb"\{|\[\s*[\[{\"'\]/]")
#: A list as a program writes it: ``const shots = [``, ``shots = {``.
_ASSIGNED: Final = re.compile(rb"(?:(?:export|default|const|let|var)\s++){0,3}\w{1,40}+\s*+=\s*+(?=\[\s*+\{|\{)")
#: An object that has begun.
_BEGUN: Final = re.compile(r'\{\s*+"')
#: What JSON is made of, texts with their quotes in one piece.
_TOKEN: Final = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.)*+(")?|[^\s,:\[\]{}"]++', re.DOTALL)
_CLOSING: Final = str.maketrans("[{", "]}")
#: YAML: a list of more than one field each, perhaps below a key.
_YAML: Final = re.compile(
    rb"(?:---\r?\n|#[^\n]*\n|[^\s:\-#{\[]+:(?: [^\n]*)?\r?\n)*[ ]*- [^\s:*\-{\[]+:(?: [^\n]*)?\r?\n[ ]{2,}[^\s:*\-]+:(?:\s|$)"
)


def is_storyboard(first: bytes, ending: str) -> bool:
    """Whether a file is a storyboard of this kind, by its ending or by its first bytes."""
    text = first.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")
    if ending in (".json", ".jsonl", ".ndjson", ".yaml", ".yml") or _OPENS.match(text) or _ASSIGNED.match(text):
        return True
    # Cells of a table may hold JSON: some models take it as their prompt.
    head = next(decodings(text.splitlines()[0]), "") if text else ""
    if ending in (".csv", ".tsv") or len(match_columns(re.split(r"[,;\t|]", head)).fields) > 1:
        return False
    return bool(_FENCE.search(first) or _BEGINS.search(first) or _YAML.match(text))


def read_storyboard(
    source: Path | bytes, name: str, around: Surroundings, choice: ListChoice, progress: Progress | None
) -> ImportPlan:
    """The plan of ``{"project": …, "shots": [{…}, …]}``, of the bare array, of JSON lines, or of shots within scenes.

    Fields are called as the headers of lists. ``line`` of a shot is its place among the shots, from 1.

    :raises InputError: list_unreadable, list_too_large, list_empty, storyboard_broken, storyboard_without_shots
    """
    board, notes = _parse(read_bytes(source, name), name)
    project = board.get("project") if isinstance(board, dict) else None
    entries = _entries(board, name)
    keys = _keys(entries)
    columns = match_columns(keys, choice.columns)
    rows = (_row(place, entry, choice.columns) for place, entry in enumerate(entries, start=1))
    return ImportPlan(
        source=name,
        project=_text(project) or None,
        shots=plan_rows(rows, name, around, progress),
        recognised={keys[index]: field for index, field in columns.meant.items()},
        unknown=tuple(columns.unknown.values()),
        notes=notes,
    )


def storyboard_sheet(source: Path | bytes, name: str) -> Sheet:
    """Every key that a shot has, in the order of their first use, with the values below.

    :raises InputError: as ``read_storyboard``
    """
    entries = _entries(_parse(read_bytes(source, name), name)[0], name)
    keys = _keys(entries)
    held = [entry.held if isinstance(entry.held, dict) else {} for entry in entries]
    rows = [TableRow(place, [_text(one.get(key)) for key in keys]) for place, one in enumerate(held, start=1)]
    return Sheet("", [TableRow(0, keys), *rows] if keys else [])


def _entries(board: Any, name: str) -> list[_Entry]:
    found = list(_shots(_answered(board)))
    if not found and not isinstance(board, list) and not (isinstance(board, dict) and board.get("shots") == []):
        raise InputError("storyboard_without_shots", name=name)
    check_rows(len(found), name)
    return found


def _answered(board: Any) -> Any:
    """What a language model has said, of the answer of its API as it came; everything else as it is."""
    for held in itertools.islice(_answers({"text": board} if isinstance(board, str) else board), _MOST_ANSWERS):
        read = _read(held, "", 0) if isinstance(held, str) else (held, ())
        inner = _answered(read[0]) if read and isinstance(held, str) else read and read[0]
        if inner is not None and _count_whole(inner):
            return inner
    return board


def _answers(held: Any, depth: int = 0) -> Iterator[Any]:
    """The texts that may hold the shots, and what a tool was called with."""
    inner = held.items() if isinstance(held, dict) else (("", one) for one in held) if isinstance(held, list) else ()
    if isinstance(held, dict) and match_columns([key for key in held if key not in _ANSWERS]).fields.keys() - {"shot"}:
        # A shot, whose model may take JSON as its prompt.
        return
    for key, one in inner:
        if isinstance(one, str) and key in _ANSWERS and _ANSWER.search(one, 0, 10_000):
            yield one
        elif isinstance(one, dict | list) and depth < _DEEPEST:
            if key == "input":
                yield one
            yield from _answers(one, depth + 1)


def _shots(held: Any, scene: str = "", depth: int = 0) -> Iterator[_Entry]:
    """The shots of an array or object, those within scenes in their order."""
    if depth > _DEEPEST:
        return
    if isinstance(held, list):
        if any(isinstance(one, dict) for one in held):
            for one in held:
                yield from _inside(one, scene, depth)
        elif held and all(isinstance(one, str | Damaged) for one in held):
            yield from (_Entry({"prompt": one} if isinstance(one, str) else one, scene) for one in held)
        elif depth <= 1:
            yield from (_Entry(one, scene) for one in held)
    elif isinstance(held, dict):
        yield from _held_by(held, scene, depth)


def _inside(one: Any, scene: str, depth: int) -> Iterator[_Entry]:
    """An entry of an array: a shot, or a scene with its own."""
    if isinstance(one, dict) and (key := _holder(one)) is not None and not _is_shot_beside(one, key):
        # A record of a database is no scene.
        number = _number(one) if plain_header(key) in _HOLDERS else ""
        yield from _shots(one[key], number or scene, depth + 1)
    elif isinstance(one, dict) and _is_usable(one):
        lists = {key: [_swallowed(one, key), held] for key, held in one.items() if isinstance(held, list)}
        rest = {
            key: [each for each in held if each not in inner] or None for key, (inner, held) in lists.items() if inner
        }
        yield _Entry(one | rest if rest else one, scene)
        for inner, _ in lists.values():
            for each in inner:
                yield from _inside(each, scene, depth + 1)
    else:
        yield _Entry(one, scene)


def _swallowed(one: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The shots that stand in a list of another one: called its parts, or because a bracket is missing."""
    columns = match_columns(list(one)).fields
    names = list(one)
    needed = {names[columns[field]] for field in ("shot", "prompt") if field in columns}
    number, found = number_of(_text(one.get(names[columns["shot"]]))) if "shot" in columns else None, []
    for inner in one[key]:
        if not isinstance(inner, dict) or not needed <= inner.keys() or "prompt" not in columns:
            continue
        own = number_of(_text(inner[names[columns["shot"]]])) if number else None
        goes_on = (number or "").isdecimal() and own == str(int(number or 0) + 1)
        if key in inner or goes_on or _SUB_SHOTS.search(plain_header(key)):
            number = own
            found.append(inner)
    return found


def _is_shot_beside(one: dict[str, Any], key: str) -> bool:
    """Whether an object with prompts is one shot itself: it has pictures of its own beside them."""
    texts = one[key]
    fields = match_columns([name for name in one if name != key]).fields
    return isinstance(texts, list) and all(isinstance(text, str) for text in texts) and "image" in fields


def _held_by(held: dict[str, Any], scene: str, depth: int) -> Iterator[_Entry]:
    values = list(held.values())
    are_objects = bool(values) and all(isinstance(one, dict) for one in values)
    if are_objects and any(_is_usable(one) for one in values) and _HOLDERS.keys().isdisjoint(map(plain_header, held)):
        # Shots by their numbers.
        yield from (_Entry(one, scene, key) for key, one in held.items())
    elif _is_numbered(held):
        yield from (_Entry({"prompt": one} if isinstance(one, str) else one, scene, key) for key, one in held.items())
    elif (key := _holder(held)) is not None:
        several = [key] if plain_header(key) in _HOLDERS else _alike(held)
        for name in several:
            # Scenes by their names.
            yield from _shots(held[name], name if len(several) > 1 else scene, depth + 1)
    elif are_objects and not _says(held):
        for one in values:
            yield from _shots(one, scene, depth + 1)
    elif _is_usable(held):
        yield _Entry(held, scene)


def _alike(held: dict[str, Any]) -> list[str]:
    """The keys below which shots stand that have the same fields; a list of characters has others."""
    fields = {name: _fields_within(value) for name, value in held.items() if _has_shots(value)}
    most = max(fields.values(), key=len)
    return [name for name, some in fields.items() if some == most]


def _fields_within(held: Any, depth: int = 0) -> frozenset[str]:
    """The fields of the first shot below."""
    if isinstance(held, dict) and _is_usable(held):
        return frozenset(match_columns(list(held)).fields)
    inner = held.values() if isinstance(held, dict) else held if isinstance(held, list) else ()
    found = (_fields_within(one, depth + 1) for one in (inner if depth <= _DEEPEST else ()))
    return next(filter(None, found), frozenset())


def _says(held: dict[str, Any]) -> bool:
    """Whether the values are objects that say what a shot is, as databases write them."""
    columns = match_columns(list(held)).fields
    return bool(columns) and all(
        _text(list(held.values())[place], field)[:1] not in "{[" for field, place in columns.items()
    )


def _holder(held: dict[str, Any]) -> str | None:
    """The key of an object below which its shots stand, if it is none itself."""
    keys = {plain_header(key): key for key, value in reversed(held.items()) if isinstance(value, list | dict) and value}
    known = next((keys[name] for name in _HOLDERS if name in keys and _has_shots(held[keys[name]])), None)
    if known is not None or _is_usable(held):
        return known
    return next((key for key in keys.values() if _has_shots(held[key])), None)


def _has_shots(held: Any, depth: int = 0) -> bool:
    if depth > _DEEPEST:
        return False
    if isinstance(held, list):
        return (depth == 0 and all(isinstance(one, str) for one in held)) or any(
            _has_shots(one, depth + 1) for one in itertools.islice((one for one in held if isinstance(one, dict)), 50)
        )
    if isinstance(held, dict):
        return (
            _is_usable(held)
            or _is_numbered(held)
            or any(_has_shots(one, depth + 1) for one in held.values() if isinstance(one, list | dict))
        )
    return False


def _is_numbered(held: dict[str, Any]) -> bool:
    """Whether it holds texts, or what is more than a text, by the numbers of shots."""
    return bool(held) and all(
        number_of(key) and (isinstance(one, str) or (isinstance(one, dict) and _is_usable(one)))
        for key, one in held.items()
    )


def _is_usable(held: dict[str, Any]) -> bool:
    return match_columns(list(held)).usable


def _number(scene: dict[str, Any]) -> str:
    return next((_text(scene[key])[:30] for key in _SCENE_KEYS if isinstance(scene.get(key), str | int)), "")


def _keys(entries: list[_Entry]) -> list[str]:
    return list(dict.fromkeys(key for entry in entries if isinstance(entry.held, dict) for key in entry.held))


def _parse(data: bytes, name: str) -> tuple[Any, tuple[RowNote, ...]]:
    """What a file holds, and a note where it breaks off."""
    line = 1
    for decoded in decodings(data):
        text = without_thoughts(decoded.replace("\ufeff", "")).rstrip()
        if assigned := _ASSIGNED.match(text.lstrip()[:200].encode()):
            text = text.lstrip()[len(assigned[0].decode()) :]
        # As language models hand it over, words around it and a scene a block.
        blocks = [(one[1], one.start(1)) for one in _FENCED.finditer(text)]
        for some in (blocks, [(text, 0)]):
            read = [(_read(block, name, text.count("\n", 0, place))) for block, place in some]
            if found := [one for one in read if one]:
                board = found[0][0] if len(found) == 1 else [one for held, _ in found for one in _listed(held)]
                return board, tuple(note for _, notes in found for note in notes)
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            line = max(line, error.lineno)
        except (ValueError, RecursionError):
            # Numbers of thousands of digits, thousands of brackets.
            continue
    raise InputError("storyboard_broken", name=name, line=line)


def _read(text: str, name: str, above: int) -> tuple[Any, tuple[RowNote, ...]] | None:
    """What a text holds below so many lines, and a note where it breaks off; None where nothing is whole."""
    if (board := read_json(text)) is not None:
        return _arranged(board), ()
    params = {"source": name, "line": above + text.rstrip().count("\n") + 1, "text": clean(text[-40:])}
    told = (RowNote(None, "list_broken_off", params),)
    if (board := read_loosely(text)) is not None:
        return _arranged(board), told if _BEGUN.search(text, max(text.rfind("}"), text.rfind("]"), 0)) else ()
    begun, whole = _broken_off(text), _arranged(read_whole("\n" * above + text, _is_holder))
    if begun is not None and _count_whole(begun) >= _count_whole(whole):
        return begun, told
    return None if whole is None else (whole, ())


def _count_whole(board: Any) -> int:
    return sum(isinstance(entry.held, dict) and _is_usable(entry.held) for entry in _shots(board))


def _is_holder(key: str) -> bool:
    return plain_header(key) in _HOLDERS


def _broken_off(text: str) -> Any:
    """What is whole of JSON whose end is missing; None for what is broken elsewhere."""
    begin = _BEGIN.search(text)
    start = begin.start() if begin else 0
    open_ = ""
    #: Of each array and object that is open: where the last of its values ends, and whether that holds others.
    ends: list[tuple[int, bool]] = []
    for token in _TOKEN.finditer(text, start):
        mark = token[0]
        if (mark[0] == '"' and not token[1]) or (mark[0] not in '"]}' and token.end() == len(text)):
            # A text without its end, or a number of which more may have been.
            break
        if mark in ("[", "{"):
            open_ += mark
            ends.append((0, False))
            continue
        if closes := mark in ("]", "}"):
            if open_[-1:] + mark not in ("[]", "{}"):
                return None
            open_ = open_[:-1]
            ends.pop()
        if not open_ or len(open_) > 2 * _DEEPEST:
            return None
        if closes or open_[-1] == "[":
            ends[-1] = token.end(), closes
    for depth in range(len(open_) - 1, -1, -1):
        end, of_parts = ends[depth]
        # Where the rows of a table are arrays, the values of one are no rows.
        if not end or (depth and open_[depth - 1] == "[" and not of_parts):
            continue
        closing = open_[: depth + 1][::-1].translate(_CLOSING)
        if (board := read_json(text[start:end] + closing)) is None:
            return None
        held = board
        parts = [held] + [held := (list(held.values()) if isinstance(held, dict) else held)[-1] for _ in range(depth)]
        board = _arranged(board)
        shots = [entry.held for entry in _shots(board) if isinstance(entry.held, dict)]
        others = keys_of_parts(shots)
        if not any(shot is part for shot in shots for part in parts) and not any(
            frozenset(one) in others for one in shots
        ):
            return board
    return None


def _listed(held: Any) -> list[Any]:
    return held if isinstance(held, list) else [held]


def _arranged(board: Any) -> Any:
    """Tables written as JSON with an object a row: a header and arrays below, arrays or objects a column."""
    if isinstance(board, list) and len(board) > 1 and all(isinstance(one, list | Damaged) for one in board):
        return _rows_of(board[0], board[1:]) or board
    if not isinstance(board, dict):
        return board
    plain = {plain_header(key): value for key, value in board.items()}
    header = next(
        (plain[name] for name in ("columns", "headers", "header", "fields") if isinstance(plain.get(name), list)), None
    )
    rows = next(
        (plain[name] for name in ("rows", "data", "values", "records") if isinstance(plain.get(name), list)), None
    )
    if header and rows and all(isinstance(one, list) for one in rows):
        return _rows_of(header, rows) or board
    columns = list(board.values())
    if not _is_usable(board) or len(columns) < 2:
        return board
    if all(isinstance(one, list) and len(one) == len(columns[0]) > 1 for one in columns):
        return _rows_of(list(board), list(zip(*columns, strict=True))) or board
    if all(isinstance(one, dict) and one.keys() == columns[0].keys() for one in columns) and all(
        map(str.isdecimal, columns[0])
    ):
        return [{name: one[place] for name, one in board.items()} for place in columns[0]]
    return board


def _rows_of(header: list[Any], rows: Sequence[Sequence[Any]]) -> list[Any]:
    """An object for each row; none where the header says of no column what is needed."""
    names = [_text(one, "name") for one in header]
    if not _is_usable(dict.fromkeys(names)):
        return []
    return [row if isinstance(row, Damaged) else dict(zip(names, row, strict=False)) for row in rows]


def _row(place: int, entry: _Entry, chosen: Mapping[str, str] | None) -> ListRow:
    if isinstance(entry.held, Damaged):
        return ListRow(place, {}, {}, broken=Reason("row_damaged", entry.held._asdict()))
    if not isinstance(entry.held, dict):
        return ListRow(place, {}, {}, broken=Reason("row_not_an_object"))
    columns = match_columns(list(entry.held), chosen)
    names = {index: field for field, index in columns.fields.items()}
    texts = [_text(value, names.get(index, "")) for index, value in enumerate(entry.held.values())]
    # An entry without any value is still an entry, and refused as an empty one.
    row = cut_row(place, texts, columns) or ListRow(place, {}, {})
    if entry.key and not row.cells.get("shot"):
        row.cells["shot"] = number_of(entry.key) or entry.key
    if entry.scene and "scene" not in row.extra:
        row.extra["scene"] = entry.scene
    return row


def _text(value: Any, field: str = "") -> str:
    """A value as the cell of a list; objects and arrays by what they say where a field is known."""
    match value:
        case None:
            return ""
        case float() if not math.isfinite(value):
            return ""
        case str():
            return value
        case {"type": str(kind)} if field and kind in value:
            # As Notion writes its cells.
            return _text(value[kind], field)
        case list() | dict() if field == "references":
            return "\n".join(filter(None, said_references(value)))
        case dict() if field and (
            said := next((value[key] for key in _SAYS if isinstance(value.get(key), str | int | float)), None)
        ):
            speaker = (
                next((value[key] for key in _SPEAKERS if isinstance(value.get(key), str)), "")
                if field == "script"
                else ""
            )
            return f"{speaker}: {said}" if speaker else str(said)
        case list() if field:
            return "\n".join(filter(None, (_text(one, field) for one in value)))
        case bool() | list() | dict():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)
