"""Agents: programs that work here under a name of their own, and the orders that they ask for.

An order begins as a *quote*, which names what it would make and cost. It is used once: either its tasks are queued, or it
waits for a person because it is above a limit of the agent.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import Field

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.money import Money


class Agent(Frozen):
    """A program with a token of its own. Its name is unique for ever, for the ledger knows it."""

    name: str
    #: ``viewer`` or ``maker``.
    role: str
    #: What it may order a day, and in all, without asking a person; 0: each paid order waits for a yes.
    per_day: Decimal
    in_all: Decimal
    #: Of both amounts.
    currency: str
    #: Projects that it may see; None: all, those to come included.
    projects: tuple[int, ...] | None = None
    created_at: datetime
    revoked_at: datetime | None = None


class QuoteState(StrEnum):
    """How far an order is."""

    #: Priced, and not ordered.
    QUOTED = "quoted"
    #: Ordered above a limit: a person says yes or no.
    WAITING = "waiting"
    #: Its tasks are queued.
    ORDERED = "ordered"
    DECLINED = "declined"


class QuoteKind(StrEnum):
    """What an order is for."""

    #: Takes of shots.
    VIDEOS = "videos"
    #: Reference pictures of shots.
    PICTURES = "pictures"
    #: The chosen takes of shots extended, enlarged or fetched in a higher resolution.
    FINISH = "finish"
    #: Prompts that a language model writes, takes that it looks at, a script that it splits: each question is paid.
    PROMPTS = "prompts"
    JUDGEMENTS = "judgements"
    SCRIPT = "script"


class Quote(Frozen):
    """What an order makes and costs."""

    id: int
    #: Who asked; None: no agent.
    agent: str | None
    project_id: int
    state: QuoteState
    kind: QuoteKind = QuoteKind.VIDEOS
    shot_ids: tuple[int, ...]
    #: What is asked for beside the shots: as ``GenerateOptions``, ``FinishOptions``, ``Wanted`` or ``ScriptText`` has it.
    options: dict[str, Any] = Field(default_factory=dict)
    again: bool = True
    #: Tasks, or questions to a language model; at most, where takes are made until one passes.
    tasks: int
    #: None: unknown. Where takes are made until one passes, the ceiling of the order.
    price: Money | None
    #: When every automatic retry is needed and paid.
    worst: Money | None
    #: What would be bought, so that a change of it is seen.
    digest: str
    #: Why it waits for a person (``agents.why.<code>``).
    reason: str = ""
    #: A person has said yes: the limits of the agent do not hold its tasks.
    approved: bool = False
    created_at: datetime
    #: From then on it can be neither ordered nor approved.
    expires_at: datetime

    @property
    def what(self) -> str:
        """What it is for, as ``agents.kind.<what>`` says it."""
        return "until" if self.options.get("until") else self.kind.value
