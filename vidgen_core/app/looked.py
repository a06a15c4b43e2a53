"""What would be queued for a shot, a take or a picture, and what stands against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from vidgen_core import money
from vidgen_core.app.orders import Plan, cost_of
from vidgen_core.app.views import ShotRefusal
from vidgen_core.errors import Refused
from vidgen_core.models import Output, Shot, TaskStatus
from vidgen_core.providers.base import Problem
from vidgen_core.store import NewTask

if TYPE_CHECKING:
    from vidgen_core.app.vidgen import Vidgen


class Looked(NamedTuple):
    """A shot, what would be queued for it, and what stands against it."""

    shot: Shot
    plan: Plan
    problems: tuple[Problem, ...]

    @property
    def fatal(self) -> Problem | None:
        """The first problem with which nothing is queued."""
        return next((problem for problem in self.problems if problem.fatal), None)


def look(app: Vidgen, shot: Shot, planned: Plan) -> Looked:
    """What the provider of a plan will not take of it; no network."""
    try:
        provider = app.provider(planned.provider)
    except Refused as error:
        return Looked(shot, planned, (Problem(field="provider", code=error.code, params=error.params),))
    return Looked(shot, planned, provider.check(planned.model, planned.params))


def refusals(looked: Sequence[Looked]) -> tuple[ShotRefusal, ...]:
    """The shots that get nothing, each with its reason."""
    return tuple(ShotRefusal(seen.shot, why.code, why.params) for seen in looked if (why := seen.fatal))


def new_tasks(
    project_id: int, seen: Looked, status: TaskStatus, table: Sequence[money.Price], output: Output = Output.VIDEO
) -> list[NewTask]:
    """As many tasks as the plan has takes, alike."""
    planned = seen.plan
    new = NewTask(
        project_id=project_id,
        shot_id=seen.shot.id,
        provider=planned.provider,
        model=planned.model,
        params=planned.params,
        status=status,
        cost=cost_of(planned, table),
        output=output,
    )
    return [new] * planned.takes
