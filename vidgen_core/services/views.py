"""What the façade answers: frozen values, ready to be shown."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.log import Heartbeat
from vidgen_core.domain.money import Balance, Money
from vidgen_core.domain.providers import BillableParty, ProviderId
from vidgen_core.domain.shots import PictureCandidate, Shot
from vidgen_core.domain.takes import Take
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.money import LimitStatus
from vidgen_core.providers.base import Connection, Problem

if TYPE_CHECKING:
    from vidgen_core.services.imports.plan import PlannedShot


class ShotView(Frozen):
    """A shot with everything its card shows."""

    shot: Shot
    #: Those that make videos, in the order of their takes.
    tasks: tuple[Task, ...] = ()
    takes: tuple[Take, ...] = ()
    #: Those that draw pictures, in the order of their candidates.
    drawings: tuple[Task, ...] = ()
    candidates: tuple[PictureCandidate, ...] = ()

    @property
    def counts(self) -> dict[TaskStatus, int]:
        """How many of its tasks that make videos stand where; states without one are left out."""
        found: dict[TaskStatus, int] = {}
        for task in self.tasks:
            found[task.status] = found.get(task.status, 0) + 1
        return found

    def take_of(self, task: Task) -> Take | None:
        """The video a task ended with."""
        return next((take for take in self.takes if take.task_id == task.id), None)


class Frame(NamedTuple):
    """A shot as a storyboard shows it."""

    shot: Shot
    #: The chosen take, where there is one.
    take: Take | None
    #: How long it is, or will be.
    seconds: float


class ShotRefusal(NamedTuple):
    """A shot for which nothing was queued, and why (``error.<code>``)."""

    shot: Shot
    code: str
    params: dict[str, Any]


class ShotProblem(NamedTuple):
    """Something the model will not take of a shot, known before the click."""

    shot: Shot
    problem: Problem


class Refusal(NamedTuple):
    """A task on which a wish was not carried out, and why (``error.<code>``)."""

    id: int
    code: str
    params: dict[str, Any]


class SpendLine(Frozen):
    """One line of the ledger's sums; amounts are in the provider's ``currency`` (None: no price was known)."""

    project: str
    #: On this machine's calendar; None where days are not told apart.
    day: date | None
    provider: BillableParty
    #: What people see of the key; empty where keys are not told apart.
    key: str
    currency: str | None
    #: Submits that cost or may cost something.
    attempts: int
    #: By our prices.
    estimated: Decimal
    #: Named by the provider.
    charged: Decimal
    #: Given back.
    refunded: Decimal
    #: Perhaps owed: lost answers, jobs given up.
    unknown: Decimal
    #: Estimated, charged and unknown together.
    owed: Money | None
    #: The same in the user's currency, a conversion; None without a rate.
    worth: Money | None


class BalanceDifference(Frozen):
    """What a batch took from an account, beside what the ledger says."""

    provider: ProviderId
    #: Several keys of one account are one line.
    keys: tuple[str, ...]
    since: datetime
    until: datetime
    before: Money
    after: Money
    gone: Money
    ledger: Money
    #: ``gone`` less ``ledger``: above zero the provider took more than we know of.
    difference: Money


class BudgetView(Frozen):
    """How the limits of a project stand."""

    standings: tuple[LimitStatus, ...] = ()
    #: Why nothing of this project is submitted: code and params of its sentence.
    hold: dict[str, Any] | None = None
    #: Keys of which less is left than the user wants to be warned of.
    low: tuple[Balance, ...] = ()

    @property
    def nearest(self) -> LimitStatus | None:
        """The limit of which least is left, in parts of it."""
        return max(self.standings, key=lambda standing: standing.percent, default=None)


class Canary(Frozen):
    """A large batch whose first shot goes ahead."""

    batch: int
    #: Tasks of the first shot, and how they stand.
    first: int
    done: int
    failed: int
    #: Tasks that wait for it.
    waiting: int
    #: Goes on by itself when the first shot has succeeded.
    auto: bool

    @property
    def decided(self) -> bool:
        """Whether the first shot has ended."""
        return self.done + self.failed == self.first


class PreflightProblem(Frozen):
    """Something that stands against a part of a batch (``error.<code>``)."""

    code: str
    params: dict[str, Any]
    #: These shots get no video.
    fatal: bool
    #: Numbers of the shots, at most 50 of them; empty: the batch as a whole.
    shots: tuple[str, ...]
    count: int


class BalanceAfter(NamedTuple):
    """What a batch would leave of a balance."""

    provider: ProviderId
    #: When ``left`` was read.
    at: datetime
    left: Money
    after: Money


class Preflight(Frozen):
    """The sheet before a batch."""

    #: Tasks that would be queued, and the shots or tasks they are for.
    tasks: int
    shots: int
    #: A person is asked before it goes.
    asks: bool
    #: A provider without a key; None: everything can go.
    key_missing: ProviderId | None
    #: Numbers of shots that have takes, or some under way; left out, or made again.
    having: tuple[str, ...]
    problems: tuple[PreflightProblem, ...]
    #: By provider, one amount a currency.
    costs: dict[BillableParty, tuple[Money, ...]]
    #: In the user's currency: when everything succeeds at once, and when every retry is needed and paid; None: a price
    #: or a rate is missing.
    low: Money | None
    high: Money | None
    #: The part of it that is known.
    at_least: Money
    balances: tuple[BalanceAfter, ...]
    #: None: nothing like it has been made yet.
    seconds: float | None
    standings: tuple[LimitStatus, ...]
    #: How many of the tasks draw pictures, and questions to a language model beside them.
    pictures: int = 0
    questions: int = 0

    @property
    def free(self) -> bool:
        """Whether nobody who wants money is asked."""
        return self.low is not None and not self.low.amount


class Estimate(Frozen):
    """What a click on *Generate* would make."""

    #: How many takes would be queued.
    tasks: int
    #: None: unknown, because a price is missing or currencies differ.
    money: Money | None = None
    #: The same when every automatic retry is needed and paid.
    worst: Money | None = None
    #: Nothing paid is asked of anybody.
    free: bool = False
    #: True: at least one price is our assumption.
    assumed: bool = False
    problems: tuple[ShotProblem, ...] = ()
    #: The same in the user's currency; None when it is in it already, or a rate or a price is missing.
    worth: Money | None = None
    #: Shots that were left out because they have takes, or some under way.
    having: int = 0
    #: A person is asked before it goes.
    asks: bool = False
    #: A provider without a key; None: everything can go.
    key_missing: ProviderId | None = None


class Generated(Frozen):
    """What a click on *Generate* made."""

    tasks: tuple[Task, ...] = ()
    refused: tuple[ShotRefusal, ...] = ()
    #: Shots that were left out because they have takes, or some under way.
    having: int = 0


class Outcome(Frozen):
    """What became of a wish about several tasks."""

    done: tuple[int, ...] = ()
    refused: tuple[Refusal, ...] = ()


class StepName(StrEnum):
    """The ways on from a failed task, from free to paid."""

    LOOK_AGAIN = "look_again"
    DOWNLOAD_AGAIN = "download_again"
    ENTER_LINK = "enter_link"
    ADOPT = "adopt"
    SUBMIT_AGAIN = "submit_again"


class Step(Frozen):
    """One way on."""

    name: StepName
    free: bool = True
    #: What it will probably cost; None when that is unknown, or free.
    money: Money | None = None
    #: It may pay for the same video twice, so it asks first.
    asks: bool = False


class RowNote(NamedTuple):
    """What became of a row that was not added; ``params`` name its ``source``."""

    #: None for a picture, which is its own source.
    line: int | None
    code: str
    params: dict[str, Any]


class Imported(Frozen):
    """What an import did."""

    added: tuple[Shot, ...] = ()
    #: Rows that were there already.
    skipped: tuple[RowNote, ...] = ()
    #: Rows that could not become shots.
    rejected: tuple[RowNote, ...] = ()


class Preview(NamedTuple):
    """What carrying out a plan would do."""

    ok: tuple[PlannedShot, ...]
    skipped: tuple[RowNote, ...]
    rejected: tuple[RowNote, ...]


class KnownConnection(NamedTuple):
    """The last answer to *test connection*."""

    connection: Connection | None
    #: Seconds since then.
    age: float | None


class Status(Frozen):
    """What the header shows."""

    mode: ProviderId
    counts: dict[TaskStatus, int] = Field(default_factory=dict)
    #: 0–100 over all tasks that were not cancelled; None without any.
    percent: int | None = None
    #: None: nothing to wait for, or not yet known.
    eta_seconds: float | None = None
    #: Spend by currency; refunds and free work are left out.
    spent: dict[str, Money] = Field(default_factory=dict)
    heartbeat: Heartbeat | None = None
    #: A runner has shown a sign of life in the last seconds.
    alive: bool = False
    #: That runner is in this process.
    here: bool = False
    #: Why nothing is submitted: ``user``, or a code of the runner's own.
    paused: str | None = None
    #: Lanes the runner holds back by itself: provider -> what the store keeps about it.
    lanes: dict[ProviderId, dict[str, Any]] = Field(default_factory=dict)
    connection: Connection | None = None
    connection_age: float | None = None
    budget: BudgetView = BudgetView()
    canaries: tuple[Canary, ...] = ()

    @property
    def live(self) -> int:
        """Tasks the runner still has to do with."""
        return sum(self.counts.get(TaskStatus(name), 0) for name in ("queued", "processing", "downloading"))


class Finding(Frozen):
    """One line of *doctor*: ``doctor.<code>`` says it."""

    code: str
    ok: bool
    params: dict[str, Any] = Field(default_factory=dict)
    #: Not in order, but nothing stops working because of it.
    warning: bool = False
