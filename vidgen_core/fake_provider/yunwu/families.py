"""The other video routes of a Yunwu key: OpenAI style, Kling, Vidu, Hailuo, Seedance, and the picture host.

Requests are held to the vendors' documentation; a wrong one is refused in the vendor's envelope, and what a model does not
know passes in silence. Links are followed only to this server.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vidgen_core.fake_provider.faults import YUNWU
from vidgen_core.fake_provider.jobs import Job, Order, Stage
from vidgen_core.fake_provider.polls import PollView, find_job, poll_view
from vidgen_core.fake_provider.refusals import YUNWU_REFUSALS
from vidgen_core.fake_provider.storage import files
from vidgen_core.fake_provider.storage.pictures import from_data_uri, is_data_uri, measure, pixels, without_data
from vidgen_core.fake_provider.submissions import (
    accept,
    admit,
    id_in_answer,
    json_object,
    receive_submission,
    rehearsal_of,
    uploaded_picture,
)
from vidgen_core.fake_provider.yunwu import polled
from vidgen_core.fake_provider.yunwu.api import FILES, PICTURES, Yunwu, answer, check_key
from vidgen_core.fake_provider.yunwu.prices import price_of


@dataclass(frozen=True)
class Wrong:
    """Why a request is refused."""

    message: str


@dataclass(frozen=True)
class Asked:
    """What a request asks for, in any vendor's words; pictures are data URIs, bare base64 or links."""

    model: str
    prompt: str
    size: str = "720p"
    ratio: str = "16:9"
    seconds: float = 5.0
    first: str | None = None
    last: str | None = None
    references: tuple[str, ...] = ()
    sound: bool = False


class _Vendor(Yunwu):
    """One vendor's envelope around the same jobs."""

    def __init__(
        self,
        made: Callable[[str], dict[str, Any]],
        wrong: Callable[[str], Response],
        seen: Callable[[PollView], dict[str, Any]],
        *,
        bare: bool = False,
    ) -> None:
        self._made = made
        self.wrong = wrong
        self.seen = seen
        #: Pictures in base64 have no prefix.
        self.bare = bare

    def new_id(self, order: Order) -> str:  # noqa: ARG002 - vendors' ids do not name the model
        return f"task_{uuid.uuid4().hex}"

    def accepted(self, job: Job, request_id: str) -> Response:
        if job.has("no-task-id"):
            return JSONResponse({"message": "success"}, headers={"X-Oneapi-Request-Id": request_id})
        return JSONResponse(self._made(str(id_in_answer(job))), headers={"X-Oneapi-Request-Id": request_id})


def _kling_wrong(message: str) -> Response:
    return JSONResponse({"code": 1201, "message": message, "request_id": uuid.uuid4().hex})


_KLING: Final = _Vendor(
    lambda id_: {"code": 0, "message": "SUCCEED", "data": {"task_id": id_, "task_status": "submitted"}},
    _kling_wrong,
    polled.kling,
    bare=True,
)
_TURBO: Final = _Vendor(lambda id_: {"code": 0, "data": {"id": id_, "status": "submitted"}}, _kling_wrong, polled.turbo)
_VIDU: Final = _Vendor(
    lambda id_: {"task_id": id_, "state": "created", "credits": 20},
    lambda message: JSONResponse({"err_code": "invalid_parameter", "message": message}, 400),
    polled.vidu,
)
_HAILUO: Final = _Vendor(
    lambda id_: {"task_id": id_, "base_resp": {"status_code": 0, "status_msg": "success"}},
    lambda message: JSONResponse({"task_id": "", "base_resp": {"status_code": 2013, "status_msg": message}}),
    polled.hailuo,
)
_ARK: Final = _Vendor(
    lambda id_: {"id": id_},
    lambda message: JSONResponse(
        {"error": {"code": "InvalidParameter", "message": message, "type": "BadRequest"}}, 400
    ),
    polled.ark,
)
_OPENAI: Final = _Vendor(
    lambda id_: {"id": id_, "object": "video", "status": "queued", "progress": 0},
    lambda message: JSONResponse({"error": {"message": message, "code": "invalid_request", "type": "x"}}, 400),
    polled.openai,
)


