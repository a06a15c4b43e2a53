"""Prices: what a take will probably cost, known before the click.

The built-in table is dated and small. A price that nobody published in a form we could check is marked
*assumed*; a model that is not in the table has no estimate, which is said as *unknown*, never as zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from vidgen_core.models import Frozen, GenerationParams, Mode, Money

#: The day the table was last gone through.
PRICES_AS_OF: Final = date(2026, 11, 21)

#: One KIE credit in US dollars, as measured by a public client in 2026-09.
KIE_CREDIT_USD: Final = Decimal("0.005")


class Price(Frozen):
    """What one model takes for one take, or for one second of it."""

    provider: Mode
    #: The model's id; ``*`` stands for every model of the provider.
    model: str
    amount: Decimal
    currency: str
    unit: Literal["take", "second"] = "take"
    #: True: our best knowledge, not confirmed by the provider in writing.
    assumed: bool = True


#: Sources: an assumption of ours for Yunwu; for KIE a flat charge that a public client measured (``veo-3-1``) and public
#: price lists of its users for the rest. All are editable, so all but the free one are marked assumed.
PRICES: Final[tuple[Price, ...]] = (
    Price(provider=Mode.LOCAL, model="*", amount=Decimal(0), currency="CNY", assumed=False),
    Price(provider=Mode.YUNWU, model="grok-video-3", amount=Decimal("0.4"), currency="CNY"),
    Price(provider=Mode.KIE, model="veo3_fast", amount=Decimal(60), currency="credits"),
    Price(provider=Mode.KIE, model="veo3", amount=Decimal(250), currency="credits"),
    Price(provider=Mode.KIE, model="veo-3-1", amount=Decimal(65), currency="credits"),
    Price(provider=Mode.KIE, model="grok-imagine/image-to-video", amount=Decimal(20), currency="credits"),
)


def price_of(provider: Mode, model: str, own: Mapping[str, Price] | None = None) -> Price | None:
    """The price of a model: the user's own (by ``provider/model``) over the built-in table; None when unknown."""
    mine = (own or {}).get(f"{provider}/{model}")
    if mine is not None:
        return mine
    return next((price for price in PRICES if price.provider == provider and price.model in (model, "*")), None)


def estimate(
    provider: Mode, model: str, params: GenerationParams, takes: int = 1, own: Mapping[str, Price] | None = None
) -> Money | None:
    """What ``takes`` takes will probably cost; None when the price, or the seconds it depends on, is unknown."""
    price = price_of(provider, model, own)
    if price is None:
        return None
    if price.unit == "take":
        return Money(amount=price.amount * takes, currency=price.currency)
    if params.duration is None:
        return None
    return Money(amount=price.amount * Decimal(str(params.duration)) * takes, currency=price.currency)


def total(amounts: Iterable[Money | None]) -> Money | None:
    """The sum; None when one amount is unknown, when currencies differ, or of nothing at all."""
    known = list(amounts)
    if not known or any(amount is None for amount in known):
        return None
    moneys = [amount for amount in known if amount is not None]
    if len({money.currency for money in moneys if money.amount}) > 1:
        return None
    currency = next((money.currency for money in moneys if money.amount), moneys[0].currency)
    return Money(amount=sum((money.amount for money in moneys), Decimal(0)), currency=currency)
