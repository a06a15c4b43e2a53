"""Pictures and prompts that came separately, brought together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from vidgen_core.services.imports.plan import ImportPlan, PlannedShot, Reason
from vidgen_core.services.imports.readers.csv_list import split_prompts
from vidgen_core.services.imports.readers.folder import read_images
from vidgen_core.services.imports.readers.pictures import Progress
from vidgen_core.services.imports.rows import LONGEST_PROMPT, note_repeats
from vidgen_core.services.imports.values import clean

#: Between the name of a picture and its prompt.
_AFTER_NAME: Final = re.compile(r"\s*[:：=|,，;；\t]\s*|\s+")


class Pairing(StrEnum):
    """Which prompt goes with which picture."""

    #: ``name.txt`` beside it, or a line that begins with the picture's name.
    BY_NAME = "by_name"
    #: The first with the first.
    BY_ORDER = "by_order"
    #: Each picture with every prompt.
    ONE_PICTURE = "one_picture"
    #: Each picture with the whole text.
    ONE_PROMPT = "one_prompt"


def pair(pictures: Sequence[Path], text: str, how: Pairing, *, progress: Progress | None = None) -> ImportPlan:
    """A plan of pictures, in natural order, with the prompts of ``text``.

    A prompt that finds no picture is refused by its place; a picture that finds no prompt is warned of, when there are
    prompts at all.
    """
    plan = read_images(pictures, progress=progress)
    prompts = [clean(text)] if how is Pairing.ONE_PROMPT else split_prompts(text)
    if not any(prompts):
        return plan
    bring = {
        Pairing.BY_NAME: _by_name,
        Pairing.BY_ORDER: _by_order,
        Pairing.ONE_PICTURE: _every_prompt,
        Pairing.ONE_PROMPT: _one_prompt,
    }[how]
    return plan.model_copy(update={"shots": note_repeats(map(_checked, bring(plan.shots, prompts)))})


def _by_order(shots: Sequence[PlannedShot], prompts: list[str]) -> list[PlannedShot]:
    paired = [_with(shot, prompts[place] if place < len(prompts) else "") for place, shot in enumerate(shots)]
    return paired + [_alone(place, prompts[place]) for place in range(len(shots), len(prompts))]


def _every_prompt(shots: Sequence[PlannedShot], prompts: list[str]) -> list[PlannedShot]:
    # Two shots cannot both bear the number that the picture's name says.
    own = len(prompts) == 1
    return [_with(shot if own else _unnumbered(shot), prompt) for shot in shots for prompt in prompts]


def _one_prompt(shots: Sequence[PlannedShot], prompts: list[str]) -> list[PlannedShot]:
    return [_with(shot, prompts[0]) for shot in shots]


def _by_name(shots: Sequence[PlannedShot], prompts: list[str]) -> list[PlannedShot]:
    """Longer names first, so that ``12`` is not taken for ``1``; a line goes to one picture only."""
    names = sorted({name for shot in shots for name in _names(shot)}, key=len, reverse=True)
    found: dict[str, str] = {}
    alone = []
    for place, line in enumerate(prompts):
        name = next((name for name in names if _begins_with(line, name)), None)
        if name is None:
            alone.append(_alone(place, line))
        else:
            found.setdefault(name, _AFTER_NAME.sub("", line[len(name) :], count=1))
    return [_with(shot, _prompt_of(shot, found)) for shot in shots] + alone


def _prompt_of(shot: PlannedShot, found: dict[str, str]) -> str:
    return next((found[name] for name in _names(shot) if name in found), shot.prompt)


def _names(shot: PlannedShot) -> list[str]:
    stem = Path(shot.source).stem
    return [name.casefold() for name in dict.fromkeys((shot.source, stem, shot.number or stem)) if name]


def _begins_with(line: str, name: str) -> bool:
    return line.casefold().startswith(name) and _AFTER_NAME.match(line, len(name)) is not None


def _with(shot: PlannedShot, prompt: str) -> PlannedShot:
    if prompt or shot.prompt:
        return shot.model_copy(update={"prompt": prompt or shot.prompt})
    return _judged(shot, "warning", Reason("picture_without_prompt"))


def _unnumbered(shot: PlannedShot) -> PlannedShot:
    return shot.model_copy(update={"number": None})


def _alone(place: int, prompt: str) -> PlannedShot:
    shot = PlannedShot(source="", line=place + 1, prompt=prompt[:LONGEST_PROMPT])
    return _judged(shot, "rejected", Reason("prompt_without_picture"))


def _checked(shot: PlannedShot) -> PlannedShot:
    # What was said about a repeated number or row before pairing no longer holds.
    reasons = tuple(reason for reason in shot.reasons if reason.code not in {"row_repeated", "number_twice"})
    verdict = shot.verdict if shot.verdict == "rejected" else "warning" if reasons else "ok"
    shot = shot.model_copy(update={"reasons": reasons, "verdict": verdict})
    if len(shot.prompt) <= LONGEST_PROMPT:
        return shot
    cut = shot.model_copy(update={"prompt": shot.prompt[:LONGEST_PROMPT]})
    return _judged(cut, "rejected", Reason("prompt_too_long", {"limit": LONGEST_PROMPT}))


def _judged(shot: PlannedShot, verdict: str, reason: Reason) -> PlannedShot:
    worst = "rejected" if "rejected" in (verdict, shot.verdict) else verdict
    return shot.model_copy(update={"verdict": worst, "reasons": (*shot.reasons, reason)})
