"""The library of characters of a project: who is in it, where prompts name them, and what a change costs to make again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from vidgen_core.db import Tx
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.characters import Character, References, clean_name, same_name
from vidgen_core.domain.errors import InputError
from vidgen_core.domain.shots import Shot
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.providers.http.cleaning import clean_text
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.generation import gate
from vidgen_core.services.generation.planning import GenerateOptions, plan
from vidgen_core.services.generation.preflight import Estimate
from vidgen_core.services.generation.validation import ValidatedShot, known_references, validate
from vidgen_core.services.library.references import change_references, own_words

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext
    from vidgen_core.services.library.pictures import Pictures


class CharacterUse(Frozen):
    """Where a character is named, and what was made before it was last changed."""

    character: Character
    #: Shots whose video prompt or picture words name it, in their order.
    shots: tuple[Shot, ...] = ()
    #: Of these the ones whose take, and whose picture, was made of another state of it, or without it.
    old_takes: tuple[int, ...] = ()
    old_pictures: tuple[int, ...] = ()
    #: What one new take, and one new picture, of each of them costs.
    redo_takes: Estimate
    redo_pictures: Estimate


class Characters:
    """Who and what looks the same in every shot of a project."""

    def __init__(self, ctx: ServiceContext, pictures: Pictures) -> None:
        self._ctx = ctx
        self._pictures = pictures

    @requires(Role.VIEWER)
    def uses(self, project_id: int, name: str | None = None) -> tuple[CharacterUse, ...]:
        """All characters, or one, with where they are used.

        :raises InputError: ``character_not_there`` (name)
        """
        references = known_references(self._ctx, project_id)
        wanted = references.characters if name is None else (_one(references, name),)
        with self._ctx.store.read() as tx:
            shots = tx.shots.all(project_id)
            named = {shot.id: _named(shot, references) for shot in shots}
            with_any = [shot for shot in shots if any(named[shot.id])]
            takes, pictures = _made(tx, with_any)
        found = []
        for one in wanted:
            place = references.characters.index(one)
            filmed = [shot for shot in with_any if place in named[shot.id][0]]
            drawn = [shot for shot in with_any if place in named[shot.id][1]]
            old_takes = [shot for shot in filmed if shot.id in takes and _is_old(takes[shot.id], one)]
            old_pictures = [shot for shot in drawn if shot.id in pictures and _is_old(pictures[shot.id], one)]
            both = {shot.id for shot in (*filmed, *drawn)}
            use = CharacterUse(
                character=one,
                shots=tuple(shot for shot in with_any if shot.id in both),
                old_takes=tuple(shot.id for shot in old_takes),
                old_pictures=tuple(shot.id for shot in old_pictures),
                redo_takes=gate.estimate_of(self._ctx, [self.preview(shot) for shot in old_takes]),
                redo_pictures=self._pictures.estimate(
                    project_id, [shot.id for shot in old_pictures], GenerateOptions(takes=1)
                ),
            )
            found.append(use)
        return tuple(found)

    @requires(Role.VIEWER)
    def preview(self, shot: Shot) -> ValidatedShot:
        """What a take of a shot would be made from now, with its characters as its model gets them."""
        return validate(self._ctx, shot, plan(shot, GenerateOptions(takes=1), self._ctx.settings()))

    @requires(Role.MAKER)
    def save(
        self,
        project_id: int,
        name: str,
        *,
        new_name: str | None = None,
        description: str | None = None,
        voice: str | None = None,
        images: Sequence[str] | None = None,
        more_images: Sequence[str] = (),
    ) -> CharacterUse:
        """Add a character, or change what is given of it; what was not sent yet follows.

        :param new_name: texts that name it by ``@`` follow
        :param images: keys of pictures in the image store, all of them
        :param more_images: keys of pictures that come behind those that are there
        :raises InputError: as ``change_references``
        """
        given = {"description": description, "voice": voice}
        update: dict[str, Any] = {field: clean_text(text).strip() for field, text in given.items() if text is not None}
        if images is not None:
            update["images"] = tuple(dict.fromkeys(images))
        new = clean_name(clean_text(name if new_name is None else new_name))

        renamed: dict[str, str] = {}

        def change(known: References) -> References:
            before = known.named(name)
            if before is not None and new_name is not None:
                renamed[before.name] = new
            changed = (before or Character(name="-")).model_copy(update=update)
            every = tuple(dict.fromkeys((*changed.images, *more_images)))
            changed = changed.model_copy(update={"images": every})
            if before is None or new_name is not None:
                changed = changed.model_copy(update={"name": new})
            there = [changed if one is before else one for one in known.characters]
            return known.model_copy(update={"characters": tuple(there if before else [*there, changed])})

        change_references(self._ctx, project_id, change, renamed)
        return self.uses(project_id, new)[0]

    @requires(Role.MAKER)
    def delete(self, project_id: int, name: str) -> CharacterUse:
        """Take a character away; prompts that name it keep the name, which is then sent as it stands.

        :returns: where it was used
        :raises InputError: ``character_not_there`` (name)
        """
        use = self.uses(project_id, name)[0]

        def change(known: References) -> References:
            left = tuple(one for one in known.characters if not same_name(one.name, name))
            return known.model_copy(update={"characters": left})

        change_references(self._ctx, project_id, change)
        return use


def _one(references: References, name: str) -> Character:
    found = references.named(name)
    if found is None:
        raise InputError("character_not_there", name=clean_name(name))
    return found


def _named(shot: Shot, references: References) -> tuple[frozenset[int], frozenset[int]]:
    """Places of the characters that the video prompt and the words of the picture name."""
    return frozenset(references.find(shot.prompt).known), frozenset(references.find(own_words(shot), bare=True).known)


def _made(tx: Tx, shots: Iterable[Shot]) -> tuple[dict[int, GenerationParams], dict[int, GenerationParams]]:
    """What the chosen take, else the newest, and the picture of each shot were made from."""
    ids = [shot.id for shot in shots]
    takes = {
        shot_id: next((one for one in some if one.chosen), some[-1]).task_id
        for shot_id, some in tx.takes.of_shots(ids).items()
        if some
    }
    pictures = {
        shot_id: one.task_id
        for shot_id, some in tx.candidates.of_shots(ids).items()
        for one in some
        if one.chosen and one.task_id is not None
    }
    params = {task.id: task.params for task in tx.tasks.many([*takes.values(), *pictures.values()])}
    return (
        {shot_id: params[task] for shot_id, task in takes.items() if task in params},
        {shot_id: params[task] for shot_id, task in pictures.items() if task in params},
    )


def _is_old(params: GenerationParams, character: Character) -> bool:
    # By its look and not by its name, which may be another one since.
    return params.parent is None and all(one.version != character.version for one in params.characters)
