"""Drawing until one passes: the dialog with what it will probably cost, and how far a shot is with it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs, preflight
from vidgen_core.dashboard.components.labels import price
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.domain.takes import Verdict
from vidgen_core.domain.tasks import MOST_DRAWS, DrawState, UntilPass
from vidgen_core.i18n import Text
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.generation.preflight import Estimate
from vidgen_core.services.library.shots import ShotView

#: Keys of the fields, forgotten when the dialog opens.
_MOST: Final = "draw_most"
_CEILING: Final = "draw_ceiling"
_AT_ONCE: Final = "draw_at_once"
_ON_DOUBT: Final = "draw_on_doubt"
#: Refusals that are told one by one.
_TOLD: Final = 3


@handle_errors
def ask(shot_ids: Sequence[int], *, again: bool = True) -> None:
    """Open the dialog for some shots; to be called in a widget callback.

    :param again: False leaves out shots that have takes, or some under way
    """
    visit = current_visit()
    options = GenerateOptions(until=UntilPass())
    estimate = visit.app.tasks.estimate(visit.project.id, shot_ids, options, again=again)
    if estimate.key_missing is not None:
        preflight.enter_key(estimate.key_missing)
        return
    for key in (_MOST, _CEILING, _AT_ONCE, _ON_DOUBT):
        st.session_state.pop(key, None)
    dialogs.ask(visit.t("draw.title"), _body, list(shot_ids), again, width="medium", icon=":material/casino:")


def fields(visit: Visit, *, ceiling: bool = True) -> UntilPass:
    """The fields of an order *until one passes*, and what they ask for."""
    t = visit.t
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        most = st.number_input(t("draw.most"), 1, MOST_DRAWS, UntilPass().most, key=_MOST, help=t("draw.most_help"))
        limit = (
            st.number_input(
                t("draw.ceiling", currency=visit.app.settings().budget.currency),
                min_value=0.0,
                value=None,
                step=1.0,
                format="%g",
                placeholder=t("draw.no_ceiling"),
                key=_CEILING,
                help=t("draw.ceiling_help"),
            )
            if ceiling
            else None
        )
        at_once = st.segmented_control(
            t("draw.at_once"), [1, 2], default=1, required=True, key=_AT_ONCE, help=t("draw.at_once_help")
        )
    doubts = st.checkbox(t("draw.on_doubt"), key=_ON_DOUBT, help=t("draw.on_doubt_help"))
    return UntilPass(
        most=most,
        ceiling=None if limit is None else Decimal(str(limit)),
        again_on=Verdict.DOUBT if doubts else Verdict.FAIL,
        at_once=at_once or 1,
    )


def _body(shot_ids: list[int], again: bool) -> None:
    visit = current_visit()
    t = visit.t
    st.markdown(t("draw.about"))
    options = GenerateOptions(until=fields(visit))
    estimate = visit.app.tasks.estimate(visit.project.id, shot_ids, options, again=again)
    if estimate.having and not again:
        st.markdown(t.n("preflight.having", estimate.having))
    if estimate.tasks:
        st.markdown(expected(t, estimate))
        st.caption(t("draw.from_rates"))
    for problem in estimate.problems[:_TOLD]:
        st.caption(f":material/warning: {t.error('parameter', problem.problem.code, problem.problem.params)}")
    dialogs.buttons(
        "draw",
        t.n("draw.act", estimate.tasks, price=price(t, estimate)),
        _order,
        shot_ids,
        options,
        again,
        icon=":material/casino:",
        disabled=not estimate.tasks,
    )


def expected(t: Text, estimate: Estimate) -> str:
    """How many draws a shot will probably need, what that costs, and the most it may cost."""
    each = t.number(round((estimate.draws or 0.0) / max(estimate.tasks, 1), 1))
    most = t.money(estimate.worst, estimated=True) if estimate.worst and not estimate.free else price(t, estimate)
    return t.n("draw.expected", estimate.tasks, each=each, price=price(t, estimate), most=most)


@handle_errors
def _order(shot_ids: list[int], options: GenerateOptions, again: bool) -> None:
    visit = current_visit()
    made = visit.app.tasks.generate(visit.project.id, shot_ids, options, again=again)
    if made.tasks:
        toast_later(visit.t.n("draw.begun", len(made.tasks)), ":material/casino:")
    for refusal in made.refused[:_TOLD]:
        why = visit.t.error("parameter", refusal.code, refusal.params)
        toast_later(visit.t("select.refused", shot=refusal.shot.number, why=why), ":material/error:")
    if len(made.refused) > _TOLD:
        toast_later(visit.t.n("select.refused_more", len(made.refused) - _TOLD), ":material/error:")
    st.rerun()


def state_line(t: Text, view: ShotView) -> str:
    """How far the drawing of a shot is, or why it has stopped; empty where there is nothing to say."""
    draw = view.draw
    if draw is None or draw.state is DrawState.PASSED:
        return ""
    if draw.state is DrawState.STOPPED:
        return t(f"draw.stopped.{draw.reason}")
    return t("draw.drawing", n=sum(task.draw == draw.draw for task in view.tasks), most=draw.until.most)
