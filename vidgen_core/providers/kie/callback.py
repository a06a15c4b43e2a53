"""Read KIE's messages that a job has ended.

What signs them is written in KIE's guide *Webhook security*: ``X-Webhook-Signature`` is the base64 of HMAC-SHA256, keyed
with the webhook key, over the job's id, a full stop and ``X-Webhook-Timestamp`` (Unix seconds).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from vidgen_core.domain.errors import ErrorKind, InputError, Refused
from vidgen_core.domain.provider_settings import ProviderSettings
from vidgen_core.providers.base import CallbackMessage
from vidgen_core.providers.http.cleaning import clean_text, identifier
from vidgen_core.providers.kie.spec import KieSettings

#: Seconds that the sender's clock may differ from ours.
WINDOW: Final = 300.0
_LONGEST_ID: Final = 200


def read_callback(section: ProviderSettings, headers: Mapping[str, str], body: bytes, now: float) -> CallbackMessage:
    """Read a message; without a webhook key in the settings it is not proven, and counts once in a while.

    :raises InputError: ``body_malformed``, ``callback_without_job``
    :raises Refused: ``callback_forged``, ``callback_late``
    """
    job = _job(body)
    assert isinstance(section, KieSettings)
    key = section.webhook_secret.get_secret_value()
    timestamp = headers.get("x-webhook-timestamp", "")
    if key:
        check(key, job, timestamp, headers.get("x-webhook-signature", ""), now)
    stamp = timestamp if key else str(int(now // WINDOW))
    return CallbackMessage(job=job, name=f"{stamp}.{job}")


def check(key: str, job: str, timestamp: str, signature: str, now: float) -> None:
    """:raises Refused: ``callback_forged``, ``callback_late``"""
    if not hmac.compare_digest(sign(key, job, timestamp).encode(), signature.strip().encode("utf-8", "replace")):
        raise Refused("callback_forged", kind=ErrorKind.AUTH)
    # Signed by somebody who knows the key, so it is a number unless they erred.
    if not re.fullmatch("[0-9]{1,15}", timestamp) or abs(now - int(timestamp)) > WINDOW:
        raise Refused("callback_late", kind=ErrorKind.AUTH)


def sign(key: str, job: str, timestamp: str) -> str:
    """The signature of a message."""
    digest = hmac.new(key.encode(), f"{job}.{timestamp}".encode("utf-8", "replace"), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _job(body: bytes) -> str:
    try:
        message: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError("body_malformed") from None
    data = message.get("data") if isinstance(message, dict) else None
    inner = data if isinstance(data, dict) else {}
    job = inner.get("taskId") or inner.get("task_id")
    if not isinstance(job, str) or len(job) > _LONGEST_ID or identifier(clean_text(job)) != job:
        raise InputError("callback_without_job")
    return job
