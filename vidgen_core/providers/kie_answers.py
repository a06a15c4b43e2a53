"""KIE's ways of saying no: a code and a message, mostly under HTTP 200, and where its records keep their facts.

Sources: docs.kie.ai (getting started, veo3-api, market pages), clients that measured the service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from vidgen_core.errors import ErrorKind
from vidgen_core.models import Money
from vidgen_core.providers.answers import (
    ADDRESS_NOT_ALLOWED,
    BALANCE_EMPTY,
    CONTENT_REFUSED,
    IMAGE_NOT_FETCHED,
    IMAGE_REFUSED,
    IMAGE_TROUBLE,
    JOB_UNKNOWN,
    KEY_REJECTED,
    KEY_USED_UP,
    MODERATION,
    PARAMETER_REFUSED,
    RATE_LIMITED,
    REMOTE_TIMEOUT,
    Said,
    Table,
    Verdict,
    at,
    case,
    said_in,
    texts_at,
    words,
)
from vidgen_core.providers.base import RemoteStatus
from vidgen_core.providers.cleaning import clean, read_json, whole
from vidgen_core.providers.http import Answer

MAINTENANCE: Final = Verdict(ErrorKind.OVERLOADED, "provider_maintenance", retryable=True)
MODEL_PAUSED: Final = Verdict(ErrorKind.OVERLOADED, "model_paused", retryable=True)
FEATURE_OFF: Final = Verdict(ErrorKind.PARAMETER, "feature_off")
PROMPT_NOT_ENGLISH: Final = Verdict(ErrorKind.PARAMETER, "prompt_not_english")
MODEL_UNKNOWN: Final = Verdict(ErrorKind.PARAMETER, "model_unknown")
#: Not an error: what was asked for is still being made.
NOT_READY: Final = Verdict(ErrorKind.OVERLOADED, "not_ready", retryable=True)
#: A 500 is often a plain validation message, and a 400 or 422 may be content: those are told apart by their words.
TABLE: Final = Table(
    provider="KIE",
    by_code=(
        case(ADDRESS_NOT_ALLOWED, "401", said=words(r"\bIP\b", "whitelist")),
        case(KEY_REJECTED, "401"),
        case(BALANCE_EMPTY, "402"),
        case(REMOTE_TIMEOUT, "408"),
        case(RATE_LIMITED, "429"),
        case(KEY_USED_UP, "433"),
        case(IMAGE_NOT_FETCHED, "451"),
        case(MAINTENANCE, "455"),
        case(FEATURE_OFF, "505"),
    ),
    by_words=(
        case(NOT_READY, said=words("is processing", "record status is not success")),
        case(JOB_UNKNOWN, said=words(r"record(?:info)? is null", "records within 14 days")),
        case(PROMPT_NOT_ENGLISH, said=words("only english prompts")),
        case(MODEL_PAUSED, said=words("temporarily paused")),
        case(MAINTENANCE, said=words("maintenance")),
        case(IMAGE_REFUSED, said=words("unsafe image")),
        case(CONTENT_REFUSED, said=MODERATION),
        case(IMAGE_NOT_FETCHED, said=IMAGE_TROUBLE),
        case(BALANCE_EMPTY, said=words("credits? (?:is|are) insufficient", "insufficient.{0,10}(?:credits?|balance)")),
        case(MODEL_UNKNOWN, said=words("model name you specified", "model.{0,20}(?:not exist|not found)")),
        case(
            PARAMETER_REFUSED,
            said=words(
                r"\bis required", "field is required", "not within the range", r"\bmust (?:be|have)\b", "not supported",
                "cannot be (?:null|empty)", "length of", "not valid json", "invalid (?:param|value|input|format)",
            ),
        ),
    ),
    by_status=(case(JOB_UNKNOWN, statuses=[404]),),
)  # fmt: skip


def said_by(answer: Answer) -> Said:
    """Code and message of the envelope; where there is none, the HTTP status counts."""
    code = whole(at(answer.json, "code"))
    if code is None:
        return said_in(answer.json, answer.status, answer.plain_text)
    if code == 200 and not answer.ok:
        code = answer.status
    return said_in(answer.json, code, codes=(str(code),))


def went_well(answer: Answer) -> bool:
    """Whether the envelope says 200, too."""
    return answer.ok and whole(at(answer.json, "code")) == 200


#: Where the answer to a submit names its job.
ID_PATHS: Final = ("data.taskId", "data.task_id", "data.recordId", "data.id", "taskId", "task_id")


#: The jobs API's states and the Veo API's flags; whatever is not here counts as still running.
STATES: Final[Mapping[Any, RemoteStatus]] = {
    "waiting": RemoteStatus.QUEUED,
    "queuing": RemoteStatus.QUEUED,
    "generating": RemoteStatus.RUNNING,
    "success": RemoteStatus.SUCCEEDED,
    "fail": RemoteStatus.FAILED,
    "0": RemoteStatus.RUNNING,
    "1": RemoteStatus.SUCCEEDED,
    "2": RemoteStatus.FAILED,
    "3": RemoteStatus.FAILED,
}
_FLAGS: Final = {"0": "generating", "1": "success", "2": "failed", "3": "generation failed"}


def status_in(data: Mapping[str, Any]) -> tuple[RemoteStatus, str | None]:
    """The normalized status of a record, and its own word."""
    found = texts_at(data, "state", "successFlag")
    if not found:
        return RemoteStatus.UNKNOWN, None
    word = found[0].lower()
    return STATES.get(word, RemoteStatus.UNKNOWN), _FLAGS.get(word, found[0])


def link_in(data: Mapping[str, Any]) -> str | None:
    """The first link of a record; lists stand there as arrays or as JSON text, in several places."""
    places = (
        at(data, "response.resultUrls"), at(data, "resultUrls"), _loads(at(data, "resultJson")),
        at(data, "response.originUrls"), at(data, "info.resultUrls"),
    )  # fmt: skip
    return next((link for place in places if (link := _first_link(place)) is not None), None)


def _first_link(value: Any) -> str | None:
    value = _loads(value)
    if isinstance(value, str):
        return value if re.match(r"https?://", value) else None
    if isinstance(value, list):
        return next((link for one in value if (link := _first_link(one)) is not None), None)
    if isinstance(value, Mapping):
        names = ("resultUrls", "result_urls", "videoUrl", "url", "data", "origin_urls", "originUrls")
        return next((link for name in names if (link := _first_link(value.get(name))) is not None), None)
    return None


def _loads(value: Any) -> Any:
    """JSON text as what it means; anything else as it is."""
    if not isinstance(value, str) or not value.strip().startswith(("[", "{")):
        return value
    return clean(read_json(value))


def reason_in(data: Mapping[str, Any]) -> Said:
    """Why a job failed: code and message of the record."""
    code = whole(at(data, "failCode"))
    code = whole(at(data, "errorCode")) if code is None else code
    return said_in(data, code if code is not None and 0 < code < 1000 else 0)


def credits_in(data: Mapping[str, Any]) -> Money | None:
    """What a record says the job took; jobs API only."""
    used = data.get("creditsConsumed")
    if not isinstance(used, int | float) or isinstance(used, bool) or not 0 <= used < 10**9:
        return None
    return Money(amount=Decimal(str(used)), currency="credits")


def progress_in(data: Mapping[str, Any]) -> int | None:
    found = re.match(r"\s*(\d{1,9})", str(data.get("progress")))
    return min(int(found[1]), 100) if found else None
