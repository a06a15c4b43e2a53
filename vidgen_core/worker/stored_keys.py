"""Where the runner keeps the health of keys: the store's key table."""

from __future__ import annotations

from collections.abc import Mapping

from vidgen_core.db import Store, Tx
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.providers import ProviderId
from vidgen_core.worker.group_commit import GroupCommit
from vidgen_core.worker.limits.key_pool import Health, KeyState


class StoredKeys:
    """The key table of one provider, read once and written behind the runner's back."""

    def __init__(self, mode: ProviderId, store: Store, writer: GroupCommit) -> None:
        self._mode = mode
        self._store = store
        self._writer = writer

    def load(self) -> Mapping[str, KeyState]:
        with self._store.read() as tx:
            usages = tx.keys.all(self._mode)
        return {
            usage.key_id: KeyState(health=Health(usage.health), cooling_until=usage.cooling_until) for usage in usages
        }

    def save(self, key_id: str, name: str, state: KeyState) -> None:
        mode = self._mode

        def write(tx: Tx) -> None:
            tx.keys.touch(mode, key_id, name)
            tx.keys.set_health(mode, key_id, state.health.value, state.cooling_until)
            if state.health in (Health.REJECTED, Health.EXHAUSTED):
                tx.log.add(LogLevel.WARNING, f"key_{state.health.value}", provider=mode.value, key=name)

        self._writer.post(write)
