"""KIE's routes for jobs: the Veo interface and the unified jobs interface, with extending and enlarging finished videos.

Errors travel as HTTP 200 with a code in the body, as measured by public clients; only unknown paths are HTTP 404.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vidgen_core.fake_provider.faults import KIE
from vidgen_core.fake_provider.jobs import Job, Order, Stage
from vidgen_core.fake_provider.kie.records import record_of
from vidgen_core.fake_provider.kie.validation import check_task, check_veo, price_of
from vidgen_core.fake_provider.polls import find_job, poll_view
from vidgen_core.fake_provider.refusals import KIE_REFUSALS, Refusal, kie_refusal
from vidgen_core.fake_provider.state import Rehearsal
from vidgen_core.fake_provider.storage.pictures import from_data_uri, is_data_uri, pixels, without_data
from vidgen_core.fake_provider.submissions import (
    Submission,
    accept,
    admit,
    id_in_answer,
    json_object,
    key_of,
    receive_submission,
    rehearsal_of,
    uploaded_picture,
)
from vidgen_core.fake_provider.wire import AnyJSON

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
#: seconds, as documented
_TIMEOUT: Final = 15.0


def schedule_callback(app: Starlette, job: Job, record: Callable[[], dict[str, Any]]) -> None:
    """Call back when the job has ended; ``record`` returns its record at that time."""
    if urlsplit(job.order.callback).hostname not in _LOOPBACK or job.has("stuck"):
        return
    task = asyncio.create_task(_call(app.state.rehearsal, job, record))
    app.state.callbacks.add(task)
    task.add_done_callback(app.state.callbacks.discard)


async def _call(rehearsal: Rehearsal, job: Job, record: Callable[[], dict[str, Any]]) -> None:
    # The clock of the rehearsal may go slower than that of the event loop.
    while (left := job.ends - rehearsal.now()) > 0:  # noqa: ASYNC110 - the end is a moment of a clock
        await asyncio.sleep(left)
    body = payload(job, record())
    headers = sign(rehearsal.options.webhook_key, job.id, int(rehearsal.now()))
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT) as client:
            (await client.post(job.order.callback, json=body, headers=headers)).raise_for_status()
    except httpx.HTTPError:
        rehearsal.counters.callbacks_failed += 1
    else:
        rehearsal.counters.callbacks_sent += 1


def payload(job: Job, record: dict[str, Any]) -> dict[str, Any]:
    """The body of the callback, in the form of the interface of the job."""
    failed = job.failure is not None
    if job.order.interface == "jobs":
        message = "Playground task failed." if failed else "Playground task completed successfully."
        return {"code": 501 if failed else 200, "msg": message, "data": record}
    if failed:
        return {"code": record["errorCode"], "msg": record["errorMessage"], "data": {"taskId": job.id}}
    info = record.get("response") or {}
    data = {"taskId": job.id, "info": info, "fallbackFlag": False}
    return {"code": 200, "msg": "Veo3.1 video generated successfully.", "data": data}


def sign(key: str, task_id: str, timestamp: int) -> dict[str, str]:
    """The headers that prove the sender: base64(HMAC-SHA256(key, taskId + "." + timestamp)); none without a key."""
    if not key:
        return {}
    digest = hmac.new(key.encode(), f"{task_id}.{timestamp}".encode(), hashlib.sha256).digest()
    return {"X-Webhook-Timestamp": str(timestamp), "X-Webhook-Signature": base64.b64encode(digest).decode()}


FILES: Final = "kie-files"
UPLOADS: Final = "/kie-uploads/"
#: Fields that hold pictures, over all documented models.
_PICTURE_FIELD: Final = re.compile(r"input_urls?|(first|last)_frame_url", re.IGNORECASE)
#: Fields that hold the video that a job goes on from.
_TASK_FIELDS: Final = ("task_id", "taskId")

#: How long videos are stored.
_KEPT_SECONDS: Final = 14 * 86_400.0


def ok(data: object) -> Response:
    """The envelope of success."""
    return JSONResponse({"code": 200, "msg": "success", "data": data})


class Kie:
    """KIE's wire format of submits and polls."""

    name = KIE

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def new_id(self, order: Order) -> str:  # noqa: ARG002 -- KIE's ids do not name the model
        return f"{self._prefix}{uuid.uuid4().hex}"

    def refusal(self, fault: str, request_id: str) -> Response:  # noqa: ARG002 -- KIE names no request
        return KIE_REFUSALS[fault].answer()

    def accepted(self, job: Job, request_id: str) -> Response:  # noqa: ARG002 -- same
        if job.has("no-task-id"):
            return ok({})
        field = "task_id" if job.has("reply-task-id") else "recordId" if job.has("reply-data-id") else "taskId"
        return AnyJSON({"code": 200, "msg": "success", "data": {field: id_in_answer(job)}})

    def error(self, status: int, code: str | int, message: str, escaped: str = "") -> Response:
        """An error under HTTP 200, as KIE sends nearly every error."""
        number = code if isinstance(code, int) else status
        return AnyJSON({"code": number, "msg": message, "data": None, "errorCode": code}, escaped=escaped)

    def text_only(self, message: str) -> Response:
        return AnyJSON({"code": 200, "msg": message, "data": None})


