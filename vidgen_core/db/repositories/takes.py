"""Takes: finished videos. A take is hidden while its task is deleted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Executable,
    Row,
    Select,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    union,
    update,
)

from vidgen_core.db.dialect import among, listed, upsert
from vidgen_core.db.prepared import PreparedStatement
from vidgen_core.db.repository import Repository, only
from vidgen_core.db.schema.library import review_comments, review_links, review_votes, shots, takes
from vidgen_core.db.schema.queue import tasks
from vidgen_core.domain.errors import NotFound
from vidgen_core.domain.takes import (
    SAME_FILE,
    CheckResult,
    ModelAnswer,
    NewTake,
    Opinion,
    ReviewComment,
    ReviewLink,
    ReviewVote,
    Severity,
    Take,
    TakeReview,
    Verdict,
    stand_ins,
)

#: Takes with the same video that are looked at.
_MOST_TWINS: Final = 5


class Twin(NamedTuple):
    """A take with the same video as another one."""

    id: int
    warnings: tuple[str, ...]


_EDITABLE = frozenset({
    "folder", "file", "poster", "seconds", "width", "height", "bytes", "sha256", "content", "warnings", "trim_in",
    "trim_out", "frame",
})  # fmt: skip
_COLUMNS = [column for column in takes.c if column.name not in ("rev", "was_chosen")]
_SOURCE = takes.join(tasks, tasks.c.id == takes.c.task_id).join(shots, shots.c.id == takes.c.shot_id)
_SHOWN = select(*_COLUMNS, (shots.c.chosen_take_id == takes.c.id).label("chosen")).select_from(_SOURCE)


def _those(*wanted: ColumnElement[bool]) -> Select[Any]:
    """Takes of tasks that are not deleted, in the order of their shots."""
    order = (shots.c.position, takes.c.number, takes.c.id)
    return _SHOWN.where(*wanted, tasks.c.deleted_at.is_(None)).order_by(*order)


#: What was said of a file goes with it.
_OF_THE_FILE: Final = ("trim_in", "trim_out", "verdict", "checks", "frame", "opinion", "answer")


def _add() -> Executable:
    new = upsert(takes)
    kept = {name: new.excluded[name] for name in NewTake.model_fields} | {"rev": new.excluded.rev}
    again = new.on_conflict_do_update(index_elements=["task_id"], set_=kept | dict.fromkeys(_OF_THE_FILE))
    return again.returning(takes.c.id)


# Frequent statements are compiled once.
_ADD: Final = PreparedStatement(_add(), apart=True)
_GET: Final = PreparedStatement(_SHOWN.where(takes.c.id == bindparam("the_take")))


def _first_twins(column: ColumnElement[Any], name: str) -> Select[Any]:
    """The oldest few, along the index of the column, however many there are."""
    found = (
        select(takes.c.id)
        .select_from(takes.join(tasks, tasks.c.id == takes.c.task_id))
        .where(
            column == bindparam(name),
            takes.c.task_id != bindparam("the_task"),
            or_(bindparam("any_prompt", type_=Boolean), takes.c.prompt != bindparam("the_prompt")),
            tasks.c.deleted_at.is_(None),
        )
        .order_by(takes.c.id)
        .limit(_MOST_TWINS)
    )
    return select(found.subquery().c.id)


_TWINS: Final = PreparedStatement(
    select(takes.c.id, takes.c.warnings)
    .where(takes.c.id.in_(union(_first_twins(takes.c.sha256, "sha"), _first_twins(takes.c.content, "the_content"))))
    .order_by(takes.c.id)
    .limit(_MOST_TWINS),
    apart=True,
)
_OF_SHOTS = PreparedStatement(_those(among(takes.c.shot_id, bindparam("ids"))))


def _take(row: Row[Any]) -> Take:
    lists = {"warnings": tuple(row.warnings or ()), "checks": tuple(row.checks or ())}
    return Take.model_validate(row._asdict() | lists | {"chosen": bool(row.chosen)})


class TakeRepository(Repository):
    def add(self, new: NewTake) -> Take:
        """Add a take. A task has one: another file replaces it, whose in and out points are its own."""
        return self.get(self.put(new))

    def put(self, new: NewTake) -> int:
        """As ``add``; returns the id alone."""
        values = new.model_dump() | {"warnings": list(new.warnings), "rev": self.tx.rev, "created_at": self.tx.now()}
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

    def unchoose(self, task_ids: Collection[int]) -> None:
        """Let no shot have a take of these tasks, for they are hidden; ``choose_again`` remembers which had."""
        query = select(takes.c.id).join(shots, shots.c.chosen_take_id == takes.c.id)
        chosen = list(self.tx.execute(query.where(among(takes.c.task_id, task_ids))).scalars())
        self.tx.execute(update(takes).where(among(takes.c.id, chosen)).values(was_chosen=True))
        self.tx.execute(update(shots).where(among(shots.c.chosen_take_id, chosen)).values(chosen_take_id=None))

    def choose_again(self, task_ids: Collection[int]) -> None:
        """Choose the takes of these tasks that were, where no other was chosen since."""
        were = select(takes.c.id, takes.c.shot_id).where(among(takes.c.task_id, task_ids), takes.c.was_chosen)
        for take in self.tx.execute(were).all():
            free = (shots.c.id == take.shot_id, shots.c.chosen_take_id.is_(None))
            self.tx.execute(update(shots).where(*free).values(chosen_take_id=take.id))
            self.tx.execute(update(takes).where(takes.c.id == take.id).values(was_chosen=False))

    def of_task(self, task_id: int) -> Take | None:
        row = self.tx.execute(_SHOWN.where(takes.c.task_id == task_id)).one_or_none()
        return None if row is None else _take(row)

    def twins(self, new: NewTake) -> list[Twin]:
        """Takes of other tasks with the same bytes, or the same video in another file, the oldest first, at most 5.

        Who comes later is marked when it comes, so that the first ones tell whether there are any.
        The local renderer makes the same video from the same prompt, so those are not reported.
        """
        like = {"sha": new.sha256, "the_content": new.content, "the_task": new.task_id, "the_prompt": new.prompt}
        found = self.tx.execute(_TWINS, like | {"any_prompt": not new.provider.is_free})
        return [Twin(row.id, tuple(row.warnings or ())) for row in found]

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

    def stand_ins(self, project_id: int) -> dict[int, Take]:
        """What exports use in the place of takes, by the ids of those."""
        return stand_ins(self._where(takes.c.project_id == project_id, takes.c.stands_in))

    def use(self, take: Take, stands_in: bool) -> None:
        """Let exports use a take in the place of its parent, instead of any other, or no longer."""
        if stands_in:
            others = (takes.c.parent_id == take.parent_id, takes.c.id != take.id, takes.c.stands_in)
            self.tx.execute(update(takes).where(*others).values(stands_in=False, rev=self.tx.rev))
        self._set(take.id, {"stands_in": stands_in})

    def set_opinion(self, take_id: int, opinion: Opinion | None) -> None:
        """Keep what a person thinks of a take."""
        self._set(take_id, {"opinion": opinion})

    def keep_answer(self, take_id: int, answer: ModelAnswer) -> None:
        """Keep what a language model has said of a take."""
        self._set(take_id, {"answer": answer.model_dump(mode="json")})

    def with_opinions(self, project_id: int | None, most: int) -> list[tuple[Opinion, Verdict, list[CheckResult]]]:
        """What people and checks said of the takes of which both did, the newest first and at most so many."""
        wanted = [] if project_id is None else [takes.c.project_id == project_id]
        query = select(takes.c.opinion, takes.c.verdict, takes.c.checks).where(takes.c.opinion.is_not(None), *wanted)
        rows = self.tx.execute(query.where(takes.c.verdict.is_not(None)).order_by(takes.c.id.desc()).limit(most))
        return [
            (Opinion(row.opinion), Verdict(row.verdict), [CheckResult.model_validate(one) for one in row.checks or ()])
            for row in rows
        ]

    def chosen(self, project_id: int) -> list[Take]:
        """The chosen takes in shot order."""
        return self._where(
            shots.c.project_id == project_id, shots.c.deleted_at.is_(None), shots.c.chosen_take_id == takes.c.id
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


class ReviewRepository(Repository):
    """Links for reviewers, and what those said. A change touches its take, so that open pages show it."""

    def add_link(
        self, project_id: int, name: str, nonce: str, password: str | None, expires_at: datetime
    ) -> ReviewLink:
        values = {"project_id": project_id, "name": name, "nonce": nonce, "password": password}
        values |= {"created_at": self.tx.now(), "expires_at": expires_at}
        _ = self.tx.rev
        row = self.tx.execute(insert(review_links).values(values).returning(*review_links.c)).one()
        return self._link(row)

    def link(self, link_id: int) -> ReviewLink | None:
        row = self.tx.execute(select(review_links).where(review_links.c.id == link_id)).one_or_none()
        return None if row is None else self._link(row)

    def links(self, project_id: int) -> list[ReviewLink]:
        """Of a project, the newest first; those that work no more among them."""
        query = select(review_links).where(review_links.c.project_id == project_id).order_by(review_links.c.id.desc())
        return [self._link(row) for row in self.tx.execute(query).all()]

    def _link(self, row: Row[Any]) -> ReviewLink:
        works = row.revoked_at is None and self.tx.now() < row.expires_at
        return ReviewLink.model_validate({**row._asdict(), "works": works})

    def revoke(self, link_id: int) -> None:
        """Let a link open nothing from now on; what was said by it stays."""
        _ = self.tx.rev
        alive = (review_links.c.id == link_id, review_links.c.revoked_at.is_(None))
        self.tx.execute(update(review_links).where(*alive).values(revoked_at=self.tx.now()))

    def of_takes(self, take_ids: Collection[int]) -> dict[int, TakeReview]:
        """By take, where anything was said of it; comments in the order of their moments."""
        votes: dict[int, list[ReviewVote]] = defaultdict(list)
        comments: dict[int, list[ReviewComment]] = defaultdict(list)
        said = select(*(review_votes.c[name] for name in ReviewVote.model_fields))
        said = said.where(among(review_votes.c.take_id, take_ids)).order_by(review_votes.c.created_at)
        for row in self.tx.execute(said):
            if row.vote or row.favourite:
                votes[row.take_id].append(ReviewVote.model_validate(row._asdict()))
        words = select(review_comments).where(among(review_comments.c.take_id, take_ids))
        for row in self.tx.execute(words.order_by(review_comments.c.at, review_comments.c.id)):
            comments[row.take_id].append(ReviewComment.model_validate(row._asdict()))
        return {
            take_id: TakeReview(votes=tuple(votes[take_id]), comments=tuple(comments[take_id]))
            for take_id in {*votes, *comments}
        }

    def vote(self, link_id: int, take: Take, reviewer: str, name: str, **said: Any) -> None:
        """Write what a reviewer thinks of a take; a favourite takes the place of the one before it.

        :param said: ``vote`` or ``favourite``
        """
        mine = (review_votes.c.link_id == link_id, review_votes.c.reviewer == reviewer)
        if said.get("favourite"):
            other = self.tx.execute(
                update(review_votes)
                .where(*mine, review_votes.c.shot_id == take.shot_id, review_votes.c.favourite)
                .values(favourite=False)
                .returning(review_votes.c.take_id)
            )
            self._touch(other.scalars().all())
        keys = {"take_id": take.id, "link_id": link_id, "reviewer": reviewer}
        new = upsert(review_votes).values(**keys, shot_id=take.shot_id, name=name, created_at=self.tx.now(), **said)
        self.tx.execute(new.on_conflict_do_update(index_elements=list(keys), set_={"name": name, **said}))
        self._touch([take.id])

    def comment(self, link_id: int, take: Take, reviewer: str, name: str, at: float, text: str) -> int:
        """Keep a comment; returns its id."""
        values = {"take_id": take.id, "link_id": link_id, "reviewer": reviewer, "name": name, "at": at, "text": text}
        new = insert(review_comments).values(**values, created_at=self.tx.now()).returning(review_comments.c.id)
        self._touch([take.id])
        return int(self.tx.execute(new).scalar_one())

    def remove_comment(self, link_id: int, reviewer: str, comment_id: int) -> bool:
        """Remove a comment of the reviewer's own; whether there was one."""
        own = (review_comments.c.id == comment_id, review_comments.c.link_id == link_id)
        gone = delete(review_comments).where(*own, review_comments.c.reviewer == reviewer)
        found = self.tx.execute(gone.returning(review_comments.c.take_id)).scalars().all()
        self._touch(found)
        return bool(found)

    def counts(self, link_id: int) -> tuple[int, int]:
        """How many reviewers a link has, and how many comments."""
        reviewers = select(func.count(review_votes.c.reviewer.distinct())).where(review_votes.c.link_id == link_id)
        comments = select(func.count()).select_from(review_comments).where(review_comments.c.link_id == link_id)
        return int(self.tx.execute(reviewers).scalar_one()), int(self.tx.execute(comments).scalar_one())

    def reviewers(self, link_id: int) -> list[tuple[str, str]]:
        """Who has said something by a link, and under which name."""
        said = (select(t.c.reviewer, t.c.name).where(t.c.link_id == link_id) for t in (review_votes, review_comments))
        return [(row.reviewer, row.name) for row in self.tx.execute(union(*said))]

    def _touch(self, take_ids: Collection[int]) -> None:
        self.tx.execute(update(takes).where(among(takes.c.id, take_ids)).values(rev=self.tx.rev))
