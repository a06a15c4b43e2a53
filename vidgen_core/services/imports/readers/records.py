"""Shots written out one after the other, a line for each of their fields, as language models hand them over."""

from __future__ import annotations

import re
from typing import Final

from vidgen_core.services.imports.columns import KEPT, match_columns, plain_header
from vidgen_core.services.imports.numbers import number_of
from vidgen_core.services.imports.readers.table import Sheet, TableRow

#: ``Prompt: …``, ``- **画面**：…``, ``* Duration — 5s``
_FIELD: Final = re.compile(
    r"\s*+(?:[-*•·]\s++|\d{1,2}[.)、]\s*+)?([*_`]{0,3})([^\s:：*_`|][^:：*`|]{0,30}?)\1\s*+[:：]\s*+[*_`]{0,3}\s*+(.*)"
)
#: ``## Shot 1``, ``**镜头1**``, ``【镜头 1】``, ``--- Shot 2 ---``
_HEADING: Final = re.compile(
    r"\s*+(?:#{1,6}\s++|[-=]{2,}\s*+|[*_]{2}|【|\[)?\s*+([^:：]{1,40}?)\s*+(?:[*_]{2}|】|\]|[-=]{2,})?\s*+[:：]?\s*+"
)
_KNOWN: Final = frozenset(plain_header(name) for name in KEPT)


def record_sheet(text: str) -> Sheet | None:
    """The shots of a text as a table; None for what is no list of fields."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    records: list[tuple[int, dict[str, str]]] = []
    key = ""
    said = filled = 0
    for place, line in enumerate(lines, start=1):
        if not line.strip() or re.fullmatch(r"\s*(?:```\w*|[-=*]{3,})\s*", line):
            key = ""
            continue
        filled += 1
        found = _FIELD.fullmatch(line)
        name = found[2].strip() if found else ""
        if found and _is_field(name):
            said += 1
            if not records or name in records[-1][1]:
                records.append((place, {}))
            records[-1][1][name] = found[3].strip()
            key = name
        elif number := _numbered(line):
            said += 1
            records.append((place, {"shot": number}))
            key = ""
        elif key:
            records[-1][1][key] += f"\n{line.strip()}"
    names = list(dict.fromkeys(name for _, record in records for name in record))
    columns = match_columns(names)
    if said * 2 < filled or not columns.usable or len(columns.fields) < 2 or not records:
        return None
    rows = [TableRow(place, [record.get(name, "") for name in names]) for place, record in records]
    return Sheet("", [TableRow(0, names), *rows])


def _is_field(name: str) -> bool:
    return plain_header(name) in _KNOWN or bool(match_columns([name]).fields)


def _numbered(line: str) -> str:
    """The number of a heading that is nothing but one."""
    found = _HEADING.fullmatch(line)
    return (number_of(found[1]) or "") if found and not found[1].isdecimal() else ""
