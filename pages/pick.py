"""Review: one shot at a time, its takes side by side and in step; choose, put aside, go on."""

import streamlit as st

from vidgen_core.dashboard.pick import order, room
from vidgen_core.dashboard.session import current_visit, show_told
from vidgen_core.dashboard.shell import live_updates


@st.fragment(key="pick")
def pick() -> None:
    show_told()
    visit = current_visit()
    standing = order.pick_position(visit)
    if standing.shot is None:
        order.nothing(visit)
    else:
        room.show(visit, standing)


live_updates.watch("pick")
pick()
