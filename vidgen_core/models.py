"""The words of Vidgen as frozen values; no input or output happens here.

Times are aware UTC datetimes, durations are seconds, sizes are pixels (width, height) or bytes, money is
a ``Money``: a decimal with its currency. Field names are those of the database, the HTTP API and the screens.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from vidgen_core.errors import ErrorKind


class Mode(StrEnum):
    """The providers; the value is the provider's id everywhere."""

    LOCAL = "local"
    YUNWU = "yunwu"
    KIE = "kie"
    LOVART = "lovart"
    #: Image endpoints of an aggregator: makes pictures, never videos.
    IMAGES = "images"


#: What stands in the ledger for a provider where a language model was asked.
WRITING: Final = "writing"
#: To whom money goes: a provider, or whoever answers what a language model is asked.
Payee = Mode | Literal["writing"]


def payee(name: str) -> Payee:
    """As the ledger names it."""
    return WRITING if name == WRITING else Mode(name)


#: The generation modes: the providers that make videos.
VIDEO_MODES: Final = (Mode.LOCAL, Mode.YUNWU, Mode.KIE, Mode.LOVART)
#: The providers that draw pictures.
PICTURE_MODES: Final = (Mode.LOCAL, Mode.IMAGES)


class Output(StrEnum):
    """What a task makes."""

    #: A take.
    VIDEO = "video"
    #: A candidate for the reference image.
    IMAGE = "image"


class TaskStatus(StrEnum):
    """Where a task stands."""

    #: Kept, but not released to the runner.
    PENDING = "pending"
    #: May be taken by the runner.
    QUEUED = "queued"
    #: A runner holds it: being submitted, or accepted under a remote id.
    PROCESSING = "processing"
    #: The remote side is done; bytes are coming.
    DOWNLOADING = "downloading"
    #: There is a verified file.
    COMPLETED = "completed"
    #: It ended without a file; the error says why and what can be done.
    FAILED = "failed"
    #: The user no longer wanted it.
    CANCELLED = "cancelled"


#: The one table of allowed changes; every UPDATE of a status repeats its source states.
TRANSITIONS: Final[dict[TaskStatus, frozenset[TaskStatus]]] = {
    TaskStatus.PENDING: frozenset({TaskStatus.QUEUED, TaskStatus.CANCELLED}),
    TaskStatus.QUEUED: frozenset({TaskStatus.PENDING, TaskStatus.PROCESSING, TaskStatus.FAILED, TaskStatus.CANCELLED}),
    TaskStatus.PROCESSING: frozenset(
        {TaskStatus.QUEUED, TaskStatus.DOWNLOADING, TaskStatus.FAILED, TaskStatus.CANCELLED}
    ),
    TaskStatus.DOWNLOADING: frozenset(
        {TaskStatus.PROCESSING, TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED}
    ),
    # Ended tasks open again by a wish: retry (queued), look again or adopt (processing), download again.
    TaskStatus.FAILED: frozenset({TaskStatus.QUEUED, TaskStatus.PROCESSING, TaskStatus.DOWNLOADING}),
    TaskStatus.CANCELLED: frozenset({TaskStatus.QUEUED, TaskStatus.PROCESSING, TaskStatus.DOWNLOADING}),
    TaskStatus.COMPLETED: frozenset(),
}

#: States in which the runner still has something to do.
LIVE: Final = frozenset({TaskStatus.QUEUED, TaskStatus.PROCESSING, TaskStatus.DOWNLOADING})
#: States in which a task has ended.
ENDED: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})


def sources(target: TaskStatus) -> frozenset[TaskStatus]:
    """The states from which a task may come to ``target``."""
    return frozenset(status for status, targets in TRANSITIONS.items() if target in targets)


class AttemptState(StrEnum):
    """How far one submission came; a line of the money ledger."""

    #: The picture is being made ready; nothing paid has left.
    PREPARING = "preparing"
    #: The intent is on disk; from here on the request may have left.
    SENDING = "sending"
    #: The remote id is known.
    ACCEPTED = "accepted"
    #: The request left and its answer was lost.
    UNKNOWN = "unknown"
    #: Surely not accepted; nothing is owed.
    REFUSED = "refused"
    #: The remote job ended with a video.
    SUCCEEDED = "succeeded"
    #: The remote job ended without a video.
    FAILED = "failed"
    #: We stopped waiting; the remote job may still end and is still taken in.
    ABANDONED = "abandoned"


