"""Byte ranges of a download (RFC 9110, §14): one range at a time."""

from __future__ import annotations

import re
from typing import Final

_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


class Unsatisfiable(ValueError):
    """The range lies outside the file."""


def parse(header: str | None, length: int) -> tuple[int, int] | None:
    """First and last byte asked for, both included; None where the whole file is meant.

    Unsatisfiable where there is no such byte.
    """
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or match[0] == "bytes=-":
        return None
    if not match[1]:
        first, last = max(0, length - int(match[2])), length - 1
    else:
        first, last = int(match[1]), min(int(match[2] or length - 1), length - 1)
    if first > last:
        raise Unsatisfiable
    return first, last
