"""``vidgen way`` and ``go``: the progress of a project from script to film, and its automatic run."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidgen_core.cli.generating import show_preflight, until_of
from vidgen_core.cli.running import POLL_EVERY, Standstill
from vidgen_core.cli.session import SOME_FAILED, Session, YesOption, command

if TYPE_CHECKING:
    from vidgen_core.services.autopilot.run import AutopilotRun

commands = typer.Typer()


@command(commands, "way")
def way(session: Session) -> None:
    session.answer(_result(session))
    if session.as_json:
        return
    rows = []
    for step in session.app.progress.steps(session.where.id):
        lacks = step.missing or step.state == "next"
        missing = session.text.n(f"way.missing.{step.lack}", step.missing) if lacks else ""
        count = f"{step.done}/{step.total}" if step.total else "–"
        rows.append((session.text(f"way.step.{step.lack}"), count, missing))
    session.table(("cli.column.step", "cli.column.done", "cli.column.missing"), rows)
    if (run := session.app.progress.run(session.where.id)) is not None:
        _show_note(session, run)


@command(commands, "go")
def go(
    session: Session,
    stop: Annotated[bool, typer.Option("--stop", help="cli.option.stop_going")] = False,
    limit: Annotated[
        float | None, typer.Option("--limit", metavar="AMOUNT", min=0, help="cli.option.run_limit")
    ] = None,
    until_pass: Annotated[bool, typer.Option("--until-pass", help="cli.option.until_pass")] = False,
    most: Annotated[int | None, typer.Option("--max", metavar="N", min=1, max=20, help="cli.option.most_draws")] = None,
    yes: YesOption = False,
) -> None:
    until = until_of(until_pass, most, None, redraw_doubts=False, at_once=None)
    if stop:
        session.app.progress.halt(session.where.id)
    else:
        session.create_default()
        sheet = session.app.progress.sheet(session.where.id, until)
        if not yes and sheet.asks and sheet.key_missing is None:
            show_preflight(session, sheet)
            session.confirm("cli.ask_go")
        session.app.progress.go(session.where.id, None if limit is None else Decimal(str(limit)), until)
        _follow(session)
    _finish(session)


def _follow(session: Session) -> None:
    """Watch the run to its end or until it waits for a person, whichever process works; an interrupt stops it."""
    if session.app.worker.is_held and not session.app.store.is_shared:
        session.warn("cli.elsewhere")
    session.app.worker.start()
    shown, standstill = "", Standstill()
    try:
        while (run := session.app.progress.run(session.where.id)) is not None and run.on:
            if run.note != shown:
                shown = run.note
                _show_note(session, run)
            why = standstill.why(session, session.where.id, session.app.worker.status(session.where.id))
            if why is not None:
                session.complain(*why)
            if why is not None or run.note == "first_shot":
                return
            time.sleep(POLL_EVERY)
    except KeyboardInterrupt:
        session.app.progress.halt(session.where.id)
        raise


def _show_note(session: Session, run: AutopilotRun) -> None:
    from vidgen_core.services.autopilot.run import autopilot_line

    session.warn_line(autopilot_line(session.text, run))


def _finish(session: Session) -> None:
    """Report the result; exits with 1 when something is left to a person."""
    result = _result(session)
    session.answer(result)
    run = session.app.progress.run(session.where.id)
    if run is None:
        return
    _show_note(session, run)
    total, named = result["without_takes"], result["unfilmed"]
    for one in named:
        session.warn_line(f"{one['shot']}: {one['reason']}")
    if total > len(named):
        session.warn_line(session.text.n("way.without_more", total - len(named)))
    if result["cut"]:
        session.say("cli.export.done", path=result["cut"])
    if run.note not in ("done", "stopped") or (run.note == "done" and total):
        raise typer.Exit(SOME_FAILED)


def _result(session: Session) -> dict[str, Any]:
    """The progress of the project as JSON; ``cut`` is the rough cut of what is chosen now."""
    from vidgen_core.services.autopilot.progress import why_unfilmed

    run = session.app.progress.run(session.where.id)
    total, named = session.app.progress.unfilmed(session.where.id)
    cut = session.app.exports.cut(session.where.id)
    return {
        "steps": [step._asdict() for step in session.app.progress.steps(session.where.id)],
        "walking": run is not None and run.on,
        "note": run.note if run else None,
        "clips": run.clips if run else 0,
        "cut": str(cut) if cut else None,
        "without_takes": total,
        "unfilmed": [{"shot": one.shot, "reason": why_unfilmed(session.text, one)} for one in named],
    }
