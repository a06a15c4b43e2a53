"""From a shot to what its pictures are drawn from: its own words, the characters they name, the project's style."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vidgen_core import money
from vidgen_core.config.schema import Settings
from vidgen_core.db import Tx
from vidgen_core.domain.characters import (
    MOST_CHARACTERS,
    MOST_DESCRIPTION,
    MOST_NAME,
    MOST_PICTURES,
    MOST_VOICE,
    REFERENCES,
    References,
    clean_name,
    rename,
    same_name,
)
from vidgen_core.domain.errors import InputError, Refused
from vidgen_core.domain.provider_settings import ProviderSettings
from vidgen_core.domain.providers import ProviderId, paid_picture_provider
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.shots import GenerationMode, ReferenceRole, Shot, ShotReference
from vidgen_core.domain.tasks import GenerationParams, Task, TaskKind, TaskStatus
from vidgen_core.providers.capabilities import Capabilities, Problem
from vidgen_core.services.generation import characters
from vidgen_core.services.generation.planning import GenerateOptions, GenerationPlan

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext

#: The size of storyboard frames; those of the image provider are its own setting.
_FRAME_SIZE: Final = "720P"
#: What of a picture's params follows the shot while it waits.
_DRAWN_FROM: Final = ("prompt", "references", "characters", "aspect_ratio", "chosen", "seed", "options")
#: Texts of a shot that name characters.
_NAMING: Final = ("prompt", "picture_prompt", "script")
#: How the pictures of the style are told from those of characters.
_STYLE: Final = "style"


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


def travelling(params: GenerationParams) -> tuple[Travels, ...]:
    """The pictures that go along with a planned picture, characters first."""
    along = [Travels(one.name, image) for one in params.characters for image in one.images]
    return (*along, *(Travels(None, one.image) for one in params.references[len(along) :] if one.image))


def full_words(shot: Shot, references: References, along: tuple[Travels, ...] = ()) -> str:
    """Everything that is said to the model.

    :param along: the pictures that go along, which must be told apart
    """
    found = references.find(own_words(shot), bare=True)
    named = [references.characters[place] for place in found.known]
    owners = {one.image: one.character or _STYLE for one in along}
    lines = [found.text, *characters.descriptions(named), references.style.strip()]
    lines += characters.labels([one.image for one in along], owners)
    return "\n".join(line for line in lines if line)


def plan_picture(
    shot: Shot,
    references: References,
    request: GenerateOptions,
    settings: Settings,
    room: Callable[[ProviderId, str], int] = lambda *_: MOST_CHARACTERS,
) -> GenerationPlan:
    """Everything one picture of the shot is drawn from, complete; ``takes`` is how many candidates.

    :param room: how many references a model draws from
    """
    own, mode = settings.providers.pictures, request.provider or settings.draws
    local, model = mode.is_free, own.model
    if mode != paid_picture_provider():
        chosen = own.drawn_by_model if mode == own.drawn_by and not local else ""
        model = chosen or mode.spec.picture_model or model
    model = request.model or model
    named = [references.characters[place] for place in references.find(own_words(shot), bare=True).known]
    style = () if local else references.style_images
    images = characters.share(named, 0 if local else room(mode, model) - len(style), style)
    sent = characters.cast_of(named, images, with_sound=False)
    along = tuple(Travels(one.name, image) for one in sent for image in one.images)
    along = (*along, *(Travels(None, image) for image in style))
    asked_ratio = _a_ratio(shot.params.aspect_ratio, own.aspect_ratio)
    asked = {"aspect_ratio": asked_ratio is not None, "size": not local}
    options: dict[str, Any] = {name: getattr(own, name) for name in mode.spec.task_options if hasattr(own, name)}
    if local:
        options = {"number": shot.number, "caption": shot.script.strip() or own_words(shot)}
    params = GenerationParams(
        prompt=full_words(shot, references, along),
        references=tuple(ShotReference(image=one.image, role=one.role) for one in along),
        characters=sent,
        aspect_ratio=asked_ratio or _video_ratio(shot, settings),
        size=_FRAME_SIZE if local else own.size,
        chosen=tuple(name for name, wanted in asked.items() if wanted),
        seed=shot.params.seed,
        options=options,
    )
    return GenerationPlan(mode, model, params, request.takes or own.pictures_per_shot)


def _a_ratio(*values: str | None) -> str | None:
    """The first that is one: a picture has to have some width and height."""
    return next((value for value in values if value and value.lower() != "auto"), None)


def _video_ratio(shot: Shot, settings: Settings) -> str:
    """The ratio of the shot's video; where that is to be its picture's, the one that videos have by default."""
    mine, usual = (settings.providers.of(mode) for mode in (shot.params.provider or settings.mode, settings.mode))
    default: str = ProviderSettings.model_fields["aspect_ratio"].default
    return _a_ratio(mine.aspect_ratio, usual.aspect_ratio) or default


def picture_problems(shot: Shot, references: References, planned: GenerationPlan, can: Capabilities) -> list[Problem]:
    """What is to be said before the click of the characters that a picture names."""
    found = references.find(own_words(shot), bare=True)
    named = [references.characters[place] for place in found.known]
    return list(characters.problems(found, named, planned.params.characters, can))


def room_of(ctx: ServiceContext, mode: ProviderId, model: str) -> int:
    """How many references a model draws a picture from."""
    try:
        can = ctx.provider(mode).capabilities(model)
    except Refused:
        # Whoever cannot be asked is refused with a sentence of its own.
        return 0
    return (
        (can.max_references or characters.CAREFUL) if can.mode_is_taken(GenerationMode.REFERENCES) is not False else 0
    )


def redraw(
    ctx: ServiceContext,
    tx: Tx,
    task: Task,
    shot: Shot,
    references: References,
    followed: GenerationParams | None = None,
) -> None:
    """Let what waits be made from what its shot and its project say now.

    :param followed: of a video: what it is made from after an edit of its shot, but for its characters
    """
    if task.params.parent is not None:
        # Made from a take, not from what the shot says.
        return
    if task.output is TaskKind.IMAGE:
        request = GenerateOptions(provider=task.provider, model=task.model)
        planned = plan_picture(shot, references, request, ctx.settings(), partial(room_of, ctx)).params
        params = task.params.model_copy(update={name: getattr(planned, name) for name in _DRAWN_FROM})
    else:
        can = ctx.provider(task.provider).capabilities(task.model)
        params = can.spelled(characters.redone(followed or task.params, shot, references, can))
    if params != task.params:
        changes: dict[str, Any] = {"params": params}
        if _priced(params) != _priced(task.params):
            table = money.prices_of(tx, ctx.settings())
            changes["cost"] = money.estimate(task.provider, task.model, params, own=table)
        tx.tasks.note(task.id, **changes)


def _priced(params: GenerationParams) -> tuple[object, ...]:
    """What the price of a take may depend on."""
    return params.size, params.duration, params.sound


def change_references(
    ctx: ServiceContext,
    project_id: int,
    change: Callable[[References], References],
    renamed: Mapping[str, str] | None = None,
) -> References:
    """Change what all shots of a project have in common; what was not sent yet follows.

    :param renamed: other names of characters by those until now: texts that name them by ``@`` follow
    :raises InputError: ``character_twice`` (name), ``character_name_empty``, ``character_text_too_long`` (most),
        ``characters_over_limit`` (most), ``character_pictures_over_limit`` (name, most), ``reference_image_unknown``
    """
    with ctx.store.write() as tx:
        known = characters.references_of(tx, project_id)
        changed = change(known)
        named = tuple(one.model_copy(update={"name": clean_name(one.name)}) for one in changed.characters)
        changed = changed.model_copy(update={"characters": named})
        _check_references(ctx, changed)
        tx.projects.set_setting(project_id, REFERENCES, changed.model_dump(mode="json"))
        new = {old: clean_name(name) for old, name in (renamed or {}).items() if clean_name(name) != old}
        if new:
            _rename_in_texts(tx, project_id, new, known, changed)
        waiting = TaskFilter(statuses=frozenset({TaskStatus.PENDING, TaskStatus.QUEUED}))
        tasks = tx.tasks.many(tx.tasks.ids(project_id, waiting))
        shots = {shot.id: shot for shot in tx.shots.many({task.shot_id for task in tasks})}
        for task in tasks:
            redraw(ctx, tx, task, shots[task.shot_id], changed)
    ctx.wake()
    return changed


def _rename_in_texts(tx: Tx, project_id: int, new: Mapping[str, str], known: References, changed: References) -> None:
    """Write the new names of characters where texts of shots name them."""
    from vidgen_core.worker.chain import digest

    names, after = ([one.name for one in some.characters] for some in (known, changed))
    shots = tx.shots.many(tx.shots.ids(project_id))
    words: dict[tuple[int, str], str] = {}
    for shot in shots:
        texts = {field: rename(getattr(shot, field), new, names, after) for field in _NAMING}
        if changes := {field: text for field, text in texts.items() if text != getattr(shot, field)}:
            tx.shots.edit(shot.id, changes)
            words[shot.id, digest(shot.prompt)] = digest(texts["prompt"])
    # The same words by another name make no take stale that goes on from one.
    links = tx.shot_chains.made_from([shot.id for shot in shots if shot.chain]) if words else {}
    same = {task: link for task, (link, _) in links.items() if link and (link.shot, link.words) in words}
    for task in tx.tasks.many(same):
        link = same[task.id].model_copy(update={"words": words[same[task.id].shot, same[task.id].words]})
        tx.tasks.note(task.id, params=task.params.model_copy(update={"link": link}))


def _check_references(ctx: ServiceContext, references: References) -> None:
    if len(references.characters) > MOST_CHARACTERS:
        raise InputError("characters_over_limit", most=MOST_CHARACTERS)
    for place, one in enumerate(references.characters):
        if not one.name:
            raise InputError("character_name_empty")
        if any(same_name(one.name, other.name) for other in references.characters[:place]):
            raise InputError("character_twice", name=one.name)
        for text, most in ((one.name, MOST_NAME), (one.description, MOST_DESCRIPTION), (one.voice, MOST_VOICE)):
            if len(text) > most:
                raise InputError("character_text_too_long", name=one.name[:MOST_NAME], most=most)
        if len(one.images) > MOST_PICTURES:
            raise InputError("character_pictures_over_limit", name=one.name, most=MOST_PICTURES)
    keys = (*references.style_images, *(image for one in references.characters for image in one.images))
    if not all(Path(key).name == key and ctx.media.has_picture(key) for key in keys):
        raise InputError("reference_image_unknown")
