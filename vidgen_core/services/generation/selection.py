"""Which shots of an order get something, and what stands against each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

from vidgen_core.domain.errors import InputError
from vidgen_core.domain.providers import video_providers
from vidgen_core.domain.shots import Shot
from vidgen_core.providers.capabilities import Problem
from vidgen_core.services.generation import canaries, gate
from vidgen_core.services.generation.planning import GenerateOptions, GenerationPlan, check_options, plan
from vidgen_core.services.generation.validation import ValidatedShot, validate
from vidgen_core.worker import canary

if TYPE_CHECKING:
    from vidgen_core.db import Tx
    from vidgen_core.services.context import ServiceContext

#: Takes that one click may ask of a shot.
MOST_TAKES: Final = 5


def select(
    ctx: ServiceContext, project_id: int, shot_ids: Sequence[int], options: GenerateOptions, *, again: bool
) -> tuple[list[ValidatedShot], list[Shot]]:
    """What would be queued, and the shots that have takes already: without ``again`` they are left out.

    :raises InputError: ``takes_out_of_range`` (takes), ``provider_makes_no_videos`` (provider), and as ``check_options``
    """
    check_options(options)
    if options.takes is not None and not 1 <= options.takes <= MOST_TAKES:
        raise InputError("takes_out_of_range", takes=options.takes)
    if options.provider is not None and options.provider not in video_providers():
        raise InputError("provider_makes_no_videos", provider=options.provider.value)
    settings = ctx.settings()
    with ctx.store.read() as tx:
        shots = [shot for shot in tx.shots.many(list(shot_ids)) if shot.project_id == project_id]
        had = having_takes(tx, project_id, shots)
        ahead = tx.shots.many({shot.follows for shot in shots if shot.follows is not None})
        begun = had | having_takes(tx, project_id, ahead) | {shot.id for shot in ahead if shot.failed_count}
    wanted = [shot for shot in shots if again or shot.id not in had]
    if ahead:
        wanted.sort(key=lambda shot: shot.position)
    numbers, validated = {shot.id: shot.number for shot in ahead}, list[ValidatedShot]()
    for shot in wanted:
        seen = check_shot(ctx, shot, plan(shot, options, settings))
        if not seen.fatal and shot.follows is not None and shot.follows not in begun:
            # Whoever goes first is not ordered, so that it would wait for ever.
            gone = Problem(field="chain", code="chain_previous_missing", params={"shot": numbers[shot.follows]})
            seen = seen._replace(problems=(*seen.problems, gone))
        begun |= set() if seen.fatal else {shot.id}
        validated.append(seen)
    return validated, [shot for shot in shots if shot.id in had]


def check_shot(ctx: ServiceContext, shot: Shot, planned: GenerationPlan) -> ValidatedShot:
    """A plan as its provider takes it, with the model that has yet to show what it does."""
    if not (shot.prompt.strip() or planned.params.has_first_frame or shot.references):
        return ValidatedShot(shot, planned, (Problem(field="image", code="shot_without_image_and_prompt"),))
    seen = validate(ctx, shot, planned)
    planned = seen.plan
    if seen.fatal or canary.proof_of(ctx.provider(planned.provider), planned.model, planned.params) is None:
        return seen
    with ctx.store.read() as tx:
        trial = canaries.unproved(ctx, tx, planned)
    return seen._replace(problems=(*seen.problems, gate.on_trial(planned.model))) if trial else seen


def having_takes(tx: Tx, project_id: int, shots: Collection[Shot]) -> set[int]:
    """Ids of those shots that have takes, or some queued, kept or under way."""
    waiting = tx.tasks.shots_with_pending(project_id) if shots else set()
    return {shot.id for shot in shots if shot.completed_count or shot.live_count or shot.id in waiting}
