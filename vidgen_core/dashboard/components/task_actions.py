"""Actions on tasks: the registry, the bar over a selection, and the menu for everything that a filter leaves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import streamlit as st

from vidgen_core import money
from vidgen_core.dashboard.components import batches, dialogs, preflight, retry_dialog, task_table
from vidgen_core.dashboard.components.actions import Action, Message, Place, named, offered
from vidgen_core.dashboard.components.labels import amount, plain
from vidgen_core.dashboard.components.task_filter import Query
from vidgen_core.dashboard.session import current_visit, handle_errors, session_value, toast_later
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.tasks import LIVE, Task, TaskStatus
from vidgen_core.i18n import Text
from vidgen_core.services.generation.recovery import StepName


class Actionable(NamedTuple):
    """A task with the steps that are open after its failure."""

    task: Task
    steps: Collection[StepName] = ()


@handle_errors
def start(ids: list[int]) -> None:
    """Release kept tasks; a large or expensive order is confirmed on the preflight sheet first."""
    preflight.order_tasks(ids, lambda: _apply("start", ids))


@handle_errors
def _apply(name: str, ids: list[int]) -> None:
    batches.apply(**{name: ids})


def _applies(name: str) -> Callable[[list[int]], None]:
    """What a click does for an action that needs no question."""
    return lambda ids: _apply(name, ids)


@handle_errors
def _pin(ids: list[int]) -> None:
    current_visit().app.tasks.pin(ids)
    toast_later(current_visit().t.n("tasks.done.pin", len(ids)), ":material/push_pin:")


@handle_errors
def _unpin(ids: list[int]) -> None:
    current_visit().app.tasks.pin(ids, pinned=False)
    toast_later(current_visit().t.n("tasks.done.unpin", len(ids)), ":material/keep_off:")


def _start_price(t: Text, items: Sequence[Actionable]) -> str:
    return amount(t, money.total(item.task.cost for item in items))


_UNFINISHED: Final = LIVE | {TaskStatus.PENDING}
_BAR: Final = frozenset({Place.BAR})
_BAR_AND_ALL: Final = frozenset({Place.BAR, Place.ALL})

#: Every action on tasks, in the order of the bar. ``tasks.do.<name>`` and ``tasks.help.<name>`` are its words.
TASK_ACTIONS: Final[tuple[Action[Actionable], ...]] = (
    Action(
        "start",
        start,
        lambda item: item.task.status is TaskStatus.PENDING,
        ":material/play_arrow:",
        places=_BAR_AND_ALL,
        step=StepName.START,
        price=_start_price,
        statuses=frozenset({TaskStatus.PENDING}),
    ),
    Action(
        "look_again",
        _applies("look_again"),
        lambda item: StepName.LOOK_AGAIN in item.steps,
        ":material/visibility:",
        places=_BAR,
        step=StepName.LOOK_AGAIN,
    ),
    Action(
        "download_again",
        _applies("download_again"),
        lambda item: StepName.DOWNLOAD_AGAIN in item.steps,
        ":material/download:",
        places=_BAR,
        step=StepName.DOWNLOAD_AGAIN,
    ),
    Action(
        "retry",
        retry_dialog.ask,
        lambda item: StepName.SUBMIT_AGAIN in item.steps,
        ":material/replay:",
        places=_BAR_AND_ALL,
        primary=True,
        step=StepName.SUBMIT_AGAIN,
        statuses=frozenset({TaskStatus.FAILED}),
    ),
    Action(
        "pin",
        _pin,
        lambda item: item.task.status in _UNFINISHED and not item.task.priority,
        ":material/push_pin:",
        places=_BAR,
    ),
    Action(
        "unpin",
        _unpin,
        lambda item: item.task.status in _UNFINISHED and bool(item.task.priority),
        ":material/keep_off:",
        places=_BAR,
    ),
    Action(
        "cancel",
        _applies("cancel"),
        lambda item: item.task.status in _UNFINISHED,
        ":material/cancel:",
        places=_BAR_AND_ALL,
        statuses=_UNFINISHED,
    ),
    Action("delete", _applies("delete"), icon=":material/delete:", places=_BAR),
)


def step_action(step: StepName) -> Action[Actionable] | None:
    """The action that takes this step after a failure; None for steps that need a form."""
    return next((one for one in TASK_ACTIONS if one.step is step), None)


# --- on selected tasks


def show_buttons(t: Text, tasks: Sequence[Task], *, without: Collection[str] = ()) -> None:
    """A button an action, with the number of tasks it would change, in the row that is being drawn.

    :param without: names of actions that this place does not offer
    """
    app = current_visit().app
    table = app.budget.table()
    items = [Actionable(task, {step.name for step in app.tasks.steps(task, table)}) for task in tasks]
    fitting: dict[str, list[Actionable]] = {}
    for item in items:
        for action in offered(TASK_ACTIONS, Place.BAR, item):
            fitting.setdefault(action.name, []).append(item)
    for action in TASK_ACTIONS:
        if action.name in fitting and action.name not in without:
            _button(t, action, fitting[action.name])


def _button(t: Text, action: Action[Actionable], items: Sequence[Actionable]) -> None:
    label = t(f"tasks.do.{action.name}", n=t.number(len(items)))
    st.button(
        t("money.with_worth", amount=label, worth=action.price(t, items)) if action.price else label,
        icon=action.icon,
        key=f"tasks_do_{action.name}",
        help=t(f"tasks.help.{action.name}"),
        type="primary" if action.primary else "secondary",
        shortcut=action.shortcut,
        on_click=action.run,
        args=([item.task.id for item in items],),
    )


# --- on all that the filter leaves


def show_all_menu(t: Text, query: Query) -> None:
    """Actions without a selection; the ids are queried at the click."""
    with dialogs.menu(t("tasks.all_matching" if query.narrowed else "tasks.all"), "tasks_all", ":material/done_all:"):
        for action in TASK_ACTIONS:
            if Place.ALL in action.places:
                st.button(
                    t(f"tasks.all.{action.name}"),
                    icon=action.icon,
                    key=f"tasks_all_{action.name}",
                    on_click=_run_on_all,
                    args=(action.name, query.wanted),
                    width="stretch",
                )


@handle_errors
def _run_on_all(name: str, wanted: TaskFilter) -> None:
    visit, action = current_visit(), named(TASK_ACTIONS, name)
    assert action is not None, "the menu names actions of the registry"
    statuses = (wanted.statuses & action.statuses) if wanted.statuses else action.statuses
    ids = visit.app.tasks.ids(visit.project.id, replace(wanted, statuses=statuses)) if statuses else []
    if ids:
        action.run(ids)
    else:
        toast_later(visit.t(f"tasks.none.{name}"), ":material/info:")


@handle_errors
def ask_clear() -> None:
    """Ask, then delete every task of the project that is not under way."""
    visit = current_visit()
    total = sum(visit.app.tasks.counts(visit.project.id).values())
    question = visit.t.n("tasks.clear_question", total, project=plain(visit.project.name))
    dialogs.ask(visit.t("tasks.clear_title"), dialogs.confirm, question, visit.t("tasks.clear_act"), _clear)


@handle_errors
def _clear() -> None:
    visit = current_visit()
    _apply("delete", visit.app.tasks.ids(visit.project.id))


# --- undoing a deletion


def undo_message(t: Text) -> Message | None:
    """After a deletion: how many were deleted, and the button that restores them."""
    gone: list[int] = session_value(batches.DELETED, [])

    def buttons() -> None:
        st.button(t("tasks.undo"), icon=":material/undo:", key="tasks_undo", on_click=_restore, shortcut="U")
        st.button(t("common.close"), key="tasks_undo_close", type="tertiary", on_click=_keep_deleted)

    if not gone:
        return None
    return Message("undo_tasks", t.n("tasks.deleted", len(gone)), ":material/delete:", actions=buttons)


@handle_errors
def _restore() -> None:
    ids: list[int] = st.session_state.pop(batches.DELETED, [])
    for some in batches.in_batches(ids):
        current_visit().app.tasks.restore(some)
    toast_later(current_visit().t.n("tasks.done.restore", len(ids)), ":material/undo:")
    task_table.forget_order()
    st.rerun()


def _keep_deleted() -> None:
    st.session_state[batches.DELETED] = []
