"""Exchange rates: amounts in the currency of the user.

A rate is the worth of one unit in the user's currency. The user's own rates win over the built-in ones, which are
dated, rounded so that a budget errs on the safe side, and assumed. Whatever went through ``convert`` is a conversion
and is shown as one (``≈``), beside the amount as the provider has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from vidgen_core.config.schema import Settings
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import BillableParty, ProviderId

#: Yuan for one US dollar: an assumption of 21 November 2026, rounded up.
USD_CNY: Final = Decimal("7.2")
#: Smallest part of an amount that is kept, as in the store.
_MICRO: Final = Decimal("0.000001")
#: Name of the providers' own currency; its value differs between them.
CREDITS: Final = "credits"


def rates_of(settings: Settings, provider: BillableParty | None = None) -> dict[str, Decimal]:
    """The value of one unit of each known currency in the user's.

    :param provider: whose credits are meant; None: credits of nobody, which have no rate
    """
    own = {rate.of: rate.worth for rate in settings.budget.rates}
    home = settings.budget.currency
    rates = {name: worth for name, worth in own.items() if name.isupper()}
    rates[home] = Decimal(1)
    if home == "CNY":
        rates.setdefault("USD", USD_CNY)
    if "USD" in rates:
        rates.setdefault("CNY", rates["USD"] / USD_CNY)
    if home == CREDITS or provider is None:
        return rates
    if str(provider) in own:
        rates[CREDITS] = own[str(provider)]
    elif isinstance(provider, ProviderId) and provider.spec.credit_usd and "USD" in rates:
        rates[CREDITS] = rates["USD"] * provider.spec.credit_usd
    return rates


def convert(money: Money, currency: str, rates: Mapping[str, Decimal]) -> Money | None:
    """``money`` in another currency, to the millionth; None when a rate is missing.

    :param rates: the worth of one unit of each currency, all in one and the same currency (``rates_of``)
    """
    if money.currency == currency:
        return money
    if not money.amount:
        return Money(amount=Decimal(0), currency=currency)
    worth, target = rates.get(money.currency), rates.get(currency)
    if worth is None or not target:
        return None
    amount = (money.amount * worth / target).quantize(_MICRO, ROUND_HALF_EVEN)
    return Money(amount=amount, currency=currency)
