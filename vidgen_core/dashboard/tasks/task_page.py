"""The task page: filter, table, the bar over a selection, export and clearing."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs, task_actions, task_filter, task_table, tool_row
from vidgen_core.dashboard.components.task_filter import Query
from vidgen_core.dashboard.session import Visit, current_visit, page_file, show_told
from vidgen_core.dashboard.shell import sign_in
from vidgen_core.dashboard.tasks import history
from vidgen_core.domain.tasks import Task
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.exports.film import Format

FRESH: Final = "_tasks_fresh"
_FORMATS: Final[dict[Format, str]] = {
    Format.CSV: "text/csv",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.JSON: "application/json",
}


@st.fragment(key=task_filter.TABLE)
def table() -> None:
    """Filter, rows and what can be done with them; drawn again when something has changed."""
    show_told()
    visit = current_visit()
    query = task_filter.asked(visit)
    fresh = st.session_state.pop(FRESH, False)
    order = task_table.find_rows(visit, query, task_filter.page_number(), fresh=fresh)
    tasks = task_table.load(visit, order)
    ids = set(task_table.selected(order))
    picked = [task for task in tasks if task.id in ids]
    with tool_row.row("tasks"):
        if picked and sign_in.may(Role.MAKER):
            _selected(visit, picked)
        else:
            _tools(visit, query, order)
    if not order.ids:
        _empty(visit, query)
        return
    task_table.show(visit, order, tasks, history.ask)
    if order.pages > 1:
        with st.container(horizontal_alignment="center"):
            task_filter.show_pages(order.pages)


def _selected(visit: Visit, picked: list[Task]) -> None:
    """What can be done with the rows that are selected, in the place of the filter."""
    with tool_row.left("tasks"):
        st.markdown(f"**{visit.t.n('tasks.selected', len(picked))}**", width="content")
        task_actions.show_buttons(visit.t, picked)
        _dispute_pack(visit, [task.id for task in picked if task.attempts])


def _tools(visit: Visit, query: Query, order: task_table.RowOrder) -> None:
    """States and filters, how many tasks there are, and what can be done with all of them."""
    t = visit.t
    with tool_row.pills("tasks"):
        task_filter.show_states(visit)
    with tool_row.right("tasks"):
        if order.stale:
            label = t("tasks.refresh")
            st.button(label, icon=":material/refresh:", key="tasks_refresh", on_click=task_table.forget_order)
        total = t.n("tasks.total_least" if order.total_is_least else "tasks.total", order.total)
        st.markdown(f"**{total}**", width="content", help=t("tasks.pick_hint") if sign_in.may(Role.MAKER) else None)
        task_filter.show(visit)
        if sign_in.may(Role.MAKER):
            task_actions.show_all_menu(t, query)
        _menu(visit)


def _empty(visit: Visit, query: Query) -> None:
    t = visit.t
    if query.narrowed:
        st.info(t("tasks.nothing_found"), icon=":material/search_off:")
        st.button(t("tasks.clear_filters"), key="tasks_show_all", on_click=task_filter.clear)
        return
    st.info(t("tasks.empty"), icon=":material/checklist:")
    st.page_link(page_file("shots"), label=t("tasks.to_shots"), icon=":material/view_agenda:")


def _menu(visit: Visit) -> None:
    """The whole list as a file, and the end of it."""
    t = visit.t
    with dialogs.menu(t("shots.tools"), "tasks_more"):
        for kind, mime in _FORMATS.items():
            st.download_button(
                t(f"tasks.export_{kind}"),
                data=partial(_export, visit, kind),
                file_name=f"{visit.project.name}-tasks.{kind}",
                mime=mime,
                icon=":material/download:",
                key=f"tasks_export_{kind}",
                on_click="ignore",
                width="stretch",
            )
        _dispute_pack(visit)
        if sign_in.may(Role.MAKER):
            looks: dict[str, Any] = {"icon": ":material/delete_sweep:", "width": "stretch"}
            st.button(t("tasks.clear"), key="tasks_clear", on_click=task_actions.ask_clear, **looks)


def _export(visit: Visit, kind: Format) -> bytes:
    file = io.BytesIO()
    visit.app.exports.write_task_list(visit.project.id, kind, file, language=visit.t.lang)
    return file.getvalue()


def _dispute_pack(visit: Visit, task_ids: Sequence[int] | None = None) -> None:
    """A button that downloads the evidence for a dispute: of these tasks, else of all attempts that brought no video.

    Nothing is drawn for tasks of which none was ever sent.
    """
    t = visit.t
    if task_ids is not None and not task_ids:
        return
    st.download_button(
        t("dispute.button") if task_ids is None else t.n("dispute.button_n", len(task_ids)),
        data=partial(visit.app.disputes.pack, t, visit.project.id, task_ids=task_ids, empty=True),
        file_name=f"{visit.project.name}-dispute.zip",
        mime="application/zip",
        icon=":material/gavel:",
        key="tasks_dispute" if task_ids is None else "tasks_dispute_selected",
        help=t("dispute.help"),
        on_click="ignore",
        disabled=task_ids is None and not visit.app.disputes.any(visit.project.id),
        width="stretch" if task_ids is None else "content",
    )