# --- what is asked ----------------------------------------------------------------------------------------------------


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) and value else None


def _kling(body: Mapping[str, Any], action: str) -> Asked | Wrong:
    first, last = _text(body, "image"), _text(body, "image_tail")
    listed = body.get("image_list") or []
    wrong = {
        "model_name is required": not body.get("model_name"),
        'duration must be "5" or "10"': str(body.get("duration", "5")) not in ("5", "10"),
        "mode must be std or pro": body.get("mode", "std") not in ("std", "pro"),
        "image is required": action == "image2video" and not first,
        "image is not supported by text2video": action == "text2video" and bool(first or last),
        "image_list must have 1 to 4 images": action == "multi-image2video" and not 1 <= len(listed) <= 4,
        "multi-image2video is for kling-v1-6": action == "multi-image2video" and body.get("model_name") != "kling-v1-6",
        "sound must be on or off": body.get("sound", "on") not in ("on", "off"),
    }
    if message := next((text for text, holds in wrong.items() if holds), None):
        return Wrong(message)
    return Asked(
        model=str(body["model_name"]),
        prompt=str(body.get("prompt") or ""),
        size="1080p" if body.get("mode") == "pro" else "720p",
        ratio=str(body.get("aspect_ratio") or ""),
        seconds=float(body.get("duration") or 5),
        first=first,
        last=last,
        references=tuple(str(one.get("image")) for one in listed if isinstance(one, dict)),
        sound=body.get("sound") == "on",
    )


def _turbo(body: Mapping[str, Any], action: str) -> Asked | Wrong:
    settings, contents = body.get("settings") or {}, body.get("contents") or []
    told = {str(one.get("type")): one for one in contents if isinstance(one, dict)}
    seconds = settings.get("duration", 5)
    first = _text(told.get("first_frame", {}), "url")
    if not isinstance(seconds, int) or not 3 <= seconds <= 15:
        return Wrong("duration must be between 3 and 15")
    if action == "image-to-video" and (not first or is_data_uri(first)):
        return Wrong("first_frame must be a url")
    prompt = body.get("prompt") or told.get("prompt", {}).get("text")
    ratio, size = str(settings.get("aspect_ratio") or ""), str(settings.get("resolution") or "720p")
    return Asked("kling-3.0-turbo", str(prompt or ""), size, ratio, float(seconds), first)


def _vidu(body: Mapping[str, Any], action: str) -> Asked | Wrong:
    images = body.get("images") or []
    counts = {"text2video": (0, 0), "img2video": (1, 1), "start-end2video": (2, 2), "reference2video": (1, 7)}
    least, most = counts[action]
    if not isinstance(images, list) or not least <= len(images) <= most:
        return Wrong(f"images must have {least} to {most} items")
    if not body.get("model"):
        return Wrong("model is required")
    frames = action in ("img2video", "start-end2video")
    return Asked(
        model=str(body["model"]),
        prompt=str(body.get("prompt") or ""),
        size=str(body.get("resolution") or "720p"),
        ratio=str(body.get("aspect_ratio") or ""),
        seconds=float(body.get("duration") or 5),
        first=images[0] if frames else None,
        last=images[1] if action == "start-end2video" else None,
        references=() if frames else tuple(images),
        sound=bool(body.get("audio", str(body["model"]).startswith("viduq3"))),
    )


