"""Refusals of each provider, and errors that all providers share: echoed keys, nested refusals, text no database can keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import JSONResponse, Response

#: A lone surrogate, control characters and a separator of lines: text that JSON can carry and SQLite cannot bind.
ODD_TEXT: Final = "invalid value \ud83d \x00\x07\x1b[31m\u2028 for duration"
#: A code that is made of digits for ``str.isdigit`` and not for ``int``.
ODD_CODE: Final = "²"

NO_MONEY: Final = "Insufficient credits, please top up before uploading files"
#: What an upstream answers when its filter blocked the video.
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
class ErrorText:
    """The error of a fault; the provider's dialect puts it into its envelope."""

    status: int
    code: str | int
    message: str


def echo(key: str) -> str:
    """An error that repeats the caller's key: in plain text, percent-encoded, and in JSON inside the text."""
    headers = json.dumps({"headers": {"Authorization": f"Bearer {key}"}})
    return (
        f"rejected by the upstream: key {key}, link https://upstream.example/v1?api_key={quote(key)}, request {headers}"
    )


def wrapped(what: str) -> str:
    """The upstream's refusal as JSON text."""
    code, message = _INNER.get(what, _INNER["parameter"])
    return json.dumps({"error": {"code": code, "message": message, "type": "BadRequest"}})


def shared_error(fault: str, argument: str, key: str) -> ErrorText | None:
    """The error of a fault that is the same for every provider; None for the others."""
    if fault == "refusal-inside":
        return ErrorText(451, "fail_to_fetch_task", wrapped(argument))
    if fault == "business-code":
        return ErrorText(200, -2001, "[请求失败]: 生成失败，疑似存在异常行为，请重新尝试 (错误码: 4013)")
    if fault == "limit-as-429":
        return ErrorText(429, "bad_response_status_code", argument)
    if fault == "odd-text":
        return ErrorText(400, ODD_CODE, ODD_TEXT)
    if fault == "echo-key":
        return ErrorText(400, "invalid_request", echo(key))
    return None


@dataclass(frozen=True)
class Refusal:
    """An error response in JSON."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """What KIE and Lovart say."""
        return str(self.body.get("msg") or self.body.get("message"))

    def answer(self) -> Response:
        return JSONResponse(dict(self.body), status_code=self.status, headers=dict(self.headers))


# --- Yunwu: the envelopes of new-api and its relatives


def _openai_error(status: int, message: str, code: str = "", kind: str = "new_api_error", **headers: str) -> Refusal:
    """OpenAI's envelope."""
    return Refusal(status, {"error": {"message": message, "type": kind, "code": code or None}}, headers)


def _task_error(status: int, code: str, message: str) -> Refusal:
    """The envelope of new-api's tasks."""
    return Refusal(status, {"code": code, "message": message, "data": None})


_SATURATED: Final = "当前分组上游负载已饱和，请稍后再试"

YUNWU_REFUSALS: Final[Mapping[str, Refusal]] = {
    "key-invalid": _openai_error(401, "无效的令牌", "invalid_token"),
    "key-missing": _openai_error(401, "未提供令牌", "invalid_token"),
    "key-expired": _openai_error(401, "该令牌已过期", "invalid_token"),
    "key-disabled": _openai_error(401, "该令牌状态不可用", "invalid_token"),
    "key-exhausted": _openai_error(401, "该令牌额度已用尽", "invalid_token"),
    "ip-forbidden": _openai_error(403, "您的 IP 不在令牌允许访问的列表中", "access_denied"),
    "group-forbidden": _openai_error(403, "无权访问 default 分组", "access_denied"),
    "model-forbidden": _openai_error(403, "该令牌无权访问模型 grok-video-3", "access_denied"),
    "user-banned": _openai_error(403, "用户已被封禁", "access_denied"),
    "balance-empty": _openai_error(403, "用户额度不足, 剩余额度: ＄0.000000", "insufficient_user_quota"),
    "pre-consume-failed": _openai_error(403, "预扣费额度失败", "pre_consume_token_quota_failed"),
    "saturated-quota": _openai_error(429, _SATURATED, "insufficient_user_quota"),
    "parameter": _task_error(400, "invalid_request", "aspect_ratio is not supported"),
    "size-required": _task_error(400, "invalid_size", "size is required for this model"),
    "model-missing": _task_error(400, "missing_model", "未指定模型名称"),
    "prompt-missing": _task_error(400, "invalid_request", "prompt is required"),
    "json-invalid": _task_error(400, "invalid_json", "request body is not valid JSON"),
    "image-invalid": _task_error(400, "invalid_request", "failed to decode image"),
    "parameter-as-429": _task_error(429, "duration_out_of_range", "duration is out of range"),
    "no-price": _openai_error(429, "模型 grok-video-3 未找到价格配置", "model_price_error"),
    "base-resp-429": Refusal(429, {"base_resp": {"status_code": 400, "status_msg": "invalid params"}}),
    "saturated": _task_error(429, "fail_to_fetch_task", _SATURATED),
    "saturated-500": _openai_error(500, _SATURATED, kind="upstream_error"),
    "saturated-404": _openai_error(404, _SATURATED),
    "no-channel": _openai_error(503, "分组 default 下模型 grok-video-3 无可用渠道（distributor）", "model_not_found"),
    "rate-limit": _openai_error(429, "您已达到请求数限制：1分钟内最多请求60次"),
    "rate-limit-retry-after": _openai_error(429, "您已达到总请求数限制", **{"Retry-After": "1"}),
    "moderated-input": _openai_error(400, "用户敏感词检测失败", "sensitive_words_detected"),
    "prompt-blocked": _openai_error(500, "prompt was blocked by the upstream", "prompt_blocked"),
    "violation-fee": _openai_error(400, "content violates usage guidelines", "violation_fee.grok.csam"),
    "body-too-large": _openai_error(413, "request body too large", "read_request_body_failed"),
    "upstream-failed": _openai_error(500, "请求上游地址失败", "do_request_failed"),
    "server-error": _openai_error(500, "internal server error", kind="bad_response_status_code"),
    "task-unknown": _task_error(400, "task_not_exist", "task_not_exist"),
    "task-foreign": _task_error(400, "task_not_exist", "task_not_exist"),
    "unsupported": Refusal(404, {"success": False, "message": "Not Found"}),
}


