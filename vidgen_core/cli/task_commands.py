"""Wishes about tasks, takes and shots: ``vidgen retry``, ``cancel``, ``adopt``, ``pick``, ``move`` and their like."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from vidgen_core.cli.session import DEFAULT, SOME_FAILED, JsonOption, ProjectOption, Session, named
from vidgen_core.domain.errors import ErrorKind, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidgen_core.domain.providers import ProviderId
    from vidgen_core.domain.shots import Project, Shot
    from vidgen_core.domain.tasks import Task, TaskStatus
    from vidgen_core.services.facade import Vidgen
    from vidgen_core.services.generation.recovery import Outcome

IdsArgument = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="cli.argument.ids", show_default=False)]
FailedOption = Annotated[bool, typer.Option("--failed", help="cli.option.failed")]
AllOption = Annotated[bool, typer.Option("--all", help="cli.option.all_tasks")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="cli.option.yes")]
#: A task by shot and take, as file names have it: ``1.0-v2``; a picture: ``1.0-p2``.
_NAMED = re.compile(r"(?P<shot>.+)-(?P<output>[vp])(?P<take>\d+)")


def register(app: typer.Typer) -> None:
    app.command("pick", help="cli.help.pick")(pick)
    app.command("move", help="cli.help.move")(move)
    app.command("retry", help="cli.help.retry")(retry)
    app.command("look-again", help="cli.help.look_again")(look_again)
    app.command("confirm", help="cli.help.confirm")(confirm)
    app.command("cancel", help="cli.help.cancel")(cancel)
    app.command("delete", help="cli.help.delete")(delete)
    app.command("adopt", help="cli.help.adopt")(adopt)
    app.command("link", help="cli.help.link")(enter_link)


def retry(
    ids: IdsArgument = None,
    failed: FailedOption = False,
    yes: YesOption = False,
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        where = session.existing_project(app)
        wanted = _wanted(app, where, ids, every="failed" if failed else None)
        tasks = app.tasks.many(wanted)
        if not yes:
            _ask_price(session, app, where, tasks)
        finish(session, app.tasks.retry(wanted, confirm=yes), "cli.retried")


def _ask_price(session: Session, app: Vidgen, where: Project, tasks: Sequence[Task]) -> None:
    """Submitting again is paid anew; below the limits of the settings it is not asked about."""
    from vidgen_core.cli.generating import ask, price_of
    from vidgen_core.services.generation.recovery import StepName

    ids = [task.id for task in tasks if any(step.name is StepName.SUBMIT_AGAIN for step in app.tasks.steps(task))]
    estimate = app.tasks.estimate_tasks(ids)
    price = price_of(session, estimate)
    ask(session, estimate, lambda: app.tasks.preflight_tasks(where.id, ids), "cli.ask_retry", n=len(ids), price=price)


def look_again(
    ids: IdsArgument = None,
    failed: FailedOption = False,
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        where = session.existing_project(app)
        wanted = _wanted(app, where, ids, every="failed" if failed else None)
        of_file = {task.id for task in app.tasks.many(wanted) if task.failure and task.failure.kind is ErrorKind.FILE}
        fetched = app.tasks.download_again([id_ for id_ in wanted if id_ in of_file])
        validated = app.tasks.look_again([id_ for id_ in wanted if id_ not in of_file])
        both = validated.model_copy(
            update={"done": validated.done + fetched.done, "refused": validated.refused + fetched.refused}
        )
        finish(session, both, "cli.looking_again")


def confirm(
    ids: IdsArgument = None,
    yes: YesOption = False,
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        wanted = _wanted(app, session.existing_project(app), ids, every=None)
        for id_ in wanted:
            price = app.tasks.asked_price(id_)
            if not yes:
                said = session.text.money(price, False) if price else session.text("cli.price_unknown")
                session.confirm("cli.ask_confirm", id=id_, price=said)
            app.tasks.confirm_price(id_, price)
        session.answer({"done": [str(id_) for id_ in wanted], "refused": []})
        session.count("cli.confirmed", len(wanted))


def cancel(
    ids: IdsArgument = None,
    everything: AllOption = False,
    yes: YesOption = False,
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        from vidgen_core.domain.tasks import LIVE

        where = session.existing_project(app)
        wanted = _wanted(app, where, ids, every="live" if everything else None)
        sent = [task for task in app.tasks.many(wanted) if task.status in LIVE and task.remote_id]
        paid = [task for task in sent if not task.provider.is_free]
        if paid and not (yes or as_json):
            session.confirm("cli.ask_give_up", n=len(paid))
        finish(session, app.tasks.cancel(wanted, give_up=True), "cli.cancelled")


def delete(
    ids: IdsArgument = None,
    everything: AllOption = False,
    failed: FailedOption = False,
    yes: YesOption = False,
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        where = session.existing_project(app)
        wanted = _wanted(app, where, ids, every="failed" if failed else "all" if everything else None)
        if everything and wanted and not (yes or as_json):
            session.confirm("cli.ask_delete", n=len(wanted))
        finish(session, app.tasks.delete(wanted), "cli.deleted")


def adopt(
    remote_id: Annotated[str, typer.Argument(metavar="REMOTE_ID", help="cli.argument.remote_id")],
    shot: Annotated[str, typer.Option("--shot", metavar="N", help="cli.option.adopt_shot")],
    provider: Annotated[str | None, typer.Option("--provider", metavar="P", help="cli.option.adopt_provider")] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="M", help="cli.option.model")] = None,
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        from vidgen_core.services.exports.task_shape import task_shape

        where = session.existing_project(app)
        found = shot_numbered(app, where, shot)
        chosen = mode_named(provider) or app.settings().mode
        doubtful = _in_doubt(app, found, chosen)
        # One task of this shot waits for exactly this answer; otherwise the job is a take of its own.
        if len(doubtful) == 1:
            task = app.tasks.adopt(doubtful[0].id, remote_id)
        else:
            task = app.tasks.adopt_new(found.id, chosen, remote_id, model)
        session.answer(task_shape(task, where.name, session.text))
        session.say("cli.adopted", shot=task.shot, take=task.take, id=task.id)


def enter_link(
    task: Annotated[str, typer.Argument(metavar="TASK", help="cli.argument.link_task")],
    url: Annotated[str, typer.Argument(metavar="URL", help="cli.argument.link_url")],
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        from vidgen_core.services.exports.task_shape import task_shape

        where = session.existing_project(app)
        [known] = _wanted(app, where, [task], every=None)
        linked = app.tasks.enter_link(known, url)
        session.answer(task_shape(linked, where.name, session.text))
        session.say("cli.linked", shot=linked.shot, take=linked.take)


def _in_doubt(app: Vidgen, shot: Shot, provider: ProviderId) -> list[Task]:
    return [
        task
        for task in app.shots.view(shot.id).tasks
        if task.provider is provider and task.failure and task.failure.kind is ErrorKind.SUBMIT_UNKNOWN
    ]


def pick(
    shot: Annotated[str, typer.Argument(metavar="SHOT", help="cli.argument.shot")] = "",
    take: Annotated[int | None, typer.Argument(metavar="TAKE", help="cli.argument.take", show_default=False)] = None,
    first: Annotated[bool, typer.Option("--first", help="cli.option.first_take")] = False,
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    if first == bool(shot) or (take is None) != first:
        raise InputError("take_not_named")
    with session.open() as app:
        where = session.existing_project(app)
        if first:
            _pick_first(session, app, where)
            return
        assert take is not None
        found = shot_numbered(app, where, shot)
        chosen = app.takes.choose_number(found.id, take)
        session.answer({"shot": found.number, "take": chosen.number, "file": str(app.takes.file(chosen))})
        session.say("cli.picked", shot=found.number, take=chosen.number)


def _pick_first(session: Session, app: Vidgen, where: Project) -> None:
    """The first good take of every shot without a chosen one; leaves with 1 when some are left to a person."""
    from vidgen_core.domain.queries import ShotFilter

    chosen = app.takes.choose_first(where.id)
    numbers = {view.shot.id: view.shot.number for view in app.shots.views([take.shot_id for take in chosen])}
    left = [view.shot.number for view in app.shots.views(app.shots.ids(where.id, ShotFilter("to_choose")))]
    picked = [
        {"shot": numbers[take.shot_id], "take": take.number, "file": str(app.takes.file(take))} for take in chosen
    ]
    session.answer({"picked": picked, "left": left})
    session.count("cli.picked_first", len(chosen))
    if left:
        session.warn_line(session.text.n("cli.left_to_pick", len(left), shots=named(left)))
        raise typer.Exit(SOME_FAILED)


def move(
    shot: Annotated[str, typer.Argument(metavar="SHOT", help="cli.argument.shot")],
    before: Annotated[str | None, typer.Option("--before", metavar="N", help="cli.option.before")] = None,
    project: ProjectOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    session = Session(project, as_json)
    with session.open() as app:
        where = session.existing_project(app)
        found = shot_numbered(app, where, shot)
        app.shots.move(found.id, shot_numbered(app, where, before).id if before else None)
        place = app.shots.ids(where.id).index(found.id) + 1
        session.answer({"shot": found.number, "place": place})
        session.say("cli.moved", shot=found.number, place=place)


# --- naming things ----------------------------------------------------------------------------------------------------


def shot_numbered(app: Vidgen, project: Project, number: str) -> Shot:
    """:raises InputError: ``shot_unknown`` (number, project)"""
    found = app.shots.by_number(project.id, number.strip())
    if found is None:
        raise InputError("shot_unknown", number=number, project=project.name)
    return found


def mode_named(word: str | None) -> ProviderId | None:
    """:raises InputError: ``no_such_provider`` (provider, known)"""
    from vidgen_core.domain.providers import ProviderId, provider_ids

    if word is None:
        return None
    try:
        return ProviderId(word.lower())
    except ValueError:
        raise InputError("no_such_provider", provider=word, known=", ".join(provider_ids())) from None


def _wanted(app: Vidgen, project: Project, ids: list[str] | None, every: str | None) -> list[int]:
    """The tasks meant: named ones, or all of a kind.

    :raises InputError: ``nothing_named`` without either, ``too_much_named`` with both
    """
    if ids and every:
        raise InputError("too_much_named")
    if every:
        from vidgen_core.domain.queries import TaskFilter

        return app.tasks.ids(project.id, TaskFilter(statuses=_statuses(every)))
    if not ids:
        raise InputError("nothing_named")
    return [_task_id(app, project, word) for word in ids]


def _statuses(every: str) -> frozenset[TaskStatus]:
    from vidgen_core.domain.tasks import LIVE, TaskStatus

    kinds = {"failed": frozenset({TaskStatus.FAILED}), "live": LIVE | {TaskStatus.PENDING}}
    return kinds.get(every, frozenset(TaskStatus))


def _task_id(app: Vidgen, project: Project, word: str) -> int:
    """A task by its number, or by shot and take.

    :raises InputError: ``task_unknown`` (id)
    """
    if word.isascii() and word.isdigit():
        return int(word)
    named = _NAMED.fullmatch(word)
    if named is not None:
        view = app.shots.view(shot_numbered(app, project, named["shot"]).id)
        for task in view.tasks if named["output"] == "v" else view.drawings:
            if task.take == int(named["take"]):
                return task.id
    raise InputError("task_unknown", id=word)


def finish(session: Session, outcome: Outcome, done: str) -> None:
    """Say what was done and what was not; leaves with 1 when something was not."""
    refused = [
        {"id": str(refusal.id), "reason": session.reason(refusal.code, refusal.params), "code": refusal.code}
        for refusal in outcome.refused
    ]
    session.answer({"done": [str(id_) for id_ in outcome.done], "refused": refused})
    session.count(done, len(outcome.done))
    for refusal in outcome.refused:
        session.complain(refusal.code, refusal.params, f"#{refusal.id}")
    if refused:
        raise typer.Exit(SOME_FAILED)
