"""Apply an action to many tasks, in batches small enough to leave the database to others, and report the outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import streamlit as st

from vidgen_core.dashboard.components import dialogs, task_table
from vidgen_core.dashboard.session import current_visit, handle_errors, sentence, session_value, toast_later
from vidgen_core.domain.errors import ErrorKind, VidgenError
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.i18n import STATUS_ICONS
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.recovery import Outcome, Refusal

#: Tasks changed by one transaction.
_BATCH: Final = 200
_JOBS: Final = "_tasks_jobs"
#: Tasks deleted last in this session, which ``undo_message`` offers to restore.
DELETED: Final = "_tasks_deleted"
#: Refusals that are reported one by one.
REPORTED: Final = 3

#: Action → the service call that carries it out.
VERBS: Final[dict[str, Callable[[Vidgen, Sequence[int]], Outcome]]] = {
    "start": lambda app, ids: app.tasks.start(ids),
    "look_again": lambda app, ids: app.tasks.look_again(ids),
    "download_again": lambda app, ids: app.tasks.download_again(ids),
    "retry": lambda app, ids: app.tasks.retry(ids),
    #: The user knows that it may pay for the same video twice.
    "retry_in_doubt": lambda app, ids: app.tasks.retry(ids, confirm=True),
    "cancel": lambda app, ids: app.tasks.cancel(ids),
    "give_up": lambda app, ids: app.tasks.cancel(ids, give_up=True),
    "delete": lambda app, ids: app.tasks.delete(ids),
}


class BatchJob(NamedTuple):
    """One action on many tasks, and how far it is."""

    name: str
    left: Sequence[int]
    total: int
    done: tuple[int, ...] = ()
    refused: tuple[Refusal, ...] = ()


def apply(**actions: list[int]) -> None:
    """Apply actions by name (see ``VERBS``): small ones now, large ones with a progress bar in the next run.

    To be called in a widget callback.
    """
    for name, ids in actions.items():
        if 0 < len(ids) <= _BATCH:
            _report(name, VERBS[name](current_visit().app, ids))
    large = [BatchJob(name, ids, len(ids)) for name, ids in actions.items() if len(ids) > _BATCH]
    if large:
        st.session_state[_JOBS] = [*session_value(_JOBS, []), *large]
        st.rerun()


def work_on() -> None:
    """Continue large jobs under a progress bar; a click in the middle only interrupts them until the next run."""
    while jobs := session_value(_JOBS, []):
        job: BatchJob = jobs[0]
        bar = st.progress(0.0)
        try:
            job = _work(job, bar)
        except VidgenError as error:
            toast_later(sentence(error), ":material/error:")
        bar.empty()
        st.session_state[_JOBS] = jobs[1:]
        _report(job.name, Outcome(done=job.done, refused=job.refused))


def _work(job: BatchJob, bar: st.delta_generator.DeltaGenerator) -> BatchJob:
    t, app = current_visit().t, current_visit().app
    while job.left:
        outcome = VERBS[job.name](app, job.left[:_BATCH])
        job = job._replace(left=job.left[_BATCH:], done=job.done + outcome.done, refused=job.refused + outcome.refused)
        st.session_state[_JOBS] = [job, *st.session_state[_JOBS][1:]]
        worked = job.total - len(job.left)
        bar.progress(worked / job.total, text=t("tasks.working", n=t.number(worked), total=t.number(job.total)))
    return job


def in_batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for begin in range(0, len(ids), _BATCH):
        yield ids[begin : begin + _BATCH]


# --- the outcome


def _report(name: str, outcome: Outcome) -> None:
    """Toast what was done and why the rest was not; ask before giving up tasks that were already submitted."""
    sent = [refusal.id for refusal in outcome.refused if refusal.code == "task_already_sent"]
    if outcome.done:
        done = current_visit().t.n(f"tasks.done.{name.removesuffix('_in_doubt')}", len(outcome.done))
        toast_later(done, ":material/check:")
    _report_refused([refusal for refusal in outcome.refused if refusal.code != "task_already_sent"])
    if name == "delete":
        st.session_state[DELETED] = list(outcome.done)
        task_table.forget_order()
    if sent:
        _ask_give_up(sent)


def _report_refused(refused: Sequence[Refusal]) -> None:
    t = current_visit().t
    for refusal in refused[:REPORTED]:
        toast_later(t.error(ErrorKind.PARAMETER, refusal.code, refusal.params), STATUS_ICONS[TaskStatus.FAILED])
    if len(refused) > REPORTED:
        toast_later(t.n("tasks.refused_more", len(refused) - REPORTED))


def _ask_give_up(sent: list[int]) -> None:
    t = current_visit().t
    question = t.n("tasks.give_up_question", len(sent))
    dialogs.ask(t("tasks.give_up_title"), dialogs.confirm, question, t("tasks.give_up"), _give_up, sent)


@handle_errors
def _give_up(ids: list[int]) -> None:
    apply(give_up=ids)
