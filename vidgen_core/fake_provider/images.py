"""Image endpoints as OpenAI and its aggregators have them, and chat models that answer with pictures.

``POST /v1/images/generations``, ``POST /v1/images/edits`` (a form with pictures) and ``POST /v1/chat/completions``. The
order is accepted and charged when it arrives; its answer comes with the picture, as long after as a job takes.
"""

from __future__ import annotations

import asyncio
import base64
import io
import re
import uuid
from pathlib import Path
from typing import Any, Final

from PIL import Image
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from vidgen_core.fake_provider.faults import IMAGES
from vidgen_core.fake_provider.jobs import Job, Order
from vidgen_core.fake_provider.refusals import YUNWU_REFUSALS
from vidgen_core.fake_provider.state import Rehearsal
from vidgen_core.fake_provider.storage.pictures import Picture, from_data_uri, is_data_uri, measure
from vidgen_core.fake_provider.submissions import (
    Submission,
    accept,
    admit,
    json_object,
    receive_submission,
    rehearsal_of,
)
from vidgen_core.fake_provider.wire import AnyJSON, Delayed
from vidgen_core.fake_provider.yunwu.api import answer
from vidgen_core.media.storyboard import FrameSpec, draw_storyboard

_TAG: Final = re.compile(r"\[\[[^\[\]]*\]\]")
_PIXELS: Final = re.compile(r"(\d{2,5})x(\d{2,5})")
#: Pixels of a chat model's picture: it knows no sizes.
_SQUARE: Final = (1024, 1024)
_DECLINES: Final = "I'm sorry, but I can't create that image."


class _ImageDialect:
    """The wire format of image endpoints; ``chat``: of a chat model."""

    name = IMAGES

    def __init__(self, *, chat: bool) -> None:
        self._chat = chat
        self.picture = b""
        self.link = ""

    def new_id(self, order: Order) -> str:  # noqa: ARG002 - as the other dialects have it
        return f"{'chatcmpl' if self._chat else 'img'}-{uuid.uuid4().hex}"

    def refusal(self, fault: str, request_id: str) -> Response:
        if fault == "moderation-blocked":
            error = {"message": "Your request was rejected by the safety system.", "code": "moderation_blocked"}
            return JSONResponse({"error": {**error, "type": "image_generation_user_error"}}, 400)
        return answer(YUNWU_REFUSALS[fault], request_id)

    def accepted(self, job: Job, request_id: str) -> Response:
        body = self._completion(job) if self._chat else self._images(job)
        if job.has("no-task-id"):
            body = {"created": int(job.created)}
        headers = {"X-Oneapi-Request-Id": request_id}
        response = JSONResponse(body, headers=headers)
        return response if job.has("slow-answer") else Delayed(response, job.seconds)

    def error(self, status: int, code: str | int, message: str, escaped: str = "") -> Response:
        return AnyJSON({"error": {"message": message, "type": "upstream_error", "code": code}}, status, escaped=escaped)

    def text_only(self, message: str) -> Response:
        return AnyJSON({"message": message, "data": []})

    def _images(self, job: Job) -> dict[str, Any]:
        entry: dict[str, Any] = {"revised_prompt": job.order.prompt}
        if job.has("declined") or job.has("content-filter"):
            return {"created": int(job.created), "data": []}
        if _links(job):
            entry["url"] = self.link
        else:
            entry["b64_json"] = self._base64(job)
        return {"created": int(job.created), "data": [entry]}

    def _completion(self, job: Job) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": None}
        finish = "content_filter" if job.has("content-filter") else "stop"
        data = f"data:image/png;base64,{self._base64(job)}"
        if job.has("declined"):
            message["content"] = _DECLINES
        elif finish != "stop":
            message["content"] = ""
        elif job.has("in-parts"):
            message["content"] = [{"type": "text", "text": "Here."}, {"type": "image_url", "image_url": {"url": data}}]
        elif job.has("in-images"):
            message |= {"content": "Here.", "images": [{"type": "image_url", "image_url": {"url": data}}]}
        else:
            message["content"] = f"Here is your picture:\n\n![picture]({self.link if _links(job) else data})"
        choice = {"index": 0, "message": message, "finish_reason": finish}
        return {"id": job.id, "object": "chat.completion", "model": job.order.model, "choices": [choice]}

    def _base64(self, job: Job) -> str:
        if job.has("not-a-picture"):
            return base64.b64encode(b"<html>no picture</html>").decode()
        text = base64.b64encode(self.picture).decode()
        return f"{text[:200]}*{text[200:]}" if job.has("base64-broken") else text


