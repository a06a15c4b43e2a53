"""What would be queued for a shot, a take or a picture, and what stands against it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from vidgen_core import money
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.characters import References
from vidgen_core.domain.errors import Refused
from vidgen_core.domain.shots import GenerationMode, Shot
from vidgen_core.domain.tasks import GenerationParams, NewTask, Task, TaskKind, TaskStatus
from vidgen_core.providers.capabilities import Capabilities, Problem
from vidgen_core.services.generation import characters
from vidgen_core.services.generation.planning import GenerationPlan, cost_of

if TYPE_CHECKING:
    from vidgen_core.db import Tx
    from vidgen_core.services.context import ServiceContext


#: Asked in the transaction that queues which of the tasks are queued.
Admit = Callable[["Tx", list[NewTask]], list[NewTask]]


class ShotRefusal(NamedTuple):
    """A shot for which nothing was queued, and why (``error.<code>``)."""

    shot: Shot
    code: str
    params: dict[str, Any]


class Generated(Frozen):
    """What a click on *Generate* made."""

    tasks: tuple[Task, ...] = ()
    refused: tuple[ShotRefusal, ...] = ()
    #: What was asked for and is left out, or may be ignored, with the numbers of the shots.
    warnings: tuple[tuple[str, Problem], ...] = ()
    #: Shots that were left out because they have takes, or some under way.
    having: int = 0


class ValidatedShot(NamedTuple):
    """A shot, what would be queued for it, and what stands against it."""

    shot: Shot
    plan: GenerationPlan
    problems: tuple[Problem, ...]

    @property
    def fatal(self) -> Problem | None:
        """The first problem with which nothing is queued."""
        return next((problem for problem in self.problems if problem.fatal), None)


def validate(ctx: ServiceContext, shot: Shot, planned: GenerationPlan, *, picture: bool = False) -> ValidatedShot:
    """A plan with its characters resolved, and what its provider will not take of that; no network.

    :param picture: it is the plan of a picture, which is resolved already
    """
    try:
        provider = ctx.provider(planned.provider)
    except Refused as error:
        return ValidatedShot(shot, planned, (Problem(field="provider", code=error.code, params=error.params),))
    said: tuple[Problem, ...] = ()
    makes, other = provider.models, provider.picture_models
    if picture:
        makes, other = other, makes
    if planned.model in other() and planned.model not in makes():
        code = "model_draws_nothing" if picture else "model_makes_no_videos"
        return ValidatedShot(shot, planned, (Problem(field="model", code=code, params={"model": planned.model}),))
    can, params = provider.capabilities(planned.model), planned.params
    if not picture:
        params, said = characters.resolve(params, known_references(ctx, shot.project_id), can)
    planned = planned._replace(params=can.spelled(params))
    problems = (
        *provider.check(planned.model, planned.params),
        *(() if picture else _left_out(can, planned.params)),
        *said,
    )
    return ValidatedShot(shot, planned, problems)


def _left_out(can: Capabilities, params: GenerationParams) -> Iterator[Problem]:
    """The pictures that the chosen mode leaves out."""
    settled = can.settle(params)
    given = settled.has_first_frame or settled.mode is GenerationMode.REFERENCES
    lost = {
        "image": params.has_first_frame and not given,
        "last_frame": params.has_last_frame and not settled.has_last_frame,
        "references": bool(params.references) and not settled.references,
    }
    for field in (field for field, gone in lost.items() if gone):
        yield Problem(field=field, code=f"{field}_left_out", fatal=False)


def known_references(ctx: ServiceContext, project_id: int) -> References:
    """The style and the characters of a project now."""
    return ctx.revision_cache.ask(("references", project_id), lambda tx: characters.references_of(tx, project_id))


def refusals(validated: Sequence[ValidatedShot]) -> tuple[ShotRefusal, ...]:
    """The shots that get nothing, each with its reason."""
    return tuple(ShotRefusal(seen.shot, why.code, why.params) for seen in validated if (why := seen.fatal))


def warnings(validated: Iterable[ValidatedShot]) -> tuple[tuple[str, Problem], ...]:
    """What is said of the shots that get something; it stops nothing."""
    return tuple((seen.shot.number, problem) for seen in validated if not seen.fatal for problem in seen.problems)


def new_tasks(
    ctx: ServiceContext,
    seen: ValidatedShot,
    status: TaskStatus,
    table: Sequence[money.Price],
    output: TaskKind = TaskKind.VIDEO,
    draw: int | None = None,
) -> list[NewTask]:
    """As many tasks as the plan has takes, alike."""
    planned = seen.plan
    lost = ctx.provider(planned.provider).losses(planned.model, planned.params)
    new = NewTask(
        project_id=seen.shot.project_id,
        shot_id=seen.shot.id,
        provider=planned.provider,
        model=planned.model,
        params=planned.params.model_copy(update={"warned": tuple(sorted(lost))}),
        status=status,
        cost=cost_of(planned, table),
        output=output,
        draw=draw,
    )
    return [new] * planned.takes
