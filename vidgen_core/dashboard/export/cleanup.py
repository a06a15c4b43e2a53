"""Free disk space: preview which videos would be deleted, and delete them after a question."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from vidgen_core.dashboard.components import dialogs
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import Visit, clock, current_visit, handle_errors, session_value, toast_later
from vidgen_core.services.system.cleanup import CleanupPlan, CleanupScope

_PLAN: Final = "_cleanup_plan"


def show_cleanup(visit: Visit) -> None:
    """The choice and, once previewed, exactly what would be deleted."""
    t = visit.t
    with st.expander(t("export.cleanup"), icon=":material/cleaning_services:", key="cleanup"):
        st.caption(t("export.cleanup_intro"))
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            st.selectbox(
                t("export.cleanup_scope"),
                list(CleanupScope),
                index=1,
                format_func=lambda scope: t(f"export.scope.{scope}"),
                key="cleanup_scope",
                on_change=_forget,
            )
            st.number_input(
                t("export.cleanup_days"), min_value=0, max_value=3650, value=0, key="cleanup_days", on_change=_forget
            )
            st.button(t("export.cleanup_look"), icon=":material/search:", key="cleanup_look", on_click=_look)
        found: tuple[int, CleanupPlan] | None = session_value(_PLAN, None)
        if found and found[0] == visit.project.id:
            _preview(visit, found[1])


def _forget() -> None:
    st.session_state[_PLAN] = None


@handle_errors
def _look() -> None:
    visit = current_visit()
    days = float(st.session_state.get("cleanup_days") or 0)
    scope = CleanupScope(st.session_state.get("cleanup_scope") or CleanupScope.DECIDED)
    st.session_state[_PLAN] = (visit.project.id, visit.app.cleanup.plan(visit.project.id, scope, days))


def _preview(visit: Visit, plan: CleanupPlan) -> None:
    t = visit.t
    if not plan.items:
        st.info(t("export.cleanup_nothing"), icon=":material/check:")
        return
    rows = [
        {
            "shot": t("tasks.number", shot=item.shot, take=item.take.number),
            "made": t.datetime(item.take.created_at, clock()),
            "size": t.bytes(item.bytes),
            "path": item.take.place,
        }
        for item in plan.items
    ]
    st.dataframe(
        pd.DataFrame(rows),
        column_config={name: t(f"export.cleanup_column.{name}") for name in ("shot", "made", "size", "path")},
        hide_index=True,
        height=min(len(rows), 8) * 36 + 40,
        alt=t("export.cleanup_list"),
    )
    st.button(
        t.n("export.cleanup_delete", len(plan.items), size=t.bytes(plan.total)),
        icon=":material/delete_forever:",
        key="cleanup_delete",
        on_click=_ask,
    )


@handle_errors
def _ask() -> None:
    t = current_visit().t
    _, plan = st.session_state[_PLAN]
    question = t.n("export.cleanup_question", len(plan.items), size=t.bytes(plan.total))
    dialogs.ask(t("export.cleanup"), dialogs.confirm, question, t("export.cleanup_act"), _carry_out)


@handle_errors
def _carry_out() -> None:
    visit = current_visit()
    project_id, plan = st.session_state[_PLAN]
    cleaned = visit.app.cleanup.carry_out(project_id, [item.take.id for item in plan.items])
    _forget()
    toast_later(
        plain(visit.t.n("export.cleaned", cleaned.files, size=visit.t.bytes(cleaned.bytes))), ":material/check:"
    )
    if cleaned.kept:
        toast_later(plain(visit.t.n("export.cleanup_kept", cleaned.kept)), ":material/info:")
