"""What a batch would make and cost, as values and as sentences that are the same on every screen."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.characters import NamedCharacter
from vidgen_core.domain.money import Money
from vidgen_core.domain.providers import BillableParty, ProviderId
from vidgen_core.domain.shots import Shot
from vidgen_core.i18n import Text
from vidgen_core.money import LimitStatus
from vidgen_core.providers.capabilities import Problem

#: Shots named in one line.
_NAMED = 8


class ShotProblem(NamedTuple):
    """Something the model will not take of a shot, known before the click."""

    shot: Shot
    problem: Problem


class PreflightProblem(Frozen):
    """Something that stands against a part of a batch (``error.<code>``)."""

    code: str
    params: dict[str, Any]
    #: These shots get no video.
    fatal: bool
    #: Numbers of the shots, at most 50 of them; empty: the batch as a whole.
    shots: tuple[str, ...]
    count: int


class BalanceAfter(NamedTuple):
    """What a batch would leave of a balance."""

    provider: ProviderId
    #: When ``left`` was read.
    at: datetime
    left: Money
    after: Money


class Preflight(Frozen):
    """Everything known of a batch before it is paid for."""

    #: Tasks that would be queued, and the shots or tasks they are for.
    tasks: int
    shots: int
    #: A person is asked before it goes.
    asks: bool
    #: A provider without a key; None: everything can go.
    key_missing: ProviderId | None
    #: Numbers of shots that have takes, or some under way; left out, or made again.
    having: tuple[str, ...]
    problems: tuple[PreflightProblem, ...]
    #: By provider, one amount a currency.
    costs: dict[BillableParty, tuple[Money, ...]]
    #: In the user's currency: when everything succeeds at once, and when every retry is needed and paid; None: a price
    #: or a rate is missing.
    low: Money | None
    high: Money | None
    #: The part of it that is known.
    at_least: Money
    balances: tuple[BalanceAfter, ...]
    #: None: nothing like it has been made yet.
    seconds: float | None
    standings: tuple[LimitStatus, ...]
    #: How many of the tasks draw pictures, and questions to a language model beside them.
    pictures: int = 0
    questions: int = 0

    @property
    def free(self) -> bool:
        """Whether nobody who wants money is asked."""
        return self.low is not None and not self.low.amount


class Estimate(Frozen):
    """What a click on *Generate* would make."""

    #: How many takes would be queued.
    tasks: int
    #: How many takes will probably be needed until one passes; None: so many as are queued.
    draws: float | None = None
    #: None: unknown, because a price is missing or currencies differ.
    money: Money | None = None
    #: The same when every automatic retry is needed and paid.
    worst: Money | None = None
    #: Nothing paid is asked of anybody.
    free: bool = False
    #: True: at least one price is our assumption.
    assumed: bool = False
    problems: tuple[ShotProblem, ...] = ()
    #: The same in the user's currency; None when it is in it already, or a rate or a price is missing.
    worth: Money | None = None
    #: Shots that were left out because they have takes, or some under way.
    having: int = 0
    #: A person is asked before it goes.
    asks: bool = False
    #: A provider without a key; None: everything can go.
    key_missing: ProviderId | None = None


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
        t("preflight.balance", provider=t.provider(one.provider), left=_said(t, one.left), after=_said(t, one.after))
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


def sent_of(t: Text, character: NamedCharacter) -> str:
    """What goes along of a character that a prompt names: ``2 pictures and words``."""
    if not character.images:
        return t("references.sent_words" if character.words else "references.sent_name")
    pictures = t.n("references.sent_pictures", len(character.images))
    return t("references.sent_both", pictures=pictures) if character.words else pictures
