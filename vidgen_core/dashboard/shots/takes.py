"""The takes on the cards of a page, as data for the one component that draws them.

Every card has a place for its takes; what stands there comes to all places of the page together, with one fragment that draws
nothing else. So what moves while videos are made costs the same for twenty cards as for one, and the cards themselves, where
somebody may be typing, are left alone. Players, open menus and what has the focus stay in the browser.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import streamlit as st

from vidgen_core.dashboard.components import component, preflight
from vidgen_core.dashboard.components.actions import Place, offered
from vidgen_core.dashboard.components.component import seen
from vidgen_core.dashboard.components.labels import (
    elapsed,
    price,
    price_of_one,
    reasons,
    status_colour,
    step_label,
    take_label,
)
from vidgen_core.dashboard.components.media import outside, poster_url, video_url, waiting_url
from vidgen_core.dashboard.quality import drawing
from vidgen_core.dashboard.session import Visit, current_visit, now, show_told
from vidgen_core.dashboard.shell import live_updates
from vidgen_core.dashboard.shell.sign_in import may
from vidgen_core.dashboard.shots import selection, take_actions
from vidgen_core.dashboard.shots.take_actions import Slot
from vidgen_core.domain.shots import Shot
from vidgen_core.domain.takes import Take, Verdict
from vidgen_core.domain.tasks import ENDED, Task, TaskStatus
from vidgen_core.i18n import STATUS_ICONS, VERDICT_COLOURS, VERDICT_ICONS, Text
from vidgen_core.money import Price
from vidgen_core.providers.base import WAITING_FOR_CONFIRMATION
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.preflight import Estimate
from vidgen_core.services.library.shots import ShotView
from vidgen_core.services.system.cleanup import CLEANED

#: More takes of a shot than this are shown when asked for.
SHOWN: Final = 6
_NAME: Final = "takes"
#: Seconds: how long a take has been at it grows without a change of the store.
_SLOWLY: Final = 10
#: Ids of the shots whose cards are on the page.
_IDS: Final = "_cards"
#: Stages that say no more than *generating*.
_PLAIN_STAGES: Final = frozenset({"processing", "running", "in_progress", "generating", "rendering", "unknown"})
_WORDS: Final = ("play", "stop_playing", "choose", "unchoose", "download", "confirm_price")


class CardContext(NamedTuple):
    """What all takes of a page share, queried once."""

    app: Vidgen
    t: Text
    maker: bool
    prices: Sequence[Price]


def slots(view: ShotView) -> list[Slot]:
    """Takes made and being made, by number; videos stay when their task was taken off the list."""
    known = {task.id for task in view.tasks}
    found = [Slot(task.take, task, view.take_of(task)) for task in view.tasks]
    found += [Slot(take.number, None, take) for take in view.takes if take.task_id not in known]
    return sorted(found, key=lambda slot: slot.number)


def show(shot_ids: Sequence[int]) -> None:
    """Send the takes of all cards of the page, and again whenever they change."""
    st.session_state[_IDS] = tuple(shot_ids)
    live_updates.watch(take_actions.FRAGMENT, shots=shot_ids)
    _send()


def views() -> list[ShotView]:
    """The shots of the page as they are now, by one query."""
    return current_visit().app.shots.views(st.session_state[_IDS])


def place(shot: Shot, options: str) -> None:
    """Where the takes of a shot stand on its card.

    :param options: what the next one would be, in words
    """
    component.mount(_NAME, f"takes_{shot.id}", {"place": shot.id, "options": options})


def head(visit: Visit, view: ShotView, estimate: Estimate) -> None:
    """The first line of a card: its box, the button that makes takes and the menu.

    Each click on the button counts, however fast they come. One component instead of three widgets saves the browser a third of what
    it takes to draw twenty cards.
    """
    t, shot, one = visit.t, view.shot, price_of_one(visit.t, estimate)
    menu = [action.name for action in offered(take_actions.SHOT_ACTIONS, Place.MENU, view)]
    told = {
        "head": shot.id,
        "number": shot.number,
        "menu": [[name, t(f"shots.menu.{name}", price=one)] for name in menu],
        "more": t("shots.menu_of", shot=shot.number),
        "help": t("shots.generate_of", shot=shot.number),
    }
    component.mount(_NAME, f"head_{shot.id}", told | generate_words(visit, estimate))


def generate_words(visit: Visit, estimate: Estimate) -> dict[str, str]:
    """What is written on the button: how many takes one click makes and what they cost, or that a key is missing."""
    t, missing = visit.t, estimate.key_missing
    if missing is not None:
        return {"words": t("gate.enter_key"), "help": preflight.no_key(visit, missing), "icon": "🔑"}
    if not estimate.tasks:
        # It is refused; the sentence stands below.
        return {"words": t("shots.generate_none"), "icon": "✦"}
    return {"words": t("shots.generate", n=estimate.tasks, price=price(t, estimate)), "icon": "✦"}


@st.fragment(key=take_actions.FRAGMENT, run_every=_SLOWLY)
def _send() -> None:
    show_told()
    component.mount(_NAME, take_actions.KEY, describe(current_visit(), views()), on_acts_change=take_actions.came)


def describe(visit: Visit, shown: Sequence[ShotView]) -> dict[str, Any]:
    """Everything the component draws, as plain data."""
    t = visit.t
    context = CardContext(visit.app, t, may(Role.MAKER), visit.app.budget.table())
    return {
        "seen": seen(take_actions.KEY),
        "below": outside(""),
        "shots": [_shot(context, view) for view in shown],
        "ticked": selection.selected(visit),
        "words": _words(t),
    }


@cache
def _words(t: Text) -> dict[str, Any]:
    """What many takes have in common, said once; ``{n}`` and ``{shot}`` are filled in the browser."""
    blanks = {"n": "{n}", "shot": "{shot}"}
    states = {status.value: [STATUS_ICONS[status], t.status(status), status_colour(status)] for status in TaskStatus}
    for verdict in Verdict:
        word = t(f"verdict.{verdict}")
        states[f"completed_{verdict}"] = [VERDICT_ICONS[verdict], word, VERDICT_COLOURS[verdict]]
        states[f"chosen_{verdict}"] = ["⭐", f"{t('shots.chosen')} · {word}", "violet"]
    return {name: t(f"shots.{name}") for name in _WORDS} | {
        "menu": t("shots.take_menu_of", **blanks),
        "poster": t("shots.poster_of", **blanks),
        "video": t("shots.take_of", **blanks),
        "waiting": t("shots.waiting_of", **blanks),
        "acts": {
            action.name: t(f"shots.take_menu.{action.name}")
            for action in take_actions.SLOT_ACTIONS
            if Place.MENU in action.places
        },
        "states": states
        | {
            "chosen": ["⭐", t("shots.chosen"), "violet"],
            "rejected": ["👎", t("shots.rejected"), "gray"],
            "cancelling": ["⌛", t("shots.cancelling"), "gray"],
        },
    }


def _shot(context: CardContext, view: ShotView) -> dict[str, Any]:
    t, found = context.t, slots(view)
    hidden = 0 if take_actions.shows_all(view.shot.id) else max(0, len(found) - SHOWN)
    drawn = [task for task in view.drawings if task.status is not TaskStatus.COMPLETED]
    return {
        "id": view.shot.id,
        "number": view.shot.number,
        "summary": " · ".join(filter(None, (drawing.state_line(t, view), summary(t, found)))),
        "pictures": [_of_task(context, task) for task in drawn],
        "takes": [_of_slot(context, view, slot) for slot in found[hidden:]],
        "more": t.n("shots.show_all", len(found)) if hidden else None,
    }


def summary(t: Text, found: Sequence[Slot]) -> str:
    """How the takes of a shot stand: ``3 takes · ✅ Done 1 · ⏳ Generating 2``."""
    if not found:
        return t("shots.no_takes")
    states = [slot.task.status if slot.task else TaskStatus.COMPLETED for slot in found]
    parts = [
        f"{STATUS_ICONS[status]} {t.status(status)} {states.count(status)}" for status in TaskStatus if status in states
    ]
    return f"{t.n('common.takes', len(found))} · {' · '.join(parts)}"


def _of_slot(context: CardContext, view: ShotView, slot: Slot) -> dict[str, Any]:
    if slot.take is not None:
        return _finished(context, view, slot.take, _menu(slot))
    assert slot.task is not None, "a slot without a take has a task"
    return _of_task(context, slot.task)


def _of_task(context: CardContext, task: Task) -> dict[str, Any]:
    held = task.status in (TaskStatus.PENDING, TaskStatus.QUEUED) and task.failure is not None
    return _ended(context, task) if held or task.status in ENDED else _under_way(context, task)


def _under_way(context: CardContext, task: Task) -> dict[str, Any]:
    """Stage, percent where the provider gives one, and how long it has been at it; nothing is made up."""
    t = context.t
    working = task.status is TaskStatus.PROCESSING
    waits = task.stage == WAITING_FOR_CONFIRMATION and not task.cancel_requested
    return {
        "kind": "under_way",
        "task": task.id,
        "label": take_label(task),
        "state": "cancelling" if task.cancel_requested else task.status.value,
        "menu": _menu(Slot(task.take, task, None)),
        "picture": waiting_url(task),
        "percent": task.progress if working else None,
        "facts": " · ".join(_facts(t, task)),
        "confirm": waits and context.maker,
    }


def _facts(t: Text, task: Task) -> list[str]:
    moment = now()
    working = task.status is TaskStatus.PROCESSING
    facts = [f"{task.progress}%"] if working and task.progress is not None else []
    if working and task.stage and task.stage not in _PLAIN_STAGES:
        facts.append(t(f"shots.stage.{task.stage}") if t.has(f"shots.stage.{task.stage}") else task.stage)
    spent = elapsed(task, moment)
    if spent is not None:
        facts.append(t.duration(round(spent)))
    if working and task.polled_at is not None and not task.provider.is_free:
        facts.append(t("shots.polled", ago=t.ago((moment - task.polled_at).total_seconds())))
    if task.awaits is not None:
        facts.append(t("chain.waits", shot=task.awaits))
    if task.due_at is not None and task.status is TaskStatus.QUEUED and task.due_at > moment:
        facts.append(t("shots.due", time=t.duration((task.due_at - moment).total_seconds(), about=True)))
    return facts


def _ended(context: CardContext, task: Task) -> dict[str, Any]:
    """A take that waits for something, or ended without a video: why, and the ways on from free to paid."""
    t = context.t
    steps = context.app.tasks.steps(task, context.prices) if context.maker else ()
    return {
        "kind": "ended",
        "task": task.id,
        "label": take_label(task),
        "state": task.status.value,
        "menu": _menu(Slot(task.take, task, None)),
        "why": t.told(task.failure) if task.failure else "",
        "steps": [[step.name, step_label(t, step)] for step in steps],
    }


def _finished(context: CardContext, view: ShotView, take: Take, menu: list[str]) -> dict[str, Any]:
    t = context.t
    chosen, gone = view.shot.chosen_take_id == take.id, CLEANED in take.warnings
    video = None if gone else video_url(take)
    return {
        "kind": "finished",
        "take": take.id,
        "task": take.task_id,
        "label": f"v{take.number} ⇧" if take.stands_in else f"v{take.number}",
        "state": "rejected" if take.rejected is not None and not chosen else _state(take, chosen=chosen),
        "menu": menu,
        "poster": poster_url(take),
        "video": video,
        "download": f"{video}&download=1" if video else None,
        "ratio": f"{take.width} / {take.height}",
        "choosable": context.maker and not gone,
        "chosen": chosen,
        "warnings": reasons(t, take),
    }


def _state(take: Take, *, chosen: bool) -> str:
    """What the badge of a finished take says: that it is chosen, and the verdict of its checks."""
    return ("chosen" if chosen else "completed") + (f"_{take.verdict}" if take.verdict else "")


def _menu(slot: Slot) -> list[str]:
    return [action.name for action in offered(take_actions.SLOT_ACTIONS, Place.MENU, slot)]
