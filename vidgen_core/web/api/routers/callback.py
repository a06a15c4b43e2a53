"""Routes by which providers tell that a job has ended; its task is then polled now instead of at its time.

Nothing in a message is believed but the job's id; where the job stands is asked of the provider itself. How a message is
read and proven is the provider's own matter (``ProviderSpec.callback``).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from vidgen_core.domain.providers import ProviderId
from vidgen_core.providers.registry import load
from vidgen_core.web.api.common import errors
from vidgen_core.web.api.schemas.providers import CallbackResponse
from vidgen_core.web.app_instance import find_vidgen

#: Under which a request finds the messages of its server.
CALLBACKS: Final = "vidgen.callbacks"
#: Seconds for which a message is remembered; providers accept none that are older.
KEPT: Final = 600.0
#: Messages that are remembered; more cannot come within that time without being somebody's mischief.
REMEMBERED: Final = 10_000


class Callbacks:
    """Remembers the messages that were taken in."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._seen: OrderedDict[str, float] = OrderedDict()

    def is_new(self, name: str) -> bool:
        """Whether this message comes for the first time."""
        now = self.clock()
        while self._seen and (next(iter(self._seen.values())) < now - KEPT or len(self._seen) > REMEMBERED):
            self._seen.popitem(last=False)
        if name in self._seen:
            return False
        self._seen[name] = now
        return True


def callback_routes(readers: Iterable[tuple[ProviderId, str]]) -> APIRouter:
    """``POST /{provider}/callback`` of the providers that send messages.

    :param readers: what reads the messages of each provider (``ProviderSpec.callback``); empty where none come
    """
    router = APIRouter(tags=["callback"])
    for provider, reader in readers:
        if reader:
            _add_route(router, provider, reader)
    return router


def _add_route(router: APIRouter, provider: ProviderId, reader: str) -> None:
    async def callback(request: Request) -> CallbackResponse:
        """A job has ended. A message that cannot be proven only brings the next poll forward."""
        body, vidgen = await request.body(), await find_vidgen()
        callbacks: Callbacks = request.scope[CALLBACKS]
        section = vidgen.settings().providers.of(provider)
        message = load(reader)(section, request.headers, body, callbacks.clock())
        if callbacks.is_new(f"{provider}.{message.name}"):
            await run_in_threadpool(vidgen.worker.job_ended, provider, message.job)
        return CallbackResponse(ok=True)

    router.post(
        f"/{provider}/callback",
        name=f"{provider}_callback",
        responses=errors(400),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": {"type": "object", "properties": {"data": {"type": "object"}}}}
                },
            }
        },
    )(callback)
