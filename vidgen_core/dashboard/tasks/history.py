"""The drawer of one task: every attempt with what was sent, what it cost and what came back."""

from __future__ import annotations

import json
from typing import Any, Final

import streamlit as st

from vidgen_core.dashboard.components import dialogs, task_actions, task_table
from vidgen_core.dashboard.components.labels import (
    Colour,
    elapsed,
    mode_label,
    plain,
    status_badge,
    step_label,
    take_label,
)
from vidgen_core.dashboard.components.remote_id import remote_id_field
from vidgen_core.dashboard.session import Visit, clock, current_visit, handle_errors, now, show_told, toast_later
from vidgen_core.dashboard.shell import live_updates, sign_in
from vidgen_core.dashboard.tasks import log_view
from vidgen_core.domain.attempts import Attempt, AttemptState
from vidgen_core.domain.errors import NotFound
from vidgen_core.domain.queries import LogFilter
from vidgen_core.domain.tasks import ENDED, LIVE, Task
from vidgen_core.i18n import STATUS_ICONS, Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.generation.recovery import Step, StepName

_LIVE: Final = "history"
_WIDTH: Final = 620
#: Newest lines of the log that the drawer shows.
_LINES: Final = 50
#: Seconds; ages grow without a change of the store.
_SLOWLY: Final = 10

_STATES: Final[dict[AttemptState, tuple[str, Colour]]] = {
    AttemptState.PREPARING: (":material/hourglass_top:", "gray"),
    AttemptState.SENDING: (":material/send:", "blue"),
    AttemptState.ACCEPTED: (":material/handshake:", "blue"),
    AttemptState.UNKNOWN: (":material/question_mark:", "orange"),
    AttemptState.REFUSED: (":material/block:", "gray"),
    AttemptState.SUCCEEDED: (":material/check_circle:", "green"),
    AttemptState.FAILED: (":material/error:", "red"),
    AttemptState.ABANDONED: (":material/timer_off:", "gray"),
}


def ask(visit: Visit, task_id: int) -> None:
    """Open the drawer; to be called in a widget callback, which ends with it."""
    task = visit.app.tasks.get(task_id)
    title = visit.t("tasks.history_title", shot=task.shot, take=take_label(task))
    dialogs.ask_for(lambda: _open(title, task_id))


def _open(title: str, task_id: int) -> None:
    live_updates.watch(_LIVE)
    st.dialog(title, width=_WIDTH, position="right", on_dismiss="rerun")(_drawer)(task_id)


def _drawer(task_id: int) -> None:
    _refreshed(task_id)
    if sign_in.may(Role.MAKER):
        _entering(task_id)
        _adopting(task_id)


@st.fragment(key=_LIVE, run_every=_SLOWLY)
def _refreshed(task_id: int) -> None:
    show_told()
    visit = current_visit()
    try:
        task = visit.app.tasks.get(task_id)
    except NotFound as error:
        st.info(visit.t.error(error.kind, error.code, error.params))
        return
    _summary(visit, task)
    if sign_in.may(Role.MAKER):
        _ways_on(visit, task)
    attempts = visit.app.tasks.attempts(task_id)
    st.subheader(visit.t.n("tasks.attempts", len(attempts)), anchor=False)
    for attempt in reversed(attempts):
        _attempt(visit.t, attempt, opened=attempt.id == task.attempt_id, goes_on=task.status in LIVE)
    _facts(visit.t, task)
    _lines(visit, task)


def _summary(visit: Visit, task: Task) -> None:
    t = visit.t
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        under_way = task.status in LIVE and task.progress is not None
        status_badge(t, task.status, f"{task.progress}%" if under_way else "")
        st.markdown(f"{mode_label(t, task.provider)} · {plain(task.model)}", width="content")
        st.markdown(task_table.cost(t, task), width="content")
    picture = task_table.image_url(task)
    with st.container(horizontal=True, gap="small"):
        if picture:
            st.image(picture, width=96, alt=t("tasks.reference", shot=task.shot))
        st.markdown(plain(task.params.prompt) or f":gray[{t('tasks.no_prompt')}]", width="stretch")
    if task.failure:
        st.error(plain(t.told(task.failure)), icon=STATUS_ICONS[task.status])


# --- ways on


def _ways_on(visit: Visit, task: Task) -> None:
    """What can be done about a failure, from free to paid."""
    with st.container(horizontal=True, gap="small"):
        for step in visit.app.tasks.steps(task):
            action = task_actions.step_action(step.name)
            if action is not None:
                st.button(
                    step_label(visit.t, step),
                    key=f"history_{step.name}",
                    type="primary" if action.primary else "secondary",
                    on_click=action.run,
                    args=([task.id],),
                )


def _entering(task_id: int) -> None:
    """A form for the link of a finished video whose place in the answer was not understood."""
    visit = current_visit()
    if not any(step.name is StepName.ENTER_LINK for step in visit.app.tasks.steps(visit.app.tasks.get(task_id))):
        return
    t = visit.t
    box = st.expander(t("shots.link_title"), icon=":material/movie:", expanded=True)
    with box.form("history_link_form", border=False):
        st.text_input(t("shots.link"), key="history_link", placeholder="https://…/video.mp4")
        st.caption(t("shots.link_help"))
        st.form_submit_button(t("shots.link_act"), key="history_link_act", on_click=_enter, args=(task_id,))


