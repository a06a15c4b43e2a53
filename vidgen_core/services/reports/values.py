"""What figures are: frozen values, the same for the screen, the HTTP API, the command line and the list."""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Final

from pydantic import PlainSerializer

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import BillableParty, ProviderId

#: Money as everywhere in answers to programs: a number.
Amount = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]

_MICRO: Final = Decimal("0.000001")


class LedgerTotals(Frozen):
    """Money in one currency by what is known of it; credits are those of one provider."""

    currency: str
    provider: BillableParty | None = None
    """Whose credits; None where the currency says all."""
    charged: Amount = Decimal(0)
    """Named by the provider."""
    estimated: Amount = Decimal(0)
    """By the price list."""
    assumed: Amount = Decimal(0)
    """Taken to be charged although nobody said so."""
    unknown: Amount = Decimal(0)
    """May have been charged."""
    refunded: Amount = Decimal(0)
    """Given back; not owed."""
    owed: Amount = Decimal(0)
    """All but what was refunded."""


class SpendTotals(Frozen):
    """Money of some attempts."""

    lines: tuple[LedgerTotals, ...] = ()
    total: Amount | None = None
    """What is or may be owed in one currency; None where a rate is missing."""
    currency: str
    """Of the total."""
    converted: bool = False
    """The total was made with rates."""
    estimated: bool = False
    """Not all of it was named by the provider."""
    unpriced: int = 0
    """Attempts that cost an amount nobody knows: the total is the least."""

    @property
    def money(self) -> Money | None:
        return None if self.total is None else Money(amount=self.total, currency=self.currency)

    def each(self, n: int) -> Decimal | None:
        """The total divided by ``n``, to the millionth."""
        return (self.total / n).quantize(_MICRO, ROUND_HALF_EVEN) if self.total is not None and n else None


class Share(Frozen):
    """What one provider or model brought; ``writing`` stands for language models, whose attempts are questions."""

    provider: BillableParty
    model: str | None = None
    completed: int
    failed: int
    cancelled: int
    success_rate: float | None
    attempts: int
    chosen: int
    spend: SpendTotals
    cost_per_chosen: Amount | None
    """In the currency of ``spend``."""


class KeyShare(Frozen):
    """What went over one key; counted in attempts."""

    provider: BillableParty
    key: str
    """Its name with its last characters, never the key."""
    attempts: int
    succeeded: int
    failed: int
    refused: int
    success_rate: float | None
    spend: SpendTotals


class StageTimes(Frozen):
    """How long one stage took: half of all at most ``p50`` seconds, nine of ten at most ``p90``, to a tenth."""

    stage: str
    n: int
    p50: float | None
    p90: float | None


class ErrorCount(Frozen):
    """Errors of one kind."""

    kind: str
    tasks: int
    """Tasks that ended with it."""
    attempts: int
    """Attempts that met it, also those after which another one succeeded."""


class Day(Frozen):
    """One day on the clock of the studio's machine."""

    day: date
    completed: int = 0
    failed: int = 0
    chosen: int = 0
    spend: SpendTotals


class Hour(Frozen):
    """Takes finished in one hour."""

    at: datetime
    takes: int


class Suggestion(Frozen):
    """How many takes a shot needs until there is one to choose, from the shots that have a choice."""

    takes: int
    shots: int
    """Shots with a chosen take, whatever the period."""
    finished: int
    """Finished takes of those shots."""
    waiting: int
    """Shots with finished takes that nobody has judged yet; they do not count."""


class Drawing(Frozen):
    """Takes that were drawn until one passed its checks, beside those that were ordered at once."""

    shots: int
    """Shots whose drawing has ended."""
    draws: int
    """Takes ordered for them."""
    usual: int
    """Takes a shot that one click orders without drawing, by the settings."""
    draws_saved: int
    """Takes that would have been ordered in addition; below 0: more were drawn."""
    saved: Amount | None
    """What these would have cost at the mean price of a draw, in the currency of ``spend``; None where that is not known."""
    spend: SpendTotals
    chosen: int
    cost_per_chosen: Amount | None
    other_spend: SpendTotals
    """Of the takes that were not drawn."""
    other_cost_per_chosen: Amount | None


class Report(Frozen):
    """Everything about one period."""

    since: date | None
    until: date | None
    provider: ProviderId | None
    completed: int
    failed: int
    cancelled: int
    pictures: int
    """Reference pictures made; their money is in ``spend``, and they count nowhere else."""
    questions: int
    """Asked of language models; their money is in ``spend``, and they count nowhere else."""
    success_rate: float | None
    """Completed among completed and failed."""
    attempts: int
    stages: tuple[StageTimes, ...]
    takes_per_hour: float | None
    """Over the hours in which a take was finished."""
    hours: tuple[Hour, ...]
    """The last week of the period."""
    errors: tuple[ErrorCount, ...]
    spend: SpendTotals
    chosen: int
    acceptance_rate: float | None
    """Chosen takes among completed ones."""
    cost_per_chosen: Amount | None
    """Everything that is or may be owed, divided by the chosen takes; in the currency of ``spend``."""
    suggestion: Suggestion | None
    drawing: Drawing | None
    """None where nothing was drawn until it passed."""
    days: tuple[Day, ...]
    providers: tuple[Share, ...]
    models: tuple[Share, ...]
    keys: tuple[KeyShare, ...]

    @property
    def empty(self) -> bool:
        return not (self.attempts or self.completed or self.failed or self.cancelled or self.pictures or self.questions)
