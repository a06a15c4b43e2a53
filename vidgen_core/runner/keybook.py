"""Where the runner keeps the health of keys: the store's key table."""

from __future__ import annotations

from collections.abc import Mapping

from vidgen_core.keys import Health, KeyState
from vidgen_core.models import LogLevel, Mode
from vidgen_core.runner.writer import Writer
from vidgen_core.store import Store, Tx


class StoredKeyBook:
    """The key table of one provider, read once and written behind the runner's back."""

    def __init__(self, mode: Mode, store: Store, writer: Writer) -> None:
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
