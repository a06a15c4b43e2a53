"""What one line above the content says to the visitor, each with the way on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple


class Message(NamedTuple):
    """One sentence for the message line."""

    #: Tells it from the others that may stand there.
    name: str
    text: str
    icon: str
    kind: Literal["info", "warning"] = "info"
    #: Draws its buttons.
    actions: Callable[[], None] | None = None
