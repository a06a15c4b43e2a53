"""Sentences, numbers and times in one language."""

from __future__ import annotations

import functools
import gettext
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from importlib import resources
from importlib.resources.abc import Traversable
from io import StringIO
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from babel.dates import format_datetime, format_timedelta
from babel.messages import pofile
from babel.messages.plurals import get_plural
from babel.numbers import format_compact_decimal, format_currency, format_decimal
from babel.units import format_unit

from vidgen_core.domain.errors import ErrorKind

if TYPE_CHECKING:
    from vidgen_core.domain.log import LogLevel
    from vidgen_core.domain.money import Money
    from vidgen_core.domain.tasks import Failure, TaskStatus

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
#: Folder of the catalogue and name for Babel.
_LOCALES: Final[dict[str, str]] = {"zh": "zh_CN", "en": "en"}
_MSGID: Final = re.compile(r'^msgid "(.+)"$', re.MULTILINE)


def choose_language(setting: str, accept: str | None) -> Language:
    """The language to use: the setting, or for ``auto`` the first one of ``accept`` that there is, else English.

    :param accept: an ``Accept-Language`` header, or a locale such as ``zh-CN`` or ``zh_CN.UTF-8``
    """
    for wanted in (setting, *_accepted(accept or "")):
        if wanted in LANGUAGES:
            return wanted
    return "en"


def _accepted(header: str) -> list[str]:
    """The primary language tags of an ``Accept-Language`` header (RFC 9110, 12.5.4), most wanted first."""
    accepted = [part.strip().partition(";q=") for part in header.replace(" ", "").split(",")]
    ranked = sorted(accepted, key=lambda one: -_quality(one[2]))
    return [tag.replace("_", "-").partition("-")[0].lower() for tag, _, weight in ranked if _quality(weight) > 0]


def _quality(text: str) -> float:
    try:
        return float(text or 1)
    except ValueError:
        return 0.0


def catalogue_files(lang: str) -> Iterator[Traversable]:
    """The ``.po`` files of one language, one for each area."""
    folder = resources.files(__package__) / "catalogues" / _LOCALES[lang]
    yield from sorted((file for file in folder.iterdir() if file.name.endswith(".po")), key=lambda file: file.name)


class _Catalogue:
    """The sentences of one language; an entry of its files is parsed when it is asked for, for a command needs few of them."""

    def __init__(self, lang: str) -> None:
        self._locale = _LOCALES[lang]
        self._plural = gettext.c2py(get_plural(self._locale).plural_expr)
        entries = (entry for file in catalogue_files(lang) for entry in file.read_text("utf-8").split("\n\n"))
        self._entries = {found[1]: entry for entry in entries if (found := _MSGID.search(entry))}
        self._forms = functools.cache(self._parse)

    def find(self, id_: str, n: int) -> str | None:
        """The form of the sentence that fits ``n``."""
        if id_ not in self._entries:
            return None
        forms = self._forms(id_)
        return forms[min(self._plural(n), len(forms) - 1)]

    def _parse(self, id_: str) -> Sequence[str]:
        [message] = (one for one in pofile.read_po(StringIO(self._entries[id_]), locale=self._locale) if one.id)
        return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


@functools.cache
def _catalogue(lang: str) -> _Catalogue:
    return _Catalogue(lang)


