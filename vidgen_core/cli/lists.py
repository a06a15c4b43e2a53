"""``vidgen shots``, ``chains``, ``tasks`` and ``logs``: lists."""

from __future__ import annotations

import dataclasses
import itertools
import time
from typing import TYPE_CHECKING, Annotated

import typer

from vidgen_core.cli.session import Session, command, shot_numbered
from vidgen_core.domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidgen_core.domain.log import LogLine
    from vidgen_core.domain.takes import Verdict
    from vidgen_core.domain.tasks import Task, TaskStatus
    from vidgen_core.services.library.shots import ShotView

#: Rows read at once, and the most of one table.
BLOCK = 500
#: Seconds between two reads of new log lines.
FOLLOW_EVERY = 0.5

commands = typer.Typer()


@command(commands, "shots")
def shots(session: Session) -> None:
    from vidgen_core.services.schemas.shots import ShotFiles

    views = list(_all_views(session))
    session.answer([ShotFiles.of(view, session.where.name, session.app.locations.images) for view in views])
    if session.as_json:
        return
    if not views:
        session.say("cli.no_shots")
        return
    columns = ("cli.column.shot", "cli.column.image", "cli.column.takes", "cli.column.tasks", "cli.column.prompt")
    session.table(columns, [_shot_row(session, view) for view in views])


def _all_views(session: Session) -> Iterator[ShotView]:
    ids = session.app.shots.ids(session.where.id)
    for start in range(0, len(ids), BLOCK):
        yield from session.app.shots.views(ids[start : start + BLOCK])


def _shot_row(session: Session, view: ShotView) -> tuple[str, ...]:
    chosen = next((take.number for take in view.takes if take.id == view.shot.chosen_take_id), None)
    takes = str(len(view.takes)) if chosen is None else f"{len(view.takes)} ★v{chosen}"
    counts = ", ".join(f"{session.text.status(status)} {count}" for status, count in view.counts.items())
    image = "✓" if view.shot.image else ("↗" if view.shot.image_url else "–")
    return view.shot.number, image, takes, counts or "–", shorten(view.shot.prompt)


@command(commands, "chains")
def chains(
    session: Session,
    link: Annotated[str | None, typer.Option("--link", metavar="N", help="cli.option.link")] = None,
    after: Annotated[str | None, typer.Option("--after", metavar="N", help="cli.option.link_after")] = None,
    unlink: Annotated[str | None, typer.Option("--unlink", metavar="N", help="cli.option.unlink")] = None,
    meet: Annotated[str | None, typer.Option("--meet", metavar="N", help="cli.option.meet")] = None,
    refresh: Annotated[str | None, typer.Option("--refresh", metavar="N", help="cli.option.refresh_look")] = None,
) -> None:
    from vidgen_core.services.schemas.shots import ChainResponse

    acts = session.app.chains
    if link is not None:
        acts.link(shot_numbered(session, link).id, shot_numbered(session, after).id if after is not None else None)
    if unlink is not None:
        acts.unlink(shot_numbered(session, unlink).id)
    if meet is not None:
        acts.meet(shot_numbered(session, meet).id)
    if refresh is not None:
        acts.refresh(shot_numbered(session, refresh).id)
    found = [ChainResponse.of(view, session.text) for view in acts.of_project(session.where.id)]
    session.answer(found)
    if session.as_json:
        return
    if not found:
        session.say("cli.no_chains")
        return
    rows = [(chain.name, one.shot, _share(one.sharpness), one.stale or "") for chain in found for one in chain.shots]
    session.table(("chain.column.chain", "cli.column.shot", "chain.column.sharpness", "chain.column.stale"), rows)


def _share(part: float | None) -> str:
    return "–" if part is None else f"{part:.0%}"


