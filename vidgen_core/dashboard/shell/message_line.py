"""The line under the header: one reserved place for the selection, undo, holds, missing keys and tips.

Whatever comes or goes there, nothing else on the page moves. Of several messages the most urgent one is shown, and all of them
behind a button.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.components import preflight, task_actions
from vidgen_core.dashboard.components.actions import Message
from vidgen_core.dashboard.components.labels import mode_label
from vidgen_core.dashboard.quality import best, model_dialog
from vidgen_core.dashboard.session import (
    Visit,
    current_visit,
    handle_errors,
    lines,
    open_page,
    page_file,
    page_name,
    show_told,
)
from vidgen_core.dashboard.shell import (
    agent_orders,
    autopilot_switch,
    budget_bar,
    live_updates,
    project_menu,
    sign_in,
)
from vidgen_core.dashboard.shots import list_tools, selection
from vidgen_core.dashboard.shots.dialogs import undo_message
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import ShotFilter, TaskFilter
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.i18n import Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.library.projects import SAMPLE
from vidgen_core.services.system.worker_control import Status
from vidgen_core.worker import database_age
from vidgen_core.worker.limits.concurrency import KEY_CAME
from vidgen_core.worker.limits.provider_pause import UNWRITABLE

_SLOWLY: Final = 10
#: Holds that all providers share: said once, whoever's name stands in them.
_OF_THE_DATABASE: Final = database_age.CODES | {UNWRITABLE}
#: Longer ones may be cut off in the line, so that there is a button that shows all of them.
_LONG: Final = 80
_CLOSED_TIPS: Final = "_closed_tips"


def show() -> None:
    """Draw the line and have it refreshed."""
    live_updates.watch(selection.LINE, _shown)

    @st.fragment(key=selection.LINE, run_every=_SLOWLY)
    def draw() -> None:
        show_told()
        visit = current_visit()
        messages = list(_messages(visit, visit.app.worker.status(visit.project.id)))
        chosen = visit.app.shots.views(selection.selected(visit)) if page_name() == "shots" else []
        kind = "selection" if chosen else messages[0].kind if messages else "none"
        with (
            st.container(key="message_line", gap=None),
            st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False, key=f"message_{kind}"),
        ):
            if chosen:
                selection.bar(visit, chosen)
                undo = messages[0] if messages and messages[0].name.startswith("undo") else None
                if undo is not None and undo.actions is not None:
                    messages.remove(undo)
                    st.markdown(f"{undo.icon} {undo.text}", width="content")
                    undo.actions()
            elif messages:
                _say(messages[0])
            else:
                # A container with nothing in it would have no height.
                st.space("stretch")
            _all(visit.t, messages, hidden=bool(chosen))

    draw()


def _shown() -> object:
    visit = current_visit()
    messages = _messages(visit, visit.app.worker.status(visit.project.id))
    return [message[:4] for message in messages], selection.shown()


def _say(message: Message) -> None:
    st.markdown(f"{message.icon} {message.text}", width="stretch")
    if message.actions is not None:
        message.actions()


def _all(t: Text, messages: list[Message], *, hidden: bool) -> None:
    """Every message in full, where the line has no room for them."""
    more = len(messages) - (0 if hidden else 1)
    if more <= 0 and not (messages and not hidden and len(messages[0].text) > _LONG):
        return
    label = t.n("shell.messages_more", more) if more > 0 else t("shell.message_whole")
    with st.popover(label, icon=":material/notifications:", key="messages_all", type="tertiary"):
        for place, message in enumerate(messages):
            with st.container(key=f"message_of_{message.name}"):
                st.markdown(f"{message.icon} {message.text}")
                if message.actions is not None and (place or hidden):
                    message.actions()


# --- what there is to say, the most urgent first


def _messages(visit: Visit, status: Status) -> Iterator[Message]:
    for undo in (undo_message(visit.t), task_actions.undo_message(visit.t), best.undo_message(visit.t)):
        if undo is not None:
            yield undo
    yield from agent_orders.messages(visit)
    yield from _worker(visit.t, status)
    yield from _holds(visit, status)
    if status.key_missing:
        yield _no_key(visit, status)
    yield from budget_bar.messages(visit, status)
    run = autopilot_switch.message(visit)
    if run is not None:
        yield run
    judging = model_dialog.message(visit)
    if judging is not None:
        yield judging
    if status.paused:
        by_user = status.paused == "user"
        why = visit.t("shell.paused_by_user") if by_user else visit.t.error(ErrorKind.PROVIDER, status.paused, {})
        yield Message("paused", why, ":material/pause_circle:")
    yield from budget_bar.low_balances(visit.t, status)
    if status.alive and not (status.here or status.shared) and status.heartbeat is not None:
        beat = status.heartbeat
        yield Message("elsewhere", visit.t("shell.runner_elsewhere", host=beat.host, pid=beat.pid), ":material/dns:")
    news = list_tools.news(visit) if page_name() == "shots" else None
    if news is not None:
        yield news
    yield from _tips(visit, status)
    if page_name() == "pick" and sign_in.may(Role.MAKER):
        waiting = best.waiting_message(visit)
        if waiting is not None:
            yield waiting


def _worker(t: Text, status: Status) -> Iterator[Message]:
    sign = ":material/heart_broken:"
    if status.alive:
        return
    if status.shared:
        yield Message("worker", t("shell.workers_none"), sign, "warning")
    elif status.silent is not None:
        yield Message("worker", t("shell.runner_silent", time=t.ago(status.silent)), sign, "warning")
    elif status.live:
        yield Message("worker", t("shell.runner_none"), sign, "warning")


def _holds(visit: Visit, status: Status) -> Iterator[Message]:
    """Providers that are held back, and why."""
    t = visit.t
    if status.budget.hold is not None:
        yield budget_bar.held(visit, str(status.budget.hold["code"]), status.budget.hold["params"])
    told: set[str] = set()
    for mode, hold in status.provider_pauses.items():
        code, params = str(hold.get("code")), hold.get("params") or {}
        if budget_bar.is_of_budget(hold):
            yield budget_bar.held(visit, code, params, mode)
            continue
        if code in told:
            continue
        own = t.error(ErrorKind.PROVIDER, code, _in_words(t, mode, params))
        if code in _OF_THE_DATABASE:
            told.add(code)
        else:
            own = t("shell.pause_held", mode=mode_label(t, mode), why=own)
        said = lines(t.with_words(own, params))
        yield Message(f"pause_{mode}", said, ":material/front_hand:", "warning", partial(_go_on, t, mode, code))


def _go_on(t: Text, mode: ProviderId, code: str) -> None:
    if sign_in.may(Role.MAKER):
        act = _ask_release if code == KEY_CAME else _resume
        st.button(t("shell.go_on"), key=f"go_on_{mode}", on_click=act, args=(mode,))


def _in_words(t: Text, mode: ProviderId, params: dict[str, Any]) -> dict[str, Any]:
    """The params of a hold with the provider's name and the sentence of what caused it."""
    filled = params | {"provider": mode_label(t, mode)}
    cause = str(params.get("cause", ""))
    if cause:
        filled["cause"] = t.error(cause if cause in set(ErrorKind) else ErrorKind.PROVIDER, cause, params)
    return filled


