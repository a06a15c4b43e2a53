"""Enlarging or extending all chosen takes: what can be done with which, the price, a ceiling, and one click."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs, preflight
from vidgen_core.dashboard.components.labels import amount, mode_label, plain, price
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.domain.tasks import FinishVerb
from vidgen_core.services.exports.film import Film
from vidgen_core.services.generation.finishing import FinishOptions, FinishRow, FinishSheet

_VERB: Final = "finish_chosen_verb"
_CEILING: Final = "finish_chosen_ceiling"
#: Rows that are shown one by one.
_SHOWN: Final = 200


def show_finishing(visit: Visit, film: Film) -> None:
    """The way to the sheet, and how many of the exported takes are finished."""
    t = visit.t
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="finish_row"):
        st.button(t("finish.open"), icon=":material/high_quality:", key="finish_chosen", on_click=_ask)
        finished = sum(clip.finished is not None for clip in film.takes)
        st.caption(t.n("finish.finished", finished) if finished else t("finish.about"), width="stretch")


@handle_errors
def _ask() -> None:
    for key in (_VERB, _CEILING):
        st.session_state.pop(key, None)
    dialogs.ask(current_visit().t("finish.title"), _body, width="large", icon=":material/high_quality:")


def _body() -> None:
    visit = current_visit()
    t = visit.t
    verb = st.segmented_control(
        t("finish.what"),
        list(FinishVerb),
        default=FinishVerb.UPSCALE,
        required=True,
        format_func=lambda one: t(f"shots.finish.{one}"),
        key=_VERB,
    )
    sheet = visit.app.finishing.sheet(visit.project.id, FinishOptions(verb=FinishVerb(verb)))
    st.caption(t("finish.replaces"))
    preflight.facts(sheet.preflight)
    _rows(visit, sheet)
    currency = visit.app.settings().budget.currency
    st.number_input(
        t("finish.ceiling", currency=currency),
        min_value=0.0,
        value=None,
        step=1.0,
        key=_CEILING,
        placeholder=t("finish.no_ceiling"),
        help=t("finish.ceiling_help"),
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(t("common.cancel"), key="finish_cancel", on_click=st.rerun)
        preflight.button(
            visit,
            sheet.estimate,
            t("finish.act", n=t.number(sheet.estimate.tasks), price=price(t, sheet.estimate)),
            _order,
            FinishVerb(verb),
            key="finish_act",
            type="primary",
            icon=":material/high_quality:",
            disabled=not sheet.estimate.tasks,
        )


def _rows(visit: Visit, sheet: FinishSheet) -> None:
    """Each chosen take with who does it for how much, or why it is left out."""
    t = visit.t
    with st.expander(t.n("finish.rows", len(sheet.rows)), icon=":material/list:", expanded=len(sheet.rows) <= 12):
        for row in sheet.rows[:_SHOWN]:
            icon = ":red[:material/block:]" if row.problem else ":green[:material/check:]"
            st.markdown(f"{icon} **{plain(row.shot)}** v{row.take.number} · {plain(_said(visit, row))}")


def _said(visit: Visit, row: FinishRow) -> str:
    t = visit.t
    if row.problem is not None:
        return t.error("parameter", row.problem.code, row.problem.params)
    if row.offer is None:
        return ""
    return f"{mode_label(t, row.offer.provider)} · {row.offer.model} · {amount(t, row.offer.price)}"


@handle_errors
def _order(verb: FinishVerb) -> None:
    """The sheet has been seen: it is ordered at once, with the ceiling as it stands in its field now."""
    visit = current_visit()
    ceiling = st.session_state.get(_CEILING)
    most = None if ceiling is None else Decimal(str(ceiling))
    made = visit.app.finishing.order_chosen(visit.project.id, FinishOptions(verb=verb), ceiling=most)
    if made.tasks:
        toast_later(visit.t.n("cli.queued", len(made.tasks)), ":material/check:")
    beyond = [one for one in made.refused if one.code == "finish_ceiling"]
    if beyond:
        toast_later(visit.t.error("parameter", beyond[0].code, beyond[0].params), ":material/info:")
    st.rerun()
