"""Projects, imports, exports, status, health and the log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from vidgen_core.domain.log import LogLine
from vidgen_core.i18n import Text
from vidgen_core.i18n.log_lines import log_sentence
from vidgen_core.services.exports.exports import Export
from vidgen_core.services.exports.film import Format
from vidgen_core.services.imports.plan import Imported, ImportPlan, RowNote
from vidgen_core.services.schemas.base import Moment, ResponseModel, iso
from vidgen_core.services.system.worker_control import Status
from vidgen_core.web.api.schemas.base import Name, RequestModel, Yes
from vidgen_core.web.middleware.base_path import address


class ProjectRequest(RequestModel):
    """A project."""

    name: Name


class ProjectResponse(ResponseModel):
    """A project."""

    id: str
    name: str
    created_at: Moment
    #: Put away: screens do not offer it.
    archived: bool


class ProjectChangeRequest(RequestModel):
    """What is to be changed of a project; what is left out stays."""

    name: Name | None = None
    archived: bool | None = None


class ProjectDeletionResponse(ResponseModel):
    """What deleting a project takes away and frees."""

    shots: int
    takes: int
    #: Of its videos, which go only when that is asked for.
    bytes: int
    #: Videos that are being made; while there are any it cannot be deleted.
    busy: int


class RowResponse(ResponseModel):
    """A row that was not added."""

    line: int | None
    source: str
    code: str
    reason: str

    @classmethod
    def of(cls, note: RowNote, t: Text) -> RowResponse:
        reason = t.error("parameter", note.code, note.params)
        return cls(line=note.line, source=str(note.params.get("source", "")), code=note.code, reason=reason)


class AddedShot(ResponseModel):
    """A shot that an import has made, or with dry_run would make."""

    id: str | None
    shot: str | None


class ImportResponse(ResponseModel):
    """What an import did."""

    added: list[AddedShot]
    #: Shots that took over what their rows say.
    updated: list[AddedShot]
    skipped: list[RowResponse]
    rejected: list[RowResponse]
    warnings: list[RowResponse]
    unused_columns: list[str]
    #: without_picture, without_prompt, unused_columns, similar
    counts: dict[str, int]

    @classmethod
    def of(cls, imported: Imported, plan: ImportPlan, t: Text) -> ImportResponse:
        similar = sum(note.code == "shot_similar" for note in imported.skipped)
        return cls(
            added=[AddedShot(id=str(shot.id), shot=shot.number) for shot in imported.added],
            updated=[AddedShot(id=str(shot.id), shot=shot.number) for shot in imported.updated],
            warnings=[RowResponse.of(note, t) for note in plan.warnings],
            unused_columns=list(plan.unknown),
            counts=plan.counts | {"similar": similar},
            skipped=[RowResponse.of(note, t) for note in imported.skipped],
            rejected=[RowResponse.of(note, t) for note in imported.rejected],
        )


class ExportAllRequest(RequestModel):
    """How exports are wanted; what a format has no use for is passed over."""

    project: Name = "default"
    pictures: Yes = False
    timelines: Yes = False
    stills: Yes = False
    numbers: Yes = False
    subtitles: Yes = False
    """MP4: the spoken lines in the picture."""
    drafts_folder: Annotated[str, Field(max_length=1000, strict=True)] = ""
    """剪映: the folder of drafts on the machine that will open it."""
    pattern: Annotated[str, Field(min_length=1, max_length=300, strict=True)] | None = None


class ExportRequest(ExportAllRequest):
    """What is wanted; it is written in the background."""

    format: Literal[
        "zip", "mp4", "otio", "fcpxml", "xml", "edl", "jianying", "srt", "ass", "pdf", "csv", "json", "xlsx"
    ]  # fmt: skip
    rows: Literal["shots", "tasks"] = "shots"

    @property
    def kind(self) -> Format:
        return Format(self.format)


class ExportResponse(ResponseModel):
    """One export, from the request to the file."""

    id: str
    format: str
    state: str
    progress: float
    bytes: int
    file: str | None
    """Address of the file on this server, once there is one."""
    error: str | None
    started_at: Moment
    ended_at: Moment | None

    @classmethod
    def of(cls, export: Export, t: Text) -> ExportResponse:
        there = export.state == "done" and not export.folder
        return cls.filled(
            export,
            file=address(f"/app/static/media/export/{export.project_id}/{export.id}") if there else None,
            error=t.failure(export.failure) if export.failure else None,
        )


class UndoneResponse(ResponseModel):
    """A timeline that was applied and is undone."""

    file: str


class StatusResponse(ResponseModel):
    """What the header of the screens shows."""

    mode: str
    counts: dict[str, int]
    percent: int | None
    eta_seconds: float | None
    spent: dict[str, float]
    runner_alive: bool
    paused: str | None
    provider_pauses: dict[str, str]

    @classmethod
    def of(cls, status: Status) -> StatusResponse:
        return cls.filled(
            status,
            spent={currency: float(money.amount) for currency, money in status.spent.items()},
            runner_alive=status.alive,
            provider_pauses={mode.value: str(pause.get("code", "")) for mode, pause in status.provider_pauses.items()},
        )


class HealthResponse(ResponseModel):
    """Whether the database answers and a runner is at work."""

    ok: bool
    version: str
    runner: dict[str, JsonValue] | None = None
    error: dict[str, str] | None = None


class LogResponse(ResponseModel):
    """One line of the execution log, in words and as a code."""

    id: int
    time: str
    level: str
    task: str | None
    code: str
    text: str

    @classmethod
    def of(cls, line: LogLine, t: Text) -> LogResponse:
        return cls.filled(line, time=iso(line.at), task=line.task_id, text=log_sentence(t, line))
