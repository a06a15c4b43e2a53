"""What an answer means: from machine codes, words and statuses to an error kind, and what may follow from it.

The order is fixed, because on these gateways a 429 can be a wrong value and a 200 any error at all: first the local
exception (``http.local_error``), then machine codes in the body, then words in the text, the HTTP status last.
Each provider brings a ``Table`` of its own cases; the cases here are what all of them share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from vidgen_core.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.models import Charge, Failure
from vidgen_core.providers.http import Answer
from vidgen_core.providers.redact import SAID_CHARACTERS, cut


@dataclass(frozen=True)
class Verdict:
    """What is made of an answer."""

    kind: ErrorKind
    #: ``error.<code>`` in the catalogues.
    code: str
    #: For a submit: whether the order can have been accepted.
    delivery: Delivery = Delivery.REFUSED
    #: Whether the same order may succeed when it is tried again without a change.
    retryable: bool = False
    #: What is known about the money of a submit answered so.
    charge: Charge = Charge.NONE


@dataclass(frozen=True)
class Case:
    """A verdict with its conditions; those that are given must all hold."""

    verdict: Verdict
    codes: frozenset[str] = frozenset()
    words: re.Pattern[str] | None = None
    statuses: frozenset[int] = frozenset()

    def holds(self, said: Said) -> bool:
        return (
            (not self.codes or not self.codes.isdisjoint(said.codes))
            and (self.words is None or self.words.search(said.text) is not None)
            and (not self.statuses or said.status in self.statuses)
        )


@dataclass(frozen=True)
class Said:
    """What an answer says, taken out of its envelope."""

    #: Machine codes, lower case.
    codes: tuple[str, ...]
    #: The text for people, unredacted no more than ``Answer.text`` is.
    text: str
    #: HTTP status, or the protocol's own where it hides errors under 200; 0: none.
    status: int


@dataclass(frozen=True)
class Table:
    """The cases of one provider, in order within each stage; shared cases come after a stage's own."""

    provider: str
    by_code: tuple[Case, ...]
    by_words: tuple[Case, ...]
    by_status: tuple[Case, ...] = ()

    @property
    def cases(self) -> tuple[Case, ...]:
        return (*self.by_code, *self.by_words, *COMMON_WORDS, *self.by_status, *COMMON_STATUSES)


def words(*alternatives: str) -> re.Pattern[str]:
    """A pattern for any of the given expressions, whatever their case."""
    return re.compile("|".join(alternatives), re.IGNORECASE)


def case(verdict: Verdict, *codes: str, said: re.Pattern[str] | None = None, statuses: Iterable[int] = ()) -> Case:
    """A case with its codes in lower case."""
    return Case(verdict, frozenset(code.lower() for code in codes), said, frozenset(statuses))


#: From many public clients; the union is wide on purpose, for a refused prompt must not be sent again.
MODERATION: Final = words(
    "sensitive", "moderat", r"polic(?:y|ies)", "violat", r"\bsafety", "unsafe", "nsfw", "prohibited", "prominent people",
    "real person", "copyright", "flagged", "rejected by", "RiskDetection", "DataInspection", "审核", "敏感", "违规",
    "涉黄", "涉政", "风控",
)  # fmt: skip

#: An input picture that the provider could not get or read.
IMAGE_TROUBLE: Final = words(
    r"(?:fetch|download|load|access|decode)\w*.{0,20}(?:the )?(?:image|picture)",
    r"image.{0,30}(?:could not be|cannot be|can't be|unable to be|failed to).{0,12}(?:fetch|download|load|decode)",
    "图片.{0,12}(?:下载|获取|读取|解析)失败",
)

CONTENT_REFUSED: Final = Verdict(ErrorKind.MODERATION, "content_refused")
IMAGE_REFUSED: Final = Verdict(ErrorKind.MODERATION, "image_refused")
KEY_REJECTED: Final = Verdict(ErrorKind.AUTH, "key_rejected")
KEY_WITHOUT_RIGHT: Final = Verdict(ErrorKind.AUTH, "key_without_right")
ADDRESS_NOT_ALLOWED: Final = Verdict(ErrorKind.AUTH, "address_not_allowed")
BALANCE_EMPTY: Final = Verdict(ErrorKind.BALANCE, "balance_empty")
KEY_USED_UP: Final = Verdict(ErrorKind.BALANCE, "key_used_up")
RATE_LIMITED: Final = Verdict(ErrorKind.RATE_LIMIT, "rate_limited", retryable=True)
SATURATED: Final = Verdict(ErrorKind.OVERLOADED, "provider_saturated", retryable=True)
PARAMETER_REFUSED: Final = Verdict(ErrorKind.PARAMETER, "parameter_refused")
REQUEST_TOO_LARGE: Final = Verdict(ErrorKind.FILE, "request_too_large")
IMAGE_NOT_FETCHED: Final = Verdict(ErrorKind.FILE, "picture_not_fetched")
JOB_UNKNOWN: Final = Verdict(ErrorKind.PROVIDER, "remote_job_unknown")
ADDRESS_WRONG: Final = Verdict(ErrorKind.PARAMETER, "address_wrong")
_MAY_BE_ACCEPTED: Final = {"delivery": Delivery.UNKNOWN, "retryable": True, "charge": Charge.UNKNOWN}
#: A submit that timed out somewhere on the way may have been accepted, and charged.
REMOTE_TIMEOUT: Final = Verdict(ErrorKind.TIMEOUT, "remote_timeout", delivery=Delivery.UNKNOWN, charge=Charge.UNKNOWN)
GATEWAY_FAILED: Final = Verdict(ErrorKind.NETWORK, "gateway_failed", **_MAY_BE_ACCEPTED)  # type: ignore[arg-type]
SERVER_ERROR: Final = Verdict(ErrorKind.PROVIDER, "server_error", **_MAY_BE_ACCEPTED)  # type: ignore[arg-type]
UNREADABLE: Final = Verdict(ErrorKind.NETWORK, "answer_unreadable", **_MAY_BE_ACCEPTED)  # type: ignore[arg-type]
#: A job ended without a video and without a reason that we know.
JOB_FAILED: Final = Verdict(ErrorKind.PROVIDER, "provider_failed", retryable=True, charge=Charge.UNKNOWN)

