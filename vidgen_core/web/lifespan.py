"""What happens when the server starts and ends."""

from __future__ import annotations

import asyncio
import atexit
import gc
import itertools
import logging
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import FrameType
from typing import Any, Final, NamedTuple

from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from vidgen_core.domain.errors import VidgenError
from vidgen_core.services.access.auth import Auth, base_of
from vidgen_core.web.app_instance import close_vidgen, ensure_runner, stop_at_once, stop_soon
from vidgen_core.web.live.websocket import Live
from vidgen_core.web.middleware.request_guard import middleware
from vidgen_core.web.routes import routes
from vidgen_core.web.tcp_nodelay import disable_nagle

_LOG = logging.getLogger(__name__)
#: Seconds that a thread may go on computing while others wait; Python's own 5 ms make an answer of the API, which has a
#: few dozen turns (each step of SQLite is one), wait seconds for screens that are being drawn.
TURN: Final = 0.001


class Serving(NamedTuple):
    """What an ASGI application is built with; the names are those of ``st.App``."""

    routes: Sequence[BaseRoute]
    middleware: Sequence[Middleware]
    lifespan: Callable[[Any], AbstractAsyncContextManager[None]]


def serve(address: str | None, path: str | None = None) -> Serving:
    """Everything beside the screens.

    :param address: what the server is bound to
    :param path: below which it lives, where it has not a name of its own: Streamlit's ``server.baseUrlPath``
    """
    live = Live()
    return Serving(routes(live), middleware(address, base_of(path)), lambda _: lifespan(live))


@asynccontextmanager
async def lifespan(live: Live) -> AsyncIterator[None]:
    """Open the data home and start the runner; at the end close the sockets, then the runner, then the database.

    A database that cannot be opened does not keep the server down: every screen says what is wrong.
    """

    def end_soon() -> None:
        live.close_soon()
        stop_soon()

    chain_signals(end_soon, stop_at_once)
    disable_nagle()
    # When all is closed Python looks through every object for cycles to free, which took longer than the closing.
    atexit.register(gc.freeze)
    turn = sys.getswitchinterval()
    sys.setswitchinterval(min(turn, TURN))
    try:
        vidgen = await asyncio.to_thread(ensure_runner)
        await asyncio.to_thread(Auth(vidgen.settings_file).ensure_token)
    except VidgenError as error:
        _LOG.error("The data home cannot be opened: %s", error)
    try:
        yield
    finally:
        await live.close()
        await asyncio.to_thread(close_vidgen)
        sys.setswitchinterval(turn)


def chain_signals(stop: Callable[[], None], at_once: Callable[[], None]) -> None:
    """Let the first signal to end also call ``stop`` on the event loop, and each further one ``at_once``.

    uvicorn waits for open streams and sockets before it ends the lifespan, so they must hear of it by themselves; and the
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
