"""The budget in the message line: why the queue is paused, and how to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs, preflight
from vidgen_core.dashboard.components.actions import Message
from vidgen_core.dashboard.components.labels import mode_label, plain
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.dashboard.shell import sign_in
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Failure
from vidgen_core.i18n import Text
from vidgen_core.money import BudgetScope, LimitStatus
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.generation.canaries import Canary
from vidgen_core.services.scripts.llm_ledger import STOPPED_BY_BUDGET
from vidgen_core.services.system.worker_control import Status
from vidgen_core.worker.limits.budget_pause import CODES

_NEW_LIMIT: Final = "budget_new_limit"
#: Holds of which the sentence says all; a run that goes on by itself ends at its own limit.
_NO_WAY_ON: Final = ("budget_rate_missing", f"budget_{BudgetScope.RUN}")
_LIMITS: Final = {BudgetScope.ALL: "budget.limit", BudgetScope.DAY: "budget.per_day"}
_ICON: Final = ":material/savings:"


def is_of_budget(hold: dict[str, Any]) -> bool:
    """Whether a provider is held back by the budget."""
    return str(hold.get("code")) in CODES


def limit_line(t: Text, standing: LimitStatus) -> str:
    """How much of a limit is used."""
    return t(
        f"shell.budget_{standing.scope}",
        spent=t.money(standing.spent, estimated=True),
        limit=t.money(standing.limit, estimated=False),
        percent=standing.percent,
    )


def messages(visit: Visit, status: Status) -> Iterator[Message]:
    """Batches that wait for their first shot."""
    for place, waiting in enumerate(status.canaries):
        yield _canary(visit.t, place, waiting)


def _canary(t: Text, place: int, waiting: Canary) -> Message:
    name = ("model_" if waiting.model else "") + ("decided" if waiting.decided else "waits")
    facts = {"done": waiting.done, "first": waiting.first, "model": plain(waiting.model or "")}
    # Several models of one batch may each have their own.
    key = f"{waiting.batch}_{place}" if place else f"{waiting.batch}"
    said = t(f"shell.canary_{name}", waiting=t.number(waiting.waiting), **facts)
    return Message(f"canary_{key}", said, ":material/looks_one:", actions=lambda: _go_on_button(t, waiting.batch, key))


def low_balances(t: Text, status: Status) -> Iterator[Message]:
    """Keys with little left."""
    for low in status.budget.low:
        left = {
            "provider": mode_label(t, low.provider),
            "key": low.key_label,
            "left": low.money.model_dump(mode="json"),
        }
        said = t.error(ErrorKind.BALANCE, "balance_low", left)
        yield Message(f"low_{low.provider}_{low.key_id}", said, ":material/battery_alert:", "warning")


def held(visit: Visit, code: str, params: dict[str, Any], mode: ProviderId | None = None) -> Message:
    """Why the budget holds the queue, and its two ways on."""
    t = visit.t
    named = params | {"provider": mode_label(t, ProviderId(params["provider"]))} if "provider" in params else params
    key = mode.value if mode else "project"

    def ways_on() -> None:
        if code in _NO_WAY_ON or not sign_in.may(Role.OWNER):
            return
        once, why = t("shell.budget_once"), t("shell.budget_once_help")
        st.button(once, key=f"budget_once_{key}", on_click=_ask_once, help=why)
        _raise_button(t, BudgetScope(code.removeprefix("budget_")), key)

    return Message(f"budget_{key}", t.error(ErrorKind.BALANCE, code, named), _ICON, "warning", ways_on)


def _raise_button(t: Text, scope: BudgetScope, key: str) -> None:
    st.button(t("shell.budget_raise"), key=f"budget_raise_{key}", on_click=_ask_raise, args=(scope,), type="primary")


def stopped(t: Text, failure: Failure, key: str, go_on: Callable[..., None], *args: Any) -> None:
    """What a language model was not asked for the budget's sake, and the same two ways on.

    :param go_on: asks it, once the limit has let it through
    """
    with st.container(horizontal=True, vertical_alignment="center", key=f"budget_held_{key}"):
        st.warning(t.failure(failure), icon=_ICON)
        if failure.code == f"{STOPPED_BY_BUDGET}{BudgetScope.RUN}" or not sign_in.may(Role.OWNER):
            return
        st.button(t("shell.budget_once"), key=f"budget_once_{key}", on_click=_ask_through, args=(go_on, *args))
        _raise_button(t, BudgetScope(failure.code.removeprefix(STOPPED_BY_BUDGET)), key)


@handle_errors
def _ask_through(go_on: Callable[..., None], *args: Any) -> None:
    t = current_visit().t
    question = t("shell.writing_once_question")
    dialogs.ask(t("shell.budget_once"), dialogs.confirm, question, t("shell.budget_once"), _through, go_on, *args)


@handle_errors
def _through(go_on: Callable[..., None], *args: Any) -> None:
    visit = current_visit()
    visit.app.budget.go_on(visit.project.id)
    go_on(*args)


def _go_on_button(t: Text, batch: int, key: str) -> None:
    if sign_in.may(Role.MAKER):
        st.button(t("shell.canary_go_on"), key=f"canary_go_on_{key}", on_click=_ask_rest, args=(batch,))


@handle_errors
def _ask_rest(batch: int) -> None:
    visit = current_visit()
    app, project = visit.app, visit.project.id
    preflight.order(
        app.tasks.estimate_batch(project, batch),
        lambda _again: app.tasks.preflight_batch(project, batch),
        lambda _choice: _release(batch),
    )


@handle_errors
def _release(batch: int) -> None:
    visit = current_visit()
    released = visit.app.tasks.go_on(visit.project.id, batch)
    toast_later(visit.t.n("shell.canary_released", released), ":material/check:")


@handle_errors
def _ask_once() -> None:
    t = current_visit().t
    dialogs.ask(t("shell.budget_once"), dialogs.confirm, t("shell.budget_once_question"), t("shell.budget_once"), _once)


@handle_errors
def _once() -> None:
    visit = current_visit()
    visit.app.budget.go_on(visit.project.id)
    toast_later(visit.t("shell.budget_goes_on"), ":material/check:")


@handle_errors
def _ask_raise(scope: BudgetScope) -> None:
    dialogs.ask(current_visit().t(f"shell.budget_raise_{scope}"), _raise, scope)


def _raise(scope: BudgetScope) -> None:
    """The dialog: the new limit, and what is spent already."""
    visit = current_visit()
    t = visit.t
    standing = next((one for one in visit.app.budget.standing(visit.project.id).standings if one.scope is scope), None)
    if standing is None:
        st.caption(t("shell.budget_no_limit"))
        return
    st.caption(limit_line(t, standing))
    st.number_input(
        t("shell.budget_new_limit", currency=standing.limit.currency),
        value=float(standing.limit.amount),
        min_value=0.0,
        step=10.0,
        format="%g",
        key=_NEW_LIMIT,
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(t("common.cancel"), key="budget_raise_cancel", on_click=st.rerun)
        st.button(t("common.save"), key="budget_raise_save", type="primary", on_click=_save, args=(scope,))


@handle_errors
def _save(scope: BudgetScope) -> None:
    # Not handed over by the button, which knows only what was typed when it was drawn.
    visit, amount = current_visit(), Decimal(str(st.session_state[_NEW_LIMIT]))
    if scope is BudgetScope.PROJECT:
        visit.app.budget.limit_project(visit.project.id, amount)
    else:
        visit.app.settings_file.change({_LIMITS[scope]: amount})
        visit.app.worker.wake()
    st.rerun()
