"""A shot as a card: its picture, its prompt, and its takes side by side.

Each card is a fragment of its own that the push signal reruns when something of its shot has changed. What a card draws
keeps its place from run to run, so that players go on playing and text being typed stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

import streamlit as st

from vidgen_core.app import ShotView, Step, StepName
from vidgen_core.app.cleanup import CLEANED
from vidgen_core.app.roles import Role
from vidgen_core.errors import NotFound
from vidgen_core.locale import STATUS_ICONS, Text
from vidgen_core.models import ENDED, Mode, Shot, Take, Task, TaskStatus
from vidgen_core.settings import Settings
from vidgen_core.ui import bulk, history, picture_cards, push
from vidgen_core.ui.card_select import tick_box
from vidgen_core.ui.confirm_price import confirm_button
from vidgen_core.ui.labels import badge, badge_of, elapsed, plain, price, step_label, take_label
from vidgen_core.ui.media import download_url, icon, image_url, poster_url, video_url, waiting_url
from vidgen_core.ui.picture_dialogs import ask_for_drawing
from vidgen_core.ui.prompt import prompt_box
from vidgen_core.ui.prompt_work import ask_for_versions
from vidgen_core.ui.session import Visit, answered, here, now, sentence, show_told, tell
from vidgen_core.ui.shot_dialogs import (
    ask_for_parameters,
    ask_for_picture,
    ask_for_remote_id,
    ask_to_submit_again,
    delete,
    show_facts,
)
from vidgen_core.ui.sign_in import may

#: More takes than this are shown when asked for.
SHOWN: Final = 6
#: The take that plays in this session: one at a time.
PLAYING: Final = "_playing"
_SHOW_ALL: Final = "_all_takes_of"
#: Pixels.
_PICTURE_TALL: Final = 104
_PICTURE_WIDE: Final = 176
_NARROWEST_CARD: Final = 420
_NARROWEST_TAKE: Final = 118
#: Words of providers that say no more than *generating*.
_PLAIN_STAGES: Final = frozenset({"processing", "running", "in_progress", "generating", "rendering", "unknown"})


class Slot(NamedTuple):
    """One take of a shot, as far as it has come."""

    number: int
    task: Task | None
    take: Take | None


def wall(views: Sequence[ShotView]) -> None:
    """The cards of one page."""
    push.watch_shots({view.shot.id: fragment(view.shot.id) for view in views})
    with st.grid(3, min_column_width=_NARROWEST_CARD, gap="small"):
        for view in views:
            _card(view)


def fragment(shot_id: int) -> str:
    """Name of the fragment that draws a shot."""
    return f"card_{shot_id}"


def slots(view: ShotView) -> list[Slot]:
    """Takes made and being made, by number; videos stay when their task was taken off the list."""
    known = {task.id for task in view.tasks}
    found = [Slot(task.take, task, view.take_of(task)) for task in view.tasks]
    found += [Slot(take.number, None, take) for take in view.takes if take.task_id not in known]
    return sorted(found, key=lambda slot: slot.number)


def _card(view: ShotView) -> None:
    shot_id = view.shot.id
    first = [view]

    @st.fragment(key=fragment(shot_id))
    def draw() -> None:
        show_told()
        visit = here()
        try:
            # In a run of the whole page the list has brought it along.
            current = first.pop() if first else push.take_view(shot_id)
        except NotFound as error:
            st.caption(sentence(error))
            return
        with st.container(border=True, key=f"shot_{shot_id}", gap="small", height="stretch"):
            _head(visit, current)
            _body(visit, current)
            picture_cards.strip(visit, current, partial(_under_way, visit.t), partial(_ended, visit))
            _takes(visit, current)

    draw()


# --- the shot


def _head(visit: Visit, view: ShotView) -> None:
    t, shot = visit.t, view.shot
    if not may(Role.MAKER):
        st.markdown(f"#### {plain(shot.number)}", width="content", anchors=False)
        return
    estimate = visit.app.tasks.estimate_for([shot])
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        tick_box(visit, shot)
        st.markdown(f"#### {plain(shot.number)}", width="stretch", anchors=False)
        st.button(
            t("shots.generate", n=estimate.tasks or "", price=price(t, estimate)),
            key=f"generate_{shot.id}",
            type="primary",
            icon=":material/auto_awesome:",
            on_click=generate,
            args=(shot.id,),
        )
        _shot_menu(visit, view)
    for problem in estimate.problems[:1]:
        st.caption(f":material/warning: {t.error('parameter', problem.problem.code, problem.problem.params)}")


def _wishes(settings: Settings, shot: Shot) -> str:
    """Ratio and model as the next click would use them."""
    provider = settings.providers.of(shot.params.provider or settings.mode)
    ratio = shot.params.aspect_ratio or provider.aspect_ratio
    return f"{plain(ratio)} · {plain(shot.params.model or provider.model)}"


@answered
def generate(shot_id: int, takes: int | None = None) -> None:
    visit = here()
    made = visit.app.tasks.generate(visit.project.id, [shot_id], takes=takes)
    for refusal in made.refused:
        tell(visit.t.error("parameter", refusal.code, refusal.params), ":material/error:")


def _shot_menu(visit: Visit, view: ShotView) -> None:
    t, shot = visit.t, view.shot
    acts: dict[str, Callable[[], None]] = {
        "one_more": lambda: generate(shot.id, 1),
        "parameters": lambda: ask_for_parameters(shot.id),
        "picture": lambda: ask_for_picture(shot.id),
        "draw": lambda: ask_for_drawing(shot.id),
        "versions": lambda: ask_for_versions(shot.id),
        "duplicate": lambda: duplicate(shot.id),
        "delete": lambda: delete(shot.id),
    }
    key = f"menu_{shot.id}"
    st.menu_button(
        t("shots.more"),
        list(acts),
        key=key,
        help=t("shots.menu_of", shot=shot.number),
        type="tertiary",
        format_func=lambda name: t(f"shots.menu.{name}"),
        on_click=_chosen_act,
        args=(key, acts),
    )


def _chosen_act(key: str, acts: dict[str, Callable[[], None]]) -> None:
    name = st.session_state.get(key)
    if name in acts:
        acts[name]()


@answered
def duplicate(shot_id: int) -> None:
    app = here().app
    shot = app.shots.get(shot_id)
    image = app.shots.image_path(shot.image) if shot.image else None
    copy = app.shots.add(shot.project_id, None, shot.prompt, image, shot.params, picture_prompt=shot.picture_prompt)
    order = app.shots.ids(shot.project_id)
    after = order[order.index(shot_id) + 1]
    if after != copy.id:
        app.shots.move(copy.id, after)
    st.rerun()


def _body(visit: Visit, view: ShotView) -> None:
    shot, settings = view.shot, visit.app.settings()
    with st.container(horizontal=True, gap="small"):
        wide = _picture_width(settings, shot)
        if shot.image:
            st.image(image_url(shot), width=wide, alt=visit.t("shots.picture_of", shot=shot.number))
        else:
            with st.container(width=wide):
                picture_cards.missing(visit, shot)
        with st.container(width="stretch", gap="xsmall"):
            prompt_box(visit.t, shot)
            st.caption(f"{_wishes(settings, shot)} · {_summary(visit.t, slots(view))}")


def _picture_width(settings: Settings, shot: Shot) -> int:
    """Narrow for upright pictures, so that all are about equally large."""
    ratio = shot.params.aspect_ratio or settings.providers.of(settings.mode).aspect_ratio
    width, _, height = ratio.partition(":")
    return _PICTURE_WIDE if height and int(width) > int(height) else _PICTURE_TALL


def _summary(t: Text, found: Sequence[Slot]) -> str:
    """``3 takes · ✅ Done 1 · ⏳ Generating 2``."""
    if not found:
        return t("shots.no_takes")
    states = [slot.task.status if slot.task else TaskStatus.COMPLETED for slot in found]
    parts = [
        f"{STATUS_ICONS[status]} {t.status(status)} {states.count(status)}" for status in TaskStatus if status in states
    ]
    return f"{t.n('common.takes', len(found))} · {' · '.join(parts)}"


# --- the takes


def _takes(visit: Visit, view: ShotView) -> None:
    found = slots(view)
    if not found:
        return
    hidden = 0 if st.session_state.get(_SHOW_ALL) == view.shot.id else max(0, len(found) - SHOWN)
    with st.grid(3, min_column_width=_NARROWEST_TAKE, gap="small"):
        for slot in found[hidden:]:
            with st.container(key=f"take_{view.shot.id}_{slot.number}", gap="xsmall"):
                _slot(visit, view, slot)
    if hidden:
        st.button(
            visit.t.n("shots.show_all", len(found)),
            key=f"show_all_{view.shot.id}",
            type="tertiary",
            on_click=_show_all,
            args=(view.shot.id,),
        )


def _show_all(shot_id: int) -> None:
    st.session_state[_SHOW_ALL] = shot_id


def _slot(visit: Visit, view: ShotView, slot: Slot) -> None:
    if slot.take is not None:
        _finished(visit, view, slot.take)
    elif slot.task is not None and slot.task.status in ENDED:
        _ended(visit, slot.task)
    elif slot.task is not None:
        _under_way(visit.t, slot.task)


def _under_way(t: Text, task: Task) -> None:
    """Stage, percent where the provider gives one, and how long it has been at it; nothing is made up."""
    if task.cancel_requested:
        _task_menu(t, task, badge(t("shots.cancelling"), "⌛", "gray"))
    else:
        _task_menu(t, task, badge_of(t, task.status))
    st.image(waiting_url(task), width="stretch", alt=t("shots.waiting_of", n=task.take))
    facts = " · ".join(_facts(t, task))
    if task.status is TaskStatus.PROCESSING and task.progress is not None:
        st.progress(task.progress, text=facts)
    else:
        st.caption(facts)
    confirm_button(t, task)


def _facts(t: Text, task: Task) -> list[str]:
    moment = now()
    working = task.status is TaskStatus.PROCESSING
    facts = [f"{task.progress} %"] if working and task.progress is not None else []
    if working and task.stage and task.stage not in _PLAIN_STAGES:
        facts.append(t(f"shots.stage.{task.stage}") if t.has(f"shots.stage.{task.stage}") else plain(task.stage))
    spent = elapsed(task, moment)
    if spent is not None:
        facts.append(t.duration(round(spent)))
    if working and task.polled_at is not None and task.provider is not Mode.LOCAL:
        facts.append(t("shots.polled", ago=t.ago((moment - task.polled_at).total_seconds())))
    if task.due_at is not None and task.status is TaskStatus.QUEUED and task.due_at > moment:
        facts.append(t("shots.due", time=t.duration((task.due_at - moment).total_seconds(), about=True)))
    return facts


def _ended(visit: Visit, task: Task) -> None:
    """A take that ended without a video: why, and the ways on from free to paid."""
    t = visit.t
    _task_menu(t, task, badge_of(t, task.status))
    if task.failure is not None:
        st.caption(t.failure(task.failure))
    for step in visit.app.tasks.steps(task) if may(Role.MAKER) else ():
        st.button(
            step_label(t, step),
            key=f"step_{task.id}_{step.name}",
            on_click=_take_step,
            args=(task.id, step),
            width="stretch",
            wrap=True,
        )


@answered
def _take_step(task_id: int, step: Step) -> None:
    tasks = here().app.tasks
    if step.name is StepName.ADOPT:
        ask_for_remote_id(task_id)
    if step.asks:
        ask_to_submit_again(task_id, step)
    act = {
        StepName.LOOK_AGAIN: tasks.look_again,
        StepName.DOWNLOAD_AGAIN: tasks.download_again,
        StepName.SUBMIT_AGAIN: tasks.retry,
    }[step.name]
    _report(act([task_id]).refused)


@answered
def remove(task_id: int) -> None:
    _report(here().app.tasks.delete([task_id]).refused)


def _report(refused: Sequence[tuple[int, str, dict[str, object]]]) -> None:
    t = here().t
    for _, code, params in refused:
        tell(t.error("parameter", code, params), ":material/error:")


def _finished(visit: Visit, view: ShotView, take: Take) -> None:
    t = visit.t
    chosen = view.shot.chosen_take_id == take.id
    label = f"**v{take.number}** {_verdict(t, take, chosen=chosen)}"
    _take_menu(t, f"take_menu_{take.id}", label, take.number, _take_acts(view, take))
    gone = CLEANED in take.warnings
    if st.session_state.get(PLAYING) == take.id and not gone:
        st.video(
            video_url(take), autoplay=True, loop=True, alt=t("shots.take_of", shot=view.shot.number, n=take.number)
        )
    else:
        st.image(poster_url(take), width="stretch", alt=t("shots.poster_of", shot=view.shot.number, n=take.number))
    if not gone:
        _take_buttons(t, view.shot, take, chosen=chosen)
    for warning in take.warnings:
        st.caption(f":material/warning: {t(f'shots.warning.{warning}')}")


def _take_acts(view: ShotView, take: Take) -> dict[str, Callable[[], None]]:
    acts: dict[str, Callable[[], None]] = {"facts": lambda: show_facts(view.shot.number, take)}
    if any(task.id == take.task_id for task in view.tasks):
        acts["history"] = lambda: _history(take.task_id)
    if may(Role.MAKER):
        acts["unreject" if take.rejected is not None else "reject"] = lambda: _reject(take)
    return acts


def _verdict(t: Text, take: Take, *, chosen: bool) -> str:
    if chosen:
        return badge(t("shots.chosen"), "⭐", "violet")
    if take.rejected is not None:
        return badge(t("shots.rejected"), "👎", "gray")
    return badge_of(t, TaskStatus.COMPLETED)


def _take_buttons(t: Text, shot: Shot, take: Take, *, chosen: bool) -> None:
    playing = st.session_state.get(PLAYING) == take.id
    with st.container(horizontal=True, horizontal_alignment="distribute", gap="xxsmall"):
        st.button(
            icon("stop", t("shots.stop_playing")) if playing else icon("play", t("shots.play")),
            key=f"play_{take.id}",
            help=t("shots.stop_playing" if playing else "shots.play"),
            type="tertiary",
            on_click=_play,
            args=(shot.id, None if playing else take.id),
        )
        if may(Role.MAKER):
            st.button(
                icon("star-filled", t("shots.unchoose")) if chosen else icon("star", t("shots.choose")),
                key=f"choose_{take.id}",
                help=t("shots.unchoose" if chosen else "shots.choose"),
                type="tertiary",
                on_click=_choose,
                args=(shot.id, None if chosen else take.id),
            )
        st.link_button(
            icon("download", t("shots.download")),
            download_url(take),
            key=f"download_{take.id}",
            help=t("shots.download"),
            type="tertiary",
        )


def _play(shot_id: int, take_id: int | None) -> None:
    """Play one take and stop the one that played before, wherever it is on this page."""
    before = st.session_state.get(PLAYING)
    st.session_state[PLAYING] = take_id
    shots = {shot_id}
    if before is not None:
        shots.add(here().app.results.get(before).shot_id)
    push.rerun(shots)


@answered
def _choose(shot_id: int, take_id: int | None) -> None:
    here().app.results.choose(shot_id, take_id)


def _take_menu(t: Text, key: str, label: str, number: int, acts: dict[str, Callable[[], None]]) -> None:
    """``v3`` and its state, with what else can be done with this take."""
    st.menu_button(
        label,
        list(acts),
        key=key,
        help=t("shots.take_menu_of", n=number),
        type="tertiary",
        format_func=lambda name: t(f"shots.take_menu.{name}"),
        on_click=_chosen_act,
        args=(key, acts),
    )


def _task_menu(t: Text, task: Task, state: str) -> None:
    """The menu of a take without a video."""
    acts: dict[str, Callable[[], None]] = {"history": lambda: _history(task.id)}
    if may(Role.MAKER) and task.status in ENDED:
        acts["remove"] = lambda: remove(task.id)
    elif may(Role.MAKER) and not task.cancel_requested:
        acts["cancel"] = lambda: bulk.cancel([task.id])
    _take_menu(t, f"task_menu_{task.id}", f"**{take_label(task)}** {state}", task.take, acts)


@answered
def _history(task_id: int) -> None:
    history.ask(here(), task_id)


@answered
def _reject(take: Take) -> None:
    here().app.results.reject(take.id, None if take.rejected is not None else "")
