"""What providers publish is read in the background, and its prices are known as soon as they are."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from doubles import wait_until
from runner_bench import Bench

from vidgen_core.domain.providers import ModelPrice, ProviderId
from vidgen_core.money import prices


def test_prices_count_while_a_long_list_of_forms_is_still_being_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgen_core.worker.background.model_lists.FIRST", 0.0)
    calls: list[int] = []

    async def refresh_models(_key: object) -> bool:
        calls.append(len(calls))
        if len(calls) > 1:
            await asyncio.Event().wait()
        return True

    async def price_list() -> tuple[ModelPrice, ...]:
        return (ModelPrice(model="scripted", amount=Decimal("0.6")),)

    monkeypatch.setattr(bench.provider, "refresh_models", refresh_models)
    monkeypatch.setattr(bench.provider, "price_list", price_list)
    bench.start()

    def listed() -> list[Decimal]:
        with bench.store.read() as tx:
            return [price.amount for price in prices.listed(tx, ProviderId("yunwu"))]

    wait_until(lambda: len(calls) == 2)
    assert listed() == [Decimal("0.6")]
