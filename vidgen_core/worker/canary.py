"""Batches that wait for their first task; the automatic ones go on when it has come out well.

There are two reasons: a large batch lets one shot go ahead, and a model of which nobody knows whether it follows what is sent
makes one take before any other is bought. The second ends when a take is seen to begin and end as it was asked to, or a person
says go on; from then on the model is trusted with such material.
"""

from __future__ import annotations

from collections.abc import Sequence

from vidgen_core import money
from vidgen_core.db import Tx
from vidgen_core.db.worker_state import PROVED_MODELS, WAITING_BATCHES, WaitingBatch
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.shots import GenerationMode
from vidgen_core.domain.tasks import LIVE, GenerationParams, TaskStatus
from vidgen_core.providers.base import Provider


def kept(tx: Tx) -> list[WaitingBatch]:
    return WAITING_BATCHES.get(tx) or []


def keep(
    tx: Tx, batch: int, project_id: int, first: list[int], *, auto: bool, rest: list[int] | None = None, proof: str = ""
) -> None:
    """Let tasks of a batch wait for the tasks ``first``; the parameters are those of ``WaitingBatch``."""
    new = WaitingBatch(batch=batch, project_id=project_id, first=first, auto=auto, rest=rest, proof=proof)
    WAITING_BATCHES.put(tx, [*kept(tx), new])


def forget(tx: Tx, batches: Sequence[WaitingBatch]) -> None:
    WAITING_BATCHES.put(tx, [one for one in kept(tx) if one not in batches])


def waiting(tx: Tx, one: WaitingBatch) -> list[int]:
    """The tasks that still wait."""
    if one.rest is None:
        return list(tx.tasks.of_batch(one.batch, TaskStatus.PENDING))
    return [task.id for task in tx.tasks.many(one.rest) if task.status is TaskStatus.PENDING]


def ripe(tx: Tx) -> list[int]:
    """Batches of which a part may go on without a person now; those of a run with a limit that has ended wait for one."""
    return list(dict.fromkeys(one.batch for one in kept(tx) if _may_go(tx, one)))


def _may_go(tx: Tx, one: WaitingBatch) -> bool:
    if not one.auto:
        return False
    tasks = tx.tasks.many(one.first)
    if one.proof:
        over = not one.rest and not any(task.status in LIVE for task in tasks)
        done = over or is_proved(tx, one.proof)
    else:
        done = bool(tasks) and all(task.status is TaskStatus.COMPLETED for task in tasks)
    return done and not any(money.is_of_ended_run(tx, task) for task in tasks)


def go_on(tx: Tx, batches: list[int]) -> None:
    """Release what may go on of these batches."""
    going = [one for one in kept(tx) if one.batch in batches and _may_go(tx, one)]
    for one in going:
        if released := tx.tasks.release(waiting(tx, one)):
            tx.log.add(LogLevel.INFO, "canary_went_on", project_id=one.project_id, tasks=len(released))
    forget(tx, going)


# --- models that have to show what they do ----------------------------------------------------------------------------


def proof_of(provider: Provider, model: str, params: GenerationParams) -> str | None:
    """What a take of this model would have to show before more are bought; None: what it does is known, or costs nothing."""
    if provider.mode.is_free:
        return None
    can = provider.capabilities(model)
    mode = can.settle(params).mode
    if mode is None or (can.modes and can.mode_is_taken(mode) is not None):
        return None
    # That a known model may want a picture is said; text alone leaves nothing that could be ignored.
    if can.modes and mode is GenerationMode.TEXT:
        return None
    return f"{provider.mode}/{model}/{mode}"


def is_proved(tx: Tx, proof: str) -> bool:
    return proof in (PROVED_MODELS.get(tx) or [])


def prove(tx: Tx, proof: str) -> None:
    """Trust a model with such material from now on."""
    known = PROVED_MODELS.get(tx) or []
    if proof not in known:
        PROVED_MODELS.put(tx, [*known, proof])


def under_way(tx: Tx, proof: str) -> WaitingBatch | None:
    """The batch whose first task is on its way to show this."""
    return next(
        (
            one
            for one in kept(tx)
            if one.proof == proof and any(task.status in LIVE for task in tx.tasks.many(one.first))
        ),
        None,
    )
