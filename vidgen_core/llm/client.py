"""Language models behind ``POST /v1/chat/completions``, as OpenAI, its aggregators and local servers speak it.

Shapes: developers.openai.com/api/reference/resources/chat (Create chat completion): ``choices[0].message.content``,
``message.refusal``, ``finish_reason`` stop | length | content_filter, ``usage``. One request, one answer; nothing is
repeated here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from vidgen_core.domain.errors import Delivery, ErrorKind, RemoteError
from vidgen_core.providers.base import Key
from vidgen_core.providers.http.cleaning import whole
from vidgen_core.providers.http.client import Http, Patience, ProviderResponse, Verb
from vidgen_core.providers.http.error_body import ErrorBody, at, error_body_in
from vidgen_core.providers.http.error_mapping import (
    BALANCE_EMPTY,
    CONTENT_REFUSED,
    KEY_REJECTED,
    KEY_USED_UP,
    KEY_WITHOUT_RIGHT,
    PARAMETER_REFUSED,
    RATE_LIMITED,
    SATURATED,
    UNREADABLE,
    Classification,
    Table,
    as_error,
    error_of,
    refusal,
    refuses,
    rule,
    words,
)
from vidgen_core.providers.http.job_status import is_of_the_job, values

#: A model that thinks takes its time; seconds, as in ``http.PATIENCE``.
PATIENCE: Final[Mapping[Verb, Patience]] = {Verb.SUBMIT: Patience(connect=15, write=60, read=240, total=300)}
#: The model does not take ``response_format``; the same question may be asked without.
FORMAT_REFUSED: Final = Classification(ErrorKind.PARAMETER, "format_refused")
MODEL_MISSING: Final = Classification(ErrorKind.PARAMETER, "writing_model_unknown")
CONTEXT_FULL: Final = Classification(ErrorKind.PARAMETER, "writing_piece_too_long")

_CODES: Final = (
    rule(BALANCE_EMPTY, "insufficient_user_quota", "pre_consume_token_quota_failed", "insufficient_quota"),
    rule(KEY_REJECTED, "invalid_api_key", "invalid_authentication"),
    rule(KEY_USED_UP, "token_quota_exhausted"),
    rule(KEY_WITHOUT_RIGHT, "access_denied"),
    rule(CONTEXT_FULL, "context_length_exceeded", "string_above_max_length"),
    rule(CONTENT_REFUSED, "content_policy_violation", "content_filter", "sensitive_words_detected", "prompt_blocked"),
    rule(MODEL_MISSING, "model_not_found", statuses=[400, 404]),
    rule(SATURATED, "model_not_found", "no_channel"),
    rule(RATE_LIMITED, "rate_limit_exceeded"),
)
_WORDS: Final = (
    rule(
        FORMAT_REFUSED, said=words("response_format", "json_schema", "structured output"), statuses=[400, 404, 415, 422]
    ),
    rule(KEY_USED_UP, said=words("该令牌额度已用尽", "token quota")),
    rule(CONTEXT_FULL, said=words("context length", "maximum context", "too many tokens")),
    rule(PARAMETER_REFUSED, said=words("image_url", "does not support image", "vision"), statuses=[400, 404, 422]),
)


@dataclass(frozen=True)
class Reply:
    """What a model answered."""

    text: str
    #: ``stop``, ``length`` (cut off), ``content_filter``, or a word nobody knows.
    finish: str = "stop"
    #: The model's own words for not answering; empty: it answered.
    refusal: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    evidence: str = ""


class Chat:
    """One endpoint; belongs to the event loop that uses it."""

    def __init__(self, base_url: str, patience: Mapping[Verb, Patience] | None = None) -> None:
        self._base = base_url.rstrip("/") if re.search(r"/v\d+/?$", base_url) else f"{base_url.rstrip('/')}/v1"
        self._http = Http({**PATIENCE, **(patience or {})}, names_jobs=False)
        self._table = Table(provider=re.sub(r"^https?://", "", base_url).split("/")[0], by_code=_CODES, by_words=_WORDS)

    async def ask(
        self,
        key: Key | None,
        model: str,
        messages: Sequence[Mapping[str, Any]],
        *,
        temperature: float,
        max_tokens: int,
        response_format: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Ask once; this is paid.

        :param key: None where the endpoint wants none
        :raises RemoteError: there is no answer, or it is a no; ``delivery`` says whether it may have been bought
        """
        body: dict[str, Any] = {"model": model, "messages": list(messages), "temperature": temperature}
        body |= {"max_tokens": max_tokens, "stream": False}
        if response_format is not None:
            body["response_format"] = response_format
        answer = await self._http.call(Verb.SUBMIT, "POST", f"{self._base}/chat/completions", key=key, json=body)
        return self._reply(answer)

    def _reply(self, answer: ProviderResponse) -> Reply:
        answer = replace(answer, json=_joined(answer.json))
        said = _said(answer)
        message, finish, choice = {}, "stop", _choice(answer.json)
        if choice is not None:
            message, finish = choice["message"], str(choice.get("finish_reason") or "stop")
        text = _text(message.get("content")) or ("" if choice else _elsewhere(answer.json))
        if not answer.ok or (choice is None and not text) or (at(answer.json, "error") and not text):
            error = refusal(self._table, answer, said)
            if not answer.ok or at(answer.json, "error") or error.delivery is not Delivery.UNKNOWN:
                raise error
            # Somebody answered 200 without an answer: it may have been bought all the same.
            raise as_error(self._table, UNREADABLE, answer, said)
        return Reply(
            text=text,
            finish=finish,
            refusal=str(message.get("refusal") or ""),
            tokens_in=_count(at(answer.json, "usage.prompt_tokens")),
            tokens_out=_count(at(answer.json, "usage.completion_tokens")),
            evidence=answer.evidence,
        )

    async def models(self, key: Key | None) -> list[str]:
        """The models of this endpoint; free.

        :raises RemoteError: as ``ask``
        """
        answer = await self._http.call(Verb.ASK, "GET", f"{self._base}/models", key=key)
        if not answer.ok or not isinstance(at(answer.json, "data") and answer.json.get("data"), list):
            raise error_of(self._table, answer, _said(answer))
        return [str(entry["id"]) for entry in answer.json["data"] if isinstance(entry, Mapping) and "id" in entry]

    async def close(self) -> None:
        await self._http.close()