_VEO: Final = Kie("veo_task_")
_JOBS: Final = Kie("task_")


async def generate(request: Request) -> Response:
    """Take an order through the Veo interface."""
    return await _submit(request, _VEO, check_veo, lambda body: str(body.get("prompt") or ""), _veo_order)


async def create_task(request: Request) -> Response:
    """Take an order through the jobs interface."""
    known = rehearsal_of(request).kie_models

    def order_of(body: Mapping[str, Any], picture: str | None) -> Order:
        return _task_order(body, picture, known[str(body["model"])], _parent(request, _input(body)))

    def check(body: Mapping[str, Any]) -> Refusal | None:
        return check_task(body, known) or _check_parent(request, body, known)

    return await _submit(request, _JOBS, check, lambda body: str(_input(body).get("prompt") or ""), order_of)


def _parent(request: Request, given: Mapping[str, Any]) -> Job | None:
    """The job whose video is gone on from."""
    name = next((str(given[field]) for field in _TASK_FIELDS if given.get(field)), "")
    return rehearsal_of(request).jobs.find(name) if name else None


def _check_parent(request: Request, body: Mapping[str, Any], known: Mapping[str, Any]) -> Refusal | None:
    """A job can be gone on from that is this account's, has succeeded, and is of a model that can."""
    given, of = _input(body), known[str(body["model"])].get("of", ())
    if not any(given.get(field) for field in _TASK_FIELDS):
        return None
    parent, rehearsal = _parent(request, given), rehearsal_of(request)
    if parent is None or parent.key != key_of(request):
        return kie_refusal("task_id is invalid or the task does not exist", 422)
    if parent.stage(rehearsal.now()) is not Stage.SUCCEEDED or rehearsal.now() - parent.ends > _KEPT_SECONDS:
        return kie_refusal("The task has not succeeded, or its video is no longer stored", 422)
    if of and "*" not in of and parent.order.model not in of:
        return kie_refusal(f"This operation does not support videos of {parent.order.model}", 422)
    return None


async def _submit(
    request: Request,
    dialect: Kie,
    check: Callable[[Mapping[str, Any]], Refusal | None],
    prompt_of: Callable[[Mapping[str, Any]], str],
    order_of: Callable[[Mapping[str, Any], str | None], Order],
) -> Response:
    rehearsal = rehearsal_of(request)
    body = await json_object(request)
    submission = receive_submission(request, KIE, prompt_of(body or {}))
    if _too_many(request, submission):
        return KIE_REFUSALS["rate-limit"].answer()
    wrong = check(body) if body is not None else KIE_REFUSALS["json-invalid"]
    given = body or {}
    if "ignores-field" in submission.faults:
        given = _without(given, submission.argument("ignores-field"))
    pictures = [] if wrong else await _pictures(request, given if dialect is _VEO else _input(given))
    order = None if wrong or pictures is None else order_of(given, next((key for _, key in pictures), None))
    if order is not None and pictures:
        order = replace(order, last_picture=_last_frame(given, pictures))
    await admit(submission, dialect, rehearsal, order)
    if order is None:
        return (wrong or KIE_REFUSALS["image-unfetchable"]).answer()
    job, answer = accept(submission, order, dialect, rehearsal)
    schedule_callback(request.app, job, lambda: record_of(poll_view(request, job, FILES, fresh_link=False)))
    return answer


