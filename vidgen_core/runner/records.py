"""What the runner writes down: every change of a task together with its attempt, its key and its log line.

Each function is one operation inside a transaction and says by its return value whether it won. Nothing here
waits or calls a provider.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from vidgen_core import money
from vidgen_core.errors import ErrorKind
from vidgen_core.models import (
    ENDED,
    OWED,
    Attempt,
    AttemptState,
    Charge,
    Failure,
    LogLevel,
    Money,
    Output,
    Task,
    TaskStatus,
)
from vidgen_core.providers.base import WAITS, Key, Prepared, RemoteState, Submission
from vidgen_core.runner.context import Held
from vidgen_core.settings import Settings
from vidgen_core.store import Tx


def claim(
    tx: Tx, held: Held, key: Key | None, base_url: str | None, settings: Settings, now: datetime
) -> bool | money.Stop:
    """Queued -> processing with a new attempt that has sent nothing yet and whose money is set aside.

    The budget is asked in this very transaction: a Stop leaves the task where it is, or, when only this task cannot be
    counted, pending.
    """
    task = held.task
    cost = money.cost_now(tx, settings, task.provider, task.model, task.params, task.cost)
    limits = money.standings(tx, settings, task.project_id, now)
    stop = money.verdict(limits, settings, task.project_id, task.provider, task.model, cost)
    if stop is not None:
        _hold_back(tx, held, stop)
        return stop
    if not tx.tasks.move(
        task.id, TaskStatus.PROCESSING, progress=None, stage=None, due_at=None, remote_id=None, cost=cost
    ):
        return False
    held.attempt = tx.attempts.begin(
        task.id,
        provider=task.provider,
        model=task.model,
        key_id=key.id if key else None,
        key_label=key.label if key else None,
        base_url=base_url,
        cost=cost,
        charge=Charge.ESTIMATED if cost else Charge.NONE,
    )
    held.task = tx.tasks.get(task.id)
    if limits:
        warn_near(tx, limits, money.standings(tx, settings, task.project_id, now))
    log(tx, LogLevel.INFO, "task_started", held.task, attempt=held.attempt.number)
    return True


def _hold_back(tx: Tx, held: Held, stop: money.Stop) -> None:
    """Write down why a task is not sent."""
    task = held.task
    if stop.scope is money.Scope.PROJECT:
        name = money.hold_of_project(task.project_id)
        if tx.state.get(name) is None:
            tx.state.put(name, {"code": stop.code, "params": stop.params})
            tx.log.add(LogLevel.WARNING, stop.code, project_id=task.project_id, **stop.params)
    elif stop.scope is None:
        failure = Failure(kind=ErrorKind.PARAMETER, code=stop.code, params=stop.params, charged=Charge.NONE)
        if move(tx, held, TaskStatus.PENDING, failure=failure):
            log(tx, LogLevel.WARNING, "task_held", held.task, cause=stop.code, detail=stop.params)


def warn_near(tx: Tx, before: Sequence[money.Standing], after: Sequence[money.Standing]) -> None:
    """Say it once when a limit comes near."""
    for was, now in zip(before, after, strict=True):
        if now.warns and not was.warns:
            tx.log.add(
                LogLevel.WARNING,
                f"budget_near_{now.scope}",
                project_id=now.project_id,
                percent=now.percent,
                limit=now.limit.model_dump(mode="json"),
                spent=now.spent.model_dump(mode="json"),
            )


def intend(tx: Tx, held: Held, prepared: Prepared, now: datetime) -> bool:
    """Put the intent on disk; False when the user has cancelled meanwhile."""
    attempt = _attempt(held)
    held.task = tx.tasks.get(held.task.id)
    if held.task.status is not TaskStatus.PROCESSING or held.task.attempt_id != attempt.id:
        return False
    if held.task.cancel_requested:
        tx.attempts.update(attempt.id, state=AttemptState.REFUSED, charge=Charge.NONE, ended_at=now)
        move(tx, held, TaskStatus.CANCELLED)
        log(tx, LogLevel.INFO, "task_cancelled", held.task)
        return False
    _change_attempt(tx, held, state=AttemptState.SENDING, intent_at=now, sent=prepared.sent)
    return True


def accept(tx: Tx, held: Held, submission: Submission, now: datetime) -> None:
    """The remote id, before anything else happens. It is the money: it is written whatever the task has become."""
    attempt = _attempt(held)
    # Accepted without a known price: something is owed, and nobody can say how much.
    charge = Charge.CHARGED if submission.cost else Charge.ESTIMATED if attempt.cost else Charge.UNKNOWN
    _change_attempt(
        tx,
        held,
        state=AttemptState.ACCEPTED,
        remote_id=submission.remote_id,
        accepted_at=now,
        charge=charge,
        cost=submission.cost or attempt.cost,
        evidence=submission.evidence,
        request_id=submission.request_id,
    )
    tx.tasks.note(held.task.id, remote_id=submission.remote_id, submitted_at=now, charge=charge)
    held.task = tx.tasks.get(held.task.id)
    if attempt.key_id:
        tx.keys.touch(attempt.provider, attempt.key_id, attempt.key_label or "", submitted=1, at=now)
    log(tx, LogLevel.INFO, "task_accepted", held.task, remote_id=submission.remote_id)


def lose_answer(tx: Tx, held: Held, failure: Failure, evidence: str | None, now: datetime) -> None:
    """The request may have been accepted: the attempt waits to be reconciled and its money counts as spent."""
    attempt = _attempt(held)
    _change_attempt(
        tx,
        held,
        state=AttemptState.UNKNOWN,
        intent_at=attempt.intent_at or now,
        charge=Charge.UNKNOWN if attempt.cost else Charge.NONE,
        failure=failure,
        evidence=evidence,
    )
    tx.tasks.note(held.task.id, stage="reconcile", charge=Charge.UNKNOWN if attempt.cost else Charge.NONE)
    held.task = tx.tasks.get(held.task.id)
    log(tx, LogLevel.WARNING, "submit_unknown", held.task, cause=failure.code)


def requeue(
    tx: Tx,
    held: Held,
    failure: Failure | None,
    evidence: str | None,
    now: datetime,
    delay: float,
    *,
    state: AttemptState,
    cost: Money | None = None,
) -> None:
    """Processing -> queued: this attempt is over and another may be made after ``delay`` seconds."""
    charge = Charge.NONE if state is AttemptState.REFUSED else failure.charged if failure else Charge.UNKNOWN
    if held.attempt is not None:
        _change_attempt(tx, held, state=state, ended_at=now, failure=failure, evidence=evidence, charge=charge)
        _name_cost(tx, held, cost)
    due = now + timedelta(seconds=delay) if delay > 0 else None
    if move(tx, held, TaskStatus.QUEUED, due_at=due, remote_id=None, progress=None, stage=None) and failure:
        log(tx, LogLevel.WARNING, "task_again", held.task, cause=failure.code, seconds=round(delay))


def fail(
    tx: Tx,
    held: Held,
    failure: Failure,
    now: datetime,
    *,
    state: AttemptState | None = None,
    evidence: str | None = None,
    charge: Charge | None = None,
    cost: Money | None = None,
) -> None:
    """The task ends without a file. ``state`` closes the attempt; None leaves it as it is.

    :param cost: what the provider says it has taken for it
    """
    if held.attempt is not None and state is not None:
        changes: dict[str, Any] = {"state": state, "ended_at": now, "failure": failure}
        if charge is not None:
            changes["charge"] = charge
        if evidence is not None:
            changes["evidence"] = evidence
        _change_attempt(tx, held, **changes)
        _name_cost(tx, held, cost)
        if state is AttemptState.FAILED and held.attempt.key_id:
            tx.keys.touch(held.attempt.provider, held.attempt.key_id, held.attempt.key_label or "", failed=1, at=now)
    cost, known = owed(tx, held.task)
    if move(tx, held, TaskStatus.FAILED, failure=failure, cost=cost, charge=known):
        log(
            tx,
            LogLevel.ERROR,
            "task_failed",
            held.task,
            kind=failure.kind.value,
            cause=failure.code,
            detail=failure.params,
        )


def settle(tx: Tx, attempt: Attempt, cost: Money | None, charge: Charge) -> None:
    """What a provider's log says an ended attempt has cost; its task is told."""
    tx.attempts.update(attempt.id, cost=cost, charge=charge)
    retell_cost(tx, attempt.task_id)


