"""Dialogs that generate pictures: what is sent, and what it costs, is shown before the click."""

from __future__ import annotations

from typing import Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs, preflight
from vidgen_core.dashboard.components.labels import mode_label, plain, price
from vidgen_core.dashboard.components.media import reference_url
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.domain.queries import ShotFilter
from vidgen_core.services.generation import gate
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.generation.preflight import Estimate, problem_line
from vidgen_core.services.library.pictures import MOST

_REFERENCE: Final = 76
#: Problems that are shown at most.
_TOLD: Final = 4


def ask_for_drawing(shot_id: int) -> None:
    """A dialog with one shot's picture prompt, what goes along with it, and the button."""
    shot = current_visit().app.shots.get(shot_id)
    dialogs.ask(current_visit().t("pictures.title_of", shot=shot.number), _drawing_form, shot_id, width="medium")


def _drawing_form(shot_id: int) -> None:
    visit = current_visit()
    t, shot = visit.t, visit.app.shots.get(shot_id)
    st.text_area(
        t("add.field.picture_prompt"),
        value=shot.picture_prompt,
        key=f"picture_prompt_{shot_id}",
        height=120,
        placeholder=plain(shot.script or shot.prompt) or t("pictures.prompt_hint"),
        help=t("pictures.prompt_help"),
        on_change=_save_prompt,
        args=(shot_id,),
    )
    _what_goes_out(visit, shot_id)
    own = visit.app.settings().providers.pictures.pictures_per_shot
    count = st.slider(t("pictures.count"), 1, MOST, own, key=f"picture_count_{shot_id}")
    estimate = visit.app.pictures.estimate(visit.project.id, [shot_id], GenerateOptions(takes=count))
    _say(visit, estimate)
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(t("common.close"), key="drawing_close", on_click=st.rerun)
        preflight.button(
            visit,
            estimate,
            t("pictures.make", n=estimate.tasks, price=price(t, estimate)),
            _draw,
            [shot_id],
            count,
            key="drawing_act",
            type="primary",
            icon=":material/brush:",
            disabled=not estimate.tasks,
        )


def _say(visit: Visit, estimate: Estimate) -> None:
    """What stands against it, what stops it first; shots that have nothing to be drawn from are counted elsewhere."""
    told = gate.grouped((one.shot.number, one.problem) for one in estimate.problems)
    for problem in [one for one in told if one.code != "nothing_to_draw" or not estimate.tasks][:_TOLD]:
        st.caption(f":material/warning: {plain(problem_line(visit.t, problem))}")


def _what_goes_out(visit: Visit, shot_id: int) -> None:
    """The provider, the words as they are sent, and the pictures that go along."""
    t = visit.t
    wording = visit.app.pictures.wording(visit.app.shots.get(shot_id))
    planned = wording.plan
    st.caption(
        t(
            "pictures.sent_to",
            provider=mode_label(t, planned.provider),
            model=plain(planned.model),
            ratio=plain(planned.params.aspect_ratio),
        )
    )
    with st.expander(t("pictures.sent_words"), icon=":material/visibility:"):
        st.code(wording.text or "–", language=None, wrap_lines=True)
        if wording.along:
            st.caption(t("pictures.sent_pictures"))
            with st.container(horizontal=True, gap="small"):
                for one in wording.along:
                    name = one.character or t("pictures.style")
                    with st.container(width=_REFERENCE, gap="xxsmall"):
                        st.image(reference_url(one.image), width="stretch", alt=name)
                        st.caption(plain(name))


@handle_errors
def _save_prompt(shot_id: int) -> None:
    current_visit().app.shots.edit(shot_id, picture_prompt=st.session_state[f"picture_prompt_{shot_id}"].strip())


@handle_errors
def _draw(shot_ids: list[int], count: int | None) -> None:
    visit = current_visit()
    made = visit.app.pictures.draw(visit.project.id, shot_ids, GenerateOptions(takes=count))
    for refusal in made.refused[:3]:
        why = visit.t.error("parameter", refusal.code, refusal.params)
        toast_later(f"{plain(refusal.shot.number)}: {why}", ":material/error:")
    if made.tasks:
        toast_later(visit.t.n("pictures.queued", len(made.tasks)), ":material/brush:")
    st.rerun()


def missing_button(visit: Visit) -> None:
    """A way to pictures for all shots that have none; not there when all have one."""
    count = visit.app.shots.count(visit.project.id, ShotFilter("without_picture"))
    if count:
        st.button(
            visit.t.n("pictures.missing", count),
            key="draw_missing",
            icon=":material/brush:",
            on_click=_ask_for_missing,
            width="stretch",
        )


@handle_errors
def _ask_for_missing() -> None:
    dialogs.ask(current_visit().t("pictures.missing_title"), _missing_form, width="medium")


def _missing_form() -> None:
    visit = current_visit()
    t = visit.t
    ids = visit.app.pictures.missing(visit.project.id)
    own = visit.app.settings().providers.pictures.pictures_per_shot
    count = st.slider(t("pictures.count"), 1, MOST, own, key="missing_count")
    estimate = visit.app.pictures.estimate(visit.project.id, ids, GenerateOptions(takes=count))
    refused = len({problem.shot.id for problem in estimate.problems if problem.problem.fatal})
    st.markdown(t.n("pictures.missing_question", estimate.tasks, shots=len(ids) - refused))
    if estimate.asks:
        preflight.facts(visit.app.pictures.preflight(visit.project.id, ids, GenerateOptions(takes=count)))
    _say(visit, estimate)
    drawn_by = visit.app.settings().draws
    st.caption(f":material/brush: {mode_label(t, drawn_by)}")
    if refused:
        st.caption(f":material/warning: {t.n('pictures.missing_refused', refused)}")
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(t("common.cancel"), key="missing_cancel", on_click=st.rerun)
        preflight.button(
            visit,
            estimate,
            t("pictures.make", n=estimate.tasks, price=price(t, estimate)),
            _draw,
            ids,
            count,
            key="missing_act",
            type="primary",
            icon=":material/brush:",
            disabled=not estimate.tasks,
        )
