"""From names in a prompt (``@小明``) to what a model gets of them: reference pictures where it takes some, words otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from vidgen_core.db import Tx
from vidgen_core.domain.characters import REFERENCES, Character, Mentions, NamedCharacter, References
from vidgen_core.domain.shots import GenerationMode, ReferenceRole, Shot, ShotReference
from vidgen_core.domain.tasks import GenerationParams
from vidgen_core.providers.capabilities import Capabilities, Problem

#: Pictures that go along where nobody knows how many a model takes.
CAREFUL: Final = 4


def references_of(tx: Tx, project_id: int) -> References:
    """Empty where nobody has said anything yet."""
    return References.model_validate(tx.projects.settings(project_id).get(REFERENCES) or {})


def resolve(
    params: GenerationParams, references: References, can: Capabilities
) -> tuple[GenerationParams, tuple[Problem, ...]]:
    """The same with every named character as a model gets it, and what is to be said of that; nothing of it is fatal.

    :param params: the prompt and the references as the shot has them
    """
    found = references.find(params.prompt)
    if not found.known:
        return params, tuple(problems(found, (), (), can))
    named = [references.characters[place] for place in found.known]
    images = share(named, _room(params, can), [one.image for one in params.references])
    sent = cast_of(named, images, with_sound=_has_sound(params, can))
    pictures = tuple(ShotReference(image=image) for one in sent for image in one.images)
    resolved = params.model_copy(update={"references": (*params.references, *pictures), "characters": sent})
    order = [one.image for one in can.settle(resolved).references]
    lines = [found.text.strip(), *descriptions(named)]
    if _has_sound(params, can):
        lines += [f"{one.name} (voice): {one.voice.strip()}" for one in named if one.voice.strip()]
    lines += labels(order, {image: one.name for one in sent for image in one.images})
    return resolved.model_copy(update={"prompt": "\n".join(lines)}), tuple(problems(found, named, sent, can))


def share(named: Sequence[Character], room: int, there: Sequence[str | None] = ()) -> list[tuple[str, ...]]:
    """Which pictures of each character go along: the first of every one before the second of any.

    :param there: pictures that go along anyway
    """
    chosen: list[list[str]] = [[] for _ in named]
    used = set(there)
    for place in range(max((len(one.images) for one in named), default=0)):
        for one, own in zip(named, chosen, strict=True):
            if place >= len(one.images) or one.images[place] in used or room <= 0:
                continue
            own.append(one.images[place])
            used.add(one.images[place])
            room -= 1
    return [tuple(own) for own in chosen]


def cast_of(
    named: Sequence[Character], images: Sequence[tuple[str, ...]], *, with_sound: bool
) -> tuple[NamedCharacter, ...]:
    """What goes along of each character."""
    return tuple(
        NamedCharacter(
            name=one.name,
            images=own,
            words=bool(one.description.strip() or (with_sound and one.voice.strip())),
            version=one.version,
        )
        for one, own in zip(named, images, strict=True)
    )


def descriptions(named: Sequence[Character]) -> list[str]:
    """How each looks, a line each."""
    return [f"{one.name}: {one.description.strip()}" for one in named if one.description.strip()]


def labels(order: Sequence[str | None], owners: Mapping[str, str]) -> list[str]:
    """Which of the attached pictures shows what, a line each.

    :param order: all pictures as they are attached
    """
    return [f"[image {place}] = {owners[one]}" for place, one in enumerate(order, start=1) if one and one in owners]


def redone(params: GenerationParams, shot: Shot, references: References, can: Capabilities) -> GenerationParams:
    """What a take that waits is made from, when its shot or its characters have changed."""
    raw = params.model_copy(update={"prompt": shot.prompt, "references": shot.references, "characters": ()})
    return resolve(raw, references, can)[0]


def _room(params: GenerationParams, can: Capabilities) -> int:
    """How many pictures of characters can go along."""
    settled = can.settle(params)
    free = params.mode is None and (
        settled.mode is GenerationMode.TEXT
        or (settled.mode is GenerationMode.FIRST_FRAME and can.references_with_frame is True)
    )
    taken = can.mode_is_taken(GenerationMode.REFERENCES) is True and ReferenceRole.CHARACTER in can.roles
    # Pictures of the library lie on this machine and have no public link.
    if not taken or can.image_transport == "url" or not (free or settled.mode is GenerationMode.REFERENCES):
        return 0
    return max(0, (can.max_references or CAREFUL) - len(settled.references))


def _has_sound(params: GenerationParams, can: Capabilities) -> bool:
    return can.sound in ("optional", "always") and params.sound is not False


def problems(
    found: Mentions, named: Sequence[Character], sent: Sequence[NamedCharacter], can: Capabilities
) -> Iterator[Problem]:
    """What is to be said before the click of what a text names; nothing of it is fatal."""

    def said(code: str, names: Sequence[str]) -> Iterator[Problem]:
        if names:
            told = {"names": ", ".join(names), "model": can.model}
            yield Problem(field="prompt", code=code, params=told, fatal=False)

    yield from said("character_unknown", [f"@{name}" for name in found.unknown])
    without = [(one, own) for one, own in zip(named, sent, strict=True) if not own.images]
    yield from said("character_as_words", [one.name for one, own in without if one.images and own.words])
    yield from said("character_by_name", [one.name for one, own in without if not own.words])
