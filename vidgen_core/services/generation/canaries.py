"""One task first: batches of which a part waits until the first task has come out well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidgen_core.db import Tx
from vidgen_core.db.worker_state import WaitingBatch
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import Refused
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.tasks import LIVE, NewTask, Task, TaskStatus
from vidgen_core.services.generation.planning import GenerationPlan
from vidgen_core.worker import canary

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext


class Canary(Frozen):
    """A batch whose first task goes ahead."""

    batch: int
    #: Tasks that go ahead, and how they stand.
    first: int
    done: int
    failed: int
    #: Tasks that wait for them.
    waiting: int
    #: Goes on by itself when the first has succeeded.
    auto: bool
    #: The model that has to show whether it follows what is sent; None: a large batch lets one shot go first.
    model: str | None = None

    @property
    def decided(self) -> bool:
        """Whether what goes ahead has ended."""
        return self.done + self.failed == self.first


def of_project(tx: Tx, project_id: int | None) -> tuple[Canary, ...]:
    """The canaries of a project, or of all, for which something still waits."""
    found = [_view(tx, one) for one in canary.kept(tx) if project_id in (None, one.project_id)]
    return tuple(one for one in found if one.waiting)


def _view(tx: Tx, one: WaitingBatch) -> Canary:
    tasks = tx.tasks.many(one.first)
    statuses = [task.status for task in tasks]
    done = statuses.count(TaskStatus.COMPLETED)
    failed = statuses.count(TaskStatus.FAILED) + statuses.count(TaskStatus.CANCELLED)
    return Canary(
        batch=one.batch,
        first=len(statuses),
        done=done,
        failed=failed,
        waiting=len(canary.waiting(tx, one)),
        auto=one.auto,
        model=tasks[0].model if one.proof and tasks else None,
    )


def waiting_tasks(tx: Tx, project_id: int, batch: int) -> list[int]:
    """What still waits of a batch of the project."""
    mine = [one for one in canary.kept(tx) if (one.batch, one.project_id) == (batch, project_id)]
    return [id_ for one in mine for id_ in canary.waiting(tx, one)]


def release(tx: Tx, project_id: int, batch: int) -> list[int]:
    """Let the rest of a batch go out, which trusts its models from now on; returns what was queued."""
    rest = waiting_tasks(tx, project_id, batch)
    going = [one for one in canary.kept(tx) if one.batch == batch]
    for one in going:
        if one.proof:
            canary.prove(tx, one.proof)
    canary.forget(tx, going)
    return tx.tasks.release(rest)


# --- models that have to show what they do ----------------------------------------------------------------------------


def unproved(ctx: ServiceContext, tx: Tx, made: NewTask | Task | GenerationPlan) -> str | None:
    """What a take of this model would have to show before more are bought; None: nothing, or it has shown it."""
    try:
        proof = canary.proof_of(ctx.provider(made.provider), made.model, made.params)
    except Refused:
        # Whoever cannot be asked is refused with a sentence of its own.
        return None
    return None if proof is None or canary.is_proved(tx, proof) else proof


def queue(
    ctx: ServiceContext, tx: Tx, project_id: int, new: Sequence[NewTask], *, release: bool, first: bool | None = False
) -> list[Task]:
    """Add tasks, those of them as pending that wait for another one.

    :param release: False adds all of them as they are
    :param first: whether one shot goes ahead of the others; None: as the settings have it for large batches
    """
    if not new:
        return []
    proofs = [unproved(ctx, tx, task) if release else None for task in new]
    if release and not any(proofs) and _is_wanted(ctx, new, first):
        ahead = new[0].shot_id
        tasks = tx.tasks.add([task if task.shot_id == ahead else _waiting(task) for task in new])
        going = [task.id for task in tasks if task.status is TaskStatus.QUEUED]
        auto = ctx.settings().budget.canary == "auto"
        canary.keep(tx, tasks[0].batch, project_id, going, auto=auto)
        tx.log.add(LogLevel.INFO, "canary_ahead", project_id=project_id, shot=tasks[0].shot, tasks=len(tasks))
        return tasks
    tasks = tx.tasks.add(_hold_back(tx, new, proofs))
    keep_held(tx, project_id, tasks, proofs)
    return tasks


def _is_wanted(ctx: ServiceContext, new: Sequence[NewTask], wanted: bool | None) -> bool:
    """Whether only the first shot of a batch goes ahead."""
    settings = ctx.settings()
    if wanted is None:
        wanted = len(new) > settings.gate.ask_above_tasks and settings.budget.canary != "off"
    return wanted and len({task.shot_id for task in new}) > 1


def _waiting(task: NewTask) -> NewTask:
    return task.model_copy(update={"status": TaskStatus.PENDING})


def _hold_back(tx: Tx, new: Sequence[NewTask], proofs: Sequence[str | None]) -> list[NewTask]:
    """The same tasks, those of each unproved model pending but for one; none goes where one is under way already."""
    gone = {proof for proof in proofs if proof and canary.under_way(tx, proof)}
    held: list[NewTask] = []
    for task, proof in zip(new, proofs, strict=True):
        waits = proof is not None and proof in gone
        held.append(_waiting(task) if waits else task)
        if proof is not None:
            gone.add(proof)
    return held


def keep_held(tx: Tx, project_id: int, tasks: Sequence[Task], proofs: Sequence[str | None]) -> None:
    """Remember who waits for whom.

    :param proofs: of each of ``tasks``
    """
    for proof in dict.fromkeys(one for one in proofs if one):
        mine = [task for task, one in zip(tasks, proofs, strict=True) if one == proof]
        first = [task.id for task in mine if task.status in LIVE]
        rest = [task.id for task in mine if task.status is TaskStatus.PENDING]
        before = canary.under_way(tx, proof)
        canary.keep(
            tx, mine[0].batch, project_id, first or (before.first if before else []), auto=True, rest=rest, proof=proof
        )
        if rest:
            tx.log.add(LogLevel.INFO, "canary_model", project_id=project_id, model=mine[0].model, tasks=len(rest))


def waiting_for_models(tx: Tx) -> set[int]:
    """Tasks that wait for the first of an unproved model."""
    return {id_ for one in canary.kept(tx) if one.proof for id_ in one.rest or ()}
