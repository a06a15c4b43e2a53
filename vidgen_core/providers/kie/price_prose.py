"""Prices that KIE tells in prose: *A 5-second video costs 160 credits*, *22.5 credits/s for 720p or 29 credits/s for 1080p*.

The prose of the catalogue is what jobs are billed by (KIE's guide, 2026-09). What a price is for stands before it, with a colon,
a dash or *costs* between them, or else after it; what stands before the first price of a line holds for the others, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from vidgen_core.domain.providers import ModelPrice
from vidgen_core.providers.kie.roles import size_name

#: Characters of prose that are read.
LONGEST: Final = 4000
_PRICE: Final = re.compile(
    r"(?<![\d.,])(?P<amount>\d{1,6}(?:\.\d{1,4})?)\s*credits?(?:\s*(?:/|per\s+|a\s+)\s*(?P<unit>s\b|sec(?:ond)?s?\b))?",
    re.IGNORECASE,
)
_SIZE: Final = re.compile(r"(?<![\w.])(\d{3,4}\s?p|[1-9]\s?k)(?![\w])", re.IGNORECASE)
_SECONDS: Final = re.compile(r"(?<![\w.$])(\d{1,3})[\s-]*(?:s|sec|seconds?)\b", re.IGNORECASE)
_SILENT: Final = re.compile(
    r"(?:no|without)[\s-]*(?:native\s+)?(?:audio|sound)|(?:audio|sound)[\s-]*off|silent", re.IGNORECASE
)
_SOUND: Final = re.compile(
    r"with\s+(?:native\s+)?(?:audio|sound)|(?:audio|sound)[\s-]*on|\b(?:audio|sound)\b", re.IGNORECASE
)
_NO_VIDEO: Final = re.compile(r"(?:no|without)\s+(?:input\s+)?(?:reference\s+)?video", re.IGNORECASE)
_VIDEO: Final = re.compile(r"with\s+(?:input\s+|reference\s+)?video|video\s+(?:input|reference|edit)", re.IGNORECASE)
_TIERS: Final = re.compile(r"\b(lite|fast|quality|std|standard|pro)\b", re.IGNORECASE)
_PER_SECOND: Final = re.compile(r"per\s+second|each\s+second|/\s*s\b", re.IGNORECASE)


def prices_in(
    model: str,
    prose: str,
    *,
    values: Iterable[object] = (),
    sizes: Mapping[str, str] | None = None,
    usual_seconds: float | None = None,
    usual_sound: bool | None = None,
) -> tuple[ModelPrice, ...]:
    """The prices of a model; where several cannot be told apart by what Vidgen sends, the dearest of them.

    :param values: texts that stand in every request, such as the name of a tier
    :param sizes: their words for our sizes, where they differ from ours: ``std`` -> ``720P``
    :param usual_seconds: of a take that names none
    :param usual_sound: whether a take that does not say so has sound
    """
    sent = {tier[1].lower() for one in values for tier in _TIERS.finditer(str(one).replace("_", " "))}
    found: dict[tuple[Any, ...], ModelPrice] = {}
    for amount, per_second, told in _rows(prose[:LONGEST]):
        tier = told.get("tier", "")
        size = told.get("size") or (sizes or {}).get(tier, "")
        # Nothing is a price that nobody is asked about: what is published as free is left unknown.
        if not amount or told.get("video") or (tier and sent and not sizes and tier not in sent):
            continue
        price = ModelPrice(
            model=model,
            amount=amount,
            currency="credits",
            unit="second" if per_second else "take",
            size=size,
            seconds=None if per_second else told.get("seconds"),
            sound=told.get("sound"),
            usual_seconds=usual_seconds,
            usual_sound=usual_sound,
            assumed=False,
        )
        key = (price.unit, price.size, price.seconds, price.sound)
        if key not in found or found[key].amount < amount:
            found[key] = price
    return tuple(found.values())


#: What stands between the name of a thing and its price, at the end of a text.
_LABEL_END: Final = re.compile(r"(?:[:：=—–-]|\bcosts?|\bis|\bat)(?: (?:only|just|now)){0,2}$", re.IGNORECASE)
_PAUSE: Final = re.compile(r"[,，|/]|\bor\b|\band\b", re.IGNORECASE)


def _rows(prose: str) -> Iterator[tuple[Decimal, bool, dict[str, Any]]]:
    """Amounts, whether they are for a second, and the conditions that they stand under."""
    for line in prose.splitlines():
        context: dict[str, Any] = {}
        for segment in re.split(r"[;。；]|\.\s+(?=[A-Z])", line):
            matches = list(_PRICE.finditer(segment))
            if not matches:
                continue
            context = context | _conditions(segment[: matches[0].start()])
            for place, match in enumerate(matches):
                last = place + 1 == len(matches)
                gap = segment[match.end() : len(segment) if last else matches[place + 1].start()]
                after, label = (gap, "") if last else _split(gap)
                per_second = bool(match["unit"]) or bool(_PER_SECOND.match(after.lstrip(" ,")))
                yield Decimal(match["amount"]), per_second, context | _conditions(after)
                context = context | _conditions(label)


def _split(gap: str) -> tuple[str, str]:
    """The text between two prices: what belongs to the one before it, and what names the one after it."""
    if not _LABEL_END.search(gap.rstrip()[-40:]):
        return gap, ""
    pauses = list(_PAUSE.finditer(re.sub(r"\([^()]{0,200}\)", lambda found: "_" * len(found[0]), gap)))
    end = pauses[-1].start() if pauses else 0
    return gap[:end], gap[end:]


def _conditions(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if size := _SIZE.search(text):
        found["size"] = size_name(re.sub(r"\s", "", size[1]))
    if seconds := _SECONDS.search(text):
        found["seconds"] = float(seconds[1])
    if _SILENT.search(text):
        found["sound"] = False
    elif _SOUND.search(text):
        found["sound"] = True
    if _NO_VIDEO.search(text):
        found["video"] = False
    elif _VIDEO.search(text):
        found["video"] = True
    if tier := _TIERS.search(text):
        found["tier"] = tier[1].lower()
    return found
