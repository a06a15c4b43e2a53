"""Cells as values: what people and spreadsheets write for a ratio, a number, a length."""

from __future__ import annotations

import ast
import contextlib
import itertools
import json
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from vidgen_core.domain.providers import ProviderId, specs, video_providers
from vidgen_core.providers.http.cleaning import clean_text
from vidgen_core.services.generation.planning import LONGEST, LONGEST_NEGATIVE, SEED_LIMIT
from vidgen_core.services.imports.numbers import NUMERALS, numeral, plain_digits
from vidgen_core.services.imports.plan import Reason


class _Wrong(Exception):
    """Carries the reason out of a parser."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason


def clean(text: str) -> str:
    """A cell without what no database, workbook or prompt should hold: control and half characters, foreign line ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return clean_text(text).strip().lstrip("\ufeff").strip()


#: A path as Python prints it.
_PATH: Final = re.compile(r"\b(?:Posix|Windows|PurePosix|PureWindows)?Path\(([^()]*+)\)")
#: Letters of a list or an object in a cell.
_LONGEST_WRITTEN: Final = 20_000


def written_value(cell: str) -> Any:
    """The list or object that a program has written into a cell, as JSON or as Python prints it; None for other cells."""
    text = cell.strip()
    if len(text) > _LONGEST_WRITTEN or text[:1] + text[-1:] not in ("[]", "{}", "()"):
        return None
    for read in (json.loads, ast.literal_eval):
        with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            held = read(_PATH.sub(r"\1", text))
            return held if isinstance(held, list | tuple | dict) else None
    return None


def read_params(cells: dict[str, str]) -> tuple[dict[str, Any], list[Reason]]:
    """The values of a row's parameter cells, and a reason for every one that is wrong."""
    values: dict[str, Any] = {}
    reasons: list[Reason] = []
    for field, parse in _PARSERS.items():
        # An apostrophe makes a number text in spreadsheets.
        text = cells.get(field, "").lstrip("'’")
        if not text or (field in _SETTINGS and is_default(text)):
            continue
        try:
            values[field] = parse(text)
        except _Wrong as wrong:
            reasons.append(wrong.reason)
    return values, reasons


#: Fields in which a word or a dash may say that nothing is to be set.
_SETTINGS: Final = frozenset({"provider", "model", "aspect_ratio", "size", "duration", "takes", "seed"})
_DEFAULTS: Final = frozenset(
    [
        "默认",
        "默認",
        "不限",
        "无",
        "無",
        "没有",
        "暂无",
        "空",
        "待定",
        "default",
        "any",
        "none",
        "n/a",
        "na",
        "nan",
        "null",
        "tbd",
        "false",
        "no",
        "否",
        "-",
        "--",
        "—",
        "–",
        "/",
        "\\",
        "\\n",
    ]
)


#: Words that leave a value to the model.
AUTOMATIC: Final = frozenset(("auto", "automatic", "自动", "自動", "adaptive", "自适应"))


def is_default(text: str) -> bool:
    """Whether a cell says that nothing is to be set."""
    return text.casefold() in _DEFAULTS


#: Shapes that models draw, by width over height.
_SHAPES: Final = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9", "9:21")
_SHAPE_WORDS: Final = {
    "9:16": "竖屏 竖版 竖构图 竖 竖幅 直屏 portrait vertical tall 縦 縦長 세로",
    "16:9": "横屏 横版 横构图 横 横幅 宽屏 landscape horizontal wide widescreen 横長 가로",
    "1:1": "方形 正方形 方 方图 square 정사각형",
}
_SHAPE_OF: Final = {word: ratio for ratio, words in _SHAPE_WORDS.items() for word in words.split()}


def _ratio(text: str) -> str:
    """``9:16``; spreadsheets take it for a time and write ``09:16`` or ``09:16:00``, or for the fraction 0.5625.

    Words for it and sizes in pixels are its shape.
    """
    plain = unicodedata.normalize("NFKC", text).casefold().strip()
    if plain in AUTOMATIC:
        return "Auto"
    if found := re.search(
        r"(?<![\d.])(\d{1,4}(?:\.\d{1,4})?)\s*[:∶比/x×*]\s*(\d{1,4}(?:\.\d{1,4})?)(?::00)?(?![\d.:])", plain
    ):
        width, height = float(found[1]), float(found[2])
        if width and height:
            exact = _shortened(int(width), int(height)) if width == int(width) and height == int(height) else ""
            return exact or _nearest(width / height) or _wrong_ratio(text)
    elif re.fullmatch(r"\d{1,2}(?:\.\d{1,6})?", plain) and float(plain):
        return _nearest(float(plain)) or _wrong_ratio(text)
    words = {_SHAPE_OF[word] for word in re.split(r"[\s()\[\],，、/]+", plain) if word in _SHAPE_OF}
    return words.pop() if len(words) == 1 else _wrong_ratio(text)


def _shortened(width: int, height: int) -> str:
    """Ratios of small numbers as they are written, sizes in pixels as the shape they have."""
    if width < 100 and height < 100:
        return f"{width}:{height}"
    common = math.gcd(width, height)
    short = f"{width // common}:{height // common}"
    return short if short in _SHAPES else ""


def _nearest(shape: float) -> str | None:
    """The shape within 3 % of it: 2.39, the cinema's, is drawn as 21:9."""
    found = min(_SHAPES, key=lambda one: abs(_quotient(one) / shape - 1))
    return found if abs(_quotient(found) / shape - 1) < 0.03 else None


def _quotient(ratio: str) -> float:
    width, _, height = ratio.partition(":")
    return int(width) / int(height)


def _wrong_ratio(text: str) -> NoReturn:
    raise _Wrong(Reason("ratio_invalid", {"value": text[:40]}))


