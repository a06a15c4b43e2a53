"""Auto-run: its switch in the sidebar, its preflight sheet, and the message of where it stands."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs, preflight
from vidgen_core.dashboard.components.actions import Message
from vidgen_core.dashboard.components.labels import amount, plain
from vidgen_core.dashboard.quality import drawing
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, page_file
from vidgen_core.dashboard.shell import sign_in
from vidgen_core.dashboard.shots import prompt
from vidgen_core.domain.tasks import UntilPass
from vidgen_core.i18n import Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.autopilot.progress import why_unfilmed
from vidgen_core.services.autopilot.run import autopilot_line
from vidgen_core.services.generation.preflight import Preflight

#: Shots named in the line itself.
_SHOTS_NAMED: Final = 3
#: Of the field that holds what a run may cost.
_LIMIT: Final = "way_limit"
#: Of the box that has takes drawn until one passes.
_UNTIL: Final = "way_until"


def switch(t: Text, shots: int) -> None:
    """Start Auto-run, or stop it.

    :param shots: in the project
    """
    visit = current_visit()
    run = visit.app.progress.run(visit.project.id)
    if run is not None and run.on:
        st.button(t("way.halt"), key="way_halt", icon=":material/stop_circle:", on_click=_halt, width="stretch")
    else:
        st.button(
            t("way.go"),
            key="way_go",
            icon=":material/auto_mode:",
            help=t("way.go_help"),
            disabled=not shots,
            on_click=_go,
            width="stretch",
        )


def message(visit: Visit) -> Message | None:
    """Where Auto-run stands; its result once it has ended, until somebody dismisses it."""
    run = visit.app.progress.run(visit.project.id)
    if run is None or run.read or (not run.on and run.note == "stopped"):
        return None
    t = visit.t

    def buttons() -> None:
        page = {"done": "export", "to_choose": "pick"}.get(run.note)
        if page is not None:
            st.page_link(page_file(page))
        _unfilmed(visit)
        if sign_in.may(Role.MAKER):
            st.button(t("way.dismiss"), key="way_dismiss", type="tertiary", on_click=_dismiss)

    said = autopilot_line(t, run)
    return Message("autopilot", said, ":material/auto_mode:", actions=None if run.on else buttons)


def _unfilmed(visit: Visit) -> None:
    """The shots that have no take, by number, each with its reason behind a click."""
    t = visit.t
    total, named = visit.app.progress.unfilmed(visit.project.id)
    if not total:
        return
    shots = ", ".join(one.shot for one in named[:_SHOTS_NAMED]) + (" …" if total > _SHOTS_NAMED else "")
    with st.popover(t.n("way.without", total, shots=plain(shots)), icon=":material/videocam_off:", key="way_without"):
        for one in named:
            st.markdown(f"**{plain(one.shot)}** {plain(why_unfilmed(t, one))}")
        if total > len(named):
            st.caption(t.n("way.without_more", total - len(named)))


@handle_errors
def _go() -> None:
    """Go at once where it is free; else show what would be made, and ask what it may cost."""
    visit: Visit = current_visit()
    sheet = visit.app.progress.sheet(visit.project.id)
    if sheet.key_missing is not None:
        preflight.enter_key(sheet.key_missing)
    elif sheet.free:
        _begin(None)
    else:
        for key in (_LIMIT, _UNTIL):
            st.session_state.pop(key, None)
        dialogs.ask(visit.t("way.sheet_title"), _sheet, sheet, width="medium", icon=":material/auto_mode:")


def _sheet(sheet: Preflight) -> None:
    visit = current_visit()
    t, until = visit.t, None
    if visit.app.settings().checks.enabled and st.checkbox(t("draw.auto_run"), key=_UNTIL, help=t("draw.about")):
        until = drawing.fields(visit, ceiling=False)
        sheet = visit.app.progress.sheet(visit.project.id, until)
    preflight.facts(sheet)
    preflight.problems(sheet)
    worst = float(sheet.high.amount) if sheet.high else 0.0
    limit = st.number_input(
        t("way.limit", currency=sheet.at_least.currency),
        value=worst,
        min_value=0.0,
        step=1.0,
        format="%g",
        key=_LIMIT,
        help=t("way.limit_help"),
    )
    dialogs.buttons(
        "way", t("way.act", price=amount(t, sheet.low)), _released, limit, until, icon=":material/auto_mode:"
    )


def _released(limit: float, until: UntilPass | None) -> None:
    _begin(Decimal(str(limit)), until)
    st.rerun()


@handle_errors
def _begin(limit: Decimal | None, until: UntilPass | None = None) -> None:
    visit: Visit = current_visit()
    prompt.follow(visit.app.prompts.empty(visit.project.id))
    visit.app.progress.go(visit.project.id, limit, until)


@handle_errors
def _halt() -> None:
    visit: Visit = current_visit()
    visit.app.progress.halt(visit.project.id)


@handle_errors
def _dismiss() -> None:
    visit: Visit = current_visit()
    visit.app.progress.dismiss(visit.project.id)