class Charge(StrEnum):
    """What is known about the money of one attempt."""

    #: Nothing was bought.
    NONE = "none"
    #: Counted by our own price list.
    ESTIMATED = "estimated"
    #: Named by the provider.
    CHARGED = "charged"
    #: Taken to be charged although no answer said so.
    ASSUMED = "assumed"
    #: The provider gave it back.
    REFUNDED = "refunded"
    #: Nobody knows.
    UNKNOWN = "unknown"


#: Charges that are or may be owed: what counts as spent, in sums and against a budget.
OWED: Final = frozenset({Charge.ESTIMATED, Charge.CHARGED, Charge.ASSUMED, Charge.UNKNOWN})


#: Code of a failure: the remote side is done, and its answer names no link that could be read.
LINK_NOT_UNDERSTOOD: Final = "link_not_understood"


class LogLevel(StrEnum):
    """The levels of the execution log, as the user's document has them."""

    INFO = "INFO"
    SUCCESS = "SUCCESS"
    WARNING = "WARNING"
    ERROR = "ERROR"


class Frozen(BaseModel):
    """A value that does not change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Money(Frozen):
    """An amount in a currency (ISO 4217 code, or ``credits``)."""

    amount: Decimal
    currency: str


class Failure(Frozen):
    """Why a task failed, as kept: never a sentence."""

    kind: ErrorKind
    code: str
    params: dict[str, Any] = Field(default_factory=dict)
    #: Whether the runner repeats such a failure by itself, unchanged, as long as its tries last.
    retryable: bool = False
    charged: Charge = Charge.UNKNOWN

    @property
    def provider_message(self) -> str | None:
        """The provider's own words, without secrets; None where it said nothing."""
        said = self.params.get("said")
        return said if isinstance(said, str) and said.strip() else None


class Project(Frozen):
    """A film in the making; owns shots."""

    id: int
    name: str
    created_at: datetime


class ShotParams(Frozen):
    """What one shot asks for in its own way; None leaves it to the settings."""

    provider: Mode | None = None
    model: str | None = None
    aspect_ratio: str | None = None
    size: str | None = None
    #: seconds
    duration: float | None = None
    takes: int | None = Field(default=None, ge=1, le=5)
    seed: int | None = None
    watermark: str | None = None
    callback_url: str | None = None


class Shot(Frozen):
    """One planned moving image: a number, a reference image, a prompt."""

    id: int
    project_id: int
    #: ``1.0``, ``1.1``, ``2.0`` …: text, sorted naturally.
    number: str
    position: int
    prompt: str = ""
    #: Key of the reference image in the image store (``<sha256>.<ext>``); None without one.
    image: str | None = None
    #: Where the reference image came from, when that was a public link.
    image_url: str | None = None
    params: ShotParams = ShotParams()
    #: Columns of the list it came from that Vidgen has no use for; they come back on export.
    extra: dict[str, str] = Field(default_factory=dict)
    #: The sentence of the script that this shot shows.
    script: str = ""
    #: What its reference image is drawn from.
    picture_prompt: str = ""
    chosen_take_id: int | None = None
    #: Kept by the store: tasks of this shot that make videos, by what a filter asks for.
    live_count: int = 0
    completed_count: int = 0
    failed_count: int = 0
    #: Pictures of this shot that are queued or under way.
    drawing_count: int = 0
    rev: int = 0
    created_at: datetime


class GenerationParams(Frozen):
    """What one take is made from, complete: the shot's wishes over the settings, fixed when it is queued."""

    prompt: str = ""
    image: str | None = None
    image_url: str | None = None
    #: Keys of the pictures that a picture is drawn after: of the project's style and of characters.
    references: tuple[str, ...] = ()
    aspect_ratio: str
    size: str
    #: seconds; None leaves it to the model
    duration: float | None = None
    #: None: the provider draws one
    seed: int | None = None
    watermark: str = ""
    callback_url: str = ""
    #: Options only one provider knows, e.g. ``enable_translation``.
    options: dict[str, Any] = Field(default_factory=dict)


