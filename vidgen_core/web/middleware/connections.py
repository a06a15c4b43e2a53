"""Sockets and streams: refused before they are accepted, and ended when their visitor is no longer authenticated."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: WebSocket close codes (RFC 6455, 7.4.1).
GOING_AWAY: Final = 1001
POLICY: Final = 1008
#: Seconds between two checks of a visitor; messages that a visitor sends are always checked.
CHECK_EVERY: Final = 1.0


async def close_socket(receive: Receive, send: Send, code: int, reason: str) -> None:
    """Refuse a WebSocket that has not been accepted."""
    await receive()
    await send({"type": "websocket.close", "code": code, "reason": reason})


class WatchedConnection:
    """One connection whose visitor is checked again and again.

    After a sign-out, or a change of the sign-in settings, nothing more is sent and nothing more is received.

    :param is_valid: whether the visitor is still authenticated
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, is_valid: Callable[[], bool]) -> None:
        self._kind = scope["type"]
        self._receive = receive
        self._send = send
        self._is_valid = is_valid
        self._out = asyncio.Event()
        self._checked = time.monotonic()
        #: A stream of the HTTP API, or a socket, that has begun and not ended.
        self._lasts = False
        self._checking: asyncio.Task[None] | None = None

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Run the application."""
        answering = asyncio.ensure_future(app(scope, self.receive, self.send))
        out = asyncio.ensure_future(self._out.wait())
        try:
            await asyncio.wait({answering, out}, return_when=asyncio.FIRST_COMPLETED)
            if self._kind == "http" and self._out.is_set():
                # What waits for a change would not notice that nobody listens.
                answering.cancel()
                await asyncio.wait({answering})
            else:
                await answering
        except asyncio.CancelledError:
            answering.cancel()
            raise
        finally:
            out.cancel()
            if self._checking is not None:
                self._checking.cancel()

    async def receive(self) -> Message:
        """The next message of the visitor, or a disconnect."""
        if self._kind == "http":
            return await self._receive()
        message = await self._receive_until_out()
        if message["type"] == "websocket.receive" and not self._check():
            await self._end()
            return self._gone()
        return message

    async def _receive_until_out(self) -> Message:
        if self._out.is_set():
            return self._gone()
        coming = asyncio.ensure_future(self._receive())
        out = asyncio.ensure_future(self._out.wait())
        try:
            await asyncio.wait({coming, out}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            coming.cancel()
            raise
        finally:
            out.cancel()
        if coming.done() and not self._out.is_set():
            return coming.result()
        coming.cancel()
        return self._gone()

    async def send(self, message: Message) -> None:
        """Pass on a message of the application as long as the visitor is authenticated."""
        if self._out.is_set():
            return
        if self._lasts and time.monotonic() - self._checked > CHECK_EVERY and not self._check():
            await self._end()
            return
        if message["type"] == "websocket.accept" or _begins_stream(message):
            self._lasts = True
            self._checking = asyncio.create_task(self._keep_checking())
        elif message["type"] == "websocket.close":
            self._lasts = False
        await self._send(message)

    def _check(self) -> bool:
        self._checked = time.monotonic()
        if not self._is_valid():
            self._out.set()
        return not self._out.is_set()

    async def _keep_checking(self) -> None:
        while not self._out.is_set():
            await asyncio.sleep(CHECK_EVERY)
            if not self._check():
                await self._end()

    async def _end(self) -> None:
        """Close our end once; later messages of the application are dropped."""
        if not self._lasts:
            return
        self._lasts = False
        if self._kind == "websocket":
            await self._send({"type": "websocket.close", "code": POLICY, "reason": "sign_in_needed"})
        else:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _gone(self) -> Message:
        return {"type": "websocket.disconnect", "code": POLICY, "reason": "sign_in_needed"}


def _begins_stream(message: Message) -> bool:
    if message["type"] != "http.response.start":
        return False
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream") for name, value in message["headers"]
    )
