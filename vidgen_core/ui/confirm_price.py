"""The button on a take that waits for a yes to its price, and the dialog that asks for it."""

from __future__ import annotations

import streamlit as st

from vidgen_core.app.roles import Role
from vidgen_core.locale import Text
from vidgen_core.models import Money, Task
from vidgen_core.providers.base import WAITING_FOR_CONFIRMATION
from vidgen_core.ui import dialogs, sign_in
from vidgen_core.ui.session import answered, here, tell


def confirm_button(t: Text, task: Task) -> None:
    """Shown only while the take waits; looking at the price costs nothing."""
    waits = task.stage == WAITING_FOR_CONFIRMATION and not task.cancel_requested
    if waits and sign_in.may(Role.MAKER):
        st.button(
            t("shots.confirm_price"),
            key=f"confirm_price_{task.id}",
            icon=":material/payments:",
            on_click=_ask,
            args=(task.id,),
            width="stretch",
        )


@answered
def _ask(task_id: int) -> None:
    visit = here()
    t, price = visit.t, visit.app.tasks.asked_price(task_id)
    said = t.money(price, False) if price else t("cli.price_unknown")
    question = t("cli.ask_confirm", id=task_id, price=said)
    dialogs.ask(
        t("shots.confirm_price"), dialogs.confirm, question, t("shots.confirm_price_act"), _say_yes, task_id, price
    )


@answered
def _say_yes(task_id: int, price: Money | None) -> None:
    visit = here()
    visit.app.tasks.confirm_price(task_id, price)
    tell(visit.t.n("cli.confirmed", 1), ":material/check:")
