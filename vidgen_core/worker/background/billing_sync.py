"""Read balances and billed charges of providers in the background, and settle attempts by them.

Before the first submit of a batch and after its last job the balance of each key is written down, so that it can be
compared with the ledger. Where a provider keeps a log of charges, ended attempts are settled by it: what was counted by
our own prices becomes what was really taken, and what was given back stops to count.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from vidgen_core.db import Tx
from vidgen_core.domain.attempts import Attempt, AttemptState
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.money import convert, rates_of
from vidgen_core.providers.base import BilledJob, Key
from vidgen_core.worker.context import Context
from vidgen_core.worker.retries import log_failure
from vidgen_core.worker.transition import update_cost

logger = logging.getLogger(__name__)

#: Seconds between two requests for a provider's log while jobs are under way or not yet settled.
EVERY: Final = 60.0
#: Seconds that the first submit of a batch waits for the balance before it.
PATIENCE: Final = 3.0
#: Seconds after a batch until its money has come to rest on the other side and the balance is read.
REST: Final = 2.0
#: How long after a failure its money may still come back before it counts as taken.
GIVEN_BACK_WITHIN: Final = timedelta(minutes=10)
#: The longest pause, in seconds, when nothing is settled.
LONGEST: Final = 3600.0
#: How far back charges are asked for. A month's bill is paid by then, and no log that we know of reaches further.
BACK: Final = timedelta(days=30)


@dataclass
class BillingSync:
    """When each provider was last asked, and what is being asked now."""

    ctx: Context
    #: Called when an answer has come: a batch may have waited for it.
    wake: Callable[[], None]
    #: Providers with a batch under way whose balance before it was read.
    open: set[ProviderId] = field(default_factory=set)
    #: When a batch that waits for its balance began to, and when one that has ended is to be closed (monotonic).
    _since: dict[ProviderId, float] = field(default_factory=dict)
    _closing: dict[ProviderId, float] = field(default_factory=dict)
    #: When a provider's log is read next (monotonic), and the pause after that.
    _next: dict[ProviderId, float] = field(default_factory=dict)
    _pause: dict[ProviderId, float] = field(default_factory=dict)
    _asking: dict[ProviderId, asyncio.Task[None]] = field(default_factory=dict)

    def ready(self, mode: ProviderId) -> bool:
        """Whether a batch of ``mode`` may begin: its balance is known, or does not come."""
        if mode in self.open or mode not in self.ctx.keys:
            return True
        if mode not in self._since:
            self._since[mode] = time.monotonic()
            self._ask(mode, "before")
            return False
        asking = self._asking.get(mode)
        if asking is not None and not asking.done() and time.monotonic() - self._since[mode] < PATIENCE:
            return False
        del self._since[mode]
        self._closing.pop(mode, None)
        self.open.add(mode)
        return True

    def check(self, busy: Collection[ProviderId]) -> None:
        """Go on with what is due; ``busy``: providers with tasks queued or under way."""
        now = time.monotonic()
        for mode in self.ctx.keys:
            if mode in busy:
                self._closing.pop(mode, None)
            elif mode in self.open and now >= self._closing.setdefault(mode, now + REST):
                del self._closing[mode]
                self.open.discard(mode)
                self._ask(mode, "after")
            if now >= self._next.setdefault(mode, now + EVERY) and self.ctx.settings().providers.of(mode).keys:
                self._next[mode] = now + self._pause.get(mode, EVERY)
                self._ask(mode, None)

    async def stop(self) -> None:
        """Cancel what is being asked."""
        for asking in self._asking.values():
            asking.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    def _ask(self, mode: ProviderId, reason: str | None) -> None:
        before = self._asking.get(mode)
        if before is None or before.done():
            self._asking[mode] = asyncio.create_task(self._round(mode, reason), name=f"billing {mode}")
            self._asking[mode].add_done_callback(lambda _: self.wake())

    async def _round(self, mode: ProviderId, reason: str | None) -> None:
        changed = 0
        for key in self.ctx.keys[mode].usable():
            try:
                if reason != "before":
                    changed += await self._settle(mode, key)
                if reason is not None:
                    await self._read_balance(mode, key, reason)
            except Exception as error:  # noqa: BLE001 - nothing may keep the queue from going on, least of all the balance
                log_failure(logger, f"billing of {mode}", error)
        self._pause[mode] = EVERY if changed or mode in self.open else min(LONGEST, 2 * self._pause.get(mode, EVERY))

    async def _read_balance(self, mode: ProviderId, key: Key, reason: str) -> None:
        at = self.ctx.clock()
        left = await self.ctx.providers[mode].balance(key)
        if left is not None:
            settings = self.ctx.settings()
            await self.ctx.writer.do(lambda tx: _keep(tx, mode, key, left, reason, at))
            worth = convert(left, settings.budget.currency, rates_of(settings, mode))
            if worth is not None and worth.amount < settings.budget.low_balance:
                await self.ctx.writer.do(lambda tx: _log_low(tx, mode, key, left))

    async def _settle(self, mode: ProviderId, key: Key) -> int:
        since = self.ctx.clock() - BACK
        waiting = self.ctx.read(lambda tx: tx.attempts.unsettled(mode, key.id, since))
        if not waiting:
            return 0
        said = await self.ctx.providers[mode].charges(min(one.intent_at or one.created_at for one in waiting), key)
        billed_jobs = {one.remote_id: one for one in said or ()}
        return await self.ctx.writer.do(lambda tx: settle(tx, waiting, billed_jobs, self.ctx.clock()))


def settle(tx: Tx, waiting: list[Attempt], billed_jobs: dict[str, BilledJob], now: datetime) -> int:
    """Write down what the provider's log says of ended attempts; returns how many have changed."""
    changed = 0
    for attempt in waiting:
        line = billed_jobs.get(attempt.remote_id or "")
        if line is None:
            continue
        cost, charge = billed(attempt, line, now)
        if (cost, charge) != (attempt.cost, attempt.charge):
            tx.attempts.update(attempt.id, cost=cost, charge=charge)
            update_cost(tx, attempt.task_id)
            changed += 1
    return changed


def billed(attempt: Attempt, line: BilledJob, now: datetime) -> tuple[Money | None, ChargeStatus]:
    """What an attempt has cost by the provider's log; a refund keeps the amount that was given back."""
    if line.kept.amount <= 0:
        return (line.taken if line.taken.amount else attempt.cost), ChargeStatus.REFUNDED
    failed = attempt.state is not AttemptState.SUCCEEDED
    if failed and attempt.ended_at is not None and now - attempt.ended_at < GIVEN_BACK_WITHIN:
        return line.kept, ChargeStatus.UNKNOWN
    return line.kept, ChargeStatus.CHARGED


def _keep(tx: Tx, mode: ProviderId, key: Key, left: Money, reason: str, at: datetime) -> None:
    tx.ledger.keep_balance(mode, key.id, key.label, left, reason, at)


def _log_low(tx: Tx, mode: ProviderId, key: Key, left: Money) -> None:
    tx.log.add(LogLevel.WARNING, "balance_low", provider=mode.value, key=key.label, left=left.model_dump(mode="json"))
