"""The writes that several steps share: compare memory with the store, move the task, close its attempt, log it.

Each function is one operation inside a transaction. It compares the task and its attempt with what its worker knows of
them: when another process has changed either, nothing is written and ``Superseded`` is raised (or None returned), and the
worker reads the task again. What is held in memory changes when the transaction is durable, never before. Nothing here
waits or calls a provider. What only one step writes is in that step's module.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from vidgen_core import money
from vidgen_core.db import Tx
from vidgen_core.domain.attempts import Attempt, AttemptState
from vidgen_core.domain.errors import ErrorKind, Superseded
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import OWED, ChargeStatus, Money
from vidgen_core.domain.tasks import ENDED, Failure, Task, TaskKind, TaskStatus
from vidgen_core.worker.context import ActiveTask

#: What a transaction remembers by provider: jobs that may be running there (``Transaction.known``).
UNDER_WAY: Final = "under way"


@dataclass
class Rows:
    """A task and its attempt as this transaction has read and changed them."""

    task: Task
    attempt: Attempt | None

    @property
    def sent(self) -> Attempt:
        """The attempt, where there must be one."""
        assert self.attempt is not None, "a task is submitted and polled only through an attempt"
        return self.attempt


def same(tx: Tx, active: ActiveTask) -> Rows | None:
    """The rows of an active task; None when another process has changed them.

    What nobody has changed since it was read or written here is not read again.
    """
    if tx.tasks.is_unchanged(active.task, active.attempt):
        return Rows(active.task, active.attempt)
    found = tx.tasks.many([active.task.id])
    if not found or (found[0].status, found[0].attempt_id) != (active.task.status, active.task.attempt_id):
        return None
    if active.attempt is None:
        return Rows(found[0], None)
    attempt, known = tx.attempts.get(active.attempt.id), active.attempt
    return Rows(found[0], attempt) if (attempt.state, attempt.worker) == (known.state, known.worker) else None


def fenced(tx: Tx, active: ActiveTask) -> Rows:
    """As ``same``; raises Superseded instead of returning None."""
    rows = same(tx, active)
    if rows is None:
        raise Superseded(id=active.task.id)
    return rows


def remember(tx: Tx, active: ActiveTask, rows: Rows) -> None:
    """Let memory follow what was written, once that is durable."""
    tx.after_commit(lambda: active.take(rows.task, rows.attempt))


def move(tx: Tx, rows: Rows, to: TaskStatus, **columns: Any) -> bool:
    """Compare-and-swap the status; refresh the row either way."""
    written = tx.tasks.moved(rows.task, to, **columns)
    if written is not None:
        _count(tx, rows.task, to)
    rows.task = written or tx.tasks.get(rows.task.id)
    return written is not None


def _count(tx: Tx, task: Task, to: TaskStatus) -> None:
    """Count on what runs at the provider; a lost answer of a failed task counts by its own time."""
    what = (UNDER_WAY, task.provider)
    if TaskStatus.FAILED in (task.status, to):
        tx.forget(what)
    elif tx.knows(what):
        change = (to is TaskStatus.PROCESSING) - (task.status is TaskStatus.PROCESSING)
        tx.keep(what, tx.kept(what) + change)


def change_attempt(tx: Tx, rows: Rows, **columns: Any) -> None:
    rows.attempt = tx.attempts.updated(rows.sent, **columns)


def named(cost: Money | None) -> dict[str, Money]:
    """The cost that a provider names, to be written; a zero says that the money came back and not how much it was."""
    return {"cost": cost} if cost is not None and cost.amount else {}


def log(tx: Tx, level: LogLevel, code: str, task: Task, **params: Any) -> None:
    """Write a log line about a task, named the way people name it."""
    if task.output is TaskKind.IMAGE:
        params["output"] = task.output.value
    tx.log.add(level, code, project_id=task.project_id, task_id=task.id, shot=task.shot, take=task.take, **params)


def leave_to_person(tx: Tx, rows: Rows, code: str, params: dict[str, Any], /, **columns: Any) -> None:
    """Queued -> pending, with the reason."""
    failure = Failure(kind=ErrorKind.PARAMETER, code=code, params=params, charged=ChargeStatus.NONE)
    if move(tx, rows, TaskStatus.PENDING, failure=failure, **columns):
        log(tx, LogLevel.WARNING, "task_held", rows.task, cause=code, detail=params)


def requeue(
    tx: Tx,
    active: ActiveTask,
    failure: Failure | None,
    evidence: str | None,
    now: datetime,
    delay: float,
    *,
    state: AttemptState,
    cost: Money | None = None,
) -> None:
    """Processing -> queued: this attempt is over and another may be made after ``delay`` seconds.

    A task that is to be cancelled is cancelled instead, and one of a run that has ended is kept as *pending*.
    :raises Superseded:
    """
    rows = fenced(tx, active)
    charge = (
        ChargeStatus.NONE if state is AttemptState.REFUSED else failure.charged if failure else ChargeStatus.UNKNOWN
    )
    if rows.attempt is not None:
        closed = {"state": state, "ended_at": now, "failure": failure, "evidence": evidence, "charge": charge}
        change_attempt(tx, rows, **closed, **named(cost))
    due = now + timedelta(seconds=delay) if delay > 0 else None
    if rows.task.cancel_requested:
        spent, known = owed(tx, rows.task)
        if move(tx, rows, TaskStatus.CANCELLED, cost=spent, charge=known):
            log(tx, LogLevel.INFO, "task_cancelled", rows.task)
    elif money.is_of_ended_run(tx, rows.task):
        # The table of transitions has no way around the queue.
        if move(tx, rows, TaskStatus.QUEUED, remote_id=None, progress=None, stage=None):
            leave_to_person(tx, rows, "run_over", {})
    elif move(tx, rows, TaskStatus.QUEUED, due_at=due, remote_id=None, progress=None, stage=None) and failure:
        told = {"kind": failure.kind.value, "cause": failure.code, "detail": failure.params}
        log(tx, LogLevel.WARNING, "task_again", rows.task, seconds=round(delay), **told)
    remember(tx, active, rows)


def fail(
    tx: Tx,
    active: ActiveTask,
    failure: Failure,
    now: datetime,
    *,
    state: AttemptState | None = None,
    evidence: str | None = None,
    charge: ChargeStatus | None = None,
    cost: Money | None = None,
) -> None:
    """End the task without a file. ``state`` closes the attempt; None leaves it as it is.

    :param cost: what the provider says it has taken for it
    :raises Superseded:
    """
    rows = fenced(tx, active)
    if rows.attempt is not None and state is not None:
        closed: dict[str, Any] = {"state": state, "ended_at": now, "failure": failure}
        closed |= {"charge": charge} if charge is not None else {}
        closed |= {"evidence": evidence} if evidence is not None else {}
        change_attempt(tx, rows, **closed, **named(cost))
        if state is AttemptState.FAILED and rows.attempt.key_id:
            tx.keys.touch(rows.attempt.provider, rows.attempt.key_id, rows.attempt.key_label or "", failed=1, at=now)
    spent, known = owed(tx, rows.task)
    if move(tx, rows, TaskStatus.FAILED, failure=failure, cost=spent, charge=known):
        kind, code, detail = failure.kind.value, failure.code, failure.params
        log(tx, LogLevel.ERROR, "task_failed", rows.task, kind=kind, cause=code, detail=detail)
    remember(tx, active, rows)


def complete(tx: Tx, active: ActiveTask, file: str) -> None:
    """Downloading -> completed: its file is saved.

    :raises Superseded:
    """
    rows = fenced(tx, active)
    cost, charge = owed(tx, rows.task, rows.attempt)
    done: dict[str, Any] = {"file": file, "progress": 100, "stage": None, "result_url": None, "failure": None}
    if not move(tx, rows, TaskStatus.COMPLETED, cost=cost, charge=charge, **done):
        raise Superseded(id=active.task.id)
    remember(tx, active, rows)


def owed(tx: Tx, task: Task, only: Attempt | None = None) -> tuple[Money | None, ChargeStatus]:
    """What a task has cost over all its attempts, and how sure that is: the least sure of them decides.

    :param only: its present attempt as it stands, which is read no more where it is its first and last
    """
    alone = only is not None and (only.task_id, only.number, task.attempts) == (task.id, 1, 1)
    made = [only] if alone and only is not None else tx.attempts.of_task(task.id)
    attempts = [attempt for attempt in made if attempt.cost and attempt.charge in OWED]
    if not attempts:
        return None, ChargeStatus.NONE
    total = sum((attempt.cost.amount for attempt in attempts if attempt.cost), Decimal(0))
    order = [ChargeStatus.UNKNOWN, ChargeStatus.ASSUMED, ChargeStatus.ESTIMATED, ChargeStatus.CHARGED]
    surest = min((attempt.charge for attempt in attempts), key=order.index)
    first = attempts[0].cost
    assert first is not None
    return Money(amount=total, currency=first.currency), surest


def update_cost(tx: Tx, task_id: int) -> None:
    """Let an ended task show what its attempts have cost by now."""
    for task in tx.tasks.many([task_id]):
        if task.status in ENDED:
            total, known = owed(tx, task)
            tx.tasks.note(task.id, cost=total, charge=known)
