"""Shots: what is planned, and everything its card shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vidgen_core.db import NewShot, Tx
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import InputError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import Page, ShotFilter
from vidgen_core.domain.scripts import Author
from vidgen_core.domain.shots import PictureCandidate, Shot, ShotParams
from vidgen_core.domain.takes import Take
from vidgen_core.domain.tasks import Task, TaskKind, TaskStatus
from vidgen_core.providers.http.cleaning import clean, clean_text
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.generation.planning import FOLLOWED, GenerateOptions, follow, plan
from vidgen_core.services.library.references import redraw, references_of

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext

EVERY = ShotFilter()
#: Seconds a frame of a storyboard is shown for, where nobody knows how long its video will be.
STILL = 5.0
#: Tasks that are kept in mind between two questions for cards.
REMEMBERED = 10_000


class ShotView(Frozen):
    """A shot with everything its card shows."""

    shot: Shot
    #: Those that make videos, in the order of their takes.
    tasks: tuple[Task, ...] = ()
    takes: tuple[Take, ...] = ()
    #: Those that draw pictures, in the order of their candidates.
    drawings: tuple[Task, ...] = ()
    candidates: tuple[PictureCandidate, ...] = ()

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
    #: The chosen take, where there is one.
    take: Take | None
    #: How long it is, or will be.
    seconds: float


class Shots:
    """Planned moving images of a project."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
        #: Tasks as the last questions found them; most are the same at the next one.
        self._seen: dict[int, Task] = {}

    # --- reading

    @requires(Role.VIEWER)
    def page(self, project_id: int, wanted: ShotFilter = EVERY, limit: int = 20, offset: int = 0) -> Page[ShotView]:
        """One page of shots in their order, each with its tasks and takes."""
        with self._ctx.store.read() as tx:
            found = tx.shots.page(project_id, wanted, limit, offset)
        return Page(items=self.views([shot.id for shot in found.items]), total=found.total)

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
        return [
            ShotView(
                shot=shot,
                tasks=tuple(task for task in tasks[shot.id] if task.output is TaskKind.VIDEO),
                takes=tuple(takes.get(shot.id, ())),
                drawings=tuple(task for task in tasks[shot.id] if task.output is TaskKind.IMAGE),
                candidates=tuple(candidates.get(shot.id, ())),
            )
            for shot in shots
        ]

    @requires(Role.VIEWER)
    def count(self, project_id: int, wanted: ShotFilter = EVERY) -> int:
        """How many shots a filter leaves."""
        return self._ctx.revision_cache.ask(
            ("shots", project_id, wanted), lambda tx: tx.shots.count(project_id, wanted)
        )

    @requires(Role.VIEWER)
    def get(self, shot_id: int) -> Shot:
        """:raises NotFound:"""
        with self._ctx.store.read() as tx:
            return tx.shots.get(shot_id)

    @requires(Role.VIEWER)
    def ids(self, project_id: int, wanted: ShotFilter = EVERY) -> list[int]:
        with self._ctx.store.read() as tx:
            return tx.shots.ids(project_id, wanted)

    @requires(Role.VIEWER)
    def by_number(self, project_id: int, number: str) -> Shot | None:
        with self._ctx.store.read() as tx:
            return tx.shots.by_number(project_id, number)

    @requires(Role.VIEWER)
    def frames(self, project_id: int, limit: int = 500, offset: int = 0) -> Page[Frame]:
        """A part of the shots in their order, as a storyboard shows them."""
        settings, usual = self._ctx.settings(), cache(self._usual_length)
        with self._ctx.store.read() as tx:
            found = tx.shots.page(project_id, EVERY, limit, offset)
            chosen = {take.id: take for take in tx.takes.chosen(project_id)}

        def frame(shot: Shot) -> Frame:
            take, planned = chosen.get(shot.chosen_take_id or 0), plan(shot, GenerateOptions(), settings)
            length = take.seconds if take else planned.params.duration
            return Frame(shot, take, length or usual(planned.provider, planned.model))

        return Page(items=[frame(shot) for shot in found.items], total=found.total)

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
    ) -> Shot:
        """One new shot; without a number it is numbered on.

        :raises FileError: the picture cannot be used
        :raises InputError: ``shot_number_taken`` (number)
        """
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
            )
            return tx.shots.add(project_id, [new])[0]

    @requires(Role.MAKER)
    def edit(
        self, shot_id: int, rev: int | None = None, *, author: Author = Author.HUMAN, writer: str = "", **changes: Any
    ) -> Shot:
        """Change number, prompt, picture_prompt, image, image_url, params, script or extra; what was not sent yet follows.

        :param rev: the revision the person was looking at
        :param author: who wrote the prompt among the changes; it is kept as a version
        :raises Refused: ``edited_elsewhere``
        :raises InputError: ``shot_number_taken`` (number), ``shot_number_empty``
        """
        with self._ctx.store.write() as tx:
            before = tx.shots.get(shot_id)
            changes = clean(changes)
            _check_number(tx, before, changes)
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
            if task.output is TaskKind.IMAGE:
                redraw(tx, task, shot, references, settings)
                continue
            planned = plan(shot, GenerateOptions(provider=task.provider), settings).params
            params = follow(task.params, before.params, shot, changed, planned)
            if params != task.params:
                tx.tasks.note(task.id, params=params)
        # The words that a search finds these tasks by.
        tx.tasks.update_search_text(shot.id, shot.number)

    @requires(Role.MAKER)
    def set_image(self, shot_id: int, image: Path | bytes, rev: int | None = None) -> Shot:
        """Give a shot another reference image.

        :raises FileError: the picture cannot be used
        """
        return self.edit(shot_id, rev, image=self.keep_image(image), image_url=None)

    @requires(Role.MAKER, log=False)
    def keep_image(self, image: Path | bytes) -> str:
        """Check a picture and put it into the image store; its key, ``<sha256>.<ext>``.

        :raises FileError: it cannot be read or is no picture
        """
        # The picture library is loaded only where a picture is opened.
        from vidgen_core.media.images import keep_image, keep_image_bytes

        folder = self._ctx.locations.images
        return keep_image_bytes(image, folder) if isinstance(image, bytes) else keep_image(image, folder)

    @requires(Role.VIEWER)
    def image_path(self, key: str) -> Path:
        """Where a reference image lies."""
        return self._ctx.locations.images / key

    @requires(Role.MAKER)
    def move(self, shot_id: int, before: int | None) -> int | None:
        """Put a shot before another one of its project; None: to the end.

        :returns: what it stood before until now: moving it there puts it back
        :raises NotFound:
        """
        with self._ctx.store.write() as tx:
            return tx.shots.move(shot_id, before)

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
