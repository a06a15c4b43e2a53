"""Figures in the reader's words: what is an estimate, a conversion or not known is said."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Final

from vidgen_core.domain.money import Money
from vidgen_core.services.reports.values import LedgerTotals, SpendTotals, Suggestion

if TYPE_CHECKING:
    from vidgen_core.i18n import Text

#: What is shown of a division; small amounts keep their four digits.
_CENT: Final = Decimal("0.01")
_SMALL: Final = Decimal("0.0001")


def rate(t: Text, share: float | None) -> str:
    """``86.4 %``, or a dash where nothing was counted."""
    return "–" if share is None else t("figures.percent", n=t.number(round(share * 100, 1)))


def amount(t: Text, value: Decimal, currency: str, *, estimated: bool) -> str:
    """An amount of money; of a division no more digits than money has."""
    digits = _CENT if abs(value) >= 1 else _SMALL
    shown = value.quantize(digits, ROUND_HALF_EVEN) if value.as_tuple().exponent < -4 else value  # type: ignore[operator]
    return t.money(Money(amount=shown, currency=currency), estimated=estimated)


def spend_words(t: Text, spend: SpendTotals) -> str:
    """What is or may be owed: ``≈¥12.40``, more where amounts are unknown, each currency where there is no rate."""
    if spend.total is not None:
        words = amount(t, spend.total, spend.currency, estimated=spend.estimated or spend.converted)
    else:
        words = " + ".join(owed_words(t, line) for line in spend.lines if line.owed)
    return t("figures.at_least", amount=words) if spend.unpriced else words


def owed_words(t: Text, line: LedgerTotals) -> str:
    """One currency as the provider has it; credits with whose they are."""
    words = amount(t, line.owed, line.currency, estimated=line.owed != line.charged)
    return f"{words} ({t.provider(line.provider)})" if line.provider else words


def cost_each(t: Text, spend: SpendTotals, each: Decimal | None) -> str:
    """The cost of one chosen take; unknown where nothing was chosen or no total can be made."""
    if each is None:
        return t("figures.unknown")
    words = amount(t, each, spend.currency, estimated=spend.estimated or spend.converted)
    return t("figures.at_least", amount=words) if spend.unpriced else words


def suggestion_words(t: Text, suggestion: Suggestion | None) -> str:
    """How many takes to make, and why, in one sentence."""
    if suggestion is None:
        return t("figures.suggest_nothing")
    words = t.n(
        "figures.suggest",
        suggestion.takes,
        shots=t.number(suggestion.shots),
        finished=t.number(suggestion.finished),
        rate=rate(t, suggestion.shots / suggestion.finished),
    )
    if not suggestion.waiting:
        return words
    space = "" if t.lang == "zh" else " "
    return words + space + t.n("figures.suggest_waiting", suggestion.waiting)
