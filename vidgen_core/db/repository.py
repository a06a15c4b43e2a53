"""What the repositories share."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeVar

from vidgen_core.db.transaction import Transaction
from vidgen_core.domain.money import Money
from vidgen_core.domain.tasks import Failure

T = TypeVar("T")

_EPOCH: Final = date(1970, 1, 1).toordinal()

#: Totals of text searches are counted up to here.
COUNTED_TO = 100_001


class Repository:
    """Base of the repositories: queries and changes of one kind of row inside a transaction."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx


def day_number(day: date) -> int:
    """A date as whole days since 1970."""
    return day.toordinal() - _EPOCH


def date_of(day: int) -> date:
    """The date of a number of days since 1970."""
    return date.fromordinal(day + _EPOCH)


def money(cost: Decimal | None, currency: str | None) -> Money | None:
    return None if cost is None or currency is None else Money(amount=cost, currency=currency)


def money_columns(cost: Money | None) -> dict[str, Any]:
    return {"cost": cost and cost.amount, "cost_currency": cost and cost.currency}


def failure_of(value: dict[str, Any] | None) -> Failure | None:
    return None if value is None else Failure.model_validate(value)


def failure_json(failure: Failure | None) -> dict[str, Any] | None:
    return None if failure is None else failure.model_dump(mode="json")


def search_text(*texts: str) -> str:
    """What is searched for words."""
    return "\n".join(texts).casefold()


def only(columns: dict[str, Any], allowed: frozenset[str]) -> dict[str, Any]:
    """``columns`` when each is allowed. Raises TypeError for any other: that is a bug."""
    unknown = columns.keys() - allowed
    if unknown:
        raise TypeError(f"not to be set here: {', '.join(sorted(unknown))}")
    return columns
