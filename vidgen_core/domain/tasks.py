"""Tasks: their kinds, states and allowed transitions.

Times are aware UTC datetimes, durations are seconds, sizes are pixels (width, height) or bytes.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple

from pydantic import Field

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.characters import NamedCharacter
from vidgen_core.domain.errors import ErrorKind, VidgenError
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import (
    ProviderId,
)
from vidgen_core.domain.shots import GenerationMode, ShotReference
from vidgen_core.domain.takes import CheckResult, Verdict


class TaskKind(StrEnum):
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
    # Ended tasks open again on request: retry (queued), poll again or adopt (processing), download again.
    TaskStatus.FAILED: frozenset({TaskStatus.QUEUED, TaskStatus.PROCESSING, TaskStatus.DOWNLOADING}),
    TaskStatus.CANCELLED: frozenset({TaskStatus.QUEUED, TaskStatus.PROCESSING, TaskStatus.DOWNLOADING}),
    TaskStatus.COMPLETED: frozenset(),
}


#: States in which the runner still has something to do.
LIVE: Final = frozenset({TaskStatus.QUEUED, TaskStatus.PROCESSING, TaskStatus.DOWNLOADING})


#: Waiting, and not yet sent to anybody.
UNSENT: Final = frozenset({TaskStatus.PENDING, TaskStatus.QUEUED})

#: States in which a task has ended.
ENDED: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED})


def sources(target: TaskStatus) -> frozenset[TaskStatus]:
    """The states from which a task may come to ``target``."""
    return frozenset(status for status, targets in TRANSITIONS.items() if target in targets)


#: Code of a failure: the remote side is done, and its answer names no link that could be read.
LINK_NOT_UNDERSTOOD: Final = "link_not_understood"


class Failure(Frozen):
    """Why a task failed, as kept: never a sentence."""

    kind: ErrorKind
    code: str
    params: dict[str, Any] = Field(default_factory=dict)
    #: Whether the runner repeats such a failure by itself, unchanged, as long as its tries last.
    retryable: bool = False
    charged: ChargeStatus = ChargeStatus.UNKNOWN

    @classmethod
    def of(cls, error: VidgenError, **more: Any) -> Failure:
        """What is kept of an error: its kind, code and params, never its text."""
        return cls(kind=error.kind, code=error.code, params=error.params, **more)

    @property
    def provider_message(self) -> str | None:
        """The provider's own words, without secrets; None where it said nothing."""
        said = self.params.get("said")
        return said if isinstance(said, str) and said.strip() else None


class FinishVerb(StrEnum):
    """What is done with a finished take; the result is another take."""

    #: More seconds at its end.
    EXTEND = "extend"
    #: The same in more pixels, computed from the file.
    UPSCALE = "upscale"
    #: The same, as the provider can give it in 1080p or 4K.
    FETCH_1080P = "fetch_1080p"
    FETCH_4K = "fetch_4k"


class ParentTake(Frozen):
    """The take that another is made from, as it was when that was ordered."""

    verb: FinishVerb
    #: Its id, and its number within the shot.
    take: int
    number: int
    provider: ProviderId
    model: str
    #: Its job on the provider's side, and the key of the account that has it.
    remote_id: str | None = None
    key_id: str | None = None
    made_at: datetime
    #: Its file on this machine.
    video: str
    seconds: float


class ChainLink(Frozen):
    """What the first frame of a take comes from: the take before it in its chain, as it was when that was sent."""

    shot: int
    #: None: not known before it is sent.
    take: int | None = None
    #: Digest of what the prompt of that shot said.
    words: str = ""
    #: A person has said yes to whatever spoke against the take before it.
    anyway: bool = False


