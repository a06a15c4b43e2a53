"""Every documented way of saying no, and what is made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vidgen_core.domain.errors import Delivery, ErrorKind
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.i18n import LANGUAGES, get_text
from vidgen_core.providers.http import error_mapping
from vidgen_core.providers.http.client import ProviderResponse
from vidgen_core.providers.http.error_body import ErrorBody
from vidgen_core.providers.http.error_mapping import classify, failure_of, params_of
from vidgen_core.providers.kie import responses
from vidgen_core.providers.lovart import responses as lovart_answers
from vidgen_core.providers.yunwu import responses as yunwu_answers

K, D = ErrorKind, Delivery
PAGE = "<html><head><title>Attention</title></head><body>Our privacy policy … rejected by the firewall</body></html>"


def answer(status: int, body: Any) -> ProviderResponse:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return ProviderResponse(status, {}, None if isinstance(body, str) else body, text)


def error(message: str, code: str | None = None, kind: str = "new_api_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "code": code}}


def task(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "data": None}


SATURATED = "当前分组上游负载已饱和，请稍后再试 (request id: 2026)"

YUNWU = [
    (401, error("无效的令牌"), K.AUTH, "key_rejected", D.REFUSED),
    (401, error("Invalid token"), K.AUTH, "key_rejected", D.REFUSED),
    (401, error("该令牌已过期"), K.AUTH, "key_rejected", D.REFUSED),
    (401, error("该令牌状态不可用"), K.AUTH, "key_rejected", D.REFUSED),
    (401, error("未提供令牌"), K.AUTH, "key_rejected", D.REFUSED),
    (401, error("该令牌额度已用尽 TokenStatusExhausted[sk-***]"), K.BALANCE, "key_used_up", D.REFUSED),
    (403, error("用户额度不足, 剩余额度: 0", "insufficient_user_quota"), K.BALANCE, "balance_empty", D.REFUSED),
    (403, error("x", "pre_consume_token_quota_failed"), K.BALANCE, "balance_empty", D.REFUSED),
    (403, error("预扣费额度失败"), K.BALANCE, "balance_empty", D.REFUSED),
    (403, {"success": False, "message": "余额不足"}, K.BALANCE, "balance_empty", D.REFUSED),
    (403, error("无权访问 vip 分组"), K.AUTH, "key_without_right", D.REFUSED),
    (403, error("该令牌无权访问模型 veo3"), K.AUTH, "key_without_right", D.REFUSED),
    (403, error("用户已被封禁"), K.AUTH, "account_banned", D.REFUSED),
    (403, error("您的 IP 不在令牌允许访问的列表中"), K.AUTH, "address_not_allowed", D.REFUSED),
    (400, task("invalid_request", "prompt is required"), K.PARAMETER, "parameter_refused", D.REFUSED),
    (400, task("missing_model", "未指定模型名称"), K.PARAMETER, "parameter_refused", D.REFUSED),
    (400, task("invalid_json", "bad"), K.PARAMETER, "parameter_refused", D.REFUSED),
    (400, task("invalid_multipart_form", "bad"), K.PARAMETER, "parameter_refused", D.REFUSED),
    (400, task("invalid_size", "bad"), K.PARAMETER, "size_refused", D.REFUSED),
    (400, error("size is required for sora-2"), K.PARAMETER, "size_refused", D.REFUSED),
    (400, task("task_not_exist", "task_not_exist"), K.PROVIDER, "remote_job_unknown", D.REFUSED),
    (413, error("request body too large"), K.FILE, "request_too_large", D.REFUSED),
    (413, PAGE, K.FILE, "request_too_large", D.REFUSED),
    (429, error(SATURATED), K.OVERLOADED, "provider_saturated", D.REFUSED),
    (429, task("fail_to_fetch_task", SATURATED), K.OVERLOADED, "provider_saturated", D.REFUSED),
    (429, error(SATURATED, "insufficient_user_quota"), K.BALANCE, "balance_empty", D.REFUSED),
    (500, error(SATURATED, None, "insufficient_quota"), K.BALANCE, "balance_empty", D.REFUSED),
    (500, error(SATURATED), K.OVERLOADED, "provider_saturated", D.REFUSED),
    (429, error("您已达到请求数限制：1分钟内最多请求60次"), K.RATE_LIMIT, "rate_limited", D.REFUSED),
    (429, error("您已达到总请求数限制"), K.RATE_LIMIT, "rate_limited", D.REFUSED),
    (429, PAGE, K.RATE_LIMIT, "rate_limited_unclear", D.REFUSED),
    (429, error("模型 x 未找到价格配置"), K.PARAMETER, "model_without_price", D.REFUSED),
    (429, task("duration_out_of_range", "x"), K.PARAMETER, "parameter_refused", D.REFUSED),
    (429, {"base_resp": {"status_code": 400, "status_msg": "x"}}, K.PARAMETER, "parameter_refused", D.REFUSED),
    (404, error(SATURATED), K.OVERLOADED, "provider_saturated", D.REFUSED),
    (503, error("无可用渠道（distributor）", "model_not_found"), K.OVERLOADED, "model_unavailable", D.REFUSED),
    (503, error("分组 default 下模型 x 无可用渠道（distributor）"), K.OVERLOADED, "model_unavailable", D.REFUSED),
    (500, task("do_request_failed", "请求上游地址失败"), K.NETWORK, "upstream_unreachable", D.UNKNOWN),
    (500, task("fail_to_fetch_task", "x"), K.NETWORK, "upstream_unreachable", D.UNKNOWN),
    (500, error("请求上游地址失败"), K.NETWORK, "upstream_unreachable", D.UNKNOWN),
    (400, error("x", "sensitive_words_detected"), K.MODERATION, "content_refused", D.REFUSED),
    (500, error("x", "prompt_blocked"), K.MODERATION, "content_refused", D.REFUSED),
    (400, error("x", "violation_fee.grok.csam"), K.MODERATION, "content_refused_fee", D.REFUSED),
    (400, task("invalid_request", "Your prompt violates our policies"), K.MODERATION, "content_refused", D.REFUSED),
    (400, error("Public error: unsafe image upload"), K.MODERATION, "image_refused", D.REFUSED),
    (400, task("invalid_request", "failed to download image"), K.FILE, "picture_not_fetched", D.REFUSED),
    (502, PAGE, K.NETWORK, "gateway_failed", D.UNKNOWN),
    (503, "", K.NETWORK, "gateway_failed", D.UNKNOWN),
    (504, PAGE, K.NETWORK, "gateway_failed", D.UNKNOWN),
    (524, PAGE, K.NETWORK, "gateway_failed", D.UNKNOWN),
    (500, error("internal server error"), K.PROVIDER, "server_error", D.UNKNOWN),
    (200, PAGE, K.NETWORK, "answer_unreadable", D.UNKNOWN),
    (408, PAGE, K.NETWORK, "answer_unreadable", D.UNKNOWN),
    (404, PAGE, K.PARAMETER, "address_wrong", D.REFUSED),
    (301, "", K.PARAMETER, "address_wrong", D.REFUSED),
    (403, PAGE, K.AUTH, "key_without_right", D.REFUSED),
]


@pytest.mark.parametrize(("status", "body", "kind", "code", "delivery"), YUNWU)
def test_each_refusal_of_yunwu_has_its_class(status, body, kind, code, delivery) -> None:
    verdict = classify(yunwu_answers.TABLE, yunwu_answers.said_by(answer(status, body)))
    assert (verdict.kind, verdict.code, verdict.delivery) == (kind, code, delivery)


KIE = [
    (400, "Your prompt was flagged by Website as violating content policies", K.MODERATION, "content_refused"),
    (400, "Only English prompts are supported at this time", K.PARAMETER, "prompt_not_english"),
    (400, "1080P is processing. It should be ready in 1-2 minutes", K.OVERLOADED, "not_ready"),
    (400, "Public error: unsafe image upload", K.MODERATION, "image_refused"),
    (400, "Failed to fetch the image. Kindly verify any access limits", K.FILE, "picture_not_fetched"),
    (400, "something", K.PARAMETER, "parameter_refused"),
    (401, "You do not have access permissions", K.AUTH, "key_rejected"),
    (401, "Your IP address is not in the whitelist", K.AUTH, "address_not_allowed"),
    (402, "Insufficient credits", K.BALANCE, "balance_empty"),
    (404, "Not Found", K.PROVIDER, "remote_job_unknown"),
    (408, "Upstream produced nothing", K.TIMEOUT, "remote_timeout"),
    (422, "record is null", K.PROVIDER, "remote_job_unknown"),
    (422, "Temporarily supports records within 14 days", K.PROVIDER, "remote_job_unknown"),
    (422, "record status is not success", K.OVERLOADED, "not_ready"),
    (422, "4k is processing. It should be ready in 5-10 minutes", K.OVERLOADED, "not_ready"),
    (422, "Your request was rejected by Flow(PUBLIC_ERROR)", K.MODERATION, "content_refused"),
    (422, "aspect_ratio is not within the range of allowed options", K.PARAMETER, "parameter_refused"),
    (429, "Your call frequency is too high", K.RATE_LIMIT, "rate_limited"),
    (433, "The usage limit of this key has been reached", K.BALANCE, "key_used_up"),
    (451, "x", K.FILE, "picture_not_fetched"),
    (455, "x", K.OVERLOADED, "provider_maintenance"),
    (500, "This field is required: model", K.PARAMETER, "parameter_refused"),
    (500, "duration is not within the range of allowed options", K.PARAMETER, "parameter_refused"),
    (500, "This interface is temporarily paused", K.OVERLOADED, "model_paused"),
    (500, "Server exception, please try again later or contact customer service", K.PROVIDER, "server_error"),
    (505, "Feature disabled", K.PARAMETER, "feature_off"),
]


@pytest.mark.parametrize(("code", "message", "kind", "name"), KIE)
@pytest.mark.parametrize("field", ["msg", "message"])
def test_each_code_of_kie_has_its_class_under_http_200(code, message, kind, name, field) -> None:
    said = responses.said_by(answer(200, {"code": code, field: message, "data": None}))
    verdict = classify(responses.TABLE, said)
    assert (verdict.kind, verdict.code) == (kind, name)
    left_open = name in {"server_error", "remote_timeout"}
    assert left_open == (verdict.delivery is D.UNKNOWN) == (verdict.charge is ChargeStatus.UNKNOWN)


@pytest.mark.parametrize("tables", [yunwu_answers, lovart_answers])
def test_a_submit_that_timed_out_on_the_way_may_have_been_accepted(tables) -> None:
    said = tables.said_by(answer(504, {"error": {"message": "upstream request timed out"}, "message": "timed out"}))
    verdict = classify(tables.TABLE, said)
    assert (verdict.kind, verdict.delivery, verdict.charge) == (K.TIMEOUT, D.UNKNOWN, ChargeStatus.UNKNOWN)


def test_a_gateway_in_front_of_kie_leaves_a_submit_open() -> None:
    verdict = classify(responses.TABLE, responses.said_by(answer(502, PAGE)))
    assert (verdict.code, verdict.delivery) == ("gateway_failed", D.UNKNOWN)


def test_machine_codes_go_before_words_and_words_before_the_status() -> None:
    table = yunwu_answers.TABLE
    assert classify(table, ErrorBody(("insufficient_user_quota",), "sensitive", 429)).kind is K.BALANCE
    assert classify(table, ErrorBody((), "sensitive", 429)).kind is K.MODERATION
    assert classify(table, ErrorBody((), "", 429)).kind is K.RATE_LIMIT


@pytest.mark.parametrize(
    "word", ["审核", "敏感", "违规", "涉黄", "涉政", "风控", "NSFW", "RiskDetection", "prominent people"]
)
def test_the_net_of_words_catches_refused_content_in_both_languages(word) -> None:
    assert failure_of(yunwu_answers.TABLE, ErrorBody((), f"generation failed: {word}", 200)).kind is K.MODERATION


def test_a_page_of_html_says_nothing_about_the_content() -> None:
    assert classify(yunwu_answers.TABLE, yunwu_answers.said_by(answer(502, PAGE))).kind is K.NETWORK


@pytest.mark.parametrize(
    "text", ["Invalid token", "insufficient quota of the channel", "rate limit exceeded", "余额不足"]
)
def test_what_an_upstream_holds_against_the_relay_is_not_held_against_our_key(text) -> None:
    failure = failure_of(yunwu_answers.TABLE, ErrorBody((), text, 200))
    assert (failure.kind, failure.code) == (K.OVERLOADED, "upstream_unavailable")
    # Waiting helps against a limit of requests; an account without money or rights stays without.
    assert failure.retryable is (text == "rate limit exceeded")


def test_a_job_that_failed_without_a_reason_is_not_ordered_again() -> None:
    failure = failure_of(yunwu_answers.TABLE, ErrorBody((), "", 200))
    assert (failure.kind, failure.code, failure.retryable) == (K.PROVIDER, "provider_failed", False)
    assert failure.charged is ChargeStatus.UNKNOWN


VERDICTS = {case.verdict for table in (yunwu_answers.TABLE, responses.TABLE) for case in table.cases}
OTHERS = [value for module in (error_mapping, yunwu_answers, responses) for value in vars(module).values()]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "verdict",
    sorted(
        VERDICTS | {one for one in OTHERS if isinstance(one, error_mapping.Classification)},
        key=lambda verdict: verdict.code,
    ),
    ids=lambda verdict: verdict.code,
)
def test_each_verdict_has_a_sentence_that_its_params_fill(language, verdict) -> None:
    params = params_of(yunwu_answers.TABLE, ErrorBody((), "because", 418))
    sentence = get_text(language, strict=True)(f"error.{verdict.code}", **params)
    assert "{" not in sentence
    assert len(sentence) > 5
