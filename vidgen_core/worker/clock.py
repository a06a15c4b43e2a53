"""Measure time by what has really passed, whatever happens to the wall clock.

Clocks are set: by a person, by the network after a start, by a machine that wakes. Durations must not follow them, and times
that are kept must not lie in a past or a future that never was. So the time of the worker is that of the wall when it was last
read, and what the monotonic clock has counted since; a jump of the wall is noticed and taken over in one place.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from vidgen_core.domain.log import LogLevel

if TYPE_CHECKING:
    from vidgen_core.db import Tx

#: Seconds between wall and monotonic clock that are a jump; less is a clock that is kept right.
JUMP: Final = 5.0
#: Seconds between two questions for a server's time.
ASK_TIME: Final = 5.0
#: Seconds that an answer may take; what takes longer says too little.
QUICK: Final = 2.0


def utc_now() -> datetime:
    """The clock on the wall, aware, in UTC."""
    return datetime.now(UTC)


class Clock:
    """The worker's only source of time; tests and simulations bring their own ``wall`` and ``monotonic``."""

    def __init__(self) -> None:
        self._offset = self.wall().timestamp() - self.monotonic()

    def wall(self) -> datetime:
        """The clock on the wall, aware, in UTC."""
        return utc_now()

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def __call__(self) -> datetime:
        """The present time, aware, in UTC; two of them differ by what has really passed."""
        return datetime.fromtimestamp(self._offset + self.monotonic(), UTC)

    def jump(self) -> float:
        """Seconds by which the wall has been set since it was last followed; 0.0 while it is only kept right."""
        difference = self.wall().timestamp() - self._offset - self.monotonic()
        return difference if abs(difference) > JUMP else 0.0

    def follow(self) -> None:
        """Take over the time on the wall."""
        self._offset = self.wall().timestamp() - self.monotonic()


class ServerClock(Clock):
    """The time of a server, which all who share its database go by, counted on by the monotonic clock of this machine.

    :param ask_server: the seconds since 1970 there
    """

    def __init__(self, ask_server: Callable[[], float]) -> None:
        self._ask_server = ask_server
        self._apart = 0.0
        self._offset = self._ask()

    @property
    def is_old(self) -> bool:
        """Whether it is time to ``ask`` again."""
        return self.monotonic() - self._asked_at >= ASK_TIME

    def _ask(self) -> float:
        before = self.monotonic()
        there = self._ask_server()
        self._asked_at = self.monotonic()
        # While it was asked, half of the time went by before it looked.
        return there - (before + self._asked_at) / 2

    def ask(self) -> None:
        """See how far the server's time is from what it was last known to be."""
        before = self.monotonic()
        offset = self._ask()
        if self._asked_at - before < QUICK:
            self._apart = offset - self._offset

    def expire(self) -> None:
        """Somebody says that it was set: ask at the next opportunity."""
        self._asked_at = -ASK_TIME

    def jump(self) -> float:
        return self._apart if abs(self._apart) > JUMP else 0.0

    def follow(self) -> None:
        """Take over the server's time, as it was last asked for."""
        self._offset, self._apart = self._offset + self._apart, 0.0


def shift_times(tx: Tx, seconds: float) -> None:
    """Let the times that are kept be as long ago, or as far ahead, as they were before the clock was set."""
    tx.tasks.shift_due(seconds)
    tx.attempts.shift_open_times(seconds)
    tx.log.add(LogLevel.WARNING, "clock_set", seconds=round(seconds))
