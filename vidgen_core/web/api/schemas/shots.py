"""Shots, their takes and their pictures."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from vidgen_core.domain.characters import MOST_DESCRIPTION, MOST_NAME, MOST_PICTURES, MOST_VOICE
from vidgen_core.domain.shots import PictureCandidate
from vidgen_core.domain.takes import Take
from vidgen_core.i18n import Text
from vidgen_core.services.generation.finishing import FinishRow, Offered
from vidgen_core.services.library.shots import MOST_REFERENCES, ShotView
from vidgen_core.services.quality.model_judge import Judging
from vidgen_core.services.schemas.base import Cost, ResponseModel
from vidgen_core.services.schemas.money import PreflightResponse
from vidgen_core.services.schemas.shots import ShotFields, TakeFields, shot_fields
from vidgen_core.web.api.schemas.base import (
    DrawerName,
    Id,
    IdNumber,
    ModeName,
    Name,
    OptionsRequest,
    Prompt,
    RequestModel,
    Word,
    Yes,
)
from vidgen_core.web.api.schemas.tasks import GenerateResponse
from vidgen_core.web.middleware.base_path import address


class ShotParamsRequest(OptionsRequest):
    """A shot's own options; null leaves one to the settings."""

    aspect_ratio: Annotated[str, Field(pattern=r"^([1-9][0-9]?:[1-9][0-9]?|Auto)$", strict=True)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**32 - 1, strict=True)] | None = None
    watermark: Annotated[str, Field(max_length=200, strict=True)] | None = None
    callback_url: Annotated[str, Field(max_length=2_000, strict=True)] | None = None


Link = Annotated[str, Field(pattern=r"^https?://[^\s/?#]\S*$", max_length=2_000, strict=True)]
Role = Literal["character", "style", "object"]


#: Key of a picture in the image store.
ImageKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}\.[a-z0-9]{3,4}$", strict=True)]


class ReferenceRequest(RequestModel):
    """A reference picture by its key, as ``references`` of the shot names it at the end of its address, or by a public link."""

    image: ImageKey | None = None
    image_url: Link | None = None
    role: Role = "character"


References = Annotated[list[ReferenceRequest], Field(max_length=MOST_REFERENCES)]


class ShotRequest(RequestModel):
    """A new shot; its picture comes by ``PUT /api/shots/{id}/image``, or with an import."""

    project: Name = "default"
    shot: Word | None = None
    """Its number; without one it is numbered on."""
    prompt: Prompt = ""
    picture_prompt: Prompt = ""
    last_frame_url: Link | None = None
    """Public link of the picture that the video ends with; a file comes by ``PUT /api/shots/{id}/last-frame``."""
    references: References = Field(default_factory=list)
    params: ShotParamsRequest = ShotParamsRequest()


class ShotChanges(RequestModel):
    """Changes of a shot; what is left out stays."""

    shot: Word | None = None
    prompt: Prompt | None = None
    script: Prompt | None = None
    picture_prompt: Prompt | None = None
    last_frame_url: Link | None = None
    chain: Annotated[str, Field(max_length=64, strict=True)] | None = None
    """Name of the chain that it joins, in the order of the storyboard; empty: none."""
    references: References | None = None
    """All of them, in their order."""
    params: ShotParamsRequest | None = None
    rev: IdNumber | None = None
    """The revision that was read; another one in the meantime refuses the change."""


class TakeResponse(TakeFields):
    """A finished video by its address."""

    id: str
    task: str
    bytes: int
    rejected: str | None
    stands_in: bool
    """Exports use its file in the place of the take it was made from."""
    video: str
    """Address of the video on this server."""

    @classmethod
    def of(cls, take: Take, chosen: bool) -> TakeResponse:
        return cls.filled(
            take,
            take=take.number,
            task=take.task_id,
            chosen=chosen,
            video=address(f"/api/tasks/{take.task_id}/video"),
        )


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
    warnings: list[str]
    """Codes of what was asked for and is not so: ``ratio_differs``, ``size_differs``."""
    chosen: bool
    rejected: bool
    image: str | None
    """Address of the picture on this server; null: it is a link alone."""
    image_url: str | None

    @classmethod
    def of(cls, candidate: PictureCandidate) -> PictureResponse:
        return cls.filled(
            candidate,
            task=candidate.task_id,
            image=address(f"/app/static/media/candidate/{candidate.id}") if candidate.image else None,
        )


class ShotResponse(ShotFields):
    """A shot with its takes and pictures, by their addresses on this server."""

    takes: list[TakeResponse]
    pictures: list[PictureResponse]
    rev: int

    @classmethod
    def of(cls, view: ShotView, project: str) -> ShotResponse:
        shot = view.shot
        return cls.filled(
            shot,
            **shot_fields(view, project, lambda key: address(f"/app/static/media/picture/{key}")),
            image=address(f"/app/static/media/original/{shot.id}") if shot.image else None,
            takes=[TakeResponse.of(take, take.id == shot.chosen_take_id) for take in view.takes],
            pictures=[PictureResponse.of(candidate) for candidate in view.candidates],
        )


class ShotPage(ResponseModel):
    """A part of a list."""

    total: int
    next: str | None
    """``after`` of the page that follows; null: there is none."""
    items: list[ShotResponse]


class DeletedResponse(ResponseModel):
    """What is gone."""

    deleted: list[str]


