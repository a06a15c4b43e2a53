"""What a provider is: someone, or the Local renderer, who turns a shot into video, or draws its picture.

A provider is told, never asks: it knows no task table, no queue and no key pool. The runner hands it an
``Order`` and a ``Key`` and writes down what comes back before anything else happens. The verbs are split so
that exactly one of them, ``submit``, costs money, and ``confirm`` where a provider asks before it does::

    prepare   free, may be repeated    picture encoded or uploaded, the request body made
    submit    PAID, sent exactly once  -> Submission with the remote id
    poll      free, may be repeated    -> RemoteState
    fetch     free, may be repeated    bytes of the result into a PartFile
    confirm   PAID, written down before it leaves    yes to the price that a job waits for
    cancel, find, fresh_link, test     free

Every verb raises ``RemoteError`` (with ``delivery`` saying whether the request can have been acted on; as ``HandOver``
where a person has to do something first), ``FileError`` for the picture or the disk, ``InputError`` for a value the model does not take.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from pydantic import Field, SecretStr

from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import Settings
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.provider_settings import KeySettings
from vidgen_core.domain.providers import ModelPrice, ProviderId
from vidgen_core.domain.setting_values import origin_of
from vidgen_core.domain.shots import ReferenceRole
from vidgen_core.domain.tasks import Failure, FinishVerb, GenerationParams, ParentTake, TaskKind
from vidgen_core.providers.capabilities import Capabilities, Problem

if TYPE_CHECKING:
    from vidgen_core.media.files import PartFile

#: Stage of a job that goes on only after a yes to its price.
WAITING_FOR_CONFIRMATION: Final = "waiting_for_confirmation"
#: Stage of a job that goes on only after somebody did something in the provider's own window.
WAITING_FOR_PERSON: Final = "waiting_for_person"
#: Stages in which a person is waited for: their time is not the job's.
WAITS: Final = frozenset({WAITING_FOR_CONFIRMATION, WAITING_FOR_PERSON})


class UploadCache(Protocol):
    """Remembers links of uploads by content; called in a thread."""

    def get(self, sha: str) -> str | None:
        """The link, unless it has expired."""

    def put(self, sha: str, url: str, expires_at: datetime) -> None:
        """Remember a link; one that has expired already is forgotten."""


class Key(Frozen):
    """A credential of one provider."""

    #: Fingerprint: the first 12 hex digits of the secret's SHA-256.
    id: str
    #: What people may see, e.g. ``main ••x4KR``.
    label: str
    secret: SecretStr
    #: The only hosts that it may be sent to, where its provider's address has changed since it was entered.
    hosts: str = ""

    @classmethod
    def of(cls, key: KeySettings) -> Key:
        return cls(id=key.fingerprint, label=key.label, secret=key.secret, hosts=key.hosts)

    def may_go_to(self, url: str) -> bool:
        """Whether a request there may carry it."""
        return not self.hosts or origin_of(url) in self.hosts.split()


class ReferencePicture(Frozen):
    """A reference picture as it is handed to a provider; has a file, a public link, or both."""

    path: Path | None = None
    url: str | None = None
    role: ReferenceRole = ReferenceRole.CHARACTER


class FinishOffer(Frozen):
    """Something that a provider can do with a finished take."""

    verb: FinishVerb
    #: The model that does it, whose price counts.
    model: str
    needs_prompt: bool = False
    #: It can be told how many seconds are added.
    takes_seconds: bool = False
    #: Why not with this take.
    problem: Problem | None = None


class Order(Frozen):
    """One take, or one picture, as it is handed to a provider."""

    #: Our name for this attempt, the same after a crash; sent along where the protocol has a place for it.
    reference: str
    model: str
    #: As ``Capabilities.settle`` gives them: ``mode`` is set, and there are no pictures but those of the mode.
    params: GenerationParams
    #: The first frame on this machine, if there is one; its link is ``params.image_url``.
    image: Path | None = None
    #: The last frame on this machine, if there is one; its link is ``params.last_frame_url``.
    last_frame: Path | None = None
    #: The file of the take that this one is made from (``params.parent``).
    video: Path | None = None
    #: Number of the take within its shot; lets seeded renderers make takes differ.
    take: int = 1
    output: TaskKind = TaskKind.VIDEO
    #: The reference pictures, in the order of ``params.references``.
    references: tuple[ReferencePicture, ...] = ()
    #: What ``prepare`` said of the request that left, where its answer is searched for.
    sent: dict[str, Any] = Field(default_factory=dict)

    @property
    def pictures(self) -> tuple[Path, ...]:
        """All its pictures on this machine."""
        given = (self.image, self.last_frame, *(picture.path for picture in self.references))
        return tuple(path for path in given if path is not None)


class Prepared(Frozen):
    """A request ready to be sent."""

    payload: dict[str, Any]
    #: Facts for the ledger: number and bytes of pictures, parameters as sent. No secrets, no picture bytes.
    sent: dict[str, Any] = Field(default_factory=dict)


class Submission(Frozen):
    """An accepted order."""

    remote_id: str
    #: What it costs, where the provider says so.
    cost: Money | None = None
    evidence: str | None = None
    request_id: str | None = None


class RemoteJob(Frozen):
    """A job on the provider's side, as much of it as asking about it needs."""

    remote_id: str
    model: str
    params: GenerationParams
    #: The address it was sent to; a later change of the settings does not move it.
    base_url: str | None = None
    submitted_at: datetime | None = None
    #: What ``prepare`` said of the request that left; empty for a job that was adopted.
    sent: dict[str, Any] = Field(default_factory=dict)


