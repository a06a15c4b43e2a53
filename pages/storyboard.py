"""Storyboard: all shots as a wall of frames, dragged into order and played as stills."""

import math
from functools import partial

import streamlit as st

from vidgen_core.dashboard.components import paging
from vidgen_core.dashboard.session import Visit, current_visit, page_file, show_told
from vidgen_core.dashboard.shell import live_updates
from vidgen_core.dashboard.shell.sign_in import may
from vidgen_core.dashboard.storyboard import wall as storyboard
from vidgen_core.services.access.permissions import Role


@st.fragment(key="storyboard_wall")
def wall() -> None:
    show_told()
    visit = current_visit()
    read = partial(visit.app.shots.frames, visit.project.id, storyboard.PER_WALL)
    number = st.session_state.get("wall") or 1
    page = paging.turn("storyboard", visit.project.id, number, storyboard.PER_WALL, read)
    if not page.items:
        empty(visit)
        return
    if page.total > storyboard.PER_WALL:
        st.pagination(math.ceil(page.total / storyboard.PER_WALL), key="wall", bind="query-params")
    storyboard.redo(visit)
    behind = visit.app.shots.frames(visit.project.id, 1, page.next).items if page.next else []
    storyboard.wall(visit, [*page.items, *behind])


def empty(visit: Visit) -> None:
    t = visit.t
    with st.container(border=True, horizontal_alignment="center", gap="medium", key="storyboard_nothing"):
        st.space("small")
        st.markdown(f"### {t('shots.empty_title')}", text_alignment="center", anchors=False)
        st.markdown(t("storyboard.empty"), text_alignment="center")
        if may(Role.MAKER):
            st.page_link(page_file("add"), label=t("shots.add"), icon=":material/add:")
        st.space("small")


live_updates.watch("storyboard_wall")
wall()
