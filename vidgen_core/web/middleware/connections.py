"""Sockets and streams that last: refused at the door, and ended when their visitor may no longer be here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: WebSocket close codes (RFC 6455, 7.4.1).
GOING_AWAY: Final = 1001
POLICY: Final = 1008
#: Seconds between two looks at whether a visitor may still be here; what a visitor sends is always looked at.
LOOK: Final = 1.0


async def close_socket(receive: Receive, send: Send, code: int, reason: str) -> None:
    """Refuse a WebSocket that has not been accepted."""
    await receive()
    await send({"type": "websocket.close", "code": code, "reason": reason})


class WatchedConnection:
    """A connection whose visitor is looked at again and again; for one request.

    Whoever was signed out, or whose way in has changed, hears nothing more, and what they send reaches nobody.

    :param is_welcome: whether the visitor may still be here
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, is_welcome: Callable[[], bool]) -> None:
        self._kind = scope["type"]
        self._receive = receive
        self._send = send
        self._is_welcome = is_welcome
        self._out = asyncio.Event()
        self._looked = time.monotonic()
        #: A stream of the HTTP API, or a socket, that has begun and not ended.
        self._lasts = False
        self._looking: asyncio.Task[None] | None = None

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Let the application answer."""
        answering = asyncio.ensure_future(app(scope, self.receive, self.send))
        out = asyncio.ensure_future(self._out.wait())
        try:
            await asyncio.wait({answering, out}, return_when=asyncio.FIRST_COMPLETED)
            if self._kind == "http" and self._out.is_set():
                # What waits for news would not hear that nobody listens.
                answering.cancel()
                await asyncio.wait({answering})
            else:
                await answering
        except asyncio.CancelledError:
            answering.cancel()
            raise
        finally:
            out.cancel()
            if self._looking is not None:
                self._looking.cancel()

    async def receive(self) -> Message:
        """What the visitor sends, or that they are gone."""
        if self._kind == "http":
            return await self._receive()
        message = await self._receive_until_out()
        if message["type"] == "websocket.receive" and not self._look():
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
        """Pass on what the application says, as long as the visitor may hear it."""
        if self._out.is_set():
            return
        if self._lasts and time.monotonic() - self._looked > LOOK and not self._look():
            await self._end()
            return
        if message["type"] == "websocket.accept" or _begins_stream(message):
            self._lasts = True
            self._looking = asyncio.create_task(self._keep_looking())
        elif message["type"] == "websocket.close":
            self._lasts = False
        await self._send(message)

    def _look(self) -> bool:
        self._looked = time.monotonic()
        if not self._is_welcome():
            self._out.set()
        return not self._out.is_set()

    async def _keep_looking(self) -> None:
        while not self._out.is_set():
            await asyncio.sleep(LOOK)
            if not self._look():
                await self._end()

    async def _end(self) -> None:
        """Close our end once; what the application still says goes nowhere."""
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
