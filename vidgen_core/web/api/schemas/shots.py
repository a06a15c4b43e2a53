"""Shots and their takes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from vidgen_core.domain.takes import Take
from vidgen_core.services.library.shots import ShotView
from vidgen_core.web.api.schemas.base import (
    Duration,
    Id,
    IdNumber,
    ModeName,
    Name,
    Prompt,
    RequestModel,
    ResponseModel,
    Takes,
    Word,
)
from vidgen_core.web.api.schemas.pictures import PictureResponse
from vidgen_core.web.middleware.base_path import address


class ShotParamsRequest(RequestModel):
    """What a shot asks for in its own way; null leaves it to the settings."""

    provider: ModeName | None = None
    model: Word | None = None
    aspect_ratio: Annotated[str, Field(pattern=r"^([1-9][0-9]?:[1-9][0-9]?|Auto)$", strict=True)] | None = None
    size: Word | None = None
    duration: Duration | None = None
    takes: Takes | None = None
    seed: Annotated[int, Field(ge=0, le=2**32, strict=True)] | None = None
    watermark: Annotated[str, Field(max_length=200, strict=True)] | None = None
    callback_url: Annotated[str, Field(max_length=2_000, strict=True)] | None = None


class ShotRequest(RequestModel):
    """A new shot; its picture comes by ``PUT /api/shots/{id}/image``, or with an import."""

    project: Name = "default"
    shot: Word | None = None
    """Its number; without one it is numbered on."""
    prompt: Prompt = ""
    picture_prompt: Prompt = ""
    params: ShotParamsRequest = ShotParamsRequest()


class ShotChanges(RequestModel):
    """What becomes of a shot; what is left out stays."""

    shot: Word | None = None
    prompt: Prompt | None = None
    script: Prompt | None = None
    picture_prompt: Prompt | None = None
    params: ShotParamsRequest | None = None
    rev: IdNumber | None = None
    """The revision that was looked at; another one in the meantime refuses the change."""


class TakeResponse(ResponseModel):
    """A finished video."""

    id: str
    take: int
    task: str
    seconds: float
    width: int
    height: int
    bytes: int
    chosen: bool
    rejected: str | None
    video: str
    """Address of the video on this server."""

    @classmethod
    def of(cls, take: Take, chosen: bool) -> TakeResponse:
        return cls(
            id=str(take.id),
            take=take.number,
            task=str(take.task_id),
            seconds=take.seconds,
            width=take.width,
            height=take.height,
            bytes=take.bytes,
            chosen=chosen,
            rejected=take.rejected,
            video=address(f"/api/tasks/{take.task_id}/video"),
        )


class ShotResponse(ResponseModel):
    """A planned moving image with what came of it."""

    id: str
    project: str
    shot: str
    prompt: str
    script: str
    picture_prompt: str
    """What its reference picture is drawn from."""
    image: str | None
    """Address of the reference picture on this server."""
    image_url: str | None
    params: dict[str, Any]
    extra: dict[str, str]
    tasks: dict[str, int]
    takes: list[TakeResponse]
    pictures: list[PictureResponse]
    rev: int

    @classmethod
    def of(cls, view: ShotView, project: str) -> ShotResponse:
        shot = view.shot
        return cls(
            id=str(shot.id),
            project=project,
            shot=shot.number,
            prompt=shot.prompt,
            script=shot.script,
            picture_prompt=shot.picture_prompt,
            image=address(f"/app/static/media/original/{shot.id}") if shot.image else None,
            image_url=shot.image_url,
            params=shot.params.model_dump(mode="json", exclude_none=True),
            extra=shot.extra,
            tasks={status.value: count for status, count in view.counts.items()},
            takes=[TakeResponse.of(take, take.id == shot.chosen_take_id) for take in view.takes],
            pictures=[PictureResponse.of(candidate) for candidate in view.candidates],
            rev=shot.rev,
        )


class ShotPage(ResponseModel):
    """A part of a list."""

    total: int
    items: list[ShotResponse]


class DeletedResponse(ResponseModel):
    """What is gone."""

    deleted: list[str]


class ChoiceRequest(RequestModel):
    """Which take of a shot; null: none."""

    take_id: Id | None


class RejectRequest(RequestModel):
    """Why a take is not wanted; null takes the mark away."""

    reason: Annotated[str, Field(max_length=200, strict=True)] | None
