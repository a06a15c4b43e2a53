"""A character of a project, and what a take of a shot is sent, as the HTTP API and ``--json`` have them."""

from __future__ import annotations

from collections.abc import Callable

from vidgen_core.i18n import Text
from vidgen_core.services.generation.validation import ValidatedShot
from vidgen_core.services.library.characters import CharacterUse
from vidgen_core.services.schemas.base import ResponseModel
from vidgen_core.services.schemas.money import OrderedResponse
from vidgen_core.services.schemas.shots import ReferenceFields


class CharacterResponse(ResponseModel):
    """A character, where prompts name it, and what was made before it was last changed."""

    name: str
    """Prompts name it as ``@name``."""
    description: str
    voice: str
    images: list[str]
    """Where its pictures are; the last part is the key."""
    shots: list[str]
    """Numbers of the shots that name it."""
    old_takes: list[str]
    """Ids of the shots whose take was made of another state of it, or without it."""
    old_pictures: list[str]
    redo_takes: OrderedResponse
    """What one new take of each of them costs."""
    redo_pictures: OrderedResponse

    @classmethod
    def of(cls, use: CharacterUse, where: Callable[[str], str]) -> CharacterResponse:
        """:param where: where the picture of a key is"""
        return cls.filled(
            use.character,
            images=[where(key) for key in use.character.images],
            shots=[shot.number for shot in use.shots],
            old_takes=use.old_takes,
            old_pictures=use.old_pictures,
            redo_takes=OrderedResponse.of(use.redo_takes),
            redo_pictures=OrderedResponse.of(use.redo_pictures),
        )


class SentCharacter(ResponseModel):
    """What goes along of a character."""

    name: str
    pictures: list[str]
    words: bool


class SentProblem(ResponseModel):
    """What the model has against it, or what is to be known before the click."""

    code: str
    message: str
    fatal: bool


class SentResponse(ResponseModel):
    """What a take of a shot would be made from now."""

    provider: str
    model: str
    mode: str | None
    prompt: str
    references: list[ReferenceFields]
    """The shot's own pictures, then those of characters."""
    characters: list[SentCharacter]
    problems: list[SentProblem]

    @classmethod
    def of(cls, seen: ValidatedShot, where: Callable[[str], str], t: Text) -> SentResponse:
        """:param where: where the picture of a key is"""
        params = seen.plan.params
        return cls(
            provider=seen.plan.provider.value,
            model=seen.plan.model,
            mode=params.mode.value if params.mode else None,
            prompt=params.prompt,
            references=[ReferenceFields.of(one, where) for one in params.references],
            characters=[
                SentCharacter(name=one.name, pictures=[where(key) for key in one.images], words=one.words)
                for one in params.characters
            ],
            problems=[
                SentProblem(code=one.code, message=t.error("parameter", one.code, one.params), fatal=one.fatal)
                for one in seen.problems
            ],
        )
