"""What an answer says: machine codes and words, taken out of the envelopes of all providers.

Gateways wrap the refusals of the services behind them as JSON in a text; these are unwrapped, the innermost counts first.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from vidgen_core.providers.http.cleaning import read_json, whole
from vidgen_core.providers.http.redact import SAID_CHARACTERS, cut, redact


@dataclass(frozen=True)
class ErrorBody:
    """What an answer says, taken out of its envelope."""

    #: Machine codes, lower case.
    codes: tuple[str, ...]
    #: The text for people, unredacted no more than ``Answer.text`` is.
    text: str
    #: HTTP status, or the protocol's own where it hides errors under 200; 0: none.
    status: int
    #: What was wrapped in its texts, the innermost first.
    inner: tuple[ErrorBody, ...] = ()

    @property
    def layers(self) -> tuple[ErrorBody, ...]:
        return (*self.inner, self)

    @property
    def own(self) -> str:
        """The provider's own words: the innermost, for what stands around them is a program's."""
        return next((layer.text for layer in self.layers if layer.text.strip()), "").strip()


def own_words(said: ErrorBody) -> str:
    """The provider's own words as they are kept and shown."""
    return cut(" ".join(redact(said.own[:_WORDS]).split()), SAID_CHARACTERS)


#: Characters of a text that is judged; what was wrong stands at its beginning.
_WORDS: Final = 4000
#: How often a text may hold JSON that holds a text.
_WRAPPED: Final = 5
_CODE_PATHS: Final = (
    "error.code", "error.type", "error.status", "code", "errorcode", "errcode", "failcode", "returncode", "resultcode", "type",
    "reasoncode", "error.error.code", "error.error.type", "error.detail.errorcode", "data.error.code",
    "data.error.type", "detail.code", "detail.error.code", "data.failcode", "data.errorcode", "output.code",
)  # fmt: skip
_TEXT_PATHS: Final = (
    "error.message", "error.msg", "error.error.message", "error.detail", "error.faultstring", "error", "failreason", "failmsg",
    "errormessage", "errormsg", "errmsg", "detail.error.message", "detail.error", "detail.failreason", "data.failreason",
    "data.error.message", "data.error", "data.failmsg", "data.errormessage", "output.message", "message", "reason", "msg",
    "statusmsg", "statusmessage", "returnmsg", "resultmsg", "detail.message", "detail.msg", "detail.reason", "data.message",
    "data.msg", "data.reason", "errors.message", "errors.msg", "errors", "detail", "details", "errordescription",
    "raimediafilteredreasons", "data.detail", "data.taskstatusmsg", "taskstatusmsg", "errcode",
)  # fmt: skip
#: Where there is nothing else: of a job that failed it may be what its maker called it.
_TITLES: Final = ("error.title", "title")
#: What stands around everything that is said, whoever says it.
_ENVELOPES: Final = ("response", "responsemetadata", "baseresp", "header", "head", "meta")


def usual(body: Any) -> dict[str, Any]:
    """An answer as if it had the usual envelope: names in small letters without separators, and what is wrong as *error*."""
    found = _squashed(body[0] if isinstance(body, list) and len(body) == 1 else body)
    if not isinstance(found, dict):
        return {}
    for name in _ENVELOPES:
        if isinstance(found.get(name), dict):
            found = {**found.pop(name), **found}
    errors = found.get("errors") or found.get("fault")
    first = errors[0] if isinstance(errors, list) else errors
    # A part of an order that went well may have an error of its own (graphql.org/learn/response).
    if isinstance(first, dict) and not found.get("error") and is_empty(found.get("data")):
        told = texts_at({"error": first}, *_CODE_PATHS, *_TEXT_PATHS, *_TITLES)
        # Forms are answered with the names of their fields and what is wrong with each.
        extensions = first.get("extensions")
        found["error"] = (
            {**(extensions if isinstance(extensions, dict) else {}), **first}
            if told
            else {"message": "\n".join(itertools.islice(texts_of(first), 20))}
        )
    return found


def is_empty(value: Any) -> bool:
    """Whether nothing is said by it, however many names it has."""
    return all(map(is_empty, value.values())) if isinstance(value, Mapping) else not value


@functools.lru_cache(maxsize=4096)
def squash(name: str) -> str:
    """``errorCode``, ``error_code`` and ``ErrorCode`` alike."""
    return "".join(filter(str.isalnum, name)).lower()


def _squashed(value: Any, depth: int = 0) -> Any:
    if isinstance(value, Mapping) and depth < 6:
        found: dict[str, Any] = {}
        for name, inner in value.items():
            short = squash(name)
            found[short] = found.get(short) or _squashed(inner, depth + 1)
        return found
    if isinstance(value, list):
        return [_squashed(inner, depth + 1) for inner in value[:20]]
    return value


