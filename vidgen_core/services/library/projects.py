"""Projects, and the sample one that a fresh home begins with."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from vidgen_core.db import Tx
from vidgen_core.db.repositories.projects import ProjectRepository
from vidgen_core.domain.characters import REFERENCES
from vidgen_core.domain.errors import FileError, InputError, Refused
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.shots import NewShot, Project, ShotContent, ShotParams
from vidgen_core.domain.takes import Take
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.i18n import choose_language
from vidgen_core.services.access.permissions import Role, requires, stored

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext

#: Number and prompt of the sample shots: each says what its drawn picture shows and another way for the camera to move.
SAMPLE: Final[dict[str, tuple[str, tuple[tuple[str, str], ...]]]] = {
    "zh": (
        "示例短剧",
        (
            ("1.0", "夕阳下的群山，镜头缓缓推进"),
            ("1.1", "黄昏的城市，镜头向左平移"),
            ("2.0", "杉林后的湖面，镜头缓慢拉远"),
            ("2.1", "暮色中的杉林，镜头向上摇"),
            ("3.0", "星空下的山丘，手持镜头轻轻晃动"),
            ("3.1", "清晨的山峦，镜头环绕主体"),
        ),
    ),
    "en": (
        "Sample short",
        (
            ("1.0", "Mountains at sunset, camera slowly zooms in"),
            ("1.1", "The city at dusk, pan left"),
            ("2.0", "A lake behind the firs, camera slowly pulls back"),
            ("2.1", "Firs in the evening light, tilt up"),
            ("3.0", "Hills under the stars, handheld"),
            ("3.1", "Morning in the mountains, camera orbits the subject"),
        ),
    ),
}
LONGEST_NAME: Final = 120
#: Setting of a sample that nobody has seen yet: the language of its words.
_UNSEEN: Final = "sample_unseen"
#: What a copy of a shot has of it.
_COPIED: Final = ShotContent.model_fields.keys() - {"extra", "chain"} | {"number"}
#: Settings of a project that belong to its content.
_COPIED_SETTINGS: Final = frozenset({REFERENCES, "style"})


class ProjectDeletion(NamedTuple):
    """What deleting a project takes away and frees."""

    shots: int
    takes: int
    #: Of its videos.
    bytes: int
    #: Videos that are being made.
    busy: int
    #: Those whose videos would go.
    files: tuple[Take, ...]
    posters: tuple[str, ...]


class Projects:
    """Films in the making."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx

    all = stored(Role.VIEWER, ProjectRepository.all)
    get = stored(Role.VIEWER, ProjectRepository.get)
    find = stored(Role.VIEWER, ProjectRepository.find)
    archive = stored(Role.MAKER, ProjectRepository.archive, write=True)

    @requires(Role.MAKER)
    def ensure(self, name: str) -> Project:
        """The project of that name, made if there is none.

        :raises InputError: ``project_name_empty``, ``project_name_too_long`` (limit)
        """
        wanted = _clean(name)
        found = self.find(wanted)
        if found is not None:
            return found
        with self._ctx.store.write() as tx:
            return tx.projects.ensure(wanted)

    @requires(Role.MAKER)
    def rename(self, project_id: int, name: str) -> Project:
        """Give a project another name; its shots, takes and files stay where they are.

        :raises InputError: as ``ensure``; ``project_name_taken`` (name)
        """
        wanted = _clean(name)
        with self._ctx.store.write() as tx:
            _check_free(tx, wanted, project_id)
            return tx.projects.rename(project_id, wanted)

    @requires(Role.MAKER)
    def copy(self, project_id: int, name: str) -> Project:
        """A new project with the same shots, pictures, style and characters, and without takes.

        :raises InputError: as ``rename``
        """
        wanted = _clean(name)
        with self._ctx.store.write() as tx:
            _check_free(tx, wanted)
            shots = tx.shots.many(tx.shots.ids(project_id))
            copy = tx.projects.ensure(wanted)
            tx.shots.add(copy.id, [NewShot(**{name: getattr(shot, name) for name in _COPIED}) for shot in shots])
            kept = tx.projects.settings(project_id)
            for setting in _COPIED_SETTINGS & kept.keys():
                tx.projects.set_setting(copy.id, setting, kept[setting])
        return copy

    @requires(Role.VIEWER)
    def deletion(self, project_id: int) -> ProjectDeletion:
        """What deleting a project takes away and frees."""
        with self._ctx.store.read() as tx:
            return self._deletion(tx, project_id)

    @requires(Role.OWNER)
    def delete(self, project_id: int, *, files: bool = False) -> ProjectDeletion:
        """Delete a project with its shots and takes; what was spent in it stays in the ledger.

        What was not sent yet is cancelled.

        :param files: delete its videos, too; files that another project uses stay
        :raises Refused: ``project_busy`` (n) while videos are being made in it: they are paid for
        """
        with self._ctx.store.write() as tx:
            gone = self._deletion(tx, project_id)
            if gone.busy:
                raise Refused("project_busy", n=gone.busy)
            name = tx.projects.get(project_id).name
            unsent = TaskFilter(statuses=frozenset({TaskStatus.PENDING, TaskStatus.QUEUED}))
            for task_id in tx.tasks.ids(project_id, unsent):
                tx.tasks.move(task_id, TaskStatus.CANCELLED)
            tx.tasks.delete(tx.tasks.ids(project_id))
            tx.shots.delete(tx.shots.ids(project_id))
            tx.projects.delete(project_id)
            tx.log.add(LogLevel.INFO, "project_deleted", project=name, shots=gone.shots, takes=gone.takes)
        if files:
            removals = [
                *(partial(self._ctx.media.remove, take) for take in gone.files),
                *(partial(self._ctx.media.remove_poster, name) for name in gone.posters),
            ]
            for remove in removals:
                # One that the system holds on to stays; the project is gone all the same.
                with suppress(OSError, FileError):
                    remove()
        return gone

    def _deletion(self, tx: Tx, project_id: int) -> ProjectDeletion:
        tx.projects.get(project_id)
        shots = tx.shots.ids(project_id)
        takes = [take for some in tx.takes.of_shots(shots).values() for take in some]
        others = [id_ for one in tx.projects.all() if one.id != project_id for id_ in tx.shots.ids(one.id)]
        shared = {(take.folder, take.file) for some in tx.takes.of_shots(others).values() for take in some}
        own = {take.place: take for take in takes if (take.folder, take.file) not in shared}
        sizes = {place: size for place, take in own.items() if (size := self._ctx.media.removable(take)) is not None}
        counts = tx.tasks.counts(project_id)
        return ProjectDeletion(
            shots=len(shots),
            takes=len(takes),
            bytes=sum(sizes.values()),
            busy=counts[TaskStatus.PROCESSING] + counts[TaskStatus.DOWNLOADING],
            files=tuple(own[place] for place in sorted(sizes)),
            posters=tuple(sorted({take.poster for take in takes if take.poster})),
        )

    @requires(Role.MAKER)
    def ensure_sample(self) -> Project | None:
        """The sample project, made only in a home that has no project yet; None where there is one already."""
        if self.all():
            return None
        sample = self.make_sample(SAMPLE[self._language()][0])
        with self._ctx.store.write() as tx:
            tx.projects.set_setting(sample.id, _UNSEEN, self._language())
        return sample

    @requires(Role.VIEWER)
    def welcome(self, language: str) -> bool:
        """Put the sample project of a fresh home into the language of its first visitor, unless something was done with it.

        :returns: whether it was changed
        """
        with self._ctx.store.read() as tx:
            projects = tx.projects.all()
            if len(projects) != 1 or _UNSEEN not in tx.projects.settings(projects[0].id):
                return False
        (sample,) = projects
        with self._ctx.store.write() as tx:
            drawn_in = tx.projects.settings(sample.id).get(_UNSEEN)
            tx.projects.set_setting(sample.id, _UNSEEN, None)
            shots = tx.shots.many(tx.shots.ids(sample.id))
            untouched = (sample.name, tuple((shot.number, shot.prompt) for shot in shots)) == SAMPLE.get(drawn_in or "")
            if language == drawn_in or not untouched or any(tx.tasks.counts(sample.id).values()):
                return False
            name, words = SAMPLE[language]
            tx.projects.rename(sample.id, name)
            # Not edited: each would keep its first words as a version that nobody wrote.
            tx.shots.delete([shot.id for shot in shots])
            named = zip(shots, words, strict=True)
            new = [
                NewShot(number=number, prompt=prompt, image=shot.image, params=shot.params)
                for shot, (number, prompt) in named
            ]
            tx.shots.add(sample.id, new)
        return True

    @requires(Role.MAKER)
    def make_sample(self, name: str) -> Project:
        """A project with six shots and their pictures; one that has shots already stays as it is."""
        project = self.ensure(name)
        with self._ctx.store.read() as tx:
            is_empty = not tx.shots.ids(project.id)
        if is_empty:
            sample = SAMPLE[self._language()][1]
            from vidgen_core.media.sample_art import SAMPLE_IMAGES

            shots = [self._sample_shot(picture, *shot) for picture, shot in zip(SAMPLE_IMAGES, sample, strict=True)]
            with self._ctx.store.write() as tx:
                tx.shots.add(project.id, shots)
        return project

    def _sample_shot(self, picture: Path, number: str, prompt: str) -> NewShot:
        key = self._ctx.media.add_picture(picture)
        return NewShot(number=number, prompt=prompt, image=key, params=ShotParams(aspect_ratio="9:16"))

    def _language(self) -> str:
        return choose_language(self._ctx.settings().language, os.environ.get("LC_ALL") or os.environ.get("LANG"))


def _clean(name: str) -> str:
    # Imported by who names a project: most commands only look for one.
    from vidgen_core.providers.http.cleaning import clean_text

    wanted = " ".join(clean_text(name).split())
    if not wanted:
        raise InputError("project_name_empty")
    if len(wanted) > LONGEST_NAME:
        raise InputError("project_name_too_long", limit=LONGEST_NAME)
    return wanted


def _check_free(tx: Tx, name: str, project_id: int | None = None) -> None:
    found = tx.projects.find(name)
    if found is not None and found.id != project_id:
        raise InputError("project_name_taken", name=name)
