"""Exports: what would go out, writing it at once, and writing it in the background with progress.

One thread writes one export after the other. What was written is kept in the store's state, so that the list outlives
the process; an export that was under way when the process ended is simply not there.
"""

from __future__ import annotations

import logging
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal

from pydantic import ValidationError

from vidgen_core.db.worker_state import StateRow
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.characters import REFERENCES, References
from vidgen_core.domain.errors import ErrorKind, NotFound, Refused, VidgenError
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.shots import Project
from vidgen_core.domain.tasks import Failure
from vidgen_core.media.disk import replacing, translate_os_errors
from vidgen_core.services.access.allowed_folders import AllowedFolders
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.exports.film import EDL_EVENTS, LISTS, Cancelled, Film, Format, Options, Progress, make_film
from vidgen_core.services.exports.naming import clip_names, safe_name

if TYPE_CHECKING:
    from vidgen_core.db import Tx
    from vidgen_core.media.storage import StoredFile
    from vidgen_core.services.context import ServiceContext

_LOG = logging.getLogger(__name__)
#: Finished exports that are remembered for each project.
REMEMBERED: Final = 20
#: The list of exports of a project.
_EXPORTS: Final = StateRow[list[dict[str, Any]]]("exports.{}", list[dict[str, Any]])
#: By format: of which takes the last film of a project was made, and where it went.
_FILMS: Final = StateRow[dict[str, dict[str, Any]]]("films.{}", dict[str, dict[str, Any]])
#: Parts of progress worth telling.
_STEP: Final = 0.01


class Export(Frozen):
    """One export, from the request to the file."""

    id: str
    project_id: int
    format: Format
    #: Of a list: what it shows.
    rows: Literal["shots", "tasks"] = "shots"
    state: Literal["waiting", "running", "done", "failed", "cancelled"] = "waiting"
    #: 0–1
    progress: float = 0.0
    #: Where it will be, or is; of a 剪映 draft the folder, when it was put where 剪映 looks for it.
    path: str
    bytes: int = 0
    failure: Failure | None = None
    started_at: datetime
    ended_at: datetime | None = None

    @property
    def live(self) -> bool:
        return self.state in ("waiting", "running")

    @property
    def folder(self) -> bool:
        """Whether it is a folder, which nobody can download."""
        return Path(self.path).is_dir()


class _Work:
    """An export under way, and whether it is still wanted."""

    def __init__(self, export: Export) -> None:
        self.export = export
        self.unwanted = threading.Event()


def _draft_within(folders: AllowedFolders, arguments: dict[str, Any]) -> None:
    # The folder may be one of the visitor's own machine; then the draft comes as a ZIP.
    options = arguments.get("options")
    arguments["drafts_here"] = bool(options and options.drafts_folder and folders.has(options.drafts_folder.strip()))