#: Tried after a provider's own words.
COMMON_WORDS: Final = (
    case(IMAGE_REFUSED, said=words("unsafe image", r"image.{0,40}(?:sensitive|flagged|violat|moderat)", "InputImage\\w*Sensitive")),
    case(CONTENT_REFUSED, said=MODERATION),
    case(SATURATED, said=words("负载已饱和", "负载过高", "overloaded", "high demand", "server is busy")),
    case(RATE_LIMITED, said=words("rate.?limit", "too many requests", "请求数限制", "请求过于频繁")),
    case(IMAGE_NOT_FETCHED, said=IMAGE_TROUBLE),
)  # fmt: skip

#: The last resort. A status of 4xx that gateways use for *no* is a refusal even when its body is a page of HTML.
COMMON_STATUSES: Final = (
    case(KEY_REJECTED, statuses=[401]),
    case(BALANCE_EMPTY, statuses=[402]),
    case(KEY_WITHOUT_RIGHT, statuses=[403]),
    case(ADDRESS_WRONG, statuses=[301, 302, 303, 307, 308, 404, 405]),
    case(REQUEST_TOO_LARGE, statuses=[413]),
    case(RATE_LIMITED, statuses=[429]),
    case(PARAMETER_REFUSED, statuses=[400, 406, 411, 415, 422, 431]),
    case(GATEWAY_FAILED, statuses=[502, 503, 504, *range(520, 531)]),
    case(SERVER_ERROR, statuses=range(500, 600)),
    case(UNREADABLE),
)


def judge(table: Table, said: Said) -> Verdict:
    """The verdict of the first case that holds."""
    return next(case.verdict for case in table.cases if case.holds(said))


def error_of(table: Table, answer: Answer, said: Said) -> RemoteError:
    """The error for an answer that is a refusal."""
    return as_error(table, judge(table, said), answer, said)


def as_error(table: Table, verdict: Verdict, answer: Answer, said: Said) -> RemoteError:
    """``verdict`` as an error that carries the answer's evidence."""
    return RemoteError(
        verdict.code,
        kind=verdict.kind,
        delivery=verdict.delivery,
        retry_after=answer.retry_after,
        evidence=answer.evidence,
        request_id=answer.request_id,
        **params_of(table, said),
    )


def params_of(table: Table, said: Said) -> dict[str, Any]:
    """What sentences are filled with; nothing secret."""
    return {"provider": table.provider, "status": said.status, "said": cut(said.text.strip(), SAID_CHARACTERS)}


def failure_of(table: Table, said: Said) -> Failure:
    """Why a job that was accepted ended without a video.

    An upstream that refuses *its* caller says nothing about our key or our money: such texts mean that the provider
    has no capacity for us at the moment.
    """
    return as_failure(table, failed_verdict(table, said), said)


def as_failure(table: Table, verdict: Verdict, said: Said) -> Failure:
    """``verdict`` as the end of a job that was accepted."""
    return Failure(
        kind=verdict.kind,
        code=verdict.code,
        params=params_of(table, said),
        retryable=verdict.retryable,
        charged=Charge.UNKNOWN if verdict.charge is Charge.NONE else verdict.charge,
    )


_UPSTREAM: Final = frozenset({ErrorKind.AUTH, ErrorKind.BALANCE, ErrorKind.RATE_LIMIT})


def failed_verdict(table: Table, said: Said) -> Verdict:
    """As ``judge``, for the reason of a failed job; a status does not count, a missing reason is ``provider_failed``."""
    staged = (*table.by_code, *table.by_words, *COMMON_WORDS)
    found = next((case.verdict for case in staged if not case.statuses and case.holds(said)), JOB_FAILED)
    if found.kind in _UPSTREAM:
        return replace(SATURATED, code="upstream_unavailable")
    return found


# --- envelopes ------------------------------------------------------------------------------------------------------


def texts_at(body: Any, *paths: str) -> list[str]:
    """The non-empty texts and numbers at dotted paths of a JSON body; lists stand for their first entry."""
    found = (at(body, path) for path in paths)
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
