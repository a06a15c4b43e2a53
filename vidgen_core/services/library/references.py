"""From a shot to what its pictures are drawn from: its own words, the characters they name, the project's style."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from pydantic import Field

from vidgen_core.config.schema import Settings
from vidgen_core.db import Tx
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.providers import paid_picture_provider
from vidgen_core.domain.shots import ReferenceRole, Shot, ShotReference
from vidgen_core.domain.tasks import GenerationParams, Task
from vidgen_core.services.generation.planning import GenerateOptions, GenerationPlan, plan

#: Name of the project's setting that holds its ``References``.
SETTING: Final = "references"
#: The size of storyboard frames; those of the image provider are its own setting.
_FRAME_SIZE: Final = "720P"
#: What of a picture's params follows the shot while it waits.
_DRAWN_FROM: Final = ("prompt", "references", "aspect_ratio", "seed", "options")


class Character(Frozen):
    """Somebody or something that looks the same in every shot."""

    name: str = Field(min_length=1, max_length=80)
    #: How it looks, in words.
    description: str = Field(default="", max_length=2_000)
    #: Key of its picture in the image store.
    image: str | None = None

    def is_named_in(self, words: str) -> bool:
        """Names of Latin letters count as whole words; Chinese ones stand anywhere in a sentence."""
        name = re.escape(self.name.strip())
        edge = r"\b" if self.name.isascii() else ""
        return bool(name) and re.search(f"{edge}{name}{edge}", words, re.IGNORECASE) is not None


class References(Frozen):
    """What all pictures of a project have in common."""

    style: str = Field(default="", max_length=2_000)
    #: Keys of pictures whose manner is followed.
    style_images: tuple[str, ...] = Field(default=(), max_length=4)
    characters: tuple[Character, ...] = Field(default=(), max_length=40)

    def named_in(self, words: str) -> tuple[Character, ...]:
        return tuple(one for one in self.characters if one.is_named_in(words))


def references_of(tx: Tx, project_id: int) -> References:
    """Empty where nobody has said anything yet."""
    return References.model_validate(tx.projects.settings(project_id).get(SETTING) or {})


class Travels(NamedTuple):
    """One picture that goes along with an order: what it shows and its key."""

    #: Name of a character; None: it shows the style.
    character: str | None
    image: str

    @property
    def role(self) -> ReferenceRole:
        return ReferenceRole.CHARACTER if self.character else ReferenceRole.STYLE


def own_words(shot: Shot) -> str:
    """What a shot's picture shows: its picture prompt, else its line of the script, else its video prompt."""
    return next((words for words in (shot.picture_prompt, shot.script, shot.prompt) if words.strip()), "").strip()


def travelling(shot: Shot, references: References) -> tuple[Travels, ...]:
    """The pictures that go along, characters first."""
    named = references.named_in(own_words(shot))
    characters = [Travels(one.name, one.image) for one in named if one.image]
    return (*characters, *(Travels(None, image) for image in references.style_images))


def full_words(shot: Shot, references: References, *, pictures: bool) -> str:
    """Everything that is said to the model.

    :param pictures: whether pictures go along, which must be told apart
    """
    words = own_words(shot)
    lines = [words]
    lines += [f"{one.name}: {one.description.strip()}" for one in references.named_in(words) if one.description.strip()]
    lines += [references.style.strip()]
    if pictures:
        along = travelling(shot, references)
        lines += [f"[image {place}] = {one.character or 'style'}" for place, one in enumerate(along, start=1)]
    return "\n".join(line for line in lines if line)


def plan_picture(shot: Shot, references: References, request: GenerateOptions, settings: Settings) -> GenerationPlan:
    """Everything one picture of the shot is drawn from, complete; ``takes`` is how many candidates."""
    own, mode = settings.providers.pictures, request.provider or settings.draws
    local = mode.is_free
    along = () if local else travelling(shot, references)
    video = plan(shot, GenerateOptions(), settings).params
    ratio = request.aspect_ratio or shot.params.aspect_ratio or own.aspect_ratio
    options: dict[str, Any] = {name: getattr(own, name) for name in mode.spec.task_options if hasattr(own, name)}
    if local:
        options = {"number": shot.number, "caption": shot.script.strip() or own_words(shot)}
    params = GenerationParams(
        prompt=full_words(shot, references, pictures=bool(along)),
        references=tuple(ShotReference(image=one.image, role=one.role) for one in along),
        aspect_ratio=video.aspect_ratio if ratio.lower() == "auto" else ratio,
        size=request.size or (_FRAME_SIZE if local else own.size),
        seed=shot.params.seed,
        options=options,
    )
    model = own.model
    if mode != paid_picture_provider():
        chosen = own.drawn_by_model if mode == own.drawn_by and not local else ""
        model = chosen or mode.spec.picture_model or model
    return GenerationPlan(mode, request.model or model, params, request.takes or own.pictures_per_shot)


def redraw(tx: Tx, task: Task, shot: Shot, references: References, settings: Settings) -> None:
    """Let a picture that waits be drawn from what its shot and its project say now."""
    planned = plan_picture(shot, references, GenerateOptions(provider=task.provider), settings).params
    params = task.params.model_copy(update={name: getattr(planned, name) for name in _DRAWN_FROM})
    if params != task.params:
        tx.tasks.note(task.id, params=params)
