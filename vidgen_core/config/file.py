"""The settings of a data home as they are now: read again when the file changes, written with its comments kept.

Where several machines share a database, all but ``[scale]`` stands there, in one row that each change compares and replaces.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from vidgen_core.config.loader import build, environment_names, parse, read, read_text
from vidgen_core.config.lookup import dotted_get, leaf_of, variable_of
from vidgen_core.config.paths import Locations
from vidgen_core.config.schema import Settings, keyed_sections
from vidgen_core.domain.errors import SettingsError, StoreError
from vidgen_core.domain.provider_settings import KeySettings

#: Seconds to wait for another process that is writing the settings.
LOCK_SECONDS: Final = 10.0
#: Seconds until it is looked again for what others have changed: of all machines always, else by who asks all the time.
LOOK_EVERY: Final = 0.3
#: The section that stays in the file of each machine: it says where the others are.
OWN: Final = "scale"


class SharedText(NamedTuple):
    """The settings of all machines: TOML, and how often they were changed."""

    rev: int
    text: str


class SharedPlace(Protocol):
    """Where the settings of all machines are kept."""

    #: For people.
    place: str

    def read(self) -> SharedText | None:
        """:raises StoreError: it does not answer"""
        ...

    def replace(self, rev: int, text: str) -> bool:
        """Put ``text`` in the place of the revision ``rev`` (0: of nothing); False when it is another one by now."""
        ...


class SettingsFile:
    """The settings of a data home as they are now; safe to share between threads.

    ``problem`` is the ``SettingsError`` of the last reading, while the last good settings stay in force.
    """

    def __init__(self, locations: Locations) -> None:
        self.path: Final = locations.settings_file
        self.problem: SettingsError | None = None
        self._settings: Settings | None = None
        #: What was read last; None: something has been changed here since.
        self._seen: object = None
        self._fixed: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._shared: SharedPlace | None = None
        self._known = SharedText(0, "")
        self._looked = -LOOK_EVERY
        #: When it was seen last that nothing had changed.
        self._fresh_at = -LOOK_EVERY

    @property
    def place(self) -> str:
        """Where changes go, for people."""
        return self._shared.place if self._shared else str(self.path)

    def text(self) -> str:
        """All settings as they are written, with their secrets; empty without any."""
        shared = self._shared.read() if self._shared else None
        return shared.text if shared else read_text(self.path)

    def share(self, place: SharedPlace) -> None:
        """Keep all but ``[scale]`` there from now on; the first machine brings what its file says.

        :raises SettingsError: nothing is there yet and the file cannot be read
        :raises StoreError:
        """
        if place.read() is None:
            import tomlkit

            document = tomlkit.parse(read_text(self.path)) if read(self.path) else tomlkit.document()
            document.pop(OWN, None)
            place.replace(0, tomlkit.dumps(document))
        with self._lock:
            self._shared, self._seen = place, None

    def current(self) -> Settings:
        """The settings; the file is read again only when it has changed, and the environment with it.

        :raises SettingsError: as ``load_settings``, when there are no earlier good settings to keep
        """
        with self._lock:
            self._look()
            if self._settings is None:
                raise self.problem or SettingsError()
            return self._settings

    def recent(self) -> Settings:
        """As ``current`` for who asks all the time: what others have changed may be missed for ``LOOK_EVERY`` seconds."""
        with self._lock:
            is_known = self._seen is not None and time.monotonic() - self._fresh_at < LOOK_EVERY
            if is_known and self._settings is not None:
                return self._settings
        return self.current()

    def _look(self) -> None:
        now = time.monotonic()
        seen = self._signature()
        if seen != self._seen:
            self._read_again()
            self._seen = seen
        self._fresh_at = now

    def _read_again(self) -> None:
        self._fixed = environment_names()
        try:
            data = read(self.path)
            if self._shared is not None:
                data = parse(self._known.text, self._shared.place) | _own(data)
            self._settings = build(data, self.place)
        except SettingsError as error:
            self.problem = error
        else:
            self.problem = None

    def _signature(self) -> object:
        rev = self._look_there()
        try:
            stat = self.path.stat()
        except OSError as error:
            return error.errno, rev
        self._make_private(stat)
        return stat.st_mtime_ns, stat.st_size, stat.st_ino, rev

    def _look_there(self) -> int:
        """The revision of the settings of all machines, as known now."""
        now = time.monotonic()
        if self._shared is not None and now - self._looked >= LOOK_EVERY:
            try:
                self._known = self._shared.read() or SharedText(0, "")
            except StoreError:
                # While the database is away what was known stays in force.
                if self._settings is None:
                    raise
            self._looked = now
        return self._known.rev

    def _make_private(self, stat: os.stat_result) -> None:
        """A file written by hand is usually readable by everybody, and holds keys."""
        if os.name == "posix" and stat.st_mode & 0o077 and stat.st_uid == os.getuid():
            self.path.chmod(0o600)

    def from_environment(self) -> frozenset[str]:
        """Dotted names of the settings that the environment decides, as of the last reading."""
        with self._lock:
            self._look()
            return self._fixed

    def change(self, values: Mapping[str, Any]) -> Settings:
        """Check all of ``values`` (dotted name → value; None: leave it out), then write them at once.

        Comments and order of the file are kept. Returns the settings in force afterwards.

        :raises SettingsError: ``setting_from_environment`` (field), ``settings_unwritable`` (path, why),
            ``settings_locked`` (path), and as ``load_settings``; nothing has been written then
        """
        fixed = sorted(self.from_environment() & set(values))
        if fixed:
            raise SettingsError("setting_from_environment", field=fixed[0], where=variable_of(fixed[0]))
        own = {name: value for name, value in values.items() if self._shared is None or name.startswith(f"{OWN}.")}
        if own:
            with self._writing():
                there = {} if self._shared is None else parse(self._known.text, self._shared.place)
                self._write(self._changed(read_text(self.path), str(self.path), own, beside=there))
        if self._shared is not None and len(own) < len(values):
            self._change_there(self._shared, {name: value for name, value in values.items() if name not in own})
        return self.current()

    def _change_there(self, place: SharedPlace, values: Mapping[str, Any]) -> None:
        deadline = time.monotonic() + LOCK_SECONDS
        while time.monotonic() < deadline:
            known = place.read() or SharedText(0, "")
            text = self._changed(known.text, place.place, values, beside=_own(read(self.path)))
            if place.replace(known.rev, text):
                break
        else:
            raise SettingsError("settings_locked", path=place.place)
        with self._lock:
            self._looked, self._seen = -LOOK_EVERY, None

    def _changed(self, text: str, where: str, values: Mapping[str, Any], beside: Mapping[str, Any]) -> str:
        """The text with ``values`` in it, and with keys bound to what they were entered for.

        :param beside: what is in force from elsewhere
        :raises SettingsError: as ``change``
        """
        # Imported by who writes: most commands only read the settings.
        import tomlkit

        from vidgen_core.config.toml_writer import plain, put, put_toml

        data = {**parse(text, where), **beside}
        before = _good(data, where)
        for name, value in values.items():
            leaf_of(name)
            put(data, name, plain(value))
        settings = build(data, where)
        bound = self._keys_left_behind(before, settings)
        if bound:
            for name, keys in bound.items():
                put(data, name, plain(keys))
            settings = build(data, where)
        document = tomlkit.parse(text)
        for name in {**values, **bound}:
            # What validation made of the value, so that "5" is written as 5.
            put_toml(document, name, plain(dotted_get(settings, name)))
        return tomlkit.dumps(document)

    def _keys_left_behind(self, before: Settings | None, after: Settings) -> dict[str, list[KeySettings]]:
        """The keys of sections whose addresses have changed, bound to the hosts that they were entered for.

        Whoever may change an address must not thereby have a saved key sent there. Addresses and keys that are written
        into the file by hand, or stand in the environment, come from somebody who can read the keys anyway.

        :raises SettingsError: ``key_of_environment`` (field, where)
        """
        found: dict[str, list[KeySettings]] = {}
        for name, section in keyed_sections(after):
            old = dict(keyed_sections(before))[name] if before else section
            if old.hosts == section.hosts:
                continue
            if f"{name}.keys" in self._fixed:
                raise SettingsError("key_of_environment", field=f"{name}.keys", where=variable_of(f"{name}.keys"))
            saved = {key.fingerprint for key in old.keys}
            keys = [
                key.model_copy(update={"hosts": old.hosts}) if key.fingerprint in saved and not key.hosts else key
                for key in section.keys
            ]
            if keys != list(section.keys):
                found[f"{name}.keys"] = keys
        return found

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the lock between processes: of two writers neither loses the other's change."""
        import filelock

        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.parent.chmod(0o700)
            with filelock.FileLock(self.path.with_name(self.path.name + ".lock"), timeout=LOCK_SECONDS, mode=0o600):
                yield
        except filelock.Timeout:
            raise SettingsError("settings_locked", path=str(self.path)) from None
        except OSError as error:
            raise SettingsError("settings_unwritable", path=str(self.path), why=error.strerror or "") from error

    def _write(self, text: str) -> None:
        # A settings file that is a link into somebody's dotfiles stays one.
        target = self.path.resolve()
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".settings-", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
        with self._lock:
            self._seen = None


def _own(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a machine's own file says where the rest is shared."""
    return {OWN: data[OWN]} if OWN in data else {}


def _good(data: dict[str, Any], where: str) -> Settings | None:
    try:
        return build(data, where)
    except SettingsError:
        # A change may be what mends it.
        return None


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
