"""What a timeline from an editor changes, as the HTTP API and the command line tell it."""

from __future__ import annotations

from vidgen_core.i18n import Text
from vidgen_core.services.exports.editing.edit_plan import EditNote, EditPlan
from vidgen_core.services.schemas.base import ResponseModel


class EditChangeResponse(ResponseModel):
    """What becomes of one shot; places count from 1, points are seconds of the take."""

    shot: str
    place_before: int
    place: int
    take: int | None
    take_before: int | None
    """The take that was chosen where another one is used; 0 without any."""
    trim_before: tuple[float, float] | None
    trim: tuple[float, float] | None
    """In and out point; null: the whole take."""


class EditNoteResponse(ResponseModel):
    """A clip that is not simply followed."""

    code: str
    reason: str

    @classmethod
    def of(cls, note: EditNote, t: Text) -> EditNoteResponse:
        return cls(code=note.code, reason=t(f"edit.note.{note.code}", **note.params))


class EditResponse(ResponseModel):
    """What a timeline changes, or would change."""

    file: str
    applied: bool
    shots: int
    """Shots that the timeline shows."""
    changes: list[EditChangeResponse]
    notes: list[EditNoteResponse]

    @classmethod
    def of(cls, plan: EditPlan, t: Text, *, applied: bool) -> EditResponse:
        notes = [EditNoteResponse.of(note, t) for note in plan.notes]
        return cls.filled(plan, file=plan.name, applied=applied, shots=len(plan.shots), notes=notes)
