"""The row of filters and tools above a list: one line on a wide window, two on a phone; what has no room is scrolled to."""

from __future__ import annotations

from typing import Any, Final, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

_LINE: Final[dict[str, Any]] = {"horizontal": True, "vertical_alignment": "center", "gap": "small", "wrap": False}


def row(page: str) -> DeltaGenerator:
    """The whole row; it holds ``left`` or ``pills``, and ``right``."""
    return st.container(**_LINE, key=f"tool_row_{page}")


def left(page: str, width: Literal["stretch", "content"] = "stretch") -> DeltaGenerator:
    """What is filtered by; a phone's first line."""
    return st.container(**_LINE, width=width, key=f"tool_left_{page}")


def pills(page: str) -> DeltaGenerator:
    """In the place of ``left``: one element that takes all the room there is."""
    return st.container(key=f"tool_left_{page}")


def right(page: str) -> DeltaGenerator:
    """Everything else, as wide as it needs to be; a phone's second line."""
    return st.container(**_LINE, width="content", key=f"tool_right_{page}")
