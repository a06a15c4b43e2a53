"""Batches that wait for their first shot; the automatic ones go on when it has succeeded."""

from __future__ import annotations

from vidgen_core import money
from vidgen_core.db import Tx
from vidgen_core.db.worker_state import WAITING_BATCHES, WaitingBatch
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.tasks import TaskStatus


def kept(tx: Tx) -> list[WaitingBatch]:
    return WAITING_BATCHES.get(tx) or []


def keep(tx: Tx, batch: int, project_id: int, first: list[int], *, auto: bool) -> None:
    """Let a batch wait for the tasks ``first``."""
    new = WaitingBatch(batch=batch, project_id=project_id, first=first, auto=auto)
    WAITING_BATCHES.put(tx, [*kept(tx), new])


def forget(tx: Tx, batch: int) -> None:
    WAITING_BATCHES.put(tx, [one for one in kept(tx) if one.batch != batch])


def ripe(tx: Tx) -> list[int]:
    """Batches that may go on without a person now; those of a run with a limit that has ended wait for one."""
    return [one.batch for one in kept(tx) if one.auto and _succeeded(tx, one.first)]


def _succeeded(tx: Tx, first: list[int]) -> bool:
    tasks = tx.tasks.many(first)
    done = bool(tasks) and all(task.status is TaskStatus.COMPLETED for task in tasks)
    return done and not any(money.is_of_ended_run(tx, task) for task in tasks)


def go_on(tx: Tx, batches: list[int]) -> None:
    """Release the rest of these batches."""
    for one in kept(tx):
        if one.batch in batches:
            released = tx.tasks.release(tx.tasks.of_batch(one.batch, TaskStatus.PENDING))
            tx.log.add(LogLevel.INFO, "canary_went_on", project_id=one.project_id, tasks=len(released))
            forget(tx, one.batch)
