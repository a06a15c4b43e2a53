"""Money: the preflight of a batch, sums of the ledger, limits and balances."""

from __future__ import annotations

from collections.abc import Callable

from vidgen_core.i18n import Text
from vidgen_core.services.billing.budget import BudgetView
from vidgen_core.services.generation.preflight import Estimate, Preflight, PreflightProblem, problem_line
from vidgen_core.services.schemas.base import Amount, Cost, Day, Moment, ResponseModel
from vidgen_core.services.schemas.tasks import ProblemResponse


class OrderedResponse(ResponseModel):
    """What a call has ordered."""

    count: int
    cost: Cost | None
    """Null: unknown."""
    worst: Cost | None
    """The same when every automatic retry is needed and paid."""

    @classmethod
    def of(cls, estimate: Estimate) -> OrderedResponse:
        return cls(
            count=estimate.tasks,
            cost=Cost.of(estimate.money, estimated=True),
            worst=Cost.of(estimate.worst, estimated=True),
        )


class Limit(ResponseModel):
    """State of one limit, in the currency of the budget."""

    scope: str
    """all, day or project."""
    limit: Amount
    spent: Amount
    """Spent, set aside and perhaps owed."""
    left: float
    percent: int


class LowBalance(ResponseModel):
    """A key of which little is left."""

    provider: str
    key: str
    left: Amount


class BudgetResponse(ResponseModel):
    """Every limit that concerns a project."""

    limits: list[Limit]
    held: str | None
    """Why nothing of this project is submitted."""
    message: str | None
    low: list[LowBalance]

    @classmethod
    def of(cls, found: BudgetView, t: Text) -> BudgetResponse:
        hold = found.hold
        return cls.filled(
            found,
            limits=found.standings,
            held=hold and str(hold["code"]),
            message=hold and t.error("balance", str(hold["code"]), hold["params"]),
            low=[
                LowBalance(provider=one.provider, key=one.key_label, left=Amount.model_validate(one.money))
                for one in found.low
            ],
        )


class BalanceResponse(ResponseModel):
    """What a batch would leave of the balance that was read last."""

    provider: str
    at: Moment
    left: Amount
    after: Amount


class PreflightResponse(ResponseModel):
    """What is known of a batch before it is paid for."""

    tasks: int
    shots: int
    asks: bool
    low: Amount | None
    """In the currency of the budget, when all succeed at once; None: a price or a rate is missing."""
    high: Amount | None
    """When every retry is needed and paid."""
    costs: dict[str, list[Amount]]
    """By provider, in its own currency."""
    seconds: float | None
    balances: list[BalanceResponse]
    limits: list[Limit]
    problems: list[ProblemResponse]

    @classmethod
    def of(
        cls, sheet: Preflight, t: Text, sentence: Callable[[Text, PreflightProblem], str] = problem_line
    ) -> PreflightResponse:
        """:param sentence: describes one problem"""
        problems = [ProblemResponse.of(one, sentence(t, one)) for one in sheet.problems]
        return cls.filled(sheet, limits=sheet.standings, problems=problems)


class SpendResponse(ResponseModel):
    """One sum of the ledger, in the provider's currency."""

    day: Day
    project: str
    provider: str
    key: str
    currency: str | None
    """None: no price was known."""
    attempts: int
    estimated: float
    charged: float
    refunded: float
    unknown: float
    owed: Amount | None
    """Estimated, charged and unknown together."""
    worth: Amount | None
    """The same converted into the currency of the budget."""


class DifferenceResponse(ResponseModel):
    """What a batch took from an account, beside what the ledger holds."""

    provider: str
    keys: list[str]
    since: Moment
    until: Moment
    before: Amount
    after: Amount
    gone: Amount
    ledger: Amount
    difference: Amount
    """Above zero: more is gone than the ledger knows of."""


class SpendPage(ResponseModel):
    """The ledger's sums and what balances say to them."""

    spend: list[SpendResponse]
    batches: list[DifferenceResponse]
