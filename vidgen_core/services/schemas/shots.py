"""One shot with its takes and pictures. The HTTP API names files by addresses, the command line by paths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vidgen_core.domain.shots import ShotReference
from vidgen_core.i18n import Text
from vidgen_core.services.library.chains import ChainView
from vidgen_core.services.library.shots import ShotView
from vidgen_core.services.schemas.base import ResponseModel


class ReferenceFields(ResponseModel):
    """A picture that shows what something in the video looks like."""

    image: str | None
    """Where the picture is."""
    image_url: str | None
    role: str
    """``character``, ``style`` or ``object``."""

    @classmethod
    def of(cls, picture: ShotReference, where: Callable[[str], str]) -> ReferenceFields:
        image = where(picture.image) if picture.image else None
        return cls(image=image, image_url=picture.image_url, role=picture.role.value)


class ShotFields(ResponseModel):
    """What every form of a shot says."""

    id: str
    project: str
    shot: str
    prompt: str
    script: str
    picture_prompt: str
    """What its reference picture is drawn from."""
    image: str | None
    """Where the reference picture is."""
    image_url: str | None
    last_frame: str | None
    """Where the picture is that the video ends with."""
    last_frame_url: str | None
    references: list[ReferenceFields]
    params: dict[str, Any]
    extra: dict[str, str]
    chain: str
    """Name of the chain it belongs to; empty: it stands by itself."""
    follows: str | None
    """Id of the shot with whose last frame it begins."""
    tasks: dict[str, int]
    """Number of tasks by status."""


class TakeFields(ResponseModel):
    """What every form of a take says."""

    take: int
    seconds: float
    width: int
    height: int
    chosen: bool
    trim_in: float | None
    trim_out: float | None
    """In and out point in seconds, as an editor's timeline set them; null: its begin and end."""


class TakeFile(TakeFields):
    """A take by its path."""

    file: str


class PictureFile(ResponseModel):
    """A candidate for the reference picture by its path."""

    number: int
    file: str | None
    model: str | None
    warnings: list[str]
    chosen: bool


class ShotFiles(ShotFields):
    """One shot as ``vidgen shots --json`` prints it."""

    pictures: list[PictureFile]
    takes: list[TakeFile]

    @classmethod
    def of(cls, view: ShotView, project: str, images: Path) -> ShotFiles:
        """:param images: the folder of the image store"""
        chosen = view.shot.chosen_take_id
        return cls.filled(
            view.shot,
            **shot_fields(view, project, lambda key: str(images / key)),
            image=str(images / view.shot.image) if view.shot.image else None,
            pictures=[
                PictureFile.filled(
                    picture,
                    file=str(images / picture.image) if picture.image else None,
                    model=picture.model or None,
                )
                for picture in view.candidates
            ],
            takes=[
                TakeFile.filled(take, take=take.number, file=take.place, chosen=take.id == chosen)
                for take in view.takes
            ],
        )


def shot_fields(view: ShotView, project: str, where: Callable[[str], str]) -> dict[str, Any]:
    """The values of ``ShotFields`` that a shot has in another form, without ``image``.

    :param where: where the picture of a key is
    """
    shot = view.shot
    return {
        "project": project,
        "shot": shot.number,
        "last_frame": where(shot.last_frame) if shot.last_frame else None,
        "references": [ReferenceFields.of(picture, where) for picture in shot.references],
        "params": shot.params.model_dump(mode="json", exclude_none=True),
        "tasks": view.counts,
    }


class ChainShot(ResponseModel):
    """A shot of a chain."""

    id: str
    shot: str
    stale: str | None
    """Why its take no longer goes on from the shot before it, as a sentence; null: it does, or there is none."""
    sharpness: float | None
    """Of the last frame of its take, as a share of the first frame of the chain; null: nothing has followed it yet."""
    colour: float | None
    """Mean difference of colours between the two, 0-255."""
    similarity: float | None
    """Similarity of the two, 1 being the same."""


class ChainResponse(ResponseModel):
    """A run of shots in which each begins with the last frame of the one before it."""

    name: str
    shots: list[ChainShot]

    @classmethod
    def of(cls, view: ChainView, t: Text) -> ChainResponse:
        return cls(
            name=view.name,
            shots=[
                ChainShot(
                    id=str(one.shot.id),
                    shot=one.shot.number,
                    stale=t(f"chain.stale.{one.stale.code}", shot=one.stale.shot) if one.stale else None,
                    sharpness=one.frame.sharpness if one.frame else None,
                    colour=one.frame.colour if one.frame else None,
                    similarity=one.frame.similarity if one.frame else None,
                )
                for one in view.shots
            ],
        )
