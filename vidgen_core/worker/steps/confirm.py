"""Confirm the price that a job waits for: within the budget, in the ledger and on disk before the confirmation leaves.

A person confirms it (``services.generation.price_confirmation``); within the provider's own limit the worker does, once an
attempt. A confirmation costs money as a submit does, so it is treated as one: what surely was not taken is undone, and what
may have been taken stays written down and is not confirmed again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vidgen_core import money
from vidgen_core.config.schema import Settings
from vidgen_core.db import JournalState, Tx
from vidgen_core.domain.attempts import Attempt
from vidgen_core.domain.errors import Delivery, ErrorKind, FileError, Refused, RemoteError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.providers.base import WAITING_FOR_CONFIRMATION, RemoteState
from vidgen_core.worker import database_age
from vidgen_core.worker.context import ActiveTask, Context, job_of
from vidgen_core.worker.steps.submit import pause_for_journal, write_order
from vidgen_core.worker.transition import log

#: What a confirmation changes of an attempt.
_OWN = ("cost", "charge", "confirmed_at")


@dataclass
class LeftToPerson:
    """Whether the log says that the budget leaves the price to a person."""

    logged: bool = False


def agree(
    tx: Tx, attempt: Attempt, price: Money | None, settings: Settings, now: datetime, journal: JournalState
) -> tuple[Attempt, int]:
    """As ``set_aside``, for a confirmation that leaves now: a paid act with a generation of its own, returned as well.

    :raises Refused: as ``set_aside``, and why nothing paid is sent from this database
    """
    doubt = database_age.doubt(tx, journal)
    if doubt is not None:
        raise Refused(doubt.code, **doubt.params)
    return set_aside(tx, attempt, price, settings, now), database_age.next_generation(tx)


def set_aside(tx: Tx, attempt: Attempt, price: Money | None, settings: Settings, now: datetime) -> Attempt:
    """Let an attempt hold the price it asks for, and note the confirmation; returns the attempt as it is then.

    The price takes the place of the estimate; what was confirmed earlier stays in the ledger beside it.
    An error undoes what was begun only with the caller's transaction.

    :param attempt: as the caller has seen it: of two who confirm the same price, the first wins
    :raises Refused: ``nothing_to_confirm`` (shot, take), and with kind *balance* why the budget does not allow it
    """
    task, before = tx.tasks.get(attempt.task_id), tx.attempts.get(attempt.id)
    waits = task.status is TaskStatus.PROCESSING and task.attempt_id == before.id and not task.cancel_requested
    if not waits or before.confirmed_at != attempt.confirmed_at:
        raise Refused("nothing_to_confirm", shot=task.shot, take=task.take)
    again = before.confirmed_at is not None
    if price is not None and not again:
        tx.attempts.update(before.id, cost=None, charge=ChargeStatus.NONE)
    limits = money.limit_statuses(tx, settings, task.project_id, now)
    stop = money.check_budget(limits, settings, task.project_id, task.provider, task.model, price)
    if stop is not None:
        raise Refused(stop.code, kind=ErrorKind.BALANCE, **stop.params)
    changes: dict[str, Any] = {"confirmed_at": now}
    if price is not None:
        changes |= {"cost": _sum(before.cost, price) if again else price, "charge": ChargeStatus.ESTIMATED}
    tx.attempts.update(before.id, **changes)
    return tx.attempts.get(before.id)


def _sum(earlier: Money | None, price: Money) -> Money:
    """Both together; an earlier confirmation of no named price left an estimate, which may be in another currency."""
    if earlier is None or earlier.currency != price.currency:
        return price
    return Money(amount=earlier.amount + price.amount, currency=price.currency)


def take_back(tx: Tx, before: Attempt, after: Attempt) -> Attempt:
    """Undo a confirmation that surely was not taken, unless the ledger has learnt more since; returns what stands."""
    stands = tx.attempts.get(after.id)
    if _own(stands) == _own(after):
        tx.attempts.update(after.id, **_own(before))
    return tx.attempts.get(after.id)


def log_confirmed(tx: Tx, task: Task, price: Money | None) -> None:
    amount = f"{price.amount} {price.currency}" if price else "?"
    log(tx, LogLevel.INFO, "price_confirmed", task, price=amount)


async def answer(active: ActiveTask, ctx: Context, state: RemoteState) -> RemoteState:
    """Take note of a confirmation by another process, and confirm a price within the provider's own limit.

    :raises RemoteError: the confirmation was not taken, or its answer was lost
    """
    if active.task.stage == WAITING_FOR_CONFIRMATION:
        attempt = active.sent
        # A person may have confirmed it, in another process.
        _keep(active, ctx.read(lambda tx: tx.attempts.get(attempt.id)))
    price = state.confirmation if state.stage == WAITING_FOR_CONFIRMATION else None
    if price is None or not _may_confirm(active, ctx, price):
        return state
    request = active.request = asyncio.ensure_future(_agree_and_confirm(active, ctx, price))
    if not await asyncio.shield(request):
        return state
    return state.model_copy(update={"stage": "confirmed", "confirmation": None})


def _may_confirm(active: ActiveTask, ctx: Context, price: Money) -> bool:
    """Whether the worker may confirm without a person: within the provider's own limit, and once an attempt."""
    provider, attempt = ctx.provider(active), active.attempt
    limit = provider.confirms_up_to
    if limit is None or attempt is None or attempt.confirmed_at is not None or ctx.is_unwanted(active):
        return False
    return price.currency == provider.currency and 0 < price.amount <= limit


