"""The tools around the list of shots: filter, pages, view, bulk tools, and the empty list."""

from __future__ import annotations

import math
from typing import Final

import streamlit as st

from vidgen_core.dashboard.add import forms, request
from vidgen_core.dashboard.components import preflight
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, page_file, toast_later
from vidgen_core.dashboard.shell import live_updates, sign_in
from vidgen_core.dashboard.shots import picture_dialogs, project_references, prompt_writing, selection, table
from vidgen_core.dashboard.shots.dialogs import ask_for_shots
from vidgen_core.domain.queries import ShotFilter, ShotState
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.library.projects import SAMPLE

PER_PAGE: Final = 20
_VIEWS: Final = ("cards", "table")
_STATE: Final = "state"
_STATES: Final[tuple[ShotState, ...]] = (
    "all",
    "without_picture",
    "without_takes",
    "running",
    "to_choose",
    "chosen",
    "failed",
)


def _to_first_page() -> None:
    st.session_state["page"] = 1


def _choose_state() -> None:
    # Not bound by the widget: it would write the word of one language into the address.
    st.query_params[_STATE] = st.session_state[_STATE]
    _to_first_page()


def _show_everything() -> None:
    st.session_state[_STATE] = "all"
    st.session_state["find"] = ""
    _choose_state()


def show_filters(visit: Visit) -> ShotFilter:
    t = visit.t
    asked = st.query_params.get(_STATE)
    st.session_state.setdefault(_STATE, asked if asked in _STATES else "all")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        state = st.pills(
            t("shots.filter"),
            _STATES,
            required=True,
            format_func=lambda name: t(f"shots.state.{name}"),
            key=_STATE,
            on_change=_choose_state,
            label_visibility="collapsed",
            wrap=True,
        )
        text = st.text_input(
            t("common.search"),
            type="search",
            # A quarter of a second; a time in words would load pandas.
            live=True,
            key="find",
            bind="query-params",
            placeholder=t("shots.search"),
            on_change=_to_first_page,
            label_visibility="collapsed",
        )
        if sign_in.may(Role.MAKER):
            st.button(t("shots.add"), icon=":material/add:", key="add_shots", on_click=ask_for_shots, shortcut="N")
    # A browser that comes back after a restart may say that nothing is selected.
    return ShotFilter(state=next((one for one in _STATES if one == state), "all"), text=(text or "").strip())


def show_pager(total: int, per_page: int) -> None:
    if total > per_page:
        with st.container(horizontal_alignment="center"):
            st.pagination(math.ceil(total / per_page), key="page", bind="query-params")


def show_view_switch(visit: Visit, wanted: ShotFilter, total: int) -> str:
    """Cards or table, and the bulk tools; return the view that is chosen."""
    t = visit.t
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        view = st.segmented_control(
            t("shots.view"),
            _VIEWS,
            default=_VIEWS[0],
            required=True,
            format_func=lambda name: t(f"shots.view.{name}"),
            key="view",
            on_change=_to_first_page,
            label_visibility="collapsed",
            persist_state="session",
        )
        if sign_in.may(Role.MAKER):
            _work(visit, wanted, view, total)
    return str(view)


def _work(visit: Visit, wanted: ShotFilter, view: str | None, total: int) -> None:
    """Tools that change many shots at once."""
    prompt_writing.bulk(visit, wanted)
    if view == "cards":
        selection.select_all_button(visit, wanted, total)
    table.replacing(visit, wanted)
    st.space("stretch")
    _generate_all_button(visit, wanted)
    picture_dialogs.missing_button(visit)
    project_references.button(visit)


def _generate_all_button(visit: Visit, wanted: ShotFilter) -> None:
    """Generate for the filtered shots without takes; paid orders are confirmed on the preflight sheet."""
    st.button(
        visit.t("shots.generate_all"),
        icon=":material/auto_awesome:",
        key="generate_all",
        help=visit.t("shots.generate_all_help"),
        on_click=_generate_all,
        args=(wanted,),
    )


@handle_errors
def _generate_all(wanted: ShotFilter) -> None:
    visit = current_visit()
    app, project = visit.app, visit.project.id
    ids = app.shots.ids(project, wanted)
    if not ids:
        toast_later(visit.t("shots.none_found"), ":material/info:")
        return
    estimate = app.tasks.estimate(project, ids, again=False)
    # Where all have takes, the sheet says so and offers more.
    asked = estimate.model_copy(update={"asks": not estimate.free or not estimate.tasks})
    preflight.order(
        asked,
        lambda again: app.tasks.preflight(project, ids, again=again),
        lambda choice: selection.queue(ids, choice.canary, again=choice.again),
        canary=True,
    )


def show_welcome(visit: Visit) -> None:
    """A hint on the untouched sample project, while generating is free."""
    sample = any(visit.project.name == name for name, _ in SAMPLE.values())
    if sample and visit.app.settings().mode.is_free and not any(visit.app.tasks.counts(visit.project.id).values()):
        st.info(visit.t("shots.welcome"), icon="👋")


def show_empty(visit: Visit, wanted: ShotFilter) -> None:
    t = visit.t
    with st.container(border=True, horizontal_alignment="center", gap="medium", key="nothing"):
        st.space("small")
        if wanted == ShotFilter():
            st.markdown(f"### {t('shots.empty_title')}", text_alignment="center", anchors=False)
            if sign_in.may(Role.MAKER):
                _ways_to_begin(visit)
        else:
            st.markdown(t("shots.none_found"), text_alignment="center")
            st.button(t("shots.show_everything"), key="show_everything", on_click=_show_everything)
        st.space("small")


def _ways_to_begin(visit: Visit) -> None:
    t = visit.t
    st.markdown(t("shots.empty"), text_alignment="center")
    forms.front_door(visit)
    if request.wanted() is not None:
        # What came is looked at there.
        st.switch_page(page_file("add"))
    st.button(t("shots.make_sample"), key="make_sample", type="tertiary", on_click=_make_sample)


def _make_sample() -> None:
    visit = current_visit()
    visit.app.projects.make_sample(visit.project.name)


def watch_list(wanted: ShotFilter, total: int) -> None:
    """Say when other shots match by now; the list itself only changes on a click."""
    live_updates.watch("news", lambda: current_visit().app.shots.count(current_visit().project.id, wanted))

    @st.fragment(key="news")
    def news() -> None:
        visit = current_visit()
        found = visit.app.shots.count(visit.project.id, wanted)
        if found != total:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(visit.t("shots.list_changed", n=found), width="content")
                st.button(visit.t("shots.refresh"), key="refresh", icon=":material/refresh:", on_click=st.rerun)

    news()
