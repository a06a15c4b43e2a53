"""Routes by which providers tell that a job has ended; its task is then polled now instead of at its time.

Nothing in a message is believed but the job's id; where the job stands is asked of the provider itself. How a message is
read and proven is the provider's own matter (``ProviderSpec.callback``).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from vidgen_core.domain.providers import ProviderSpec, specs
from vidgen_core.providers.registry import load
from vidgen_core.web.api.common import errors
from vidgen_core.web.api.schemas.providers import CallbackResponse
from vidgen_core.web.app_instance import find_vidgen

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


def callback_routes(callbacks: Callbacks) -> APIRouter:
    """``POST /{provider}/callback`` of the providers that send messages."""
    router = APIRouter(tags=["callback"])
    for spec in specs():
        if spec.callback:
            _add_route(router, spec, spec.callback, callbacks)
    return router


def _add_route(router: APIRouter, spec: ProviderSpec, reader: str, callbacks: Callbacks) -> None:
    async def callback(request: Request) -> CallbackResponse:
        """A job has ended. A message that cannot be proven only brings the next poll forward."""
        body, vidgen = await request.body(), await find_vidgen()
        section = vidgen.settings().providers.of(spec.id)
        message = load(reader)(section, request.headers, body, callbacks.clock())
        if callbacks.is_new(f"{spec.id}.{message.name}"):
            await run_in_threadpool(vidgen.worker.job_ended, spec.id, message.job)
        return CallbackResponse(ok=True)

    router.post(
        f"/{spec.id}/callback",
        name=f"{spec.id}_callback",
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
