"""The storyboard: shots as frames that are dragged into order and played as stills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.components import component
from vidgen_core.dashboard.components.component import seen, unheard
from vidgen_core.dashboard.components.media import frame_url, image_url, outside, poster_url
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, session_value
from vidgen_core.dashboard.shell.sign_in import may
from vidgen_core.domain.errors import NotFound
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.library.shots import Frame

#: Frames on a wall; a project with more has several.
PER_WALL: Final = 500
_KEY: Final = "storyboard"
#: Moves of this session that can be taken back: (project id, shot id, what it stood before).
_MOVES: Final = "_storyboard_moves"
_KEPT: Final = 100
#: Words of the component.
_WORDS: Final = (
    "wall",
    "frame",
    "movable",
    "hint",
    "play",
    "play_from",
    "pause",
    "previous",
    "next",
    "close",
    "position",
    "undo",
    "lifted",
    "carried",
    "moved",
    "put_back",
)


def wall(visit: Visit, frames: Sequence[Frame]) -> None:
    """Draw up to ``PER_WALL`` frames with their player; one more tells what stands behind them."""
    component.mount("storyboard", _KEY, describe(visit, frames), on_acts_change=_act)


def describe(visit: Visit, found: Sequence[Frame]) -> dict[str, Any]:
    """Everything the component draws, as plain data."""
    t, frames, behind = visit.t, found[:PER_WALL], found[PER_WALL:]
    # Most frames are equally long, and saying so takes its time.
    told = cache(lambda seconds: t.duration(round(seconds, 1)))
    length = t.duration(round(sum(frame.seconds for frame in frames)))
    settings = visit.app.settings()
    width, _, height = settings.providers.of(settings.mode).aspect_ratio.partition(":")
    return {
        "frames": [_frame(frame, told(frame.seconds)) for frame in frames],
        "behind": behind[0].shot.id if behind else None,
        "sum": t.n("storyboard.sum", len(frames), time=length),
        "ratio": f"{width} / {height}" if height else "1",
        "movable": may(Role.MAKER),
        "undo": bool(_moves(visit)),
        "seen": seen(_KEY),
        "words": {name: t(f"storyboard.{name}") for name in _WORDS},
    }


def _frame(frame: Frame, length: str) -> dict[str, Any]:
    shot, take = frame.shot, frame.take
    poster = outside(poster_url(take)) if take else None
    return {
        "id": shot.id,
        "number": shot.number,
        "words": shot.script or shot.prompt,
        "script": bool(shot.script),
        "picture": outside(image_url(shot)) if shot.image else poster,
        "large": outside(frame_url(shot)) if shot.image else poster,
        "seconds": frame.seconds,
        "facts": length,
    }


# --- acts


def _act() -> None:
    news: Mapping[str, Any] = st.session_state[_KEY].get("acts") or {}
    carry_out(current_visit(), news.get("acts", []))


def carry_out(visit: Visit, acts: Sequence[Mapping[str, Any]]) -> None:
    """What the component says was done, oldest first: ``{"n": 8, "do": "move", "shot": 7, "before": 3}`` or ``undo``."""
    for act in unheard(_KEY, acts):
        _one(visit, act)


@handle_errors
def _one(visit: Visit, act: Mapping[str, Any]) -> None:
    if act.get("do") == "undo":
        _undo(visit)
        return
    shot_id, before = act.get("shot"), act.get("before")
    if not isinstance(shot_id, int) or visit.app.shots.get(shot_id).project_id != visit.project.id:
        raise NotFound("shot_not_found", id=shot_id)
    was = visit.app.shots.move(shot_id, before)
    if was != before:
        st.session_state[_MOVES] = [*_moves(visit), (visit.project.id, shot_id, was)][-_KEPT:]


def _undo(visit: Visit) -> None:
    moves = _moves(visit)
    if moves:
        _, shot_id, was = moves.pop()
        st.session_state[_MOVES] = moves
        visit.app.shots.move(shot_id, was)


def _moves(visit: Visit) -> list[tuple[int, int, int | None]]:
    """Those of the project on screen; another project's are forgotten."""
    return [move for move in session_value(_MOVES, []) if move[0] == visit.project.id]
