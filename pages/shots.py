"""Every shot as a card or a row, filtered, searched and paged."""

from functools import partial

import streamlit as st

from vidgen_core.dashboard.components import batches, paging
from vidgen_core.dashboard.session import current_visit
from vidgen_core.dashboard.shots import cards, list_tools, table

visit = current_visit()
wanted = list_tools.show(visit)
per_page = table.PER_TABLE if list_tools.view() == "table" else list_tools.PER_PAGE
sort = list_tools.sort()
page = paging.turn(
    "shots",
    (visit.project.id, wanted, per_page, sort),
    list_tools.page_number(),
    per_page,
    partial(visit.app.shots.page, visit.project.id, wanted, per_page, sort=sort),
)
if page.total and not page.items:
    # The list has become shorter than what the address asks for.
    list_tools.to_first_page()
    st.rerun()
batches.work_on()
list_tools.watch_list(wanted, page.total)
list_tools.show_found(visit, wanted, page.total)
if not page.items:
    list_tools.show_empty(visit, wanted)
elif list_tools.view() == "table":
    table.show(visit, page.items)
    list_tools.show_pager(page.total, per_page)
else:
    cards.wall(page.items, list_tools.tiles())
    list_tools.show_pager(page.total, per_page)
