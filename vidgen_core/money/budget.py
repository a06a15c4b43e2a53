"""The budget: how much of it is left, and whether one more submit fits.

``check_budget`` runs in the transaction that reserves the money of an attempt, and counts everything that is or may be
owed by then: reserved, sent, lost, accepted, ended. So nothing is submitted beyond a limit, whatever is in flight and
whenever the process is killed. What a provider charges above our estimate is known only afterwards and counts from
then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, TypeVar

from vidgen_core.config.schema import Settings
from vidgen_core.db import Tx
from vidgen_core.db.worker_state import PROJECT_PAUSE
from vidgen_core.domain.agents import Agent, Quote
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import BillableParty
from vidgen_core.domain.tasks import Task
from vidgen_core.money.rates import convert, rates_of

#: A project's own limit among its settings: a decimal as text, in the currency of the budget.
PROJECT_LIMIT: Final = "budget.limit"
#: Project setting: the limit of an auto-run, what was spent before it, and when it began and ended.
_RUN: Final = "budget.run"
#: State: overruns that users have allowed, by scope.
_EXTRA: Final = "budget.extra"
#: State: LLM requests held back by the budget, by the name of their job: its project and their cost at most.
_UNASKED: Final = "budget.unasked"
_P = TypeVar("_P", bound=BillableParty)


class BudgetScope(StrEnum):
    """What a limit applies to."""

    #: All spend of all projects.
    ALL = "all"
    #: Spend of this local day, all projects together.
    DAY = "day"
    #: All spend of one project.
    PROJECT = "project"
    #: Spend of a project since its auto-run began.
    RUN = "run"


class LimitStatus(Frozen):
    """The status of one limit; all amounts in the currency of the budget."""

    scope: BudgetScope
    project_id: int | None = None
    limit: Money
    #: Spent, reserved and perhaps owed.
    spent: Money
    #: The overrun that was allowed once.
    extra: Decimal = Decimal(0)
    #: Amounts without an exchange rate, which could not be counted.
    uncounted: tuple[Money, ...] = ()
    #: Percentage from which a warning is shown.
    warn_at: int = 80

    @property
    def percent(self) -> int:
        return int(100 * self.spent.amount / self.limit.amount)

    @property
    def left(self) -> Decimal:
        """Money that may still be submitted; never below zero."""
        return max(Decimal(0), self.limit.amount + self.extra - self.spent.amount)

    @property
    def warns(self) -> bool:
        return self.percent >= self.warn_at or bool(self.uncounted)

    @property
    def reached(self) -> bool:
        return not self.left


class BudgetExceeded(Frozen):
    """Why a submit is held back, explained by ``error.<code>``; keeps its cause so that it can be checked again."""

    code: str
    params: dict[str, Any]
    #: None: only this one task is held, for its price is unknown.
    scope: BudgetScope | None
    project_id: int
    provider: BillableParty
    model: str
    cost: Money | None


def limit_statuses(tx: Tx, settings: Settings, project_id: int | None, now: datetime) -> tuple[LimitStatus, ...]:
    """Every limit that applies to a project, its own last; empty without limits."""
    budget = settings.budget
    found = []
    if budget.limit:
        found.append(_limit_status(tx, settings, BudgetScope.ALL, budget.limit, now))
    if budget.per_day:
        found.append(_limit_status(tx, settings, BudgetScope.DAY, budget.per_day, now))
    own = None if project_id is None else project_limit(tx, project_id)
    if own:
        found.append(_limit_status(tx, settings, BudgetScope.PROJECT, own, now, project_id))
    run = None if project_id is None else _run(tx, settings, project_id)
    return (*found, run) if run else tuple(found)


def _run(tx: Tx, settings: Settings, project_id: int) -> LimitStatus | None:
    kept = tx.projects.settings(project_id).get(_RUN)
    if not kept or "over" in kept:
        return None
    home, rates = settings.budget.currency, rates_of(settings)
    spent, uncounted = in_currency(tx.ledger.committed(project_id), settings)
    limit, before = (Money.model_validate(kept[name]) for name in ("limit", "before"))
    worth, was = convert(limit, home, rates), convert(before, home, rates)
    if worth is None or was is None:
        # The currency of the budget was changed meanwhile to one without a rate.
        worth, was, uncounted = limit, spent, (*uncounted, limit)
    since = Money(amount=max(Decimal(0), spent.amount - was.amount), currency=home)
    return LimitStatus(scope=BudgetScope.RUN, project_id=project_id, limit=worth, spent=since, uncounted=uncounted)


def limit_run(tx: Tx, settings: Settings, project_id: int, limit: Money | None) -> None:
    """Set the limit of an auto-run that begins now; None: no limit."""
    before, _ = in_currency(tx.ledger.committed(project_id), settings)
    since, amounts = tx.now().isoformat(), {"limit": limit, "before": before}
    kept = {"since": since, **{name: one.model_dump(mode="json") for name, one in amounts.items() if one}}
    _keep_run(tx, project_id, kept if limit else None)


def end_run(tx: Tx, project_id: int) -> None:
    """End an auto-run and its limit: none of its tasks is submitted automatically any more, see ``is_of_ended_run``."""
    kept = tx.projects.settings(project_id).get(_RUN)
    _keep_run(tx, project_id, {**kept, "over": tx.now().isoformat()} if kept else None)


def is_of_ended_run(tx: Tx, task: Task) -> bool:
    """Whether a task was queued in an auto-run with a limit that has ended, and by no user since."""
    kept = tx.projects.settings(task.project_id).get(_RUN) or {}
    if "over" not in kept or "since" not in kept:
        return False
    since, over = (datetime.fromisoformat(kept[name]) for name in ("since", "over"))
    queued_at = tx.tasks.queued_at(task.id)
    return task.created_at >= since and queued_at is not None and queued_at <= over


def _keep_run(tx: Tx, project_id: int, kept: dict[str, Any] | None) -> None:
    tx.projects.set_setting(project_id, _RUN, kept)
    pause = PROJECT_PAUSE.get(tx, project_id)
    if pause is not None and pause.code == f"budget_{BudgetScope.RUN}":
        PROJECT_PAUSE.put(tx, None, project_id)


def _limit_status(
    tx: Tx, settings: Settings, scope: BudgetScope, limit: Decimal, now: datetime, project_id: int | None = None
) -> LimitStatus:
    since = now.astimezone().date() if scope is BudgetScope.DAY else None
    spent, uncounted = in_currency(tx.ledger.committed(project_id, since), settings)
    return LimitStatus(
        scope=scope,
        project_id=project_id,
        limit=Money(amount=limit, currency=settings.budget.currency),
        spent=spent,
        extra=_extra(tx, scope, project_id, limit, now),
        uncounted=uncounted,
        warn_at=settings.budget.warn_at,
    )


def in_currency(amounts: Mapping[_P, Iterable[Money]], settings: Settings) -> tuple[Money, tuple[Money, ...]]:
    """The sum of amounts by provider in the currency of the budget, and the amounts without an exchange rate."""
    currency = settings.budget.currency
    sum_, without = Decimal(0), []
    for provider, moneys in amounts.items():
        rates = rates_of(settings, provider)
        for money in moneys:
            worth = convert(money, currency, rates)
            if worth is None:
                without.append(money)
            else:
                sum_ += worth.amount
    return Money(amount=sum_, currency=currency), tuple(without)


def check_budget(
    limits: Iterable[LimitStatus],
    settings: Settings,
    project_id: int,
    provider: BillableParty,
    model: str,
    cost: Money | None,
) -> BudgetExceeded | None:
    """Check one more submit against the limits; None: it fits, or it is free, or there is no limit.

    A submit without a known price cannot be counted against a limit, so it is held back.

    :param limits: the ``limit_statuses`` of its project, read in the transaction that reserves the money
    """
    limits = tuple(limits)
    if not limits or (cost is not None and not cost.amount):
        return None

    def stop(code: str, scope: BudgetScope | None, **params: Any) -> BudgetExceeded:
        told = {"provider": str(provider), "model": model, **params}
        return BudgetExceeded(
            code=code, params=told, scope=scope, project_id=project_id, provider=provider, model=model, cost=cost
        )

    if cost is None:
        return stop("price_missing", None)
    worth = convert(cost, settings.budget.currency, rates_of(settings, provider))
    if worth is None:
        return stop("budget_rate_missing", BudgetScope.ALL, currency=cost.currency, home=settings.budget.currency)
    for status in limits:
        if status.uncounted:
            uncounted = status.uncounted[0].currency
            return stop("budget_rate_missing", status.scope, currency=uncounted, home=settings.budget.currency)
        if status.spent.amount + worth.amount > status.limit.amount + status.extra:
            return stop(
                f"budget_{status.scope}",
                status.scope,
                limit=status.limit.model_dump(mode="json"),
                spent=status.spent.model_dump(mode="json"),
                next=worth.model_dump(mode="json"),
            )
    return None


def fits_draw(
    tx: Tx, settings: Settings, draw: int, provider: BillableParty, cost: Money | None, *, queued: bool = False
) -> bool:
    """Whether one more take stays within the ceiling of its order *until one passes*; without a known price it does not.

    :param queued: what is queued and not sent counts as well: it is not the submit of one of these
    """
    ceiling = tx.draws.ceiling(draw)
    if ceiling is None or (cost is not None and not cost.amount):
        return True
    if cost is None:
        return False
    home = settings.budget.currency
    amounts: list[tuple[BillableParty, list[Money]]] = [*tx.draws.committed(draw).items(), (provider, [cost])]
    amounts += tx.draws.unsent(draw).items() if queued else ()
    sums = [in_currency({party: moneys}, settings) for party, moneys in amounts]
    most = convert(ceiling, home, rates_of(settings))
    return most is not None and not any(left for _, left in sums) and sum(one.amount for one, _ in sums) <= most.amount


def check_draw(tx: Tx, settings: Settings, task: Task, cost: Money | None) -> BudgetExceeded | None:
    """As ``check_budget``, against the ceiling of the order *until one passes* that a task is a draw of."""
    if task.draw is None or fits_draw(tx, settings, task.draw, task.provider, cost):
        return None
    ceiling = tx.draws.ceiling(task.draw)
    return _holds(task, cost, "draw_ceiling", limit=ceiling.model_dump(mode="json") if ceiling else None)


def _holds(task: Task, cost: Money | None, code: str, **params: Any) -> BudgetExceeded:
    """Holds this one task."""
    return BudgetExceeded(
        code=code,
        params=params,
        scope=None,
        project_id=task.project_id,
        provider=task.provider,
        model=task.model,
        cost=cost,
    )


class AgentStatus(Frozen):
    """How much of its limits an agent has used; all amounts in the currency of the budget."""

    #: day | all
    scope: str
    limit: Money
    #: Spent, reserved and perhaps owed, and what is queued.
    spent: Money

    @property
    def left(self) -> Money:
        return Money(amount=max(Decimal(0), self.limit.amount - self.spent.amount), currency=self.limit.currency)


def agent_statuses(
    tx: Tx, settings: Settings, agent: Agent, now: datetime, *, queued: bool = True
) -> tuple[AgentStatus, ...]:
    """Both limits of an agent; one that cannot be converted is used up.

    :param queued: what is queued and not sent counts as well
    """
    home, rates = settings.budget.currency, rates_of(settings)
    waiting = tx.agents.unsent(agent.name) if queued else {}
    found = []
    for scope, limit, since in (("day", agent.per_day, day_of(now)), ("all", agent.in_all, None)):
        most = convert(Money(amount=limit, currency=agent.currency), home, rates)
        sums = [in_currency(part, settings) for part in (tx.agents.committed(agent.name, since), waiting)]
        if most is None or any(left for _, left in sums):
            most = Money(amount=Decimal(0), currency=home)
        spent = Money(amount=sum((one.amount for one, _ in sums), Decimal(0)), currency=home)
        found.append(AgentStatus(scope=scope, limit=most, spent=spent))
    return tuple(found)


def over_agent_limit(
    statuses: Iterable[AgentStatus], settings: Settings, costs: Mapping[_P, Sequence[Money]]
) -> AgentStatus | None:
    """The limit of an agent that so much more would pass; None: it fits, or it is free."""
    more, without = in_currency(costs, settings)
    if not more.amount and not without:
        return None
    return next((one for one in statuses if without or more.amount > one.left.amount), None)


def agent_limit_passed(
    tx: Tx, settings: Settings, quote: Quote, party: BillableParty, cost: Money | None, now: datetime
) -> AgentStatus | None:
    """The limit of an agent that one more paid request of its order would pass, asked where its money is set aside.

    None: it fits, it is free, it has no agent, or a person has approved the order.
    """
    agent = tx.agents.get(quote.agent) if quote.agent is not None else None
    if agent is None or quote.approved or (cost is not None and not cost.amount):
        return None
    statuses = agent_statuses(tx, settings, agent, now, queued=False)
    return statuses[0] if cost is None else over_agent_limit(statuses, settings, {party: [cost]})


def check_agent(tx: Tx, settings: Settings, task: Task, cost: Money | None, now: datetime) -> BudgetExceeded | None:
    """As ``check_budget``, against the limits of the agent that ordered a task, unless a person has approved it."""
    quote = None if task.quote_id is None else tx.quotes.get(task.quote_id)
    passed = agent_limit_passed(tx, settings, quote, task.provider, cost, now) if quote else None
    if quote is None or passed is None:
        return None
    limit = passed.limit.model_dump(mode="json")
    return _holds(task, cost, f"agent_limit_{passed.scope}", agent=quote.agent, limit=limit)


def warn_near(tx: Tx, before: Sequence[LimitStatus], after: Sequence[LimitStatus]) -> None:
    """Log once that a limit comes near."""
    for was, now in zip(before, after, strict=True):
        if now.warns and not was.warns:
            tx.log.add(
                LogLevel.WARNING,
                f"budget_near_{now.scope}",
                project_id=now.project_id,
                percent=now.percent,
                limit=now.limit.model_dump(mode="json"),
                spent=now.spent.model_dump(mode="json"),
            )


def project_limit(tx: Tx, project_id: int) -> Decimal:
    """A project's own limit in the currency of the budget; 0: none."""
    try:
        return Decimal(str(tx.projects.settings(project_id).get(PROJECT_LIMIT) or 0))
    except InvalidOperation:
        return Decimal(0)