def retell_cost(tx: Tx, task_id: int) -> None:
    """Let an ended task say what its attempts have cost by now."""
    for task in tx.tasks.many([task_id]):
        if task.status in ENDED:
            total, known = owed(tx, task)
            tx.tasks.note(task.id, cost=total, charge=known)


def give_up(tx: Tx, held: Held, now: datetime, *, stopped: bool) -> None:
    """The user no longer waits. ``stopped``: the remote side says that it stopped the job."""
    if held.attempt is not None:
        charge = Charge.UNKNOWN if stopped and held.attempt.cost else held.attempt.charge
        _change_attempt(tx, held, state=AttemptState.ABANDONED, ended_at=now, charge=charge)
    cost, known = owed(tx, held.task)
    if move(tx, held, TaskStatus.CANCELLED, cost=cost, charge=known):
        log(tx, LogLevel.INFO, "task_cancelled", held.task)


def see(tx: Tx, task: Task, state: RemoteState, now: datetime, *, told: bool) -> None:
    """What a poll said about a job that goes on; ``told``: the log hears of it too."""
    tx.tasks.note(task.id, progress=state.progress, stage=state.stage or state.status.value, polled_at=now)
    if state.stage in WAITS and task.attempt_id is not None:
        tx.attempts.update(task.attempt_id, waited_at=now)
    if told:
        log(tx, LogLevel.INFO, "task_progress", task, percent=state.progress)


