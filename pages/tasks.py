"""Every task as a row: filtered, sorted, watched, and acted on one by one or in bulk."""

import streamlit as st

from vidgen_core.dashboard.components import batches, task_filter
from vidgen_core.dashboard.shell import live_updates
from vidgen_core.dashboard.tasks import task_page

live_updates.watch(task_filter.TABLE)
st.session_state[task_page.FRESH] = True
batches.work_on()
task_page.table()
