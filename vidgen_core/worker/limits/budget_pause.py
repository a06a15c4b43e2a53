"""What is not submitted because of the budget, and when it goes on again.

The decision itself is made where the money is set aside (``claim.claim``). Here it is remembered, so that the queue is not
read again for what cannot go out, and checked again now and then: a limit that was raised, a refund, a new day or a new
rate let the queue go on without a person.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from vidgen_core import money
from vidgen_core.config.schema import Settings
from vidgen_core.db import Tx
from vidgen_core.db.worker_state import PROJECT_PAUSE
from vidgen_core.domain.providers import ProviderId, provider_ids
from vidgen_core.money import BudgetExceeded, BudgetScope
from vidgen_core.worker.limits.provider_pause import ProviderPauses

#: Codes of provider pauses because of the budget.
CODES: Final = frozenset({"budget_all", "budget_day", "budget_rate_missing"})


@dataclass
class BudgetPause:
    """Projects that have reached a limit; providers that have are in their pauses."""

    pauses: ProviderPauses
    _of_projects: dict[int, BudgetExceeded] = field(default_factory=dict)
    #: Whether the pauses of projects that the last run has left behind were lifted: the next submit checks anew.
    _swept: bool = False

    @property
    def projects(self) -> frozenset[int]:
        """Projects that have reached their own limit."""
        return frozenset(self._of_projects)

    def stopped(self, stop: BudgetExceeded, mode: ProviderId) -> None:
        """A submit to ``mode`` did not fit: nothing more is taken from its project, or for that provider."""
        if stop.scope in (BudgetScope.PROJECT, BudgetScope.RUN):
            self._of_projects[stop.project_id] = stop
        elif stop.scope is not None:
            until = money.day_of(self.pauses.now()) + timedelta(days=1) if stop.scope is BudgetScope.DAY else None
            self.pauses.pause(mode, stop.code, until=until, stop=stop.model_dump(mode="json"), **stop.params)

    def follow(self, tx: Tx) -> None:
        """Take over the stops of projects that other workers have met."""
        names = {PROJECT_PAUSE.name(project.id): project.id for project in tx.projects.all()}
        kept = {names[name]: value.get("stop") for name, value in tx.state.many(names).items()}
        self._of_projects = {id_: BudgetExceeded.model_validate(stop) for id_, stop in kept.items() if stop}
        self._swept = True

    def check(self, tx: Tx, settings: Settings, now: datetime) -> tuple[list[ProviderId], list[int]]:
        """The providers and projects that may go on now."""
        modes = [
            mode
            for mode in provider_ids()
            if (pause := self.pauses.of(mode)) is not None
            and pause.code in CODES
            and not _stands(tx, settings, BudgetExceeded.model_validate(pause.stop) if pause.stop else None, now)
        ]
        projects = [
            project_id for project_id, stop in self._of_projects.items() if not _stands(tx, settings, stop, now)
        ]
        if not self._swept:
            self._swept = True
            projects += [project.id for project in tx.projects.all() if project.id not in self._of_projects]
        return modes, projects

    def go_on(self, modes: list[ProviderId], projects: list[int]) -> None:
        """Take them from the list; the caller lifts the pauses of projects in the store."""
        for mode in modes:
            self.pauses.lift(mode)
        for project_id in projects:
            self._of_projects.pop(project_id, None)


def _stands(tx: Tx, settings: Settings, stop: BudgetExceeded | None, now: datetime) -> bool:
    if stop is None:
        return False
    limits = money.limit_statuses(tx, settings, stop.project_id, now)
    return money.check_budget(limits, settings, stop.project_id, stop.provider, stop.model, stop.cost) is not None


def lift_projects(tx: Tx, projects: list[int]) -> None:
    """Lift the pauses of these projects."""
    for project_id in projects:
        if PROJECT_PAUSE.get(tx, project_id) is not None:
            PROJECT_PAUSE.put(tx, None, project_id)
