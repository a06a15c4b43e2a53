"""How often each check was right, with the button that moves its limit, and what drawing until one passes has saved."""

from __future__ import annotations

import streamlit as st

from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.dashboard.shell.sign_in import may
from vidgen_core.i18n import Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.quality.accuracy import CheckAccuracy
from vidgen_core.services.reports.text import cost_each
from vidgen_core.services.reports.values import Drawing


def show(visit: Visit, project_id: int | None) -> None:
    """Every check, and question to the model, that was right or wrong about a take; nothing where there is none.

    :param project_id: None: all projects
    """
    found, t = visit.app.checks.accuracy(project_id), visit.t
    if not any((*found.passed, *found.doubted, *found.failed)):
        return
    with st.container(border=True, key="checks_right"):
        st.subheader(t("accuracy.title"), anchor=False, help=t("accuracy.help"))
        lines = (("pass", found.passed), ("doubt", found.doubted), ("fail", found.failed))
        st.markdown(
            " · ".join(
                t("accuracy.verdict", verdict=t(f"verdict.{name}"), chosen=t.number(good), rejected=t.number(bad))
                for name, (good, bad) in lines
                if good or bad
            )
        )
        for one in found.checks:
            with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"right_{one.code}"):
                _check(t, one)


def _check(t: Text, one: CheckAccuracy) -> None:
    total = one.right + one.wrong
    said = t("accuracy.right", right=t.number(one.right), total=t.number(total)) if total else t("accuracy.silent")
    st.markdown(f"{t(f'shots.warning.{one.code}')} **{said}**", width="stretch")
    if one.limit is not None and one.better is not None and may(Role.OWNER):
        label = t("accuracy.move", old=f"{one.limit:g}", new=f"{one.better:g}")
        help_ = t.n("accuracy.caught", one.caught) if one.caught else None
        args = (one.code, one.better)
        st.button(label, key=f"move_{one.code}", icon=":material/tune:", help=help_, on_click=_move, args=args)


@handle_errors
def _move(code: str, limit: float) -> None:
    visit = current_visit()
    visit.app.settings_file.change({f"checks.{code}": limit})
    toast_later(visit.t("accuracy.moved"), ":material/tune:")


def drawing(t: Text, found: Drawing | None) -> None:
    """What takes cost that were drawn until one passed, beside the others; nothing where none were drawn."""
    if found is None:
        return
    numbers = {
        "with": cost_each(t, found.spend, found.cost_per_chosen),
        "without": cost_each(t, found.other_spend, found.other_cost_per_chosen),
        "draws_saved": t.number(found.draws_saved),
        "money_saved": cost_each(t, found.spend, found.saved),
    }
    with st.container(border=True, key="draws_saved"):
        st.subheader(t("drawn.title"), anchor=False, help=t("drawn.help", usual=found.usual))
        with st.grid(4, min_column_width=160, gap="small"):
            for name, value in numbers.items():
                st.metric(t(f"drawn.{name}"), value)
        st.caption(t("drawn.about", shots=t.number(found.shots), draws=t.number(found.draws), usual=found.usual))
