"""What lists are asked by: filters, orders and pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Generic, Literal, TypeVar

from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.takes import Verdict
from vidgen_core.domain.tasks import TaskKind, TaskStatus

T = TypeVar("T")
#: Characters of ``Page.next``.
LONGEST_MARK: Final = 1_000
ShotState = Literal["all", "without_takes", "running", "to_choose", "chosen", "failed", "without_picture"]
#: How a list of shots is ordered; each in the direction that is asked for: what needs a person, or is newest, first.
ShotSort = Literal["order", "number", "state", "takes", "changed"]
TaskSort = Literal["id", "shot", "status", "provider", "attempts", "created", "finished", "duration", "cost", "verdict"]


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of an ordered list and the length of the whole.

    ``total_is_least``: there are at least ``total``; counting went no further.
    """

    items: list[T]
    total: int
    total_is_least: bool = False
    #: After which the next page begins (``db.keyset``); None: there is none.
    next: str | None = None


@dataclass(frozen=True)
class LogFilter:
    """Which lines; empty means all.

    ``text`` is searched for in codes and params; ``codes`` are those whose sentence, in the reader's language,
    has the text: a line fits when either does.
    """

    levels: frozenset[LogLevel] = frozenset()
    task_id: int | None = None
    text: str = ""
    codes: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class ShotFilter:
    """Which shots; ``text`` is searched for in number, prompts and script."""

    state: ShotState = "all"
    text: str = ""


@dataclass(frozen=True)
class TaskFilter:
    """Which tasks; empty means all. ``text`` is searched for in the shot's number and the prompt."""

    statuses: frozenset[TaskStatus] = frozenset()
    provider: ProviderId | None = None
    shot_id: int | None = None
    kind: ErrorKind | None = None
    text: str = ""
    output: TaskKind | None = None
    verdict: Verdict | None = None
    #: Only ids above it: the last one of the block before, where all are read in blocks.
    after: int | None = None

    @property
    def wording(self) -> str:
        return self.text.strip().casefold()

    @property
    def narrow(self) -> bool:
        """Whether it asks for more than cells can answer."""
        return any(one is not None for one in (self.shot_id, self.kind, self.verdict)) or bool(self.wording)