def _hailuo(body: Mapping[str, Any]) -> Asked | Wrong:
    size, seconds = str(body.get("resolution") or "768P"), body.get("duration", 6)
    first, last = _text(body, "first_frame_image"), _text(body, "last_frame_image")
    model = str(body.get("model") or "")
    wrong = {
        "model is required": not model,
        "duration must be 6 or 10": seconds not in (6, 10),
        "10 s is supported at 768P only": seconds == 10 and size == "1080P",
        "first_frame_image is required": ("Fast" in model or size == "512P") and not first,
    }
    if message := next((text for text, holds in wrong.items() if holds), None):
        return Wrong(message)
    return Asked(model, str(body.get("prompt") or ""), size, "", float(seconds), first, last)


def _ark(body: Mapping[str, Any]) -> Asked | Wrong:
    content = [one for one in body.get("content") or [] if isinstance(one, dict)]
    text = str(next((one.get("text") for one in content if one.get("type") == "text"), None) or "")
    prompt, *options = text.split(" --")
    told = {name: value for name, _, value in (one.partition(" ") for one in options)} | dict(body)
    roles: dict[str, list[str]] = {}
    for one in content:
        if one.get("type") == "image_url":
            roles.setdefault(str(one.get("role") or "first_frame"), []).append(
                str((one.get("image_url") or {}).get("url"))
            )
    first, last = (next(iter(roles.get(name, [])), None) for name in ("first_frame", "last_frame"))
    references = tuple(roles.get("reference_image", []))
    model = str(body.get("model") or "")
    try:
        seconds = float(told.get("duration") or 5)
    except ValueError:
        return Wrong("duration is not valid")
    wrong = {
        "model is required": not model,
        "content is required": not content,
        "last frame needs a first frame": bool(last and not first),
        "first/last frame content cannot be mixed with reference media content": bool(first and references),
        "duration is not valid": not 2 <= seconds <= (30 if "2-5" in model else 15),
        "generate_audio must be a boolean": not isinstance(body.get("generate_audio", True), bool),
    }
    if message := next((text for text, holds in wrong.items() if holds), None):
        return Wrong(message)
    sound = bool(body.get("generate_audio", True)) and ("1-5" in model or "-2-" in model)
    size, ratio = str(told.get("resolution") or "720p"), str(told.get("ratio") or "")
    return Asked(model, prompt, size, ratio, seconds, first, last, references, sound)


async def _openai(request: Request) -> tuple[dict[str, Any], list[bytes]]:
    """The fields and files of a form."""
    async with request.form() as form:
        fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        sent = [
            value for name, value in form.multi_items() if isinstance(value, UploadFile) and "input_reference" in name
        ]
        return fields, [await one.read() for one in sent]


# --- the routes -------------------------------------------------------------------------------------------------------


Read = Callable[[Mapping[str, Any]], Asked | Wrong]


def _submit(vendor: _Vendor, read: Read) -> Callable[[Request], Awaitable[Response]]:
    async def submit(request: Request) -> Response:
        body = await json_object(request) or {}
        return await _order(request, vendor, read, body)

    return submit


async def _order(
    request: Request, vendor: _Vendor, read: Callable[[Mapping[str, Any]], Asked | Wrong], body: Mapping[str, Any]
) -> Response:
    asked = read(body)
    prompt = asked.prompt if isinstance(asked, Asked) else ""
    model = asked.model if isinstance(asked, Asked) else ""
    submission = receive_submission(request, YUNWU, prompt, model)
    if isinstance(asked, Asked) and "ignores-field" in submission.faults:
        unknown = submission.argument("ignores-field")
        asked = read({name: value for name, value in body.items() if name != unknown})
    order = await _read_order(request, vendor, asked, body) if isinstance(asked, Asked) else asked
    await admit(submission, vendor, rehearsal_of(request), order if isinstance(order, Order) else None)
    if isinstance(order, Wrong):
        return vendor.wrong(order.message)
    return accept(submission, order, vendor, rehearsal_of(request))[1]


