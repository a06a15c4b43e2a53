"""Dialogs opened from anywhere: a callback asks for one, the shell opens it in the next full run.

Opened so, a dialog belongs to no fragment and lives through every refresh behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vidgen_core.dashboard.session import current_visit, session_value, show_told

_WANTED: Final = "_dialog"
#: Keys of the menus that were drawn in this session.
_MENUS: Final = "_menus"

Width = Literal["small", "medium", "large"]


def ask(title: str, body: Callable[..., None], *args: Any, width: Width = "small", icon: str | None = None) -> None:
    """Open a dialog that ``body(*args)`` fills; to be called in a widget callback, which ends with it."""

    def opened() -> None:
        st.dialog(title, width=width, icon=icon)(_with_told(body))(*args)

    ask_for(opened)


def ask_for(opened: Callable[[], None]) -> None:
    """As ``ask``, for a function that opens its dialog itself."""
    st.session_state[_WANTED] = opened
    for key in session_value(_MENUS, set()):
        st.session_state[key] = False
    st.rerun()


def menu(label: str, key: str, icon: str | None = None) -> DeltaGenerator:
    """A popover whose choices may open a dialog; it closes when one does, for it would lie over the dialog's buttons."""
    session_value(_MENUS, set()).add(key)
    return st.popover(label, icon=icon, key=key, on_change="rerun")


def show() -> None:
    """Open what was asked for; the shell calls it once a run."""
    opened = st.session_state.pop(_WANTED, None)
    if opened is not None:
        opened()


def _with_told(body: Callable[..., None]) -> Callable[..., None]:
    def filled(*args: Any) -> None:
        show_told()
        body(*args)

    return filled


def confirm(question: str, verb: str, act: Callable[..., None], *args: Any) -> None:
    """The body of a dialog that asks before something happens."""
    st.markdown(question)
    buttons("confirm", verb, _act, act, *args)


def buttons(
    name: str, verb: str, act: Callable[..., None], *args: Any, icon: str | None = None, disabled: bool = False
) -> None:
    """The last row of a dialog: Cancel, which changes nothing and comes first, and the button that calls ``act(*args)``.

    :param name: what the keys of both begin with
    """
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.button(current_visit().t("common.cancel"), key=f"{name}_cancel", on_click=st.rerun)
        st.button(verb, key=f"{name}_act", type="primary", icon=icon, disabled=disabled, on_click=act, args=args)


def _act(act: Callable[..., None], *args: Any) -> None:
    act(*args)
    st.rerun()
