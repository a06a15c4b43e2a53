"""Batches: when one has ended, its result, and whether a notification was sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, exists, func, or_, select, text, update

from vidgen_core.db.repository import Repository, failure_of
from vidgen_core.db.schema import attempts, batches, projects, shots, tasks
from vidgen_core.domain.tasks import Failure, TaskKind, TaskStatus

#: Exactly as in the partial index.
_UNNOTIFIED: Final = "notified_at IS NULL AND live = 0 AND ended > 0"


@dataclass(frozen=True)
class BatchPart:
    """Tasks of a batch with the same result: how many, and the names and failures of the first."""

    n: int
    first: tuple[tuple[str, Failure | None], ...]


@dataclass(frozen=True)
class BatchEnd:
    """The result of a batch. ``failed`` includes tasks cancelled after they were sent."""

    batch: int
    project: str
    done: BatchPart
    failed: BatchPart
    never_submitted: BatchPart

    @property
    def n(self) -> int:
        return self.done.n + self.failed.n + self.never_submitted.n


def _sent() -> ColumnElement[bool]:
    return exists().where(attempts.c.task_id == tasks.c.id, attempts.c.intent_at.is_not(None))


def _name(row: Row[Any]) -> str:
    return f"{row.number}-{'p' if row.output == TaskKind.IMAGE else 'v'}{row.take}"


class BatchRepository(Repository):
    def unnotified(self) -> list[int]:
        """Batches that have ended without a notification, the oldest first."""
        query = select(batches.c.batch).where(text(_UNNOTIFIED)).order_by(batches.c.batch)
        return list(self.tx.execute(query).scalars())

    def mark_notified(self, batch: int, at: datetime) -> bool:
        """Record that a notification is being sent; False when one was sent before, so that nobody gets two."""
        first = update(batches).where(batches.c.batch == batch, batches.c.notified_at.is_(None))
        return self.tx.execute(first.values(notified_at=at)).rowcount == 1

    def end(self, batch: int, most: int) -> BatchEnd:
        """The result of a batch, with at most ``most`` tasks in each list."""
        cancelled, completed = tasks.c.status == TaskStatus.CANCELLED, tasks.c.status == TaskStatus.COMPLETED
        failed = or_(tasks.c.status == TaskStatus.FAILED, and_(cancelled, _sent()))
        never = or_(tasks.c.status == TaskStatus.PENDING, and_(cancelled, ~_sent()))
        project = select(projects.c.name).join(batches, batches.c.project_id == projects.c.id)
        name = self.tx.execute(project.where(batches.c.batch == batch)).scalar()
        lists = [self._part(batch, which, most) for which in (completed, failed, never)]
        return BatchEnd(batch, name or "", *lists)

    def _part(self, batch: int, which: ColumnElement[bool], most: int) -> BatchPart:
        these = (tasks.c.batch == batch, tasks.c.deleted_at.is_(None), which)
        n = int(self.tx.execute(select(func.count()).select_from(tasks).where(*these)).scalar_one())
        query: Any = select(shots.c.number, tasks.c.output, tasks.c.take, tasks.c.failure)
        query = query.join_from(tasks, shots, shots.c.id == tasks.c.shot_id).where(*these)
        rows = self.tx.execute(query.order_by(tasks.c.shot_position, tasks.c.take).limit(most))
        return BatchPart(n, tuple((_name(row), failure_of(row.failure)) for row in rows))
