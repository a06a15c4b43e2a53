"""The task table: a page of rows whose order stands still while their values go on.

Rows are selected by their position, so the ids are kept and only their values are read again. A new order gets a
new table, whose selection begins empty: a click can never hit another task than the one it was meant for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import streamlit as st

from vidgen_core.dashboard.components import paging, task_filter
from vidgen_core.dashboard.components.labels import elapsed, mode_label, status_label, verdict_label
from vidgen_core.dashboard.components.media import drawn_url, outside
from vidgen_core.dashboard.components.task_filter import Query
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, now, session_value
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.queries import Page
from vidgen_core.domain.takes import Verdict
from vidgen_core.domain.tasks import Task, TaskKind, TaskStatus
from vidgen_core.i18n import STATUS_COLOURS, VERDICT_COLOURS, Text

if TYPE_CHECKING:
    import pandas as pd

PAGE_SIZE: Final = 50
#: Looking whether the order has changed may take this share of the time.
_SHARE: Final = 20
_ORDER: Final = "_tasks_order"
_KEYS: Final = "_key_labels"
_OPENED: Final = "tasks_opened"
_ROW_HEIGHT: Final = 52
#: Badges on the grid: pale, so that their dark words and the icons in the same colour can be read in both themes.
BADGES: Final = {
    "gray": "#e2e8f0",
    "blue": "#bfdbfe",
    "orange": "#fed7aa",
    "yellow": "#fef08a",
    "green": "#bbf7d0",
    "red": "#fecaca",
    "violet": "#ddd6fe",
}


class RowOrder(NamedTuple):
    """The rows of the table as they were found."""

    asked: tuple[int, Query, int]
    ids: tuple[int, ...]
    total: int
    total_is_least: bool
    #: Names the table; another order is another table.
    number: int
    #: The same question has another answer by now.
    stale: bool = False
    #: ``time.monotonic`` before which nobody asks again.
    rests_until: float = 0.0

    @property
    def pages(self) -> int:
        return math.ceil(self.total / PAGE_SIZE)


# --- which rows


def find_rows(visit: Visit, query: Query, page: int, *, fresh: bool) -> RowOrder:
    """The rows to show: the remembered ones, unless the query has changed.

    :param fresh: also take the newest order, unless rows are selected
    """
    asked = (visit.project.id, query, page)
    kept: RowOrder | None = session_value(_ORDER, None)
    if kept is None or kept.asked != asked or not kept.ids or (fresh and not selected(kept)):
        order = _look(visit, asked, kept)
    else:
        order = _watch(visit, kept)
    st.session_state[_ORDER] = order
    return order


def forget_order() -> None:
    """Query again in the next run, because the user asks for it."""
    st.session_state.pop(_ORDER, None)
    paging.forget("tasks")


def _ask(visit: Visit, asked: tuple[int, Query, int]) -> Page[int]:
    project, query, page = asked
    if query.wanted is None:
        return Page([], 0)
    read = partial(visit.app.tasks.page, project, query.wanted, query.sort, query.descending, PAGE_SIZE)
    found = paging.turn("tasks", asked[:2], page, PAGE_SIZE, read)
    return Page([task.id for task in found.items], found.total, found.total_is_least)


def _look(visit: Visit, asked: tuple[int, Query, int], kept: RowOrder | None) -> RowOrder:
    found = _ask(visit, asked)
    pages = math.ceil(found.total / PAGE_SIZE)
    if pages and asked[2] > pages:
        # The last page has become shorter, or an address asked for one that never was.
        asked = (*asked[:2], pages)
        task_filter.turn_to(pages)
        found = _ask(visit, asked)
    ids = tuple(found.items)
    number = session_value("_tasks_tables", 0)
    if kept is None or kept.ids != ids:
        st.session_state["_tasks_tables"] = number = number + 1
    return RowOrder(asked, ids, found.total, found.total_is_least, number)


def _watch(visit: Visit, kept: RowOrder) -> RowOrder:
    """The remembered order and whether it is stale; an expensive query is not repeated at every refresh."""
    begun = time.monotonic()
    if begun < kept.rests_until:
        return kept
    found = _ask(visit, kept.asked)
    ended = time.monotonic()
    return kept._replace(
        stale=tuple(found.items) != kept.ids, total=found.total, rests_until=ended + _SHARE * (ended - begun)
    )


def load(visit: Visit, order: RowOrder) -> list[Task]:
    """The tasks of the rows as they are now, in the remembered order."""
    found = {task.id: task for task in visit.app.tasks.many(order.ids)}
    return [found[id_] for id_ in order.ids if id_ in found]


# --- the table


def selected(order: RowOrder) -> list[int]:
    """Ids of the selected rows."""
    state = st.session_state.get(table_key(order))
    rows = state["selection"]["rows"] if state else []
    return [order.ids[row] for row in rows if row < len(order.ids)]


def table_key(order: RowOrder) -> str:
    return f"tasks_table_{order.number}"


def show(visit: Visit, order: RowOrder, tasks: list[Task], open_task: Callable[[Visit, int], None]) -> None:
    """Draw the rows; ``selected`` reads the selection.

    :param open_task: called with the id of a task whose history is asked for
    """

    @handle_errors
    def opened() -> None:
        click = st.session_state.get(_OPENED)
        if click is not None and click["row"] < len(order.ids):
            open_task(current_visit(), order.ids[click["row"]])

    st.dataframe(
        frame(visit, tasks, now()),
        key=table_key(order),
        column_config=_columns(visit.t, opened),
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        row_height=_ROW_HEIGHT,
        height=min(len(tasks), 11) * _ROW_HEIGHT + 40,
        placeholder="",
        alt=visit.t("tasks.table"),
    )


def frame(visit: Visit, tasks: list[Task], at: datetime) -> pd.DataFrame:
    """One row a task, in the reader's words; columns are named by their ids."""
    # 60 MiB, imported only when a table is drawn.
    import pandas as pd

    keys = _key_labels(visit, tasks)
    rows = [_row(visit.t, task, keys.get(task.attempt_id or 0, ""), at) for task in tasks]
    return pd.DataFrame(rows, columns=list(_columns(visit.t, None)))


