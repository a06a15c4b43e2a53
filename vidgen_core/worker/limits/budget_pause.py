"""What the budget holds back, and when it lets go again.

The decision itself is made where the money is set aside (``records.claim``). Here it is remembered, so that the queue is
not asked again for what cannot go out, and judged anew now and then: a limit that was raised, a refund, a new day or a
new rate let the queue go on by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from vidgen_core import money
from vidgen_core.config.schema import Settings
from vidgen_core.db import Tx
from vidgen_core.domain.providers import ProviderId, provider_ids
from vidgen_core.money import BudgetExceeded, BudgetScope
from vidgen_core.worker.limits.provider_pause import ProviderPauses

#: Codes of holds on a lane that the budget has put there.
CODES: Final = frozenset({"budget_all", "budget_day", "budget_rate_missing"})


@dataclass
class BudgetPause:
    """Stops of lanes and of projects."""

    lanes: ProviderPauses
    _of_lanes: dict[ProviderId, BudgetExceeded] = field(default_factory=dict)
    _of_projects: dict[int, BudgetExceeded] = field(default_factory=dict)
    #: Whether the holds of projects that the last run has left behind were taken away: the next submit judges anew.
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
            self._of_lanes[mode] = stop
            until = money.day_of(self.lanes.now()) + timedelta(days=1) if stop.scope is BudgetScope.DAY else None
            self.lanes.hold(mode, stop.code, until=until, **stop.params)

    def judge(self, tx: Tx, settings: Settings, now: datetime) -> tuple[list[ProviderId], list[int]]:
        """The lanes and projects that may go on now."""
        modes = [
            mode
            for mode in provider_ids()
            if (hold := self.lanes.hold_of(mode)) is not None
            and hold.code in CODES
            and not _stands(tx, settings, self._of_lanes.get(mode), now)
        ]
        projects = [
            project_id for project_id, stop in self._of_projects.items() if not _stands(tx, settings, stop, now)
        ]
        if not self._swept:
            self._swept = True
            projects += [project.id for project in tx.projects.all() if project.id not in self._of_projects]
        return modes, projects

    def let_go(self, modes: list[ProviderId], projects: list[int]) -> None:
        """Take them from the list; the caller lifts the holds in the store."""
        for mode in modes:
            self._of_lanes.pop(mode, None)
            self.lanes.lift(mode)
        for project_id in projects:
            self._of_projects.pop(project_id, None)


def _stands(tx: Tx, settings: Settings, stop: BudgetExceeded | None, now: datetime) -> bool:
    if stop is None:
        return False
    limits = money.limit_statuses(tx, settings, stop.project_id, now)
    return money.check_budget(limits, settings, stop.project_id, stop.provider, stop.model, stop.cost) is not None


def lift_projects(tx: Tx, projects: list[int]) -> None:
    """What a project was held for has gone."""
    for project_id in projects:
        if tx.state.get(money.hold_of_project(project_id)) is not None:
            tx.state.put(money.hold_of_project(project_id), None)
