"""The progress strip on every screen: seven steps from script to film, and the switch of Auto-run."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs, preflight
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, show_told
from vidgen_core.dashboard.shell import live_updates, sign_in
from vidgen_core.dashboard.shots import prompt
from vidgen_core.i18n import Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.autopilot.progress import ProgressStep, why_unfilmed
from vidgen_core.services.autopilot.run import AutopilotRun, autopilot_line
from vidgen_core.services.generation.preflight import Preflight

_FRAGMENT: Final = "way"
_SLOWLY: Final = 10
#: Shots named in the line itself.
_SHOTS_NAMED: Final = 3
#: Of the field that holds what a run may cost.
_LIMIT: Final = "way_limit"
#: The page where what a step lacks is worked at.
_PAGES: Final = {
    "script": "script",
    "storyboard": "add",
    "pictures": "shots",
    "order": "storyboard",
    "prompts": "shots",
    "videos": "tasks",
    "choice": "pick",
    "export": "export",
}
_LOOKS: Final = {
    "done": ":material/check_circle:",
    "next": ":material/arrow_circle_right:",
    "open": ":material/circle:",
}


def show(pages: Mapping[str, st.Page]) -> None:
    """Draw the strip and have it refreshed.

    :param pages: those that the visitor may open, by name
    """
    live_updates.watch(_FRAGMENT, _shown)

    @st.fragment(key=_FRAGMENT, run_every=_SLOWLY)
    def draw() -> None:
        show_told()
        _strip(pages)

    draw()


def _shown() -> object:
    visit = current_visit()
    return visit.app.progress.steps(visit.project.id), visit.app.progress.run(visit.project.id)


def _strip(pages: Mapping[str, st.Page]) -> None:
    visit = current_visit()
    steps = visit.app.progress.steps(visit.project.id)
    run = visit.app.progress.run(visit.project.id)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="way"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="way_steps", width="content"):
            for step in steps:
                _step(visit.t, step, pages)
        with st.container(key="way_folded", width="content"):
            coming = next((step for step in steps if step.state == "next"), None)
            label = visit.t("way.next", step=_name(visit.t, coming)) if coming else visit.t("way.all_done")
            menu = st.popover(label, icon=":material/route:", key="way_popover")
            with menu.container(gap="xxsmall", key="way_popover_steps"):
                for step in steps:
                    _step(visit.t, step, pages)
        if sign_in.may(Role.MAKER):
            _switch(visit.t, steps, run)
    _say(visit, run, pages)


def _step(t: Text, step: ProgressStep, pages: Mapping[str, st.Page]) -> None:
    page = pages.get(_PAGES[step.lack])
    missing = t.n(f"way.missing.{step.lack}", step.missing) if step.missing or step.state == "next" else None
    if page is None:
        st.caption(f"{_LOOKS[step.state]} {_name(t, step)}", help=missing, width="content")
    else:
        st.page_link(page, label=_name(t, step), icon=_LOOKS[step.state], help=missing)


def _name(t: Text, step: ProgressStep) -> str:
    counts = {"script": step.total, "storyboard": step.total, "order": step.total, "export": step.total}
    if step.name in counts:
        count = t.number(counts[step.name]) if counts[step.name] else ""
    else:
        count = f"{t.number(step.done)}/{t.number(step.total)}" if step.total else ""
    word = t(f"way.step.{step.lack}")
    shown = f"**{word}**" if step.state == "next" else word
    return f"{shown} {count}".strip()


def _switch(t: Text, steps: list[ProgressStep], run: AutopilotRun | None) -> None:
    if run is not None and run.on:
        st.button(t("way.halt"), key="way_halt", icon=":material/stop_circle:", on_click=_halt)
    else:
        shots = next(step.total for step in steps if step.name == "storyboard")
        st.button(
            t("way.go"),
            key="way_go",
            icon=":material/auto_mode:",
            help=t("way.go_help"),
            disabled=not shots,
            on_click=_go,
        )


def _say(visit: Visit, run: AutopilotRun | None, pages: Mapping[str, st.Page]) -> None:
    """Where Auto-run stands; its result once it has ended, until somebody dismisses it."""
    if run is None or run.read or (not run.on and run.note == "stopped"):
        return
    t = visit.t
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="way_walk"):
        st.caption(f":material/auto_mode: {autopilot_line(t, run)}", width="content")
        if run.on:
            return
        page = pages.get({"done": "export", "to_choose": "pick"}.get(run.note, ""))
        if page is not None:
            st.page_link(page)
        _unfilmed(visit)
        if sign_in.may(Role.MAKER):
            st.button(t("way.dismiss"), key="way_dismiss", type="tertiary", on_click=_dismiss)


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
        st.session_state.pop(_LIMIT, None)
        dialogs.ask(visit.t("way.sheet_title"), _sheet, sheet, width="medium", icon=":material/auto_mode:")


def _sheet(sheet: Preflight) -> None:
    t = current_visit().t
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
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(t("common.cancel"), key="way_cancel", on_click=st.rerun)
        st.button(
            t("way.act", price=preflight.price_of(sheet)),
            key="way_act",
            type="primary",
            icon=":material/auto_mode:",
            on_click=_released,
            args=(limit,),
        )


def _released(limit: float) -> None:
    _begin(Decimal(str(limit)))
    st.rerun()


@handle_errors
def _begin(limit: Decimal | None) -> None:
    visit: Visit = current_visit()
    prompt.follow(visit.app.prompts.empty(visit.project.id))
    visit.app.progress.go(visit.project.id, limit)


@handle_errors
def _halt() -> None:
    visit: Visit = current_visit()
    visit.app.progress.halt(visit.project.id)


@handle_errors
def _dismiss() -> None:
    visit: Visit = current_visit()
    visit.app.progress.dismiss(visit.project.id)
