"""Pick: one shot at a time, its takes side by side and in step; choose, put aside, go on."""

import streamlit as st

from vidgen_core.ui import pick_order, pick_wall, push
from vidgen_core.ui.session import here, show_told


@st.fragment(key="pick")
def pick() -> None:
    show_told()
    visit = here()
    standing = pick_order.standing(visit)
    if standing.view is None:
        pick_order.nothing(visit)
        return
    pick_wall.head(visit, standing)
    pick_wall.wall(visit, standing)
    pick_wall.foot(visit, standing)


push.watch("pick")
pick()
