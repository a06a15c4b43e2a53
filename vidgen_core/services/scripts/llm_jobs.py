"""A job of the queue of language models: what is being written in the background, and how it is ended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vidgen_core.domain.agents import Quote
    from vidgen_core.llm.client import Chat


class LlmSubject(NamedTuple):
    """What a question is about."""

    project_id: int
    #: ``script``, ``prompt``, ``translate`` or ``judge``.
    kind: str
    piece_id: int | None = None
    shot_id: int | None = None


class Stopped(Exception):
    """The person does not want it any more."""


class LlmJob:
    """Something that is being written."""

    def __init__(self, name: str, quote: Quote | None = None) -> None:
        self.name = name
        #: The order of an agent that it is for.
        self.quote = quote
        self.unwanted = threading.Event()
        self.ended = threading.Event()
        #: What the budget did not allow it to ask: the project, and the most that would have cost, in its currency.
        self.project_id: int | None = None
        self.unasked = Decimal(0)
        #: Questions that are out now, and things that are still to be done; one until it is known.
        self.out = 0
        self.left = 1
        #: The client, as soon as something is asked.
        self.chat: Chat | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: asyncio.Task[None] | None = None

    def check(self) -> None:
        """:raises Stopped:"""
        if self.unwanted.is_set():
            raise Stopped

    async def run(self, work: Awaitable[None]) -> None:
        """Do the work so that ``give_up`` can end it."""
        self._loop, self._work = asyncio.get_running_loop(), asyncio.current_task()
        await work

    def give_up(self) -> None:
        """End it in the middle of whatever it does; from another thread."""
        self.unwanted.set()
        if self._loop is not None and self._work is not None:
            with suppress(RuntimeError):  # it has just ended
                self._loop.call_soon_threadsafe(self._work.cancel)
