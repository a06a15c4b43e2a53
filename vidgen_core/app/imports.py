"""Imports: from a plan that was looked at to shots."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from vidgen_core.app.views import Imported, Preview, RowNote
from vidgen_core.errors import VidgenError
from vidgen_core.models import LogLevel
from vidgen_core.store import NewShot

if TYPE_CHECKING:
    from vidgen_core.app.vidgen import Vidgen
    from vidgen_core.importing import ImportPlan, PlannedShot

#: Called with how many of how many rows are done.
Progress = Callable[[int, int], None]


class Imports:
    """Lists and pictures that become shots."""

    def __init__(self, app: Vidgen) -> None:
        self._app = app

    def plan(self, sources: Sequence[Path], progress: Progress | None = None) -> ImportPlan:
        """What importing lists, storyboards, folders and pictures would do; nothing is stored.

        :raises InputError: a source cannot be read at all
        """
        # Reading tables and pictures takes libraries that no other command needs.
        from vidgen_core.importing import read_sources

        return read_sources(list(sources), progress=progress)

    def plan_uploads(self, files: Mapping[str, bytes], progress: Progress | None = None) -> ImportPlan:
        """As ``plan``, for files that came over the network (name → bytes); pictures go into the image store.

        Lists find their pictures among the files of the same upload and nowhere else on this machine.
        """
        from vidgen_core.importing import read_sources
        from vidgen_core.importing.reader import LIST_ENDINGS

        with tempfile.TemporaryDirectory() as folder:
            paths = [_put(Path(folder), name, data) for name, data in files.items()]
            lists = [path for path in paths if path.suffix.lower() in LIST_ENDINGS]
            plan = read_sources(lists or paths, may_leave=False, progress=progress)
            return plan.model_copy(update={"shots": tuple(self._brought_home(shot) for shot in plan.shots)})

    def _brought_home(self, planned: PlannedShot) -> PlannedShot:
        """The planned shot with its picture in the image store: the upload is gone when the plan is carried out."""
        if planned.image is None or planned.verdict == "rejected":
            return planned.model_copy(update={"image": None})
        key = self._app.shots.keep_image(planned.image)
        return planned.model_copy(update={"image": self._app.shots.image_path(key)})

    def preview(self, project_id: int | None, plan: ImportPlan, again: bool = False) -> Preview:
        """What ``carry_out`` would add, skip and refuse; nothing is stored.

        :param project_id: None for a project that is not there yet
        """
        known = set() if project_id is None or again else self._known(project_id)
        there = {index for index, row in enumerate(plan.ok) if known and _identity(row) in known}
        return Preview(
            ok=tuple(row for index, row in enumerate(plan.ok) if index not in there),
            skipped=tuple(_is_there(row) for index, row in enumerate(plan.ok) if index in there),
            rejected=_rejected(plan),
        )

    def carry_out(
        self, project_id: int, plan: ImportPlan, again: bool = False, progress: Progress | None = None
    ) -> Imported:
        """Store the rows of a plan that can be; rows that are there already are skipped unless ``again``.

        All shots are added in one transaction. A picture that has gone since the plan was made refuses its row only.
        """
        known = self._known(project_id)
        rejected = list(_rejected(plan))
        new: list[NewShot] = []
        skipped: list[RowNote] = []
        for place, row in enumerate(plan.ok, start=1):
            try:
                shot = self._new_shot(row)
            except VidgenError as error:
                rejected.append(_note(row, error.code, error.params))
                continue
            if shot.identity in known and not again:
                skipped.append(_is_there(row))
            else:
                new.append(shot)
            if progress is not None:
                progress(place, len(plan.ok))
        with self._app.store.write() as tx:
            added = tx.shots.add(project_id, new)
            if added:
                tx.log.add(LogLevel.INFO, "imported", project_id=project_id, shots=len(added), source=plan.source)
        return Imported(added=tuple(added), skipped=tuple(skipped), rejected=tuple(rejected))

    def _known(self, project_id: int) -> set[str]:
        with self._app.store.read() as tx:
            return tx.shots.identities(project_id)

    def _new_shot(self, row: PlannedShot) -> NewShot:
        from vidgen_core.importing import identity

        image = row.image_data or row.image
        key = self._app.shots.keep_image(image) if image else None
        return NewShot(
            number=row.number,
            prompt=row.prompt,
            image=key,
            image_url=row.image_url,
            params=row.params,
            extra=row.extra,
            script=row.script,
            identity=identity(row, key),
        )


def _identity(row: PlannedShot) -> str:
    """What ``carry_out`` would know the row by, without keeping its picture."""
    from vidgen_core.importing import identity
    from vidgen_core.media.images import keep_image, keep_image_bytes

    with tempfile.TemporaryDirectory() as folder:
        if row.image_data:
            return identity(row, keep_image_bytes(row.image_data, Path(folder)))
        return identity(row, keep_image(row.image, Path(folder)) if row.image else None)


def _rejected(plan: ImportPlan) -> tuple[RowNote, ...]:
    return tuple(_note(row, reason.code, reason.params) for row in plan.rejected for reason in row.reasons[:1])


def _is_there(row: PlannedShot) -> RowNote:
    return _note(row, "shot_is_there", {"number": row.number or "–"})


def _note(row: PlannedShot, code: str, params: dict[str, Any]) -> RowNote:
    return RowNote(row.line, code, {"source": row.source, **params})


def _put(folder: Path, name: str, data: bytes) -> Path:
    """One uploaded file under its own name; a name can lead nowhere else."""
    path = folder / (PurePath(name.replace("\\", "/")).name or "file")
    path.write_bytes(data)
    return path
