"""The ``Action`` type: one entry for each thing that can be done, from which menus and bars are drawn; and what one line says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Generic, Literal, NamedTuple, TypeVar

from vidgen_core.dashboard.shell import sign_in
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.i18n import Text
from vidgen_core.services.access.permissions import Role
from vidgen_core.services.generation.recovery import StepName

T = TypeVar("T")


class Place(Enum):
    """Where an action is offered."""

    #: Above a selection; ``run`` takes all of the items that fit.
    BAR = auto()
    #: For everything that a filter leaves.
    ALL = auto()
    #: In the menu of a single card or take.
    MENU = auto()
    #: As a button of its own on a take.
    BUTTON = auto()


@dataclass(frozen=True)
class Action(Generic[T]):
    """One action; ``name`` is the verb of the HTTP API and the command line where they have it."""

    name: str
    #: What the click does, given what it acts on.
    run: Callable[..., None]
    fits: Callable[[T], bool] = lambda _item: True
    icon: str | None = None
    role: Role = Role.MAKER
    places: frozenset[Place] = frozenset({Place.MENU})
    primary: bool = False
    shortcut: str | None = None
    #: The estimate shown on the button; None where the click itself asks with the price, or is free.
    price: Callable[[Text, Sequence[T]], str] | None = None
    #: The step after a failure that it takes.
    step: StepName | None = None
    #: For ``Place.ALL``: the statuses it applies to, which the store filters by.
    statuses: frozenset[TaskStatus] = field(default_factory=frozenset)


def offered(actions: Iterable[Action[T]], place: Place, item: T) -> list[Action[T]]:
    """The actions that the visitor may take on ``item`` in this place, in the order of the registry."""
    role = sign_in.visitor().role
    return [one for one in actions if place in one.places and role >= one.role and one.fits(item)]


def named(actions: Iterable[Action[T]], name: object) -> Action[T] | None:
    """The action of this name; None for a name that nothing has, such as one that a browser made up."""
    return next((one for one in actions if one.name == name), None)


# --- messages


class Message(NamedTuple):
    """One sentence for the message line."""

    #: Tells it from the others that may stand there.
    name: str
    text: str
    icon: str
    kind: Literal["info", "warning"] = "info"
    #: Draws its buttons.
    actions: Callable[[], None] | None = None
