"""Read in the background what providers publish of their models and prices.

Providers say themselves what of it has become old; nothing of the queue waits for an answer, and none changes a task that
has been queued.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from vidgen_core import money
from vidgen_core.domain.providers import ModelPrice, ProviderId
from vidgen_core.worker.context import Context
from vidgen_core.worker.retries import log_failure

logger = logging.getLogger(__name__)

#: Seconds between two questions whether something has become old.
EVERY: Final = 300.0
#: Seconds after the start of the worker until the first.
FIRST: Final = 5.0
#: How often what came is stored at most, so that prices are known before a long list of forms is.
ROUNDS: Final = 2


@dataclass
class ModelLists:
    """When providers are asked next, and what is being asked now."""

    ctx: Context
    _next: float = field(default_factory=lambda: time.monotonic() + FIRST)
    _asking: dict[ProviderId, asyncio.Task[None]] = field(default_factory=dict)

    def check(self) -> None:
        """Ask what is due."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY
        for mode in self.ctx.keys:
            before = self._asking.get(mode)
            if before is None or before.done():
                self._asking[mode] = asyncio.create_task(self._read(mode), name=f"models of {mode}")

    async def stop(self) -> None:
        """Cancel what is being asked."""
        for asking in self._asking.values():
            asking.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def _read(self, mode: ProviderId) -> None:
        key, provider = next(iter(self.ctx.keys[mode].usable()), None), self.ctx.providers[mode]
        if key is None:
            return
        try:
            for _ in range(ROUNDS):
                if not await provider.refresh_models(key):
                    return
                if rows := await provider.price_list():
                    await self._store(mode, rows)
        except Exception as error:  # noqa: BLE001 - nothing may keep the queue from going on, least of all a list
            log_failure(logger, f"models of {mode}", error)

    async def _store(self, mode: ProviderId, rows: Sequence[ModelPrice]) -> None:
        await self.ctx.writer.do(lambda tx: money.store_price_list(tx, mode, rows, self.ctx.clock()))
