"""Takes: finished videos.

Times are aware UTC datetimes, durations are seconds, sizes are pixels (width, height) or bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.providers import (
    ProviderId,
)

#: Doubts for which nobody has to look: whatever came in fewer pixels can be used all the same.
MINOR_WARNINGS: Final = frozenset({"size_differs"})


#: Doubts about a finished take: it is not the video of its source, or that could not be compared.
SOURCE_DIFFERS: Final = "source_differs"
SOURCE_UNKNOWN: Final = "source_unknown"


#: The doubt about takes of different tasks that are one and the same video.
SAME_FILE: Final = "same_file"


#: What codes of results begin with that a language model gave.
MODEL: Final = "model_"


class Severity(StrEnum):
    """What a check says of a take."""

    PASS = "pass"  # noqa: S105 - no password
    #: Shown, and changes no verdict.
    NOTE = "note"
    DOUBT = "doubt"
    FAIL = "fail"


class Verdict(StrEnum):
    """What all checks together say of a take, the best first."""

    PASS = "pass"  # noqa: S105 - no password
    DOUBT = "doubt"
    FAIL = "fail"


class Opinion(StrEnum):
    """What a person has said of a take by choosing or rejecting it."""

    GOOD = "good"
    BAD = "bad"


class CheckResult(Frozen):
    """One measured value of a take; its sentence is ``shots.warning.<code>``."""

    code: str
    severity: Severity
    value: float
    limit: float


class ChainFrame(Frozen):
    """The last sharp frame of a take, which the next shot of its chain begins with, and how far the look has drifted by then."""

    #: Key in the image store.
    key: str
    #: Key of the picture that the chain begins with, which it is compared with.
    head: str | None = None
    #: Sharpness as a share of the head's.
    sharpness: float | None = None
    #: Mean difference of colours, 0-255.
    colour: float | None = None
    #: Similarity of the two, 1 being the same.
    similarity: float | None = None


class ModelAnswer(Frozen):
    """What a language model has said of a take."""

    model: str
    #: By question (``prompt``, ``person`` …): what is wrong, in the model's words; empty: nothing.
    faults: dict[str, str]
    at: datetime


def place_of(folder: str, file: str) -> str:
    """Where a file of a take is: a path of the machine that saved it, or, of a bucket, its URL there."""
    return f"{folder}/{file}" if "://" in folder else str(Path(folder, file))


class NewTake(Frozen):
    """A verified video file that becomes a take."""

    project_id: int
    shot_id: int
    task_id: int
    #: The take that it was made from (extended, enlarged).
    parent_id: int | None = None
    #: Exports use its file wherever its parent is chosen.
    stands_in: bool = False
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
    provider: ProviderId
    model: str
    prompt: str = ""
    seed: int | None = None
    #: Codes of doubts about it: ``same_file``, ``ratio_differs`` …
    warnings: tuple[str, ...] = ()


class Take(NewTake):
    """One finished video of a shot."""

    id: int
    #: What the checks say; None: not checked.
    verdict: Verdict | None = None
    checks: tuple[CheckResult, ...] = ()
    #: None: no shot has followed it yet.
    frame: ChainFrame | None = None
    chosen: bool = False
    rejected: str | None = None
    #: What a person thinks of it; None: nobody has said.
    opinion: Opinion | None = None
    #: What a language model that was asked about it has answered.
    answer: ModelAnswer | None = None
    #: In and out point in seconds of the video, as an editor's timeline had them; None: its own begin and end.
    trim_in: float | None = None
    trim_out: float | None = None
    created_at: datetime

    @property
    def place(self) -> str:
        """Where the file is: a path of the machine that saved it, or, of a bucket, its URL there."""
        return place_of(self.folder, self.file)

    @property
    def address(self) -> str:
        """The place, and of a bucket behind ``#`` the content: its names may be used again."""
        return f"{self.place}#{self.sha256}" if "://" in self.folder else self.place

    def with_file_of(self, other: Take) -> Take:
        """The same take with another one's file; in and out points, number and choice stay."""
        return self.model_copy(update={name: getattr(other, name) for name in _OF_FILE})

    @property
    def shown_seconds(self) -> float:
        """The length between its in and out point."""
        begin, end = self.trim_in or 0.0, min(self.seconds, self.trim_out or self.seconds)
        return end - begin if begin < end else self.seconds

    @property
    def rank(self) -> int:
        """The lower the better, by what the checks say; what was not checked stands between *pass* and *doubt*."""
        return {Verdict.PASS: 0, None: 1, Verdict.DOUBT: 2, Verdict.FAIL: 3}[self.verdict]

    @property
    def is_good(self) -> bool:
        """Nobody has put it aside and nothing about it is doubtful."""
        return self.rejected is None and MINOR_WARNINGS.issuperset(self.warnings)


#: What of a take belongs to its file.
_OF_FILE: Final = ("folder", "file", "width", "height", "bytes", "sha256", "content", "seconds")


def stand_ins(takes: Iterable[Take]) -> dict[int, Take]:
    """What exports use in the place of takes, by the ids of those; what was put aside does not count."""
    return {one.parent_id: one for one in takes if one.stands_in and one.rejected is None and one.parent_id is not None}


def goes_out(take: Take, standing: Mapping[int, Take]) -> Take:
    """The take whose file exports use where this one is chosen: what stands in for it, and for that in turn.

    :param standing: as ``stand_ins``
    """
    # What is made from a take comes after it, so that this ends whatever a database says.
    while (following := standing.get(take.id)) is not None and following.id > take.id:
        take = following
    return take


class ReviewLink(Frozen):
    """A way in for people without an account: to look at the takes of one project and say what they think of them."""

    id: int
    project_id: int
    #: For whom it was made.
    name: str
    #: Random, so that the signature fits this row of this database alone.
    nonce: str
    #: Argon2 hash; None: no password is asked for.
    password: str | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    #: Whether it lets anybody in.
    works: bool


class ReviewVote(Frozen):
    """What one reviewer thinks of a take."""

    take_id: int
    link_id: int
    #: Tells reviewers of the same name apart.
    reviewer: str
    name: str
    #: 1 for it, -1 against it, 0 neither.
    vote: int
    #: Their favourite of its shot.
    favourite: bool


class ReviewComment(Frozen):
    """What a reviewer says about a moment of a take."""

    id: int
    take_id: int
    link_id: int
    reviewer: str
    name: str
    #: Seconds from the begin of the video.
    at: float
    text: str
    created_at: datetime


class TakeReview(Frozen):
    """Everything that reviewers said of one take."""

    votes: tuple[ReviewVote, ...] = ()
    comments: tuple[ReviewComment, ...] = ()
