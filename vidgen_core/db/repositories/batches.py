"""Groups of tasks and shots: batches and their ends, orders that draw until a take passes, and chains of shots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)

from vidgen_core.db.dialect import among
from vidgen_core.db.prepared import PreparedStatement
from vidgen_core.db.repository import Repository, failure_of
from vidgen_core.db.schema.library import projects, shots
from vidgen_core.db.schema.queue import attempts, draws, tasks
from vidgen_core.db.schema.sums import batches
from vidgen_core.domain.money import OWED, Money
from vidgen_core.domain.providers import BillableParty, billable_party
from vidgen_core.domain.tasks import ChainLink, Draw, DrawState, Failure, TaskKind, TaskStatus, UntilPass

#: Exactly as in the partial index.
_UNNOTIFIED: Final = "notified_at IS NULL AND live = 0 AND ended > 0"


@dataclass(frozen=True)
class BatchPart:
    """Tasks of a batch with the same result: how many, and the names and failures of the first."""

    n: int
    first: tuple[tuple[str, Failure | None], ...]


@dataclass(frozen=True)
class BatchEnd:
    """The result of a batch. ``failed`` includes tasks cancelled after they were sent."""

    batch: int
    project: str
    done: BatchPart
    failed: BatchPart
    never_submitted: BatchPart

    @property
    def n(self) -> int:
        return self.done.n + self.failed.n + self.never_submitted.n


def _sent() -> ColumnElement[bool]:
    return exists().where(attempts.c.task_id == tasks.c.id, attempts.c.intent_at.is_not(None))


def _name(row: Row[Any]) -> str:
    return f"{row.number}-{'p' if row.output == TaskKind.IMAGE else 'v'}{row.take}"


class BatchRepository(Repository):
    def unnotified(self) -> list[int]:
        """Batches that have ended without a notification, the oldest first."""
        query = select(batches.c.batch).where(text(_UNNOTIFIED)).order_by(batches.c.batch)
        return list(self.tx.execute(query).scalars())

    def mark_notified(self, batch: int, at: datetime) -> bool:
        """Record that a notification is being sent; False when one was sent before, so that nobody gets two."""
        first = update(batches).where(batches.c.batch == batch, batches.c.notified_at.is_(None))
        return self.tx.execute(first.values(notified_at=at)).rowcount == 1

    def end(self, batch: int, most: int) -> BatchEnd:
        """The result of a batch, with at most ``most`` tasks in each list."""
        cancelled, completed = tasks.c.status == TaskStatus.CANCELLED, tasks.c.status == TaskStatus.COMPLETED
        failed = or_(tasks.c.status == TaskStatus.FAILED, and_(cancelled, _sent()))
        never = or_(tasks.c.status == TaskStatus.PENDING, and_(cancelled, ~_sent()))
        project = select(projects.c.name).join(batches, batches.c.project_id == projects.c.id)
        name = self.tx.execute(project.where(batches.c.batch == batch)).scalar()
        lists = [self._part(batch, which, most) for which in (completed, failed, never)]
        return BatchEnd(batch, name or "", *lists)

    def _part(self, batch: int, which: ColumnElement[bool], most: int) -> BatchPart:
        these = (tasks.c.batch == batch, tasks.c.deleted_at.is_(None), which)
        n = int(self.tx.execute(select(func.count()).select_from(tasks).where(*these)).scalar_one())
        query: Any = select(shots.c.number, tasks.c.output, tasks.c.take, tasks.c.failure)
        query = query.join_from(tasks, shots, shots.c.id == tasks.c.shot_id).where(*these)
        rows = self.tx.execute(query.order_by(tasks.c.shot_position, tasks.c.take).limit(most))
        return BatchPart(n, tuple((_name(row), failure_of(row.failure)) for row in rows))


class DrawRepository(Repository):
    """Shots that are drawn until a take passes."""

    def begin(
        self,
        project_id: int,
        shot_ids: Collection[int],
        until: UntilPass,
        ceiling: Money,
        options: dict[str, Any],
        state: DrawState = DrawState.DRAWING,
    ) -> int:
        """Begin an order; returns its number.

        :param state: any but ``DRAWING``: nothing more is drawn, and its tasks share the ceiling
        """
        draw = int(self.tx.execute(select(func.max(draws.c.draw))).scalar() or 0) + 1
        shared = {
            "draw": draw,
            "project_id": project_id,
            "state": state,
            "most": until.most,
            "at_once": until.at_once,
            "again_on": until.again_on,
            "ceiling": ceiling.amount,
            "currency": ceiling.currency,
            "options": options,
            "created_at": self.tx.now(),
        }
        self.tx.execute(insert(draws), [{**shared, "shot_id": shot_id} for shot_id in shot_ids])
        return draw

    def open(self) -> list[Draw]:
        """Those that are being drawn, the oldest first."""
        return self._where(draws.c.state == DrawState.DRAWING)

    def of_shots(self, shot_ids: Collection[int]) -> dict[int, Draw]:
        """The last order of each shot that has one."""
        return {one.shot_id: one for one in self._where(among(draws.c.shot_id, shot_ids))}

    def of_order(self, draw: int) -> list[Draw]:
        return self._where(draws.c.draw == draw)

    def ceiling(self, draw: int) -> Money | None:
        """What an order may cost; None: there is no such order."""
        query = select(draws.c.ceiling, draws.c.currency).where(draws.c.draw == draw).limit(1)
        row = self.tx.execute(query).one_or_none()
        return None if row is None else Money(amount=row.ceiling, currency=row.currency)

    def set_state(self, one: Draw, state: DrawState, reason: str = "") -> None:
        """End the drawing of a shot, or go on with it."""
        _ = self.tx.rev
        this = update(draws).where(draws.c.draw == one.draw, draws.c.shot_id == one.shot_id)
        self.tx.execute(this.values(state=state, reason=reason))
        self.tx.execute(update(shots).where(shots.c.id == one.shot_id).values(changed_rev=self.tx.rev))

    def resume(self, task_ids: Collection[int], reasons: Collection[str]) -> None:
        """Go on with what was stopped for some reasons, where draws of it are made again after all."""
        again = select(tasks.c.draw, tasks.c.shot_id).where(among(tasks.c.id, task_ids), tasks.c.draw.is_not(None))
        for draw, shot_id in {(row.draw, row.shot_id) for row in self.tx.execute(again)}:
            for one in self._where(draws.c.draw == draw, draws.c.shot_id == shot_id):
                if one.state is DrawState.STOPPED and one.reason in reasons:
                    self.set_state(one, DrawState.DRAWING)

    def committed(self, draw: int) -> dict[BillableParty, list[Money]]:
        """What is or may be owed for an order, by provider; money set aside is included."""
        cost = func.sum(attempts.c.cost).label("cost")
        query = select(attempts.c.provider, attempts.c.cost_currency, cost).join(
            tasks, tasks.c.id == attempts.c.task_id
        )
        query = query.where(tasks.c.draw == draw, attempts.c.charge.in_(sorted(OWED)), attempts.c.cost.is_not(None))
        found: dict[BillableParty, list[Money]] = defaultdict(list)
        for row in self.tx.execute(query.group_by(attempts.c.provider, attempts.c.cost_currency)):
            found[billable_party(row.provider)].append(Money(amount=row.cost, currency=row.cost_currency))
        return dict(found)

    def unsent(self, draw: int) -> dict[BillableParty, list[Money]]:
        """What the draws of an order will cost that are queued and not sent."""
        waiting = (TaskStatus.PENDING, TaskStatus.QUEUED)
        query = select(tasks.c.provider, tasks.c.cost_currency, func.sum(tasks.c.cost).label("cost")).where(
            tasks.c.draw == draw, tasks.c.status.in_(waiting), tasks.c.cost.is_not(None), tasks.c.deleted_at.is_(None)
        )
        found: dict[BillableParty, list[Money]] = defaultdict(list)
        for row in self.tx.execute(query.group_by(tasks.c.provider, tasks.c.cost_currency)):
            found[billable_party(row.provider)].append(Money(amount=row.cost, currency=row.cost_currency))
        return dict(found)

    def task_ids(self, one: Draw) -> list[int]:
        """The draws of a shot in their order, deleted ones included: they were paid for."""
        query = select(tasks.c.id).where(tasks.c.draw == one.draw, tasks.c.shot_id == one.shot_id)
        return list(self.tx.execute(query.order_by(tasks.c.id)).scalars())

    def _where(self, *wanted: ColumnElement[bool]) -> list[Draw]:
        query = select(draws).where(*wanted).order_by(draws.c.draw, draws.c.shot_id)
        return [_draw(row) for row in self.tx.execute(query)]


def _draw(row: Row[Any]) -> Draw:
    return Draw(
        draw=row.draw,
        shot_id=row.shot_id,
        project_id=row.project_id,
        state=row.state,
        reason=row.reason,
        until=UntilPass(most=row.most, at_once=row.at_once, again_on=row.again_on, ceiling=row.ceiling),
        ceiling=Money(amount=row.ceiling, currency=row.currency),
        options=row.options or {},
        created_at=row.created_at,
    )


@dataclass(frozen=True)
class WaitingTask:
    """A task that waits for a take of the shot before it."""

    id: int
    shot_id: int
    status: TaskStatus
    failure: Failure | None
    draw: int | None
    #: A person has said yes to what speaks against the take that it goes on from.
    anyway: bool
    #: The shot before it is under way and has no take yet, so that nothing can have changed.
    sits: bool


def _in_chains(project_id: int) -> tuple[ColumnElement[Any], ...]:
    # Exactly as in the partial index.
    named: ColumnElement[Any] = literal_column("chain <> ''")
    return shots.c.project_id == project_id, shots.c.deleted_at.is_(None), named


_WAITING: Final = PreparedStatement(
    select(
        *(tasks.c[name] for name in ("id", "shot_id", "status", "failure", "draw", "params")),
        and_(shots.c.completed_count == 0, shots.c.live_count > 0).label("sits"),
    )
    .join_from(tasks, shots, shots.c.id == tasks.c.waits_for)
    # Exactly as in the partial index.
    .where(
        literal_column(
            "tasks.waits_for IS NOT NULL AND tasks.status IN ('pending', 'queued') AND tasks.deleted_at IS NULL"
        )
    )
    .order_by(tasks.c.shot_position, tasks.c.id)
)
_ANY: Final = PreparedStatement(
    select(exists().where(shots.c.follows.is_not(None), shots.c.project_id == bindparam("project")))
)


class ShotChainRepository(Repository):
    """Which shot follows which: the shots of a chain in the order of the storyboard, whatever stands between them."""

    def relink(self, project_id: int) -> list[int]:
        """Let ``follows`` of every shot be the one before it in its chain; returns the ids of those that changed.

        What waits in the queue waits for the new one from here on.
        """
        alive = _in_chains(project_id)
        order = (shots.c.position, shots.c.id)
        before = func.lag(shots.c.id).over(partition_by=shots.c.chain, order_by=order)
        rows = self.tx.execute(select(shots.c.id, before.label("before")).where(*alive))
        wanted: dict[int, int | None] = {row.id: row.before for row in rows}
        had = select(shots.c.id, shots.c.follows).where(shots.c.follows.is_not(None), shots.c.project_id == project_id)
        now_so = {row.id: row.follows for row in self.tx.execute(had)}
        changed = [one for one in wanted.keys() | now_so.keys() if wanted.get(one) != now_so.get(one)]
        self.tx.forget(("chains", project_id))
        for shot_id in changed:
            follows = wanted.get(shot_id)
            self.tx.execute(update(shots).where(shots.c.id == shot_id).values(follows=follows, changed_rev=self.tx.rev))
            waiting = (tasks.c.shot_id == shot_id, tasks.c.status.in_((TaskStatus.PENDING, TaskStatus.QUEUED)))
            kept = select(tasks.c.id, tasks.c.params).where(*waiting, tasks.c.output == TaskKind.VIDEO)
            # What is made from a take waits for no other.
            ids = [row.id for row in self.tx.execute(kept) if not row.params.get("parent")]
            values = {"waits_for": follows, "rev": self.tx.rev}
            self.tx.execute(update(tasks).where(among(tasks.c.id, ids)).values(values))
        return sorted(changed)

    def shots(self, project_id: int, chain: str | None = None) -> list[int]:
        """Ids of the shots that are in chains, or in one, in the order of the storyboard."""
        alive: list[ColumnElement[Any]] = [*_in_chains(project_id)]
        if chain is not None:
            alive.append(shots.c.chain == chain)
        return list(self.tx.execute(select(shots.c.id).where(*alive).order_by(shots.c.position, shots.c.id)).scalars())

    def any(self, project_id: int) -> bool:
        """Whether any shot of a project follows another one; asked once in a transaction."""
        return self.tx.known(
            ("chains", project_id), lambda: bool(self.tx.execute(_ANY, {"project": project_id}).scalar())
        )

    def after(self, shot_id: int) -> int | None:
        """The shot that follows it."""
        query = select(shots.c.id).where(shots.c.follows == shot_id, shots.c.deleted_at.is_(None))
        return self.tx.execute(query).scalar()

    def name(self, project_id: int, names: dict[int, str]) -> list[int]:
        """Put shots into chains, or out of them with an empty name; returns the ids of those that follow another one now."""
        for shot_id, chain in names.items():
            values = {"chain": chain, "rev": self.tx.rev, "changed_rev": self.tx.rev}
            self.tx.execute(update(shots).where(shots.c.id == shot_id).values(values))
        return self.relink(project_id)

    def waiting(self) -> list[WaitingTask]:
        """Tasks that wait for a shot of their chain, in the order of the storyboard."""
        return [
            WaitingTask(
                id=row.id,
                shot_id=row.shot_id,
                status=TaskStatus(row.status),
                failure=failure_of(row.failure),
                draw=row.draw,
                anyway=bool((row.params.get("link") or {}).get("anyway")),
                sits=bool(row.sits),
            )
            for row in self.tx.execute(_WAITING)
        ]

    def pending(self, shot_ids: Collection[int]) -> set[int]:
        """Shots with videos that are kept until somebody starts them."""
        kept = (tasks.c.status == TaskStatus.PENDING, tasks.c.output == TaskKind.VIDEO, tasks.c.deleted_at.is_(None))
        query = select(tasks.c.shot_id).where(among(tasks.c.shot_id, shot_ids), *kept)
        return set(self.tx.execute(query).scalars())

    def made_from(self, shot_ids: Collection[int]) -> dict[int, tuple[ChainLink | None, str | None]]:
        """By task: what the first frames of videos of shots came from, and what was done with a finished take."""
        query = select(tasks.c.id, tasks.c.params).where(
            among(tasks.c.shot_id, shot_ids), tasks.c.output == TaskKind.VIDEO
        )
        found: dict[int, tuple[ChainLink | None, str | None]] = {}
        for row in self.tx.execute(query):
            link, parent = row.params.get("link"), row.params.get("parent")
            if link or parent:
                verb = parent["verb"] if parent else None
                found[row.id] = (ChainLink.model_validate(link) if link else None, verb)
        return found
