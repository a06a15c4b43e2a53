"""The tools around the list of shots: filter, pages, view, bulk tools, and the empty list."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, get_args

import streamlit as st

from vidgen_core.dashboard.add import forms, request
from vidgen_core.dashboard.components import dialogs, preflight, tool_row
from vidgen_core.dashboard.components.actions import Message
from vidgen_core.dashboard.components.labels import price
from vidgen_core.dashboard.components.media import icon
from vidgen_core.dashboard.quality import best, drawing
from vidgen_core.dashboard.session import (
    Visit,
    current_visit,
    handle_errors,
    open_page,
    remember,
    remembered,
    show_told,
    toast_later,
)
from vidgen_core.dashboard.shell import live_updates, sign_in
from vidgen_core.dashboard.shots import picture_dialogs, project_references, prompt_writing, selection, table
from vidgen_core.dashboard.shots.dialogs import ask_for_shots
from vidgen_core.domain.queries import ShotFilter, ShotSort, ShotState
from vidgen_core.i18n import Text
from vidgen_core.services.access.permissions import Role

PER_PAGE: Final = 20
VIEWS: Final = ("cards", "table")
TILES: Final = ("m", "s", "l")
SORTS: Final[tuple[ShotSort, ...]] = get_args(ShotSort)
_STATE: Final = "state"
#: The state that the address named last.
_ASKED: Final = "_state_asked"
_PILLS: Final = "shot_pills"
#: Parameter of the address; how many pagers there were before the one that is drawn.
_PAGE: Final = "page"
_PAGERS: Final = "_pagers"
_GENERATE_ALL: Final = "shots_generate_all"
#: Shots without takes up to which the button says what all of it costs: half a millisecond each.
_PRICED: Final = 60
#: Project, filter and number of shots of the list that is drawn.
_LISTED: Final = "_shots_listed"
#: Pixels.
_SEARCH: Final = 116
_SORT: Final = 150
_STATES: Final[tuple[ShotState, ...]] = (
    "all", "without_picture", "without_takes", "running", "to_choose", "chosen", "failed",
)  # fmt: skip


def page_number() -> int:
    """The page of the list that the address names, from 1."""
    asked = st.query_params.get(_PAGE, "")
    return max(1, int(asked)) if asked.isdecimal() and len(asked) < 7 else 1


def to_first_page() -> None:
    """Begin anew with the first page."""
    st.query_params.pop(_PAGE, None)
    # A widget that has a value of its own is not given another one: the next pager is a new one.
    st.session_state[_PAGERS] = st.session_state.get(_PAGERS, 0) + 1


def _pager() -> str:
    return f"page_{st.session_state.get(_PAGERS, 0)}"


def _turned() -> None:
    st.query_params[_PAGE] = str(st.session_state[_pager()])


def state_chosen() -> None:
    """The callback of the states.

    A browser names them with their counts: when those change, it sends the same state in other words, perhaps along with a change of page.
    """
    if st.session_state[_STATE] not in (None, st.session_state.get(_ASKED) or "all"):
        _choose_state()


def _choose_state() -> None:
    # Not bound by the widget: it would write the word of one language into the address.
    st.query_params[_STATE] = st.session_state[_ASKED] = st.session_state[_STATE]
    to_first_page()
    st.rerun()


def _show_everything() -> None:
    st.session_state[_STATE] = "all"
    st.session_state["find"] = ""
    _choose_state()


def show(visit: Visit) -> ShotFilter:
    """Filter, search, view and tools in one row; return what the filter asks for."""
    _take_over_address()
    with tool_row.row("shots"):
        live_updates.watch(_PILLS, _counts)
        with tool_row.pills("shots"):
            _pills()
        with tool_row.right("shots"):
            return _tools(visit)


def _tools(visit: Visit) -> ShotFilter:
    """Everything right of the states."""
    t = visit.t
    text = st.text_input(
        t("tasks.search"),
        type="search",
        # A quarter of a second; a time in words would load pandas.
        live=True,
        key="find",
        bind="query-params",
        placeholder=t("common.search"),
        on_change=to_first_page,
        label_visibility="collapsed",
        width=_SEARCH,
    )
    _switch(t, "view", VIEWS)
    if view() == "cards":
        _switch(t, "tiles", sorted(TILES, key="sml".index))
    else:
        st.selectbox(
            t("shots.sort"),
            SORTS,
            index=SORTS.index(remembered("sort", SORTS)),
            format_func=lambda one: t(f"shots.sort.{one}"),
            key="sort",
            on_change=_chosen,
            args=("sort",),
            label_visibility="collapsed",
            persist_state="session",
            width=_SORT,
        )
    # A browser that comes back after a restart may say that nothing is selected.
    chosen = st.session_state.get(_STATE)
    state: ShotState = next((one for one in _STATES if one == chosen), "all")
    wanted = ShotFilter(state=state, text=(text or "").strip())
    if sign_in.may(Role.MAKER):
        _generate_all_button(wanted)
        _work(visit, wanted)
        label = icon("add", t("shots.add"))
        st.button(label, key="add_shots", on_click=ask_for_shots, shortcut="N", help=t("shots.add"))
    return wanted


def view() -> str:
    """Cards or table, as chosen by this browser's visitor."""
    return remembered("view", VIEWS)


def tiles() -> str:
    """How large the cards are."""
    return remembered("tiles", TILES)


def sort() -> ShotSort:
    """How the list is ordered; cards always stand in their order."""
    return remembered("sort", SORTS) if view() == "table" else "order"


def _take_over_address() -> None:
    """A link may ask for a state, or the way back to the page; one that we have written is taken over once only."""
    asked = st.query_params.get(_STATE)
    if asked in _STATES and (asked != st.session_state.get(_ASKED) or _STATE not in st.session_state):
        st.session_state[_STATE] = asked
    st.session_state[_ASKED] = asked
    st.session_state.setdefault(_STATE, "all")


