"""Takes: finished videos. A take is hidden while its task is deleted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from sqlalchemy import ColumnElement, Executable, Row, Select, bindparam, case, func, or_, select, update

from vidgen_core.db.dialect import among, listed, upsert
from vidgen_core.db.repository import Repository, now, only
from vidgen_core.db.schema import shots, takes, tasks
from vidgen_core.domain.errors import NotFound
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.takes import SAME_FILE, CheckResult, Severity, Take, Verdict


@dataclass(frozen=True)
class NewTake:
    """A verified video file to be added as a take; the fields are those of ``Take``."""

    project_id: int
    shot_id: int
    task_id: int
    number: int
    folder: str
    file: str
    poster: str | None
    seconds: float
    width: int
    height: int
    bytes: int
    sha256: str
    provider: ProviderId
    model: str
    prompt: str = ""
    seed: int | None = None
    warnings: tuple[str, ...] = ()
    content: str | None = None
    parent_id: int | None = None


_EDITABLE = frozenset(
    {
        "folder",
        "file",
        "poster",
        "seconds",
        "width",
        "height",
        "bytes",
        "sha256",
        "content",
        "warnings",
        "trim_in",
        "trim_out",
    }
)
_COLUMNS = [column for column in takes.c if column.name not in ("rev", "was_chosen")]
_SOURCE = takes.join(tasks, tasks.c.id == takes.c.task_id).join(shots, shots.c.id == takes.c.shot_id)
_SHOWN = select(*_COLUMNS, (shots.c.chosen_take_id == takes.c.id).label("chosen")).select_from(_SOURCE)


def _those(*wanted: ColumnElement[bool]) -> Select[Any]:
    """Takes of tasks that are not deleted, in the order of their shots."""
    order = (shots.c.position, takes.c.number, takes.c.id)
    return _SHOWN.where(*wanted, tasks.c.deleted_at.is_(None)).order_by(*order)


def _add() -> Executable:
    new = upsert(takes)
    kept = {field.name: new.excluded[field.name] for field in fields(NewTake)} | {"rev": new.excluded.rev}
    again = new.on_conflict_do_update(
        index_elements=["task_id"], set_=kept | {"trim_in": None, "trim_out": None, "verdict": None, "checks": None}
    )
    return again.returning(takes.c.id)


# Frequent statements are compiled once.
_ADD: Final = _add()
_GET: Final = _SHOWN.where(takes.c.id == bindparam("the_take"))
_TWINS: Final = _SHOWN.where(
    or_(takes.c.sha256 == bindparam("sha"), takes.c.content == bindparam("the_content")),
    takes.c.task_id != bindparam("the_task"),
    tasks.c.deleted_at.is_(None),
).order_by(takes.c.id)
_OF_SHOTS = _those(among(takes.c.shot_id, bindparam("ids")))


def _take(row: Row[Any]) -> Take:
    lists = {"warnings": tuple(row.warnings or ()), "checks": tuple(row.checks or ())}
    return Take.model_validate(row._asdict() | lists | {"chosen": bool(row.chosen)})


class TakeRepository(Repository):
    def add(self, new: NewTake) -> Take:
        """Add a take. A task has one: another file replaces it, whose in and out points are its own."""
        return self.get(self.put(new))

    def put(self, new: NewTake) -> int:
        """As ``add``; returns the id alone."""
        values = asdict(new) | {"warnings": list(new.warnings), "rev": self.tx.rev, "created_at": now()}
        return int(self.tx.execute(_ADD, values).scalar_one())

    def get(self, take_id: int) -> Take:
        """Raises NotFound take_not_found."""
        row = self.tx.execute(_GET, {"the_take": take_id}).one_or_none()
        if row is None:
            raise NotFound("take_not_found", id=take_id)
        return _take(row)

    def _where(self, *wanted: ColumnElement[bool]) -> list[Take]:
        return [_take(row) for row in self.tx.execute(_those(*wanted))]

    def of_shots(self, shot_ids: Collection[int]) -> dict[int, list[Take]]:
        """Takes by shot, each list by number; every shot asked for is in it."""
        found: dict[int, list[Take]] = defaultdict(list)
        for row in self.tx.execute(_OF_SHOTS, {"ids": listed(shot_ids)}):
            found[row.shot_id].append(_take(row))
        return {shot_id: found[shot_id] for shot_id in shot_ids}

    def of_task(self, task_id: int) -> Take | None:
        row = self.tx.execute(_SHOWN.where(takes.c.task_id == task_id)).one_or_none()
        return None if row is None else _take(row)

    def twins(self, new: NewTake) -> list[Take]:
        """Takes of other tasks with the same bytes, or the same video in another file, the oldest first.

        The local renderer makes the same video from the same prompt, so those are not reported.
        """
        like = {"sha": new.sha256, "the_content": new.content, "the_task": new.task_id}
        found = [_take(row) for row in self.tx.execute(_TWINS, like)]
        return [take for take in found if take.prompt != new.prompt] if new.provider.is_free else found

    def unchecked(self, limit: int | None) -> list[Take]:
        """Takes without a verdict, the oldest first."""
        query = _SHOWN.where(takes.c.verdict.is_(None), tasks.c.deleted_at.is_(None))
        return [_take(row) for row in self.tx.execute(query.order_by(takes.c.id).limit(limit))]

    def earlier_twins(self, take: Take) -> int:
        """How many takes of other shots were there before with the same video."""
        same = takes.c.sha256 == take.sha256
        if take.content is not None:
            same = or_(same, takes.c.content == take.content)
        before = [takes.c.id < take.id, takes.c.task_id != take.task_id, tasks.c.deleted_at.is_(None)]
        if take.provider.is_free:
            before.append(takes.c.prompt != take.prompt)
        query = select(func.count()).select_from(_SOURCE).where(same, *before)
        return int(self.tx.execute(query).scalar_one())

    def judge(self, take: Take, verdict: Verdict | None, results: Collection[CheckResult]) -> bool:
        """Keep what the checks say of a take; None lets it be checked again. False: its file was replaced meanwhile."""
        warned = {one.code for one in results if one.severity is not Severity.PASS}
        own = {one.code for one in results} | {one.code for one in take.checks}
        # What was noticed otherwise stays: that an earlier take has the same video is no result of its own check.
        warnings = [code for code in take.warnings if code not in own or code == SAME_FILE]
        warnings += sorted(warned.difference(warnings))
        kept = [one.model_dump(mode="json") for one in results]
        changed = self.tx.execute(
            update(takes)
            .where(takes.c.id == take.id, takes.c.sha256 == take.sha256)
            .values(verdict=verdict, checks=kept, warnings=warnings, rev=self.tx.rev)
        )
        if changed.rowcount:
            self.tx.execute(update(tasks).where(tasks.c.id == take.task_id).values(verdict=verdict, rev=self.tx.rev))
        return bool(changed.rowcount)

    def acceptance(self) -> dict[tuple[str, str], tuple[int, int]]:
        """By provider and model: takes that passed, and takes that were checked; those of deleted tasks are left out."""
        passed = func.sum(case((tasks.c.verdict == Verdict.PASS, 1), else_=0)).label("passed")
        query = select(tasks.c.provider, tasks.c.model, passed, func.count().label("n")).where(
            tasks.c.verdict.is_not(None), tasks.c.deleted_at.is_(None)
        )
        rows = self.tx.execute(query.group_by(tasks.c.provider, tasks.c.model))
        return {(row.provider, row.model): (int(row.passed), int(row.n)) for row in rows}

    def uncheck(self, project_id: int | None) -> int:
        """Let every take be checked again; returns how many."""
        wanted = [] if project_id is None else [takes.c.project_id == project_id]
        changed = self.tx.execute(update(takes).where(*wanted).values(verdict=None, rev=self.tx.rev))
        return changed.rowcount

    def chosen(self, project_id: int) -> list[Take]:
        """The chosen takes in shot order."""
        return self._where(
            shots.c.project_id == project_id,
            shots.c.deleted_at.is_(None),
            shots.c.chosen_take_id == takes.c.id,
        )

    def reject(self, take_id: int, reason: str | None) -> None:
        """Reject a take with a reason, which may be empty; None undoes that."""
        self._set(take_id, {"rejected": reason})

    def update(self, take_id: int, **columns: Any) -> None:
        self._set(take_id, only(columns, _EDITABLE))

    def _set(self, take_id: int, values: dict[str, Any]) -> None:
        if "warnings" in values:
            values = values | {"warnings": list(values["warnings"])}
        changed = self.tx.execute(update(takes).where(takes.c.id == take_id).values(**values, rev=self.tx.rev))
        if not changed.rowcount:
            raise NotFound("take_not_found", id=take_id)
