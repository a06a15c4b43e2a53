"""Lovart's page for the browser mode: it shows the jobs of the API and has the elements that the delivered selectors name.

Its visitor has the key ``sk-browser``. Each obstacle has its own button that dismisses it, as a person would.
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
    UPLOADS,
    asks,
    order_of,
    prompt_in,
    reason_of,
    stage_of,
    take_picture,
)
from vidgen_core.fake_provider.polls import find_job, poll_view
from vidgen_core.fake_provider.refusals import LOVART_REFUSALS
from vidgen_core.fake_provider.submissions import (
    accept,
    admit,
    json_object,
    receive_submission,
    rehearsal_of,
    uploaded_picture,
)
from vidgen_core.fake_provider.wire import AnyJSON

PAGE: Final = Path(__file__).with_name("page.html")
#: Obstacles that hide the whole page.
_OBSTACLES: Final = ("page-sign-in", "page-captcha")
_PAYWALL: Final = "page-paywall"
#: Name of a selector → the page's name of that element.
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
        refusal = LOVART_REFUSALS[fault]
        return JSONResponse({"words": refusal.message}, status_code=refusal.status)

    def accepted(self, job: Job, request_id: str) -> Response:  # noqa: ARG002 -- same
        return JSONResponse({"thread_id": job.id})

    def error(self, status: int, code: str | int, message: str, escaped: str = "") -> Response:  # noqa: ARG002 -- same
        return AnyJSON({"words": message}, status, escaped=escaped)

    def text_only(self, message: str) -> Response:
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


def _is_blocked(request: Request, fault: str, project: str) -> bool:
    """Whether an obstacle hides a project."""
    rehearsal = rehearsal_of(request)
    rule = rehearsal.rules.get(fault)
    if rule is None or fault in rehearsal.dismissed:
        return False
    return rehearsal.random_for(fault, project).random() < rule.rate


async def state(request: Request) -> Response:
    """The state of a project as the page shows it."""
    project = request.query_params.get("projectId", "")
    obstacles = [fault for fault in _OBSTACLES if _is_blocked(request, fault, project)]
    bought = {"bought": _PAYWALL in rehearsal_of(request).dismissed}
    job = _job_of(request, project)
    if job is None or obstacles:
        return JSONResponse({"walls": obstacles} | bought)
    return AnyJSON(_shown(request, await find_job(request, job.id, _DIALECT)) | bought)


def _job_of(request: Request, project: str) -> Job | None:
    jobs = rehearsal_of(request).jobs.all()
    return next((job for job in reversed(jobs) if job.order.params.get("project_id") == project), None)


def _shown(request: Request, job: Job) -> dict[str, Any]:
    stage = stage_of(request, job)
    seen = poll_view(request, job, FILES, fresh_link=True)
    shown: dict[str, Any] = {"walls": [], "message": job.order.params["message"]}
    if asks(job):
        return shown | {"walls": ["price"], "price": job.number("confirmation")}
    if stage in RUNNING:
        return shown | {"generating": True, "progress": seen.progress}
    if stage is Stage.SUCCEEDED and not job.has("only-words"):
        return shown | {"video": seen.url}
    return shown | {"words": "The task was stopped." if stage is Stage.CANCELLED else reason_of(job)}


async def chat(request: Request) -> Response:
    """Submit a message: the one request that costs money."""
    rehearsal, body = rehearsal_of(request), await json_object(request) or {}
    text = str(body.get("prompt") or "")
    submission = receive_submission(request, LOVART, prompt_in(text))
    by_tag = _PAYWALL in submission.faults and _PAYWALL not in rehearsal.dismissed
    if by_tag or _is_blocked(request, _PAYWALL, str(body.get("project_id"))):
        return _DIALECT.refusal("balance-empty", submission.request_id)
    await admit(submission, _DIALECT, rehearsal)
    if not text:
        return _DIALECT.refusal("prompt-missing", submission.request_id)
    pictures = [uploaded_picture(request, str(link), UPLOADS) for link in body.get("attachments") or []]
    return accept(submission, order_of(body, text, pictures), _DIALECT, rehearsal)[1]


async def dismiss(request: Request) -> Response:
    """Dismiss an obstacle."""
    fault = request.query_params.get("what", "")
    job = _job_of(request, request.query_params.get("projectId", ""))
    if fault == "price" and job is not None:
        job.hits["confirmed"] += 1
    else:
        rehearsal_of(request).dismissed.add(fault)
    return JSONResponse({})


ROUTES: Final = (
    Route("/lovart/canvas", canvas),
    Route("/lovart/page/state", state),
    Route("/lovart/page/upload", take_picture, methods=["POST"]),
    Route("/lovart/page/chat", chat, methods=["POST"]),
    Route("/lovart/page/take-away", dismiss, methods=["POST"]),
)
