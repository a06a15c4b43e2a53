"""What would be queued for a shot, a take or a picture, and what stands against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from vidgen_core import money
from vidgen_core.app.orders import Plan, cost_of
from vidgen_core.app.views import Estimate, ShotProblem, ShotRefusal
from vidgen_core.errors import Refused
from vidgen_core.models import Mode, Money, Output, Shot, TaskStatus
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


def estimate_of(app: Vidgen, looked: Sequence[Looked]) -> Estimate:
    """What would be queued for these shots, what it would cost, and what stands against it."""
    good = [seen for seen in looked if not seen.fatal]
    table = app.budget.table()
    costs = [cost_of(seen.plan, table, seen.plan.takes) for seen in good]
    prices = [money.price_of(seen.plan.provider, seen.plan.model, table, seen.plan.params) for seen in good]
    return Estimate(
        tasks=sum(seen.plan.takes for seen in good),
        money=money.total(costs),
        free=all(cost is not None and not cost.amount for cost in costs),
        assumed=any(price is not None and price.assumed for price in prices),
        problems=tuple(ShotProblem(seen.shot, problem) for seen in looked for problem in seen.problems),
        worth=_worth(app, [seen.plan.provider for seen in good], costs),
    )


def _worth(app: Vidgen, providers: Sequence[Mode], costs: Sequence[Money | None]) -> Money | None:
    """Costs in the user's currency, when they are not in it anyway."""
    settings = app.settings()
    amounts = [(mode, cost) for mode, cost in zip(providers, costs, strict=True) if cost is not None]
    if len(amounts) < len(costs) or {cost.currency for _, cost in amounts} <= {settings.budget.currency}:
        return None
    by_provider: dict[Mode, list[Money]] = {}
    for mode, cost in amounts:
        by_provider.setdefault(mode, []).append(cost)
    worth, uncounted = money.in_currency(by_provider, settings)
    return None if uncounted else worth


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
