"""Rerun the fragments whose contents have changed, without a click.

A page names its fragments; the shell mounts one small component that listens on ``/api/ws`` and reruns exactly those
fragments whose shot has changed. Signals carry a number and are repeated until the page has acknowledged them, because
Streamlit keeps only the latest of two triggers that meet in one run.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

import streamlit as st
from streamlit.errors import StreamlitAPIException
from streamlit.runtime.scriptrunner import get_script_run_ctx

from vidgen_core.dashboard.components import component
from vidgen_core.dashboard.components.media import outside
from vidgen_core.dashboard.session import current_visit
from vidgen_core.dashboard.shell import project_menu
from vidgen_core.services.facade import Vidgen

_WATCHED: Final = "_watched"
_SHOWN: Final = "_watched_shown"
_SINCE: Final = "_push_since"
_SEEN: Final = "_push_seen"
_KEY: Final = "push"
_LISTEN: Final = "push_listen"
#: Milliseconds between two signals of one page.
PACE: Final = 700


class WatchedItem(NamedTuple):
    """What decides whether a change reruns a fragment."""

    #: Changes of other shots do not concern it; None: any change of the project does.
    shots: frozenset[int] | None
    #: Everything that it shows, to be compared; None: it is rerun anyway.
    shows: Callable[[], Any] | None
    #: Under which it stands there among what other fragments show; None: it is the whole of it.
    part: Hashable | None = None


def begin(app: Vidgen) -> None:
    """Forget what the last run watched; the shell calls it before the page.

    What changes from now on is told, also what changes before the page's socket stands.
    """
    st.session_state[_SINCE] = app.revision()
    st.session_state[_WATCHED] = {}
    st.session_state[_SHOWN] = {}


def watch(fragment: str, shows: Callable[[], object] | None = None, shots: Iterable[int] | None = None) -> None:
    """Rerun a fragment after a change.

    :param shows: everything that the fragment shows, to be compared: it is left alone while that stays the same
    :param shots: only when one of these, or a task, take or picture of it, has changed; else after any change of the project
    """
    st.session_state[_WATCHED][fragment] = WatchedItem(None if shots is None else frozenset(shots), shows)
    if shows is not None:
        st.session_state[_SHOWN][fragment] = shows()


def watch_each(fragments: Mapping[int, str], shows: Callable[[], Mapping[int, object]]) -> None:
    """The same for fragments that show a shot each, by its id, and are asked together.

    :param shows: by shot; one that is gone shows nothing
    """
    shown = shows()
    for shot_id, fragment in fragments.items():
        st.session_state[_WATCHED][fragment] = WatchedItem(frozenset({shot_id}), shows, shot_id)
        st.session_state[_SHOWN][fragment] = shown.get(shot_id)


@st.fragment(key=_LISTEN)
def listen() -> None:
    """Mount the listener. A fragment of its own: drawn from the main script, each signal would reset open dialogs."""
    component.mount(
        "push",
        _KEY,
        {
            "project": current_visit().project.id,
            "shots": sorted({shot for watched in _watched().values() for shot in watched.shots or ()}),
            "seen": st.session_state.get(_SEEN, 0),
            "since": st.session_state[_SINCE],
            "pace": PACE,
            "address": outside("/api/ws"),
        },
        on_changed_change=_changed,
    )


def _watched() -> dict[str, WatchedItem]:
    found: dict[str, WatchedItem] = st.session_state[_WATCHED]
    return found


def rerun(shot_id: int) -> None:
    """Rerun whatever shows a shot; to be called in a widget callback that has changed it."""
    rerun_fragments(name for name, watched in _watched().items() if watched.shots and shot_id in watched.shots)


def rerun_fragments(names: Iterable[str]) -> None:
    """Rerun some fragments, or the page where one of them is not drawn yet; to be called in a widget callback.

    Where the page as a whole is about to be drawn, it draws them too, and nothing is asked for.
    """
    context = get_script_run_ctx()
    if context is None or not context.fragment_ids_this_run:
        # Streamlit merges a signal with a rerun of the page, or with a change of page, that is waiting. Asking for fragments
        # then would put them in the place of the page.
        return
    try:
        st.rerun(list(names) or "app")
    except StreamlitAPIException:
        # The click came while the page was being drawn and has cut it off before that fragment's turn.
        st.rerun()


def _changed() -> None:
    signal: Mapping[str, Any] = st.session_state[_KEY].get("changed") or {}
    st.session_state[_SEEN] = signal.get("number", 0)
    project_menu.browser_heard()
    rerun_fragments([_LISTEN, *due(None if signal.get("all") else signal.get("shots", []))])


def due(shots: Iterable[int] | None = None) -> list[str]:
    """The watched fragments that would show something else than when they were asked last.

    :param shots: those that have changed; None: perhaps all of them
    """
    changed = None if shots is None else frozenset(shots)
    # What several fragments show is queried once.
    look = cache(lambda shows: shows())
    return [
        name
        for name, watched in _watched().items()
        if _concerns(watched, changed) and _shows_other(name, watched, look)
    ]


def _concerns(watched: WatchedItem, changed: frozenset[int] | None) -> bool:
    return watched.shots is None or changed is None or not watched.shots.isdisjoint(changed)


def _shows_other(fragment: str, watched: WatchedItem, look: Callable[[Callable[[], Any]], Any]) -> bool:
    if watched.shows is None:
        return True
    shown: dict[str, object] = st.session_state[_SHOWN]
    now = look(watched.shows) if watched.part is None else look(watched.shows).get(watched.part)
    before, shown[fragment] = shown.get(fragment), now
    return bool(now != before)
