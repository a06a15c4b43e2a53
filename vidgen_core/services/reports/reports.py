"""What it cost and what it brought: success, time, errors and money of a period, in chosen takes rather than in calls.

What happened is counted whether or not its task was deleted since: deleting a failure makes no one more successful and
gives no money back. Money is that of the attempts made in the period; tasks count on the day they ended, and days are
those of the machine that the studio runs on.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vidgen_core.db.repositories.reports import FigureFilter, Spent, Times
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind
from vidgen_core.domain.money import ChargeStatus, Money
from vidgen_core.domain.providers import WRITING, BillableParty, ProviderId, billable_party
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.money import CREDITS, convert, rates_of
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.context import Service
from vidgen_core.services.reports.disputes import period
from vidgen_core.services.reports.values import (
    Day,
    Drawing,
    ErrorCount,
    Hour,
    KeyShare,
    LedgerTotals,
    Report,
    Share,
    SpendTotals,
    StageTimes,
    Suggestion,
)

if TYPE_CHECKING:
    from vidgen_core.config.schema import Settings
    from vidgen_core.db import Tx
    from vidgen_core.i18n import Text

#: Ends of tasks that make pictures, as the store names them.
PICTURE_COMPLETED: Final = "image_completed"
PICTURE_FAILED: Final = "image_failed"
#: Stages of a task in their order.
STAGES: Final = ("queue", "remote", "download")
#: Seconds; and days since 1970 are counted from here.
_HOUR: Final = 3600
_EPOCH: Final = date(1970, 1, 1)
#: Hours that the throughput is shown for: the last week of the period in which something was finished.
_HOURS: Final = 168
#: Shots with a choice below which no number of takes is suggested.
_ENOUGH: Final = 3
_MOST_TAKES: Final = 5
#: Attempts that ended without a video, or whose end is not known.
_TROUBLED: Final = frozenset({AttemptState.REFUSED, AttemptState.FAILED, AttemptState.UNKNOWN, AttemptState.ABANDONED})
#: A refusal of this kind put an order off and judged nothing: it went again by itself.
_PUT_OFF: Final = frozenset({ErrorKind.RATE_LIMIT, ErrorKind.OVERLOADED, ErrorKind.NETWORK})


class Reports(Service):
    """The figures of one project or of all."""

    @requires(Role.VIEWER)
    def of(
        self,
        project_id: int | None,
        *,
        since: date | None = None,
        until: date | None = None,
        provider: ProviderId | None = None,
    ) -> Report:
        """Everything about a period.

        :param since: the first day; None: from the beginning
        :param until: the last day; None: to the end
        :raises InputError: ``period_backwards`` (since, until)
        """
        begin, end = period(since, until)
        settings = self._ctx.settings()
        wanted = FigureFilter(_number(since), _number(until), project_id, provider)
        with self._ctx.store.read() as tx:
            return _Reckoning(tx, settings, wanted).figures(since, until, begin, end)

    @requires(Role.VIEWER)
    def csv(self, figures: Report, t: Text) -> bytes:
        """The numbers as a list: group, name, measure, value, unit; in the reader's language."""
        from vidgen_core.services.reports.csv import as_csv

        return as_csv(figures, t)


