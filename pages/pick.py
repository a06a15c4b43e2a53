"""Pick: one shot at a time, its takes side by side and in step; choose, put aside, go on."""

import streamlit as st

from vidgen_core.dashboard.pick import order
from vidgen_core.dashboard.pick import wall as pick_wall
from vidgen_core.dashboard.session import current_visit, show_told
from vidgen_core.dashboard.shell import live_updates


@st.fragment(key="pick")
def pick() -> None:
    show_told()
    visit = current_visit()
    standing = order.pick_position(visit)
    if standing.view is None:
        order.nothing(visit)
        return
    pick_wall.head(visit, standing)
    pick_wall.wall(visit, standing)
    pick_wall.foot(visit, standing)


live_updates.watch("pick")
pick()
