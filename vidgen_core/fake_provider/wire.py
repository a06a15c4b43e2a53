"""Responses that no web framework sends by itself: resets, truncated bodies, slow bodies.

They need the TCP connection; ``AbruptProtocol`` passes it to the application in the ASGI scope.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_EXTENSION: Final = "vidgen.transport"
#: SO_LINGER on with no time: closing sends RST instead of FIN.
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
#: Long enough for bytes already written to leave before a reset discards the rest; seconds.
_FLUSH: Final = 0.05


class AbruptProtocol(H11Protocol):
    """uvicorn's protocol, with its transport within reach of the application."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app = _with_transport(self.app, transport)


def _with_transport(app: ASGIApp, transport: asyncio.Transport) -> ASGIApp:
    async def reached(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})[_EXTENSION] = transport
        # Callers that are killed in the middle of a request are part of the tests.
        with suppress(ClientDisconnect):
            await app(scope, receive, send)

    return reached


async def _cut(scope: Scope, receive: Receive, *, reset: bool) -> None:
    """End the connection and wait until uvicorn has noticed, so that it adds nothing of its own."""
    transport = cast("asyncio.Transport", scope["extensions"][_EXTENSION])
    if reset:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    else:
        transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass


async def pause(receive: Receive, seconds: float) -> bool:
    """Wait unless the caller disconnects; whether it is still there. The request must have been read."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return True
    return False


class Hangup(Response):
    """No response: the connection is reset (RST) or closed (FIN)."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- nothing is sent
        await _cut(scope, receive, reset=self._reset)


class Delayed(Response):
    """Another response, ``seconds`` later."""

    def __init__(self, response: Response, seconds: float) -> None:
        super().__init__()
        self._response = response
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if await pause(receive, self._seconds):
            await self._response(scope, receive, send)


class AnyJSON(JSONResponse):
    r"""JSON as careless services write it: NaN is allowed, and everything else than ASCII is escaped, lone surrogates too.

    Every letter of ``escaped`` is written ``\u…``, so that only a parser finds it.
    """

    def __init__(self, content: object, status: int = 200, *, escaped: str = "", **more: Any) -> None:
        self._escaped = escaped
        super().__init__(content, status, **more)

    def render(self, content: object) -> bytes:
        text = json.dumps(content)
        if self._escaped:
            text = text.replace(self._escaped, "".join(f"\\u{ord(letter):04x}" for letter in self._escaped))
        return text.encode()


@dataclass(frozen=True)
class Piece:
    """Some bytes of a body, after a pause in seconds."""

    data: bytes
    pause: float = 0.0


class Pieces(Response):
    """A body in pieces that may stop before its announced length."""

    def __init__(
        self,
        pieces: Iterable[Piece],
        *,
        status: int = 200,
        headers: Mapping[str, str],
        ending: Literal["whole", "close", "reset"] = "whole",
    ) -> None:
        # Content-Length is the caller's: it may promise more than there is, or be left out.
        super().__init__(status_code=status)
        self.raw_headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self._pieces = pieces
        self._ending = ending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            for piece in self._pieces:
                if piece.pause and not await pause(receive, piece.pause):
                    return None
                await send({"type": "http.response.body", "body": piece.data, "more_body": True})
            if self._ending != "whole":
                await asyncio.sleep(_FLUSH)
                return await _cut(scope, receive, reset=self._ending == "reset")
        return await send({"type": "http.response.body", "body": b"", "more_body": False})
