"""One task, as the HTTP API, the exported list and ``vidgen tasks --json`` have it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.i18n import Text
from vidgen_core.services.schemas.base import Cost, Moment, ResponseModel, iso

if TYPE_CHECKING:
    from vidgen_core.domain.shots import Shot
    from vidgen_core.services.generation.preflight import PreflightProblem
    from vidgen_core.services.generation.quotes import Quoted

#: What of a task's params its JSON leaves out.
_NOT_TOLD: Final = {"prompt", "options", "callback_url", "parent", "link", "warned"}


class TaskError(ResponseModel):
    """Why a task failed."""

    kind: str
    code: str
    message: str
    provider_message: str | None
    """The provider's own text, without secrets."""
    retryable: bool
    charged: str

    @classmethod
    def of(cls, task: Task, t: Text) -> TaskError | None:
        """None when the task did not fail."""
        failure = task.failure
        if failure is None or task.status not in (TaskStatus.FAILED, TaskStatus.PENDING, TaskStatus.QUEUED):
            return None
        return cls.filled(failure, message=t.failure(failure))


class CheckResponse(ResponseModel):
    """One measured value of a take."""

    code: str
    severity: str
    """``pass``, ``note`` (changes no verdict), ``doubt`` or ``fail``."""
    value: float
    limit: float


class TaskResponse(ResponseModel):
    """One take of one shot by one provider."""

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
    params: dict[str, Any]
    """What it is made from, beside its prompt: what the shot asked for over the settings."""
    remote_id: str | None
    attempts: int
    error: TaskError | None
    file: str | None
    parent: int | None
    """Number of the take of the same shot that it is made from: extended, enlarged."""
    waits_for: str | None
    """Number of the shot before it in its chain whose take it waits for."""
    warnings: list[str]
    """What differs from what was asked for, by codes such as ``length_differs``; the take stays all the same."""
    verdict: str | None
    """What the checks say of the take: ``pass``, ``doubt`` or ``fail``; null: not checked."""
    checks: list[CheckResponse]
    """Every measured value with its limit; what speaks against the take has the severity ``fail`` or ``doubt``."""
    cost: Cost | None
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None

    @classmethod
    def of(cls, task: Task, t: Text, project: str) -> TaskResponse:
        return cls.filled(
            task,
            project=project,
            progress=progress_of(task),
            params=task.params.model_dump(mode="json", exclude_defaults=True, exclude=_NOT_TOLD),
            error=TaskError.of(task, t),
            parent=task.params.parent.number if task.params.parent else None,
            waits_for=task.awaits,
            cost=Cost.of(task.cost, estimated=task.charge is not ChargeStatus.CHARGED),
        )


def progress_of(task: Task) -> int | None:
    """Progress in per cent; 100 for a completed task."""
    return 100 if task.status is TaskStatus.COMPLETED else task.progress


class RefusedShot(ResponseModel):
    """A shot that gets nothing, and why."""

    shot: str
    code: str
    message: str

    @classmethod
    def of(cls, shot: Shot, code: str, params: dict[str, Any], t: Text) -> RefusedShot:
        return cls(shot=shot.number, code=code, message=t.error("parameter", code, params))


class ProblemResponse(ResponseModel):
    """Something that stands against a part of a batch."""

    code: str
    message: str
    fatal: bool
    """These shots get nothing."""
    shots: list[str]
    """Numbers, at most 50; empty: the batch as a whole."""
    count: int

    @classmethod
    def of(cls, problem: PreflightProblem, message: str) -> ProblemResponse:
        return cls.filled(problem, message=message)

    @classmethod
    def all(cls, problems: Iterable[PreflightProblem], t: Text) -> list[ProblemResponse]:
        """Each in one sentence, without the numbers of its shots."""
        return [cls.of(one, t.error("parameter", one.code, one.params)) for one in problems]


class QuoteResponse(ResponseModel):
    """What an order would make and cost, and the token that orders it once."""

    quote: str
    expires_at: str
    count: int
    """Takes, pictures, or questions to a language model; at most, where takes are made until one passes."""
    cost: Cost | None
    """In the currency of the budget; null: unknown. Where takes are made until one passes, the most they may come to."""
    worst: Cost | None
    """The same when every automatic retry is needed and paid."""
    refused: list[RefusedShot]
    warnings: list[ProblemResponse]
    """What is asked for and would be left out, or may be ignored; it stops nothing."""
    with_takes: int
    """Shots that were left out because they have takes, or some under way."""

    @classmethod
    def of(cls, quoted: Quoted, t: Text) -> QuoteResponse:
        quote = quoted.quote
        return cls(
            quote=quoted.token,
            expires_at=iso(quote.expires_at),
            count=quote.tasks,
            cost=Cost.of(quote.price, estimated=True),
            worst=Cost.of(quote.worst, estimated=True),
            refused=[RefusedShot.of(one.shot, one.code, one.params, t) for one in quoted.refused],
            warnings=ProblemResponse.all(quoted.warnings, t),
            with_takes=quoted.having,
        )
