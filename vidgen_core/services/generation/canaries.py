"""One shot first: a large batch of which only the first shot is released until it has come out well."""

from __future__ import annotations

from vidgen_core.db import Tx
from vidgen_core.db.worker_state import WaitingBatch
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.worker.canary import forget, kept


class Canary(Frozen):
    """A large batch whose first shot goes ahead."""

    batch: int
    #: Tasks of the first shot, and how they stand.
    first: int
    done: int
    failed: int
    #: Tasks that wait for it.
    waiting: int
    #: Goes on by itself when the first shot has succeeded.
    auto: bool

    @property
    def decided(self) -> bool:
        """Whether the first shot has ended."""
        return self.done + self.failed == self.first


def of_project(tx: Tx, project_id: int | None) -> tuple[Canary, ...]:
    """The canaries of a project, or of all, whose batches still wait."""
    found = [_view(tx, one) for one in kept(tx) if project_id in (None, one.project_id)]
    return tuple(canary for canary in found if canary.waiting)


def _view(tx: Tx, one: WaitingBatch) -> Canary:
    statuses = [task.status for task in tx.tasks.many(one.first)]
    done = statuses.count(TaskStatus.COMPLETED)
    failed = statuses.count(TaskStatus.FAILED) + statuses.count(TaskStatus.CANCELLED)
    waiting = len(tx.tasks.of_batch(one.batch, TaskStatus.PENDING))
    return Canary(batch=one.batch, first=len(statuses), done=done, failed=failed, waiting=waiting, auto=one.auto)


def waiting_tasks(tx: Tx, project_id: int, batch: int) -> list[int]:
    """The rest of a batch of the project whose first shot went ahead."""
    mine = any((one.batch, one.project_id) == (batch, project_id) for one in kept(tx))
    return list(tx.tasks.of_batch(batch, TaskStatus.PENDING)) if mine else []


def release(tx: Tx, project_id: int, batch: int) -> list[int]:
    """Let the rest of a batch go out; returns what was queued."""
    rest = waiting_tasks(tx, project_id, batch)
    forget(tx, batch)
    return tx.tasks.release(rest)
