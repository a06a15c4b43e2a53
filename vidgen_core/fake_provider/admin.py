"""Routes of the fake provider itself, for tests and for people on the same machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import wraps
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vidgen_core.domain.errors import InputError
from vidgen_core.fake_provider.faults import CATALOGUE, Rule, make_rule
from vidgen_core.fake_provider.jobs import Job
from vidgen_core.fake_provider.kie import catalogue
from vidgen_core.fake_provider.submissions import rehearsal_of
from vidgen_core.fake_provider.yunwu import prices

Endpoint = Callable[[Request], Awaitable[Response]]


def _loopback_only(endpoint: Endpoint) -> Endpoint:
    @wraps(endpoint)
    async def guarded(request: Request) -> Response:
        if request.client is None or not ipaddress.ip_address(request.client.host).is_loopback:
            return JSONResponse({"error": "loopback only"}, status_code=403)
        return await endpoint(request)

    return guarded


@_loopback_only
async def stats(request: Request) -> Response:
    """The statistics."""
    return JSONResponse(rehearsal_of(request).stats())


@_loopback_only
async def jobs(request: Request) -> Response:
    """All jobs that are kept, oldest first."""
    rehearsal = rehearsal_of(request)
    rehearsal.settle()
    now = rehearsal.now()
    return JSONResponse([_row(job, now) for job in rehearsal.jobs.all()])


def _row(job: Job, now: float) -> dict[str, Any]:
    return {
        "id": job.id,
        "provider": job.provider,
        "key": job.key,
        "prompt": job.order.prompt,
        "model": job.order.model,
        "width": job.order.width,
        "height": job.order.height,
        "seconds": job.order.seconds,
        "seed": job.seed,
        "stage": job.stage(now).value,
        "created": job.created,
        "takes": job.seconds,
        "faults": job.faults,
        "params": job.order.params,
    }


@_loopback_only
async def faults(request: Request) -> Response:
    """GET: the catalogue and the shares that are set. POST ``{name: rate}``: set shares; 0 removes one."""
    rehearsal = rehearsal_of(request)
    if request.method == "POST":
        try:
            changed = _rules(await request.json())
        except (ValueError, InputError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        for rule in changed:
            rehearsal.rules.pop(rule.name, None)
            if rule.rate:
                rehearsal.rules[rule.name] = rule
    rules = {name: rule.rate for name, rule in rehearsal.rules.items()}
    return JSONResponse({"rates": rules, "catalogue": [asdict(fault) for fault in CATALOGUE.values()]})


def _rules(wanted: object) -> list[Rule]:
    """Rules from ``{name: rate}`` or ``{name: {"rate": …, "argument": …}}``."""
    if not isinstance(wanted, dict):
        raise InputError("rehearsal_fault_unreadable", text=str(wanted))
    return [
        make_rule(name, value.get("rate", ""), value.get("argument"))
        if isinstance(value, dict)
        else make_rule(name, value)
        for name, value in wanted.items()
    ]


@_loopback_only
async def reset(request: Request) -> Response:
    """Forget everything that happened and every share set since the start."""
    for task in request.app.state.callbacks:
        task.cancel()
    rehearsal_of(request).reset()
    return JSONResponse({"reset": True})


ROUTES: Final = (
    Route("/_rehearsal/stats", stats),
    Route("/_rehearsal/jobs", jobs),
    Route("/_rehearsal/faults", faults, methods=["GET", "POST"]),
    Route("/_rehearsal/reset", reset, methods=["POST"]),
    Route("/_rehearsal/yunwu-prices", _loopback_only(prices.change), methods=["POST"]),
    Route("/_rehearsal/catalogue", _loopback_only(catalogue.change), methods=["POST"]),
)
