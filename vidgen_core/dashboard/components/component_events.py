"""What components say was done, each carried out once.

A component numbers its acts and sends them again until it has heard that they were carried out, because of two triggers that
meet in one run only the later one arrives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import streamlit as st

from vidgen_core.dashboard.session import session_value


def seen(component: str) -> int:
    """Number of the last act of a component that was carried out; it is to be told."""
    return int(session_value(_place(component), 0))


def unheard(component: str, acts: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The acts that were not carried out yet, oldest first."""
    for act in acts:
        number = act.get("n")
        if isinstance(number, int) and number > seen(component):
            # Before it is tried: what was refused, or has opened a dialog, is not asked for again.
            st.session_state[_place(component)] = number
            yield act


def _place(component: str) -> str:
    return f"_{component}_seen"