def arrive(tx: Tx, held: Held, state: RemoteState, now: datetime) -> bool:
    """Processing (or an ended task whose job came in late) -> downloading."""
    attempt = _attempt(held)
    changes: dict[str, Any] = {"state": AttemptState.SUCCEEDED, "evidence": state.evidence}
    if state.cost is not None or state.charge is not None:
        changes["cost"] = state.cost or attempt.cost
        changes["charge"] = state.charge or Charge.CHARGED
    if attempt.state is not AttemptState.SUCCEEDED:
        changes["ended_at"] = now
        if attempt.key_id:
            tx.keys.touch(attempt.provider, attempt.key_id, attempt.key_label or "", succeeded=1, at=now)
    late = held.task.status in (TaskStatus.FAILED, TaskStatus.CANCELLED)
    moved = move(tx, held, TaskStatus.DOWNLOADING, result_url=state.url, polled_at=now, progress=None, stage=None)
    if moved:
        _change_attempt(tx, held, **changes)
        log(tx, LogLevel.INFO, "task_late" if late else "task_arrived", held.task)
    return moved


def owed(tx: Tx, task: Task) -> tuple[Money | None, Charge]:
    """What a task has cost over all its attempts, and how sure that is: the least sure of them speaks."""
    attempts = [attempt for attempt in tx.attempts.of_task(task.id) if attempt.cost and attempt.charge in OWED]
    if not attempts:
        return None, Charge.NONE
    total = sum((attempt.cost.amount for attempt in attempts if attempt.cost), Decimal(0))
    order = [Charge.UNKNOWN, Charge.ASSUMED, Charge.ESTIMATED, Charge.CHARGED]
    surest = min((attempt.charge for attempt in attempts), key=order.index)
    first = attempts[0].cost
    assert first is not None
    return Money(amount=total, currency=first.currency), surest


def move(tx: Tx, held: Held, to: TaskStatus, **columns: Any) -> bool:
    """Compare-and-swap the status; refresh the held row either way."""
    won = tx.tasks.move(held.task.id, to, attempt_id=held.task.attempt_id, **columns)
    held.task = tx.tasks.get(held.task.id)
    return won


def log(tx: Tx, level: LogLevel, code: str, task: Task, **params: Any) -> None:
    """A line about a task, named the way people name it."""
    if task.output is Output.IMAGE:
        params["output"] = task.output.value
    tx.log.add(level, code, project_id=task.project_id, task_id=task.id, shot=task.shot, take=task.take, **params)


def _name_cost(tx: Tx, held: Held, cost: Money | None) -> None:
    """Take over what the provider names; a zero says that the money came back and not how much it was."""
    if cost is not None and cost.amount:
        _change_attempt(tx, held, cost=cost)


def _attempt(held: Held) -> Attempt:
    assert held.attempt is not None, "a task is submitted and polled only through an attempt"
    return held.attempt


def _change_attempt(tx: Tx, held: Held, **columns: Any) -> None:
    attempt = _attempt(held)
    tx.attempts.update(attempt.id, **columns)
    held.attempt = attempt.model_copy(update=columns)
