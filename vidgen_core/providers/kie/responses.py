"""KIE's ways of saying no: a code and a message, mostly under HTTP 200, and where its records keep their facts.

Sources: docs.kie.ai (getting started, veo3-api, market pages), clients that measured the service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import Money
from vidgen_core.providers.base import RemoteStatus
from vidgen_core.providers.http.cleaning import clean, read_json, whole
from vidgen_core.providers.http.client import ProviderResponse
from vidgen_core.providers.http.error_body import ErrorBody, at, error_body_in, texts_at
from vidgen_core.providers.http.error_mapping import (
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
    Classification,
    Table,
    refuses,
    rule,
    words,
)
from vidgen_core.providers.http.job_status import Reading, read

MAINTENANCE: Final = Classification(ErrorKind.OVERLOADED, "provider_maintenance", retryable=True)
MODEL_PAUSED: Final = Classification(ErrorKind.OVERLOADED, "model_paused", retryable=True)
FEATURE_OFF: Final = Classification(ErrorKind.PARAMETER, "feature_off")
PROMPT_NOT_ENGLISH: Final = Classification(ErrorKind.PARAMETER, "prompt_not_english")
MODEL_UNKNOWN: Final = Classification(ErrorKind.PARAMETER, "model_unknown")
#: Not an error: what was asked for is still being made.
NOT_READY: Final = Classification(ErrorKind.OVERLOADED, "not_ready", retryable=True)
#: A 500 is often a plain validation message, and a 400 or 422 may be content: those are told apart by their words.
TABLE: Final = Table(
    provider="kie",
    by_code=(
        rule(ADDRESS_NOT_ALLOWED, "401", said=words(r"\bIP\b", "whitelist")),
        rule(KEY_REJECTED, "401"),
        rule(BALANCE_EMPTY, "402"),
        rule(REMOTE_TIMEOUT, "408"),
        rule(RATE_LIMITED, "429"),
        rule(KEY_USED_UP, "433"),
        rule(IMAGE_NOT_FETCHED, "451"),
        rule(MAINTENANCE, "455"),
        rule(FEATURE_OFF, "505"),
    ),
    by_words=(
        rule(NOT_READY, said=words("is processing", "record status is not success")),
        rule(JOB_UNKNOWN, said=words(r"record(?:info)? is null", "records within 14 days")),
        rule(PROMPT_NOT_ENGLISH, said=words("only english prompts")),
        rule(MODEL_PAUSED, said=words("temporarily paused")),
        rule(MAINTENANCE, said=words("maintenance")),
        rule(IMAGE_REFUSED, said=words("unsafe image")),
        rule(CONTENT_REFUSED, said=MODERATION),
        rule(IMAGE_NOT_FETCHED, said=IMAGE_TROUBLE),
        rule(BALANCE_EMPTY, said=words("credits? (?:is|are) insufficient", "insufficient.{0,10}(?:credits?|balance)")),
        rule(MODEL_UNKNOWN, said=words("model name you specified", "model.{0,20}(?:not exist|not found)")),
        rule(
            PARAMETER_REFUSED,
            said=words(
                r"\bis required", "field is required", "not within the range", r"\bmust (?:be|have)\b", "not supported",
                "cannot be (?:null|empty)", "length of", "not valid json", "invalid (?:param|value|input|format)",
            ),
        ),
    ),
    by_status=(rule(JOB_UNKNOWN, statuses=[404]),),
)  # fmt: skip


def said_by(answer: ProviderResponse) -> ErrorBody:
    """Code and message of the envelope; where there is none, the HTTP status counts."""
    code = whole(at(answer.json, "code"))
    if code is None:
        return error_body_in(answer.json, answer.status, answer.plain_text)
    # Relays have numbers of their own, which are no statuses.
    status = answer.status if (code == 200 and not answer.ok) or not 100 <= code < 600 else code
    return error_body_in(answer.json, status, codes=(str(status if code == 200 else code),))


def went_well(answer: ProviderResponse) -> bool:
    """Whether the envelope says so, too."""
    return answer.ok and isinstance(answer.json, Mapping | list) and not refuses(answer.json)


def record_in(answer: ProviderResponse) -> Mapping[str, Any] | list[Any] | None:
    """The record of a job, in its envelope, as text in it, or without one; None where there is none."""
    if not went_well(answer):
        return None
    data = at(answer.json, "data")
    if isinstance(data, str):
        data = clean(read_json(data))
    if data is None and at(answer.json, "code") is None:
        data = answer.json
    return data if isinstance(data, Mapping | list) and data else None


#: Where the answer to a submit names its job.
ID_PATHS: Final = ("data.taskId", "data.task_id", "data.recordId", "data.id", "taskId", "task_id")


#: The Veo API's flags, and words for them; the jobs API's states are words that everybody uses.
_FLAGS: Final[Mapping[str, tuple[RemoteStatus, str]]] = {
    "0": (RemoteStatus.RUNNING, "generating"),
    "1": (RemoteStatus.SUCCEEDED, "success"),
    "2": (RemoteStatus.FAILED, "failed"),
    "3": (RemoteStatus.FAILED, "generation failed"),
}
#: Where a record has its link, the surest place first.
LINKS: Final = tuple(
    f"data.{place}"
    for place in (
        "response.resultUrls", "resultUrls", "resultJson.resultUrls", "resultJson.result_urls", "resultJson.videoUrl",
        "resultJson.url", "resultJson", "resultJson.data.resultUrls", "resultJson.data.result_urls", "resultJson.data",
        "resultJson.origin_urls", "resultJson.originUrls", "response.originUrls", "info.resultUrls",
    )
)  # fmt: skip


def reading_of(body: Any) -> Reading:
    """Where a job stands; a flag of the Veo API speaks where no word does."""
    seen = read(body)
    flag = texts_at(body, "data.successFlag")
    if seen.word is not None or not flag:
        return seen
    status, word = _FLAGS.get(flag[0].lower(), (RemoteStatus.UNKNOWN, flag[0]))
    return replace(seen, status=status, word=word)


def reason_in(data: Mapping[str, Any]) -> ErrorBody:
    """Why a job failed: code and message of the record."""
    code = whole(at(data, "failCode"))
    code = whole(at(data, "errorCode")) if code is None else code
    return error_body_in(data, code if code is not None and 0 < code < 1000 else 0)


def credits_in(data: Mapping[str, Any]) -> Money | None:
    """What a record says the job took; jobs API only."""
    used = data.get("creditsConsumed")
    if not isinstance(used, int | float) or isinstance(used, bool) or not 0 <= used < 10**9:
        return None
    return Money(amount=Decimal(str(used)), currency="credits")
