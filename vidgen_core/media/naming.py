"""How a take's file is named: the pattern of the settings, made safe for every system."""

from __future__ import annotations

import re
import string
import unicodedata
from datetime import datetime
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, Final

from pathvalidate import sanitize_filename

from vidgen_core.config.schema import PATTERN_FIELDS
from vidgen_core.domain.errors import InputError

#: Bytes of one name: most file systems end at 255, and `` (2)`` and ``.part`` are added to it.
NAME_BYTES: Final = 200
VALUE_BYTES: Final = 120
#: Kinds of characters that cannot be seen or turn the direction of what follows.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def check_pattern(pattern: str) -> None:
    """Validate a file pattern.

    :raises InputError: pattern_invalid with ``reason``: pattern_braces, pattern_fields (and ``allowed``),
        pattern_format, pattern_needs_shot_and_take, pattern_path
    """
    # Without both, takes of one shot or shots of one project would get the same name.
    if not {"shot", "take"} <= _fields_of(pattern):
        raise _wrong("pattern_needs_shot_and_take")
    segments = _segments(pattern)
    # ``~`` and ``C:`` at the beginning mean another folder to some systems.
    if not segments[0] or segments[0].startswith("~") or ":" in segments[0].split("{", 1)[0] or ".." in segments:
        raise _wrong("pattern_path")
    if not pattern.lower().endswith(".mp4"):
        raise _wrong("pattern_path")
    take_path(pattern, project="p", shot="1.0", take=1, model="m", provider="local")


def _fields_of(pattern: str) -> set[str]:
    try:
        parts = [part for part in string.Formatter().parse(pattern) if part[1] is not None]
    except ValueError as error:
        raise _wrong("pattern_braces") from error
    fields = {str(name) for _, name, _, _ in parts}
    if fields - PATTERN_FIELDS:
        raise _wrong("pattern_fields", allowed=" ".join(f"{{{name}}}" for name in sorted(PATTERN_FIELDS)))
    # A width of a million or a field within a field is no file name.
    if any(conversion or re.search(r"[{/\\]|\d{3}", spec or "") for _, _, spec, conversion in parts):
        raise _wrong("pattern_format")
    return fields


def _wrong(reason: str, **params: Any) -> InputError:
    return InputError("pattern_invalid", reason=reason, **params)


def take_path(
    pattern: str,
    *,
    project: str,
    shot: str,
    take: int,
    model: str = "",
    provider: str = "",
    created: datetime | None = None,
    chosen: bool = False,
) -> PurePosixPath:
    """The path of a take below the save folder: the pattern filled in and made safe for every system.

    :raises InputError: pattern_invalid when a field or its format does not exist
    """
    _fields_of(pattern)
    values: dict[str, Any] = {
        "project": _tame(project),
        "shot": _tame(shot),
        "take": take,
        "model": _tame(model),
        "provider": _tame(provider),
        "created": created if created is not None else datetime.now().astimezone(),
        "chosen": "chosen" if chosen else "",
    }
    segments = [_fill(segment, values) for segment in _segments(pattern)]
    return PurePosixPath(*[_safe(segment) for segment in segments if segment])


def _segments(pattern: str) -> list[str]:
    """The parts between slashes; a slash inside braces was refused before."""
    return pattern.replace("\\", "/").split("/")


def _fill(segment: str, values: dict[str, Any]) -> str:
    try:
        return segment.format_map(values)
    except (ValueError, TypeError, KeyError) as error:
        raise _wrong("pattern_format") from error


def _tame(value: str) -> str:
    """A value without anything that could be a path or that cannot be seen, and not too long."""
    seen = "".join(c for c in unicodedata.normalize("NFC", value) if unicodedata.category(c) not in _UNSEEN)
    return _cut(re.sub(r"[/\\]", "_", seen).strip(), VALUE_BYTES).strip(". ") or "_"


@lru_cache(maxsize=4096)
def _safe(segment: str) -> str:
    """A file name valid on every system; never empty, ``.`` or ``..``."""
    stem, dot, suffix = segment.rpartition(".") if segment.lower().endswith(".mp4") else (segment, "", "")
    stem = sanitize_filename(stem, replacement_text="_", platform="universal", max_len=255).strip(". ")
    name = (_cut(stem, NAME_BYTES) or "_") + dot + suffix
    # Once more with the ending: CON.mp4 is as reserved as CON.
    return str(sanitize_filename(name, replacement_text="_", platform="universal"))


def _cut(text: str, limit: int) -> str:
    """At most ``limit`` bytes of UTF-8, keeping the end of the text where the numbers are."""
    data = text.encode("utf-8", "ignore")
    if len(data) <= limit:
        return data.decode("utf-8")
    head, tail = data[: limit * 2 // 3], data[-limit // 3 :]
    return head.decode("utf-8", "ignore").rstrip() + "_" + tail.decode("utf-8", "ignore").lstrip()
