"""Finished exports, for download."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from vidgen_core.web.app_instance import get_vidgen


async def export(request: Request) -> Response:
    """The file of an export under its own name, in ranges; 404 when it is not there or not finished."""
    path = await asyncio.to_thread(_file, request.path_params["project"], request.path_params["id"])
    return FileResponse(
        path, media_type="application/octet-stream", filename=path.name, headers={"Cache-Control": "private, no-cache"}
    )


def _file(project_id: int, export_id: str) -> Path:
    return get_vidgen().exports.file(project_id, export_id)


#: Below ``/app/static/media``.
EXPORT_ROUTES: Final[tuple[BaseRoute, ...]] = (Route("/export/{project:int}/{id}", export),)
