"""``vidgen run``, ``resume`` and ``demo``: the worker without a screen."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidgen_core.cli.session import SOME_FAILED, Session, YesOption, command, shot_numbered
from vidgen_core.domain.errors import InputError, RunnerBusy, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress, TaskID

    from vidgen_core.domain.providers import ProviderId
    from vidgen_core.domain.tasks import Task
    from vidgen_core.services.system.worker_control import Status

#: Seconds between two reads of the database.
POLL_EVERY = 0.25
#: Seconds after which a pause counts as lasting.
STANDS_FOR = 2.0
#: Bars of tasks shown at once.
BARS = 12
DEMO = "demo"
UntilDone = Annotated[bool, typer.Option("--until-done", help="cli.option.until_done")]

commands = typer.Typer()


@command(commands, "run", every_project=True)
def run(
    session: Session,
    until_done: UntilDone = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="cli.option.yes_queued")] = False,
) -> None:
    finish(session, work(session, session.project_id, until_done=until_done, yes=yes))


@command(commands, "worker", every_project=True, opens=False)
def worker(
    session: Session,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="cli.option.worker_name")] = "",
    metrics_port: Annotated[
        int | None, typer.Option("--metrics-port", min=1, max=65535, help="cli.option.metrics_port")
    ] = None,
    metrics_host: Annotated[str, typer.Option("--metrics-host", help="cli.option.metrics_host")] = "127.0.0.1",
) -> None:
    if metrics_port is not None:
        from vidgen_core.cli.serving import check_port

        check_port(metrics_host, metrics_port)
    with session.open(patient=True):
        control = session.app.worker
        session.patiently(lambda: control.start(name=name))
        if metrics_port is not None:
            session.app.metrics.serve_worker(metrics_host, metrics_port)
        session.say("cli.working", place=session.app.store.place)
        session.check_media()
        told = ""
        while True:
            told = session.complain_once(control.problem, told)
            time.sleep(POLL_EVERY)


@command(commands, "resume")
def resume(session: Session) -> None:
    aside = session.app.worker.resume()
    session.answer({"set_aside": aside})
    session.say("cli.resumed")
    if aside:
        session.count("cli.restore_aside", aside)


@command(commands, "demo", every_project=True)
def demo(session: Session) -> None:
    from vidgen_core.domain.providers import local_provider
    from vidgen_core.domain.queries import ShotFilter
    from vidgen_core.services.generation.planning import GenerateOptions

    app = session.app
    sample = app.projects.make_sample(session.project_name or DEMO)
    missing = app.shots.ids(sample.id, ShotFilter(state="without_takes"))
    app.tasks.generate(sample.id, missing, GenerateOptions(takes=1, provider=local_provider()))
    session.say("cli.demo_begins", project=sample.name)
    failed = [task for task in work(session, sample.id, until_done=True) if task.failure]
    files = [
        {"shot": view.shot.number, "take": take.number, "file": take.place}
        for view in app.shots.views(app.shots.ids(sample.id))
        for take in view.takes
    ]
    session.answer({"project": sample.name, "files": files})
    for file in files:
        session.tell(str(file["file"]))
    if failed or not files:
        raise typer.Exit(SOME_FAILED)


def work(session: Session, project_id: int | None, *, until_done: bool, yes: bool = False) -> list[Task]:
    """Run the tasks here, or watch the process that does; returns those that ended meanwhile.

    :param yes: release what was queued while a provider had no key
    """
    since = session.app.store.now()
    if session.app.worker.is_held and not session.app.store.is_shared:
        session.warn("cli.elsewhere")
    session.app.worker.start()
    _watch(session, project_id, since, until_done=until_done, yes=yes)
    return list(reversed(_ended_since(session, project_id, since)))


def _watch(session: Session, project_id: int | None, since: datetime, *, until_done: bool, yes: bool) -> None:
    reported: set[tuple[int, datetime]] = set()
    reported_modes: set[ProviderId] = set()
    standstill = Standstill()
    told = ""
    with _progress(session) as progress:
        view = _ProgressView(session, progress)

        def look() -> bool:
            """Show what there is to see; whether that was all."""
            status = session.app.worker.status(project_id)
            view.show(status, _under_way(session, project_id))
            _release(session, status, reported_modes, yes=yes)
            for task in reversed(_ended_since(session, project_id, since)):
                ending = (task.id, task.finished_at or since)
                if ending not in reported:
                    reported.add(ending)
                    view.report(task)
            if until_done and not status.live and not session.app.checks.waiting(project_id):
                return True
            if until_done and (why := standstill.why(session, project_id, status)) is not None:
                session.complain(*why)
                raise typer.Exit(SOME_FAILED)
            return False

        while True:
            try:
                if look():
                    return
                problem = session.app.worker.problem
            except StoreError as error:
                # A server that is restarted or full; the worker waits for it, too.
                if not session.app.store.is_shared:
                    raise
                problem = error
            # That another process works was said at the begin.
            told = session.complain_once(None if isinstance(problem, RunnerBusy) else problem, told)
            time.sleep(POLL_EVERY)


def _release(session: Session, status: Status, reported_modes: set[ProviderId], *, yes: bool) -> None:
    """Report tasks that were queued without a key, and release them with ``--yes``."""
    from vidgen_core.cli.generating import price_of
    from vidgen_core.domain.queries import TaskFilter
    from vidgen_core.domain.tasks import TaskStatus
    from vidgen_core.worker.limits.concurrency import KEY_CAME

    for mode, hold in status.provider_pauses.items():
        if hold["code"] != KEY_CAME:
            continue
        if mode not in reported_modes:
            reported_modes.add(mode)
            queued = TaskFilter(statuses=frozenset({TaskStatus.QUEUED}), provider=mode)
            estimate = session.app.tasks.estimate_tasks(session.app.tasks.ids(None, queued))
            session.count("cli.queued_without_key", estimate.tasks, price=price_of(session, estimate))
        if yes:
            session.app.worker.release(mode)


def _progress(session: Session) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=session.err,
        transient=True,
        # Into a file or a pipe go the lines about tasks that ended, not bars.
        disable=not session.err.is_terminal,
    )


class _ProgressView:
    """One bar for each task under way and one for all."""

    def __init__(self, session: Session, progress: Progress) -> None:
        self._session = session
        self._progress = progress
        self._bars: dict[int, TaskID] = {}
        self._total = progress.add_task(session.text("cli.total"), total=None, note="")

    def show(self, status: Status, tasks: list[Task]) -> None:
        """Bring the bars up to date."""
        from vidgen_core.domain.tasks import TaskStatus

        text = self._session.text
        ended = sum(status.counts[name] for name in (TaskStatus.COMPLETED, TaskStatus.FAILED))
        note = text.duration(status.eta_seconds, about=True) if status.eta_seconds else ""
        self._progress.update(self._total, completed=ended, total=ended + status.live, note=note)
        for gone in self._bars.keys() - {task.id for task in tasks}:
            self._progress.remove_task(self._bars.pop(gone))
        for task in tasks:
            self._bar(task)

    def _bar(self, task: Task) -> None:
        if task.id not in self._bars:
            name = task.label
            self._bars[task.id] = self._progress.add_task(name, total=None, note="")
        # Without a percentage from the provider the bar only moves.
        total = None if task.progress is None else 100
        note = self._session.text.status(task.status)
        self._progress.update(self._bars[task.id], completed=task.progress or 0, total=total, note=note)

    def report(self, task: Task) -> None:
        """A line about a task that has ended; it stays when the bars are gone."""
        text = self._session.text
        result = task.file or (text.told(task.failure) if task.failure else "")
        line = f"{task.label} {text.status(task.status)} {result}"
        self._progress.console.print(line, markup=False, soft_wrap=True)


def _under_way(session: Session, project_id: int | None) -> list[Task]:
    from vidgen_core.domain.queries import TaskFilter
    from vidgen_core.domain.tasks import TaskStatus

    held = TaskFilter(statuses=frozenset({TaskStatus.PROCESSING, TaskStatus.DOWNLOADING}))
    return session.app.tasks.page(project_id, held, "id", descending=False, limit=BARS).items


def _ended_since(session: Session, project_id: int | None, since: datetime) -> list[Task]:
    """Tasks that ended after ``since``, the last one first."""
    from vidgen_core.domain.queries import TaskFilter
    from vidgen_core.domain.tasks import ENDED

    found: list[Task] = []
    after = None
    while True:
        page = session.app.tasks.page(project_id, TaskFilter(statuses=ENDED), "finished", limit=200, after=after)
        news = [task for task in page.items if task.finished_at and task.finished_at >= since]
        found += news
        after = page.next
        if after is None or len(news) < len(page.items):
            return found


class Standstill:
    """Why nothing moves until somebody does something, once that has stood for a moment.

    What held the queue before this process began may be lifted by its first poll: a key has come, a limit was raised.
    """

    def __init__(self) -> None:
        self._since: float | None = None

    def why(self, session: Session, project_id: int | None, status: Status) -> tuple[str, dict[str, Any]] | None:
        """The reason, as ``waits_for_a_person`` has it."""
        found = waits_for_a_person(session, project_id, status)
        now = time.monotonic()
        self._since = None if found is None else self._since or now
        return found if self._since is not None and now - self._since >= STANDS_FOR else None


def waits_for_a_person(session: Session, project_id: int | None, status: Status) -> tuple[str, dict[str, Any]] | None:
    """Why nothing will move until somebody does something; None while something may."""
    from vidgen_core.domain.tasks import TaskStatus

    if status.counts[TaskStatus.PROCESSING] or status.counts[TaskStatus.DOWNLOADING]:
        return None
    if status.paused:
        return "queue_paused", {}
    holds = [_hold_for_a_person(status, mode) for mode in _queued_modes(session, project_id)]
    if not holds or any(hold is None for hold in holds):
        return None
    return holds[0]


def _queued_modes(session: Session, project_id: int | None) -> list[ProviderId]:
    from vidgen_core.domain.providers import provider_ids
    from vidgen_core.domain.queries import TaskFilter
    from vidgen_core.domain.tasks import TaskStatus

    queued = frozenset({TaskStatus.QUEUED})
    return [
        mode
        for mode in provider_ids()
        if session.app.tasks.page(project_id, TaskFilter(statuses=queued, provider=mode), limit=1).total
    ]


def _hold_for_a_person(status: Status, mode: ProviderId) -> tuple[str, dict[str, Any]] | None:
    """A hold without an end in time is lifted by a person: a key, money, another setting, room on the disk."""
    hold = status.provider_pauses.get(mode)
    if hold is None or hold.get("until") is not None:
        return None
    return str(hold["code"]), dict(hold.get("params") or {})


@command(commands, "judge", every_project=True)
def judge(
    session: Session,
    shot: Annotated[list[str] | None, typer.Argument(metavar="SHOT…", help="cli.argument.judged_shots")] = None,
    model: Annotated[bool, typer.Option("--model", help="cli.option.judge_model")] = False,
    yes: YesOption = False,
) -> None:
    from vidgen_core.services.schemas.tasks import TaskResponse

    if model:
        _ask_model(session, shot or [], yes=yes)
        return
    if shot:
        raise InputError("judge_shots_of_model")
    with session.progress("cli.checking") as progress:
        judged = session.app.checks.judge(session.project_id, progress)
    names = {project.id: project.name for project in session.app.projects.all()}
    session.answer([TaskResponse.of(task, session.text, names[task.project_id]) for task in judged])
    session.count("cli.judged", len(judged))


def _ask_model(session: Session, numbers: Sequence[str], *, yes: bool) -> None:
    """Have the language model judge what it has not judged yet, and wait for it; exits with 1 when a question failed."""
    from vidgen_core.cli.scripts import confirm_questions

    app, project = session.app, session.where.id
    takes = app.model_judge.unjudged(project, [shot_numbered(session, one).id for one in numbers] or None)
    if not yes:
        confirm_questions(session, app.model_judge.estimate(project, takes), "cli.ask_judge")
    app.model_judge.ask(project, takes)
    with session.progress("cli.judging") as progress:
        while not app.model_judge.wait(project, POLL_EVERY):
            if now := app.model_judge.standing(project):
                progress(now.done + now.failed, now.total)
    end = app.model_judge.standing(project)
    assert end is not None
    session.answer({"judged": end.done, "failed": end.failed})
    session.count("cli.model_judged", end.done)
    if end.failure is not None:
        session.complain(end.failure.code, end.failure.params)
    if end.failed:
        raise typer.Exit(SOME_FAILED)


def finish(session: Session, ended: list[Task]) -> None:
    """Report the ended tasks; exits with 1 when one failed."""
    from vidgen_core.domain.tasks import TaskStatus
    from vidgen_core.services.schemas.tasks import TaskResponse

    names = {project.id: project.name for project in session.app.projects.all()}
    session.answer([TaskResponse.of(task, session.text, names[task.project_id]) for task in ended])
    done = sum(task.status is TaskStatus.COMPLETED for task in ended)
    failed = sum(task.status is TaskStatus.FAILED for task in ended)
    session.say("cli.ran", done=done, failed=failed)
    if failed:
        raise typer.Exit(SOME_FAILED)