def set_project_limit(tx: Tx, project_id: int, limit: Decimal) -> None:
    tx.projects.set_setting(project_id, PROJECT_LIMIT, f"{limit:f}" if limit else None)


def allow_overrun(tx: Tx, settings: Settings, project_id: int, now: datetime) -> tuple[LimitStatus, ...]:
    """Allow what waits now to be submitted although a limit is reached, once for every limit of the project.

    The limit of an auto-run stays. The overrun allowed is the estimated cost of the queue and of the LLM requests held
    back; it ends with the day for a daily limit, and with any change of the limit.
    """
    extras = dict(tx.state.get(_EXTRA) or {})
    for status in limit_statuses(tx, settings, project_id, now):
        if status.scope is BudgetScope.RUN:
            continue
        waiting, _ = in_currency(tx.tasks.queued_cost(status.project_id), settings)
        unasked = _unasked(tx, status.project_id)
        over = status.spent.amount + waiting.amount + unasked - status.limit.amount
        if over > status.extra:
            extras[_name(status.scope, status.project_id)] = {
                "amount": f"{over:f}",
                "limit": f"{status.limit.amount.normalize():f}",
                "day": day_of(now).isoformat() if status.scope is BudgetScope.DAY else None,
            }
    tx.state.put(_EXTRA, extras)
    return limit_statuses(tx, settings, project_id, now)


