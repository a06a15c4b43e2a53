"""Prices: the estimated cost of a take before it is ordered.

Three tables are asked in this order: the user's own (``[[prices]]`` in the settings), the list a provider publishes
(fetched on request, kept in the store), the built-in one. The built-in table is dated and small. A price that nobody
published in a form we could check is marked *assumed*; a model that is in no table has no estimate, which is said as
*unknown*, never as zero.

Requests to language models cost by call, per million tokens, or both: the user's rows for ``writing`` in the price table
are asked first, then the prices among the settings of writing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final, Literal

from vidgen_core.config.money_settings import PriceSettings
from vidgen_core.config.schema import Settings
from vidgen_core.db import Tx
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import WRITING, BillableParty, ModelPrice, ProviderId, provider_ids, specs
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.money.rates import convert, rates_of

#: When the table was last reviewed.
PRICES_AS_OF: Final = date(2026, 11, 21)


#: By how much an amount is another one and not the same one rounded.
_ROUNDING: Final = Decimal("1.001")

Source = Literal["own", "list", "built_in"]
_ORDER: Final[tuple[Source, ...]] = ("own", "list", "built_in")


class Price(ModelPrice):
    """The price of a model per take, per second, or for text (``llm_price``)."""

    provider: BillableParty
    #: The user's own, the provider's published list, or the built-in table.
    source: Source = "built_in"
    as_of: date | None = PRICES_AS_OF

    def fits(self, provider: ProviderId, model: str, params: GenerationParams | None) -> bool:
        """Whether it applies to such a take; without parameters only a price for all takes does."""
        if self.provider is not provider or self.model not in (model, "*"):
            return False
        if params is None:
            return not self.size and self.seconds is None and self.sound is None
        same_size = not self.size or self.size.casefold() == params.size.casefold()
        sound = self.usual_sound if params.sound is None else params.sound
        same_sound = self.sound is None or sound in (None, self.sound)
        return same_size and same_sound and self.seconds in (None, self.seconds_of(params))

    def seconds_of(self, params: GenerationParams) -> float | None:
        """The length of such a take; None where nobody knows it."""
        return self.usual_seconds if params.duration is None else params.duration


def built_in_prices() -> tuple[Price, ...]:
    """The prices that the providers' specs name; all can be overruled by rows of the user's own."""
    return tuple(price for spec in specs() for price in _built_in(spec.id))


@cache
def _built_in(provider: ProviderId) -> tuple[Price, ...]:
    """Those of one provider: asked for each of thousands of rows, and made once."""
    return tuple(Price(provider=provider, **vars(price)) for price in provider.spec.prices)


def own_prices(rows: Iterable[PriceSettings]) -> tuple[Price, ...]:
    """The prices in the settings; what the user entered is not an assumption."""
    return tuple(Price(**row.model_dump(), assumed=False, source="own") for row in rows)


def price_of(
    provider: ProviderId, model: str, own: Sequence[Price] = (), params: GenerationParams | None = None
) -> Price | None:
    """The price of a model: the first of ``own`` that fits, then of the built-in table; None when unknown.

    Rows for a certain size, length or sound go before rows for any, and a named model before ``*``. Where it is left to
    the model whether there is sound, the dearer row counts.
    """
    for table in (own, _built_in(provider)):
        fitting = [price for price in table if price.fits(provider, model, params)]
        if fitting:
            return min(fitting, key=_vagueness)
    return None


def _vagueness(price: Price) -> tuple[int, bool, int, Decimal]:
    """Sort key: the user's prices first, then named models, then more conditions, then what costs more."""
    conditions = bool(price.size) + (price.seconds is not None) + (price.sound is not None)
    return _ORDER.index(price.source), price.model == "*", -conditions, -price.amount


def estimate(
    provider: ProviderId, model: str, params: GenerationParams, takes: int = 1, own: Sequence[Price] = ()
) -> Money | None:
    """The estimated cost of ``takes`` takes; None when the price, or the duration it depends on, is unknown."""
    price = price_of(provider, model, own, params)
    if price is None:
        return None
    if price.unit == "take":
        return Money(amount=price.amount * takes, currency=price.currency)
    seconds = price.seconds_of(params)
    if seconds is None:
        return None
    return Money(amount=price.amount * Decimal(str(seconds)) * takes, currency=price.currency)


