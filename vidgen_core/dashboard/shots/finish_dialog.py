"""The dialog in which a take is extended, enlarged or fetched in a higher resolution, with the price of each."""

from __future__ import annotations

import streamlit as st

from vidgen_core.dashboard.components import dialogs, preflight
from vidgen_core.dashboard.components.labels import amount, mode_label, plain
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.domain.takes import Take
from vidgen_core.domain.tasks import FinishVerb
from vidgen_core.services.generation.finishing import FinishOptions, Offered

_PROMPT = "finish_prompt"


def ask(visit: Visit, take: Take) -> None:
    """Open the dialog; to be called in a widget callback."""
    dialogs.ask(visit.t("shots.finish.title", take=take.number), _body, take.id, icon=":material/movie_edit:")


def _body(take_id: int) -> None:
    visit = current_visit()
    t, offers = visit.t, visit.app.finishing.offers(take_id)
    st.caption(t("shots.finish.about"))
    if any(offer.verb is FinishVerb.EXTEND for offer in offers):
        st.text_area(t("shots.finish.prompt"), key=_PROMPT, placeholder=t("shots.finish.prompt_hint"))
    for offer in offers:
        _row(visit, take_id, offer)
    if not offers:
        st.info(t("shots.finish.none"), icon=":material/info:")


def _row(visit: Visit, take_id: int, offer: Offered) -> None:
    t, problem = visit.t, offer.problem
    label = t("shots.finish.act", verb=t(f"shots.finish.{offer.verb.value}"), price=amount(t, offer.price))
    reason = t.error("parameter", problem.code, problem.params) if problem else None
    st.button(
        label,
        key=f"finish_{offer.verb.value}",
        on_click=_order,
        args=(take_id, offer.verb),
        disabled=problem is not None,
        width="stretch",
    )
    st.caption(plain(reason or f"{mode_label(t, offer.provider)} · {offer.model}"))


@handle_errors
def _order(take_id: int, verb: FinishVerb) -> None:
    """Order at once, or by the sheet where the settings ask for it."""
    finishing = current_visit().app.finishing
    asked = FinishOptions(verb=verb, prompt=(st.session_state.get(_PROMPT) or "").strip() or None)
    preflight.order(
        finishing.estimate(take_id, asked),
        lambda _again: finishing.preflight(take_id, asked),
        lambda _choice: _queue(take_id, asked),
    )


@handle_errors
def _queue(take_id: int, asked: FinishOptions) -> None:
    visit = current_visit()
    made = visit.app.finishing.order(take_id, asked)
    for _, code, params in made.refused:
        toast_later(visit.t.error("parameter", code, params), ":material/error:")
    if made.tasks:
        toast_later(visit.t.n("cli.queued", len(made.tasks)), ":material/check:")
