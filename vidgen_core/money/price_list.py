"""Prices of the user and the lists that providers publish."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Final

from vidgen_core.config.schema import Settings
from vidgen_core.db import Tx
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ModelPrice, ProviderId, provider_ids
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.money.prices import Price, estimate, own_prices, price_of

_LIST: Final = "prices"


def prices_of(tx: Tx, settings: Settings) -> tuple[Price, ...]:
    """What ``price_of`` and ``estimate`` take as ``own``: the user's rows and the lists that were fetched."""
    tx.state.many([f"{_LIST}.{mode.value}" for mode in provider_ids()])
    return (*own_prices(settings.prices), *(price for mode in provider_ids() for price in listed(tx, mode)))


def listed(tx: Tx, mode: ProviderId) -> tuple[Price, ...]:
    """The list of a provider that was fetched last; empty without one."""
    kept = tx.state.get(f"{_LIST}.{mode.value}")
    if not kept:
        return ()
    day = datetime.fromisoformat(kept["at"]).date()
    return tuple(Price(provider=mode, **row, source="list", as_of=day) for row in kept["rows"])


def store_price_list(tx: Tx, mode: ProviderId, rows: Iterable[ModelPrice], at: datetime) -> None:
    """Store the prices that a provider publishes."""
    kept = [asdict(row) | {"amount": f"{row.amount:f}"} for row in rows]
    tx.state.put(f"{_LIST}.{mode.value}", {"at": at.isoformat(), "rows": kept})


def cost_now(
    tx: Tx, settings: Settings, provider: ProviderId, model: str, params: GenerationParams, before: Money | None
) -> Money | None:
    """The estimated cost of one take that is submitted now.

    The user's own price goes before what the task was queued with, and that before the other tables.
    """
    own = own_prices(settings.prices)
    mine = price_of(provider, model, own, params)
    if mine is not None and mine.source == "own":
        return estimate(provider, model, params, own=own)
    return before if before is not None else estimate(provider, model, params, own=prices_of(tx, settings))