class Task(Frozen):
    """Our unit of queued work: one take, or one picture, of one shot by one provider."""

    id: int
    project_id: int
    shot_id: int
    #: The shot's number at the time of reading, for people and file names.
    shot: str
    #: What it makes.
    output: Output = Output.VIDEO
    #: Number of the take, or of the candidate, within its shot, from 1.
    take: int
    batch: int
    status: TaskStatus
    provider: Mode
    model: str
    params: GenerationParams
    #: Tasks with a higher value go first; people see it as *pinned*.
    priority: int = 0
    #: 0–100; None where the provider says nothing.
    progress: int | None = None
    #: The provider's own word for where it stands.
    stage: str | None = None
    cancel_requested: bool = False
    #: Not to be taken before this time (back-off).
    due_at: datetime | None = None
    #: Submissions so far.
    attempts: int = 0
    attempt_id: int | None = None
    remote_id: str | None = None
    #: The link of the result while it is being downloaded.
    result_url: str | None = None
    failure: Failure | None = None
    #: Absolute path of the finished file.
    file: str | None = None
    cost: Money | None = None
    charge: Charge = Charge.NONE
    rev: int = 0
    created_at: datetime
    started_at: datetime | None = None
    submitted_at: datetime | None = None
    polled_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def label(self) -> str:
        """``1.0-v2`` for a take, ``1.0-p2`` for a picture."""
        return f"{self.shot}-{'v' if self.output is Output.VIDEO else 'p'}{self.take}"


class Attempt(Frozen):
    """One submission of a task with one key: a line of the money ledger."""

    id: int
    task_id: int
    #: From 1 within the task.
    number: int
    state: AttemptState
    provider: Mode
    model: str
    #: Fingerprint of the key, never the key.
    key_id: str | None = None
    #: What people may see of it, e.g. ``main ••x4KR``.
    key_label: str | None = None
    #: Where it was sent, so that it can be asked there again.
    base_url: str | None = None
    remote_id: str | None = None
    intent_at: datetime | None = None
    accepted_at: datetime | None = None
    #: When a person was last waited for; the longest wait counts from then on.
    waited_at: datetime | None = None
    #: When a yes to the price that it waited for was last said; it may be paid for since then.
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None
    #: What was sent: number and bytes of pictures, parameters as sent; no secrets.
    sent: dict[str, Any] = Field(default_factory=dict)
    cost: Money | None = None
    charge: Charge = Charge.NONE
    failure: Failure | None = None
    #: The last raw answer, secrets removed.
    evidence: str | None = None
    request_id: str | None = None
    created_at: datetime


class Take(Frozen):
    """One finished video of a shot."""

    id: int
    project_id: int
    shot_id: int
    task_id: int
    number: int
    #: The save folder at that time, and the file below it with forward slashes.
    folder: str
    file: str
    #: Key of the poster in the poster store.
    poster: str | None = None
    seconds: float
    width: int
    height: int
    bytes: int
    sha256: str
    #: Digest of the video's packets; None for a take from before it was kept.
    content: str | None = None
    provider: Mode
    model: str
    prompt: str = ""
    seed: int | None = None
    #: Codes of doubts about it: ``same_file``, ``ratio_differs`` …
    warnings: tuple[str, ...] = ()
    chosen: bool = False
    rejected: str | None = None
    created_at: datetime

    @property
    def is_good(self) -> bool:
        """Nobody has put it aside and nothing about it is doubtful."""
        return self.rejected is None and not self.warnings


class Candidate(Frozen):
    """A picture that may become a shot's reference image: drawn by a task, or given by a person."""

    id: int
    project_id: int
    shot_id: int
    #: None: a person gave it.
    task_id: int | None = None
    #: From 1 within the shot.
    number: int
    #: Key in the image store; None for a picture known by its link alone.
    image: str | None = None
    image_url: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    provider: Mode | None = None
    model: str = ""
    prompt: str = ""
    seed: int | None = None
    #: Set aside by a person.
    rejected: bool = False
    #: It is the shot's reference image now.
    chosen: bool = False
    created_at: datetime


class Author(StrEnum):
    """Who wrote a prompt; what a person wrote is never written over."""

    HUMAN = "human"
    #: A language model or, offline, a template.
    MODEL = "model"
    #: A list that was imported: a person wrote it elsewhere.
    IMPORT = "import"


