"""What the HTTP API takes and answers; OpenAPI is made from these.

Ids are text in answers, as ``vidgen tasks --json`` prints them; in questions they may be numbers, too. Times are UTC,
ISO 8601.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from vidgen_core.app import Imported, Outcome, RowNote, ShotView, Status, words_of
from vidgen_core.app.exports import Export
from vidgen_core.exporting.film import Format
from vidgen_core.exporting.task_shape import iso, task_shape
from vidgen_core.locale import Text
from vidgen_core.models import Attempt, Candidate, LogLine, Project, Take, Task
from vidgen_core.server.under import address

#: SQLite's integers are larger; JavaScript's are not.
LARGEST = 2**53 - 1
IdNumber = Annotated[int, Field(ge=1, le=LARGEST, strict=True)]
Id = IdNumber | Annotated[str, Field(pattern=r"^[1-9][0-9]{0,14}$", strict=True)]
Ids = Annotated[list[Id], Field(min_length=1, max_length=10_000)]
Name = Annotated[str, Field(min_length=1, max_length=120, strict=True)]
Prompt = Annotated[str, Field(max_length=20_000, strict=True)]
Yes = Annotated[bool, Field(strict=True)]
Takes = Annotated[int, Field(ge=1, le=5, strict=True)]
Word = Annotated[str, Field(min_length=1, max_length=200, strict=True)]
#: seconds
Duration = Annotated[float, Field(gt=0, le=600, strict=True, allow_inf_nan=False)]
ModeName = Literal["local", "yunwu", "kie", "lovart"]


def number(id_: int | str) -> int:
    """An id as the store knows it."""
    return int(id_)


def numbers(ids: Iterable[int | str]) -> list[int]:
    return [int(id_) for id_ in ids]


class Body(BaseModel):
    """What is sent; words that are not known are refused."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """What is answered."""


# --- errors


class ErrorDetail(Answer):
    """What was wrong: ``kind`` for programs, ``message`` for people."""

    kind: str
    message: str


class ErrorAnswer(Answer):
    """Every answer with a status of 400 or above."""

    error: ErrorDetail


# --- tasks


class TaskError(Answer):
    """Why a task failed."""

    kind: str
    code: str
    message: str
    retryable: bool
    charged: str


class Cost(Answer):
    """Money; ``estimated`` unless the provider has named it."""

    amount: float
    currency: str
    estimated: bool


class TaskAnswer(Answer):
    """One take of one shot by one provider, as ``vidgen tasks --json`` prints it."""

    id: str
    project: str
    shot: str
    take: int
    output: str
    """``video``, or ``image`` for a picture of the shot."""
    status: str
    progress: int | None
    provider: str
    model: str
    remote_id: str | None
    attempts: int
    error: TaskError | None
    file: str | None
    cost: Cost | None
    created_at: str
    started_at: str | None
    finished_at: str | None

    @classmethod
    def of(cls, task: Task, t: Text, project: str) -> TaskAnswer:
        return cls.model_validate(task_shape(task, project, t))


class TaskPage(Answer):
    """A part of a list."""

    total: int
    items: list[TaskAnswer]


class RefusedShot(Answer):
    """A shot for which nothing was queued."""

    shot: str
    code: str
    message: str


class GenerateBody(Body):
    """Which shots get new takes, and of what kind; what a shot itself asks for wins."""

    project: Name = "default"
    shots: Annotated[list[Word], Field(max_length=10_000)] | None = None
    """Numbers of shots, e.g. 1.0."""
    shot_ids: Annotated[list[Id], Field(max_length=10_000)] | None = None
    all: Yes = False
    """Every shot of the project."""
    takes: Takes | None = None
    provider: ModeName | None = None
    model: Word | None = None
    aspect_ratio: Word | None = None
    size: Word | None = None
    duration: Duration | None = None
    release: Yes = True
    """False keeps the tasks as pending until they are run."""
    canary: Yes | None = None
    """True releases the first shot only and keeps the rest as pending; left out, the settings decide."""
    dry_run: Yes = False
    """True: say what it would cost and queue nothing."""


class GenerateAnswer(Answer):
    """What was queued, or with dry_run would be."""

    tasks: list[TaskAnswer]
    refused: list[RefusedShot]
    count: int
    cost: Cost | None
    """None: unknown."""


class IdsBody(Body):
    """Several tasks."""

    ids: Ids


class RetryBody(IdsBody):
    """A new attempt of each, paid anew."""

    confirm: Yes = False
    """True: it may pay twice, and that is known."""


class CancelBody(IdsBody):
    """What was not sent ends free of charge."""

    give_up: Yes = False
    """True: also stop waiting for jobs that were sent; they may still be charged."""


class PriceAnswer(Answer):
    """What a job that waits for a yes would take; null: it names no price."""

    price: Cost | None


class PriceBody(Body):
    """The price that is said yes to, as it was shown; both null: no price was named."""

    amount: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    currency: Word | None


class AdoptBody(Body):
    """The remote job that is this task's."""

    remote_id: Word


