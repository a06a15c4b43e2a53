"""KIE's callbacks: when a job ends, its record is posted to the address in its order, signed where a key is set.

Only loopback addresses are called.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette

from vidgen_core.fake_provider.jobs import Job
from vidgen_core.fake_provider.state import Rehearsal

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
#: seconds, as documented
_TIMEOUT: Final = 15.0


def schedule_callback(app: Starlette, job: Job, record: Callable[[], dict[str, Any]]) -> None:
    """Call back when the job has ended; ``record`` returns its record at that time."""
    if urlsplit(job.order.callback).hostname not in _LOOPBACK or job.has("stuck"):
        return
    task = asyncio.create_task(_call(app.state.rehearsal, job, record))
    app.state.callbacks.add(task)
    task.add_done_callback(app.state.callbacks.discard)


async def _call(rehearsal: Rehearsal, job: Job, record: Callable[[], dict[str, Any]]) -> None:
    # The clock of the rehearsal may go slower than that of the event loop.
    while (left := job.ends - rehearsal.now()) > 0:  # noqa: ASYNC110 - the end is a moment of a clock
        await asyncio.sleep(left)
    body = payload(job, record())
    headers = sign(rehearsal.options.webhook_key, job.id, int(rehearsal.now()))
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT) as client:
            (await client.post(job.order.callback, json=body, headers=headers)).raise_for_status()
    except httpx.HTTPError:
        rehearsal.counters.callbacks_failed += 1
    else:
        rehearsal.counters.callbacks_sent += 1


def payload(job: Job, record: dict[str, Any]) -> dict[str, Any]:
    """The body of the callback, in the form of the interface of the job."""
    failed = job.failure is not None
    if job.order.interface == "jobs":
        message = "Playground task failed." if failed else "Playground task completed successfully."
        return {"code": 501 if failed else 200, "msg": message, "data": record}
    if failed:
        return {"code": record["errorCode"], "msg": record["errorMessage"], "data": {"taskId": job.id}}
    info = record.get("response") or {}
    data = {"taskId": job.id, "info": info, "fallbackFlag": False}
    return {"code": 200, "msg": "Veo3.1 video generated successfully.", "data": data}


def sign(key: str, task_id: str, timestamp: int) -> dict[str, str]:
    """The headers that prove the sender: base64(HMAC-SHA256(key, taskId + "." + timestamp)); none without a key."""
    if not key:
        return {}
    digest = hmac.new(key.encode(), f"{task_id}.{timestamp}".encode(), hashlib.sha256).digest()
    return {"X-Webhook-Timestamp": str(timestamp), "X-Webhook-Signature": base64.b64encode(digest).decode()}
