"""Cells that a spreadsheet would take for a formula, made harmless on the way out and as they were on the way in.

An apostrophe in front makes such a cell text (OWASP, "CSV Injection"). One is put before every cell that begins like a
formula *behind any apostrophes it has already*, and one is taken off such a cell: so each cell comes back as it went.
"""

from __future__ import annotations

import re
from typing import Any, Final

#: What a spreadsheet may begin to reckon at; Excel in Chinese takes the wide signs as well.
_FORMULA: Final = re.compile(r"\s*[=+\-@\t\r\n＝＋－＠]")
_TAMED: Final = re.compile(r"\s*'['\s]*[=+\-@\t\r\n＝＋－＠]")


def tame(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula; what is no text stays as it is."""
    if isinstance(value, str) and (_FORMULA.match(value) or _TAMED.match(value)):
        return f"'{value}"
    return value


def guard_apostrophe(text: str) -> str:
    """For cells that are typed as text, so that nothing is reckoned: only what ``untame`` would shorten is tamed."""
    return f"'{text}" if _TAMED.match(text) else text


def untame(text: str) -> str:
    """The text before it was tamed."""
    return text.replace("'", "", 1) if _TAMED.match(text) else text
