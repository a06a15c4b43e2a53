"""The characters of a project, and what a take of a shot is sent of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from vidgen_core.domain.errors import InputError
from vidgen_core.services.library.characters import CharacterUse
from vidgen_core.services.schemas.characters import CharacterResponse, SentResponse
from vidgen_core.web.api.common import DEFAULT, App, Catalogue, PathId, ProjectName, errors, project_for, project_of
from vidgen_core.web.api.routers.shots import FILE, File
from vidgen_core.web.api.schemas.shots import CharacterDeletedResponse, CharacterRequest
from vidgen_core.web.middleware.base_path import address

router = APIRouter()
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
