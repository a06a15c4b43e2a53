"""Every format with its button, and beside it how far its export is, or its file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import streamlit as st

from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.components.media import outside
from vidgen_core.dashboard.export.options import chosen_options, list_format
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
from vidgen_core.services.exports.film import LISTS, SUBTITLES, Film, Format

#: Seconds between two polls of running exports.
_TICK: Final = 1.0
_RUNNING: Final = "_exports_running"
#: What a person chooses among, in the order of the screen.
WHATS: Final = ("zip", "mp4", "jianying", "fcpxml", "xml", "otio", "edl", "srt", "ass", "pdf", "shots", "tasks")
_ICONS: Final = {
    "waiting": ":material/schedule:",
    "running": ":material/hourglass_top:",
    "done": ":green[:material/check_circle:]",
    "failed": ":red[:material/error:]",
    "cancelled": ":material/cancel:",
}


def show_exports(film: Film, *, usable: bool) -> None:
    """All formats; they refresh themselves while something is being written."""
    visit = current_visit()
    ticking = any(export.live for export in visit.app.exports.all(visit.project.id))

    @st.fragment(key="exports", run_every=_TICK if ticking else None)
    def listed() -> None:
        visit = current_visit()
        exports = visit.app.exports.all(visit.project.id)
        if any(export.live for export in exports) != ticking:
            # The page alone begins and ends the refreshing.
            st.rerun()
        _tell_ends(visit, exports)
        show_told()
        if may(Role.MAKER):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.button(
                    visit.t("export.all"),
                    type="primary",
                    icon=":material/output:",
                    key="export_all",
                    disabled=not usable,
                    on_click=_start_all,
                )
                st.caption(visit.t("export.all_help"), width="stretch")
        _grid(visit, exports, film, usable)

    listed()


def _grid(visit: Visit, exports: Sequence[Export], film: Film, usable: bool) -> None:
    """One card a format with its newest export; the others below."""
    newest = {what: next((export for export in exports if _what(export) == what), None) for what in WHATS}
    for place in range(0, len(WHATS), 2):
        # Two in a row, so that a narrow window has them in their order.
        for column, what in zip(st.columns(2, gap="small"), WHATS[place : place + 2], strict=False):
            with column.container(border=True, key=f"export_row_{what}"):
                _row(visit, what, newest[what], film, usable)
    shown = {export.id for export in newest.values() if export}
    earlier = [export for export in exports if export.id not in shown]
    if earlier:
        with st.expander(f"{visit.t('export.earlier')} ({len(earlier)})", icon=":material/history:", key="earlier"):
            for export in earlier:
                with st.container(border=True, key=f"export_{export.id}"):
                    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                        st.markdown(f"**{_name(visit, export)}**", width="stretch")
                        _download(visit, export)
                    _result(visit, export)


def _what(export: Export) -> str:
    return export.rows if export.format in LISTS else export.format.value


def _row(visit: Visit, what: str, export: Export | None, film: Film, usable: bool) -> None:
    t = visit.t
    silent = what in SUBTITLES and not film.told
    help_text = t("export.no_lines") if silent else t(f"export.what_help.{what}")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{t(f'export.what.{what}')}**  \n:gray[:small[{help_text}]]", width="stretch")
        if export and export.live:
            if may(Role.MAKER):
                key = f"cancel_{export.id}"
                st.button(t("common.cancel"), icon=":material/close:", key=key, on_click=_cancel, args=(export.id,))
        else:
            if export:
                _download(visit, export)
            if may(Role.MAKER):
                st.button(
                    t("export.again") if export and export.state == "done" else t("export.start"),
                    key=f"export_start_{what}",
                    disabled=silent or (not usable and what in ("zip", "jianying")),
                    on_click=_start,
                    args=(what,),
                )
    if export:
        _result(visit, export)


def _tell_ends(visit: Visit, exports: Sequence[Export]) -> None:
    """Say once that an export ended which was seen under way."""
    running: set[str] = session_value(_RUNNING, set())
    ended = [export for export in exports if export.id in running and export.state == "done"]
    for export in ended[:1]:
        toast_later(visit.t("export.finished", what=_name(visit, export)), ":material/check_circle:")
    st.session_state[_RUNNING] = {export.id for export in exports if export.live}


def _name(visit: Visit, export: Export) -> str:
    return visit.t(f"export.format.{export.format}")


def _state(visit: Visit, export: Export) -> str:
    t = visit.t
    age = t.ago((now() - (export.ended_at or export.started_at)).total_seconds())
    size = f" · {t.bytes(export.bytes)}" if export.state == "done" else ""
    return f"{_ICONS[export.state]} {t(f'export.state.{export.state}')}{size} · :gray[{age}]"


def _result(visit: Visit, export: Export) -> None:
    """How far it is, or what came of it and where that lies."""
    t = visit.t
    if export.live:
        st.progress(export.progress, text=f"{t(f'export.state.{export.state}')} · {export.progress:.0%}")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        where = f"  \n:small[`{export.path.replace('`', '')}`]" if export.state == "done" else ""
        st.markdown(f":small[{_state(visit, export)}]{where}", width="stretch")
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
    if export.state == "done" and export.format is Format.JIANYING:
        folder = chosen_options().drafts_folder
        id_ = "export.draft_in" if export.folder else "export.draft_for" if folder else "export.draft_anywhere"
        st.caption(plain(t(id_, folder=Path(export.path).parent if export.folder else folder)))
    if export.failure:
        st.error(t.failure(export.failure), icon=":material/error:")


def _download(visit: Visit, export: Export) -> None:
    if export.state == "done" and not export.folder:
        url = outside(f"/app/static/media/export/{export.project_id}/{export.id}")
        key = f"download_{export.id}"
        st.link_button(visit.t("export.download"), url, icon=":material/download:", key=key)


@handle_errors
def _start(what: str) -> None:
    visit = current_visit()
    listed = what in ("shots", "tasks")
    kind = list_format() if listed else Format(what)
    options = chosen_options()
    if listed:
        options = options.model_copy(update={"rows": what})
    visit.app.exports.start(visit.project.id, kind, options, language=visit.t.lang)


@handle_errors
def _start_all() -> None:
    visit = current_visit()
    visit.app.exports.start_all(visit.project.id, chosen_options(), language=visit.t.lang)
    toast_later(visit.t("export.started"), ":material/output:")


@handle_errors
def _cancel(export_id: str) -> None:
    current_visit().app.exports.cancel(export_id)


@handle_errors
def _remove(export_id: str) -> None:
    visit = current_visit()
    visit.app.exports.remove(visit.project.id, export_id)
    toast_later(plain(visit.t("export.removed")), ":material/delete:")