def _without(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The same request as one who does not know the field ``name`` sees it."""
    return {
        key: _without(value, name) if key == "input" and isinstance(value, dict) else value
        for key, value in body.items()
        if key != name
    }


def _input(body: Mapping[str, Any]) -> Mapping[str, Any]:
    given = body.get("input")
    return given if isinstance(given, dict) else {}


async def _pictures(request: Request, given: Mapping[str, Any]) -> list[tuple[str, str]] | None:
    """Fields and keys of the pictures of a request in its order; None where one cannot be had."""
    keys = [(name, await _fetch(request, link)) for name, link in _links(given)]
    return None if any(key is None for _, key in keys) else [(name, key) for name, key in keys if key]


def _links(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        if "image" in name.lower() or _PICTURE_FIELD.fullmatch(name):
            texts = value if isinstance(value, list) else [value]
            yield from ((name, text) for text in texts if isinstance(text, str) and text)


def _last_frame(body: Mapping[str, Any], pictures: Sequence[tuple[str, str]]) -> str | None:
    """The picture that the video ends with: by the name of its field, else the second of two frames."""
    named = next((key for name, key in pictures if re.search("last|end|tail", name)), None)
    words = {str(given.get(name)) for given in (body, _input(body)) for name in ("generationType", "generation_type")}
    frames = [key for name, key in pictures if not name.startswith("reference")]
    second = frames[1] if len(frames) == 2 and not any("ref" in word.lower() for word in words) else None
    return named or second


async def _fetch(request: Request, link: str) -> str | None:
    rehearsal = rehearsal_of(request)
    if is_data_uri(link):
        return rehearsal.keep_picture(await asyncio.to_thread(from_data_uri, link))
    return uploaded_picture(request, link, UPLOADS)


def _too_many(request: Request, submission: Submission) -> bool:
    """Whether the account is over its submits per 10 seconds; those refused for that do not count."""
    rehearsal = rehearsal_of(request)
    recent: deque[float] = rehearsal.kie_recent.setdefault(submission.key, deque())
    now = rehearsal.now()
    while recent and recent[0] <= now - 10.0:
        recent.popleft()
    if len(recent) >= rehearsal.options.kie_submits_per_10s:
        return True
    recent.append(now)
    return False


def _veo_order(body: Mapping[str, Any], picture: str | None) -> Order:
    ratio = str(body.get("aspect_ratio") or body.get("aspectRatio") or "16:9")
    width, height = pixels(str(body.get("resolution") or "720p"), ratio)
    return Order(
        prompt=str(body["prompt"]),
        model=str(body.get("model") or "veo3_fast"),
        width=width,
        height=height,
        seconds=float(body.get("duration") or 8),
        seed=body.get("seeds"),
        picture=picture,
        sound=True,
        callback=str(body.get("callBackUrl") or ""),
        params=without_data(body),
        interface="veo",
        price=_veo_price(body),
    )


#: Credits for a video of the Veo interface, by model and resolution.
_VEO_PRICES: Final = {
    "veo3_fast": {"720p": 60.0, "1080p": 65.0, "4k": 180.0},
    "veo3": {"720p": 250.0, "1080p": 255.0, "4k": 370.0},
    "veo3_lite": {"720p": 30.0, "1080p": 35.0, "4k": 150.0},
}


def _veo_price(body: Mapping[str, Any]) -> float | None:
    rows = _VEO_PRICES.get(str(body.get("model") or "veo3_fast"), {})
    return rows.get(str(body.get("resolution") or "720p"))


#: Words for sizes that are none.
_WORDS: Final = {"std": "720p", "pro": "1080p", "basic": "1K", "high": "2K", "ultra": "4K"}


def _size(entry: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The size that is asked for, or else the model's own."""
    for name in ("resolution", "quality", "mode"):
        if name in entry["input"]:
            word = str(given.get(name) or entry["input"][name].get("default") or "720p")
            return _WORDS.get(word, word)
    return "720p"


def _task_order(body: Mapping[str, Any], picture: str | None, entry: Mapping[str, Any], parent: Job | None) -> Order:
    given = _input(body)
    ratio = str(given.get("aspect_ratio") or given.get("ratio") or "16:9")
    width, height = pixels(_size(entry, given), ratio)
    seed = given.get("seed")
    asked = given.get("duration", entry["input"].get("duration", {}).get("default"))
    seconds = _seconds(asked)
    price = price_of(entry, given, seconds)
    draws = any("Image" in kind.split(" to ")[-1] for kind in entry.get("taskType", ()))
    longer = entry.get("taskType") == ["Video Extend"]
    if parent is not None:
        # More of the same video, or the same in more pixels.
        times = 1 if longer else 2
        width, height = parent.order.width * times, parent.order.height * times
        seconds = parent.order.seconds + (_seconds(given.get("extend_times", 7)) if longer else 0)
        picture = picture or parent.order.picture
    return Order(
        prompt=str(given.get("prompt") or ""),
        model=str(body["model"]),
        price=price,
        draws=draws,
        width=width,
        height=height,
        seconds=seconds,
        seed=seed if isinstance(seed, int) and seed >= 0 else None,
        picture=picture,
        sound=_has_sound(entry, given),
        callback=str(body.get("callBackUrl") or ""),
        params=without_data(body),
        interface="jobs",
        source=parent,
        longer=longer,
    )


def _has_sound(entry: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Whether a video is to be heard: as is asked, or else as the model has it."""
    names = [name for name in entry["input"] if name.removesuffix("_switch").endswith(("audio", "sound"))]
    said = [given.get(name, entry["input"][name].get("default")) for name in names]
    return any(one is True or str(one).lower() in ("on", "true") for one in said)


def _seconds(asked: object) -> float:
    """KIE names lengths as text for some models and as numbers for others; 5 where there is none."""
    try:
        return min(60.0, max(1.0, float(str(asked).removesuffix("s"))))
    except ValueError:
        return 5.0


async def veo_record(request: Request) -> Response:
    """Say how far a job of the Veo interface is."""
    return await _poll(request, _VEO)


async def job_record(request: Request) -> Response:
    """Say how far a job of the jobs interface is."""
    return await _poll(request, _JOBS)


async def _poll(request: Request, dialect: Kie) -> Response:
    found = await find_job(request, request.query_params.get("taskId", ""), dialect)
    if found.hits["record-lag"] < rehearsal_of(request).options.kie_record_lag:
        found.hits["record-lag"] += 1
        return KIE_REFUSALS["task-unknown"].answer()
    record = record_of(poll_view(request, found, FILES, fresh_link=False))
    escaped = found.sent_key if found.has("failed-echo-key") else ""
    return AnyJSON({"code": 200, "msg": "success", "data": record}, escaped=escaped)


async def hd_video(request: Request) -> Response:
    """The 1080p file of a finished Veo job."""
    found = await find_job(request, request.query_params.get("taskId", ""), _VEO)
    seen = poll_view(request, found, FILES, fresh_link=False)
    if seen.url is None or found.fires("hd-processing"):
        return KIE_REFUSALS["hd-processing"].answer()
    return ok({"resultUrl": seen.url})


async def extend(request: Request) -> Response:
    """Go on with a finished video of the Veo interface."""

    def check(body: Mapping[str, Any]) -> Refusal | None:
        parent = _parent(request, body)
        if parent is None or parent.key != key_of(request) or parent.order.interface != "veo":
            return kie_refusal("taskId is invalid or the task does not exist", 422)
        if parent.stage(rehearsal_of(request).now()) is not Stage.SUCCEEDED:
            return kie_refusal("record status is not success", 422)
        return None if body.get("prompt") else kie_refusal("prompt is required", 422)

    def order_of(body: Mapping[str, Any], _picture: str | None) -> Order:
        parent = _parent(request, body)
        assert parent is not None
        prompt, seconds, params = str(body["prompt"]), parent.order.seconds + 7.0, without_data(body)
        return replace(
            parent.order, prompt=prompt, seconds=seconds, price=60.0, params=params, source=parent, longer=True
        )

    return await _submit(request, _VEO, check, lambda body: str(body.get("prompt") or ""), order_of)


class _Larger(Kie):
    """A larger version, which has the id of its job and is told of as being made."""

    def new_id(self, order: Order) -> str:
        return f"{order.params['taskId']}{self._prefix}"

    def accepted(self, job: Job, request_id: str) -> Response:  # noqa: ARG002 -- KIE names no request
        return _MAKING.answer()


_UHD: Final = _Larger("_4k")
_MAKING: Final = kie_refusal("4k is processing. It should be ready in 5-10 minutes, please check back shortly", 422)


async def uhd_video(request: Request) -> Response:
    """The 4K file of a finished Veo job: paid for by the first request, told of by those after it."""
    parent = _parent(request, await json_object(request) or {})
    if parent is None or parent.key != key_of(request) or parent.order.interface != "veo":
        return kie_refusal("taskId is invalid or the task does not exist", 422).answer()
    if parent.stage(rehearsal_of(request).now()) is not Stage.SUCCEEDED:
        return kie_refusal("record status is not success", 422).answer()
    made = rehearsal_of(request).jobs.find(f"{parent.id}_4k")
    if made is None:
        width, height = 3 * parent.order.width, 3 * parent.order.height
        order = replace(
            parent.order,
            width=width,
            height=height,
            price=120.0,
            params={"taskId": parent.id},
            source=parent,
            longer=False,
        )
        return await _submit(request, _UHD, lambda _: None, lambda _: order.prompt, lambda _, __: order)
    seen = poll_view(request, made, FILES, fresh_link=False)
    return ok({"taskId": parent.id, "resultUrls": [seen.url]}) if seen.url else _MAKING.answer()


ROUTES: Final = (
    Route("/api/v1/veo/get-4k-video", uhd_video, methods=["POST"]),
    Route("/api/v1/veo/generate", generate, methods=["POST"]),
    Route("/api/v1/veo/extend", extend, methods=["POST"]),
    Route("/api/v1/veo/record-info", veo_record),
    Route("/api/v1/veo/get-1080p-video", hd_video),
    Route("/api/v1/jobs/createTask", create_task, methods=["POST"]),
    Route("/api/v1/jobs/recordInfo", job_record),
)
