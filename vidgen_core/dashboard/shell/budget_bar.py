"""The budget in the header: how much is used, why the queue is paused, and how to go on."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs, preflight
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
from vidgen_core.services.scripts.llm_queue import STOPPED_BY_BUDGET
from vidgen_core.services.system.worker_control import Status
from vidgen_core.worker.limits.budget_pause import CODES

_NEW_LIMIT: Final = "budget_new_limit"
#: Holds of which the sentence says all; a run that goes on by itself ends at its own limit.
_NO_WAY_ON: Final = ("budget_rate_missing", f"budget_{BudgetScope.RUN}")
_LIMITS: Final = {BudgetScope.ALL: "budget.limit", BudgetScope.DAY: "budget.per_day"}


def is_of_budget(hold: dict[str, Any]) -> bool:
    """Whether a lane is held back by the budget."""
    return str(hold.get("code")) in CODES


def badge(t: Text, status: Status) -> None:
    """The limit of which least is left; every limit is in its help."""
    nearest = status.budget.nearest
    if nearest is None:
        return
    colour = "red" if nearest.reached else "orange" if nearest.warns else "green"
    every = "  \n".join(_said(t, standing) for standing in status.budget.standings)
    st.badge(_said(t, nearest), icon=":material/savings:", color=colour, help=every)  # type: ignore[arg-type]


def _said(t: Text, standing: LimitStatus) -> str:
    return t(
        f"shell.budget_{standing.scope}",
        spent=t.money(standing.spent, estimated=True),
        limit=t.money(standing.limit, estimated=False),
        percent=standing.percent,
    )


def troubles(visit: Visit, status: Status) -> None:
    """What the budget holds back, keys with little left, and batches that wait for their first shot."""
    t, hold = visit.t, status.budget.hold
    if hold is not None:
        held(visit, str(hold["code"]), hold["params"])
    for low in status.budget.low:
        left = {
            "provider": mode_label(t, low.provider),
            "key": low.key_label,
            "left": low.money.model_dump(mode="json"),
        }
        st.warning(t.error(ErrorKind.BALANCE, "balance_low", left), icon=":material/battery_alert:")
    for place, waiting in enumerate(status.canaries):
        _canary(visit, place, waiting)


def held(visit: Visit, code: str, params: dict[str, Any], mode: ProviderId | None = None) -> None:
    """One sentence and its two ways on."""
    t = visit.t
    named = params | {"provider": mode_label(t, ProviderId(params["provider"]))} if "provider" in params else params
    said = t.error(ErrorKind.BALANCE, code, named)
    key = mode.value if mode else "project"
    with st.container(horizontal=True, vertical_alignment="center", key=f"budget_held_{key}"):
        st.warning(said, icon=":material/savings:")
        if code in _NO_WAY_ON or not sign_in.may(Role.OWNER):
            return
        st.button(
            t("shell.budget_once"), key=f"budget_once_{key}", on_click=_ask_once, help=t("shell.budget_once_help")
        )
        _raise_button(t, BudgetScope(code.removeprefix("budget_")), key)


def _raise_button(t: Text, scope: BudgetScope, key: str) -> None:
    st.button(t("shell.budget_raise"), key=f"budget_raise_{key}", on_click=_ask_raise, args=(scope,), type="primary")


def stopped(t: Text, failure: Failure, key: str, go_on: Callable[..., None], *args: Any) -> None:
    """What a language model was not asked for the budget's sake, and the same two ways on.

    :param go_on: asks it, once the limit has let it through
    """
    with st.container(horizontal=True, vertical_alignment="center", key=f"budget_held_{key}"):
        st.warning(t.failure(failure), icon=":material/savings:")
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


def _canary(visit: Visit, place: int, waiting: Canary) -> None:
    t = visit.t
    name = ("model_" if waiting.model else "") + ("decided" if waiting.decided else "waits")
    facts = {"done": waiting.done, "first": waiting.first, "model": plain(waiting.model or "")}
    # Several models of one batch may each have their own.
    more = f"{waiting.batch}_{place}" if place else f"{waiting.batch}"
    with st.container(horizontal=True, vertical_alignment="center", key=f"canary_{more}"):
        st.info(t(f"shell.canary_{name}", waiting=t.number(waiting.waiting), **facts), icon=":material/looks_one:")
        if sign_in.may(Role.MAKER):
            st.button(t("shell.canary_go_on"), key=f"canary_go_on_{more}", on_click=_ask_rest, args=(waiting.batch,))


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
    st.caption(_said(t, standing))
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
