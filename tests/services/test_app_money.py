"""Prices and sums."""

from __future__ import annotations

from decimal import Decimal

import pytest

from vidgen_core.config.money_settings import PriceSettings
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.money import Price, built_in_prices, estimate, price_of, total
from vidgen_core.money.prices import own_prices

PARAMS = GenerationParams(aspect_ratio="9:16", size="1080P", duration=6)


def yuan(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="CNY")


def credit(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="credits")


def test_local_is_free_whatever_the_model() -> None:
    assert estimate(ProviderId("local"), "anything", PARAMS, 5) == yuan("0")


def test_an_estimate_is_for_all_takes() -> None:
    assert estimate(ProviderId("yunwu"), "grok-video-3", PARAMS, 3) == yuan("1.2")
    assert estimate(ProviderId("kie"), "veo3_fast", PARAMS, 2) == credit("130")


def test_a_model_nobody_has_a_price_for_has_no_estimate() -> None:
    assert estimate(ProviderId("yunwu"), "brand-new", PARAMS) is None


def test_an_own_price_wins_and_may_be_by_the_second() -> None:
    own = (
        Price(
            provider=ProviderId("yunwu"),
            model="grok-video-3",
            amount=Decimal("0.1"),
            currency="CNY",
            unit="second",
            source="own",
        ),
    )

    assert estimate(ProviderId("yunwu"), "grok-video-3", PARAMS, 2, own) == yuan("1.2")
    assert estimate(ProviderId("yunwu"), "grok-video-3", PARAMS.model_copy(update={"duration": None}), 2, own) is None


def test_own_prices_may_be_for_takes_with_or_without_sound() -> None:
    rows = [PriceSettings(provider="kie", model="x", amount=amount, sound=on) for amount, on in ((3, True), (2, False))]
    own = own_prices(rows)
    amounts = [
        estimate(ProviderId("kie"), "x", PARAMS.model_copy(update={"sound": sound}), own=own)
        for sound in (True, False, None)
    ]
    # Where it is left to the model, the dearer one counts.
    assert [one and one.amount for one in amounts] == [3, 2, 3]


def test_every_price_that_is_not_free_is_marked_as_assumed() -> None:
    assert all(price.assumed == bool(price.amount) for price in built_in_prices())
    assert price_of(ProviderId("kie"), "veo3", params=PARAMS) is not None


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ([yuan("0.4"), yuan("0.8")], yuan("1.2")),
        ([yuan("0"), credit("60")], credit("60")),
        ([yuan("0.4"), credit("60")], None),
        ([yuan("0.4"), None], None),
        ([], None),
    ],
)
def test_sums_are_said_only_when_they_are_known(amounts: list[Money | None], expected: Money | None) -> None:
    assert total(amounts) == expected
