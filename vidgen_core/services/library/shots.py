"""Shots: what is planned, and everything its card shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vidgen_core.db import Tx
from vidgen_core.db.repositories.shots import ShotRepository
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import InputError, NotFound
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import Page, ShotFilter, ShotSort
from vidgen_core.domain.shots import (
    Author,
    NewShot,
    PictureCandidate,
    PictureSlot,
    ReferenceRole,
    Shot,
    ShotParams,
    ShotReference,
    clean_chain_name,
)
from vidgen_core.domain.takes import Take, goes_out
from vidgen_core.domain.tasks import Draw, Task, TaskKind, TaskStatus
from vidgen_core.providers.http.cleaning import clean, clean_text
from vidgen_core.services.access.permissions import Role, requires, stored
from vidgen_core.services.generation.characters import references_of
from vidgen_core.services.generation.planning import FOLLOWED, GenerateOptions, check_options, follow, plan
from vidgen_core.services.library.references import redraw

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext

#: Seconds a frame of a storyboard is shown for, where nobody knows how long its video will be.
STILL = 5.0
#: Tasks that are kept in mind between two questions for cards.
REMEMBERED = 10_000
#: Reference pictures of one shot; no model takes more.
MOST_REFERENCES = 30
#: Pixels of the longer side of a frame that is taken out of a video.
FRAME_EDGE = 4096


class ShotView(Frozen):
    """A shot with everything its card shows."""

    shot: Shot
    #: Those that make videos, in the order of their takes.
    tasks: tuple[Task, ...] = ()
    takes: tuple[Take, ...] = ()
    #: Those that draw pictures, in the order of their candidates.
    drawings: tuple[Task, ...] = ()
    candidates: tuple[PictureCandidate, ...] = ()
    #: Its last order that draws until one passes.
    draw: Draw | None = None

    @property
    def counts(self) -> dict[TaskStatus, int]:
        """How many of its tasks that make videos stand where; states without one are left out."""
        found: dict[TaskStatus, int] = {}
        for task in self.tasks:
            found[task.status] = found.get(task.status, 0) + 1
        return found

    def take_of(self, task: Task) -> Take | None:
        """The video a task ended with."""
        return next((take for take in self.takes if take.task_id == task.id), None)


class Frame(NamedTuple):
    """A shot as a storyboard shows it."""

    shot: Shot
    #: The chosen take, where there is one, and the one whose file goes out for it.
    take: Take | None
    file: Take | None
    #: How long it is, or will be.
    seconds: float


class Shots:
    """Planned moving images of a project."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
        #: Tasks as the last questions found them; most are the same at the next one.
        self._seen: dict[int, Task] = {}

    get = stored(Role.VIEWER, ShotRepository.get)
    ids = stored(Role.VIEWER, ShotRepository.ids)
    by_number = stored(Role.VIEWER, ShotRepository.by_number)
    move = stored(Role.MAKER, ShotRepository.move, write=True)

    # --- reading

    @requires(Role.VIEWER)
    def page(
        self,
        project_id: int,
        wanted: ShotFilter = ShotFilter(),
        limit: int = 20,
        after: str | None = None,
        skip: int = 0,
        sort: ShotSort = "order",
    ) -> Page[ShotView]:
        """One page of shots, in their order or another, each with its tasks and takes.

        :raises InputError: page_mark_unknown
        """
        with self._ctx.store.read() as tx:
            found = tx.shots.page(project_id, wanted, limit, after, skip, sort)
        return Page(self.views([shot.id for shot in found.items]), found.total, next=found.next)

    @requires(Role.VIEWER)
    def view(self, shot_id: int) -> ShotView:
        """:raises NotFound:"""
        with self._ctx.store.read() as tx:
            return self._views(tx, [tx.shots.get(shot_id)])[0]

    @requires(Role.VIEWER)
    def views(self, shot_ids: Sequence[int]) -> list[ShotView]:
        """Several shots at once; ids that are gone are left out."""
        ids = tuple(shot_ids)
        if not ids:
            return []
        return list(self._ctx.revision_cache.ask(("views", ids), lambda tx: self._views(tx, tx.shots.many(list(ids)))))

    def _views(self, tx: Tx, shots: Sequence[Shot]) -> list[ShotView]:
        """To be asked in a reader only: what a transaction that is undone has seen would stay in mind."""
        ids = [shot.id for shot in shots]
        tasks = tx.tasks.of_shots(ids, self._seen)
        if len(self._seen) > REMEMBERED:
            self._seen.clear()
        self._seen.update((task.id, task) for found in tasks.values() for task in found)
        takes = tx.takes.of_shots(ids)
        candidates = tx.candidates.of_shots(ids)
        draws = tx.draws.of_shots(ids)
        return [
            ShotView(
                shot=shot,
                tasks=tuple(task for task in tasks[shot.id] if task.output is TaskKind.VIDEO),
                takes=tuple(takes.get(shot.id, ())),
                drawings=tuple(task for task in tasks[shot.id] if task.output is TaskKind.IMAGE),
                candidates=tuple(candidates.get(shot.id, ())),
                draw=draws.get(shot.id),
            )
            for shot in shots
        ]

    @requires(Role.VIEWER)
    def count(self, project_id: int, wanted: ShotFilter = ShotFilter()) -> int:
        """How many shots a filter leaves."""
        return self._ctx.revision_cache.ask(
            ("shots", project_id, wanted), lambda tx: tx.shots.count(project_id, wanted)
        )

    @requires(Role.VIEWER)
    def counts(self, project_id: int) -> dict[str, int]:
        """Number of shots in each state a filter knows, the same few look-ups at any size."""
        found = self._ctx.revision_cache.ask(("shots", project_id), lambda tx: tx.shots.counts(project_id))
        return {**found, "without_picture": self.count(project_id, ShotFilter("without_picture"))}

    @requires(Role.VIEWER)
    def frames(self, project_id: int, limit: int = 500, after: str | None = None, skip: int = 0) -> Page[Frame]:
        """A part of the shots in their order, as a storyboard shows them."""
        settings, usual = self._ctx.settings(), cache(self._usual_length)
        with self._ctx.store.read() as tx:
            found = tx.shots.page(project_id, ShotFilter(), limit, after, skip)
            chosen = {take.id: take for take in tx.takes.chosen(project_id)}
            standing = tx.takes.stand_ins(project_id)

        def frame(shot: Shot) -> Frame:
            take, planned = chosen.get(shot.chosen_take_id or 0), plan(shot, GenerateOptions(), settings)
            file = take and goes_out(take, standing)
            length = take.with_file_of(file).shown_seconds if take and file else planned.params.duration
            return Frame(shot, take, file, length or usual(planned.provider, planned.model))

        return Page([frame(shot) for shot in found.items], found.total, next=found.next)

    def _usual_length(self, provider: ProviderId, model: str) -> float:
        """Seconds of a video whose length is left to the model."""
        if provider not in self._ctx.modes:
            return STILL
        return next(iter(self._ctx.provider(provider).capabilities(model).lengths), STILL)

    @requires(Role.VIEWER)
    def changes(self, wanted: Collection[tuple[int, int]]) -> tuple[int, dict[tuple[int, int], list[int]]]:
        """Ids of shots whose row, tasks or takes changed after a revision, for pairs of project and revision.

        Before them stands the revision that all of it is at least as new as.
        """
        # First the number, then the rows: what comes between is told twice rather than never.
        rev = self._ctx.store.revision()
        with self._ctx.store.read() as tx:
            return rev, {pair: tx.shots.changed_since(*pair) for pair in wanted}

    # --- writing

    @requires(Role.MAKER)
    def add(
        self,
        project_id: int,
        number: str | None = None,
        prompt: str = "",
        image: Path | bytes | None = None,
        params: ShotParams | None = None,
        *,
        picture_prompt: str = "",
        last_frame_url: str | None = None,
        references: tuple[ShotReference, ...] = (),
    ) -> Shot:
        """One new shot; without a number it is numbered on.

        :raises FileError: the picture cannot be used
        :raises InputError: as ``edit``
        """
        check_options(params or ShotParams())
        self._check_pictures({"references": references})
        key = None if image is None else self.keep_image(image)
        with self._ctx.store.write() as tx:
            number = _clean_number(number or "")
            if number and tx.shots.by_number(project_id, number):
                raise InputError("shot_number_taken", number=number)
            new = NewShot(
                number=number or None,
                prompt=clean_text(prompt),
                image=key,
                params=params or ShotParams(),
                picture_prompt=clean_text(picture_prompt),
                last_frame_url=last_frame_url,
                references=references,
            )
            return tx.shots.add(project_id, [new])[0]

    @requires(Role.MAKER)
    def edit(
        self, shot_id: int, rev: int | None = None, *, author: Author = Author.HUMAN, writer: str = "", **changes: Any
    ) -> Shot:
        """Change what a person says of a shot (the columns of ``NewShot``); what was not sent yet follows.

        :param rev: the revision the person was looking at
        :param author: who wrote the prompt among the changes; it is kept as a version
        :raises Refused: ``edited_elsewhere``
        :raises InputError: ``shot_number_taken`` (number), ``shot_number_empty``, ``reference_image_unknown``,
            ``references_over_limit`` (most), and as ``check_options``
        """
        if "params" in changes:
            check_options(ShotParams.model_validate(changes["params"]))
        with self._ctx.store.write() as tx:
            before = tx.shots.get(shot_id)
            changes = clean(changes)
            _check_number(tx, before, changes)
            if "chain" in changes:
                changes["chain"] = clean_chain_name(str(changes["chain"]))
            self._check_pictures(changes)
            if {"image", "image_url"} & changes.keys():
                tx.candidates.keep_current(before)
            shot = tx.shots.edit(shot_id, changes, rev, author, writer)
            self._follow(tx, before, shot, frozenset(changes))
        self._ctx.wake()
        return shot

    def _follow(self, tx: Tx, before: Shot, shot: Shot, changed: frozenset[str]) -> None:
        """Rows that wait stay editable until they are submitted."""
        if not changed & {*FOLLOWED, "picture_prompt", "script", "params"}:
            return
        settings = self._ctx.settings()
        references = references_of(tx, shot.project_id)
        for task in tx.tasks.of_shots([shot.id]).get(shot.id, []):
            if task.status not in (TaskStatus.PENDING, TaskStatus.QUEUED):
                continue
            planned = plan(shot, GenerateOptions(provider=task.provider), settings).params
            followed = follow(task.params, before.params, shot, changed, planned)
            redraw(self._ctx, tx, task, shot, references, followed)
        # The words that a search finds these tasks by.
        tx.tasks.update_search_text(shot.id, shot.number)

    @requires(Role.MAKER)
    def set_image(self, shot_id: int, image: Path | bytes) -> Shot:
        """Give a shot another reference image.

        :raises FileError: the picture cannot be used
        """
        return self.edit(shot_id, image=self.keep_image(image), image_url=None)

    @requires(Role.MAKER)
    def put_picture(
        self,
        shot_id: int,
        slot: PictureSlot,
        picture: Path | bytes | str,
        role: ReferenceRole = ReferenceRole.CHARACTER,
        rev: int | None = None,
    ) -> Shot:
        """Give a shot a picture; a reference comes behind those that are there.

        :param picture: a file, its bytes, or the key of a picture in the image store
        :raises FileError: the picture cannot be used
        :raises InputError: as ``edit``
        """
        key = picture if isinstance(picture, str) else self.keep_image(picture)
        match slot:
            case PictureSlot.IMAGE:
                return self.edit(shot_id, rev, image=key, image_url=None)
            case PictureSlot.LAST_FRAME:
                return self.edit(shot_id, rev, last_frame=key, last_frame_url=None)
        before = self.get(shot_id)
        added = ShotReference(image=key, role=role)
        return self.edit(shot_id, before.rev if rev is None else rev, references=(*before.references, added))

    @requires(Role.MAKER)
    def remove_picture(self, shot_id: int, slot: PictureSlot, place: int = 0) -> Shot:
        """Take a picture away from a shot; ``place`` counts its references from 0.

        :raises NotFound: ``shot_reference_gone``
        """
        if slot is PictureSlot.REFERENCE:
            before = self.get(shot_id)
            if not 0 <= place < len(before.references):
                raise NotFound("shot_reference_gone")
            left = (*before.references[:place], *before.references[place + 1 :])
            return self.edit(shot_id, before.rev, references=left)
        none: dict[str, Any] = {slot.value: None, f"{slot.value}_url": None}
        return self.edit(shot_id, **none)

    @requires(Role.MAKER)
    def use_take(
        self,
        shot_id: int,
        slot: PictureSlot,
        take_id: int,
        *,
        last: bool = True,
        role: ReferenceRole = ReferenceRole.CHARACTER,
    ) -> Shot:
        """Give a shot the last or first frame of any take of its project.

        :raises NotFound: ``take_not_of_project``
        :raises FileError: the video is gone or cannot be read
        """
        # The video library is loaded only where a video is opened.
        from vidgen_core.media.video import first_picture, last_picture

        with self._ctx.store.read() as tx:
            take, shot = tx.takes.get(take_id), tx.shots.get(shot_id)
        if take.project_id != shot.project_id:
            raise NotFound("take_not_of_project")
        frame = (last_picture if last else first_picture)(self._ctx.media.video(take), FRAME_EDGE)
        data = BytesIO()
        frame.save(data, "PNG")
        return self.put_picture(shot_id, slot, data.getvalue(), role)

    def _check_pictures(self, changes: dict[str, Any]) -> None:
        references: Sequence[ShotReference] = changes.get("references", ())
        if len(references) > MOST_REFERENCES:
            raise InputError("references_over_limit", most=MOST_REFERENCES)
        keys = (changes.get("last_frame"), *(picture.image for picture in references))
        if not all(Path(key).name == key and self._ctx.media.has_picture(key) for key in keys if key):
            raise InputError("reference_image_unknown")
        if not all(picture.image or picture.image_url for picture in references):
            raise InputError("reference_image_unknown")

    @requires(Role.MAKER, log=False)
    def keep_image(self, image: Path | bytes) -> str:
        """Check a picture and put it into the image store; its key, ``<sha256>.<ext>``.

        :raises FileError: it cannot be read or is no picture
        """
        return self._ctx.media.add_picture(image)

    @requires(Role.VIEWER)
    def image_path(self, key: str) -> Path:
        """A reference image, on this machine."""
        return self._ctx.media.picture(key)

    @requires(Role.MAKER)
    def delete(self, ids: Iterable[int]) -> list[int]:
        """Take shots away with their tasks, softly; returns the ids that went.

        What was not sent yet is cancelled first. A shot with a video under way stays: it is paid for.
        """
        wanted = list(ids)
        with self._ctx.store.write() as tx:
            for tasks in tx.tasks.of_shots(wanted).values():
                for task in tasks:
                    if task.status in (TaskStatus.PENDING, TaskStatus.QUEUED):
                        tx.tasks.move(task.id, TaskStatus.CANCELLED)
            return tx.shots.delete(wanted)

    @requires(Role.MAKER)
    def restore(self, ids: Iterable[int]) -> None:
        """Bring deleted shots back."""
        with self._ctx.store.write() as tx:
            tx.shots.restore(list(ids))


def _clean_number(number: str) -> str:
    """In one line, without what no list or timeline can write."""
    return " ".join(clean_text(number).split())


def _check_number(tx: Tx, before: Shot, changes: dict[str, Any]) -> None:
    if "number" not in changes:
        return
    number = _clean_number(str(changes["number"]))
    changes["number"] = number
    if not number:
        raise InputError("shot_number_empty")
    taken = tx.shots.by_number(before.project_id, number)
    if taken is not None and taken.id != before.id:
        raise InputError("shot_number_taken", number=number)
