"""What the runner writes down: every change of a task together with its attempt, its key and its log line.

Each function is one operation inside a transaction. It compares the task and its attempt with what the carrier of the
task knows of them: when somebody else has moved either on, nothing is written and the carrier has lost (it returns False
or raises ``Superseded``) and reads the task again. Only ``accept`` always wins, for a remote id is money. What is held in
memory changes when the transaction is durable, never before. Nothing here waits or calls a provider.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from vidgen_core import money
from vidgen_core.config.schema import Settings
from vidgen_core.db import Tx
from vidgen_core.domain.attempts import Attempt, AttemptState
from vidgen_core.domain.errors import ErrorKind, Superseded
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import OWED, ChargeStatus, Money
from vidgen_core.domain.tasks import ENDED, Failure, Task, TaskKind, TaskStatus
from vidgen_core.providers.base import WAITS, Key, Prepared, RemoteState, Submission
from vidgen_core.worker.context import ActiveTask

#: The state that keeps the generation a database has seen.
GENERATION: Final = "generation"
#: States of an attempt whose request has left and whose remote id nobody knows yet.
_WITHOUT_ID: Final = frozenset({AttemptState.PREPARING, AttemptState.SENDING, AttemptState.UNKNOWN})


@dataclasses.dataclass(frozen=True)
class Cap:
    """How many jobs of a provider may be under way at once."""

    jobs: int
    #: Seconds for which a lost answer counts as one of them.
    longest: float


class Full:
    """No slot of the cap is free: nothing was claimed."""


FULL: Final = Full()


def claim(
    tx: Tx,
    held: ActiveTask,
    key: Key | None,
    base_url: str | None,
    settings: Settings,
    now: datetime,
    cap: Cap | None = None,
) -> bool | money.BudgetExceeded | Full:
    """Queued -> processing with a new attempt that has sent nothing yet and whose money is set aside.

    Cap and budget are asked in this very transaction: FULL and a Stop leave the task where it is, or, when only this task
    cannot be counted, pending. False: the task is no longer what it was when it was chosen.
    """
    work = _same(tx, held)
    if work is None or work.task.status is not TaskStatus.QUEUED or work.task.cancel_requested:
        return False
    task = work.task
    if cap is not None and _under_way(tx, task, cap, now) >= cap.jobs:
        return FULL
    cost = money.cost_now(tx, settings, task.provider, task.model, task.params, task.cost)
    limits = money.limit_statuses(tx, settings, task.project_id, now)
    stop = money.check_budget(limits, settings, task.project_id, task.provider, task.model, cost)
    if stop is not None:
        _hold_back(tx, work, stop)
        _take_over(tx, held, work)
        return stop
    if not tx.tasks.move(
        task.id, TaskStatus.PROCESSING, progress=None, stage=None, due_at=None, remote_id=None, cost=cost
    ):
        return False
    work.attempt = tx.attempts.begin(
        task.id,
        provider=task.provider,
        model=task.model,
        key_id=key.id if key else None,
        key_label=key.label if key else None,
        base_url=base_url,
        cost=cost,
        charge=ChargeStatus.ESTIMATED if cost else ChargeStatus.NONE,
    )
    work.task = tx.tasks.get(task.id)
    if limits:
        warn_near(tx, limits, money.limit_statuses(tx, settings, task.project_id, now))
    log(tx, LogLevel.INFO, "task_started", work.task, attempt=work.attempt.number)
    _take_over(tx, held, work)
    return True


def _under_way(tx: Tx, task: Task, cap: Cap, now: datetime) -> int:
    """Jobs that may be running at the provider now; a lost answer counts as long as its job can take."""
    since = now - timedelta(seconds=cap.longest)
    return tx.tasks.processing(task.provider) + tx.attempts.unresolved(task.provider, since)


def _same(tx: Tx, held: ActiveTask) -> ActiveTask | None:
    """What is held as the store has it, to be worked on; None when somebody else has moved it on."""
    found = tx.tasks.many([held.task.id])
    if not found or (found[0].status, found[0].attempt_id) != (held.task.status, held.task.attempt_id):
        return None
    attempt = held.attempt
    if attempt is not None:
        attempt = tx.attempts.get(attempt.id)
        if held.attempt is None or attempt.state is not held.attempt.state:
            return None
    return dataclasses.replace(held, task=found[0], attempt=attempt)


def _fenced(tx: Tx, held: ActiveTask) -> ActiveTask:
    """As ``_same``; raises Superseded where there is nothing to be worked on."""
    work = _same(tx, held)
    if work is None:
        raise Superseded(id=held.task.id)
    return work


def _take_over(tx: Tx, held: ActiveTask, work: ActiveTask) -> None:
    """Let what is held be what was written, once that is durable."""
    tx.after_commit(lambda: held.take(work.task, work.attempt))


def _hold_back(tx: Tx, work: ActiveTask, stop: money.BudgetExceeded) -> None:
    """Write down why a task is not sent."""
    task = work.task
    if stop.scope in (money.BudgetScope.PROJECT, money.BudgetScope.RUN):
        name = money.hold_of_project(task.project_id)
        if tx.state.get(name) is None:
            tx.state.put(name, {"code": stop.code, "params": stop.params})
            tx.log.add(LogLevel.WARNING, stop.code, project_id=task.project_id, **stop.params)
    elif stop.scope is None:
        _keep_for_a_person(tx, work, stop.code, stop.params)


def _keep_for_a_person(tx: Tx, work: ActiveTask, code: str, params: dict[str, Any]) -> None:
    """Queued -> pending, with the reason."""
    failure = Failure(kind=ErrorKind.PARAMETER, code=code, params=params, charged=ChargeStatus.NONE)
    if _move(tx, work, TaskStatus.PENDING, failure=failure):
        log(tx, LogLevel.WARNING, "task_held", work.task, cause=code, detail=params)


def warn_near(tx: Tx, before: Sequence[money.LimitStatus], after: Sequence[money.LimitStatus]) -> None:
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


def intend(tx: Tx, held: ActiveTask, prepared: Prepared, now: datetime) -> bool:
    """Put the intent on disk; False when the user has cancelled meanwhile, or somebody else carries the task."""
    work = _same(tx, held)
    if work is None or work.task.status is not TaskStatus.PROCESSING or work.task.attempt_id != _attempt(work).id:
        return False
    if work.task.cancel_requested:
        _change_attempt(tx, work, state=AttemptState.REFUSED, charge=ChargeStatus.NONE, ended_at=now)
        _move(tx, work, TaskStatus.CANCELLED)
        log(tx, LogLevel.INFO, "task_cancelled", work.task)
        _take_over(tx, held, work)
        return False
    _change_attempt(tx, work, state=AttemptState.SENDING, intent_at=now, sent=prepared.sent)
    _take_over(tx, held, work)
    return True


def generation_of(tx: Tx) -> int:
    """The generation that the database has seen; 0 before the first paid order."""
    return int(tx.state.get(GENERATION) or 0)


def next_generation(tx: Tx) -> int:
    """The generation of a paid act that is written down in this transaction, so that no two acts have the same."""
    generation = generation_of(tx) + 1
    note_generation(tx, generation)
    return generation


def note_generation(tx: Tx, generation: int) -> None:
    """Let the database have seen ``generation``."""
    if generation > generation_of(tx):
        tx.state.put(GENERATION, generation)


def accept(tx: Tx, held: ActiveTask, submission: Submission, now: datetime) -> None:
    """The remote id, before anything else happens. It is the money: it is written whatever the task has become."""
    attempt = keep_id(tx, _attempt(held).id, submission, now)
    found = tx.tasks.many([held.task.id])
    _take_over(tx, held, dataclasses.replace(held, task=found[0] if found else held.task, attempt=attempt))


def keep_id(tx: Tx, attempt_id: int, submission: Submission, now: datetime) -> Attempt:
    """Write a remote id to its attempt, whoever has given it up meanwhile; writing it again changes nothing.

    A task that nobody makes another attempt for is followed on; a job that nobody waits for any more is looked at late.
    """
    attempt = tx.attempts.get(attempt_id)
    if attempt.remote_id is not None and attempt.state not in (*_WITHOUT_ID, AttemptState.ACCEPTED):
        return attempt
    if attempt.remote_id == submission.remote_id and attempt.state is AttemptState.ACCEPTED:
        return attempt
    found = tx.tasks.many([attempt.task_id])
    current = bool(found) and found[0].attempt_id == attempt.id
    # Accepted without a known price: something is owed, and nobody can say how much.
    charge = (
        ChargeStatus.CHARGED if submission.cost else ChargeStatus.ESTIMATED if attempt.cost else ChargeStatus.UNKNOWN
    )
    followed = current and _follow_on(tx, found[0])
    tx.attempts.update(
        attempt.id,
        state=AttemptState.ACCEPTED if followed else AttemptState.ABANDONED,
        remote_id=submission.remote_id,
        accepted_at=now,
        ended_at=None if followed else now,
        failure=None if followed else attempt.failure,
        charge=charge,
        cost=submission.cost or attempt.cost,
        evidence=submission.evidence,
        request_id=submission.request_id,
    )
    if current:
        tx.tasks.note(attempt.task_id, remote_id=submission.remote_id, submitted_at=now, charge=charge)
    if attempt.key_id:
        tx.keys.touch(attempt.provider, attempt.key_id, attempt.key_label or "", submitted=1, at=now)
    for task in tx.tasks.many([attempt.task_id]):
        log(tx, LogLevel.INFO, "task_accepted", task, remote_id=submission.remote_id)
    return tx.attempts.get(attempt.id)


def _follow_on(tx: Tx, task: Task) -> bool:
    """Whether the job of a task's present attempt is followed; one that was given up in the meantime is again."""
    if task.status is TaskStatus.PENDING:
        tx.tasks.move(task.id, TaskStatus.QUEUED, attempt_id=task.attempt_id)
    if task.status in (TaskStatus.PENDING, TaskStatus.QUEUED, TaskStatus.FAILED):
        return tx.tasks.move(task.id, TaskStatus.PROCESSING, attempt_id=task.attempt_id, stage=None)
    return task.status is TaskStatus.PROCESSING


