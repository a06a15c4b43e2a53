"""Review links, and what people said who came by them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request

from vidgen_core.domain.takes import ReviewLink
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.library.reviews import DAYS, MOST_DAYS
from vidgen_core.services.schemas.reviews import ReviewedTakeResponse, ReviewLinkResponse
from vidgen_core.web.api.common import DEFAULT, App, PathId, ProjectName, errors, project_of
from vidgen_core.web.api.schemas.base import Name, RequestModel
from vidgen_core.web.middleware.auth import REVIEW
from vidgen_core.web.middleware.base_path import address

router = APIRouter(tags=["review"])


class ReviewLinkRequest(RequestModel):
    """For whom, and how long it works."""

    project: Name = DEFAULT
    days: Annotated[float, Field(gt=0, le=MOST_DAYS, strict=True, allow_inf_nan=False)] = DAYS
    password: Annotated[str, Field(max_length=1_000, strict=True)] = ""
    """Asked for before anything is shown; at least 8 characters, empty: none."""
    name: Annotated[str, Field(max_length=120, strict=True)] = ""


@router.post("/review-links", responses=errors(404))
def share_for_review(app: App, request: Request, body: ReviewLinkRequest) -> ReviewLinkResponse:
    """A signed link to the takes of a project for people without an account: they look, vote, choose and comment."""
    where = project_of(app, body.project)
    return _response(app, request, app.reviews.share(where.id, body.days, body.password, body.name))


@router.get("/review-links", responses=errors(404))
def list_review_links(app: App, request: Request, project: ProjectName = DEFAULT) -> list[ReviewLinkResponse]:
    """The links of a project, the newest first."""
    return [_response(app, request, link) for link in app.reviews.links(project_of(app, project).id)]


@router.delete("/review-links/{link_id}", responses=errors(404))
def revoke_review_link(app: App, request: Request, link_id: PathId) -> ReviewLinkResponse:
    """Let a link open nothing any more; what was said by it stays."""
    return _response(app, request, app.reviews.revoke(link_id))


@router.get("/reviews", responses=errors(404))
def list_reviews(app: App, project: ProjectName = DEFAULT) -> list[ReviewedTakeResponse]:
    """Votes and comments of reviewers, by take."""
    return ReviewedTakeResponse.all(app.reviews.of_project(project_of(app, project).id))


def _response(app: Vidgen, request: Request, link: ReviewLink) -> ReviewLinkResponse:
    path = address(f"{REVIEW}/{app.reviews.token(link)}")
    return ReviewLinkResponse.of(link, f"{request.url.scheme}://{request.url.netloc}{path}")
