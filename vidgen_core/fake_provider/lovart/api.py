"""Lovart's agent API: signed calls, projects, threads that report *done* too early, confirmations of prices.

A secret key here is its access key with ``sk`` in place of ``ak``; an access key ``ak_bad…`` counts as the key ``sk-bad…``.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from vidgen_core.fake_provider.faults import LOVART
from vidgen_core.fake_provider.jobs import Job, Order, Stage
from vidgen_core.fake_provider.polls import PollView, find_job, poll_view
from vidgen_core.fake_provider.refusals import LOVART_REFUSALS, NO_MONEY
from vidgen_core.fake_provider.storage import files
from vidgen_core.fake_provider.storage.pictures import measure, pixels
from vidgen_core.fake_provider.submissions import (
    Answered,
    accept,
    admit,
    bad_key,
    json_object,
    key_of,
    proxy_page,
    receive_submission,
    rehearsal_of,
    uploaded_picture,
)
from vidgen_core.fake_provider.wire import AnyJSON

PREFIX: Final = "/v1/openapi"
FILES: Final = "lovart-files"
UPLOADS: Final = "/lovart-uploads/"
REFERER: Final = "https://www.lovart.ai/"
#: Seconds a caller's clock may be off.
SKEW: Final = 300.0
_PROMPT: Final = re.compile(r"^-----\n(.*)\n-----$", re.DOTALL | re.MULTILINE)
_RATIO: Final = re.compile(r"Aspect ratio: (\d+:\d+)")
_LENGTH: Final = re.compile(r"Length: (\d+(?:\.\d+)?) seconds")
_SIZE: Final = re.compile(r"Resolution: (\w+)")
#: Fault → what the agent says instead of making a video.
_REASONS: Final = {
    "failed-parameter": "A length of 40 seconds is not supported by this tool.",
    "failed-overloaded": "The video tool is overloaded at the moment.",
    "failed-timeout": "The video tool timed out.",
    "moderated-output": "I can't do that: the result violates the content policy.",
}
_FAILED: Final = "Something went wrong with the video. What would you like me to change?"


class _Lovart:
    name = LOVART

    def new_id(self, order: Order) -> str:  # noqa: ARG002 -- threads do not name the tool
        return f"thread_{uuid.uuid4().hex}"

    def refusal(self, fault: str, request_id: str) -> Response:  # noqa: ARG002 -- Lovart names no request
        return LOVART_REFUSALS[fault].answer()

    def accepted(self, job: Job, request_id: str) -> Response:  # noqa: ARG002 -- same
        return ok({} if job.has("no-task-id") else {"thread_id": job.id})

    def error(self, status: int, code: str | int, message: str, escaped: str = "") -> Response:
        return AnyJSON({"code": code, "message": message, "data": None}, status, escaped=escaped)

    def text_only(self, message: str) -> Response:
        return AnyJSON({"code": 0, "message": message, "data": None})


_DIALECT: Final = _Lovart()


def ok(data: object) -> Response:
    """The envelope of success."""
    return JSONResponse({"code": 0, "message": "success", "data": data})


# --- signatures


def secret_of(access: str) -> str:
    """The secret key that belongs to an access key."""
    return f"sk{access[2:]}"


def signature_fault(request: Request) -> str | None:
    """What is wrong with the signature of a request; None when it is right."""
    headers, path = request.headers, request.url.path
    access, timestamp = headers.get("x-access-key", ""), headers.get("x-timestamp", "")
    if not access.startswith("ak"):
        return "key-missing"
    lines = f"{request.method}\n{path}\n{timestamp}"
    wanted = hmac.new(secret_of(access).encode(), lines.encode(), hashlib.sha256).hexdigest()
    named = (headers.get("x-signed-method"), headers.get("x-signed-path")) == (request.method, path)
    if not named or not hmac.compare_digest(wanted, headers.get("x-signature", "")):
        return "signature-wrong"
    # Callers sign with the real time, whatever time it is in the rehearsal.
    fresh = timestamp.isdigit() and abs(time.time() - int(timestamp)) <= SKEW
    return None if fresh else "signature-stale"


def _check_signature(request: Request) -> None:
    """:raises Answered:"""
    if fault := signature_fault(request):
        raise Answered(LOVART_REFUSALS[fault].answer())


def _check_key(request: Request) -> None:
    """Refuse invalid keys; an empty account may use what is free.

    :raises Answered:
    """
    _check_signature(request)
    if fault := bad_key(request):
        raise Answered(LOVART_REFUSALS[fault].answer())


# --- free calls


async def save_project(request: Request) -> Response:
    """Open a project, or take note of one that is there."""
    _check_key(request)
    body = await json_object(request) or {}
    return ok({"project_id": str(body.get("project_id") or f"project_{uuid.uuid4().hex}")})


async def query_mode(request: Request) -> Response:
    """Which queue the account is in: the free one, or the one that spends credits."""
    _check_key(request)
    rehearsal = rehearsal_of(request)
    can = not rehearsal.occurs("no-unlimited")
    return ok({"unlimited": key_of(request) in rehearsal.unlimited, "unlimited_enable": can, "unlimited_list": []})


async def set_mode(request: Request) -> Response:
    """Switch the account to the free queue, or back."""
    _check_key(request)
    rehearsal, body = rehearsal_of(request), await json_object(request) or {}
    if not isinstance(body.get("unlimited"), bool):
        return LOVART_REFUSALS["parameter"].answer()
    if body["unlimited"] and not rehearsal.occurs("no-unlimited"):
        rehearsal.unlimited.add(key_of(request))
    elif not body["unlimited"]:
        rehearsal.unlimited.discard(key_of(request))
    return ok({})


async def take_picture(request: Request) -> Response:
    """Take a picture as multipart."""
    rehearsal = rehearsal_of(request)
    rehearsal.counters.uploads_total += 1
    if rehearsal.occurs("upload-500"):
        return LOVART_REFUSALS["server-error"].answer()
    if rehearsal.occurs("upload-no-money"):
        return JSONResponse({"code": 403, "message": NO_MONEY, "data": None}, status_code=403)
    if rehearsal.occurs("upload-html"):
        return proxy_page(200)
    async with request.form() as form:
        sent = form.get("file")
        data = await sent.read() if isinstance(sent, UploadFile) else b""
        mime = (sent.content_type or "") if isinstance(sent, UploadFile) else ""
    picture = await asyncio.to_thread(measure, data, mime)
    if picture is None:
        return LOVART_REFUSALS["file-missing"].answer()
    rehearsal.counters.saw_image(picture.facts())
    name = f"lovart/{uuid.uuid4().hex}"
    rehearsal.uploads.put(name, picture, f"image/{picture.format.lower()}", rehearsal.now())
    return ok({"url": f"{str(request.base_url).rstrip('/')}{UPLOADS}{name}"})


async def upload(request: Request) -> Response:
    """The same with a key."""
    _check_key(request)
    return await take_picture(request)


# --- a thread


async def chat(request: Request) -> Response:
    """Begin a thread: the one call that costs money."""
    _check_signature(request)
    rehearsal, body = rehearsal_of(request), await json_object(request)
    text = str((body or {}).get("prompt") or "")
    submission = receive_submission(request, LOVART, prompt_in(text))
    pictures = [uploaded_picture(request, str(link), UPLOADS) for link in (body or {}).get("attachments") or []]
    wrong = _wrong(body, text, pictures)
    order = None if wrong or body is None else order_of(body, text, pictures)
    if order is not None and key_of(request) in rehearsal.unlimited:
        order = replace(order, price=0.0)
    await admit(submission, _DIALECT, rehearsal, order)
    if order is None or body is None:
        return LOVART_REFUSALS[wrong or "json-invalid"].answer()
    return accept(submission, order, _DIALECT, rehearsal)[1]


def _wrong(body: Mapping[str, Any] | None, text: str, pictures: list[str | None]) -> str | None:
    if body is None:
        return "json-invalid"
    if not text:
        return "prompt-missing"
    if not str(body.get("project_id") or "").startswith("project_"):
        return "project-gone"
    return "picture-missing" if None in pictures else None


def prompt_in(text: str) -> str:
    """The prompt between the lines of a message; the whole message where there are none."""
    found = _PROMPT.search(text)
    return found[1] if found else text


def order_of(body: Mapping[str, Any], text: str, pictures: Sequence[str | None]) -> Order:
    """What a message asks for; the agent reads from its words what the pictures are."""
    head = text.partition("-----")[0]
    frames = "none of which is a frame" not in head
    ends = "ends with the second" in head and len(pictures) > 1
    ratio, size, length = _RATIO.search(head), _SIZE.search(head), _LENGTH.search(head)
    width, height = pixels(size[1] if size else "720p", ratio[1] if ratio else "16:9")
    tools = ((body.get("tool_config") or {}).get("prefer_tool_categories") or {}).get("VIDEO") or [""]
    return Order(
        prompt=prompt_in(text),
        model=str(tools[0]),
        width=width,
        height=height,
        seconds=min(60.0, max(1.0, float(length[1]))) if length else 5.0,
        picture=next(iter(pictures), None) if frames else None,
        last_picture=pictures[1] if ends else None,
        sound="With sound." in head,
        params={name: value for name, value in body.items() if name != "prompt"} | {"message": text},
    )


async def status(request: Request) -> Response:
    """Say where a thread stands; *done* can be taken back."""
    _check_signature(request)
    found = await find_job(request, request.query_params.get("thread_id", ""), _DIALECT)
    stage = stage_of(request, found)
    running = stage not in (Stage.SUCCEEDED, Stage.FAILED, Stage.CANCELLED)
    if running and found.has("status-missing"):
        return ok({})
    early = running and found.fires("done-too-early")
    return ok({"status": "done" if early else _status(found, stage)})


async def result(request: Request) -> Response:
    """What a thread has brought so far."""
    _check_signature(request)
    found = await find_job(request, request.query_params.get("thread_id", ""), _DIALECT)
    stage = stage_of(request, found)
    data: dict[str, Any] = {"thread_id": found.id, "status": _status(found, stage), "items": []}
    if asks(found):
        message = "This step costs credits. Shall I go on?"
        data["pending_confirmation"] = {"message": message, "estimated_cost": found.number("confirmation")}
    elif stage is Stage.SUCCEEDED:
        data["items"] = _video(found, poll_view(request, found, FILES, fresh_link=True))
    elif stage is Stage.FAILED:
        data["items"] = [{"type": "assistant", "text": reason_of(found)}]
    escaped = found.sent_key if found.has("failed-echo-key") else ""
    return AnyJSON({"code": 0, "message": "success", "data": data}, escaped=escaped)


async def confirm(request: Request) -> Response:
    """Confirm the price that a thread waits for."""
    _check_signature(request)
    body = await json_object(request) or {}
    found = await find_job(request, str(body.get("thread_id") or ""), _DIALECT)
    if not asks(found):
        return LOVART_REFUSALS["nothing-to-confirm"].answer()
    found.hits["confirmed"] += 1
    return ok({})


def asks(job: Job) -> bool:
    return job.has("confirmation") and not job.hits["confirmed"]


def stage_of(request: Request, job: Job) -> Stage:
    """A thread that waits for confirmation makes no progress and reports *done*."""
    return Stage.SUCCEEDED if asks(job) else job.stage(rehearsal_of(request).now())


def _status(job: Job, stage: Stage) -> str:
    if stage in (Stage.SUCCEEDED, Stage.FAILED):
        return "done"
    if stage is Stage.CANCELLED:
        return "abort"
    return "contemplating" if job.has("status-unknown") else "running"


def reason_of(job: Job) -> str:
    return job.argument("only-words") if job.has("only-words") else job.reason(_REASONS.get(job.failure or "", _FAILED))


def _video(job: Job, seen: PollView) -> list[dict[str, Any]]:
    if job.has("only-words"):
        return [{"type": "assistant", "text": reason_of(job)}]
    artifact = {"type": "video", "content": seen.url or ""}
    return [{"type": "assistant", "text": "Here is your video."}, {"type": "generator", "artifacts": [artifact]}]


async def download(request: Request) -> Response:
    """The bytes of a result, for callers who come from Lovart's own pages."""
    if request.headers.get("referer") != REFERER:
        return PlainTextResponse("Forbidden", status_code=403)
    return await files.download(request)


ROUTES: Final = (
    Route(f"{PREFIX}/project/save", save_project, methods=["POST"]),
    Route(f"{PREFIX}/mode/query", query_mode, methods=["POST"]),
    Route(f"{PREFIX}/mode/set", set_mode, methods=["POST"]),
    Route(f"{PREFIX}/file/upload", upload, methods=["POST"]),
    Route(f"{PREFIX}/chat", chat, methods=["POST"]),
    Route(f"{PREFIX}/chat/status", status),
    Route(f"{PREFIX}/chat/result", result),
    Route(f"{PREFIX}/chat/confirm", confirm, methods=["POST"]),
    Route(f"{UPLOADS}{{path:path}}", files.upload),
    Route(f"/{FILES}/{{file_id}}.mp4", download),
)
