"""Every shot as a card or a row, filtered, searched and paged."""

import streamlit as st

from vidgen_core.dashboard.components import batches
from vidgen_core.dashboard.session import current_visit
from vidgen_core.dashboard.shots import cards, list_tools, selection, table
from vidgen_core.dashboard.shots.dialogs import undo_bar

visit = current_visit()
wanted = list_tools.show_filters(visit)
per_page = table.PER_TABLE if st.session_state.get("view") == "table" else list_tools.PER_PAGE
offset = ((st.session_state.get("page") or 1) - 1) * per_page
page = visit.app.shots.page(visit.project.id, wanted, limit=per_page, offset=offset)
view = list_tools.show_view_switch(visit, wanted, page.total)
batches.work_on()
undo_bar()
list_tools.watch_list(wanted, page.total)
if not page.items:
    list_tools.show_empty(visit, wanted)
elif view == "table":
    table.show(visit, [shown.shot for shown in page.items], offset)
    list_tools.show_pager(page.total, per_page)
else:
    list_tools.show_welcome(visit)
    selection.bar()
    cards.wall(page.items)
    list_tools.show_pager(page.total, per_page)
