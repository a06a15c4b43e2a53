"""Which folders of this machine a visitor may name.

Whoever sits at this machine and owns the installation names what they like; others stay below the folders that an owner
has listed, whatever links and ``..`` make of a path.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from vidgen_core.domain.errors import ErrorKind, Refused

if TYPE_CHECKING:
    from vidgen_core.services.context import ServiceContext


@runtime_checkable
class NamesFiles(Protocol):
    """A value that names files of this machine, such as a plan of what is to be imported."""

    def within(self, allows: Callable[[Path], bool]) -> Self:
        """The value without the files that are not allowed."""


class AllowedFolders:
    """What a visitor from elsewhere may name, by the settings of now."""

    def __init__(self, ctx: ServiceContext) -> None:
        #: Files that were sent here lie in the last one until they become shots.
        self._home = ctx.locations.home
        self._roots = (*ctx.settings().access.roots, ctx.locations.incoming)

    def has(self, path: Path | str) -> bool:
        """Whether a path, all links followed, lies below one of the roots."""
        try:
            # As the settings count a relative path.
            real = (self._home / Path(path).expanduser()).resolve()
            return any(real.is_relative_to(root.resolve()) for root in self._roots)
        except (OSError, ValueError, RuntimeError):
            # A zero byte, a circle of links, a user who is not there.
            return False

    def check(self, path: Path | str) -> None:
        """:raises Refused: ``path_outside_roots`` (path)"""
        if not self.has(path):
            raise Refused("path_outside_roots", kind=ErrorKind.AUTH, path=str(path)[:300])

    def check_all(self, values: Iterable[Any]) -> None:
        """Check every ``Path`` among values, however deep.

        :raises Refused: ``path_outside_roots``
        """
        for value in values:
            if isinstance(value, Path):
                # Opened from where the process stands, unlike a path that a setting or a form names.
                self.check(value.absolute())
            elif isinstance(value, Mapping):
                self.check_all((*value, *value.values()))
            elif isinstance(value, Collection) and not isinstance(value, str | bytes | memoryview | bytearray):
                self.check_all(value)
