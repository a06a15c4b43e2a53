"""Shots written out one after the other, a line for each of their fields, as language models hand them over."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from vidgen_core.services.imports.columns import KEPT, match_columns, plain_header
from vidgen_core.services.imports.numbers import number_of
from vidgen_core.services.imports.readers.table import Sheet, TableRow

#: ``Prompt: …``, ``- **画面**：…``, ``2. Prompt 2 = …``, ``Duration — 5s``
_FIELD: Final = re.compile(
    r"\s*+(?:#{1,6}\s++)?(?:[-*•·]\s++|(\d{1,3})[.)、]\s*+)?([*_`]{0,3})([^\s:：=*_`|][^:：=*`|]{0,40}?)\2?([(（\[][^()（）\[\]:：]{1,20}[)）\]])?(?:\s*+[:：]|\s++[=—–-](?=\s))\s*+[*_`]{0,3}\s*+(.*)"
)
#: ``## Shot 1``, ``**镜头1**``, ``【镜头 1】``, ``--- Shot 2 ---``
_HEADING: Final = re.compile(
    r"\s*+(#{1,6}\s++|[-=]{2,}\s*+|[*_]{2}|【|\[)?\s*+([^:：]{1,40}?(?:[|｜·•(（][\d:：.,~\-–—s秒 ]{1,24}[)）]?)?)\s*+(?:[*_]{2}|】|\]|[-=]{2,})?\s*+[:：]?\s*+"
)
#: ``[Prompt] …``, ``【提示词】…``
_TAGGED: Final = re.compile(r"\s*+[\[【]([^\[\]【】]{1,40}+)[\]】]\s*+[:：]?\s*+(.*)")
#: The number in ``Prompt 2`` and ``Prompt (2)``.
_BEHIND: Final = re.compile(r"(?<!\d)(\d{1,4})[)）]?\Z")
#: Between a number, or a name, and what belongs to it.
_BETWEEN: Final = " \t#(（_.|·–—-"
_KNOWN: Final = frozenset(plain_header(name) for name in KEPT)


class _Record(NamedTuple):
    line: int
    #: What its fields say; what stands below ``Shot 1`` under no name is called ``""``.
    said: dict[str, str]
    #: The number before its first field, as in ``2. Prompt: …``.
    counted: str = ""


def record_sheet(text: str) -> Sheet | None:
    """The shots of a text as a table; None for what is no list of fields."""
    records, named, other = _records(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    if all(record.counted and len(record.said) == 1 for record in records):
        for record in records:
            record.said["shot"] = record.counted
    names = list(dict.fromkeys(name for record in records for name in record.said))
    if "" in names and "prompt" not in match_columns(names).fields:
        for record in records:
            record.said["prompt"] = record.said.pop("", "")
        names = ["prompt" if name == "" else name for name in names]
    # One field with much text below it is rather a list with a title.
    joined = sum(line.count("\n") for line in records[0].said.values()) if len(records) == 1 else 0
    if not match_columns(names).usable or named < other + joined:
        return None
    rows = [TableRow(record.line, [record.said.get(name, "") for name in names]) for record in records]
    return Sheet("", [TableRow(0, names), *rows], left_out=other)


def _records(lines: list[str]) -> tuple[list[_Record], int, int]:
    """The records, how many lines are a field's or heading's first, and how many belong to nothing."""
    records: list[_Record] = []
    named = other = 0
    key: str | None = None
    for place, line in enumerate(lines, start=1):
        if not line.strip() or re.fullmatch(r"\s*(?:```\w*|[-=*]{3,})\s*", line):
            # What stands below a name that says nothing itself is what it says.
            key = key if key is not None and not records[-1].said.get(key) else None
        elif field := _field(line):
            named += 1
            name, numbered, counted, value = field
            number = numbered.get("shot", "")
            if not records or name in records[-1].said or (number and records[-1].said.get("shot", number) != number):
                records.append(_Record(place, {}, counted))
            records[-1].said.update({**numbered, name: value})
            key = name
        elif (heading := _HEADING.fullmatch(line)) and (numbered := _numbered(heading[2])):
            named += 1
            records.append(_Record(place, numbered))
            key = ""
        elif key is not None:
            records[-1].said[key] = f"{records[-1].said.get(key, '')}\n{line.strip()}".lstrip("\n")
        else:
            other += 1
    return records, named, other


def _field(line: str) -> tuple[str, dict[str, str], str, str] | None:
    """Name, number (and length) of the shot, number of the line and text of a field.

    ``2. Prompt 7: …``, ``### Prompt``; ``Shot 1 (5s): …`` has no name.
    """
    if (tag := _TAGGED.fullmatch(line)) and (named := _named(tag[1].strip()))[0]:
        return named[0], {"shot": named[1]} if named[1] else {}, "", _unquoted(tag[2].strip())
    if found := _FIELD.fullmatch(line):
        words, text = found[3].strip(), _unquoted(found[5].strip())
        if found[2] and text.endswith(found[2]) and text.count(found[2]) % 2:
            # The whole line was set apart: ``**Shot 1 — The fox**``.
            text = text.removesuffix(found[2]).rstrip()
        name, number = _named(words)
        if name:
            return name, {"shot": number} if number else {}, found[1] or "", text
        if not words.isdecimal() and (numbered := _numbered(words + (found[4] or ""))):
            return "", numbered, found[1] or "", text
    heading = _HEADING.fullmatch(line)
    name, number = _named(heading[2]) if heading and heading[1] else ("", "")
    return (name, {}, "", "") if name and not number else None


def _named(words: str) -> tuple[str, str]:
    """The field that words name, and the number of the shot that they say with it; both empty for no field."""
    words = words.removeprefix("/imagine ")
    if _is_field(words):
        return words, ""
    if (found := _BEHIND.search(words)) and _is_field(head := words[: found.start()].rstrip(_BETWEEN), of_shot=True):
        return head, found[1]
    # ``Shot 2 – Prompt``, ``镜头2提示词``
    end = max((place for place, letter in enumerate(words, start=1) if letter.isdecimal()), default=0)
    rest = words[end:].removeprefix("镜头").removeprefix("镜")
    number, name = number_of(words[: len(words) - len(rest)].strip()) if end else None, rest.strip(_BETWEEN)
    return (name, number) if number and name and _is_field(name) else ("", "")


def _is_field(name: str, *, of_shot: bool = False) -> bool:
    """Whether a name is that of a field; ``of_shot``: of one that a numbered shot may have, not of its number."""
    meant = match_columns([name]).meant
    return (plain_header(name) in _KNOWN or bool(meant)) and not (of_shot and "shot" in meant.values())


def _unquoted(text: str) -> str:
    return (
        text[1:-1] if len(text) > 2 and text[0] + text[-1] in ('""', "“”", "''") and text[0] not in text[1:-1] else text
    )


def _numbered(words: str) -> dict[str, str]:
    """The number, and perhaps the length, of a heading that is nothing but one: ``Shot 1``, ``Prompt 2``, ``镜头3（5秒）``."""
    at = max(map(words.rfind, "(（[|｜·•"))
    is_apart = at > 0 and (words[-1] in ")）]" or words[at] in "|｜·•")
    bare, inner = (words[:at].rstrip(), words[at + 1 :].strip(" )）]")) if is_apart else (words, "")
    length = inner if re.search(r"\d\s*(?:s|秒)|\d:\d\d", inner) else ""
    bare = bare if length else words
    number = None if re.fullmatch(r"\d+\s*(?:s|秒)?", bare) else number_of(bare) or _named(bare)[1]
    return {"shot": number} | ({"duration": length} if length else {}) if number else {}