class CharacterRequest(RequestModel):
    """A character; what is left out stays."""

    project: Name = "default"
    name: Annotated[str, Field(min_length=1, max_length=MOST_NAME, strict=True)]
    new_name: Annotated[str, Field(min_length=1, max_length=MOST_NAME, strict=True)] | None = None
    description: Annotated[str, Field(max_length=MOST_DESCRIPTION, strict=True)] | None = None
    """How it looks."""
    voice: Annotated[str, Field(max_length=MOST_VOICE, strict=True)] | None = None
    """How it sounds; said where a video has sound."""
    images: Annotated[list[ImageKey], Field(max_length=MOST_PICTURES)] | None = None
    """Keys of its pictures, all of them in their order; files come by ``POST /api/characters/pictures``."""


class CharacterDeletedResponse(ResponseModel):
    """A character that is gone, and the shots that still name it."""

    deleted: str
    shots: list[str]


class ChoiceRequest(RequestModel):
    """Which take of a shot; null: none."""

    take_id: Id | None


class FrameRequest(RequestModel):
    """Which shot a frame of a take goes to, and as what."""

    shot_id: Id
    slot: Literal["image", "last_frame", "reference"]
    frame: Literal["first", "last"] = "last"
    role: Role = "character"


class ChainLinkRequest(RequestModel):
    """Which shot another one goes on from."""

    after: Id | None = None
    """Left out: the one before it on the storyboard."""


class FinishRequest(RequestModel):
    """What is to be done with a take."""

    verb: Literal["extend", "upscale", "fetch_1080p", "fetch_4k"]
    prompt: Annotated[str, Field(max_length=20_000, strict=True)] | None = None
    """What happens in the added seconds; left out: the prompt of the take."""
    seconds: Annotated[float, Field(gt=0, le=600)] | None = None
    provider: ModeName | None = None
    dry_run: Yes = False
    """True: say what it would cost and queue nothing."""


class ShotsRequest(RequestModel):
    """Some shots of a project."""

    project: Name = "default"
    shots: Annotated[list[Word], Field(max_length=10_000)] | None = None
    """Numbers; left out: all of them."""
    dry_run: Yes = False


class FinishChosenRequest(FinishRequest, ShotsRequest):
    """What is to be done with all chosen takes, or with those of some shots."""

    ceiling: Annotated[Decimal, Field(ge=0, max_digits=12)] | None = None
    """What the batch may cost in all, retries included, in the currency of the budget."""


class FinishRowResponse(ResponseModel):
    """One chosen take, and what becomes of it."""

    shot: str
    take: int
    provider: str | None
    model: str | None
    cost: Cost | None
    reason: str | None
    """Why it is left out; null: it goes."""

    @classmethod
    def of(cls, row: FinishRow, t: Text) -> FinishRowResponse:
        offer, why = row.offer, row.problem
        return cls(
            shot=row.shot,
            take=row.take.number,
            provider=offer.provider.value if offer else None,
            model=offer.model if offer else None,
            cost=Cost.of(offer.price, estimated=True) if offer else None,
            reason=t.error("parameter", why.code, why.params) if why else None,
        )


class FinishSheetResponse(ResponseModel):
    """What finishing the chosen takes would do, and what was queued."""

    rows: list[FinishRowResponse]
    preflight: PreflightResponse
    queued: GenerateResponse | None
    """Null for a dry run."""


class UseRequest(RequestModel):
    """Whether exports use an extended or enlarged take in the place of its source."""

    used: Yes = True


class FinishOfferResponse(ResponseModel):
    """One thing that can be done with a take."""

    verb: str
    provider: str
    model: str
    cost: Cost | None
    reason: str | None
    """Why not now; null where it can be ordered."""

    @classmethod
    def of(cls, offer: Offered, t: Text) -> FinishOfferResponse:
        why = offer.problem
        return cls(
            verb=offer.verb.value,
            provider=offer.provider.value,
            model=offer.model,
            cost=Cost.of(offer.price, estimated=True),
            reason=t.error("parameter", why.code, why.params) if why else None,
        )


class RejectRequest(RequestModel):
    """Why a take is not wanted; null takes the mark away."""

    reason: Annotated[str, Field(max_length=200, strict=True)] | None


class BestRequest(ShotsRequest):
    """Which shots without a chosen take get their best one."""

    passed_only: Yes = False
    """Only takes that have passed every check."""


class BestTakeResponse(ResponseModel):
    """The best take of a shot."""

    shot: str
    take: int
    take_id: str
    verdict: str | None
    chosen: bool
    """False for a dry run, and where somebody has chosen meanwhile."""


class JudgingResponse(ResponseModel):
    """How far a language model is that judges takes."""

    busy: bool
    total: int
    done: int
    failed: int
    reason: str | None
    """Why the last of those failed that did."""
    cost: Cost | None = None
    """What this call costs at most."""

    @classmethod
    def of(cls, found: Judging | None, t: Text) -> JudgingResponse:
        if found is None:
            return cls(busy=False, total=0, done=0, failed=0, reason=None)
        reason = t.told(found.failure) if found.failure else None
        return cls(busy=found.busy, total=found.total, done=found.done, failed=found.failed, reason=reason)


class DrawRequest(RequestModel):
    """Which shots get pictures: named ones, all, or all without one."""

    project: Name = "default"
    shot_ids: list[Id] | None = None
    shots: list[Word] | None = None
    """Numbers of shots."""
    all: Yes = False
    missing: Yes = False
    """All shots that have no picture and none under way."""
    count: Annotated[int, Field(ge=1, le=4, strict=True)] | None = None
    """Candidates a shot."""
    provider: DrawerName | None = None
    model: Word | None = None
    dry_run: Yes = False
    """Only say what it would cost."""
