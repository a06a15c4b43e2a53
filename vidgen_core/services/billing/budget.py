"""Prices, the ledger's sums, balances, and the limits with the ways past them."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

from vidgen_core import money
from vidgen_core.db import Tx
from vidgen_core.db.worker_state import PROJECT_PAUSE
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import ErrorKind, Refused, VidgenError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.money import OWED, Balance, ChargeStatus, Money, Spend
from vidgen_core.domain.providers import BillableParty, ModelPrice, ProviderId, provider_ids
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.money import LimitStatus
from vidgen_core.services.access.permissions import Role, requires

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext
    from vidgen_core.services.generation.tasks import Tasks

#: What sums of the ledger may be told apart by.
By = Literal["project", "day", "provider", "key"]
EVERY_WAY: Final[tuple[By, ...]] = ("project", "day", "provider", "key")
#: Charges whose amount nobody has confirmed.
_UNSURE: Final = frozenset({ChargeStatus.ASSUMED, ChargeStatus.UNKNOWN})


class SpendLine(Frozen):
    """One line of the ledger's sums; amounts are in the provider's ``currency`` (None: no price was known)."""

    project: str
    #: On this machine's calendar; None where days are not told apart.
    day: date | None
    provider: BillableParty
    #: What people see of the key; empty where keys are not told apart.
    key: str
    currency: str | None
    #: Submits that cost or may cost something.
    attempts: int
    #: By our prices.
    estimated: Decimal
    #: Named by the provider.
    charged: Decimal
    #: Given back.
    refunded: Decimal
    #: Perhaps owed: lost answers, jobs given up.
    unknown: Decimal
    #: Estimated, charged and unknown together.
    owed: Money | None
    #: The same in the user's currency, a conversion; None without a rate.
    worth: Money | None


class BalanceDifference(Frozen):
    """What a batch took from an account, beside what the ledger says."""

    provider: ProviderId
    #: Several keys of one account are one line.
    keys: tuple[str, ...]
    since: datetime
    until: datetime
    before: Money
    after: Money
    gone: Money
    ledger: Money
    #: ``gone`` less ``ledger``: above zero the provider took more than we know of.
    difference: Money


class BudgetView(Frozen):
    """How the limits of a project stand."""

    standings: tuple[LimitStatus, ...] = ()
    #: Why nothing of this project is submitted: code and params of its sentence.
    hold: dict[str, Any] | None = None
    #: Keys of which less is left than the user wants to be warned of.
    low: tuple[Balance, ...] = ()

    @property
    def nearest(self) -> LimitStatus | None:
        """The limit of which least is left, in parts of it."""
        return max(self.standings, key=lambda standing: standing.percent, default=None)


class Budget:
    """What it costs, what it has cost and how much it may cost."""

    def __init__(self, ctx: ServiceContext, tasks: Tasks) -> None:
        self._ctx = ctx
        self._tasks = tasks

    # --- limits

    @requires(Role.VIEWER)
    def standing(self, project_id: int | None) -> BudgetView:
        """Every limit that concerns a project, what holds it back, and keys with little left; quick at any size."""
        with self._ctx.store.read() as tx:
            return view(tx, self._ctx.settings(), project_id)

    @requires(Role.VIEWER)
    def project_limit(self, project_id: int) -> Decimal:
        """The limit of a project's own, in the currency of the budget; 0: none."""
        with self._ctx.store.read() as tx:
            return money.project_limit(tx, project_id)

    @requires(Role.OWNER)
    def limit_project(self, project_id: int, limit: Decimal) -> None:
        """Give a project a limit of its own, in the currency of the budget; 0 takes it away.

        :raises Refused: ``limit_negative``
        """
        if not limit.is_finite() or limit < 0:
            raise Refused("limit_negative")
        with self._ctx.store.write() as tx:
            tx.projects.get(project_id)
            money.set_project_limit(tx, project_id, limit)
        self._ctx.wake()

    @requires(Role.OWNER)
    def go_on(self, project_id: int) -> BudgetView:
        """Let what is queued now go out although a limit is reached, this once; the limits stay as they are."""
        settings = self._ctx.settings()
        with self._ctx.store.write() as tx:
            money.allow_overrun(tx, settings, project_id, tx.now())
            tx.log.add(LogLevel.WARNING, "budget_passed_once", project_id=project_id)
            found = view(tx, settings, project_id)
        self._ctx.wake()
        return found

    # --- prices

    @requires(Role.VIEWER)
    def prices(self) -> tuple[money.Price, ...]:
        """Every price that counts now: your own, then published lists, then the built-in table."""
        return (*self.table(), *money.built_in_prices())

    @requires(Role.VIEWER)
    def table(self) -> tuple[money.Price, ...]:
        """Prices that go before the built-in ones, as estimates take them."""
        return self._ctx.price_table()

    @requires(Role.OWNER)
    def refresh_prices(self, mode: ProviderId) -> int:
        """Fetch the price list a provider publishes; waits for its answer, costs nothing. Returns how many were kept.

        :raises Refused: ``no_price_list`` (provider)
        :raises RemoteError: the list cannot be had now
        """
        rows = asyncio.run(_price_list(self._ctx, mode))
        if rows is None:
            raise Refused("no_price_list", provider=mode.value)
        with self._ctx.store.write() as tx:
            money.store_price_list(tx, mode, rows, tx.now())
        return len(rows)

    @requires(Role.OWNER)
    def refresh_soon(self, mode: ProviderId) -> threading.Thread:
        """The same in the background, for a click that must not wait; the log says what came of it."""
        thread = threading.Thread(target=self._refresh_and_say, args=(mode,), name=f"prices of {mode}", daemon=True)
        thread.start()
        return thread

    def _refresh_and_say(self, mode: ProviderId) -> None:
        try:
            kept = self.refresh_prices(mode)
        except VidgenError as error:
            level, code, params = LogLevel.WARNING, error.code, error.params | {"provider": mode.value}
        else:
            level, code, params = LogLevel.SUCCESS, "prices_fetched", {"provider": mode.value, "prices": kept}
        with self._ctx.store.write() as tx:
            tx.log.add(level, code, **params)

    @requires(Role.OWNER)
    def set_prices(self, rows: Collection[dict[str, Any]], **more: Any) -> int:
        """Keep the user's own prices (and other settings of the budget) and start what waited for one.

        :param more: settings of the budget by their names, e.g. ``rates``
        :raises SettingsError: a row is wrong; nothing was changed then
        """
        named = {f"budget.{name}": value for name, value in more.items()}
        self._ctx.settings_file.change({"prices": list(rows), **named})
        waiting = TaskFilter(statuses=frozenset({TaskStatus.PENDING}), kind=ErrorKind.PARAMETER)
        ids = self._tasks.ids(None, waiting)
        held = [task for task in self._tasks.many(ids) if task.failure and task.failure.code == "price_missing"]
        settings = self._ctx.settings()
        with self._ctx.store.read() as tx:
            known = [
                task.id
                for task in held
                if money.cost_now(tx, settings, task.provider, task.model, task.params, task.cost) is not None
            ]
        return len(self._tasks.start(known).done)

    # --- the ledger

    @requires(Role.VIEWER)
    def spend(
        self,
        project_id: int | None = None,
        since: date | None = None,
        until: date | None = None,
        by: Collection[By] = EVERY_WAY,
    ) -> tuple[SpendLine, ...]:
        """Sums of the ledger by days of this machine's calendar, ``until`` left out; newest day first."""
        with self._ctx.store.read() as tx:
            sums = tx.ledger.sums(project_id, since, until)
            names = {project.id: project.name for project in tx.projects.all()}
            keys: dict[tuple[BillableParty, str], str] = {
                (mode, usage.key_id): usage.name for mode in provider_ids() for usage in tx.keys.all(mode)
            }
        groups: dict[tuple[Any, ...], list[Spend]] = defaultdict(list)
        for line in sums:
            groups[_group(line, by)].append(line)
        settings = self._ctx.settings()
        lines = [_line(group, settings, names, keys, by) for group in groups.values()]
        return tuple(sorted(lines, key=lambda line: (line.day or date.min, line.project, line.provider), reverse=True))

    @requires(Role.VIEWER)
    def balances(self, mode: ProviderId | None = None) -> tuple[Balance, ...]:
        """What was left at providers, oldest first."""
        with self._ctx.store.read() as tx:
            return tuple(tx.ledger.balances(mode))

    @requires(Role.VIEWER)
    def differences(self, mode: ProviderId | None = None) -> tuple[BalanceDifference, ...]:
        """For every batch with a balance before and after it: what is gone beside what the ledger says; newest first."""
        with self._ctx.store.read() as tx:
            pairs = _pairs(tx.ledger.balances(mode))
            return tuple(_difference(tx, group) for group in reversed(_accounts(pairs)))