def _row(t: Text, task: Task, key_label: str, at: datetime) -> dict[str, Any]:
    lasted = elapsed(task, at)
    return {
        "number": task_number(t, task) + (" 📌" if task.priority else ""),
        "history": f":material/history: {t('tasks.open')}",
        "image": outside(picture) if (picture := image_url(task)) else None,
        "status": [status_label(t, task.status)],
        "verdict": [verdict_label(t, task.verdict)] if task.verdict else [],
        "progress": _progress(task),
        "prompt": task.params.prompt,
        "error": t.told(task.failure) if task.failure else flags(t, task.warnings),
        "provider": f"{mode_label(t, task.provider)} · {task.model}",
        "attempts": task.attempts,
        "key": key_label,
        "age": t.ago((at - task.created_at).total_seconds()),
        "duration": t.duration(lasted) if lasted is not None else "",
        "cost": cost(t, task),
        "file": Path(task.file).name if task.file else "",
    }


def flags(t: Text, warnings: Sequence[str]) -> str:
    """What is doubtful about a take, in one line; empty without a doubt."""
    return " ".join(f"⚠ {t(f'shots.warning.{code}')}" for code in warnings)


def task_number(t: Text, task: Task) -> str:
    """How people call it: ``1.0 v2`` for a take, ``1.0 picture 2`` for a picture."""
    name = "tasks.number" if task.output is TaskKind.VIDEO else "pictures.task_number"
    return t(name, shot=task.shot, take=task.take)


def image_url(task: Task) -> str | None:
    """The small picture that a take is made from, as it was when the take was queued, or what a task has drawn."""
    if task.output is TaskKind.IMAGE:
        return drawn_url(task) if task.status is TaskStatus.COMPLETED else None
    if not (task.params.image or task.params.image_url):
        return None
    return f"/app/static/media/image/{task.shot_id}.jpg?v={(task.params.image or '')[:12]}"


def _progress(task: Task) -> int | None:
    if task.status in (TaskStatus.FAILED, TaskStatus.CANCELLED):
        return None
    return 100 if task.status is TaskStatus.COMPLETED else task.progress


def cost(t: Text, task: Task) -> str:
    """What a task has cost or will; an estimate says that it is one."""
    if task.provider.is_free or (task.cost and not task.cost.amount):
        return t("shell.free")
    if task.cost is None:
        return ""
    return t.money(task.cost, estimated=task.charge is not ChargeStatus.CHARGED)


def _key_labels(visit: Visit, tasks: list[Task]) -> dict[int, str]:
    """Attempt id → what may be seen of its key; an attempt never changes its key, so each is read once."""
    known: dict[int, str] = session_value(_KEYS, {})
    for task in tasks:
        if task.attempt_id is None or task.provider.is_free or task.attempt_id in known:
            continue
        known.update({attempt.id: attempt.key_label or "" for attempt in visit.app.tasks.attempts(task.id)})
    return known


def _columns(t: Text, opened: Callable[[], None] | None) -> dict[str, Any]:
    column = st.column_config
    statuses = list(TaskStatus)
    return {
        "number": column.TextColumn(t("tasks.column.number"), width=96, pinned=True),
        "history": column.ButtonColumn(
            t("tasks.column.history"), width=84, type="tertiary", key=_OPENED, on_click=opened
        ),
        "image": column.ImageColumn(t("tasks.column.image"), width=64),
        "status": column.MultiselectColumn(
            t("tasks.column.status"),
            width=136,
            options=[status_label(t, status) for status in statuses],
            color=[BADGES[STATUS_COLOURS[status]] for status in statuses],
        ),
        "verdict": column.MultiselectColumn(
            t("tasks.column.verdict"),
            width=104,
            options=[verdict_label(t, verdict) for verdict in Verdict],
            color=[BADGES[VERDICT_COLOURS[verdict]] for verdict in Verdict],
        ),
        "progress": column.ProgressColumn(
            t("tasks.column.progress"), width=110, min_value=0, max_value=100, format="%d%%"
        ),
        "prompt": column.TextColumn(t("tasks.column.prompt"), width=240),
        "error": column.TextColumn(t("tasks.column.error"), width=240),
        "provider": column.TextColumn(t("tasks.column.provider"), width=190),
        "attempts": column.NumberColumn(t("tasks.column.attempts"), width=76),
        "key": column.TextColumn(t("tasks.column.key"), width=110),
        "age": column.TextColumn(t("tasks.column.age"), width=110),
        "duration": column.TextColumn(t("tasks.column.duration"), width=100),
        "cost": column.TextColumn(t("tasks.column.cost"), width=90),
        "file": column.TextColumn(t("tasks.column.file"), width=150),
    }
