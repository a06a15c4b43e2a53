"""What every service works with: the store, the settings, the paths, the revision cache and the providers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from vidgen_core import money
from vidgen_core.domain.providers import ProviderId, video_providers
from vidgen_core.services.revision_cache import RevisionCache

if TYPE_CHECKING:
    from vidgen_core.config.file import SettingsFile
    from vidgen_core.config.paths import Locations
    from vidgen_core.config.schema import Settings
    from vidgen_core.db import Store
    from vidgen_core.providers.base import Provider


class WorkerHandle(Protocol):
    """What services ask of the worker of this process."""

    def wake(self) -> None:
        """There is something new to do."""

    @property
    def is_here(self) -> bool:
        """Whether this process runs the tasks."""


class ServiceContext:
    """The state that the services of one data home share. Safe to share between threads."""

    def __init__(self, locations: Locations, store: Store, settings_file: SettingsFile) -> None:
        self.locations = locations
        self.store = store
        self.settings_file = settings_file
        self.revision_cache = RevisionCache(store, self.settings)
        self._worker: WorkerHandle | None = None
        self._opening = threading.Lock()
        #: Those that have been asked for; each brings an adapter along, and all of them an HTTP client.
        self._providers: dict[ProviderId, Provider] = {}

    def settings(self) -> Settings:
        """The settings in force now.

        :raises SettingsError: the file cannot be read and there are no earlier good settings
        """
        return self.settings_file.current()

    def price_table(self) -> tuple[money.Price, ...]:
        """Prices that go before the built-in ones, as estimates take them."""
        return self.revision_cache.ask("prices", lambda tx: money.prices_of(tx, self.settings()))

    # --- the worker

    def bind_worker(self, worker: WorkerHandle) -> None:
        """Let ``wake`` and ``works_here`` reach the worker of this process."""
        self._worker = worker

    def wake(self) -> None:
        """Tell the worker of this process that there is something new to do; one elsewhere notices by itself."""
        if self._worker is not None:
            self._worker.wake()

    @property
    def works_here(self) -> bool:
        """Whether this process runs the tasks (and does not merely stand by)."""
        return self._worker is not None and self._worker.is_here

    # --- providers

    def provider(self, mode: ProviderId) -> Provider:
        """The provider of a mode, for its free and quick answers: models, capabilities, checks."""
        with self._opening:
            if mode not in self._providers:
                self._providers[mode] = self.fresh_provider(mode)
            return self._providers[mode]

    def fresh_provider(self, mode: ProviderId) -> Provider:
        """A provider of one's own, to be closed after use: an instance belongs to one event loop."""
        from vidgen_core.providers.registry import open_provider

        return open_provider(mode, self.settings, self.locations)

    @property
    def modes(self) -> tuple[ProviderId, ...]:
        """The generation modes that can be chosen."""
        return video_providers()
