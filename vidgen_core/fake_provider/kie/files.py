"""KIE's other routes: uploads, fresh links, credits."""

from __future__ import annotations

import asyncio
import mimetypes
import re
import uuid
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vidgen_core.fake_provider.faults import KIE
from vidgen_core.fake_provider.kie.api import FILES, UPLOADS, ok
from vidgen_core.fake_provider.polls import link
from vidgen_core.fake_provider.refusals import KIE_REFUSALS, NO_MONEY, kie_refusal
from vidgen_core.fake_provider.storage.files import upload
from vidgen_core.fake_provider.storage.pictures import Picture, from_data_uri, measure
from vidgen_core.fake_provider.submissions import Answered, bad_key, json_object, key_of, proxy_page, rehearsal_of

_FILE_LINK: Final = re.compile(rf"/{FILES}/([0-9a-f]+)\.(?:mp4|png)")


async def stream_upload(request: Request) -> Response:
    """Take a picture as multipart."""
    _check_upload(request)
    async with request.form() as form:
        sent = form.get("file")
        if not isinstance(sent, UploadFile):
            return kie_refusal("file is required", 400).answer()
        data, name = await sent.read(), str(form.get("fileName") or sent.filename or "")
        return await _store(request, data, sent.content_type or "", str(form.get("uploadPath") or ""), name)


async def base64_upload(request: Request) -> Response:
    """Take a picture as a data URI or as bare base64."""
    _check_upload(request)
    body = await json_object(request) or {}
    text = str(body.get("base64Data") or "")
    uri = text if text.startswith("data:") else f"data:image/png;base64,{text}"
    return await _store_uri(request, uri, body)


async def url_upload(request: Request) -> Response:
    """Take a picture by link; only data and links to this rehearsal are followed."""
    _check_upload(request)
    body = await json_object(request) or {}
    source = str(body.get("fileUrl") or "")
    if source.startswith("data:"):
        return await _store_uri(request, source, body)
    rehearsal = rehearsal_of(request)
    known = rehearsal.uploads.find(unquote(urlsplit(source).path.removeprefix(UPLOADS)), rehearsal.now())
    path = rehearsal.uploads.file(known) if known else None
    if known is None or path is None:
        return kie_refusal("The file could not be fetched", 400).answer()
    data = await asyncio.to_thread(path.read_bytes)
    return await _store(request, data, known.mime, str(body.get("uploadPath") or ""), str(body.get("fileName") or ""))


def _check_upload(request: Request) -> None:
    rehearsal = rehearsal_of(request)
    rehearsal.counters.uploads_total += 1
    if rehearsal.occurs("upload-500"):
        raise Answered(KIE_REFUSALS["server-error"].answer())
    if rehearsal.occurs("upload-no-money"):
        raise Answered(JSONResponse({"success": False, "code": 403, "msg": NO_MONEY}, status_code=403))
    if rehearsal.occurs("upload-html"):
        raise Answered(proxy_page(200))
    check_key(request)


def check_key(request: Request) -> None:
    """:raises Answered: the key is not one of an account"""
    if fault := bad_key(request):
        raise Answered(KIE_REFUSALS[fault].answer())


async def _store_uri(request: Request, uri: str, body: dict[str, Any]) -> Response:
    picture = await asyncio.to_thread(from_data_uri, uri)
    return _stored(request, picture, str(body.get("uploadPath") or ""), str(body.get("fileName") or ""))


async def _store(request: Request, data: bytes, mime: str, folder: str, name: str) -> Response:
    if data[4:8] == b"ftyp":
        video = Picture(data, "MP4", 0, 0, mime)
        return _stored(request, video, folder, name, "video/mp4")
    return _stored(request, await asyncio.to_thread(measure, data, mime), folder, name)


def _stored(request: Request, picture: Picture | None, folder: str, name: str, kind: str = "") -> Response:
    if picture is None:
        return kie_refusal("The file is not a readable picture", 400).answer()
    if not folder:
        return kie_refusal("uploadPath is required", 400).answer()
    rehearsal = rehearsal_of(request)
    mime = kind or f"image/{picture.format.lower()}"
    name = name or f"{uuid.uuid4().hex}{mimetypes.guess_extension(mime) or ''}"
    stored = rehearsal.uploads.put(f"{folder.strip('/')}/{name}", picture, mime, rehearsal.now())
    if not kind:
        rehearsal.counters.saw_image(picture.facts())
    field = "fileUrl" if rehearsal.occurs("upload-file-url") else "downloadUrl"
    data = {
        "fileName": name,
        "filePath": stored.path,
        field: f"{str(request.base_url).rstrip('/')}{UPLOADS}{quote(stored.path)}",
        "fileSize": stored.size,
        "mimeType": mime,
        "uploadedAt": datetime.fromtimestamp(stored.at, UTC).isoformat(),
    }
    return JSONResponse({"success": True, "code": 200, "msg": "File uploaded successfully", "data": data})


async def download_url(request: Request) -> Response:
    """A fresh link to a result; KIE creates one even for an unknown file."""
    check_key(request)
    body = await json_object(request) or {}
    match = _FILE_LINK.fullmatch(urlsplit(str(body.get("url") or "")).path)
    job = rehearsal_of(request).jobs.of_file(match[1]) if match else None
    if job is None:
        return ok(f"{request.base_url}{FILES}/{uuid.uuid4().hex}.mp4?expires=0&link=0")
    job.links = max(job.links, 1)
    return ok(link(request, job, FILES, fresh=True))


async def credit(request: Request) -> Response:
    """What the account has, in credits."""
    rehearsal = rehearsal_of(request)
    rehearsal.settle()
    check_key(request)
    if rehearsal.occurs("balance-unknown"):
        return ok(None)
    return ok(rehearsal.accounts.balance(KIE, key_of(request)))


ROUTES: Final = (
    Route("/api/file-stream-upload", stream_upload, methods=["POST"]),
    Route("/api/file-base64-upload", base64_upload, methods=["POST"]),
    Route("/api/file-url-upload", url_upload, methods=["POST"]),
    Route(f"{UPLOADS}{{path:path}}", upload),
    Route("/api/v1/common/download-url", download_url, methods=["POST"]),
    Route("/api/v1/chat/credit", credit),
)
