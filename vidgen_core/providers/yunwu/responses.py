"""Yunwu's ways of saying no (spec of new-api and its relatives), and its status words.

Sources: the open-source new-api (middleware/auth.go, middleware/distributor.go, middleware/model-rate-limit.go,
relay/relay_task.go, types/error.go) and clients that measured the closed fork.
"""

from __future__ import annotations

from typing import Final

from vidgen_core.domain.errors import Delivery, ErrorKind
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.providers.http.client import ProviderResponse
from vidgen_core.providers.http.error_body import ErrorBody, error_body_in
from vidgen_core.providers.http.error_mapping import (
    ADDRESS_NOT_ALLOWED,
    BALANCE_EMPTY,
    CONTENT_REFUSED,
    IMAGE_NOT_FETCHED,
    IMAGE_TROUBLE,
    JOB_UNKNOWN,
    KEY_REJECTED,
    KEY_USED_UP,
    KEY_WITHOUT_RIGHT,
    MODERATION,
    PARAMETER_REFUSED,
    REMOTE_TIMEOUT,
    SATURATED,
    Classification,
    Table,
    refuses,
    rule,
    words,
)

SIZE_REFUSED: Final = Classification(ErrorKind.PARAMETER, "size_refused")
MODEL_UNAVAILABLE: Final = Classification(ErrorKind.OVERLOADED, "model_unavailable", retryable=True)
MODEL_WITHOUT_PRICE: Final = Classification(ErrorKind.PARAMETER, "model_without_price")
ACCOUNT_BANNED: Final = Classification(ErrorKind.AUTH, "account_banned")
#: A fee for a breach of the upstream's rules is kept (new-api: ``violation_fee``).
REFUSED_FOR_A_FEE: Final = Classification(ErrorKind.MODERATION, "content_refused_fee", charge=ChargeStatus.ASSUMED)
#: The relay asked its upstream and lost the answer: the job may exist there.
UPSTREAM_LOST: Final = Classification(
    ErrorKind.NETWORK, "upstream_unreachable", Delivery.UNKNOWN, retryable=True, charge=ChargeStatus.UNKNOWN
)
TABLE: Final = Table(
    provider="yunwu",
    by_code=(
        rule(BALANCE_EMPTY, "insufficient_user_quota", "pre_consume_token_quota_failed", "insufficient_quota"),
        rule(REFUSED_FOR_A_FEE, "violation_fee", "violation_fee.grok.csam"),
        rule(CONTENT_REFUSED, "sensitive_words_detected", "prompt_blocked", "content_policy_violation"),
        rule(SIZE_REFUSED, "invalid_size"),
        # new-api rewrites every 429 of an upstream to this code and these words; other words under it are a lost answer.
        rule(SATURATED, "fail_to_fetch_task", said=words("负载已饱和")),
        rule(UPSTREAM_LOST, "do_request_failed", "fail_to_fetch_task"),
        # One code for everything that is wrong with a request; what it is stands in the words.
        rule(CONTENT_REFUSED, "invalid_request", "invalid_request_error", said=MODERATION),
        rule(IMAGE_NOT_FETCHED, "invalid_request", "invalid_request_error", said=IMAGE_TROUBLE),
        rule(PARAMETER_REFUSED, "invalid_request", "missing_model", "invalid_json", "invalid_multipart_form",
             "duration_out_of_range", "invalid_type", "base_resp:400", "base_resp:2013"),
        rule(MODEL_UNAVAILABLE, "model_not_found"),
        rule(MODEL_WITHOUT_PRICE, "model_price_error"),
        rule(JOB_UNKNOWN, "task_not_exist"),
    ),
    by_words=(
        rule(REFUSED_FOR_A_FEE, said=words("violation_fee")),
        rule(KEY_USED_UP, said=words("令牌额度已用尽")),
        rule(ADDRESS_NOT_ALLOWED, said=words(r"\bIP\b.{0,20}(?:不在|not (?:in|allowed))", "不允许.{0,8}IP")),
        rule(KEY_WITHOUT_RIGHT, said=words("无权访问", "无权使用", "no access to (?:the )?(?:group|model)")),
        rule(ACCOUNT_BANNED, said=words("用户已被封禁", "user.{0,12}banned")),
        rule(KEY_REJECTED, said=words("无效的令牌", "invalid token", "令牌已过期", "令牌状态不可用", "未提供令牌")),
        rule(BALANCE_EMPTY, said=words("用户额度不足", "预扣费额度失败", "余额不足", "insufficient.{0,12}(?:quota|balance|credit)")),
        rule(MODEL_WITHOUT_PRICE, said=words("未找到价格配置")),
        rule(SIZE_REFUSED, said=words(r"\bsize is required", r"\b(?:size|resolution)\b.{0,30}(?:invalid|unsupported|not supported)")),
        rule(PARAMETER_REFUSED, said=words("未指定模型名称", r"(?:is )?not supported", "is required", "must be one of", "out of range")),
        rule(MODEL_UNAVAILABLE, said=words("无可用渠道")),
        rule(UPSTREAM_LOST, said=words("请求上游地址失败")),
        rule(REMOTE_TIMEOUT, said=words("任务超时", "timed? ?out")),
    ),
)  # fmt: skip


def went_well(answer: ProviderResponse) -> bool:
    """Whether an answer is good by its status, and its body refuses nothing."""
    return answer.ok and not refuses(answer.json)


def said_by(answer: ProviderResponse) -> ErrorBody:
    """Take codes and text out of any of the envelopes (error object, task error, management API, bare text)."""
    return error_body_in(answer.json, answer.status, answer.plain_text)


#: Where the result's link stands, the surest place first; older relays put it into ``fail_reason`` of a success.
LINKS: Final = (
    "video_url", "url", "videoUrl", "detail.video_url", "detail.url", "detail.generations.url", "data.video_url",
    "data.url", "data.output", "data.result_url", "result_url", "output.url", "output.video_url", "output",
    "metadata.url", "data.data.video_url", "video.url", "content.video_url", "data.task_result.videos.url",
    "data.outputs.url", "creations.url", "file.download_url", "data.file.download_url", "data.fail_reason", "fail_reason",
)  # fmt: skip