def lose_answer(tx: Tx, held: ActiveTask, failure: Failure, evidence: str | None, now: datetime) -> None:
    """The request may have been accepted: the attempt waits to be reconciled and its money counts as spent.

    :raises Superseded:
    """
    work = _fenced(tx, held)
    attempt = _attempt(work)
    _change_attempt(
        tx,
        work,
        state=AttemptState.UNKNOWN,
        intent_at=attempt.intent_at or now,
        charge=ChargeStatus.UNKNOWN if attempt.cost else ChargeStatus.NONE,
        failure=failure,
        evidence=evidence,
    )
    tx.tasks.note(work.task.id, stage="reconcile", charge=ChargeStatus.UNKNOWN if attempt.cost else ChargeStatus.NONE)
    work.task = tx.tasks.get(work.task.id)
    log(tx, LogLevel.WARNING, "submit_unknown", work.task, cause=failure.code, detail=failure.params)
    _take_over(tx, held, work)


def requeue(
    tx: Tx,
    held: ActiveTask,
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
    work = _fenced(tx, held)
    charge = (
        ChargeStatus.NONE if state is AttemptState.REFUSED else failure.charged if failure else ChargeStatus.UNKNOWN
    )
    if work.attempt is not None:
        _change_attempt(tx, work, state=state, ended_at=now, failure=failure, evidence=evidence, charge=charge)
        _name_cost(tx, work, cost)
    due = now + timedelta(seconds=delay) if delay > 0 else None
    if work.task.cancel_requested:
        spent, known = owed(tx, work.task)
        if _move(tx, work, TaskStatus.CANCELLED, cost=spent, charge=known):
            log(tx, LogLevel.INFO, "task_cancelled", work.task)
    elif money.is_of_ended_run(tx, work.task):
        # The table of transitions has no way around the queue.
        if _move(tx, work, TaskStatus.QUEUED, remote_id=None, progress=None, stage=None):
            _keep_for_a_person(tx, work, "run_over", {})
    elif _move(tx, work, TaskStatus.QUEUED, due_at=due, remote_id=None, progress=None, stage=None) and failure:
        told = {"kind": failure.kind.value, "cause": failure.code, "detail": failure.params}
        log(tx, LogLevel.WARNING, "task_again", work.task, seconds=round(delay), **told)
    _take_over(tx, held, work)


def fail(
    tx: Tx,
    held: ActiveTask,
    failure: Failure,
    now: datetime,
    *,
    state: AttemptState | None = None,
    evidence: str | None = None,
    charge: ChargeStatus | None = None,
    cost: Money | None = None,
) -> None:
    """The task ends without a file. ``state`` closes the attempt; None leaves it as it is.

    :param cost: what the provider says it has taken for it
    :raises Superseded:
    """
    work = _fenced(tx, held)
    if work.attempt is not None and state is not None:
        changes: dict[str, Any] = {"state": state, "ended_at": now, "failure": failure}
        if charge is not None:
            changes["charge"] = charge
        if evidence is not None:
            changes["evidence"] = evidence
        _change_attempt(tx, work, **changes)
        _name_cost(tx, work, cost)
        if state is AttemptState.FAILED and work.attempt.key_id:
            tx.keys.touch(work.attempt.provider, work.attempt.key_id, work.attempt.key_label or "", failed=1, at=now)
    cost, known = owed(tx, work.task)
    if _move(tx, work, TaskStatus.FAILED, failure=failure, cost=cost, charge=known):
        log(
            tx,
            LogLevel.ERROR,
            "task_failed",
            work.task,
            kind=failure.kind.value,
            cause=failure.code,
            detail=failure.params,
        )
    _take_over(tx, held, work)


def complete(tx: Tx, held: ActiveTask, file: str) -> None:
    """Downloading -> completed: its file is saved.

    :raises Superseded:
    """
    work = _fenced(tx, held)
    cost, charge = owed(tx, work.task)
    moved = _move(
        tx,
        work,
        TaskStatus.COMPLETED,
        file=file,
        progress=100,
        stage=None,
        result_url=None,
        failure=None,
        cost=cost,
        charge=charge,
    )
    if not moved:
        raise Superseded(id=held.task.id)
    _take_over(tx, held, work)


def settle(tx: Tx, attempt: Attempt, cost: Money | None, charge: ChargeStatus) -> None:
    """What a provider's log says an ended attempt has cost; its task is told."""
    tx.attempts.update(attempt.id, cost=cost, charge=charge)
    retell_cost(tx, attempt.task_id)


def retell_cost(tx: Tx, task_id: int) -> None:
    """Let an ended task say what its attempts have cost by now."""
    for task in tx.tasks.many([task_id]):
        if task.status in ENDED:
            total, known = owed(tx, task)
            tx.tasks.note(task.id, cost=total, charge=known)


def give_up(tx: Tx, held: ActiveTask, now: datetime, *, stopped: bool) -> None:
    """The user no longer waits. ``stopped``: the remote side says that it stopped the job.

    :raises Superseded:
    """
    work = _fenced(tx, held)
    if work.attempt is not None:
        charge = ChargeStatus.UNKNOWN if stopped and work.attempt.cost else work.attempt.charge
        _change_attempt(tx, work, state=AttemptState.ABANDONED, ended_at=now, charge=charge)
    cost, known = owed(tx, work.task)
    if _move(tx, work, TaskStatus.CANCELLED, cost=cost, charge=known):
        log(tx, LogLevel.INFO, "task_cancelled", work.task)
    _take_over(tx, held, work)


def see(tx: Tx, task: Task, state: RemoteState, now: datetime, *, told: bool) -> None:
    """What a poll said about a job that goes on; ``told``: the log hears of it too."""
    found = tx.tasks.many([task.id])
    if not found or (found[0].status, found[0].attempt_id) != (TaskStatus.PROCESSING, task.attempt_id):
        return
    tx.tasks.note(task.id, progress=state.progress, stage=state.stage or state.status.value, polled_at=now)
    if state.stage in WAITS and task.attempt_id is not None:
        tx.attempts.update(task.attempt_id, waited_at=now)
    if told:
        log(tx, LogLevel.INFO, "task_progress", task, percent=state.progress)


def arrive(tx: Tx, held: ActiveTask, state: RemoteState, now: datetime) -> bool:
    """Processing (or an ended task whose job came in late) -> downloading; False when somebody else was faster."""
    work = _same(tx, held)
    if work is None:
        return False
    attempt = _attempt(work)
    changes: dict[str, Any] = {"state": AttemptState.SUCCEEDED, "evidence": state.evidence}
    if state.cost is not None or state.charge is not None:
        changes["cost"] = state.cost or attempt.cost
        changes["charge"] = state.charge or ChargeStatus.CHARGED
    if attempt.state is not AttemptState.SUCCEEDED:
        changes["ended_at"] = now
        if attempt.key_id:
            tx.keys.touch(attempt.provider, attempt.key_id, attempt.key_label or "", succeeded=1, at=now)
    late = work.task.status in (TaskStatus.FAILED, TaskStatus.CANCELLED)
    moved = _move(tx, work, TaskStatus.DOWNLOADING, result_url=state.url, polled_at=now, progress=None, stage=None)
    if moved:
        _change_attempt(tx, work, **changes)
        log(tx, LogLevel.INFO, "task_late" if late else "task_arrived", work.task)
    _take_over(tx, held, work)
    return moved


def owed(tx: Tx, task: Task) -> tuple[Money | None, ChargeStatus]:
    """What a task has cost over all its attempts, and how sure that is: the least sure of them speaks."""
    attempts = [attempt for attempt in tx.attempts.of_task(task.id) if attempt.cost and attempt.charge in OWED]
    if not attempts:
        return None, ChargeStatus.NONE
    total = sum((attempt.cost.amount for attempt in attempts if attempt.cost), Decimal(0))
    order = [ChargeStatus.UNKNOWN, ChargeStatus.ASSUMED, ChargeStatus.ESTIMATED, ChargeStatus.CHARGED]
    surest = min((attempt.charge for attempt in attempts), key=order.index)
    first = attempts[0].cost
    assert first is not None
    return Money(amount=total, currency=first.currency), surest


def _move(tx: Tx, work: ActiveTask, to: TaskStatus, **columns: Any) -> bool:
    """Compare-and-swap the status; refresh the row either way."""
    won = tx.tasks.move(work.task.id, to, attempt_id=work.task.attempt_id, **columns)
    work.task = tx.tasks.get(work.task.id)
    return won


def log(tx: Tx, level: LogLevel, code: str, task: Task, **params: Any) -> None:
    """A line about a task, named the way people name it."""
    if task.output is TaskKind.IMAGE:
        params["output"] = task.output.value
    tx.log.add(level, code, project_id=task.project_id, task_id=task.id, shot=task.shot, take=task.take, **params)


def _name_cost(tx: Tx, work: ActiveTask, cost: Money | None) -> None:
    """Take over what the provider names; a zero says that the money came back and not how much it was."""
    if cost is not None and cost.amount:
        _change_attempt(tx, work, cost=cost)


def _attempt(held: ActiveTask) -> Attempt:
    assert held.attempt is not None, "a task is submitted and polled only through an attempt"
    return held.attempt


def _change_attempt(tx: Tx, work: ActiveTask, **columns: Any) -> None:
    attempt = _attempt(work)
    tx.attempts.update(attempt.id, **columns)
    work.attempt = attempt.model_copy(update=columns)
