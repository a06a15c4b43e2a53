"""``vidgen import`` and ``generate``: from lists and pictures to queued takes."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidgen_core.cli.session import DEFAULT, SOME_FAILED, JsonOption, ProjectOption, Session
from vidgen_core.cli.task_commands import YesOption, mode_named, shot_numbered
from vidgen_core.domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vidgen_core.domain.shots import Project
    from vidgen_core.services.facade import Vidgen
    from vidgen_core.services.generation.preflight import Estimate, Preflight
    from vidgen_core.services.generation.validation import Generated
    from vidgen_core.services.imports.plan import ImportPlan, RowNote
    from vidgen_core.services.imports.staging import Staging


def register(app: typer.Typer) -> None:
    app.command("import", help="cli.help.import")(import_)
    app.command("generate", help="cli.help.generate")(generate)


def import_(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="cli.argument.paths", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="cli.option.dry_run")] = False,
    again: Annotated[bool, typer.Option("--again", help="cli.option.again")] = False,
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        with _progress(session, "cli.reading") as progress:
            plan = app.imports.plan(paths, progress)
        with app.imports.temporary_staging() as staging:
            carry_out = _rehearse if dry_run else _import
            rejected = carry_out(session, app, plan, staging, again)
    if rejected:
        raise typer.Exit(SOME_FAILED)


def _fetched(
    session: Session, app: Vidgen, where: Project | None, plan: ImportPlan, staging: Staging, again: bool
) -> ImportPlan:
    """The plan with the pictures behind its links; what is doubtful in it is said."""
    with _progress(session, "cli.fetching") as progress:
        plan = app.imports.materialize(where.id if where else None, plan, staging, again, progress)
    for planned in plan.ok:
        for reason in planned.reasons:
            _complain(session, planned.source, planned.line, reason.code, reason.params)
    return plan


def _import(session: Session, app: Vidgen, plan: ImportPlan, staging: Staging, again: bool) -> int:
    """Store the plan; returns how many rows were refused."""
    where = session.project(app)
    plan = _fetched(session, app, where, plan, staging, again)
    with _progress(session, "cli.importing") as progress:
        imported = app.imports.apply(where.id, plan, again, progress)
    added = [{"id": str(shot.id), "shot": shot.number, "prompt": shot.prompt} for shot in imported.added]
    _answer(session, added, list(imported.skipped), list(imported.rejected))
    session.count("cli.added", len(added), project=where.name)
    return len(imported.rejected)


def _rehearse(session: Session, app: Vidgen, plan: ImportPlan, staging: Staging, again: bool) -> int:
    """Say what would be done; returns how many rows would be refused."""
    found = app.projects.find(session.project_name or DEFAULT)
    plan = _fetched(session, app, found, plan, staging, again)
    would = app.imports.preview(found.id if found else None, plan, again)
    added = [{"id": None, "shot": row.number, "prompt": row.prompt} for row in would.ok]
    _answer(session, added, list(would.skipped), list(would.rejected))
    session.count("cli.would_add", len(added), project=session.project_name)
    return len(would.rejected)


def _answer(session: Session, added: list[Any], skipped: list[RowNote], rejected: list[RowNote]) -> None:
    session.answer(
        {
            "added": added,
            "skipped": [_row_shape(session, note) for note in skipped],
            "rejected": [_row_shape(session, note) for note in rejected],
        }
    )
    for note in rejected:
        _complain(session, note.params["source"], note.line, note.code, note.params)
    if skipped:
        session.count("cli.skipped", len(skipped))


def _row_shape(session: Session, note: RowNote) -> dict[str, Any]:
    return {
        "line": note.line,
        "reason": session.reason(note.code, note.params),
        "code": note.code,
        "source": note.params["source"],
    }


def _complain(session: Session, source: str, line: int | None, code: str, params: dict[str, Any]) -> None:
    about = source if line is None else session.text("cli.line", source=source, line=line)
    session.complain(code, params, about)


@contextmanager
def _progress(session: Session, id: str) -> Iterator[Callable[[int, int], None]]:  # noqa: A002 - as in ``Session.say``
    """A bar while pictures are looked at; it shows only where a person sees it."""
    from rich.progress import Progress

    with Progress(console=session.err, transient=True, disable=not session.err.is_terminal) as bars:
        bar = bars.add_task(session.text(id), total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


def generate(
    everything: Annotated[bool, typer.Option("--all", help="cli.option.all_shots")] = False,
    shot: Annotated[list[str] | None, typer.Option("--shot", metavar="N", help="cli.option.shot")] = None,
    takes: Annotated[int | None, typer.Option("--takes", metavar="K", help="cli.option.takes")] = None,
    provider: Annotated[str | None, typer.Option("--provider", metavar="P", help="cli.option.provider")] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="M", help="cli.option.model")] = None,
    aspect: Annotated[str | None, typer.Option("--aspect", metavar="R", help="cli.option.aspect")] = None,
    size: Annotated[str | None, typer.Option("--size", metavar="S", help="cli.option.size")] = None,
    duration: Annotated[float | None, typer.Option("--duration", metavar="SECONDS", help="cli.option.duration")] = None,
    again: Annotated[bool | None, typer.Option("--again/--only-missing", help="cli.option.having_again")] = None,
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="cli.option.preflight")] = False,
    canary: Annotated[bool | None, typer.Option("--canary/--no-canary", help="cli.option.canary")] = None,
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    from vidgen_core.services.generation.planning import GenerateOptions

    session = Session(project, as_json)
    if everything == bool(shot):
        raise InputError("shots_not_named")
    options = GenerateOptions(
        takes=takes,
        provider=mode_named(provider),
        model=model,
        aspect_ratio=aspect,
        size=size,
        duration=duration,
    )
    # A shot that is named is meant, whatever it has; all of them are those that have nothing yet.
    more = not everything if again is None else again
    with session.open() as app:
        where = session.existing_project(app)
        ids = app.shots.ids(where.id) if everything else [shot_numbered(app, where, number).id for number in shot or ()]
        estimate = app.tasks.estimate(where.id, ids, options, again=more)
        if dry_run:
            _rehearse_batch(session, app.tasks.preflight(where.id, ids, options, again=more))
            return
        session.count("cli.estimate", estimate.tasks, price=price_of(session, estimate))
        warn_of(session, estimate)
        if estimate.having and not more:
            session.warn_line(session.text.n("cli.having", estimate.having))
        if not yes:
            ask(session, estimate, lambda: app.tasks.preflight(where.id, ids, options, again=more), "cli.ask_generate")
        finish(session, app, where, estimate, app.tasks.generate(where.id, ids, options, canary=canary, again=more))


def _rehearse_batch(session: Session, sheet: Preflight) -> None:
    """Only the sheet; leaves with 1 when something on it stops a shot."""
    from vidgen_core.cli.json_output import preflight_shape

    session.answer(preflight_shape(sheet, session.text))
    if not session.as_json:
        show_preflight(session, sheet)
    if any(problem.fatal for problem in sheet.problems):
        raise typer.Exit(SOME_FAILED)


def show_preflight(session: Session, sheet: Preflight) -> None:
    from vidgen_core.services.generation.preflight import facts_of, problem_line

    for line in facts_of(session.text, sheet):
        session.warn_line(line)
    for problem in sheet.problems:
        session.warn_line(problem_line(session.text, problem))


def ask(session: Session, estimate: Estimate, look: Callable[[], Preflight], question: str, /, **params: Any) -> None:
    """Ask with the sheet before an order that is above the limits of the settings; leaves when the answer is no.

    :raises InputError: ``confirmation_missing`` where nobody can answer
    """
    if estimate.asks and estimate.key_missing is None:
        show_preflight(session, look())
        session.confirm(question, **params)


def price_of(session: Session, estimate: Estimate) -> str:
    """What a wish will probably cost, in words."""
    if estimate.free:
        return session.text("cli.price_free")
    return session.text.money(estimate.money, True) if estimate.money else session.text("cli.price_unknown")


def warn_of(session: Session, estimate: Estimate) -> None:
    """What people should know before they say yes."""
    if estimate.assumed and not estimate.free:
        session.warn("cli.price_assumed")
    for shot, problem in estimate.problems:
        if not problem.fatal:
            session.complain(problem.code, problem.params, shot.number)


def finish(session: Session, app: Vidgen, project: Project, estimate: Estimate, made: Generated) -> None:
    """Say what was queued and what was refused."""
    from vidgen_core.cli.json_output import ordered_shape
    from vidgen_core.services.exports.task_shape import money_shape, task_shape

    refused = [
        {"shot": shot.number, "code": code, "reason": session.reason(code, params)}
        for shot, code, params in made.refused
    ]
    session.answer(
        {
            "queued": [task_shape(task, project.name, session.text) for task in made.tasks],
            "refused": refused,
            "estimate": money_shape(estimate.money, estimated=True),
            "ordered": ordered_shape(app.tasks.estimate_tasks([task.id for task in made.tasks])),
            "with_takes": made.having,
        }
    )
    session.count("cli.queued", len(made.tasks))
    for shot, code, params in made.refused:
        session.complain(code, params, shot.number)
    if not (made.tasks or refused or made.having):
        session.warn("cli.no_shots")
    if refused:
        raise typer.Exit(SOME_FAILED)
