"""One autopilot run of a project: how it stands, kept among the project's settings."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError

from vidgen_core import money
from vidgen_core.db import Tx
from vidgen_core.db.worker_state import AUTOPILOT
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import Money
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.tasks import TaskStatus, UntilPass

if TYPE_CHECKING:
    from vidgen_core.i18n import Text
    from vidgen_core.services.context import ServiceContext

#: Where a run stands, ``way.walk.<note>`` in the catalogues: what it is doing, what it waits for, or how it ended.
Note = Literal[
    "drawing",
    "writing",
    "rendering",
    "first_shot",
    "cutting",
    "done",
    "nothing",
    "to_choose",
    "stopped",
    "lost_answers",
    "limit",
    "failed",
]


class AutopilotRun(Frozen):
    """An autopilot run of a project, under way or ended."""

    on: bool
    note: Note = "drawing"
    #: ``error.<code>`` of what stopped it, and what fills its sentence.
    code: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    #: Id of the export that is its rough cut, once it has begun one.
    cut: str | None = None
    #: Shots in the rough cut with which it ended.
    clips: int = 0
    #: What it may spend; None: no limit of its own.
    limit: Money | None = None
    #: Its takes are drawn one after another until one passes; None: as many at once as the settings say.
    until: UntilPass | None = None
    #: Whether somebody has read how it ended.
    read: bool = False
    started_at: datetime
    ended_at: datetime | None = None


def is_going(tx: Tx, project_id: int, run: AutopilotRun) -> bool:
    """Whether ``run`` goes on: nobody has stopped it, or begun another one."""
    kept = tx.projects.settings(project_id).get(AUTOPILOT) or {}
    return bool(kept.get("on")) and kept.get("started_at") == run.model_dump(mode="json")["started_at"]


def current_run(ctx: ServiceContext, project_id: int) -> AutopilotRun | None:
    """The autopilot run of a project, read again only after a change; None when it never had one."""
    return ctx.revision_cache.ask(("autopilot", project_id), lambda tx: stored_run(tx, project_id))


def stored_run(tx: Tx, project_id: int) -> AutopilotRun | None:
    """The autopilot run of a project as the store has it; None when it never had one."""
    kept = tx.projects.settings(project_id).get(AUTOPILOT)
    try:
        return None if kept is None else AutopilotRun.model_validate(kept)
    except ValidationError:
        # Kept by another version.
        return None


def note_run(ctx: ServiceContext, project_id: int, run: AutopilotRun, **changes: Any) -> None:
    """Keep how a run stands, unless somebody has stopped it meanwhile, or begun another one."""
    with ctx.store.write() as tx:
        now = stored_run(tx, project_id)
        if now is None or not now.on or now.started_at != run.started_at:
            return
        changed = now.model_copy(update=changes)
        if not changed.on:
            changed = changed.model_copy(update={"ended_at": tx.now()})
            _end_limit(tx, project_id, run)
            _log_end(tx, project_id, changed)
        if changed != now:
            tx.projects.set_setting(project_id, AUTOPILOT, changed.model_dump(mode="json"))


def _end_limit(tx: Tx, project_id: int, run: AutopilotRun) -> None:
    """Its limit ends with a run, so what it could not send is kept, to be started by a person.

    What is under way and would be ordered again is kept as well, when that comes (``transition.requeue``).
    """
    if run.limit is None:
        return
    queued = TaskFilter(statuses=frozenset({TaskStatus.QUEUED}))
    for task in tx.tasks.many(tx.tasks.ids(project_id, queued)):
        if task.created_at >= run.started_at:
            tx.tasks.move(task.id, TaskStatus.PENDING)
    money.end_run(tx, project_id)


def _log_end(tx: Tx, project_id: int, run: AutopilotRun) -> None:
    if run.note == "done":
        without = tx.shots.counts(project_id)["without_takes"]
        tx.log.add(LogLevel.SUCCESS, "walk_done", project_id=project_id, clips=run.clips, without=without)
    else:
        tx.log.add(LogLevel.INFO, "walk_ended", project_id=project_id)


def stop_all(tx: Tx) -> None:
    """Switch off every project that goes by itself: a person looks first at what the database lacks."""
    for project in tx.projects.all():
        run = stored_run(tx, project.id)
        if run is not None and run.on:
            stopped = run.model_copy(update={"on": False, "note": "stopped"})
            tx.projects.set_setting(project.id, AUTOPILOT, stopped.model_dump(mode="json"))
            money.end_run(tx, project.id)


def autopilot_line(t: Text, run: AutopilotRun) -> str:
    """Where a run stands, as a sentence."""
    why = t.ended(ErrorKind.PARAMETER, run.code, run.params) if run.code else ""
    limit = t.money(run.limit, estimated=False) if run.limit else "–"
    return t.n(f"way.walk.{run.note}", run.clips, why=why, limit=limit)
