"""A folder on the server: read once, or watched."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import streamlit as st

from vidgen_core.dashboard.add import request
from vidgen_core.dashboard.add.request import AddRequest
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, now, show_told, toast_later
from vidgen_core.dashboard.shell import live_updates
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.services.imports.watched_folders import Watch, WatchState


def folder(visit: Visit) -> None:
    t = visit.t
    st.text_input(t("add.folder"), key="add_folder", placeholder=t("add.folder_placeholder"), help=t("add.folder_help"))
    with st.container(horizontal=True, gap="small"):
        st.button(t("add.folder_once"), key="add_folder_once", icon=":material/visibility:", on_click=_want_folder)
    st.markdown(f"#### {t('add.watch')}", anchors=False)
    live_updates.watch("add_watch")
    _state()


def _want_folder() -> None:
    text = st.session_state.get("add_folder", "").strip()
    if text:
        # As the settings count a relative path.
        request.submit(AddRequest("folder", (current_visit().app.locations.home / Path(text).expanduser(),)))
    else:
        toast_later(current_visit().t("add.folder_empty"), ":material/error:")


@st.fragment(key="add_watch")
def _state() -> None:
    show_told()
    visit = current_visit()
    watching = visit.app.watched_folders.get(visit.project.id)
    if watching is None:
        _switch_on(visit)
    else:
        _watched(visit, watching, visit.app.watched_folders.state(visit.project.id))


def _switch_on(visit: Visit) -> None:
    t = visit.t
    st.caption(t("add.watch_help"))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        generate = st.toggle(t("add.watch_generate"), key="add_watch_generate")
        if generate:
            st.number_input(
                t("add.watch_limit", currency=_currency(visit)),
                min_value=0.0,
                value=None,
                step=1.0,
                key="add_watch_limit",
                placeholder=t("add.watch_no_limit"),
                width=240,
            )
    st.button(t("add.watch_start"), key="add_watch_start", icon=":material/play_arrow:", on_click=_start)


def _currency(visit: Visit) -> str:
    mode = visit.app.settings().mode
    return {"CNY": "¥", "credits": visit.t("add.credits")}.get(visit.app.provider(mode).currency, "")


@handle_errors
def _start() -> None:
    visit, values = current_visit(), st.session_state
    limit = values.get("add_watch_limit")
    visit.app.watched_folders.set(
        visit.project.id,
        values.get("add_folder", ""),
        generate=bool(values.get("add_watch_generate")),
        limit=None if limit is None else Decimal(str(limit)),
    )
    toast_later(visit.t("add.watch_started"), ":material/visibility:")


def _watched(visit: Visit, watch: Watch, state: WatchState) -> None:
    t = visit.t
    with st.container(border=True, key="add_watched"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            _badge(visit, state)
            st.markdown(f"`{watch.folder}`", width="content")
        facts = [t.n("add.watch_added", state.added)]
        if state.last and state.at:
            facts.append(t("add.watch_last", name=plain(state.last), ago=t.ago((now() - state.at).total_seconds())))
        if watch.generate:
            facts.append(t("add.watch_generating"))
        if watch.limit is not None:
            facts.append(
                t(
                    "add.watch_spent",
                    spent=t.money(state.spent, estimated=True) if state.spent else "0",
                    limit=watch.limit.normalize(),
                )
            )
        st.caption(" · ".join(facts))
        if state.problem:
            st.warning(t.error(ErrorKind.PARAMETER, state.problem, {"path": watch.folder}), icon=":material/warning:")
        for name, code, params in state.refused:
            st.caption(
                f":red[:material/block:] {plain(name)}: {plain(t.error(ErrorKind.FILE, code, params | {'path': name}))}"
            )
        st.button(t("add.watch_stop"), key="add_watch_stop", icon=":material/stop:", on_click=_stop)


def _badge(visit: Visit, state: WatchState) -> None:
    t = visit.t
    if state.problem:
        st.badge(t("add.watch_troubled"), icon=":material/warning:", color="orange")
    elif visit.app.worker.status(visit.project.id).alive:
        st.badge(t("add.watching"), icon=":material/visibility:", color="green")
    else:
        st.badge(t("add.watching_elsewhere"), icon=":material/hourglass_empty:", color="gray")


@handle_errors
def _stop() -> None:
    visit = current_visit()
    visit.app.watched_folders.unset(visit.project.id)
    toast_later(visit.t("add.watch_stopped"), ":material/check:")