async def _read_order(request: Request, vendor: _Vendor, asked: Asked, body: Mapping[str, Any]) -> Order | Wrong:
    if not asked.prompt:
        return Wrong("prompt is required")
    keys: dict[str, str | None] = {}
    for text in (asked.first, asked.last, *asked.references):
        if text and text not in keys:
            keys[text] = await _picture(request, text, bare=vendor.bare)
    if None in keys.values():
        return Wrong("failed to download or decode image")
    first, last = (keys.get(text or "") or None for text in (asked.first, asked.last))
    if not asked.ratio and first:
        # With a first frame the ratio is the picture's.
        width, height = _as_picture(request, first, asked.size)
    else:
        width, height = pixels(asked.size, asked.ratio or "16:9")
    return Order(
        prompt=asked.prompt,
        model=asked.model,
        width=width,
        height=height,
        seconds=min(60.0, max(1.0, asked.seconds)),
        picture=first,
        last_picture=last,
        sound=asked.sound,
        params=without_data(dict(body)),
        interface=request.url.path,
        price=price_of(rehearsal_of(request), asked.model),
    )


def _as_picture(request: Request, key: str, size: str) -> tuple[int, int]:
    path = rehearsal_of(request).pictures.path(key)
    found = measure(path.read_bytes()) if path else None
    return pixels(size, f"{found.width}:{found.height}") if found else pixels(size, "16:9")


