"""The header of every screen: provider, counts, cost, and the ways to pause or stop.

It shows what the store says and asks nobody else, so it is always quick.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs, preflight
from vidgen_core.dashboard.components.labels import badge, mode_label, plain, status_colour
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, now, show_told, toast_later
from vidgen_core.dashboard.settings import picture_settings, video_settings
from vidgen_core.dashboard.shell import budget_bar, live_updates, sign_in
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.i18n import STATUS_ICONS, Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.system.worker_control import Status
from vidgen_core.worker import database_age
from vidgen_core.worker.limits.concurrency import KEY_CAME
from vidgen_core.worker.limits.provider_pause import UNWRITABLE

_FRAGMENT: Final = "header"
#: Seconds; the push signal is quicker, this is for pages whose socket is broken, and for ages that grow.
_SLOWLY: Final = 10
_MODE: Final = "mode"
#: What had ended already when the tasks began that are under way: (project id, [completed, failed]).
_BATCH: Final = "_batch"
_COUNTED: Final = (
    ("running", (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING)),
    ("queued", (TaskStatus.QUEUED,)),
    ("completed", (TaskStatus.COMPLETED,)),
    ("failed", (TaskStatus.FAILED,)),
)
_UNSENT: Final = (TaskStatus.PENDING, TaskStatus.QUEUED)
_HELD: Final = (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING)
#: Holds that all providers share: said once, whoever's name stands in them.
_OF_THE_DATABASE: Final = database_age.CODES | {UNWRITABLE}
#: Tasks under way whose price is summed up for *give up*.
_SUMMED: Final = 200


def show() -> None:
    """Draw the header and have it refreshed."""
    live_updates.watch(_FRAGMENT)
    _header()


@st.fragment(key=_FRAGMENT, run_every=_SLOWLY)
def _header() -> None:
    show_told()
    visit = current_visit()
    sign_in.stay(visit.app)
    status = visit.app.worker.status(visit.project.id)
    _tell_the_end(visit, status)
    with st.container(border=True, key="header", gap="small"):
        _provider(visit, status)
        _figures(visit, status)
        _progress(visit.t, status)
    _troubles(visit, status)


def _tell_the_end(visit: Visit, status: Status) -> None:
    """A toast, once, when everything that was waiting has ended while this page was open."""
    ended = [status.counts.get(one, 0) for one in (TaskStatus.COMPLETED, TaskStatus.FAILED)]
    project, begun = st.session_state.get(_BATCH, (None, ended))
    if not status.live and project == visit.project.id:
        done, failed = (max(0, after - before) for after, before in zip(ended, begun, strict=True))
        if done or failed:
            st.toast(visit.t("shell.batch_ended", done=done, failed=failed), icon="❌" if failed else "✅")
    if not status.live:
        st.session_state.pop(_BATCH, None)
    elif project != visit.project.id:
        st.session_state[_BATCH] = (visit.project.id, ended)


# --- who makes the videos


def _provider(visit: Visit, status: Status) -> None:
    t = visit.t
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _modes(visit, status)
        _connection(t, status)
        if not sign_in.may(Role.OWNER):
            return
        st.space("stretch")
        st.button(
            t("pictures.settings_button"),
            icon="⚙️",
            key="open_picture_settings",
            on_click=_open_picture_settings,
        )
        st.button(
            t("shell.video_settings"),
            icon="🎬",
            key="open_video_settings",
            on_click=_open_video_settings,
            shortcut="V",
        )


def _modes(visit: Visit, status: Status) -> None:
    if st.session_state.get(_MODE) != status.mode:
        # Somebody else may have switched: the mode belongs to all.
        st.session_state[_MODE] = status.mode
    st.segmented_control(
        visit.t("shell.mode"),
        list(visit.app.modes),
        required=True,
        format_func=lambda mode: f"{mode.spec.icon} {mode_label(visit.t, mode)}",
        key=_MODE,
        on_change=_switch_mode,
        label_visibility="collapsed",
        disabled=not sign_in.may(Role.OWNER) or "mode" in visit.app.settings_file.from_environment(),
        wrap=True,
    )


@handle_errors
def _switch_mode() -> None:
    wanted = st.session_state.get(_MODE)
    if wanted:
        current_visit().app.settings_file.change({"mode": ProviderId(wanted)})
        # Prices and models on the cards are those of the other provider now.
        st.rerun()


def _connection(t: Text, status: Status) -> None:
    """A dot with a word: known from the last check, never asked for here."""
    if status.mode.is_free:
        st.badge(_dot(t("shell.local_ready")), color="green")
        return
    connection = status.connection
    if connection is None:
        st.badge(_dot(t("shell.not_checked")), color="gray")
        return
    age = t.ago(status.connection_age or 0)
    if not connection.ok:
        why = t.told(connection.failure) if connection.failure else ""
        st.badge(_dot(t("shell.not_connected")), color="red", help=f"{why} ({age})")
        return
    balance = f" · {t.money(connection.balance, estimated=False)}" if connection.balance else ""
    st.badge(_dot(t("shell.connected") + balance), color="green", help=t("shell.checked", age=age))


def _dot(words: str) -> str:
    return f"● {words}"


@handle_errors
def _open_picture_settings() -> None:
    t = current_visit().t
    dialogs.ask_for(lambda: picture_settings.open_dialog(t))


@handle_errors
def _open_video_settings() -> None:
    visit = current_visit()
    dialogs.ask_for(lambda: video_settings.open_dialog(visit.t, visit.app))


# --- what is being done


def _figures(visit: Visit, status: Status) -> None:
    t = visit.t
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        # One line, not an element for each: it is drawn again and again.
        st.markdown("   ".join(_counted(t, status)), width="content")
        budget_bar.badge(t, status)
        if sign_in.may(Role.MAKER):
            st.space("stretch")
            _stops(visit, status)


def _count(status: Status, statuses: tuple[TaskStatus, ...]) -> int:
    return sum(status.counts.get(one, 0) for one in statuses)


def _counted(t: Text, status: Status) -> Iterator[str]:
    """How many tasks stand where, and what is spent, as badges."""
    for name, statuses in _COUNTED:
        number = _count(status, statuses)
        colour = status_colour(statuses[0]) if number else "gray"
        yield badge(t(f"shell.count.{name}", n=t.number(number)), STATUS_ICONS[statuses[0]], colour)
    spent = [money for money in status.spent.values() if money.amount]
    if spent:
        amount = " + ".join(t.money(money, estimated=True) for money in spent)
        yield badge(plain(t("shell.spent", amount=amount)), "", "gray")


def _left(t: Text, status: Status) -> list[str]:
    """How long it still takes, once there is something to tell it from."""
    if not status.eta_seconds or status.paused:
        return []
    return [t("shell.left", time=t.duration(status.eta_seconds, about=True))]


def _progress(t: Text, status: Status) -> None:
    if status.percent is not None and status.live:
        st.progress(status.percent, text=" · ".join([t("shell.percent", percent=status.percent), *_left(t, status)]))


# --- the stops


def _stops(visit: Visit, status: Status) -> None:
    t = visit.t
    if status.paused:
        st.button(t("shell.resume"), icon=":material/play_arrow:", key="resume", type="primary", on_click=_resume)
    else:
        st.button(t("shell.pause"), icon=":material/pause:", key="pause", on_click=_pause, help=t("shell.pause_help"))
    unsent, held = _count(status, _UNSENT), _count(status, _HELD)
    with dialogs.menu(t("shell.stop"), "stop", ":material/stop_circle:"):
        _stop_choice(t, "pause", held, _pause, disabled=bool(status.paused))
        _stop_choice(t, "unsent", unsent, _stop_unsent, disabled=not unsent)
        _stop_choice(t, "give_up", held, _ask_give_up, disabled=not held)


def _stop_choice(t: Text, name: str, count: int, act: object, *, disabled: bool) -> None:
    st.button(
        t.n(f"shell.stop_{name}", count) if count else t(f"shell.stop_{name}_none"),
        key=f"stop_{name}",
        on_click=act,  # type: ignore[arg-type]
        disabled=disabled,
        width="stretch",
    )
    st.caption(t(f"shell.stop_{name}_help"))


@handle_errors
def _pause() -> None:
    current_visit().app.worker.pause()


@handle_errors
def _resume(_mode: ProviderId | None = None) -> None:
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


@handle_errors
def _stop_unsent() -> None:
    visit = current_visit()
    stopped = visit.app.worker.stop_unsubmitted(visit.project.id)
    toast_later(visit.t.n("shell.stopped_unsent", stopped), STATUS_ICONS[TaskStatus.CANCELLED])


@handle_errors
def _ask_give_up() -> None:
    visit = current_visit()
    held = TaskFilter(statuses=frozenset(_HELD))
    page = visit.app.tasks.page(visit.project.id, held, "id", False, _SUMMED)
    question = visit.t.n(
        "shell.give_up_question", page.total, price=_price(visit.t, [task.cost for task in page.items])
    )
    dialogs.ask(visit.t("shell.give_up_title"), dialogs.confirm, question, visit.t("shell.give_up_act"), _give_up)


def _price(t: Text, costs: list[Money | None]) -> str:
    """What jobs under way may still cost, by currency."""
    sums: dict[str, Money] = {}
    for cost in costs:
        if cost is not None and cost.amount:
            before = sums.get(cost.currency)
            amount = cost.amount + (before.amount if before else 0)
            sums[cost.currency] = Money(amount=amount, currency=cost.currency)
    return " + ".join(t.money(money, estimated=True) for money in sums.values()) or t("shell.free")


@handle_errors
def _give_up() -> None:
    visit = current_visit()
    given_up = visit.app.worker.give_up(visit.project.id)
    toast_later(visit.t.n("shell.gave_up", given_up), STATUS_ICONS[TaskStatus.CANCELLED])


# --- what is wrong


def _troubles(visit: Visit, status: Status) -> None:
    """Whatever keeps the queue from moving, as a sentence with the way on."""
    t = visit.t
    if not status.alive:
        _no_runner(t, status)
    elif not status.here and status.heartbeat is not None:
        st.caption(t("shell.runner_elsewhere", host=status.heartbeat.host, pid=status.heartbeat.pid))
    if status.paused:
        reason = (
            t("shell.paused_by_user") if status.paused == "user" else t.error(ErrorKind.PROVIDER, status.paused, {})
        )
        st.info(reason, icon=":material/pause_circle:")
    budget_bar.troubles(visit, status)
    told: set[str] = set()
    for mode, hold in status.lanes.items():
        if budget_bar.is_of_budget(hold):
            budget_bar.held(visit, str(hold["code"]), hold.get("params") or {}, mode)
            continue
        code, params = str(hold.get("code")), hold.get("params") or {}
        if code in told:
            continue
        why = t.with_words(t.error(ErrorKind.PROVIDER, code, _in_words(t, mode, params)), params)
        if code in _OF_THE_DATABASE:
            told.add(code)
        else:
            why = t("shell.lane_held", mode=mode_label(t, mode), why=why)
        with st.container(horizontal=True, vertical_alignment="center", key=f"lane_{mode}"):
            st.warning(why, icon=":material/front_hand:")
            if sign_in.may(Role.MAKER):
                go_on = _ask_release if code == KEY_CAME else _resume
                st.button(t("shell.go_on"), key=f"go_on_{mode}", on_click=go_on, args=(mode,))


def _in_words(t: Text, mode: ProviderId, params: dict[str, Any]) -> dict[str, Any]:
    """The params of a hold with the provider's name and the sentence of what caused it."""
    filled = params | {"provider": mode_label(t, mode)}
    cause = str(params.get("cause", ""))
    if cause:
        filled["cause"] = t.error(cause if cause in set(ErrorKind) else ErrorKind.PROVIDER, cause, params)
    return filled


def _no_runner(t: Text, status: Status) -> None:
    if status.heartbeat is None:
        if status.live:
            st.warning(t("shell.runner_none"), icon=":material/heart_broken:")
        return
    silent = (now() - status.heartbeat.at).total_seconds()
    st.warning(t("shell.runner_silent", time=t.ago(silent)), icon=":material/heart_broken:")
