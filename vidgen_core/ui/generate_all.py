"""Generating for every shot that the filter leaves, after a look at the sheet."""

from __future__ import annotations

import streamlit as st

from vidgen_core.store import ShotFilter
from vidgen_core.ui import preflight
from vidgen_core.ui.card_select import queue
from vidgen_core.ui.session import Visit, answered, here, tell


def button(visit: Visit, wanted: ShotFilter) -> None:
    """Opens the sheet; nothing is queued before it is released there."""
    st.button(
        visit.t("shots.generate_all"),
        icon=":material/auto_awesome:",
        key="generate_all",
        help=visit.t("shots.generate_all_help"),
        on_click=_ask,
        args=(wanted,),
    )


@answered
def _ask(wanted: ShotFilter) -> None:
    visit = here()
    ids = visit.app.shots.ids(visit.project.id, wanted)
    if not ids:
        tell(visit.t("shots.none_found"), ":material/info:")
        return
    preflight.ask(visit.app.tasks.preflight(visit.project.id, ids), lambda ahead: queue(ids, ahead), canary=True)
