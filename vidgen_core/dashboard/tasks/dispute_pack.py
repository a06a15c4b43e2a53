"""A button that gives what a reseller has to answer for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from vidgen_core.dashboard.session import Visit


def show(visit: Visit, task_ids: Sequence[int] | None = None) -> None:
    """Of these tasks, or without any named, of all attempts of the project that brought no video.

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