class AdoptNewBody(AdoptBody):
    """A remote job that exists already and becomes a new take of a shot."""

    shot_id: Id
    provider: ModeName
    model: Word | None = None
    key: Word | None = None
    """Name of the key that sent it."""


class RefusedTask(Answer):
    """A task with which it was not done."""

    id: str
    code: str
    message: str


class OutcomeAnswer(Answer):
    """What became of a wish about several tasks."""

    done: list[str]
    refused: list[RefusedTask]

    @classmethod
    def of(cls, outcome: Outcome, t: Text) -> OutcomeAnswer:
        refused = [
            RefusedTask(id=str(one.id), code=one.code, message=t.error("parameter", one.code, one.params))
            for one in outcome.refused
        ]
        return cls(done=[str(id_) for id_ in outcome.done], refused=refused)


class RunBody(Body):
    """Tasks to be carried out."""

    task_ids: Ids
    max_concurrent: Annotated[int, Field(ge=1, le=1000, strict=True)] | None = None
    """How many remote jobs of this provider may be in flight; owners change the setting by it."""


class RunAnswer(OutcomeAnswer):
    """What was released, and the cap in force."""

    max_concurrent: int


class AttemptAnswer(Answer):
    """One submission: a line of the money ledger."""

    number: int
    state: str
    model: str
    key: str | None
    remote_id: str | None
    cost: Cost | None
    charge: str
    error: str | None
    intent_at: str | None
    accepted_at: str | None
    ended_at: str | None

    @classmethod
    def of(cls, attempt: Attempt, t: Text) -> AttemptAnswer:
        cost = attempt.cost
        return cls(
            number=attempt.number,
            state=attempt.state,
            model=attempt.model,
            key=attempt.key_label,
            remote_id=attempt.remote_id,
            cost=Cost(amount=float(cost.amount), currency=cost.currency, estimated=attempt.charge != "charged")
            if cost
            else None,
            charge=attempt.charge,
            error=t.failure(attempt.failure) if attempt.failure else None,
            intent_at=iso(attempt.intent_at),
            accepted_at=iso(attempt.accepted_at),
            ended_at=iso(attempt.ended_at),
        )


class ProgressItem(Answer):
    """Where a task stands."""

    task_id: str
    status: str
    progress: int | None


# --- shots and takes


class ShotParamsBody(Body):
    """What a shot asks for in its own way; null leaves it to the settings."""

    provider: ModeName | None = None
    model: Word | None = None
    aspect_ratio: Annotated[str, Field(pattern=r"^([1-9][0-9]?:[1-9][0-9]?|Auto)$", strict=True)] | None = None
    size: Word | None = None
    duration: Duration | None = None
    takes: Takes | None = None
    seed: Annotated[int, Field(ge=0, le=2**32, strict=True)] | None = None
    watermark: Annotated[str, Field(max_length=200, strict=True)] | None = None
    callback_url: Annotated[str, Field(max_length=2_000, strict=True)] | None = None


class ShotBody(Body):
    """A new shot; its picture comes by ``PUT /api/shots/{id}/image``, or with an import."""

    project: Name = "default"
    shot: Word | None = None
    """Its number; without one it is numbered on."""
    prompt: Prompt = ""
    picture_prompt: Prompt = ""
    params: ShotParamsBody = ShotParamsBody()


class ShotChanges(Body):
    """What becomes of a shot; what is left out stays."""

    shot: Word | None = None
    prompt: Prompt | None = None
    script: Prompt | None = None
    picture_prompt: Prompt | None = None
    params: ShotParamsBody | None = None
    rev: IdNumber | None = None
    """The revision that was looked at; another one in the meantime refuses the change."""


class TakeAnswer(Answer):
    """A finished video."""

    id: str
    take: int
    task: str
    seconds: float
    width: int
    height: int
    bytes: int
    chosen: bool
    rejected: str | None
    video: str
    """Address of the video on this server."""

    @classmethod
    def of(cls, take: Take, chosen: bool) -> TakeAnswer:
        return cls(
            id=str(take.id),
            take=take.number,
            task=str(take.task_id),
            seconds=take.seconds,
            width=take.width,
            height=take.height,
            bytes=take.bytes,
            chosen=chosen,
            rejected=take.rejected,
            video=address(f"/api/tasks/{take.task_id}/video"),
        )


