"""A batch with known prices, faults and refunds: the ledger is right to the cent, and so are the balances around it."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from doubles import wait_until
from rehearsed import Home, rehearsed_home

from vidgen_core.config.paths import Locations
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ModelPrice, ProviderId
from vidgen_core.money import built_in_prices
from vidgen_core.providers.registry import open_provider
from vidgen_core.worker.background import billing_sync

#: What the rehearsal takes for one job of Yunwu, told in quota units: to the cent what the built-in price list says.
YUAN = next(price.amount for price in built_in_prices() if price.model == "grok-video-3")
#: And of KIE.
CREDITS = Decimal(60)
KEY = "sk-good-aaaa1111"
PROMPTS = ["pan left", "tilt up", "fall [[failed-parameter]]", "burn [[failed-no-refund]]"]


@pytest.fixture(autouse=True)
def quick_books(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(billing_sync, "EVERY", 0.3)
    monkeypatch.setattr(billing_sync, "REST", 0.3)


def sums(home: Home) -> dict[ChargeStatus, Decimal]:
    found: Counter[ChargeStatus] = Counter()
    with home.store.read() as tx:
        for line in tx.ledger.sums():
            assert line.money is not None
            found[line.charge] += line.money.amount
    return {charge: amount for charge, amount in found.items() if amount}


def test_yunwus_log_settles_the_ledger_to_the_cent(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(billing_sync, "GIVEN_BACK_WITHIN", billing_sync.timedelta(0))
    monkeypatch.setenv("VIDGEN_RUNNER__RETRY_ON_FAIL", "false")
    with rehearsed_home(locations, monkeypatch, {"keys": [KEY]}) as (home, _server):
        tasks = home.queue(ProviderId("yunwu"), PROMPTS)
        with home.running():
            home.finish(tasks)
            wait_until(lambda: ChargeStatus.ESTIMATED not in sums(home) and ChargeStatus.UNKNOWN not in sums(home))

            def after() -> bool:
                with home.store.read() as tx:
                    return [one.reason for one in tx.ledger.balances(ProviderId("yunwu"))] == ["before", "after"]

            wait_until(after)

        assert sums(home) == {ChargeStatus.CHARGED: 3 * YUAN, ChargeStatus.REFUNDED: YUAN}
        with home.store.read() as tx:
            before, left = tx.ledger.balances(ProviderId("yunwu"))
            [owed] = tx.ledger.between(ProviderId("yunwu"), before.key_id, before.at, left.at)
        assert before.money.amount - left.money.amount == owed.amount == 3 * YUAN
        told = {task.params.prompt: (task.cost, task.charge) for task in home.tasks(tasks)}
        assert told["pan left"] == (Money(amount=YUAN, currency="CNY"), ChargeStatus.CHARGED)
        assert told[PROMPTS[2]] == (None, ChargeStatus.NONE)
        assert told[PROMPTS[3]] == (Money(amount=YUAN, currency="CNY"), ChargeStatus.CHARGED)


def test_what_ended_days_ago_is_settled_while_the_log_still_names_it(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed_home(locations, monkeypatch, {"keys": [KEY]}) as (home, server):
        server.set_faults({"log-unknown": 1})
        [task] = home.queue(ProviderId("yunwu"), ["pan left"])
        with home.running():
            home.finish([task])
        assert sums(home) == {ChargeStatus.ESTIMATED: YUAN}
        with home.store.write() as tx:
            [attempt] = tx.attempts.of_task(task.id)
            tx.attempts.update(attempt.id, intent_at=datetime.now(UTC) - timedelta(days=5))

        server.set_faults({"log-unknown": 0})
        with home.running():
            wait_until(lambda: sums(home) == {ChargeStatus.CHARGED: YUAN})


def test_kies_own_figures_settle_the_ledger(locations: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDGEN_RUNNER__RETRY_ON_FAIL", "false")
    with rehearsed_home(locations, monkeypatch, {"keys": [KEY]}) as (home, _server):
        tasks = home.queue(ProviderId("kie"), PROMPTS)
        with home.store.write() as tx:
            for task in tasks:
                price = Money(amount=Decimal(50), currency="credits")
                tx.tasks.note(task.id, cost=price, model="happyhorse/image-to-video")
        with home.running():
            home.finish(tasks)

        assert sums(home)[ChargeStatus.CHARGED] == 3 * CREDITS
        assert sums(home)[ChargeStatus.REFUNDED] == Decimal(50)
        told = {task.params.prompt: (task.cost, task.charge) for task in home.tasks(tasks)}
        assert told[PROMPTS[3]] == (Money(amount=CREDITS, currency="credits"), ChargeStatus.CHARGED)


def test_a_log_that_cannot_be_read_leaves_estimates_as_estimates(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsed_home(locations, monkeypatch, {"keys": [KEY]}) as (home, server):
        server.set_faults({"log-unknown": 1, "balance-unknown": 1})
        tasks = home.queue(ProviderId("yunwu"), ["pan left"])
        with home.running():
            home.finish(tasks)

        assert sums(home) == {ChargeStatus.ESTIMATED: Decimal("0.4")}
        with home.store.read() as tx:
            assert tx.ledger.balances() == []


@pytest.mark.parametrize(
    ("fault", "known"),
    [(None, ["grok-video-3", "veo3.1-fast"]), ("prices-unknown", None), ("prices-html", None), ("prices-odd", [])],
)
def test_the_public_price_list_is_read_or_refused_whole(
    locations: Locations, monkeypatch: pytest.MonkeyPatch, fault: str | None, known: list[str] | None
) -> None:
    from vidgen_core.domain.errors import RemoteError

    with rehearsed_home(locations, monkeypatch) as (home, server):
        server.set_faults({fault: 1} if fault else {})

        async def ask() -> tuple[ModelPrice, ...] | None:
            provider = open_provider(ProviderId("yunwu"), home.settings_file.current, locations)
            try:
                return await provider.price_list()
            finally:
                await provider.close()

        if known is None:
            with pytest.raises(RemoteError):
                asyncio.run(ask())
            return
        found = asyncio.run(ask())
        assert found is not None
        assert set(known) <= {price.model for price in found}
        assert {(price.amount, price.currency) for price in found if price.model in known} <= {(YUAN, "CNY")}
        assert "gpt-4o-mini" not in {price.model for price in found}
