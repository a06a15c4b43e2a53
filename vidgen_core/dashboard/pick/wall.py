"""The takes of one shot in synchronised players, and the events of that component."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.components import component, preflight
from vidgen_core.dashboard.components.labels import plain, price
from vidgen_core.dashboard.components.media import download_url, image_url, outside, poster_url, video_url
from vidgen_core.dashboard.components.task_table import flags
from vidgen_core.dashboard.pick import order as pick_order
from vidgen_core.dashboard.pick.order import PickPosition
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors
from vidgen_core.dashboard.shell.sign_in import may
from vidgen_core.dashboard.shots import cards
from vidgen_core.domain.errors import NotFound
from vidgen_core.domain.takes import Take
from vidgen_core.domain.tasks import LIVE
from vidgen_core.i18n import Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.library.shots import ShotView

_KEY: Final = "pick_wall"
#: Reasons that one key gives; people's own words may stand beside them.
REASONS: Final = ("motion", "anatomy", "face", "composition", "quality", "prompt")
_LONGEST_REASON: Final = 200
#: Words of the component.
_WORDS: Final = (
    "choose",
    "chosen",
    "unchoose",
    "reject",
    "rejected",
    "unreject",
    "why",
    "own_reason",
    "play",
    "pause",
    "previous",
    "next",
    "waiting",
    "keys",
    "help_choose",
    "help_reject",
    "help_shots",
    "help_play",
    "help_takes",
    "broken",
    "cancel",
    "strip",
    "download",
)


def head(visit: Visit, standing: PickPosition) -> None:
    """Number, prompt, how far the picking has come."""
    t, view = visit.t, standing.view
    if view is None:
        return
    done = len(standing.order) - len(standing.waiting)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="pick_head"):
        st.markdown(f"### {plain(view.shot.number)}", width="content", anchors=False)
        st.badge(
            t("pick.progress", done=t.number(done), total=t.number(len(standing.order))),
            icon=":material/star:",
            color="violet" if not standing.waiting else "gray",
        )
        if may(Role.MAKER):
            st.space("stretch")
            st.toggle(t("pick.go_on"), key="pick_go_on", help=t("pick.go_on_help"), persist_state="session")
    if view.shot.prompt:
        st.markdown(plain(view.shot.prompt))


def wall(visit: Visit, standing: PickPosition) -> None:
    """The players with their keys, and the strip of shots."""
    component.mount("pick_wall", _KEY, describe(visit, standing), on_act_change=_act)


def describe(visit: Visit, standing: PickPosition) -> dict[str, Any]:
    """Everything the component draws, as plain data."""
    t, view = visit.t, standing.view
    if view is None:
        return {}
    return {
        "shot": view.shot.id,
        "pickable": may(Role.MAKER),
        "takes": [_take(t, view, take) for take in view.takes],
        "strip": _strip(visit, standing),
        "words": {name: t(f"pick.{name}") for name in _WORDS},
        "reasons": [t(f"pick.reason.{name}") for name in REASONS],
    }


def _take(t: Text, view: ShotView, take: Take) -> dict[str, Any]:
    facts = [t.duration(take.seconds), f"{take.width}×{take.height}", take.model]
    facts += [t("pick.seed", seed=take.seed)] if take.seed is not None else []
    facts += [said] if (said := flags(t, take.warnings)) else []
    return {
        "id": take.id,
        "number": take.number,
        "video": outside(video_url(take)),
        "poster": outside(poster_url(take)),
        "download": download_url(take),
        "width": take.width,
        "height": take.height,
        "facts": " · ".join(facts),
        "chosen": view.shot.chosen_take_id == take.id,
        "rejected": take.rejected,
    }


def _strip(visit: Visit, standing: PickPosition) -> list[dict[str, Any]]:
    views = {view.shot.id: view for view in visit.app.shots.views(standing.strip)}
    return [
        {
            "id": shot_id,
            "number": views[shot_id].shot.number,
            "picture": outside(picture) if (picture := _picture(views[shot_id])) else None,
            "waiting": shot_id in standing.waiting,
        }
        for shot_id in standing.strip
        if shot_id in views
    ]


def _picture(view: ShotView) -> str | None:
    chosen = next((take for take in view.takes if take.id == view.shot.chosen_take_id), None)
    if chosen is not None:
        return poster_url(chosen)
    if view.shot.image:
        return image_url(view.shot)
    return poster_url(view.takes[0]) if view.takes else None


def foot(visit: Visit, standing: PickPosition) -> None:
    """One more take, for when none will do."""
    t, view = visit.t, standing.view
    if view is None or not may(Role.MAKER):
        return
    live = sum(1 for task in view.tasks if task.status in LIVE)
    estimate = visit.app.tasks.estimate(visit.project.id, [view.shot.id], GenerateOptions(takes=1))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="pick_foot"):
        preflight.button(
            visit,
            estimate,
            t("pick.one_more", price=price(t, estimate)),
            cards.generate,
            view.shot.id,
            1,
            key="pick_one_more",
            icon=":material/auto_awesome:",
            disabled=not estimate.tasks,
        )
        if live:
            st.caption(t.n("pick.coming", live))


# --- acts


def _act() -> None:
    act: Mapping[str, Any] = st.session_state[_KEY].get("act") or {}
    carry_out(current_visit(), act, go_on=bool(st.session_state.get("pick_go_on")))


@handle_errors
def carry_out(visit: Visit, act: Mapping[str, Any], *, go_on: bool = False) -> None:
    """What the component says was done: ``{"do": "choose", "shot": 7, "take": 12}`` and the like; else nothing.

    :param go_on: whether choosing leads to the next shot that waits
    """
    results = visit.app.takes
    shot_id, take_id = act.get("shot"), act.get("take")
    if not isinstance(shot_id, int):
        return
    if act.get("do") == "go":
        pick_order.go_to(shot_id)
        return
    if not isinstance(take_id, int) or results.get(take_id).shot_id != shot_id:
        raise NotFound("take_not_of_shot")
    if act["do"] == "choose":
        results.reject(take_id, None)
        results.choose(shot_id, take_id)
        if go_on:
            standing = pick_order.pick_position(visit)
            pick_order.go_to(pick_order.next_waiting(standing.order, standing.waiting, shot_id))
    elif act["do"] == "unchoose":
        results.choose(shot_id, None)
    elif act["do"] == "reject":
        if results.get(take_id).chosen:
            results.choose(shot_id, None)
        results.reject(take_id, str(act.get("reason") or "")[:_LONGEST_REASON])
    elif act["do"] == "unreject":
        results.reject(take_id, None)
