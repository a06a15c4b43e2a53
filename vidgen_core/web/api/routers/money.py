"""Money: the sheet before a batch, the ledger's sums, balances, limits and prices."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.i18n import Text
from vidgen_core.money import Price
from vidgen_core.services.billing.budget import BalanceDifference, BudgetView, SpendLine
from vidgen_core.services.exports.task_shape import iso
from vidgen_core.services.generation.preflight import Preflight, problem_line
from vidgen_core.web.api.common import DEFAULT, App, ProjectName, Words, errors, project_of
from vidgen_core.web.api.routers.tasks import again_of, meant, options_of
from vidgen_core.web.api.schemas.base import Name, RequestModel, ResponseModel
from vidgen_core.web.api.schemas.tasks import GenerateRequest

router = APIRouter(tags=["money"])


class Amount(ResponseModel):
    """An amount whose certainty is said by where it stands."""

    amount: float
    currency: str

    @classmethod
    def of(cls, money: Money) -> Amount:
        return cls(amount=float(money.amount), currency=money.currency)

    @classmethod
    def perhaps(cls, money: Money | None) -> Amount | None:
        return None if money is None else cls.of(money)


class Limit(ResponseModel):
    """How one limit stands, in the currency of the budget."""

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
        return cls(
            limits=_limits(found),
            held=hold and str(hold["code"]),
            message=hold and t.error("balance", str(hold["code"]), hold["params"]),
            low=[LowBalance(provider=one.provider, key=one.key_label, left=Amount.of(one.money)) for one in found.low],
        )


class LimitRequest(RequestModel):
    """A project's own limit in the currency of the budget; 0: none."""

    project: Name = "default"
    limit: Annotated[float, Field(ge=0, le=10**9, strict=True, allow_inf_nan=False)]


class GoOnRequest(RequestModel):
    """Which project."""

    project: Name = "default"


class ProblemResponse(ResponseModel):
    """Something that stands against a part of a batch."""

    code: str
    message: str
    fatal: bool
    """These shots get no video."""
    shots: list[str]
    count: int


class BalanceResponse(ResponseModel):
    """What a batch would leave of the balance that was read last."""

    provider: str
    at: str
    left: Amount
    after: Amount


class PreflightResponse(ResponseModel):
    """The sheet before a batch."""

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
    def of(cls, sheet: Preflight, t: Text) -> PreflightResponse:
        return cls(
            tasks=sheet.tasks,
            shots=sheet.shots,
            asks=sheet.asks,
            low=Amount.perhaps(sheet.low),
            high=Amount.perhaps(sheet.high),
            costs={str(payee): [Amount.of(one) for one in amounts] for payee, amounts in sheet.costs.items()},
            seconds=sheet.seconds,
            balances=[
                BalanceResponse(
                    provider=one.provider, at=iso(one.at), left=Amount.of(one.left), after=Amount.of(one.after)
                )
                for one in sheet.balances
            ],
            limits=_limits(BudgetView(standings=sheet.standings)),
            problems=[
                ProblemResponse(
                    code=one.code,
                    message=problem_line(t, one),
                    fatal=one.fatal,
                    shots=list(one.shots),
                    count=one.count,
                )
                for one in sheet.problems
            ],
        )


class SpendResponse(ResponseModel):
    """One sum of the ledger, in the provider's currency."""

    day: str | None
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

    @classmethod
    def of(cls, line: SpendLine) -> SpendResponse:
        return cls(
            day=line.day.isoformat() if line.day else None,
            project=line.project,
            provider=line.provider,
            key=line.key,
            currency=line.currency,
            attempts=line.attempts,
            estimated=float(line.estimated),
            charged=float(line.charged),
            refunded=float(line.refunded),
            unknown=float(line.unknown),
            owed=Amount.perhaps(line.owed),
            worth=Amount.perhaps(line.worth),
        )


