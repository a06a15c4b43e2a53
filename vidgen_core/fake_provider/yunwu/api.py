"""Yunwu's video routes: ``POST /v1/video/create`` and ``GET /v1/video/query``.

The formats are those of the public documentation and of measured responses; where they disagree, the usual one is the
default and the others are faults.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vidgen_core.fake_provider.faults import YUNWU
from vidgen_core.fake_provider.jobs import Job, Order, Stage
from vidgen_core.fake_provider.polls import PollView, find_job, poll_view, put_at
from vidgen_core.fake_provider.refusals import FILTERED, ODD_CODE, YUNWU_REFUSALS, Refusal
from vidgen_core.fake_provider.state import Rehearsal
from vidgen_core.fake_provider.storage.pictures import from_data_uri, is_data_uri, pixels, without_data
from vidgen_core.fake_provider.submissions import (
    Answered,
    Submission,
    accept,
    admit,
    bad_key,
    id_in_answer,
    parse_object,
    receive_submission,
    rehearsal_of,
    uploaded_picture,
)
from vidgen_core.fake_provider.wire import AnyJSON
from vidgen_core.fake_provider.yunwu.prices import price_of

FILES: Final = "files"
#: Where pictures lie that were uploaded to the picture host.
PICTURES: Final = "/yunwu-pictures/"
#: Models that the unified route does not serve: they have routes of their own.
_GUARDED: Final = ("kling", "vidu", "minimax", "hailuo", "pixverse", "wan", "happyhorse")

_STATUSES: Final = {
    Stage.QUEUED: "pending",
    Stage.PREPARING: "image_downloading",
    Stage.GENERATING: "video_generating",
    Stage.FINISHING: "video_upsampling",
    Stage.SUCCEEDED: "completed",
    Stage.FAILED: "failed",
    Stage.CANCELLED: "cancelled",
}
_TASK_TABLE_STATUSES: Final = {
    Stage.QUEUED: "NOT_START",
    Stage.PREPARING: "SUBMITTED",
    Stage.GENERATING: "IN_PROGRESS",
    Stage.FINISHING: "IN_PROGRESS",
    Stage.SUCCEEDED: "SUCCESS",
    Stage.FAILED: "FAILURE",
    Stage.CANCELLED: "CANCELLED",
}
_REASONS: Final = {
    "failed-parameter": "invalid_request: duration is not supported by this model",
    "failed-overloaded": "当前分组上游负载已饱和，请稍后再试",
    "failed-timeout": "任务超时（30分钟）",
    "moderated-output": "OutputVideoSensitiveContentDetected: the output video may contain sensitive information",
}


def answer(refusal: Refusal, request_id: str) -> Response:
    """A refusal with the request id where Yunwu puts it."""
    body = dict(refusal.body)
    if isinstance(body.get("error"), dict):
        body["error"] = body["error"] | {"message": f"{body['error']['message']} (request id: {request_id})"}
    headers = {**refusal.headers, "X-Oneapi-Request-Id": request_id}
    return JSONResponse(body, status_code=refusal.status, headers=headers)


def check_key(request: Request) -> Rehearsal:
    """Refuse invalid keys; an empty account may use what is free.

    :raises Answered:
    """
    rehearsal = rehearsal_of(request)
    rehearsal.settle()
    if wrong := bad_key(request):
        raise Answered(answer(YUNWU_REFUSALS[wrong], rehearsal.request_id()))
    return rehearsal


def _json(body: object, request_id: str, status: int = 200, escaped: str = "") -> Response:
    """An answer with its request id; ASCII alone, so that it carries what UTF-8 cannot."""
    return AnyJSON(body, status, escaped=escaped, headers={"X-Oneapi-Request-Id": request_id})


class Yunwu:
    """Yunwu's wire format of submits and polls."""

    name = YUNWU

    def new_id(self, order: Order) -> str:
        return f"{order.model}:{uuid.uuid4()}"

    def refusal(self, fault: str, request_id: str) -> Response:
        if fault == "error-in-200":
            body = {"id": "", "status": "error", "error": "upstream returned an error, please try again later"}
            return JSONResponse(body, headers={"X-Oneapi-Request-Id": request_id})
        return answer(YUNWU_REFUSALS[fault], request_id)

    def accepted(self, job: Job, request_id: str) -> Response:
        times = {"status": "pending", "status_update_time": _timestamp(job, job.created)}
        body: dict[str, Any] = {"id": id_in_answer(job), **times}
        if job.has("no-task-id"):
            body = times
        elif job.has("reply-task-id"):
            body = {"task_id": job.id, "status": "queued"}
        elif job.has("reply-data-id"):
            body = {"code": "success", "message": "", "data": {"task_id": job.id, **times}}
        return _json(body, request_id)

    def error(self, status: int, code: str | int, message: str, escaped: str = "") -> Response:
        return _json({"code": code, "message": message, "data": None}, uuid.uuid4().hex, status, escaped)

    def text_only(self, message: str) -> Response:
        return _json({"code": "", "message": message, "status": "queued", "data": None}, uuid.uuid4().hex)


