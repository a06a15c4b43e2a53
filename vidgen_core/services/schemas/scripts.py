"""The storyboard that a script becomes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from vidgen_core.domain.scripts import PieceState, ScriptState
from vidgen_core.services.imports.plan import PlannedShot
from vidgen_core.services.schemas.base import ResponseModel

if TYPE_CHECKING:
    from vidgen_core.i18n import Text
    from vidgen_core.services.scripts.planning import Board
    from vidgen_core.services.scripts.scripts import ScriptView


class ProposedRow(ResponseModel):
    """One row of a storyboard before it is stored."""

    shot: str | None
    line: int | None
    script: str
    picture_prompt: str
    prompt: str
    ratio: str | None
    seconds: float | None
    verdict: Literal["ok", "warning", "rejected"]
    reasons: list[str]

    @classmethod
    def of(cls, row: PlannedShot, sentence: Callable[[str, dict[str, Any]], str]) -> ProposedRow:
        """:param sentence: puts the code of a reason into a sentence"""
        return cls.filled(
            row,
            shot=row.number,
            ratio=row.params.aspect_ratio,
            seconds=row.params.duration,
            reasons=[sentence(reason.code, reason.params) for reason in row.reasons],
        )


class ScriptResponse(ResponseModel):
    """A script and how far it is."""

    id: str
    name: str
    state: ScriptState
    model: str
    """Empty: split on this machine."""
    busy: bool
    pieces: int
    done: int
    lost: int
    """Pieces whose answer was lost: a person decides about asking again."""
    created_at: datetime

    @classmethod
    def of(cls, view: ScriptView) -> ScriptResponse:
        script = view.script
        return cls.filled(
            script,
            busy=view.busy,
            pieces=len(view.pieces),
            done=view.done,
            lost=view.count(PieceState.UNKNOWN),
        )


class BoardResponse(ResponseModel):
    """The storyboard that would be stored."""

    shots: list[ProposedRow]
    lost_lines: list[int]
    """Lines of which no proposal showed all; the splitter has made shots of the rest."""
    invented: int

    @classmethod
    def of(cls, board: Board, t: Text) -> BoardResponse:
        rows = [
            ProposedRow.of(row, lambda code, params: t.error("parameter", code, params)) for row in board.plan.shots
        ]
        return cls(shots=rows, lost_lines=list(board.lost), invented=board.invented)
