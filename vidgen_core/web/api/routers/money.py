"""Money: the preflight of a batch, sums of the ledger, balances, limits and prices."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from vidgen_core.domain.errors import InputError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.services.schemas.base import Day, ResponseModel
from vidgen_core.services.schemas.money import (
    BudgetResponse,
    PreflightResponse,
    SpendPage,
)
from vidgen_core.services.schemas.tasks import QuoteResponse
from vidgen_core.web.api.common import DEFAULT, App, Catalogue, ProjectName, errors, project_of
from vidgen_core.web.api.routers.tasks import again_of, options_of, requested_shots
from vidgen_core.web.api.schemas.base import Name, RequestModel
from vidgen_core.web.api.schemas.tasks import GenerateRequest

router = APIRouter(tags=["money"])


class LimitRequest(RequestModel):
    """A project's own limit in the currency of the budget; 0: none."""

    project: Name = "default"
    limit: Annotated[float, Field(ge=0, le=10**9, strict=True, allow_inf_nan=False)]


class GoOnRequest(RequestModel):
    """Which project."""

    project: Name = "default"


class PriceRow(ResponseModel):
    """The price of one model."""

    provider: str
    model: str
    amount: float
    currency: str
    unit: str
    size: str
    seconds: float | None
    source: str
    """own, list (published by the provider) or built_in."""
    as_of: Day
    assumed: bool


class RefreshResponse(ResponseModel):
    """How many prices were kept."""

    prices: int


@router.post("/tasks/preflight", responses=errors(404))
def preflight(app: App, t: Catalogue, body: GenerateRequest) -> PreflightResponse:
    """Everything that can be known before a batch is paid for; nothing is queued."""
    where = project_of(app, body.project)
    ids = requested_shots(app, where, body)
    sheet = app.tasks.preflight(where.id, ids, options_of(body), again=again_of(body))
    return PreflightResponse.of(sheet, t)


@router.post("/quote", responses=errors(404, 409))
def quote(app: App, t: Catalogue, body: GenerateRequest) -> QuoteResponse:
    """What an order would make and cost, with the token by which ``POST /tasks`` orders it once; nothing is queued."""
    if body.quote is not None:
        raise InputError("quote_alone")
    where = project_of(app, body.project)
    ids = requested_shots(app, where, body)
    return QuoteResponse.of(app.quotes.make(where.id, ids, options_of(body), again=again_of(body)), t)


@router.get("/budget", responses=errors(404))
def get_budget(app: App, t: Catalogue, project: ProjectName = DEFAULT) -> BudgetResponse:
    """How the limits of a project stand."""
    return BudgetResponse.of(app.budget.standing(project_of(app, project).id), t)


@router.post("/budget", responses=errors(404))
def limit_project(app: App, t: Catalogue, body: LimitRequest) -> BudgetResponse:
    """Give a project a limit of its own."""
    where = project_of(app, body.project)
    app.budget.limit_project(where.id, Decimal(str(body.limit)))
    return BudgetResponse.of(app.budget.standing(where.id), t)


@router.post("/budget/go-on", responses=errors(404))
def go_on(app: App, t: Catalogue, body: GoOnRequest) -> BudgetResponse:
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
    return SpendPage.model_validate({"spend": lines, "batches": app.budget.differences()})


@router.get("/prices")
def get_prices(app: App) -> list[PriceRow]:
    """Every price that counts, the ones that win first."""
    return [PriceRow.model_validate(price) for price in app.budget.prices()]


@router.post("/prices/{provider}/refresh", responses=errors(404, 409, 502))
def refresh_prices(app: App, provider: ProviderId) -> RefreshResponse:
    """Fetch the list of prices a provider publishes."""
    return RefreshResponse(prices=app.budget.refresh_prices(provider))
