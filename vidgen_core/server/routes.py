"""Addresses of this process beside the screens."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from vidgen_core import __version__
from vidgen_core.errors import VidgenError
from vidgen_core.server.exports import EXPORT_ROUTES
from vidgen_core.server.house import get_vidgen
from vidgen_core.server.live import Live
from vidgen_core.server.media import MEDIA, refused


async def health(_: Request) -> Response:
    """Whether the database answers and a runner is at work; for programs that watch this one."""
    facts = await asyncio.to_thread(_health)
    return JSONResponse(facts, 200 if facts["ok"] else 503)


def _health() -> dict[str, Any]:
    try:
        vidgen = get_vidgen()
        with vidgen.store.read() as tx:
            beat = tx.heartbeat.get()
    except VidgenError as error:
        return {"ok": False, "version": __version__, "error": {"kind": error.kind, "message": error.code}}
    return {
        "ok": True,
        "version": __version__,
        "runner": {"here": vidgen.runner.is_here, "last_seen": beat.at.isoformat() if beat else None},
    }


async def first_page(request: Request) -> Response:
    """The shots stand at ``/``; their name leads there as well."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/{query}")


def routes(live: Live) -> list[BaseRoute]:
    """All of them; ``/api/ws?project=1&since=42`` tells ``{"rev": 43, "shots": [7, 9]}`` after each change."""

    async def changes(socket: WebSocket) -> None:
        await live.serve(socket)

    return [
        Route("/api/health", health),
        WebSocketRoute("/api/ws", changes),
        Route("/shots", first_page),
        Mount(
            "/app/static/media",
            routes=[*MEDIA, *EXPORT_ROUTES],
            middleware=[Middleware(ExceptionMiddleware, handlers={VidgenError: refused})],
        ),
    ]