_DIALECT: Final = Yunwu()


def _timestamp(job: Job, at: float) -> int:
    """Seconds for Grok models, milliseconds for the others, as documented."""
    seconds = job.order.model.startswith("grok")
    if job.has("reply-seconds") or job.has("reply-milliseconds"):
        seconds = job.has("reply-seconds")
    return int(at) if seconds else int(at * 1000)


async def create(request: Request) -> Response:
    """Take an order for a video."""
    rehearsal = rehearsal_of(request)
    raw = await request.body()
    body = await asyncio.to_thread(parse_object, raw)
    given = body or {}
    submission = receive_submission(request, YUNWU, str(given.get("prompt") or ""), str(given.get("model") or ""))
    if len(raw) > rehearsal.options.max_body:
        return _DIALECT.refusal("body-too-large", submission.request_id)
    wrong = _wrong(body)
    given = {name: value for name, value in given.items() if not _is_ignored(submission, name)}
    order = None if wrong else await _order(given, request)
    await admit(submission, _DIALECT, rehearsal, order)
    if order is None:
        return _DIALECT.refusal(wrong or "image-invalid", submission.request_id)
    return accept(submission, order, _DIALECT, rehearsal)[1]


def _is_ignored(submission: Submission, field: str) -> bool:
    return "ignores-field" in submission.faults and submission.argument("ignores-field") == field


def _wrong(body: dict[str, Any] | None) -> str | None:
    if body is None:
        return "json-invalid"
    if not body.get("model"):
        return "model-missing"
    if not isinstance(body.get("prompt"), str) or not body["prompt"]:
        return "prompt-missing"
    if str(body["model"]).startswith("grok") and not body.get("aspect_ratio"):
        return "parameter"
    if str(body["model"]).startswith(("grok", "sora")) and not body.get("size"):
        return "size-required"
    if str(body["model"]).lower().startswith(_GUARDED):
        return "no-channel"
    images = body.get("images") or []
    return None if isinstance(images, list) and all(isinstance(image, str) for image in images) else "parameter"


async def _order(body: dict[str, Any], request: Request) -> Order | None:
    """Read the order; None where an image is none. Links are noted, and followed only to what was uploaded here."""
    rehearsal, keys = rehearsal_of(request), []
    for text in body.get("images") or []:
        if PICTURES in text:
            key = uploaded_picture(request, text, PICTURES)
            if key is None:
                return None
            keys.append(key)
            continue
        if not is_data_uri(text):
            rehearsal.counters.saw_image({"format": "url", "declared": "", "width": 0, "height": 0, "bytes": 0})
            continue
        key = rehearsal.keep_picture(await asyncio.to_thread(from_data_uri, text))
        if key is None:
            return None
        keys.append(key)
    ratio = str(body.get("aspect_ratio") or "")
    width, height = pixels(str(body.get("size") or ""), ratio, str(body.get("orientation") or ""))
    model = str(body["model"])
    frames = len(keys) == 2 and model.startswith("veo") and "components" not in model
    return Order(
        prompt=body["prompt"],
        model=str(body["model"]),
        width=width,
        height=height,
        seconds=_duration(body),
        picture=keys[0] if keys and "components" not in model else None,
        last_picture=keys[1] if frames else None,
        sound=model.startswith(("veo3", "veo_3")),
        params=without_data(body),
        price=price_of(rehearsal, model),
    )


