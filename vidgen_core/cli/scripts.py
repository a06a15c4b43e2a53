"""``vidgen script`` and ``prompts``: from a script to a storyboard, and from its lines to video prompts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidgen_core.cli.session import DEFAULT, SOME_FAILED, JsonOption, ProjectOption, Session
from vidgen_core.cli.task_commands import YesOption, shot_numbered
from vidgen_core.domain.errors import InputError

if TYPE_CHECKING:
    from vidgen_core.domain.shots import Project
    from vidgen_core.services.facade import Vidgen
    from vidgen_core.services.generation.preflight import Estimate
    from vidgen_core.services.scripts.planning import Board
    from vidgen_core.services.scripts.prompts import Wanted
    from vidgen_core.services.scripts.scripts import ScriptView

#: Seconds between two looks at a script that is being read.
LOOK_EVERY = 0.2


def register(app: typer.Typer) -> None:
    app.command("script", help="cli.help.script")(script)
    app.command("prompts", help="cli.help.prompts")(prompts)


def script(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="cli.argument.script", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="cli.option.script_dry_run")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="cli.option.offline")] = False,
    ask_lost: Annotated[bool, typer.Option("--ask-lost", help="cli.option.ask_lost")] = False,
    again: Annotated[bool, typer.Option("--again", help="cli.option.script_again")] = False,
    yes: YesOption = False,
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        text = app.scripts.read(path, path.name)
        asks = not offline and app.llm_queue.has_model
        if dry_run and not asks:
            _show(session, app.scripts.rehearse(text, path.name), [])
            return
        where = session.project(app)
        if asks and not yes:
            _ask(session, app, app.scripts.estimate(text), "cli.ask_script")
        begun = app.scripts.start(where.id, text, path.name, offline=offline, again=again, ask_lost=ask_lost)
        view = _follow(session, app, begun.id)
        _finish(session, app, where, view, dry_run=dry_run)


def _ask(session: Session, app: Vidgen, estimate: Estimate, question: str) -> None:
    """Ask before a model is asked; for a script of the shell, which cannot answer, only above the limits."""
    from vidgen_core.cli.generating import price_of

    if estimate.tasks and (estimate.asks or not session.as_json):
        model, price = app.settings().writing.model, price_of(session, estimate)
        session.confirm(question, model=model, n=estimate.tasks, price=price)


def _follow(session: Session, app: Vidgen, script_id: int) -> ScriptView:
    """Show how many pieces have their answer until nobody asks any more."""
    from rich.progress import Progress

    with Progress(console=session.err, transient=True, disable=not session.err.is_terminal) as bars:
        bar = bars.add_task(session.text("cli.script_reading"), total=None)
        while not app.scripts.wait(script_id, LOOK_EVERY):
            view = app.scripts.get(script_id)
            bars.update(bar, completed=view.done, total=len(view.pieces))
    return app.scripts.get(script_id)


def _finish(session: Session, app: Vidgen, where: Project, view: ScriptView, *, dry_run: bool) -> None:
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
    board = app.scripts.board(view.script.id)
    if dry_run:
        _show(session, board, [])
        return
    stored = app.scripts.store(view.script.id)
    _show(session, board, [{"id": str(shot.id), "shot": shot.number} for shot in stored.added])
    session.count("cli.added", len(stored.added), project=where.name)
    if stored.skipped:
        session.count("cli.skipped", len(stored.skipped))
    if stored.rejected:
        raise typer.Exit(SOME_FAILED)


def _show(session: Session, board: Board, added: list[dict[str, Any]]) -> None:
    rows = board.plan.shots
    session.answer(
        {
            "shots": [
                {
                    "shot": row.number,
                    "line": row.line,
                    "script": row.script,
                    "picture_prompt": row.picture_prompt,
                    "prompt": row.prompt,
                    "ratio": row.params.aspect_ratio,
                    "seconds": row.params.duration,
                    "verdict": row.verdict,
                    "reasons": [session.reason(reason.code, reason.params) for reason in row.reasons],
                }
                for row in rows
            ],
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


def prompts(
    empty: Annotated[bool, typer.Option("--empty", help="cli.option.empty_prompts")] = False,
    shot: Annotated[list[str] | None, typer.Option("--shot", metavar="N", help="cli.option.shot")] = None,
    camera: Annotated[str, typer.Option("--camera", metavar="MOVE", help="cli.option.camera")] = "",
    translate: Annotated[str, typer.Option("--translate", metavar="zh|en", help="cli.option.translate")] = "",
    offline: Annotated[bool, typer.Option("--offline", help="cli.option.offline")] = False,
    ask_lost: Annotated[bool, typer.Option("--ask-lost", help="cli.option.ask_lost")] = False,
    yes: YesOption = False,
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    if empty == bool(shot):
        raise InputError("prompts_not_named")
    with session.open() as app:
        wish = _wanted(camera, translate, offline=offline, ask_lost=ask_lost)
        where = session.existing_project(app)
        ids = app.prompts.empty(where.id) if empty else [shot_numbered(app, where, name).id for name in shot or ()]
        estimate = app.prompts.estimate(where.id, ids, wish)
        if not yes:
            _ask(session, app, estimate, "cli.ask_prompts")
        app.prompts.write(where.id, ids, wish)
        _end_of_writing(session, app, where)


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


def _end_of_writing(session: Session, app: Vidgen, where: Project) -> None:
    from rich.progress import Progress

    with Progress(console=session.err, transient=True, disable=not session.err.is_terminal) as bars:
        bar = bars.add_task(session.text("cli.prompts_writing"), total=None)
        while not app.prompts.wait(where.id, LOOK_EVERY):
            now = app.prompts.writing(where.id)
            if now:
                bars.update(bar, completed=now.done, total=now.total)
    end = app.prompts.writing(where.id)
    assert end is not None
    counts = {name: getattr(end, name) for name in ("written", "beside", "skipped", "failed")}
    session.answer(counts)
    session.say("cli.prompts_written", **counts)
    if end.failure is not None:
        session.complain(end.failure.code, end.failure.params)
    if end.failed:
        raise typer.Exit(SOME_FAILED)