def _links(job: Job) -> bool:
    return job.has("as-link") or job.has("link-gone") or job.has("link-relative")


async def generate(request: Request) -> Response:
    """Generate from a prompt alone."""
    body = await json_object(request) or {}
    width, height = _pixels(str(body.get("size") or ""))
    return await _generate(request, str(body.get("prompt") or ""), str(body.get("model") or ""), (width, height), [])


async def edit(request: Request) -> Response:
    """Generate from pictures."""
    async with request.form(max_files=32) as form:
        sent = [value for name, value in form.multi_items() if name in ("image", "image[]")]
        data = [(await value.read(), value.content_type or "") for value in sent if isinstance(value, UploadFile)]
        prompt, model, size = (str(form.get(name) or "") for name in ("prompt", "model", "size"))
    found = [await asyncio.to_thread(measure, *one) for one in data]
    pictures = [one for one in found if one is not None]
    if not pictures:
        return answer(YUNWU_REFUSALS["image-invalid"], rehearsal_of(request).request_id())
    return await _generate(request, prompt, model, _pixels(size), pictures)


async def complete(request: Request) -> Response:
    """Generate as a chat model does; the route is that of all chat models."""
    body = await json_object(request) or {}
    messages = body.get("messages")
    content = messages[-1].get("content") if isinstance(messages, list) and messages else None
    parts: list[dict[str, Any]] = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    words = " ".join(str(part.get("text") or "") for part in parts if part.get("type") == "text")
    pictures = [seen for part in parts if is_data_uri(_link(part)) if (seen := from_data_uri(_link(part))) is not None]
    words = re.split(r"\n\n(?:Aspect ratio|Resolution|Quality): ", words)[0]
    return await _generate(request, words, str(body.get("model") or ""), _SQUARE, pictures, chat=True)


def _link(part: dict[str, Any]) -> str:
    named = part.get("image_url")
    return str(named.get("url")) if isinstance(named, dict) else ""


async def _generate(
    request: Request, prompt: str, model: str, size: tuple[int, int], pictures: list[Picture], *, chat: bool = False
) -> Response:
    rehearsal, dialect = rehearsal_of(request), _ImageDialect(chat=chat)
    submission = receive_submission(request, IMAGES, prompt)
    if not prompt or not model:
        return dialect.refusal("prompt-missing" if model else "model-missing", submission.request_id)
    for picture in pictures:
        rehearsal.counters.saw_image(picture.facts())
    await admit(submission, dialect, rehearsal)
    order = Order(prompt=prompt, model=model, width=size[0], height=size[1], params={"pictures": len(pictures)})
    # Generated before it is accepted, so that nothing is awaited between the charge and the answer.
    dialect.picture = await asyncio.to_thread(_frame, order, submission, rehearsal)
    key = rehearsal.pictures.put_bytes(dialect.picture)
    gone = "0" * 64 if "link-gone" in submission.faults else key
    url = request.url_for("rehearsal_picture", key=gone)
    dialect.link = url.path if "link-relative" in submission.faults else str(url)
    return accept(submission, order, dialect, rehearsal)[1]


def _frame(order: Order, submission: Submission, rehearsal: Rehearsal) -> bytes:
    """A real picture of the prompt, smaller by the scale of the options."""
    scale = rehearsal.options.video_scale
    sides = (order.height, order.width) if "wrong-ratio" in submission.faults else (order.width, order.height)
    width, height = (max(64, round(side * scale)) for side in sides)
    target = Path(rehearsal.folder, f"{uuid.uuid4().hex}.png")
    seed = rehearsal.random_for(IMAGES, order.prompt, submission.number).randrange(2**31)
    words = _TAG.sub("", order.prompt).strip()
    draw_storyboard(FrameSpec(number="", caption=words, width=width, height=height, seed=seed), target)
    data = target.read_bytes()
    target.unlink()
    return data


def _pixels(size: str) -> tuple[int, int]:
    found = _PIXELS.fullmatch(size)
    return (int(found[1]), int(found[2])) if found else _SQUARE


async def picture(request: Request) -> Response:
    """A generated picture by its link."""
    path = rehearsal_of(request).pictures.path(request.path_params["key"])
    rehearsal_of(request).counters.downloads_total += 1
    if path is None:
        return PlainTextResponse("NoSuchKey", status_code=404)
    data = path.read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        kind = str(image.get_format_mimetype())
    return Response(data, media_type=kind)


ROUTES: Final = [
    Route("/v1/images/generations", generate, methods=["POST"]),
    Route("/v1/images/edits", edit, methods=["POST"]),
    Route("/pictures/{key}", picture, name="rehearsal_picture"),
]
