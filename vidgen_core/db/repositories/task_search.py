"""Pages of tasks: any filter, any order, at any size.

Without a search, a page is a merge of cells (see ``schema``), each read along an index that has it in the requested
order. When a shot, an error kind or a text narrows the cells down, those rows are found by an index of their own and
sorted; if they turn out to be a large part of the cells, merging and checking each row is faster again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, CompoundSelect, Row, Select, func, select, union_all

from vidgen_core.db.dialect import among, contains, unindexed
from vidgen_core.db.repository import COUNTED_TO, Repository
from vidgen_core.db.schema.queue import tasks, texts
from vidgen_core.db.schema.sums import task_counts
from vidgen_core.domain.queries import Page, TaskFilter, TaskSort
from vidgen_core.domain.tasks import ENDED

#: SQLite merges at most 500 streams; beyond this many cells (hundreds of projects at once) all rows are sorted.
_MOST_CELLS: Final = 400
#: Up to this many rows are found first and sorted then, so that a text is searched only once.
_FEW: Final = 2_000
#: When one row in this many matches, checking row by row finds a page faster than sorting all matches.
_DENSE: Final = 10

#: Orders whose key a task may lack.
_MAY_BE_MISSING: Final = frozenset({"finished", "duration", "cost", "verdict"})

_Query = Select[Any] | CompoundSelect[Any]


@dataclass(frozen=True)
class _SortOrder:
    sort: TaskSort
    descending: bool

    def keys(self) -> tuple[ColumnElement[Any], ...]:
        """Sort keys before the id. Ids rise with the time of creation."""
        match self.sort:
            case "id" | "created":
                return ()
            case "shot":
                return (tasks.c.shot_position, tasks.c.take)
            case "finished":
                return (tasks.c.finished_at,)
            case column:
                return (tasks.c[column],)

    def of(self, keys: list[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
        ordered: list[Any] = [key.desc() if self.descending else key.asc() for key in keys]
        if self.sort in _MAY_BE_MISSING:
            # What is missing comes before everything, as it does in SQLite without a word.
            ordered[0] = ordered[0].nulls_last() if self.descending else ordered[0].nulls_first()
        return ordered

    def turned(self) -> _SortOrder:
        return _SortOrder(self.sort, not self.descending)


class Search(Repository):
    """Finds ids of live tasks; ``None`` as project means all projects."""

    def page(
        self, project_id: int | None, where: TaskFilter, sort: TaskSort, descending: bool, limit: int, offset: int
    ) -> Page[int]:
        order = _SortOrder(sort, descending)
        few = self._ids(_narrowed(project_id, where).limit(_FEW + 1)) if where.narrow else []
        if where.narrow and len(few) <= _FEW:
            found = select(tasks.c.id).where(among(tasks.c.id, few)).order_by(*order.of([*order.keys(), tasks.c.id]))
            return Page(self._ids(found.limit(limit).offset(offset)), len(few))
        cells = self._cells(project_id, where)
        size = sum(cell.n for cell in cells)
        total = self._count(project_id, where) if size and where.narrow else size
        if offset >= total:
            return Page([], total)
        dense = total >= COUNTED_TO or total * _DENSE >= size
        if total >= COUNTED_TO and where.narrow:
            query = self._ordered(project_id, where, cells, order, dense=dense)
            return Page(self._ids(query.limit(limit).offset(offset)), total, total_is_least=True)
        end = min(offset + limit, total)
        turn = offset > total - end
        query = self._ordered(project_id, where, cells, order.turned() if turn else order, dense=dense)
        ids = self._ids(query.limit(end - offset).offset(total - end if turn else offset))
        return Page(ids[::-1] if turn else ids, total)

    def ids(self, project_id: int | None, where: TaskFilter) -> list[int]:
        cells = self._cells(project_id, where)
        if not cells:
            return []
        return self._ids(self._ordered(project_id, where, cells, _SortOrder("id", descending=False), dense=False))

    def _ids(self, query: _Query) -> list[int]:
        return list(self.tx.execute(query).scalars())

    def _cells(self, project_id: int | None, where: TaskFilter) -> list[Row[Any]]:
        """The cells that have rows and may have matching ones."""
        query = select(task_counts).where(task_counts.c.n > 0, *_in_cells(task_counts.c, project_id, where))
        return list(self.tx.execute(query))

    def _count(self, project_id: int | None, where: TaskFilter) -> int:
        rows = _narrowed(project_id, where).limit(COUNTED_TO).subquery()
        return int(self.tx.execute(select(func.count()).select_from(rows)).scalar_one())

    def _ordered(
        self, project_id: int | None, where: TaskFilter, cells: list[Row[Any]], order: _SortOrder, *, dense: bool
    ) -> _Query:
        if len(cells) > _MOST_CELLS or (where.narrow and not dense):
            return _narrowed(project_id, where).order_by(*order.of([*order.keys(), tasks.c.id]))
        return _merged(cells, where, order)


def _in_cells(
    columns: Any,
    project_id: int | None,
    where: TaskFilter,
    shape: Callable[[ColumnElement[Any]], ColumnElement[Any]] = lambda column: column,
) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if project_id is not None:
        wanted.append(shape(columns.project_id) == project_id)
    if where.provider is not None:
        wanted.append(shape(columns.provider) == where.provider)
    if where.output is not None:
        wanted.append(shape(columns.output) == where.output)
    if where.statuses:
        wanted.append(shape(columns.status).in_(where.statuses))
    return wanted


def _narrowed(project_id: int | None, where: TaskFilter) -> Select[Any]:
    """Ids of the matching rows, found by the most selective index."""
    query = select(tasks.c.id).where(tasks.c.deleted_at.is_(None))
    if (where.kind is not None or where.verdict is not None) and where.shot_id is None:
        return query.where(*_in_cells(tasks.c, project_id, where), *_by_row(where))
    # SQLite would prefer the cells; ``unindexed`` leaves it only the right index.
    query = query.where(*_in_cells(tasks.c, project_id, where, unindexed))
    if where.shot_id is not None or not where.wording:
        return query.where(*_by_row(where))
    return query.where(tasks.c.text_id.in_(select(texts.c.id).where(contains(texts.c.text, where.wording))))


def _by_row(where: TaskFilter) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if where.shot_id is not None:
        wanted.append(tasks.c.shot_id == where.shot_id)
    if where.kind is not None:
        wanted.append(tasks.c.failure_kind == where.kind)
    if where.verdict is not None:
        wanted.append(tasks.c.verdict == where.verdict)
    if where.after is not None:
        wanted.append(tasks.c.id > where.after)
    if where.wording:
        text = select(texts.c.id).where(texts.c.id == tasks.c.text_id, contains(texts.c.text, where.wording))
        wanted.append(text.exists())
    return wanted


def _merged(cells: list[Row[Any]], where: TaskFilter, order: _SortOrder) -> CompoundSelect[Any]:
    merged = union_all(*(_stream(cell, where, order) for cell in cells))
    columns = merged.selected_columns
    keys = [column for column in columns if column.name != "id"]
    return merged.order_by(*order.of([*keys, columns.id]))


def _stream(cell: Row[Any], where: TaskFilter, order: _SortOrder) -> Select[Any]:
    c = tasks.c
    wanted = [getattr(c, name) == getattr(cell, name) for name in ("project_id", "provider", "output", "status")]
    keys = order.keys()
    if order.sort in ("finished", "duration"):
        # Set exactly for ended tasks, like the partial indexes; the condition that it is NULL tells SQLite that
        # ordering by it needs no sort.
        wanted.append(keys[0].is_not(None) if cell.status in ENDED else keys[0].is_(None))
    labelled = [key.label(f"key{number}") for number, key in enumerate(keys)]
    return select(c.id, *labelled).where(*wanted, c.deleted_at.is_(None), *_by_row(where))
