"""Candidates: pictures of a shot, one of which is its reference image.

The row of a shot names its reference image; the candidate with the same picture is the chosen one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, or_, select, update

from vidgen_core.db.dialect import among, listed, upsert
from vidgen_core.db.repository import Repository
from vidgen_core.db.schema.library import candidates, shots
from vidgen_core.db.schema.queue import tasks
from vidgen_core.domain.errors import NotFound
from vidgen_core.domain.shots import NewCandidate, PictureCandidate, Shot
from vidgen_core.domain.tasks import TaskKind

_COLUMNS = [column for column in candidates.c if column.name != "rev"]
# Compared by content; a picture that is only a link, by the link.
_CHOSEN = or_(
    candidates.c.image == shots.c.image,
    candidates.c.image.is_(None) & shots.c.image.is_(None) & (candidates.c.image_url == shots.c.image_url),
)
_SHOWN = (
    select(*_COLUMNS, func.coalesce(_CHOSEN, False).label("chosen"))
    .join_from(candidates, shots, shots.c.id == candidates.c.shot_id)
    .outerjoin(tasks, tasks.c.id == candidates.c.task_id)
    .where(tasks.c.deleted_at.is_(None))
)


def _those(*wanted: ColumnElement[bool]) -> Select[Any]:
    """In the order of their numbers within their shots."""
    return _SHOWN.where(*wanted).order_by(candidates.c.shot_id, candidates.c.number, candidates.c.id)


_OF_SHOTS = _those(among(candidates.c.shot_id, bindparam("ids")))


def _candidate(row: Row[Any]) -> PictureCandidate:
    read = {"chosen": bool(row.chosen), "warnings": tuple(row.warnings or ())}
    return PictureCandidate.model_validate(row._asdict() | read)


class CandidateRepository(Repository):
    def add(self, new: NewCandidate) -> PictureCandidate:
        """Add a candidate. A task has one: another picture replaces it."""
        values = {**new.model_dump(), "warnings": list(new.warnings), "rev": self.tx.rev}
        statement = upsert(candidates).values(**values, created_at=self.tx.now())
        again = statement.on_conflict_do_update(index_elements=["task_id"], set_=values).returning(candidates.c.id)
        return self.get(self.tx.execute(again).scalar_one())

    def get(self, candidate_id: int) -> PictureCandidate:
        """Raises NotFound candidate_not_found, also while its task is deleted."""
        found = self._where(candidates.c.id == candidate_id)
        if not found:
            raise NotFound("candidate_not_found", id=candidate_id)
        return found[0]

    def of_task(self, task_id: int) -> PictureCandidate | None:
        return next(iter(self._where(candidates.c.task_id == task_id)), None)

    def of_shots(self, shot_ids: Collection[int]) -> dict[int, list[PictureCandidate]]:
        """Candidates by shot, each list by number; every shot asked for is in it."""
        found: dict[int, list[PictureCandidate]] = defaultdict(list)
        for row in self.tx.execute(_OF_SHOTS, {"ids": listed(shot_ids)}):
            found[row.shot_id].append(_candidate(row))
        return {shot_id: found[shot_id] for shot_id in shot_ids}

    def keep_current(self, shot: Shot) -> None:
        """Keep the present reference image as a candidate before another one replaces it."""
        if shot.image is None and shot.image_url is None:
            return
        if not any(one.chosen for one in self._where(candidates.c.shot_id == shot.id)):
            number = self._next_number(shot.id)
            self.add(
                NewCandidate(
                    project_id=shot.project_id,
                    shot_id=shot.id,
                    number=number,
                    image=shot.image,
                    image_url=shot.image_url,
                )
            )

    def _next_number(self, shot_id: int) -> int:
        """The number of the shot's next candidate; uploaded pictures share the numbers of generated ones."""
        generated = select(func.max(tasks.c.take)).where(tasks.c.shot_id == shot_id, tasks.c.output == TaskKind.IMAGE)
        used = (self.tx.execute(generated).scalar(), self.last_numbers([shot_id]).get(shot_id))
        return 1 + max(number or 0 for number in used)

    def reject(self, candidate_id: int, rejected: bool = True) -> None:
        """Reject a candidate, or undo that."""
        self.get(candidate_id)
        one = update(candidates).where(candidates.c.id == candidate_id)
        self.tx.execute(one.values(rejected=rejected, rev=self.tx.rev))

    def last_numbers(self, shot_ids: Collection[int]) -> dict[int, int]:
        """The highest number in use by shot, hidden ones counted; shots without candidates are left out."""
        highest = select(candidates.c.shot_id, func.max(candidates.c.number).label("number"))
        query = highest.where(among(candidates.c.shot_id, shot_ids)).group_by(candidates.c.shot_id)
        return {row.shot_id: int(row.number) for row in self.tx.execute(query)}

    def _where(self, *wanted: ColumnElement[bool]) -> list[PictureCandidate]:
        return [_candidate(row) for row in self.tx.execute(_those(*wanted))]
