"""Scripts, prompts and the automatic run from a script to the film."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from vidgen_core.domain.errors import InputError
from vidgen_core.domain.shots import Author
from vidgen_core.domain.tasks import MOST_DRAWS, UntilPass
from vidgen_core.i18n import Text
from vidgen_core.services.autopilot.progress import why_unfilmed
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.schemas.base import Cost, ResponseModel
from vidgen_core.services.schemas.money import OrderedResponse
from vidgen_core.services.schemas.scripts import BoardResponse, ScriptResponse
from vidgen_core.services.scripts.cameras import CAMERAS
from vidgen_core.services.scripts.prompts import VersionView, Wanted
from vidgen_core.web.api.common import DEFAULT, App, Catalogue, PathId, ProjectName, errors, project_for, project_of
from vidgen_core.web.api.schemas.base import IdNumber, RequestModel, Word, numbers

router = APIRouter(tags=["writing"])
ScriptText = Annotated[str, Field(min_length=1, max_length=1_000_000, strict=True)]


class ScriptRequest(RequestModel):
    """A script to be made a storyboard of."""

    project: Word = DEFAULT
    text: ScriptText
    name: Annotated[str, Field(max_length=200, strict=True)] = ""
    offline: bool = False
    """Split it on this machine although there is a model."""
    again: bool = False
    """Begin anew although its shots are in the storyboard."""


class ResumeRequest(RequestModel):
    """Go on with the pieces that have no answer."""

    ask_lost: bool = False
    """Ask again where an answer was lost; it may have been paid for."""


class StoredResponse(ResponseModel):
    """What came into the storyboard."""

    added: list[str]
    """Ids of the new shots."""
    skipped: int
    rejected: int


class VersionResponse(ResponseModel):
    """One wording of a shot's video prompt."""

    id: str
    number: int
    text: str
    author: Author
    writer: str
    in_use: bool
    takes: list[int]
    """Numbers of the takes that it made."""
    created_at: datetime

    @classmethod
    def of(cls, view: VersionView) -> VersionResponse:
        return cls.filled(view.version, in_use=view.in_use, takes=view.takes)


class PromptsRequest(RequestModel):
    """Which prompts are to be written, and how."""

    project: Word = DEFAULT
    shots: Annotated[list[IdNumber], Field(max_length=10_000)] | None = None
    """Ids of shots; left out: all without a prompt."""
    camera: str = ""
    translate: Literal["", "zh", "en"] = ""
    offline: bool = False
    ask_lost: bool = False


class WritingResponse(ResponseModel):
    """How far the writing of prompts is."""

    busy: bool
    total: int
    written: int
    beside: int
    """Kept as a version beside what a person wrote."""
    skipped: int
    failed: int


class StepResponse(ResponseModel):
    """One step from script to film."""

    name: str
    done: int
    total: int
    state: Literal["done", "next", "open"]
    missing: int
    lack: str
    """What is missing: the step's name, or ``choice`` where takes wait to be chosen before an export."""


class UnfilmedResponse(ResponseModel):
    """A shot without a take."""

    shot: str
    reason: str


class WayResponse(ResponseModel):
    """The progress of a project and its automatic run."""

    steps: list[StepResponse]
    walking: bool
    note: str | None
    code: str | None
    clips: int
    """Shots in the rough cut of the last run."""
    without_takes: int
    """Shots without a take and none under way."""
    unfilmed: list[UnfilmedResponse]
    """The first of them, each with its reason."""
    limit: Cost | None
    """What the present or last run may spend; null: no limit of its own."""
    ordered: OrderedResponse | None = None
    """What this call has ordered."""


@router.post("/scripts")
def start_script(app: App, body: ScriptRequest) -> ScriptResponse:
    """Begin to turn a script into a storyboard; the same script goes on where it was."""
    where = project_for(app, body.project)
    script = app.scripts.start(where.id, body.text, body.name, offline=body.offline, again=body.again)
    return ScriptResponse.of(app.scripts.get(script.id))


@router.get("/scripts", responses=errors(404))
def list_scripts(app: App, project: ProjectName = DEFAULT) -> list[ScriptResponse]:
    """The scripts of a project, the newest first."""
    return [ScriptResponse.of(view) for view in app.scripts.all(project_of(app, project).id)]


@router.get("/scripts/{script_id}", responses=errors(404))
def get_script(app: App, script_id: PathId) -> ScriptResponse:
    """One script."""
    return ScriptResponse.of(app.scripts.get(script_id))


@router.get("/scripts/{script_id}/storyboard", responses=errors(404))
def get_storyboard(app: App, script_id: PathId, t: Catalogue) -> BoardResponse:
    """The storyboard that would be stored, row by row with its verdict."""
    return BoardResponse.of(app.scripts.board(script_id), t)


@router.post("/scripts/{script_id}/resume", responses=errors(404, 409))
def resume_script(app: App, script_id: PathId, body: ResumeRequest) -> ScriptResponse:
    """Ask for the pieces that have no answer yet."""
    app.scripts.get(script_id)
    app.scripts.resume(script_id, ask_lost=body.ask_lost)
    return ScriptResponse.of(app.scripts.get(script_id))


