"""The sheet before a large batch: what is wrong, what it costs, what it leaves, how long it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from vidgen_core.app import Preflight
from vidgen_core.app.sheet import facts_of, problem_line
from vidgen_core.ui import dialogs
from vidgen_core.ui.labels import plain
from vidgen_core.ui.session import here

_CANARY: Final = "preflight_canary"
#: What carries the batch out; told whether one shot goes first.
Act = Callable[[bool], None]


def ask(sheet: Preflight, act: Act, *, canary: bool = False) -> None:
    """Open the sheet; ``act`` is called when the batch is released. To be called in a widget callback.

    :param canary: offer to let one shot go first
    """
    dialogs.ask(here().t("preflight.title"), _body, sheet, act, canary, width="medium", icon=":material/fact_check:")


def is_large(count: int) -> bool:
    """Whether a batch of so many tasks is shown on the sheet first."""
    return count > here().app.settings().budget.preflight_over


def _body(sheet: Preflight, act: Act, canary: bool) -> None:
    visit = here()
    t = visit.t
    first, *facts = facts_of(t, sheet)
    st.markdown(f"**{plain(first)}**")
    st.markdown("\n".join(f"- {plain(line)}" for line in facts))
    for problem in sheet.problems:
        show = st.error if problem.fatal else st.warning
        show(plain(problem_line(t, problem)), icon=":material/error:" if problem.fatal else ":material/warning:")
    if not sheet.problems:
        st.success(t("preflight.clean"), icon=":material/check_circle:")
    wish = visit.app.settings().budget.canary
    if canary:
        st.checkbox(t("preflight.canary"), value=wish != "off", key=_CANARY, help=t(f"preflight.canary_{wish}"))
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(t("common.cancel"), key="preflight_cancel", on_click=st.rerun)
        st.button(
            t("preflight.act", n=t.number(sheet.tasks), price=_price(sheet)),
            key="preflight_act",
            type="primary",
            icon=":material/auto_awesome:",
            disabled=not sheet.tasks,
            on_click=_release,
            args=(act,),
        )


def _price(sheet: Preflight) -> str:
    t = here().t
    if sheet.low is None:
        return t("shell.price_unknown")
    return t.money(sheet.low, estimated=True) if sheet.low.amount else t("shell.free")


def _release(act: Act) -> None:
    act(bool(st.session_state.get(_CANARY)))
    st.rerun()
