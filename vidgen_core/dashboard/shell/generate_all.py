"""Generating for the shots that the filter leaves and that have no takes yet, after a look at the sheet."""

from __future__ import annotations

import streamlit as st

from vidgen_core.dashboard.components import preflight
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.dashboard.shots.selection import queue
from vidgen_core.domain.queries import ShotFilter


def button(visit: Visit, wanted: ShotFilter) -> None:
    """Opens the sheet where it costs something; nothing is queued then before it is released there."""
    st.button(
        visit.t("shots.generate_all"),
        icon=":material/auto_awesome:",
        key="generate_all",
        help=visit.t("shots.generate_all_help"),
        on_click=_ask,
        args=(wanted,),
    )


@handle_errors
def _ask(wanted: ShotFilter) -> None:
    visit = current_visit()
    app, project = visit.app, visit.project.id
    ids = app.shots.ids(project, wanted)
    if not ids:
        toast_later(visit.t("shots.none_found"), ":material/info:")
        return
    estimate = app.tasks.estimate(project, ids, again=False)
    # Where all have takes, the sheet says so and offers more.
    asked = estimate.model_copy(update={"asks": not estimate.free or not estimate.tasks})
    preflight.order(
        asked,
        lambda again: app.tasks.preflight(project, ids, again=again),
        lambda choice: queue(ids, choice.canary, again=choice.again),
        canary=True,
    )
