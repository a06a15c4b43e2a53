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
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from vidgen_core.fake_provider.accounts import verdict
from vidgen_core.fake_provider.faults import KIE
from vidgen_core.fake_provider.kie.api import FILES, ok
from vidgen_core.fake_provider.kie.pictures import UPLOADS
from vidgen_core.fake_provider.kie.refusals import REFUSALS, Refusal
from vidgen_core.fake_provider.messages import NO_MONEY
from vidgen_core.fake_provider.poll_answers import link
from vidgen_core.fake_provider.storage.pictures import Picture, from_data_uri, measure
from vidgen_core.fake_provider.submissions import key_of, proxy_page, rehearsal_of

_FILE_LINK: Final = re.compile(rf"/{FILES}/([0-9a-f]+)\.mp4")


def _refused(request: Request) -> Response | None:
    born_with = verdict(key_of(request))
    return REFUSALS[born_with].answer() if born_with and born_with != "balance-empty" else None


async def stream_upload(request: Request) -> Response:
    """Take a picture as multipart."""
    disturbed = _disturbed(request)
    if disturbed:
        return disturbed
    async with request.form() as form:
        sent = form.get("file")
        if not isinstance(sent, UploadFile):
            return Refusal(400, "file is required").answer()
        data, name = await sent.read(), str(form.get("fileName") or sent.filename or "")
        return await _store(request, data, sent.content_type or "", str(form.get("uploadPath") or ""), name)


async def base64_upload(request: Request) -> Response:
    """Take a picture as a data URI or as bare base64."""
    disturbed = _disturbed(request)
    if disturbed:
        return disturbed
    body = await _json(request)
    text = str(body.get("base64Data") or "")
    uri = text if text.startswith("data:") else f"data:image/png;base64,{text}"
    return await _store_uri(request, uri, body)


async def url_upload(request: Request) -> Response:
    """Take a picture by link; only data and links to this rehearsal are followed."""
    disturbed = _disturbed(request)
    if disturbed:
        return disturbed
    body = await _json(request)
    source = str(body.get("fileUrl") or "")
    if source.startswith("data:"):
        return await _store_uri(request, source, body)
    rehearsal = rehearsal_of(request)
    known = rehearsal.uploads.find(unquote(urlsplit(source).path.removeprefix(UPLOADS)), rehearsal.now())
    path = rehearsal.uploads.file(known) if known else None
    if known is None or path is None:
        return Refusal(400, "The file could not be fetched").answer()
    data = await asyncio.to_thread(path.read_bytes)
    return await _store(request, data, known.mime, str(body.get("uploadPath") or ""), str(body.get("fileName") or ""))


def _disturbed(request: Request) -> Response | None:
    rehearsal = rehearsal_of(request)
    rehearsal.counters.uploads_total += 1
    if rehearsal.befalls("upload-500"):
        return REFUSALS["server-error"].answer()
    if rehearsal.befalls("upload-no-money"):
        return JSONResponse({"success": False, "code": 403, "msg": NO_MONEY}, status_code=403)
    if rehearsal.befalls("upload-html"):
        return proxy_page(200)
    return _refused(request)


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


async def _store_uri(request: Request, uri: str, body: dict[str, Any]) -> Response:
    picture = await asyncio.to_thread(from_data_uri, uri)
    return _stored(request, picture, str(body.get("uploadPath") or ""), str(body.get("fileName") or ""))


async def _store(request: Request, data: bytes, mime: str, folder: str, name: str) -> Response:
    return _stored(request, await asyncio.to_thread(measure, data, mime), folder, name)


def _stored(request: Request, picture: Picture | None, folder: str, name: str) -> Response:
    if picture is None:
        return Refusal(400, "The file is not a readable picture").answer()
    if not folder:
        return Refusal(400, "uploadPath is required").answer()
    rehearsal = rehearsal_of(request)
    mime = f"image/{picture.format.lower()}"
    name = name or f"{uuid.uuid4().hex}{mimetypes.guess_extension(mime) or ''}"
    upload = rehearsal.uploads.put(f"{folder.strip('/')}/{name}", picture, mime, rehearsal.now())
    rehearsal.counters.saw_image(picture.facts())
    field = "fileUrl" if rehearsal.befalls("upload-file-url") else "downloadUrl"
    data = {
        "fileName": name,
        "filePath": upload.path,
        field: f"{str(request.base_url).rstrip('/')}{UPLOADS}{quote(upload.path)}",
        "fileSize": upload.size,
        "mimeType": mime,
        "uploadedAt": datetime.fromtimestamp(upload.at, UTC).isoformat(),
    }
    return JSONResponse({"success": True, "code": 200, "msg": "File uploaded successfully", "data": data})


async def uploaded(request: Request) -> Response:
    """The bytes of an upload, for anybody who has the link."""
    rehearsal = rehearsal_of(request)
    upload = rehearsal.uploads.find(request.path_params["path"], rehearsal.now())
    path = rehearsal.uploads.file(upload) if upload else None
    if upload is None or path is None:
        return PlainTextResponse("Not Found", status_code=404)
    return FileResponse(path, media_type=upload.mime)


async def download_url(request: Request) -> Response:
    """A fresh link for a result; KIE mints one even for what it never made."""
    refused = _refused(request)
    if refused:
        return refused
    body = await _json(request)
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
    if rehearsal.befalls("balance-unknown"):
        return REFUSALS["server-error"].answer()
    return _refused(request) or ok(rehearsal.accounts.balance(KIE, key_of(request)))


ROUTES: Final = (
    Route("/api/file-stream-upload", stream_upload, methods=["POST"]),
    Route("/api/file-base64-upload", base64_upload, methods=["POST"]),
    Route("/api/file-url-upload", url_upload, methods=["POST"]),
    Route(f"{UPLOADS}{{path:path}}", uploaded),
    Route("/api/v1/common/download-url", download_url, methods=["POST"]),
    Route("/api/v1/chat/credit", credit),
)
