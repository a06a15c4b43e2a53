"""Money: the sheet before a batch, the ledger's sums, balances, limits and prices."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from vidgen_core.app import BalanceDifference, BudgetView, Preflight, SpendLine
from vidgen_core.app.sheet import problem_line
from vidgen_core.exporting.task_shape import iso
from vidgen_core.locale import Text
from vidgen_core.models import Mode, Money
from vidgen_core.money import Price
from vidgen_core.server.api.common import DEFAULT, App, ProjectName, Words, errors, project_of
from vidgen_core.server.api.shapes.base import Answer, Body, Name
from vidgen_core.server.api.shapes.tasks import GenerateBody
from vidgen_core.server.api.tasks import again_of, meant

router = APIRouter(tags=["money"])


class Amount(Answer):
    """An amount whose certainty is said by where it stands."""

    amount: float
    currency: str

    @classmethod
    def of(cls, money: Money) -> Amount:
        return cls(amount=float(money.amount), currency=money.currency)

    @classmethod
    def perhaps(cls, money: Money | None) -> Amount | None:
        return None if money is None else cls.of(money)


class Limit(Answer):
    """How one limit stands, in the currency of the budget."""

    scope: str
    """all, day or project."""
    limit: Amount
    spent: Amount
    """Spent, set aside and perhaps owed."""
    left: float
    percent: int


class LowBalance(Answer):
    """A key of which little is left."""

    provider: str
    key: str
    left: Amount


class BudgetAnswer(Answer):
    """Every limit that concerns a project."""

    limits: list[Limit]
    held: str | None
    """Why nothing of this project is submitted."""
    message: str | None
    low: list[LowBalance]

    @classmethod
    def of(cls, found: BudgetView, t: Text) -> BudgetAnswer:
        hold = found.hold
        return cls(
            limits=_limits(found),
            held=hold and str(hold["code"]),
            message=hold and t.error("balance", str(hold["code"]), hold["params"]),
            low=[LowBalance(provider=one.provider, key=one.key_label, left=Amount.of(one.money)) for one in found.low],
        )


class LimitBody(Body):
    """A project's own limit in the currency of the budget; 0: none."""

    project: Name = "default"
    limit: Annotated[float, Field(ge=0, le=10**9, strict=True, allow_inf_nan=False)]


class GoOnBody(Body):
    """Which project."""

    project: Name = "default"


class Problem(Answer):
    """Something that stands against a part of a batch."""

    code: str
    message: str
    fatal: bool
    """These shots get no video."""
    shots: list[str]
    count: int


class Balance(Answer):
    """What a batch would leave of the balance that was read last."""

    provider: str
    at: str
    left: Amount
    after: Amount


class PreflightAnswer(Answer):
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
    balances: list[Balance]
    limits: list[Limit]
    problems: list[Problem]

    @classmethod
    def of(cls, sheet: Preflight, t: Text) -> PreflightAnswer:
        return cls(
            tasks=sheet.tasks,
            shots=sheet.shots,
            asks=sheet.asks,
            low=Amount.perhaps(sheet.low),
            high=Amount.perhaps(sheet.high),
            costs={str(payee): [Amount.of(one) for one in amounts] for payee, amounts in sheet.costs.items()},
            seconds=sheet.seconds,
            balances=[
                Balance(provider=one.provider, at=iso(one.at), left=Amount.of(one.left), after=Amount.of(one.after))
                for one in sheet.balances
            ],
            limits=_limits(BudgetView(standings=sheet.standings)),
            problems=[
                Problem(
                    code=one.code,
                    message=problem_line(t, one),
                    fatal=one.fatal,
                    shots=list(one.shots),
                    count=one.count,
                )
                for one in sheet.problems
            ],
        )


class SpendAnswer(Answer):
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
    def of(cls, line: SpendLine) -> SpendAnswer:
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


class DifferenceAnswer(Answer):
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
    def of(cls, one: BalanceDifference) -> DifferenceAnswer:
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


class SpendPage(Answer):
    """The ledger's sums and what balances say to them."""

    spend: list[SpendAnswer]
    batches: list[DifferenceAnswer]


class PriceRow(Answer):
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


class RefreshAnswer(Answer):
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
def preflight(app: App, t: Words, body: GenerateBody) -> PreflightAnswer:
    """Everything that can be known before a batch is paid for; nothing is queued."""
    where = project_of(app, body.project)
    sheet = app.tasks.preflight(
        where.id,
        meant(app, where, body),
        body.takes,
        Mode(body.provider) if body.provider else None,
        body.model,
        aspect_ratio=body.aspect_ratio,
        size=body.size,
        duration=body.duration,
        again=again_of(body),
    )
    return PreflightAnswer.of(sheet, t)


@router.get("/budget", responses=errors(404))
def get_budget(app: App, t: Words, project: ProjectName = DEFAULT) -> BudgetAnswer:
    """How the limits of a project stand."""
    return BudgetAnswer.of(app.budget.standing(project_of(app, project).id), t)


@router.post("/budget", responses=errors(404))
def limit_project(app: App, t: Words, body: LimitBody) -> BudgetAnswer:
    """Give a project a limit of its own."""
    where = project_of(app, body.project)
    app.budget.limit_project(where.id, Decimal(str(body.limit)))
    return BudgetAnswer.of(app.budget.standing(where.id), t)


@router.post("/budget/go-on", responses=errors(404))
def go_on(app: App, t: Words, body: GoOnBody) -> BudgetAnswer:
    """Let what is queued now go out although a limit is reached, this once."""
    return BudgetAnswer.of(app.budget.go_on(project_of(app, body.project).id), t)


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
        spend=[SpendAnswer.of(line) for line in lines],
        batches=[DifferenceAnswer.of(one) for one in app.budget.differences()],
    )


@router.get("/prices")
def get_prices(app: App) -> list[PriceRow]:
    """Every price that counts, the ones that win first."""
    return [PriceRow.of(price) for price in app.budget.prices()]


@router.post("/prices/{provider}/refresh", responses=errors(404, 409, 502))
def refresh_prices(app: App, provider: Mode) -> RefreshAnswer:
    """Fetch the list of prices a provider publishes."""
    return RefreshAnswer(prices=app.budget.refresh_prices(provider))