class PromptVersion(Frozen):
    """One wording of a shot's video prompt; every one is kept."""

    id: int
    shot_id: int
    #: From 1 within the shot.
    number: int
    text: str
    author: Author
    #: The model's name, ``template`` offline; empty for people.
    writer: str = ""
    created_at: datetime


class ScriptState(StrEnum):
    """How far the reading of a script came."""

    #: Pieces wait for somebody who asks for them.
    WAITING = "waiting"
    #: A process works on it, or did when it ended.
    RUNNING = "running"
    #: The person stopped it; what was answered is kept.
    STOPPED = "stopped"
    #: Every piece has its answer; the proposals can be looked at.
    READY = "ready"
    #: Its shots are in the storyboard.
    STORED = "stored"


class Script(Frozen):
    """A script that is to become a storyboard."""

    id: int
    project_id: int
    name: str
    text: str
    #: The language model asked for its shots; empty: the splitter on this machine.
    model: str = ""
    state: ScriptState
    #: Whole number of its first scene.
    first: int = 1
    created_at: datetime
    stored_at: datetime | None = None


class PieceState(StrEnum):
    """How far one piece of a script came."""

    WAITING = "waiting"
    #: A paid question left, or may have left.
    ASKING = "asking"
    #: The answer of a paid question was lost: a person decides about asking again.
    UNKNOWN = "unknown"
    FAILED = "failed"
    DONE = "done"


class ScriptPiece(Frozen):
    """A part of a script that is asked for at once."""

    id: int
    script_id: int
    #: From 1.
    place: int
    #: Numbers of its first and last line in the script, from 1.
    first_line: int
    last_line: int
    text: str
    state: PieceState = PieceState.WAITING
    #: The proposed shots as the model gave them, once they could be read.
    answer: list[dict[str, Any]] | None = None
    failure: Failure | None = None


class CallState(StrEnum):
    """How far one paid question to a language model came."""

    #: The intent is on disk; from here on the request may have left.
    SENDING = "sending"
    ANSWERED = "answered"
    #: Surely not taken; nothing is owed.
    REFUSED = "refused"
    #: The request left and its answer was lost.
    UNKNOWN = "unknown"


class WritingCall(Frozen):
    """One paid question to a language model: a line of the ledger of writing."""

    id: int
    project_id: int
    #: ``script``, ``prompt`` or ``translate``.
    kind: str
    piece_id: int | None = None
    shot_id: int | None = None
    model: str
    key_label: str
    base_url: str
    state: CallState
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: Money | None = None
    answer: str | None = None
    failure: Failure | None = None
    #: Whether a person has decided about a lost answer, or an answer was used or cannot be.
    settled: bool = False
    #: A digest of what was asked.
    question: str | None = None
    created_at: datetime
    ended_at: datetime | None = None


class LogLine(Frozen):
    """One line of the execution log; a code and params, rendered in the reader's language."""

    id: int
    at: datetime
    level: LogLevel
    project_id: int | None = None
    task_id: int | None = None
    code: str
    params: dict[str, Any] = Field(default_factory=dict)


class KeyUsage(Frozen):
    """What one key has done and how it is."""

    provider: Mode
    key_id: str
    name: str
    submitted: int = 0
    succeeded: int = 0
    failed: int = 0
    last_used_at: datetime | None = None
    cooling_until: datetime | None = None
    #: usable | rejected | exhausted
    health: str = "usable"
    spend: Money | None = None


class Spend(Frozen):
    """A sum of the ledger: attempts that are alike in everything named here."""

    project_id: int
    provider: Payee
    #: Fingerprint, of a key for language models its label; empty where no key was needed.
    key_id: str
    charge: Charge
    #: None: no price is known of these attempts.
    money: Money | None
    #: Attempts.
    n: int
    #: The beginning of the quarter of an hour they fall into; None in a sum over all time.
    at: datetime | None = None


class Balance(Frozen):
    """What was left at a provider for one key at one moment."""

    id: int
    provider: Mode
    key_id: str
    key_label: str
    at: datetime
    #: check | before | after: a test of the key, the beginning and the end of a batch.
    reason: str
    money: Money


class Heartbeat(Frozen):
    """The runner's sign of life."""

    pid: int
    host: str
    started_at: datetime
    at: datetime
    #: Whether submitting is paused by the user, and if by the runner itself, why.
    note: str | None = None
