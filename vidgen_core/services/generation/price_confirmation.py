"""A yes to the price that a provider wants confirmed: asked for, shown, said once and logged."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from vidgen_core.db import Journal
from vidgen_core.domain.attempts import Attempt
from vidgen_core.domain.errors import Delivery, FileError, Refused, RemoteError
from vidgen_core.domain.money import Money
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.providers.base import WAITING_FOR_CONFIRMATION, Key, Provider, RemoteJob
from vidgen_core.worker.context import job_of
from vidgen_core.worker.steps import confirm

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext


def asked_price(ctx: ServiceContext, task_id: int) -> Money | None:
    """What a waiting job would take, by its provider's latest word; None: it names no price. Free.

    :raises Refused: ``nothing_to_confirm`` (shot, take), ``key_missing`` (provider)
    :raises RemoteError: the provider cannot be asked
    """
    task, attempt, key = _waiting(ctx, task_id)
    return asyncio.run(_ask(ctx.fresh_provider(task.provider), job_of(task, attempt), key, task))


def confirm_price(ctx: ServiceContext, task_id: int, price: Money | None) -> None:
    """Say yes to ``price``, and to no other; this costs it.

    The price is set aside before the yes leaves, and only if it fits under every limit.

    :raises Refused: as ``asked_price``, ``price_changed`` (shot, take), why the budget does not allow it, and why nothing
        paid is sent from this database
    :raises FileError: the journal cannot be read or written
    :raises RemoteError: the provider cannot be asked, did not take the yes, or its answer was lost
    """
    task, attempt, key = _waiting(ctx, task_id)
    job = job_of(task, attempt)
    if asked_price(ctx, task_id) != price:
        raise Refused("price_changed", shot=task.shot, take=task.take)
    journal = Journal(ctx.locations.journal)
    look = journal.read()
    with ctx.store.write() as tx:
        after, generation = confirm.agree(tx, attempt, price, ctx.settings(), tx.now(), look)
    try:
        journal.order(generation, task=task.id, attempt=attempt.id, provider=attempt.provider.value)
        if not asyncio.run(_say_yes(ctx.fresh_provider(task.provider), job, key)):
            raise _nothing(task)
    except (FileError, Refused, RemoteError) as error:
        if not isinstance(error, RemoteError) or error.delivery is not Delivery.UNKNOWN:
            with ctx.store.write() as tx:
                confirm.take_back(tx, attempt, after)
        raise
    with ctx.store.write() as tx:
        confirm.log_confirmed(tx, task, price)
    ctx.wake()


def _waiting(ctx: ServiceContext, task_id: int) -> tuple[Task, Attempt, Key]:
    with ctx.store.read() as tx:
        task = tx.tasks.get(task_id)
        attempt = next((one for one in tx.attempts.of_task(task_id) if one.id == task.attempt_id), None)
    waits = task.status is TaskStatus.PROCESSING and task.stage == WAITING_FOR_CONFIRMATION
    if not waits or attempt is None or attempt.remote_id is None:
        raise _nothing(task)
    keys = ctx.settings().providers.of(task.provider).keys
    sender = next((key for key in keys if key.fingerprint == attempt.key_id), None)
    if sender is None:
        raise Refused("key_missing", provider=task.provider.value)
    return task, attempt, Key.of(sender)


def _nothing(task: Task) -> Refused:
    return Refused("nothing_to_confirm", shot=task.shot, take=task.take)


async def _ask(provider: Provider, job: RemoteJob, key: Key | None, task: Task) -> Money | None:
    try:
        state = await provider.poll(job, key)
    finally:
        await provider.close()
    if state.stage != WAITING_FOR_CONFIRMATION:
        raise _nothing(task)
    return state.confirmation


async def _say_yes(provider: Provider, job: RemoteJob, key: Key | None) -> bool:
    try:
        return await provider.confirm(job, key)
    finally:
        await provider.close()