async def _agree_and_confirm(active: ActiveTask, ctx: Context, price: Money) -> bool:
    """Write the confirmation down and send it, as one thing that a stop does not interrupt; False: it was not sent."""
    before, settings = active.sent, ctx.settings()
    active.left = False
    try:
        try:
            journal = await asyncio.to_thread(ctx.journal.read)
        except FileError:
            pause_for_journal(active, ctx)
            return False
        after, number = await ctx.writer.do(lambda tx: agree(tx, before, price, settings, ctx.clock(), journal))
        _keep(active, after)
        taken = await _confirm(active, ctx, before, after, number)
    except Refused as error:
        _log_once(active, ctx, price, error)
        return False
    finally:
        active.request = None
    if taken:
        task = active.task
        ctx.writer.post(lambda tx: log_confirmed(tx, task, price))
    return taken


async def _confirm(active: ActiveTask, ctx: Context, before: Attempt, after: Attempt, number: int) -> bool:
    try:
        await write_order(active, ctx, number)
    except FileError:
        _keep(active, await ctx.writer.do(lambda tx: take_back(tx, before, after)))
        pause_for_journal(active, ctx)
        return False
    if ctx.is_unwanted(active):
        _keep(active, await ctx.writer.do(lambda tx: take_back(tx, before, after)))
        return False
    active.left = True
    try:
        taken = await ctx.provider(active).confirm(job_of(active.task, after), ctx.key(active))
    except RemoteError as error:
        if error.delivery is not Delivery.UNKNOWN:
            _keep(active, await ctx.writer.do(lambda tx: take_back(tx, before, after)))
        raise
    if not taken:
        _keep(active, await ctx.writer.do(lambda tx: take_back(tx, before, after)))
    return taken


def _log_once(active: ActiveTask, ctx: Context, price: Money, error: Refused) -> None:
    """Why the budget leaves a price within the limit to a person."""
    left = active.own(LeftToPerson)
    if error.kind is not ErrorKind.BALANCE or left.logged:
        return
    left.logged, task = True, active.task
    amount = price.model_dump(mode="json")
    ctx.writer.post(
        lambda tx: log(tx, LogLevel.WARNING, "price_left", task, price=amount, cause=error.code, detail=error.params)
    )


def _keep(active: ActiveTask, stands: Attempt) -> None:
    active.attempt = active.sent.model_copy(update=_own(stands))


def _own(attempt: Attempt) -> dict[str, Any]:
    return {name: getattr(attempt, name) for name in _OWN}
