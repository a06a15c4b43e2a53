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


class Quote(Frozen):
    """What an order makes and costs."""

    id: int
    #: Who asked; None: no agent.
    agent: str | None
    project_id: int
    state: QuoteState
    shot_ids: tuple[int, ...]
    #: What is asked for beside the shots, as ``GenerateOptions`` has it.
    options: dict[str, Any] = Field(default_factory=dict)
    again: bool = True
    tasks: int
    #: None: unknown.
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
