"""``vidgen spend``, ``budget`` and ``ledger``: what it has cost, what is left, how much it may cost, and the proof."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidgen_core.cli.session import SOME_FAILED, Session, command
from vidgen_core.domain.errors import InputError

if TYPE_CHECKING:
    from vidgen_core.domain.money import Money
    from vidgen_core.services.billing.budget import BalanceDifference, BudgetView, SpendLine

commands = typer.Typer()
_ledger = typer.Typer(help="cli.help.ledger")
commands.add_typer(_ledger, name="ledger")
SinceOption = Annotated[str | None, typer.Option("--since", metavar="YYYY-MM-DD", help="cli.option.since")]


@command(commands, "spend", every_project=True)
def spend(
    session: Session,
    since: SinceOption = None,
    until: Annotated[str | None, typer.Option("--until", metavar="YYYY-MM-DD", help="cli.option.until")] = None,
) -> None:
    first, last = _day(since), _day(until)
    from vidgen_core.services.schemas.money import SpendPage

    lines = session.app.budget.spend(session.project_id, first, last)
    differences = session.app.budget.differences()
    session.answer(SpendPage.model_validate({"spend": lines, "batches": differences}))
    if session.as_json:
        return
    if not lines:
        session.say("cli.spend_nothing")
        return
    columns = ("day", "project", "provider", "key", "estimated", "charged", "refunded", "unknown", "worth")
    session.table([f"cli.spend.{name}" for name in columns], [_row(session, line) for line in lines])
    for one in differences:
        _show_difference(session, one)


def _day(text: str | None) -> date | None:
    """:raises InputError: ``day_unreadable`` (day)"""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InputError("day_unreadable", day=text) from None


def _row(session: Session, line: SpendLine) -> tuple[str, ...]:
    def said(amount: Decimal) -> str:
        return _money(session, amount, line.currency) if amount else "–"

    worth = session.text.money(line.worth, estimated=True) if line.worth and line.owed != line.worth else "–"
    amounts = (said(line.estimated), said(line.charged), said(line.refunded), said(line.unknown))
    return str(line.day), line.project, session.text.provider(line.provider), line.key or "–", *amounts, worth


def _money(session: Session, amount: Decimal, currency: str | None) -> str:
    from vidgen_core.domain.money import Money

    return session.text.money(Money(amount=amount, currency=currency or "credits"), estimated=False)


def _show_difference(session: Session, one: BalanceDifference) -> None:
    def said(money: Money) -> str:
        return session.text.money(money, estimated=False)

    session.say(
        "cli.spend_difference" if one.difference.amount else "cli.spend_no_difference",
        provider=session.text.provider(one.provider),
        keys=", ".join(one.keys),
        since=session.text.datetime(one.since, one.since.astimezone().tzinfo),  # type: ignore[arg-type]
        gone=said(one.gone),
        ledger=said(one.ledger),
        difference=said(one.difference),
    )


@command(commands, "budget")
def budget(
    session: Session,
    limit: Annotated[str | None, typer.Option("--limit", metavar="AMOUNT", help="cli.option.project_limit")] = None,
    go_on: Annotated[bool, typer.Option("--go-on", help="cli.option.go_on")] = False,
) -> None:
    if limit is not None:
        session.create_default()
        session.app.budget.limit_project(session.where.id, amount_of(limit))
    found = session.app.budget.go_on(session.where.id) if go_on else session.app.budget.standing(session.where.id)
    _show(session, found)


def amount_of(text: str) -> Decimal:
    """:raises InputError: ``amount_unreadable`` (amount)"""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if amount.is_finite() and amount >= 0:
        return amount
    raise InputError("amount_unreadable", amount=text)


def _show(session: Session, found: BudgetView) -> None:
    from vidgen_core.services.schemas.money import BudgetResponse

    session.answer(BudgetResponse.of(found, session.text).model_dump(mode="json", exclude={"message"}))
    if session.as_json:
        return
    if not found.standings:
        session.say("cli.budget_none")
    for standing in found.standings:
        told: dict[str, Any] = {
            "spent": session.text.money(standing.spent, estimated=True),
            "limit": session.text.money(standing.limit, estimated=False),
            "percent": standing.percent,
        }
        session.say(f"cli.budget_{standing.scope}", **told)
    if found.hold:
        session.complain(str(found.hold["code"]), found.hold["params"])


@command(_ledger, "verify", "cli.help.ledger_verify")
def verify(session: Session) -> None:
    from vidgen_core.services.schemas.ledger import LedgerCheckResponse

    found = session.app.ledger.verify()
    answer = LedgerCheckResponse.of(found, session.text)
    session.answer(answer)
    for one in (answer.broken, *answer.strays, *answer.gaps):
        if one is not None:
            session.warn_line(one.message)
    if found.stray_count > len(found.strays):
        session.warn_line(session.text.n("ledger.more_strays", found.stray_count - len(found.strays)))
    if not found.ok:
        raise typer.Exit(SOME_FAILED)
    session.count("ledger.whole", found.lines, head=found.head or "–")


@command(_ledger, "export", "cli.help.ledger_export", every_project=True)
def export(
    session: Session,
    to: Annotated[Path, typer.Option("--to", metavar="PATH", help="cli.option.ledger_to")],
    since: SinceOption = None,
    until: Annotated[str | None, typer.Option("--until", metavar="YYYY-MM-DD", help="cli.option.last_day")] = None,
) -> None:
    from vidgen_core.services.exports.writers import write_bytes
    from vidgen_core.services.reports.ledger import FORMATS

    format_ = to.suffix.lower().removeprefix(".")
    if format_ not in FORMATS:
        raise InputError("ledger_format", known=", ".join(f".{name}" for name in FORMATS))
    data = session.app.ledger.export(format_, session.text, session.project_id, _day(since), _day(until))
    write_bytes(data, to.absolute())
    session.answer({"file": str(to.absolute()), "bytes": len(data)})
    session.say("ledger.written", path=to)
