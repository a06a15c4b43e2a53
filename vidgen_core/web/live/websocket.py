"""Tell open pages what has changed: one watcher polls the database's revision for all sockets of this process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from vidgen_core.domain.errors import VidgenError
from vidgen_core.services.facade import Vidgen
from vidgen_core.web.app_instance import get_vidgen
from vidgen_core.web.live.sse import Progress
from vidgen_core.web.middleware.connections import GOING_AWAY, POLICY
from vidgen_core.worker.retries import log_failure

_LOG = logging.getLogger(__name__)
#: Seconds between two polls of the revision while nobody tells of a change; other processes do not where the database is a file.
POLL_EVERY: Final = 0.8
#: The least of them, of a shared database and of a file: many changes in a row are told together.
AT_MOST_EVERY: Final = {True: 0.05, False: 0.3}
#: More changed shots than this are reported as *all*.
MANY: Final = 500


class Listener:
    """One socket and the revision that it knows."""

    def __init__(self, socket: WebSocket, project_id: int, rev: int) -> None:
        self.socket = socket
        self.project_id = project_id
        self.rev = rev


class Live:
    """The sockets of this process; used on the event loop only."""

    def __init__(self, app: Callable[[], Vidgen] = get_vidgen) -> None:
        self._app = app
        self._listeners: set[Listener] = set()
        self._watcher: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        #: Something was committed, or this ends.
        self._stirred = asyncio.Event()
        #: Streams of the HTTP API, fed by the same watcher.
        self.progress = Progress(app, self._begin_watching)

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    @property
    def watching(self) -> bool:
        return self._watcher is not None and not self._watcher.done()

    async def ended(self) -> None:
        """Wait until ``close_soon`` or ``close`` was called."""
        await self._ending.wait()

    async def serve(self, socket: WebSocket) -> None:
        """Tell one page about its project until it goes away."""
        if self._ending.is_set():
            await socket.close(GOING_AWAY)
            return
        try:
            await socket.accept()
            await self._serve(socket)
        except WebSocketDisconnect:
            # It went away before it was told anything.
            return

    async def _serve(self, socket: WebSocket) -> None:
        listener = await self._welcome(socket)
        if listener is None:
            return
        try:
            await self._until_gone(socket)
        finally:
            self._listeners.discard(listener)

    async def _welcome(self, socket: WebSocket) -> Listener | None:
        try:
            project_id = int(socket.query_params.get("project", ""))
            rev = await asyncio.to_thread(self._revision)
            since = int(socket.query_params.get("since", rev))
        except ValueError:
            await socket.close(POLICY)
            return None
        except VidgenError:
            await socket.close(GOING_AWAY)
            return None
        listener = Listener(socket, project_id, min(since, rev))
        await socket.send_json({"rev": listener.rev, "hello": True})
        self._listeners.add(listener)
        self._begin_watching()
        return listener

    def _begin_watching(self) -> None:
        if not self.watching and not self._ending.is_set():
            self._watcher = asyncio.create_task(self._watch())

    async def _until_gone(self, socket: WebSocket) -> None:
        gone = asyncio.create_task(_gone(socket))
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait({gone, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not gone.done():
                await socket.close(GOING_AWAY)
        finally:
            gone.cancel()
            ending.cancel()

    async def _watch(self) -> None:
        end, least = await self._listen()
        loop = asyncio.get_running_loop()
        try:
            while (self._listeners or self.progress.listeners) and not self._ending.is_set():
                self._stirred.clear()
                again = loop.time() + least
                try:
                    await self._poll()
                except VidgenError as error:
                    log_failure(_LOG, "changes cannot be read", error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stirred.wait(), POLL_EVERY)
                if not self._ending.is_set():
                    await asyncio.sleep(again - loop.time())
        finally:
            end()

    async def _listen(self) -> tuple[Callable[[], None], float]:
        """Be told of changes; returns what ends it, and the least time between two polls."""
        loop = asyncio.get_running_loop()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has just been closed
                loop.call_soon_threadsafe(self._stirred.set)

        try:
            app = await asyncio.to_thread(self._app)
            return app.on_change(tell), AT_MOST_EVERY[app.store.is_shared]
        except VidgenError:
            return lambda: None, AT_MOST_EVERY[False]

    async def _poll(self) -> None:
        rev = await asyncio.to_thread(self._revision)
        await self.progress.read_changes(rev)
        behind = [listener for listener in self._listeners if listener.rev < rev]
        wanted = {(listener.project_id, listener.rev) for listener in behind}
        if not wanted:
            return
        messages = await asyncio.to_thread(self._changes, wanted)
        await asyncio.gather(
            *(self._tell(listener, messages[listener.project_id, listener.rev]) for listener in behind)
        )

    async def _tell(self, listener: Listener, message: dict[str, Any]) -> None:
        listener.rev = message["rev"]
        try:
            await listener.socket.send_json(message)
        except (WebSocketDisconnect, RuntimeError):
            # It went away between two polls; its own task notices as well.
            self._listeners.discard(listener)

    def _revision(self) -> int:
        return self._app().revision()

    def _changes(self, wanted: set[tuple[int, int]]) -> dict[tuple[int, int], dict[str, Any]]:
        rev, changed = self._app().shots.changes(wanted)
        return {pair: _message(rev, shots) for pair, shots in changed.items()}

    def close_soon(self) -> None:
        """Let all sockets and streams end; returns at once."""
        self._ending.set()
        self._stirred.set()
        self.progress.close_soon()

    async def close(self) -> None:
        """End all sockets, streams and the watcher."""
        self.close_soon()
        if self._watcher is not None:
            await self._watcher


async def _gone(socket: WebSocket) -> None:
    """Wait until the page has closed its end; what it sends is of no interest."""
    try:
        while True:
            await socket.receive_text()
    except (WebSocketDisconnect, KeyError):
        return


def _message(rev: int, shots: list[int]) -> dict[str, Any]:
    if len(shots) > MANY:
        return {"rev": rev, "all": True}
    return {"rev": rev, "shots": shots}
