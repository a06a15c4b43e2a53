"""The shot that stands in the review room, and the ones before and after it."""

from __future__ import annotations

from typing import Final, NamedTuple

import streamlit as st

from vidgen_core.dashboard.session import Visit, open_page
from vidgen_core.domain.queries import ShotFilter

SHOT: Final = "shot"
_CURRENT: Final = "_pick_shot"
_PROJECT: Final = "_pick_project"
#: Shots that are sent at once, the one that stands there in their middle.
AROUND: Final = 81


class PickPosition(NamedTuple):
    """The shot that stands there among those that have takes."""

    #: Its id; None: no shot has takes.
    shot: int | None
    #: All shots with at least one take, in order.
    order: list[int]
    #: Those of them without a chosen take.
    waiting: frozenset[int]

    @property
    def around(self) -> list[int]:
        """The shots beside it."""
        place = self.order.index(self.shot) if self.shot is not None else 0
        first = max(0, min(place - AROUND // 2, len(self.order) - AROUND))
        return self.order[first : first + AROUND]

    @property
    def next(self) -> int | None:
        """The first shot to review that does not stand among those beside it; those that come later first."""
        around = self.around
        place = self.order.index(around[-1]) + 1 if around else 0
        later = self.order[place:] + self.order[:place]
        return next((one for one in later if one in self.waiting and one not in around), None)


def pick_position(visit: Visit) -> PickPosition:
    """The shot last shown in this session, else the one the address names, else the first to review."""
    shots = visit.app.shots
    waiting = frozenset(shots.ids(visit.project.id, ShotFilter(state="to_choose")))
    having = waiting.union(shots.ids(visit.project.id, ShotFilter(state="chosen")))
    order = [shot_id for shot_id in shots.ids(visit.project.id) if shot_id in having]
    if not order:
        return PickPosition(None, [], frozenset())
    if st.session_state.get(_PROJECT) != visit.project.id:
        st.session_state[_PROJECT] = visit.project.id
        st.session_state[_CURRENT] = _asked_for(visit)
    current = st.session_state[_CURRENT]
    if current not in having:
        current = next((shot_id for shot_id in order if shot_id in waiting), order[0])
    go_to(current)
    return PickPosition(current, order, waiting)


def _asked_for(visit: Visit) -> int | None:
    number = st.query_params.get(SHOT)
    shot = visit.app.shots.by_number(visit.project.id, number) if number else None
    return shot.id if shot else None


def lead_to(visit: Visit, shot_id: int) -> None:
    """The shot that stands there when the page is opened."""
    st.session_state[_PROJECT] = visit.project.id
    go_to(shot_id)


def go_to(shot_id: int) -> None:
    st.session_state[_CURRENT] = shot_id


def nothing(visit: Visit) -> None:
    """Nothing to pick from yet: what to do next."""
    t = visit.t
    with st.container(border=True, horizontal_alignment="center", gap="medium", key="pick_nothing"):
        st.space("small")
        st.markdown(f"### {t('pick.empty_title')}", text_alignment="center", anchors=False)
        st.markdown(t("pick.empty"), text_alignment="center")
        if st.button(t("pick.to_shots"), type="primary", icon=":material/view_agenda:", key="pick_to_shots"):
            open_page("shots")
        st.space("small")
