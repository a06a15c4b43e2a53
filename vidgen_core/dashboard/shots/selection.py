"""Shots selected on their cards or rows, and the actions on all of them in the message line.

The selection belongs to the session and survives paging and filtering.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.components import batches, dialogs, preflight, task_actions
from vidgen_core.dashboard.components.labels import price
from vidgen_core.dashboard.components.media import icon
from vidgen_core.dashboard.quality import best, drawing, model_dialog
from vidgen_core.dashboard.session import Visit, current_visit, handle_errors, session_value, toast_later
from vidgen_core.dashboard.shots import prompt_writing
from vidgen_core.dashboard.shots.dialogs import delete_shots
from vidgen_core.domain.queries import ShotFilter
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.services.generation.preflight import Estimate
from vidgen_core.services.library.shots import ShotView

#: Largest selection; more is done on the Tasks screen, by filter.
MOST: Final = 500
#: The fragment of the message line, where the actions stand.
LINE: Final = "message_line"
_SELECTED: Final = "_shots_ticked"
#: Whether selected shots that have takes get more.
_AGAIN: Final = "selected_again"


def selected(visit: Visit) -> list[int]:
    """Ids of the selected shots; the selection is empty in another project."""
    project, ids = session_value(_SELECTED, (visit.project.id, []))
    return list(ids) if project == visit.project.id else []


def _keep(visit: Visit, ids: Iterable[int]) -> None:
    st.session_state[_SELECTED] = (visit.project.id, list(dict.fromkeys(ids))[:MOST])


def set_selected(visit: Visit, shot_id: int, on: bool) -> None:
    """Take a shot into the selection, or out of it."""
    others = [other for other in selected(visit) if other != shot_id]
    if on and len(others) >= MOST:
        toast_later(visit.t("select.most", n=visit.t.number(MOST)), ":material/info:")
    _keep(visit, [*others, shot_id] if on else others)


def select_all_button(visit: Visit, wanted: ShotFilter, total: int) -> None:
    """A button that selects everything the filter leaves."""
    t = visit.t
    if 0 < total <= MOST:
        st.button(
            icon("select-all", t("select.all", n=t.number(total))),
            key="tick_all",
            help=t("select.all", n=t.number(total)),
            on_click=_select_all,
            args=(wanted,),
            shortcut="A",
        )


def _select_all(wanted: ShotFilter) -> None:
    visit = current_visit()
    _keep(visit, [*selected(visit), *visit.app.shots.ids(visit.project.id, wanted)])


def _select_none() -> None:
    _keep(current_visit(), [])
    st.rerun()


def shown() -> object:
    """Everything that the actions show, to be compared."""
    visit = current_visit()
    views = visit.app.shots.views(selected(visit))
    return (views, visit.app.settings(), visit.app.budget.table()) if views else None


def bar(visit: Visit, views: Sequence[ShotView]) -> None:
    """The actions on what is selected."""
    t, ids = visit.t, [view.shot.id for view in views]
    again = bool(st.session_state.get(_AGAIN))
    estimate = visit.app.tasks.estimate(visit.project.id, ids, again=again)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False, key="shots_selected"):
        st.markdown(f"**{t.n('select.ticked', len(views))}**", width="content")
        preflight.button(
            visit,
            estimate,
            t("shots.generate", n=estimate.tasks, price=price(t, estimate)),
            generate,
            ids,
            again,
            key="selected_generate",
            type="primary",
            icon=":material/auto_awesome:",
            disabled=not estimate.tasks,
        )
        if estimate.having:
            st.checkbox(t.n("select.again", estimate.having), key=_AGAIN, help=t("preflight.again_help"))
        _more(visit, views)
        prompt_writing.of_ticked(visit, [view.shot for view in views])
        # Finished takes are deleted on the Tasks screen.
        task_actions.show_buttons(t, _unfinished(views), without={"delete"})
        st.button(
            t("select.delete", n=t.number(len(ids))),
            key="selected_delete",
            icon=":material/delete:",
            on_click=_delete,
            args=(ids,),
        )
        st.button(t("select.none"), key="tick_none", type="tertiary", icon=":material/deselect:", on_click=_select_none)
        _problems(visit, estimate)


def _more(visit: Visit, views: Sequence[ShotView]) -> None:
    """What is done less often, behind one button, so that all others are in view."""
    t, ids = visit.t, [view.shot.id for view in views]
    with dialogs.menu(t("shots.tools"), "selected_more"):
        looks: dict[str, Any] = {"on_click": drawing.ask, "args": (ids,), "width": "stretch"}
        st.button(t("draw.button"), key="selected_draw", icon=":material/casino:", **looks)
        if any(view.takes and view.shot.chosen_take_id is None for view in views):
            best.button(visit, ids, key="selected_best", width="stretch")
        unasked = [take for view in views for take in view.takes if take.answer is None]
        if unasked and visit.app.model_judge.is_on:
            looks |= {"on_click": model_dialog.ask, "args": (visit, unasked)}
            st.button(t("judge.menu"), key="selected_judge", icon=":material/visibility:", **looks)


def _unfinished(views: Sequence[ShotView]) -> list[Task]:
    return [task for view in views for task in view.tasks if task.status is not TaskStatus.COMPLETED]


def _problems(visit: Visit, estimate: Estimate) -> None:
    """How many of them their model will not take, and the first reason."""
    if estimate.problems:
        first, t = estimate.problems[0], visit.t
        why = t.error("parameter", first.problem.code, first.problem.params)
        shots = len({problem.shot.id for problem in estimate.problems})
        said = t.n("select.problems", shots, why=why)
        st.markdown(f":material/warning: {t.number(shots)}", help=said, width="content")


@handle_errors
def generate(ids: list[int], again: bool) -> None:
    """Queue takes; a large or expensive order is confirmed on the preflight sheet first."""
    visit = current_visit()
    app, project = visit.app, visit.project.id
    preflight.order(
        app.tasks.estimate(project, ids, again=again),
        lambda more: app.tasks.preflight(project, ids, again=again or more),
        lambda choice: queue(ids, choice.canary, again=again or choice.again),
        canary=True,
    )


@handle_errors
def queue(ids: list[int], canary: bool | None, *, again: bool) -> None:
    """Queue takes for shots and toast what was refused; ``canary`` and ``again`` as ``tasks.generate`` takes them."""
    visit = current_visit()
    made = visit.app.tasks.generate(visit.project.id, ids, canary=canary, again=again)
    if made.tasks:
        toast_later(visit.t.n("select.queued", len(made.tasks)), ":material/check:")
    for refusal in made.refused[: batches.REPORTED]:
        why = visit.t.error("parameter", refusal.code, refusal.params)
        toast_later(visit.t("select.refused", shot=refusal.shot.number, why=why), ":material/error:")
    if len(made.refused) > batches.REPORTED:
        toast_later(visit.t.n("select.refused_more", len(made.refused) - batches.REPORTED), ":material/error:")


@handle_errors
def _delete(ids: list[int]) -> None:
    delete_shots(ids)
