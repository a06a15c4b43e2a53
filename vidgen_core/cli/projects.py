"""``vidgen projects`` and what is done with whole projects: rename, copy, archive, delete."""

from __future__ import annotations

from typing import Annotated

import typer

from vidgen_core.cli.session import Session, YesOption, command

commands = typer.Typer()

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
    renamed = session.app.projects.rename(session.where.id, name)
    session.answer(renamed.model_dump(mode="json"))
    session.say("cli.project_renamed", name=renamed.name)


@command(commands, "copy-project")
def copy_project(session: Session, name: _NameArgument) -> None:
    copy = session.app.projects.copy(session.where.id, name)
    session.answer(copy.model_dump(mode="json"))
    session.say("cli.project_copied", name=copy.name)


@command(commands, "archive-project")
def archive_project(
    session: Session,
    restore: Annotated[bool, typer.Option("--restore", help="cli.option.unarchive")] = False,
) -> None:
    project = session.app.projects.archive(session.where.id, not restore)
    session.answer(project.model_dump(mode="json"))
    session.say("cli.project_archived" if project.archived else "cli.project_unarchived", name=project.name)


@command(commands, "delete-project")
def delete_project(
    session: Session,
    files: Annotated[bool, typer.Option("--files", help="cli.option.delete_files")] = False,
    yes: YesOption = False,
) -> None:
    gone = session.app.projects.deletion(session.where.id)
    size = session.text.bytes(gone.bytes)
    if not yes:
        question = "cli.ask_delete_project_files" if files else "cli.ask_delete_project"
        session.confirm(question, name=session.where.name, shots=gone.shots, takes=gone.takes, size=size)
    session.app.projects.delete(session.where.id, files=files)
    session.answer({"deleted": session.where.name, "bytes": gone.bytes if files else 0})
    session.say("cli.project_deleted", name=session.where.name)