def _whole(text: str) -> int | None:
    """``3`` and the ``3.0`` of spreadsheets."""
    found = re.fullmatch(r"(\d{1,10})(?:\.0+)?", text.strip())
    return int(found[1]) if found else None


_COUNTER: Final = re.compile(r"^[x×*]|(?:[条條个個次份张張遍组組镜版](?:视频)?|takes?|clips?|videos?|versions?|x|×)$")


def _takes(text: str) -> int:
    """``3``, ``3条``, ``x3``, ``三个``, ``3 takes``"""
    plain = _COUNTER.sub("", counted(text.casefold()))
    number = _whole(plain)
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


_SECOND: Final = r"(?:s|secs?|seconds?|秒[钟鐘間]?|″|′′|\"|''|초|sek(?:unden)?|seg(?:undos?)?|secondes?|сек(?:унд)?|с)?"
_MINUTES: Final = re.compile(
    rf"(\d{{1,2}})\s*(?:m|mins?|minutes?|分[钟鐘]?|'|′|분)\s*(?:(\d{{1,2}}(?:[.,]\d{{1,3}})?)\s*{_SECOND})?"
)
#: ``0:04``, ``00:01:05``, and ``00:00:05:12`` with frames, of which there are some 25 in a second.
_CLOCK: Final = re.compile(r"(?:(\d{1,2}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d{1,6})?)(?:[:;](\d{1,2}))?")
_PLAIN: Final = re.compile(rf"(\d{{1,4}}(?:[.,]\d{{1,6}})?)\s*{_SECOND}")
_THOUSANDTHS: Final = re.compile(r"(\d{1,6})\s*(?:ms|毫秒|msec)")
_BETWEEN: Final = re.compile(r"--?|–|—|―|~|至|到|to|\.\.")
_ABOUT: Final = re.compile(r"^(?:约|大约|大概|approx\.?|about|ca\.?|~|≈|<|≤|<=|不超过)|(?:左右|上下|以内|内|\.)$")
_COUNTED: Final = re.compile(rf"(?<![{NUMERALS}])[{NUMERALS}]{{1,9}}+(?=[秒分条條个個次份张張遍组組镜版]|$)")
#: Letters of a number with its unit.
_LONGEST_NUMBER: Final = 60


def counted(text: str) -> str:
    """The text in plain digits, its Chinese numerals before a counter among them."""
    return _COUNTED.sub(lambda found: str(numeral(found[0])), plain_digits(text)).strip()


def _seconds(text: str) -> float:
    """Seconds of one length as people write it; not a number for what is none."""
    plain = counted(text).casefold() if len(text) <= _LONGEST_NUMBER else ""
    for _ in range(2):
        plain = _ABOUT.sub("", plain).strip()
    # ISO 8601, as programs write it.
    plain = plain.removeprefix("pt") if plain.endswith("s") else plain
    if found := _CLOCK.fullmatch(plain):
        hours, minutes, seconds, frames = (float((part or "0").replace(",", ".")) for part in found.groups())
        return 3600 * hours + 60 * minutes + seconds + frames / 25
    if found := _MINUTES.fullmatch(plain):
        return 60 * int(found[1]) + float((found[2] or "0").replace(",", "."))
    if found := _THOUSANDTHS.fullmatch(plain):
        return int(found[1]) / 1000
    found = _PLAIN.fullmatch(plain)
    return float(found[1].replace(",", ".")) if found else math.nan


def span(text: str) -> tuple[float, float] | None:
    """Both ends of ``3-5s`` or ``00:03–00:05``, in seconds; None for what is no range."""
    plain = counted(text).casefold() if len(text) <= _LONGEST_NUMBER else ""
    for mark in _BETWEEN.finditer(plain):
        ends = _seconds(plain[: mark.start()]), _seconds(plain[mark.end() :])
        if ends[0] < ends[1]:
            return ends
    return None


def lengths(cells: Sequence[str]) -> list[str]:
    """The lengths of a list whose cells say from when to when a shot lasts; other lists as they are.

    ``0-3s``, ``3-7s``, ``7-10s`` go on where the one before ends; ``3-5s``, ``4-6s`` are lengths that may be chosen.
    """
    spans = [(place, ends) for place, text in enumerate(cells) if (ends := span(text))]
    goes_on = sum(before[1] == after[0] for (_, before), (_, after) in itertools.pairwise(spans))
    by_clock = all(text.count(":") >= 2 for text in (cells[place] for place, _ in spans))
    if not spans or not (by_clock or (len(spans) > 1 and goes_on * 2 >= len(spans) - 1)):
        return list(cells)
    said = {place: f"{round(ends[1] - ends[0], 3):g}" for place, ends in spans}
    return [said.get(place, text) for place, text in enumerate(cells)]


def _duration(text: str) -> float | None:
    if text.casefold() in AUTOMATIC:
        return None
    ends = span(text)
    seconds = ends[1] if ends else _seconds(text)
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
    """A name, in letters of the usual width."""
    text = unicodedata.normalize("NFKC", text)
    if len(text) > 200 or "\n" in text:
        raise _Wrong(Reason("value_too_long", {"value": text[:40], "limit": 200}))
    return text


def _size(text: str) -> str:
    """``1080P``, ``1920x1080``, ``auto``"""
    plain = re.sub(r"(?<=\d)\s*+[x×*]\s*+(?=\d)", "x", _short(text), flags=re.IGNORECASE)
    return "auto" if plain.casefold() in AUTOMATIC else plain


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
    "size": _size,
    "duration": _duration,
    "takes": _takes,
    "seed": _seed,
    "watermark": _short,
    "callback_url": _link,
    "negative_prompt": _negative,
}
