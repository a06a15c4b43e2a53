"""Actions on tasks, takes and shots: ``vidgen start``, ``retry``, ``cancel``, ``pick``, ``move`` and others."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from vidgen_core.cli.generating import ask, price_of
from vidgen_core.cli.session import SOME_FAILED, Session, YesOption, command, mode_named, named, shot_numbered
from vidgen_core.domain.errors import ErrorKind, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidgen_core.domain.takes import Take
    from vidgen_core.domain.tasks import TaskStatus
    from vidgen_core.services.generation.recovery import Outcome

IdsArgument = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="cli.argument.ids", show_default=False)]
FailedOption = Annotated[bool, typer.Option("--failed", help="cli.option.failed")]
AllOption = Annotated[bool, typer.Option("--all", help="cli.option.all_tasks")]
#: A task by shot and take, as file names have it: ``1.0-v2``; a picture: ``1.0-p2``.
_NAMED = re.compile(r"(?P<shot>.+)-(?P<output>[vp])(?P<take>\d+)")

commands = typer.Typer()


@command(commands, "start")
def start(
    session: Session,
    ids: IdsArgument = None,
    everything: AllOption = False,
    yes: YesOption = False,
) -> None:
    wanted = _wanted(session, ids, every="pending" if everything else None)
    for task in session.app.tasks.many(wanted):
        if task.failure is not None:
            session.warn_line(f"{task.shot} v{task.take}: {session.text.told(task.failure)}")
    if not yes:
        _ask_price(session, wanted, "cli.ask_start")
    finish(session, session.app.tasks.start(wanted), "cli.started")


@command(commands, "retry")
def retry(
    session: Session,
    ids: IdsArgument = None,
    failed: FailedOption = False,
    yes: YesOption = False,
) -> None:
    wanted = _wanted(session, ids, every="failed" if failed else None)
    if not yes:
        from vidgen_core.services.generation.recovery import StepName

        tasks = session.app.tasks.many(wanted)
        again = [
            task.id
            for task in tasks
            if any(step.name is StepName.SUBMIT_AGAIN for step in session.app.tasks.steps(task))
        ]
        _ask_price(session, again, "cli.ask_retry")
    finish(session, session.app.tasks.retry(wanted, confirm=yes), "cli.retried")


def _ask_price(session: Session, ids: Sequence[int], question: str) -> None:
    """Ask before tasks are submitted, which costs money, above the limits of the settings."""
    estimate = session.app.tasks.estimate_tasks(ids)
    sheet = partial(session.app.tasks.preflight_tasks, session.where.id, ids)
    ask(session, estimate, sheet, question, n=len(ids), price=price_of(session, estimate))


@command(commands, "look-again")
def look_again(
    session: Session,
    ids: IdsArgument = None,
    failed: FailedOption = False,
) -> None:
    wanted = _wanted(session, ids, every="failed" if failed else None)
    of_file = {
        task.id for task in session.app.tasks.many(wanted) if task.failure and task.failure.kind is ErrorKind.FILE
    }
    fetched = session.app.tasks.download_again([id_ for id_ in wanted if id_ in of_file])
    validated = session.app.tasks.look_again([id_ for id_ in wanted if id_ not in of_file])
    both = validated.model_copy(
        update={"done": validated.done + fetched.done, "refused": validated.refused + fetched.refused}
    )
    finish(session, both, "cli.looking_again")


@command(commands, "confirm")
def confirm(
    session: Session,
    ids: IdsArgument = None,
    yes: YesOption = False,
) -> None:
    wanted = _wanted(session, ids, every=None)
    for id_ in wanted:
        price = session.app.tasks.asked_price(id_)
        if not yes:
            said = session.text.money(price, False) if price else session.text("cli.price_unknown")
            session.confirm("cli.ask_confirm", id=id_, price=said)
        session.app.tasks.confirm_price(id_, price)
    session.answer({"done": [str(id_) for id_ in wanted], "refused": []})
    session.count("cli.confirmed", len(wanted))


@command(commands, "cancel")
def cancel(
    session: Session,
    ids: IdsArgument = None,
    everything: AllOption = False,
    yes: YesOption = False,
) -> None:
    from vidgen_core.domain.tasks import LIVE

    wanted = _wanted(session, ids, every="live" if everything else None)
    sent = [task for task in session.app.tasks.many(wanted) if task.status in LIVE and task.remote_id]
    paid = [task for task in sent if not task.provider.is_free]
    if paid and not (yes or session.as_json):
        session.confirm("cli.ask_give_up", n=len(paid))
    finish(session, session.app.tasks.cancel(wanted, give_up=True), "cli.cancelled")


@command(commands, "delete")
def delete(
    session: Session,
    ids: IdsArgument = None,
    everything: AllOption = False,
    failed: FailedOption = False,
    yes: YesOption = False,
) -> None:
    wanted = _wanted(session, ids, every="failed" if failed else "all" if everything else None)
    if everything and wanted and not (yes or session.as_json):
        session.confirm("cli.ask_delete", n=len(wanted))
    finish(session, session.app.tasks.delete(wanted), "cli.deleted")


@command(commands, "adopt")
def adopt(
    session: Session,
    remote_id: Annotated[str, typer.Argument(metavar="REMOTE_ID", help="cli.argument.remote_id")],
    shot: Annotated[str, typer.Option("--shot", metavar="N", help="cli.option.adopt_shot")],
    provider: Annotated[str | None, typer.Option("--provider", metavar="P", help="cli.option.adopt_provider")] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="M", help="cli.option.model")] = None,
) -> None:
    from vidgen_core.services.schemas.tasks import TaskResponse

    found = shot_numbered(session, shot)
    chosen = mode_named(provider) or session.app.settings().mode
    doubtful = [
        task
        for task in session.app.shots.view(found.id).tasks
        if task.provider is chosen and task.failure and task.failure.kind is ErrorKind.SUBMIT_UNKNOWN
    ]
    # One task of this shot waits for exactly this answer; otherwise the job is a take of its own.
    if len(doubtful) == 1:
        task = session.app.tasks.adopt(doubtful[0].id, remote_id)
    else:
        task = session.app.tasks.adopt_new(found.id, chosen, remote_id, model)
    session.answer(TaskResponse.of(task, session.text, session.where.name))
    session.say("cli.adopted", shot=task.shot, take=task.take, id=task.id)


@command(commands, "link")
def enter_link(
    session: Session,
    task: Annotated[str, typer.Argument(metavar="TASK", help="cli.argument.link_task")],
    url: Annotated[str, typer.Argument(metavar="URL", help="cli.argument.link_url")],
) -> None:
    from vidgen_core.services.schemas.tasks import TaskResponse

    [known] = _wanted(session, [task], every=None)
    linked = session.app.tasks.enter_link(known, url)
    session.answer(TaskResponse.of(linked, session.text, session.where.name))
    session.say("cli.linked", shot=linked.shot, take=linked.take)


@command(commands, "pick")
def pick(
    session: Session,
    shot: Annotated[str, typer.Argument(metavar="SHOT", help="cli.argument.shot")] = "",
    take: Annotated[int | None, typer.Argument(metavar="TAKE", help="cli.argument.take", show_default=False)] = None,
    first: Annotated[bool, typer.Option("--first", help="cli.option.first_take")] = False,
    best: Annotated[bool, typer.Option("--best", help="cli.option.best_take")] = False,
    passed: Annotated[bool, typer.Option("--passed", help="cli.option.passed_take")] = False,
    yes: YesOption = False,
) -> None:
    if [first, best, bool(shot)].count(True) != 1 or (take is None) == bool(shot):
        raise InputError("take_not_named")
    if first:
        _tell_picked(session, session.app.takes.choose_first(session.where.id))
        return
    if best:
        _pick_best(session, passed=passed, yes=yes)
        return
    assert take is not None
    found = shot_numbered(session, shot)
    chosen = session.app.takes.choose_number(found.id, take)
    session.answer({"shot": found.number, "take": chosen.number, "file": chosen.place})
    session.say("cli.picked", shot=found.number, take=chosen.number)


def _pick_best(session: Session, *, passed: bool, yes: bool) -> None:
    """The best take of every shot without a chosen one, after the list was seen."""
    from vidgen_core.domain.takes import Verdict

    best = [one for one in session.app.takes.best(session.where.id) if not passed or one.take.verdict is Verdict.PASS]
    for shot, take in best:
        judged = session.text(f"verdict.{take.verdict or 'none'}")
        session.warn_line(f"{shot.number} v{take.number} · {judged}")
    if best and not yes:
        session.confirm("best.act", n=len(best))
    accepted = session.app.takes.accept(session.where.id, {shot.id: take.id for shot, take in best})
    _tell_picked(session, [take for shot, take in best if shot.id in accepted])


def _tell_picked(session: Session, chosen: Sequence[Take]) -> None:
    """What was picked for shots without a chosen take; leaves with 1 when some are left to a person."""
    from vidgen_core.domain.queries import ShotFilter

    numbers = {view.shot.id: view.shot.number for view in session.app.shots.views([take.shot_id for take in chosen])}
    left = [
        view.shot.number
        for view in session.app.shots.views(session.app.shots.ids(session.where.id, ShotFilter("to_choose")))
    ]
    picked = [
        {
            "shot": numbers[take.shot_id],
            "take": take.number,
            "verdict": take.verdict,
            "file": take.place,
        }
        for take in chosen
    ]
    session.answer({"picked": picked, "left": left})
    session.count("cli.picked_first", len(chosen))
    if left:
        session.warn_line(session.text.n("cli.left_to_pick", len(left), shots=named(left)))
        raise typer.Exit(SOME_FAILED)


@command(commands, "move")
def move(
    session: Session,
    shot: Annotated[str, typer.Argument(metavar="SHOT", help="cli.argument.shot")],
    before: Annotated[str | None, typer.Option("--before", metavar="N", help="cli.option.before")] = None,
) -> None:
    found = shot_numbered(session, shot)
    session.app.shots.move(found.id, shot_numbered(session, before).id if before else None)
    place = session.app.shots.ids(session.where.id).index(found.id) + 1
    session.answer({"shot": found.number, "place": place})
    session.say("cli.moved", shot=found.number, place=place)


def _wanted(session: Session, ids: list[str] | None, every: str | None) -> list[int]:
    """The tasks meant: named ones, or all of a kind.

    :raises InputError: ``nothing_named`` without either, ``too_much_named`` with both
    """
    if ids and every:
        raise InputError("too_much_named")
    if every:
        from vidgen_core.domain.queries import TaskFilter

        return session.app.tasks.ids(session.where.id, TaskFilter(statuses=_statuses(every)))
    if not ids:
        raise InputError("nothing_named")
    return [_task_id(session, word) for word in ids]


def _statuses(every: str) -> frozenset[TaskStatus]:
    from vidgen_core.domain.tasks import LIVE, TaskStatus

    pending = frozenset({TaskStatus.PENDING})
    kinds = {"pending": pending, "failed": frozenset({TaskStatus.FAILED}), "live": LIVE | pending}
    return kinds.get(every, frozenset(TaskStatus))


def _task_id(session: Session, word: str) -> int:
    """A task by its number, or by shot and take.

    :raises InputError: ``task_unknown`` (id)
    """
    if word.isascii() and word.isdigit():
        return int(word)
    named = _NAMED.fullmatch(word)
    if named is not None:
        view = session.app.shots.view(shot_numbered(session, named["shot"]).id)
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