class _Reckoning:
    """One transaction's look at one period."""

    def __init__(self, tx: Tx, settings: Settings, wanted: FigureFilter) -> None:
        self._tx = tx
        self._settings = settings
        self._adder = _Adder(settings)
        self._wanted = wanted
        self._ends = tx.reports.ends(wanted)
        self._spent = tx.reports.attempts(wanted)
        #: Those of tasks; a question to a language model is none.
        self._attempts = [one for one in self._spent if one.provider != WRITING]

    def figures(self, since: date | None, until: date | None, begin: datetime | None, end: datetime | None) -> Report:
        counts = _counts((end.status, end.n) for end in self._ends)
        spend = self._spend(self._spent)
        completed, chosen = counts[TaskStatus.COMPLETED], counts["chosen"]
        takes, hours, last = self._tx.reports.busy_hours(
            self._wanted, _hour(begin) if begin else 0, _hour(end) if end else 2**31
        )
        week = self._tx.reports.takes_by_hour(self._wanted, last - _HOURS + 1, last + 1)
        return Report(
            since=since,
            until=until,
            provider=self._wanted.provider,
            completed=completed,
            failed=counts[TaskStatus.FAILED],
            cancelled=counts[TaskStatus.CANCELLED],
            pictures=counts[PICTURE_COMPLETED],
            success_rate=_success(self._attempts),
            attempts=sum(one.n for one in self._attempts),
            questions=sum(one.n for one in self._spent if one.provider == WRITING),
            stages=_stages(self._tx.reports.times(self._wanted)),
            takes_per_hour=takes / hours if hours else None,
            hours=tuple(Hour(at=datetime.fromtimestamp(at * _HOUR, UTC), takes=n) for at, n in week),
            errors=self._errors(),
            spend=spend,
            chosen=chosen,
            acceptance_rate=chosen / completed if completed else None,
            cost_per_chosen=spend.each(chosen),
            suggestion=self._suggestion(),
            drawing=self._drawing(begin, end, chosen),
            days=self._days(),
            providers=tuple(self._shares(by_model=False)),
            models=tuple(self._shares(by_model=True)),
            keys=tuple(self._keys()),
        )

    def _drawing(self, begin: datetime | None, end: datetime | None, chosen: int) -> Drawing | None:
        drawn, spent = self._tx.reports.drawn(self._wanted, begin, end)
        if not drawn.draws:
            return None
        usual, spend = self._settings.runner.takes_per_shot, self._spend(spent)
        saved, each = drawn.shots * usual - drawn.draws, spend.each(sum(one.n for one in spent))
        # Everything else that makes videos: all of it without the draws.
        videos = [one for one in self._attempts if ProviderId(one.provider).spec.videos]
        other = self._spend([*videos, *(one._replace(n=-one.n, cost=-one.cost) for one in spent)])
        return Drawing(
            shots=drawn.shots,
            draws=drawn.draws,
            usual=usual,
            draws_saved=saved,
            saved=None if each is None else each * saved,
            spend=spend,
            chosen=drawn.chosen,
            cost_per_chosen=spend.each(drawn.chosen),
            other_spend=other,
            other_cost_per_chosen=other.each(max(0, chosen - drawn.chosen)),
        )

    def _spend(self, spent: Iterable[Spent]) -> SpendTotals:
        return self._adder.spend((one.provider, one.currency, one.charge, one.n, one.cost, one.state) for one in spent)

    def _errors(self) -> tuple[ErrorCount, ...]:
        tasks = _counts((end.kind, end.n) for end in self._ends if end.status in (TaskStatus.FAILED, PICTURE_FAILED))
        met = _counts((one.kind, one.n) for one in self._attempts if one.kind and one.state in _TROUBLED)
        kinds = sorted(tasks.keys() | met.keys(), key=lambda kind: (-tasks[kind], -met[kind], kind))
        return tuple(ErrorCount(kind=kind, tasks=tasks[kind], attempts=met[kind]) for kind in kinds)

    def _suggestion(self) -> Suggestion | None:
        judged = self._tx.reports.take_counts(self._wanted.project_id)
        if judged.shots < _ENOUGH or judged.takes < judged.shots:
            return None
        takes = min(math.ceil(judged.takes / judged.shots), _MOST_TAKES)
        return Suggestion(takes=takes, shots=judged.shots, finished=judged.takes, waiting=judged.waiting)

    def _days(self) -> tuple[Day, ...]:
        counts: dict[int, Counter[str]] = defaultdict(Counter)
        money: dict[int, list[_Line]] = defaultdict(list)
        for end in self._tx.reports.ends_by_day(self._wanted):
            counts[end.day][end.status] += end.n
        for one in self._tx.reports.spent_by_day(self._wanted):
            money[one.day].append((one.provider, one.currency, one.charge, one.n, one.cost, one.state))
        return tuple(
            Day(
                day=_EPOCH + timedelta(days=day),
                completed=counts[day][TaskStatus.COMPLETED],
                failed=counts[day][TaskStatus.FAILED],
                chosen=counts[day]["chosen"],
                spend=self._adder.spend(money[day]),
            )
            for day in sorted(counts.keys() | money.keys())
        )

    def _shares(self, *, by_model: bool) -> Iterator[Share]:
        counts: dict[tuple[str, str | None], Counter[str]] = defaultdict(Counter)
        spent: dict[tuple[str, str | None], list[Spent]] = defaultdict(list)
        for end in self._ends:
            counts[end.provider, end.model if by_model else None][end.status] += end.n
        for one in self._spent:
            spent[one.provider, one.model if by_model else None].append(one)
        for name in sorted(
            counts.keys() | spent.keys(), key=lambda name: (-counts[name][TaskStatus.COMPLETED], str(name))
        ):
            provider, model = name
            spend, done, failed = (
                self._spend(spent[name]),
                counts[name][TaskStatus.COMPLETED],
                counts[name][TaskStatus.FAILED],
            )
            yield Share(
                provider=billable_party(provider),
                model=model,
                completed=done,
                failed=failed,
                cancelled=counts[name][TaskStatus.CANCELLED],
                success_rate=_success(spent[name]),
                attempts=sum(one.n for one in spent[name]),
                chosen=counts[name]["chosen"],
                spend=spend,
                cost_per_chosen=spend.each(counts[name]["chosen"]),
            )

    def _keys(self) -> Iterator[KeyShare]:
        spent: dict[tuple[str, str], list[Spent]] = defaultdict(list)
        for one in self._spent:
            if one.key_id:
                spent[one.provider, one.key_id].append(one)
        labels = self._labels({provider for provider, _ in spent})
        for (provider, key_id), rows in sorted(spent.items(), key=lambda item: -sum(one.n for one in item[1])):
            states = _counts((one.state, one.n) for one in rows)
            done, failed = states[AttemptState.SUCCEEDED], states[AttemptState.FAILED]
            yield KeyShare(
                provider=billable_party(provider),
                key=labels.get((provider, key_id)) or f"#{key_id[:6]}",
                attempts=states.total(),
                succeeded=done,
                failed=failed,
                refused=states[AttemptState.REFUSED],
                success_rate=_success(rows),
                spend=self._spend(rows),
            )

    def _labels(self, providers: Iterable[str]) -> dict[tuple[str, str], str]:
        """What people see of each key: as it is set, else as it was called when it was last used."""
        found: dict[tuple[str, str], str] = {}
        for provider in providers:
            if provider == WRITING:
                # Of these keys the ledger keeps nothing but what people see.
                found |= {(WRITING, one.key_id): one.key_id for one in self._spent if one.provider == WRITING}
                continue
            found |= {(provider, usage.key_id): usage.name for usage in self._tx.keys.all(ProviderId(provider))}
            keys = self._settings.providers.of(ProviderId(provider)).keys
            found |= {(provider, key.fingerprint): key.label for key in keys}
        return found


