"""The execution log in the reader's language: filter, a window of lines with auto-scroll, and paging."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from typing import Final, Literal, NamedTuple

import streamlit as st

from vidgen_core.dashboard.components import tool_row
from vidgen_core.dashboard.components.labels import Colour, plain
from vidgen_core.dashboard.session import Visit, clock, session_value
from vidgen_core.domain.log import LogLevel, LogLine
from vidgen_core.domain.queries import LogFilter
from vidgen_core.i18n import Text
from vidgen_core.i18n.log_lines import codes_saying, log_sentence

#: Lines of one window.
WINDOW: Final = 100
#: Where each window began on the way back in time; empty: at the tail.
_TRAIL: Final = "_log_trail"
_ANSWER: Final = "_log_answer"
#: Key of the levels that are shown; none: all.
_LEVELS: Final = "log_levels"
#: Seconds up to which an answer is quick; a slower one may take this share of the time.
_QUICK: Final = 0.1
_SHARE: Final = 10

LEVELS: Final[dict[LogLevel, tuple[str, Colour]]] = {
    LogLevel.INFO: ("ℹ️", "blue"),
    LogLevel.SUCCESS: ("✅", "green"),
    LogLevel.WARNING: ("⚠️", "orange"),
    LogLevel.ERROR: ("❌", "red"),
}


class _LogPage(NamedTuple):
    """What the store said, and until when (``time.monotonic``) it is not asked the same again."""

    asked: tuple[int, LogFilter, int | None]
    lines: list[LogLine]
    rests_until: float


class LogWindow(NamedTuple):
    """The lines to be read, in the order they are shown."""

    lines: list[LogLine]
    at_tail: bool
    older: bool


# --- words


def task_name(line: LogLine) -> str:
    """``1.0 v2``; empty for lines of no task."""
    shot, take = line.params.get("shot"), line.params.get("take")
    return f"{shot} v{take}" if shot is not None and take is not None else ""


# --- filter


def show_filter(visit: Visit) -> LogFilter | None:
    """Draw text and task of the filter; None when a task was asked for that is not there."""
    t = visit.t
    with tool_row.left("log"):
        text = _typed(t, "q", ":material/search:", "stretch")
        task = _typed(t, "task", ":material/checklist:", 150)
    levels = st.session_state.get(_LEVELS)
    task_id = _task(visit, task) if task else None
    if task and task_id is None:
        return None
    codes = codes_saying(t, text) if text else frozenset()
    return LogFilter(levels=frozenset(levels or ()), task_id=task_id, text=text, codes=codes)


def show_levels(t: Text) -> None:
    st.pills(
        t("log.page.level"),
        list(LogLevel),
        selection_mode="multi",
        format_func=lambda level: f"{LEVELS[level][0]} {t.level(level)}",
        key=_LEVELS,
        label_visibility="collapsed",
        on_change=to_tail,
        persist_state="session",
        wrap=False,
    )


def _typed(t: Text, name: str, icon: str, width: int | Literal["stretch"]) -> str:
    value = st.text_input(
        t(f"log.page.{name}"),
        key=f"log_{name}",
        type="search",
        # A quarter of a second; a time in words would load pandas.
        live=True,
        placeholder=t(f"log.page.{name}_hint"),
        label_visibility="collapsed",
        icon=icon,
        width=width,
        on_change=to_tail,
        persist_state="session",
    )
    return (value or "").strip()


def _task(visit: Visit, name: str) -> int | None:
    """The task that people call ``1.0 v2`` (or ``1.0-v2``)."""
    found = re.search(r"v(\d{1,6})\Z", name, re.IGNORECASE)
    number = name[: found.start()].rstrip("- \t\n") if found else ""
    shot = visit.app.shots.by_number(visit.project.id, number) if number else None
    if found is None or shot is None:
        return None
    tasks = visit.app.shots.view(shot.id).tasks
    return next((task.id for task in tasks if task.take == int(found[1])), None)


# --- the window


def to_tail() -> None:
    st.session_state[_TRAIL] = []


def to_older(before_id: int) -> None:
    session_value(_TRAIL, []).append(before_id)


def to_newer() -> None:
    trail: list[int] = session_value(_TRAIL, [])
    if trail:
        trail.pop()


def stand_still(newest_id: int) -> None:
    """Stop following: the window stays where it is while lines come in."""
    st.session_state[_TRAIL] = [newest_id + 1]


def window(visit: Visit, wanted: LogFilter) -> LogWindow:
    """The newest lines, or those from where the reader has gone back to; newest first."""
    trail: list[int] = session_value(_TRAIL, [])
    cleared = visit.app.log.cleared_to(visit.project.id)
    found = _look(visit, wanted, trail[-1] if trail else None)
    lines = [line for line in found if line.id > cleared]
    return LogWindow(lines[:WINDOW], at_tail=not trail, older=len(lines) > WINDOW)


def _look(visit: Visit, wanted: LogFilter, before_id: int | None) -> list[LogLine]:
    """Ask the store; a rare text in a long log takes its time, so the same is not asked again at once."""
    asked = (visit.project.id, wanted, before_id)
    kept: _LogPage | None = session_value(_ANSWER, None)
    begun = time.monotonic()
    if kept is not None and kept.asked == asked and begun < kept.rests_until:
        return kept.lines
    lines = visit.app.log.page(visit.project.id, wanted, WINDOW + 1, before_id)
    ended = time.monotonic()
    rest = _SHARE * (ended - begun) if ended - begun > _QUICK else 0.0
    st.session_state[_ANSWER] = _LogPage(asked, lines, ended + rest)
    return lines


def clear(visit: Visit) -> None:
    """Remove the project's lines, and show it no older ones of the whole program, which other projects keep."""
    visit.app.log.clear(visit.project.id)
    to_tail()


# --- drawing


def show_lines(t: Text, lines: Sequence[LogLine]) -> None:
    """One line each: time, level as colour, icon and word, text."""
    tz = clock()
    today = datetime.now(tz).date()
    st.markdown("  \n".join(_line(t, line, tz, today) for line in lines))


def _line(t: Text, line: LogLine, tz: tzinfo, today: date) -> str:
    at = line.at.astimezone(tz)
    time = f"{at:%H:%M:%S}" if at.date() == today else f"{at:%m-%d %H:%M:%S}"
    icon, colour = LEVELS[line.level]
    return f":gray[{time}] &nbsp;:{colour}[{icon} {t.level(line.level)}] {plain(log_sentence(t, line))}"


# --- taking it along


def export(visit: Visit, format: Literal["txt", "csv", "json"], wanted: LogFilter) -> bytes:  # noqa: A002
    """All lines of the filter as a file."""
    t = visit.t

    def words(line: LogLine) -> str:
        name = task_name(line)
        return f"{name} {log_sentence(t, line)}" if format == "txt" and name else log_sentence(t, line)

    return "".join(visit.app.log.export(format, words, visit.project.id, wanted)).encode()