def _said(answer: ProviderResponse) -> ErrorBody:
    return error_body_in(answer.json, answer.status, answer.plain_text)


def _choice(body: Any) -> Mapping[str, Any] | None:
    """The first choice of an answer that has a message, in whatever it is wrapped."""
    for around in ("choices", "output.choices", "data.choices", "result.choices", "response.choices"):
        found = at(body, around)
        choice = found[0] if isinstance(found, list) and found else found
        if isinstance(choice, Mapping) and isinstance(choice.get("message"), Mapping):
            return choice
    return None


def _joined(body: Any) -> Any:
    """The chunks of a streamed answer as one answer; any other body as it is.

    Shape: developers.openai.com/api/reference/resources/chat (chat.completion.chunk): ``choices[0].delta.content``.
    """
    chunks = [chunk for chunk in body if isinstance(chunk, Mapping)] if isinstance(body, list) else [body]
    deltas = [found for chunk in chunks if isinstance(found := at(chunk, "choices.delta"), Mapping)]
    if not deltas:
        return body
    ends = [found for chunk in chunks if (found := at(chunk, "choices.finish_reason"))]
    parts = {name: "".join(_text(delta.get(name)) for delta in deltas) for name in ("content", "refusal")}
    # Usage and errors stand in chunks of their own.
    rest = {name: value for chunk in chunks for name, value in chunk.items() if name != "choices" and value}
    return {**rest, "choices": [{"message": parts, "finish_reason": ends[-1] if ends else None}]}


def _elsewhere(body: Any) -> str:
    """The words of an answer in the shape of another interface, by the names that any gives them; empty: there are none."""
    if refuses(body):
        return ""
    named = [
        (_WORDS_NAMES.index(name), one.value)
        for one in values(body)
        if isinstance(one.value, str) and one.value.strip() and is_of_the_job(one.path)
        for name in ("".join(filter(str.isalpha, one.path[-1].lower())) if one.path else "",)
        if name in _WORDS_NAMES
    ]
    return min(named, key=lambda one: one[0], default=(0, ""))[1]


#: The surest first.
_WORDS_NAMES: Final = (
    "outputtext",
    "generatedtext",
    "completion",
    "text",
    "content",
    "response",
    "answer",
    "reply",
    "output",
)


def _text(content: Any) -> str:
    """The words of an answer; some give them in parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return ""


def _count(value: Any) -> int | None:
    number = whole(value)
    return number if number is not None and number >= 0 else None


def not_answered(reply: Reply) -> RemoteError | None:
    """Why a reply is no answer to be used, although it was bought."""
    if reply.finish == "content_filter":
        return RemoteError("writing_filtered", kind=ErrorKind.MODERATION, delivery=Delivery.REFUSED)
    if reply.refusal:
        return RemoteError(
            "writing_refused", kind=ErrorKind.MODERATION, delivery=Delivery.REFUSED, said=reply.refusal[:200]
        )
    return None
