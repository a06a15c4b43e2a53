"""Tasks: requests, their outcomes, and the attempts with their costs."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from vidgen_core.domain.attempts import Attempt
from vidgen_core.domain.takes import Verdict
from vidgen_core.domain.tasks import MOST_DRAWS, UntilPass
from vidgen_core.i18n import Text
from vidgen_core.services.generation.recovery import Outcome
from vidgen_core.services.schemas.base import Cost, Moment, ResponseModel
from vidgen_core.services.schemas.money import OrderedResponse
from vidgen_core.services.schemas.tasks import ProblemResponse, RefusedShot, TaskResponse
from vidgen_core.web.api.schemas.base import (
    Id,
    Ids,
    ModeName,
    Name,
    OptionsRequest,
    RequestModel,
    Word,
    Yes,
)


class TaskPage(ResponseModel):
    """A part of a list."""

    total: int
    next: str | None
    """``after`` of the page that follows; null: there is none."""
    items: list[TaskResponse]


class UntilPassRequest(RequestModel):
    """Takes are ordered one after another until one passes its checks."""

    max: Annotated[int, Field(ge=1, le=MOST_DRAWS, strict=True)] = 4
    """At most so many takes a shot."""
    ceiling: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] | None = None
    """The order as a whole costs at most so much, in the currency of the budget; left out: what all its takes would cost."""
    again_on: Literal["fail", "doubt"] = "fail"
    """doubt: another one is drawn on a doubt, too."""
    at_once: Annotated[int, Field(ge=1, le=2, strict=True)] = 1

    @property
    def value(self) -> UntilPass:
        return UntilPass(most=self.max, ceiling=self.ceiling, again_on=Verdict(self.again_on), at_once=self.at_once)


class GenerateRequest(OptionsRequest):
    """Which shots get new takes, and of what kind; what a shot itself asks for wins."""

    quote: Word | None = None
    """Order exactly what a quote of ``/quote`` names; everything else is left out then."""
    project: Name = "default"
    shots: Annotated[list[Word], Field(max_length=10_000)] | None = None
    """Numbers of shots, e.g. 1.0."""
    shot_ids: Annotated[list[Id], Field(max_length=10_000)] | None = None
    all: Yes = False
    """Every shot of the project that has no takes yet."""
    again: Yes | None = None
    """Whether shots that have takes, or some under way, get more; left out: those that are named do, with all they do not."""
    until_pass: UntilPassRequest | None = None
    """Order takes one after another until one passes, and not several at once."""
    aspect_ratio: Word | None = None
    release: Yes = True
    """False keeps the tasks as pending until they are run."""
    canary: Yes | None = None
    """True releases the first shot only and keeps the rest as pending; left out, the settings decide."""
    dry_run: Yes = False
    """True: say what it would cost and queue nothing."""


class GenerateResponse(ResponseModel):
    """What was queued, or with dry_run would be."""

    tasks: list[TaskResponse]
    refused: list[RefusedShot]
    warnings: list[ProblemResponse]
    """What is asked for and is left out, or may be ignored; it stops nothing."""
    count: int
    cost: Cost | None
    """None: unknown."""
    with_takes: int = 0
    """Shots that were left out because they have takes, or some under way."""
    ordered: OrderedResponse
    """Nothing with dry_run."""


class IdsRequest(RequestModel):
    """Several tasks."""

    ids: Ids


class RetryRequest(IdsRequest):
    """A new attempt of each, paid anew."""

    confirm: Yes = False
    """True: it may pay twice, and that is known."""


class CancelRequest(IdsRequest):
    """What was not sent ends free of charge."""

    give_up: Yes = False
    """True: also stop waiting for jobs that were sent; they may still be charged."""


class PriceResponse(ResponseModel):
    """The price of a job that waits for confirmation; null: none was named."""

    price: Cost | None


class PriceRequest(RequestModel):
    """The confirmed price, as it was shown; both null: no price was named."""

    amount: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    currency: Word | None


class AdoptRequest(RequestModel):
    """The remote job that is this task's."""

    remote_id: Word


class LinkRequest(RequestModel):
    """Where the result of a finished job is."""

    url: Word


class AdoptNewRequest(AdoptRequest):
    """A remote job that exists already and becomes a new take of a shot."""

    shot_id: Id
    provider: ModeName
    model: Word | None = None
    key: Word | None = None
    """Name of the key that sent it."""


class RefusedTask(ResponseModel):
    """A task that was left as it is."""

    id: str
    code: str
    message: str


class OutcomeResponse(ResponseModel):
    """The outcome of an action on several tasks."""

    done: list[str]
    refused: list[RefusedTask]

    @classmethod
    def of(cls, outcome: Outcome, t: Text) -> OutcomeResponse:
        refused = [
            RefusedTask(id=str(one.id), code=one.code, message=t.error("parameter", one.code, one.params))
            for one in outcome.refused
        ]
        return cls(done=[str(id_) for id_ in outcome.done], refused=refused)


class PaidOutcomeResponse(OutcomeResponse):
    """The outcome of an action that costs something, and what was ordered by it."""

    ordered: OrderedResponse


class RunRequest(RequestModel):
    """Tasks to be carried out."""

    task_ids: Ids
    max_concurrent: Annotated[int, Field(ge=1, le=1000, strict=True)] | None = None
    """How many remote jobs of this provider may be in flight; owners change the setting by it."""


class RunResponse(PaidOutcomeResponse):
    """What was released, and the cap in force."""

    max_concurrent: int


class AttemptResponse(ResponseModel):
    """One submission: a line of the money ledger."""

    number: int
    state: str
    model: str
    key: str | None
    agent: str | None
    """The agent that ordered it; null: a person."""
    remote_id: str | None
    cost: Cost | None
    charge: str
    error: str | None
    intent_at: Moment | None
    accepted_at: Moment | None
    ended_at: Moment | None

    @classmethod
    def of(cls, attempt: Attempt, t: Text, *, goes_on: bool) -> AttemptResponse:
        """``goes_on``: its task is not over."""
        return cls.filled(
            attempt,
            key=attempt.key_label,
            cost=Cost.of(attempt.cost, estimated=attempt.charge != "charged"),
            error=t.told(attempt.failure, goes_on=goes_on) if attempt.failure else None,
        )


class ProgressItem(ResponseModel):
    """Where a task stands."""

    task_id: str
    status: str
    progress: int | None
