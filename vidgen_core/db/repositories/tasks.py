"""Tasks: one take, or one picture, of one shot by one provider, from the request to the file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import count
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Executable,
    Row,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    type_coerce,
    update,
)

from vidgen_core.db.dialect import among, greatest, listed, one_of, to_microseconds, unindexed
from vidgen_core.db.prepared import PreparedStatement
from vidgen_core.db.repositories.candidates import CandidateRepository
from vidgen_core.db.repositories.takes import TakeRepository
from vidgen_core.db.repositories.task_search import Search
from vidgen_core.db.repository import Repository, failure_json, failure_of, money, money_columns, only, search_text
from vidgen_core.db.schema.columns import UtcTime
from vidgen_core.db.schema.library import shots, takes
from vidgen_core.db.schema.queue import attempts, tasks
from vidgen_core.db.schema.sums import task_counts
from vidgen_core.domain.attempts import Attempt
from vidgen_core.domain.errors import NotFound
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import Page, TaskFilter, TaskSort
from vidgen_core.domain.tasks import (
    ENDED,
    UNSENT,
    ActiveCount,
    Failure,
    GenerationParams,
    NewTask,
    Task,
    TaskKind,
    TaskStatus,
    sources,
)

#: So many tasks of a batch are served in a round before another batch has its turn.
ROUND: Final = 5

_ACTIVE_STATUSES = (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING)
# Conditions exactly as in the partial indexes, or SQLite would not use them.
_IN_QUEUE = "status = 'queued' AND deleted_at IS NULL"
_TURNS = "status = 'queued' AND waits_for IS NULL AND deleted_at IS NULL"
_ACTIVE = "status IN ('processing', 'downloading')"
_CLAIMABLE = "status = 'queued' AND NOT cancel_requested AND waits_for IS NULL AND deleted_at IS NULL"


_ALIVE: Final[ColumnElement[bool]] = tasks.c.deleted_at.is_(None)

#: Columns that may be written beside the status.
_NOTABLE: Final = frozenset({
    "model", "params", "priority", "waits_for", "progress", "stage", "cancel_requested", "due_at", "remote_id",
    "result_url", "failure", "file", "cost", "charge", "submitted_at", "polled_at", "attempts", "attempt_id",
})  # fmt: skip

_OMITTED = {"shot_position", "text_id", "turn", "failure_kind", "duration", "deleted_at", "queued_at"}
_COLUMNS = [column for column in tasks.c if column.name not in _OMITTED]
_AWAITED = shots.alias("awaited")
_SHOWN = (
    select(*_COLUMNS, shots.c.number.label("shot"), _AWAITED.c.number.label("awaits"), takes.c.warnings, takes.c.checks)
    .join_from(tasks, shots, shots.c.id == tasks.c.shot_id)
    .outerjoin(_AWAITED, _AWAITED.c.id == tasks.c.waits_for)
    .outerjoin(takes, takes.c.task_id == tasks.c.id)
)

_NONE: Final[Mapping[int, Task]] = {}
_UNSTARTED: Final = {
    "progress": None,
    "stage": None,
    "remote_id": None,
    "result_url": None,
    "file": None,
    "submitted_at": None,
    "polled_at": None,
}
_UNFINISHED: Final = {"finished_at": None, "duration": None}
#: What a new status sets of what a task shows.
_SHOWN_OF_MOVES: Final = frozenset({*_UNSTARTED, "status", "rev", "finished_at", "cancel_requested", "waits_for"})


def _task(row: Row[Any]) -> Task:
    values = row._asdict()
    del values["cost_currency"]
    values |= {"cost": money(row.cost, row.cost_currency), "failure": failure_of(row.failure)}
    values |= {"warnings": tuple(values["warnings"] or ()), "checks": tuple(values["checks"] or ())}
    return Task.model_validate(values)


def _as_known(task: Task | None, row: Row[Any]) -> Task | None:
    """The task if it is up to date with its row; the shot number comes from another table."""
    return task if task is not None and (task.rev, task.shot) == (row.rev, row.shot) else None


class TaskRepository(Repository):
    # Adding

    def add(self, new: list[NewTask]) -> list[Task]:
        """Add one batch. Take numbers continue within their shots, those of deleted takes included.

        Batches share a provider's queue fairly: each begins at the round that is being served now and gets five tasks
        per round (start-time fair queueing). Raises NotFound shot_not_found.
        """
        if not new:
            return []
        batch = int(self.tx.execute(select(func.max(tasks.c.batch))).scalar() or 0) + 1
        self.tx.execute(insert(tasks), self._rows(new, batch))
        query = _SHOWN.where(tasks.c.batch == batch).order_by(tasks.c.id)
        return [_task(row) for row in self.tx.execute(query)]

    def _rows(self, new: list[NewTask], batch: int) -> list[dict[str, Any]]:
        planned = self._shots({task.shot_id for task in new})
        taken = self._last_takes(planned.keys())
        wordings = {(task.shot_id, task.params.prompt) for task in new}
        text_ids = Search(self.tx).text_ids({search_text(planned[shot].number, prompt) for shot, prompt in wordings})
        turns = self._turns(new, planned)
        rows, made = [], self.tx.now()
        for task, turn in zip(new, turns, strict=True):
            shot = planned[task.shot_id]
            taken[task.output, task.shot_id] += 1
            waits = task.output is TaskKind.VIDEO and task.params.parent is None
            rows.append(
                {
                    **task.model_dump(exclude={"cost", "params"}),
                    **_columns({"cost": task.cost, "params": task.params}),
                    "charge": ChargeStatus.NONE,
                    "created_at": made,
                    "queued_at": made if task.status is TaskStatus.QUEUED else None,
                    "shot_position": shot.position,
                    "take": taken[task.output, task.shot_id],
                    "batch": batch,
                    "text_id": text_ids[search_text(shot.number, task.params.prompt)],
                    "turn": turn,
                    "waits_for": shot.follows if waits else None,
                    "rev": self.tx.rev,
                }
            )
        return rows

    def _turns(self, new: list[NewTask], planned: Mapping[int, Row[Any]]) -> list[int]:
        """The round of each task. What most others of its chain wait for goes first, so that no chain is left to the end."""
        left: dict[int, int] = defaultdict(int)
        for shot in sorted(planned.values(), key=lambda shot: -shot.position):
            left[shot.id] += 1
            if shot.follows in planned:
                left[shot.follows] = left[shot.id]
        order = sorted(range(len(new)), key=lambda place: -left[new[place].shot_id])
        turns = dict(zip(order, self._rounds(new[place].provider for place in order), strict=True))
        return [turns[place] for place in range(len(new))]

    def _rounds(self, providers: Iterable[ProviderId]) -> list[int]:
        """The rounds in which tasks of these providers get their turns, in this order."""
        wanted = list(providers)
        served = {provider: count(ROUND * self._round(provider)) for provider in set(wanted)}
        return [next(served[provider]) // ROUND for provider in wanted]

    def _shots(self, ids: Collection[int]) -> dict[int, Row[Any]]:
        query = select(shots.c.id, shots.c.number, shots.c.position, shots.c.follows).where(
            among(shots.c.id, ids), shots.c.deleted_at.is_(None)
        )
        found = {row.id: row for row in self.tx.execute(query)}
        for missing in set(ids) - found.keys():
            raise NotFound("shot_not_found", id=missing)
        return found

    def _last_takes(self, shot_ids: Collection[int]) -> dict[tuple[TaskKind, int], int]:
        """The highest number in use by kind and shot; uploaded pictures share the numbers of generated ones."""
        last = func.max(tasks.c.take).label("take")
        query = select(tasks.c.output, tasks.c.shot_id, last).where(among(tasks.c.shot_id, shot_ids))
        rows = self.tx.execute(query.group_by(tasks.c.output, tasks.c.shot_id))
        found = defaultdict(int, {(TaskKind(row.output), row.shot_id): int(row.take) for row in rows})
        for shot_id, number in CandidateRepository(self.tx).last_numbers(shot_ids).items():
            found[TaskKind.IMAGE, shot_id] = max(found[TaskKind.IMAGE, shot_id], number)
        return found

    def _round(self, provider: ProviderId) -> int:
        """The round that the provider's queue is serving."""
        query = select(func.min(tasks.c.turn)).where(tasks.c.provider == provider, text(_TURNS))
        return int(self.tx.execute(query).scalar() or 0)

    # Reading

    def get(self, task_id: int) -> Task:
        """Raises NotFound task_not_found, also for a deleted one."""
        found = self.many([task_id])
        if not found:
            raise NotFound("task_not_found", id=task_id)
        return found[0]

    def many(self, ids: Collection[int]) -> list[Task]:
        """Those that exist, in the order of ``ids``."""
        found = {row.id: _task(row) for row in self.tx.execute(_MANY, {"ids": listed(ids)})}
        return [found[task_id] for task_id in ids if task_id in found]

    def look_at(self, ids: Collection[int]) -> None:
        """Read by one statement how tasks and their attempts stand, if that is not known, for ``is_unchanged``."""
        unread = [id_ for id_ in ids if not self.tx.knows(("task", id_))]
        for row in self.tx.execute(_STANDS, {"ids": listed(unread)}) if unread else ():
            self.tx.keep(("task", row.id), (row.rev, row.number, row.attempt_id))
            self.tx.keep(("attempt", row.attempt_id), row.attempt_rev)

    def is_unchanged(self, task: Task, attempt: Attempt | None) -> bool:
        """Whether a task, its shot's number and its present attempt stand as they were read or written last."""
        number = None if attempt is None else attempt.id
        if not (self.tx.knows(("task", task.id)) and self.tx.knows(("attempt", number))):
            self.tx.forget(("task", task.id))
            self.look_at([task.id])
        stands = self.tx.kept(("task", task.id)), self.tx.kept(("attempt", number))
        return stands == ((task.rev, task.shot, number), attempt and attempt.rev)

    def _keep(self, task: Task, attempt_id: int | None) -> None:
        """Know how a task stands that is changed by this transaction."""
        self.tx.keep(("task", task.id), (self.tx.rev, task.shot, attempt_id))

    def with_deleted(self, ids: Collection[int]) -> list[Task]:
        """As ``many``, with those that were deleted."""
        found = {row.id: _task(row) for row in self.tx.execute(_WITH_DELETED, {"ids": listed(ids)})}
        return [found[task_id] for task_id in ids if task_id in found]

    def of_shots(self, shot_ids: Collection[int], known: Mapping[int, Task] = _NONE) -> dict[int, list[Task]]:
        """Tasks by shot, each list by take; every shot asked for is in it.

        :param known: tasks by id that were read before: those that have not changed are not read again
        """
        rows = self.tx.execute(_REVS_OF_SHOTS, {"ids": listed(shot_ids)}).all()
        same = {row.id: task for row in rows if (task := _as_known(known.get(row.id), row)) is not None}
        read = {task.id: task for task in self.many([row.id for row in rows if row.id not in same])}
        found: dict[int, list[Task]] = defaultdict(list)
        for row in rows:
            found[row.shot_id].append(same.get(row.id) or read[row.id])
        return {shot_id: found[shot_id] for shot_id in shot_ids}

    def page(
        self,
        project_id: int | None,
        where: TaskFilter = TaskFilter(),
        sort: TaskSort = "id",
        descending: bool = True,
        limit: int = 50,
        after: str | None = None,
        skip: int = 0,
    ) -> Page[Task]:
        """A part of the task table. Of a text, the total is counted up to 100,001 (``total_is_least``).

        :param after: the mark of a page (``Page.next``)
        :param skip: so many rows from there; reading over them takes its time, so it is for jumps only
        :raises InputError: page_mark_unknown
        """
        found = Search(self.tx).page(project_id, where, sort, descending, limit, after, skip)
        return Page(self.many(found.items), found.total, found.total_is_least, found.next)

    def ids(self, project_id: int | None, where: TaskFilter = TaskFilter()) -> list[int]:
        """Ids of all tasks that match, oldest first."""
        return Search(self.tx).ids(project_id, where)

    def each(self, project_id: int) -> Iterator[Task]:
        """All tasks of a project, oldest first, read some hundreds at a time."""
        last = 0
        while ids := self.tx.execute(_AFTER, {"project": project_id, "last": last}).scalars().all():
            yield from self.many(ids)
            last = ids[-1]

    def counts(self, project_id: int | None) -> dict[TaskStatus, int]:
        """Number of tasks in each status; constant time."""
        n = func.sum(task_counts.c.n).label("n")
        query = select(task_counts.c.status, n).group_by(task_counts.c.status)
        if project_id is not None:
            query = query.where(task_counts.c.project_id == project_id)
        found = {row.status: int(row.n) for row in self.tx.execute(query)}
        return {status: found.get(status, 0) for status in TaskStatus}

    def of_batch(self, batch: int, status: TaskStatus) -> list[int]:
        """Ids of a batch's tasks in a status, oldest first."""
        wanted = (tasks.c.batch == batch, tasks.c.status == status, _ALIVE)
        return list(self.tx.execute(select(tasks.c.id).where(*wanted).order_by(tasks.c.id)).scalars())

    def in_stage(self, stage: str) -> list[int]:
        """Ids of the tasks under way of which their provider says this word, oldest first."""
        query = select(tasks.c.id).where(text(_ACTIVE), unindexed(tasks.c.stage) == stage, _ALIVE).order_by(tasks.c.id)
        return list(self.tx.execute(query).scalars())

    def queued_at(self, task_id: int) -> datetime | None:
        """When a task was queued last; None: never."""
        found: datetime | None = self.tx.execute(select(tasks.c.queued_at).where(tasks.c.id == task_id)).scalar()
        return found

    def shots_with_pending(self, project_id: int) -> set[int]:
        """Ids of the shots with pending takes."""
        wanted = (
            tasks.c.project_id == project_id,
            tasks.c.status == TaskStatus.PENDING,
            tasks.c.output == TaskKind.VIDEO,
        )
        return set(self.tx.execute(select(tasks.c.shot_id).where(*wanted, _ALIVE).distinct()).scalars())

    def changed_since(self, project_id: int, rev: int) -> list[int]:
        """Tasks that were changed, deleted or restored after ``rev``."""
        query = select(tasks.c.id).where(tasks.c.project_id == project_id, tasks.c.rev > rev)
        return list(self.tx.execute(query.order_by(tasks.c.rev, tasks.c.id)).scalars())

    # Queries of the worker

    def claimable(
        self, provider: ProviderId, at: datetime, limit: int, without: Collection[int] = frozenset()
    ) -> list[Task]:
        """The next tasks: pinned first, then by fair turn, within a batch in its own order.

        :param without: projects to leave out
        """
        asked = {"provider": provider, "at": at, "most": limit}
        if not without:
            return [_task(row) for row in self.tx.execute(_NEXT, asked)]
        # By project: reading the whole queue in order would scan past all tasks of the projects left out.
        rows = [
            row
            for project_id in self._queueing(provider)
            if project_id not in without
            for row in self.tx.execute(_NEXT_IN_PROJECT, {**asked, "project": project_id})
        ]
        rows.sort(key=lambda row: (-row.priority, row.turn, row.id))
        return self.many([row.id for row in rows[:limit]])

    def queued(self, project_id: int | None) -> dict[ProviderId, int]:
        """Number of queued tasks of each provider that has any."""
        found = self.tx.execute(_QUEUED, {"project": project_id})
        return {ProviderId(row.provider): int(row.n) for row in found}

    def active_counts(self, project_id: int | None) -> list[ActiveCount]:
        """Active tasks by provider and status, with their progress."""
        sums = (func.count().label("n"), func.sum(func.coalesce(tasks.c.progress, 0)).label("progress"))
        query = select(tasks.c.provider, tasks.c.status, *sums).where(text(_ACTIVE), _ALIVE)
        if project_id is not None:
            # The index of active tasks is far smaller than any of the project's.
            query = query.where(unindexed(tasks.c.project_id) == project_id)
        rows = self.tx.execute(query.group_by(tasks.c.provider, tasks.c.status))
        return [ActiveCount(ProviderId(row.provider), TaskStatus(row.status), row.n, int(row.progress)) for row in rows]

    def _queueing(self, provider: ProviderId) -> list[int]:
        """Projects with tasks in a provider's queue."""
        waiting = (task_counts.c.status == TaskStatus.QUEUED, task_counts.c.n > 0)
        query = select(task_counts.c.project_id).where(task_counts.c.provider == provider, *waiting)
        return list(self.tx.execute(query).scalars())

    def queued_cost(self, project_id: int | None) -> dict[ProviderId, list[Money]]:
        """Estimated cost of the queue, by provider, one amount per currency."""
        cost = func.sum(tasks.c.cost).label("cost")
        query = select(tasks.c.provider, tasks.c.cost_currency, cost).where(text(_IN_QUEUE), tasks.c.cost.is_not(None))
        if project_id is not None:
            query = query.where(tasks.c.project_id == project_id)
        found: dict[ProviderId, list[Money]] = defaultdict(list)
        for row in self.tx.execute(query.group_by(tasks.c.provider, tasks.c.cost_currency)):
            if row.cost:
                found[ProviderId(row.provider)].append(Money(amount=row.cost, currency=row.cost_currency))
        return dict(found)

    def next_due(self, provider: ProviderId, at: datetime) -> datetime | None:
        """The earliest time at which a waiting queued task becomes due."""
        found: datetime | None = self.tx.execute(_NEXT_DUE, {"provider": provider, "at": at}).scalar()
        return found

    def active(self, without: Collection[int] = ()) -> list[Task]:
        """Tasks that a worker is processing, or was when it died, oldest first.

        :param without: ids of tasks that are not wanted again
        """
        return self.many([task_id for task_id in self.tx.execute(_HELD).scalars() if task_id not in without])

    def cancel_requested(self) -> list[Task]:
        """Live tasks with a cancel request."""
        return self.many(list(self.tx.execute(_TO_CANCEL).scalars()))

    # Changing

    def move(self, task_id: int, to: TaskStatus, *, attempt_id: int | None = None, **columns: Any) -> bool:
        """Change the status, the only way to do so; False when the transition is not allowed.

        :param attempt_id: the caller's attempt; nothing changes when the task has another one by now.
        :param columns: as in ``note``. A failure that is not given is cleared, and so is ``due_at``.
        """
        self.tx.forget(("task", task_id))
        return self.tx.execute(_MOVES[to], self._to(to, task_id, attempt_id, columns)).rowcount == 1

    def moved(self, task: Task, to: TaskStatus, **columns: Any) -> Task | None:
        """As ``move`` of a task that stands as it was read, in this transaction; returns how it stands now.

        It is written with others before the next statement.
        """
        if task.status not in sources(to):
            return None
        given = self._to(to, task.id, task.attempt_id, columns)
        self._keep(task, columns.get("attempt_id", task.attempt_id))
        self.tx.soon(("task", task.id), _MOVES[to], given)
        known = {
            "due_at": None,
            "failure": None,
            **columns,
            **{name: given[name] for name in _SHOWN_OF_MOVES & given.keys()},
        }
        if "at" in given and task.started_at is None:
            known["started_at"] = given["at"]
        elif to is TaskStatus.QUEUED and task.status in ENDED:
            known["started_at"] = None
        return task.model_copy(update=known)

    def _to(self, to: TaskStatus, task_id: int, attempt_id: int | None, columns: dict[str, Any]) -> dict[str, Any]:
        values = {"due_at": None, "failure": None, **only(columns, _NOTABLE)}
        own = {"status": to, "rev": self.tx.rev, "the_task": task_id, "guard": attempt_id}
        return {**own, **_arrival(to, self.tx.now()), **_columns(values)}

    def release(self, ids: Collection[int]) -> list[int]:
        """Queue pending, failed and cancelled tasks as one batch in fair order; return the ids of those queued."""
        kept = sources(TaskStatus.QUEUED) - {TaskStatus.PROCESSING}
        query = select(tasks.c.id, tasks.c.provider).where(
            among(tasks.c.id, ids), tasks.c.status.in_(kept), tasks.c.deleted_at.is_(None)
        )
        rows = self.tx.execute(query.order_by(tasks.c.provider, tasks.c.shot_position, tasks.c.take)).all()
        for row, turn in zip(rows, self._rounds(row.provider for row in rows), strict=True):
            self.move(row.id, TaskStatus.QUEUED)
            self._update([tasks.c.id == row.id], {"turn": turn})
        return [row.id for row in rows]

    def of_quote(self, quote_id: int) -> list[int]:
        """Ids of what was ordered by a quote, deleted ones included."""
        return list(
            self.tx.execute(select(tasks.c.id).where(tasks.c.quote_id == quote_id).order_by(tasks.c.id)).scalars()
        )

    def take_over(self, ids: Collection[int]) -> None:
        """A person orders tasks anew: they belong to no quote any more, and no agent is held for what they cost."""
        self._update([among(tasks.c.id, ids), tasks.c.quote_id.is_not(None)], {"quote_id": None})

    def cancel_unsent(self, ids: Collection[int]) -> list[int]:
        """Cancel those that were never sent, all by one statement; returns their ids."""
        values = {"due_at": None, "failure": None, "failure_kind": None}
        given = {
            "status": TaskStatus.CANCELLED,
            "rev": self.tx.rev,
            **_arrival(TaskStatus.CANCELLED, self.tx.now()),
            **values,
        }
        return list(self.tx.execute(_CANCEL_UNSENT, {"ids": listed(ids), **given}).scalars())

    def note(self, task_id: int, **columns: Any) -> None:
        """Update columns other than the status. Raises NotFound task_not_found."""
        self.tx.forget(("task", task_id))
        given = {"rev": self.tx.rev, **_columns(only(columns, _NOTABLE))}
        if not self.tx.execute(_NOTE, {"the_task": task_id, **given}).rowcount:
            raise NotFound("task_not_found", id=task_id)

    def noted(self, task: Task, **columns: Any) -> Task:
        """As ``note`` of a task that stands as it was read, in this transaction; returns how it stands now.

        It is written with others before the next statement.
        """
        given = {"the_task": task.id, "rev": self.tx.rev, **_columns(only(columns, _NOTABLE))}
        self._keep(task, columns.get("attempt_id", task.attempt_id))
        self.tx.soon(("task", task.id), _NOTE, given)
        return task.model_copy(update={**columns, "rev": self.tx.rev})

    def note_of_attempt(self, task_id: int, attempt_id: int | None, **columns: Any) -> bool:
        """As ``note`` of a task that is being processed by this attempt; False when it no longer is."""
        self.tx.forget(("task", task_id))
        given = {"rev": self.tx.rev, **_columns(only(columns, _NOTABLE))}
        changed = self.tx.execute(_NOTE_OF_ATTEMPT, {"the_task": task_id, "the_attempt": attempt_id, **given})
        return changed.rowcount == 1

    def note_at_commit(self, task: Task, *, unchanged: bool, **columns: Any) -> None:
        """As ``note_of_attempt``, for many tasks with the same columns by one statement; nobody learns what came of it.

        :param unchanged: it stands as it was read, so that it is known how it stands then
        """
        given = {"rev": self.tx.rev, **_columns(only(columns, _NOTABLE))}
        self.tx.at_commit(_NOTE_OF_ATTEMPT, {"the_task": task.id, "the_attempt": task.attempt_id, **given})
        if unchanged:
            self.tx.after_commit(lambda: self._keep(task, task.attempt_id))
        else:
            self.tx.after_commit(lambda: self.tx.forget(("task", task.id)))

    def request_cancel(self, ids: Collection[int]) -> int:
        """Request the cancellation of live tasks; return how many had no request before."""
        wanted = [text("status IN ('queued', 'processing', 'downloading')"), text("NOT cancel_requested")]
        return len(self._update([among(tasks.c.id, ids), *wanted, _ALIVE], {"cancel_requested": True}))

    def shift_due(self, seconds: float) -> None:
        """Shift due times after the system clock was set, so that each task waits as long as before."""
        later = type_coerce(type_coerce(tasks.c.due_at, Double) + seconds, UtcTime)
        self._update([text(_IN_QUEUE), tasks.c.due_at.is_not(None)], {"due_at": later})

    def cap_due(self, latest: datetime) -> None:
        """Limit the due times of queued tasks to ``latest``."""
        self._update([text(_IN_QUEUE), tasks.c.due_at > latest], {"due_at": latest})

    def pin(self, ids: Collection[int], priority: int) -> None:
        self._update([among(tasks.c.id, ids), _ALIVE], {"priority": priority})

    def delete(self, ids: Collection[int]) -> list[int]:
        """Hide tasks and their takes; return the ids of those hidden. Active tasks stay: they may be paid for."""
        gone = self._update(
            [among(tasks.c.id, ids), _ALIVE, tasks.c.status.not_in(_ACTIVE_STATUSES)], {"deleted_at": self.tx.now()}
        )
        TakeRepository(self.tx).unchoose(gone)
        return gone

    def restore(self, ids: Collection[int]) -> None:
        """Restore deleted tasks, and choose their takes again where no other was chosen since."""
        TakeRepository(self.tx).choose_again(
            self._update([among(tasks.c.id, ids), tasks.c.deleted_at.is_not(None)], {"deleted_at": None})
        )

    def update_search_text(self, shot_id: int, number: str) -> None:
        """Make the tasks of a shot searchable by its new number."""
        rows = self.tx.execute(select(tasks.c.id, tasks.c.params).where(tasks.c.shot_id == shot_id)).all()
        words = {row.id: search_text(number, row.params.get("prompt", "")) for row in rows}
        text_ids = Search(self.tx).text_ids(set(words.values())) if words else {}
        for task_id, wording in words.items():
            self.tx.execute(update(tasks).where(tasks.c.id == task_id).values(text_id=text_ids[wording]))

    def _update(self, wanted: list[Any], values: dict[str, Any]) -> list[int]:
        changed = update(tasks).where(*wanted).values(**values, rev=self.tx.rev).returning(tasks.c.id)
        ids = list(self.tx.execute(changed).scalars())
        for task_id in ids:
            self.tx.forget(("task", task_id))
        return ids


