"""Types of values in requests, the base class of requests, and errors.

Ids are text in responses; in requests they may be numbers, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from vidgen_core.domain.providers import ProviderId, picture_providers, video_providers
from vidgen_core.domain.setting_values import wrong
from vidgen_core.services.schemas.base import ResponseModel

#: SQLite's integers are larger; JavaScript's are not.
LARGEST = 2**53 - 1
IdNumber = Annotated[int, Field(ge=1, le=LARGEST, strict=True)]
Id = IdNumber | Annotated[str, Field(pattern=r"^[1-9][0-9]{0,14}$", strict=True)]
Ids = Annotated[list[Id], Field(min_length=1, max_length=10_000)]
Name = Annotated[str, Field(min_length=1, max_length=120, strict=True)]
Prompt = Annotated[str, Field(max_length=20_000, strict=True)]
Yes = Annotated[bool, Field(strict=True)]
Takes = Annotated[int, Field(ge=1, le=5, strict=True)]
Word = Annotated[str, Field(min_length=1, max_length=200, strict=True)]
#: seconds
Duration = Annotated[float, Field(gt=0, le=600, strict=True, allow_inf_nan=False)]


def _makes_videos(provider: ProviderId) -> ProviderId:
    if not provider.spec.videos:
        raise wrong("one_of", allowed=", ".join(video_providers()))
    return provider


#: A provider that makes videos.
ModeName = Annotated[ProviderId, AfterValidator(_makes_videos)]


def _draws(provider: ProviderId) -> ProviderId:
    if not provider.spec.pictures:
        raise wrong("one_of", allowed=", ".join(picture_providers()))
    return provider


#: A provider that draws pictures.
DrawerName = Annotated[ProviderId, AfterValidator(_draws)]


def number(id_: int | str) -> int:
    """An id as the database has it."""
    return int(id_)


def numbers(ids: Iterable[int | str]) -> list[int]:
    return [int(id_) for id_ in ids]


class RequestModel(BaseModel):
    """Base class of requests; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class OptionsRequest(RequestModel):
    """How takes are wanted; what is left out or null is left to the settings."""

    provider: ModeName | None = None
    model: Word | None = None
    size: Word | None = None
    duration: Duration | None = None
    takes: Takes | None = None
    mode: Literal["text", "first_frame", "first_last_frame", "references"] | None = None
    """What the videos are made from; left out: derived from the pictures that are there."""
    sound: Yes | None = None
    negative_prompt: Annotated[str, Field(max_length=5_000, strict=True)] | None = None


class ErrorDetail(ResponseModel):
    """What was wrong: ``kind`` for programs, ``message`` for people."""

    kind: str
    message: str


class ErrorResponse(ResponseModel):
    """Every answer with a status of 400 or above."""

    error: ErrorDetail
