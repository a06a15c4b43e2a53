"""Shots: every shot as a card, filtered, searched and paged."""

import math
from typing import Final

import streamlit as st

from vidgen_core.dashboard.components import batches
from vidgen_core.dashboard.session import Visit, current_visit
from vidgen_core.dashboard.shell import generate_all, live_updates, sign_in
from vidgen_core.dashboard.shots import cards, picture_dialogs, project_references, prompt_writing, selection, table
from vidgen_core.dashboard.shots.dialogs import ask_for_shots, undo_bar
from vidgen_core.domain.queries import ShotFilter
from vidgen_core.i18n import Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.library.projects import SAMPLE

PER_PAGE: Final = 20
VIEWS: Final = ("cards", "table")
STATE: Final = "state"
STATES: Final = ("all", "without_picture", "without_takes", "running", "to_choose", "chosen", "failed")


def to_first_page() -> None:
    st.session_state["page"] = 1


def choose_state() -> None:
    # Not bound by the widget: it would write the word of one language into the address.
    st.query_params[STATE] = st.session_state[STATE]
    to_first_page()


def show_everything() -> None:
    st.session_state[STATE] = "all"
    st.session_state["find"] = ""
    choose_state()


def filters(visit: Visit) -> ShotFilter:
    t = visit.t
    asked = st.query_params.get(STATE)
    st.session_state.setdefault(STATE, asked if asked in STATES else "all")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        state = st.pills(
            t("shots.filter"),
            STATES,
            required=True,
            format_func=lambda name: t(f"shots.state.{name}"),
            key=STATE,
            on_change=choose_state,
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
            on_change=to_first_page,
            label_visibility="collapsed",
        )
        if sign_in.may(Role.MAKER):
            st.button(t("shots.add"), icon=":material/add:", key="add_shots", on_click=ask_for_shots, shortcut="N")
    # A browser that comes back after a restart may say that nothing is selected.
    return ShotFilter(state=state if state in STATES else "all", text=(text or "").strip())


def pager(total: int, per_page: int) -> None:
    if total > per_page:
        with st.container(horizontal_alignment="center"):
            st.pagination(math.ceil(total / per_page), key="page", bind="query-params")


def view_switch(visit: Visit, wanted: ShotFilter, total: int) -> str:
    """Cards, which can be ticked, or the table; and find and replace."""
    t = visit.t
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        view = st.segmented_control(
            t("shots.view"),
            VIEWS,
            default=VIEWS[0],
            required=True,
            format_func=lambda name: t(f"shots.view.{name}"),
            key="view",
            on_change=to_first_page,
            label_visibility="collapsed",
            persist_state="session",
        )
        if sign_in.may(Role.MAKER):
            work(visit, wanted, view, total)
    return str(view)


def work(visit: Visit, wanted: ShotFilter, view: str | None, total: int) -> None:
    """What makers do with many shots at once."""
    prompt_writing.bulk(visit, wanted)
    if view == "cards":
        selection.tick_all_button(visit, wanted, total)
    table.replacing(visit, wanted)
    st.space("stretch")
    generate_all.button(visit, wanted)
    picture_dialogs.missing_button(visit)
    project_references.button(visit)


def welcome(visit: Visit) -> None:
    """One sentence for somebody who has made nothing yet of the sample, while making costs nothing."""
    sample = any(visit.project.name == name for name, _ in SAMPLE.values())
    if sample and visit.app.settings().mode.is_free and not any(visit.app.tasks.counts(visit.project.id).values()):
        st.info(visit.t("shots.welcome"), icon="👋")


def nothing(visit: Visit, wanted: ShotFilter) -> None:
    t = visit.t
    with st.container(border=True, horizontal_alignment="center", gap="medium", key="nothing"):
        st.space("small")
        if wanted == ShotFilter():
            st.markdown(f"### {t('shots.empty_title')}", text_alignment="center", anchors=False)
            if sign_in.may(Role.MAKER):
                ways_to_begin(t)
        else:
            st.markdown(t("shots.none_found"), text_alignment="center")
            st.button(t("shots.show_everything"), key="show_everything", on_click=show_everything)
        st.space("small")


def ways_to_begin(t: Text) -> None:
    st.markdown(t("shots.empty"), text_alignment="center")
    with st.container(horizontal=True, horizontal_alignment="center"):
        st.button(t("shots.add"), type="primary", icon=":material/add:", key="add_first", on_click=ask_for_shots)
        st.button(t("shots.make_sample"), key="make_sample", on_click=make_sample)


def make_sample() -> None:
    visit = current_visit()
    visit.app.projects.make_sample(visit.project.name)


def watch_list(wanted: ShotFilter, total: int) -> None:
    """Say it when the list itself has become another one; it is never changed under the visitor's hands."""
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


visit = current_visit()
wanted = filters(visit)
per_page = table.PER_TABLE if st.session_state.get("view") == "table" else PER_PAGE
offset = ((st.session_state.get("page") or 1) - 1) * per_page
page = visit.app.shots.page(visit.project.id, wanted, limit=per_page, offset=offset)
view = view_switch(visit, wanted, page.total)
batches.work_on()
undo_bar()
watch_list(wanted, page.total)
if not page.items:
    nothing(visit, wanted)
elif view == "table":
    table.show(visit, [shown.shot for shown in page.items], offset)
    pager(page.total, per_page)
else:
    welcome(visit)
    selection.bar()
    cards.wall(page.items)
    pager(page.total, per_page)
