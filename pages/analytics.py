"""What it cost and what it brought in a period, and the ledger behind it: every paid request beside the provider's number."""

from functools import partial

import streamlit as st

from vidgen_core.dashboard.components import tool_row
from vidgen_core.dashboard.reports import audit, overview
from vidgen_core.dashboard.session import current_visit, show_told

show_told()
visit = current_visit()
t = visit.t
with tool_row.row("figures"):
    with tool_row.left("figures", width="content"):
        view = st.segmented_control(
            t("figures.view"),
            ["figures", "audit"],
            default="figures",
            required=True,
            format_func=lambda name: t(f"figures.view.{name}"),
            label_visibility="collapsed",
            key="figures_view",
            persist_state="session",
            wrap=False,
        )
        overview.show_scope(t)
    tools = tool_row.right("figures")
    with tools:
        wanted = overview.show_filters(visit)
if view == "audit":
    with tools:
        audit.show_downloads(visit, wanted)
    audit.show(visit, wanted)
else:
    figures = visit.app.reports.of(wanted.project_id, since=wanted.since, until=wanted.until, provider=wanted.provider)
    if figures.empty:
        overview.show_empty(t, figures.provider)
    else:
        tools.download_button(
            t("figures.download"),
            data=partial(visit.app.reports.csv, figures, t),
            file_name=f"{visit.project.name}-figures.csv",
            mime="text/csv",
            icon=":material/download:",
            key="figures_csv",
            on_click="ignore",
        )
        overview.show_key_numbers(t, figures)
        overview.show_charts(visit, figures)
