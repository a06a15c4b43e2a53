"""Every task as a row: filtered, sorted, watched, and acted on one by one or in bulk."""

import streamlit as st

from vidgen_core.dashboard.components import batches, task_filter
from vidgen_core.dashboard.session import current_visit
from vidgen_core.dashboard.shell import live_updates
from vidgen_core.dashboard.tasks import task_page

visit = current_visit()
live_updates.watch(task_filter.TABLE)
st.session_state[task_page.FRESH] = True
with st.container(horizontal=True, vertical_alignment="center", gap="small", key="task_tools"):
    task_filter.show_states()
    task_page.tools(visit)
batches.work_on()
task_page.table()
