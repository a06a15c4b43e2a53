"""``Idempotency-Key``: a request that is sent twice is carried out once and gets the same response.

The key belongs to the visitor and is kept for a day with a digest of the request. The row is tied to every transaction that
the request commits, so a crash in the middle never lets it order again.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import tempfile
import uuid
from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vidgen_core.domain.errors import InputError, Refused, StoreError, VidgenError
from vidgen_core.services.access.requests import Begun, Known
from vidgen_core.services.facade import Vidgen
from vidgen_core.web.app_instance import find_vidgen
from vidgen_core.web.error_responses import envelope
from vidgen_core.web.middleware.auth import visitor_of

_LOG = logging.getLogger(__name__)
HEADER: Final = "Idempotency-Key"
#: Header of a stored response.
REPLAYED: Final = "Idempotency-Replayed"
_KEY: Final = re.compile(r"[!-~]{1,255}")
#: Bodies up to this size stay in memory.
_SPOOL: Final = 1 << 20
_CHUNK: Final = 1 << 16
#: Longer answers, and those that are no JSON, are not kept.
_LONGEST: Final = 8 << 20
#: How often, and after how many seconds each, it is looked whether another server of a shared database has answered a request.
_LOOKS: Final = 40
_LOOK_AGAIN: Final = 0.25


class Idempotency:
    """Carries out requests with a key once."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        #: Requests that this process carries out, by the owner that their rows name; from before the row is written until
        #: its answer is.
        self._live: dict[str, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = Headers(scope=scope).get(HEADER) if scope["type"] == "http" and scope["method"] == "POST" else None
        if key is None:
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as body:
            try:
                if not _KEY.fullmatch(key):
                    raise InputError("idempotency_key_wrong")
                visitor = visitor_of(connection)
                digest = await _read(scope, receive, body)
                known, begun = await self._begin(f"{visitor.role.word}:{visitor.name or ''}", key, digest)
            except VidgenError as error:
                await envelope(connection, error)(scope, receive, send)
                return
            if begun is None:
                answer = Response(known.answer, known.status or 200, {REPLAYED: "true"}, "application/json")
                await answer(scope, receive, send)
                return
            await self._carry_out(begun, scope, _replay(body, receive), send)

    async def _begin(self, caller: str, key: str, digest: str) -> tuple[Known, Begun | None]:
        """Claim the request: its stored state, and the right to carry it out unless it was answered.

        :raises InputError: ``idempotency_key_reused``
        :raises Refused: ``idempotency_answer_lost``
        """
        owner = uuid.uuid4().hex
        self._live[owner] = asyncio.Event()
        begun = None
        try:
            known = await self._claim(caller, key, digest, owner)
            begun = Begun(known.id, owner) if known.status is None else None
        finally:
            if begun is None:
                del self._live[owner]
        return known, begun

    async def _claim(self, caller: str, key: str, digest: str, owner: str) -> Known:
        """The row of the request, which has an answer or belongs to this owner."""
        app = await find_vidgen()
        looks, pause = (_LOOKS, _LOOK_AGAIN) if app.store.is_shared else (1, 0.0)
        while True:
            known = await run_in_threadpool(app.requests.claim, caller, key, digest, owner)
            if known.digest != digest:
                raise InputError("idempotency_key_reused")
            if known.status is not None or known.owner == owner:
                return known
            live = self._live.get(known.owner)
            if live is not None:
                await live.wait()
            elif looks:
                # It may have been answered since it was read, or another server is about to answer it.
                looks -= 1
                await asyncio.sleep(pause)
            elif known.written:
                raise Refused("idempotency_answer_lost")
            else:
                await run_in_threadpool(app.requests.take_over, known, owner)
                return known

    async def _carry_out(self, begun: Begun, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the route, store its response, and only then send it."""
        app = await find_vidgen()
        held: list[Message] = []
        holds = True

        async def hold(message: Message) -> None:
            nonlocal holds
            if message["type"] == "http.response.start":
                holds = Headers(raw=message["headers"]).get("content-type", "").startswith("application/json")
            if holds:
                held.append(message)
                holds = sum(len(one.get("body", b"")) for one in held) <= _LONGEST
                if holds:
                    return
                message = held.pop()
                for one in held:
                    await send(one)
                held.clear()
            await send(message)

        try:
            with app.requests.carried_out(begun):
                await self.app(scope, receive, hold)
        finally:
            try:
                await asyncio.shield(run_in_threadpool(_end, app, begun, list(held)))
            except StoreError as error:
                # The transactions are marked with it; a second request is refused instead of being carried out again.
                _LOG.warning("The answer to a request with a key was not kept: %s", error)
            finally:
                self._live.pop(begun.owner).set()
        for message in held:
            await send(message)


def _end(app: Vidgen, begun: Begun, held: list[Message]) -> None:
    """Keep the answer, where there is one to be kept."""
    text = b"".join(message.get("body", b"") for message in held).decode()
    app.requests.end(begun, int(held[0]["status"]) if held else 500, text if held else None)


async def _read(scope: Scope, receive: Receive, body: Any) -> str:
    """Read the whole body, and return the digest of the request."""
    digest = hashlib.sha256()
    for part in (scope["method"], scope["path"], scope["query_string"].decode("latin-1")):
        digest.update(f"{part}\n".encode())
    async for chunk in _chunks(receive):
        digest.update(chunk)
        body.write(chunk)
    body.seek(0)
    return digest.hexdigest()


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InputError("body_malformed")
        more = message.get("more_body", False)
        yield message.get("body", b"")


def _replay(body: Any, receive: Receive) -> Receive:
    """Replay the body that was read, and after it what comes from the client."""
    ended = False

    async def replayed() -> Message:
        nonlocal ended
        if ended:
            return await receive()
        chunk = body.read(_CHUNK)
        ended = not chunk
        return {"type": "http.request", "body": chunk, "more_body": not ended}

    return replayed


def document(schema: dict[str, Any]) -> None:
    """Describe the header of every POST in OpenAPI."""
    parameter = {
        "name": HEADER,
        "in": "header",
        "required": False,
        "description": "Makes the request safe to repeat: for 24 hours the same key with the same body is answered alike "
        "and nothing is done twice; with another body it is refused (422).",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    }
    for path in schema["paths"].values():
        if "post" in path:
            path["post"].setdefault("parameters", []).append(parameter)
            path["post"]["responses"].setdefault("409", path["post"]["responses"]["422"])
