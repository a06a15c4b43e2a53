"""Shot numbers as people mean them: digits of any script, Chinese numerals, copies, and what spreadsheets made of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import PurePath
from typing import Any, Final

from natsort import natsort_keygen, ns

#: Chinese signs for numbers.
NUMERALS: Final = "〇零一二三四五六七八九十百千两兩廿卅壹贰叁肆伍陆柒捌玖拾"
_UNITS: Final = "镜鏡场場集幕话話章节節格条條号號"
#: A numeral that counts something: it fills the text, or stands behind 第, a unit or a mark, and before a unit, a mark or the end.
_NUMERAL: Final = re.compile(rf"(?:(?<=[第{_UNITS}头頭\s_\-.])|^)[{NUMERALS}]++(?=[{_UNITS}分]|[\s_\-.(]|$)")
#: ``1``, ``1.2``, ``shot_03``, ``镜头12``, ``第 12 镜``; longer runs of digits are dates and camera counters.
_ONE: Final = re.compile(
    r"(?:shot|scene|no\.?|#|分[镜鏡]|[镜鏡][头頭]|[镜鏡][号號]|[镜鏡]|第)?[ _-]*(\d{1,4}(?:\.\d{1,3}){0,2})[ _-]*(?:[镜鏡][头頭]|[镜鏡]|[号號])?",
    re.IGNORECASE,
)
#: ``第1场第2镜``, ``1集2场3镜``
_NESTED: Final = re.compile(
    rf"(?:第?\s*+\d{{1,4}}+\s*+(?:[镜鏡][头頭]|[{_UNITS}])\s*+)++(?:第?\s*+\d{{1,4}}+\s*+)?", re.IGNORECASE
)
#: ``1-2``, ``01_02a``, ``12b``, ``S01E02_003``, ``SC02-SH010``
_CODE: Final = re.compile(
    r"\d{1,3}(?:[-_]\d{1,3}){1,2}[a-z]?|\d{1,4}[a-z]|(?:(?:ep|e|sc|sh|s|shot|scene|cut|c)[ _-]?\d{1,4}+[ _-]*+){2,4}(?:\d{1,4})?[a-z]?",
    re.IGNORECASE,
)
#: What systems write behind the name of a second file of one name.
_COPY: Final = re.compile(r"(?:[(（](\d{1,3})[)）]|(?:copy|副本)(?:\s?[(（]?(\d{1,3})[)）]?)?)\Z", re.IGNORECASE)
_MONTH_NAMES: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS: Final = {name.casefold(): place for place, name in enumerate(_MONTH_NAMES, start=1)}
#: The months as spreadsheets of other languages of Europe shorten them.
_OTHER_MONTHS: Final = (
    "jan janv ene gen янв", "feb févr fév fev фев", "mär mrz mars mar мар", "apr avr abr апр", "mai mag май", "jun juin giu июн",
    "jul juil lug июл", "aug août ago авг", "sep sept set сен", "okt oct ott out окт", "nov ноя", "dez déc dic дек",
)  # fmt: skip
_natural: Final = natsort_keygen(alg=ns.IGNORECASE)


def plain_digits(text: str) -> str:
    """The text with every digit as 0–9, Chinese numerals that count something among them, and letters in their usual width."""
    narrow = "".join(
        str(unicodedata.decimal(letter)) if letter.isdecimal() else letter
        for letter in unicodedata.normalize("NFKC", text)
    )
    return _NUMERAL.sub(lambda found: str(numeral(found[0])), narrow)


def numeral(text: str) -> int:
    """``二十三`` → 23, ``一〇二`` → 102."""
    values = [2 if sign in "两兩" else int(unicodedata.numeric(sign)) for sign in text]
    if max(values) < 10:
        return int("".join(map(str, values)))
    total = digit = 0
    for value in values:
        if value in (10, 100, 1000):
            total += max(digit, 1) * value
            digit = 0
        elif value >= 10:
            total += value
        else:
            digit = value
    return total + digit


def natural_key(name: str) -> Any:
    """Sorts file names as people read them: 2 before 10, 第二镜 before 第十镜, ``1.png`` before ``1 (2).png``."""
    path = PurePath(name)
    return _natural(plain_digits(path.stem)), _natural(path.suffix)


def number_of(stem: str) -> str | None:
    """The shot number that a file name says, if it looks like one; without leading zeros."""
    text = plain_digits(stem).strip()
    if found := _ONE.fullmatch(text):
        whole, dot, rest = found[1].partition(".")
        return f"{int(whole)}{dot}{rest}"
    if _NESTED.fullmatch(text):
        return "-".join(str(int(part)) for part in re.findall(r"\d+", text))
    if _CODE.fullmatch(text):
        return text
    copy = _COPY.search(text)
    first = number_of(text[: copy.start()].rstrip(" -_")) if copy and copy.start() else None
    return f"{first} ({copy[1] or copy[2] or 2})" if copy and first else None


def number_in_cell(text: str) -> str:
    """A number as a list has it, only with plain digits, and ``第十镜`` as the 10 that it means."""
    # An apostrophe makes a number text in spreadsheets.
    text = re.sub(r"^['’](?=[0-9])", "", text)
    plain = plain_digits(text)
    wordy = any(letter in _UNITS or letter in "第头頭" for letter in plain)
    return (number_of(plain) if wordy or plain != unicodedata.normalize("NFKC", text) else None) or plain


def loose(number: str | None) -> str | None:
    """The same for numbers that people take for one: ``001``, ``1``, ``1.0``, ``第一镜`` and ``Shot 1``."""
    if not number:
        return None
    text = plain_digits(number).casefold().strip()
    said = number_of(text) or text
    said = re.sub(r"\d+", lambda found: str(int(found[0])) if len(found[0]) < 20 else found[0], said)
    return re.sub(r"^(\d+)\.0$", r"\1", re.sub(r"[\s_–—-]+", "-", said))


def date_as_shown(value: date, number_format: str = "") -> str:
    """A date as its cell shows it, as far as a shot number can hide behind it: ``1-2`` became 2 January, ``3-45`` March 1945."""
    shown = re.sub(r'"[^"]*"|\\.|\[[^\[\]]*+\]', "", number_format.casefold())
    if "y" not in shown:
        return f"{value.month}月{value.day}日"
    if "d" not in shown:
        return f"{_MONTH_NAMES[value.month - 1]}-{value.year % 100:02d}"
    day = f"{value.year:04d}-{value.month:02d}-{value.day:02d}"
    return f"{day} {value:%H:%M:%S}" if isinstance(value, datetime) and "h" in shown else day


def of_date_text(text: str) -> str | None:
    """What was typed where a spreadsheet took it for a date; None when it is none."""
    if found := re.fullmatch(r"(\d{1,2})[月월]\s?(\d{1,2})[日일]", text):
        return f"{int(found[1])}-{int(found[2])}"
    if found := re.fullmatch(r"(\d{1,2})(?:-|[./]\s?)([^\W\d_]{3,5})\.?", text):
        if found[2].casefold() in _MONTHS and "-" in text:
            return f"{_MONTHS[found[2].casefold()]}-{int(found[1])}"
        # Where months have other names, the day stands first.
        other = next(
            (place for place, names in enumerate(_OTHER_MONTHS, start=1) if found[2].casefold() in names.split()), None
        )
        return f"{int(found[1])}-{other}" if other else None
    if found := re.fullmatch(r"([A-Za-z]{3})-(\d{2})", text):
        month = _MONTHS.get(found[1].casefold())
        return f"{month}-{int(found[2])}" if month else None
    if found := re.fullmatch(r"\d{4}-(\d{2})-(\d{2})[T ]00:00(?::00(?:\.0+)?)?", text):
        return f"{int(found[1])}-{int(found[2])}"
    return None


def mend(numbers: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """Each number of a list as it was meant, and the code of a warning where that is a guess.

    ``1.10`` comes out of a spreadsheet as ``1.1``: behind ``1.9``, and when there was a ``1.1`` before, the zero is put back.
    """
    seen: set[str] = set()
    before = ""
    for text in numbers:
        number, code = number_in_cell(text), None
        if meant := of_date_text(number):
            number, code = meant, "number_was_date"
        elif number in seen and (restored := _with_zero(before, number)):
            number, code = restored, "number_zero_restored"
        seen.add(number)
        before = number
        yield number, code


def _with_zero(before: str, number: str) -> str | None:
    last, now = re.fullmatch(r"(\d+)\.(\d*9)", before), re.fullmatch(r"(\d+)\.(\d+)", number)
    if last and now and last[1] == now[1] and str(int(last[2]) + 1) == now[2] + "0":
        return f"{number}0"
    return None
