"""``vidgen script`` and ``prompts``: from a script to a storyboard, and from its lines to video prompts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidgen_core.cli.session import SOME_FAILED, Session, YesOption, command, shot_numbered
from vidgen_core.domain.errors import InputError

if TYPE_CHECKING:
    from vidgen_core.services.generation.preflight import Estimate
    from vidgen_core.services.scripts.planning import Board
    from vidgen_core.services.scripts.prompts import Wanted
    from vidgen_core.services.scripts.scripts import ScriptView

#: Seconds between two reads of a script's progress.
POLL_EVERY = 0.2

commands = typer.Typer()


@command(commands, "script")
def script(
    session: Session,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="cli.argument.script", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="cli.option.script_dry_run")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="cli.option.offline")] = False,
    ask_lost: Annotated[bool, typer.Option("--ask-lost", help="cli.option.ask_lost")] = False,
    again: Annotated[bool, typer.Option("--again", help="cli.option.script_again")] = False,
    chains: Annotated[bool, typer.Option("--chains", help="cli.option.script_chains")] = False,
    yes: YesOption = False,
) -> None:
    text = session.app.scripts.read(path, path.name)
    asks = not offline and session.app.llm_queue.has_model
    if dry_run and not asks:
        _show(session, session.app.scripts.rehearse(text, path.name), [])
        return
    if asks and not yes:
        confirm_questions(session, session.app.scripts.estimate(text), "cli.ask_script")
    session.ensure_project()
    begun = session.app.scripts.start(
        session.where.id, text, path.name, offline=offline, again=again, ask_lost=ask_lost
    )
    view = _follow(session, begun.id)
    _finish(session, view, dry_run=dry_run, chains=chains)


def confirm_questions(session: Session, estimate: Estimate, question: str) -> None:
    """Ask before a model is asked; for a script of the shell, which cannot answer, only above the limits."""
    from vidgen_core.cli.generating import price_of

    if estimate.tasks and (estimate.asks or not session.as_json):
        model, price = session.app.settings().writing.model, price_of(session, estimate)
        session.confirm(question, model=model, n=estimate.tasks, price=price)


def _follow(session: Session, script_id: int) -> ScriptView:
    """Show how many pieces have their answer until nobody asks any more."""
    with session.progress("cli.script_reading") as progress:
        while not session.app.scripts.wait(script_id, POLL_EVERY):
            view = session.app.scripts.get(script_id)
            progress(view.done, len(view.pieces))
    return session.app.scripts.get(script_id)


def _finish(session: Session, view: ScriptView, *, dry_run: bool, chains: bool = False) -> None:
    from vidgen_core.domain.scripts import PieceState

    for piece in view.pieces:
        if piece.failure is not None:
            lines = session.text("cli.script_lines", first=piece.first_line, last=piece.last_line)
            session.complain(piece.failure.code, piece.failure.params, lines)
    unanswered = len(view.pieces) - view.done
    if unanswered and not dry_run:
        session.warn("cli.script_unanswered", done=view.done, pieces=len(view.pieces))
        if view.count(PieceState.UNKNOWN):
            session.warn("cli.script_lost")
        session.answer({"script": str(view.script.id), "unanswered": unanswered, "added": [], "rejected": []})
        raise typer.Exit(SOME_FAILED)
    board = session.app.scripts.board(view.script.id)
    if dry_run:
        _show(session, board, [])
        return
    stored = session.app.scripts.store(view.script.id, chains=chains)
    _show(session, board, [{"id": str(shot.id), "shot": shot.number} for shot in stored.added])
    session.count("cli.added", len(stored.added), project=session.where.name)
    if stored.skipped:
        session.count("cli.skipped", len(stored.skipped))
    if stored.rejected:
        raise typer.Exit(SOME_FAILED)


def _show(session: Session, board: Board, added: list[dict[str, Any]]) -> None:
    from vidgen_core.services.schemas.scripts import ProposedRow

    rows = board.plan.shots
    session.answer(
        {
            "shots": [ProposedRow.of(row, session.reason) for row in rows],
            "added": added,
            "lost_lines": list(board.lost),
            "invented": board.invented,
        }
    )
    if not session.as_json:
        columns = ("cli.column.shot", "cli.column.line", "cli.column.script", "cli.column.prompt")
        session.table(columns, [(row.number or "–", str(row.line or "–"), row.script, row.prompt) for row in rows])
    for row in rows:
        for reason in row.reasons:
            about = session.text("cli.line", source=row.source, line=row.line) if row.line else row.source
            session.complain(reason.code, reason.params, about)


@command(commands, "prompts")
def prompts(
    session: Session,
    empty: Annotated[bool, typer.Option("--empty", help="cli.option.empty_prompts")] = False,
    shot: Annotated[list[str] | None, typer.Option("--shot", metavar="N", help="cli.option.shot")] = None,
    camera: Annotated[str, typer.Option("--camera", metavar="MOVE", help="cli.option.camera")] = "",
    translate: Annotated[str, typer.Option("--translate", metavar="zh|en", help="cli.option.translate")] = "",
    offline: Annotated[bool, typer.Option("--offline", help="cli.option.offline")] = False,
    ask_lost: Annotated[bool, typer.Option("--ask-lost", help="cli.option.ask_lost")] = False,
    yes: YesOption = False,
) -> None:
    if empty == bool(shot):
        raise InputError("prompts_not_named")
    options = _wanted(camera, translate, offline=offline, ask_lost=ask_lost)
    ids = (
        session.app.prompts.empty(session.where.id)
        if empty
        else [shot_numbered(session, name).id for name in shot or ()]
    )
    estimate = session.app.prompts.estimate(session.where.id, ids, options)
    if not yes:
        confirm_questions(session, estimate, "cli.ask_prompts")
    session.app.prompts.write(session.where.id, ids, options)
    _end_of_writing(session)


def _wanted(camera: str, translate: str, *, offline: bool, ask_lost: bool) -> Wanted:
    from pydantic import ValidationError

    from vidgen_core.services.scripts.cameras import CAMERAS
    from vidgen_core.services.scripts.prompts import Wanted

    if camera and camera not in CAMERAS:
        raise InputError("camera_unknown", camera=camera, known=", ".join(CAMERAS))
    try:
        return Wanted.model_validate(
            {"camera": camera, "translate": translate, "offline": offline, "ask_lost": ask_lost}
        )
    except ValidationError:
        raise InputError("language_unknown", language=translate) from None


def _end_of_writing(session: Session) -> None:
    with session.progress("cli.prompts_writing") as progress:
        while not session.app.prompts.wait(session.where.id, POLL_EVERY):
            now = session.app.prompts.writing(session.where.id)
            if now:
                progress(now.done, now.total)
    end = session.app.prompts.writing(session.where.id)
    assert end is not None
    counts = {name: getattr(end, name) for name in ("written", "beside", "skipped", "failed")}
    session.answer(counts)
    session.say("cli.prompts_written", **counts)
    if end.failure is not None:
        session.complain(end.failure.code, end.failure.params)
    if end.failed:
        raise typer.Exit(SOME_FAILED)
