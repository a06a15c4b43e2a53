"""Figures: what it cost and what it brought, and what a reseller has to answer for."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.providers import ProviderId
from vidgen_core.services.reports.ledger import PAGE
from vidgen_core.services.reports.values import Report
from vidgen_core.services.schemas.ledger import (
    LedgerCheckResponse,
    LedgerPage,
)
from vidgen_core.web.api.common import App, Catalogue, Limit, errors, project_of
from vidgen_core.web.api.schemas.base import Ids, ModeName, Name, RequestModel, Yes, numbers

router = APIRouter()
_SomeProject = Annotated[
    str | None, Query(min_length=1, max_length=120, description="A project by its name; without one, all of them.")
]
_Since = Annotated[date | None, Query(description="The first day; without one, from the beginning.")]
_Until = Annotated[date | None, Query(description="The last day; without one, to the end.")]


@router.get("/figures", tags=["figures"], responses=errors(404))
def figures(
    app: App, project: _SomeProject = None, since: _Since = None, until: _Until = None, provider: ModeName | None = None
) -> Report:
    """Success, times, errors and money of a period; days are those of the machine that the server runs on."""
    return _figures(app, project, since, until, provider)


@router.get(
    "/figures.csv",
    tags=["figures"],
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}, **errors(404)},
)
def figures_csv(
    app: App,
    t: Catalogue,
    project: _SomeProject = None,
    since: _Since = None,
    until: _Until = None,
    provider: ModeName | None = None,
) -> Response:
    """The same numbers as a list for spreadsheets, one a line."""
    found = _figures(app, project, since, until, provider)
    headers = {"Content-Disposition": 'attachment; filename="figures.csv"'}
    return Response(app.reports.csv(found, t), media_type="text/csv", headers=headers)


def _figures(
    app: App, project: str | None, since: date | None, until: date | None, provider: ProviderId | None
) -> Report:
    where = None if project is None else project_of(app, project).id
    return app.reports.of(where, since=since, until=until, provider=provider)


@router.get("/ledger", tags=["ledger"], responses=errors(404))
def ledger(
    app: App, project: _SomeProject = None, since: _Since = None, until: _Until = None, limit: Limit = PAGE
) -> LedgerPage:
    """Paid requests, the newest first, and by day our numbers beside the providers' own."""
    where = None if project is None else project_of(app, project).id
    days = app.ledger.days(where, since, until)
    return LedgerPage.model_validate({"requests": app.ledger.requests(where, since, until, limit), "days": days})


@router.get("/ledger/verify", tags=["ledger"])
def verify_ledger(app: App, t: Catalogue) -> LedgerCheckResponse:
    """Whether every line of the ledger is as it was written."""
    return LedgerCheckResponse.of(app.ledger.verify(), t)


_LEDGER_FILES: Final = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/x-ndjson",
}


@router.get(
    "/ledger/export",
    tags=["ledger"],
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in _LEDGER_FILES.values()}}, **errors(404)},
)
def export_ledger(
    app: App,
    t: Catalogue,
    format: Literal["csv", "xlsx", "jsonl"] = "csv",  # noqa: A002 - the word of the address
    project: _SomeProject = None,
    since: _Since = None,
    until: _Until = None,
) -> Response:
    """For accounting: a row a request (csv), with the days beside them (xlsx), or the chain itself (jsonl)."""
    where = None if project is None else project_of(app, project).id
    headers = {"Content-Disposition": f'attachment; filename="ledger.{format}"'}
    data = app.ledger.export(format, t, where, since, until)
    return Response(data, media_type=_LEDGER_FILES[format], headers=headers)


class DisputeRequest(RequestModel):
    """Which attempts; what is left out does not narrow."""

    project: Name | None = None
    task_ids: Ids | None = None
    """Every attempt of these tasks; without them, every attempt that was sent and brought no video."""
    provider: ModeName | None = None
    errors: Annotated[list[ErrorKind], Field(max_length=20)] = Field(default_factory=list)
    since: date | None = None
    until: date | None = None
    all: Yes = False
    """Attempts that brought a video, too."""


@router.post(
    "/dispute",
    tags=["figures"],
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}}, **errors(404)},
)
def dispute(app: App, t: Catalogue, body: DisputeRequest) -> Response:
    """Job ids, times, masked keys, charges and raw answers without secrets, as CSV and JSON in a ZIP."""
    pack = app.disputes.pack(
        t,
        None if body.project is None else project_of(app, body.project).id,
        task_ids=None if body.task_ids is None else numbers(body.task_ids),
        provider=body.provider,
        kinds=body.errors,
        since=body.since,
        until=body.until,
        successes=body.all,
    )
    headers = {"Content-Disposition": 'attachment; filename="dispute.zip"'}
    return Response(pack, media_type="application/zip", headers=headers)