class DifferenceResponse(ResponseModel):
    """What a batch took from an account, beside what the ledger says."""

    provider: str
    keys: list[str]
    since: str
    until: str
    before: Amount
    after: Amount
    gone: Amount
    ledger: Amount
    difference: Amount
    """Above zero: more is gone than the ledger knows of."""

    @classmethod
    def of(cls, one: BalanceDifference) -> DifferenceResponse:
        amounts: dict[str, Any] = {
            name: Amount.of(getattr(one, name)) for name in ("before", "after", "gone", "ledger", "difference")
        }
        return cls(
            provider=one.provider,
            keys=list(one.keys),
            since=iso(one.since),
            until=iso(one.until),
            **amounts,
        )


class SpendPage(ResponseModel):
    """The ledger's sums and what balances say to them."""

    spend: list[SpendResponse]
    batches: list[DifferenceResponse]


class PriceRow(ResponseModel):
    """What one model takes."""

    provider: str
    model: str
    amount: float
    currency: str
    unit: str
    size: str
    seconds: float | None
    source: str
    """own, list (published by the provider) or built_in."""
    as_of: str | None
    assumed: bool

    @classmethod
    def of(cls, price: Price) -> PriceRow:
        return cls(
            provider=price.provider,
            model=price.model,
            amount=float(price.amount),
            currency=price.currency,
            unit=price.unit,
            size=price.size,
            seconds=price.seconds,
            source=price.source,
            as_of=price.as_of.isoformat() if price.as_of else None,
            assumed=price.assumed,
        )


class RefreshResponse(ResponseModel):
    """How many prices were kept."""

    prices: int


def _limits(found: BudgetView) -> list[Limit]:
    return [
        Limit(
            scope=standing.scope,
            limit=Amount.of(standing.limit),
            spent=Amount.of(standing.spent),
            left=float(standing.left),
            percent=standing.percent,
        )
        for standing in found.standings
    ]


@router.post("/tasks/preflight", responses=errors(404))
def preflight(app: App, t: Words, body: GenerateRequest) -> PreflightResponse:
    """Everything that can be known before a batch is paid for; nothing is queued."""
    where = project_of(app, body.project)
    ids = meant(app, where, body)
    sheet = app.tasks.preflight(where.id, ids, options_of(body), again=again_of(body))
    return PreflightResponse.of(sheet, t)


@router.get("/budget", responses=errors(404))
def get_budget(app: App, t: Words, project: ProjectName = DEFAULT) -> BudgetResponse:
    """How the limits of a project stand."""
    return BudgetResponse.of(app.budget.standing(project_of(app, project).id), t)


@router.post("/budget", responses=errors(404))
def limit_project(app: App, t: Words, body: LimitRequest) -> BudgetResponse:
    """Give a project a limit of its own."""
    where = project_of(app, body.project)
    app.budget.limit_project(where.id, Decimal(str(body.limit)))
    return BudgetResponse.of(app.budget.standing(where.id), t)


@router.post("/budget/go-on", responses=errors(404))
def go_on(app: App, t: Words, body: GoOnRequest) -> BudgetResponse:
    """Let what is queued now go out although a limit is reached, this once."""
    return BudgetResponse.of(app.budget.go_on(project_of(app, body.project).id), t)


@router.get("/spend", responses=errors(404))
def get_spend(
    app: App,
    project: Annotated[str | None, Query(min_length=1, max_length=120)] = None,
    since: date | None = None,
    until: date | None = None,
) -> SpendPage:
    """Sums of the ledger by project, day, provider and key; without a project, of all."""
    where = project_of(app, project) if project else None
    lines = app.budget.spend(where.id if where else None, since, until)
    return SpendPage(
        spend=[SpendResponse.of(line) for line in lines],
        batches=[DifferenceResponse.of(one) for one in app.budget.differences()],
    )


@router.get("/prices")
def get_prices(app: App) -> list[PriceRow]:
    """Every price that counts, the ones that win first."""
    return [PriceRow.of(price) for price in app.budget.prices()]


@router.post("/prices/{provider}/refresh", responses=errors(404, 409, 502))
def refresh_prices(app: App, provider: ProviderId) -> RefreshResponse:
    """Fetch the list of prices a provider publishes."""
    return RefreshResponse(prices=app.budget.refresh_prices(provider))
