"""``vidgen pictures`` and ``pick-picture``: reference images drawn and chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vidgen_core.cli.generating import ask, finish, price_of, warn_of
from vidgen_core.cli.session import DEFAULT, JsonOption, ProjectOption, Session
from vidgen_core.cli.task_commands import YesOption, mode_named, shot_numbered
from vidgen_core.domain.errors import InputError

if TYPE_CHECKING:
    from vidgen_core.domain.shots import Project
    from vidgen_core.services.facade import Vidgen


def register(app: typer.Typer) -> None:
    app.command("pictures", help="cli.help.pictures")(pictures)
    app.command("pick-picture", help="cli.help.pick_picture")(pick_picture)


def pictures(
    missing: Annotated[bool, typer.Option("--missing", help="cli.option.missing")] = False,
    everything: Annotated[bool, typer.Option("--all", help="cli.option.all_shots")] = False,
    shot: Annotated[list[str] | None, typer.Option("--shot", metavar="N", help="cli.option.shot")] = None,
    count: Annotated[int | None, typer.Option("--count", metavar="K", help="cli.option.count")] = None,
    provider: Annotated[str | None, typer.Option("--provider", metavar="P", help="cli.option.provider")] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="M", help="cli.option.model")] = None,
    yes: YesOption = False,
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    from vidgen_core.services.generation.planning import GenerateOptions

    session = Session(project, as_json)
    if sum((missing, everything, bool(shot))) != 1:
        raise InputError("pictures_not_named")
    options = GenerateOptions(takes=count, provider=mode_named(provider), model=model)
    with session.open() as app:
        where = session.existing_project(app)
        ids = _meant(app, where, shot or (), missing=missing)
        estimate = app.pictures.estimate(where.id, ids, options)
        session.count("cli.estimate_pictures", estimate.tasks, price=price_of(session, estimate))
        warn_of(session, estimate)
        if not yes:
            ask(session, estimate, lambda: app.pictures.preflight(where.id, ids, options), "cli.ask_pictures")
        finish(session, app, where, estimate, app.pictures.draw(where.id, ids, options))


def _meant(app: Vidgen, project: Project, numbers: list[str] | tuple[str, ...], *, missing: bool) -> list[int]:
    if missing:
        return app.pictures.missing(project.id)
    if numbers:
        return [shot_numbered(app, project, number).id for number in numbers]
    return app.shots.ids(project.id)


def pick_picture(
    shot: Annotated[str, typer.Argument(metavar="SHOT", help="cli.argument.shot")],
    number: Annotated[int, typer.Argument(metavar="K", help="cli.argument.candidate")],
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        where = session.existing_project(app)
        found = shot_numbered(app, where, shot)
        chosen = app.pictures.choose_number(found.id, number)
        file = str(app.shots.image_path(chosen.image)) if chosen.image else chosen.image_url
        session.answer({"shot": found.number, "picture": chosen.number, "file": file})
        session.say("cli.picked_picture", shot=found.number, number=chosen.number)
