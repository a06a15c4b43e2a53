"""Is the database as new as what was bought? A copy put back, an emptied database and a copied home are not.

Every paid act, an order or a yes to a price, moves the generation on: in the database in the transaction that writes it down,
and in the journal before it leaves. Where the two disagree, the queue may hold what has been bought already, and jobs may ask
for a yes that was said: nothing paid is sent until a person has decided.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pydantic import Field

from vidgen_core.db import JournalState, Tx
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import paid_providers
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.tasks import Failure, TaskStatus
from vidgen_core.providers.base import Submission
from vidgen_core.worker import records
from vidgen_core.worker.context import ActiveTask

#: Seconds by which a time may differ from itself when it is kept in two places.
SAME_MOMENT: Final = 0.001
#: Codes of the holds for such a doubt; only a person ends them.
CODES: Final = frozenset({"lane_database_behind", "lane_journal_missing", "lane_journal_damaged", "lane_home_copied"})


class Doubt(Frozen):
    """Why the queue may hold what was bought already: the code of a hold, and what its sentence needs."""

    code: str
    params: dict[str, Any] = Field(default_factory=dict)


def doubt(tx: Tx, look: JournalState) -> Doubt | None:
    """What speaks against buying from this database; None: nothing."""
    known = records.generation_of(tx)
    if look.damaged:
        return Doubt(code="lane_journal_damaged")
    if not look.exists:
        return Doubt(code="lane_journal_missing", params={"orders": known}) if known else None
    if known < look.generation:
        return Doubt(code="lane_database_behind", params={"orders": look.generation - known})
    if look.copied and (waiting := _unsent_before(tx, look.changed_at)):
        return Doubt(code="lane_home_copied", params={"tasks": waiting})
    return None


def _unsent_before(tx: Tx, moment: float) -> int:
    """Paid tasks that a home and its copy both have, and that neither had sent."""
    queued = tx.tasks.ids(None, TaskFilter(statuses=frozenset({TaskStatus.QUEUED})))
    waiting = [*tx.tasks.many(queued), *(task for task in tx.tasks.active() if _is_unsent(tx, task.attempt_id))]
    return sum(not task.provider.is_free and task.created_at.timestamp() <= moment for task in waiting)


def _is_unsent(tx: Tx, attempt_id: int | None) -> bool:
    return attempt_id is None or tx.attempts.get(attempt_id).state is AttemptState.PREPARING


def go_on(tx: Tx, generation: int, now: datetime) -> int:
    """Trust this database from now on: what would be bought is set aside for a person; returns how many tasks.

    :param generation: of the journal
    """
    records.note_generation(tx, generation)
    for task in tx.tasks.active():
        if task.provider.is_free or task.status is not TaskStatus.PROCESSING:
            continue
        attempt = tx.attempts.get(task.attempt_id) if task.attempt_id is not None else None
        if _is_unsent(tx, task.attempt_id):
            records.requeue(tx, ActiveTask(task, attempt), None, None, now, 0.0, state=AttemptState.REFUSED)
        elif attempt is not None and attempt.confirmed_at is None:
            # Its price may have been agreed to since: the runner says no yes to it by itself.
            tx.attempts.update(attempt.id, confirmed_at=now)
    aside = 0
    for mode in paid_providers():
        for task_id in tx.tasks.ids(None, TaskFilter(statuses=frozenset({TaskStatus.QUEUED}), provider=mode)):
            aside += tx.tasks.move(task_id, TaskStatus.PENDING)
    tx.log.add(LogLevel.WARNING, "database_trusted", tasks=aside)
    return aside


def take_in(tx: Tx, notes: tuple[dict[str, Any], ...], now: datetime) -> list[str]:
    """Write answers of the journal that the database lacks; returns the names of those that it has now."""
    ours = [one for one in notes if one["kind"] in ("accepted", "refused")]
    return [str(one["id"]) for one in ours if _take_in(tx, one, now)]


def _take_in(tx: Tx, one: dict[str, Any], now: datetime) -> bool:
    """Whether the database has a note; one about an attempt that it does not know stays."""
    found = [attempt for attempt in tx.attempts.of_task(one["task"]) if attempt.id == one["attempt"]]
    intent = found[0].intent_at if found else None
    # The same id may be another attempt's in a database that was put back.
    if intent is None or abs(intent.timestamp() - one["intent_at"]) > SAME_MOMENT:
        return False
    attempt = found[0]
    if one["kind"] == "accepted":
        cost = Money.model_validate(one["cost"]) if one.get("cost") else None
        submission = Submission(remote_id=one["remote_id"], cost=cost, request_id=one.get("request_id"))
        records.keep_id(tx, attempt.id, submission, now)
    elif attempt.state is AttemptState.SENDING:
        task = tx.tasks.get(attempt.task_id)
        failure = Failure.model_validate(one["failure"])
        if one["again"]:
            records.requeue(tx, ActiveTask(task, attempt), failure, None, now, 0.0, state=AttemptState.REFUSED)
        else:
            records.fail(tx, ActiveTask(task, attempt), failure, now, state=AttemptState.REFUSED)
    return True
