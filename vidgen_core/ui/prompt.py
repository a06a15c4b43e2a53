"""The prompt of a shot, edited in place.

What stands in the box is the visitor's: a refresh never writes into it, but for words that the visitor has ordered from this
page. A change made elsewhere is shown beside it, and saving over it asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import streamlit as st

from vidgen_core.app.roles import Role
from vidgen_core.locale import Text
from vidgen_core.models import Shot
from vidgen_core.ui import sign_in
from vidgen_core.ui.labels import plain
from vidgen_core.ui.session import answered, here, keep

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
    keep(_ORDERED, set()).update(shot_ids)


def _take_ordered(shot: Shot) -> None:
    box, seen, ordered = _box(shot.id), _seen(shot.id), keep(_ORDERED, set())
    if shot.id in ordered and shot.prompt != st.session_state[seen]:
        ordered.discard(shot.id)
        if st.session_state[box] == st.session_state[seen]:
            st.session_state[box] = st.session_state[seen] = shot.prompt


@answered
def _save(shot_id: int) -> None:
    """Keep what was typed, unless the text underneath has become another one since."""
    app = here().app
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


@answered
def _keep_mine(shot_id: int) -> None:
    mine = st.session_state[_box(shot_id)]
    here().app.shots.edit(shot_id, prompt=mine)
    st.session_state[_seen(shot_id)] = mine


@answered
def _take_theirs(shot_id: int) -> None:
    theirs = here().app.shots.get(shot_id).prompt
    st.session_state[_box(shot_id)] = st.session_state[_seen(shot_id)] = theirs
