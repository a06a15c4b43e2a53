"""Is the database as new as what was bought? A copy put back, an emptied database and a copied home are not.

Every paid act, an order or the confirmation of a price, moves the generation on: in the database in the transaction that writes it down,
and in the journal before it leaves. Where the two disagree, the queue may hold what has been bought already, and jobs may ask
to confirm a price that was confirmed: nothing paid is sent until a person has decided.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pydantic import Field

from vidgen_core.db import JournalState, Tx
from vidgen_core.db.ledger_chain import Head
from vidgen_core.db.worker_state import GENERATION, TRUSTED
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.providers import paid_providers
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.worker.context import ActiveTask, Context
from vidgen_core.worker.transition import requeue

#: Codes of the provider pauses for such a doubt; only a person ends them.
CODES: Final = frozenset(
    {"pause_database_behind", "pause_journal_missing", "pause_journal_damaged", "pause_home_copied"}
)


class Doubt(Frozen):
    """Why the queue may hold what was bought already: the code of a provider pause, and what its sentence needs."""

    code: str
    params: dict[str, Any] = Field(default_factory=dict)


def generation_of(tx: Tx) -> int:
    """The generation that the database has seen; 0 before the first paid order."""
    return GENERATION.get(tx) or 0


def looks_behind(tx: Tx, ctx: Context) -> bool:
    """Whether the database is older than this worker has seen it before: another one was put in its place meanwhile."""
    found = generation_of(tx) < ctx.newest
    ctx.behind |= found
    return found


def next_generation(tx: Tx) -> int:
    """The generation of a paid act that is written down in this transaction, so that no two acts have the same."""
    generation = generation_of(tx) + 1
    GENERATION.put(tx, generation)
    return generation


def note_generation(tx: Tx, generation: int) -> None:
    """Let the database have seen ``generation``."""
    if generation > generation_of(tx):
        GENERATION.put(tx, generation)


def doubt(tx: Tx, journal: JournalState) -> Doubt | None:
    """What speaks against buying from this database; None: nothing."""
    known = generation_of(tx)
    if journal.damaged:
        return Doubt(code="pause_journal_damaged")
    if not journal.exists:
        return Doubt(code="pause_journal_missing", params={"orders": known}) if known else None
    if known < journal.generation:
        return Doubt(code="pause_database_behind", params={"orders": journal.generation - known})
    if journal.copied and (waiting := _unsent_before(tx, journal.changed_at)):
        return Doubt(code="pause_home_copied", params={"tasks": waiting})
    return None


def _unsent_before(tx: Tx, moment: float) -> int:
    """Paid tasks that a home and its copy both have, and that neither had sent."""
    queued = tx.tasks.ids(None, TaskFilter(statuses=frozenset({TaskStatus.QUEUED})))
    waiting = [*tx.tasks.many(queued), *(task for task in tx.tasks.active() if _is_unsent(tx, task.attempt_id))]
    return sum(not task.provider.is_free and task.created_at.timestamp() <= moment for task in waiting)


def _is_unsent(tx: Tx, attempt_id: int | None) -> bool:
    return attempt_id is None or tx.attempts.get(attempt_id).state is AttemptState.PREPARING


def note_lost_lines(tx: Tx, journal: JournalState, by: str) -> None:
    """Say in the ledger that lines which the journal knows of are missing in it, if there are any.

    :param by: ``person``: somebody trusts this database; ``start``: found at a start
    """
    if journal.ledger is not None and tx.chain.lacks(journal.ledger):
        tx.chain.note_gap(journal.ledger, by)


def trust(tx: Tx, journal: JournalState) -> tuple[int, Head | None]:
    """Take this database for as new as a journal, as a person says; generation and last line that the journal begins with."""
    note_generation(tx, journal.generation)
    note_lost_lines(tx, journal, "person")
    return generation_of(tx), tx.chain.head()


def go_on(tx: Tx, now: datetime) -> int:
    """Set aside for a person what would be bought, also by workers with other journals; returns how many tasks."""
    TRUSTED.put(tx, (TRUSTED.get(tx) or 0) + 1)
    for task in tx.tasks.active():
        if task.provider.is_free or task.status is not TaskStatus.PROCESSING:
            continue
        attempt = tx.attempts.get(task.attempt_id) if task.attempt_id is not None else None
        if _is_unsent(tx, task.attempt_id):
            requeue(tx, ActiveTask(task, attempt), None, None, now, 0.0, state=AttemptState.REFUSED)
        elif attempt is not None and attempt.confirmed_at is None:
            # Its price may have been confirmed since: the worker does not confirm it by itself.
            tx.attempts.update(attempt.id, confirmed_at=now)
    aside = 0
    for mode in paid_providers():
        for task_id in tx.tasks.ids(None, TaskFilter(statuses=frozenset({TaskStatus.QUEUED}), provider=mode)):
            aside += tx.tasks.move(task_id, TaskStatus.PENDING)
    tx.log.add(LogLevel.WARNING, "database_trusted", tasks=aside)
    return aside
