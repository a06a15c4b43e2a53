"""Small facts: the runner's sign of life, named values, pictures that lie at a provider."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, select

from vidgen_core.db.dialect import among, listed, upsert
from vidgen_core.db.repository import Repository, now
from vidgen_core.db.schema import heartbeat, state, uploads
from vidgen_core.domain.log import Heartbeat
from vidgen_core.domain.providers import ProviderId

# Asked all the time, so made once.
_VALUE: Final = select(state.c.value).where(state.c.name == bindparam("the_name"))
_VALUES: Final = select(state.c.name, state.c.value).where(among(state.c.name, bindparam("names")))
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
        """The JSON value kept under ``name``; None without one."""
        return self.tx.execute(_VALUE, {"the_name": name}).scalar()

    def many(self, names: Collection[str]) -> dict[str, Any]:
        """The values of those names that have one."""
        rows = self.tx.execute(_VALUES, {"names": listed(names)})
        return {row.name: row.value for row in rows if row.value is not None}

    def put(self, name: str, value: Any) -> None:
        _ = self.tx.rev
        new = upsert(state).values(name=name, value=value)
        self.tx.execute(new.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


class UploadRepository(Repository):
    def get(self, provider: ProviderId, key_id: str, sha256: str) -> str | None:
        """The link of a picture that this key has uploaded and that is still alive."""
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
