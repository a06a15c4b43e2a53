"""``vidgen export`` and ``backup``: what leaves the data home."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidgen_core.cli.session import DEFAULT, JsonOption, ProjectOption, Session, named
from vidgen_core.cli.task_commands import YesOption
from vidgen_core.domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vidgen_core.domain.shots import Project
    from vidgen_core.services.exports.film import Format, Options
    from vidgen_core.services.facade import Vidgen
    from vidgen_core.services.system.restore import Restored

ToOption = Annotated[Path, typer.Option("--to", metavar="PATH", help="cli.export.to")]
FormatOption = Annotated[str | None, typer.Option("--format", metavar="F", help="cli.export.format")]
ListOption = Annotated[str, typer.Option("--list", metavar="shots|tasks", help="cli.export.list")]
PatternOption = Annotated[str | None, typer.Option("--pattern", metavar="PATTERN", help="cli.export.pattern")]
StillsOption = Annotated[bool, typer.Option("--stills", help="cli.export.stills")]
NumbersOption = Annotated[bool, typer.Option("--numbers", help="cli.export.numbers")]
TimelinesOption = Annotated[bool, typer.Option("--timelines", help="cli.export.timelines")]
PicturesOption = Annotated[bool, typer.Option("--pictures", help="cli.export.pictures")]
DraftsOption = Annotated[str, typer.Option("--drafts-folder", metavar="FOLDER", help="cli.export.drafts_folder")]


def register(app: typer.Typer) -> None:
    app.command("export", help="cli.export.help")(export)
    app.command("backup", help="cli.help.backup")(backup)
    app.command("restore", help="cli.help.restore")(restore)


def export(
    to: ToOption,
    format: FormatOption = None,  # noqa: A002 - the word of the option
    rows: ListOption = "shots",
    pattern: PatternOption = None,
    stills: StillsOption = False,
    numbers: NumbersOption = False,
    timelines: TimelinesOption = False,
    pictures: PicturesOption = False,
    drafts_folder: DraftsOption = "",
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    wish = {
        "rows": rows,
        "stills": stills,
        "numbers": numbers,
        "timelines": timelines,
        "pictures": pictures,
        "drafts_folder": drafts_folder,
    }
    options = _options(wish | ({"pattern": pattern} if pattern else {}))
    kind = _format(format, to)
    with session.open() as app:
        where = session.existing_project(app)
        target = _target(to.absolute(), kind, where, options)
        path = _write(session, app, where, kind, target, options)
        film = app.exports.film(where.id)
        missing = [shot.number for shot in film.missing]
        session.answer({"file": str(path), "format": kind.value, "takes": len(film.takes), "missing": missing})
        session.say("cli.export.done", path=path)
        if missing and kind.value not in ("csv", "json", "xlsx"):
            session.count("cli.export.missing", len(missing), shots=named(missing))


def _options(wish: dict[str, object]) -> Options:
    """:raises InputError: ``export_list_unknown`` (rows)"""
    from vidgen_core.services.exports.film import Options

    if wish["rows"] not in ("shots", "tasks"):
        raise InputError("export_list_unknown", rows=wish["rows"])
    return Options.model_validate(wish)


def _format(word: str | None, to: Path) -> Format:
    """The format named, else the one that the path's ending names.

    :raises InputError: ``export_format_unknown`` (format, known)
    """
    from vidgen_core.services.exports.film import Format

    wanted = (word or to.suffix.lstrip(".") or Format.ZIP).lower()
    try:
        return Format(wanted)
    except ValueError:
        raise InputError("export_format_unknown", format=wanted, known=", ".join(Format)) from None


def _target(to: Path, kind: Format, project: Project, options: Options) -> Path:
    """Into a folder an export goes under the project's name; a 剪映 draft makes its own folder in it."""
    from vidgen_core.services.exports.film import LISTS, Format
    from vidgen_core.services.exports.naming import safe_name

    if kind is Format.JIANYING or not to.is_dir():
        return to
    zipped = kind in LISTS and options.pictures and options.rows == "shots"
    return to / f"{safe_name(project.name)}.{'zip' if zipped else kind.value}"


def _write(session: Session, app: Vidgen, project: Project, kind: Format, target: Path, options: Options) -> Path:
    with _progress(session) as progress:
        return app.exports.write(project.id, kind, target, options, language=session.text.lang, progress=progress)


@contextmanager
def _progress(session: Session) -> Iterator[Callable[[float], None]]:
    """A bar where a person sees it."""
    from rich.progress import Progress

    with Progress(console=session.err, transient=True, disable=not session.err.is_terminal) as bars:
        bar = bars.add_task(session.text("cli.export.writing"), total=1.0)
        yield lambda done: bars.update(bar, completed=done)


def backup(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="cli.argument.backup")],
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        database, *settings = app.cleanup.backup(path)
        session.answer({"file": str(database), "settings": str(settings[0]) if settings else None})
        session.say("cli.backed_up", path=database)
        if settings:
            session.say("cli.export.backed_up_settings", path=settings[0])


def restore(
    path: Annotated[Path, typer.Argument(metavar="BACKUP", help="cli.argument.restore")],
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    # Not ``session.open``: the database there is now may be gone or damaged.
    from vidgen_core.config.paths import find_locations
    from vidgen_core.services.system.restore import restore as put_in_place

    session = Session(None, as_json)

    def agree(plan: Restored) -> None:
        _show_restored(session, plan)
        if not (yes or as_json):
            session.confirm("cli.ask_restore")

    done = put_in_place(find_locations(), path, agree)
    session.answer(done.model_dump(mode="json"))
    session.say("cli.restored", path=done.backup)
    if done.before is not None:
        session.say("cli.restored_before", path=done.before)


def _show_restored(session: Session, plan: Restored) -> None:
    """What was bought since, and what will be set aside."""
    if plan.orders:
        session.count("cli.restore_orders", plan.orders)
    for one in plan.bought:
        place = f"{one.shot} v{one.take}" if one.shot is not None and one.take is not None else "–"
        session.say("cli.restore_bought", place=place, provider=one.provider, remote_id=one.remote_id)
    if plan.set_aside:
        session.count("cli.restore_aside", plan.set_aside)
