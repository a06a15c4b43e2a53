"""What changed comes to the page by itself.

A page names its fragments; the shell mounts one small component that listens on ``/api/ws`` and reruns exactly those
fragments whose shot has changed. Signals carry a number and are repeated until the page has acknowledged them, because
Streamlit keeps only the latest of two triggers that meet in one run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from typing import Any, Final, NoReturn

import streamlit as st
from streamlit.errors import StreamlitAPIException

from vidgen_core.app import ShotView, Vidgen
from vidgen_core.ui.media import outside
from vidgen_core.ui.session import here

_SHOTS: Final = "_watched_shots"
_ALWAYS: Final = "_watched_always"
_SHOWN: Final = "_watched_shown"
_SINCE: Final = "_push_since"
_SEEN: Final = "_push_seen"
_VIEWS: Final = "_push_views"
_KEY: Final = "push"
_LISTEN: Final = "push_listen"
#: Milliseconds between two signals of one page.
PACE: Final = 700


def begin(app: Vidgen) -> None:
    """Forget what the last run watched; the shell calls it before the page.

    What changes from now on is told, also what changes before the page's socket stands.
    """
    st.session_state[_SINCE] = app.store.revision()
    st.session_state[_SHOTS] = {}
    st.session_state[_ALWAYS] = {}
    st.session_state[_SHOWN] = {}


def watch_shots(fragments: Mapping[int, str]) -> None:
    """Rerun a fragment when its shot, or a task or take of it, changes: shot id → fragment key."""
    st.session_state[_SHOTS].update(fragments)


def watch(fragment: str, shows: Callable[[], object] | None = None) -> None:
    """Rerun a fragment after any change of the project.

    :param shows: everything that the fragment shows, to be compared: it is left alone while that stays the same
    """
    st.session_state[_ALWAYS][fragment] = shows
    if shows is not None:
        st.session_state[_SHOWN][fragment] = shows()


@st.fragment(key=_LISTEN)
def listen() -> None:
    """Mount the listener. A fragment of its own: drawn from the main script, each signal would reset open dialogs."""
    component = st.components.v2.component(
        "vidgen_push", js=resources.files(__package__).joinpath("push.js").read_text(encoding="utf-8")
    )
    component(
        key=_KEY,
        data={
            "project": here().project.id,
            # Streamlit would load pandas to see whether a list is a table; a tuple is none.
            "shots": tuple(sorted(st.session_state[_SHOTS])),
            "seen": st.session_state.get(_SEEN, 0),
            "since": st.session_state[_SINCE],
            "pace": PACE,
            "address": outside("/api/ws"),
        },
        on_changed_change=_changed,
        height="content",
    )


def take_view(shot_id: int) -> ShotView:
    """A shot as it is now, from the one question asked for all cards of a signal, or by a question of its own.

    :raises NotFound:
    """
    app = here().app
    rev, views = st.session_state.get(_VIEWS, (None, {}))
    view: ShotView | None = views.pop(shot_id, None)
    return view if view is not None and rev == app.store.revision() else app.shots.view(shot_id)


def rerun(shots: Iterable[int]) -> NoReturn:
    """Rerun the fragments of some shots, those of them that are on the page; to be called in a widget callback."""
    watched: dict[int, str] = st.session_state[_SHOTS]
    rerun_fragments(watched[shot] for shot in shots if shot in watched)


def rerun_fragments(names: Iterable[str]) -> NoReturn:
    """Rerun some fragments, or the page where one of them is not drawn yet; to be called in a widget callback."""
    try:
        st.rerun(list(names) or "app")
    except StreamlitAPIException:
        # The click came while the page was being drawn and has cut it off before that fragment's turn.
        st.rerun()


def _changed() -> None:
    signal: Mapping[str, Any] = st.session_state[_KEY].get("changed") or {}
    st.session_state[_SEEN] = signal.get("number", 0)
    shots: dict[int, str] = st.session_state[_SHOTS]
    changed = shots if signal.get("all") else {shot: shots[shot] for shot in signal.get("shots", []) if shot in shots}
    app = here().app
    rev = app.store.revision()
    st.session_state[_VIEWS] = (rev, {view.shot.id: view for view in app.shots.views(list(changed))})
    rerun_fragments([_LISTEN, *due(), *changed.values()])


def due() -> list[str]:
    """The watched fragments that would show something else than when they were asked last."""
    return [fragment for fragment, shows in st.session_state[_ALWAYS].items() if _shows_other(fragment, shows)]


def _shows_other(fragment: str, shows: Callable[[], object] | None) -> bool:
    if shows is None:
        return True
    shown: dict[str, object] = st.session_state[_SHOWN]
    before, shown[fragment] = shown.get(fragment), shows()
    return bool(shown[fragment] != before)
