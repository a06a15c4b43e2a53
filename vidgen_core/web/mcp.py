"""``/mcp``: the tools of the Model Context Protocol over streamable HTTP.

Nothing of the SDK is loaded before the first call. No session is kept between two calls, so each is authenticated by the
middleware anew, and a token that was revoked is worth nothing at once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from vidgen_core.services.access.auth import Auth
from vidgen_core.services.access.permissions import as_visitor
from vidgen_core.services.facade import Vidgen
from vidgen_core.web.app_instance import get_vidgen
from vidgen_core.web.error_responses import text_of
from vidgen_core.web.middleware.auth import visitor_of

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from vidgen_core.mcp_server.caller import Caller


class Mcp:
    """The ASGI application of the route; it begins with its first request."""

    def __init__(self) -> None:
        self._beginning = asyncio.Lock()
        self._manager: StreamableHTTPSessionManager | None = None
        self._running: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            # A stream for what a server says unasked, which this one never does (2025-06-18, "Listening for Messages").
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
            return
        manager = await self._begun()
        answering = asyncio.ensure_future(manager.handle_request(scope, receive, send))
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            # The server waits for its calls before it ends, and one may wait for a person.
            await asyncio.wait({answering, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                answering.cancel()
                await asyncio.wait({answering})
            else:
                answering.result()
        except asyncio.CancelledError:
            answering.cancel()
            raise
        finally:
            ending.cancel()

    def close_soon(self) -> None:
        """Cancel the calls that wait."""
        self._ending.set()

    async def close(self) -> None:
        """End."""
        self.close_soon()
        if self._running is not None:
            await self._running

    async def _begun(self) -> StreamableHTTPSessionManager:
        async with self._beginning:
            if self._manager is None:
                manager = await asyncio.to_thread(_manager)
                begun = asyncio.Event()
                self._running = asyncio.create_task(self._run(manager, begun))
                await begun.wait()
                self._manager = manager
            return self._manager

    async def _run(self, manager: StreamableHTTPSessionManager, begun: asyncio.Event) -> None:
        # A task group is left by the task that has entered it.
        async with manager.run():
            begun.set()
            await self._ending.wait()


def _manager() -> StreamableHTTPSessionManager:
    from mcp.server.transport_security import TransportSecuritySettings

    from vidgen_core.mcp_server.server import build
    from vidgen_core.web.middleware.request_guard import MCP_LIMIT

    server = build(_caller)
    # Its application is not used, only the manager that is made with it: host and origin are checked by our middleware.
    server.streamable_http_app(
        json_response=True,
        stateless_http=True,
        max_request_body_size=MCP_LIMIT,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    return server.session_manager


def _caller(request: Any) -> Caller:
    """Who sends a request; asked again before everything that changes something."""
    from vidgen_core.mcp_server.caller import Caller

    connection = HTTPConnection(request.scope)
    visitor, vidgen = visitor_of(connection), get_vidgen()
    _, _, token = connection.headers.get("authorization", "").partition(" ")
    agent = vidgen.agents.find(token.strip()) if visitor.is_agent else None

    def is_welcome() -> bool:
        if visitor.is_agent:
            return vidgen.agents.find(token.strip()) == agent is not None
        return Auth(vidgen.settings_file).is_token(token.strip())

    app: Vidgen = as_visitor(vidgen, visitor, is_welcome)
    return Caller(app, agent, text_of(connection))