async def _picture(request: Request, text: str, *, bare: bool) -> str | None:
    """The key of a picture; empty for a link that is not followed, None where it is none."""
    rehearsal = rehearsal_of(request)
    if text.startswith(("http://", "https://")):
        if f"{request.url.netloc}{PICTURES}" in text:
            return uploaded_picture(request, text, PICTURES)
        return ""
    if bare == is_data_uri(text):
        return None
    if bare:
        try:
            picture = measure(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            return None
    else:
        picture = await asyncio.to_thread(from_data_uri, text)
    return rehearsal.keep_picture(picture)


async def create_openai(request: Request) -> Response:
    """``POST /v1/videos``: a form with files."""
    fields, sent = await _openai(request)
    rehearsal = rehearsal_of(request)
    found = [measure(data) for data in sent]
    keys = [key for picture in found if (key := rehearsal.keep_picture(picture))]

    def read(given: Mapping[str, Any]) -> Asked | Wrong:
        seconds = str(given.get("seconds") or given.get("duration") or "4")
        if not given.get("model"):
            return Wrong("model is required")
        if None in found:
            return Wrong("input_reference is not an image")
        if str(given["model"]).startswith("grok") and seconds not in ("6", "10", "4"):
            return Wrong("seconds must be 6 or 10")
        ratio = str(given.get("size") or "16:9").replace("x", ":")
        sides = [int(part) for part in ratio.split(":") if part.isdigit()]
        size = "1080p" if sides and min(sides) >= 1000 else "720p"
        return Asked(str(given["model"]), str(given.get("prompt") or ""), size, ratio, float(seconds))

    return await _order(request, _FilesOf(_OPENAI, keys), read, fields)


class _FilesOf(_Vendor):
    """A vendor whose pictures were files of the request."""

    def __init__(self, vendor: _Vendor, keys: list[str]) -> None:
        super().__init__(vendor._made, vendor.wrong, vendor.seen)
        self._keys = keys

    def accepted(self, job: Job, request_id: str) -> Response:
        first, last = (*self._keys, None, None)[:2]
        job.order = replace(job.order, picture=first, last_picture=last)
        return super().accepted(job, request_id)


def _look(vendor: _Vendor) -> Callable[[Request], Awaitable[Response]]:
    async def look(request: Request) -> Response:
        job_id = request.path_params.get("id") or request.query_params.get("task_id", "")
        found = await find_job(request, job_id, vendor)
        sent_to, asked_at = found.order.interface, request.url.path
        if sent_to.startswith("/kling/") and not asked_at.startswith(f"{sent_to}/"):
            # Kling's jobs are known only where they were sent.
            return JSONResponse({"code": 1203, "message": "task not found", "data": None})
        return JSONResponse(vendor.seen(poll_view(request, found, FILES, fresh_link=True)))

    return look


async def content(request: Request) -> Response:
    """The file of a job of the OpenAI-style route; measured at Yunwu, Veo's are closed."""
    found = await find_job(request, request.path_params["id"], _OPENAI)
    if found.order.model.startswith("veo") or found.stage(rehearsal_of(request).now()) is not Stage.SUCCEEDED:
        return JSONResponse({"error": {"message": "forbidden"}}, 403)
    link = urlsplit(poll_view(request, found, FILES, fresh_link=True).url or "")
    # The key was right; what follows is a file as any other.
    headers = [pair for pair in request.scope["headers"] if pair[0] != b"authorization"]
    own = {"path_params": {"file_id": found.file_id}, "query_string": link.query.encode(), "headers": headers}
    return await files.download(Request({**request.scope, **own}, request.receive))


async def retrieve(request: Request) -> Response:
    """Hailuo's file by its id."""
    rehearsal = check_key(request)
    job = rehearsal.jobs.of_file(request.query_params.get("file_id", ""))
    if job is None:
        return JSONResponse({"base_resp": {"status_code": 2013, "status_msg": "file not found"}})
    url = poll_view(request, job, FILES, fresh_link=True).url
    return JSONResponse({"file": {"file_id": job.file_id, "download_url": url}, "base_resp": {"status_code": 0}})


async def upload(request: Request) -> Response:
    """The picture host: one file, answered with its link."""
    rehearsal_of(request).counters.uploads_total += 1
    rehearsal = check_key(request)
    if rehearsal.occurs("upload-500"):
        return answer(YUNWU_REFUSALS["server-error"], rehearsal.request_id())
    async with request.form() as form:
        sent = form.get("file")
        data = await sent.read() if isinstance(sent, UploadFile) else b""
    picture = await asyncio.to_thread(measure, data)
    if picture is None:
        return JSONResponse({"message": "file is required"}, 400)
    rehearsal.counters.saw_image(picture.facts())
    name = f"{uuid.uuid4().hex}.jpg"
    rehearsal.uploads.put(name, picture, f"image/{picture.format.lower()}", rehearsal.now())
    link = f"{str(request.base_url).rstrip('/')}{PICTURES}{name}"
    return JSONResponse({"url": link, "created": int(rehearsal.now() * 1000)})


def _pair(path: str, vendor: _Vendor, read: Read) -> tuple[Route, Route]:
    return Route(path, _submit(vendor, read), methods=["POST"]), Route(f"{path}/{{id}}", _look(vendor))


ROUTES: Final = (
    *(
        route
        for action in ("text2video", "image2video", "multi-image2video")
        for route in _pair(f"/kling/v1/videos/{action}", _KLING, partial(_kling, action=action))
    ),
    *(
        route
        for action in ("text-to-video", "image-to-video")
        for route in _pair(f"/kling/{action}/kling-3.0-turbo", _TURBO, partial(_turbo, action=action))
    ),
    *(
        Route(f"/ent/v2/{action}", _submit(_VIDU, partial(_vidu, action=action)), methods=["POST"])
        for action in ("text2video", "img2video", "start-end2video", "reference2video")
    ),
    Route("/ent/v2/tasks/{id}/creations", _look(_VIDU)),
    Route("/minimax/v1/video_generation", _submit(_HAILUO, _hailuo), methods=["POST"]),
    Route("/minimax/v1/query/video_generation", _look(_HAILUO)),
    Route("/minimax/v1/files/retrieve", retrieve),
    *_pair("/volc/v1/contents/generations/tasks", _ARK, _ark),
    Route("/v1/videos", create_openai, methods=["POST"]),
    Route("/v1/videos/{id}", _look(_OPENAI)),
    Route("/v1/videos/{id}/content", content),
    Route("/api/upload", upload, methods=["POST"]),
    Route(f"{PICTURES}{{path:path}}", files.upload),
)
