"""Shots, their pictures, which of their takes is chosen, and the characters of a project."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Query

from vidgen_core.domain.errors import InputError
from vidgen_core.domain.queries import ShotFilter, ShotState
from vidgen_core.domain.shots import PictureSlot, ReferenceRole, ShotParams, ShotReference
from vidgen_core.domain.takes import Verdict
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.finishing import FinishOptions
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.library.characters import CharacterUse
from vidgen_core.services.schemas.base import Cost
from vidgen_core.services.schemas.characters import CharacterResponse, SentResponse
from vidgen_core.services.schemas.money import PreflightResponse
from vidgen_core.services.schemas.shots import ChainResponse
from vidgen_core.web.api.common import (
    DEFAULT,
    After,
    App,
    Catalogue,
    Limit,
    PathId,
    ProjectName,
    Search,
    errors,
    project_for,
    project_of,
)
from vidgen_core.web.api.routers.tasks import estimate_response, generated_response, requested_shots
from vidgen_core.web.api.schemas.base import number
from vidgen_core.web.api.schemas.shots import (
    BestRequest,
    BestTakeResponse,
    ChainLinkRequest,
    CharacterDeletedResponse,
    CharacterRequest,
    ChoiceRequest,
    DeletedResponse,
    DrawRequest,
    FinishChosenRequest,
    FinishOfferResponse,
    FinishRequest,
    FinishRowResponse,
    FinishSheetResponse,
    FrameRequest,
    JudgingResponse,
    PictureResponse,
    ReferenceRequest,
    RejectRequest,
    Role,
    ShotChanges,
    ShotPage,
    ShotRequest,
    ShotResponse,
    ShotsRequest,
    TakeResponse,
    UseRequest,
)
from vidgen_core.web.api.schemas.tasks import GenerateResponse
from vidgen_core.web.middleware.base_path import address

router = APIRouter()


@router.get("/shots", tags=["shots"], responses=errors(404))
def list_shots(
    app: App,
    project: ProjectName = DEFAULT,
    state: Annotated[ShotState, Query()] = "all",
    text: Search = "",
    limit: Limit = 100,
    after: After = None,
) -> ShotPage:
    """Shots of a project in their order, page by page."""
    where = project_of(app, project)
    page = app.shots.page(where.id, ShotFilter(state=state, text=text), limit, after)
    return ShotPage(total=page.total, next=page.next, items=[ShotResponse.of(view, where.name) for view in page.items])


@router.post("/shots", tags=["shots"])
def create_shot(app: App, body: ShotRequest) -> ShotResponse:
    """Add one shot; a project that is not there is made."""
    where = project_for(app, body.project)
    params = ShotParams.model_validate(body.params.model_dump())
    added = app.shots.add(
        where.id,
        body.shot,
        body.prompt,
        params=params,
        picture_prompt=body.picture_prompt,
        last_frame_url=body.last_frame_url,
        references=_references(body.references),
    )
    return _answer(app, added.id)


@router.get("/shots/{shot_id}", tags=["shots"], responses=errors(404))
def get_shot(app: App, shot_id: PathId) -> ShotResponse:
    """One shot."""
    return _answer(app, shot_id)


@router.patch("/shots/{shot_id}", tags=["shots"], responses=errors(404, 409))
def edit_shot(app: App, shot_id: PathId, body: ShotChanges) -> ShotResponse:
    """Change a shot; what was not sent yet follows."""
    given = body.model_dump(exclude={"rev", "references"}, exclude_none=True)
    if "shot" in given:
        given["number"] = given.pop("shot")
    if body.params is not None:
        given["params"] = ShotParams.model_validate(body.params.model_dump())
    if body.references is not None:
        given["references"] = _references(body.references)
    if body.last_frame_url is not None:
        given["last_frame"] = None
    app.shots.get(shot_id)
    if given:
        app.shots.edit(shot_id, body.rev, **given)
    return _answer(app, shot_id)


@router.delete("/shots/{shot_id}", tags=["shots"], responses=errors(404))
def delete_shot(app: App, shot_id: PathId) -> DeletedResponse:
    """Take a shot away with its tasks; one with a video under way stays, and then nothing is named as deleted."""
    app.shots.get(shot_id)
    return DeletedResponse(deleted=[str(gone) for gone in app.shots.delete([shot_id])])


@router.get("/chains", tags=["shots"], responses=errors(404))
def list_chains(app: App, t: Catalogue, project: ProjectName = DEFAULT) -> list[ChainResponse]:
    """The chains of a project with their shots, what no longer fits, and how far their look has drifted."""
    return [ChainResponse.of(view, t) for view in app.chains.of_project(project_of(app, project).id)]


@router.post("/shots/{shot_id}/link", tags=["shots"], responses=errors(404, 409))
def link_shot(app: App, shot_id: PathId, body: ChainLinkRequest) -> ShotResponse:
    """Let a shot begin with the last frame of another one; takes that are there stay, and nothing is bought."""
    app.chains.link(shot_id, number(body.after) if body.after is not None else None)
    return _answer(app, shot_id)


@router.delete("/shots/{shot_id}/link", tags=["shots"], responses=errors(404, 409))
def unlink_shot(app: App, shot_id: PathId) -> ShotResponse:
    """Let a shot begin by itself; those that follow it go on from it."""
    app.chains.unlink(shot_id)
    return _answer(app, shot_id)


@router.post("/shots/{shot_id}/meet", tags=["shots"], responses=errors(404, 409))
def meet_next(app: App, shot_id: PathId) -> ShotResponse:
    """Let a shot end with the picture that the next one begins with, so that it is made between two frames."""
    app.chains.meet(shot_id)
    return _answer(app, shot_id)


@router.post("/shots/{shot_id}/refresh", tags=["shots"], responses=errors(404, 409))
def refresh_look(app: App, shot_id: PathId) -> ShotResponse:
    """Let the look begin anew with a shot: from the project's reference pictures, not from the frame before it."""
    app.chains.refresh(shot_id)
    return _answer(app, shot_id)


