"""Which folders of this machine a visitor may name.

Whoever sits at this machine and owns the installation names what they like; others stay below the folders that an owner
has listed, whatever links and ``..`` make of a path.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vidgen_core.domain.errors import ErrorKind, Refused
from vidgen_core.services.imports.imports import INCOMING

if TYPE_CHECKING:
    from vidgen_core.services.facade import Vidgen
    from vidgen_core.services.imports.plan import ImportPlan

#: Settings that name something on this machine.
PATH_SETTINGS: Final = (
    "save_dir",
    "providers.lovart.browser_program",
    "providers.lovart.browser_profile",
)


class AllowedFolders:
    """What a visitor from elsewhere may name, by the settings of now."""

    def __init__(self, app: Vidgen) -> None:
        #: Files that were sent here lie there until they become shots.
        self._home = app.locations.home
        self._roots = (*app.settings().access.roots, self._home / INCOMING)

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

    def confine(self, noun: str, verb: str, arguments: dict[str, Any]) -> None:
        """Look at everything in the arguments of a verb that names a place here, and keep the verb from going further.

        :raises Refused: ``path_outside_roots``
        """
        for value in arguments.values():
            self._check_paths(value)
        rule = _RULES.get((noun, verb))
        if rule is not None:
            rule(self, arguments)

    def _check_paths(self, value: Any) -> None:
        if isinstance(value, Path):
            # Opened from where the process stands, unlike a path that a setting or a form names.
            self.check(value.absolute())
        elif isinstance(value, Mapping):
            self._check_paths(list(value))
            self._check_paths(list(value.values()))
        elif isinstance(value, Collection) and not isinstance(value, str | bytes | memoryview | bytearray):
            for one in value:
                self._check_paths(one)

    def without_strangers(self, plan: ImportPlan) -> ImportPlan:
        """The plan with the rows refused whose picture is a link out of the roots."""
        from vidgen_core.services.imports.plan import Reason

        shots = tuple(
            shot
            if shot.image is None or self.has(shot.image)
            else shot.model_copy(
                update={
                    "image": None,
                    "verdict": "rejected",
                    "reasons": (Reason("path_outside_roots", {"path": shot.image.name}), *shot.reasons),
                }
            )
            for shot in plan.shots
        )
        return plan.model_copy(update={"shots": shots})


def _plan(_: AllowedFolders, arguments: dict[str, Any]) -> None:
    # Lists name the pictures beside them, and no others.
    arguments["may_leave"] = False


def _apply(reach: AllowedFolders, arguments: dict[str, Any]) -> None:
    # What lay there when the plan was made may be a link by now.
    arguments["plan"] = reach.without_strangers(arguments["plan"])


def _form(reach: AllowedFolders, arguments: dict[str, Any]) -> None:
    image = str(arguments["cells"].get("image") or "").strip()
    if image and "://" not in image:
        reach.check(image)


def _watch(reach: AllowedFolders, arguments: dict[str, Any]) -> None:
    reach.check(arguments["folder"].strip())


def _export(reach: AllowedFolders, arguments: dict[str, Any]) -> None:
    # The folder may be one of the visitor's own machine; then the draft comes as a ZIP.
    options = arguments.get("options")
    arguments["drafts_here"] = bool(options and options.drafts_folder and reach.has(options.drafts_folder.strip()))


def _settings(reach: AllowedFolders, arguments: dict[str, Any]) -> None:
    for name in PATH_SETTINGS:
        value = arguments["values"].get(name)
        if value:
            reach.check(str(value))


_RULES: Final[Mapping[tuple[str, str], Callable[[AllowedFolders, dict[str, Any]], None]]] = {
    ("imports", "plan"): _plan,
    ("imports", "plan_one"): _form,
    ("imports", "apply"): _apply,
    ("watched_folders", "set"): _watch,
    ("exports", "start"): _export,
    ("settings_file", "change"): _settings,
}
