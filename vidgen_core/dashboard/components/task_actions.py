"""What can be done with many tasks at once; what costs money or takes something away asks first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import streamlit as st

from vidgen_core import money
from vidgen_core.dashboard.components import dialogs, preflight, task_table
from vidgen_core.dashboard.components.batches import carry_out, in_batches
from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.components.task_filter import Query
from vidgen_core.dashboard.session import current_visit, handle_errors, session_value, toast_later
from vidgen_core.db import TaskFilter
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.tasks import LIVE, Task, TaskStatus
from vidgen_core.i18n import STATUS_ICONS, Text
from vidgen_core.services.views import Outcome, Refusal, Step, StepName

_DELETED: Final = "_tasks_deleted"
#: Refusals that are told one by one.
TOLD: Final = 3
#: Failures that the same prompt, picture and parameters will most likely meet again.
_WOULD_FAIL_AGAIN: Final = frozenset({ErrorKind.MODERATION, ErrorKind.PARAMETER})


class Action(NamedTuple):
    """A button over the table."""

    name: str
    icon: str
    act: Callable[[list[int]], None]
    ids: list[int]
    #: What it will probably cost; empty where the act itself asks with the price, or is free.
    price: str = ""


def show_bar(t: Text, tasks: Sequence[Task]) -> None:
    """A button for everything that can be done with at least one of ``tasks``, with the number it would touch."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="tasks_bar"):
        st.markdown(f"**{t.n('tasks.selected', len(tasks))}**", width="content")
        show_actions(t, actions(tasks))


def show_actions(t: Text, found: Iterable[Action]) -> None:
    """A button each, in the row that is being drawn."""
    for action in found:
        label = t(f"tasks.do.{action.name}", n=t.number(len(action.ids)))
        st.button(
            t("money.with_worth", amount=label, worth=action.price) if action.price else label,
            icon=action.icon,
            key=f"tasks_do_{action.name}",
            help=t(f"tasks.help.{action.name}"),
            type="primary" if action.name == "retry" else "secondary",
            on_click=action.act,
            args=(action.ids,),
        )


def actions(tasks: Sequence[Task]) -> list[Action]:
    """What can be done with at least one of ``tasks``."""
    app = current_visit().app
    table = app.budget.table()
    steps = {task.id: {step.name for step in app.tasks.steps(task, table)} for task in tasks}
    live = [task for task in tasks if task.status in LIVE or task.status is TaskStatus.PENDING]

    def having(name: StepName) -> list[int]:
        return [task.id for task in tasks if name in steps[task.id]]

    found = [
        Action("start", ":material/play_arrow:", start, _ids(tasks, {TaskStatus.PENDING}), _start_price(tasks)),
        Action("look_again", ":material/visibility:", look_again, having(StepName.LOOK_AGAIN)),
        Action("download_again", ":material/download:", download_again, having(StepName.DOWNLOAD_AGAIN)),
        Action("retry", ":material/replay:", ask_retry, having(StepName.SUBMIT_AGAIN)),
        Action("pin", ":material/push_pin:", pin, [task.id for task in live if not task.priority]),
        Action("unpin", ":material/keep_off:", unpin, [task.id for task in live if task.priority]),
        Action("cancel", ":material/cancel:", cancel, [task.id for task in live]),
        Action("delete", ":material/delete:", delete, [task.id for task in tasks]),
    ]
    return [action for action in found if action.ids]


def _start_price(tasks: Sequence[Task]) -> str:
    """What starting the kept ones among ``tasks`` will probably cost."""
    t, total = current_visit().t, money.total(task.cost for task in tasks if task.status is TaskStatus.PENDING)
    if total is None:
        return t("shell.price_unknown")
    return t.money(total, estimated=True) if total.amount else t("shell.free")


def _ids(tasks: Iterable[Task], statuses: Iterable[TaskStatus]) -> list[int]:
    return [task.id for task in tasks if task.status in set(statuses)]


# --- on all that the filter leaves


def show_all_menu(t: Text, query: Query) -> None:
    """What can be done without picking rows; the ids are looked up at the click."""
    with dialogs.menu(t("tasks.all_matching" if query.narrowed else "tasks.all"), "tasks_all", ":material/done_all:"):
        for name, (icon, _, _) in _FOR_ALL.items():
            st.button(
                t(f"tasks.all.{name}"),
                icon=icon,
                key=f"tasks_all_{name}",
                on_click=_for_all,
                args=(name, query.wanted),
                width="stretch",
            )


