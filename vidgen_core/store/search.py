"""Pages of tasks: any filter, any order, at any size.

Cells (see ``tables``) are merged along their indexes. Where a filter is known to leave few rows (one shot, one
kind of error, a rare text), those rows are found by their own index and sorted instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, CompoundSelect, Row, Select, and_, func, literal, null, select, union_all

from vidgen_core.errors import ErrorKind
from vidgen_core.models import ENDED, Mode, TaskStatus
from vidgen_core.store.base import COUNTED_TO, Page, Subject
from vidgen_core.store.dialect import among, contains, unindexed
from vidgen_core.store.tables import task_counts, tasks, texts

TaskSort = Literal["id", "shot", "status", "provider", "attempts", "created", "finished", "duration", "cost"]

#: Up to so many different texts a search hands their ids on; more count as a common text.
_FEW_TEXTS: Final = 20_000
#: SQLite merges at most 500 streams; beyond this many cells (hundreds of projects at once) all rows are sorted.
_MOST_CELLS: Final = 400

_Query = Select[Any] | CompoundSelect[Any]

_RANK: Final = {status: rank for rank, status in enumerate(TaskStatus)}


@dataclass(frozen=True)
class TaskFilter:
    """Which tasks; empty means all. ``text`` is looked for in the shot's number and the prompt."""

    statuses: frozenset[TaskStatus] = frozenset()
    provider: Mode | None = None
    shot_id: int | None = None
    kind: ErrorKind | None = None
    text: str = ""


@dataclass(frozen=True)
class _Search:
    """A filter, ready to be run."""

    conditions: tuple[ColumnElement[bool], ...]
    #: Whether an index finds the rows of the conditions, and they are few enough to be sorted.
    few: bool
    #: None: all rows of the cells.
    total: int | None


class Search(Subject):
    def page(
        self, project_id: int | None, where: TaskFilter, sort: TaskSort, descending: bool, limit: int, offset: int
    ) -> Page[int]:
        """Ids of a page of live tasks."""
        cells = self._cells(project_id, where)
        search = self._search(project_id, where, cells)
        total = sum(cell.n for cell in cells) if search.total is None else search.total
        if not total or offset >= total:
            return Page([], total)
        ordered = self._ordered(project_id, where, cells, search, sort, descending=descending)
        ids = list(self.tx.run(ordered.limit(limit).offset(offset)).scalars())
        return Page(ids, total, total_is_least=search.total is not None and total >= COUNTED_TO)

    def ids(self, project_id: int | None, where: TaskFilter) -> list[int]:
        cells = self._cells(project_id, where)
        if not cells:
            return []
        search = self._search(project_id, where, cells)
        return list(self.tx.run(self._ordered(project_id, where, cells, search, "id", descending=False)).scalars())

    def _cells(self, project_id: int | None, where: TaskFilter) -> list[Row[Any]]:
        """The cells that have rows, in the order of a task's life."""
        c = task_counts.c
        query = select(task_counts).where(c.n > 0)
        if project_id is not None:
            query = query.where(c.project_id == project_id)
        if where.provider is not None:
            query = query.where(c.provider == where.provider)
        if where.statuses:
            query = query.where(c.status.in_(where.statuses))
        return sorted(self.tx.run(query), key=lambda cell: (_RANK[cell.status], cell.provider, cell.project_id))

    def _search(self, project_id: int | None, where: TaskFilter, cells: list[Row[Any]]) -> _Search:
        conditions: list[ColumnElement[bool]] = []
        few = False
        if where.shot_id is not None:
            conditions.append(tasks.c.shot_id == where.shot_id)
            few = True
        if where.kind is not None:
            conditions.append(tasks.c.failure_kind == where.kind)
            few = True
        if where.text.strip():
            condition, rare = self._of_text(where.text.strip().casefold())
            conditions.append(condition)
            few = few or rare
        if not conditions:
            return _Search((), few=False, total=None)
        total = self._count(project_id, where, cells, _Search(tuple(conditions), few=few, total=None))
        return _Search(tuple(conditions), few=few and total < COUNTED_TO, total=total)

    def _of_text(self, lower: str) -> tuple[ColumnElement[bool], bool]:
        having = select(texts.c.id).where(contains(texts.c.text, lower))
        found = self.tx.run(having.limit(_FEW_TEXTS + 1)).scalars().all()
        if len(found) <= _FEW_TEXTS:
            return among(tasks.c.text_id, found), True
        return tasks.c.text_id.in_(having), False

    def _count(self, project_id: int | None, where: TaskFilter, cells: list[Row[Any]], search: _Search) -> int:
        if not cells:
            return 0
        rows = self._ordered(project_id, where, cells, search, None, descending=False).limit(COUNTED_TO).subquery()
        return int(self.tx.run(select(func.count()).select_from(rows)).scalar_one())

    def _ordered(
        self,
        project_id: int | None,
        where: TaskFilter,
        cells: list[Row[Any]],
        search: _Search,
        sort: TaskSort | None,
        *,
        descending: bool,
    ) -> _Query:
        if search.few or len(cells) > _MOST_CELLS:
            return _sorted(project_id, where, search, sort, descending=descending)
        return _merged(cells, search, sort, descending=descending)


