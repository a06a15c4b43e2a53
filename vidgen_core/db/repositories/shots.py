"""Shots of a project, in their order."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, count
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from vidgen_core.db import keyset
from vidgen_core.db.dialect import among, contains, listed
from vidgen_core.db.repositories.batches import ShotChainRepository
from vidgen_core.db.repositories.scripts import PromptVersionRepository
from vidgen_core.db.repositories.tasks import TaskRepository
from vidgen_core.db.repository import Repository, only, search_text
from vidgen_core.db.schema.library import SHOT_STATES, SHOT_TRAITS, shots, takes
from vidgen_core.db.schema.queue import tasks
from vidgen_core.db.schema.sums import shot_counts
from vidgen_core.domain.errors import NotFound, Refused
from vidgen_core.domain.queries import Page, ShotFilter, ShotSort
from vidgen_core.domain.shots import Author, NewShot, Shot, ShotContent, ShotParams, ShotReference
from vidgen_core.domain.tasks import TaskStatus

#: Gap between two neighbours in the order, so that a move changes one row.
GAP: Final = 1 << 32

_EDITABLE: Final = frozenset({"number", "identity", *ShotContent.model_fields})


_COLUMNS = [column for column in shots.c if column.name not in ("identity", "search_text", "changed_rev", "deleted_at")]

_MANY = select(*_COLUMNS).where(among(shots.c.id, bindparam("ids")), shots.c.deleted_at.is_(None))


def _shot(row: Row[Any]) -> Shot:
    return Shot.model_validate(row._asdict())


_REFERENCES: Final = TypeAdapter(tuple[ShotReference, ...])


def _references(pictures: Any) -> Any:
    return _REFERENCES.dump_python(_REFERENCES.validate_python(pictures), mode="json", exclude_none=True)


#: The texts of a shot that are searched.
_SEARCHED: Final = ("number", "prompt", "script", "picture_prompt")


def _wanted(project_id: int, where: ShotFilter) -> list[ColumnElement[Any]]:
    # Exactly as in the partial indexes, or SQLite would not use them.
    wanted: list[ColumnElement[Any]] = [shots.c.project_id == project_id, literal_column(SHOT_STATES[where.state])]
    if where.text:
        wanted.append(contains(shots.c.search_text, where.text.strip().casefold()))
    return wanted


#: Under way, failed, to review, without takes, chosen.
_BY_STATE: Final = case(
    (shots.c.live_count > 0, 0),
    (shots.c.chosen_take_id.is_not(None), 4),
    (shots.c.completed_count > 0, 2),
    (shots.c.failed_count > 0, 1),
    else_=3,
)
#: What orders come before the position, and whether they fall.
_SORTS: Final[dict[ShotSort, tuple[ColumnElement[Any], bool]]] = {
    "state": (_BY_STATE, False),
    "takes": (shots.c.completed_count, True),
    "changed": (shots.c.changed_rev, True),
}
_ORDER: Final = (shots.c.position, shots.c.id)


def _after(keys: Sequence[ColumnElement[Any]], last: Sequence[Any], *, falls: bool) -> ColumnElement[bool]:
    parts = [and_(keys[0] == last[0], part) for part in keyset.parts_after(keys[1:], last[1:])]
    # The first condition is what an index is read by.
    begin, beyond = (keys[0] <= last[0], keys[0] < last[0]) if falls else (keys[0] >= last[0], keys[0] > last[0])
    return and_(begin, or_(*parts, beyond))


class ShotRepository(Repository):
    def add(self, project_id: int, new: list[NewShot]) -> list[Shot]:
        """Append shots to the project's order."""
        if not new:
            return []
        numbers = self._numbers(project_id, [shot.number for shot in new if shot.number])
        last = self.tx.execute(select(func.max(shots.c.position)).where(shots.c.project_id == project_id)).scalar() or 0
        rows = [
            self._row(project_id, shot, shot.number or next(numbers), last + GAP * place)
            for place, shot in enumerate(new, start=1)
        ]
        self.tx.execute(insert(shots), rows)
        if any(shot.chain for shot in new):
            self._relink(project_id)
        query = select(*_COLUMNS).where(shots.c.project_id == project_id, shots.c.position > last)
        added = [_shot(row) for row in self.tx.execute(query.order_by(shots.c.position))]
        authors = ((given.author, given.writer) for given in new)
        PromptVersionRepository(self.tx).add_first(
            (shot.id, shot.prompt, *by) for shot, by in zip(added, authors, strict=True)
        )
        return added

    def _numbers(self, project_id: int, given: list[str]) -> Iterator[str]:
        """``n.0`` for every n above the highest in use or given."""
        used = self.tx.execute(select(shots.c.number).where(shots.c.project_id == project_id)).scalars()
        whole = (int(match[0]) for number in chain(used, given) if (match := re.match(r"\d{1,9}", number)))
        return (f"{n}.0" for n in count(max(whole, default=0) + 1))

    def _row(self, project_id: int, shot: NewShot, number: str, position: int) -> dict[str, Any]:
        return {
            **shot.model_dump(exclude={"author", "writer"}),
            "references": _references(shot.references),
            "params": shot.params.model_dump(mode="json", exclude_none=True),
            "project_id": project_id,
            "number": number,
            "position": position,
            "search_text": search_text(number, shot.prompt, shot.script, shot.picture_prompt),
            "rev": self.tx.rev,
            "changed_rev": self.tx.rev,
            "created_at": self.tx.now(),
        }

    def get(self, shot_id: int) -> Shot:
        """Raises NotFound shot_not_found, also for a deleted one."""
        found = self.many([shot_id])
        if not found:
            raise NotFound("shot_not_found", id=shot_id)
        return found[0]

    def many(self, ids: Collection[int]) -> list[Shot]:
        """Those that exist, in the order of ``ids``."""
        found = {row.id: _shot(row) for row in self.tx.execute(_MANY, {"ids": listed(ids)})}
        return [found[shot_id] for shot_id in ids if shot_id in found]

    def by_number(self, project_id: int, number: str) -> Shot | None:
        """The first in order that has this number."""
        query = (
            select(*_COLUMNS)
            .where(shots.c.project_id == project_id, shots.c.number == number, shots.c.deleted_at.is_(None))
            .order_by(shots.c.position)
            .limit(1)
        )
        row = self.tx.execute(query).one_or_none()
        return None if row is None else _shot(row)

    def all(self, project_id: int) -> list[Shot]:
        """All shots of a project, in their order."""
        query = select(*_COLUMNS).where(*_wanted(project_id, ShotFilter())).order_by(shots.c.position, shots.c.id)
        return [_shot(row) for row in self.tx.execute(query)]

    def page(
        self,
        project_id: int,
        where: ShotFilter,
        limit: int,
        after: str | None = None,
        skip: int = 0,
        sort: ShotSort = "order",
    ) -> Page[Shot]:
        """A part of the shots; ``after`` and ``skip`` as for tasks.

        :raises InputError: page_mark_unknown
        """
        wanted, total = _wanted(project_id, where), self.count(project_id, where)
        if sort == "number":
            return self._numbered(wanted, limit, after, skip, total)
        key, falls = _SORTS.get(sort, (None, False))
        keys = _ORDER if key is None else (key, *_ORDER)
        if after is not None:
            wanted.append(_after(keys, keyset.keys_of(after, sort, keys), falls=falls))
        first = () if key is None else (key.label("key"),)
        order = (*(one.desc() if falls else one for one in first), *_ORDER)
        query = select(*_COLUMNS, *first).where(*wanted).order_by(*order).limit(limit + 1)
        rows = [row._asdict() for row in self.tx.execute(query.offset(skip) if skip else query)]
        marks = [[row.pop(one.name) for one in first] + [row["position"], row["id"]] for row in rows]
        more = keyset.mark_of(sort, marks[limit - 1]) if len(rows) > limit else None
        return Page([Shot.model_validate(row) for row in rows[:limit]], total, next=more)

    def _numbered(
        self, wanted: list[ColumnElement[Any]], limit: int, after: str | None, skip: int, total: int
    ) -> Page[Shot]:
        """In the order of numbers as people read them, which no database can: 1.2 before 1.10."""
        from natsort import natsort_keygen

        keys = (shots.c.number, *_ORDER)
        natural = natsort_keygen(key=lambda row: row[0])
        found = [((natural(row), *row[1:]), row) for row in self.tx.execute(select(*keys).where(*wanted)).all()]
        if after is not None:
            last = keyset.keys_of(after, "number", keys)
            found = [one for one in found if one[0] > (natural(last), *last[1:])]
        rows = [row for _, row in sorted(found)[skip : skip + limit + 1]]
        more = keyset.mark_of("number", rows[limit - 1]) if len(rows) > limit else None
        return Page(self.many([row.id for row in rows[:limit]]), total, next=more)

    def count(self, project_id: int, where: ShotFilter) -> int:
        """Number of shots that match; constant time without a text."""
        if not where.text:
            return self.counts(project_id)[where.state]
        query = select(func.count()).select_from(shots).where(*_wanted(project_id, where))
        return int(self.tx.execute(query).scalar_one())

    def counts(self, project_id: int) -> dict[str, int]:
        """Number of shots with each of ``SHOT_TRAITS``; constant time."""
        query = select(shot_counts.c.traits, shot_counts.c.n).where(shot_counts.c.project_id == project_id)
        rows = [(int(row.traits), int(row.n)) for row in self.tx.execute(query)]
        return {trait: sum(n for traits, n in rows if traits >> bit & 1) for bit, trait in enumerate(SHOT_TRAITS)}

    def ids(self, project_id: int, where: ShotFilter = ShotFilter(), limit: int | None = None) -> list[int]:
        query = select(shots.c.id).where(*_wanted(project_id, where)).order_by(shots.c.position, shots.c.id)
        return list(self.tx.execute(query.limit(limit)).scalars())

    def edit(
        self,
        shot_id: int,
        changes: dict[str, Any],
        rev: int | None = None,
        author: Author = Author.HUMAN,
        writer: str = "",
    ) -> Shot:
        """Change fields of the shot; a new prompt, or negative prompt, is kept as a version.

        :param author: who wrote the prompt that is among the changes
        :param rev: the shot's ``rev`` as the editor saw it; Refused edited_elsewhere when it is another by now.
        """
        shot = self.get(shot_id)
        if rev is not None and rev != shot.rev:
            raise Refused("edited_elsewhere", shot=shot.number)
        values = dict(only(changes, _EDITABLE))
        if "params" in values:
            values["params"] = ShotParams.model_validate(values["params"]).model_dump(mode="json", exclude_none=True)
        if "references" in values:
            values["references"] = _references(values["references"])
        texts = (str(values.get(name, getattr(shot, name))) for name in _SEARCHED)
        values |= {"search_text": search_text(*texts), "rev": self.tx.rev, "changed_rev": self.tx.rev}
        self.tx.execute(update(shots).where(shots.c.id == shot_id).values(values))
        if values.get("chain", shot.chain) != shot.chain:
            self._relink(shot.project_id)
        after = self.get(shot_id)
        self._keep_prompt(shot, after, author, writer)
        if values.get("number", shot.number) != shot.number:
            TaskRepository(self.tx).update_search_text(shot_id, values["number"])
        return after

    def _keep_prompt(self, before: Shot, after: Shot, author: Author, writer: str) -> None:
        """Keep the words of a shot as a version where an edit has changed them, and those before it."""
        old, new = (shot.params.negative_prompt or "" for shot in (before, after))
        if (before.prompt, old) == (after.prompt, new):
            return
        versions = PromptVersionRepository(self.tx)
        used = versions.in_use({before.id: before.prompt}).get(before.id) if before.prompt else None
        if before.prompt and used is None:
            # The prompt has no version yet: it could not be restored otherwise.
            used = versions.add(before.id, before.prompt, Author.HUMAN, negative=old)
        if after.prompt == before.prompt and used is not None:
            # Who wrote the prompt stays who wrote it.
            author, writer = used.author, used.writer
        if after.prompt:
            versions.add(after.id, after.prompt, author, writer, new)

    def move(self, shot_id: int, before: int | None) -> int | None:
        """Move the shot before another one of its project; None moves it to the end.

        :returns: the shot that followed it until now, which undoes the move
        """
        shot = self.get(shot_id)
        after = self._next(shot)
        if before in (shot_id, after):
            return after
        if before is not None and self.get(before).project_id != shot.project_id:
            raise NotFound("shot_not_found", id=before)
        low, high = self._gap(shot, before)
        if high - low < 2:
            self._spread(shot.project_id)
            low, high = self._gap(shot, before)
        self._set(shot_id, position=(low + high) // 2)
        self._relink(shot.project_id)
        return after

    def reorder(self, project_id: int, ids: Sequence[int]) -> None:
        """Give the shots of a project the order of ``ids``, which names all of them; only what moved is changed."""
        before = {shot.id: shot.position for shot in self.many(ids) if shot.project_id == project_id}
        for place, shot_id in enumerate(ids, start=1):
            if before.get(shot_id) not in (None, GAP * place):
                self._set(shot_id, position=GAP * place)
        self._relink(project_id)

    def _relink(self, project_id: int) -> None:
        ShotChainRepository(self.tx).relink(project_id)

    def _next(self, shot: Shot) -> int | None:
        order = (shots.c.position, shots.c.id)
        behind = tuple_(*order) > tuple_(shot.position, shot.id)
        alive = (shots.c.project_id == shot.project_id, shots.c.deleted_at.is_(None))
        return self.tx.execute(select(shots.c.id).where(*alive, behind).order_by(*order).limit(1)).scalar()

    def _gap(self, shot: Shot, before: int | None) -> tuple[int, int]:
        """The free range of positions before ``before``; it may contain the shot itself."""
        others = (shots.c.project_id == shot.project_id, shots.c.id != shot.id)
        highest = select(func.max(shots.c.position)).where(*others)
        if before is None:
            low = self.tx.execute(highest).scalar() or 0
            return low, low + 2 * GAP
        high = self.get(before).position
        return self.tx.execute(highest.where(shots.c.position < high)).scalar() or 0, high

    def _spread(self, project_id: int) -> None:
        order = select(shots.c.id).where(shots.c.project_id == project_id).order_by(shots.c.position, shots.c.id)
        for place, shot_id in enumerate(list(self.tx.execute(order).scalars()), start=1):
            self.tx.execute(update(shots).where(shots.c.id == shot_id).values(position=GAP * place))

    def choose(self, shot_id: int, take_id: int | None) -> None:
        """Choose a take of the shot; None clears the choice. Raises NotFound take_not_found."""
        self.get(shot_id)
        if take_id is not None:
            of_shot = select(takes.c.id).where(takes.c.id == take_id, takes.c.shot_id == shot_id)
            if self.tx.execute(of_shot).one_or_none() is None:
                raise NotFound("take_not_found", id=take_id)
        self._set(shot_id, chosen_take_id=take_id)

    def set_image(self, shot_id: int, image: str | None) -> None:
        """Set the reference image without a new ``rev``, so that edits under way elsewhere are not refused."""
        self._set(shot_id, image=image, image_url=None)

    def _set(self, shot_id: int, **values: Any) -> None:
        self.tx.execute(update(shots).where(shots.c.id == shot_id).values(changed_rev=self.tx.rev, **values))

    def delete(self, ids: Collection[int]) -> list[int]:
        """Hide shots and their tasks; return the ids of those hidden. A shot with an active task stays."""
        held = select(tasks.c.shot_id).where(
            among(tasks.c.shot_id, ids), tasks.c.status.in_((TaskStatus.PROCESSING, TaskStatus.DOWNLOADING))
        )
        gone = (
            update(shots)
            .where(among(shots.c.id, ids), shots.c.deleted_at.is_(None), shots.c.id.not_in(held))
            .values(deleted_at=self.tx.now(), rev=self.tx.rev, changed_rev=self.tx.rev)
            .returning(shots.c.id, shots.c.deleted_at, shots.c.project_id)
        )
        rows = self.tx.execute(gone).all()
        if rows:
            for project_id in {row.project_id for row in rows}:
                self._relink(project_id)
            alive = (among(tasks.c.shot_id, [row.id for row in rows]), tasks.c.deleted_at.is_(None))
            self.tx.execute(update(tasks).where(*alive).values(deleted_at=rows[0].deleted_at, rev=self.tx.rev))
        return [row.id for row in rows]

    def restore(self, ids: Collection[int]) -> None:
        """Restore deleted shots with the tasks that were deleted with them."""
        together = (
            select(tasks.c.id)
            .join(shots, (shots.c.id == tasks.c.shot_id) & (shots.c.deleted_at == tasks.c.deleted_at))
            .where(among(shots.c.id, ids))
        )
        self.tx.execute(update(tasks).where(tasks.c.id.in_(together)).values(deleted_at=None, rev=self.tx.rev))
        back = {"deleted_at": None, "rev": self.tx.rev, "changed_rev": self.tx.rev}
        restored = update(shots).where(among(shots.c.id, ids), shots.c.deleted_at.is_not(None)).values(back)
        for project_id in set(self.tx.execute(restored.returning(shots.c.project_id)).scalars()):
            self._relink(project_id)

    def numbers(self, project_id: int) -> list[tuple[int, str]]:
        """Id and number of the project's shots, in their order."""
        query = select(shots.c.id, shots.c.number).where(shots.c.project_id == project_id, shots.c.deleted_at.is_(None))
        return [(row.id, row.number) for row in self.tx.execute(query.order_by(shots.c.position, shots.c.id))]

    def identities(self, project_id: int) -> set[str]:
        """Import identities of the project's shots."""
        query = select(shots.c.identity).where(
            shots.c.project_id == project_id, shots.c.identity.is_not(None), shots.c.deleted_at.is_(None)
        )
        return set(self.tx.execute(query).scalars())

    def changed_since(self, project_id: int, rev: int) -> list[int]:
        """Shots that were changed, deleted or restored after ``rev``, or whose tasks or takes were."""
        query = select(shots.c.id).where(shots.c.project_id == project_id, shots.c.changed_rev > rev)
        return list(self.tx.execute(query.order_by(shots.c.changed_rev, shots.c.id)).scalars())
