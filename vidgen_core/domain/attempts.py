"""Attempts: one paid request of a task, with what it costs.

Times are aware UTC datetimes, durations are seconds, sizes are pixels (width, height) or bytes.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import (
    ProviderId,
)
from vidgen_core.domain.tasks import Failure


class AttemptState(StrEnum):
    """How far one submission came; a line of the money ledger."""

    #: The picture is being made ready; nothing paid has left.
    PREPARING = "preparing"
    #: The intent is on disk; from here on the request may have left.
    SENDING = "sending"
    #: The remote id is known.
    ACCEPTED = "accepted"
    #: The request left and its answer was lost.
    UNKNOWN = "unknown"
    #: Surely not accepted; nothing is owed.
    REFUSED = "refused"
    #: The remote job ended with a video.
    SUCCEEDED = "succeeded"
    #: The remote job ended without a video.
    FAILED = "failed"
    #: We stopped waiting; the remote job may still end and is still taken in.
    ABANDONED = "abandoned"


class Attempt(Frozen):
    """One submission of a task with one key: a line of the money ledger."""

    id: int
    task_id: int
    #: From 1 within the task.
    number: int
    state: AttemptState
    provider: ProviderId
    model: str
    #: Fingerprint of the key, never the key.
    key_id: str | None = None
    #: What people may see of it, e.g. ``main ••x4KR``.
    key_label: str | None = None
    #: Where it was sent, so that it can be asked there again.
    base_url: str | None = None
    remote_id: str | None = None
    intent_at: datetime | None = None
    accepted_at: datetime | None = None
    #: When a person was last waited for; the longest wait counts from then on.
    waited_at: datetime | None = None
    #: When a yes to the price that it waited for was last said; it may be paid for since then.
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None
    #: What was sent: number and bytes of pictures, parameters as sent; no secrets.
    sent: dict[str, Any] = Field(default_factory=dict)
    cost: Money | None = None
    charge: ChargeStatus = ChargeStatus.NONE
    failure: Failure | None = None
    #: The last raw answer, secrets removed.
    evidence: str | None = None
    request_id: str | None = None
    #: Name of the agent that ordered it.
    agent: str | None = None
    #: Which of several workers carries it; None where there is only one.
    worker: str | None = None
    created_at: datetime
    #: The number of its last change.
    rev: int = Field(default=0, exclude=True)


class KeyUsage(Frozen):
    """What one key has done and how it is."""

    provider: ProviderId
    key_id: str
    name: str
    submitted: int = 0
    succeeded: int = 0
    failed: int = 0
    last_used_at: datetime | None = None
    cooling_until: datetime | None = None
    #: usable | rejected | exhausted
    health: str = "usable"
    spend: Money | None = None
