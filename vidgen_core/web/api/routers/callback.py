"""KIE tells that a job has ended: the message is checked, and the task is looked at now instead of at its time.

Nothing in the message is believed but the job's id; where the job stands is asked of KIE itself. What signs it is
written in KIE's guide *Webhook security*: ``X-Webhook-Signature`` is the base64 of HMAC-SHA256, keyed with the webhook
key, over the job's id, a full stop and ``X-Webhook-Timestamp`` (Unix seconds).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from vidgen_core.domain.errors import ErrorKind, InputError, Refused
from vidgen_core.domain.providers import ProviderId
from vidgen_core.web.api.common import errors
from vidgen_core.web.api.schemas.providers import CallbackResponse
from vidgen_core.web.app_instance import find_vidgen

#: Seconds that the sender's clock may differ from ours.
WINDOW: Final = 300.0
#: Messages that are remembered; more cannot come within the window without being somebody's mischief.
REMEMBERED: Final = 10_000
_LONGEST_ID: Final = 200


class Callbacks:
    """Checks messages and remembers those that were taken in."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._seen: OrderedDict[str, float] = OrderedDict()

    def check(self, key: str, job: str, timestamp: str, signature: str) -> None:
        """:raises Refused: ``callback_forged``, ``callback_late``"""
        if not hmac.compare_digest(sign(key, job, timestamp).encode(), signature.strip().encode("utf-8", "replace")):
            raise Refused("callback_forged", kind=ErrorKind.AUTH)
        # Signed by somebody who knows the key, so it is a number unless they erred.
        if not (timestamp.isascii() and timestamp.isdigit()) or abs(self._clock() - int(timestamp)) > WINDOW:
            raise Refused("callback_late", kind=ErrorKind.AUTH)

    def is_new(self, job: str, timestamp: str) -> bool:
        """Whether this message comes for the first time."""
        now, name = self._clock(), f"{timestamp}.{job}"
        while self._seen and (next(iter(self._seen.values())) < now - 2 * WINDOW or len(self._seen) > REMEMBERED):
            self._seen.popitem(last=False)
        if name in self._seen:
            return False
        self._seen[name] = now
        return True


def sign(key: str, job: str, timestamp: str) -> str:
    """The signature of a message."""
    digest = hmac.new(key.encode(), f"{job}.{timestamp}".encode("utf-8", "replace"), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def callback_routes(callbacks: Callbacks) -> APIRouter:
    """``POST /kie/callback``."""
    router = APIRouter(tags=["callback"])

    async def kie_callback(
        request: Request,
        x_webhook_timestamp: Annotated[str, Header(max_length=40)] = "",
        x_webhook_signature: Annotated[str, Header(max_length=200)] = "",
    ) -> CallbackResponse:
        """A job of KIE has ended. Without a webhook key in the settings a message only brings the next look forward."""
        job = _job(await request.body())
        vidgen = await find_vidgen()
        key = vidgen.settings().providers.kie.webhook_secret.get_secret_value()
        if key:
            callbacks.check(key, job, x_webhook_timestamp, x_webhook_signature)
        # Unsigned messages wake a job once in a while; the same one again changes nothing.
        stamp = x_webhook_timestamp if key else str(int(time.time() // WINDOW))
        if callbacks.is_new(job, stamp):
            await run_in_threadpool(vidgen.worker.job_ended, ProviderId.KIE, job)
        return CallbackResponse(ok=True)

    router.post(
        "/kie/callback",
        responses=errors(400),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": {"type": "object", "properties": {"data": {"type": "object"}}}}
                },
            }
        },
    )(kie_callback)
    return router


def _job(body: bytes) -> str:
    """The job's id.

    :raises InputError: ``body_malformed``, ``callback_without_job``
    """
    try:
        message: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError("body_malformed") from None
    data = message.get("data") if isinstance(message, dict) else None
    inner = data if isinstance(data, dict) else {}
    job = inner.get("taskId") or inner.get("task_id")
    if not isinstance(job, str) or not 0 < len(job) <= _LONGEST_ID:
        raise InputError("callback_without_job")
    return job
