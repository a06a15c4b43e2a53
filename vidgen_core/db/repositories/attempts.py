"""Attempts: the ledger of paid requests. A row is written before the request is sent and is never removed."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Double, Row, bindparam, func, insert, not_, or_, select, text, type_coerce, update

from vidgen_core.db.dialect import one_of, unindexed
from vidgen_core.db.prepared import PreparedStatement
from vidgen_core.db.repository import Repository, failure_json, failure_of, money, money_columns, only
from vidgen_core.db.schema.columns import UtcTime
from vidgen_core.db.schema.queue import attempts, tasks
from vidgen_core.db.schema.system import quotes
from vidgen_core.domain.attempts import Attempt, AttemptState
from vidgen_core.domain.errors import NotFound
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Failure, TaskStatus

#: States in which the remote side may still deliver, exactly as in the partial index.
_OPEN = "state IN ('sending', 'accepted', 'unknown', 'abandoned')"

_EDITABLE = frozenset({
    "state", "model", "key_id", "key_label", "base_url", "remote_id", "intent_at", "accepted_at", "waited_at",
    "confirmed_at", "ended_at", "sent", "cost", "charge", "failure", "evidence", "request_id", "worker",
})  # fmt: skip


# Frequent statements are compiled once.
_PRESENT = update(tasks).where(tasks.c.id == bindparam("the_task"))
_COUNT = PreparedStatement(
    _PRESENT.values(attempts=tasks.c.attempts + 1).returning(tasks.c.attempts, tasks.c.project_id)
)
#: The columns of a new attempt that are given; the others follow from its task.
_GIVEN: Final = (
    "state", "provider", "model", "key_id", "key_label", "base_url", "cost", "cost_currency", "charge", "rev", "created_at",
    "worker",
)  # fmt: skip
_BEGIN = PreparedStatement(
    insert(attempts)
    .from_select(
        ["task_id", "project_id", "number", "agent", *_GIVEN],
        select(
            tasks.c.id,
            tasks.c.project_id,
            tasks.c.attempts + 1,
            # Who ordered by a quote.
            select(quotes.c.agent).where(quotes.c.id == tasks.c.quote_id).scalar_subquery(),
            *(bindparam(name, type_=attempts.c[name].type) for name in _GIVEN),
        ).where(tasks.c.id == bindparam("the_task")),
        include_defaults=False,
    )
    .returning(*attempts.c),
    # Of a task whose change may wait it reads what no such change writes but that of the attempt before.
    apart=True,
)
_PRESENT_NEW = PreparedStatement(_PRESENT.values(attempts=tasks.c.attempts + 1))
_GET = PreparedStatement(select(attempts).where(attempts.c.id == bindparam("the_attempt")))
_OF_TASK = PreparedStatement(
    select(attempts).where(attempts.c.task_id == bindparam("the_task")).order_by(attempts.c.number)
)
_PROCESSING = select(func.count()).where(
    # The last condition is that of the partial index.
    text("status = 'processing'"),
    unindexed(tasks.c.provider) == bindparam("the_provider"),
    text("status IN ('processing', 'downloading')"),
)
_UNRESOLVED = (
    select(func.count())
    .select_from(attempts.join(tasks, tasks.c.attempt_id == attempts.c.id))
    .where(
        attempts.c.provider == bindparam("the_provider"),
        text(_OPEN),
        attempts.c.state == AttemptState.UNKNOWN,
        attempts.c.intent_at > bindparam("since", type_=UtcTime),
        tasks.c.status == TaskStatus.FAILED,
        tasks.c.deleted_at.is_(None),
    )
)
_UNDER_WAY = PreparedStatement(select(_PROCESSING.scalar_subquery() + _UNRESOLVED.scalar_subquery()))
_LEFT = PreparedStatement(
    select(attempts)
    .join(tasks, tasks.c.id == attempts.c.task_id)
    .where(
        attempts.c.provider == bindparam("the_provider"),
        text(_OPEN),
        attempts.c.remote_id.is_not(None),
        or_(
            tasks.c.attempt_id.is_distinct_from(attempts.c.id),
            not_(one_of(tasks.c.status, (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING))),
        ),
    )
    .order_by(attempts.c.id)
)
_UPDATE = PreparedStatement(update(attempts).where(attempts.c.id == bindparam("the_attempt")))


def _attempt(row: Row[Any]) -> Attempt:
    return attempt_of(row._asdict())


def attempt_of(columns: dict[str, Any]) -> Attempt:
    """An attempt by the columns of its row."""
    values = {name: value for name, value in columns.items() if name not in ("project_id", "cost_currency")}
    values |= {
        "cost": money(columns["cost"], columns["cost_currency"]),
        "failure": failure_of(columns["failure"]),
        "sent": columns["sent"] or {},
    }
    return Attempt.model_validate(values)


def _columns(given: dict[str, Any]) -> dict[str, Any]:
    values = dict(only(given, _EDITABLE))
    if "cost" in values:
        values |= money_columns(values["cost"])
    if isinstance(values.get("failure"), Failure):
        values["failure"] = failure_json(values["failure"])
    return values


class AttemptRepository(Repository):
    def begin(self, task_id: int, *given: Any, **more: Any) -> Attempt:
        """As ``add``; the attempt becomes the task's present one."""
        attempt = self.add(task_id, *given, **more)
        self.tx.forget(("task", task_id))
        self.tx.execute(_PRESENT_NEW, {"the_task": task_id, "attempt_id": attempt.id, "rev": self.tx.rev})
        return attempt

    def add(
        self,
        task_id: int,
        provider: ProviderId,
        model: str,
        key_id: str | None,
        key_label: str | None,
        base_url: str | None,
        cost: Money | None,
        charge: ChargeStatus = ChargeStatus.NONE,
        worker: str | None = None,
    ) -> Attempt:
        """Add the next attempt of a task, which is to become its present one (``TaskRepository.moved``).

        :param charge: ESTIMATED reserves its money from now on
        :param worker: which of several workers carries it
        """
        values = {
            "state": AttemptState.PREPARING,
            "provider": provider,
            "model": model,
            "key_id": key_id,
            "key_label": key_label,
            "base_url": base_url,
            "charge": charge,
            "rev": self.tx.rev,
            "created_at": self.tx.now(),
            "worker": worker,
            **money_columns(cost),
        }
        row = self.tx.execute(_BEGIN, {"the_task": task_id, **values}).one_or_none()
        if row is None:
            raise NotFound("task_not_found", id=task_id)
        self.tx.keep(("attempt", row.id), row.rev)
        return _attempt(row)

    def reassign(self, attempt_id: int, task_id: int) -> None:
        """Make an attempt the latest one of another task; its row in the ledger stays the same."""
        self.tx.forget(("task", task_id))
        self.tx.forget(("attempt", attempt_id))
        task = self.tx.execute(_COUNT, {"the_task": task_id, "rev": self.tx.rev}).one_or_none()
        if task is None:
            raise NotFound("task_not_found", id=task_id)
        moved = {"task_id": task_id, "number": task.attempts, "rev": self.tx.rev}
        self.tx.execute(_UPDATE, {"the_attempt": attempt_id, **moved})
        self.tx.execute(_PRESENT, {"the_task": task_id, "attempt_id": attempt_id})

    def update(self, attempt_id: int, **columns: Any) -> None:
        """Update columns. Raises NotFound attempt_not_found."""
        self.tx.forget(("attempt", attempt_id))
        changed = self.tx.execute(_UPDATE, {"the_attempt": attempt_id, **_columns(columns), "rev": self.tx.rev})
        if not changed.rowcount:
            raise NotFound("attempt_not_found", id=attempt_id)

    def updated(self, attempt: Attempt, **columns: Any) -> Attempt:
        """As ``update`` of an attempt that stands as it was read, in this transaction; returns how it stands now.

        It is written with others before the next statement.
        """
        self.tx.keep(("attempt", attempt.id), self.tx.rev)
        given = {"the_attempt": attempt.id, **_columns(columns), "rev": self.tx.rev}
        self.tx.soon(("attempt", attempt.id), _UPDATE, given)
        return attempt.model_copy(update={**columns, "rev": self.tx.rev})

    def get(self, attempt_id: int) -> Attempt:
        row = self.tx.execute(_GET, {"the_attempt": attempt_id}).one_or_none()
        if row is None:
            raise NotFound("attempt_not_found", id=attempt_id)
        return _attempt(row)

    def of_task(self, task_id: int) -> list[Attempt]:
        """From the first to the last."""
        return [_attempt(row) for row in self.tx.execute(_OF_TASK, {"the_task": task_id})]

    def open(self, provider: ProviderId) -> list[Attempt]:
        """Attempts that may have been sent and whose end is not known, oldest first."""
        query = select(attempts).where(attempts.c.provider == provider, text(_OPEN)).order_by(attempts.c.id)
        return [_attempt(row) for row in self.tx.execute(query)]

    def left(self, provider: ProviderId) -> list[Attempt]:
        """Accepted attempts that may still be delivered and with which no task is under way, oldest first."""
        return [_attempt(row) for row in self.tx.execute(_LEFT, {"the_provider": provider})]

    def under_way(self, provider: ProviderId, since: datetime) -> int:
        """Number of jobs that may be running: tasks being processed, and lost answers since then of tasks that failed."""
        return int(self.tx.execute(_UNDER_WAY, {"the_provider": provider, "since": since}).scalar_one())

    def shift_open_times(self, seconds: float) -> None:
        """Shift the times of open attempts after the system clock was set, so that they are as long ago as before."""
        moved = {
            name: type_coerce(type_coerce(attempts.c[name], Double) + seconds, UtcTime)
            for name in ("intent_at", "accepted_at", "waited_at", "ended_at")
        }
        self.tx.execute(update(attempts).where(text(_OPEN)).values(**moved, rev=self.tx.rev))

    def clamp_future_times(self, now: datetime) -> None:
        """Set times of open attempts that are in the future, written before the clock was set back, to now."""
        for name in ("intent_at", "accepted_at", "waited_at", "ended_at"):
            ahead = update(attempts).where(text(_OPEN), attempts.c[name] > now)
            self.tx.execute(ahead.values(**{name: now}, rev=self.tx.rev))

    def unsettled(self, provider: ProviderId, key_id: str, since: datetime, newest: int = 1000) -> list[Attempt]:
        """Ended attempts of a key since then whose charge no response has confirmed, the newest first."""
        query = select(attempts).where(
            attempts.c.provider == provider,
            attempts.c.key_id == key_id,
            attempts.c.intent_at >= since,
            text("charge IN ('estimated', 'assumed', 'unknown') AND remote_id IS NOT NULL"),
            attempts.c.ended_at.is_not(None),
        )
        return [_attempt(row) for row in self.tx.execute(query.order_by(attempts.c.intent_at.desc()).limit(newest))]

    def recent_intents(self, provider: ProviderId, since: datetime) -> list[tuple[str | None, datetime]]:
        """Key and time of each submit since then, oldest first; initializes the rate limits."""
        query = (
            select(attempts.c.key_id, attempts.c.intent_at)
            .where(attempts.c.provider == provider, attempts.c.intent_at >= since)
            .order_by(attempts.c.intent_at)
        )
        return [(row.key_id, row.intent_at) for row in self.tx.execute(query)]

    def last_answered(self, provider: ProviderId) -> Attempt | None:
        """The newest attempt that the provider has accepted or refused, or that did not reach it."""
        query = select(attempts).where(
            attempts.c.provider == provider,
            attempts.c.intent_at.is_not(None),
            attempts.c.state.not_in((AttemptState.PREPARING, AttemptState.SENDING, AttemptState.UNKNOWN)),
        )
        row = self.tx.execute(query.order_by(attempts.c.intent_at.desc()).limit(1)).one_or_none()
        return None if row is None else _attempt(row)

    def by_remote_id(self, provider: ProviderId, remote_id: str) -> Attempt | None:
        """The newest attempt that has this remote id."""
        query = select(attempts).where(attempts.c.provider == provider, attempts.c.remote_id == remote_id)
        row = self.tx.execute(query.order_by(attempts.c.id.desc()).limit(1)).one_or_none()
        return None if row is None else _attempt(row)

    def durations(self, provider: ProviderId, newest: int = 500) -> dict[str, list[float]]:
        """Seconds from acceptance to success by model, of the newest attempts that waited for no user."""
        query = (
            select(attempts.c.model, attempts.c.accepted_at, attempts.c.ended_at)
            .where(
                attempts.c.provider == provider,
                text("state = 'succeeded'"),
                attempts.c.accepted_at.is_not(None),
                attempts.c.ended_at.is_not(None),
                attempts.c.waited_at.is_(None),
            )
            .order_by(attempts.c.id.desc())
            .limit(newest)
        )
        found: dict[str, list[float]] = defaultdict(list)
        for row in self.tx.execute(query):
            found[row.model].append((row.ended_at - row.accepted_at).total_seconds())
        return dict(found)
