"""Carrying out a wish about many tasks: a few at once, many with a progress bar, in pieces that leave room for others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import streamlit as st

from vidgen_core.dashboard.session import current_visit, sentence, session_value, toast_later
from vidgen_core.domain.errors import VidgenError
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.views import Outcome, Refusal

#: Tasks that one transaction changes, so that nobody else waits long for the database.
_BATCH: Final = 200
_JOBS: Final = "_tasks_jobs"

TaskAction = Callable[[Vidgen, Sequence[int]], Outcome]

TASK_ACTIONS: Final[dict[str, TaskAction]] = {
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
    """One wish, how far it is, and what is said in the end."""

    wish: str
    left: Sequence[int]
    total: int
    done: tuple[int, ...]
    refused: tuple[Refusal, ...]
    finish: Callable[[str, Outcome], None]


def carry_out(finish: Callable[[str, Outcome], None], **wishes: list[int]) -> None:
    """Carry out wishes by name, now when they are small, else with a progress bar in the next run.

    To be called in a widget callback.

    :param finish: is told the name and the outcome of each
    """
    for name, ids in wishes.items():
        if 0 < len(ids) <= _BATCH:
            finish(name, TASK_ACTIONS[name](current_visit().app, ids))
    large = [BatchJob(name, ids, len(ids), (), (), finish) for name, ids in wishes.items() if len(ids) > _BATCH]
    if large:
        st.session_state[_JOBS] = [*session_value(_JOBS, []), *large]
        st.rerun()


def go_on() -> None:
    """Work on what was begun, with a progress bar; a click in the middle only interrupts it until the next run."""
    while jobs := session_value(_JOBS, []):
        job: BatchJob = jobs[0]
        bar = st.progress(0.0)
        try:
            job = _work(job, bar)
        except VidgenError as error:
            toast_later(sentence(error), ":material/error:")
        bar.empty()
        st.session_state[_JOBS] = jobs[1:]
        job.finish(job.wish, Outcome(done=job.done, refused=job.refused))


def _work(job: BatchJob, bar: st.delta_generator.DeltaGenerator) -> BatchJob:
    t, app = current_visit().t, current_visit().app
    while job.left:
        outcome = TASK_ACTIONS[job.wish](app, job.left[:_BATCH])
        job = job._replace(left=job.left[_BATCH:], done=job.done + outcome.done, refused=job.refused + outcome.refused)
        st.session_state[_JOBS] = [job, *st.session_state[_JOBS][1:]]
        worked = job.total - len(job.left)
        bar.progress(worked / job.total, text=t("tasks.working", n=t.number(worked), total=t.number(job.total)))
    return job


def in_batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for begin in range(0, len(ids), _BATCH):
        yield ids[begin : begin + _BATCH]
