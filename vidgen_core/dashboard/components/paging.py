"""Pages by their numbers, read by the marks of the pages before them: nothing is read over to turn to the next one."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, TypeVar

import streamlit as st

from vidgen_core.domain.queries import Page

T = TypeVar("T")

_MARKS: Final = "_page_marks"
#: Pages that are rather read over than asked for from the nearer end of the list.
_NEAR: Final = 20


def turn(name: str, asked: Hashable, number: int, per_page: int, read: Callable[[str | None, int], Page[T]]) -> Page[T]:
    """A page by its number, from 1, beginning after the page before it as that was shown.

    :param name: of the list
    :param asked: whatever another list is asked for by: project, filter, order
    :param read: a page after a mark and so many rows more
    """
    kept = st.session_state.get(_MARKS, {}).get(name)
    marks: dict[int, str] = kept[1] if kept and kept[0] == asked else {}
    begin = max((known for known in marks if number - _NEAR <= known <= number), default=1)
    page = read(marks.get(begin), (number - begin) * per_page)
    if begin > 1 and not page.items:
        # The list before it has become longer, or this page was emptied.
        marks, page = {}, read(None, (number - 1) * per_page)
    if marks.get(number + 1) != page.next:
        marks = {known: mark for known, mark in marks.items() if known <= number}
        marks |= {number + 1: page.next} if page.next else {}
    st.session_state[_MARKS] = st.session_state.get(_MARKS, {}) | {name: (asked, marks)}
    return page


def forget(name: str) -> None:
    """Count the pages of a list from its beginning again."""
    st.session_state.get(_MARKS, {}).pop(name, None)