class _Lenient(dict[str, Any]):
    """Keeps placeholders without a value visible instead of failing."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


@functools.cache
def get_text(lang: str, *, strict: bool = False) -> Text:
    """The texts of a language: ``zh`` or ``en``."""
    return Text(lang, strict)


@dataclass(frozen=True)
class Text:
    """Sentences by id, e.g. ``t("shots.empty")``; immutable.

    An id that is missing falls back to English and then to the id itself; when ``strict``, it and a placeholder that
    is not filled raise ``KeyError``.
    """

    lang: str
    strict: bool = False

    @property
    def locale(self) -> str:
        return _LOCALES[self.lang]

    def __call__(self, id: str, /, **params: Any) -> str:  # noqa: A002 - the word of gettext
        return self._fill(self._find(id), params)

    def provider(self, name: str, /) -> str:
        """What people call a provider, or whoever answers what a language model is asked."""
        from vidgen_core.domain.providers import WRITING, ProviderId

        return self("mode.writing") if name == WRITING else ProviderId(name).spec.title[self.lang]

    def named_provider(self, params: Mapping[str, Any]) -> dict[str, str]:
        """``provider`` of the params as people call it; empty where they name none that is known."""
        name = params.get("provider")
        if name is None:
            return {}
        from vidgen_core.domain.providers import WRITING, provider_ids

        return {"provider": self.provider(name)} if name in (WRITING, *provider_ids()) else {}

    def has(self, id: str, /) -> bool:  # noqa: A002
        """Whether there is such a sentence."""
        return self._lookup(id) is not None

    def n(self, id: str, n: int, /, **params: Any) -> str:  # noqa: A002
        """The form of the sentence that fits ``n``, which also fills ``{n}``."""
        return self._fill(self._find(id, n), {"n": self.number(n), **params})

    def error(self, kind: ErrorKind | str, code: str, params: Mapping[str, Any], /) -> str:
        """The sentence for an error: its code's, else its kind's.

        Codes in the params are put into words first: ``reason`` by ``reason.<reason>``, ``cause`` by
        ``error.<cause>``, ``provider`` by its name; a kept ``Money`` is written as people write it.
        """
        return self._of_error(self._id_of(kind, code), params)

    def ended(self, kind: ErrorKind | str, code: str, params: Mapping[str, Any], /) -> str:
        """The same for something that ended with the error: promises no retry, and says what to do now."""
        id_ = self._id_of(kind, code)
        last = id_.replace("error.", "ended.", 1)
        return self._of_error(last if self.has(last) else id_, params)

    def _of_error(self, id_: str, params: Mapping[str, Any]) -> str:
        inner = params.get("detail")
        inner = inner if isinstance(inner, Mapping) else {}
        params = {**inner, **params}
        filled = {name: self.amount(value) for name, value in params.items()}
        for name, area in (("reason", "reason"), ("cause", "error")):
            if self.has(spoken := f"{area}.{params.get(name)}"):
                rest = {key: value for key, value in params.items() if key not in (name, "detail")}
                filled[name] = self._of_error(spoken, {**rest, **inner})
        return self(id_, **(filled | self.named_provider(params)))

    def _id_of(self, kind: ErrorKind | str, code: str) -> str:
        if self.has(f"error.{code}"):
            return f"error.{code}"
        if self.strict and code not in set(ErrorKind):
            raise KeyError(f"error.{code}")
        return f"error.kind.{kind}"

    def amount(self, value: Any) -> Any:
        """A formatted amount for the JSON of a ``Money``; other values unchanged."""
        if isinstance(value, Mapping) and value.keys() == {"amount", "currency"}:
            from vidgen_core.domain.money import Money

            return self.money(Money.model_validate(value), estimated=False)
        return value

    def failure(self, failure: Failure, *, goes_on: bool = False) -> str:
        """Why something failed and what to do now.

        :param goes_on: it is an attempt of a task that is not over: what is tried again by itself is said so
        """
        sentence = self.error if goes_on else self.ended
        return sentence(failure.kind, failure.code, failure.params)

    def told(self, failure: Failure, *, goes_on: bool = False) -> str:
        """The same, with the provider's message below it."""
        return self.with_words(self.failure(failure, goes_on=goes_on), failure.params)

    def with_words(self, sentence: str, params: Mapping[str, Any]) -> str:
        """A sentence, and on lines of their own the words of others that the params have (``quoted``)."""
        return "\n".join([sentence, *(line for said, line in self.quoted(params) if said not in sentence)])

    def quoted(self, params: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The words of others, of the provider (``said``) or of this machine (``why``): as they are, and as a line."""
        inner = params.get("detail")
        known = {**inner, **params} if isinstance(inner, Mapping) else params
        found = ((known.get(name), id_) for name, id_ in (("said", "common.said"), ("why", "common.detail")))
        words = ((said.strip(), id_) for said, id_ in found if isinstance(said, str) and said.strip())
        return [(said, self(id_, said=said)) for said, id_ in words]

    def status(self, status: TaskStatus) -> str:
        return self(f"status.{status.value}")

    def level(self, level: LogLevel) -> str:
        return self(f"level.{level.value}")

    def money(self, money: Money, estimated: bool) -> str:
        """``¥5.20``, ``≈¥0.004`` when ``estimated``, ``120 credits``."""
        if money.currency == "credits":
            amount = self("common.credits", amount=self.number(money.amount))
        else:
            # Four digits: a job may cost less than a cent.
            amount = format_currency(
                money.amount, money.currency, "¤#,##0.00##", locale=self.locale, currency_digits=False
            )
        # Babel writes CN¥ in English; the users of these providers write ¥ in both languages.
        return ("≈" if estimated else "") + amount.replace("CN¥", "¥")

    def number(self, value: Any) -> str:
        """With the language's grouping of digits."""
        return _number(value, self.locale)

    def short_number(self, value: int) -> str:
        """Where there is little room: from 10,000 on by its first two digits, e.g. ``12K``, ``1.2万``."""
        if value < 10_000:
            return self.number(value)
        short = [str(format_compact_decimal(value, locale=self.locale, fraction_digits=digits)) for digits in (0, 1)]
        return short[not short[0][1].isdigit()]

    def duration(self, seconds: float, *, about: bool = False) -> str:
        """In its two largest units, e.g. ``8 min``, ``1 hr 5 min``, ``4.2 sec``.

        :param about: an estimate: one unit up to the hour, with that word before it (``about 8 min``)
        """
        if about and seconds >= 60:
            seconds = round(seconds / 60) * 60
        length = _length(seconds, self.locale)
        return self("common.about", what=length) if about else length

    def bytes(self, n: int) -> str:
        """In decimal units, e.g. ``3.2 MB``."""
        for size, unit in ((10**9, "gigabyte"), (10**6, "megabyte"), (10**3, "kilobyte")):
            if n >= size:
                return str(format_unit(round(n / size, 1), unit, "short", locale=self.locale))
        return f"{n} B"

    def datetime(self, moment: datetime, tz: tzinfo) -> str:
        """A time in a time zone, to the second."""
        return str(format_datetime(moment, "medium", tzinfo=tz, locale=self.locale))

    def ago(self, seconds: float) -> str:
        """How long ago something was, e.g. ``3 minutes ago``."""
        return _ago(round(max(seconds, 0)), self.locale)

    def _find(self, id: str, n: int = 1) -> str:  # noqa: A002
        found = self._lookup(id, n)
        if found is not None:
            return found
        if self.strict:
            raise KeyError(id)
        return id

    def _lookup(self, id: str, n: int = 1) -> str | None:  # noqa: A002
        """From the first catalogue that has it."""
        languages = (self.lang,) if self.strict else (self.lang, "en")
        return next((found for lang in languages if (found := _catalogue(lang).find(id, n)) is not None), None)

    def _fill(self, sentence: str, params: Mapping[str, Any]) -> str:
        values = dict(params) if self.strict else _Lenient(params)
        return _COUNTING.vformat(sentence, (), values) if "|" in sentence else sentence.format_map(values)


class _CountingFormatter(string.Formatter):
    """Fills ``{n:task|tasks}`` with the form that fits ``n``, for sentences with more than one number."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, bar, more = format_spec.partition("|")
        if bar:
            return one if str(value) == "1" else more
        return str(super().format_field(value, format_spec))


_COUNTING: Final = _CountingFormatter()


@functools.lru_cache(maxsize=4096)
def _length(seconds: float, locale: str) -> str:
    words = " ".join(format_unit(amount, unit, "short", locale=locale) for amount, unit in _units(seconds))
    # Chinese sentences here keep a space between digits and characters; Babel's do not.
    return re.sub(r"(?<=\d)(?=[\u4e00-\u9fff])", " ", words)


@functools.lru_cache(maxsize=4096)
def _ago(seconds: int, locale: str) -> str:
    past = timedelta(seconds=-seconds)
    return str(format_timedelta(past, add_direction=True, granularity="second", locale=locale))


@functools.lru_cache(maxsize=4096, typed=True)
def _number(value: Any, locale: str) -> str:
    return str(format_decimal(value, locale=locale))


def _units(seconds: float) -> list[tuple[float, str]]:
    """The one or two largest units of a duration; zero ones are left out, short ones keep a tenth."""
    if seconds < 9.95:
        return [(round(max(seconds, 0), 1), "second")]
    whole = round(seconds)
    if whole >= 600:
        whole = round(whole / 60) * 60
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "day"), (hours, "hour"), (minutes, "minute"), (left, "second")]
    first = next(index for index, (amount, _) in enumerate(units) if amount)
    return [(amount, unit) for amount, unit in units[first : first + 2] if amount]
