"""What faults say in any provider's envelope: refusals inside refusals, echoed keys, text that no database can keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

#: A lone surrogate, control characters and a separator of lines: text that JSON can carry and SQLite cannot bind.
ODD_TEXT: Final = "invalid value \ud83d \x00\x07\x1b[31m\u2028 for duration"
#: A code that is made of digits for ``str.isdigit`` and not for ``int``.
ODD_CODE: Final = "²"

NO_MONEY: Final = "Insufficient credits, please top up before uploading files"
#: How an upstream says that its filter kept the video back.
FILTERED: Final[Mapping[str, Any]] = {
    "raiMediaFilteredCount": 1,
    "raiMediaFilteredReasons": ["We couldn't create a video of this. Try other words. You will not be charged."],
}

_INNER: Final = {
    "parameter": ("InvalidParameter", "The parameter `content` in the request is not valid: role must be specified."),
    "moderation": ("InputTextSensitiveContentDetected", "The input text may contain sensitive information."),
    "money": ("insufficient_user_quota", "The account balance is not enough for this request."),
}


@dataclass(frozen=True)
class Said:
    """An error in the words of this fault; the provider's dialect puts it into its envelope."""

    status: int
    code: str | int
    message: str


def echo(key: str) -> str:
    """The caller's key as careless services repeat it: in words, percent-encoded, and in JSON inside the text."""
    headers = json.dumps({"headers": {"Authorization": f"Bearer {key}"}})
    return (
        f"rejected by the upstream: key {key}, link https://upstream.example/v1?api_key={quote(key)}, request {headers}"
    )


def wrapped(what: str) -> str:
    """The upstream's refusal as JSON text."""
    code, message = _INNER.get(what, _INNER["parameter"])
    return json.dumps({"error": {"code": code, "message": message, "type": "BadRequest"}})


def said(fault: str, argument: str, key: str) -> Said | None:
    """The error of a fault that speaks the same to every provider; None for those with words of their own."""
    if fault == "refusal-inside":
        return Said(451, "fail_to_fetch_task", wrapped(argument))
    if fault == "business-code":
        return Said(200, -2001, "[请求失败]: 生成失败，疑似存在异常行为，请重新尝试 (错误码: 4013)")
    if fault == "limit-as-429":
        return Said(429, "bad_response_status_code", argument)
    if fault == "odd-text":
        return Said(400, ODD_CODE, ODD_TEXT)
    if fault == "echo-key":
        return Said(400, "invalid_request", echo(key))
    return None
