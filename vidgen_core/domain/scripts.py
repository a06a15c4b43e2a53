"""Scripts, prompt versions and calls of language models.

Times are aware UTC datetimes, durations are seconds, sizes are pixels (width, height) or bytes.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.money import Money
from vidgen_core.domain.shots import Author
from vidgen_core.domain.tasks import Failure


class PromptVersion(Frozen):
    """One wording of a shot's video prompt; every one is kept."""

    id: int
    shot_id: int
    #: From 1 within the shot.
    number: int
    text: str
    #: The shot's own negative prompt with it, empty for none; None: the wording came without one, and leaves it as it is.
    negative_prompt: str | None = None
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
    #: Every piece has its answer; the proposals can be reviewed.
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


class LlmCallState(StrEnum):
    """How far one paid question to a language model came."""

    #: The intent is on disk; from here on the request may have left.
    SENDING = "sending"
    ANSWERED = "answered"
    #: Surely not taken; nothing is owed.
    REFUSED = "refused"
    #: The request left and its answer was lost.
    UNKNOWN = "unknown"


class LlmCall(Frozen):
    """One paid question to a language model: a line of the ledger of writing."""

    id: int
    project_id: int
    #: ``script``, ``prompt``, ``translate`` or ``judge``.
    kind: str
    piece_id: int | None = None
    shot_id: int | None = None
    model: str
    key_label: str
    base_url: str
    state: LlmCallState
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: Money | None = None
    answer: str | None = None
    failure: Failure | None = None
    #: Whether a person has decided about a lost answer, or an answer was used or cannot be.
    settled: bool = False
    #: A digest of what was asked.
    prompt_digest: str | None = None
    #: The agent that ordered it.
    agent: str | None = None
    created_at: datetime
    ended_at: datetime | None = None
