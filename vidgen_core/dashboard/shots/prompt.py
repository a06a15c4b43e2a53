"""The prompt of a shot, edited in place.

What stands in the box is the visitor's: a refresh never writes into it, but for words that the visitor has ordered from this
page. A change made elsewhere is shown beside it, and saving over it asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import streamlit as st

from vidgen_core.dashboard.components.labels import plain
from vidgen_core.dashboard.session import current_visit, handle_errors, session_value
from vidgen_core.dashboard.shell import sign_in
from vidgen_core.domain.shots import Shot
from vidgen_core.i18n import Text
from vidgen_core.services.access.permissions import Role

#: Lines of text are about this high, in pixels.
_HEIGHT: Final = 128
#: Shots whose prompts the visitor has asked somebody to write, until they are there.
_ORDERED: Final = "_prompts_ordered"


def _box(shot_id: int) -> str:
    return f"prompt_{shot_id}"


def _seen(shot_id: int) -> str:
    """Where the text is kept that the visitor was shown last."""
    return f"_prompt_seen_{shot_id}"


def prompt_box(t: Text, shot: Shot) -> None:
    """The box."""
    box, seen = _box(shot.id), _seen(shot.id)
    if box not in st.session_state:
        st.session_state[box] = st.session_state[seen] = shot.prompt
    _take_ordered(shot)
    st.text_area(
        t("shots.prompt_of", shot=shot.number),
        key=box,
        height=_HEIGHT,
        placeholder=t("shots.prompt_placeholder"),
        label_visibility="collapsed",
        on_change=_save,
        args=(shot.id,),
        disabled=not sign_in.may(Role.MAKER),
    )


def follow(shot_ids: Iterable[int]) -> None:
    """The visitor has the prompts of these shots written: their boxes take the new words, unless something was typed."""
    session_value(_ORDERED, set()).update(shot_ids)


def _take_ordered(shot: Shot) -> None:
    box, seen, ordered = _box(shot.id), _seen(shot.id), session_value(_ORDERED, set())
    if shot.id in ordered and shot.prompt != st.session_state[seen]:
        ordered.discard(shot.id)
        if st.session_state[box] == st.session_state[seen]:
            st.session_state[box] = st.session_state[seen] = shot.prompt


@handle_errors
def _save(shot_id: int) -> None:
    """Keep what was typed, unless the text underneath has become another one since."""
    app = current_visit().app
    mine = st.session_state[_box(shot_id)]
    theirs = app.shots.get(shot_id).prompt
    if theirs in (st.session_state[_seen(shot_id)], mine):
        _keep_mine(shot_id)


def elsewhere(t: Text, shot: Shot) -> None:
    """Beneath the box: what somebody else wrote meanwhile, and the two ways on."""
    if shot.prompt in (st.session_state[_seen(shot.id)], st.session_state[_box(shot.id)]):
        return
    st.warning(t("shots.edited_elsewhere", theirs=plain(shot.prompt)), icon=":material/edit_note:")
    with st.container(horizontal=True, gap="small"):
        st.button(t("shots.take_theirs"), key=f"theirs_{shot.id}", on_click=_take_theirs, args=(shot.id,))
        st.button(t("shots.keep_mine"), key=f"mine_{shot.id}", on_click=_keep_mine, args=(shot.id,))


@handle_errors
def _keep_mine(shot_id: int) -> None:
    mine = st.session_state[_box(shot_id)]
    current_visit().app.shots.edit(shot_id, prompt=mine)
    st.session_state[_seen(shot_id)] = mine


@handle_errors
def _take_theirs(shot_id: int) -> None:
    theirs = current_visit().app.shots.get(shot_id).prompt
    st.session_state[_box(shot_id)] = st.session_state[_seen(shot_id)] = theirs
