"""``vidgen figures`` and ``dispute``: reports of success, times, errors and money, and evidence for disputes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidgen_core.cli.doctor import ProviderOption
from vidgen_core.cli.session import Session, command, mode_named
from vidgen_core.domain.errors import ErrorKind, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidgen_core.services.reports.values import KeyShare, Report, Share

_DAY = ["%Y-%m-%d"]
SinceOption = Annotated[datetime | None, typer.Option("--since", formats=_DAY, metavar="DAY", help="cli.figures.since")]
UntilOption = Annotated[datetime | None, typer.Option("--until", formats=_DAY, metavar="DAY", help="cli.figures.until")]
DaysOption = Annotated[int | None, typer.Option("--days", min=1, max=36_500, metavar="N", help="cli.figures.days")]
CsvOption = Annotated[Path | None, typer.Option("--csv", metavar="PATH", help="cli.figures.csv")]

ToOption = Annotated[Path, typer.Option("--to", metavar="PATH", help="cli.dispute.to")]
TaskOption = Annotated[list[int] | None, typer.Option("--task", metavar="ID", help="cli.dispute.task")]
ErrorOption = Annotated[list[str] | None, typer.Option("--error", metavar="KIND", help="cli.dispute.error")]
EveryOption = Annotated[bool, typer.Option("--all", help="cli.dispute.all")]

commands = typer.Typer()


@command(commands, "figures", "cli.figures.help", every_project=True)
def figures(
    session: Session,
    since: SinceOption = None,
    until: UntilOption = None,
    days: DaysOption = None,
    provider: ProviderOption = None,
    csv: CsvOption = None,
) -> None:
    wanted = mode_named(provider)
    first, last = period(since, until, days)
    found = session.app.reports.of(session.project_id, since=first, until=last, provider=wanted)
    if csv is not None:
        from vidgen_core.services.exports.writers import write_bytes

        write_bytes(session.app.reports.csv(found, session.text), csv.absolute())
    session.answer(found)
    if session.as_json:
        return
    _show(session, found)
    if csv is not None:
        session.say("cli.figures.written", path=csv)


@command(commands, "dispute", "cli.dispute.help", every_project=True)
def dispute(
    session: Session,
    to: ToOption,
    task: TaskOption = None,
    error: ErrorOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    days: DaysOption = None,
    provider: ProviderOption = None,
    every: EveryOption = False,
) -> None:
    wanted = mode_named(provider)
    first, last = period(since, until, days)
    pack = session.app.disputes.pack(
        session.text,
        session.project_id,
        task_ids=task or None,
        provider=wanted,
        kinds=[_kind(word) for word in error or []],
        since=first,
        until=last,
        successes=every,
    )
    target = to.absolute()
    target = target / "dispute.zip" if target.is_dir() else target
    session.app.disputes.write(target, pack)
    session.answer({"file": str(target), "bytes": len(pack)})
    session.say("cli.dispute.written", path=target)


def _kind(word: str) -> ErrorKind:
    """:raises InputError: ``kind_unknown`` (word, known)"""
    try:
        return ErrorKind(word.lower())
    except ValueError:
        raise InputError("kind_unknown", word=word, known=", ".join(ErrorKind)) from None


def period(since: datetime | None, until: datetime | None, days: int | None) -> tuple[date | None, date | None]:
    """The first and the last day.

    :raises InputError: ``period_twice``
    """
    if days is not None and since is not None:
        raise InputError("period_twice")
    last = until.date() if until else None
    if days is not None:
        return (last or datetime.now(UTC).astimezone().date()) - timedelta(days=days - 1), last
    return since.date() if since else None, last


def _show(session: Session, found: Report) -> None:
    from vidgen_core.services.reports.text import cost_each, rate, spend_words, suggestion_words

    t = session.text
    if found.empty:
        session.say("figures.empty")
        return
    numbers = [
        ("completed", t.number(found.completed)),
        ("failed", t.number(found.failed)),
        ("success_rate", rate(t, found.success_rate)),
        ("chosen", t.number(found.chosen)),
        ("acceptance_rate", rate(t, found.acceptance_rate)),
        ("spent", spend_words(t, found.spend)),
        ("cost_per_chosen", cost_each(t, found.spend, found.cost_per_chosen)),
        ("takes_per_hour", "–" if found.takes_per_hour is None else t.number(round(found.takes_per_hour, 1))),
    ]
    session.table(
        ("figures.column.measure", "figures.column.value"), [(t(f"figures.measure.{n}"), v) for n, v in numbers]
    )
    stages = [
        (t(f"figures.stage.{one.stage}"), t.duration(one.p50), t.duration(one.p90), t.number(one.n))
        for one in found.stages
        if one.p50 is not None and one.p90 is not None
    ]
    _table(session, ("stages", "p50", "p90", "n"), stages)
    errors = [(t(f"tasks.kind.{one.kind}"), t.number(one.tasks), t.number(one.attempts)) for one in found.errors]
    _table(session, ("errors", "tasks", "attempts"), errors)
    columns = ("completed", "failed", "success_rate", "chosen", "spent", "cost_per_chosen")
    _table(session, ("models", *columns), [_share_row(session, share) for share in found.models])
    keys = ("attempts", "succeeded", "failed", "spent")
    _table(session, ("keys", *keys), [_key_row(session, key) for key in found.keys])
    session.say("figures.literal", text=suggestion_words(t, found.suggestion))


def _table(session: Session, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    group, *measures = columns
    if rows:
        session.tell("")
        session.table((f"figures.group.{group}", *(f"figures.measure.{name}" for name in measures)), rows)


def _share_row(session: Session, share: Share) -> tuple[str, ...]:
    from vidgen_core.services.reports.text import cost_each, rate, spend_words

    t = session.text
    return (
        f"{share.provider}/{share.model}",
        t.number(share.completed),
        t.number(share.failed),
        rate(t, share.success_rate),
        t.number(share.chosen),
        spend_words(t, share.spend),
        cost_each(t, share.spend, share.cost_per_chosen),
    )


def _key_row(session: Session, key: KeyShare) -> tuple[str, ...]:
    from vidgen_core.services.reports.text import spend_words

    t = session.text
    numbers = (t.number(key.attempts), t.number(key.succeeded), t.number(key.failed))
    return f"{key.provider}: {key.key}", *numbers, spend_words(t, key.spend)
