"""Pictures of shots: candidates, and having some drawn."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from vidgen_core.domain.shots import PictureCandidate
from vidgen_core.web.api.schemas.base import Id, Name, RequestModel, ResponseModel, Word
from vidgen_core.web.middleware.base_path import address


class PictureResponse(ResponseModel):
    """A candidate for a shot's reference picture."""

    id: str
    number: int
    task: str | None
    """The task that drew it; null: a person gave it."""
    provider: str | None
    model: str
    prompt: str
    width: int | None
    height: int | None
    bytes: int | None
    chosen: bool
    rejected: bool
    image: str | None
    """Address of the picture on this server; null: it is a link alone."""
    image_url: str | None

    @classmethod
    def of(cls, candidate: PictureCandidate) -> PictureResponse:
        return cls(
            id=str(candidate.id),
            number=candidate.number,
            task=str(candidate.task_id) if candidate.task_id else None,
            provider=candidate.provider.value if candidate.provider else None,
            model=candidate.model,
            prompt=candidate.prompt,
            width=candidate.width,
            height=candidate.height,
            bytes=candidate.bytes,
            chosen=candidate.chosen,
            rejected=candidate.rejected,
            image=address(f"/app/static/media/candidate/{candidate.id}") if candidate.image else None,
            image_url=candidate.image_url,
        )


class DrawRequest(RequestModel):
    """Which shots get pictures: named ones, all, or all without one."""

    project: Name = "default"
    shot_ids: list[Id] | None = None
    shots: list[Word] | None = None
    """Numbers of shots."""
    all: Annotated[bool, Field(strict=True)] = False
    missing: Annotated[bool, Field(strict=True)] = False
    """All shots that have no picture and none under way."""
    count: Annotated[int, Field(ge=1, le=4, strict=True)] | None = None
    """Candidates a shot."""
    provider: Literal["local", "images"] | None = None
    model: Word | None = None
    dry_run: Annotated[bool, Field(strict=True)] = False
    """Only say what it would cost."""
