"""What an engine is: which of several workers carries which task. A job is a pointer to a task; its row stays the truth."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

#: Carry the task with this id until this worker has nothing more to do for it.
Carry = Callable[[int], Awaitable[None]]


class Engine(Protocol):
    """Hands each task to one worker, and to another one when nothing is heard of the first.

    It may hand a task out twice, late, or lose it: that wastes time, and never money.
    """

    async def run(self, carry: Carry) -> None:
        """Call ``carry`` for each task that is handed to this worker, several at once, until ``stop``; a server that is away is waited for."""
        ...

    async def put(self, task_ids: Collection[int], machine: str = "") -> None:
        """Ask that each task is carried by somebody; does nothing for those that wait or are carried already.

        :param machine: the name of the only worker that may; they wait for it. Empty: any
        While the server is away nothing is asked.
        """
        ...

    def stop(self) -> None:
        """Take no more tasks; those that are carried still are given back, for another worker to go on with."""
        ...
