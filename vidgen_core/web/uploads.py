"""Uploads of files from a page: one request each, written to the disk as it arrives.

Streamlit's uploader keeps files in memory until the page has run, and gives up on hundreds of them at once.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import IO, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vidgen_core.domain.errors import ErrorKind
from vidgen_core.media.disk import ensure_free_space, translate_os_errors
from vidgen_core.services.access.permissions import as_visitor
from vidgen_core.services.imports.staging import Staging
from vidgen_core.web.app_instance import find_vidgen
from vidgen_core.web.middleware.auth import visitor_of

#: Bytes of one file.
LARGEST: Final = 200 << 20
_BLOCK: Final = 1 << 20


async def put(request: Request) -> Response:
    """``PUT /api/incoming/<staging>/<name>``: returns the name of the file in its staging folder.

    The name of a staging folder is a secret of the page that opened it.
    """
    app = as_visitor(await find_vidgen(), visitor_of(request))
    staging = await asyncio.to_thread(app.imports.find_staging, request.path_params["staging"])
    announced = request.headers.get("content-length", "")
    size = int(announced) if announced.isdecimal() else 0
    if size > LARGEST:
        return _too_large()
    await asyncio.to_thread(ensure_free_space, staging.path, size)
    target = await asyncio.to_thread(staging.replace, request.path_params["name"])
    whole = False
    try:
        whole = await _receive(request, target)
    except ClientDisconnect:
        return Response(status_code=400)
    finally:
        if not whole:
            # An incomplete file is removed.
            target.unlink(missing_ok=True)
    if not whole:
        return _too_large()
    return JSONResponse({"name": _name(staging, target)}, 201)


async def _receive(request: Request, target: Path) -> bool:
    """Write the body as it arrives; False when it is too long."""
    received = 0
    block = bytearray()
    with translate_os_errors(target), target.open("wb") as file:
        async for chunk in request.stream():
            received += len(chunk)
            if received > LARGEST:
                return False
            block += chunk
            if len(block) >= _BLOCK:
                await asyncio.to_thread(_write, file, bytes(block))
                block.clear()
        await asyncio.to_thread(_write, file, bytes(block))
    return True


def _write(file: IO[bytes], block: bytes) -> None:
    file.write(block)


def _name(staging: Staging, target: Path) -> str:
    return target.relative_to(staging.path).as_posix()


def _too_large() -> Response:
    return JSONResponse({"error": {"kind": ErrorKind.FILE, "message": "file_too_large"}}, 413)


#: Below ``/api/incoming``.
INCOMING: Final[tuple[BaseRoute, ...]] = (Route("/{staging}/{name:path}", put, methods=["PUT"]),)