@handle_errors
def _for_all(name: str, wanted: TaskFilter) -> None:
    visit = current_visit()
    _, act, statuses = _FOR_ALL[name]
    narrowed = replace(wanted, statuses=(wanted.statuses & statuses) if wanted.statuses else statuses)
    ids = visit.app.tasks.ids(visit.project.id, narrowed) if narrowed.statuses else []
    if ids:
        act(ids)
    else:
        toast_later(visit.t(f"tasks.none.{name}"), ":material/info:")


# --- wishes that ask nothing


@handle_errors
def start(ids: list[int]) -> None:
    """Release kept tasks; a large or dear order is gone through on the sheet first."""
    preflight.order(current_visit().app.tasks.estimate_tasks(ids), _sheet_of(ids), lambda _choice: _start(ids))


def _sheet_of(ids: list[int]) -> preflight.Look:
    visit = current_visit()
    return lambda _again: visit.app.tasks.preflight_tasks(visit.project.id, ids)


@handle_errors
def _start(ids: list[int]) -> None:
    carry_out(_finish, start=ids)


@handle_errors
def look_again(ids: list[int]) -> None:
    carry_out(_finish, look_again=ids)


@handle_errors
def download_again(ids: list[int]) -> None:
    carry_out(_finish, download_again=ids)


@handle_errors
def delete(ids: list[int]) -> None:
    """Take tasks off the list; ``show_undo`` offers to bring them back."""
    carry_out(_finish, delete=ids)


@handle_errors
def pin(ids: list[int]) -> None:
    current_visit().app.tasks.pin(ids)
    toast_later(current_visit().t.n("tasks.done.pin", len(ids)), ":material/push_pin:")


@handle_errors
def unpin(ids: list[int]) -> None:
    current_visit().app.tasks.pin(ids, pinned=False)
    toast_later(current_visit().t.n("tasks.done.unpin", len(ids)), ":material/keep_off:")


@handle_errors
def restore() -> None:
    ids: list[int] = st.session_state.pop(_DELETED, [])
    for some in in_batches(ids):
        current_visit().app.tasks.restore(some)
    toast_later(current_visit().t.n("tasks.done.restore", len(ids)), ":material/undo:")
    task_table.forget_order()


def show_undo(t: Text) -> None:
    """After a delete: what was taken away and the way back."""
    gone: list[int] = session_value(_DELETED, [])
    if gone:
        with st.container(horizontal=True, vertical_alignment="center", border=True, key="tasks_undo_bar"):
            st.markdown(f":material/delete: {t.n('tasks.deleted', len(gone))}", width="stretch")
            st.button(t("tasks.undo"), icon=":material/undo:", key="tasks_undo", on_click=restore, shortcut="U")
            st.button(t("common.close"), key="tasks_undo_close", type="tertiary", on_click=_keep_deleted)


def _keep_deleted() -> None:
    st.session_state[_DELETED] = []


# --- cancelling


@handle_errors
def cancel(ids: list[int]) -> None:
    """What was not sent ends at once; giving up on what was sent may still cost, so it asks."""
    carry_out(_finish, cancel=ids)


def _ask_give_up(sent: list[int]) -> None:
    t = current_visit().t
    question = t.n("tasks.give_up_question", len(sent))
    dialogs.ask(t("tasks.give_up_title"), dialogs.confirm, question, t("tasks.give_up"), _give_up, sent)


@handle_errors
def _give_up(ids: list[int]) -> None:
    carry_out(_finish, give_up=ids)


# --- everything


@handle_errors
def ask_clear() -> None:
    visit = current_visit()
    total = sum(visit.app.tasks.counts(visit.project.id).values())
    question = visit.t.n("tasks.clear_question", total, project=plain(visit.project.name))
    dialogs.ask(visit.t("tasks.clear_title"), dialogs.confirm, question, visit.t("tasks.clear_act"), _clear)


@handle_errors
def _clear() -> None:
    visit = current_visit()
    delete(visit.app.tasks.ids(visit.project.id))


# --- submitting again: paid


class Group(NamedTuple):
    """Failed tasks that are offered together."""

    #: The error's class, or ``cancelled``; with ``.free`` where a free way on exists.
    name: str
    tasks: list[Task]
    steps: list[Step]

    @property
    def kind(self) -> str:
        return self.name.removesuffix(".free")

    @property
    def has_free_way(self) -> bool:
        return self.name.endswith(".free")

    @property
    def ticked(self) -> bool:
        """Whether trying again is the sensible thing to do: it may succeed, and nothing free would do instead."""
        return not self.has_free_way and not self.asks and self.kind not in _WOULD_FAIL_AGAIN

    @property
    def asks(self) -> bool:
        return any(step.asks for step in self.steps)

    @property
    def advice(self) -> str:
        """What is said to somebody who thinks of ticking it all the same."""
        return "free_way" if self.has_free_way and not self.asks else self.kind


