"""``vidgen import``, ``generate``, ``finish``, ``pictures`` and ``pick-picture``: from lists and pictures to queued takes."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from vidgen_core.cli.session import DEFAULT, SOME_FAILED, Session, YesOption, command, mode_named, shot_numbered
from vidgen_core.domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vidgen_core.domain.shots import Project
    from vidgen_core.domain.takes import Take
    from vidgen_core.domain.tasks import UntilPass
    from vidgen_core.services.generation.finishing import FinishOptions
    from vidgen_core.services.generation.preflight import Estimate, Preflight
    from vidgen_core.services.generation.validation import Generated
    from vidgen_core.services.imports.plan import Existing, ImportPlan, RowNote
    from vidgen_core.services.imports.staging import Staging

commands = typer.Typer()
#: The values of ``GenerationMode``, which brings Pydantic with it.
Mode = Literal["text", "first_frame", "first_last_frame", "references"]
#: Sentences of one kind about the rows of a list; the others are counted.
_SAID: Final = 10


@command(commands, "import")
def import_(
    session: Session,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="cli.argument.paths", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="cli.option.dry_run")] = False,
    again: Annotated[bool, typer.Option("--again", help="cli.option.again")] = False,
    existing: Annotated[
        str, typer.Option("--existing", metavar="ask|update|add|skip", help="cli.option.existing")
    ] = "ask",
    sheet: Annotated[list[str] | None, typer.Option("--sheet", metavar="NAME", help="cli.option.sheet")] = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="cli.option.hidden_rows")] = False,
) -> None:
    from vidgen_core.services.imports.columns import ListChoice
    from vidgen_core.services.imports.plan import Existing

    if existing not in list(Existing):
        raise InputError("existing_unknown", value=existing)
    choice = ListChoice(sheets=tuple(sheet or ()), hidden=hidden)
    with session.progress("cli.reading") as progress:
        plan = session.app.imports.plan(paths, progress, choices=dict.fromkeys(paths, choice))
    with session.app.imports.temporary_staging() as staging:
        carry_out = _preview if dry_run else _import
        rejected = carry_out(session, plan, staging, again, Existing(existing))
    if rejected:
        raise typer.Exit(SOME_FAILED)


def _fetched(session: Session, where: Project | None, plan: ImportPlan, staging: Staging, again: bool) -> ImportPlan:
    """The plan with the pictures behind its links; what is doubtful in it is said."""
    with session.progress("cli.fetching") as progress:
        plan = session.app.imports.materialize(where.id if where else None, plan, staging, again, progress)
    said: Counter[str] = Counter()
    for note in plan.warnings:
        said[note.code] += 1
        if said[note.code] <= _SAID:
            _complain(session, str(note.params["source"]), note.line, note.code, note.params)
    if more := sum(count - _SAID for count in said.values() if count > _SAID):
        session.warn_line(session.text.n("cli.more_warnings", more))
    return plan


def _import(session: Session, plan: ImportPlan, staging: Staging, again: bool, existing: Existing) -> int:
    """Store the plan; returns how many rows were refused."""
    session.ensure_project()
    plan = _fetched(session, session.where, plan, staging, again)
    with session.progress("cli.importing") as progress:
        imported = session.app.imports.apply(session.where.id, plan, again, progress, existing)
    added, updated = (
        [{"id": str(shot.id), "shot": shot.number, "prompt": shot.prompt} for shot in shots]
        for shots in (imported.added, imported.updated)
    )
    _answer(session, plan, added, updated, imported.skipped, imported.rejected)
    session.count("cli.added", len(added), project=session.where.name)
    return len(imported.rejected)


def _preview(session: Session, plan: ImportPlan, staging: Staging, again: bool, existing: Existing) -> int:
    """Say what would be done; returns how many rows would be refused."""
    found = session.app.projects.find(session.project_name or DEFAULT)
    plan = _fetched(session, found, plan, staging, again)
    would = session.app.imports.preview(found.id if found else None, plan, again, existing)
    added, updated = (
        [{"id": None, "shot": row.number, "prompt": row.prompt} for row in rows] for rows in (would.ok, would.updated)
    )
    _answer(session, plan, added, updated, would.skipped, would.rejected)
    session.count("cli.would_add", len(added), project=session.project_name)
    return len(would.rejected)


def _answer(
    session: Session,
    plan: ImportPlan,
    added: list[Any],
    updated: list[Any],
    skipped: Sequence[RowNote],
    rejected: Sequence[RowNote],
) -> None:
    similar = [note for note in skipped if note.code == "shot_similar"]
    session.answer(
        {
            "added": added,
            "updated": updated,
            "skipped": [_row_json(session, note) for note in skipped],
            "rejected": [_row_json(session, note) for note in rejected],
            "warnings": [_row_json(session, note) for note in plan.warnings],
            "unused_columns": list(plan.unknown),
            "counts": plan.counts | {"similar": len(similar)},
        }
    )
    for note in rejected:
        _complain(session, note.params["source"], note.line, note.code, note.params)
    for note in similar[:_SAID]:
        _complain(session, note.params["source"], note.line, note.code, note.params)
    for name in ("without_picture", "without_prompt"):
        if count := plan.counts[name]:
            session.warn_line(session.text.n(f"cli.{name}", count))
    if plan.unknown:
        session.warn("cli.unused_columns", names=", ".join(plan.unknown))
    if similar:
        session.warn_line(session.text.n("cli.similar", len(similar)))
    if updated:
        session.count("cli.updated", len(updated))
    if len(skipped) > len(similar):
        session.count("cli.skipped", len(skipped) - len(similar))


def _row_json(session: Session, note: RowNote) -> dict[str, Any]:
    return {
        "line": note.line,
        "reason": session.reason(note.code, note.params),
        "code": note.code,
        "source": note.params["source"],
    }


def _complain(session: Session, source: str, line: int | None, code: str, params: dict[str, Any]) -> None:
    about = source if line is None else session.text("cli.line", source=source, line=line)
    session.complain(code, params, about)


@command(commands, "generate")
def generate(
    session: Session,
    everything: Annotated[bool, typer.Option("--all", help="cli.option.all_shots")] = False,
    shot: Annotated[list[str] | None, typer.Option("--shot", metavar="N", help="cli.option.shot")] = None,
    takes: Annotated[int | None, typer.Option("--takes", metavar="K", help="cli.option.takes")] = None,
    provider: Annotated[str | None, typer.Option("--provider", metavar="P", help="cli.option.provider")] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="M", help="cli.option.model")] = None,
    aspect: Annotated[str | None, typer.Option("--aspect", metavar="R", help="cli.option.aspect")] = None,
    size: Annotated[str | None, typer.Option("--size", metavar="S", help="cli.option.size")] = None,
    duration: Annotated[float | None, typer.Option("--duration", metavar="SECONDS", help="cli.option.duration")] = None,
    mode: Annotated[Mode | None, typer.Option("--mode", help="cli.option.mode")] = None,
    sound: Annotated[bool | None, typer.Option("--sound/--no-sound", help="cli.option.sound")] = None,
    negative: Annotated[str | None, typer.Option("--negative", metavar="TEXT", help="cli.option.negative")] = None,
    again: Annotated[bool | None, typer.Option("--again/--only-missing", help="cli.option.having_again")] = None,
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="cli.option.preflight")] = False,
    canary: Annotated[bool | None, typer.Option("--canary/--no-canary", help="cli.option.canary")] = None,
    until_pass: Annotated[bool, typer.Option("--until-pass", help="cli.option.until_pass")] = False,
    most: Annotated[int | None, typer.Option("--max", metavar="N", min=1, max=20, help="cli.option.most_draws")] = None,
    ceiling: Annotated[str | None, typer.Option("--ceiling", metavar="AMOUNT", help="cli.option.ceiling")] = None,
    redraw_doubts: Annotated[bool, typer.Option("--redraw-doubts", help="cli.option.redraw_doubts")] = False,
    at_once: Annotated[int | None, typer.Option("--at-once", min=1, max=2, help="cli.option.at_once")] = None,
) -> None:
    from vidgen_core.domain.shots import GenerationMode
    from vidgen_core.services.generation.planning import GenerateOptions

    if everything == bool(shot):
        raise InputError("shots_not_named")
    options = GenerateOptions(
        takes=takes,
        provider=mode_named(provider),
        model=model,
        aspect_ratio=aspect,
        size=size,
        duration=duration,
        mode=GenerationMode(mode) if mode else None,
        sound=sound,
        negative_prompt=negative,
        until=until_of(until_pass, most, ceiling, redraw_doubts, at_once),
    )
    # A shot that is named is meant, whatever it has; all of them are those that have nothing yet.
    more = not everything if again is None else again
    ids = _requested_shots(session, shot or ())
    estimate = session.app.tasks.estimate(session.where.id, ids, options, again=more)
    if dry_run:
        _show_batch(session, session.app.tasks.preflight(session.where.id, ids, options, again=more))
        return
    session.count("cli.estimate", estimate.tasks, price=price_of(session, estimate))
    warn_of(session, estimate)
    if estimate.draws is not None and estimate.tasks:
        session.say("cli.expected_draws", draws=f"{estimate.draws / estimate.tasks:.1f}")
    if estimate.having and not more:
        session.warn_line(session.text.n("cli.having", estimate.having))
    if not yes:
        sheet = partial(session.app.tasks.preflight, session.where.id, ids, options, again=more)
        ask(session, estimate, sheet, "cli.ask_generate")
    finish(session, estimate, session.app.tasks.generate(session.where.id, ids, options, canary=canary, again=more))


def until_of(
    wanted: bool, most: int | None, ceiling: str | None, redraw_doubts: bool, at_once: int | None
) -> UntilPass | None:
    """What *until one passes* asks for.

    :raises InputError: ``until_pass_missing``, ``amount_unreadable``
    """
    from vidgen_core.cli.spending import amount_of
    from vidgen_core.domain.takes import Verdict
    from vidgen_core.domain.tasks import UntilPass

    if not wanted:
        if redraw_doubts or any(one is not None for one in (most, ceiling, at_once)):
            raise InputError("until_pass_missing")
        return None
    return UntilPass(
        most=most or 4,
        ceiling=None if ceiling is None else amount_of(ceiling),
        again_on=Verdict.DOUBT if redraw_doubts else Verdict.FAIL,
        at_once=at_once or 1,
    )


def _show_batch(session: Session, sheet: Preflight) -> None:
    """Print the preflight alone; exits with 1 when a problem stops a shot."""
    from vidgen_core.services.schemas.money import PreflightResponse

    found = PreflightResponse.of(sheet, session.text, lambda t, one: t.error("parameter", one.code, one.params))
    session.answer(found.model_dump(mode="json", exclude={"asks": True, "balances": {"__all__": {"at"}}}))
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


def ask(
    session: Session, estimate: Estimate, preflight: Callable[[], Preflight], question: str, /, **params: Any
) -> None:
    """Show the preflight and ask before an order above the limits of the settings; exits when the answer is no.

    :raises InputError: ``confirmation_missing`` where nobody can answer
    """
    if estimate.asks and estimate.key_missing is None:
        show_preflight(session, preflight())
        session.confirm(question, **params)


def price_of(session: Session, estimate: Estimate) -> str:
    """The estimated price as text."""
    if estimate.free:
        return session.text("cli.price_free")
    return session.text.money(estimate.money, True) if estimate.money else session.text("cli.price_unknown")


def warn_of(session: Session, estimate: Estimate) -> None:
    """Warn of an assumed price and of problems that stop nothing."""
    if estimate.assumed and not estimate.free:
        session.warn("cli.price_assumed")
    for shot, problem in estimate.problems:
        if not problem.fatal:
            session.complain(problem.code, problem.params, shot.number)


def finish(session: Session, estimate: Estimate, made: Generated) -> None:
    """Say what was queued and what was refused."""
    from vidgen_core.services.schemas.base import Cost
    from vidgen_core.services.schemas.money import OrderedResponse
    from vidgen_core.services.schemas.tasks import TaskResponse

    refused = [
        {"shot": shot.number, "code": code, "reason": session.reason(code, params)}
        for shot, code, params in made.refused
    ]
    ordered = OrderedResponse.of(session.app.tasks.estimate_tasks([task.id for task in made.tasks]))
    session.answer(
        {
            "queued": [TaskResponse.of(task, session.text, session.where.name) for task in made.tasks],
            "refused": refused,
            "estimate": Cost.of(estimate.money, estimated=True),
            "ordered": ordered.model_dump(mode="json", exclude={"cost": {"estimated"}, "worst": {"estimated"}}),
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


@command(commands, "pictures")
def pictures(
    session: Session,
    missing: Annotated[bool, typer.Option("--missing", help="cli.option.missing")] = False,
    everything: Annotated[bool, typer.Option("--all", help="cli.option.all_shots")] = False,
    shot: Annotated[list[str] | None, typer.Option("--shot", metavar="N", help="cli.option.shot")] = None,
    count: Annotated[int | None, typer.Option("--count", metavar="K", help="cli.option.count")] = None,
    provider: Annotated[str | None, typer.Option("--provider", metavar="P", help="cli.option.provider")] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="M", help="cli.option.model")] = None,
    yes: YesOption = False,
) -> None:
    from vidgen_core.services.generation.planning import GenerateOptions

    if sum((missing, everything, bool(shot))) != 1:
        raise InputError("pictures_not_named")
    options = GenerateOptions(takes=count, provider=mode_named(provider), model=model)
    ids = _requested_shots(session, shot or (), missing=missing)
    estimate = session.app.pictures.estimate(session.where.id, ids, options)
    session.count("cli.estimate_pictures", estimate.tasks, price=price_of(session, estimate))
    warn_of(session, estimate)
    if not yes:
        sheet = partial(session.app.pictures.preflight, session.where.id, ids, options)
        ask(session, estimate, sheet, "cli.ask_pictures")
    finish(session, estimate, session.app.pictures.draw(session.where.id, ids, options))


def _requested_shots(session: Session, numbers: list[str] | tuple[str, ...], *, missing: bool = False) -> list[int]:
    if missing:
        return session.app.pictures.missing(session.where.id)
    if numbers:
        return [shot_numbered(session, number).id for number in numbers]
    return session.app.shots.ids(session.where.id)


@command(commands, "pick-picture")
def pick_picture(
    session: Session,
    shot: Annotated[str, typer.Argument(metavar="SHOT", help="cli.argument.shot")],
    number: Annotated[int, typer.Argument(metavar="K", help="cli.argument.candidate")],
) -> None:
    found = shot_numbered(session, shot)
    chosen = session.app.pictures.choose_number(found.id, number)
    file = str(session.app.shots.image_path(chosen.image)) if chosen.image else chosen.image_url
    session.answer({"shot": found.number, "picture": chosen.number, "file": file})
    session.say("cli.picked_picture", shot=found.number, number=chosen.number)


@command(commands, "finish")
def finish_take(
    session: Session,
    shot: Annotated[str | None, typer.Argument(metavar="SHOT", help="cli.argument.shot")] = None,
    take: Annotated[int | None, typer.Argument(metavar="TAKE", help="cli.argument.finish_take")] = None,
    chosen: Annotated[bool, typer.Option("--chosen", help="cli.option.finish_chosen")] = False,
    extend: Annotated[bool, typer.Option("--extend", help="cli.option.extend")] = False,
    upscale: Annotated[bool, typer.Option("--upscale", help="cli.option.upscale")] = False,
    fetch_1080p: Annotated[bool, typer.Option("--1080p", help="cli.option.fetch_1080p")] = False,
    fetch_4k: Annotated[bool, typer.Option("--4k", help="cli.option.fetch_4k")] = False,
    prompt: Annotated[str | None, typer.Option("--prompt", metavar="TEXT", help="cli.option.finish_prompt")] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", metavar="S", help="cli.option.finish_seconds")] = None,
    provider: Annotated[str | None, typer.Option("--provider", metavar="P", help="cli.option.provider")] = None,
    ceiling: Annotated[str | None, typer.Option("--ceiling", metavar="AMOUNT", help="cli.option.ceiling")] = None,
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="cli.option.preflight")] = False,
) -> None:
    from vidgen_core.domain.tasks import FinishVerb
    from vidgen_core.services.generation.finishing import FinishOptions

    asked = {
        FinishVerb.EXTEND: extend,
        FinishVerb.UPSCALE: upscale,
        FinishVerb.FETCH_1080P: fetch_1080p,
        FinishVerb.FETCH_4K: fetch_4k,
    }
    verbs = [verb for verb, wanted in asked.items() if wanted]
    if len(verbs) != 1:
        raise InputError("finish_not_named")
    if chosen == bool(shot):
        raise InputError("finish_take_not_named")
    options = FinishOptions(verb=verbs[0], prompt=prompt, seconds=seconds, provider=mode_named(provider))
    finishing = session.app.finishing
    if shot is None:
        _finish_chosen(session, options, ceiling, yes=yes, dry_run=dry_run)
        return
    source = _take(session, shot, take)
    if dry_run:
        _show_batch(session, finishing.preflight(source.id, options))
        return
    estimate = finishing.estimate(source.id, options)
    session.count("cli.estimate", estimate.tasks, price=price_of(session, estimate))
    warn_of(session, estimate)
    if not yes:
        ask(session, estimate, lambda: finishing.preflight(source.id, options), "cli.ask_finish")
    finish(session, estimate, finishing.order(source.id, options))


def _finish_chosen(session: Session, options: FinishOptions, ceiling: str | None, *, yes: bool, dry_run: bool) -> None:
    """The same for every chosen take, as one batch with its own sheet."""
    from vidgen_core.cli.spending import amount_of

    finishing, project = session.app.finishing, session.where.id
    sheet = finishing.sheet(project, options)
    for row in sheet.rows:
        if row.problem is not None:
            session.complain(row.problem.code, row.problem.params, row.shot)
    if dry_run:
        _show_batch(session, sheet.preflight)
        return
    session.count("cli.estimate", sheet.estimate.tasks, price=price_of(session, sheet.estimate))
    warn_of(session, sheet.estimate)
    if not yes:
        ask(session, sheet.estimate, lambda: sheet.preflight, "cli.ask_finish")
    most = None if ceiling is None else amount_of(ceiling)
    finish(session, sheet.estimate, finishing.order_chosen(project, options, ceiling=most))


@command(commands, "use-finished")
def use_finished(
    session: Session,
    shot: Annotated[str, typer.Argument(metavar="SHOT", help="cli.argument.shot")],
    take: Annotated[int, typer.Argument(metavar="TAKE", help="cli.argument.finished_take")],
    source: Annotated[bool, typer.Option("--source", help="cli.option.use_source")] = False,
) -> None:
    used = session.app.takes.use_finished(_take(session, shot, take).id, not source)
    session.answer({"shot": shot, "take": used.number, "stands_in": used.stands_in})
    session.say("cli.uses_source" if source else "cli.uses_finished", shot=shot, number=used.number)


def _take(session: Session, shot: str, number: int | None) -> Take:
    """The named take; without a number the chosen one.

    :raises InputError: ``take_unknown`` (take, known)
    """
    takes = session.app.takes.takes_of(shot_numbered(session, shot).id)
    for take in takes:
        if take.number == number or (number is None and take.chosen):
            return take
    known = ", ".join(str(take.number) for take in takes) or "–"
    raise InputError("take_unknown", take=number or "–", known=known)
