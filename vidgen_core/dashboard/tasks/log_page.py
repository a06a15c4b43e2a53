"""The log page: lines in either order, auto-scroll, export and clearing."""

from __future__ import annotations

from functools import partial
from typing import Any, Final, Literal

import streamlit as st

from vidgen_core.dashboard.components import dialogs, tool_row
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, show_told, toast_later
from vidgen_core.dashboard.shell import sign_in
from vidgen_core.dashboard.tasks import log_view
from vidgen_core.domain.queries import LogFilter
from vidgen_core.services.access.permissions import Role

LIVE: Final = "log_lines"
#: Seconds; lines of the whole program change no project, so nothing is pushed for them.
_SLOWLY: Final = 10
_HEIGHT: Final = 560
_FORMATS: Final[dict[Literal["txt", "csv", "json"], str]] = {
    "txt": "text/plain",
    "csv": "text/csv",
    "json": "application/json",
}


@st.fragment(key=LIVE, run_every=_SLOWLY)
def lines() -> None:
    """Filter and tools in one row, and the lines below, refreshed as they come in."""
    show_told()
    visit = current_visit()
    with tool_row.row("log"):
        wanted = log_view.show_filter(visit)
        window = None if wanted is None else log_view.window(visit, wanted)
        newest_last = _tools(visit, window)
    if wanted is None or window is None:
        st.info(visit.t("log.page.no_task"), icon=":material/search_off:")
    elif not window.lines:
        _empty(visit, wanted)
    elif newest_last:
        # A box of its own, for only a box can keep its end in view; the buttons in it make it known to the keyboard.
        with st.container(height=_HEIGHT, border=True, key="log_box", autoscroll=window.at_tail):
            _page_buttons(visit, window)
            log_view.show_lines(visit.t, list(reversed(window.lines)))
    else:
        with st.container(border=True, key="log_list"):
            log_view.show_lines(visit.t, window.lines)
        _page_buttons(visit, window)


def _tools(visit: Visit, window: log_view.LogWindow | None) -> bool:
    """Levels, the order of the lines, and what is done with all of them; return whether the newest line comes last."""
    t = visit.t
    with tool_row.right("log"):
        log_view.show_levels(t)
        newest_last = st.segmented_control(
            t("log.page.order"),
            ["first", "last"],
            default="first",
            required=True,
            format_func=lambda end: t(f"log.page.newest_{end}"),
            key="log_order",
            label_visibility="collapsed",
            persist_state="session",
            wrap=False,
        )
        if window is not None:
            st.session_state["log_follow"] = window.at_tail
            help_ = t("log.page.follow_help")
            st.toggle(t("log.page.follow"), key="log_follow", help=help_, on_change=_follow, args=(window,))
        _menu(visit)
    return newest_last == "last"


def _follow(window: log_view.LogWindow) -> None:
    if window.at_tail and window.lines:
        log_view.stand_still(window.lines[0].id)
    else:
        log_view.to_tail()


def _page_buttons(visit: Visit, window: log_view.LogWindow) -> None:
    t = visit.t
    with st.container(horizontal=True, horizontal_alignment="center", gap="small"):
        st.button(
            t("log.page.newer"),
            icon=":material/chevron_left:",
            key="log_newer",
            disabled=window.at_tail,
            on_click=log_view.to_newer,
        )
        st.button(
            t("log.page.older"),
            icon=":material/chevron_right:",
            key="log_older",
            disabled=not window.older,
            on_click=log_view.to_older,
            args=(window.lines[-1].id,),
        )


def _empty(visit: Visit, wanted: LogFilter) -> None:
    filtered = wanted != LogFilter()
    st.info(visit.t("log.page.nothing_found" if filtered else "log.page.empty"), icon=":material/receipt_long:")


# --- taking along and clearing


def _menu(visit: Visit) -> None:
    """Export for everybody, clearing for owners."""
    t = visit.t
    with dialogs.menu(t("shots.tools"), "log_more"):
        for kind, mime in _FORMATS.items():
            st.download_button(
                t(f"log.page.export_{kind}"),
                data=partial(log_view.export, visit, kind, LogFilter()),
                file_name=f"{visit.project.name}-log.{kind}",
                mime=mime,
                icon=":material/download:",
                key=f"log_export_{kind}",
                on_click="ignore",
                width="stretch",
            )
        if sign_in.may(Role.OWNER):
            looks: dict[str, Any] = {"icon": ":material/delete_sweep:", "width": "stretch"}
            st.button(t("log.page.clear_act"), key="log_clear", on_click=_ask_clear, **looks)


@handle_errors
def _ask_clear() -> None:
    t = current_visit().t
    question = t("log.page.clear_question", project=plain(current_visit().project.name))
    dialogs.ask(t("log.page.clear_title"), dialogs.confirm, question, t("log.page.clear_act"), _clear)


@handle_errors
def _clear() -> None:
    visit = current_visit()
    log_view.clear(visit)
    toast_later(visit.t("log.page.cleared"), ":material/delete_sweep:")