#: provider, currency, charge, attempts, money, state
_Line = tuple[str, str, str, int, Decimal, str]


class _Account(NamedTuple):
    currency: str
    provider: BillableParty | None


class _Adder:
    """Adds money up; rates are read once for each provider."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._home = settings.budget.currency
        self._rates: dict[BillableParty | None, Mapping[str, Decimal]] = {}

    def spend(self, lines: Iterable[_Line]) -> SpendTotals:
        """Money by currency and by what is known of it, with a total where one can be made."""
        accounts: dict[_Account, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        unpriced = 0
        for provider, currency, charge, n, cost, state in lines:
            if currency:
                accounts[_Account(currency, billable_party(provider) if currency == CREDITS else None)][charge] += cost
            elif state != AttemptState.REFUSED:
                unpriced += n
        found = tuple(_ledger(account, sums) for account, sums in sorted(accounts.items(), key=str))
        total, currency = self._total(found)
        owing = [line for line in found if line.owed]
        return SpendTotals(
            lines=found,
            total=total,
            currency=currency,
            converted=total is not None and any(line.currency != currency for line in owing),
            estimated=any(line.owed != line.charged for line in owing),
            unpriced=unpriced,
        )

    def _total(self, lines: Sequence[LedgerTotals]) -> tuple[Decimal | None, str]:
        """In the user's currency; in its own where that is the only one and has no rate."""
        owing = [line for line in lines if line.owed]
        if not owing:
            return Decimal(0), self._home
        worth = [self._worth(line) for line in owing]
        if all(worth):
            return sum((money.amount for money in worth if money), Decimal(0)), self._home
        return (owing[0].owed, owing[0].currency) if len(owing) == 1 else (None, self._home)

    def _worth(self, line: LedgerTotals) -> Money | None:
        if line.provider not in self._rates:
            self._rates[line.provider] = rates_of(self._settings, line.provider)
        owed = Money(amount=line.owed, currency=line.currency)
        return convert(owed, self._home, self._rates[line.provider])


def _ledger(account: _Account, sums: Mapping[str, Decimal]) -> LedgerTotals:
    known: dict[str, Any] = {
        charge.value: sums.get(charge, Decimal(0))
        for charge in (
            ChargeStatus.CHARGED,
            ChargeStatus.ESTIMATED,
            ChargeStatus.ASSUMED,
            ChargeStatus.UNKNOWN,
            ChargeStatus.REFUNDED,
        )
    }
    owed = sum(known.values(), Decimal(0)) - known[ChargeStatus.REFUNDED]
    return LedgerTotals(currency=account.currency, provider=account.provider, owed=owed, **known)


def _counts(found: Iterable[tuple[str, int]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for name, n in found:
        counts[name] += n
    return counts


def _success(spent: Iterable[Spent]) -> float | None:
    """Attempts that brought something among all that were judged; each repetition is one of them."""
    judged = _counts(
        (one.state, one.n) for one in spent if one.state != AttemptState.REFUSED or one.kind not in _PUT_OFF
    )
    good, bad = judged[AttemptState.SUCCEEDED], sum(judged[state] for state in _TROUBLED)
    return good / (good + bad) if good + bad else None


def _stages(times: Sequence[Times]) -> tuple[StageTimes, ...]:
    found = []
    for name in STAGES:
        of_it = [one for one in times if one.stage == name]
        found.append(
            StageTimes(stage=name, n=sum(one.n for one in of_it), p50=_quantile(of_it, 0.5), p90=_quantile(of_it, 0.9))
        )
    return tuple(found)


def _quantile(times: Sequence[Times], share: float) -> float | None:
    """The duration that at least ``share`` of all did not exceed; ``times`` in their order."""
    left = math.ceil(share * sum(one.n for one in times))
    for one in times:
        left -= one.n
        if left <= 0:
            return one.seconds
    return None


def _number(day: date | None) -> int | None:
    return None if day is None else (day - _EPOCH).days


def _hour(moment: datetime) -> int:
    return int(moment.timestamp()) // _HOUR
