"""The dialog that asks for a yes to the price of a take that waits for one."""

from __future__ import annotations

from vidgen_core.dashboard.components import dialogs
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.domain.money import Money


def ask(visit: Visit, task_id: int) -> None:
    """Open it; to be called in a widget callback, which ends with it. Looking at the price costs nothing."""
    t, price = visit.t, visit.app.tasks.asked_price(task_id)
    said = t.money(price, False) if price else t("cli.price_unknown")
    question = t("cli.ask_confirm", id=task_id, price=said)
    dialogs.ask(
        t("shots.confirm_price"), dialogs.confirm, question, t("shots.confirm_price_act"), _say_yes, task_id, price
    )


@handle_errors
def _say_yes(task_id: int, price: Money | None) -> None:
    visit = current_visit()
    visit.app.tasks.confirm_price(task_id, price)
    toast_later(visit.t.n("cli.confirmed", 1), ":material/check:")
