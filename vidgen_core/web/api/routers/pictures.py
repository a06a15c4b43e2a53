"""Pictures of shots: drawing candidates, and choosing the reference image among them."""

from __future__ import annotations

from fastapi import APIRouter

from vidgen_core.domain.providers import ProviderId
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.web.api.common import App, PathId, Words, errors, project_of
from vidgen_core.web.api.routers.tasks import generated, meant, rehearsed
from vidgen_core.web.api.schemas.pictures import DrawRequest, PictureResponse
from vidgen_core.web.api.schemas.tasks import GenerateResponse

router = APIRouter(tags=["pictures"])


@router.post("/pictures", responses=errors(404, 409))
def draw_pictures(app: App, t: Words, body: DrawRequest) -> GenerateResponse:
    """Queue pictures for shots, or say what that would cost."""
    where = project_of(app, body.project)
    ids = app.pictures.missing(where.id) if body.missing else meant(app, where, body)
    provider = ProviderId(body.provider) if body.provider else None
    options = GenerateOptions(takes=body.count, provider=provider, model=body.model)
    if body.dry_run:
        return rehearsed(app.pictures.estimate(where.id, ids, options), t)
    return generated(app, t, where, app.pictures.draw(where.id, ids, options))


@router.get("/shots/{shot_id}/pictures", responses=errors(404))
def list_pictures(app: App, shot_id: PathId) -> list[PictureResponse]:
    """The candidates of a shot; the chosen one is its reference picture."""
    app.shots.get(shot_id)
    return [PictureResponse.of(candidate) for candidate in app.pictures.of_shot(shot_id)]


@router.post("/pictures/{picture_id}/choose", responses=errors(404))
def choose_picture(app: App, picture_id: PathId) -> list[PictureResponse]:
    """Make a candidate its shot's reference picture; the one before it stays a candidate."""
    shot_id = app.pictures.get(picture_id).shot_id
    app.pictures.choose(shot_id, picture_id)
    return list_pictures(app, shot_id)
