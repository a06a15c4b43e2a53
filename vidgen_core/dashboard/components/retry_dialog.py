"""The dialog before failed tasks are submitted again: one checkbox a failure class, and the price of what is selected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import streamlit as st

from vidgen_core import money
from vidgen_core.dashboard.components import batches, dialogs, preflight
from vidgen_core.dashboard.session import current_visit, handle_errors
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.tasks import Task
from vidgen_core.i18n import Text
from vidgen_core.services.generation.recovery import Step, StepName

#: Failures that the same prompt, picture and parameters will most likely meet again.
_WOULD_FAIL_AGAIN: Final = frozenset({ErrorKind.MODERATION, ErrorKind.PARAMETER})


class Group(NamedTuple):
    """Failed tasks that share one checkbox."""

    #: The error's class, or ``cancelled``; with ``.free`` where a free way on exists.
    name: str
    tasks: list[Task]
    steps: list[Step]

    @property
    def kind(self) -> str:
        return self.name.removesuffix(".free")

    @property
    def is_free_first(self) -> bool:
        return self.name.endswith(".free")

    @property
    def selected(self) -> bool:
        """Selected at first: a retry may succeed, and nothing free would do instead."""
        return not self.is_free_first and not self.asks and self.kind not in _WOULD_FAIL_AGAIN

    @property
    def asks(self) -> bool:
        return any(step.asks for step in self.steps)

    @property
    def advice(self) -> str:
        """Why it is not selected at first: ``tasks.retry_why.<name>`` in the catalogues."""
        return "free_way" if self.is_free_first and not self.asks else self.kind


@handle_errors
def ask(ids: list[int]) -> None:
    visit = current_visit()
    tasks = [task for some in batches.in_batches(ids) for task in visit.app.tasks.many(some)]
    dialogs.ask(visit.t("tasks.retry_title"), _retry, group(tasks), width="medium")


def group(tasks: Sequence[Task]) -> list[Group]:
    """The tasks that can be submitted again, grouped by failure class and whether a free step remains."""
    found: dict[str, Group] = {}
    app = current_visit().app
    table = app.budget.table()
    for task in tasks:
        *free, again = app.tasks.steps(task, table) or (None,)
        if again is None or again.name is not StepName.SUBMIT_AGAIN:
            continue
        name = (task.failure.kind.value if task.failure else "cancelled") + (".free" if _has_free_step(free) else "")
        kept = found.setdefault(name, Group(name, [], []))
        kept.tasks.append(task)
        kept.steps.append(again)
    return sorted(found.values(), key=lambda group: (not group.selected, group.name))


def _has_free_step(free: Iterable[Step | None]) -> bool:
    names = {step.name for step in free if step}
    return bool(names & {StepName.LOOK_AGAIN, StepName.DOWNLOAD_AGAIN})


def _retry(groups: list[Group]) -> None:
    """The body of the dialog."""
    t = current_visit().t
    st.caption(t("tasks.retry_intro"))
    selected = [group for group in groups if _checkbox(t, group)]
    count = sum(len(group.tasks) for group in selected)
    price = _price(t, [step for group in selected for step in group.steps])
    if any(group.asks for group in selected):
        st.warning(t("tasks.retry_twice"), icon=":material/warning:")
    dialogs.buttons(
        "retry", t("tasks.retry_act", n=t.number(count), price=price), _submit_again, selected, disabled=not count
    )


def _checkbox(t: Text, group: Group) -> bool:
    name = t("tasks.kind.cancelled") if group.kind == "cancelled" else t(f"tasks.kind.{group.kind}")
    with st.container(gap=None):
        selected = st.checkbox(
            t("tasks.retry_group", what=name, n=t.number(len(group.tasks)), price=_price(t, group.steps)),
            value=group.selected,
            key=f"retry_{group.name}",
        )
        if not group.selected:
            st.caption(t(f"tasks.retry_why.{group.advice}"))
    return selected


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
    preflight.order_tasks(every, lambda: _retry_all(ids))
    st.rerun()


@handle_errors
def _retry_all(ids: dict[bool, list[int]]) -> None:
    batches.apply(retry=ids[False], retry_in_doubt=ids[True])
