"""Cells as values: what people and spreadsheets write for a ratio, a number, a length."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

from vidgen_core.domain.providers import ProviderId, specs, video_providers
from vidgen_core.providers.http.cleaning import clean_text
from vidgen_core.services.imports.plan import Reason

#: A seed as the providers take it: 32 bits.
SEED_LIMIT: Final = 2**32 - 1
#: Seconds; longer ones are typing errors.
LONGEST: Final = 600.0


#: Characters.
LONGEST_NEGATIVE: Final = 5_000


class _Wrong(Exception):
    """Carries the reason out of a parser."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason


def clean(text: str) -> str:
    """A cell without what no database, workbook or prompt should hold: control and half characters, foreign line ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return clean_text(text).strip().lstrip("\ufeff").strip()


def read_params(cells: dict[str, str]) -> tuple[dict[str, Any], list[Reason]]:
    """The values of a row's parameter cells, and a reason for every one that is wrong."""
    values: dict[str, Any] = {}
    reasons: list[Reason] = []
    for field, parse in _PARSERS.items():
        text = cells.get(field, "")
        if not text:
            continue
        try:
            values[field] = parse(text)
        except _Wrong as wrong:
            reasons.append(wrong.reason)
    return values, reasons


def _ratio(text: str) -> str:
    """``9:16``; spreadsheets take it for a time and write ``09:16`` or ``09:16:00``."""
    if text.casefold() == "auto":
        return "Auto"
    found = re.fullmatch(r"(\d{1,2})\s*[:：/xX×]\s*(\d{1,2})(?::00)?", text)
    if not found or not int(found[1]) or not int(found[2]):
        raise _Wrong(Reason("ratio_invalid", {"value": text[:40]}))
    return f"{int(found[1])}:{int(found[2])}"


def _whole(text: str) -> int | None:
    """``3`` and the ``3.0`` of spreadsheets."""
    found = re.fullmatch(r"(\d{1,10})(?:\.0+)?", text)
    return int(found[1]) if found else None


def _takes(text: str) -> int:
    number = _whole(text)
    if number is None or not 1 <= number <= 5:
        raise _Wrong(Reason("takes_invalid", {"value": text[:40]}))
    return number


def _seed(text: str) -> int | None:
    if text.casefold() in ("-1", "random", "随机"):
        return None
    number = _whole(text)
    if number is None or number > SEED_LIMIT:
        raise _Wrong(Reason("seed_invalid", {"value": text[:40], "limit": SEED_LIMIT}))
    return number


def _duration(text: str) -> float:
    # ``5``, ``5 s``, ``4,5``, ``0:04``
    found = re.fullmatch(
        r"(?:(?:0?0:)?(\d{1,2}):)?(\d{1,4}(?:[.,]\d{1,6})?)\s*(?:s|sec|seconds?|秒|秒钟)?", text, re.IGNORECASE
    )
    seconds = 60 * int(found[1] or 0) + float(found[2].replace(",", ".")) if found else math.nan
    if not 0 < seconds <= LONGEST:
        raise _Wrong(Reason("duration_invalid", {"value": text[:40], "limit": int(LONGEST)}))
    return seconds


def _provider(text: str) -> ProviderId:
    word = text.casefold().removesuffix("api").strip()
    mode = next((spec.id for spec in specs() if spec.videos and word in (spec.name, *spec.aliases)), None)
    if mode is None:
        raise _Wrong(
            Reason(
                "row_provider_unknown",
                {"value": text[:40], "allowed": ", ".join(mode.value for mode in video_providers())},
            )
        )
    return mode


def _link(text: str) -> str:
    if not is_link(text):
        raise _Wrong(Reason("callback_invalid", {"value": text[:100]}))
    return text


def _short(text: str) -> str:
    if len(text) > 200 or "\n" in text:
        raise _Wrong(Reason("value_too_long", {"value": text[:40], "limit": 200}))
    return text


def _negative(text: str) -> str:
    if len(text) > LONGEST_NEGATIVE:
        raise _Wrong(Reason("value_too_long", {"value": text[:40], "limit": LONGEST_NEGATIVE}))
    return text


def is_link(text: str) -> bool:
    """Whether it is an address of the web, as far as its form tells."""
    return re.fullmatch(r"https?://[^\s/?#]\S*", text, re.IGNORECASE) is not None


_PARSERS: Final[dict[str, Callable[[str], Any]]] = {
    "provider": _provider,
    "model": _short,
    "aspect_ratio": _ratio,
    "size": _short,
    "duration": _duration,
    "takes": _takes,
    "seed": _seed,
    "watermark": _short,
    "callback_url": _link,
    "negative_prompt": _negative,
}