FILE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
File = Annotated[bytes, Body(media_type="application/octet-stream")]


@router.put("/shots/{shot_id}/image", tags=["shots"], responses=errors(404), openapi_extra=FILE)
def set_image(app: App, shot_id: PathId, data: File) -> ShotResponse:
    """Give a shot its first frame; the body is the file."""
    return _put_picture(app, shot_id, PictureSlot.IMAGE, data)


@router.put("/shots/{shot_id}/last-frame", tags=["shots"], responses=errors(404), openapi_extra=FILE)
def set_last_frame(app: App, shot_id: PathId, data: File) -> ShotResponse:
    """Give a shot the picture that its video ends with; the body is the file."""
    return _put_picture(app, shot_id, PictureSlot.LAST_FRAME, data)


@router.delete("/shots/{shot_id}/last-frame", tags=["shots"], responses=errors(404))
def remove_last_frame(app: App, shot_id: PathId) -> ShotResponse:
    """Take the last frame away."""
    app.shots.remove_picture(shot_id, PictureSlot.LAST_FRAME)
    return _answer(app, shot_id)


@router.post("/shots/{shot_id}/references", tags=["shots"], responses=errors(404, 409), openapi_extra=FILE)
def add_reference(app: App, shot_id: PathId, data: File, role: Annotated[Role, Query()] = "character") -> ShotResponse:
    """Give a shot one more reference picture; the body is the file. ``PATCH`` orders and removes them."""
    return _put_picture(app, shot_id, PictureSlot.REFERENCE, data, ReferenceRole(role))


def _put_picture(
    app: Vidgen, shot_id: int, slot: PictureSlot, data: bytes, role: ReferenceRole = ReferenceRole.CHARACTER
) -> ShotResponse:
    app.shots.get(shot_id)
    if not data:
        raise InputError("body_empty")
    app.shots.put_picture(shot_id, slot, data, role)
    return _answer(app, shot_id)


@router.post("/takes/{take_id}/frame", tags=["shots"], responses=errors(404, 409))
def use_take(app: App, take_id: PathId, body: FrameRequest) -> ShotResponse:
    """Give a shot the last or first frame of a take of its project."""
    shot_id, slot, role = number(body.shot_id), PictureSlot(body.slot), ReferenceRole(body.role)
    app.shots.use_take(shot_id, slot, take_id, last=body.frame == "last", role=role)
    return _answer(app, shot_id)


def _references(pictures: Iterable[ReferenceRequest]) -> tuple[ShotReference, ...]:
    return tuple(ShotReference.model_validate(picture.model_dump()) for picture in pictures)


@router.get("/shots/{shot_id}/takes", tags=["shots"], responses=errors(404))
def list_takes(app: App, shot_id: PathId) -> list[TakeResponse]:
    """The finished videos of a shot."""
    return _answer(app, shot_id).takes


@router.post("/shots/{shot_id}/choose", tags=["shots"], responses=errors(404))
def choose(app: App, shot_id: PathId, body: ChoiceRequest) -> ShotResponse:
    """Choose a take of a shot, or none."""
    app.shots.get(shot_id)
    app.takes.choose(shot_id, None if body.take_id is None else number(body.take_id))
    return _answer(app, shot_id)


