"""Review links, and what reviewers said."""

from __future__ import annotations

from vidgen_core.domain.takes import ReviewLink
from vidgen_core.services.library.reviews import Reviewed
from vidgen_core.services.schemas.base import Moment, ResponseModel


class ReviewLinkResponse(ResponseModel):
    """A link to the takes of a project for people without an account."""

    id: int
    url: str
    """Whoever knows it may look, vote and comment, until it expires or is revoked."""
    name: str
    """For whom it was made."""
    has_password: bool
    created_at: Moment
    expires_at: Moment
    works: bool

    @classmethod
    def of(cls, link: ReviewLink, url: str) -> ReviewLinkResponse:
        return cls.filled(link, url=url, has_password=link.password is not None)


class VoteResponse(ResponseModel):
    """What one reviewer thinks of a take."""

    name: str
    vote: int
    """1 for it, -1 against it, 0 neither."""
    favourite: bool


class CommentResponse(ResponseModel):
    """What a reviewer says about a moment of a take."""

    name: str
    at: float
    """Seconds from the begin of the video."""
    text: str
    created_at: Moment


class ReviewedTakeResponse(ResponseModel):
    """A take of which something was said."""

    shot: str
    take: int
    take_id: int
    votes: list[VoteResponse]
    comments: list[CommentResponse]

    @classmethod
    def all(cls, found: list[Reviewed]) -> list[ReviewedTakeResponse]:
        return [
            cls.filled(one.said[take.id], shot=one.shot.number, take=take.number, take_id=take.id)
            for one in found
            for take in one.takes
            if take.id in one.said
        ]