@handle_errors
def ask_retry(ids: list[int]) -> None:
    visit = current_visit()
    tasks = [task for some in in_batches(ids) for task in visit.app.tasks.many(some)]
    dialogs.ask(visit.t("tasks.retry_title"), _retry, group(tasks), width="medium")


def group(tasks: Sequence[Task]) -> list[Group]:
    """The tasks that can be submitted again, by what they failed of and whether that can be mended for free."""
    found: dict[str, Group] = {}
    app = current_visit().app
    table = app.budget.table()
    for task in tasks:
        *free, again = app.tasks.steps(task, table) or (None,)
        if again is None:
            continue
        name = (task.failure.kind.value if task.failure else "cancelled") + (".free" if _mends(free) else "")
        kept = found.setdefault(name, Group(name, [], []))
        kept.tasks.append(task)
        kept.steps.append(again)
    return sorted(found.values(), key=lambda group: (not group.ticked, group.name))


def _mends(free: Iterable[Step | None]) -> bool:
    names = {step.name for step in free if step}
    return bool(names & {StepName.LOOK_AGAIN, StepName.DOWNLOAD_AGAIN})


def _retry(groups: list[Group]) -> None:
    """The dialog: one tick a class, the price of what is ticked on the button."""
    t = current_visit().t
    st.caption(t("tasks.retry_intro"))
    ticked = [group for group in groups if _tick(t, group)]
    count = sum(len(group.tasks) for group in ticked)
    price = _price(t, [step for group in ticked for step in group.steps])
    if any(group.asks for group in ticked):
        st.warning(t("tasks.retry_twice"), icon=":material/warning:")
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(t("common.cancel"), key="retry_cancel", on_click=st.rerun)
        st.button(
            t("tasks.retry_act", n=t.number(count), price=price),
            key="retry_act",
            type="primary",
            disabled=not count,
            on_click=_submit_again,
            args=(ticked,),
        )


def _tick(t: Text, group: Group) -> bool:
    name = t("tasks.kind.cancelled") if group.kind == "cancelled" else t(f"tasks.kind.{group.kind}")
    with st.container(gap=None):
        ticked = st.checkbox(
            t("tasks.retry_group", what=name, n=t.number(len(group.tasks)), price=_price(t, group.steps)),
            value=group.ticked,
            key=f"retry_{group.name}",
        )
        if not group.ticked:
            st.caption(t(f"tasks.retry_why.{group.advice}"))
    return ticked


def _price(t: Text, steps: Sequence[Step]) -> str:
    paid = [step.money for step in steps if not step.free]
    if not paid:
        return t("shell.free")
    total = money.total(paid)
    return t.money(total, estimated=True) if total else t("shell.price_unknown")


@handle_errors
def _submit_again(groups: list[Group]) -> None:
    ids = {asks: [task.id for group in groups if group.asks is asks for task in group.tasks] for asks in (False, True)}
    every = ids[False] + ids[True]
    preflight.order(current_visit().app.tasks.estimate_tasks(every), _sheet_of(every), lambda _choice: _retry_all(ids))
    st.rerun()


@handle_errors
def _retry_all(ids: dict[bool, list[int]]) -> None:
    carry_out(_finish, retry=ids[False], retry_in_doubt=ids[True])


_FOR_ALL: Final[dict[str, tuple[str, Callable[[list[int]], None], frozenset[TaskStatus]]]] = {
    "start": (":material/play_arrow:", start, frozenset({TaskStatus.PENDING})),
    "retry": (":material/replay:", ask_retry, frozenset({TaskStatus.FAILED})),
    "cancel": (":material/cancel:", cancel, LIVE | {TaskStatus.PENDING}),
}


# --- the end of a wish


def _finish(name: str, outcome: Outcome) -> None:
    """Say what was done, and of what was not done, why."""
    sent = [refusal.id for refusal in outcome.refused if refusal.code == "task_already_sent"]
    _report(name, outcome.done, [refusal for refusal in outcome.refused if refusal.code != "task_already_sent"])
    if name == "delete":
        st.session_state[_DELETED] = list(outcome.done)
        task_table.forget_order()
    if sent:
        _ask_give_up(sent)


def _report(name: str, done: Sequence[int], refused: Sequence[Refusal]) -> None:
    t = current_visit().t
    if done:
        toast_later(t.n(f"tasks.done.{name.removesuffix('_in_doubt')}", len(done)), ":material/check:")
    for refusal in refused[:TOLD]:
        toast_later(t.error(ErrorKind.PARAMETER, refusal.code, refusal.params), STATUS_ICONS[TaskStatus.FAILED])
    if len(refused) > TOLD:
        toast_later(t.n("tasks.refused_more", len(refused) - TOLD))