@router.get("/takes/{take_id}/finish", tags=["shots"], responses=errors(404))
def list_finishing(app: App, t: Catalogue, take_id: PathId) -> list[FinishOfferResponse]:
    """What can be done with a take, by whom and for how much."""
    return [FinishOfferResponse.of(offer, t) for offer in app.finishing.offers(take_id)]


@router.post("/takes/{take_id}/finish", tags=["shots"], responses=errors(404, 409))
def finish_take(app: App, t: Catalogue, take_id: PathId, body: FinishRequest) -> GenerateResponse:
    """Queue another take that is made from this one, or say what that would cost."""
    asked = _finish_options(body)
    if body.dry_run:
        return estimate_response(app.finishing.estimate(take_id, asked), t)
    where = app.projects.get(app.takes.get(take_id).project_id)
    return generated_response(app, t, where, app.finishing.order(take_id, asked))


@router.post("/finish", tags=["shots"], responses=errors(404, 409))
def finish_chosen(app: App, t: Catalogue, body: FinishChosenRequest) -> FinishSheetResponse:
    """Queue the same for every chosen take that can have it, as one batch; with ``dry_run`` say what it would do and cost."""
    where = project_of(app, body.project)
    asked, ids = _finish_options(body), _shot_ids(app, where.id, body.shots)
    sheet = app.finishing.sheet(where.id, asked, ids)
    made = None if body.dry_run else app.finishing.order_chosen(where.id, asked, ids, body.ceiling)
    return FinishSheetResponse(
        rows=[FinishRowResponse.of(row, t) for row in sheet.rows],
        preflight=PreflightResponse.of(sheet.preflight, t),
        queued=None if made is None else generated_response(app, t, where, made),
    )


def _finish_options(body: FinishRequest) -> FinishOptions:
    return FinishOptions.model_validate(body.model_dump(include=set(FinishOptions.model_fields)))


def _shot_ids(app: Vidgen, project_id: int, numbers: Iterable[str] | None) -> list[int] | None:
    found = None if numbers is None else {name: app.shots.by_number(project_id, name.strip()) for name in numbers}
    for name, shot in (found or {}).items():
        if shot is None:
            raise InputError("shot_unknown", number=name, project=app.projects.get(project_id).name)
    return None if found is None else [shot.id for shot in found.values() if shot]


@router.post("/takes/{take_id}/use", tags=["shots"], responses=errors(404, 409))
def use_finished(app: App, take_id: PathId, body: UseRequest) -> ShotResponse:
    """Let exports use an extended or enlarged take in the place of the take it was made from, or that one again."""
    return _answer(app, app.takes.use_finished(take_id, body.used).shot_id)


@router.post("/takes/{take_id}/choose", tags=["shots"], responses=errors(404))
def choose_take(app: App, take_id: PathId) -> ShotResponse:
    """Choose a take for its shot."""
    shot = app.takes.get(take_id).shot_id
    app.takes.choose(shot, take_id)
    return _answer(app, shot)


@router.post("/takes/{take_id}/reject", tags=["shots"], responses=errors(404))
def reject_take(app: App, take_id: PathId, body: RejectRequest) -> ShotResponse:
    """Mark a take as not wanted, or take the mark away."""
    shot = app.takes.get(take_id).shot_id
    app.takes.reject(take_id, body.reason)
    return _answer(app, shot)


@router.post("/choose-best", tags=["shots"], responses=errors(404))
def choose_best(app: App, body: BestRequest) -> list[BestTakeResponse]:
    """Choose the best take of each shot that has none chosen, or say which that would be; failed ones are never chosen."""
    where = project_of(app, body.project)
    best = [
        (shot, take)
        for shot, take in app.takes.best(where.id, _shot_ids(app, where.id, body.shots))
        if not body.passed_only or take.verdict is Verdict.PASS
    ]
    wanted = {} if body.dry_run else {shot.id: take.id for shot, take in best}
    accepted = app.takes.accept(where.id, wanted) if wanted else {}
    return [
        BestTakeResponse(
            shot=shot.number,
            take=take.number,
            take_id=str(take.id),
            verdict=take.verdict,
            chosen=shot.id in accepted,
        )
        for shot, take in best
    ]


