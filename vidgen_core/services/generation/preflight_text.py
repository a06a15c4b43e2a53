"""The preflight sheet in words, the same on every door."""

from __future__ import annotations

from vidgen_core.domain.money import Money
from vidgen_core.i18n import Text
from vidgen_core.services.views import Preflight, PreflightProblem

#: Shots named in one line.
_NAMED = 8


def facts_of(t: Text, sheet: Preflight) -> list[str]:
    """What the batch is, costs and takes, a sentence each."""
    first = t.n("preflight.tasks", sheet.tasks, shots=t.number(sheet.shots))
    if sheet.pictures or sheet.questions:
        parts = {"takes": sheet.tasks - sheet.pictures, "pictures": sheet.pictures, "questions": sheet.questions}
        named = (t.n(f"preflight.part.{name}", n) for name, n in parts.items() if n)
        first = t.n("preflight.parts", sheet.shots, parts=("、" if t.lang == "zh" else ", ").join(named))
    lines = [first, _price(t, sheet)]
    if sheet.having:
        lines.append(t.n("preflight.having", len(sheet.having)))
    lines += [
        t("preflight.balance", provider=t(f"mode.{one.provider}"), left=_said(t, one.left), after=_said(t, one.after))
        for one in sheet.balances
    ]
    lines.append(
        t("preflight.time_unknown") if sheet.seconds is None else t("preflight.time", time=t.duration(sheet.seconds))
    )
    for standing in sheet.standings:
        left = Money(amount=standing.left, currency=standing.limit.currency)
        lines.append(t(f"preflight.left_{standing.scope}", left=_said(t, left), limit=_said(t, standing.limit)))
    return lines


def _said(t: Text, money: Money) -> str:
    return t.money(money, estimated=False)


def _price(t: Text, sheet: Preflight) -> str:
    own = " + ".join(t.money(money, estimated=True) for amounts in sheet.costs.values() for money in amounts)
    if not sheet.costs and sheet.low is not None:
        return t("preflight.free")
    if sheet.low is None or sheet.high is None:
        return t("preflight.price_unknown", known=own or "0")
    worth = t.money(sheet.low, estimated=True)
    low = own if own == worth else t("money.with_worth", amount=own, worth=worth)
    if sheet.high == sheet.low:
        return t("preflight.price", low=low)
    return t("preflight.price_range", low=low, high=t.money(sheet.high, estimated=True))


def problem_line(t: Text, problem: PreflightProblem) -> str:
    """What stands against a part of the batch, and which shots are meant."""
    said = t.error("parameter", problem.code, problem.params)
    if not problem.shots:
        return said
    named = ", ".join(problem.shots[:_NAMED]) + (" …" if problem.count > _NAMED else "")
    return t.n("preflight.problem", problem.count, said=said, shots=named)
