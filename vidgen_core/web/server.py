"""The server beside the screens: its routes, its middleware, and what happens when it starts and ends."""

from __future__ import annotations

import asyncio
import atexit
import gc
import itertools
import logging
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import FrameType
from typing import Any, Final, NamedTuple

from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from vidgen_core.config.language import text
from vidgen_core.domain.errors import FileError, StoreError, VidgenError
from vidgen_core.services.access.auth import Auth, base_of
from vidgen_core.services.access.permissions import as_visitor
from vidgen_core.services.facade import Vidgen
from vidgen_core.web.answers import ROUTES as ANSWERS
from vidgen_core.web.api import Api
from vidgen_core.web.app_instance import close_vidgen, ensure_runner, find_vidgen, stop_at_once, stop_soon
from vidgen_core.web.live.websocket import Live
from vidgen_core.web.mcp import Mcp
from vidgen_core.web.media import MEDIA, error_response
from vidgen_core.web.middleware.auth import MCP, METRICS, visitor_of
from vidgen_core.web.middleware.base_path import address
from vidgen_core.web.middleware.request_guard import FIRST_PAGE, middleware
from vidgen_core.web.review import ReviewPages
from vidgen_core.web.sign_in import SignIn
from vidgen_core.web.uploads import INCOMING

_LOG = logging.getLogger(__name__)
#: Seconds that a thread may go on computing while others wait; Python's own 5 ms make an answer of the API, which has a
#: few dozen turns (each step of SQLite is one), wait seconds for screens that are being drawn.
TURN: Final = 0.001
#: Seconds until it is looked again whether the data home can be opened and its database be used.
OPEN_AGAIN: Final = 2.0


class Serving(NamedTuple):
    """What an ASGI application is built with; the names are those of ``st.App``."""

    routes: Sequence[BaseRoute]
    middleware: Sequence[Middleware]
    lifespan: Callable[[Any], AbstractAsyncContextManager[None]]


def serve(bound: str | None, path: str | None = None) -> Serving:
    """Everything beside the screens.

    :param bound: the address that the server is bound to
    :param path: the path below which it is served: Streamlit's ``server.baseUrlPath``
    """
    live, mcp = Live(), Mcp()
    return Serving(routes(live, mcp), middleware(bound, base_of(path)), lambda _: lifespan(live, mcp))


@asynccontextmanager
async def lifespan(live: Live, mcp: Mcp) -> AsyncIterator[None]:
    """Open the data home and start the runner; at the end close the sockets, then the runner, then the database.

    A database that cannot be opened does not keep the server down: it and every screen say what is wrong, until it can.
    """

    def end_soon() -> None:
        live.close_soon()
        mcp.close_soon()
        stop_soon()

    chain_signals(end_soon, stop_at_once)
    disable_nagle()
    if not gc.isenabled():
        # What has been imported stays; it need not be looked through again and again.
        gc.freeze()
        gc.enable()
    # At exit Python searches every object for cycles to free, which took longer than closing everything.
    atexit.register(gc.freeze)
    turn = sys.getswitchinterval()
    sys.setswitchinterval(min(turn, TURN))
    opening = _Opening()
    await opening.look()
    watching = asyncio.create_task(opening.watch(), name="opening")
    try:
        yield
    finally:
        watching.cancel()
        await live.close()
        await mcp.close()
        await asyncio.to_thread(close_vidgen)
        sys.setswitchinterval(turn)


class _Opening:
    """Opens the data home and starts its worker, as soon as that can be done, and says once what its database is short of."""

    def __init__(self) -> None:
        self._running: Vidgen | None = None
        self._told = ""

    async def look(self) -> None:
        problem = await asyncio.to_thread(self._problem)
        if problem is not None and problem.code != self._told:
            _LOG.error(text().ended(problem.kind, problem.code, problem.params))
        self._told = problem.code if problem is not None else ""

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(OPEN_AGAIN)
            await self.look()

    def _problem(self) -> VidgenError | None:
        try:
            if self._running is None:
                vidgen = ensure_runner()
                Auth(vidgen.settings_file).ensure_token()
                self._running = vidgen
            self._running.revision()
        except VidgenError as error:
            return error
        problem = self._running.worker.problem
        return problem if isinstance(problem, StoreError | FileError) else None


async def first_page(request: Request) -> Response:
    """The shots stand at ``/``; their name leads there as well."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(address(f"/{query}"))


async def metrics(request: Request) -> Response:
    """Metrics for Prometheus, for whoever has the token or sits at this machine."""
    app = as_visitor(await find_vidgen(), visitor_of(request))
    text, media_type = await asyncio.to_thread(app.metrics.text, request.headers.get("accept", ""))
    return Response(text, media_type=media_type, headers={"Cache-Control": "no-store"})


def routes(live: Live, mcp: Mcp) -> list[BaseRoute]:
    """All of them; ``/api/ws?project=1&since=42`` tells ``{"rev": 43, "shots": [7, 9]}`` after each change."""

    async def changes(socket: WebSocket) -> None:
        await live.serve(socket)

    return [
        WebSocketRoute("/api/ws", changes),
        Route(FIRST_PAGE, first_page),
        Route(METRICS, metrics),
        Mount(
            "/api/incoming",
            routes=INCOMING,
            middleware=[Middleware(ExceptionMiddleware, handlers={VidgenError: error_response})],
        ),
        Mount(
            "/app/static/media",
            routes=MEDIA,
            middleware=[Middleware(ExceptionMiddleware, handlers={VidgenError: error_response})],
        ),
        Mount("/api", Api(live.progress)),
        Route(MCP, mcp),
        *SignIn().routes,
        *ReviewPages().routes,
        *ANSWERS,
    ]


def chain_signals(stop: Callable[[], None], at_once: Callable[[], None]) -> None:
    """Let the first signal to end also call ``stop`` on the event loop, and each further one ``at_once``.

    uvicorn waits for open streams and sockets before it ends the lifespan, so they must be told separately; and the
    lifespan waits for paid requests that are out, which a person may not want to.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    acts = itertools.chain([stop], itertools.repeat(at_once))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _chained(loop, acts, signal.getsignal(number)))


def _chained(
    loop: asyncio.AbstractEventLoop,
    acts: Iterator[Callable[[], None]],
    before: Callable[[int, FrameType | None], Any] | int | None,
) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(next(acts))
        if callable(before):
            before(number, frame)

    return handle


def disable_nagle() -> int:
    """Turn off Nagle's algorithm for every connection that a listening socket of this process accepts from now on.

    Streamlit binds its socket without naming TCP as its protocol. asyncio takes such sockets for something else and leaves
    Nagle's algorithm on, so that every response of more than one message waits some 40 ms until the browser has
    acknowledged the first (``_set_nodelay`` in CPython's ``asyncio/base_events.py``; ``_bind_socket`` in Streamlit 1.67).
    Accepted sockets inherit the option from the one that listens. Streamlit hands its socket to nobody and asyncio has not
    registered it yet, so it is searched among all objects, once at the start.

    :return: how many sockets listen
    """
    listening = [found for found in gc.get_objects() if isinstance(found, socket.socket) and _listens(found)]
    for found in listening:
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return len(listening)


def _listens(found: socket.socket) -> bool:
    try:
        return found.family in (socket.AF_INET, socket.AF_INET6) and bool(
            found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        )
    except OSError:
        # Closed already.
        return False
