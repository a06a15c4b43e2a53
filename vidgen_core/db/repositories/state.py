"""The worker's heartbeat, named values, uploaded reference images and the use of API keys."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.sqlite import Insert

from vidgen_core.db.dialect import among, listed, upsert
from vidgen_core.db.repositories.ledger import LedgerRepository
from vidgen_core.db.repository import Repository, now
from vidgen_core.db.schema import heartbeat, key_usage, state, uploads
from vidgen_core.domain.attempts import KeyUsage
from vidgen_core.domain.log import Heartbeat
from vidgen_core.domain.providers import ProviderId

# Frequent statements are compiled once.
_VALUE: Final = select(state.c.value).where(state.c.name == bindparam("the_name"))
_VALUES: Final = select(state.c.name, state.c.value).where(among(state.c.name, bindparam("names")))
_NEW: Final = upsert(state)
_PUT: Final = _NEW.on_conflict_do_update(index_elements=["name"], set_={"value": _NEW.excluded.value})
_BEAT: Final = select(*(column for column in heartbeat.c if column.name != "id"))


class HeartbeatRepository(Repository):
    def beat(self, beat: Heartbeat) -> None:
        values = beat.model_dump()
        new = upsert(heartbeat).values(id=1, **values)
        self.tx.execute(new.on_conflict_do_update(index_elements=["id"], set_=values))

    def get(self) -> Heartbeat | None:
        row = self.tx.execute(_BEAT).one_or_none()
        return None if row is None else Heartbeat.model_validate(row._asdict())


class StateRepository(Repository):
    def get(self, name: str) -> Any:
        """The JSON value of ``name``; None without one."""
        return self.tx.known(("state", name), lambda: self.tx.execute(_VALUE, {"the_name": name}).scalar())

    def many(self, names: Collection[str]) -> dict[str, Any]:
        """The values of those names that have one."""
        self.tx.add_rest()
        rows = self.tx.execute(_VALUES, {"names": listed(names)})
        return {row.name: row.value for row in rows if row.value is not None}

    def put(self, name: str, value: Any) -> None:
        _ = self.tx.rev
        self.tx.at_commit(_PUT, {"name": name, "value": value})
        self.tx.keep(("state", name), value)


class UploadRepository(Repository):
    def get(self, provider: ProviderId, key_id: str, sha256: str) -> str | None:
        """The link of a picture that this key has uploaded, unless it has expired."""
        query = select(uploads.c.url).where(
            uploads.c.provider == provider,
            uploads.c.key_id == key_id,
            uploads.c.sha256 == sha256,
            uploads.c.expires_at > now(),
        )
        return self.tx.execute(query).scalar()

    def put(self, provider: ProviderId, key_id: str, sha256: str, url: str, expires_at: datetime) -> None:
        known = {"url": url, "expires_at": expires_at}
        new = upsert(uploads).values(provider=provider, key_id=key_id, sha256=sha256, **known)
        self.tx.execute(new.on_conflict_do_update(index_elements=["provider", "key_id", "sha256"], set_=known))


def _touch() -> Insert:
    new = upsert(key_usage)
    added = {name: key_usage.c[name] + new.excluded[name] for name in ("submitted", "succeeded", "failed")}
    last = {"name": new.excluded.name, "last_used_at": new.excluded.last_used_at}
    return new.on_conflict_do_update(index_elements=["provider", "key_id"], set_=added | last)


#: Compiled once: it runs for each order and each result.
_TOUCH: Final = _touch()


class KeyRepository(Repository):
    """Use and health of each API key; never the key itself."""

    def all(self, provider: ProviderId) -> list[KeyUsage]:
        self.tx.add_rest()
        spent = LedgerRepository(self.tx).by_key(provider)
        query = select(key_usage).where(key_usage.c.provider == provider).order_by(key_usage.c.name, key_usage.c.key_id)
        return [
            KeyUsage.model_validate({**row._mapping, "spend": spent.get(row.key_id)}) for row in self.tx.execute(query)
        ]

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
        """Add to the counters; the key's row is created if there is none."""
        counted = {"submitted": submitted, "succeeded": succeeded, "failed": failed}
        key = {"provider": provider, "key_id": key_id, "name": name, "last_used_at": at or now()}
        self.tx.at_commit(_TOUCH, {**key, **counted})

    def set_health(
        self, provider: ProviderId, key_id: str, health: str, cooling_until: datetime | None = None, name: str = ""
    ) -> None:
        """Set the health of a key: ``usable``, ``rejected`` or ``exhausted``, and until when it pauses."""
        self.tx.add_rest()
        known = {"health": health, "cooling_until": cooling_until}
        new = upsert(key_usage).values(provider=provider, key_id=key_id, name=name, **known)
        self.tx.execute(new.on_conflict_do_update(index_elements=["provider", "key_id"], set_=known))
