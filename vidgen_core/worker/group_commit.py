"""One thread that writes for the worker, many small changes in one transaction.

A commit with ``synchronous=FULL`` waits for the disk. Whatever arrives while one transaction is being
committed goes into the next one together, so a hundred polls a second cost a few commits, and an intent is
still on disk before its caller goes on.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from vidgen_core.db import Store, Tx

T = TypeVar("T")

#: Seconds a change that nobody waits for may rest before it is written.
REST = 0.2


@dataclass
class _Change:
    operation: Callable[[Tx], Any]
    urgent: bool
    future: Future[Any] = field(default_factory=Future)


class GroupCommit:
    """Group commit over a store; ``do`` waits for the disk, ``post`` does not."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changes: queue.SimpleQueue[_Change | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="vidgen-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def do(self, operation: Callable[[Tx], T]) -> T:
        """Run ``operation`` in a transaction and return its result once it is durable."""
        change = _Change(operation, urgent=True)
        self._changes.put(change)
        result: T = await asyncio.shield(asyncio.wrap_future(change.future))
        return result

    def post(self, operation: Callable[[Tx], Any]) -> Future[Any]:
        """Run ``operation`` soon, together with others."""
        change = _Change(operation, urgent=False)
        self._changes.put(change)
        return change.future

    def stop(self) -> None:
        """Write what is waiting and end the thread."""
        self._changes.put(None)
        self._thread.join()

    def _run(self) -> None:
        ended = False
        while not ended:
            batch, ended = self._gather()
            if batch:
                self._commit(batch)

    def _gather(self) -> tuple[list[_Change], bool]:
        first = self._changes.get()
        if first is None:
            return [], True
        batch = [first]
        until = time.monotonic() + (0 if first.urgent else REST)
        while True:
            try:
                change = self._changes.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return batch, False
            if change is None:
                return batch, True
            batch.append(change)
            if change.urgent:
                until = 0.0

    def _commit(self, batch: list[_Change]) -> None:
        """Write changes in one transaction; where that fails as a whole, each gets one of its own."""
        outcomes: list[tuple[_Change, Any, Exception | None]] = []
        try:
            with self._store.write() as tx:
                for change in batch:
                    outcomes.append((change, *_attempt(tx, change)))
                    failure = outcomes[-1][2]
                    if failure is not None and not tx.alive:
                        raise failure
        except Exception as error:  # noqa: BLE001 — every waiting caller must learn that nothing was written
            if len(batch) > 1:
                for change in batch:
                    self._commit([change])
            else:
                batch[0].future.set_exception(error)
            return
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
