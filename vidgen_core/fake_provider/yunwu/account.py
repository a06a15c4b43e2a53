"""Yunwu's routes that cost nothing: balance in three ways, models, prices, log, status."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from vidgen_core.fake_provider.accounts import LogRow
from vidgen_core.fake_provider.faults import YUNWU
from vidgen_core.fake_provider.jobs import Order
from vidgen_core.fake_provider.refusals import YUNWU_REFUSALS
from vidgen_core.fake_provider.state import Rehearsal
from vidgen_core.fake_provider.submissions import Answered, key_of, rehearsal_of
from vidgen_core.fake_provider.yunwu.api import answer, check_key
from vidgen_core.fake_provider.yunwu.prices import ENDPOINTS, MODELS, price_of

#: Quota units of new-api per US dollar, and yuan per US dollar. Accounts are kept in yuan and reported in dollars and units.
QUOTA_PER_UNIT: Final = 500_000
YUAN_PER_USD: Final = 7.3


def _in_dollars(yuan: float) -> float:
    return yuan / YUAN_PER_USD


def _in_quota(yuan: float) -> int:
    return round(_in_dollars(yuan) * QUOTA_PER_UNIT)


def _unless(fault: str, rehearsal: Rehearsal) -> None:
    """Answer 404 when the fault occurs.

    :raises Answered:
    """
    if rehearsal.occurs(fault):
        raise Answered(answer(YUNWU_REFUSALS["unsupported"], rehearsal.request_id()))


async def subscription(request: Request) -> Response:
    _unless("balance-unknown", check_key(request))
    granted = _in_dollars(rehearsal_of(request).accounts.granted(YUNWU, key_of(request)))
    limits = {"soft_limit_usd": granted, "hard_limit_usd": granted, "system_hard_limit_usd": granted}
    return JSONResponse({"object": "billing_subscription", "has_payment_method": True, **limits, "access_until": 0})


async def usage(request: Request) -> Response:
    """Used so far; the wire counts hundredths of a dollar."""
    _unless("balance-unknown", check_key(request))
    used = _in_dollars(rehearsal_of(request).accounts.used(YUNWU, key_of(request)))
    return JSONResponse({"object": "list", "total_usage": used * 100})


async def token_usage(request: Request) -> Response:
    _unless("balance-unknown", check_key(request))
    accounts, key = rehearsal_of(request).accounts, key_of(request)
    granted, used = accounts.granted(YUNWU, key), accounts.used(YUNWU, key)
    data = {
        "object": "token_usage",
        "name": "rehearsal",
        "total_granted": _in_quota(granted),
        "total_used": _in_quota(used),
        "total_available": _in_quota(granted - used),
        "unlimited_quota": False,
        "model_limits": {},
        "model_limits_enabled": False,
        "expires_at": 0,
    }
    return JSONResponse({"code": True, "message": "ok", "data": data})


async def status(_request: Request) -> Response:
    data = {"quota_per_unit": QUOTA_PER_UNIT, "quota_display_type": "USD", "usd_exchange_rate": YUAN_PER_USD}
    return JSONResponse({"success": True, "message": "", "data": data})


async def models(request: Request) -> Response:
    check_key(request)
    rows = [
        {
            "id": name,
            "object": "model",
            "owned_by": "custom",
            "supported_endpoint_types": list(types),
            "model_type": "音视频" if "视频" in tags else "文本",
            "tags": tags,
        }
        for name, types, tags, _yuan in MODELS
    ]
    return JSONResponse({"object": "list", "success": True, "data": rows})


#: What odd gateways send instead of a price.
_ODD_PRICES: Final = ("0.4", None, True, -1, 0, 10**12, {"usd": 0.4})


async def pricing(request: Request) -> Response:
    """The public list: whole calls in US dollars, models by the token with a ratio."""
    _unless("prices-unknown", rehearsal_of(request))
    rehearsal = rehearsal_of(request)
    if rehearsal.occurs("prices-html"):
        return HTMLResponse("<html><body>502 Bad Gateway</body></html>", 502)
    rows = [_price_row(rehearsal, name, types, tags) for name, types, tags, _yuan in MODELS]
    if rehearsal.occurs("prices-odd"):
        odd = [{**row, "model_price": price} for row, price in zip(rows, _ODD_PRICES, strict=False)]
        return JSONResponse({"success": True, "data": [*odd, None, 7, {}]})
    more = {"group_ratio": {"default": 1, "vip": 0.8}, "supported_endpoint": ENDPOINTS}
    return JSONResponse({"success": True, "data": rows, **more})


def _price_row(rehearsal: Rehearsal, name: str, types: tuple[str, ...], tags: str) -> dict[str, Any]:
    """A row of the list; what a model costs by the token has a ratio."""
    own = price_of(rehearsal, name)
    yuan = rehearsal.price(YUNWU, Order(prompt="", model=name, price=own))
    by_call = {"quota_type": 1, "model_price": _in_dollars(yuan), "model_ratio": 0}
    by_token = {"quota_type": 0, "model_price": 0, "model_ratio": 0.075}
    row = {
        "model_name": name,
        "enable_groups": ["default", "vip"],
        "supported_endpoint_types": list(types),
        "tags": tags,
    }
    return row | (by_token if own is None else by_call)


async def log(request: Request) -> Response:
    """What was charged to this key, newest first."""
    _unless("log-unknown", check_key(request))
    rehearsal = rehearsal_of(request)
    rows = rehearsal.accounts.rows(YUNWU, key_of(request))
    data = [_log_row(row, names_job=rehearsal.options.log_names_jobs) for row in rows[:1000]]
    return JSONResponse({"success": True, "message": "", "data": data})


def _log_row(row: LogRow, *, names_job: bool) -> dict[str, Any]:
    other = {"request_path": "/v1/video/create"} | ({"task_id": row.job_id} if names_job else {})
    return {
        "id": row.id,
        "request_id": row.request_id,
        "type": 2 if row.amount > 0 else 6,
        "quota": _in_quota(abs(row.amount)),
        "model_name": row.model,
        "token_name": "rehearsal",
        "created_at": int(row.at),
        "other": json.dumps(other),
    }


ROUTES: Final = (
    Route("/v1/dashboard/billing/subscription", subscription),
    Route("/v1/dashboard/billing/usage", usage),
    Route("/api/usage/token/", token_usage),
    Route("/api/usage/token", token_usage),
    Route("/api/status", status),
    Route("/v1/models", models),
    Route("/api/pricing", pricing),
    Route("/api/pricing_new", pricing),
    Route("/api/log/token", log),
)
