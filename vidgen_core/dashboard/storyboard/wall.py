"""The storyboard: shots as frames that are dragged into order and played as stills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.components import component, preflight
from vidgen_core.dashboard.components.component import seen, unheard
from vidgen_core.dashboard.components.labels import price
from vidgen_core.dashboard.components.media import frame_url, image_url, outside, part, poster_url
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, session_value
from vidgen_core.dashboard.shell.sign_in import may
from vidgen_core.dashboard.shots import selection
from vidgen_core.domain.errors import NotFound
from vidgen_core.i18n import Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.library.chains import ChainView
from vidgen_core.services.library.shots import Frame
from vidgen_core.worker.chain import Stale

#: Frames on a wall; a project with more has several.
PER_WALL: Final = 500
_KEY: Final = "storyboard"
#: Moves of this session that can be taken back: (project id, shot id, what it stood before), and links: (project id, None,
#: the chains before).
_MOVES: Final = "_storyboard_moves"
_KEPT: Final = 100
#: Words of the component.
_WORDS: Final = (
    "wall", "frame", "movable", "hint", "play", "play_from", "pause", "previous", "next", "close", "position", "undo",
    "lifted", "carried", "moved", "put_back", "link", "unlink", "seams", "no_seam",
)  # fmt: skip


def wall(visit: Visit, frames: Sequence[Frame]) -> None:
    """Draw up to ``PER_WALL`` frames with their player; one more tells what stands behind them."""
    component.mount("storyboard", _KEY, describe(visit, frames), on_acts_change=_act)


def describe(visit: Visit, found: Sequence[Frame]) -> dict[str, Any]:
    """Everything the component draws, as plain data."""
    t, frames, behind = visit.t, found[:PER_WALL], found[PER_WALL:]
    # Most frames are equally long, and saying so takes its time.
    told = cache(lambda seconds: t.duration(round(seconds, 1)))
    length = t.duration(round(sum(frame.seconds for frame in frames)))
    settings, stale = visit.app.settings(), visit.app.chains.stale(visit.project.id)
    width, _, height = settings.providers.of(settings.mode).aspect_ratio.partition(":")
    return {
        "frames": [_frame(t, frame, told(frame.seconds), stale.get(frame.shot.id)) for frame in frames],
        "chains": [_chain(t, view) for view in visit.app.chains.of_project(visit.project.id) if len(view.shots) > 1],
        "behind": behind[0].shot.id if behind else None,
        "sum": t.n("storyboard.sum", len(frames), time=length),
        "ratio": f"{width} / {height}" if height else "1",
        "movable": may(Role.MAKER),
        "undo": bool(_moves(visit)),
        "seen": seen(_KEY),
        "words": {name: t(f"storyboard.{name}") for name in _WORDS},
    }


def _chain(t: Text, view: ChainView) -> dict[str, Any]:
    """A chain with the sharpness of its last frames, as shares of that of its first frame."""
    measured = [one.frame.sharpness for one in view.shots if one.frame and one.frame.sharpness is not None]
    values = ", ".join(f"{value:.0%}" for value in measured)
    return {
        "shots": [one.shot.id for one in view.shots],
        "words": t("chain.row", name=view.name, shots=f"{view.shots[0].shot.number} – {view.shots[-1].shot.number}"),
        "line": [1.0, *measured] if measured else [],
        "measured": t("chain.measured", name=view.name, values=values) if measured else "",
        "stale": len(view.stale),
    }


def redo(visit: Visit) -> None:
    """What no longer goes on from the shots before it, and what making it again costs; nothing is bought before the click."""
    t, ids = visit.t, list(visit.app.chains.stale(visit.project.id))
    if not ids:
        return
    estimate = visit.app.tasks.estimate(visit.project.id, ids)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="chain_stale"):
        st.markdown(f":material/history: {t.n('chain.stale_now', len(ids))}", width="content")
        if may(Role.MAKER):
            label = t("chain.again", price=price(t, estimate))
            preflight.button(visit, estimate, label, selection.generate, ids, True, key="chain_again")


def _frame(t: Text, frame: Frame, length: str, stale: Stale | None) -> dict[str, Any]:
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
        "follows": shot.follows,
        "stale": t(f"chain.stale.{stale.code}", shot=stale.shot) if stale else "",
        "part": part(take, frame.file) if take else None,
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
    done = act.get("do")
    if not isinstance(shot_id, int) or visit.app.shots.get(shot_id).project_id != visit.project.id:
        raise NotFound("shot_not_found", id=shot_id)
    if done in ("link", "unlink"):
        after = act.get("after")
        chains = visit.app.chains
        names = chains.unlink(shot_id) if done == "unlink" else chains.link(shot_id, after)
        _remember(visit, None, names)
        return
    was = visit.app.shots.move(shot_id, before)
    if was != before:
        _remember(visit, shot_id, was)


def _remember(visit: Visit, shot_id: int | None, was: Any) -> None:
    st.session_state[_MOVES] = [*_moves(visit), (visit.project.id, shot_id, was)][-_KEPT:]


def _undo(visit: Visit) -> None:
    moves = _moves(visit)
    if moves:
        _, shot_id, was = moves.pop()
        st.session_state[_MOVES] = moves
        if shot_id is None:
            visit.app.chains.restore(was)
        else:
            visit.app.shots.move(shot_id, was)


def _moves(visit: Visit) -> list[tuple[int, int | None, Any]]:
    """Those of the project on screen; another project's are forgotten."""
    return [move for move in session_value(_MOVES, []) if move[0] == visit.project.id]
