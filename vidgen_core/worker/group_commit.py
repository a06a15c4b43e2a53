"""The worker's one writer: what arrives while one transaction is committed goes into the next one together.

A commit with ``synchronous=FULL`` waits for the disk, and its beginning may wait for another process; both do so in a thread.
Everything between runs in the worker's own loop, so that no statement changes threads. A hundred polls a second cost a few
commits, and an intent is still on disk before its caller goes on.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from vidgen_core.db import Store, Tx

T = TypeVar("T")

#: Seconds a change that nobody waits for may rest before it is written.
REST = 0.2
#: Changes after which others have a turn in the loop.
TURN = 8


@dataclass
class _Change:
    operation: Callable[[Tx], Any]
    future: asyncio.Future[Any]


class GroupCommit:
    """Group commit over a store; ``do`` waits for the disk, ``post`` does not. Made in the running loop.

    Nobody else may write by the same store: the loop would wait for itself.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._changes: list[_Change] = []
        self._any, self._urgent = asyncio.Event(), asyncio.Event()
        self._ended = False
        self._free = asyncio.Lock()
        #: A thread of its own: those of the loop may all be busy with names, files and pictures.
        self._disk = ThreadPoolExecutor(1, "vidgen-writer")
        self._writing = asyncio.create_task(self._run(), name="writer")

    async def do(self, operation: Callable[[Tx], T]) -> T:
        """Run ``operation`` in a transaction and return its result once it is durable."""
        future = self.post(operation)
        self._urgent.set()
        result: T = await asyncio.shield(future)
        return result

    def post(self, operation: Callable[[Tx], Any]) -> asyncio.Future[Any]:
        """Run ``operation`` soon, together with others; may be called from any thread."""
        future = self._loop.create_future()
        # Whoever does not wait does not ask for the outcome either.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._changes.append(_Change(operation, future))
        if threading.get_ident() == self._thread:
            self._any.set()
        else:
            self._loop.call_soon_threadsafe(self._any.set)
        return future

    async def alone(self, operation: Callable[[Tx], T]) -> T:
        """Run ``operation`` in a transaction of its own; from then until the caller waits again nothing else runs."""
        async with self._free:
            with self._store.write() as tx:
                return operation(tx)

    async def stop(self) -> None:
        """Write what is waiting, and end."""
        self._ended = True
        self._any.set()
        self._urgent.set()
        await self._writing
        self._disk.shutdown()

    async def _run(self) -> None:
        while self._changes or not self._ended:
            await self._any.wait()
            try:
                async with asyncio.timeout(REST):
                    await self._urgent.wait()
            except TimeoutError:
                pass
            self._any.clear()
            self._urgent.clear()
            batch, self._changes = self._changes, []
            if batch:
                async with self._free:
                    await self._commit(batch)
            if self._ended:
                self._any.set()
                self._urgent.set()

    async def _commit(self, batch: list[_Change]) -> None:
        """Write changes in one transaction; where that fails as a whole, each gets one of its own."""
        outcomes: list[tuple[_Change, Any, Exception | None]] = []
        try:
            tx = await self._loop.run_in_executor(self._disk, self._store.begin)
            try:
                for number, change in enumerate(batch, start=1):
                    outcomes.append((change, *_attempt(tx, change)))
                    failure = outcomes[-1][2]
                    if failure is not None and not tx.alive:
                        raise failure
                    if number % TURN == 0:
                        await asyncio.sleep(0)
            except BaseException:
                self._store.roll_back(tx)
                raise
            await self._loop.run_in_executor(self._disk, self._store.commit, tx)
        except Exception as error:  # noqa: BLE001 — every waiting caller must learn that nothing was written
            if len(batch) > 1:
                for change in batch:
                    await self._commit([change])
            elif not batch[0].future.done():
                batch[0].future.set_exception(error)
            return
        tx.tell()
        for change, result, failure in outcomes:
            if failure is None:
                change.future.set_result(result)
            else:
                change.future.set_exception(failure)


def _attempt(tx: Tx, change: _Change) -> tuple[Any, Exception | None]:
    """One operation in a savepoint of its own, so that its failure leaves its neighbours alone."""
    try:
        with tx.savepoint():
            return change.operation(tx), None
    except Exception as error:  # noqa: BLE001 — handed to the caller that waits for it
        return None, error
