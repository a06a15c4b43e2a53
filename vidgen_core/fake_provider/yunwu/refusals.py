"""How Yunwu says no: status and body per fault, in the envelopes of new-api and its relatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True)
class Refusal:
    """An HTTP answer in JSON."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


def _error(status: int, message: str, code: str = "", kind: str = "new_api_error", **headers: str) -> Refusal:
    """The envelope of OpenAI."""
    return Refusal(status, {"error": {"message": message, "type": kind, "code": code or None}}, headers)


def _task(status: int, code: str, message: str) -> Refusal:
    """The envelope of new-api's tasks."""
    return Refusal(status, {"code": code, "message": message, "data": None})


_SATURATED: Final = "当前分组上游负载已饱和，请稍后再试"

REFUSALS: Final[Mapping[str, Refusal]] = {
    "key-invalid": _error(401, "无效的令牌", "invalid_token"),
    "key-missing": _error(401, "未提供令牌", "invalid_token"),
    "key-expired": _error(401, "该令牌已过期", "invalid_token"),
    "key-disabled": _error(401, "该令牌状态不可用", "invalid_token"),
    "key-exhausted": _error(401, "该令牌额度已用尽", "invalid_token"),
    "ip-forbidden": _error(403, "您的 IP 不在令牌允许访问的列表中", "access_denied"),
    "group-forbidden": _error(403, "无权访问 default 分组", "access_denied"),
    "model-forbidden": _error(403, "该令牌无权访问模型 grok-video-3", "access_denied"),
    "user-banned": _error(403, "用户已被封禁", "access_denied"),
    "balance-empty": _error(403, "用户额度不足, 剩余额度: ＄0.000000", "insufficient_user_quota"),
    "pre-consume-failed": _error(403, "预扣费额度失败", "pre_consume_token_quota_failed"),
    "saturated-quota": _error(429, _SATURATED, "insufficient_user_quota"),
    "parameter": _task(400, "invalid_request", "aspect_ratio is not supported"),
    "size-required": _task(400, "invalid_size", "size is required for this model"),
    "model-missing": _task(400, "missing_model", "未指定模型名称"),
    "prompt-missing": _task(400, "invalid_request", "prompt is required"),
    "json-invalid": _task(400, "invalid_json", "request body is not valid JSON"),
    "image-invalid": _task(400, "invalid_request", "failed to decode image"),
    "parameter-as-429": _task(429, "duration_out_of_range", "duration is out of range"),
    "no-price": _error(429, "模型 grok-video-3 未找到价格配置", "model_price_error"),
    "base-resp-429": Refusal(429, {"base_resp": {"status_code": 400, "status_msg": "invalid params"}}),
    "saturated": _task(429, "fail_to_fetch_task", _SATURATED),
    "saturated-500": _error(500, _SATURATED, kind="upstream_error"),
    "saturated-404": _error(404, _SATURATED),
    "no-channel": _error(503, "分组 default 下模型 grok-video-3 无可用渠道（distributor）", "model_not_found"),
    "rate-limit": _error(429, "您已达到请求数限制：1分钟内最多请求60次"),
    "rate-limit-retry-after": _error(429, "您已达到总请求数限制", **{"Retry-After": "1"}),
    "moderated-input": _error(400, "用户敏感词检测失败", "sensitive_words_detected"),
    "prompt-blocked": _error(500, "prompt was blocked by the upstream", "prompt_blocked"),
    "violation-fee": _error(400, "content violates usage guidelines", "violation_fee.grok.csam"),
    "body-too-large": _error(413, "request body too large", "read_request_body_failed"),
    "upstream-failed": _error(500, "请求上游地址失败", "do_request_failed"),
    "server-error": _error(500, "internal server error", kind="bad_response_status_code"),
    "task-unknown": _task(400, "task_not_exist", "task_not_exist"),
    "task-foreign": _task(400, "task_not_exist", "task_not_exist"),
    "unsupported": Refusal(404, {"success": False, "message": "Not Found"}),
}
