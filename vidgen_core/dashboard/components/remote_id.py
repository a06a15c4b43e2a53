"""The field for the remote id of a job that Vidgen does not know yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import streamlit as st

from vidgen_core.dashboard.session import Visit, clock
from vidgen_core.domain.tasks import Task


def remote_id_field(visit: Visit, task: Task, label: str, key: str) -> None:
    """Jobs of the provider's log that may be the one are offered; any other id can be typed."""
    params = task.failure.params if task.failure else {}
    ids: list[str] = params.get("candidates") or []
    if not ids:
        st.text_input(label, key=key, placeholder="grok:ff3e2b29-…")
        return
    told: dict[str, dict[str, Any]] = dict(zip(ids, params.get("told") or (), strict=False))
    st.selectbox(
        label,
        ids,
        index=None,
        format_func=lambda id_: _line(visit, id_, told.get(id_)),
        key=key,
        placeholder=visit.t("tasks.remote_id_choose"),
        accept_new_options=True,
    )


def _line(visit: Visit, id_: str, told: dict[str, Any] | None) -> str:
    """Id, time and the beginning of the prompt; what was typed stands alone."""
    if told is None:
        return id_
    at = visit.t.datetime(datetime.fromisoformat(told["at"]), clock())
    return " · ".join(part for part in (id_, at, told["prompt"]) if part)