class PictureAnswer(Answer):
    """A candidate for a shot's reference picture."""

    id: str
    number: int
    task: str | None
    """The task that drew it; null: a person gave it."""
    provider: str | None
    model: str
    prompt: str
    width: int | None
    height: int | None
    bytes: int | None
    chosen: bool
    rejected: bool
    image: str | None
    """Address of the picture on this server; null: it is a link alone."""
    image_url: str | None

    @classmethod
    def of(cls, candidate: Candidate) -> PictureAnswer:
        return cls(
            id=str(candidate.id),
            number=candidate.number,
            task=str(candidate.task_id) if candidate.task_id else None,
            provider=candidate.provider.value if candidate.provider else None,
            model=candidate.model,
            prompt=candidate.prompt,
            width=candidate.width,
            height=candidate.height,
            bytes=candidate.bytes,
            chosen=candidate.chosen,
            rejected=candidate.rejected,
            image=address(f"/app/static/media/candidate/{candidate.id}") if candidate.image else None,
            image_url=candidate.image_url,
        )


class DrawBody(Body):
    """Which shots get pictures: named ones, all, or all without one."""

    project: Name = "default"
    shot_ids: list[Id] | None = None
    shots: list[Word] | None = None
    """Numbers of shots."""
    all: Annotated[bool, Field(strict=True)] = False
    missing: Annotated[bool, Field(strict=True)] = False
    """All shots that have no picture and none under way."""
    count: Annotated[int, Field(ge=1, le=4, strict=True)] | None = None
    """Candidates a shot."""
    provider: Literal["local", "images"] | None = None
    model: Word | None = None
    dry_run: Annotated[bool, Field(strict=True)] = False
    """Only say what it would cost."""


class ShotAnswer(Answer):
    """A planned moving image with what came of it."""

    id: str
    project: str
    shot: str
    prompt: str
    script: str
    picture_prompt: str
    """What its reference picture is drawn from."""
    image: str | None
    """Address of the reference picture on this server."""
    image_url: str | None
    params: dict[str, Any]
    extra: dict[str, str]
    tasks: dict[str, int]
    takes: list[TakeAnswer]
    pictures: list[PictureAnswer]
    rev: int

    @classmethod
    def of(cls, view: ShotView, project: str) -> ShotAnswer:
        shot = view.shot
        return cls(
            id=str(shot.id),
            project=project,
            shot=shot.number,
            prompt=shot.prompt,
            script=shot.script,
            picture_prompt=shot.picture_prompt,
            image=address(f"/app/static/media/original/{shot.id}") if shot.image else None,
            image_url=shot.image_url,
            params=shot.params.model_dump(mode="json", exclude_none=True),
            extra=shot.extra,
            tasks={status.value: count for status, count in view.counts.items()},
            takes=[TakeAnswer.of(take, take.id == shot.chosen_take_id) for take in view.takes],
            pictures=[PictureAnswer.of(candidate) for candidate in view.candidates],
            rev=shot.rev,
        )


class ShotPage(Answer):
    """A part of a list."""

    total: int
    items: list[ShotAnswer]


class DeletedAnswer(Answer):
    """What is gone."""

    deleted: list[str]


class ChoiceBody(Body):
    """Which take of a shot; null: none."""

    take_id: Id | None


class RejectBody(Body):
    """Why a take is not wanted; null takes the mark away."""

    reason: Annotated[str, Field(max_length=200, strict=True)] | None


# --- the rest


class ProjectBody(Body):
    """A project."""

    name: Name


class ProjectAnswer(Answer):
    """A film in the making."""

    id: str
    name: str
    created_at: str

    @classmethod
    def of(cls, project: Project) -> ProjectAnswer:
        return cls(id=str(project.id), name=project.name, created_at=iso(project.created_at) or "")


class RowAnswer(Answer):
    """A row that was not added."""

    line: int | None
    source: str
    code: str
    reason: str

    @classmethod
    def of(cls, note: RowNote, t: Text) -> RowAnswer:
        reason = t.error("parameter", note.code, note.params)
        return cls(line=note.line, source=str(note.params.get("source", "")), code=note.code, reason=reason)


class AddedShot(Answer):
    """A shot that an import has made, or with dry_run would make."""

    id: str | None
    shot: str | None


class ImportAnswer(Answer):
    """What an import did."""

    added: list[AddedShot]
    skipped: list[RowAnswer]
    rejected: list[RowAnswer]

    @classmethod
    def of(cls, imported: Imported, t: Text) -> ImportAnswer:
        return cls(
            added=[AddedShot(id=str(shot.id), shot=shot.number) for shot in imported.added],
            skipped=[RowAnswer.of(note, t) for note in imported.skipped],
            rejected=[RowAnswer.of(note, t) for note in imported.rejected],
        )