class RemoteStatus(StrEnum):
    """The provider's word, normalized; an unfamiliar word is UNKNOWN and counts as still running."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class RemoteState(Frozen):
    """One answer to a poll."""

    status: RemoteStatus
    #: 0–100; None where the provider says nothing.
    progress: int | None = None
    #: The provider's own word.
    stage: str | None = None
    #: Link of the result; with SUCCEEDED it is always set.
    url: str | None = None
    #: With FAILED: why.
    failure: Failure | None = None
    #: With RUNNING: what goes on only after somebody said yes to this price; the stage is ``WAITING_FOR_CONFIRMATION``.
    confirmation: Money | None = None
    #: What it cost, where the provider says so, and how sure that is.
    cost: Money | None = None
    charge: ChargeStatus | None = None
    evidence: str | None = None


class Found(Frozen):
    """A remote job seen in the provider's own log; a candidate for an attempt whose answer was lost."""

    remote_id: str
    at: datetime
    model: str
    prompt: str | None = None
    #: It bears the order's own reference: it is this order and no other.
    exact: bool = False


class BilledJob(Frozen):
    """What a provider's log says about the money of one job, all its lines added up."""

    remote_id: str
    #: What was taken in all.
    taken: Money
    #: What was given back in all; in the same currency.
    given_back: Money

    @property
    def kept(self) -> Money:
        return Money(amount=self.taken.amount - self.given_back.amount, currency=self.taken.currency)


class Connection(Frozen):
    """The answer to *test connection*."""

    ok: bool
    #: Why not: ``error.<code>`` in the catalogues.
    failure: Failure | None = None
    #: None: the provider does not say.
    balance: Money | None = None
    models: tuple[str, ...] = ()
    #: What else people should know of the account: ids in the catalogues.
    notes: tuple[str, ...] = ()


class CallbackMessage(Frozen):
    """A provider's message that a job has ended; only the job's id in it is believed."""

    job: str
    #: The same message has the same name, so that it counts once.
    name: str


class RateLimit(Frozen):
    """At most so many submits per key in so many seconds."""

    submits: int
    seconds: float