class Exports:
    """What leaves the program."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
        self._lock = threading.Lock()
        self._works: dict[str, _Work] = {}
        self._pool: ThreadPoolExecutor | None = None

    # --- looking

    @requires(Role.VIEWER)
    def film(self, project_id: int, *, stills: bool = False) -> Film:
        """The chosen takes in the order of their shots, and the shots that have none."""
        with self._ctx.store.read() as tx:
            project = tx.projects.get(project_id)
            shots = tx.shots.all(project_id)
            chosen, standing = tx.takes.chosen(project_id), tx.takes.stand_ins(project_id)
            made_from = {task.id: task.params for task in tx.tasks.many([take.task_id for take in chosen])}
            said = tx.reviews.of_takes([take.id for take in chosen])
        now = datetime.now().astimezone()
        return make_film(
            project.name,
            shots,
            chosen,
            self._ctx.media,
            now,
            stills=stills,
            made_from=made_from,
            said=said,
            standing=standing,
        )

    @requires(Role.VIEWER)
    def names(self, project_id: int, pattern: str, limit: int = 3) -> list[str]:
        """What the first of the exported videos would be called.

        :raises InputError: ``pattern_invalid``
        """
        film = self.film(project_id)
        clips = film.takes or self.film(project_id, stills=True).clips
        return [str(name) for name in clip_names(pattern, film.project, clips[:limit])]

    @requires(Role.VIEWER)
    def cut(self, project_id: int) -> Path | None:
        """The rough cut of what is chosen now; None without one, or when something else has been chosen since."""
        with self._ctx.store.read() as tx:
            kept = (_FILMS.get(tx, project_id) or {}).get(Format.MP4)
        if kept is None or kept["of"] != self.film(project_id).identity:
            return None
        path = Path(kept["path"])
        return path if path.is_file() else None

    # --- writing at once

    @requires(Role.MAKER)
    def write(
        self,
        project_id: int,
        kind: Format,
        target: Path,
        options: Options | None = None,
        *,
        language: str = "en",
        progress: Progress = lambda _: None,
    ) -> Path:
        """Write an export and return where it is; for 剪映 into the folder ``target`` unless that is named ``….zip``.

        :param language: of headers, markers and other words for people
        :raises Refused: export_nothing_chosen, export_no_rows, export_no_lines, export_font_missing
        :raises InputError: pattern_invalid
        :raises FileError: export_files_gone, video_*, disk_full, folder_read_only
        """
        chosen = options or Options()
        if kind in LISTS:
            self._write_list(project_id, kind, target, chosen, language)
            return target
        film = self.film(project_id, stills=chosen.stills)
        film.check()
        film = film.fetched(self._ctx.media)
        if kind is Format.JIANYING and target.suffix.lower() != ".zip":
            from vidgen_core.services.exports.timelines.jianying import write_draft

            film.check()
            path = write_draft(film, target, chosen, progress)
        else:
            from vidgen_core.services.exports.writers import library_files, write_film

            if kind is Format.ZIP:
                library = library_files(self._library(project_id), self._ctx.media)
                film = film.model_copy(update={"beside": library})
            write_film(film, kind, target, chosen, progress, language)
            path = target
        with self._ctx.store.write() as tx:
            made = {"of": film.identity, "path": str(path.absolute())}
            _FILMS.put(tx, (_FILMS.get(tx, project_id) or {}) | {kind: made}, project_id)
        return path

    def _write_list(self, project_id: int, kind: Format, target: Path, options: Options, language: str) -> None:
        from vidgen_core.services.exports.writers import write_shots

        with self._ctx.store.read() as tx:
            project = tx.projects.get(project_id)
            if options.rows == "tasks":
                if not any(tx.tasks.counts(project_id).values()):
                    raise Refused("export_no_rows", project=project.name)
                with replacing(target, ".part") as part, part.open("wb") as file:
                    self.write_task_list(project_id, kind, file, language=language)
                return
            shots = tx.shots.all(project_id)
        if not shots:
            raise Refused("export_no_rows", project=project.name)
        library = self._library(project_id)
        write_shots(shots, kind, target, options, language, project.name, self._ctx.media, library)

    def _library(self, project_id: int) -> References:
        with self._ctx.store.read() as tx:
            return References.model_validate(tx.projects.settings(project_id).get(REFERENCES) or {})

    @requires(Role.VIEWER)
    def write_task_list(self, project_id: int, kind: Format, file: BinaryIO, *, language: str = "en") -> None:
        """Write every task of a project as ``csv``, ``xlsx`` or ``json``, some hundreds at a time."""
        from vidgen_core.i18n import get_text
        from vidgen_core.services.exports.task_list import write_tasks

        form: Literal["csv", "xlsx", "json"] = (
            "csv" if kind is Format.CSV else "xlsx" if kind is Format.XLSX else "json"
        )
        with self._ctx.store.read() as tx:
            project = tx.projects.get(project_id)
            write_tasks(tx.tasks.each(project_id), form, get_text(language), project.name, file)

    # --- in the background

    @requires(Role.MAKER, confine=_draft_within)
    def start(
        self,
        project_id: int,
        kind: Format,
        options: Options | None = None,
        *,
        language: str = "en",
        drafts_here: bool = True,
    ) -> Export:
        """Begin an export into the data home's folder of exports and return at once.

        :param drafts_here: whether a draft may be written into the folder of drafts, where this machine has it
        :raises Refused: export_nothing_chosen
        :raises InputError: pattern_invalid
        :raises FileError: export_files_gone
        """
        chosen = options or Options()
        with self._ctx.store.read() as tx:
            project = tx.projects.get(project_id)
        several = False
        if kind not in LISTS:
            film = self.film(project_id, stills=chosen.stills)
            film.check()
            several = kind is Format.EDL and len(film.clips) > EDL_EVENTS
            clip_names(chosen.pattern, film.project, film.takes[:1])
        work = _Work(
            Export(
                id=uuid.uuid4().hex[:12],
                project_id=project_id,
                format=kind,
                rows=chosen.rows if kind in LISTS else "shots",
                path=str(self._target(project, kind, chosen, drafts_here=drafts_here, several=several)),
                started_at=datetime.now(UTC),
            )
        )
        with self._lock:
            self._works[work.export.id] = work
            self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="vidgen-export")
            self._pool.submit(self._carry_out, work, chosen, language)
        return work.export

    @requires(Role.MAKER, confine=_draft_within)
    def start_all(
        self,
        project_id: int,
        options: Options | None = None,
        *,
        language: str = "en",
        drafts_here: bool = True,
    ) -> list[Export]:
        """Begin every export that can be made; each ends by itself, so that one that fails stops no other.

        :raises Refused: export_nothing_chosen
        :raises InputError: pattern_invalid
        :raises FileError: export_files_gone
        """
        chosen = options or Options()
        return [
            self.start(
                project_id,
                kind,
                chosen.model_copy(update={"rows": rows}),
                language=language,
                drafts_here=drafts_here,
            )
            for kind, rows in self.film(project_id).everything()
        ]

    @requires(Role.MAKER)
    def write_all(
        self,
        project_id: int,
        folder: Path,
        options: Options | None = None,
        *,
        language: str = "en",
        progress: Progress = lambda _: None,
    ) -> tuple[list[Path], list[tuple[Format, VidgenError]]]:
        """Write every export that can be made into a folder, and return the files and what failed, with the reason.

        :raises Refused: export_nothing_chosen
        :raises FileError: export_files_gone, folder_read_only
        """
        chosen = options or Options()
        film = self.film(project_id)
        film.check()
        with translate_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        files: list[Path] = []
        failed: list[tuple[Format, VidgenError]] = []
        wanted = film.everything()
        for place, (kind, rows) in enumerate(wanted):
            asked = chosen.model_copy(update={"rows": rows})
            target = folder / f"{safe_name(film.project)}{_what(kind, asked)}.{_ending(kind, asked)}"
            try:
                files.append(self.write(project_id, kind, target, asked, language=language))
            except VidgenError as error:
                failed.append((kind, error))
            progress((place + 1) / len(wanted))
        return files, failed

    def _target(self, project: Project, kind: Format, options: Options, *, drafts_here: bool, several: bool) -> Path:
        """A name that is free; nothing that was exported is ever replaced.

        :param several: whether it takes a ZIP to hold the files of this export
        """
        drafts = Path(options.drafts_folder).expanduser()
        if (
            drafts_here
            and kind is Format.JIANYING
            and options.drafts_folder
            and drafts.is_absolute()
            and drafts.is_dir()
        ):
            return drafts
        ending = "zip" if several else _ending(kind, options)
        stem = f"{safe_name(project.name)}{_what(kind, options)}{'-edl' if several else ''}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
        folder = self._ctx.locations.exports / safe_name(project.name)
        with self._lock:
            taken = {work.export.path for work in self._works.values()}
        names = (folder / f"{stem}{f'-{n}' if n > 1 else ''}.{ending}" for n in range(1, 1000))
        return next(name for name in names if str(name) not in taken and not name.exists())

    def _carry_out(self, work: _Work, options: Options, language: str) -> None:
        export = work.export
        target = Path(export.path)
        try:
            self._told(work, export.progress)
            # A draft that goes where 剪映 looks for it makes its own folder there.
            path = self.write(
                export.project_id,
                export.format,
                target,
                options,
                language=language,
                progress=lambda done: self._told(work, done),
            )
            if not path.is_dir():
                self._ctx.media.add_export(path)
        except Cancelled:
            self._end(work, state="cancelled")
        except VidgenError as error:
            failure = Failure.of(error, charged=ChargeStatus.NONE)
            self._end(work, state="failed", failure=failure)
        except Exception as error:  # noqa: BLE001 - nobody else hears what a thread ends with
            _LOG.exception("An export failed")
            failure = Failure(
                kind=ErrorKind.FILE,
                code="export_failed",
                params={"error": type(error).__name__},
                charged=ChargeStatus.NONE,
            )
            self._end(work, state="failed", failure=failure)
        else:
            self._end(work, state="done", progress=1.0, path=str(path), bytes=_bytes(path))
            self._remember(work.export)

    def _told(self, work: _Work, done: float) -> None:
        if work.unwanted.is_set():
            raise Cancelled
        if done - work.export.progress >= _STEP or work.export.state == "waiting":
            work.export = work.export.model_copy(update={"state": "running", "progress": done})

    def _end(self, work: _Work, **changes: Any) -> None:
        work.export = work.export.model_copy(update={"ended_at": datetime.now(UTC), **changes})

    def _remember(self, export: Export) -> None:
        with self._lock, self._ctx.store.write() as tx:
            kept = [export.model_dump(mode="json"), *(_EXPORTS.get(tx, export.project_id) or [])]
            _EXPORTS.put(tx, kept[:REMEMBERED], export.project_id)

    # --- the list

    @requires(Role.VIEWER)
    def all(self, project_id: int) -> list[Export]:
        """Exports under way and those whose file is there, the newest first; failures of this process among them."""
        with self._lock:
            here = {work.export.id: work.export for work in self._works.values()}
        with self._ctx.store.read() as tx:
            kept = [_export(value) for value in _EXPORTS.get(tx, project_id) or []]
        # In the order in which they were made, whatever the clock said then; those of this process as they are now.
        every = {
            **dict(reversed(here.items())),
            **{export.id: here.get(export.id, export) for export in kept if export},
        }
        return [
            export
            for export in every.values()
            if export.project_id == project_id
            and (export.state != "done" or self._ctx.media.may_have_export(Path(export.path)))
        ]

    @requires(Role.VIEWER)
    def get(self, project_id: int, export_id: str) -> Export:
        """:raises NotFound: ``export_unknown``"""
        for export in self.all(project_id):
            if export.id == export_id:
                return export
        raise NotFound("export_unknown")

    @requires(Role.VIEWER)
    def file(self, project_id: int, export_id: str) -> Path | StoredFile:
        """The finished file, for download, on this machine or to be read in parts.

        :raises NotFound: ``export_unknown`` when it is not there, not finished, or a folder
        """
        export = self.get(project_id, export_id)
        found = self._ctx.media.export(Path(export.path)) if export.state == "done" else None
        if found is None or (isinstance(found, Path) and not found.is_file()):
            raise NotFound("export_unknown")
        return found

    @requires(Role.MAKER)
    def cancel(self, export_id: str) -> None:
        """Stop an export; what was written of it goes away."""
        with self._lock:
            work = self._works.get(export_id)
        if work:
            work.unwanted.set()

    @requires(Role.MAKER)
    def remove(self, project_id: int, export_id: str) -> None:
        """Take an ended export off the list and delete its file; a draft among 剪映's own stays where it is.

        :raises FileError: folder_read_only
        """
        export = self.get(project_id, export_id)
        path = Path(export.path)
        if export.state == "done" and path.is_relative_to(self._ctx.locations.exports):
            with translate_os_errors(path):
                rmtree(path) if path.is_dir() else self._ctx.media.remove_export(path)
        with self._lock, self._ctx.store.write() as tx:
            self._works.pop(export_id, None)
            others = [kept for kept in _EXPORTS.get(tx, project_id) or [] if kept.get("id") != export_id]
            _EXPORTS.put(tx, others, project_id)
            films = _FILMS.get(tx, project_id) or {}
            left = {kind: film for kind, film in films.items() if film["path"] != export.path}
            _FILMS.put(tx, left, project_id)

    def close(self) -> None:
        """Stop what is under way and wait for its thread; may be called twice."""
        with self._lock:
            pool, self._pool = self._pool, None
            for work in self._works.values():
                work.unwanted.set()
        if pool:
            pool.shutdown(wait=True, cancel_futures=True)


def count_exports(tx: Tx, project_id: int) -> int:
    """How many exports there are; at least 1 when the film is only where the command line put it."""
    return len(_EXPORTS.get(tx, project_id) or []) or int(bool(_FILMS.get(tx, project_id)))


def _ending(kind: Format, options: Options) -> str:
    return "zip" if kind is Format.JIANYING or options.is_packed(kind) else kind.value


def _what(kind: Format, options: Options) -> str:
    """What tells two files of one ending apart, behind the project's name."""
    return {Format.JIANYING: "-jianying"}.get(kind, f"-{options.rows}" if kind in LISTS else "")


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files if file.is_file())


def _export(value: Any) -> Export | None:
    try:
        return Export.model_validate(value)
    except ValidationError:
        # Kept by another version; its file is still in the folder.
        return None
