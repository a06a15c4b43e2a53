"""A yes to the price that a job waits for: under the budget, in the ledger and on disk before it leaves.

A person says it from a door (``app.confirming``); within the provider's own limit the runner says it by itself, once an
attempt. A yes costs money as a submit does, so it is treated as one: what surely was not taken is taken back, and what
may have been taken stays written down and is not said again.
"""

from __future__ import annotations

import asyncio
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
from vidgen_core.worker import database_age, records
from vidgen_core.worker.context import ActiveTask, Context, job_of
from vidgen_core.worker.steps.submit import hold_for_journal, write_order

#: What a yes changes of an attempt.
_OWN = ("cost", "charge", "confirmed_at")


def agree(
    tx: Tx, attempt: Attempt, price: Money | None, settings: Settings, now: datetime, journal: JournalState
) -> tuple[Attempt, int]:
    """As ``set_aside``, for a yes that leaves now: it is a paid act with a generation of its own, returned as well.

    :raises Refused: as ``set_aside``, and why nothing paid is sent from this database
    """
    doubt = database_age.doubt(tx, journal)
    if doubt is not None:
        raise Refused(doubt.code, **doubt.params)
    return set_aside(tx, attempt, price, settings, now), records.next_generation(tx)


def set_aside(tx: Tx, attempt: Attempt, price: Money | None, settings: Settings, now: datetime) -> Attempt:
    """Let an attempt hold the price it asks for, and remember the yes; returns the attempt as it is then.

    The price takes the place of the estimate; what an earlier yes has agreed to stays in the ledger beside it.
    An error undoes what was begun only with the caller's transaction.

    :param attempt: as the caller has seen it: of two who say yes to the same question, the first wins
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
    """Both together; an earlier yes to no named price left an estimate, which may be in another currency."""
    if earlier is None or earlier.currency != price.currency:
        return price
    return Money(amount=earlier.amount + price.amount, currency=price.currency)


def take_back(tx: Tx, before: Attempt, after: Attempt) -> Attempt:
    """The yes surely was not taken: nothing of it stays, unless the ledger has learnt more since; returns what stands."""
    stands = tx.attempts.get(after.id)
    if _own(stands) == _own(after):
        tx.attempts.update(after.id, **_own(before))
    return tx.attempts.get(after.id)


def say_so(tx: Tx, task: Task, price: Money | None) -> None:
    """The log hears of a yes that was taken."""
    amount = f"{price.amount} {price.currency}" if price else "?"
    records.log(tx, LogLevel.INFO, "price_confirmed", task, price=amount)


async def answer(held: ActiveTask, ctx: Context, state: RemoteState) -> RemoteState:
    """Take note of a yes that was said meanwhile, and say one where a price lies within the provider's own limit.

    :raises RemoteError: the yes was not taken, or its answer was lost
    """
    attempt = held.attempt
    assert attempt is not None
    if held.task.stage == WAITING_FOR_CONFIRMATION:
        # A person may have said it, from another process.
        _keep(held, await ctx.read(lambda tx: tx.attempts.get(attempt.id)))
    price = state.confirmation if state.stage == WAITING_FOR_CONFIRMATION else None
    if price is None or not _may_say(held, ctx, price):
        return state
    request = held.request = asyncio.ensure_future(_say(held, ctx, price))
    if not await asyncio.shield(request):
        return state
    return state.model_copy(update={"stage": "confirmed", "confirmation": None})


def _may_say(held: ActiveTask, ctx: Context, price: Money) -> bool:
    """Whether the runner may say yes by itself: within the provider's own limit, and once an attempt."""
    provider, attempt = ctx.provider(held), held.attempt
    limit = provider.confirms_up_to
    if limit is None or attempt is None or attempt.confirmed_at is not None or ctx.is_unwanted(held):
        return False
    return price.currency == provider.currency and 0 < price.amount <= limit


async def _say(held: ActiveTask, ctx: Context, price: Money) -> bool:
    """Write the yes down and say it, as one thing that a stop does not tear apart; False: it was not said."""
    before, settings = held.attempt, ctx.settings()
    assert before is not None
    held.left = False
    try:
        try:
            look = await asyncio.to_thread(ctx.journal.read)
        except FileError:
            hold_for_journal(held, ctx)
            return False
        after, number = await ctx.writer.do(lambda tx: agree(tx, before, price, settings, ctx.clock(), look))
        _keep(held, after)
        taken = await _confirm(held, ctx, before, after, number)
    except Refused as error:
        _tell_once(held, ctx, price, error)
        return False
    finally:
        held.request = None
    if taken:
        task = held.task
        ctx.writer.post(lambda tx: say_so(tx, task, price))
    return taken


async def _confirm(held: ActiveTask, ctx: Context, before: Attempt, after: Attempt, number: int) -> bool:
    try:
        await write_order(held, ctx, number)
    except FileError:
        _keep(held, await ctx.writer.do(lambda tx: take_back(tx, before, after)))
        hold_for_journal(held, ctx)
        return False
    if ctx.is_unwanted(held):
        _keep(held, await ctx.writer.do(lambda tx: take_back(tx, before, after)))
        return False
    held.left = True
    try:
        taken = await ctx.provider(held).confirm(job_of(held.task, after), ctx.key(held))
    except RemoteError as error:
        if error.delivery is not Delivery.UNKNOWN:
            _keep(held, await ctx.writer.do(lambda tx: take_back(tx, before, after)))
        raise
    if not taken:
        _keep(held, await ctx.writer.do(lambda tx: take_back(tx, before, after)))
    return taken


def _tell_once(held: ActiveTask, ctx: Context, price: Money, error: Refused) -> None:
    """Why the budget leaves a price within the limit to a person."""
    if error.kind is not ErrorKind.BALANCE or held.price_left:
        return
    held.price_left, task = True, held.task
    amount = price.model_dump(mode="json")
    ctx.writer.post(
        lambda tx: records.log(
            tx, LogLevel.WARNING, "price_left", task, price=amount, cause=error.code, detail=error.params
        )
    )


def _keep(held: ActiveTask, stands: Attempt) -> None:
    assert held.attempt is not None
    held.attempt = held.attempt.model_copy(update=_own(stands))


def _own(attempt: Attempt) -> dict[str, Any]:
    return {name: getattr(attempt, name) for name in _OWN}
