"""How much a request may bring along."""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vidgen_core.domain.errors import ErrorKind, VidgenError
from vidgen_core.web.error_responses import envelope

#: Bytes of a body; the first pattern that fits counts.
LIMITS: Final = (
    (re.compile(r"/api/import"), 200_000_000),
    (re.compile(r"/api/incoming/.+"), 210_000_000),
    (re.compile(r"/api/shots/\d+/image"), 50_000_000),
    (re.compile(r"/api/\w+/callback"), 100_000),
    (re.compile(r"/sign-in(/.*)?"), 10_000),
    (re.compile(r"/(api|app/static/media)(/.*)?"), 1_000_000),
)


class BodyTooLarge(VidgenError):
    """More bytes came than this address takes."""

    kind = ErrorKind.PARAMETER
    default_code = "body_too_large"


def limit_of(path: str) -> int | None:
    """Bytes that a body may have; None where it is not ours to say."""
    return next((limit for pattern, limit in LIMITS if pattern.fullmatch(path)), None)


class BodyLimit:
    """Refuses bodies that are too large, by their announced length and by what really comes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = limit_of(scope["path"]) if scope["type"] == "http" else None
        if limit is None:
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        error = BodyTooLarge(limit=limit)
        if announced.isdecimal() and int(announced) > limit:
            await envelope(HTTPConnection(scope), error)(scope, receive, send)
            return
        counting = _Counting(receive, send, limit)
        try:
            await self.app(scope, counting.receive, counting.send)
        except Exception:
            if not counting.over or counting.answered:
                raise
        if counting.over and not counting.answered:
            # Whatever the application made of the broken body, the asker hears why.
            await envelope(HTTPConnection(scope), error)(scope, receive, send)


class _Counting:
    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._left = limit
        self._limit = limit
        self.answered = False

    @property
    def over(self) -> bool:
        return self._left < 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self.over:
            raise BodyTooLarge(limit=self._limit)
        return message

    async def send(self, message: Message) -> None:
        if self.over and not self.answered:
            return
        self.answered = True
        await self._send(message)
