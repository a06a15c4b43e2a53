"""Running exports with their progress, and finished ones with their file."""

from __future__ import annotations

from typing import Final

import streamlit as st

from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.components.media import outside
from vidgen_core.dashboard.session import (
    Visit,
    current_visit,
    handle_errors,
    now,
    session_value,
    show_told,
    toast_later,
)
from vidgen_core.dashboard.shell.sign_in import may
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.exports.exports import Export

#: Seconds between two polls of running exports.
_TICK: Final = 1.0
_RUNNING: Final = "_exports_running"
_ICONS: Final = {
    "waiting": ":material/schedule:",
    "running": ":material/hourglass_top:",
    "done": ":material/check_circle:",
    "failed": ":material/error:",
    "cancelled": ":material/cancel:",
}


def show_exports() -> None:
    """The list; it refreshes itself while something is being written."""
    visit = current_visit()
    live = any(export.live for export in visit.app.exports.all(visit.project.id))

    @st.fragment(key="exports", run_every=_TICK if live else None)
    def listed() -> None:
        visit = current_visit()
        exports = visit.app.exports.all(visit.project.id)
        _tell_ends(visit, exports)
        show_told()
        if exports:
            st.subheader(visit.t("export.results"), anchor=False)
        for export in exports:
            with st.container(border=True, key=f"export_{export.id}"):
                _show(visit, export)

    listed()


def _tell_ends(visit: Visit, exports: list[Export]) -> None:
    """Say once that an export ended which was seen under way."""
    running: set[str] = session_value(_RUNNING, set())
    for export in exports:
        if export.id in running and export.state == "done":
            toast_later(visit.t("export.finished", what=_name(visit, export)), ":material/check_circle:")
    st.session_state[_RUNNING] = {export.id for export in exports if export.live}


def _name(visit: Visit, export: Export) -> str:
    return visit.t(f"export.format.{export.format}")


def _show(visit: Visit, export: Export) -> None:
    t = visit.t
    age = t.ago((now() - (export.ended_at or export.started_at)).total_seconds())
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        state = f"{_ICONS[export.state]} **{_name(visit, export)}** · {t(f'export.state.{export.state}')}"
        size = f" · {t.bytes(export.bytes)}" if export.state == "done" else ""
        st.markdown(f"{state}{size} · :gray[{age}]", width="stretch")
        _buttons(visit, export)
    if export.live:
        st.progress(export.progress, text=f"{export.progress:.0%}")
    elif export.state == "done":
        st.code(export.path, language=None, wrap_lines=True)
    elif export.failure:
        st.error(t.failure(export.failure), icon=":material/error:")


def _buttons(visit: Visit, export: Export) -> None:
    t = visit.t
    if export.live:
        if may(Role.MAKER):
            key = f"cancel_{export.id}"
            st.button(t("common.cancel"), icon=":material/close:", key=key, on_click=_cancel, args=(export.id,))
        return
    if export.state == "done" and not export.folder:
        url = outside(f"/app/static/media/export/{export.project_id}/{export.id}")
        st.link_button(t("export.download"), url, icon=":material/download:", key=f"download_{export.id}")
    if may(Role.MAKER):
        st.button(
            t("export.remove"),
            icon=":material/delete:",
            key=f"remove_{export.id}",
            help=t("export.remove_help"),
            type="tertiary",
            on_click=_remove,
            args=(export.id,),
        )


@handle_errors
def _cancel(export_id: str) -> None:
    current_visit().app.exports.cancel(export_id)


@handle_errors
def _remove(export_id: str) -> None:
    visit = current_visit()
    visit.app.exports.remove(visit.project.id, export_id)
    toast_later(plain(visit.t("export.removed")), ":material/delete:")
