"""Storyboards in JSON: what earlier steps of the workflow, other tools and language models write down."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.columns import ListChoice, match_columns, plain_header
from vidgen_core.services.imports.plan import ImportPlan, Reason
from vidgen_core.services.imports.readers.bounds import check_rows
from vidgen_core.services.imports.readers.csv_list import read_bytes
from vidgen_core.services.imports.readers.decoding import decodings
from vidgen_core.services.imports.readers.pictures import Progress, Surroundings
from vidgen_core.services.imports.readers.table import Sheet, TableRow
from vidgen_core.services.imports.rows import ListRow, cut_row, plan_rows

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
    "scene",
    "scene_number",
    "scene_no",
    "scene_id",
    "场次",
    "场",
    "场景号",
    "number",
    "id",
    "no",
    "index",
)
#: Where an object says the text or the file that it stands for.
_SAYS: Final = ("url", "path", "file", "src", "uri", "text", "content", "prompt", "value", "name")
_DEEPEST: Final = 8


class _Entry(NamedTuple):
    held: Any
    #: The number of the scene it stands in.
    scene: str = ""
    #: The key it stands under.
    key: str = ""


#: JSON in a Markdown fence.
FENCED: Final = re.compile(r"```(?:json[cl5]?)?[ \t]*+\r?\n\s*+([\[{].*?)```", re.DOTALL | re.IGNORECASE)


def read_storyboard(
    source: Path | bytes, name: str, around: Surroundings, choice: ListChoice, progress: Progress | None
) -> ImportPlan:
    """The plan of ``{"project": …, "shots": [{…}, …]}``, of the bare array, of JSON lines, or of shots within scenes.

    Fields are called as the headers of lists. ``line`` of a shot is its place among the shots, from 1.

    :raises InputError: list_unreadable, list_too_large, list_empty, storyboard_broken, storyboard_without_shots
    """
    board = _parse(read_bytes(source, name), name)
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
    )


def storyboard_sheet(source: Path | bytes, name: str) -> Sheet:
    """Every key that a shot has, in the order of their first use, with the values below.

    :raises InputError: as ``read_storyboard``
    """
    entries = _entries(_parse(read_bytes(source, name), name), name)
    keys = _keys(entries)
    held = [entry.held if isinstance(entry.held, dict) else {} for entry in entries]
    rows = [TableRow(place, [_text(one.get(key)) for key in keys]) for place, one in enumerate(held, start=1)]
    return Sheet("", [TableRow(0, keys), *rows] if keys else [])


def _entries(board: Any, name: str) -> list[_Entry]:
    found = list(_shots(board))
    if not found and not isinstance(board, list) and not _is_empty_list(board):
        raise InputError("storyboard_without_shots", name=name)
    check_rows(len(found), name)
    return found


def _is_empty_list(board: Any) -> bool:
    return isinstance(board, dict) and board.get("shots") == []


def _shots(held: Any, scene: str = "", depth: int = 0) -> Iterator[_Entry]:
    """The shots of an array or object, those within scenes in their order."""
    if depth > _DEEPEST:
        return
    if isinstance(held, list):
        if any(isinstance(one, dict) for one in held):
            for one in held:
                yield from _inside(one, scene, depth)
        elif held and all(isinstance(one, str) for one in held):
            yield from (_Entry({"prompt": one}, scene) for one in held)
        elif depth <= 1:
            yield from (_Entry(one, scene) for one in held)
    elif isinstance(held, dict):
        yield from _held_by(held, scene, depth)


def _inside(one: Any, scene: str, depth: int) -> Iterator[_Entry]:
    """An entry of an array: a shot, or a scene with its own."""
    if isinstance(one, dict) and (key := _holder(one)):
        yield from _shots(one[key], _number(one) or scene, depth + 1)
    else:
        yield _Entry(one, scene)


def _held_by(held: dict[str, Any], scene: str, depth: int) -> Iterator[_Entry]:
    values = list(held.values())
    are_objects = bool(values) and all(isinstance(one, dict) for one in values)
    if are_objects and any(_is_usable(one) for one in values) and _HOLDERS.keys().isdisjoint(map(plain_header, held)):
        # Shots by their numbers.
        yield from (_Entry(one, scene, key) for key, one in held.items())
    elif key := _holder(held):
        yield from _shots(held[key], scene, depth + 1)
    elif are_objects:
        for one in values:
            yield from _shots(one, scene, depth + 1)
    elif values and all(isinstance(one, str) and key.isdecimal() for key, one in held.items()):
        yield from (_Entry({"prompt": one}, scene, key) for key, one in held.items())
    elif _is_usable(held):
        yield _Entry(held, scene)


def _holder(held: dict[str, Any]) -> str | None:
    """The key of an object below which its shots stand, if it is none itself."""
    keys = {plain_header(key): key for key, value in reversed(held.items()) if isinstance(value, list | dict) and value}
    known = next((keys[name] for name in _HOLDERS if name in keys and _has_shots(held[keys[name]])), None)
    if known or _is_usable(held):
        return known
    return next((key for key in keys.values() if _has_shots(held[key])), None)


def _has_shots(held: Any, depth: int = 0) -> bool:
    if depth > _DEEPEST:
        return False
    if isinstance(held, list):
        return (depth == 0 and all(isinstance(one, str) for one in held)) or any(
            _has_shots(one, depth + 1) for one in held[:50] if isinstance(one, dict)
        )
    if isinstance(held, dict):
        return _is_usable(held) or any(
            _has_shots(one, depth + 1) for one in held.values() if isinstance(one, list | dict)
        )
    return False


def _is_usable(held: dict[str, Any]) -> bool:
    return match_columns(list(held)).usable


def _number(scene: dict[str, Any]) -> str:
    return next((_text(scene[key])[:30] for key in _SCENE_KEYS if isinstance(scene.get(key), str | int)), "")


def _keys(entries: list[_Entry]) -> list[str]:
    return list(dict.fromkeys(key for entry in entries if isinstance(entry.held, dict) for key in entry.held))


def _parse(data: bytes, name: str) -> Any:
    line = 1
    for decoded in decodings(data):
        text = decoded.strip("\ufeff \t\r\n")
        if fenced := FENCED.search(text):
            # As language models hand it over, words around it; the lines stay counted.
            text = "\n" * text.count("\n", 0, fenced.start(1)) + fenced[1]
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            if (lines := _json_lines(text)) is not None:
                return lines
            line = max(line, error.lineno)
        except (ValueError, RecursionError):
            # Numbers of thousands of digits, thousands of brackets.
            continue
    raise InputError("storyboard_broken", name=name, line=line)


def _json_lines(text: str) -> list[Any] | None:
    """One object a line; a line that is none stays what it is and is refused by its place. None: it is something else."""
    found: list[Any] = []
    for line in filter(None, (line.strip().rstrip(",") for line in text.splitlines())):
        try:
            found.append(json.loads(line))
        except (ValueError, RecursionError):
            found.append(None)
        if len(found) == 1 and not isinstance(found[0], dict):
            return None
    return found if sum(isinstance(one, dict) for one in found) > 1 else None


def _row(place: int, entry: _Entry, chosen: Mapping[str, str] | None) -> ListRow:
    if not isinstance(entry.held, dict):
        return ListRow(place, {}, {}, broken=Reason("row_not_an_object"))
    columns = match_columns(list(entry.held), chosen)
    names = {index: field for field, index in columns.fields.items()}
    texts = [_text(value, names.get(index, "")) for index, value in enumerate(entry.held.values())]
    # An entry without any value is still an entry, and refused as an empty one.
    row = cut_row(place, texts, columns) or ListRow(place, {}, {})
    if entry.key and not row.cells.get("shot"):
        row.cells["shot"] = entry.key
    if entry.scene and "scene" not in row.extra:
        row.extra["scene"] = entry.scene
    return row


def _text(value: Any, field: str = "") -> str:
    """A value as the cell of a list; objects and arrays by what they say where a field is known."""
    match value:
        case None:
            return ""
        case str():
            return value
        case dict() if field and (said := next((value[key] for key in _SAYS if isinstance(value.get(key), str)), None)):
            return str(said)
        case list() if field:
            return "\n".join(filter(None, (_text(one, field) for one in value)))
        case bool() | list() | dict():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)
