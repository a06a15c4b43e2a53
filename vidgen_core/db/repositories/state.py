"""The worker's heartbeat, named values, uploaded reference images and the use of API keys."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, delete, or_, select, update
from sqlalchemy.dialects.sqlite import Insert

from vidgen_core.db.dialect import among, listed, upsert
from vidgen_core.db.prepared import PreparedStatement
from vidgen_core.db.repositories.ledger import LedgerRepository
from vidgen_core.db.repository import Repository
from vidgen_core.db.schema.queue import key_usage, uploads
from vidgen_core.db.schema.system import heartbeat, state
from vidgen_core.domain.attempts import KeyUsage
from vidgen_core.domain.log import Heartbeat
from vidgen_core.domain.providers import ProviderId

# Frequent statements are compiled once.
_VALUE: Final = PreparedStatement(select(state.c.value).where(state.c.name == bindparam("the_name")))
_VALUES: Final = PreparedStatement(select(state.c.name, state.c.value).where(among(state.c.name, bindparam("names"))))
_NEW: Final = upsert(state)
_PUT: Final = PreparedStatement(
    _NEW.on_conflict_do_update(index_elements=["name"], set_={"value": _NEW.excluded.value})
)
_BEATS: Final = PreparedStatement(select(heartbeat).order_by(heartbeat.c.at.desc()))


class HeartbeatRepository(Repository):
    def beat(self, beat: Heartbeat) -> None:
        values = beat.model_dump()
        new = upsert(heartbeat).values(values)
        self.tx.execute(new.on_conflict_do_update(index_elements=["name"], set_=values))

    def all(self) -> list[Heartbeat]:
        """The last sign of life of each worker, the newest first."""
        return [Heartbeat.model_validate(row._asdict()) for row in self.tx.execute(_BEATS)]

    def get(self) -> Heartbeat | None:
        """The newest sign of life of any worker."""
        return next(iter(self.all()), None)

    def clamp_future_times(self, now: datetime) -> None:
        """Set signs of life that are in the future, written before the clock was set back, to now."""
        self.tx.execute(update(heartbeat).where(heartbeat.c.at > now).values(at=now))

    def forget(self, name: str, before: datetime) -> None:
        """Forget a worker that has ended, and those that were last heard of before a time."""
        self.tx.execute(delete(heartbeat).where((heartbeat.c.name == name) | (heartbeat.c.at < before)))


class StateRepository(Repository):
    def get(self, name: str) -> Any:
        """The JSON value of ``name``; None without one."""
        return self.tx.known(("state", name), lambda: self.tx.execute(_VALUE, {"the_name": name}).scalar())

    def many(self, names: Collection[str]) -> dict[str, Any]:
        """The values of those names that have one, by one statement; ``get`` asks for none of them again."""
        unread = [name for name in names if not self.tx.knows(("state", name))]
        if unread:
            found = {row.name: row.value for row in self.tx.execute(_VALUES, {"names": listed(unread)})}
            for name in unread:
                self.tx.keep(("state", name), found.get(name))
        values = ((name, self.get(name)) for name in names)
        return {name: value for name, value in values if value is not None}

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
            uploads.c.expires_at > self.tx.now(),
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


#: A turn that lies further ahead was written down under another time.
_AHEAD: Final = timedelta(seconds=5)
#: Compiled once: it runs for each order and each result.
_TOUCH: Final = PreparedStatement(_touch())


class KeyRepository(Repository):
    """Use and health of each API key; never the key itself."""

    def all(self, provider: ProviderId) -> list[KeyUsage]:
        self.tx.add_rest()
        spent = LedgerRepository(self.tx).by_key(provider)
        shown = (column for column in key_usage.c if column.name != "next_at")
        query = select(*shown).where(key_usage.c.provider == provider).order_by(key_usage.c.name, key_usage.c.key_id)
        return [
            KeyUsage.model_validate({**row._mapping, "spend": spent.get(row.key_id)}) for row in self.tx.execute(query)
        ]

    def healths(self, provider: ProviderId) -> dict[str, tuple[str, datetime | None]]:
        """Health of each key, and until when it pauses."""
        self.tx.add_rest()
        query = select(key_usage.c.key_id, key_usage.c.health, key_usage.c.cooling_until)
        rows = self.tx.execute(query.where(key_usage.c.provider == provider))
        return {row.key_id: (row.health, row.cooling_until) for row in rows}

    def take_turn(self, provider: ProviderId, key_id: str, name: str, every: float, at: datetime) -> float:
        """Take the turn of a key that sends once in ``every`` seconds at most (GCRA without bursts).

        :returns: 0.0: it is taken; else the seconds until it may be asked for again
        """
        self.tx.add_rest()
        following = at + timedelta(seconds=every)
        new = upsert(key_usage).values(provider=provider, key_id=key_id, name=name, next_at=following)
        free = or_(key_usage.c.next_at.is_(None), key_usage.c.next_at <= at, key_usage.c.next_at > following + _AHEAD)
        taken = new.on_conflict_do_update(
            index_elements=["provider", "key_id"], set_={"next_at": following}, where=free
        ).returning(key_usage.c.next_at)
        if self.tx.execute(taken).one_or_none() is not None:
            return 0.0
        one = (key_usage.c.provider == provider, key_usage.c.key_id == key_id)
        next_at: datetime = self.tx.execute(select(key_usage.c.next_at).where(*one)).scalar_one()
        return (next_at - at).total_seconds()

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
        key = {"provider": provider, "key_id": key_id, "name": name, "last_used_at": at or self.tx.now()}
        self.tx.at_commit(_TOUCH, {**key, **counted})

    def set_health(self, provider: ProviderId, key_id: str, health: str, cooling_until: datetime | None = None) -> None:
        """Set the health of a key: ``usable``, ``rejected`` or ``exhausted``, and until when it pauses."""
        self.tx.add_rest()
        known = {"health": health, "cooling_until": cooling_until}
        new = upsert(key_usage).values(provider=provider, key_id=key_id, name="", **known)
        self.tx.execute(new.on_conflict_do_update(index_elements=["provider", "key_id"], set_=known))
