"""Filter and order of the task table, stored in the session and, language-neutral, in the address."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeVar, get_args

import streamlit as st

from vidgen_core.dashboard.components.labels import mode_label, status_label, verdict_label
from vidgen_core.dashboard.session import Visit, session_value
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.providers import ProviderId, provider_ids
from vidgen_core.domain.queries import TaskFilter, TaskSort
from vidgen_core.domain.takes import Verdict
from vidgen_core.domain.tasks import TaskKind, TaskStatus
from vidgen_core.i18n import Text

_Value = TypeVar("_Value", ProviderId, TaskKind, ErrorKind, Verdict)
SORTS: Final[tuple[TaskSort, ...]] = get_args(TaskSort)
#: Name in the address → what stands there when nothing was chosen.
_EMPTY: Final[dict[str, Any]] = {
    "q": "",
    "status": [],
    "provider": None,
    "makes": None,
    "shot": "",
    "error": None,
    "verdict": None,
    "sort": "id",
    "up": False,
    "p": 1,
}
#: The fragment of the table and its filter.
TABLE: Final = "tasks_table"
#: How many pagers there were before the one that is drawn.
_PAGERS: Final = "_tasks_pagers"
_WRITTEN: Final = "_tasks_addresses"
#: Pixels.
_SEARCH: Final = 100
#: So many of our own addresses are known again.
_REMEMBERED: Final = 20


class Query(NamedTuple):
    """The query of the table; ``wanted`` None: no shot has the number that was typed."""

    wanted: TaskFilter | None
    sort: TaskSort
    descending: bool

    @property
    def narrowed(self) -> bool:
        return self.wanted != TaskFilter()


def key(name: str) -> str:
    """The session's key of one part of the filter."""
    return f"tasks_{name}"


def asked(visit: Visit) -> Query:
    """What the widgets and the address ask for, whether the widgets are drawn or not."""
    _take_over_address()
    query = _query(visit)
    _write_address()
    return query


def show(visit: Visit) -> None:
    """Draw search, and filters and order behind one button."""
    t = visit.t
    st.text_input(
        t("tasks.search"),
        key=key("q"),
        type="search",
        # A quarter of a second; a time in words would load pandas.
        live=True,
        placeholder=t("common.search"),
        label_visibility="collapsed",
        on_change=_first_page,
        persist_state="session",
        width=_SEARCH,
    )
    with st.popover(_filters_label(t), icon=":material/filter_list:", key="tasks_filters"):
        _order(t)
        _filters(visit)


def page_number() -> int:
    """The page of the table that is asked for, from 1."""
    return max(int(st.session_state.get(key("p")) or 1), 1)


def turn_to(page: int) -> None:
    st.session_state[key("p")] = page
    # A widget that has a value of its own is not given another one: the next pager is a new one.
    st.session_state[_PAGERS] = st.session_state.get(_PAGERS, 0) + 1


def show_pages(pages: int) -> None:
    st.pagination(pages, default=min(page_number(), pages), key=_pager(), on_change=_turned)


def _pager() -> str:
    return f"tasks_page_{st.session_state.get(_PAGERS, 0)}"


def _turned() -> None:
    st.session_state[key("p")] = st.session_state[_pager()]


def clear() -> None:
    """Show all tasks again."""
    for name in ("q", "status", "provider", "makes", "shot", "error", "verdict"):
        st.session_state[key(name)] = _EMPTY[name]
    _first_page()


def show_statuses(statuses: Iterable[TaskStatus]) -> None:
    """Show the tasks of these states, whatever else was filtered for."""
    clear()
    st.session_state[key("status")] = [status.value for status in statuses]


def _filters(visit: Visit) -> None:
    t = visit.t
    _choice(t, "provider", t("tasks.provider"), provider_ids(), lambda mode: f"{mode.spec.icon} {mode_label(t, mode)}")
    _choice(t, "makes", t("tasks.output"), TaskKind, lambda output: t(f"pictures.output.{output}"))
    st.text_input(
        t("tasks.shot"),
        key=key("shot"),
        placeholder=t("tasks.shot_hint"),
        on_change=_first_page,
        persist_state="session",
    )
    _choice(t, "error", t("tasks.error_class"), ErrorKind, lambda kind: t(f"tasks.kind.{kind}"))
    _choice(t, "verdict", t("tasks.column.verdict"), Verdict, lambda verdict: verdict_label(t, verdict))
    st.button(t("tasks.clear_filters"), key="tasks_clear_filters", icon=":material/filter_list_off:", on_click=clear)


