"""The settings as people see and change them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidgen_core.config.schema import Settings
from vidgen_core.domain.errors import SettingsError
from vidgen_core.domain.providers import specs
from vidgen_core.services.access.allowed_folders import AllowedFolders
from vidgen_core.services.access.permissions import Role, requires

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext


def _within_folders(folders: AllowedFolders, arguments: dict[str, Any]) -> None:
    # Settings that name something on this machine.
    paths = (f"providers.{spec.name}.{name}" for spec in specs() for name in spec.path_settings)
    for name in ("save_dir", *paths):
        value = arguments["values"].get(name)
        if value:
            folders.check(str(value))


class SettingsService:
    """The settings in force, where they come from, and changing them."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._file = ctx.settings_file

    @property
    @requires(Role.VIEWER)
    def path(self) -> Path:
        """The file they are kept in."""
        return self._file.path

    @property
    @requires(Role.VIEWER)
    def place(self) -> str:
        """Where they are kept: a file, or the database that machines share."""
        return self._file.place

    @property
    @requires(Role.VIEWER)
    def problem(self) -> SettingsError | None:
        """Why the file cannot be read, while the last good settings stay in force."""
        return self._file.problem

    @requires(Role.VIEWER)
    def current(self) -> Settings:
        """:raises SettingsError: the file cannot be read and there are no earlier good settings"""
        return self._file.current()

    @requires(Role.VIEWER)
    def from_environment(self) -> frozenset[str]:
        """Dotted names of the settings that the environment decides."""
        return self._file.from_environment()

    @requires(Role.OWNER, confine=_within_folders)
    def change(self, values: Mapping[str, Any]) -> Settings:
        """Check all of ``values`` (dotted name → value; None: leave it out), then write them at once.

        :raises SettingsError: as ``SettingsFile.change``; nothing has been written then
        """
        return self._file.change(values)
