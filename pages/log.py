"""What has happened, line by line, newest first or with auto-scroll."""

import streamlit as st

from vidgen_core.dashboard.session import current_visit
from vidgen_core.dashboard.shell import live_updates
from vidgen_core.dashboard.tasks import log_page

visit = current_visit()
live_updates.watch(log_page.LIVE)
with st.container(horizontal=True, vertical_alignment="center"):
    st.title(visit.t("log.page.title"), anchor=False, width="stretch")
    log_page.tools(visit)
log_page.lines()
