"""Storyboards: what earlier steps of the workflow write down as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidgen_core.domain.errors import InputError
from vidgen_core.services.imports.columns import AS_GUESSED, ListChoice, match_columns
from vidgen_core.services.imports.plan import ImportPlan, Reason
from vidgen_core.services.imports.readers.bounds import check_rows
from vidgen_core.services.imports.readers.csv_list import read_bytes
from vidgen_core.services.imports.readers.decoding import decodings
from vidgen_core.services.imports.readers.pictures import Progress, Surroundings
from vidgen_core.services.imports.rows import ListRow, cut_row, plan_rows


def read_storyboard(
    source: Path | bytes,
    base: Path,
    *,
    name: str | None = None,
    may_leave: bool = True,
    choice: ListChoice = AS_GUESSED,
    progress: Progress | None = None,
) -> ImportPlan:
    """The plan of ``{"project": …, "shots": [{…}, …]}`` or of the bare array; fields as the headers of lists.

    ``line`` of a shot is its place in the array, from 1.

    :raises InputError: list_unreadable, list_too_large, list_empty, storyboard_broken, storyboard_without_shots
    """
    name = name or (source.name if isinstance(source, Path) else "storyboard.json")
    board = _parse(read_bytes(source, name), name)
    project = board.get("project") if isinstance(board, dict) else None
    entries = _entries(board, name)
    keys = _keys(entries)
    columns = match_columns(keys, choice.columns)
    return ImportPlan(
        source=name,
        project=_text(project) or None,
        shots=plan_rows(
            (row for place, entry in enumerate(entries, start=1) if (row := _row(place, entry, choice.columns))),
            name,
            Surroundings(base, may_leave),
            progress,
        ),
        recognised={keys[index]: field for field, index in columns.fields.items()},
        unknown=tuple(columns.unknown.values()),
    )


def storyboard_keys(source: Path | bytes, name: str) -> list[str]:
    """Every key that a shot has, in the order of their first use.

    :raises InputError: as ``read_storyboard``
    """
    return _keys(_entries(_parse(read_bytes(source, name), name), name))


def _entries(board: Any, name: str) -> list[Any]:
    entries = board.get("shots") if isinstance(board, dict) else board
    if not isinstance(entries, list):
        raise InputError("storyboard_without_shots", name=name)
    check_rows(len(entries), name)
    return entries


def _keys(entries: list[Any]) -> list[str]:
    return list(dict.fromkeys(key for entry in entries if isinstance(entry, dict) for key in entry))


def _parse(data: bytes, name: str) -> Any:
    line = 1
    for text in decodings(data):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            line = max(line, error.lineno)
        except (ValueError, RecursionError):
            # Numbers of thousands of digits, thousands of brackets.
            continue
    raise InputError("storyboard_broken", name=name, line=line)


def _row(place: int, entry: Any, chosen: Mapping[str, str] | None) -> ListRow | None:
    if not isinstance(entry, dict):
        return ListRow(place, {}, {}, broken=Reason("row_not_an_object"))
    columns = match_columns(list(entry), chosen)
    # An entry without any value is still an entry, and refused as an empty one.
    return cut_row(place, [_text(value) for value in entry.values()], columns) or ListRow(place, {}, {})


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool() | list() | dict():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)
