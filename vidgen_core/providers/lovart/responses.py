"""Lovart's ways of saying no, and what a conversation with its agent has brought.

Source: the client that Lovart publishes (github.com/lovartai/lovart-skill) and its description of errors and limits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from vidgen_core.domain.errors import Delivery, ErrorKind
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.tasks import Failure
from vidgen_core.providers.base import RemoteStatus
from vidgen_core.providers.http import links
from vidgen_core.providers.http.cleaning import DEEPEST, clean, read_json, whole
from vidgen_core.providers.http.client import ProviderResponse
from vidgen_core.providers.http.error_body import ErrorBody, at, error_body_in, texts_at
from vidgen_core.providers.http.error_mapping import (
    ADDRESS_NOT_ALLOWED,
    BALANCE_EMPTY,
    CONTENT_REFUSED,
    IMAGE_NOT_FETCHED,
    IMAGE_TROUBLE,
    JOB_FAILED,
    JOB_UNKNOWN,
    PARAMETER_REFUSED,
    RATE_LIMITED,
    REMOTE_TIMEOUT,
    Classification,
    Table,
    as_failure,
    classify_texts,
    failed_verdict,
    refuses,
    rule,
    words,
)
from vidgen_core.providers.http.job_status import ended_in, read, read_values, values
from vidgen_core.providers.http.links import candidates, resolve

THREAD_BUSY: Final = Classification(ErrorKind.OVERLOADED, "thread_busy", retryable=True)
#: Nothing can have been begun in a project that is not there; the next attempt makes a new one.
PROJECT_GONE: Final = Classification(ErrorKind.PROVIDER, "agent_project_gone", Delivery.NOT_SENT, retryable=True)
CLOCK_WRONG: Final = Classification(ErrorKind.AUTH, "clock_wrong")
#: The agent asked, explained or excused itself instead of making a video.
ONLY_WORDS: Final = Classification(ErrorKind.PROVIDER, "agent_answered_in_words", charge=ChargeStatus.UNKNOWN)

TABLE: Final = Table(
    provider="lovart",
    by_code=(
        rule(RATE_LIMITED, "1429"),
        rule(THREAD_BUSY, "2011"),
        rule(BALANCE_EMPTY, "2012"),
    ),
    by_words=(
        rule(CLOCK_WRONG, said=words("timestamp", "clock skew")),
        rule(ADDRESS_NOT_ALLOWED, said=words(r"\bIP\b.{0,30}not allowed", "whitelist")),
        rule(PROJECT_GONE, said=words(r"project.{0,80}(?:does not exist|not found)")),
        rule(JOB_UNKNOWN, said=words(r"thread.{0,80}(?:does not exist|not found)")),
        rule(IMAGE_NOT_FETCHED, said=IMAGE_TROUBLE),
        rule(BALANCE_EMPTY, said=words("(?:insufficient|not enough).{0,10}(?:credits?|balance)", "积分不足")),
        rule(CONTENT_REFUSED, said=words("guidelines", "inappropriate", "不合规", "不适宜")),
        rule(REMOTE_TIMEOUT, said=words("timed out", "time limit")),
        rule(PARAMETER_REFUSED, said=words("not supported", "out of range", "invalid (?:param|value|input)")),
    ),
    by_status=(rule(THREAD_BUSY, statuses=[409]),),
)

_STATUSES: Final[Mapping[str, RemoteStatus]] = {
    "running": RemoteStatus.RUNNING,
    "done": RemoteStatus.SUCCEEDED,
    "abort": RemoteStatus.CANCELLED,
}


def said_by(answer: ProviderResponse) -> ErrorBody:
    """Code and message of the envelope; where there is none, the HTTP status counts."""
    code = whole(at(answer.json, "code"))
    said = error_body_in(answer.json, answer.status, answer.plain_text, codes=() if code is None else (str(code),))
    parts = texts_at(answer.json, "message", "details")
    if parts:
        said = replace(said, text=": ".join(parts))
    return replace(said, status=code) if code is not None and answer.ok and 400 <= code < 600 else said


def went_well(answer: ProviderResponse) -> bool:
    """Whether the envelope says so, too."""
    return is_answered(answer) and at(answer.json, "code") is not None


def is_answered(answer: ProviderResponse) -> bool:
    """Whether a free question was answered, in the usual envelope or without one."""
    return answer.ok and isinstance(answer.json, Mapping | list) and not refuses(answer.json)


def status_in(answer: ProviderResponse) -> tuple[RemoteStatus, str | None]:
    """Where a thread stands, and the word for it; *done* says nothing yet about a video."""
    seen = read(_without_the_order(answer.json))
    word = seen.word.lower() if seen.word else None
    return _STATUSES.get(word or "", seen.status), word


def may_have_ended(answer: ProviderResponse) -> bool:
    """Whether nothing that is known says that a thread goes on or has failed."""
    found = list(values(_without_the_order(answer.json)))
    return links.may_have_ended(read_values(found), ended_in(found))


def pending_in(answer: ProviderResponse) -> tuple[bool, Money | None]:
    """Whether the agent waits for a yes, and the credits it names for it."""
    pending = at(answer.json, "data.pending_confirmation")
    if not pending:
        return False, None
    return True, _credits(at(pending, "estimated_cost"))


def _credits(value: Any) -> Money | None:
    """Credits of a price; None where it names no single one that can be read for sure: a yes may follow from it."""
    text = "" if isinstance(value, bool) else re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", str(value))
    found = re.findall(r"\d+(?:\.\d+)?", text)
    unsure = isinstance(value, str) and re.search(r"\d,|\.\d{3}(?!\d)|\d\s?(?:[km]\b|[千万萬])", text, re.IGNORECASE)
    return None if len(found) != 1 or unsure else Money(amount=Decimal(found[0]), currency="credits")


def _entries(value: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Every object of an answer in its order, wherever it stands, also as text."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        value = clean(read_json(value))
    if isinstance(value, Mapping):
        yield value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for one in inner if depth < DEEPEST else ():
        yield from _entries(one, depth + 1)


def _kind_of(entry: Mapping[str, Any]) -> str:
    return " ".join(str(entry.get(name)).lower() for name in ("type", "kind", "role") if entry.get(name))


def _without_the_order(value: Any) -> Any:
    """An answer without what we said ourselves."""
    if isinstance(value, list):
        return [_without_the_order(one) for one in value if not (isinstance(one, Mapping) and "user" in _kind_of(one))]
    if isinstance(value, Mapping):
        return {name: _without_the_order(one) for name, one in value.items()}
    return value


def video_in(answer: ProviderResponse, base: str) -> tuple[bool, str | None]:
    """Whether a video is named, and its link; of several the last, for an agent mends what went wrong."""
    body = _without_the_order(answer.json)
    videos = [one for one in _entries(body) if _kind_of(one).startswith("video")]
    links = [link for one in videos if (link := _link_of(one, base)) is not None]
    if links:
        return True, links[-1]
    named = [one for one in candidates(body, base) if one.video]
    best = [one.url for one in named if one.points == named[0].points]
    return bool(videos), (best[-1] if best else None)


def _link_of(artifact: Mapping[str, Any], base: str) -> str | None:
    """The link of a video: in its place, or wherever else the artifact has it."""
    link = resolve(artifact.get("content"), base)
    return link or next((one.url for one in candidates(artifact, base) if one.sure), None)


def filtered_in(answer: ProviderResponse) -> str | None:
    """Why a filter kept the video back; None: none says so."""
    return read(_without_the_order(answer.json)).filtered


def words_in(answer: ProviderResponse) -> str:
    """What the agent said: all its texts in order."""
    spoken = [one for one in _entries(answer.json) if "assistant" in _kind_of(one)]
    texts = (one.get("text") or one.get("content") for one in spoken)
    return "\n".join(text.strip() for text in texts if isinstance(text, str) and text.strip())


def reason_in(answer: ProviderResponse) -> ErrorBody:
    """Why a thread failed, by its own record."""
    return error_body_in(at(answer.json, "data") or answer.json, 0)


def failure_in(text: str) -> Failure:
    """Why there is no video, by the agent's own words."""
    said = error_body_in(None, 0, text)
    verdict = _verdict(said)
    return as_failure(TABLE, ONLY_WORDS if verdict is JOB_FAILED else verdict, said)


def failure_of(said: ErrorBody) -> Failure:
    """Why a thread failed."""
    return as_failure(TABLE, _verdict(said), said)


def _verdict(said: ErrorBody) -> Classification:
    """Credits that an agent misses are ours."""
    own = classify_texts(TABLE, said)
    return own if own is not None and own.kind is ErrorKind.BALANCE else failed_verdict(TABLE, said)
