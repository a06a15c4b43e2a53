"""Downloads of results with all their faults, and of uploaded pictures."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
import tempfile
from itertools import chain, repeat
from pathlib import Path
from random import Random
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from vidgen_core.fake_provider.jobs import Job, Stage
from vidgen_core.fake_provider.state import Rehearsal
from vidgen_core.fake_provider.submissions import key_of, proxy_page, rehearsal_of
from vidgen_core.fake_provider.wire import Hangup, Piece, Pieces
from vidgen_core.media.storyboard import FrameSpec, draw_storyboard

#: Bytes of one step of a body that trickles, and of one that does not.
_TRICKLE: Final = 1024
_STEP: Final = 256 * 1024
_GARBAGE: Final = 65_536
#: Seconds between the pieces of an endless body, and before one that names too great a length is closed.
_ENDLESS_PAUSE: Final = 0.001
_HUGE_WAIT: Final = 3600.0

_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


class Unsatisfiable(ValueError):
    """The range lies outside the file."""


def parse_range(header: str | None, length: int) -> tuple[int, int] | None:
    """First and last byte asked for, both included; None where the whole file is meant.

    Unsatisfiable where there is no such byte.
    """
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or match[0] == "bytes=-":
        return None
    if not match[1]:
        first, last = max(0, length - int(match[2])), length - 1
    else:
        first, last = int(match[1]), min(int(match[2] or length - 1), length - 1)
    if first > last:
        raise Unsatisfiable
    return first, last


async def download(request: Request) -> Response:
    """The bytes of a finished job."""
    rehearsal = rehearsal_of(request)
    rehearsal.counters.downloads_total += 1
    job = rehearsal.jobs.of_file(request.path_params["file_id"])
    if job is not None and job.has("link-as") and job.argument("link-as") == "key":
        if key_of(request) != job.key:
            return JSONResponse({"error": {"message": "invalid api key", "code": "invalid_api_key"}}, status_code=401)
    elif "authorization" in request.headers:
        rehearsal.counters.downloads_with_authorization += 1
        if rehearsal.options.refuse_authorization:
            return PlainTextResponse("Only one auth mechanism allowed", status_code=400)
    if job is None or job.stage(rehearsal.now()) is not Stage.SUCCEEDED:
        return PlainTextResponse("NoSuchKey", status_code=404)
    return _refused(request, job, rehearsal) or await _body(request, job, rehearsal)


def _refused(request: Request, job: Job, rehearsal: Rehearsal) -> Response | None:
    if _expired(request, job, rehearsal):
        return PlainTextResponse("Request has expired", status_code=403)
    if job.fires("link-404"):
        return PlainTextResponse("NoSuchKey", status_code=404)
    if job.fires("download-500"):
        return proxy_page(500)
    if job.fires("download-reset"):
        return Hangup(reset=True)
    if job.has("download-redirect") and "moved" not in request.query_params:
        return RedirectResponse(str(request.url.include_query_params(moved=1)), status_code=302)
    return None


def _expired(request: Request, job: Job, rehearsal: Rehearsal) -> bool:
    if job.has("link-dead"):
        return True
    try:
        expires = float(request.query_params["expires"])
        number = int(request.query_params["link"])
    except (KeyError, ValueError):
        return True
    return rehearsal.now() >= expires or (job.has("link-expired") and number < job.number("link-expired"))


async def _contents(job: Job, rehearsal: Rehearsal) -> bytes:
    if job.has("empty-file"):
        return b""
    if job.has("html-file"):
        return bytes(proxy_page(403).body)
    if job.has("garbage-file"):
        return Random(job.id).randbytes(_GARBAGE)
    if job.order.draws:
        return await asyncio.to_thread(_drawn, job)
    data = await rehearsal.videos.bytes_of(job)
    return data[: len(data) // 2] if job.has("truncated-file") else data


def _drawn(job: Job) -> bytes:
    """The picture of a model that draws; of each job its own."""
    order = job.order
    spec = FrameSpec(number="", caption=order.prompt, width=order.width, height=order.height, seed=job.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture.png")
        draw_storyboard(spec, path)
        return path.read_bytes()


async def _body(request: Request, job: Job, rehearsal: Rehearsal) -> Response:
    data = await _contents(job, rehearsal)
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"Content-Type": "image/png" if job.order.draws else "video/mp4", "ETag": etag, "Accept-Ranges": "bytes"}
    try:
        asked = None if job.has("no-range") else parse_range(_range_header(request, etag), len(data))
    except Unsatisfiable:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{len(data)}"})
    status = 200
    if asked:
        first, last = asked
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        data, status = data[first : last + 1], 206
    if job.has("no-range"):
        del headers["Accept-Ranges"]
    if job.has("gzip-file"):
        data = gzip.compress(data)
        headers["Content-Encoding"] = "gzip"
    if not (job.has("no-length") or job.has("endless-body")):
        length = job.number("huge-length") if job.has("huge-length") else len(data)
        headers["Content-Length"] = str(int(length))
    return _delivery(job, data, status, headers, head=request.method == "HEAD")


def _range_header(request: Request, etag: str) -> str | None:
    """The range, unless it is bound to another version of the file."""
    bound_to = request.headers.get("if-range", etag)
    return request.headers.get("range") if bound_to == etag else None


def _delivery(job: Job, data: bytes, status: int, headers: dict[str, str], *, head: bool) -> Response:
    half = len(data) // 2
    if not head and job.fires("truncated"):
        return Pieces(_steps(data[:half]), status=status, headers=headers, ending="close")
    if not head and job.fires("truncated-reset"):
        return Pieces(_steps(data[:half]), status=status, headers=headers, ending="reset")
    if job.has("endless-body"):
        return Pieces(chain(_steps(data), repeat(Piece(bytes(_STEP), _ENDLESS_PAUSE))), status=status, headers=headers)
    if job.has("huge-length"):
        return Pieces([*_steps(data), Piece(b"", _HUGE_WAIT)], status=status, headers=headers, ending="close")
    if job.has("trickle"):
        return Pieces(_steps(data, 1, job.number("trickle")), status=status, headers=headers)
    if job.has("slow-body"):
        return Pieces(_steps(data, _TRICKLE, job.number("slow-body")), status=status, headers=headers)
    if job.has("stalled-body"):
        pieces = [Piece(data[:half]), Piece(data[half:], job.number("stalled-body"))]
        return Pieces(pieces, status=status, headers=headers)
    return Pieces(_steps(data), status=status, headers=headers)


def _steps(data: bytes, size: int = _STEP, pause: float = 0.0) -> list[Piece]:
    return [Piece(data[start : start + size], pause) for start in range(0, len(data), size)]


async def upload(request: Request) -> Response:
    """The bytes of an uploaded picture, for anybody who has the link."""
    rehearsal = rehearsal_of(request)
    found = rehearsal.uploads.find(request.path_params["path"], rehearsal.now())
    path = rehearsal.uploads.file(found) if found else None
    if found is None or path is None:
        return PlainTextResponse("Not Found", status_code=404)
    return FileResponse(path, media_type=found.mime)


ROUTES: Final = (
    Route("/files/{file_id}.mp4", download),
    Route("/kie-files/{file_id}.mp4", download),
    Route("/kie-files/{file_id}.png", download),
)