def _duration(body: dict[str, Any]) -> float:
    """Seconds: as asked, else by the model's name, else 6 for Grok and 8 for the others."""
    asked = body.get("duration")
    if isinstance(asked, int | float) and 1 <= asked <= 60:
        return float(asked)
    model = str(body["model"])
    named = {"-10s": 10.0, "-15s": 15.0}.get(model[-4:])
    return named or (6.0 if model.startswith("grok") else 8.0)


async def query(request: Request) -> Response:
    """Say how far a job is."""
    found = await find_job(request, request.query_params.get("id", ""), _DIALECT)
    body = _state(poll_view(request, found, FILES, fresh_link=True))
    escaped = found.sent_key if found.has("failed-echo-key") else ""
    return _json(body, rehearsal_of(request).request_id(), escaped=escaped)


def _state(seen: PollView) -> dict[str, Any]:
    job = seen.job
    body: dict[str, Any] = {
        "id": job.id.partition(":")[2] if job.has("id-without-prefix") else job.id,
        "status": _status(seen),
        "video_url": None,
        "thumbnail_url": None,
        "enhanced_prompt": job.order.prompt,
        "status_update_time": _timestamp(job, seen.now),
    }
    body |= _progress(seen)
    if seen.url:
        put_at(body, job.argument("url-in") if job.has("url-in") else "video_url", seen.url)
    if seen.stage in (Stage.FAILED, Stage.CANCELLED):
        reason = job.reason(_REASONS.get(job.failure or "", "upstream error, please try again later"))
        put_at(body, job.argument("error-in") if job.has("error-in") else "error", reason)
        if job.has("failed-odd-text"):
            body["error"] = {"code": ODD_CODE, "message": reason}
        if job.has("filtered-count"):
            body |= {"error": None, "response": FILTERED}
    if seen.stage is Stage.SUCCEEDED and job.has("moderated-silent"):
        body["moderated"] = True
    return _moved_status(body, seen)


def _status(seen: PollView) -> str:
    job, running = seen.job, seen.stage not in (Stage.SUCCEEDED, Stage.FAILED, Stage.CANCELLED)
    if running and job.has("status-unknown"):
        return "contemplating"
    if job.has("upsampling-completed") and seen.stage is Stage.FINISHING:
        return "video_upsampling_completed"
    return (_TASK_TABLE_STATUSES if job.has("status-uppercase") else _STATUSES)[seen.stage]


def _progress(seen: PollView) -> dict[str, Any]:
    if seen.job.has("progress-missing"):
        return {}
    if seen.job.has("progress-null"):
        return {"progress": None}
    return {"progress": f"{seen.progress}%" if seen.job.has("progress-percent") else seen.progress}


def _moved_status(body: dict[str, Any], seen: PollView) -> dict[str, Any]:
    ended = seen.stage in (Stage.SUCCEEDED, Stage.FAILED, Stage.CANCELLED)
    if seen.job.has("status-missing") and not ended:
        del body["status"]
    elif seen.job.has("done-marker") or seen.job.has("filtered-count"):
        del body["status"]
        body["done"] = ended
    elif seen.job.has("status-in"):
        put_at(body, seen.job.argument("status-in"), body.pop("status"))
    elif seen.job.has("status-nested"):
        body.setdefault("data", {})["status"] = body.pop("status")
    return body


ROUTES: Final = (
    Route("/v1/video/create", create, methods=["POST"]),
    Route("/v1/video/query", query, methods=["GET"]),
)
