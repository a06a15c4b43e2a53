"""Projects, imports, exports, the state of the worker, and the log."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, File, Form, Query, UploadFile
from starlette.responses import JSONResponse, Response

from vidgen_core import __version__
from vidgen_core.domain.errors import InputError, VidgenError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.queries import LogFilter
from vidgen_core.services.exports.film import Options
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.imports.plan import Existing, Imported
from vidgen_core.services.schemas.edits import EditResponse
from vidgen_core.web.api.common import (
    DEFAULT,
    App,
    Catalogue,
    Limit,
    PathId,
    ProjectName,
    Search,
    errors,
    project_for,
    project_of,
)
from vidgen_core.web.api.schemas.base import LARGEST
from vidgen_core.web.api.schemas.work import (
    AddedShot,
    ExportAllRequest,
    ExportRequest,
    ExportResponse,
    HealthResponse,
    ImportResponse,
    LogResponse,
    ProjectChangeRequest,
    ProjectDeletionResponse,
    ProjectRequest,
    ProjectResponse,
    StatusResponse,
    UndoneResponse,
)
from vidgen_core.web.app_instance import get_vidgen

if TYPE_CHECKING:
    from vidgen_core.services.imports.plan import ImportPlan
    from vidgen_core.services.imports.staging import Staging

router = APIRouter()
#: Files of one import.
MOST_FILES: Final = 2_000


@router.get("/health", tags=["status"], responses={503: {"model": HealthResponse}}, response_model=HealthResponse)
def health() -> Response:
    """Whether the database answers and a worker runs; for monitoring, without a token."""
    try:
        vidgen = get_vidgen()
        beat = vidgen.worker.heartbeat()
    except VidgenError as error:
        wrong = {"kind": error.kind, "message": error.code}
        return JSONResponse({"ok": False, "version": __version__, "error": wrong}, 503)
    runner = {"here": vidgen.worker.is_here, "last_seen": beat.at.isoformat() if beat else None}
    return JSONResponse({"ok": True, "version": __version__, "runner": runner})


@router.get("/status", tags=["status"], responses=errors(404))
def status(app: App, project: Annotated[str | None, Query(min_length=1, max_length=120)] = None) -> StatusResponse:
    """What the header of the screens shows; without a project, of all of them."""
    return StatusResponse.of(app.worker.status(None if project is None else project_of(app, project).id))


@router.post("/runner/pause", tags=["status"])
def pause(app: App) -> StatusResponse:
    """Submit nothing new; submitted jobs are polled to their end."""
    app.worker.pause()
    return StatusResponse.of(app.worker.status(None))


@router.post("/runner/resume", tags=["status"])
def resume(app: App) -> StatusResponse:
    """Submit again."""
    app.worker.resume()
    return StatusResponse.of(app.worker.status(None))


# --- projects


@router.get("/projects", tags=["projects"])
def list_projects(app: App) -> list[ProjectResponse]:
    """Every project."""
    return [ProjectResponse.model_validate(project) for project in app.projects.all()]


@router.post("/projects", tags=["projects"])
def create_project(app: App, body: ProjectRequest) -> ProjectResponse:
    """The project of that name, made if there is none."""
    return ProjectResponse.model_validate(project_for(app, body.name))


@router.patch("/projects/{project_id}", tags=["projects"], responses=errors(404))
def change_project(app: App, project_id: int, body: ProjectChangeRequest) -> ProjectResponse:
    """Rename a project, archive it, or bring it back."""
    project = app.projects.get(project_id)
    if body.name is not None:
        project = app.projects.rename(project_id, body.name)
    if body.archived is not None:
        project = app.projects.archive(project_id, body.archived)
    return ProjectResponse.model_validate(project)


@router.post("/projects/{project_id}/copy", tags=["projects"], responses=errors(404))
def copy_project(app: App, project_id: int, body: ProjectRequest) -> ProjectResponse:
    """A new project with the same shots and without takes."""
    return ProjectResponse.model_validate(app.projects.copy(project_id, body.name))


@router.get("/projects/{project_id}/deletion", tags=["projects"], responses=errors(404))
def describe_project_deletion(app: App, project_id: int) -> ProjectDeletionResponse:
    """What deleting a project would take away and free; nothing is changed."""
    return ProjectDeletionResponse.model_validate(app.projects.deletion(project_id))


@router.delete("/projects/{project_id}", tags=["projects"], responses=errors(404, 409))
def delete_project(app: App, project_id: int, files: bool = False) -> ProjectDeletionResponse:
    """Delete a project; with ``files`` its videos, too. What was spent in it stays in the ledger."""
    return ProjectDeletionResponse.model_validate(app.projects.delete(project_id, files=files))


# --- lists and pictures


@router.post("/import", tags=["import and export"])
def import_files(
    app: App,
    t: Catalogue,
    files: Annotated[list[UploadFile], File(description="Lists, storyboards, and the pictures that they name.")],
    project: Annotated[str, Form(min_length=1, max_length=120)] = DEFAULT,
    again: Annotated[bool, Form(description="Add rows that are there already.")] = False,
    dry_run: Annotated[bool, Form(description="Say what would happen and store nothing.")] = False,
    existing: Annotated[
        Existing, Form(description="What becomes of rows that look like shots that are there with another content.")
    ] = Existing.ASK,
) -> ImportResponse:
    """Shots from lists, storyboards and pictures; rows that cannot be taken say why and stop no others."""
    if len(files) > MOST_FILES:
        raise InputError("files_many", most=MOST_FILES)
    if not project.strip():
        raise InputError("project_name_empty")
    with app.imports.temporary_staging() as staging:
        from vidgen_core.services.imports.readers.reader import lists_or_all

        paths = [staging.put(_name(file), file.file) for file in files]
        plan = app.imports.plan(lists_or_all(paths), may_leave=False)
        if dry_run:
            return _preview(app, project, plan, staging, again, existing, t)
        where = project_for(app, project)
        plan = app.imports.materialize(where.id, plan, staging, again)
        return ImportResponse.of(app.imports.apply(where.id, plan, again, existing=existing), plan, t)


def _name(file: UploadFile) -> str:
    return PurePosixPath((file.filename or "").replace("\\", "/")).as_posix() or "file"


def _preview(
    app: Vidgen, project: str, plan: ImportPlan, staging: Staging, again: bool, existing: Existing, t: Catalogue
) -> ImportResponse:
    known = app.projects.find(" ".join(project.split()))
    project_id = known.id if known else None
    plan = app.imports.materialize(project_id, plan, staging, again)
    found = app.imports.preview(project_id, plan, again, existing)
    answer = ImportResponse.of(Imported(skipped=found.skipped, rejected=found.rejected), plan, t)
    answer.added = [AddedShot(id=None, shot=row.number) for row in found.ok]
    answer.updated = [AddedShot(id=None, shot=row.number) for row in found.updated]
    return answer


# --- exports


@router.post("/export", tags=["import and export"], responses=errors(404, 409))
def start_export(app: App, t: Catalogue, body: ExportRequest) -> ExportResponse:
    """Begin an export; it is written in the background."""
    where = project_of(app, body.project)
    options = body.model_dump(exclude={"project", "format"}, exclude_none=True)
    export = app.exports.start(where.id, body.kind, Options.model_validate(options), language=t.lang)
    return ExportResponse.of(export, t)


@router.post("/export/all", tags=["import and export"], responses=errors(404, 409))
def start_exports(app: App, t: Catalogue, body: ExportAllRequest) -> list[ExportResponse]:
    """Begin every export that can be made; each is written in the background and ends by itself."""
    where = project_of(app, body.project)
    options = Options.model_validate(body.model_dump(exclude={"project"}, exclude_none=True))
    return [ExportResponse.of(each, t) for each in app.exports.start_all(where.id, options, language=t.lang)]


@router.get("/export", tags=["import and export"], responses=errors(404))
def list_exports(app: App, t: Catalogue, project: ProjectName = DEFAULT) -> list[ExportResponse]:
    """Exports under way and those whose file is there, the newest first."""
    where = project_of(app, project)
    return [ExportResponse.of(export, t) for export in app.exports.all(where.id)]


@router.get("/export/{project_id}/{export_id}", tags=["import and export"], responses=errors(404))
def get_export(app: App, t: Catalogue, project_id: PathId, export_id: str) -> ExportResponse:
    """One export and how far it is."""
    return ExportResponse.of(app.exports.get(project_id, export_id), t)


@router.delete("/export/{project_id}/{export_id}", tags=["import and export"], responses=errors(404))
def delete_export(app: App, t: Catalogue, project_id: PathId, export_id: str) -> ExportResponse:
    """Stop an export that is under way, or take one away with its file."""
    export = app.exports.get(project_id, export_id)
    if export.live:
        app.exports.cancel(export_id)
    else:
        app.exports.remove(project_id, export_id)
    return ExportResponse.of(export, t)


# --- timelines that come back


@router.post("/edit", tags=["import and export"], responses=errors(404, 409))
def apply_edit(
    app: App,
    t: Catalogue,
    file: Annotated[UploadFile, File(description="An edited timeline: OTIO, EDL, Final Cut Pro's or Premiere's XML.")],
    project: Annotated[str, Form(min_length=1, max_length=120)] = DEFAULT,
    dry_run: Annotated[bool, Form(description="Say what would change and change nothing.")] = False,
) -> EditResponse:
    """Give shots the order, and takes the in and out points, of a timeline; clips that cannot be followed are named."""
    plan = app.edits.plan(project_of(app, project).id, _name(file), file.file.read())
    if not dry_run:
        app.edits.apply(plan)
    return EditResponse.of(plan, t, applied=not dry_run)


@router.delete("/edit", tags=["import and export"], responses=errors(404, 409))
def undo_edit(app: App, project: ProjectName = DEFAULT) -> UndoneResponse:
    """Put back what the last applied timeline changed."""
    return UndoneResponse(file=app.edits.undo(project_of(app, project).id))


# --- the log


@router.get("/log", tags=["status"], responses=errors(404))
def log(
    app: App,
    t: Catalogue,
    project: Annotated[str | None, Query(min_length=1, max_length=120)] = None,
    level: Annotated[list[LogLevel] | None, Query()] = None,
    task_id: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    text: Search = "",
    limit: Limit = 200,
    before_id: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    after_id: Annotated[int | None, Query(ge=0, le=LARGEST)] = None,
) -> list[LogResponse]:
    """Lines of the execution log: the newest first, or with ``after_id`` what came since, oldest first."""
    where = None if project is None else project_of(app, project).id
    wanted = LogFilter(levels=frozenset(level or ()), task_id=task_id, text=text)
    if after_id is not None:
        lines = app.log.after(after_id, where, wanted, limit)
    else:
        lines = app.log.page(where, wanted, limit, before_id)
    return [LogResponse.of(line, t) for line in lines]