@command(commands, "tasks")
def tasks(
    session: Session,
    status: Annotated[str | None, typer.Option("--status", help="cli.option.status", metavar="STATUS")] = None,
    verdict: Annotated[str | None, typer.Option("--verdict", help="cli.option.verdict", metavar="VERDICT")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="cli.option.limit")] = None,
) -> None:
    found = _all_tasks(session, _status(status), _verdict(verdict), limit)
    if session.as_json:
        from vidgen_core.services.schemas.tasks import TaskResponse

        session.answer_each(TaskResponse.of(task, session.text, session.where.name) for task in found)
        return
    block = list(itertools.islice(found, BLOCK))
    if not block:
        session.say("cli.no_tasks")
    while block:
        show_tasks(session, block)
        block = list(itertools.islice(found, BLOCK))


def _status(word: str | None) -> TaskStatus | None:
    from vidgen_core.domain.tasks import TaskStatus

    if word is None:
        return None
    try:
        return TaskStatus(word.lower())
    except ValueError:
        raise InputError("status_unknown", status=word, known=", ".join(TaskStatus)) from None


def _verdict(word: str | None) -> Verdict | None:
    from vidgen_core.domain.takes import Verdict

    try:
        return None if word is None else Verdict(word.lower())
    except ValueError:
        raise InputError("verdict_unknown", verdict=word, known=", ".join(Verdict)) from None


def _all_tasks(
    session: Session, status: TaskStatus | None, verdict: Verdict | None, limit: int | None
) -> Iterator[Task]:
    """Oldest first, read a block at a time."""
    from vidgen_core.domain.queries import TaskFilter

    wanted = TaskFilter(statuses=frozenset({status} if status else ()), verdict=verdict, after=0)
    if limit is not None:
        newest = session.app.task_list.page(session.where.id, wanted, "id", descending=True, limit=limit)
        yield from reversed(newest.items)
        return
    while found := session.app.task_list.page(session.where.id, wanted, "id", descending=False, limit=BLOCK).items:
        yield from found
        wanted = dataclasses.replace(wanted, after=found[-1].id)


def show_tasks(session: Session, found: list[Task]) -> None:
    """A table of tasks for people."""
    columns = (
        "cli.column.id", "cli.column.take", "cli.column.status", "cli.column.verdict", "cli.column.model",
        "cli.column.result",
    )  # fmt: skip
    session.table(columns, [_task_row(session, task) for task in found])


def _task_row(session: Session, task: Task) -> tuple[str, ...]:
    from vidgen_core.i18n import STATUS_ICONS

    percent = f" {task.progress} %" if task.progress is not None and not task.file else ""
    state = f"{STATUS_ICONS[task.status]} {session.text.status(task.status)}{percent}"
    result = task.file or (session.text.told(task.failure) if task.failure else "")
    verdict = session.text(f"verdict.{task.verdict}") if task.verdict else ""
    return str(task.id), task.label, state, verdict, f"{task.provider}/{task.model}", result


@command(commands, "logs", every_project=True)
def logs(
    session: Session,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="cli.option.follow")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="cli.option.lines")] = 200,
) -> None:
    project_id = session.project_id
    lines = list(reversed(session.app.log.page(project_id, limit=limit)))
    if session.as_json and not follow:
        session.answer([_line_json(session, line) for line in lines])
        return
    _print(session, lines)
    last = lines[-1].id if lines else 0
    while follow:
        time.sleep(FOLLOW_EVERY)
        news = session.app.log.after(last, project_id)
        _print(session, news)
        last = news[-1].id if news else last


def _print(session: Session, lines: list[LogLine]) -> None:
    """Print one line for each; with ``--json`` each is a JSON object."""
    from vidgen_core.i18n.log_lines import log_sentence

    for line in lines:
        if session.as_json:
            session.print_json(_line_json(session, line))
        else:
            moment = line.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
            session.tell(f"{moment} {line.level:<7} {log_sentence(session.text, line)}")


def _line_json(session: Session, line: LogLine) -> dict[str, object]:
    from vidgen_core.i18n.log_lines import log_sentence
    from vidgen_core.services.schemas.base import iso

    task = None if line.task_id is None else str(line.task_id)
    return {
        "id": line.id,
        "time": iso(line.at),
        "level": line.level.value,
        "task": task,
        "code": line.code,
        "params": line.params,
        "text": log_sentence(session.text, line),
    }


def shorten(prompt: str, limit: int = 60) -> str:
    """A prompt on one line of a table."""
    flat = " ".join(prompt.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