def _choice(t: Text, name: str, label: str, options: Iterable[_Value], said: Callable[[_Value], str]) -> None:
    by_value = {option.value: option for option in options}
    st.selectbox(
        label,
        list(by_value),
        index=None,
        format_func=lambda value: said(by_value[value]),
        key=key(name),
        placeholder=t("common.all"),
        on_change=_first_page,
        persist_state="session",
    )


def _filters_label(t: Text) -> str:
    active = sum(bool(st.session_state.get(key(name))) for name in ("provider", "makes", "shot", "error", "verdict"))
    return t("tasks.filters_on", n=active) if active else t("tasks.filters")


def _order(t: Text) -> None:
    st.selectbox(
        t("tasks.sort"),
        SORTS,
        format_func=lambda sort: t(f"tasks.sort.{sort}"),
        key=key("sort"),
        on_change=_first_page,
        persist_state="session",
    )
    up = bool(st.session_state.get(key("up")))
    st.button(
        t("tasks.ascending") if up else t("tasks.descending"),
        icon=":material/arrow_upward:" if up else ":material/arrow_downward:",
        key="tasks_turn",
        help=t("tasks.turn"),
        on_click=_turn,
    )


def show_states(visit: Visit) -> None:
    """Draw the states with the number of tasks in each."""
    t, counts = visit.t, visit.app.tasks.counts(visit.project.id)
    st.pills(
        t("tasks.status"),
        [status.value for status in TaskStatus],
        selection_mode="multi",
        format_func=lambda status: (
            f"{status_label(t, TaskStatus(status))} {t.number(counts.get(TaskStatus(status), 0))}"
        ),
        key=key("status"),
        label_visibility="collapsed",
        on_change=_first_page,
        persist_state="session",
        wrap=False,
    )


def _query(visit: Visit) -> Query:
    said = {name: st.session_state.get(key(name)) for name in _EMPTY}
    shot = (said["shot"] or "").strip()
    found = visit.app.shots.by_number(visit.project.id, shot) if shot else None
    wanted = TaskFilter(
        statuses=frozenset(TaskStatus(status) for status in said["status"] or []),
        provider=ProviderId(said["provider"]) if said["provider"] else None,
        shot_id=found.id if found else None,
        kind=ErrorKind(said["error"]) if said["error"] else None,
        text=(said["q"] or "").strip(),
        output=TaskKind(said["makes"]) if said["makes"] else None,
        verdict=Verdict(said["verdict"]) if said["verdict"] else None,
    )
    return Query(None if shot and not found else wanted, said["sort"] or "id", descending=not said["up"])


def _first_page() -> None:
    turn_to(1)


def _turn() -> None:
    st.session_state[key("up")] = not st.session_state.get(key("up"))
    _first_page()


# --- the address


def _take_over_address() -> None:
    """An address that we did not write ourselves, typed or linked, decides about the filter.

    One that we wrote a moment ago may come back: the browser sends what it has, and a click can overtake the news.
    """
    said = _said()
    if said and said not in session_value(_WRITTEN, []):
        for name, empty in _EMPTY.items():
            st.session_state[key(name)] = _parse(name, said[name]) if name in said else empty
        turn_to(page_number())
        _remember(said)


def _write_address() -> None:
    values = {name: st.session_state.get(key(name)) for name in _EMPTY}
    wanted = {name: _format(value) for name, value in values.items() if value and value != _EMPTY[name]}
    if wanted == _said() and session_value(_WRITTEN, [])[-1:] == [wanted]:
        return
    for name in _EMPTY:
        if name in wanted:
            st.query_params[name] = wanted[name]
        elif name in st.query_params:
            del st.query_params[name]
    _remember(wanted)


def _said() -> dict[str, str]:
    return {name: st.query_params[name] for name in _EMPTY if name in st.query_params}


def _remember(address: dict[str, str]) -> None:
    st.session_state[_WRITTEN] = [*session_value(_WRITTEN, []), address][-_REMEMBERED:]


def _format(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return "1" if value is True else str(value)


def _parse(name: str, text: str) -> Any:
    """What an address says, where it makes sense; anybody may have typed it."""
    known: dict[str, Any] = {
        "provider": set(provider_ids()),
        "makes": set(TaskKind),
        "error": set(ErrorKind),
        "verdict": set(Verdict),
        "sort": set(SORTS),
    }
    if name == "status":
        return [status for status in text.split(",") if status in set(TaskStatus)]
    if name == "up":
        return text == "1"
    if name == "p":
        return int(text) if text.isdecimal() and len(text) < 10 else 1
    return text if text in known.get(name, {text}) else _EMPTY[name]
