"""Who may do what: a façade for one visitor.

``as_visitor(app, visitor)`` answers like the façade itself, refuses what the visitor's role has no right to, and writes
down who did what. A verb that is not named here is the owners': what is new is closed until somebody decides.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Collection
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from vidgen_core.domain.errors import ErrorKind, Refused
from vidgen_core.domain.log import LogLevel

if TYPE_CHECKING:
    from vidgen_core.services.facade import Vidgen


class Role(IntEnum):
    """Each may do what the ones before may."""

    #: Looks and downloads.
    VIEWER = 1
    #: Imports, generates, chooses, exports: spends money within the budget.
    MAKER = 2
    #: Keys, settings, budget, clearing up.
    OWNER = 3

    @property
    def word(self) -> str:
        return self.name.lower()


class Visitor(NamedTuple):
    """Somebody who asks. ``name`` is for the log; None: the person at this machine, of whom no notes are made."""

    role: Role
    name: str | None = None
    #: Sits at this machine, where its own files are theirs anyway.
    is_local: bool = False


#: The person at this machine.
AT_HOME: Final = Visitor(Role.OWNER, is_local=True)

#: Noun → verbs that change nothing.
LOOKS: Final[dict[str, frozenset[str]]] = {
    "projects": frozenset({"all", "get", "find"}),
    "shots": frozenset(
        {"page", "view", "views", "count", "frames", "get", "ids", "by_number", "changed_since", "image_path"}
    ),
    "tasks": frozenset(
        {
            "get",
            "many",
            "page",
            "ids",
            "counts",
            "attempts",
            "changed_since",
            "estimate",
            "estimate_for",
            "estimate_batch",
            "estimate_tasks",
            "preflight",
            "preflight_batch",
            "preflight_tasks",
            "steps",
        }
    ),
    "budget": frozenset({"standing", "prices", "table", "spend", "balances", "differences"}),
    "pictures": frozenset(
        {"look_at", "of_shot", "get", "missing", "references", "wording", "estimate", "estimate_for", "preflight"}
    ),
    "takes": frozenset({"get", "takes_of", "chosen", "file", "poster"}),
    "imports": frozenset(),
    "watched_folders": frozenset({"get", "state", "is_alive"}),
    "worker": frozenset({"status", "is_here", "is_held", "problem", "wait_until_working", "wake", "doubt"}),
    "diagnostics": frozenset({"connection", "doctor"}),
    "log": frozenset({"page", "after", "export"}),
    "reports": frozenset({"of", "csv"}),
    "notifications": frozenset({"words"}),
    "disputes": frozenset({"any", "pack"}),
    "exports": frozenset({"film", "names", "all", "get", "file", "task_list", "cut"}),
    "cleanup": frozenset(),
    "llm_queue": frozenset({"has_model", "is_busy", "is_elsewhere", "wait"}),
    "prompts": frozenset({"versions", "version_of_take", "writing", "lost", "empty", "estimate", "questions", "wait"}),
    "progress": frozenset({"steps", "walk", "sheet", "unfilmed", "is_alive"}),
    "scripts": frozenset({"all", "get", "estimate", "board", "coverage", "style", "wait"}),
    "settings_file": frozenset({"current", "from_environment", "problem", "path"}),
    "store": frozenset({"read", "revision", "info", "path"}),
}
#: Verbs of makers that are not worth a line in the log.
PREPARES: Final[dict[str, frozenset[str]]] = {
    "imports": frozenset(
        {
            "open_staging",
            "temporary_staging",
            "find_staging",
            "inspect",
            "plan",
            "plan_pictures",
            "plan_one",
            "plan_links",
            "materialize",
            "review",
            "preview",
        }
    ),
    "shots": frozenset({"keep_image"}),
    "diagnostics": frozenset({"test"}),
    "tasks": frozenset({"asked_price"}),
    "worker": frozenset({"look_now"}),
    "scripts": frozenset({"read", "pieces", "rehearse"}),
    "progress": frozenset({"dismiss"}),
    # Marks that belong to a screen, such as how far the log was read.
    "store": frozenset({"write"}),
}
#: Verbs of makers; each leaves a line in the log.
ACTS: Final[dict[str, frozenset[str]]] = {
    "projects": frozenset({"ensure", "ensure_sample", "make_sample"}),
    "shots": frozenset({"add", "edit", "set_image", "move", "delete", "restore"}),
    "tasks": frozenset(
        {
            "generate",
            "start",
            "cancel",
            "delete",
            "restore",
            "pin",
            "retry",
            "look_again",
            "download_again",
            "enter_link",
            "adopt",
            "adopt_new",
            "confirm_price",
            "go_on",
        }
    ),
    "pictures": frozenset({"draw", "choose", "choose_number", "reject", "set_references"}),
    "takes": frozenset({"choose", "choose_number", "choose_first", "reject"}),
    "imports": frozenset({"apply"}),
    "watched_folders": frozenset({"set", "unset"}),
    "worker": frozenset({"pause", "resume", "release", "stop_unsubmitted", "give_up"}),
    "exports": frozenset({"start", "write", "cancel", "remove"}),
    "progress": frozenset({"go", "halt"}),
    "prompts": frozenset({"put_back", "write", "cancel"}),
    "scripts": frozenset({"set_style", "start", "resume", "cancel", "store", "remove"}),
}
#: What hangs on the façade and is no noun.
_PLAIN: Final = frozenset({"settings", "locations", "provider", "modes"})
#: Seconds for which looks take a visitor for welcome without asking again.
_TRUSTED: Final = 1.0
#: Ids named in one line of the log.
_NAMED: Final = 8


def as_visitor(app: Vidgen, visitor: Visitor, is_welcome: Callable[[], bool] | None = None) -> Vidgen:
    """The façade with the rights of one visitor; the person at this machine gets the façade itself.

    :param is_welcome: whether the visitor may still be here, where the façade outlasts one request; asked before every
        verb, because what a page kept may be called without the page's being drawn
    """
    if visitor == AT_HOME and is_welcome is None:
        return app
    return cast("Vidgen", _House(app, visitor, is_welcome or _is_asked_already))


def require(visitor: Visitor, role: Role) -> None:
    """:raises Refused: ``role_forbids_maker``, ``role_forbids_owner``: what is lacking"""
    if visitor.role < role:
        raise Refused(f"role_forbids_{role.word}", kind=ErrorKind.AUTH)


def role_for(noun: str, verb: str) -> Role:
    """The least role that may use a verb of the façade."""
    if verb in LOOKS.get(noun, ()):
        return Role.VIEWER
    if verb in ACTS.get(noun, ()) or verb in PREPARES.get(noun, ()):
        return Role.MAKER
    return Role.OWNER


def _is_asked_already() -> bool:
    return True


class _House:
    def __init__(self, app: Vidgen, visitor: Visitor, is_welcome: Callable[[], bool]) -> None:
        self._app = app
        self._visitor = visitor
        self._is_welcome = is_welcome
        self._asked = 0.0

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._app, name)
        if name in LOOKS:
            return _Noun(self, self._app, self._visitor, name, value)
        if name not in _PLAIN:
            require(self._visitor, Role.OWNER)
            self.ask(is_look=False)
        return value

    def ask(self, *, is_look: bool) -> None:
        """:raises Refused: ``sign_in_needed``"""
        now = time.monotonic()
        if is_look and now - self._asked < _TRUSTED:
            return
        if not self._is_welcome():
            raise Refused("sign_in_needed", kind=ErrorKind.AUTH)
        self._asked = now


class _Noun:
    def __init__(self, house: _House, app: Vidgen, visitor: Visitor, noun: str, value: Any) -> None:
        self._house = house
        self._app = app
        self._visitor = visitor
        self._noun = noun
        self._value = value

    def __getattr__(self, verb: str) -> Any:
        value = getattr(self._value, verb)
        least = role_for(self._noun, verb)
        if not callable(value):
            require(self._visitor, least)
            self._house.ask(is_look=least is Role.VIEWER)
            return value
        quiet = least is Role.VIEWER or verb in PREPARES.get(self._noun, ())
        return self._guarded(verb, value, least, quiet)

    def _guarded(self, verb: str, value: Callable[..., Any], least: Role, quiet: bool) -> Callable[..., Any]:
        @functools.wraps(value)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            require(self._visitor, least)
            self._house.ask(is_look=least is Role.VIEWER)
            if least is Role.VIEWER:
                return value(*args, **kwargs)
            bound = inspect.signature(value).bind(*args, **kwargs)
            if self._visitor.role is Role.OWNER and self._visitor.is_local:
                answer = value(*args, **kwargs)
            else:
                answer = self._within_reach(verb, value, bound)
            if not quiet and self._visitor.name is not None:
                self._note(verb, bound.arguments)
            return answer

        return guarded

    def _within_reach(self, verb: str, value: Callable[..., Any], bound: inspect.BoundArguments) -> Any:
        """Carry a verb out for somebody who may not name every folder of this machine."""
        from vidgen_core.services.access.allowed_folders import AllowedFolders
        from vidgen_core.services.imports.plan import ImportPlan

        reach = AllowedFolders(self._app)
        reach.confine(self._noun, verb, bound.arguments)
        answer = value(*bound.args, **bound.kwargs)
        return reach.without_strangers(answer) if isinstance(answer, ImportPlan) else answer

    def _note(self, verb: str, arguments: dict[str, Any]) -> None:
        with self._app.store.write() as tx:
            tx.log.add(
                LogLevel.INFO,
                f"did_{self._noun}_{verb}",
                project_id=arguments.get("project_id"),
                who=self._visitor.name or "–",
                what=_what(arguments),
            )


def _what(arguments: dict[str, Any]) -> str:
    """The ids and names that a verb was called with; never values, which may be secrets."""
    found: list[str] = []
    for name, value in arguments.items():
        if name == "project_id":
            continue
        if name == "values":
            found += sorted(value)
        elif isinstance(value, int | str) and not isinstance(value, bool) and _names_something(name):
            found.append(str(value))
        elif isinstance(value, Collection) and not isinstance(value, str | bytes | dict):
            found += [str(item) for item in list(value)[:_NAMED] if isinstance(item, int)]
            found += ["…"] if len(value) > _NAMED else []
    return ", ".join(found) or "–"


def _names_something(name: str) -> bool:
    return name.endswith("_id") or name in ("name", "number", "kind", "folder")
