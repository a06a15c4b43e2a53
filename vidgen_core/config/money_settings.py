"""Settings of money: prices, rates, the budget, and from where on somebody is asked."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from vidgen_core.domain.providers import WRITING, BillableParty, PriceUnit, billable_party, provider_ids, specs
from vidgen_core.domain.setting_values import Filled, Section, wrong

#: What an amount may be in: ISO 4217, or a provider's own credits.
CURRENCY: Final = r"^([A-Z]{3}|credits)$"


class RateSettings(Section):
    """What one unit of another currency is worth."""

    of: str
    """A currency (three letters), or the provider whose credits are meant; writing for a language model."""
    worth: Decimal = Field(gt=0)
    """What one of it is worth in the currency of the budget."""
    as_of: date | None = None
    """The day on which you read it."""

    @field_validator("of")
    @classmethod
    def _must_be_money(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Z]{3}", name) and name not in credits_of():
            raise wrong("currency")
        return name


def credits_of() -> tuple[str, ...]:
    """Whose credits a rate may be for."""
    return (*(spec.name for spec in specs() if spec.has_credits), WRITING)


#: Units of language models; the others are those of takes.
WRITING_UNITS: Final[tuple[PriceUnit, ...]] = ("call", "million_in", "million_out")


class PriceSettings(Section):
    """The price of one model; the first row that fits a take counts, before every built-in price."""

    provider: BillableParty
    """Whose price it is: a provider; writing for a language model."""
    model: Filled
    """The model's name; * stands for every model of the provider."""
    amount: Decimal = Field(ge=0)
    """The price; 0: it is free."""
    currency: str = Field(default="CNY", pattern=CURRENCY)
    """The currency of the amount: three letters (ISO 4217), or credits."""
    unit: PriceUnit = Field(default="take", validate_default=True)
    """Whether the amount is for a whole take or for each second of it; of writing, for each call or for a million tokens
    that are sent (million_in) or come back (million_out), in rows of their own that are added up."""
    size: str = ""
    """Only for takes of this size; empty: of any."""
    seconds: float | None = Field(default=None, gt=0, le=600)
    """Only for takes of this length; left out: of any."""
    sound: bool | None = None
    """true: only for takes with sound; false: only for takes without; left out: for both."""
    as_of: date | None = None
    """The day on which you read it."""

    @field_validator("provider", mode="plain")
    @classmethod
    def _must_be_known(cls, name: Any) -> BillableParty:
        try:
            return billable_party(name)
        except ValueError:
            raise wrong("one_of", allowed=", ".join((*provider_ids(), WRITING))) from None

    @field_validator("unit")
    @classmethod
    def _must_fit_the_provider(cls, unit: PriceUnit, info: ValidationInfo) -> PriceUnit:
        if "provider" in info.data and (info.data["provider"] == WRITING) != (unit in WRITING_UNITS):
            raise wrong("unit_of_another")
        return unit


class BudgetSettings(Section):
    """How much may be spent."""

    limit: Decimal = Field(default=Decimal(0), ge=0, json_schema_extra={"step": 10.0})
    """Nothing is submitted that would bring the sum of all projects past this; 0: no limit."""
    per_day: Decimal = Field(default=Decimal(0), ge=0, json_schema_extra={"step": 10.0})
    """The same for one day of this machine's calendar; 0: no limit."""
    warn_at: int = Field(default=80, ge=1, le=100)
    """The percentage of a limit from which you are warned."""
    low_balance: Decimal = Field(default=Decimal(0), ge=0, json_schema_extra={"step": 10.0})
    """You are warned when the balance at a provider is below this, in the currency of the budget; 0: never."""
    canary: Literal["off", "ask", "auto"] = "off"
    """One shot first, before a large batch: off; ask: the rest waits until you start it; auto: the rest follows when it succeeded."""
    currency: str = Field(default="CNY", pattern=CURRENCY)
    """The currency of the limit and of sums: three letters (ISO 4217), or credits."""
    rates: tuple[RateSettings, ...] = ()
    """What other currencies are worth in that one; left out, a dated table for CNY, USD and measured credits counts."""

    @field_validator("rates")
    @classmethod
    def _must_be_one_each(cls, rates: tuple[RateSettings, ...]) -> tuple[RateSettings, ...]:
        if len({rate.of for rate in rates}) < len(rates):
            raise wrong("same_rate_twice")
        return rates


class GateSettings(Section):
    """When you are asked before something is paid for; what is free never asks."""

    ask_above: Decimal = Field(default=Decimal(5), ge=0)
    """Orders that will probably cost more than this are shown with count and price before they go; so are unknown prices."""
    currency: str = Field(default="CNY", pattern=CURRENCY)
    """The currency of that sum; other money is converted by the rates of the budget."""
    ask_above_tasks: int = Field(default=10, ge=0, le=100_000)
    """Paid orders of more tasks than this are shown, too, whatever they cost."""
