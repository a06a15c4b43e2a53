"""``vidgen way`` and ``go``: how far a project is from script to film, and going it by itself."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidgen_core.cli.generating import show_preflight
from vidgen_core.cli.running import LOOK_EVERY, Standstill
from vidgen_core.cli.session import DEFAULT, SOME_FAILED, JsonOption, ProjectOption, Session
from vidgen_core.cli.task_commands import YesOption

if TYPE_CHECKING:
    from vidgen_core.domain.shots import Project
    from vidgen_core.services.autopilot.run import AutopilotRun
    from vidgen_core.services.facade import Vidgen


def register(app: typer.Typer) -> None:
    app.command("way", help="cli.help.way")(way)
    app.command("go", help="cli.help.go")(go)


def way(project: ProjectOption = DEFAULT, as_json: JsonOption = False) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        where = session.existing_project(app)
        session.answer(_shape(session, app, where))
        if as_json:
            return
        rows = []
        for step in app.progress.steps(where.id):
            lacks = step.missing or step.state == "next"
            missing = session.text.n(f"way.missing.{step.lack}", step.missing) if lacks else ""
            count = f"{step.done}/{step.total}" if step.total else "–"
            rows.append((session.text(f"way.step.{step.lack}"), count, missing))
        session.table(("cli.column.step", "cli.column.done", "cli.column.missing"), rows)
        if (walk := app.progress.run(where.id)) is not None:
            _tell(session, walk)


def go(
    stop: Annotated[bool, typer.Option("--stop", help="cli.option.stop_going")] = False,
    limit: Annotated[
        float | None, typer.Option("--limit", metavar="AMOUNT", min=0, help="cli.option.run_limit")
    ] = None,
    yes: YesOption = False,
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        where = session.existing_project(app)
        if stop:
            app.progress.halt(where.id)
        else:
            sheet = app.progress.sheet(where.id)
            if not yes and sheet.asks and sheet.key_missing is None:
                show_preflight(session, sheet)
                session.confirm("cli.ask_go")
            app.progress.go(where.id, None if limit is None else Decimal(str(limit)))
            _follow(session, app, where)
        _finish(session, app, where)


def _follow(session: Session, app: Vidgen, where: Project) -> None:
    """Watch the walk to its end or until it waits for a person, here or where the tasks run; an interrupt stops it."""
    if app.worker.is_held:
        session.warn("cli.elsewhere")
    app.worker.start()
    told, standstill = "", Standstill()
    try:
        while (walk := app.progress.run(where.id)) is not None and walk.on:
            if walk.note != told:
                told = walk.note
                _tell(session, walk)
            why = standstill.why(app, where.id, app.worker.status(where.id))
            if why is not None:
                session.complain(*why)
            if why is not None or walk.note == "first_shot":
                return
            time.sleep(LOOK_EVERY)
    except KeyboardInterrupt:
        app.progress.halt(where.id)
        raise


def _tell(session: Session, walk: AutopilotRun) -> None:
    from vidgen_core.services.autopilot.run import autopilot_line

    session.warn_line(autopilot_line(session.text, walk))


def _finish(session: Session, app: Vidgen, where: Project) -> None:
    """Say what came of it; leaves with 1 when something is left to a person."""
    shape = _shape(session, app, where)
    session.answer(shape)
    walk = app.progress.run(where.id)
    if walk is None:
        return
    _tell(session, walk)
    total, named = shape["without_takes"], shape["unfilmed"]
    for one in named:
        session.warn_line(f"{one['shot']}: {one['reason']}")
    if total > len(named):
        session.warn_line(session.text.n("way.without_more", total - len(named)))
    if shape["cut"]:
        session.say("cli.export.done", path=shape["cut"])
    if walk.note not in ("done", "stopped") or (walk.note == "done" and total):
        raise typer.Exit(SOME_FAILED)


def _shape(session: Session, app: Vidgen, where: Project) -> dict[str, Any]:
    """How far the project is, for scripts; ``cut`` is the rough cut of what is chosen now."""
    from vidgen_core.services.autopilot.progress import why_unfilmed

    walk = app.progress.run(where.id)
    total, named = app.progress.unfilmed(where.id)
    cut = app.exports.cut(where.id)
    return {
        "steps": [step._asdict() for step in app.progress.steps(where.id)],
        "walking": walk is not None and walk.on,
        "note": walk.note if walk else None,
        "clips": walk.clips if walk else 0,
        "cut": str(cut) if cut else None,
        "without_takes": total,
        "unfilmed": [{"shot": one.shot, "reason": why_unfilmed(session.text, one)} for one in named],
    }