@router.post("/judge", tags=["shots"], responses=errors(404, 409))
def judge_takes(app: App, t: Catalogue, body: ShotsRequest) -> JudgingResponse:
    """Have the language model judge the takes that it has not judged yet, in the background, or say what that would cost."""
    where = project_of(app, body.project)
    takes = app.model_judge.unjudged(where.id, _shot_ids(app, where.id, body.shots))
    estimate = app.model_judge.estimate(where.id, takes)
    if body.dry_run:
        found = JudgingResponse(busy=False, total=len(takes), done=0, failed=0, reason=None)
    else:
        app.model_judge.ask(where.id, takes)
        found = JudgingResponse.of(app.model_judge.standing(where.id), t)
    return found.model_copy(update={"cost": Cost.of(estimate.money, estimated=True)})


@router.get("/judge", tags=["shots"], responses=errors(404))
def get_judging(app: App, t: Catalogue, project: ProjectName = DEFAULT) -> JudgingResponse:
    """How far the model is that judges takes, or was at last."""
    return JudgingResponse.of(app.model_judge.standing(project_of(app, project).id), t)


@router.post("/pictures", tags=["pictures"], responses=errors(404, 409))
def draw_pictures(app: App, t: Catalogue, body: DrawRequest) -> GenerateResponse:
    """Queue pictures for shots, or say what that would cost."""
    where = project_of(app, body.project)
    ids = app.pictures.missing(where.id) if body.missing else requested_shots(app, where, body)
    options = GenerateOptions(takes=body.count, provider=body.provider, model=body.model)
    if body.dry_run:
        return estimate_response(app.pictures.estimate(where.id, ids, options), t)
    return generated_response(app, t, where, app.pictures.draw(where.id, ids, options))


@router.get("/shots/{shot_id}/pictures", tags=["pictures"], responses=errors(404))
def list_pictures(app: App, shot_id: PathId) -> list[PictureResponse]:
    """The candidates of a shot; the chosen one is its reference picture."""
    app.shots.get(shot_id)
    return [PictureResponse.of(candidate) for candidate in app.pictures.of_shot(shot_id)]


@router.post("/pictures/{picture_id}/choose", tags=["pictures"], responses=errors(404))
def choose_picture(app: App, picture_id: PathId) -> list[PictureResponse]:
    """Make a candidate its shot's reference picture; the one before it stays a candidate."""
    shot_id = app.pictures.get(picture_id).shot_id
    app.pictures.choose(shot_id, picture_id)
    return list_pictures(app, shot_id)


def _answer(app: Vidgen, shot_id: int) -> ShotResponse:
    view = app.shots.view(shot_id)
    return ShotResponse.of(view, app.projects.get(view.shot.project_id).name)


# --- characters

_Name = Annotated[str, Query(min_length=1, max_length=80, description="The character by its name.")]


def _picture(key: str) -> str:
    return address(f"/app/static/media/picture/{key}")


def _response(use: CharacterUse) -> CharacterResponse:
    return CharacterResponse.of(use, _picture)


@router.get("/characters", tags=["characters"], responses=errors(404))
def list_characters(app: App, project: ProjectName = DEFAULT) -> list[CharacterResponse]:
    """The characters of a project, where they are named, and what making old takes again costs."""
    return [_response(use) for use in app.characters.uses(project_of(app, project).id)]


@router.put("/characters", tags=["characters"], responses=errors(404))
def save_character(app: App, body: CharacterRequest) -> CharacterResponse:
    """Add a character, or change what is given of it; what was not sent yet follows."""
    where = project_for(app, body.project)
    given = body.model_dump(include={"new_name", "description", "voice", "images"}, exclude_none=True)
    return _response(app.characters.save(where.id, body.name, **given))


@router.post("/characters/pictures", tags=["characters"], responses=errors(404), openapi_extra=FILE)
def add_character_picture(app: App, data: File, name: _Name, project: ProjectName = DEFAULT) -> CharacterResponse:
    """Give a character one more picture; the body is the file. A character that is not there is added."""
    where = project_of(app, project)
    if not data:
        raise InputError("body_empty")
    return _response(app.characters.save(where.id, name, more_images=[app.shots.keep_image(data)]))


@router.delete("/characters", tags=["characters"], responses=errors(404))
def delete_character(app: App, name: _Name, project: ProjectName = DEFAULT) -> CharacterDeletedResponse:
    """Take a character away; prompts keep its name, which is then sent as it stands."""
    use = app.characters.delete(project_of(app, project).id, name)
    return CharacterDeletedResponse(deleted=use.character.name, shots=[shot.number for shot in use.shots])


@router.get("/shots/{shot_id}/sent", tags=["characters"], responses=errors(404))
def show_sent(app: App, t: Catalogue, shot_id: PathId) -> SentResponse:
    """What a take of a shot would be made from now, with its characters as its model gets them."""
    return SentResponse.of(app.characters.preview(app.shots.get(shot_id)), _picture, t)
