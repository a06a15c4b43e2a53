"""The pictures of a shot on its card: candidates side by side, or the empty place of a missing one."""

from __future__ import annotations

from typing import Final

import streamlit as st

from vidgen_core.dashboard.components import preflight
from vidgen_core.dashboard.components.labels import price
from vidgen_core.dashboard.components.media import candidate_url, icon
from vidgen_core.dashboard.components.task_table import flags
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.dashboard.shell import live_updates, sign_in
from vidgen_core.dashboard.shots.dialogs import ask_for_picture
from vidgen_core.domain.shots import PictureCandidate, Shot
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.library.shots import ShotView

_NARROWEST: Final = 84
_SHOW_REJECTED: Final = "_rejected_pictures_of"


def missing(visit: Visit, shot: Shot) -> None:
    """The empty place of a picture: generate one, or upload one."""
    t = visit.t
    if not sign_in.may(Role.MAKER):
        return
    estimate = visit.app.pictures.estimate_for([shot])
    if estimate.tasks and not shot.drawing_count:
        # The place of a picture is narrow: one button, two lines at most.
        words = "pictures.draw_one" if estimate.tasks == 1 else "pictures.draw_some"
        said = next((one.problem for one in estimate.problems), None)
        preflight.button(
            visit,
            estimate,
            t(words, n=estimate.tasks, price=price(t, estimate)),
            draw,
            shot.id,
            key=f"draw_{shot.id}",
            icon=":material/brush:",
            help=t.error("parameter", said.code, said.params) if said else None,
            width="stretch",
            wrap=True,
        )
    st.button(
        t("shots.add_picture"),
        key=f"add_picture_{shot.id}",
        icon=":material/add_photo_alternate:",
        on_click=ask_for_picture,
        args=(shot.id,),
        width="stretch",
        wrap=True,
    )


@handle_errors
def draw(shot_id: int) -> None:
    """Have pictures drawn as the settings say."""
    visit = current_visit()
    app, project = visit.app, visit.project.id
    preflight.order(
        app.pictures.estimate(project, [shot_id]),
        lambda _again: app.pictures.preflight(project, [shot_id]),
        lambda _choice: _draw(shot_id),
    )


@handle_errors
def _draw(shot_id: int) -> None:
    visit = current_visit()
    for refusal in visit.app.pictures.draw(visit.project.id, [shot_id]).refused:
        toast_later(visit.t.error("parameter", refusal.code, refusal.params), ":material/error:")
    live_updates.rerun(shot_id)


def strip(visit: Visit, view: ShotView) -> None:
    """The candidates; nothing while there is no choice to make. What is being drawn stands with the takes."""
    shown = [one for one in view.candidates if one.chosen or not one.rejected or _shows_rejected(view.shot)]
    hidden = len(view.candidates) - len(shown)
    if not hidden and all(one.chosen for one in shown):
        return
    with st.container(key=f"pictures_{view.shot.id}", gap="xsmall"):
        st.caption(visit.t("pictures.of_card"))
        with st.grid(4, min_column_width=_NARROWEST, gap="xsmall"):
            for candidate in shown:
                with st.container(key=f"candidate_{candidate.id}", gap="xxsmall"):
                    _candidate(visit, view.shot, candidate)
        if hidden:
            st.button(
                visit.t.n("pictures.show_rejected", hidden),
                key=f"rejected_pictures_{view.shot.id}",
                type="tertiary",
                on_click=_show_rejected,
                args=(view.shot.id,),
            )


def _shows_rejected(shot: Shot) -> bool:
    return bool(st.session_state.get(_SHOW_REJECTED) == shot.id)


def _show_rejected(shot_id: int) -> None:
    st.session_state[_SHOW_REJECTED] = shot_id


def _candidate(visit: Visit, shot: Shot, candidate: PictureCandidate) -> None:
    t = visit.t
    if candidate.image:
        st.image(candidate_url(candidate), width="stretch", alt=t("pictures.alt", shot=shot.number, n=candidate.number))
    else:
        st.caption(":material/link:")
    if candidate.warnings:
        st.caption(flags(t, candidate.warnings))
    if not sign_in.may(Role.MAKER):
        return
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", gap="xxsmall"):
        st.button(
            icon("star-filled", t("pictures.chosen")) if candidate.chosen else icon("star", t("pictures.choose")),
            key=f"choose_picture_{candidate.id}",
            help=t("pictures.chosen") if candidate.chosen else t("pictures.choose"),
            type="tertiary",
            disabled=candidate.chosen,
            on_click=_choose,
            args=(shot.id, candidate.id),
        )
        if not candidate.chosen:
            st.button(
                ":material/undo:" if candidate.rejected else ":material/close:",
                key=f"reject_picture_{candidate.id}",
                help=t("pictures.unreject") if candidate.rejected else t("pictures.reject"),
                type="tertiary",
                on_click=_reject,
                args=(candidate.id, not candidate.rejected),
            )


@handle_errors
def _choose(shot_id: int, candidate_id: int) -> None:
    current_visit().app.pictures.choose(shot_id, candidate_id)


@handle_errors
def _reject(candidate_id: int, rejected: bool) -> None:
    current_visit().app.pictures.reject(candidate_id, rejected)