def error_body_in(body: Any, status: int, plain: str = "", codes: tuple[str, ...] | None = None) -> ErrorBody:
    """Take codes and texts out of any of the envelopes, and out of what is wrapped in those texts.

    :param plain: the text where the body is no JSON
    :param codes: machine codes where the provider says where they are
    """
    outer, inner = _layer(body, status, plain), tuple(_wrapped(body if body is not None else plain, status))
    return replace(outer, codes=outer.codes if codes is None else (*codes, *outer.codes), inner=inner)


def _layer(body: Any, status: int, plain: str = "") -> ErrorBody:
    said = usual(body)
    codes = [code.lower()[:200] for code in texts_at(said, *_CODE_PATHS)]
    texts = list(dict.fromkeys(text.strip() for text in texts_at(said, *_TEXT_PATHS) or texts_at(said, *_TITLES)))
    codes += [text.lower() for text in texts if _MACHINE_WORD.fullmatch(text)]
    nested = whole(at(body, "base_resp.status_code"))
    if nested:
        codes.append(f"base_resp:{nested}")
    if filtered_in(body):
        codes.append("content_filtered")
    spoken = [text for text in texts if not _MACHINE_WORD.fullmatch(text) and _json_in(text) is None]
    return ErrorBody(tuple(dict.fromkeys(codes)), "\n".join(spoken or texts)[:_WORDS] or plain[:_WORDS], status)


_MACHINE_WORD: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9]{0,40}(?:[_.:-][A-Za-z0-9]{1,40}){1,8}|[a-z]{1,40}(?:[A-Z][a-z]{1,40}){1,8}|(?:[A-Z][a-z]{1,40}){2,8}"
)


def _wrapped(value: Any, status: int, depth: int = 0) -> Iterator[ErrorBody]:
    """The refusals that stand as JSON in the texts of another, the innermost first."""
    if depth >= _WRAPPED:
        return
    for text in itertools.islice(texts_of(value), 40):
        found = _json_in(text)
        if isinstance(found, Mapping | list):
            yield from _wrapped(found, status, depth + 1)
            layer = _layer(found[0] if isinstance(found, list) and found else found, status)
            if layer.codes or layer.text:
                yield layer


def texts_of(value: Any, depth: int = 0) -> Iterator[str]:
    """All texts of a body; a body that is one text is that text."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping) and depth < 6:
        for inner in value.values():
            yield from texts_of(inner, depth + 1)
    elif isinstance(value, list) and depth < 6:
        for inner in value[:20]:
            yield from texts_of(inner, depth + 1)


def _json_in(text: str) -> Any:
    """The object or list that a text holds, alone or after a beginning in words; None where it holds none."""
    if "{" not in text or len(text) > 65536:
        return None
    for candidate in (text, text.replace('\\"', '"').replace("\\\\", "\\")):
        starts = [place for mark in ("{", "[{") if (place := candidate.find(mark)) >= 0]
        for start in sorted(starts)[:1]:
            end = max(candidate.rfind("}"), candidate.rfind("]")) + 1
            found = read_json(candidate[start:end])
            if isinstance(found, Mapping | list):
                return found
    return None


_FILTERS: Final = re.compile(
    r"mediafiltered|filtered(?:count|reasons?)$|^(?:is)?(?:moderated|filtered|nsfw|flagged)$|^blockreason",
    re.IGNORECASE,
)
_FILTER_VALUES: Final = frozenset({"content_filter", "safety", "prohibited_content", "image_safety", "recitation"})


def filtered_in(body: Any) -> bool:
    """Whether a body says by a mark or a counter that its result was held back for its content."""
    return any(itertools.islice((_filters(name, value) for name, value in _entries_of(body)), 2000))


def _filters(name: str, value: Any) -> bool:
    squashed = name.replace("_", "")
    if squashed.lower() == "finishreason":
        return isinstance(value, str) and value.lower() in _FILTER_VALUES
    if not _FILTERS.search(squashed):
        return False
    return bool(value) and str(value).strip().lower() not in ("0", "false", "none", "null", "no")


def _entries_of(value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    if depth > 8:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name), inner
            yield from _entries_of(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value[:50]:
            yield from _entries_of(inner, depth + 1)


def texts_at(body: Any, *paths: str) -> list[str]:
    """The non-empty texts and numbers at dotted paths of a JSON body; lists stand for their first entry."""
    found = (at(body, path) for path in paths)
    found = (value[0] if isinstance(value, list) and value else value for value in found)
    return [
        str(value)
        for value in found
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip()
    ]


def at(body: Any, path: str) -> Any:
    """The value at a dotted path; None where there is none; a list on the way stands for its first entry."""
    for name in path.split("."):
        if isinstance(body, list):
            body = body[0] if body else None
        if not isinstance(body, Mapping):
            return None
        body = body.get(name)
    return body
