"""What it cost and what it brought in a period: key numbers first, then charts with their numbers."""

from functools import partial

import streamlit as st

from vidgen_core.dashboard.reports import overview
from vidgen_core.dashboard.session import current_visit, show_told

show_told()
visit = current_visit()
with st.container(horizontal=True, vertical_alignment="center"):
    st.title(visit.t("figures.title"), anchor=False, width="stretch")
    tools = st.container(width="content")
figures = overview.show_filters(visit)
if figures.empty:
    overview.show_empty(visit.t, figures.provider)
else:
    tools.download_button(
        visit.t("figures.download"),
        data=partial(visit.app.reports.csv, figures, visit.t),
        file_name=f"{visit.project.name}-figures.csv",
        mime="text/csv",
        icon=":material/download:",
        key="figures_csv",
        on_click="ignore",
    )
    overview.show_key_numbers(visit.t, figures)
    overview.show_charts(visit, figures)
