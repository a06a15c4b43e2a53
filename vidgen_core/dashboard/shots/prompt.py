"""The prompt of a shot, edited in place.

What stands in the box is the visitor's: a refresh never writes into it. A change made elsewhere is shown beside it, and
saving over it asks. Words that the visitor has ordered or taken come in a new box: a value that is written into a box that
exists reaches the browser with one run only, and if that run is cut short the browser goes on with what it has, and sends it.
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
#: Letters that are quoted of another prompt.
_QUOTED: Final = 160
#: Shots whose prompts the visitor has asked somebody to write, until they are there.
_ORDERED: Final = "_prompts_ordered"


def _box(shot_id: int) -> str:
    turn = st.session_state.get(_turn(shot_id), 0)
    return f"prompt_{shot_id}_{turn}" if turn else f"prompt_{shot_id}"


def _turn(shot_id: int) -> str:
    """Where it is kept how many boxes there were before this one."""
    return f"_prompt_turn_{shot_id}"


def _seen(shot_id: int) -> str:
    """Where the text is kept that the visitor was shown last."""
    return f"_prompt_seen_{shot_id}"


def _begun(shot_id: int) -> str:
    """Where the text is kept that the box began with."""
    return f"_prompt_begun_{shot_id}"


def prompt_box(t: Text, shot: Shot) -> None:
    """The box."""
    is_new = _box(shot.id) not in st.session_state
    if is_new:
        _begin(shot.id, shot.prompt)
    _take_ordered(shot)
    box, begun = _box(shot.id), st.session_state[_begun(shot.id)]
    st.text_area(
        t("shots.prompt_of", shot=shot.number),
        value=begun,
        key=box,
        height=_HEIGHT,
        placeholder=t("shots.prompt_placeholder"),
        label_visibility="collapsed",
        on_change=_save,
        args=(shot.id, box, begun),
        disabled=not sign_in.may(Role.MAKER),
    )
    if is_new and st.session_state[box] != begun and sign_in.may(Role.MAKER):
        _keep_from_before(shot.id, st.session_state[box])


def _begin(shot_id: int, words: str) -> None:
    st.session_state[_begun(shot_id)] = st.session_state[_seen(shot_id)] = words


@handle_errors
def _keep_from_before(shot_id: int, mine: str) -> None:
    """Keep what the browser still had in the box when a server that was away came back.

    It was typed meanwhile, or it is a wording that somebody has changed since: then both are shown, and the visitor decides.
    """
    if mine and mine not in (one.version.text for one in current_visit().app.prompts.versions(shot_id)):
        _keep(shot_id, mine)
    else:
        st.session_state[_seen(shot_id)] = mine


def _begin_again(shot_id: int, words: str) -> None:
    """Put another box with these words in the place of the one that is there."""
    st.session_state[_turn(shot_id)] = st.session_state.get(_turn(shot_id), 0) + 1
    _begin(shot_id, words)


def follow(shot_ids: Iterable[int]) -> None:
    """The visitor has the prompts of these shots written: their boxes take the new words, unless something was typed."""
    session_value(_ORDERED, set()).update(shot_ids)


def _take_ordered(shot: Shot) -> None:
    box, seen, ordered = _box(shot.id), _seen(shot.id), session_value(_ORDERED, set())
    if shot.id in ordered and shot.prompt != st.session_state[seen]:
        ordered.discard(shot.id)
        if st.session_state[box] == st.session_state[seen]:
            _begin_again(shot.id, shot.prompt)


@handle_errors
def _save(shot_id: int, box: str, begun: str) -> None:
    """Keep what was typed, unless the text underneath has become another one since."""
    mine = st.session_state[box]
    if box != _box(shot_id) and mine == begun:
        # A browser that has not heard of the new box yet sends what the old one held.
        return
    if current_visit().app.shots.get(shot_id).prompt in (st.session_state[_seen(shot_id)], mine):
        _keep(shot_id, mine)


def elsewhere(t: Text, shot: Shot) -> None:
    """Beneath the box: what somebody else wrote meanwhile, and the two ways on."""
    if shot.prompt in (st.session_state[_seen(shot.id)], st.session_state[_box(shot.id)]):
        return
    # The two ways on stay in view, however long the other text is.
    theirs = shot.prompt if len(shot.prompt) <= _QUOTED else f"{shot.prompt[:_QUOTED]} …"
    st.warning(t("shots.edited_elsewhere", theirs=plain(theirs)), icon=":material/edit_note:")
    with st.container(horizontal=True, gap="small"):
        st.button(t("shots.take_theirs"), key=f"theirs_{shot.id}", on_click=_take_theirs, args=(shot.id,))
        st.button(t("shots.keep_mine"), key=f"mine_{shot.id}", on_click=_keep_mine, args=(shot.id,))


@handle_errors
def _keep_mine(shot_id: int) -> None:
    _keep(shot_id, st.session_state[_box(shot_id)])


def _keep(shot_id: int, mine: str) -> None:
    current_visit().app.shots.edit(shot_id, prompt=mine)
    st.session_state[_seen(shot_id)] = mine


@handle_errors
def _take_theirs(shot_id: int) -> None:
    _begin_again(shot_id, current_visit().app.shots.get(shot_id).prompt)