class Provider(ABC):
    """One provider; an instance serves all tasks and keys of it and is used by one event loop.

    Settings are asked for at each use, so that a change applies without a restart.
    """

    mode: ClassVar[ProviderId]
    #: Sending the same ``reference`` again gives the same job and costs nothing; true for no remote API we know.
    repeatable_submit: ClassVar[bool] = False
    #: Seconds after which a job of this provider can no longer be running.
    longest_job: ClassVar[float] = 3600.0
    #: Seconds within which a paid request is answered or has failed, whatever the other side does.
    longest_submit: ClassVar[float] = 330.0
    #: Known limit of submits per key, or None.
    rate_limit: ClassVar[RateLimit | None] = None
    #: Seconds between two polls where asking costs nothing; None: the settings and learned durations decide.
    own_pace: ClassVar[float | None] = None
    #: The currency of its prices and balances.
    currency: ClassVar[str] = "CNY"

    def __init__(self, settings: Callable[[], Settings], locations: Locations) -> None:
        self.settings = settings
        self.locations = locations

    @property
    def needs_key(self) -> bool:
        """Whether an order needs a key."""
        return True

    @property
    def at_once(self) -> int | None:
        """The most jobs that may be in flight, whatever the settings allow; None: no limit of its own."""
        return None

    @property
    def confirms_up_to(self) -> Decimal | None:
        """The highest price, in ``currency``, to which the runner may say yes by itself, once an attempt; None: to none."""
        return None

    @property
    def handed_back(self) -> bool:
        """Whether what a ``HandOver`` asked of a person has been done, as far as can be seen; never waits."""
        return False

    @property
    def machine(self) -> str:
        """The name of the only worker that may send new orders, where several work; empty: any."""
        return ""

    def is_of_machine(self, address: str) -> bool:
        """Whether a job can be gone on with only on the machine that sent it.

        :param address: its remote id; before that is known, the ``page`` of what was sent
        """
        return False

    @property
    @abstractmethod
    def base_url(self) -> str | None:
        """Where orders are sent now; kept with each attempt."""

    @abstractmethod
    def models(self) -> tuple[str, ...]:
        """The models known without asking anybody, the default first."""

    def picture_models(self) -> tuple[str, ...]:
        """The models that draw pictures, the default first; empty for one that makes videos only."""
        return ()

    @abstractmethod
    def capabilities(self, model: str) -> Capabilities:
        """What ``model`` takes; for an unknown model the provider's most careful guess, all marked unsure."""

    @abstractmethod
    def check(self, model: str, params: GenerationParams) -> tuple[Problem, ...]:
        """What the model will not take of ``params``; no network. Empty: nothing known against it."""

    def losses(self, model: str, params: GenerationParams) -> dict[str, Problem]:
        """What of an order that can be sent would be left out, or perhaps have no effect, by the codes of its problems.

        What only the settings ask for counts as well: without it another take is made. What is said of the model itself does not.
        """
        asked = params.model_copy(update={"chosen": ("aspect_ratio", "size"), "defaults": ()})
        found = [problem for problem in self.check(model, asked) if problem.field != "model"]
        refused = {problem.code for problem in found if problem.fatal}
        if refused:
            refused &= {problem.code for problem in self.check(model, params) if problem.fatal}
        return {problem.code: problem for problem in found if problem.code not in refused}

    def finishing(self, take: ParentTake) -> tuple[FinishOffer, ...]:
        """What can be done with a finished take of this provider, or of another; its ``verb`` says nothing yet."""
        return ()

    @abstractmethod
    async def prepare(self, order: Order, key: Key | None) -> Prepared:
        """Make the request ready; free and repeatable."""

    @abstractmethod
    async def submit(self, order: Order, prepared: Prepared, key: Key | None) -> Submission:
        """Send one paid request, once, without any retry of its own."""

    @abstractmethod
    async def poll(self, job: RemoteJob, key: Key | None) -> RemoteState:
        """Ask how a job stands. Raises RemoteError when the answer cannot be used; that never means *failed*."""

    @abstractmethod
    async def fetch(self, job: RemoteJob, url: str, part: PartFile, key: Key | None) -> int | None:
        """Bring the result's bytes into ``part``, going on where it stands; return the full length if known.

        Raises RemoteError with code ``link_expired`` when a fresh link should be asked for.
        """

    async def fresh_link(self, job: RemoteJob, url: str, key: Key | None) -> str | None:
        """A new link for an expired one, where the provider can make one."""
        return None

    async def cancel(self, job: RemoteJob, key: Key | None) -> bool:
        """Ask the provider to stop a job; True when it says that it did."""
        return False

    async def confirm(self, job: RemoteJob, key: Key | None) -> bool:
        """Say yes to the price a job waits for, which COSTS it; False where the provider never asks."""
        return False

    async def find(self, order: Order, since: datetime, key: Key | None) -> tuple[Found, ...] | None:
        """Jobs in the provider's log that may be this order; None where it has no such log."""
        return None

    @abstractmethod
    async def test(self, key: Key | None) -> Connection:
        """Whether the key works and what is left on it; never costs money."""

    async def balance(self, key: Key | None) -> Money | None:
        """What is left for a key; None where the provider does not say. Costs nothing."""
        return None

    def awaited(self, model: str) -> Problem | None:
        """Why it is not known for the moment how the model is asked, so that what is queued waits for another list; None: it is."""
        return None

    async def refresh_models(self, key: Key | None) -> bool:
        """Read what the provider publishes of its models, where that has become old; True where something has changed.

        There may be more to read then.

        Costs nothing and never raises RemoteError; nobody waits for it.
        """
        return False

    async def price_list(self) -> tuple[ModelPrice, ...] | None:
        """The prices the provider publishes; None where it publishes none."""
        return None

    async def charges(self, since: datetime, key: Key | None) -> tuple[BilledJob, ...] | None:
        """What the provider's log says was taken and given back for jobs of this key; None where it has no such log.

        A job of which the log may have lost lines already is left out.

        :param since: older jobs are not asked about
        """
        return None

    async def release(self, job: RemoteJob) -> None:
        """The result is safe on disk, or nobody wants it any more: leftovers on our side may go."""

    async def close(self) -> None:
        """Let go of connections and child processes."""
