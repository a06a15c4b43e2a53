"""What tools answer: small, for whoever reads it pays by the word; neither paths of this machine nor addresses in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from vidgen_core.domain.agents import Agent, QuoteState
from vidgen_core.domain.takes import Severity, Take
from vidgen_core.domain.tasks import Task
from vidgen_core.i18n import Text
from vidgen_core.money import AgentStatus
from vidgen_core.services.exports.exports import Export
from vidgen_core.services.generation.quotes import Ordered
from vidgen_core.services.imports.plan import Imported, ImportPlan, RowNote
from vidgen_core.services.library.shots import ShotView
from vidgen_core.services.schemas.base import Amount, Cost, ResponseModel
from vidgen_core.services.schemas.tasks import progress_of

#: Rows named in each list of an import.
_NAMED: Final = 50


class ProjectAnswer(ResponseModel):
    """A project and how far it is."""

    project: str
    shots: dict[str, int]
    """How many shots are in each state of ``list_shots``."""
    tasks: dict[str, int]


class TakeAnswer(ResponseModel):
    """A finished video."""

    take: int
    seconds: float
    width: int
    height: int
    provider: str
    model: str
    chosen: bool
    rejected: str | None
    """Why somebody put it aside."""
    verdict: str | None
    """What the checks say: pass, doubt or fail; null: not checked (yet)."""
    against: list[str]
    """Codes of the checks that speak against it."""
    faults: dict[str, str] | None
    """What a language model that looked at it finds wrong, by question; null: none has looked (``quote_judgements``)."""

    @classmethod
    def of(cls, take: Take, chosen: int | None) -> TakeAnswer:
        against = [one.code for one in take.checks if one.severity in (Severity.DOUBT, Severity.FAIL)]
        return cls.filled(
            take,
            take=take.number,
            chosen=take.id == chosen,
            against=against,
            faults=take.answer and {name: fault for name, fault in take.answer.faults.items() if fault},
        )


class ShotAnswer(ResponseModel):
    """A shot with its takes."""

    shot: str
    prompt: str
    script: str
    has_picture: bool
    params: dict[str, Any]
    tasks: dict[str, int]
    takes: list[TakeAnswer]
    pictures: list[int]
    """Numbers of the candidates for its picture; only where one shot was asked for."""

    @classmethod
    def of(cls, view: ShotView, pictures: Sequence[int] = ()) -> ShotAnswer:
        shot = view.shot
        return cls.filled(
            shot,
            shot=shot.number,
            has_picture=bool(shot.image or shot.image_url),
            # An address of somebody's own program may hold a secret.
            params=shot.params.model_dump(mode="json", exclude_none=True, exclude={"callback_url"}),
            tasks=view.counts,
            takes=[TakeAnswer.of(take, shot.chosen_take_id) for take in view.takes],
            pictures=pictures,
        )


class ShotsAnswer(ResponseModel):
    """A part of the shots of a project."""

    total: int
    next: str | None
    shots: list[ShotAnswer]


class RowAnswer(ResponseModel):
    """A row of a list and why it was not taken, or what is odd about it."""

    line: int | None
    why: str

    @classmethod
    def of(cls, note: RowNote, t: Text) -> RowAnswer:
        return cls(line=note.line, why=t.error("parameter", note.code, note.params))


class ImportAnswer(ResponseModel):
    """What an import did."""

    added: list[str]
    """Numbers of the shots."""
    updated: list[str]
    skipped: list[RowAnswer]
    rejected: list[RowAnswer]
    warnings: list[RowAnswer]
    unused_columns: list[str]

    @classmethod
    def of(cls, imported: Imported, plan: ImportPlan, t: Text) -> ImportAnswer:
        skipped, rejected, warnings = (
            [RowAnswer.of(note, t) for note in notes[:_NAMED]]
            for notes in (imported.skipped, imported.rejected, plan.warnings)
        )
        return cls(
            added=[shot.number for shot in imported.added],
            updated=[shot.number for shot in imported.updated],
            skipped=skipped,
            rejected=rejected,
            warnings=warnings,
            unused_columns=list(plan.unknown),
        )


class TaskAnswer(ResponseModel):
    """One take of one shot that is being made."""

    task: str
    shot: str
    take: int
    status: str
    progress: int | None
    cost: Cost | None
    verdict: str | None
    error: str | None

    @classmethod
    def of(cls, task: Task, t: Text) -> TaskAnswer:
        return cls.filled(
            task,
            task=task.id,
            progress=progress_of(task),
            cost=Cost.of(task.cost, estimated=task.charge != "charged"),
            error=t.failure(task.failure) if task.failure else None,
        )


class TasksAnswer(ResponseModel):
    """Where tasks stand."""

    ended: bool
    """Nothing of it goes on by itself."""
    tasks: list[TaskAnswer]


class OrderAnswer(ResponseModel):
    """What became of a quote."""

    state: str
    """``ordered``; ``waiting``: for a person's yes; ``declined``; ``expired``: nobody has answered in time; ``quoted``: not ordered yet."""
    message: str
    """What it means, and what to do next."""
    tasks: list[TaskAnswer]
    left: int
    """Shots that are still drawn until one passes, and questions to a language model that are still to be answered."""

    @classmethod
    def of(cls, ordered: Ordered, t: Text) -> OrderAnswer:
        quote, state = ordered.quote, ordered.quote.state.value
        if ordered.expired:
            state = "expired"
        message = t(f"agents.state.{state}")
        if state == QuoteState.WAITING:
            message = f"{t(f'agents.why.{quote.reason}')} {message}"
        return cls(
            state=state, message=message, tasks=[TaskAnswer.of(task, t) for task in ordered.tasks], left=ordered.left
        )


class LimitAnswer(ResponseModel):
    """A limit of spending, what of it is used, and what is left."""

    limit: Amount
    spent: Amount
    left: Amount


class AgentAnswer(ResponseModel):
    """Who the caller is here."""

    name: str
    role: str
    projects: list[str] | None
    """Null: all."""
    per_day: LimitAnswer | None
    """Above these limits an order waits for a person; null: no limits of its own."""
    in_all: LimitAnswer | None

    @classmethod
    def of(cls, agent: Agent, projects: list[str], statuses: tuple[AgentStatus, ...]) -> AgentAnswer:
        day, every = statuses
        known = None if agent.projects is None else projects
        return cls.filled(agent, projects=known, per_day=day, in_all=every)


class ExportAnswer(ResponseModel):
    """An export and how far it is."""

    export: str
    format: str
    state: str
    progress: float
    bytes: int
    uri: str | None
    """The resource to be read, once it is there."""
    error: str | None

    @classmethod
    def of(cls, export: Export, t: Text) -> ExportAnswer:
        there = export.state == "done" and not export.folder
        return cls.filled(
            export,
            export=export.id,
            uri=f"vidgen://exports/{export.project_id}/{export.id}" if there else None,
            error=t.failure(export.failure) if export.failure else None,
        )
