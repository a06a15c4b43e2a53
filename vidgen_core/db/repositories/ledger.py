"""Sums of the ledger that cost the same at any size, and balances read at providers."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Row, and_, func, insert, select

from vidgen_core.db.repository import Repository, money
from vidgen_core.db.schema import attempts, balances, spend, spend_quarters
from vidgen_core.domain.money import OWED, Balance, ChargeStatus, Money, Spend
from vidgen_core.domain.providers import BillableParty, ProviderId, billable_party

#: Seconds in one quarter of an hour, in which the ledger's days are kept.
QUARTER: Final = 900
_OWED: Final = sorted(OWED)


class LedgerRepository(Repository):
    def committed(
        self, project_id: int | None = None, since: datetime | None = None
    ) -> dict[BillableParty, list[Money]]:
        """What is or may be owed, by provider, one amount a currency; reserved and lost submits are in it.

        :param since: the beginning of a quarter of an hour; None: from the first day on
        """
        source = spend if since is None else spend_quarters
        wanted = [source.c.charge.in_(_OWED), source.c.currency != ""]
        if project_id is not None:
            wanted.append(source.c.project_id == project_id)
        if since is not None:
            wanted.append(spend_quarters.c.quarter >= quarter_of(since))
        cost = func.sum(source.c.cost).label("cost")
        query = select(source.c.provider, source.c.currency, cost).where(*wanted)
        found: dict[BillableParty, list[Money]] = defaultdict(list)
        for row in self.tx.execute(query.group_by(source.c.provider, source.c.currency)):
            if row.cost:
                found[billable_party(row.provider)].append(Money(amount=row.cost, currency=row.currency))
        return dict(found)

    def sums(
        self, project_id: int | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> list[Spend]:
        """Every sum by project, provider, key, currency and charge between two moments, quarter by quarter."""
        columns = spend_quarters.c
        wanted = [columns.n > 0]
        if project_id is not None:
            wanted.append(columns.project_id == project_id)
        if since is not None:
            wanted.append(columns.quarter >= quarter_of(since))
        if until is not None:
            wanted.append(columns.quarter < quarter_of(until))
        return [_spend(row) for row in self.tx.execute(select(spend_quarters).where(*wanted).order_by(columns.quarter))]

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


def quarter_of(moment: datetime) -> int:
    """Which quarter of an hour since 1970 a moment falls into."""
    return int(moment.timestamp() // QUARTER)


def _spend(row: Row[Any]) -> Spend:
    return Spend(
        project_id=row.project_id,
        provider=billable_party(row.provider),
        key_id=row.key_id,
        charge=ChargeStatus(row.charge),
        money=Money(amount=row.cost or Decimal(0), currency=row.currency) if row.currency else None,
        n=row.n,
        at=datetime.fromtimestamp(row.quarter * QUARTER, UTC),
    )


def _balance(row: Row[Any]) -> Balance:
    values = row._asdict()
    left = money(values.pop("amount"), values.pop("currency"))
    return Balance.model_validate({**values, "money": left})