@handle_errors
def _resume(_mode: ProviderId) -> None:
    current_visit().app.worker.resume()


@handle_errors
def _ask_release(mode: ProviderId) -> None:
    """Show what was queued while there was no key, with its price, before it goes."""
    app, project = current_visit().app, current_visit().project.id
    ids = app.tasks.ids(None, TaskFilter(statuses=frozenset({TaskStatus.QUEUED}), provider=mode))
    estimate = app.tasks.estimate_tasks(ids).model_copy(update={"asks": True})
    preflight.order(estimate, lambda _again: app.tasks.preflight_tasks(project, ids), lambda _choice: _release(mode))


@handle_errors
def _release(mode: ProviderId) -> None:
    current_visit().app.worker.release(mode)


def _no_key(visit: Visit, status: Status) -> Message:
    def enter() -> None:
        if sign_in.may(Role.OWNER):
            label, act = visit.t("gate.enter_key"), preflight.enter_key
            st.button(label, key="enter_key", type="primary", on_click=act, args=(status.mode,))

    return Message("no_key", preflight.no_key(visit, status.mode), ":material/key:", "warning", enter)


# --- the first steps


def _tips(visit: Visit, status: Status) -> Iterator[Message]:
    """In the sample project: generate, then choose, then bring your own."""
    t = visit.t
    if not any(visit.project.name == name for name, _ in SAMPLE.values()) or not sign_in.may(Role.MAKER):
        return
    shots, counts = visit.app.shots, status.counts
    if not any(counts.values()):
        if status.mode.is_free:
            yield Message("tip_generate", t("shots.welcome"), "👋")
    elif shots.count(visit.project.id, ShotFilter(state="chosen")):
        if not st.session_state.get(_CLOSED_TIPS):
            yield Message("tip_own", t("shell.tip_own"), ":material/upload_file:", actions=lambda: _own(t))
    elif page_name() != "pick" and shots.count(visit.project.id, ShotFilter(state="to_choose")):
        yield Message("tip_choose", t("shell.tip_choose"), "⭐", actions=lambda: _lead(t("shell.page.pick"), "pick"))


def _own(t: Text) -> None:
    """Own shots go into a project of their own: their numbers would be those of the sample's."""
    if st.button(t("shell.tip_own_act"), key="tip_own", icon=":material/arrow_forward:", on_click=_own_project):
        open_page("add")
    st.button("✕", key="tip_close", type="tertiary", help=t("common.close"), on_click=_close_tip)


def _own_project() -> None:
    visit = current_visit()
    project_menu.open_project(visit.app.projects.ensure(visit.t("shell.own_project")).name)


def _lead(label: str, page: str) -> None:
    st.page_link(page_file(page), label=f"**{label}**", icon=":material/arrow_forward:")


def _close_tip() -> None:
    st.session_state[_CLOSED_TIPS] = True
