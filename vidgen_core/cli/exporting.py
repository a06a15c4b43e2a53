"""``vidgen export``, ``conform``, ``backup``, ``restore`` and ``store copy``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidgen_core.cli.session import SOME_FAILED, Session, YesOption, command, named, sentence_of
from vidgen_core.domain.errors import InputError

if TYPE_CHECKING:
    from vidgen_core.services.exports.film import Format, Options
    from vidgen_core.services.schemas.edits import EditResponse
    from vidgen_core.services.system.restore import Restored

ToOption = Annotated[Path, typer.Option("--to", metavar="PATH", help="cli.export.to")]
FormatOption = Annotated[str | None, typer.Option("--format", metavar="F", help="cli.export.format")]
ListOption = Annotated[str, typer.Option("--list", metavar="shots|tasks", help="cli.export.list")]
PatternOption = Annotated[str | None, typer.Option("--pattern", metavar="PATTERN", help="cli.export.pattern")]
StillsOption = Annotated[bool, typer.Option("--stills", help="cli.export.stills")]
NumbersOption = Annotated[bool, typer.Option("--numbers", help="cli.export.numbers")]
SubtitlesOption = Annotated[bool, typer.Option("--subtitles", help="cli.export.subtitles")]
TimelinesOption = Annotated[bool, typer.Option("--timelines", help="cli.export.timelines")]
PicturesOption = Annotated[bool, typer.Option("--pictures", help="cli.export.pictures")]
DraftsOption = Annotated[str, typer.Option("--drafts-folder", metavar="FOLDER", help="cli.export.drafts_folder")]

commands = typer.Typer()
_store = typer.Typer(help="cli.help.store")
commands.add_typer(_store, name="store")


@command(commands, "export", "cli.export.help")
def export(
    session: Session,
    to: ToOption,
    format: FormatOption = None,  # noqa: A002 - the word of the option
    rows: ListOption = "shots",
    pattern: PatternOption = None,
    stills: StillsOption = False,
    numbers: NumbersOption = False,
    subtitles: SubtitlesOption = False,
    timelines: TimelinesOption = False,
    pictures: PicturesOption = False,
    drafts_folder: DraftsOption = "",
) -> None:
    options = {
        "rows": rows,
        "stills": stills,
        "numbers": numbers,
        "subtitles": subtitles,
        "timelines": timelines,
        "pictures": pictures,
        "drafts_folder": drafts_folder,
    }
    session.require_project()
    chosen = _options(options | ({"pattern": pattern} if pattern else {}))
    if format and format.lower() == "all":
        _export_all(session, to.absolute(), chosen)
        return
    kind = _format(format, to)
    target = _target(session, to.absolute(), kind, chosen)
    with session.progress("cli.export.writing", 1.0) as progress:
        path = session.app.exports.write(
            session.where.id,
            kind,
            target,
            chosen,
            language=session.text.lang,
            progress=lambda done: progress(done, 1.0),
        )
    if rows == "tasks":
        session.answer({"file": str(path), "format": kind.value})
        session.say("cli.export.done", path=path)
        return
    film = session.app.exports.film(session.where.id)
    missing = [shot.number for shot in film.missing]
    session.answer({"file": str(path), "format": kind.value, "takes": len(film.takes), "missing": missing})
    session.say("cli.export.done", path=path)
    if kind.value == "jianying":
        _say_where(session, path, drafts_folder)
    if missing and kind.value not in ("csv", "json", "xlsx"):
        session.count("cli.export.missing", len(missing), shots=named(missing))


def _export_all(session: Session, folder: Path, options: Options) -> None:
    """Every format into one folder; those that fail are named, and stop no other."""
    with session.progress("cli.export.writing", 1.0) as progress:
        files, failed = session.app.exports.write_all(
            session.where.id, folder, options, language=session.text.lang, progress=lambda done: progress(done, 1.0)
        )
    reasons = [(kind.value, sentence_of(error)) for kind, error in failed]
    session.answer(
        {"files": [str(file) for file in files], "failed": [{"format": kind, "reason": why} for kind, why in reasons]}
    )
    for file in files:
        session.say("cli.export.done", path=file)
    session.say(
        "export.draft_anywhere" if not options.drafts_folder else "export.draft_for", folder=options.drafts_folder
    )
    for kind, why in reasons:
        session.warn("cli.export.failed", format=kind, reason=why)
    if failed:
        raise typer.Exit(SOME_FAILED)


def _say_where(session: Session, path: Path, drafts_folder: str) -> None:
    """Where the draft must lie for 剪映 to find it and its media."""
    if path.is_dir():
        session.say("export.draft_in", folder=path.parent)
    elif drafts_folder.strip():
        session.say("export.draft_for", folder=drafts_folder.strip())
    else:
        session.say("export.draft_anywhere")


def _options(options: dict[str, object]) -> Options:
    """:raises InputError: ``export_list_unknown`` (rows)"""
    from vidgen_core.services.exports.film import Options

    if options["rows"] not in ("shots", "tasks"):
        raise InputError("export_list_unknown", rows=options["rows"])
    return Options.model_validate(options)


def _format(word: str | None, to: Path) -> Format:
    """The format named, else the one that the path's ending names.

    :raises InputError: ``export_format_unknown`` (format, known)
    """
    from vidgen_core.services.exports.film import Format

    wanted = (word or to.suffix.lstrip(".") or Format.ZIP).lower()
    wanted = {"premiere": Format.PREMIERE.value, "capcut": Format.JIANYING.value}.get(wanted, wanted)
    try:
        return Format(wanted)
    except ValueError:
        raise InputError("export_format_unknown", format=wanted, known=", ".join(Format)) from None


def _target(session: Session, to: Path, kind: Format, options: Options) -> Path:
    """Where an export goes: in a folder, under the project's name; a list with pictures is a ZIP and is called so.

    A 剪映 draft makes its own folder in the one that is named.
    """
    from vidgen_core.services.exports.film import Format
    from vidgen_core.services.exports.naming import safe_name

    zipped = options.is_packed(kind)
    if kind is Format.JIANYING or not to.is_dir():
        return to.with_suffix(".zip") if zipped else to
    return to / f"{safe_name(session.where.name)}.{'zip' if zipped else kind.value}"


@command(commands, "conform", "cli.conform.help")
def conform(
    session: Session,
    path: Annotated[Path | None, typer.Argument(metavar="TIMELINE", help="cli.conform.path")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="cli.conform.dry_run")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="cli.conform.undo")] = False,
    yes: YesOption = False,
) -> None:
    from vidgen_core.domain.errors import FileError
    from vidgen_core.services.schemas.edits import EditResponse

    edits = session.app.edits
    if undo or path is None:
        if path is not None or not undo:
            raise InputError("edit_path_or_undo")
        name = edits.undo(session.where.id)
        session.answer({"undone": name})
        session.say("cli.conform.undone", name=name)
        return
    try:
        data = (path / "Info.fcpxml" if path.is_dir() else path).read_bytes()
    except OSError as error:
        raise FileError("edit_file_missing", path=str(path)) from error
    plan = edits.plan(session.where.id, path.name, data)
    told = EditResponse.of(plan, session.text, applied=bool(plan.changes) and not dry_run)
    _show_edit(session, told)
    if told.applied:
        if not (yes or session.as_json):
            session.confirm("cli.conform.ask")
        edits.apply(plan)
        session.say("cli.conform.done")
    session.answer(told)


def _show_edit(session: Session, told: EditResponse) -> None:
    """What would change, and what cannot be followed."""
    for change in told.changes:
        trim = "–" if change.trim is None else f"{change.trim[0]:.2f}–{change.trim[1]:.2f} s"
        place = f"{change.place_before} → {change.place}" if change.place != change.place_before else str(change.place)
        session.say("cli.conform.change", shot=change.shot, place=place, take=change.take or "–", trim=trim)
    for note in told.notes:
        session.warn("cli.conform.note", reason=note.reason)
    if not told.changes:
        session.say("cli.conform.nothing", n=told.shots)


@command(commands, "backup")
def backup(session: Session, path: Annotated[Path, typer.Argument(metavar="PATH", help="cli.argument.backup")]) -> None:
    database, *settings = session.app.cleanup.backup(path)
    session.answer({"file": str(database), "settings": str(settings[0]) if settings else None})
    session.say("cli.backed_up", path=database)
    if settings:
        session.say("cli.export.backed_up_settings", path=settings[0])


@command(_store, "copy", "cli.help.store_copy")
def copy_store(
    session: Session, to: Annotated[str, typer.Option("--to", metavar="URL", help="cli.option.store_to")]
) -> None:
    done = session.app.cleanup.copy_store(to)
    session.answer(done.model_dump(mode="json"))
    session.say("cli.store_copied", n=sum(done.rows.values()), source=done.source, place=done.place)


@command(commands, "restore", opens=False)
def restore(
    session: Session,
    path: Annotated[Path, typer.Argument(metavar="BACKUP", help="cli.argument.restore")],
    yes: YesOption = False,
) -> None:
    # Not opened by the session: the database there is now may be gone or damaged.
    from vidgen_core.config.paths import find_locations
    from vidgen_core.services.system.restore import restore as put_in_place

    def agree(plan: Restored) -> None:
        _show_restored(session, plan)
        if not (yes or session.as_json):
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