class ExportBody(Body):
    """What is wanted; it is written in the background."""

    project: Name = "default"
    format: Literal["zip", "mp4", "otio", "fcpxml", "edl", "jianying", "csv", "json", "xlsx"]
    rows: Literal["shots", "tasks"] = "shots"
    pictures: Yes = False
    timelines: Yes = False
    stills: Yes = False
    numbers: Yes = False
    pattern: Annotated[str, Field(min_length=1, max_length=300, strict=True)] | None = None

    @property
    def kind(self) -> Format:
        return Format(self.format)


class ExportAnswer(Answer):
    """One export, from the wish to the file."""

    id: str
    format: str
    state: str
    progress: float
    bytes: int
    file: str | None
    """Address of the file on this server, once there is one."""
    error: str | None
    started_at: str
    ended_at: str | None

    @classmethod
    def of(cls, export: Export, t: Text) -> ExportAnswer:
        there = export.state == "done" and not export.folder
        return cls(
            id=export.id,
            format=export.format,
            state=export.state,
            progress=export.progress,
            bytes=export.bytes,
            file=address(f"/app/static/media/export/{export.project_id}/{export.id}") if there else None,
            error=t.failure(export.failure) if export.failure else None,
            started_at=iso(export.started_at) or "",
            ended_at=iso(export.ended_at),
        )


class StatusAnswer(Answer):
    """What the header of the screens shows."""

    mode: str
    counts: dict[str, int]
    percent: int | None
    eta_seconds: float | None
    spent: dict[str, float]
    runner_alive: bool
    paused: str | None
    lanes: dict[str, str]

    @classmethod
    def of(cls, status: Status) -> StatusAnswer:
        return cls(
            mode=status.mode,
            counts={name.value: count for name, count in status.counts.items()},
            percent=status.percent,
            eta_seconds=status.eta_seconds,
            spent={currency: float(money.amount) for currency, money in status.spent.items()},
            runner_alive=status.alive,
            paused=status.paused,
            lanes={mode.value: str(lane.get("code", "")) for mode, lane in status.lanes.items()},
        )


class HealthAnswer(Answer):
    """Whether the database answers and a runner is at work."""

    ok: bool
    version: str
    runner: dict[str, JsonValue] | None = None
    error: dict[str, str] | None = None


class LogAnswer(Answer):
    """One line of the execution log, in words and as a code."""

    id: int
    time: str
    level: str
    task: str | None
    code: str
    text: str

    @classmethod
    def of(cls, line: LogLine, t: Text) -> LogAnswer:
        return cls(
            id=line.id,
            time=iso(line.at) or "",
            level=line.level,
            task=None if line.task_id is None else str(line.task_id),
            code=line.code,
            text=words_of(line, t),
        )


class KeyBody(Body):
    """A key; without a secret, or with the masked one, the saved key of that name keeps its own."""

    name: Name
    secret: Annotated[str, Field(min_length=1, max_length=1_000, strict=True)] | None = None
    enabled: Yes = True


class ConfigBody(BaseModel):
    """Settings of a provider; what is left out stays. The options of a provider are named as in ``settings.toml``."""

    model_config = ConfigDict(extra="allow")

    base_url: Annotated[str, Field(max_length=2_000, strict=True)] | None = None
    model: Word | None = None
    size: Word | None = None
    aspect_ratio: Word | None = None
    duration: Duration | None = None
    max_concurrent: Annotated[int, Field(ge=1, le=1000, strict=True)] | None = None
    poll_interval: Annotated[float, Field(ge=0.05, strict=True, allow_inf_nan=False)] | None = None
    """Seconds between two looks at a job; of the runner, for all providers."""
    keys: Annotated[list[KeyBody], Field(max_length=100)] | None = None


class KeyAnswer(Answer):
    """A key, masked."""

    name: str
    secret: str
    enabled: bool


class ConfigAnswer(BaseModel):
    """Settings of a provider with every secret masked."""

    model_config = ConfigDict(extra="allow")

    provider: str
    base_url: str
    model: str
    size: str
    aspect_ratio: str
    duration: float | None
    max_concurrent: int
    poll_interval: float
    keys: list[KeyAnswer]
    from_environment: list[str]
    """Fields that the environment decides."""


class TestBody(Body):
    """A key that is not saved yet; without one the saved ones are tried."""

    secret: Annotated[str, Field(min_length=1, max_length=1_000, strict=True)] | None = None


class ConnectionAnswer(Answer):
    """Whether a key works, and what is left on it."""

    ok: bool
    balance: Cost | None
    models: int | None
    error: ErrorDetail | None


class CallbackAnswer(Answer):
    """A callback was taken in."""

    ok: bool
