"""Storyboard: all shots as a wall of frames, dragged into order and played as stills."""

from pathlib import Path

import streamlit as st

from vidgen_core.app.roles import Role
from vidgen_core.ui import push, storyboard
from vidgen_core.ui.session import Visit, here, show_told
from vidgen_core.ui.sign_in import may


@st.fragment(key="storyboard_wall")
def wall() -> None:
    show_told()
    visit = here()
    frames = visit.app.shots.frames(visit.project.id)
    if frames:
        storyboard.wall(visit, frames)
    else:
        empty(visit)


def empty(visit: Visit) -> None:
    t = visit.t
    with st.container(border=True, horizontal_alignment="center", gap="medium", key="storyboard_nothing"):
        st.space("small")
        st.markdown(f"### {t('shots.empty_title')}", text_alignment="center", anchors=False)
        st.markdown(t("storyboard.empty"), text_alignment="center")
        if may(Role.MAKER):
            st.page_link(Path(__file__).with_name("add.py"), label=t("shots.add"), icon=":material/add:")
        st.space("small")


push.watch("storyboard_wall")
wall()
