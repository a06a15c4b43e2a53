"""Sums of the ledger, read from ``ledger_daily``, and balances read at providers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, func, insert, select, text

from vidgen_core.db.repository import Repository, date_of, day_number, money
from vidgen_core.db.schema.queue import attempts, balances
from vidgen_core.db.schema.sums import ledger_daily
from vidgen_core.db.triggers import sums_of_rows
from vidgen_core.domain.money import OWED, Balance, ChargeStatus, Money, Spend
from vidgen_core.domain.providers import BillableParty, ProviderId, billable_party

_OWED: Final = sorted(OWED)
_COST: Final = func.sum(ledger_daily.c.cost).label("cost")
_N: Final = func.sum(ledger_daily.c.n).label("n")


_SAME: Final = "project_id, provider, model, key_id, state, charge, currency"
_WRONG: Final = f"""
SELECT DISTINCT provider, currency FROM (
  SELECT provider, currency FROM (SELECT {_SAME}, n, cost FROM ledger_daily UNION ALL {sums_of_rows()}) sums
  GROUP BY {_SAME} HAVING sum(n) <> 0 OR sum(cost) <> 0
) wrong ORDER BY provider, currency
"""  # noqa: S608


class LedgerRepository(Repository):
    """Days are local dates of this machine."""

    def wrong_sums(self) -> list[tuple[str, str]]:
        """Providers and currencies whose sums are not those of their requests; days, which depend on the time zone, apart."""
        return [(str(row.provider), str(row.currency)) for row in self.tx.execute(text(_WRONG))]

    def committed(self, project_id: int | None = None, since: date | None = None) -> dict[BillableParty, list[Money]]:
        """What is or may be owed, by provider, one amount per currency; reserved money and lost submits are included.

        :param since: the first day to count; None: everything
        """
        columns = ledger_daily.c
        query = select(columns.provider, columns.currency, _COST).where(
            columns.charge.in_(_OWED), columns.currency != "", *_within(project_id, since)
        )
        found: dict[BillableParty, list[Money]] = defaultdict(list)
        for row in self.tx.execute(query.group_by(columns.provider, columns.currency)):
            if row.cost:
                found[billable_party(row.provider)].append(Money(amount=row.cost, currency=row.currency))
        return dict(found)

    def by_charge(self, project_id: int | None = None) -> dict[str, dict[ChargeStatus, Money]]:
        """All money by currency and charge status."""
        columns = ledger_daily.c
        query = select(columns.currency, columns.charge, _COST).where(columns.currency != "", *_within(project_id))
        found: dict[str, dict[ChargeStatus, Money]] = defaultdict(dict)
        for row in self.tx.execute(query.group_by(columns.currency, columns.charge)):
            if row.cost:
                found[row.currency][ChargeStatus(row.charge)] = Money(amount=row.cost, currency=row.currency)
        return dict(found)

    def by_key(self, provider: ProviderId) -> dict[str, Money]:
        """What is or may be owed for each key of a provider: the amount in the currency of which it is most."""
        columns = ledger_daily.c
        query = select(columns.key_id, columns.currency, _COST).where(
            columns.provider == provider, columns.charge.in_(_OWED), columns.currency != ""
        )
        rows = self.tx.execute(query.group_by(columns.key_id, columns.currency).order_by(_COST))
        return {row.key_id: Money(amount=row.cost, currency=row.currency) for row in rows}

    def sums(self, project_id: int | None = None, since: date | None = None, until: date | None = None) -> list[Spend]:
        """Every sum by day, project, provider, key, currency and charge from ``since`` to before ``until``."""
        names = ("day", "project_id", "provider", "key_id", "currency", "charge")
        by = [ledger_daily.c[name] for name in names]
        query = select(*by, _COST, _N).where(*_within(project_id, since, until)).group_by(*by).having(_N != 0)
        return [_spend(row) for row in self.tx.execute(query.order_by(ledger_daily.c.day))]

    def between(self, provider: ProviderId, key_id: str, since: datetime, until: datetime) -> list[Money]:
        """What submits of one key between two moments are or may be owed for, one amount a currency."""
        cost = func.sum(attempts.c.cost).label("cost")
        query = select(attempts.c.cost_currency, cost).where(
            attempts.c.provider == provider,
            func.coalesce(attempts.c.key_id, "") == key_id,
            and_(attempts.c.intent_at >= since, attempts.c.intent_at < until),
            attempts.c.intent_at.is_not(None),
            attempts.c.charge.in_(_OWED),
            attempts.c.cost.is_not(None),
        )
        rows = self.tx.execute(query.group_by(attempts.c.cost_currency))
        return [Money(amount=row.cost, currency=row.cost_currency) for row in rows]

    def keep_balance(
        self, provider: ProviderId, key_id: str, key_label: str, left: Money, reason: str, at: datetime
    ) -> Balance:
        """Write down what was left for a key."""
        new = insert(balances).values(
            provider=provider,
            key_id=key_id,
            key_label=key_label,
            at=at,
            reason=reason,
            amount=left.amount,
            currency=left.currency,
        )
        _ = self.tx.rev
        return _balance(self.tx.execute(new.returning(*balances.c)).one())

    def balances(
        self, provider: ProviderId | None = None, since: datetime | None = None, newest: int = 1000
    ) -> list[Balance]:
        """Oldest first; at most the ``newest`` of them."""
        wanted = [] if provider is None else [balances.c.provider == provider]
        if since is not None:
            wanted.append(balances.c.at >= since)
        query = select(balances).where(*wanted).order_by(balances.c.id.desc()).limit(newest)
        return [_balance(row) for row in reversed(self.tx.execute(query).all())]

    def last_balance(self, provider: ProviderId, key_id: str | None = None) -> Balance | None:
        """The newest one of a provider, or of one of its keys."""
        wanted = [balances.c.provider == provider]
        if key_id is not None:
            wanted.append(balances.c.key_id == key_id)
        query = select(balances).where(*wanted).order_by(balances.c.at.desc(), balances.c.id.desc()).limit(1)
        row = self.tx.execute(query).one_or_none()
        return None if row is None else _balance(row)


def _within(
    project_id: int | None, since: date | None = None, until: date | None = None
) -> Collection[ColumnElement[bool]]:
    wanted = [] if project_id is None else [ledger_daily.c.project_id == project_id]
    if since is not None:
        wanted.append(ledger_daily.c.day >= day_number(since))
    if until is not None:
        wanted.append(ledger_daily.c.day < day_number(until))
    return wanted


def _spend(row: Row[Any]) -> Spend:
    return Spend(
        project_id=row.project_id,
        provider=billable_party(row.provider),
        key_id=row.key_id,
        charge=ChargeStatus(row.charge),
        money=Money(amount=row.cost, currency=row.currency) if row.currency else None,
        n=row.n,
        day=date_of(row.day),
    )


def _balance(row: Row[Any]) -> Balance:
    values = row._asdict()
    left = money(values.pop("amount"), values.pop("currency"))
    return Balance.model_validate({**values, "money": left})
