"""Choosing the best take of each shot at once: the list first, and undo after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import streamlit as st

from vidgen_core.dashboard.components import dialogs
from vidgen_core.dashboard.components.actions import Message
from vidgen_core.dashboard.components.labels import plain, reasons, verdict_label
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, session_value
from vidgen_core.domain.takes import Verdict
from vidgen_core.i18n import Text
from vidgen_core.services.library.takes import BestTake

#: What was chosen last in this session: {shot: take}.
_ACCEPTED: Final = "_accepted"
_PASSED_ONLY: Final = "best_passed_only"


def button(
    visit: Visit, shot_ids: Sequence[int] | None = None, *, key: str, width: Literal["content", "stretch"] = "content"
) -> None:
    """The button that opens the list.

    :param shot_ids: only these shots; None: all of the project
    """
    label = visit.t("best.button")
    st.button(label, key=key, icon=":material/done_all:", on_click=_ask, args=(shot_ids,), width=width)


@handle_errors
def _ask(shot_ids: Sequence[int] | None) -> None:
    visit = current_visit()
    best = visit.app.takes.best(visit.project.id, shot_ids)
    st.session_state[_PASSED_ONLY] = any(one.take.verdict is Verdict.PASS for one in best)
    dialogs.ask(visit.t("best.title"), _body, best, width="medium", icon=":material/done_all:")


def _body(best: list[BestTake]) -> None:
    t = current_visit().t
    passed = [one for one in best if one.take.verdict is Verdict.PASS]
    st.markdown(t("best.about"))
    only = st.checkbox(t.n("best.passed_only", len(passed)), key=_PASSED_ONLY) if len(passed) < len(best) else False
    shown = passed if only else best
    with st.container(height=320, key="best_list"):
        st.markdown("\n".join(f"- {_line(t, one)}" for one in shown) or t("best.none"))
    dialogs.buttons(
        "best",
        t("best.act", n=t.number(len(shown))),
        _accept,
        {one.shot.id: one.take.id for one in shown},
        disabled=not shown,
    )


def _line(t: Text, one: BestTake) -> str:
    judged = verdict_label(t, one.take.verdict) if one.take.verdict else t("verdict.none")
    said = " · ".join([f"v{one.take.number}", judged, *(plain(reason) for reason in reasons(t, one.take))])
    return f"**{plain(one.shot.number)}** {said}"


@handle_errors
def _accept(wanted: dict[int, int]) -> None:
    visit = current_visit()
    st.session_state[_ACCEPTED] = visit.app.takes.accept(visit.project.id, wanted)
    st.rerun()


def waiting_message(visit: Visit) -> Message | None:
    """On the pick screen: how many shots wait for a choice, and the button that makes it."""
    n = visit.app.shots.counts(visit.project.id)["to_choose"]
    if not n:
        return None
    return Message("best", visit.t.n("best.waiting", n), "⭐", actions=lambda: button(visit, key="best_of_all"))


def undo_message(t: Text) -> Message | None:
    """What was chosen at once, and the way back."""
    accepted: dict[int, int] = session_value(_ACCEPTED, {})
    if not accepted:
        return None

    def buttons() -> None:
        st.button(t("shots.undo"), key="best_undo", icon=":material/undo:", on_click=_undo, shortcut="U")
        st.button(t("common.close"), key="best_close", type="tertiary", on_click=_forget)

    return Message("undo_best", t.n("best.accepted", len(accepted)), "⭐", actions=buttons)


@handle_errors
def _undo() -> None:
    visit = current_visit()
    visit.app.takes.take_back(visit.project.id, session_value(_ACCEPTED, {}))
    _forget()
    st.rerun()


def _forget() -> None:
    st.session_state.pop(_ACCEPTED, None)
