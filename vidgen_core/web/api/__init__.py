"""The HTTP API: one FastAPI application below ``/api``, in the same process and on the same port as the screens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from vidgen_core.web.live.sse import Progress


class Api:
    """What is mounted at ``/api`` of one server; made when it is first asked, for that takes longer than a first page.

    :param progress: what streams are fed from
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._making = asyncio.Lock()
        self._made: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
        await self._made(scope, receive, send)

    def _make(self) -> ASGIApp:
        from vidgen_core.web.api.application import make_api

        return make_api(self._progress)
