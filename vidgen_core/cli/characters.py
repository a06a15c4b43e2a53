"""``vidgen characters`` and what is done with one: ``set-character``, ``delete-character``; ``sent`` shows what a take would get."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidgen_core.cli.session import Session, YesOption, command, named, shot_numbered

if TYPE_CHECKING:
    from vidgen_core.services.library.characters import CharacterUse

commands = typer.Typer()

_Name = Annotated[str, typer.Argument(metavar="NAME", help="cli.argument.character")]


@command(commands, "characters")
def characters(session: Session) -> None:
    uses = session.app.characters.uses(session.where.id)
    _answer(session, uses)
    if not session.as_json:
        columns = ("references.name", "cli.column.shots", "cli.column.pictures", "references.description")
        session.table(
            columns,
            [
                (
                    f"@{use.character.name}",
                    named([shot.number for shot in use.shots]) or "–",
                    str(len(use.character.images)),
                    use.character.description,
                )
                for use in uses
            ],
        )


@command(commands, "set-character")
def set_character(
    session: Session,
    name: _Name,
    description: Annotated[str | None, typer.Option("--description", help="cli.option.character_description")] = None,
    voice: Annotated[str | None, typer.Option("--voice", help="cli.option.character_voice")] = None,
    picture: Annotated[list[Path] | None, typer.Option("--picture", help="cli.option.character_picture")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="cli.option.character_replace")] = False,
    rename: Annotated[str | None, typer.Option("--rename", metavar="NEW", help="cli.option.character_rename")] = None,
) -> None:
    session.ensure_project()
    keys = [session.app.shots.keep_image(path) for path in picture or ()]
    use = session.app.characters.save(
        session.where.id,
        name,
        new_name=rename,
        description=description,
        voice=voice,
        images=() if replace else None,
        more_images=keys,
    )
    _answer(session, [use])
    session.say("cli.character_saved", name=use.character.name)
    _used(session, use)


@command(commands, "delete-character")
def delete_character(session: Session, name: _Name, yes: YesOption = False) -> None:
    (use,) = session.app.characters.uses(session.where.id, name)
    _used(session, use)
    if use.shots and not yes:
        session.confirm("cli.ask_delete_character", name=use.character.name)
    use = session.app.characters.delete(session.where.id, name)
    session.answer({"deleted": use.character.name, "shots": [shot.number for shot in use.shots]})
    session.say("cli.character_deleted", name=use.character.name)


@command(commands, "sent")
def sent(session: Session, shot: Annotated[str, typer.Argument(metavar="SHOT", help="cli.argument.shot")]) -> None:
    from vidgen_core.services.generation.preflight import sent_of
    from vidgen_core.services.schemas.characters import SentResponse

    seen = session.app.characters.preview(shot_numbered(session, shot))
    told = SentResponse.of(seen, lambda key: str(session.app.shots.image_path(key)), session.text)
    session.answer(told)
    if session.as_json:
        return
    session.out.print(told.prompt, markup=False, soft_wrap=True)
    for one in seen.plan.params.characters:
        session.say("cli.character_sent", name=one.name, told=sent_of(session.text, one))
    for problem in seen.problems:
        session.complain(problem.code, problem.params)


def _answer(session: Session, uses: list[CharacterUse] | tuple[CharacterUse, ...]) -> None:
    from vidgen_core.services.schemas.characters import CharacterResponse

    session.answer([CharacterResponse.of(use, lambda key: str(session.app.shots.image_path(key))) for use in uses])


def _used(session: Session, use: CharacterUse) -> None:
    """Where a character is named, and what a change of it costs to make again."""
    from vidgen_core.cli.generating import price_of

    if use.shots:
        numbers = named([shot.number for shot in use.shots])
        session.warn_line(session.text.n("references.used", len(use.shots), shots=numbers))
    if use.old_takes:
        price = price_of(session, use.redo_takes)
        session.warn_line(session.text.n("references.old_takes", len(use.old_takes), price=price))