class GenerationParams(Frozen):
    """What one take is made from, complete: the shot's own params over the settings, fixed when it is queued."""

    prompt: str = ""
    image: str | None = None
    image_url: str | None = None
    #: The picture that a video ends with.
    last_frame: str | None = None
    last_frame_url: str | None = None
    #: The pictures that show what things look like.
    references: tuple[ShotReference, ...] = ()
    #: The characters of the project that the prompt names, as they are sent.
    characters: tuple[NamedCharacter, ...] = ()
    #: None: derived from the pictures that are there (``Capabilities.settle``).
    mode: GenerationMode | None = None
    #: Whether the video is to have sound; None leaves it to the model.
    sound: bool | None = None
    #: What is not to be seen.
    negative_prompt: str = ""
    #: Which of the two nobody asked for, so that a model that does not take it is not told (``Capabilities.settle``).
    defaults: tuple[str, ...] = ()
    #: Which of ratio and size somebody asked for, so that it is said where a model is not told.
    chosen: tuple[str, ...] = ()
    #: What of it was known to be lost when it was queued (``Provider.losses``), of more than that a person is asked before it is
    #: sent; None: that was not looked at.
    warned: tuple[str, ...] | None = None
    aspect_ratio: str
    size: str
    #: seconds; None leaves it to the model
    duration: float | None = None
    #: None: the provider draws one
    seed: int | None = None
    watermark: str = ""
    callback_url: str = ""
    #: Made from a finished take instead of pictures.
    parent: ParentTake | None = None
    #: It begins with the last frame of the shot before it: ``image`` is set when it is sent.
    link: ChainLink | None = None
    #: Options only one provider knows, e.g. ``enable_translation``.
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def has_first_frame(self) -> bool:
        """Whether there is a picture to begin with, or will be when it is sent."""
        return bool(self.image or self.image_url or self.link)

    @property
    def has_last_frame(self) -> bool:
        """Whether there is a picture to end with."""
        return bool(self.last_frame or self.last_frame_url)


class NewTask(Frozen):
    """A take, or a picture, to be generated."""

    project_id: int
    shot_id: int
    #: What it makes.
    output: TaskKind = TaskKind.VIDEO
    status: TaskStatus = TaskStatus.QUEUED
    provider: ProviderId
    model: str
    params: GenerationParams
    #: Tasks with a higher value go first; people see it as *pinned*.
    priority: int = 0
    #: What it costs, or is expected to.
    cost: Money | None = None
    #: The order *until one passes* of which it is one draw.
    draw: int | None = None
    #: The quote by which it was ordered.
    quote_id: int | None = None


class Task(NewTask):
    """Our unit of queued work: one take, or one picture, of one shot by one provider."""

    id: int
    #: The shot's number at the time of reading, for people and file names.
    shot: str
    #: Number of the take, or of the candidate, within its shot, from 1.
    take: int
    batch: int
    status: TaskStatus
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
    #: Codes of doubts about its take.
    warnings: tuple[str, ...] = ()
    #: What the checks say of its take; None: not checked.
    verdict: Verdict | None = None
    checks: tuple[CheckResult, ...] = ()
    #: The shot whose take it waits for, and its number at the time of reading.
    waits_for: int | None = None
    awaits: str | None = None
    charge: ChargeStatus = ChargeStatus.NONE
    rev: int = 0
    created_at: datetime
    started_at: datetime | None = None
    submitted_at: datetime | None = None
    polled_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def label(self) -> str:
        """``1.0-v2`` for a take, ``1.0-p2`` for a picture."""
        return f"{self.shot}-{'v' if self.output is TaskKind.VIDEO else 'p'}{self.take}"


class ActiveCount(NamedTuple):
    """Number of active tasks of a provider in one status."""

    provider: ProviderId
    status: TaskStatus
    n: int
    #: Sum of their percentages; without a report of the provider a task counts as 0.
    progress: int


# --- draw until one passes: takes of a shot are ordered one after another until one passes its checks -----------------

#: Draws that one shot may get.
MOST_DRAWS: Final = 20


class UntilPass(Frozen):
    """Order takes one after another until one passes."""

    #: At most so many takes a shot.
    most: int = Field(default=4, ge=1, le=MOST_DRAWS)
    #: The order as a whole costs at most so much, in the currency of the budget; None: what all its draws would cost.
    ceiling: Decimal | None = Field(default=None, ge=0)
    #: Draw again on a doubt, too, and not only on a fail.
    again_on: Verdict = Verdict.FAIL
    #: How many of a shot may be under way at once.
    at_once: int = Field(default=1, ge=1, le=2)

    def is_enough(self, verdict: Verdict | None) -> bool:
        """Whether a take with this verdict ends the drawing of its shot."""
        return verdict is Verdict.PASS or (verdict is Verdict.DOUBT and self.again_on is Verdict.FAIL)


class DrawState(StrEnum):
    """How far the drawing of one shot is."""

    DRAWING = "drawing"
    PASSED = "passed"
    STOPPED = "stopped"


class Draw(Frozen):
    """The drawing of one shot; those of one order have the same ``draw`` and share its ceiling."""

    draw: int
    shot_id: int
    project_id: int
    state: DrawState = DrawState.DRAWING
    #: The code of why it stopped (``draw.stopped.<code>``).
    reason: str = ""
    until: UntilPass
    ceiling: Money
    #: What the click asked for, as its options have it.
    options: dict[str, Any]
    created_at: datetime
