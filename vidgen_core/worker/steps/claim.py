"""queued -> processing: claim a task within the concurrency of its provider and the budget, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from vidgen_core import money
from vidgen_core.config.schema import Settings
from vidgen_core.db import Tx
from vidgen_core.db.worker_state import PROJECT_PAUSE, ProjectPause
from vidgen_core.domain.errors import ErrorKind, Superseded
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Failure, Task, TaskStatus
from vidgen_core.providers.base import Key, Provider
from vidgen_core.providers.capabilities import Problem
from vidgen_core.worker import chain
from vidgen_core.worker.context import ActiveTask
from vidgen_core.worker.transition import UNDER_WAY, Rows, leave_to_person, log, move, remember, same

#: Until it is looked again whether it is known how a model is asked.
FORM_WAIT: Final = timedelta(seconds=15)


@dataclass(frozen=True)
class Cap:
    """How many jobs of a provider may be under way at once."""

    jobs: int
    #: Seconds for which a lost answer counts as one of them.
    longest: float


class Full:
    """The concurrency limit is reached: nothing was claimed."""


FULL: Final = Full()


def cap_of(settings: Settings, provider: Provider) -> Cap:
    """How many jobs of a provider may be under way now, as the settings have it."""
    jobs = settings.max_concurrent(provider.mode)
    return Cap(min(jobs, provider.at_once or jobs), min(provider.longest_job, settings.runner.max_wait))


def claim(
    tx: Tx,
    active: ActiveTask,
    key: Key | None,
    base_url: str | None,
    settings: Settings,
    now: datetime,
    cap: Cap | None = None,
    rules: chain.ChainRules | None = None,
    provider: Provider | None = None,
) -> bool | money.BudgetExceeded | Full | chain.NoFrame:
    """Queued -> processing with a new attempt that has sent nothing yet and whose money is set aside.

    Concurrency and budget are checked in this very transaction: FULL, NO_FRAME and BudgetExceeded leave the task where it is, or, when
    only this task cannot be counted, pending. False: the task is no longer what it was when it was chosen, or it waits for
    the shot before it in its chain.

    One whose model nobody can describe for the moment waits for the list that does, and
    a task that would be sent in another way, or for more, than was said when it was queued is left pending as well.

    :param rules: what decides about chains; None: the task is in none
    :param provider: asked what it takes of the task now; None: it is not asked
    """
    rows = same(tx, active)
    if rows is None or rows.task.status is not TaskStatus.QUEUED or rows.task.cancel_requested:
        return False
    task = rows.task
    jobs = (
        tx.known((UNDER_WAY, task.provider), lambda: under_way(tx, task.provider, cap, now)) if cap is not None else 0
    )
    if cap is not None and jobs >= cap.jobs:
        return FULL
    linked = chain.claim_link(tx, rows, rules) if rules else {}
    if not isinstance(linked, dict):
        remember(tx, active, rows)
        return linked or False
    if provider is not None and (awaited := provider.awaited(task.model)) is not None:
        _wait_for_model(tx, rows, awaited, now)
        remember(tx, active, rows)
        return False
    if not task.provider.is_free and (_asks_for_loss(tx, rows, provider) or _asks_for_price(tx, rows, settings)):
        remember(tx, active, rows)
        return False
    cost = money.cost_now(tx, settings, task.provider, task.model, task.params, task.cost)
    limits = money.limit_statuses(tx, settings, task.project_id, now)
    stop = money.check_budget(limits, settings, task.project_id, task.provider, task.model, cost)
    stop = stop or money.check_draw(tx, settings, task, cost) or money.check_agent(tx, settings, task, cost, now)
    if stop is not None:
        _keep_back(tx, rows, stop)
        remember(tx, active, rows)
        return stop
    attempt = tx.attempts.add(
        task.id,
        provider=task.provider,
        model=task.model,
        key_id=key.id if key else None,
        key_label=key.label if key else None,
        base_url=base_url,
        cost=cost,
        charge=ChargeStatus.ESTIMATED if cost else ChargeStatus.NONE,
        worker=active.worker,
    )
    present = {"attempt_id": attempt.id, "attempts": attempt.number, "cost": cost, **linked}
    if not move(tx, rows, TaskStatus.PROCESSING, progress=None, stage=None, remote_id=None, **present):
        raise Superseded(id=task.id)
    rows.attempt = attempt
    if limits:
        money.warn_near(tx, limits, money.limit_statuses(tx, settings, task.project_id, now))
    log(tx, LogLevel.INFO, "task_started", rows.task, attempt=attempt.number)
    remember(tx, active, rows)
    return True


def under_way(tx: Tx, provider: ProviderId, cap: Cap, now: datetime) -> int:
    """Jobs that may be running at the provider now; a lost answer counts as long as its job can take."""
    since = now - timedelta(seconds=cap.longest)
    return tx.attempts.under_way(provider, since)


def _keep_back(tx: Tx, rows: Rows, stop: money.BudgetExceeded) -> None:
    """Write down why a task is not sent."""
    project_id = rows.task.project_id
    if stop.scope in (money.BudgetScope.PROJECT, money.BudgetScope.RUN):
        if PROJECT_PAUSE.get(tx, project_id) is None:
            PROJECT_PAUSE.put(
                tx, ProjectPause(code=stop.code, params=stop.params, stop=stop.model_dump(mode="json")), project_id
            )
            tx.log.add(LogLevel.WARNING, stop.code, project_id=project_id, **stop.params)
    elif stop.scope is None:
        leave_to_person(tx, rows, stop.code, stop.params)


def _wait_for_model(tx: Tx, rows: Rows, awaited: Problem, now: datetime) -> None:
    """Leave a task in the queue until it is known again how its model is asked, and say so once."""
    told = Failure(kind=ErrorKind.PARAMETER, code=awaited.code, params=awaited.params, charged=ChargeStatus.NONE)
    if rows.task.failure != told:
        log(tx, LogLevel.WARNING, "task_held", rows.task, cause=told.code, detail=told.params)
    rows.task = tx.tasks.noted(rows.task, failure=told, due_at=now + FORM_WAIT)


def _asks_for_loss(tx: Tx, rows: Rows, provider: Provider | None) -> bool:
    """Leave a task to a person that would be sent without something that was asked for, unless that was said before.

    From then on it was said, so that starting the task sends it.
    """
    task = rows.task
    losses = unsaid(task, provider) if provider else {}
    lost = next(iter(losses.values()), None)
    if lost is None:
        return False
    params = task.params.model_copy(update={"warned": tuple(sorted({*(task.params.warned or ()), *losses}))})
    leave_to_person(tx, rows, "asked_left_out", {**lost.params, "cause": lost.code}, params=params)
    return True


def unsaid(task: Task, provider: Provider) -> dict[str, Problem]:
    """What would be left out of a paid order although that was not said when it was queued, by the codes of its problems."""
    warned = task.params.warned
    if warned is None or task.provider.is_free:
        return {}
    return {code: one for code, one in provider.losses(task.model, task.params).items() if code not in warned}


def _asks_for_price(tx: Tx, rows: Rows, settings: Settings) -> bool:
    """Leave a task to a person whose price has risen since it was queued; starting it is a yes to the new one."""
    task = rows.task
    risen = money.risen_price(tx, settings, task.provider, task.model, task.params, task.cost)
    if risen is None or task.cost is None:
        return False
    told = {"before": task.cost.model_dump(mode="json"), "now": risen.model_dump(mode="json")}
    leave_to_person(tx, rows, "price_risen", told, cost=risen)
    return True
