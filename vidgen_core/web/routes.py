"""Addresses of this process beside the screens."""

from __future__ import annotations

from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from vidgen_core.domain.errors import VidgenError
from vidgen_core.web.api import make_api
from vidgen_core.web.exports import EXPORT_ROUTES
from vidgen_core.web.live.websocket import Live
from vidgen_core.web.media import MEDIA, refused
from vidgen_core.web.middleware.base_path import address
from vidgen_core.web.middleware.request_guard import FIRST_PAGE
from vidgen_core.web.sign_in import SignIn
from vidgen_core.web.uploads import INCOMING


async def first_page(request: Request) -> Response:
    """The shots stand at ``/``; their name leads there as well."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(address(f"/{query}"))


def routes(live: Live) -> list[BaseRoute]:
    """All of them; ``/api/ws?project=1&since=42`` tells ``{"rev": 43, "shots": [7, 9]}`` after each change."""

    async def changes(socket: WebSocket) -> None:
        await live.serve(socket)

    return [
        WebSocketRoute("/api/ws", changes),
        Route(FIRST_PAGE, first_page),
        Mount(
            "/api/incoming",
            routes=INCOMING,
            middleware=[Middleware(ExceptionMiddleware, handlers={VidgenError: refused})],
        ),
        Mount(
            "/app/static/media",
            routes=[*MEDIA, *EXPORT_ROUTES],
            middleware=[Middleware(ExceptionMiddleware, handlers={VidgenError: refused})],
        ),
        Mount("/api", make_api(live.progress)),
        *SignIn().routes,
    ]
