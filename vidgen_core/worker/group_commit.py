"""The worker's one writer: what arrives while one transaction is committed goes into the next one together.

A commit with ``synchronous=FULL`` waits for the disk, and its beginning may wait for another process; both do so in a thread.
Everything between runs in the worker's own loop, so that no statement changes threads (of a server the last ones do). A hundred polls a second cost a few
commits, and an intent is still on disk before its caller goes on.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from vidgen_core.db import Journal, Store, Tx
from vidgen_core.db.transaction import NOTHING
from vidgen_core.domain.errors import FileError

T = TypeVar("T")

#: Seconds a change that nobody waits for may rest before it is written.
REST = 0.2
#: Changes after which others have a turn in the loop.
TURN = 8
#: Changes in a transaction that others no longer join.
MOST = 64


@dataclass
class _Change:
    operation: Callable[[Tx], Any]
    future: asyncio.Future[Any]
    #: The task that it is about, if it is about one.
    task_id: int | None


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
        #: What the last transaction knew, if all of it was about tasks.
        self._known = NOTHING
        #: A thread of its own: those of the loop may all be busy with names, files and pictures.
        self._disk = ThreadPoolExecutor(1, "vidgen-writer")
        self._writing = asyncio.create_task(self._run(), name="writer")

    async def do(self, operation: Callable[[Tx], T], task_id: int | None = None) -> T:
        """Run ``operation`` in a transaction and return its result once it is durable.

        :param task_id: the task that it is about: how all those stand is read by one statement
        """
        future = self.post(operation, task_id)
        self._urgent.set()
        result: T = await asyncio.shield(future)
        return result

    def post(self, operation: Callable[[Tx], Any], task_id: int | None = None) -> asyncio.Future[Any]:
        """Run ``operation`` soon, together with others; may be called from any thread."""
        future = self._loop.create_future()
        # Whoever does not wait does not ask for the outcome either.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        change = _Change(operation, future, task_id)
        if threading.get_ident() == self._thread:
            self._add(change)
        else:
            self._loop.call_soon_threadsafe(self._add, change)
        return future

    def _add(self, change: _Change) -> None:
        self._changes.append(change)
        self._any.set()

    async def alone(self, operation: Callable[[Tx], T]) -> T:
        """Run ``operation`` in a transaction of its own; from then until the caller waits again nothing else runs."""
        async with self._free:
            self._known = NOTHING
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
                    await self._commit(batch, joined=True)
            if self._ended:
                self._any.set()
                self._urgent.set()

    async def _commit(self, batch: list[_Change], *, joined: bool = False) -> None:
        """Write changes in one transaction. Where one of them fails it is undone, and the others are written without that one.

        :param joined: with what arrives until all of them are made
        """
        results: list[Any] = []
        before, self._known = self._known, NOTHING
        try:
            tx = await self._loop.run_in_executor(self._disk, self._store.begin)
            try:
                with self._store.translated():
                    tx.go_on(before)
                    while len(results) < len(batch) or (joined and self._changes and len(batch) < MOST):
                        if joined:
                            batch, self._changes = [*batch, *self._changes], []
                        new = batch[len(results) :]
                        if about := {change.task_id for change in new if change.task_id is not None}:
                            tx.tasks.look_at(about)
                        for change in new:
                            results.append(change.operation(tx))
                            if len(results) % TURN == 0:
                                await asyncio.sleep(0)
                    if not self._store.is_shared:
                        # Two threads that run statements wait for each other at each one; for a server the loop does not wait.
                        tx.add_rest()
            except BaseException:
                self._store.roll_back(tx)
                raise
            await self._loop.run_in_executor(self._disk, self._store.commit, tx)
        except Exception as error:  # noqa: BLE001 — every waiting caller must learn that nothing was written
            await self._commit_apart(batch, len(results), error)
            return
        tx.tell()
        if all(change.task_id is not None for change in batch):
            self._known = tx.all_known()
        for change, result in zip(batch, results, strict=True):
            change.future.set_result(result)

    async def _commit_apart(self, batch: list[_Change], good: int, error: Exception) -> None:
        """Write changes after the first ``good`` have not failed, and the next one or the whole has."""
        if len(batch) == 1:
            if not batch[0].future.done():
                batch[0].future.set_exception(error)
        elif good == len(batch):
            for change in batch:
                await self._commit([change])
        else:
            for part in (batch[:good], batch[good : good + 1], batch[good + 1 :]):
                if part:
                    await self._commit(part)


class GroupJournal:
    """What is to be recorded in the journal while it is written is written next, with one lock and one wait for the disk."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._waiting: list[tuple[Callable[[], None], bool, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def do(self, record: Callable[[], None], *, durable: bool) -> None:
        """Record something with the others that arrive now.

        :raises FileError: the journal cannot be written
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((record, durable, future))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._run(), name="journal")
        await future

    async def _run(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            errors = await asyncio.to_thread(self._write, [(record, durable) for record, durable, _ in waiting])
            for (_, _, future), error in zip(waiting, errors, strict=True):
                if not future.done():
                    future.set_result(None) if error is None else future.set_exception(error)

    def _write(self, records: list[tuple[Callable[[], None], bool]]) -> list[Exception | None]:
        try:
            with self._journal.locked():
                errors = [_error_of(record) for record, _ in records]
                lost = _error_of(self._journal.sync) if any(durable for _, durable in records) else None
        except FileError as error:
            return [error] * len(records)
        return [error or (lost if durable else None) for error, (_, durable) in zip(errors, records, strict=True)]


def _error_of(act: Callable[[], None]) -> Exception | None:
    try:
        act()
    except Exception as error:  # noqa: BLE001 — handed to the caller that waits for it
        return error
    return None
