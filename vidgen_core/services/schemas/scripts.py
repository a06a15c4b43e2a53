"""The storyboard that a script becomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from vidgen_core.services.imports.plan import PlannedShot
from vidgen_core.services.schemas.base import ResponseModel


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