def note_unasked(tx: Tx, job: str, project_id: int | None, most: Decimal) -> None:
    """Record the cost of the LLM requests of a job that the budget holds back, in the currency of the budget.

    :param most: what they cost at most; 0: none is held back
    """
    kept = dict(tx.state.get(_UNASKED) or {})
    if kept.pop(job, None) is None and not most:
        return
    if most:
        kept[job] = {"project": project_id, "most": f"{most:f}"}
    tx.state.put(_UNASKED, kept)


def _unasked(tx: Tx, project_id: int | None) -> Decimal:
    kept = (tx.state.get(_UNASKED) or {}).values()
    return sum((Decimal(one["most"]) for one in kept if project_id in (None, one["project"])), Decimal(0))


def _extra(tx: Tx, scope: BudgetScope, project_id: int | None, limit: Decimal, now: datetime) -> Decimal:
    kept = (tx.state.get(_EXTRA) or {}).get(_name(scope, project_id))
    if not kept or Decimal(kept["limit"]) != limit:
        return Decimal(0)
    if scope is BudgetScope.DAY and kept["day"] != day_of(now).isoformat():
        return Decimal(0)
    return Decimal(kept["amount"])


def _name(scope: BudgetScope, project_id: int | None) -> str:
    return f"project.{project_id}" if scope is BudgetScope.PROJECT else scope.value


def day_of(moment: datetime) -> datetime:
    """Local midnight before a moment."""
    return datetime.combine(moment.astimezone().date(), time.min).astimezone()
