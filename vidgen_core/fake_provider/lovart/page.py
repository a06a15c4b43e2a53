"""Lovart's page for the browser mode: it looks at the same jobs as the API, and has what the delivered selectors look for.

Its visitor is the key ``sk-browser``. What stands in the way is taken away with its own button, as a person would.
"""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from vidgen_core.fake_provider.faults import LOVART
from vidgen_core.fake_provider.jobs import RUNNING, Job, Order, Stage
from vidgen_core.fake_provider.lovart.api import (
    FILES,
    asks,
    json_of,
    order_of,
    picture_of,
    prompt_in,
    reason_of,
    stage_of,
    take_picture,
)
from vidgen_core.fake_provider.lovart.refusals import REFUSALS
from vidgen_core.fake_provider.poll_answers import look, view
from vidgen_core.fake_provider.submissions import accept, arrive, refuse, rehearsal_of
from vidgen_core.fake_provider.wire import AnyJSON

PAGE: Final = Path(__file__).with_name("page.html")
#: What stands before the whole page.
_BEFORE: Final = ("page-sign-in", "page-captcha")
_PAYWALL: Final = "page-paywall"
#: Name of a selector → what the page calls that thing.
_MARKS: Final = {
    "prompt": "data-lexical-editor",
    "send": "agent-send-button",
    "attached": "agent-attachment",
    "message": "user-message",
    "answer": "assistant-message",
    "generating": "agent-video-loading-placeholder",
    "result": "video-generation-card",
}
_PROJECT: Final = re.compile(r"project_[0-9a-f]{32}")


class _Page:
    name = LOVART

    def new_id(self, order: Order) -> str:  # noqa: ARG002 -- threads do not name the tool
        return f"thread_{uuid.uuid4().hex}"

    def refusal(self, fault: str, request_id: str) -> Response:  # noqa: ARG002 -- the page names no request
        if fault == "balance-empty":
            return JSONResponse({"paywall": True}, status_code=402)
        return JSONResponse({"words": REFUSALS[fault].message}, status_code=REFUSALS[fault].status)

    def accepted(self, job: Job, request_id: str) -> Response:  # noqa: ARG002 -- same
        return JSONResponse({"thread_id": job.id})

    def error(self, status: int, code: str | int, message: str, escaped: str = "") -> Response:  # noqa: ARG002 -- same
        return AnyJSON({"words": message}, status, escaped=escaped)

    def words(self, message: str) -> Response:
        return AnyJSON({"words": message})


_DIALECT: Final = _Page()


async def canvas(request: Request) -> Response:
    """The page; without a project in its address it opens a new one."""
    asked = request.query_params.get("projectId", "")
    project = asked if _PROJECT.fullmatch(asked) else f"project_{uuid.uuid4().hex}"
    html = PAGE.read_text(encoding="utf-8").replace("{{project}}", project)
    changed = rehearsal_of(request).rules.get("page-changed")
    mark = _MARKS.get(changed.argument or "send") if changed else None
    return HTMLResponse(html.replace(mark, f"{mark}-new") if mark else html)


def _stands(request: Request, fault: str, project: str) -> bool:
    """Whether something stands in the way of a project."""
    rehearsal = rehearsal_of(request)
    rule = rehearsal.rules.get(fault)
    if rule is None or fault in rehearsal.taken_away:
        return False
    return rehearsal.luck(fault, project).random() < rule.rate


async def state(request: Request) -> Response:
    """What the page shows of a project."""
    project = request.query_params.get("projectId", "")
    walls = [fault for fault in _BEFORE if _stands(request, fault, project)]
    bought = {"bought": _PAYWALL in rehearsal_of(request).taken_away}
    job = _job_of(request, project)
    if job is None or walls:
        return JSONResponse({"walls": walls} | bought)
    found = await look(request, job.id, _DIALECT)
    return found if isinstance(found, Response) else AnyJSON(_seen(request, found) | bought)


def _job_of(request: Request, project: str) -> Job | None:
    jobs = rehearsal_of(request).jobs.all()
    return next((job for job in reversed(jobs) if job.order.params.get("project_id") == project), None)


def _seen(request: Request, job: Job) -> dict[str, Any]:
    stage = stage_of(request, job)
    seen = view(request, job, FILES, fresh_link=True)
    shown: dict[str, Any] = {"walls": [], "message": job.order.params["message"]}
    if asks(job):
        return shown | {"walls": ["price"], "price": job.number("confirmation")}
    if stage in RUNNING:
        return shown | {"generating": True, "progress": seen.progress}
    if stage is Stage.SUCCEEDED and not job.has("only-words"):
        return shown | {"video": seen.url}
    return shown | {"words": "The task was stopped." if stage is Stage.CANCELLED else reason_of(job)}


async def chat(request: Request) -> Response:
    """What the button sends: the one request that costs money."""
    rehearsal, body = rehearsal_of(request), await json_of(request) or {}
    text = str(body.get("prompt") or "")
    arrival = arrive(request, LOVART, prompt_in(text))
    by_tag = _PAYWALL in arrival.faults and _PAYWALL not in rehearsal.taken_away
    if by_tag or _stands(request, _PAYWALL, str(body.get("project_id"))):
        return _DIALECT.refusal("balance-empty", arrival.request_id)
    refused = await refuse(arrival, _DIALECT, rehearsal)
    if refused or not text:
        return refused or _DIALECT.refusal("prompt-missing", arrival.request_id)
    pictures = [picture_of(request, link) for link in body.get("attachments") or []]
    return accept(arrival, order_of(body, text, next(iter(pictures), None)), _DIALECT, rehearsal)[1]


async def take_away(request: Request) -> Response:
    """What a person does with what stands in the way."""
    fault = request.query_params.get("what", "")
    job = _job_of(request, request.query_params.get("projectId", ""))
    if fault == "price" and job is not None:
        job.hits["confirmed"] += 1
    else:
        rehearsal_of(request).taken_away.add(fault)
    return JSONResponse({})


ROUTES: Final = (
    Route("/lovart/canvas", canvas),
    Route("/lovart/page/state", state),
    Route("/lovart/page/upload", take_picture, methods=["POST"]),
    Route("/lovart/page/chat", chat, methods=["POST"]),
    Route("/lovart/page/take-away", take_away, methods=["POST"]),
)
