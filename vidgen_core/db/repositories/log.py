"""The execution log: codes and params, rendered in the language of the reader when shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, union_all

from vidgen_core.db.dialect import mentions, unindexed
from vidgen_core.db.prepared import PreparedStatement
from vidgen_core.db.repository import Repository
from vidgen_core.db.schema.system import log
from vidgen_core.domain.log import LogLevel, LogLine
from vidgen_core.domain.queries import LogFilter

_ADD = PreparedStatement(insert(log))


class LogRepository(Repository):
    def add(
        self,
        level: LogLevel,
        code: str,
        *,
        project_id: int | None = None,
        task_id: int | None = None,
        at: datetime | None = None,
        **params: Any,
    ) -> None:
        line = {"level": level, "code": code, "project_id": project_id, "task_id": task_id, "params": params}
        self.tx.at_commit(_ADD, {**line, "at": at or self.tx.now()})

    def page(
        self, project_id: int | None, where: LogFilter = LogFilter(), limit: int = 200, before_id: int | None = None
    ) -> list[LogLine]:
        """The newest lines first; ``before_id`` continues a page. A project's lines include those of no project."""
        bound = [] if before_id is None else [log.c.id < before_id]
        return self._merged(project_id, where, bound, limit, newest_first=True)

    def after(
        self, after_id: int, project_id: int | None = None, where: LogFilter = LogFilter(), limit: int = 1_000
    ) -> list[LogLine]:
        """Lines after an id, oldest first."""
        return self._merged(project_id, where, [log.c.id > after_id], limit, newest_first=False)

    def clear(self, project_id: int | None) -> None:
        """Remove a project's lines; None removes all."""
        self.tx.add_rest()
        gone = delete(log)
        self.tx.execute(gone if project_id is None else gone.where(log.c.project_id == project_id))

    def count(self, project_id: int | None = None) -> int:
        self.tx.add_rest()
        query = select(func.count()).select_from(log)
        if project_id is not None:
            query = query.where(log.c.project_id == project_id)
        return int(self.tx.execute(query).scalar_one())

    def _merged(
        self,
        project_id: int | None,
        where: LogFilter,
        bound: list[ColumnElement[bool]],
        limit: int,
        *,
        newest_first: bool,
    ) -> list[LogLine]:
        self.tx.add_rest()
        # One stream per level and project, each read along its index: a rare level needs no scan of the others.
        order = log.c.id.desc() if newest_first else log.c.id
        streams = [
            select(select(log.c.id).where(*stream, *bound, *_matches(where)).order_by(order).limit(limit).subquery())
            for stream in _streams(project_id, where)
        ]
        ids = union_all(*streams).subquery()
        query = select(log).where(log.c.id.in_(select(ids.c.id))).order_by(order).limit(limit)
        return [LogLine.model_validate(row._asdict()) for row in self.tx.execute(query)]


def _streams(project_id: int | None, where: LogFilter) -> list[list[ColumnElement[bool]]]:
    if where.task_id is not None:
        levels = [log.c.level.in_(where.levels)] if where.levels else []
        return [[log.c.task_id == where.task_id, *levels]]
    if where.text or where.codes:
        # Most lines are read anyway, and fastest in the order of the table.
        wanted: list[ColumnElement[bool]] = [unindexed(log.c.level).in_(where.levels)] if where.levels else []
        if project_id is not None:
            wanted.append(or_(unindexed(log.c.project_id) == project_id, log.c.project_id.is_(None)))
        return [wanted]
    if project_id is None:
        return [[log.c.level == level] for level in sorted(where.levels)] or [[]]
    owners = (log.c.project_id == project_id, log.c.project_id.is_(None))
    levels_asked = sorted(where.levels or frozenset(LogLevel))
    return [[owner, log.c.level == level] for owner in owners for level in levels_asked]


def _matches(where: LogFilter) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if where.text:
        wanted += [mentions(log.c.code, where.text), mentions(log.c.params, where.text)]
    if where.codes:
        wanted.append(log.c.code.in_(where.codes))
    return [or_(*wanted)] if wanted else []
