"""What happens when the server starts and ends."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

from vidgen_core.errors import VidgenError
from vidgen_core.server.house import close_vidgen, ensure_runner
from vidgen_core.server.live import Live

_LOG = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
    """Open the data home and start the runner; at the end close the sockets, then the runner, then the database.

    A database that cannot be opened does not keep the server down: every screen says what is wrong.
    """
    live = Live()
    chain_signals(live.close_soon)
    try:
        await asyncio.to_thread(ensure_runner)
    except VidgenError as error:
        _LOG.error("The data home cannot be opened: %s", error)
    try:
        yield {"live": live}
    finally:
        await live.close()
        await asyncio.to_thread(close_vidgen)


def chain_signals(stop: Callable[[], None]) -> None:
    """Let the first signal to end also call ``stop`` on the event loop.

    uvicorn waits for open streams and sockets before it ends the lifespan, so they must hear of it by themselves.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _chained(loop, stop, signal.getsignal(number)))


def _chained(
    loop: asyncio.AbstractEventLoop,
    stop: Callable[[], None],
    before: Callable[[int, FrameType | None], Any] | int | None,
) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop)
        if callable(before):
            before(number, frame)

    return handle
