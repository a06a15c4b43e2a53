"""What every route depends on: the façade with the visitor's rights, the catalogue of their language, common parameters."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Depends, Path, Query
from starlette.requests import HTTPConnection

from vidgen_core.domain.errors import InputError, NotFound
from vidgen_core.domain.queries import LONGEST_MARK
from vidgen_core.domain.shots import Project
from vidgen_core.i18n import Text
from vidgen_core.services.access.permissions import Visitor, as_visitor
from vidgen_core.services.facade import Vidgen
from vidgen_core.web.api.schemas.base import LARGEST, ErrorResponse
from vidgen_core.web.app_instance import find_vidgen
from vidgen_core.web.error_responses import text_of
from vidgen_core.web.middleware.auth import visitor_of

#: The project where none is named.
DEFAULT: Final = "default"


# Asynchronous although they wait for nothing: FastAPI would run each in a thread otherwise.
async def _visitor(connection: HTTPConnection) -> Visitor:
    return visitor_of(connection)


async def _facade(visitor: Annotated[Visitor, Depends(_visitor)]) -> Vidgen:
    return as_visitor(await find_vidgen(), visitor)


async def _catalogue(connection: HTTPConnection) -> Text:
    return text_of(connection)


CurrentVisitor = Annotated[Visitor, Depends(_visitor)]
App = Annotated[Vidgen, Depends(_facade)]
Catalogue = Annotated[Text, Depends(_catalogue)]
PathId = Annotated[int, Path(ge=1, le=LARGEST)]
ProjectName = Annotated[str, Query(min_length=1, max_length=120, description="The project by its name.")]
Limit = Annotated[int, Query(ge=1, le=1_000)]
After = Annotated[str | None, Query(max_length=LONGEST_MARK, description="``next`` of the page before.")]
Search = Annotated[str, Query(max_length=200)]


def project_of(app: Vidgen, name: str) -> Project:
    """The project of that name; it is not created.

    :raises NotFound: ``project_unknown`` (name, known)
    """
    wanted = " ".join(name.split())
    found = app.projects.find(wanted) if wanted else None
    if found is None:
        known = ", ".join(project.name for project in app.projects.all()) or "–"
        raise NotFound("project_unknown", name=name, known=known)
    return found


def project_for(app: Vidgen, name: str) -> Project:
    """The project of that name, created where there is none.

    :raises InputError: ``project_name_empty``
    """
    if not name.strip():
        raise InputError("project_name_empty")
    found = app.projects.find(" ".join(name.split()))
    return found or app.projects.ensure(name)


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error responses of a route, for OpenAPI; those of every route are given with the application."""
    return {status: {"model": ErrorResponse} for status in statuses}
