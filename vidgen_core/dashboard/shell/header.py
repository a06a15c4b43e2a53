"""The header line of every screen: provider, connection, counts, cost, the ways to pause or stop, and two settings dialogs.

It is one component of a fixed height. It shows what the store says and asks nobody else, so it is always quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.components import component, dialogs
from vidgen_core.dashboard.components.labels import mode_label, status_colour
from vidgen_core.dashboard.components.task_filter import show_statuses
from vidgen_core.dashboard.session import (
    Visit,
    current_visit,
    handle_errors,
    leave_for,
    looks,
    page_name,
    show_told,
    toast_later,
)
from vidgen_core.dashboard.settings import keys_table, picture_settings, video_settings
from vidgen_core.dashboard.shell import budget_bar, live_updates, sign_in
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.i18n import STATUS_ICONS, Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.system.worker_control import Status

KEY: Final = "header_line"
_FRAGMENT: Final = "header"
#: Seconds; the push signal is quicker, this is for pages whose socket is broken, and for ages that grow.
_SLOWLY: Final = 10
#: What had ended already when the tasks began that are under way: (project id, [completed, failed]).
_BATCH: Final = "_batch"
_COUNTED: Final = {
    "running": (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING),
    "queued": (TaskStatus.QUEUED,),
    "completed": (TaskStatus.COMPLETED,),
    "failed": (TaskStatus.FAILED,),
}
_UNSENT: Final = (TaskStatus.PENDING, TaskStatus.QUEUED)
_HELD: Final = (TaskStatus.PROCESSING, TaskStatus.DOWNLOADING)
#: Tasks under way whose price is summed up for *give up*.
_SUMMED: Final = 200
#: What a failed request to the provider says of the connection: ``shell.connection.<word>`` in the catalogues.
_FAILED: Final = {ErrorKind.AUTH: "refused", ErrorKind.NETWORK: "no_network", ErrorKind.TIMEOUT: "no_network"}


def show() -> None:
    """Draw the header and have it refreshed."""
    live_updates.watch(_FRAGMENT, _shown)
    _header()


def _shown() -> object:
    visit = current_visit()
    return describe(visit, visit.app.worker.status(visit.project.id))


@st.fragment(key=_FRAGMENT, run_every=_SLOWLY)
def _header() -> None:
    show_told()
    visit = current_visit()
    sign_in.stay(visit.app)
    status = visit.app.worker.status(visit.project.id)
    _tell_the_end(visit, status)
    keys_table.tell_answer()
    component.mount("header", KEY, describe(visit, status), on_acts_change=_came)


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


# --- what it shows


def describe(visit: Visit, status: Status) -> dict[str, Any]:
    """Everything the component draws, as plain data."""
    t, app = visit.t, visit.app
    owner = sign_in.may(Role.OWNER)
    return {
        "seen": component.seen(KEY),
        "lang": {"zh": "zh-CN"}.get(t.lang, t.lang),
        "project": visit.project.name,
        # As the addresses of the sidebar name it.
        "page": page_name().removeprefix("shots"),
        "modes": [[mode.value, mode_label(t, mode)] for mode in app.modes],
        "mode": status.mode.value,
        "locked": not owner or "mode" in app.settings_file.from_environment(),
        "connection": _connection(visit, status),
        # Said by the browser itself.
        "away": _dot(t("shell.connection.offline"), "gray", t("shell.away")),
        "counts": list(_counts(t, status)),
        **_facts(t, status),
        "percent": status.percent if status.live else None,
        "paused": bool(status.paused),
        "stops": list(_stops(t, status)) if sign_in.may(Role.MAKER) else [],
        "settings": owner,
        "looks": looks(),
        "words": {
            name: t(f"shell.{name}") for name in ("mode", "counts", "pause", "resume", "stop", "more", "progress")
        }
        | {"pictures": t("pictures.settings_button"), "videos": t("shell.video_settings")},
    }


def _connection(visit: Visit, status: Status) -> dict[str, str]:
    """A dot with a word: known from the last answer of the provider, never asked for here."""
    t, connection = visit.t, status.connection
    if status.mode.is_free:
        return _dot(t("shell.local_ready"), "green", t("shell.local_ready_help"))
    if status.key_missing:
        return _dot(t("shell.connection.no_key"), "red", t("gate.enter_key"))
    if connection is None:
        return _dot(t("shell.not_checked"), "gray", t("settings.test"))
    age = t.ago(status.connection_age or 0)
    if not connection.ok:
        failure = connection.failure
        word = _FAILED.get(failure.kind, "failed") if failure else "failed"
        return _dot(
            t(f"shell.connection.{word}"),
            "red",
            "\n".join(([t.told(failure)] if failure else []) + [t("shell.checked", age=age)]),
        )
    balance = f" · {t.money(connection.balance, estimated=False)}" if connection.balance else ""
    return _dot(t("shell.connected") + balance, "green", t("shell.checked", age=age))


def _dot(words: str, colour: str, tip: str) -> dict[str, str]:
    return {"words": f"● {words}", "colour": colour, "help": tip}


def _count(status: Status, statuses: tuple[TaskStatus, ...]) -> int:
    return sum(status.counts.get(one, 0) for one in statuses)


def _counts(t: Text, status: Status) -> Iterator[tuple[str, str, str, str, str]]:
    """How many tasks stand where: name, sign, number, words and colour."""
    for name, statuses in _COUNTED.items():
        number = _count(status, statuses)
        colour = status_colour(statuses[0]) if number else "gray"
        words = t(f"shell.count.{name}", n=t.number(number))
        yield name, STATUS_ICONS[statuses[0]], t.short_number(number), words, colour


def _facts(t: Text, status: Status) -> dict[str, Any]:
    """How long it still takes, what is spent, and the limit of which least is left; every limit is in the tip."""
    facts = []
    if status.eta_seconds and not status.paused:
        facts.append(t("shell.left", time=t.duration(status.eta_seconds, about=True)))
    spent = [t.money(money, estimated=True) for money in status.spent.values() if money.amount]
    if spent:
        facts.append(t("shell.spent", amount=" + ".join(spent)))
    limits = [budget_bar.limit_line(t, standing) for standing in status.budget.standings]
    if status.budget.nearest is not None:
        facts[1:] = [budget_bar.limit_line(t, status.budget.nearest)]
    return {"facts": facts, "facts_help": "\n".join([*facts, *limits])}


def _stops(t: Text, status: Status) -> Iterator[tuple[str, str, str, bool]]:
    """The three ways to stop, each with its count and what it costs: event, words, help and whether it is off."""
    unsent, held = _count(status, _UNSENT), _count(status, _HELD)
    choices = (("pause", held, bool(status.paused)), ("unsent", unsent, not unsent), ("give_up", held, not held))
    for name, count, off in choices:
        label = t.n(f"shell.stop_{name}", count) if count else t(f"shell.stop_{name}_none")
        yield name, label, t(f"shell.stop_{name}_help"), off


# --- what is done with it


def _came() -> None:
    """The callback of the component."""
    news: Mapping[str, Any] = st.session_state[KEY].get("acts") or {}
    for act in component.unheard(KEY, news.get("acts", [])):
        carry_out(act)


@handle_errors
def carry_out(act: Mapping[str, Any]) -> None:
    """Run one event, ``{"do": "mode", "mode": "local"}`` and the like; what nobody knows does nothing."""
    run = _ACTS.get(str(act.get("do")))
    if run is not None:
        run(current_visit(), act)


def _switch_mode(visit: Visit, act: Mapping[str, Any]) -> None:
    if act.get("mode") in visit.app.modes:
        visit.app.settings_file.change({"mode": ProviderId(str(act["mode"]))})
        # Prices and models on the cards are those of the other provider now.
        st.rerun()


def _show_tasks(_visit: Visit, act: Mapping[str, Any]) -> None:
    statuses = _COUNTED.get(str(act.get("count")), ())
    show_statuses(statuses)
    leave_for("tasks")


def _open_picture_settings(visit: Visit, _act: Mapping[str, Any]) -> None:
    dialogs.ask_for(lambda: picture_settings.open_dialog(visit.t))


def _open_video_settings(visit: Visit, _act: Mapping[str, Any]) -> None:
    dialogs.ask_for(lambda: video_settings.open_dialog(visit.t, visit.app))


def _stop_unsent(visit: Visit, _act: Mapping[str, Any]) -> None:
    stopped = visit.app.worker.stop_unsubmitted(visit.project.id)
    toast_later(visit.t.n("shell.stopped_unsent", stopped), STATUS_ICONS[TaskStatus.CANCELLED])


def _ask_give_up(visit: Visit, _act: Mapping[str, Any]) -> None:
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


def _pause(visit: Visit, _act: Mapping[str, Any]) -> None:
    visit.app.worker.pause()


def _resume(visit: Visit, _act: Mapping[str, Any]) -> None:
    visit.app.worker.resume()


#: Every event of the component.
_ACTS: Final[dict[str, Callable[[Visit, Mapping[str, Any]], None]]] = {
    "mode": _switch_mode,
    "tasks": _show_tasks,
    "pictures": _open_picture_settings,
    "videos": _open_video_settings,
    "pause": _pause,
    "resume": _resume,
    "unsent": _stop_unsent,
    "give_up": _ask_give_up,
}