def _columns(values: dict[str, Any]) -> dict[str, Any]:
    """The column values of the arguments of ``note`` and ``move``."""
    columns = dict(values)
    if "cost" in columns:
        columns |= money_columns(columns["cost"])
    if "failure" in columns:
        failure: Failure | None = columns["failure"]
        columns |= {"failure": failure_json(failure), "failure_kind": failure and failure.kind}
    if isinstance(columns.get("params"), GenerationParams):
        columns["params"] = columns["params"].model_dump(mode="json", exclude_defaults=True)
    return columns


def _arrival(to: TaskStatus, at: datetime) -> dict[str, Any]:
    """Values that a new status sets, and the parameters of its statement in ``_MOVES``."""
    if to in ENDED:
        return {"finished_at": at, "cancel_requested": False, "stamp": at.timestamp()}
    if to is TaskStatus.PENDING:
        return {}
    if to is TaskStatus.QUEUED:
        return {**_UNSTARTED, **_UNFINISHED, "queued_at": at}
    return {**_UNFINISHED, "waits_for": None, "at": at}


def _expressions(to: TaskStatus) -> dict[str, ColumnElement[Any]]:
    """SQL expressions that a new status sets."""
    if to in ENDED:
        stamp = bindparam("stamp", type_=Double)
        lasted = stamp - func.coalesce(type_coerce(tasks.c.started_at, Double), stamp)
        return {"duration": to_microseconds(lasted)}
    if to is TaskStatus.PENDING:
        return {}
    if to is TaskStatus.QUEUED:
        again = case((one_of(tasks.c.status, ENDED), None), else_=tasks.c.started_at)
        return {"started_at": again, "turn": greatest(tasks.c.turn, func.coalesce(_round_of_the_queue(), 0))}
    return {"started_at": func.coalesce(tasks.c.started_at, bindparam("at", type_=UtcTime))}


