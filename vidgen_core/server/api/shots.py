"""Shots, their pictures, and which of their takes is chosen."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query

from vidgen_core.app import Vidgen
from vidgen_core.errors import InputError
from vidgen_core.models import ShotParams
from vidgen_core.server.api.common import (
    DEFAULT,
    App,
    Limit,
    Offset,
    PathId,
    ProjectName,
    Search,
    errors,
    project_for,
    project_of,
)
from vidgen_core.server.api.shapes.base import number
from vidgen_core.server.api.shapes.shots import (
    ChoiceBody,
    DeletedAnswer,
    RejectBody,
    ShotAnswer,
    ShotBody,
    ShotChanges,
    ShotPage,
    TakeAnswer,
)
from vidgen_core.store import ShotFilter
from vidgen_core.store.shots import ShotState

router = APIRouter(tags=["shots"])


@router.get("/shots", responses=errors(404))
def list_shots(
    app: App,
    project: ProjectName = DEFAULT,
    state: Annotated[ShotState, Query()] = "all",
    text: Search = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> ShotPage:
    """Shots of a project in their order, page by page."""
    where = project_of(app, project)
    page = app.shots.page(where.id, ShotFilter(state=state, text=text), limit, offset)
    return ShotPage(total=page.total, items=[ShotAnswer.of(view, where.name) for view in page.items])


@router.post("/shots")
def create_shot(app: App, body: ShotBody) -> ShotAnswer:
    """Add one shot; a project that is not there is made."""
    where = project_for(app, body.project)
    params = ShotParams.model_validate(body.params.model_dump())
    added = app.shots.add(where.id, body.shot, body.prompt, params=params, picture_prompt=body.picture_prompt)
    return _answer(app, added.id)


@router.get("/shots/{shot_id}", responses=errors(404))
def get_shot(app: App, shot_id: PathId) -> ShotAnswer:
    """One shot."""
    return _answer(app, shot_id)


@router.patch("/shots/{shot_id}", responses=errors(404, 409))
def edit_shot(app: App, shot_id: PathId, body: ShotChanges) -> ShotAnswer:
    """Change a shot; what was not sent yet follows."""
    given = body.model_dump(exclude={"rev"}, exclude_none=True)
    if "shot" in given:
        given["number"] = given.pop("shot")
    if body.params is not None:
        given["params"] = ShotParams.model_validate(body.params.model_dump())
    app.shots.get(shot_id)
    if given:
        app.shots.edit(shot_id, body.rev, **given)
    return _answer(app, shot_id)


@router.delete("/shots/{shot_id}", responses=errors(404))
def delete_shot(app: App, shot_id: PathId) -> DeletedAnswer:
    """Take a shot away with its tasks; one with a video under way stays, and then nothing is named as deleted."""
    app.shots.get(shot_id)
    return DeletedAnswer(deleted=[str(gone) for gone in app.shots.delete([shot_id])])


@router.put(
    "/shots/{shot_id}/image",
    responses=errors(404),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
def set_image(
    app: App, shot_id: PathId, data: Annotated[bytes, Body(media_type="application/octet-stream")]
) -> ShotAnswer:
    """Give a shot its reference picture; the body is the file."""
    app.shots.get(shot_id)
    if not data:
        raise InputError("body_empty")
    app.shots.set_image(shot_id, data)
    return _answer(app, shot_id)


@router.get("/shots/{shot_id}/takes", responses=errors(404))
def list_takes(app: App, shot_id: PathId) -> list[TakeAnswer]:
    """The finished videos of a shot."""
    return _answer(app, shot_id).takes


@router.post("/shots/{shot_id}/choose", responses=errors(404))
def choose(app: App, shot_id: PathId, body: ChoiceBody) -> ShotAnswer:
    """Choose a take of a shot, or none."""
    app.shots.get(shot_id)
    app.results.choose(shot_id, None if body.take_id is None else number(body.take_id))
    return _answer(app, shot_id)


@router.post("/takes/{take_id}/choose", responses=errors(404))
def choose_take(app: App, take_id: PathId) -> ShotAnswer:
    """Choose a take for its shot."""
    shot = app.results.get(take_id).shot_id
    app.results.choose(shot, take_id)
    return _answer(app, shot)


@router.post("/takes/{take_id}/reject", responses=errors(404))
def reject_take(app: App, take_id: PathId, body: RejectBody) -> ShotAnswer:
    """Mark a take as not wanted, or take the mark away."""
    shot = app.results.get(take_id).shot_id
    app.results.reject(take_id, body.reason)
    return _answer(app, shot)


def _answer(app: Vidgen, shot_id: int) -> ShotAnswer:
    view = app.shots.view(shot_id)
    return ShotAnswer.of(view, app.projects.get(view.shot.project_id).name)