def view(tx: Tx, settings: Any, project_id: int | None) -> BudgetView:
    """Limits, holds and low balances, read in one transaction."""
    hold = PROJECT_PAUSE.get(tx, project_id) if project_id is not None else None
    return BudgetView(
        standings=money.limit_statuses(tx, settings, project_id, tx.now()),
        hold=hold.model_dump(mode="json") if hold else None,
        low=tuple(_low(tx, settings)),
    )


def _low(tx: Tx, settings: Any) -> Iterable[Balance]:
    """Keys of which less is left than the user wants to be warned of."""
    if not settings.budget.low_balance:
        return
    for mode in provider_ids():
        rates = money.rates_of(settings, mode)
        for key in settings.providers.of(mode).keys:
            last = tx.ledger.last_balance(mode, key.fingerprint) if key.works else None
            worth = money.convert(last.money, settings.budget.currency, rates) if last else None
            if last is not None and worth is not None and worth.amount < settings.budget.low_balance:
                yield last


async def _price_list(ctx: ServiceContext, mode: ProviderId) -> tuple[ModelPrice, ...] | None:
    provider = ctx.fresh_provider(mode)
    try:
        return await provider.price_list()
    finally:
        await provider.close()


def _group(line: Spend, by: Collection[By]) -> tuple[Any, ...]:
    return (
        line.project_id if "project" in by else None,
        line.day if "day" in by else None,
        line.provider,
        line.key_id if "key" in by else None,
        line.money.currency if line.money else None,
    )