@handle_errors
def _enter(task_id: int) -> None:
    visit = current_visit()
    task = visit.app.tasks.enter_link(task_id, st.session_state["history_link"])
    toast_later(visit.t("shots.link_entered", shot=task.shot, take=take_label(task)), ":material/movie:")


def _adopting(task_id: int) -> None:
    """A form for the id of a job that the provider has and we do not know; it stays as typed through refreshes."""
    visit = current_visit()
    task = visit.app.tasks.get(task_id)
    steps: dict[StepName, Step] = {step.name: step for step in visit.app.tasks.steps(task)}
    if task.provider.is_free or task.status not in ENDED or not steps or not task.attempts:
        return
    t = visit.t
    box = st.expander(t("tasks.adopt"), icon=":material/link:", expanded=StepName.ADOPT in steps)
    with box.form("history_adopt", border=False):
        remote_id_field(visit, task, t("tasks.remote_id"), "history_remote_id")
        st.caption(t("tasks.adopt_help", provider=mode_label(t, task.provider)))
        st.form_submit_button(t("tasks.adopt_act"), key="history_adopt_act", on_click=_adopt, args=(task_id,))


@handle_errors
def _adopt(task_id: int) -> None:
    visit = current_visit()
    task = visit.app.tasks.adopt(task_id, st.session_state["history_remote_id"] or "")
    toast_later(visit.t("tasks.adopted", shot=task.shot, take=take_label(task)), ":material/link:")


# --- attempts


def _attempt(t: Text, attempt: Attempt, *, opened: bool, goes_on: bool) -> None:
    icon, colour = _STATES[attempt.state]
    with st.container(border=True, gap="small", key=f"attempt_{attempt.id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{t('tasks.attempt', n=attempt.number)}**", width="content")
            st.badge(t(f"tasks.attempt_state.{attempt.state}"), icon=icon, color=colour)
            st.markdown(_charge(t, attempt), width="content")
        if attempt.failure:
            own, *others = t.told(attempt.failure, goes_on=goes_on).split("\n")
            st.markdown("\\\n".join([f":red[{plain(own)}]", *(plain(other) for other in others)]))
        if attempt.remote_id:
            st.caption(t("tasks.remote_id"))
            st.code(attempt.remote_id, language=None, wrap_lines=True)
        st.caption(" · ".join(_times(t, attempt)))
        _evidence(t, attempt, opened=opened)


def _charge(t: Text, attempt: Attempt) -> str:
    word = t(f"tasks.charge.{attempt.charge}")
    if attempt.cost is None or not attempt.cost.amount:
        return word
    return f"{t.money(attempt.cost, estimated=attempt.charge != 'charged')} · {word}"


def _times(t: Text, attempt: Attempt) -> list[str]:
    tz = clock()
    said = [(name, getattr(attempt, f"{name}_at")) for name in ("intent", "accepted", "ended")]
    times = [t(f"tasks.time.{name}", time=t.datetime(at, tz)) for name, at in said if at]
    key = [t("tasks.with_key", key=plain(attempt.key_label))] if attempt.key_label else []
    return [*key, *(times or [t("tasks.time.created", time=t.datetime(attempt.created_at, tz))])]


def _evidence(t: Text, attempt: Attempt, *, opened: bool) -> None:
    if attempt.sent:
        with st.expander(_sent_title(t, attempt.sent), icon=":material/outbox:"):
            st.json(attempt.sent, expanded=2)
    if attempt.evidence:
        wrong = opened and attempt.failure is not None
        with st.expander(t("tasks.answer"), icon=":material/inbox:", expanded=wrong):
            st.code(_pretty(attempt.evidence), language="json", wrap_lines=True, height=240)
            if attempt.request_id:
                st.caption(t("tasks.request_id", id=plain(attempt.request_id)))


def _sent_title(t: Text, sent: dict[str, Any]) -> str:
    """How many pictures left, and how big: what people most often wonder about."""
    if not isinstance(sent.get("images"), int):
        return t("tasks.sent")
    size = sent.get("image_bytes")
    return t.n("tasks.sent_images", sent["images"], size=t.bytes(size) if isinstance(size, int) else "–")


def _pretty(evidence: str) -> str:
    try:
        return json.dumps(json.loads(evidence), ensure_ascii=False, indent=2)
    except ValueError:
        return evidence


# --- facts and log


def _facts(t: Text, task: Task) -> None:
    params, tz = task.params, clock()
    lasted = elapsed(task, now())
    facts = {
        "aspect_ratio": params.aspect_ratio,
        "size": params.size,
        "duration": t.duration(params.duration) if params.duration else None,
        "seed": params.seed,
        "watermark": params.watermark,
        "created": t.datetime(task.created_at, tz),
        "finished": t.datetime(task.finished_at, tz) if task.finished_at else None,
        "lasted": t.duration(lasted) if lasted is not None else None,
        "polled": t.ago((now() - task.polled_at).total_seconds()) if task.polled_at else None,
        "file": task.file,
    }
    st.subheader(t("tasks.facts"), anchor=False)
    st.table(
        {t(f"tasks.fact.{name}"): plain(str(value)) for name, value in facts.items() if value not in (None, "")},
        border="horizontal",
        alt=t("tasks.facts"),
    )


def _lines(visit: Visit, task: Task) -> None:
    lines = visit.app.log.page(visit.project.id, LogFilter(task_id=task.id), _LINES)
    if lines:
        st.subheader(visit.t("tasks.log"), anchor=False)
        log_view.show_lines(visit.t, lines)