@router.post("/scripts/{script_id}/cancel", responses=errors(404))
def cancel_script(app: App, script_id: PathId) -> ScriptResponse:
    """Ask for nothing more; answers that are there stay."""
    view = app.scripts.get(script_id)
    app.scripts.cancel(script_id)
    return ScriptResponse.of(view)


@router.post("/scripts/{script_id}/store", responses=errors(404, 409))
def store_script(app: App, script_id: PathId, chains: Annotated[bool, Query()] = False) -> StoredResponse:
    """Put the shots of a script into the storyboard; with ``chains`` they go on from each other where that is proposed."""
    done = app.scripts.store(script_id, chains=chains)
    return StoredResponse(
        added=[str(shot.id) for shot in done.added], skipped=len(done.skipped), rejected=len(done.rejected)
    )


@router.get("/shots/{shot_id}/prompts", responses=errors(404))
def list_versions(app: App, shot_id: PathId) -> list[VersionResponse]:
    """Every wording of a shot's video prompt, the latest first."""
    return [VersionResponse.of(view) for view in app.prompts.versions(shot_id)]


@router.post("/shots/{shot_id}/prompts/{version_id}/put-back", responses=errors(404))
def put_back(app: App, shot_id: PathId, version_id: PathId) -> list[VersionResponse]:
    """Make an earlier wording the prompt again."""
    app.prompts.put_back(shot_id, version_id)
    return list_versions(app, shot_id)


@router.post("/prompts", responses=errors(404, 409))
def write_prompts(app: App, body: PromptsRequest) -> WritingResponse:
    """Write video prompts in the background; what a person wrote stays."""
    where = project_of(app, body.project)
    if body.camera and body.camera not in CAMERAS:
        raise InputError("camera_unknown", camera=body.camera, known=", ".join(CAMERAS))
    ids = app.prompts.empty(where.id) if body.shots is None else numbers(body.shots)
    options = Wanted(camera=body.camera, translate=body.translate, offline=body.offline, ask_lost=body.ask_lost)
    app.prompts.write(where.id, ids, options)
    return _writing(app, where.id)


@router.get("/prompts", responses=errors(404))
def get_writing(app: App, project: ProjectName = DEFAULT) -> WritingResponse:
    """How far the present or last writing of prompts is."""
    return _writing(app, project_of(app, project).id)


def _writing(app: Vidgen, project_id: int) -> WritingResponse:
    found = app.prompts.writing(project_id)
    if found is None:
        return WritingResponse(busy=False, total=0, written=0, beside=0, skipped=0, failed=0)
    return WritingResponse.model_validate(found)


@router.get("/way", responses=errors(404))
def get_way(app: App, t: Catalogue, project: ProjectName = DEFAULT) -> WayResponse:
    """How far a project is from script to film."""
    return _way(app, t, project_of(app, project).id)


@router.post("/way/go", responses=errors(404, 409))
def go(
    app: App,
    t: Catalogue,
    project: ProjectName = DEFAULT,
    limit: Annotated[
        float | None,
        Query(ge=0, allow_inf_nan=False, description="What the run may spend in all; left out: its worst case."),
    ] = None,
    until_pass: Annotated[
        int | None,
        Query(ge=1, le=MOST_DRAWS, description="Draw takes one by one until one passes, at most so many a shot."),
    ] = None,
) -> WayResponse:
    """Start the automatic run of a project, within a budget of its own."""
    where = project_of(app, project)
    until = None if until_pass is None else UntilPass(most=until_pass)
    sheet = app.progress.sheet(where.id, until)
    app.progress.go(where.id, None if limit is None else Decimal(str(limit)), until)
    ordered = OrderedResponse(
        count=sheet.tasks, cost=Cost.of(sheet.low, estimated=True), worst=Cost.of(sheet.high, estimated=True)
    )
    return _way(app, t, where.id).model_copy(update={"ordered": ordered})


@router.post("/way/halt", responses=errors(404))
def halt(app: App, t: Catalogue, project: ProjectName = DEFAULT) -> WayResponse:
    """Stop the automatic run."""
    where = project_of(app, project)
    app.progress.halt(where.id)
    return _way(app, t, where.id)


def _way(app: Vidgen, t: Text, project_id: int) -> WayResponse:
    run = app.progress.run(project_id)
    total, named = app.progress.unfilmed(project_id)
    return WayResponse(
        steps=[StepResponse(**step._asdict()) for step in app.progress.steps(project_id)],
        walking=run is not None and run.on,
        note=run.note if run else None,
        code=run.code if run else None,
        clips=run.clips if run else 0,
        without_takes=total,
        limit=Cost.of(run.limit, estimated=True) if run else None,
        unfilmed=[UnfilmedResponse(shot=one.shot, reason=why_unfilmed(t, one)) for one in named],
    )