def _line(
    group: list[Spend],
    settings: Any,
    names: dict[int, str],
    keys: dict[tuple[BillableParty, str], str],
    by: Collection[By],
) -> SpendLine:
    first = group[0]
    currency = first.money.currency if first.money else None

    def sum_of(charges: Collection[ChargeStatus]) -> Decimal:
        return sum((one.money.amount for one in group if one.money and one.charge in charges), Decimal(0))

    owed = Money(amount=sum_of(OWED), currency=currency) if currency else None
    worth = money.convert(owed, settings.budget.currency, money.rates_of(settings, first.provider)) if owed else None
    return SpendLine(
        project=names.get(first.project_id, "–") if "project" in by else "",
        day=first.day if "day" in by else None,
        provider=first.provider,
        key=keys.get((first.provider, first.key_id), first.key_id) if "key" in by else "",
        currency=currency,
        attempts=sum(one.n for one in group if one.charge is not ChargeStatus.NONE),
        estimated=sum_of({ChargeStatus.ESTIMATED}),
        charged=sum_of({ChargeStatus.CHARGED}),
        refunded=sum_of({ChargeStatus.REFUNDED}),
        unknown=sum_of(_UNSURE),
        owed=owed,
        worth=worth,
    )


def _pairs(balances: Iterable[Balance]) -> list[tuple[Balance, Balance]]:
    """Each balance after a batch with the one before it, of the same key."""
    before: dict[tuple[ProviderId, str], Balance] = {}
    pairs = []
    for balance in balances:
        key = (balance.provider, balance.key_id)
        if balance.reason == "before":
            before[key] = balance
        elif balance.reason == "after" and key in before:
            pairs.append((before.pop(key), balance))
    return pairs


def _accounts(pairs: list[tuple[Balance, Balance]]) -> list[list[tuple[Balance, Balance]]]:
    """Keys of one provider that showed the same balances before and after are keys of one account."""
    groups: list[list[tuple[Balance, Balance]]] = []
    for pair in pairs:
        same = [group for group in groups[-8:] if _same_account(group[0], pair)]
        if same:
            same[0].append(pair)
        else:
            groups.append([pair])
    return groups


def _same_account(one: tuple[Balance, Balance], other: tuple[Balance, Balance]) -> bool:
    near = abs((one[1].at - other[1].at).total_seconds()) < 60
    return near and all(a.provider is b.provider and a.money == b.money for a, b in zip(one, other, strict=True))


def _difference(tx: Tx, group: list[tuple[Balance, Balance]]) -> BalanceDifference:
    before, after = group[0]
    currency = before.money.currency
    said = [
        amount
        for one, other in group
        for amount in tx.ledger.between(one.provider, one.key_id, one.at, other.at)
        if amount.currency == currency
    ]
    gone = before.money.amount - after.money.amount
    ledger = sum((amount.amount for amount in said), Decimal(0))
    return BalanceDifference(
        provider=before.provider,
        keys=tuple(one.key_label for one, _ in group),
        since=before.at,
        until=after.at,
        before=before.money,
        after=after.money,
        gone=Money(amount=gone, currency=currency),
        ledger=Money(amount=ledger, currency=currency),
        difference=Money(amount=gone - ledger, currency=currency),
    )
