"""A timeline that comes back from an editor: preview, apply, undo."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, sentence, session_value, toast_later
from vidgen_core.domain.errors import VidgenError
from vidgen_core.i18n import Text
from vidgen_core.services.exports.editing.edit_plan import EditChange, EditPlan

_KEY: Final = "edit_file"
#: Counted on after each timeline, so that the next uploader is empty.
_ROUND: Final = "_edit_round"
#: The last plan, and of what it is.
_PLAN: Final = "_edit_plan"


def show_edit(visit: Visit) -> None:
    """The file, and what it would change."""
    t = visit.t
    with st.expander(t("export.edit"), icon=":material/move_down:", key="export_edit"):
        st.caption(t("export.edit_intro"))
        name = visit.app.edits.applied(visit.project.id)
        if name:
            st.button(plain(t("export.edit_undo", name=name)), icon=":material/undo:", key="edit_undo", on_click=_undo)
        file = st.file_uploader(
            t("export.edit_file"), type=["otio", "otioz", "edl", "fcpxml", "xml", "txt", "zip"], key=f"{_KEY}{_round()}"
        )
        if file is None:
            return
        try:
            # Every video is opened for it: not again while nothing has changed.
            of = (file.file_id, visit.project.id, visit.app.revision())
            kept = session_value(_PLAN, None)
            if kept is None or kept[0] != of:
                kept = (of, visit.app.edits.plan(visit.project.id, file.name, file.getvalue()))
                st.session_state[_PLAN] = kept
        except VidgenError as error:
            st.error(sentence(error), icon=":material/error:")
            return
        _preview(t, kept[1])


def _round() -> int:
    return int(st.session_state.get(_ROUND, 0))


def _preview(t: Text, plan: EditPlan) -> None:
    for note in plan.notes:
        st.warning(plain(t(f"edit.note.{note.code}", **note.params)), icon=":material/warning:")
    if not plan.changes:
        st.info(t("export.edit_none"), icon=":material/check:")
        return
    st.dataframe(
        pd.DataFrame([_cells(t, change) for change in plan.changes]),
        column_config={name: t(f"export.edit_column.{name}") for name in ("shot", "place", "take", "trim")},
        hide_index=True,
        height=min(len(plan.changes), 10) * 36 + 40,
        alt=t("export.edit_table"),
    )
    st.button(
        t("export.edit_apply"), type="primary", icon=":material/check:", key="edit_apply", on_click=_apply, args=(plan,)
    )


def _cells(t: Text, change: EditChange) -> dict[str, str]:
    place, take = str(change.place), str(change.take or "–")
    if change.moved:
        place = f"{change.place_before} → {place}"
    if change.take_before is not None:
        take = f"{change.take_before or '–'} → {take}"
    trim = _part(t, change.trim)
    if change.cut:
        trim = f"{_part(t, change.trim_before)} → {trim}"
    return {"shot": change.shot, "place": place, "take": take, "trim": trim}


def _part(t: Text, trim: tuple[float, float] | None) -> str:
    return t("export.edit_whole") if trim is None else f"{trim[0]:.2f}–{trim[1]:.2f} s"


@handle_errors
def _apply(plan: EditPlan) -> None:
    visit = current_visit()
    visit.app.edits.apply(plan)
    st.session_state[_ROUND] = _round() + 1
    toast_later(visit.t("export.edit_applied"), ":material/check:")


@handle_errors
def _undo() -> None:
    visit = current_visit()
    visit.app.edits.undo(visit.project.id)
    toast_later(visit.t("export.edit_undone"), ":material/undo:")