def _round_of_the_queue() -> ColumnElement[Any]:
    queue = tasks.alias()
    in_it = (queue.c.status == literal_column("'queued'"), queue.c.waits_for.is_(None), queue.c.deleted_at.is_(None))
    query = select(func.min(queue.c.turn)).where(queue.c.provider == tasks.c.provider, *in_it)
    return query.scalar_subquery()


def _move_to(to: TaskStatus) -> Executable:
    guard = bindparam("guard", type_=BigInteger)
    lost = or_(guard.is_(None), tasks.c.attempt_id == guard)
    moved = update(tasks).where(_THE_TASK, one_of(tasks.c.status, sources(to)), _ALIVE, lost)
    return moved.values(_expressions(to)) if _expressions(to) else moved


# Frequent statements are compiled once.
_THE_TASK: Final = tasks.c.id == bindparam("the_task", type_=BigInteger)
_NOTE: Final = PreparedStatement(update(tasks).where(_THE_TASK))
_NOTE_OF_ATTEMPT: Final = PreparedStatement(
    update(tasks).where(
        _THE_TASK,
        tasks.c.status == TaskStatus.PROCESSING,
        tasks.c.attempt_id.is_not_distinct_from(bindparam("the_attempt", type_=BigInteger)),
        _ALIVE,
    )
)
_MOVES: Final = {status: PreparedStatement(_move_to(status)) for status in TaskStatus}
_CANCEL_UNSENT: Final = PreparedStatement(
    update(tasks)
    .where(among(tasks.c.id, bindparam("ids")), one_of(tasks.c.status, UNSENT), _ALIVE)
    .values(_expressions(TaskStatus.CANCELLED))
    .returning(tasks.c.id)
)
_MANY: Final = PreparedStatement(_SHOWN.where(among(tasks.c.id, bindparam("ids")), _ALIVE))
_WITH_DELETED: Final = PreparedStatement(_SHOWN.where(among(tasks.c.id, bindparam("ids"))))
_REVS_OF_SHOTS: Final = PreparedStatement(
    select(tasks.c.id, tasks.c.shot_id, tasks.c.rev, shots.c.number.label("shot"))
    .join_from(tasks, shots, shots.c.id == tasks.c.shot_id)
    .where(among(tasks.c.shot_id, bindparam("ids")), _ALIVE)
    .order_by(tasks.c.shot_id, tasks.c.take, tasks.c.id)
)
_STANDS: Final = PreparedStatement(
    select(tasks.c.id, tasks.c.rev, shots.c.number, tasks.c.attempt_id, attempts.c.rev.label("attempt_rev"))
    .join_from(tasks, shots, shots.c.id == tasks.c.shot_id)
    .outerjoin(attempts, attempts.c.id == tasks.c.attempt_id)
    .where(among(tasks.c.id, bindparam("ids")), _ALIVE)
)
_AFTER: Final = PreparedStatement(
    select(tasks.c.id)
    .where(tasks.c.id > bindparam("last"), unindexed(tasks.c.project_id) == bindparam("project"), _ALIVE)
    .order_by(tasks.c.id)
    .limit(500)
)
_HELD: Final = PreparedStatement(select(tasks.c.id).where(text(_ACTIVE)).order_by(tasks.c.id))
_TO_CANCEL: Final = PreparedStatement(select(tasks.c.id).where(text("cancel_requested"), _ALIVE))
_IN_TURN = (
    select(tasks.c.id, tasks.c.priority, tasks.c.turn)
    .where(
        tasks.c.provider == bindparam("provider"),
        literal_column(_CLAIMABLE),
        tasks.c.due_at.is_(None) | (tasks.c.due_at <= bindparam("at", type_=UtcTime)),
    )
    .order_by(tasks.c.priority.desc(), tasks.c.turn, tasks.c.id)
    .limit(bindparam("most", type_=BigInteger))
)
_NEXT: Final = PreparedStatement(
    _SHOWN.where(tasks.c.id.in_(_IN_TURN.with_only_columns(tasks.c.id))).order_by(
        tasks.c.priority.desc(), tasks.c.turn, tasks.c.id
    )
)
_NEXT_DUE: Final = PreparedStatement(
    select(func.min(tasks.c.due_at)).where(
        tasks.c.provider == bindparam("provider"),
        tasks.c.due_at > bindparam("at", type_=UtcTime),
        tasks.c.due_at.is_not(None),
        text(_IN_QUEUE),
    )
)
_ONE_OR_ALL = bindparam("project", type_=BigInteger)
_QUEUED: Final = PreparedStatement(
    select(task_counts.c.provider, func.sum(task_counts.c.n).label("n"))
    .where(
        task_counts.c.status == TaskStatus.QUEUED,
        task_counts.c.n > 0,
        or_(_ONE_OR_ALL.is_(None), task_counts.c.project_id == _ONE_OR_ALL),
    )
    .group_by(task_counts.c.provider)
)
_NEXT_IN_PROJECT: Final = PreparedStatement(
    _IN_TURN.where(tasks.c.project_id == bindparam("project", type_=BigInteger))
)
