"""A yes to the price that a provider wants confirmed: asked for, shown, said once and logged."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vidgen_core import money
from vidgen_core.errors import ErrorKind, Refused
from vidgen_core.models import Attempt, Charge, LogLevel, Money, Task, TaskStatus
from vidgen_core.providers.base import WAITING_FOR_CONFIRMATION, Key, Provider, RemoteJob
from vidgen_core.store import Tx

if TYPE_CHECKING:
    from vidgen_core.app.vidgen import Vidgen


def asked_price(app: Vidgen, task_id: int) -> Money | None:
    """What a waiting job would take, by its provider's latest word; None: it names no price. Free.

    :raises Refused: ``nothing_to_confirm`` (shot, take), ``key_missing`` (provider)
    :raises RemoteError: the provider cannot be asked
    """
    task = app.tasks.get(task_id)
    job, key = _waiting(app, task)
    return asyncio.run(_ask(app.fresh_provider(task.provider), job, key, task))


def confirm_price(app: Vidgen, task_id: int, price: Money | None) -> None:
    """Say yes to ``price``, and to no other; this costs it.

    The price is set aside before the yes leaves, and only if it fits under every limit.

    :raises Refused: as ``asked_price``, ``price_changed`` (shot, take), and why the budget does not allow it
    :raises RemoteError: the provider did not take the yes, or its answer was lost
    """
    task = app.tasks.get(task_id)
    job, key = _waiting(app, task)
    with app.store.write() as tx:
        before = _set_aside(tx, app, task, price)
    try:
        asyncio.run(_say_yes(app.fresh_provider(task.provider), job, key, task, price))
    except Refused:
        with app.store.write() as tx:
            tx.attempts.update(before.id, cost=before.cost, charge=before.charge)
        raise
    with app.store.write() as tx:
        amount = f"{price.amount} {price.currency}" if price else "?"
        tx.log.add(
            LogLevel.INFO, "price_confirmed", task_id=task.id, project_id=task.project_id, shot=task.shot, take=task.take,
            price=amount,
        )  # fmt: skip
    app.runner.wake()


def _set_aside(tx: Tx, app: Vidgen, task: Task, price: Money | None) -> Attempt:
    """Let the attempt hold the price it asks for; returns it as it was. What does not fit is undone by the error."""
    assert task.attempt_id is not None
    before, settings = tx.attempts.get(task.attempt_id), app.settings()
    if price is not None:
        tx.attempts.update(before.id, cost=None, charge=Charge.NONE)
    limits = money.standings(tx, settings, task.project_id, datetime.now(UTC))
    stop = money.verdict(limits, settings, task.project_id, task.provider, task.model, price)
    if stop is not None:
        raise Refused(stop.code, kind=ErrorKind.BALANCE, **stop.params)
    if price is not None:
        tx.attempts.update(before.id, cost=price, charge=Charge.ESTIMATED)
    return before


def _waiting(app: Vidgen, task: Task) -> tuple[RemoteJob, Key | None]:
    from vidgen_core.runner.context import job_of

    attempt = next((one for one in app.tasks.attempts(task.id) if one.id == task.attempt_id), None)
    waits = task.status is TaskStatus.PROCESSING and task.stage == WAITING_FOR_CONFIRMATION
    if not waits or attempt is None or attempt.remote_id is None:
        raise _nothing(task)
    keys = app.settings().providers.of(task.provider).keys
    sender = next((key for key in keys if key.fingerprint == attempt.key_id), None)
    if sender is None:
        raise Refused("key_missing", provider=task.provider.value)
    return job_of(task, attempt), Key(id=sender.fingerprint, label=sender.label, secret=sender.secret)


def _nothing(task: Task) -> Refused:
    return Refused("nothing_to_confirm", shot=task.shot, take=task.take)


async def _ask(provider: Provider, job: RemoteJob, key: Key | None, task: Task) -> Money | None:
    try:
        return await _price(provider, job, key, task)
    finally:
        await provider.close()


async def _price(provider: Provider, job: RemoteJob, key: Key | None, task: Task) -> Money | None:
    state = await provider.poll(job, key)
    if state.stage != WAITING_FOR_CONFIRMATION:
        raise _nothing(task)
    return state.confirmation


async def _say_yes(provider: Provider, job: RemoteJob, key: Key | None, task: Task, price: Money | None) -> None:
    try:
        if await _price(provider, job, key, task) != price:
            raise Refused("price_changed", shot=task.shot, take=task.take)
        if not await provider.confirm(job, key):
            raise _nothing(task)
    finally:
        await provider.close()
