"""Actions on a shot and on its takes: the registries, and running what the component of the cards reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import streamlit as st

from vidgen_core.dashboard.components import batches, dialogs, preflight
from vidgen_core.dashboard.components.actions import Action, Place, named
from vidgen_core.dashboard.components.component import carry_out_once, unheard
from vidgen_core.dashboard.quality import drawing, model_dialog
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, toast_later
from vidgen_core.dashboard.shell import live_updates
from vidgen_core.dashboard.shots import finish_dialog, selection
from vidgen_core.dashboard.shots.dialogs import (
    ask_for_link,
    ask_for_parameters,
    ask_for_picture,
    ask_for_remote_id,
    ask_to_submit_again,
    delete,
    show_facts,
)
from vidgen_core.dashboard.shots.material import ask_for_material
from vidgen_core.dashboard.shots.picture_dialogs import ask_for_drawing
from vidgen_core.dashboard.shots.prompt_writing import ask_for_versions
from vidgen_core.dashboard.tasks import history
from vidgen_core.domain.errors import NotFound
from vidgen_core.domain.money import Money
from vidgen_core.domain.takes import Take
from vidgen_core.domain.tasks import ENDED, Task
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.services.generation.recovery import Step, StepName
from vidgen_core.services.library.shots import ShotView

#: Of the component.
KEY: Final = "takes_told"
#: In which it is drawn.
FRAGMENT: Final = "takes"
_SHOW_ALL: Final = "_all_takes_of"


class Slot(NamedTuple):
    """One take of a shot, as far as it has come; a picture being drawn has no take."""

    number: int
    task: Task | None
    take: Take | None

    @property
    def is_finished(self) -> bool:
        """Whether it was made from another take: extended, enlarged."""
        return self.take is not None and self.take.parent_id is not None

    @property
    def stands_in(self) -> bool:
        """Whether exports use it in the place of that take."""
        return self.take is not None and self.take.stands_in

    @property
    def has_failed(self) -> bool:
        return self.take is None and self.task is not None and self.task.status in ENDED

    @property
    def is_cancellable(self) -> bool:
        task = self.task
        return self.take is None and task is not None and task.status not in ENDED and not task.cancel_requested


def shows_all(shot_id: int) -> bool:
    """Whether the visitor wants to see every take of a shot."""
    return bool(st.session_state.get(_SHOW_ALL) == shot_id)


def came() -> None:
    """The callback of the component."""
    news: Mapping[str, Any] = st.session_state[KEY].get("acts") or {}
    acts = news.get("acts", [])
    carry_out(current_visit(), acts)
    if any(act.get("do") == "tick" for act in acts):
        # What is done with the selection stands in another fragment.
        live_updates.rerun_fragments([FRAGMENT, selection.LINE])


def carry_out(visit: Visit, acts: Sequence[Mapping[str, Any]]) -> None:
    """What was done, oldest first: ``{"n": 8, "do": "choose", "take": 12}``, ``{…, "do": "step", "task": 7, "name": …}``."""
    for act in unheard(KEY, acts):
        _one(visit, act)


@handle_errors
def _one(visit: Visit, act: Mapping[str, Any]) -> None:
    do = act.get("do")
    if do == "show_all":
        st.session_state[_SHOW_ALL] = act.get("shot")
    elif do == "generate":
        carry_out_once(visit, act, _generate)
    elif do == "step":
        carry_out_once(visit, act, _take_step)
    elif do == "tick":
        selection.set_selected(visit, _shot_id(visit, act.get("shot")), bool(act.get("on")))
    elif do == "menu":
        if entry := named(SHOT_ACTIONS, act.get("name")):
            shot_id, run = _shot_id(visit, act.get("shot")), entry.run
            carry_out_once(visit, act, lambda _visit, _act: run(shot_id))
    elif action := named(SLOT_ACTIONS, do):
        if action.role is Role.VIEWER:
            action.run(visit, act)
        else:
            carry_out_once(visit, act, action.run)


def _shot_id(visit: Visit, shot_id: object) -> int:
    """:raises NotFound: the browser names one that is not of this project"""
    if not isinstance(shot_id, int) or visit.app.shots.get(shot_id).project_id != visit.project.id:
        raise NotFound("shot_not_found", id=shot_id)
    return shot_id


def _generate(visit: Visit, act: Mapping[str, Any]) -> None:
    generate(_shot_id(visit, act.get("shot")))


@handle_errors
def generate(shot_id: int, takes: int | None = None) -> None:
    """Queue takes of one shot: so many, or as many as it has set."""
    visit = current_visit()
    app, project, options = visit.app, visit.project.id, GenerateOptions(takes=takes)
    preflight.order(
        app.tasks.estimate(project, [shot_id], options),
        lambda _again: app.tasks.preflight(project, [shot_id], options).model_copy(update={"having": ()}),
        lambda _choice: _queue(shot_id, options),
    )


@handle_errors
def _queue(shot_id: int, options: GenerateOptions) -> None:
    visit = current_visit()
    made = visit.app.tasks.generate(visit.project.id, [shot_id], options)
    for refusal in made.refused:
        toast_later(visit.t.error("parameter", refusal.code, refusal.params), ":material/error:")


def _take(visit: Visit, take_id: object) -> Take:
    """:raises NotFound: the browser names one that is not of this project"""
    take = visit.app.takes.get(take_id) if isinstance(take_id, int) else None
    if take is None or take.project_id != visit.project.id:
        raise NotFound("take_not_found", id=take_id)
    return take


def _task(visit: Visit, task_id: object) -> Task:
    """:raises NotFound: the browser names one that is not of this project"""
    task = visit.app.tasks.get(task_id) if isinstance(task_id, int) else None
    if task is None or task.project_id != visit.project.id:
        raise NotFound("task_unknown", id=task_id)
    return task


# --- with a video


def _choose(visit: Visit, take: Take) -> None:
    visit.app.takes.choose(take.shot_id, take.id)


def _unchoose(visit: Visit, take: Take) -> None:
    visit.app.takes.choose(take.shot_id, None, instead=take.id)


def _reject(visit: Visit, take: Take) -> None:
    visit.app.takes.reject(take.id, "")


def _unreject(visit: Visit, take: Take) -> None:
    visit.app.takes.reject(take.id, None)


def _finish(visit: Visit, take: Take) -> None:
    finish_dialog.ask(visit, take)


def _use_finished(visit: Visit, take: Take) -> None:
    visit.app.takes.use_finished(take.id, True)


def _use_source(visit: Visit, take: Take) -> None:
    visit.app.takes.use_finished(take.id, False)


def _ask_model(visit: Visit, take: Take) -> None:
    model_dialog.ask(visit, [take])


def _facts(visit: Visit, take: Take) -> None:
    show_facts(visit.app.shots.get(take.shot_id).number, take)


# --- without one


def _history(visit: Visit, task: Task) -> None:
    history.ask(visit, task.id)


def _cancel(_visit: Visit, task: Task) -> None:
    batches.apply(cancel=[task.id])


def _remove(visit: Visit, task: Task) -> None:
    _report(visit, visit.app.tasks.delete([task.id]).refused)


def _confirm(visit: Visit, task: Task) -> None:
    """Ask for a yes to the price that the provider wants; reading the price costs nothing."""
    t, price = visit.t, visit.app.tasks.asked_price(task.id)
    shown = t.money(price, False) if price else t("cli.price_unknown")
    question = t("cli.ask_confirm", id=task.id, price=shown)
    dialogs.ask(
        t("shots.confirm_price"), dialogs.confirm, question, t("shots.confirm_price_act"), _accept_price, task.id, price
    )


@handle_errors
def _accept_price(task_id: int, price: Money | None) -> None:
    visit = current_visit()
    visit.app.tasks.confirm_price(task_id, price)
    toast_later(visit.t.n("cli.confirmed", 1), ":material/check:")


def _take_step(visit: Visit, act: Mapping[str, Any]) -> None:
    """A way on for a task that does not go on by itself, as long as it is still one."""
    task = _task(visit, act.get("task"))
    step: Step | None = next((step for step in visit.app.tasks.steps(task) if step.name == act.get("name")), None)
    if step is None:
        return
    if step.name is StepName.ADOPT:
        ask_for_remote_id(task.id)
    if step.name is StepName.ENTER_LINK:
        ask_for_link(task.id)
    if step.asks:
        ask_to_submit_again(task.id, step)
    ids, verb = [task.id], "retry" if step.name is StepName.SUBMIT_AGAIN else step.name.value
    if step.name in (StepName.SUBMIT_AGAIN, StepName.START):
        preflight.order_tasks(ids, lambda: _act_on(ids, verb))
        return
    _act_on(ids, verb)


@handle_errors
def _act_on(ids: list[int], verb: str) -> None:
    visit = current_visit()
    _report(visit, batches.VERBS[verb](visit.app, ids).refused)


def _report(visit: Visit, refused: Sequence[tuple[int, str, dict[str, object]]]) -> None:
    for _, code, params in refused:
        toast_later(visit.t.error("parameter", code, params), ":material/error:")


def _on_take(run: Callable[[Visit, Take], None]) -> Callable[[Visit, Mapping[str, Any]], None]:
    return lambda visit, act: run(visit, _take(visit, act.get("take")))


def _on_task(run: Callable[[Visit, Task], None]) -> Callable[[Visit, Mapping[str, Any]], None]:
    return lambda visit, act: run(visit, _task(visit, act.get("task")))


_BUTTON: Final = frozenset({Place.BUTTON})

#: Every action on a take, in the order of its menu. ``shots.take_menu.<name>`` is its word.
SLOT_ACTIONS: Final[tuple[Action[Slot], ...]] = (
    Action("choose", _on_take(_choose), places=_BUTTON),
    Action("unchoose", _on_take(_unchoose), places=_BUTTON),
    Action("confirm", _on_task(_confirm), places=_BUTTON),
    Action("finish", _on_take(_finish), lambda slot: slot.take is not None),
    Action("use_finished", _on_take(_use_finished), lambda slot: slot.is_finished and not slot.stands_in),
    Action("use_source", _on_take(_use_source), lambda slot: slot.stands_in),
    Action(
        "ask_model",
        _on_take(_ask_model),
        lambda slot: slot.take is not None and current_visit().app.model_judge.is_on,
    ),
    Action("facts", _on_take(_facts), lambda slot: slot.take is not None, role=Role.VIEWER),
    Action("history", _on_task(_history), lambda slot: slot.task is not None, role=Role.VIEWER),
    Action("reject", _on_take(_reject), lambda slot: slot.take is not None and slot.take.rejected is None),
    Action("unreject", _on_take(_unreject), lambda slot: slot.take is not None and slot.take.rejected is not None),
    Action("remove", _on_task(_remove), lambda slot: slot.has_failed),
    Action("cancel", _on_task(_cancel), lambda slot: slot.is_cancellable),
)


# --- the menu of a shot


def _one_more(shot_id: int) -> None:
    generate(shot_id, 1)


@handle_errors
def duplicate(shot_id: int) -> None:
    app = current_visit().app
    shot = app.shots.get(shot_id)
    image = app.shots.image_path(shot.image) if shot.image else None
    copy = app.shots.add(shot.project_id, None, shot.prompt, image, shot.params, picture_prompt=shot.picture_prompt)
    if shot.last_frame or shot.last_frame_url or shot.references:
        material = {name: getattr(shot, name) for name in ("last_frame", "last_frame_url", "references")}
        app.shots.edit(copy.id, **material)
    order = app.shots.ids(shot.project_id)
    after = order[order.index(shot_id) + 1]
    if after != copy.id:
        app.shots.move(copy.id, after)
    st.rerun()


def _follows(view: ShotView) -> bool:
    return view.shot.follows is not None


def _act(verb: str) -> Callable[[int], None]:
    """An act on the chain of a shot; the cards around it show it, too."""

    @handle_errors
    def run(shot_id: int) -> None:
        getattr(current_visit().app.chains, verb)(shot_id)
        st.rerun()

    return run


#: Every action on a shot, in the order of its menu. ``shots.menu.<name>`` is its word.
SHOT_ACTIONS: Final[tuple[Action[ShotView], ...]] = (
    Action("one_more", _one_more),
    Action("until_pass", lambda shot_id: drawing.ask([shot_id])),
    Action("parameters", ask_for_parameters),
    Action("picture", ask_for_picture),
    Action("material", ask_for_material),
    Action("draw", ask_for_drawing),
    Action("continue", _act("link"), fits=lambda view: view.shot.follows is None),
    Action("unlink", _act("unlink"), fits=_follows),
    Action("meet", _act("meet")),
    Action("refresh", _act("refresh"), fits=_follows),
    Action("versions", ask_for_versions),
    Action("duplicate", duplicate),
    Action("delete", delete),
)
