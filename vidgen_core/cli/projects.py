"""``vidgen projects`` and what is done with whole projects: rename, copy, archive, delete, share for review; their characters."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidgen_core.cli.session import Session, YesOption, command, named, shot_numbered

if TYPE_CHECKING:
    from vidgen_core.domain.takes import ReviewLink
    from vidgen_core.services.library.characters import CharacterUse

commands = typer.Typer()
_review = typer.Typer(help="cli.help.review")
commands.add_typer(_review, name="review")
_AddressOption = Annotated[str, typer.Option("--address", metavar="URL", help="cli.option.review_address")]
#: Where ``vidgen serve`` listens.
_HERE = "http://127.0.0.1:8501"

_NameArgument = Annotated[str, typer.Argument(help="cli.option.project_name")]


@command(commands, "projects", every_project=True)
def projects(session: Session) -> None:
    found = session.app.projects.all()
    session.answer([project.model_dump(mode="json") for project in found])
    if not session.as_json:
        archived = session.text("cli.archived")
        columns = ("cli.column.project", "cli.column.state")
        session.table(columns, [(project.name, archived if project.archived else "") for project in found])


@command(commands, "rename-project")
def rename_project(session: Session, name: _NameArgument) -> None:
    renamed = session.app.projects.rename(session.require_project().id, name)
    session.answer(renamed.model_dump(mode="json"))
    session.say("cli.project_renamed", name=renamed.name)


@command(commands, "copy-project")
def copy_project(session: Session, name: _NameArgument) -> None:
    copy = session.app.projects.copy(session.require_project().id, name)
    session.answer(copy.model_dump(mode="json"))
    session.say("cli.project_copied", name=copy.name)


@command(commands, "archive-project")
def archive_project(
    session: Session, restore: Annotated[bool, typer.Option("--restore", help="cli.option.unarchive")] = False
) -> None:
    project = session.app.projects.archive(session.require_project().id, not restore)
    session.answer(project.model_dump(mode="json"))
    session.say("cli.project_archived" if project.archived else "cli.project_unarchived", name=project.name)


@command(commands, "delete-project")
def delete_project(
    session: Session,
    files: Annotated[bool, typer.Option("--files", help="cli.option.delete_files")] = False,
    yes: YesOption = False,
) -> None:
    project = session.require_project()
    gone = session.app.projects.deletion(project.id)
    size = session.text.bytes(gone.bytes)
    if not yes:
        question = "cli.ask_delete_project_files" if files else "cli.ask_delete_project"
        shots, takes = session.text.n("common.shots", gone.shots), session.text.n("common.takes", gone.takes)
        session.confirm(question, name=project.name, shots=shots, takes=takes, size=size)
    session.app.projects.delete(project.id, files=files)
    session.answer({"deleted": project.name, "bytes": gone.bytes if files else 0})
    session.say("cli.project_deleted", name=project.name)


@command(_review, "share", "cli.help.review_share")
def share(
    session: Session,
    days: Annotated[float, typer.Option("--days", metavar="N", help="cli.option.review_days")] = 7.0,
    password: Annotated[str, typer.Option("--password", metavar="TEXT", help="cli.option.review_password")] = "",
    name: Annotated[str, typer.Option("--for", metavar="NAME", help="cli.option.review_for")] = "",
    address: _AddressOption = _HERE,
) -> None:
    from vidgen_core.services.schemas.reviews import ReviewLinkResponse

    link = session.app.reviews.share(session.require_project().id, days, password, name)
    url = _url(session, link, address)
    session.answer(ReviewLinkResponse.of(link, url))
    if session.as_json:
        return
    session.tell(url)
    session.say("review.until", at=session.text.datetime(link.expires_at, datetime.now().astimezone().tzinfo or UTC))
    if session.out.is_terminal:
        import segno

        segno.make(url, error="m").terminal(compact=True)


@command(_review, "links", "cli.help.review_links")
def links(session: Session, address: _AddressOption = _HERE) -> None:
    from vidgen_core.services.schemas.reviews import ReviewLinkResponse

    found = [
        ReviewLinkResponse.of(link, _url(session, link, address))
        for link in session.app.reviews.links(session.where.id)
    ]
    session.answer(found)
    if not session.as_json:
        columns = ("review.column.id", "review.for", "review.column.until", "review.column.url")
        works = [(str(one.id), one.name, one.expires_at, one.url) for one in found if one.works]
        session.table(columns, works)


@command(_review, "revoke", "cli.help.review_revoke")
def revoke(
    session: Session, link_id: Annotated[int, typer.Argument(metavar="ID", help="cli.argument.review_link")]
) -> None:
    from vidgen_core.services.schemas.reviews import ReviewLinkResponse

    link = session.app.reviews.revoke(link_id)
    session.answer(ReviewLinkResponse.of(link, ""))
    session.say("review.revoked", id=link.id)


@command(_review, "votes", "cli.help.review_votes")
def votes(session: Session) -> None:
    from vidgen_core.services.schemas.reviews import ReviewedTakeResponse

    found = ReviewedTakeResponse.all(session.app.reviews.of_project(session.where.id))
    session.answer(found)
    for one in found:
        said = [f"{vote.name} {_SIGNS[vote.vote]}{'★' if vote.favourite else ''}" for vote in one.votes]
        said += [f"{comment.at:.1f} s {comment.name}: {comment.text}" for comment in one.comments]
        session.tell(f"{one.shot}-v{one.take}  {' · '.join(said)}")


_SIGNS = {1: "+1", 0: "", -1: "-1"}


def _url(session: Session, link: ReviewLink, address: str) -> str:
    return f"{address.rstrip('/')}/review/{session.app.reviews.token(link)}"


# --- characters ----------------------------------------------------------------------------------------------------

_CharacterArgument = Annotated[str, typer.Argument(metavar="NAME", help="cli.argument.character")]


@command(commands, "characters")
def characters(session: Session) -> None:
    uses = session.app.characters.uses(session.where.id)
    _answer_uses(session, uses)
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
    name: _CharacterArgument,
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
    _answer_uses(session, [use])
    session.say("cli.character_saved", name=use.character.name)
    _used(session, use)


@command(commands, "delete-character")
def delete_character(session: Session, name: _CharacterArgument, yes: YesOption = False) -> None:
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
    session.tell(told.prompt)
    for one in seen.plan.params.characters:
        session.say("cli.character_sent", name=one.name, told=sent_of(session.text, one))
    for problem in seen.problems:
        session.complain(problem.code, problem.params)


def _answer_uses(session: Session, uses: list[CharacterUse] | tuple[CharacterUse, ...]) -> None:
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