def total(amounts: Iterable[Money | None]) -> Money | None:
    """The sum; None when an amount is unknown, currencies differ, or there are none."""
    known = list(amounts)
    if not known or any(amount is None for amount in known):
        return None
    moneys = [amount for amount in known if amount is not None]
    if len({money.currency for money in moneys if money.amount}) > 1:
        return None
    currency = next((money.currency for money in moneys if money.amount), moneys[0].currency)
    return Money(amount=sum((money.amount for money in moneys), Decimal(0)), currency=currency)


# --- published lists


_LIST: Final = "prices"


def prices_of(tx: Tx, settings: Settings) -> tuple[Price, ...]:
    """What ``price_of`` and ``estimate`` take as ``own``: the user's rows and the lists that were fetched."""
    tx.state.many([f"{_LIST}.{mode.value}" for mode in provider_ids()])
    return (*own_prices(settings.prices), *(price for mode in provider_ids() for price in listed(tx, mode)))


def listed(tx: Tx, mode: ProviderId, model: str | None = None) -> tuple[Price, ...]:
    """The list of a provider that was fetched last; empty without one.

    :param model: only its rows
    """
    kept = tx.state.get(f"{_LIST}.{mode.value}")
    if not kept:
        return ()
    day = datetime.fromisoformat(kept["at"]).date()
    return tuple(
        Price(provider=mode, **row, source="list", as_of=day)
        for row in kept["rows"]
        if model is None or row["model"] in (model, "*")
    )


def store_price_list(tx: Tx, mode: ProviderId, rows: Iterable[ModelPrice], at: datetime) -> None:
    """Store the prices that a provider publishes."""
    kept = [vars(row) | {"amount": f"{row.amount:f}"} for row in rows]
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


def risen_price(
    tx: Tx, settings: Settings, provider: ProviderId, model: str, params: GenerationParams, before: Money | None
) -> Money | None:
    """What one take costs now, where that is known and more than ``before`` by more than rounding.

    The built-in table is no news: it is as old as the program.
    """
    if before is None:
        return None
    table = (*own_prices(settings.prices), *listed(tx, provider, model))
    price = price_of(provider, model, table, params)
    now = estimate(provider, model, params, own=table) if price and price.source != "built_in" else None
    worth = now and convert(now, before.currency, rates_of(settings, provider))
    return now if worth is not None and worth.amount > before.amount * _ROUNDING else None


# --- language models


_MILLION: Final = Decimal(1_000_000)
#: Upper bound of the tokens of a picture; models that count tiles take some 1,100 for one of 768 pixels.
_PICTURE: Final = 2_000
#: Tokens of every message beside its text, and of the response format.
_FRAME: Final = 16
_FORM: Final = 1_000


class LlmPrice(Frozen):
    """The price of one request: the sum of its parts."""

    call: Decimal = Decimal(0)
    #: For a million input and a million output tokens.
    million_in: Decimal = Decimal(0)
    million_out: Decimal = Decimal(0)
    currency: str

    def of(self, tokens_in: int, tokens_out: int) -> Money:
        amount = self.call + (self.million_in * tokens_in + self.million_out * tokens_out) / _MILLION
        return Money(amount=amount, currency=self.currency)


def llm_price(settings: Settings) -> LlmPrice | None:
    """The price of the configured model; None when it is unknown or in more than one currency."""
    model = settings.writing.model
    rows = [row for row in settings.prices if row.provider == WRITING]
    for name in (model, "*"):
        found = [row for row in rows if row.model == name]
        if found:
            if len({row.currency for row in found}) > 1:
                return None
            # The first row of a kind counts, as everywhere in the table.
            parts = {row.unit: row.amount for row in reversed(found)}
            return LlmPrice(currency=found[0].currency, **parts)
    writing = settings.writing
    if not (writing.price_in or writing.price_out):
        return None
    return LlmPrice(million_in=writing.price_in, million_out=writing.price_out, currency=writing.currency)


def most_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """Upper bound of the tokens of a request: no tokenizer in use makes more than one of a byte of UTF-8."""
    return _FORM + sum(_FRAME + _most(message.get("content")) for message in messages)


def _most(content: Any) -> int:
    if isinstance(content, str):
        return len(content.encode())
    parts = content if isinstance(content, list) else []
    return sum(len(str(part["text"]).encode()) if part.get("type") == "text" else _PICTURE for part in parts)
