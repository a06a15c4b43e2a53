"""Draw until one passes: takes of a shot are ordered one after another until one passes its checks."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from pydantic import Field

from vidgen_core.domain.base import Frozen
from vidgen_core.domain.money import Money
from vidgen_core.domain.takes import Verdict

#: Draws that one shot may get.
MOST_DRAWS: Final = 20


class UntilPass(Frozen):
    """Order takes one after another until one passes."""

    #: At most so many takes a shot.
    most: int = Field(default=4, ge=1, le=MOST_DRAWS)
    #: The order as a whole costs at most so much, in the currency of the budget; None: what all its draws would cost.
    ceiling: Decimal | None = Field(default=None, ge=0)
    #: Draw again on a doubt, too, and not only on a fail.
    again_on: Verdict = Verdict.FAIL
    #: How many of a shot may be under way at once.
    at_once: int = Field(default=1, ge=1, le=2)

    def is_enough(self, verdict: Verdict | None) -> bool:
        """Whether a take with this verdict ends the drawing of its shot."""
        return verdict is Verdict.PASS or (verdict is Verdict.DOUBT and self.again_on is Verdict.FAIL)


class DrawState(StrEnum):
    """How far the drawing of one shot is."""

    DRAWING = "drawing"
    PASSED = "passed"
    STOPPED = "stopped"


class Draw(Frozen):
    """The drawing of one shot; those of one order have the same ``draw`` and share its ceiling."""

    draw: int
    shot_id: int
    project_id: int
    state: DrawState = DrawState.DRAWING
    #: The code of why it stopped (``draw.stopped.<code>``).
    reason: str = ""
    until: UntilPass
    ceiling: Money
    #: What the click asked for, as its options have it.
    options: dict[str, Any]
    created_at: datetime
