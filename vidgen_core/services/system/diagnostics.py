"""Does it work: keys and connections, and the health of this installation."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import socket
import sys
import tempfile
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from vidgen_core.db.worker_state import StateRow
from vidgen_core.domain.attempts import KeyUsage
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import FileError, Refused, SettingsError, StoreError, VidgenError
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.provider_settings import KeySettings
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import Failure
from vidgen_core.providers.base import Connection, Key, Provider
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.services.generation import gate
from vidgen_core.services.system.connections import CONNECTION, KnownConnection, last_connection
from vidgen_core.services.system.worker_control import ALIVE_SECONDS, WorkerControl

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext

#: Free bytes below which new videos soon find no room.
LITTLE_SPACE: Final = 2_000_000_000
#: Seconds by which the clock of a database server may differ from this machine's.
CLOCKS_APART: Final = 2.0
#: When the database was last written by a check.
_PROBE: Final = StateRow[datetime]("probe", datetime)


class Finding(Frozen):
    """One line of *doctor*: ``doctor.<code>`` says it."""

    code: str
    ok: bool
    params: dict[str, Any] = Field(default_factory=dict)
    #: Not in order, but nothing stops working because of it.
    warning: bool = False


class Diagnostics:
    """Questions that cost nothing."""

    def __init__(self, ctx: ServiceContext, worker: WorkerControl) -> None:
        self._ctx = ctx
        self._worker = worker

    @requires(Role.MAKER, log=False)
    def test(self, mode: ProviderId, secret: str | None = None) -> Connection:
        """Ask a provider whether a key works and what is left on it; waits for its answer, costs nothing.

        :param secret: a key that is not saved yet; None: the first enabled one of the settings
        """
        key = Key.of(KeySettings.typed("-", secret)) if secret is not None else self._first_key(mode)
        provider = self._ctx.fresh_provider(mode)
        if key is None and provider.needs_key:
            lack = gate.no_key(self._ctx.settings(), mode)
            return _failed(lack if lack.code == "key_address_changed" else Refused("key_missing", provider=mode.value))
        connection = asyncio.run(_ask(provider, key))
        if secret is None:
            self._remember(mode, connection)
        return connection

    @requires(Role.MAKER, log=False)
    def test_soon(self, mode: ProviderId) -> None:
        """Have ``test`` ask with the first key of the settings, in the background; ``connection`` has the answer."""
        threading.Thread(target=self.test, args=(mode,), name=f"test-{mode}", daemon=True).start()

    def _first_key(self, mode: ProviderId) -> Key | None:
        keys = self._ctx.settings().providers.of(mode).keys
        return next((Key.of(key) for key in keys if key.works), None)

    def _remember(self, mode: ProviderId, connection: Connection) -> None:
        with self._ctx.store.write() as tx:
            CONNECTION.put(tx, {"connection": connection, "at": tx.now()}, mode)

    @requires(Role.VIEWER)
    def connection(self, mode: ProviderId) -> KnownConnection:
        """The last answer of ``test``, and how many seconds old it is; nobody is asked."""
        return last_connection(self._ctx, mode)

    @requires(Role.OWNER)
    def keys(self, mode: ProviderId) -> list[tuple[KeySettings, KeyUsage]]:
        """The keys of a provider with what each has done."""
        with self._ctx.store.read() as tx:
            usages = {usage.key_id: usage for usage in tx.keys.all(mode)}
        keys = self._ctx.settings().providers.of(mode).keys
        return [
            (key, usages.get(key.fingerprint) or KeyUsage(provider=mode, key_id=key.fingerprint, name=key.name))
            for key in keys
        ]

    @requires(Role.VIEWER)
    def doctor(self) -> list[Finding]:
        """Everything that must be right on this machine, one finding each."""
        return [
            _python(),
            *self._store(),
            *self._generation(),
            self._home(),
            self._space(),
            *self._save_folder(),
            *self._media(),
            self._settings(),
            *(self._workers() if self._ctx.store.is_shared else (self._runner(),)),
        ]

    @requires(Role.VIEWER)
    def scale(self) -> list[Finding]:
        """What several machines share, one finding each."""
        if not self._ctx.store.is_shared:
            return [Finding(code="scale_single", ok=True)]
        return [*self._store(), *self._generation(), *self._save_folder(), *self._media(), *self._workers()]

    def _store(self) -> tuple[Finding, ...]:
        try:
            info = self._ctx.store.info()
        except StoreError as error:
            return (Finding(code="store_away", ok=False, params={"error": error.code, "of": error.params}),)
        engine = _engine(info)
        facts = {name: info[name] for name in ("path", "bytes", "journal_mode", "schema") if name in info}
        try:
            with self._ctx.store.write() as tx:
                _PROBE.put(tx, tx.now())
        except (StoreError, FileError) as error:
            unwritable = {"path": info["path"], "error": error.code, "of": error.params}
            return *engine, Finding(code="store_unwritable", ok=False, params=unwritable)
        return *engine, Finding(code="store", ok=True, params=facts)

    def _generation(self) -> tuple[Finding, ...]:
        """Whether the queue may hold what was bought already."""
        doubt = self._worker.doubt()
        return () if doubt is None else (Finding(code=doubt.code, ok=False, params=doubt.params),)

    def _home(self) -> Finding:
        home = self._ctx.locations.home
        params = {"path": str(home), "mode": f"{home.stat().st_mode & 0o777:o}"}
        try:
            tempfile.TemporaryFile(dir=home).close()
        except OSError as error:
            return Finding(code="home_unwritable", ok=False, params=params | {"why": error.strerror or ""})
        if os.name == "posix" and home.stat().st_mode & 0o077:
            return Finding(code="home_open_to_others", ok=False, warning=True, params=params)
        return Finding(code="home", ok=True, params=params)

    def _space(self) -> Finding:
        try:
            folder = self._ctx.media.landing_folder(self._ctx.settings())
        except SettingsError:
            folder = self._ctx.locations.videos
        existing = next(place for place in (folder, *folder.parents) if place.exists())
        free = shutil.disk_usage(existing).free
        little = free < LITTLE_SPACE
        params = {"path": str(folder), "free": free}
        return Finding(code="space_low" if little else "space", ok=not little, warning=little, params=params)

    def _save_folder(self) -> tuple[Finding, ...]:
        """Said only when it is wrong: then nothing new is bought."""
        from vidgen_core.worker import storage_check

        try:
            folder = self._ctx.media.landing_folder(self._ctx.settings())
            storage_check.check(self._ctx.store, folder)
        except SettingsError:
            return ()
        except FileError as error:
            if error.code == "disk_full":
                return ()
            params = {"path": str(folder), "error": error.code, "of": error.params}
            return (Finding(code="save_folder_unwritable", ok=False, params=params),)
        return ()

    def _media(self) -> tuple[Finding, ...]:
        """Whether the bucket can be written, where there is one."""
        media = self._ctx.media
        if not media.place:
            return ()
        try:
            media.check()
        except FileError as error:
            return (Finding(code="media_away", ok=False, params={"error": error.code, "of": error.params}),)
        return (Finding(code="media", ok=True, params={"place": media.place}),)

    def _settings(self) -> Finding:
        path = self._ctx.locations.settings_file
        try:
            self._ctx.settings()
            problem = self._ctx.settings_file.problem
        except SettingsError as error:
            problem = error
        if problem is not None:
            return Finding(code="settings_wrong", ok=False, params={"error": problem.code, "of": problem.params})
        if self._ctx.store.is_shared:
            return Finding(code="settings_shared", ok=True, params={"path": self._ctx.settings_file.place})
        if not path.exists():
            return Finding(code="settings_default", ok=True, params={"path": str(path)})
        if os.name == "posix" and path.stat().st_mode & 0o077:
            return Finding(code="settings_open_to_others", ok=False, params={"path": str(path)})
        return Finding(code="settings", ok=True, params={"path": str(path)})

    def _runner(self) -> Finding:
        with self._ctx.store.read() as tx:
            beat = tx.heartbeat.get()
        if not self._worker.is_held:
            return Finding(code="runner_none", ok=True)
        if beat is None:
            return Finding(code="runner_silent", ok=False, warning=True, params={"pid": "?", "host": "?", "seconds": 0})
        seconds = int(self._worker.silence(beat))
        silent = seconds > ALIVE_SECONDS
        params = {"pid": beat.pid, "host": beat.host, "seconds": seconds}
        return Finding(code="runner_silent" if silent else "runner", ok=not silent, warning=silent, params=params)

    def _workers(self) -> list[Finding]:
        """Each worker that was heard of today, and whether one leads."""
        store = self._ctx.store
        try:
            with store.read() as tx:
                beats = tx.heartbeat.all()
            now = datetime.fromtimestamp(store.time(), UTC)
        except StoreError:
            # Said already.
            return []
        found = []
        for beat in beats:
            seconds = int((now - beat.at).total_seconds())
            silent = seconds > ALIVE_SECONDS
            params = {"name": beat.name.partition(":")[0], "pid": beat.pid, "host": beat.host, "seconds": seconds}
            code = "worker_silent" if silent else "worker_leads" if beat.leads else "worker"
            found.append(Finding(code=code, ok=not silent, warning=silent, params=params))
        if all(one.warning for one in found):
            found.append(Finding(code="workers_none", ok=False, warning=True))
        return found


async def _ask(provider: Provider, key: Key | None) -> Connection:
    try:
        return await provider.test(key)
    except VidgenError as error:
        return _failed(error)
    finally:
        await provider.close()


def _failed(error: VidgenError) -> Connection:
    return Connection(ok=False, failure=Failure.of(error, charged=ChargeStatus.NONE))


def _engine(info: dict[str, Any]) -> tuple[Finding, ...]:
    """The kind of database, and what is wrong with it or with how this machine goes with it."""
    version = {"version": info["version"]}
    if info["engine"] == "sqlite":
        bug = bool(info["wal_reset_bug"])
        return (Finding(code="sqlite_wal_bug" if bug else "sqlite", ok=not bug, warning=bug, params=version),)
    found = Finding(code="postgresql", ok=True, params=version)
    apart = abs(info["clock_ahead"])
    if apart <= CLOCKS_APART:
        return (found,)
    return found, Finding(code="database_clock", ok=False, warning=True, params={"seconds": round(apart)})


def _python() -> Finding:
    version = platform.python_version()
    good = sys.version_info >= (3, 11)
    return Finding(
        code="python" if good else "python_old", ok=good, params={"version": version, "host": socket.gethostname()}
    )
