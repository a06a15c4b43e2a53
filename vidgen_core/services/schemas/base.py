"""What the schemas of all nouns share: the base class, money and times.

Ids are text. Times are UTC, ISO 8601.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Self, overload

from pydantic import BaseModel, BeforeValidator, ConfigDict

from vidgen_core.domain.money import Money


class ResponseModel(BaseModel):
    """Base class of everything that is answered; ``model_validate`` copies the attributes of a value, ids become text."""

    model_config = ConfigDict(from_attributes=True, coerce_numbers_to_str=True)

    @classmethod
    def filled(cls, value: object, **more: Any) -> Self:
        """Copies the attributes of a value that are called like its fields, but for those that ``more`` gives."""
        return cls(**{name: getattr(value, name) for name in cls.model_fields.keys() - more.keys()}, **more)


class Amount(ResponseModel):
    """Money of which the context says how certain it is."""

    amount: float
    currency: str


class Cost(ResponseModel):
    """Money; ``estimated`` unless the provider has named it."""

    amount: float
    currency: str
    estimated: bool

    @classmethod
    def of(cls, money: Money | None, *, estimated: bool) -> Cost | None:
        if money is None:
            return None
        return cls(amount=float(money.amount), currency=money.currency, estimated=estimated)


@overload
def iso(moment: datetime) -> str: ...
@overload
def iso(moment: None) -> None: ...
@overload
def iso(moment: datetime | None) -> str | None: ...
def iso(moment: datetime | None) -> str | None:
    """``2026-11-21T10:00:00Z``."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _as_text(value: object) -> object:
    return iso(value) if isinstance(value, datetime) else value.isoformat() if isinstance(value, date) else value


#: A time as ``iso`` writes it, and a day.
Moment = Annotated[str, BeforeValidator(_as_text)]
Day = Annotated[str | None, BeforeValidator(_as_text)]
