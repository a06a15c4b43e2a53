"""Sums for reports, kept by triggers.

But for ``drawn``, whose rows have an index of their own, nothing here reads tasks or attempts: a query costs as much as the
period has days, however many tasks it had.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlalchemy import Table, Text, cast, distinct, func, select, text

from vidgen_core.db.repository import Repository
from vidgen_core.db.schema.library import SHOT_STATES, shots, takes
from vidgen_core.db.schema.queue import attempts, draws, tasks
from vidgen_core.db.schema.sums import ledger_daily, stage_times_daily, takes_hourly, task_counts, task_ends_daily
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import DrawState


@dataclass(frozen=True)
class FigureFilter:
    """Which events: those from day ``since`` to day ``until``, of one project or provider or of all.

    Days are local dates as days since 1970; None: no limit.
    """

    since: int | None = None
    until: int | None = None
    project_id: int | None = None
    provider: ProviderId | None = None


class Ends(NamedTuple):
    """Number of tasks that ended in the same way, or with status ``chosen`` of chosen takes."""

    provider: str
    model: str
    status: str
    #: Error kind of a failure, else empty.
    kind: str
    n: int


class Spent(NamedTuple):
    """Attempts that ended in the same way, with their cost; ``currency`` is empty where no amount is known."""

    provider: str
    model: str
    key_id: str
    state: str
    kind: str
    charge: str
    currency: str
    n: int
    cost: Decimal


class DayEnds(NamedTuple):
    """Ends of one status on one day."""

    day: int
    status: str
    n: int


class DaySpent(NamedTuple):
    """Cost of the attempts of a day that ended in the same way."""

    day: int
    provider: str
    state: str
    charge: str
    currency: str
    n: int
    cost: Decimal


class Times(NamedTuple):
    """How often a stage took a time; rounded by at most a tenth."""

    stage: str
    seconds: float
    n: int


class TakeCounts(NamedTuple):
    """Shots with a chosen take, the finished takes of those shots, and shots to review."""

    shots: int
    takes: int
    waiting: int


class Drawn(NamedTuple):
    """Orders that drew until a take passed: ended shots, the draws of these, and chosen takes of all."""

    shots: int
    draws: int
    chosen: int


#: Reserved money of requests that have not been sent yet is no spend.
_UNSENT: Final = (AttemptState.PREPARING, AttemptState.SENDING)
_HAS_LEFT: Final = ledger_daily.c.state.not_in(_UNSENT)


class ReportRepository(Repository):
    def task_counts(self) -> dict[tuple[str, str], int]:
        """How many tasks a provider has in each state."""
        columns = task_counts.c
        query = select(columns.provider, columns.status, func.sum(columns.n).label("total")).group_by(
            columns.provider, columns.status
        )
        return {(row.provider, row.status): int(row.total) for row in self.tx.execute(query)}

    def oldest_queued(self) -> dict[str, datetime]:
        """By provider when the task was queued that has waited longest."""
        query = select(tasks.c.provider, func.min(tasks.c.queued_at).label("since")).where(
            text("status = 'queued' AND deleted_at IS NULL")
        )
        rows = self.tx.execute(query.group_by(tasks.c.provider))
        return {row.provider: row.since for row in rows if row.since is not None}

    def ends(self, wanted: FigureFilter) -> list[Ends]:
        by = _columns(task_ends_daily, "provider", "model", "status", "kind")
        n = func.sum(task_ends_daily.c.n)
        query = select(*by, n).where(*_within(task_ends_daily, wanted)).group_by(*by).having(n != 0)
        return [Ends._make(row) for row in self.tx.execute(query)]

    def attempts(self, wanted: FigureFilter) -> list[Spent]:
        names = ("provider", "model", "key_id", "state", "kind", "charge", "currency")
        by = _columns(ledger_daily, *names)
        n = func.sum(ledger_daily.c.n)
        query = select(*by, n, func.sum(ledger_daily.c.cost)).where(_HAS_LEFT, *_within(ledger_daily, wanted))
        return [Spent._make(row) for row in self.tx.execute(query.group_by(*by).having(n != 0))]

    def drawn(self, wanted: FigureFilter, begin: datetime | None, end: datetime | None) -> tuple[Drawn, list[Spent]]:
        """Draws ordered from ``begin`` to before ``end``, and their attempts; found by the index of draws."""
        since = [] if begin is None else [tasks.c.created_at >= begin]
        until = [] if end is None else [tasks.c.created_at < end]
        where = [tasks.c.draw.is_not(None), *_of(tasks, wanted), *since, *until]
        ended = tasks.join(draws, (draws.c.draw == tasks.c.draw) & (draws.c.shot_id == tasks.c.shot_id))
        order = cast(tasks.c.draw, Text) + "-" + cast(tasks.c.shot_id, Text)
        counts: Any = select(func.count(distinct(order)).label("shots"), func.count().label("draws"))
        counts = counts.select_from(ended).where(*where, draws.c.state != DrawState.DRAWING)
        chosen = tasks.join(takes, takes.c.task_id == tasks.c.id).join(shots, shots.c.chosen_take_id == takes.c.id)
        of_chosen = select(func.count()).select_from(chosen).where(*where, tasks.c.deleted_at.is_(None))
        row = self.tx.execute(counts).one()
        found = Drawn(int(row.shots), int(row.draws), int(self.tx.execute(of_chosen).scalar_one()))
        a = attempts.c
        by = (a.provider, a.state, a.charge, a.cost_currency)
        cost: Any = select(*by, func.count().label("n"), func.coalesce(func.sum(a.cost), 0).label("cost"))
        cost = cost.select_from(attempts.join(tasks, tasks.c.id == a.task_id)).where(*where, a.state.not_in(_UNSENT))
        return found, [
            Spent(one.provider, "", "", one.state, "", one.charge, one.cost_currency or "", one.n, Decimal(one.cost))
            for one in self.tx.execute(cost.group_by(*by))
        ]

    def ends_by_day(self, wanted: FigureFilter) -> list[DayEnds]:
        by, n = _columns(task_ends_daily, "day", "status"), func.sum(task_ends_daily.c.n)
        query = select(*by, n).where(*_within(task_ends_daily, wanted)).group_by(*by).having(n != 0)
        return [DayEnds._make(row) for row in self.tx.execute(query)]

    def spent_by_day(self, wanted: FigureFilter) -> list[DaySpent]:
        table = ledger_daily
        by = _columns(table, "day", "provider", "state", "charge", "currency")
        n = func.sum(table.c.n)
        query = select(*by, n, func.sum(table.c.cost)).where(_HAS_LEFT, *_within(table, wanted))
        return [DaySpent._make(row) for row in self.tx.execute(query.group_by(*by).having(n != 0))]

    def busy_hours(self, wanted: FigureFilter, since: int, until: int) -> tuple[int, int, int]:
        """Finished takes from hour ``since`` to before ``until``, the hours in which there were any, and the last one."""
        table = takes_hourly
        count = (func.coalesce(func.sum(table.c.n), 0), func.count(distinct(table.c.hour)), func.max(table.c.hour))
        query = select(*count).where(table.c.hour >= since, table.c.hour < until, *_of(table, wanted))
        takes, hours, last = tuple(self.tx.execute(query).one())
        return int(takes), hours, last or 0

    def takes_by_hour(self, wanted: FigureFilter, since: int, until: int) -> list[tuple[int, int]]:
        """Finished takes by hours since 1970, from hour ``since`` to before ``until``; hours without any are left out."""
        table = takes_hourly
        within = (table.c.hour >= since, table.c.hour < until, *_of(table, wanted))
        query = (
            select(table.c.hour, func.sum(table.c.n).label("n"))
            .where(*within)
            .group_by(table.c.hour)
            .order_by(table.c.hour)
        )
        return [(row.hour, row.n) for row in self.tx.execute(query)]

    def times(self, wanted: FigureFilter) -> list[Times]:
        """The shortest first."""
        by = _columns(stage_times_daily, "stage", "centiseconds")
        query = select(*by, func.sum(stage_times_daily.c.n).label("n")).where(*_within(stage_times_daily, wanted))
        return [
            Times(row.stage, row.centiseconds / 100, row.n)
            for row in self.tx.execute(query.group_by(*by).order_by(*by))
        ]

    def take_counts(self, project_id: int | None) -> TakeCounts:
        """Counts of the present shots, whatever the period."""
        found = []
        for state in ("chosen", "to_choose"):
            query = select(func.count(), func.coalesce(func.sum(shots.c.completed_count), 0)).select_from(shots)
            query = query.where(text(SHOT_STATES[state]))
            if project_id is not None:
                query = query.where(shots.c.project_id == project_id)
            found.append(tuple(self.tx.execute(query).one()))
        (chosen, takes), (waiting, _) = found
        return TakeCounts(chosen, takes, waiting)


def _columns(table: Table, *names: str) -> list[Any]:
    return [table.c[name] for name in names]


def _within(table: Table, wanted: FigureFilter) -> list[Any]:
    conditions = _of(table, wanted)
    if wanted.since is not None:
        conditions.append(table.c.day >= wanted.since)
    if wanted.until is not None:
        conditions.append(table.c.day <= wanted.until)
    return conditions


def _of(table: Table, wanted: FigureFilter) -> list[Any]:
    conditions = []
    if wanted.project_id is not None:
        conditions.append(table.c.project_id == wanted.project_id)
    if wanted.provider is not None:
        conditions.append(table.c.provider == wanted.provider)
    return conditions