def _counts() -> dict[str, int]:
    visit = current_visit()
    return visit.app.shots.counts(visit.project.id)


@st.fragment(key=_PILLS)
def _pills() -> None:
    t, counts = current_visit().t, _counts()
    st.pills(
        t("shots.filter"),
        _STATES,
        required=True,
        format_func=lambda name: f"{t(f'shots.state.{name}')} {t.number(counts[name])}",
        key=_STATE,
        on_change=state_chosen,
        label_visibility="collapsed",
        wrap=False,
    )


def _chosen(name: str) -> None:
    remember(name)
    if name != "tiles":
        to_first_page()


def _switch(t: Text, name: str, options: Sequence[str]) -> None:
    st.segmented_control(
        t(f"shots.{name}"),
        options,
        default=view() if name == "view" else tiles(),
        required=True,
        format_func=lambda one: icon(f"view-{one}", t(f"shots.{name}.{one}")) if name == "view" else one.upper(),
        key=name,
        on_change=_chosen,
        args=(name,),
        label_visibility="collapsed",
        persist_state="session",
    )


def show_found(visit: Visit, wanted: ShotFilter, total: int) -> None:
    """That not all shots are shown, said where nobody can miss it."""
    every = visit.app.shots.counts(visit.project.id)["all"]
    if wanted != ShotFilter() and total:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="filtered"):
            said = visit.t("shots.filtered", n=visit.t.number(total), total=visit.t.number(every))
            st.markdown(f":material/filter_alt: **{said}**", width="content")
            st.button(visit.t("shots.show_everything"), key="show_all", type="tertiary", on_click=_show_everything)


def show_pager(total: int, per_page: int) -> None:
    if total > per_page:
        with st.container(horizontal_alignment="center"):
            st.pagination(math.ceil(total / per_page), default=page_number(), key=_pager(), on_change=_turned)


def _work(visit: Visit, wanted: ShotFilter) -> None:
    """Tools that change many shots at once, behind one button."""
    prompt_writing.progress(visit)
    selection.select_all_button(visit, wanted, visit.app.shots.count(visit.project.id, wanted))
    with dialogs.menu(visit.t("shots.tools"), "shots_work"):
        picture_dialogs.missing_button(visit)
        project_references.button(visit)
        prompt_writing.bulk(visit, wanted)
        st.button(
            visit.t("draw.button_all"),
            key="draw_all",
            icon=":material/casino:",
            help=visit.t("shots.generate_all_help"),
            on_click=_draw_all,
            args=(wanted,),
            width="stretch",
        )
        best.button(visit, key="best_of_project", width="stretch")
        table.replacing(visit, wanted)


def _generate_all_button(wanted: ShotFilter) -> None:
    """Generate for the filtered shots without takes; paid orders are confirmed on the preflight sheet."""
    live_updates.watch(_GENERATE_ALL, lambda: (_without_takes(wanted), current_visit().app.settings()))

    @st.fragment(key=_GENERATE_ALL)
    def draw() -> None:
        show_told()
        visit = current_visit()
        left, shots = _without_takes(wanted), visit.app.shots
        # Of a long list only how many shots it is for; its first one tells whether a key is missing.
        is_priced = 0 < left <= _PRICED
        ids = shots.ids(visit.project.id, wanted, None if is_priced else 1)
        estimate = visit.app.tasks.estimate(visit.project.id, ids, again=False)
        if is_priced and estimate.tasks:
            label = visit.t("shots.generate_every", n=visit.t.number(estimate.tasks), price=price(visit.t, estimate))
        else:
            label = visit.t.n("shots.generate_all", left or shots.count(visit.project.id, wanted))
        preflight.button(
            visit,
            estimate,
            label,
            _generate_all,
            wanted,
            icon=":material/auto_awesome:",
            key="generate_all",
            help=visit.t("shots.generate_all_help"),
        )

    draw()


def _without_takes(wanted: ShotFilter) -> int:
    """How many of the filtered shots have no takes; of those with some, the sheet offers to make more."""
    visit = current_visit()
    state: ShotState = "without_takes" if wanted.state == "all" else wanted.state
    return visit.app.shots.count(visit.project.id, replace(wanted, state=state))


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


@handle_errors
def _draw_all(wanted: ShotFilter) -> None:
    visit = current_visit()
    drawing.ask(visit.app.shots.ids(visit.project.id, wanted), again=False)


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
    with st.container(width="stretch", horizontal_alignment="left"):
        forms.drop_zone(visit)
    if request.wanted() is not None:
        # The results are reviewed there.
        open_page("add")
    st.button(t("shots.make_sample"), key="make_sample", type="tertiary", on_click=_make_sample)


def _make_sample() -> None:
    visit = current_visit()
    visit.app.projects.make_sample(visit.project.name)


def watch_list(wanted: ShotFilter, total: int) -> None:
    """Remember what the list shows; the list itself only changes on a click."""
    st.session_state[_LISTED] = (current_visit().project.id, wanted, total)


def news(visit: Visit) -> Message | None:
    """That other shots match the filter by now, and the click that shows them."""
    project, wanted, total = st.session_state.get(_LISTED, (None, ShotFilter(), 0))
    found = total if project != visit.project.id else visit.app.shots.count(visit.project.id, wanted)
    if found == total:
        return None
    said, label = visit.t("shots.list_changed", n=found), visit.t("shots.refresh")
    return Message(
        "list",
        said,
        ":material/refresh:",
        actions=lambda: st.button(label, key="refresh", icon=":material/refresh:", on_click=st.rerun),  # type: ignore[arg-type]
    )
