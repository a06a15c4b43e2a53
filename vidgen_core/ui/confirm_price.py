"""The dialog that asks for a yes to the price of a take that waits for one."""

from __future__ import annotations

from vidgen_core.models import Money
from vidgen_core.ui import dialogs
from vidgen_core.ui.session import Visit, answered, here, tell


def ask(visit: Visit, task_id: int) -> None:
    """Open it; to be called in a widget callback, which ends with it. Looking at the price costs nothing."""
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