# --- KIE: a code and a message that mostly travel as HTTP 200


def _kie(code: int, message: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Refusal:
    return Refusal(status, {"code": code, "msg": message, "data": None}, headers or {})


_NO_ACCESS: Final = _kie(401, "You do not have access permissions")

KIE_REFUSALS: Final[Mapping[str, Refusal]] = {
    "key-invalid": _NO_ACCESS,
    "key-missing": _NO_ACCESS,
    "key-expired": _NO_ACCESS,
    "ip-forbidden": _kie(401, "Your IP address is not in the whitelist"),
    "balance-empty": _kie(402, "The current credits are insufficient. Please top up."),
    "subkey-cap": _kie(433, "The usage limit of this key has been reached"),
    "parameter": _kie(422, "aspect_ratio is not within the range of allowed options"),
    "parameter-as-500": _kie(500, "duration is not within the range of allowed options"),
    "english-only": _kie(400, "Only English prompts are supported at this time"),
    "feature-disabled": _kie(505, "This feature is currently disabled"),
    "paused": _kie(500, "This interface is temporarily paused"),
    "maintenance": _kie(455, "The service is under maintenance, please try again later"),
    "rate-limit": _kie(429, "Your call frequency is too high. Please try again later."),
    "rate-limit-retry-after": _kie(429, "Too many requests", 429, {"Retry-After": "1"}),
    "moderated-input": _kie(400, "Your prompt was flagged by Website as violating content policies"),
    "flow-rejected": _kie(422, "Your request was rejected by Flow(PUBLIC_ERROR_PROMINENT_PEOPLE_FILTER_FAILED)"),
    "unsafe-image": _kie(400, "Public error: unsafe image upload"),
    "image-unfetchable": _kie(
        451, "Failed to fetch the image. Kindly verify any access limits set by you or your service provider."
    ),
    "server-error": _kie(500, "Server exception, please try again later"),
    "task-unknown": _kie(422, "recordInfo is null"),
    "task-foreign": _NO_ACCESS,
    "json-invalid": _kie(400, "The request body is not valid JSON"),
    "hd-processing": _kie(400, "1080P is processing. It should be ready in 1-2 minutes."),
}


def kie_refusal(message: str, code: int = 500) -> Refusal:
    """A refusal of a wrong value; KIE mostly calls that 500."""
    return _kie(code, message)


# --- Lovart: a code and a message with an HTTP status to match


def _lovart(status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> Refusal:
    return Refusal(status, {"code": code, "message": message, "data": None}, headers or {})


_NO_KEY: Final = _lovart(401, 401, "invalid access key")

LOVART_REFUSALS: Final[Mapping[str, Refusal]] = {
    "key-invalid": _NO_KEY,
    "key-missing": _NO_KEY,
    "key-expired": _NO_KEY,
    "signature-wrong": _lovart(401, 401, "signature mismatch"),
    "signature-stale": _lovart(401, 401, "timestamp is too far from the server's time"),
    "ip-forbidden": _lovart(403, 403, "this IP is not allowed for the access key"),
    "balance-empty": _lovart(402, 2012, "quota exceeded or billing required"),
    "parameter": _lovart(400, 400, "invalid value: tool_config.prefer_tool_categories"),
    "json-invalid": _lovart(400, 400, "invalid value: the body is not a JSON object"),
    "prompt-missing": _lovart(400, 400, "invalid value: prompt must not be empty"),
    "picture-missing": _lovart(400, 400, "failed to fetch the image of an attachment"),
    "file-missing": _lovart(400, 400, "failed to decode the image"),
    "project-gone": _lovart(404, 404, "Project 0 does not exist"),
    "rate-limit": _lovart(429, 1429, "rate limit exceeded"),
    "rate-limit-retry-after": _lovart(429, 1429, "rate limit exceeded", {"Retry-After": "1"}),
    "moderated-input": _lovart(400, 400, "the prompt violates the content policy"),
    "thread-busy": _lovart(409, 2011, "thread already has a running task"),
    "server-error": _lovart(500, 500, "internal error"),
    "task-unknown": _lovart(404, 404, "thread not found"),
    "task-foreign": _lovart(404, 404, "thread not found"),
    "nothing-to-confirm": _lovart(400, 400, "invalid value: nothing waits for confirmation"),
}
