"""Pages of tasks: any filter, any order, at any size.

Without a search, a page is a merge of cells (see ``schema``), each read along an index that has it in the requested
order. When a shot, an error kind or a text narrows the cells down, those rows are found by an index of their own and
sorted; if they turn out to be a large part of the cells, merging and checking each row is faster again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Double,
    Row,
    Select,
    and_,
    func,
    or_,
    select,
    type_coerce,
    union_all,
)

from vidgen_core.db import keyset
from vidgen_core.db.dialect import among, contains, unindexed, upsert
from vidgen_core.db.repository import COUNTED_TO, Repository
from vidgen_core.db.schema.queue import tasks, texts
from vidgen_core.db.schema.sums import task_counts
from vidgen_core.domain.queries import Page, TaskFilter, TaskSort
from vidgen_core.domain.tasks import ENDED

#: SQLite merges at most 500 streams; beyond this many (hundreds of projects at once) all rows are sorted.
_MOST_STREAMS: Final = 400
#: Up to this many rows are found first and sorted then, so that a text is searched only once.
_FEW: Final = 2_000
#: When one row in this many matches, checking row by row finds a page faster than sorting all matches.
_DENSE: Final = 10

#: Orders whose key a task may lack.
_MAY_BE_MISSING: Final = frozenset({"finished", "duration", "cost", "verdict"})

#: Orders by what all tasks of a cell have alike.
_OF_CELLS: Final = frozenset({"status", "provider"})

_Query = Select[Any] | CompoundSelect[Any]


@dataclass(frozen=True)
class _SortOrder:
    sort: TaskSort
    descending: bool

    @property
    def name(self) -> str:
        return f"{self.sort}-" if self.descending else self.sort

    def keys(self) -> tuple[ColumnElement[Any], ...]:
        """Sort keys before the id, as the database has them. Ids rise with the time of creation."""
        match self.sort:
            case "id" | "created":
                return ()
            case "shot":
                return (tasks.c.shot_position, tasks.c.take)
            case "finished":
                return (type_coerce(tasks.c.finished_at, Double),)
            case "cost":
                return (type_coerce(tasks.c.cost, BigInteger),)
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

    def after(self, last: list[Any]) -> list[tuple[bool, ColumnElement[bool]]]:
        """The rows after one, in parts that each lie together in an index: whether their key is missing, and which they are."""
        columns = [*self.keys(), tasks.c.id]
        if self.sort not in _MAY_BE_MISSING:
            return [(False, part) for part in keyset.parts_after(columns, last, descending=self.descending)]
        missing = columns[0].is_(None)
        if last[0] is None:
            [behind] = keyset.parts_after([tasks.c.id], last[1:], descending=self.descending)
            there = [] if self.descending else [(False, columns[0].is_not(None))]
            return [(True, and_(missing, behind)), *there]
        parts = [(False, part) for part in keyset.parts_after(columns, last, descending=self.descending)]
        return [*parts, (True, missing)] if self.descending else parts


class Search(Repository):
    """Finds ids of live tasks; ``None`` as project means all projects."""

    def page(
        self,
        project_id: int | None,
        where: TaskFilter,
        sort: TaskSort,
        descending: bool,
        limit: int,
        after: str | None,
        skip: int,
    ) -> Page[int]:
        order = _SortOrder(sort, descending)
        last = None if after is None else keyset.keys_of(after, order.name, [*order.keys(), tasks.c.id])
        few = self._ids(_narrowed(project_id, where).limit(_FEW + 1)) if where.narrow else []
        if where.narrow and len(few) <= _FEW:
            found = _sorted(select(tasks.c.id).where(among(tasks.c.id, few)), order, last)
            return self._page(found, order, limit, skip, len(few))
        cells = self._cells(project_id, where)
        size = sum(cell.n for cell in cells)
        total = self._count(project_id, where) if size and where.narrow else size
        least = where.narrow and total >= COUNTED_TO
        dense = total >= COUNTED_TO or total * _DENSE >= size
        end = min(skip + limit, total)
        if last is None and not least and skip > total - end:
            # Nearer to the end than to the beginning, or behind it.
            ahead = self._ordered(project_id, where, cells, order.turned(), dense=dense)
            if ahead is None or skip >= total:
                return Page([], total)
            rows = self.tx.execute(ahead.limit(end - skip).offset(total - end)).all()[::-1]
            return Page([row.id for row in rows], total, next=_mark(order, rows[-1]) if rows and end < total else None)
        query = self._ordered(project_id, where, cells, order, last, dense=dense)
        return self._page(query, order, limit, skip, total, least=least)

    def text_ids(self, wanted: Collection[str]) -> dict[str, int]:
        """Ids of the texts by which tasks are found; equal ones are stored once."""
        digests = {blake2b(words.encode(), digest_size=16).digest(): words for words in wanted}
        rows = [{"digest": digest, "text": words} for digest, words in digests.items()]
        self.tx.execute(upsert(texts).on_conflict_do_nothing(index_elements=["digest"]), rows)
        query = select(texts.c.id, texts.c.text).where(texts.c.digest.in_(digests))
        return {row.text: row.id for row in self.tx.execute(query)}

    def _page(
        self, query: _Query | None, order: _SortOrder, limit: int, skip: int, total: int, *, least: bool = False
    ) -> Page[int]:
        if query is None:
            return Page([], total, least)
        query = query.limit(limit + 1)
        rows = self.tx.execute(query.offset(skip) if skip else query).all()
        more = _mark(order, rows[limit - 1]) if len(rows) > limit else None
        return Page([row.id for row in rows[:limit]], total, least, more)

    def ids(self, project_id: int | None, where: TaskFilter) -> list[int]:
        cells = self._cells(project_id, where)
        query = self._ordered(project_id, where, cells, _SortOrder("id", descending=False), dense=False)
        return [] if query is None else self._ids(query)

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
        self,
        project_id: int | None,
        where: TaskFilter,
        cells: list[Row[Any]],
        order: _SortOrder,
        last: list[Any] | None = None,
        *,
        dense: bool,
    ) -> _Query | None:
        """All matching rows in order, or those after ``last``; None: there cannot be one."""
        streams = [stream for cell in cells for stream in _streams(cell, where, order, last)]
        if len(streams) > _MOST_STREAMS or (streams and where.narrow and not dense):
            return _sorted(_narrowed(project_id, where), order, last)
        return _merged(streams, order) if streams else None


def _mark(order: _SortOrder, row: Row[Any]) -> str:
    return keyset.mark_of(order.name, [*row[1:], row.id])


def _sorted(query: Select[Any], order: _SortOrder, last: list[Any] | None) -> Select[Any]:
    """Ids and keys of the rows of a query, in order, or those after ``last``."""
    if last is not None:
        query = query.where(or_(*(part for _, part in order.after(last))))
    return query.add_columns(*order.keys()).order_by(*order.of([*order.keys(), tasks.c.id]))


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


def _merged(streams: list[Select[Any]], order: _SortOrder) -> CompoundSelect[Any]:
    merged = union_all(*streams)
    columns = merged.selected_columns
    keys = [column for column in columns if column.name != "id"]
    return merged.order_by(*order.of([*keys, columns.id]))


def _streams(cell: Row[Any], where: TaskFilter, order: _SortOrder, last: list[Any] | None) -> list[Select[Any]]:
    """The rows of a cell, or those after ``last``, each part in the order of an index."""
    c = tasks.c
    wanted = [getattr(c, name) == getattr(cell, name) for name in ("project_id", "provider", "output", "status")]
    keys, missing = order.keys(), None
    if order.sort in ("finished", "duration"):
        # Set exactly for ended tasks, like the partial indexes; the condition that it is NULL tells SQLite that
        # ordering by it needs no sort.
        missing = cell.status not in ENDED
        wanted.append(keys[0].is_(None) if missing else keys[0].is_not(None))
    labelled = [key.label(f"key{number}") for number, key in enumerate(keys)]
    query = select(c.id, *labelled).where(*wanted, c.deleted_at.is_(None), *_by_row(where))
    if last is None:
        return [query]
    if order.sort in _OF_CELLS:
        here, there = getattr(cell, order.sort), last[0]
        if here != there:
            return [query] if (here > there) is not order.descending else []
        return [query.where(*keyset.parts_after([c.id], last[1:], descending=order.descending))]
    return [query.where(part) for lacks, part in order.after(last) if missing is None or lacks is missing]
