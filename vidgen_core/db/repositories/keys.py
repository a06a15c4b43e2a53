"""What each key has done and how it is; never the key itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from vidgen_core.db.dialect import upsert
from vidgen_core.db.repository import Repository, now
from vidgen_core.db.schema import key_usage, spend
from vidgen_core.domain.attempts import KeyUsage
from vidgen_core.domain.money import OWED, Money
from vidgen_core.domain.providers import ProviderId


def _usage(row: Row[Any], spent: Money | None) -> KeyUsage:
    return KeyUsage.model_validate({**row._mapping, "spend": spent})


class KeyRepository(Repository):
    def all(self, provider: ProviderId) -> list[KeyUsage]:
        spent = self._spend(provider)
        query = select(key_usage).where(key_usage.c.provider == provider).order_by(key_usage.c.name, key_usage.c.key_id)
        return [_usage(row, spent.get(row.key_id)) for row in self.tx.execute(query)]

    def _spend(self, provider: ProviderId) -> dict[str, Money]:
        cost = func.sum(spend.c.cost)
        query = (
            select(spend.c.key_id, spend.c.currency, cost.label("cost"))
            .where(spend.c.provider == provider, spend.c.charge.in_(sorted(OWED)))
            .group_by(spend.c.key_id, spend.c.currency)
            .order_by(cost)
        )
        return {row.key_id: Money(amount=row.cost, currency=row.currency) for row in self.tx.execute(query)}

    def touch(
        self,
        provider: ProviderId,
        key_id: str,
        name: str,
        *,
        submitted: int = 0,
        succeeded: int = 0,
        failed: int = 0,
        at: datetime | None = None,
    ) -> None:
        """Count on; the key's row is made if there is none."""
        at = at or now()
        new = upsert(key_usage).values(
            provider=provider,
            key_id=key_id,
            name=name,
            submitted=submitted,
            succeeded=succeeded,
            failed=failed,
            last_used_at=at,
        )
        counted = {
            "name": name,
            "submitted": key_usage.c.submitted + submitted,
            "succeeded": key_usage.c.succeeded + succeeded,
            "failed": key_usage.c.failed + failed,
            "last_used_at": at,
        }
        self.tx.execute(new.on_conflict_do_update(index_elements=["provider", "key_id"], set_=counted))

    def set_health(
        self, provider: ProviderId, key_id: str, health: str, cooling_until: datetime | None = None, name: str = ""
    ) -> None:
        """Say how a key is: ``usable``, ``rejected`` or ``exhausted``, and until when it rests."""
        known = {"health": health, "cooling_until": cooling_until}
        new = upsert(key_usage).values(provider=provider, key_id=key_id, name=name, **known)
        self.tx.execute(new.on_conflict_do_update(index_elements=["provider", "key_id"], set_=known))
