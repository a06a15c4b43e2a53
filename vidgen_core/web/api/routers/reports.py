"""Figures: what it cost and what it brought, and what a reseller has to answer for."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.providers import ProviderId
from vidgen_core.services.reports.values import Report
from vidgen_core.web.api.common import App, Catalogue, errors, project_of
from vidgen_core.web.api.schemas.base import Ids, ModeName, Name, RequestModel, Yes, numbers

router = APIRouter()
_SomeProject = Annotated[
    str | None, Query(min_length=1, max_length=120, description="A project by its name; without one, all of them.")
]
_Since = Annotated[date | None, Query(description="The first day; without one, from the beginning.")]
_Until = Annotated[date | None, Query(description="The last day; without one, to the end.")]


@router.get("/figures", tags=["figures"], responses=errors(404))
def figures(
    app: App,
    project: _SomeProject = None,
    since: _Since = None,
    until: _Until = None,
    provider: ModeName | None = None,
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
