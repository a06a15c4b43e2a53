"""Imports: from sources to a plan that is reviewed, and from the plan to shots."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from vidgen_core.db.worker_state import StateRow
from vidgen_core.domain.characters import References
from vidgen_core.domain.errors import InputError, VidgenError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.shots import NewShot, PictureSlot, Shot
from vidgen_core.media.disk import translate_os_errors
from vidgen_core.services.access.allowed_folders import AllowedFolders
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.imports.characters import keep_pictures, merge
from vidgen_core.services.imports.columns import ListChoice
from vidgen_core.services.imports.pairing import Spare
from vidgen_core.services.imports.plan import (
    Existing,
    Imported,
    ImportPlan,
    PlannedPicture,
    PlannedShot,
    Preview,
    RowNote,
    identity,
)
from vidgen_core.services.imports.review import Judge, KnownShots, Review
from vidgen_core.services.library.references import change_references

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext
    from vidgen_core.services.imports.readers.table import SheetInspection
    from vidgen_core.services.imports.staging import Staging
    from vidgen_core.services.library.shots import Shots

P = TypeVar("P", PlannedShot, PlannedPicture)

#: Called with how many of how many rows are done.
Progress = Callable[[int, int], None]
_KEPT_AT_ONCE: Final = 4
#: Headers that people have said the meaning of: fingerprint of the headers → field → header.
_MAPPINGS: Final = StateRow[dict[str, dict[str, str]]]("import.mappings", dict[str, dict[str, str]])
_MOST_MAPPINGS: Final = 200


def _beside_lists(_: AllowedFolders, arguments: dict[str, Any]) -> None:
    # Lists name the pictures beside them, and no others.
    arguments["may_leave"] = False


def _plan_within(folders: AllowedFolders, arguments: dict[str, Any]) -> None:
    # What lay there when the plan was made may be a link by now.
    arguments["plan"] = arguments["plan"].within(folders.has)


def _form_within(folders: AllowedFolders, arguments: dict[str, Any]) -> None:
    image = str(arguments["cells"].get("image") or "").strip()
    if image and "://" not in image:
        folders.check(image)


class Imports:
    """Lists, pictures and links that become shots."""

    def __init__(self, ctx: ServiceContext, shots: Shots) -> None:
        self._ctx = ctx
        self._shots = shots

    # --- reading; nothing is stored

    @requires(Role.MAKER, log=False)
    def open_staging(self) -> Staging:
        """A folder for the files of one visitor; staging folders that were left for a day are deleted.

        :raises FileError: disk_full, folder_read_only
        """
        from vidgen_core.services.imports.staging import open_staging

        return open_staging(self._ctx.locations.incoming)

    @requires(Role.MAKER, log=False)
    @contextmanager
    def temporary_staging(self) -> Iterator[Staging]:
        """A staging folder for as long as an import takes.

        :raises FileError: as ``open_staging``
        """
        staging = self.open_staging()
        try:
            yield staging
        finally:
            staging.throw_away()

    @requires(Role.MAKER, log=False)
    def find_staging(self, name: str) -> Staging:
        """The staging folder of that name, as ``open_staging`` gave it.

        :raises NotFound: staging_gone
        """
        from vidgen_core.services.imports.staging import find_staging

        return find_staging(self._ctx.locations.incoming, name)

    @requires(Role.MAKER, log=False)
    def inspect(self, path: Path) -> tuple[SheetInspection, ...]:
        """The sheets and columns of a list, for a choice of them; columns that were mapped before are taken so again.

        :raises InputError: the list cannot be read at all
        """
        from vidgen_core.services.imports.readers.reader import inspect_sheet

        kept = self._mappings()
        return tuple(
            sheet._replace(guess=kept[sheet.fingerprint]) if sheet.fingerprint in kept else sheet
            for sheet in inspect_sheet(path)
        )

    @requires(Role.MAKER, log=False)
    def unpack(self, path: Path, staging: Staging) -> list[Path]:
        """The files of a ZIP archive as files of their own.

        :raises InputError: zip_broken, zip_too_large
        :raises FileError: as ``open_staging``
        """
        from vidgen_core.services.imports.readers.archive import unpack

        return unpack(path, staging)

    @requires(Role.MAKER, log=False, confine=_beside_lists)
    def plan(
        self,
        sources: Sequence[Path],
        progress: Progress | None = None,
        *,
        choices: Mapping[Path, ListChoice] | None = None,
        spare: Spare = Spare.SHOTS,
        may_leave: bool = True,
    ) -> ImportPlan:
        """What importing lists, storyboards, folders, archives and pictures would do; nothing is stored.

        :param choices: which sheet and columns are meant, where they are not to be guessed
        :param spare: what becomes of pictures that no row of the lists names
        :param may_leave: whether lists may name pictures outside of their folder; False for uploads
        :raises InputError: a source cannot be read at all
        """
        # Reading tables and pictures takes libraries that no other command needs.
        from vidgen_core.services.imports.readers.archive import is_archive
        from vidgen_core.services.imports.readers.reader import read_sources, readable

        chosen = dict(choices or {})
        paths: list[Path] = []
        left: list[RowNote] = []
        for source in sources:
            inside = [source]
            if is_archive(source):
                # What is unpacked lies in a staging folder, which is deleted after a day.
                inside, notes = readable(self.unpack(source, self.open_staging()))
                left += notes
            elif len(sources) > 1 and source.is_file():
                inside, notes = readable([source])
                left += notes
            chosen |= dict.fromkeys(inside, chosen[source]) if source in chosen else {}
            paths += inside
        for path, columns in self._kept_mappings(paths, chosen).items():
            chosen[path] = (chosen.get(path) or ListChoice()).model_copy(update={"columns": columns})
        if left and not paths:
            raise InputError(left[0].code, **left[0].params)
        plan = read_sources(paths, may_leave=may_leave, choices=chosen, spare=spare, progress=progress)
        return plan.model_copy(update={"notes": (*plan.notes, *left)})

    def _mappings(self) -> dict[str, dict[str, str]]:
        with self._ctx.store.read() as tx:
            return _MAPPINGS.get(tx) or {}

    def _kept_mappings(self, paths: Sequence[Path], chosen: Mapping[Path, ListChoice]) -> dict[Path, dict[str, str]]:
        """The columns of lists whose headers were mapped before, where nobody says otherwise now."""
        from vidgen_core.services.imports.readers.reader import inspect_sheet, lists_among

        kept = self._mappings()
        found = {}
        for path in lists_among(paths) if kept else ():
            if path in chosen and chosen[path].columns is not None:
                continue
            with contextlib.suppress(InputError):
                titles = chosen[path].sheets if path in chosen else ()
                sheets = [sheet for sheet in inspect_sheet(path) if not titles or sheet.title in titles]
                if columns := next((kept[sheet.fingerprint] for sheet in sheets if sheet.fingerprint in kept), None):
                    found[path] = columns
        return found

    @requires(Role.MAKER, log=False)
    def remember(self, path: Path, choice: ListChoice) -> None:
        """Keep which column of a list is what, for the next list with the same headers."""
        if choice.columns is None:
            return
        from vidgen_core.services.imports.readers.reader import inspect_sheet

        sheets = [sheet for sheet in inspect_sheet(path) if not choice.sheets or sheet.title in choice.sheets]
        new = {sheet.fingerprint: choice.columns for sheet in sheets[:1]}
        with self._ctx.store.write() as tx:
            kept = {key: columns for key, columns in (_MAPPINGS.get(tx) or {}).items() if key not in new}
            _MAPPINGS.put(tx, dict([*kept.items(), *new.items()][-_MOST_MAPPINGS:]))

    @requires(Role.MAKER, log=False, confine=_form_within)
    def plan_one(self, cells: Mapping[str, str]) -> ImportPlan:
        """What adding a single shot would do.

        :param cells: field of lists → what was typed; ``image`` and ``last_frame`` are paths of files, ``references`` a JSON
            list of them
        """
        from vidgen_core.services.imports.material import typed
        from vidgen_core.services.imports.readers.pictures import Surroundings
        from vidgen_core.services.imports.rows import ListRow, plan_rows

        row = ListRow(1, {field: text.strip() for field, text in cells.items()}, {}, others=typed(cells))
        (shot,) = plan_rows([row], "", Surroundings(self._ctx.locations.home))
        return ImportPlan(source="", shots=(shot.model_copy(update={"line": None}),))

    @requires(Role.MAKER, log=False)
    def materialize(
        self,
        project_id: int | None,
        plan: ImportPlan,
        staging: Staging,
        again: bool = False,
        progress: Progress | None = None,
    ) -> ImportPlan:
        """The plan with every picture as a file: links are fetched, pictures written inside of a list are unpacked.

        Links of rows that the project has already are passed over. A row whose link cannot be fetched keeps it with a
        warning, unless the link is one that is never fetched.

        :param project_id: None for a project that is not there yet
        :param again: fetch those, too
        """
        from vidgen_core.services.imports.readers.links import fetch_links

        unpacked = plan.model_copy(update={"shots": tuple(_unpacked(row, staging) for row in plan.shots)})
        known = set() if project_id is None or again else self._known(project_id).identities
        there = [row.image_url for row in unpacked.ok if row.image_url and identity(row, row.image_key) in known]
        return fetch_links(
            unpacked,
            staging.path,
            allow_private=self._ctx.settings().library.allow_private_links,
            passed_over=there,
            progress=progress,
        )

    # --- looking

    @requires(Role.MAKER, log=False)
    def review(
        self, project_id: int, plan: ImportPlan, again: bool = False, existing: Existing = Existing.ASK
    ) -> Review:
        """Every row with its verdict towards the project and the model it would go to; nothing is stored."""
        judge = Judge(self._ctx, project_id, self._known(project_id), again, existing)
        return Review(tuple(judge.row(row) for row in plan.shots), judge.estimate)

    @requires(Role.MAKER, log=False)
    def preview(
        self, project_id: int | None, plan: ImportPlan, again: bool = False, existing: Existing = Existing.ASK
    ) -> Preview:
        """What ``apply`` would add, change, skip and refuse; nothing is stored.

        :param project_id: None for a project that is not there yet
        """
        known = KnownShots((), set()) if project_id is None else self._known(project_id)
        ok, updated, skipped = [], [], []
        for row in plan.ok:
            verdict = "new" if again else known.verdict(row, existing)
            if verdict == "new":
                ok.append(row)
            elif verdict == "update":
                updated.append(row)
            else:
                skipped.append(_left(row, verdict, known))
        return Preview(tuple(ok), tuple(updated), tuple(skipped), _rejected(plan))

    # --- storing

    @requires(Role.MAKER, confine=_plan_within)
    def apply(
        self,
        project_id: int,
        plan: ImportPlan,
        again: bool = False,
        progress: Progress | None = None,
        existing: Existing = Existing.ASK,
    ) -> Imported:
        """Store the rows of a plan that can be; rows that are there already are skipped unless ``again``.

        All shots are added in one transaction. A picture that has gone since the plan was made refuses its row only.

        :param existing: what becomes of rows that look like shots that are there with another content
        """
        known = self._known(project_id)
        rejected = list(_rejected(plan))
        new: list[NewShot] = []
        updated: list[Shot] = []
        skipped: list[RowNote] = []
        # Keeping a picture mostly waits for the disk.
        with ThreadPoolExecutor(_KEPT_AT_ONCE) as pool:
            brought = pool.map(lambda row: self._bring(row, known, plan, again, existing), plan.ok)
            for place, (row, (verdict, shot)) in enumerate(zip(plan.ok, brought, strict=True), start=1):
                if isinstance(shot, VidgenError):
                    rejected.append(_note(row, shot.code, shot.params))
                elif shot is None:
                    skipped.append(_left(row, verdict, known))
                elif verdict == "update":
                    updated.append(self._update(known.similar(row), shot))
                else:
                    new.append(shot)
                if progress is not None:
                    progress(place, len(plan.ok))
        with self._ctx.store.write() as tx:
            added = tx.shots.add(project_id, new)
            if added:
                tx.log.add(LogLevel.INFO, "imported", project_id=project_id, shots=len(added), source=plan.source)
        self._bring_library(project_id, plan.library)
        return Imported(added=tuple(added), updated=tuple(updated), skipped=tuple(skipped), rejected=tuple(rejected))

    def _bring_library(self, project_id: int, library: References) -> None:
        """Keep the characters that the project lacks, and the style where it has none."""
        if library == References():
            return

        def keep(image: str) -> str | None:
            with contextlib.suppress(VidgenError):
                return self._shots.keep_image(Path(image))
            return None

        brought = keep_pictures(library, keep)
        change_references(self._ctx, project_id, lambda known: merge(known, brought))

    def _known(self, project_id: int) -> KnownShots:
        with self._ctx.store.read() as tx:
            return KnownShots(tx.shots.numbers(project_id), tx.shots.identities(project_id))

    def _bring(
        self, row: PlannedShot, known: KnownShots, plan: ImportPlan, again: bool, existing: Existing
    ) -> tuple[str, NewShot | VidgenError | None]:
        """What becomes of a row, and the shot it is, None when it is left out, or why it cannot be."""
        verdict = "new" if again else known.verdict(row, existing)
        if verdict not in ("new", "update"):
            return verdict, None
        try:
            shot = self._new_shot(row, plan)
        except VidgenError as error:
            return verdict, error
        if not again and shot.identity in known.identities:
            return "there", None
        return verdict, shot

    def _update(self, there: tuple[int, str] | None, shot: NewShot) -> Shot:
        """What the row says goes over to the shot; what it leaves empty stays."""
        assert there is not None
        before = self._shots.view(there[0]).shot
        said = {name: getattr(shot, name) for name in ("prompt", "script", "picture_prompt", "chain")}
        changes: dict[str, Any] = {name: text for name, text in said.items() if text}
        if shot.image or shot.image_url:
            changes |= {"image": shot.image, "image_url": shot.image_url}
        if shot.last_frame or shot.last_frame_url:
            changes |= {"last_frame": shot.last_frame, "last_frame_url": shot.last_frame_url}
        if shot.references:
            changes |= {"references": shot.references}
        params = before.params.model_dump() | shot.params.model_dump(exclude_none=True)
        changes |= {"params": params, "extra": before.extra | shot.extra}
        return self._shots.edit(there[0], author=shot.author, writer=shot.writer, **changes)

    def _new_shot(self, row: PlannedShot, plan: ImportPlan) -> NewShot:
        key = self._kept(row)
        others = [one.model_copy(update={"image_key": self._kept(one)}) for one in row.pictures]
        last = next((one for one in others if one.slot is PictureSlot.LAST_FRAME), None)
        return NewShot(
            number=row.number,
            prompt=row.prompt,
            image=key,
            image_url=row.image_url,
            last_frame=last.image_key if last else None,
            last_frame_url=last.image_url if last else None,
            references=tuple(one.as_reference for one in others if one.slot is PictureSlot.REFERENCE),
            params=row.params,
            extra=row.extra,
            script=row.script,
            picture_prompt=row.picture_prompt,
            chain=row.chain,
            identity=identity(row, key),
            author=plan.author,
            writer=plan.writer,
        )

    def _kept(self, row: PlannedShot | PlannedPicture) -> str | None:
        """The key of the row's picture, which is in the image store from here on."""
        image = row.image_data or row.image
        if image is None:
            return None
        # Many rows name one picture, and pictures come back.
        if row.image_key and self._ctx.media.has_picture(row.image_key):
            return row.image_key
        return self._ctx.media.add_picture(image, row.image_key)


def _unpacked(row: PlannedShot, staging: Staging) -> PlannedShot:
    """The row with the pictures that were written inside of it as files."""
    others = tuple(_as_file(one, staging) for one in row.pictures)
    return _as_file(row.model_copy(update={"pictures": others}), staging)


def _as_file(held: P, staging: Staging) -> P:
    if not held.image_data:
        return held
    target = staging.path / (held.image_key or "picture")
    with translate_os_errors(target):
        target.write_bytes(held.image_data)
    return held.model_copy(update={"image": target, "image_data": None})


def _rejected(plan: ImportPlan) -> tuple[RowNote, ...]:
    return tuple(_note(row, reason.code, reason.params) for row in plan.rejected for reason in row.reasons[:1])


def _left(row: PlannedShot, verdict: str, known: KnownShots) -> RowNote:
    """Why a row is neither added nor taken over."""
    there = known.similar(row)
    if verdict == "similar" and there:
        return _note(row, "shot_similar", {"number": row.number, "there": there[1]})
    return _note(row, "shot_is_there", {"number": row.number or "–"})


def _note(row: PlannedShot, code: str, params: dict[str, Any]) -> RowNote:
    return RowNote(row.line, code, {"source": row.source, **params})
