"""Time as the runner sees it, so that tests and simulations can bring their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

#: Returns the present time, aware, in UTC.
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock on the wall."""
    return datetime.now(UTC)
