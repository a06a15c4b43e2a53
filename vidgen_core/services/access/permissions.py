"""Who may do what: each verb of a service says who may use it, and a visitor's façade holds them to it.

``requires`` stands beside the verb. ``as_visitor(app, visitor)`` answers like the façade itself, refuses what the visitor's
role has no right to, and logs who did what. A verb without ``requires`` is the owners': what is new is closed until
somebody decides.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Collection
from enum import IntEnum
from types import FunctionType
from typing import TYPE_CHECKING, Any, Concatenate, Final, NamedTuple, ParamSpec, Protocol, TypeVar, cast

from vidgen_core.db import Tx
from vidgen_core.domain.errors import ErrorKind, Refused
from vidgen_core.domain.log import LogLevel
from vidgen_core.services.access.allowed_folders import AllowedFolders, NamesFiles
from vidgen_core.services.context import services_of

if TYPE_CHECKING:
    from vidgen_core.db.repository import Repository
    from vidgen_core.services.context import ServiceContext

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R", bound="Repository")
T = TypeVar("T")


class HasContext(Protocol):
    """A façade: its public attributes are services."""

    @property
    def context(self) -> ServiceContext: ...


A = TypeVar("A", bound=HasContext)


class Role(IntEnum):
    """Each may do what the ones before may."""

    #: Reads and downloads.
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
    #: A program with limits of its own; ``name`` is its name.
    is_agent: bool = False


#: The person at this machine.
AT_HOME: Final = Visitor(Role.OWNER, is_local=True)

#: Narrows the arguments of a verb, or refuses them, for somebody who may not name every folder of this machine.
Confine = Callable[[AllowedFolders, dict[str, Any]], None]


class Access(NamedTuple):
    """What ``requires`` says of a verb."""

    role: Role
    #: Leaves a line in the log.
    is_logged: bool = True
    confine: Confine | None = None
    #: Answers also those whose session has ended meanwhile.
    is_always_open: bool = False


#: Of a verb that says nothing.
_UNDECIDED: Final = Access(Role.OWNER)
#: What ``requires`` says of each verb.
_ACCESS: Final[dict[Any, Access]] = {}
#: Seconds for which readers are taken for welcome without asking again.
_TRUSTED: Final = 1.0
#: Ids named in one line of the log.
_NAMED: Final = 8


def requires(role: Role, *, log: bool = True, confine: Confine | None = None, always: bool = False) -> Callable[[F], F]:
    """Say who may use a verb of a service; on a property it stands below ``@property``.

    :param log: False: not worth a line in the log; what viewers may do leaves none anyway
    :param confine: keeps the arguments of somebody from elsewhere within the allowed folders, beside every ``Path`` among
        them, which is checked without it
    :param always: whether somebody is answered whose session has ended meanwhile
    """
    access = Access(role, log and role > Role.VIEWER, confine, always)

    def mark(function: F) -> F:
        _ACCESS[function] = access
        return function

    return mark


def stored(
    role: Role, verb: Callable[Concatenate[R, P], T], *, log: bool = True, write: bool = False
) -> Callable[Concatenate[Any, P], T]:
    """A verb of a service that is a verb of a repository, in a transaction of its own; rights as of ``requires``.

    :param write: it changes something
    """
    repository, _, _ = verb.__qualname__.partition(".")
    noun = next(name for name, kind in Tx.__annotations__.items() if kind == repository)

    @functools.wraps(verb)
    def call(self: Any, *args: P.args, **kwargs: P.kwargs) -> T:
        store = self._ctx.store
        with store.write() if write else store.read() as tx:
            return verb(getattr(tx, noun), *args, **kwargs)

    return cast("Callable[Concatenate[Any, P], T]", requires(role, log=log)(call))


def access_of(kind: type, verb: str) -> Access | None:
    """What a class says of one of its verbs; None: nothing."""
    member = inspect.getattr_static(kind, verb)
    return _ACCESS.get(member.fget if isinstance(member, property) else member)


_VERBS: Final = (FunctionType, classmethod, staticmethod, property)


def verbs_of(kind: type) -> list[str]:
    """The public methods and properties of a class."""
    members = ((name, inspect.getattr_static(kind, name)) for name in dir(kind) if not name.startswith("_"))
    return [name for name, member in members if isinstance(member, _VERBS)]


def as_visitor(app: A, visitor: Visitor, is_welcome: Callable[[], bool] | None = None) -> A:
    """The façade with the rights of one visitor; the person at this machine gets the façade itself.

    :param is_welcome: whether the visitor may still be here, where the façade outlasts one request; asked before every
        verb, because what a page kept may be called without the page's being drawn
    """
    if visitor == AT_HOME and is_welcome is None:
        return app
    admission = _Admission(app.context, visitor, is_welcome)
    facade = _guard(app, "", admission)
    for noun, service in services_of(app).items():
        setattr(facade, noun, _guard(service, noun, admission))
    return cast("A", facade)


def require(visitor: Visitor, role: Role) -> None:
    """:raises Refused: ``role_forbids_maker``, ``role_forbids_owner``: what is lacking"""
    if visitor.role < role:
        raise Refused(f"role_forbids_{role.word}", kind=ErrorKind.AUTH)


class _Admission:
    """One visitor, and whether they may still be here."""

    def __init__(self, context: ServiceContext, visitor: Visitor, is_welcome: Callable[[], bool] | None) -> None:
        self.context = context
        self.visitor = visitor
        self._is_welcome = is_welcome
        self._asked = 0.0

    @property
    def is_free(self) -> bool:
        """Whether the visitor may name every folder of this machine."""
        return self.visitor.role is Role.OWNER and self.visitor.is_local

    def check(self, access: Access) -> None:
        """:raises Refused: ``role_forbids_maker``, ``role_forbids_owner``, ``sign_in_needed``"""
        require(self.visitor, access.role)
        if self._is_welcome is None or access.is_always_open:
            return
        now = time.monotonic()
        if access.role is Role.VIEWER and now - self._asked < _TRUSTED:
            return
        if not self._is_welcome():
            raise Refused("sign_in_needed", kind=ErrorKind.AUTH)
        self._asked = now


class _Guarded:
    """A service, or the façade, as one visitor has it: a class with the same verbs is made for each once."""

    def __init__(self, service: object, noun: str, admission: _Admission) -> None:
        self._service = service
        self._noun = noun
        self._admission = admission

    def _get(self, name: str, access: Access) -> Any:
        self._admission.check(access)
        return getattr(self._service, name)

    def _call(self, verb: str, access: Access, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._admission.check(access)
        method = getattr(self._service, verb)
        if access.role is Role.VIEWER:
            return method(*args, **kwargs)
        bound = inspect.signature(method).bind(*args, **kwargs)
        answer = method(*args, **kwargs) if self._admission.is_free else self._within_reach(method, access, bound)
        if access.is_logged and self._admission.visitor.name is not None:
            self._log(verb, bound.arguments)
        return answer

    def _within_reach(self, method: Callable[..., Any], access: Access, bound: inspect.BoundArguments) -> Any:
        """Carry a verb out for somebody who may not name every folder of this machine."""
        folders = AllowedFolders(self._admission.context)
        folders.check_all(bound.arguments.values())
        if access.confine is not None:
            access.confine(folders, bound.arguments)
        answer = method(*bound.args, **bound.kwargs)
        return answer.within(folders.has) if isinstance(answer, NamesFiles) else answer

    def _log(self, verb: str, arguments: dict[str, Any]) -> None:
        with self._admission.context.store.write() as tx:
            tx.log.add(
                LogLevel.INFO,
                f"did_{self._noun}_{verb}",
                project_id=arguments.get("project_id"),
                who=self._admission.visitor.name or "–",
                what=_what(arguments),
            )


def _guard(service: object, noun: str, admission: _Admission) -> _Guarded:
    kind: Any = type(service)
    return _guarded_class(kind)(service, noun, admission)


@functools.cache
def _guarded_class(kind: type) -> type[_Guarded]:
    members = {verb: _guarded(kind, verb, access_of(kind, verb) or _UNDECIDED) for verb in verbs_of(kind)}
    return type(f"Guarded{kind.__name__}", (_Guarded,), members)


def _guarded(kind: type, verb: str, access: Access) -> Any:
    member = inspect.getattr_static(kind, verb)
    if isinstance(member, property):
        return property(lambda self: self._get(verb, access))

    @functools.wraps(getattr(kind, verb))
    def call(self: _Guarded, *args: Any, **kwargs: Any) -> Any:
        return self._call(verb, access, args, kwargs)

    return call


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