def _keys(sort: TaskSort | None) -> tuple[ColumnElement[Any], ...]:
    """What the rows are ordered by, before their id. Ids rise with the time of creation."""
    match sort:
        case "shot":
            return (tasks.c.shot_position, tasks.c.take)
        case "attempts":
            return (tasks.c.attempts,)
        case "cost":
            return (tasks.c.cost,)
        case "finished":
            return (tasks.c.finished_at,)
        case "duration":
            return (tasks.c.duration,)
        case "status" | "provider":
            return (tasks.c[sort],)
    return ()


def _sorted(
    project_id: int | None, where: TaskFilter, search: _Search, sort: TaskSort | None, *, descending: bool
) -> Select[Any]:
    wanted = [*search.conditions, tasks.c.deleted_at.is_(None)]
    if where.kind is not None:
        wanted.append(tasks.c.failure_kind.is_not(None))
    if project_id is not None:
        wanted.append(unindexed(tasks.c.project_id) == project_id)
    if where.provider is not None:
        wanted.append(unindexed(tasks.c.provider) == where.provider)
    if where.statuses:
        wanted.append(unindexed(tasks.c.status).in_(where.statuses))
    query = select(tasks.c.id).where(*wanted)
    if sort is None:
        return query
    keys = (*_keys(sort), tasks.c.id)
    return query.order_by(*(key.desc() if descending else key for key in keys))


def _merged(cells: list[Row[Any]], search: _Search, sort: TaskSort | None, *, descending: bool) -> _Query:
    streams = [_stream(cell, search, sort) for cell in cells]
    merged = union_all(*streams)
    if sort is not None:
        keys = [column for column in merged.selected_columns if column.name != "id"] + [merged.selected_columns.id]
        merged = merged.order_by(*(key.desc() if descending else key for key in keys))
    return merged


def _stream(cell: Row[Any], search: _Search, sort: TaskSort | None) -> Select[Any]:
    c = tasks.c
    wanted = [c.project_id == cell.project_id, c.provider == cell.provider, c.status == cell.status]
    keys: tuple[ColumnElement[Any], ...] = _keys(sort)
    if sort in ("status", "provider"):
        keys = (literal(_RANK[cell.status] if sort == "status" else cell.provider),)
    if sort in ("finished", "duration"):
        if cell.status in ENDED:
            wanted.append(keys[0].is_not(None))
        else:
            keys = (null(),)
    labelled = [key.label(f"key{number}") for number, key in enumerate(keys)]
    return select(c.id, *labelled).where(and_(*wanted), c.deleted_at.is_(None), *search.conditions)
