"""``vidgen run`` and ``demo``: the runner without a screen, and watching it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidgen_core.cli.session import SOME_FAILED, EveryProjectOption, JsonOption, Session

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from vidgen_core.domain.providers import ProviderId
    from vidgen_core.domain.tasks import Task
    from vidgen_core.services.facade import Vidgen
    from vidgen_core.services.system.worker_control import Status

#: Seconds between two looks at the store; the progress of a task is not worth more.
LOOK_EVERY = 0.25
#: Seconds after which a hold is believed to stay.
STANDS_FOR = 2.0
#: Bars of tasks shown at once.
BARS = 12
DEMO = "demo"
UntilDone = Annotated[bool, typer.Option("--until-done", help="cli.option.until_done")]


def register(app: typer.Typer) -> None:
    app.command("run", help="cli.help.run")(run)
    app.command("resume", help="cli.help.resume")(resume)


def run(
    until_done: UntilDone = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="cli.option.yes_queued")] = False,
    project: EveryProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        project_id = None if project is None else session.existing_project(app).id
        finish(session, app, work(session, app, project_id, until_done=until_done, yes=yes))


def resume(as_json: JsonOption = False) -> None:
    session = Session(None, as_json)
    with session.open() as app:
        aside = app.worker.resume()
        session.answer({"set_aside": aside})
        session.say("cli.resumed")
        if aside:
            session.count("cli.restore_aside", aside)


def demo(project: EveryProjectOption = None, as_json: JsonOption = False) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        from vidgen_core.domain.providers import local_provider
        from vidgen_core.domain.queries import ShotFilter
        from vidgen_core.services.generation.planning import GenerateOptions

        sample = app.projects.make_sample(project or DEMO)
        missing = app.shots.ids(sample.id, ShotFilter(state="without_takes"))
        app.tasks.generate(sample.id, missing, GenerateOptions(takes=1, provider=local_provider()))
        session.say("cli.demo_begins", project=sample.name)
        failed = [task for task in work(session, app, sample.id, until_done=True) if task.failure]
        files = [
            {"shot": view.shot.number, "take": take.number, "file": str(app.takes.file(take))}
            for view in app.shots.views(app.shots.ids(sample.id))
            for take in view.takes
        ]
        session.answer({"project": sample.name, "files": files})
        for file in files:
            session.out.print(file["file"], markup=False, soft_wrap=True)
        if failed or not files:
            raise typer.Exit(SOME_FAILED)


def work(session: Session, app: Vidgen, project_id: int | None, *, until_done: bool, yes: bool = False) -> list[Task]:
    """Run the tasks here, or watch the process that does; returns those that ended meanwhile.

    :param yes: let what was queued while a provider had no key go
    """
    since = datetime.now(UTC)
    if app.worker.is_held:
        session.warn("cli.elsewhere")
    app.worker.start()
    _watch(session, app, project_id, since, until_done=until_done, yes=yes)
    return list(reversed(_ended_since(app, project_id, since)))


def _watch(
    session: Session, app: Vidgen, project_id: int | None, since: datetime, *, until_done: bool, yes: bool
) -> None:
    told: set[tuple[int, datetime]] = set()
    told_of: set[ProviderId] = set()
    standstill = Standstill()
    with _progress(session) as progress:
        view = _View(session, progress)
        while True:
            status = app.worker.status(project_id)
            view.show(status, _under_way(app, project_id))
            _release(session, app, status, told_of, yes=yes)
            for task in reversed(_ended_since(app, project_id, since)):
                ending = (task.id, task.finished_at or since)
                if ending not in told:
                    told.add(ending)
                    view.tell(task)
            if until_done and not status.live:
                return
            if until_done and (why := standstill.why(app, project_id, status)) is not None:
                session.complain(*why)
                raise typer.Exit(SOME_FAILED)
            time.sleep(LOOK_EVERY)


def _release(session: Session, app: Vidgen, status: Status, told_of: set[ProviderId], *, yes: bool) -> None:
    """Say what was queued while there was no key, and let it go when that was said beforehand."""
    from vidgen_core.cli.generating import price_of
    from vidgen_core.domain.queries import TaskFilter
    from vidgen_core.domain.tasks import TaskStatus
    from vidgen_core.worker.limits.concurrency import KEY_CAME

    for mode, hold in status.lanes.items():
        if hold["code"] != KEY_CAME:
            continue
        if mode not in told_of:
            told_of.add(mode)
            queued = TaskFilter(statuses=frozenset({TaskStatus.QUEUED}), provider=mode)
            estimate = app.tasks.estimate_tasks(app.tasks.ids(None, queued))
            session.count("cli.queued_without_key", estimate.tasks, price=price_of(session, estimate))
        if yes:
            app.worker.release(mode)


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


class _View:
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
        # Without a figure from the provider the bar only moves: a made-up percentage would be a lie.
        total = None if task.progress is None else 100
        note = self._session.text.status(task.status)
        self._progress.update(self._bars[task.id], completed=task.progress or 0, total=total, note=note)

    def tell(self, task: Task) -> None:
        """A line about a task that has ended; it stays when the bars are gone."""
        text = self._session.text
        result = task.file or (text.told(task.failure) if task.failure else "")
        line = f"{task.label} {text.status(task.status)} {result}"
        self._progress.console.print(line, markup=False, soft_wrap=True)


def _under_way(app: Vidgen, project_id: int | None) -> list[Task]:
    from vidgen_core.domain.queries import TaskFilter
    from vidgen_core.domain.tasks import TaskStatus

    held = TaskFilter(statuses=frozenset({TaskStatus.PROCESSING, TaskStatus.DOWNLOADING}))
    return app.tasks.page(project_id, held, "id", descending=False, limit=BARS).items


def _ended_since(app: Vidgen, project_id: int | None, since: datetime) -> list[Task]:
    """Tasks that ended after ``since``, the last one first."""
    from vidgen_core.domain.queries import TaskFilter
    from vidgen_core.domain.tasks import ENDED

    found: list[Task] = []
    while True:
        page = app.tasks.page(project_id, TaskFilter(statuses=ENDED), "finished", limit=200, offset=len(found))
        news = [task for task in page.items if task.finished_at and task.finished_at >= since]
        found += news
        if len(news) < 200:
            return found


class Standstill:
    """Why nothing moves until somebody does something, once that has stood for a moment.

    What held the queue before this process began may be lifted by its first look: a key has come, a limit was raised.
    """

    def __init__(self) -> None:
        self._since: float | None = None

    def why(self, app: Vidgen, project_id: int | None, status: Status) -> tuple[str, dict[str, Any]] | None:
        """The reason, as ``waits_for_a_person`` has it."""
        found = waits_for_a_person(app, project_id, status)
        now = time.monotonic()
        self._since = None if found is None else self._since or now
        return found if self._since is not None and now - self._since >= STANDS_FOR else None


def waits_for_a_person(app: Vidgen, project_id: int | None, status: Status) -> tuple[str, dict[str, Any]] | None:
    """Why nothing will move until somebody does something; None while something may."""
    from vidgen_core.domain.tasks import TaskStatus

    if status.counts[TaskStatus.PROCESSING] or status.counts[TaskStatus.DOWNLOADING]:
        return None
    if status.paused:
        return "queue_paused", {}
    holds = [_hold_for_a_person(status, mode) for mode in _queued_modes(app, project_id)]
    if not holds or any(hold is None for hold in holds):
        return None
    return holds[0]


def _queued_modes(app: Vidgen, project_id: int | None) -> list[ProviderId]:
    from vidgen_core.domain.providers import provider_ids
    from vidgen_core.domain.queries import TaskFilter
    from vidgen_core.domain.tasks import TaskStatus

    queued = frozenset({TaskStatus.QUEUED})
    return [
        mode
        for mode in provider_ids()
        if app.tasks.page(project_id, TaskFilter(statuses=queued, provider=mode), limit=1).total
    ]


def _hold_for_a_person(status: Status, mode: ProviderId) -> tuple[str, dict[str, Any]] | None:
    """A hold without an end in time is lifted by a person: a key, money, another setting, room on the disk."""
    hold = status.lanes.get(mode)
    if hold is None or hold.get("until") is not None:
        return None
    return str(hold["code"]), dict(hold.get("params") or {})


def finish(session: Session, app: Vidgen, ended: list[Task]) -> None:
    """Say what came of it; leaves with 1 when a task failed."""
    from vidgen_core.domain.tasks import TaskStatus
    from vidgen_core.services.exports.task_shape import task_shape

    names = {project.id: project.name for project in app.projects.all()}
    session.answer([task_shape(task, names[task.project_id], session.text) for task in ended])
    done = sum(task.status is TaskStatus.COMPLETED for task in ended)
    failed = sum(task.status is TaskStatus.FAILED for task in ended)
    session.say("cli.ran", done=done, failed=failed)
    if failed:
        raise typer.Exit(SOME_FAILED)
