"""The review room as data for the component that draws it, and the events that come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import segno
import streamlit as st

from vidgen_core.dashboard.components import component, dialogs
from vidgen_core.dashboard.components.labels import price, reasons, spoken, verdict_label
from vidgen_core.dashboard.components.media import download_url, image_url, outside, part, poster_url, video_url
from vidgen_core.dashboard.pick import order
from vidgen_core.dashboard.pick.order import PickPosition
from vidgen_core.dashboard.session import Visit, clock, current_visit, handle_errors, leave_for
from vidgen_core.dashboard.shell.sign_in import may
from vidgen_core.dashboard.shots import take_actions
from vidgen_core.domain.errors import NotFound, Refused
from vidgen_core.domain.shots import ShotParams
from vidgen_core.domain.takes import ReviewLink, Take, TakeReview, goes_out, stand_ins
from vidgen_core.domain.tasks import LIVE
from vidgen_core.i18n import VERDICT_ICONS, Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.library.reviews import DAYS
from vidgen_core.services.library.shots import ShotView

KEY: Final = "review"
#: Reasons that one key gives; people's own words may stand beside them.
REASONS: Final = ("motion", "anatomy", "face", "composition", "quality", "prompt")
_LONGEST_REASON: Final = 200
_NOTHING_SAID: Final = TakeReview()
#: Words of the component.
_WORDS: Final = (
    *(
        "choose",
        "chosen",
        "unchoose",
        "reject",
        "rejected",
        "unreject",
        "why",
        "own_reason",
        "cancel",
        "waiting",
        "broken",
    ),
    *("play", "pause", "previous", "next", "position", "strip", "download", "progress", "go_on", "one_more", "coming"),
    *("new_prompt", "prompt_save", "share", "undo", "wipe", "full", "export", "all_chosen", "look_again", "keys"),
    *("seam", "help_seam", "close"),
    *("help_choose", "help_reject", "help_shots", "help_play", "help_takes", "help_frames", "help_wipe"),
)


def show(visit: Visit, standing: PickPosition) -> None:
    """The room."""
    component.mount("review", KEY, describe(visit, standing), on_acts_change=_came)


def describe(visit: Visit, standing: PickPosition) -> dict[str, Any]:
    """Everything the component draws, as plain data: the shots around the one that stands there, with their takes."""
    t, app = visit.t, visit.app
    views = app.shots.views(standing.around)
    prices: dict[ShotParams, str] = {}
    for view in views:
        if view.shot.params not in prices:
            one = app.tasks.estimate_for([view.shot], GenerateOptions(takes=1))
            prices[view.shot.params] = t("gate.enter_key") if one.key_missing else price(t, one)
    said = app.reviews.of_takes([take.id for view in views for take in view.takes])
    chosen_here = sum(view.shot.id not in standing.waiting for view in views)
    return {
        "seen": component.seen(KEY),
        "shot": standing.shot,
        "shots": [_shot(t, view, prices[view.shot.params], said, _before(view, views)) for view in views],
        "total": len(standing.order),
        # Chosen ones among those that are not sent.
        "outside": len(standing.order) - len(standing.waiting) - chosen_here,
        # To review next when all that are sent are chosen.
        "next": standing.next,
        "pickable": may(Role.MAKER),
        "words": {name: t(f"pick.{name}") for name in _WORDS}
        | {"theirs": t("shots.edited_elsewhere", theirs="{theirs}")},
        "reasons": [t(f"pick.reason.{name}") for name in REASONS],
    }


def _before(view: ShotView, views: Sequence[ShotView]) -> dict[str, Any] | None:
    """The chosen take that a shot goes on from, or that stands before it, as its end is shown."""
    others = {other.shot.id: other for other in views}
    ahead = [other for other in views if other.shot.position < view.shot.position]
    before = others.get(view.shot.follows or 0) or (ahead[-1] if ahead else None)
    if before is None:
        return None
    chosen = next((take for take in before.takes if take.id == before.shot.chosen_take_id), None)
    return part(chosen, goes_out(chosen, stand_ins(before.takes))) if chosen else None


def _shot(
    t: Text, view: ShotView, cost: str, said: Mapping[int, TakeReview], before: dict[str, Any] | None
) -> dict[str, Any]:
    picture = _picture(view)
    best_first = sorted(view.takes, key=lambda take: (take.rank, take.number))
    return {
        "id": view.shot.id,
        "number": view.shot.number,
        "prompt": view.shot.prompt,
        "line": spoken(view.shot.script),
        "picture": outside(picture) if picture else None,
        "live": sum(task.status in LIVE for task in view.tasks),
        "price": cost,
        "before": before,
        "takes": [_take(t, view, take, said.get(take.id, _NOTHING_SAID)) for take in best_first],
    }


def _take(t: Text, view: ShotView, take: Take, said: TakeReview) -> dict[str, Any]:
    facts = [verdict_label(t, take.verdict)] if take.verdict else []
    facts += [f"⚠ {reason}" for reason in reasons(t, take)]
    facts += [t.duration(take.seconds), f"{take.width}×{take.height}", take.model]
    facts += [t("pick.seed", seed=take.seed)] if take.seed is not None else []
    return {
        "id": take.id,
        "number": take.number,
        "video": outside(video_url(take)),
        "part": part(take),
        "poster": outside(poster_url(take)),
        "download": download_url(take),
        "sign": VERDICT_ICONS[take.verdict] if take.verdict else "",
        "facts": " · ".join(facts),
        "chosen": view.shot.chosen_take_id == take.id,
        "rejected": take.rejected,
        "votes": [{"name": one.name, "vote": one.vote, "favourite": one.favourite} for one in said.votes],
        "comments": [{"name": one.name, "at": one.at, "text": one.text} for one in said.comments],
    }


def _picture(view: ShotView) -> str | None:
    chosen = next((take for take in view.takes if take.id == view.shot.chosen_take_id), None)
    if chosen is not None:
        return poster_url(chosen)
    if view.shot.image:
        return image_url(view.shot)
    return poster_url(view.takes[0]) if view.takes else None


# --- events


def _came() -> None:
    news: Mapping[str, Any] = st.session_state[KEY].get("acts") or {}
    carry_out(current_visit(), news.get("acts", []))


def carry_out(visit: Visit, acts: Sequence[Mapping[str, Any]]) -> None:
    """What was done, oldest first: ``{"n": 8, "do": "choose", "shot": 7, "take": 12}`` and the like."""
    for act in component.unheard(KEY, acts):
        _one(visit, act)


@handle_errors
def _one(visit: Visit, act: Mapping[str, Any]) -> None:
    """:raises NotFound: the browser names a shot or take that is not of this project"""
    done, shot_id, take_id = str(act.get("do")), act.get("shot"), act.get("take")
    if not isinstance(shot_id, int) or visit.app.shots.get(shot_id).project_id != visit.project.id:
        raise NotFound("shot_not_found", id=shot_id)
    if done in _ON_SHOT:
        _ON_SHOT[done](visit, shot_id, act)
    elif done in _ON_TAKE:
        if not isinstance(take_id, int) or visit.app.takes.get(take_id).shot_id != shot_id:
            raise NotFound("take_not_of_shot")
        component.carry_out_once(visit, act, lambda _visit, _act: _ON_TAKE[done](visit, shot_id, take_id, act))


def _go(_visit: Visit, shot_id: int, _act: Mapping[str, Any]) -> None:
    order.go_to(shot_id)


def _one_more(visit: Visit, shot_id: int, act: Mapping[str, Any]) -> None:
    component.carry_out_once(visit, act, lambda _visit, _act: take_actions.generate(shot_id, 1))


def _new_prompt(visit: Visit, shot_id: int, act: Mapping[str, Any]) -> None:
    """Another wording, and one more take made from it.

    :raises Refused: ``edited_elsewhere``: the prompt is no longer the one that the visitor has seen
    """
    shot, text = visit.app.shots.get(shot_id), str(act.get("text") or "").strip()
    if shot.prompt not in (act.get("seen"), text):
        raise Refused("edited_elsewhere", shot=shot.number)
    visit.app.shots.edit(shot_id, shot.rev, prompt=text)
    _one_more(visit, shot_id, act)


def _share(visit: Visit, _shot_id: int, _act: Mapping[str, Any]) -> None:
    dialogs.ask(visit.t("review.share"), share_dialog, width="medium")


def _export(_visit: Visit, _shot_id: int, _act: Mapping[str, Any]) -> None:
    leave_for("export")


def _choose(visit: Visit, shot_id: int, take_id: int, act: Mapping[str, Any]) -> None:
    visit.app.takes.choose(shot_id, take_id, instead=act.get("instead", ...))


def _unchoose(visit: Visit, shot_id: int, take_id: int, _act: Mapping[str, Any]) -> None:
    visit.app.takes.choose(shot_id, None, instead=take_id)


def _reject(visit: Visit, _shot_id: int, take_id: int, act: Mapping[str, Any]) -> None:
    visit.app.takes.reject(take_id, str(act.get("reason") or "")[:_LONGEST_REASON])


def _unreject(visit: Visit, _shot_id: int, take_id: int, _act: Mapping[str, Any]) -> None:
    visit.app.takes.reject(take_id, None)


_ON_SHOT: Final[dict[str, Callable[[Visit, int, Mapping[str, Any]], None]]] = {
    "go": _go,
    "more": _one_more,
    "prompt": _new_prompt,
    "export": _export,
    "share": _share,
}
_ON_TAKE: Final[dict[str, Callable[[Visit, int, int, Mapping[str, Any]], None]]] = {
    "choose": _choose,
    "unchoose": _unchoose,
    "reject": _reject,
    "unreject": _unreject,
}


# --- review links


#: Days that can be chosen.
_DAYS = (1, 3, DAYS, 30)
#: Links shown in the dialog.
_SHOWN = 5


def share_dialog() -> None:
    """The form, and the links that work."""
    visit = current_visit()
    t = visit.t
    st.markdown(t("review.share_help"))
    st.segmented_control(
        t("review.days"),
        _DAYS,
        default=DAYS,
        required=True,
        format_func=lambda days: t.n("review.days_n", days),
        key="review_days",
    )
    with st.container(horizontal=True):
        st.text_input(t("review.for"), key="review_for", max_chars=60)
        st.text_input(
            t("review.password_optional"), type="password", key="review_password", autocomplete="new-password"
        )
    st.button(t("review.make"), type="primary", icon=":material/add_link:", key="review_make", on_click=_make)
    for link in [link for link in visit.app.reviews.links(visit.project.id) if link.works][:_SHOWN]:
        _show(visit, link)


def url_of(visit: Visit, link: ReviewLink) -> str:
    """The address of a link as the browser knows this server."""
    origin = "/".join(str(st.context.url or "http://127.0.0.1:8501").split("/")[:3])
    return origin + outside(f"/review/{visit.app.reviews.token(link)}")


def _show(visit: Visit, link: ReviewLink) -> None:
    t, url = visit.t, url_of(visit, link)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"review_link_{link.id}"):
        # White around the code, in dark themes as well: cameras need the contrast.
        st.image(segno.make(url, error="m").svg_inline(scale=4, light="white", border=3), width=132)
        with st.container():
            # As plain text: somebody has typed the name.
            st.text(" · ".join(part for part in (link.name, _facts(t, link)) if part))
            st.code(url, language=None, wrap_lines=True)
            st.button(t("review.revoke"), key=f"review_revoke_{link.id}", on_click=_revoke, args=(link.id,))


def _facts(t: Text, link: ReviewLink) -> str:
    until = t("review.until", at=t.datetime(link.expires_at, clock()))
    return f"{until} · {t('review.has_password')}" if link.password else until


@handle_errors
def _make() -> None:
    visit, state = current_visit(), st.session_state
    visit.app.reviews.share(visit.project.id, state["review_days"], state["review_password"], state["review_for"])
    state["review_password"] = state["review_for"] = ""


@handle_errors
def _revoke(link_id: int) -> None:
    current_visit().app.reviews.revoke(link_id)
