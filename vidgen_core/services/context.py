"""What every service works with: the store, the settings, the paths, the revision cache and the providers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol

from vidgen_core import money
from vidgen_core.domain.providers import ProviderId, video_providers
from vidgen_core.media.storage import LocalMedia
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


_MAKING: Final = threading.RLock()


class _Service:
    """A service of the façade: imported, and made once, when somebody asks for it, because most commands need few."""

    def __init__(self, path: str, needs: tuple[str, ...]) -> None:
        self._path = path
        self._needs = needs

    def __set_name__(self, owner: type, name: str) -> None:
        self._name, self._kind = name, owner.__annotations__[name]

    def __get__(self, app: Any, owner: type | None = None) -> Any:
        if app is None:
            return self
        with _MAKING:
            if self._name not in vars(app):
                kind = getattr(import_module(f"vidgen_core.services.{self._path}"), self._kind)
                vars(app)[self._name] = kind(app.context, *(getattr(app, need) for need in self._needs))
        return vars(app)[self._name]


def service(path: str, *needs: str) -> Any:
    """A service of the façade; its class is the annotation.

    :param path: of its module, below ``services``
    :param needs: attributes of the façade that its constructor takes after the context
    """
    return _Service(path, needs)


def services_of(app: object) -> dict[str, Any]:
    """The services of a façade by their names, made if need be: every public attribute of it."""
    named = (name for name, member in vars(type(app)).items() if isinstance(member, _Service))
    return {name: getattr(app, name) for name in {**dict.fromkeys(named), **made_of(app)}}


def made_of(app: object) -> dict[str, Any]:
    """The services that somebody has asked a façade for."""
    return {name: value for name, value in vars(app).items() if not name.startswith("_")}


class ServiceContext:
    """The state that the services of one data home share. Safe to share between threads."""

    def __init__(
        self, locations: Locations, store: Store, settings_file: SettingsFile, media: LocalMedia | None = None
    ) -> None:
        self.locations = locations
        self.store = store
        self.settings_file = settings_file
        self.media = media or LocalMedia(locations)
        self.revision_cache = RevisionCache(store, self.settings)
        self._worker: Callable[[], WorkerHandle | None] = lambda: None
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

    def bind_worker(self, worker: Callable[[], WorkerHandle | None]) -> None:
        """Let ``wake`` and ``works_here`` reach the worker of this process, once there is one."""
        self._worker = worker

    def wake(self) -> None:
        """Tell the worker of this process that there is something new to do; one elsewhere notices by itself."""
        if worker := self._worker():
            worker.wake()

    @property
    def works_here(self) -> bool:
        """Whether this process runs the tasks (and does not merely stand by)."""
        worker = self._worker()
        return worker is not None and worker.is_here

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


class Service:
    """A service of one data home."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
