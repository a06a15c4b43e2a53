"""Group commit: durable when waited for, together when not, and a neighbour's failure is not ours."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import pytest
from sqlalchemy import event

from vidgen_core.config.paths import Locations
from vidgen_core.db import Journal, Store, Tx
from vidgen_core.domain.errors import FileError
from vidgen_core.worker.group_commit import GroupCommit, GroupJournal


@pytest.fixture
def store(locations: Locations) -> Iterator[Store]:
    store = Store.open(locations.database)
    yield store
    store.close()


@pytest.fixture
async def writer(store: Store) -> AsyncIterator[GroupCommit]:
    writer = GroupCommit(store)
    yield writer
    await writer.stop()


def put(name: str) -> object:
    return lambda tx: tx.state.put(name, name)


def read(store: Store, name: str) -> object:
    with store.read() as tx:
        return tx.state.get(name)


async def test_what_was_waited_for_is_on_disk(store: Store, writer: GroupCommit) -> None:
    await writer.do(put("a"))

    assert read(store, "a") == "a"


async def test_many_changes_share_a_commit(store: Store, writer: GroupCommit) -> None:
    before = store.revision()
    await asyncio.gather(*(writer.do(put(f"n{number}")) for number in range(100)))

    # The revision rises once a transaction.
    assert store.revision() - before < 50


async def test_what_was_read_is_known_until_somebody_else_writes(
    locations: Locations, store: Store, writer: GroupCommit
) -> None:
    asked: list[str] = []
    event.listen(store._writer, "before_cursor_execute", lambda *given: asked.append(given[2]))

    async def value(task_id: int | None = 1) -> tuple[object, bool]:
        asked.clear()
        found = await writer.do(lambda tx: tx.state.get("a"), task_id)
        return found, any("FROM state" in one for one in asked)

    await writer.do(put("a"), 1)
    assert await value() == ("a", False)
    with closing(Store.open(locations.database)) as other, other.write() as tx:
        tx.state.put("a", "theirs")
    assert await value() == ("theirs", True)
    assert await value() == ("theirs", False)

    def change(tx: Tx) -> None:
        tx.state.put("a", "undone")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await writer.do(change, 1)
    assert await value() == ("theirs", True)
    # What is about no task may have changed anything.
    assert await value(None) == ("theirs", False)
    assert await value() == ("theirs", True)


async def test_what_arrives_while_a_transaction_begins_is_in_it(
    store: Store, writer: GroupCommit, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, begun, go_on, begin = asyncio.get_running_loop(), asyncio.Event(), threading.Event(), store.begin

    def wait_and_begin() -> Tx:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(30)
        return begin()

    def fail(tx: Tx) -> None:
        raise ZeroDivisionError

    for late, revisions in ((put("b"), 1), (fail, 1)):
        before = store.revision()
        begun.clear()
        go_on.clear()
        monkeypatch.setattr(store, "begin", wait_and_begin)
        first = asyncio.ensure_future(writer.do(put("a")))
        await begun.wait()
        second = asyncio.ensure_future(writer.do(late))
        await asyncio.sleep(0)
        monkeypatch.undo()
        go_on.set()
        results = await asyncio.gather(first, second, return_exceptions=True)

        assert store.revision() - before == revisions
        assert isinstance(results[1], ZeroDivisionError) is (late is fail)


async def test_a_change_that_fails_leaves_its_neighbours_alone(store: Store, writer: GroupCommit) -> None:
    def fail(tx: Tx) -> None:
        tx.state.put("half", "done")
        raise ZeroDivisionError

    results = await asyncio.gather(writer.do(put("a")), writer.do(fail), writer.do(put("b")), return_exceptions=True)

    assert isinstance(results[1], ZeroDivisionError)
    assert (read(store, "a"), read(store, "half"), read(store, "b")) == ("a", None, "b")


async def test_what_nobody_waits_for_is_written_before_the_end(store: Store) -> None:
    writer = GroupCommit(store)
    writer.post(put("late"))
    await writer.stop()

    assert read(store, "late") == "late"


async def test_a_change_of_another_thread_is_written(store: Store, writer: GroupCommit) -> None:
    await asyncio.to_thread(writer.post, put("b"))
    await writer.do(put("a"))

    assert (read(store, "a"), read(store, "b")) == ("a", "b")


async def test_the_loop_goes_on_while_another_process_writes(store: Store, writer: GroupCommit) -> None:
    with closing(sqlite3.connect(store.place, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.ensure_future(writer.do(put("a")))
        # The loop goes on while the database is somebody else's.
        await asyncio.sleep(0)
        assert not waiting.done()
        other.execute("COMMIT")
        await waiting

    assert read(store, "a") == "a"


async def test_alone_waits_for_the_group_and_excludes_it(store: Store, writer: GroupCommit) -> None:
    changes = [asyncio.ensure_future(writer.do(put(f"n{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    await writer.alone(put("alone"))
    await asyncio.gather(*changes)

    assert read(store, "alone") == "alone"


class Lock:
    """The lock of a journal, counted; while it ``refuses``, as on a disk that is read-only."""

    def __init__(self, journal: Journal) -> None:
        self._lock, self.taken, self.refuses = journal._file_lock, 0, False
        journal.__dict__["_file_lock"] = self

    def __enter__(self) -> None:
        if self.refuses:
            raise OSError(errno.EROFS, "read-only")
        self.taken += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


async def test_orders_that_arrive_together_take_one_lock_and_wait_for_the_disk_once(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, syncs, plain = Journal(locations.journal), [], Journal.sync
    journal.begin(0)
    lock = Lock(journal)

    def sync(self: Journal) -> None:
        syncs.append(self.read().generation)
        plain(self)

    def refuse() -> None:
        raise FileError("disk_full", folder="/")

    monkeypatch.setattr(Journal, "sync", sync)
    group = GroupJournal(journal)
    orders = [group.do(lambda n=n: journal.order(n, wait=False), durable=True) for n in range(1, 21)]
    results = await asyncio.gather(*orders[:10], group.do(refuse, durable=True), *orders[10:], return_exceptions=True)

    assert [type(result) for result in results if result is not None] == [FileError]
    assert len(syncs) < 5
    assert lock.taken == len(syncs)
    # Nobody goes on before what was recorded is on the disk.
    assert syncs[-1] == journal.read().generation == 20


async def test_orders_are_refused_where_the_journal_cannot_be_locked_and_taken_once_it_can(
    locations: Locations,
) -> None:
    journal = Journal(locations.journal)
    journal.begin(0)
    lock, group = Lock(journal), GroupJournal(journal)

    async def order() -> list[object]:
        orders = (group.do(lambda n=n: journal.order(n, wait=False), durable=True) for n in (1, 2, 3))
        return await asyncio.gather(*orders, return_exceptions=True)

    lock.refuses = True
    refused = await order()
    lock.refuses = False

    assert [getattr(error, "code", error) for error in refused] == ["folder_read_only"] * 3
    assert journal.read().generation == 0
    assert await order() == [None] * 3
    assert journal.read().generation == 3


async def test_an_order_that_does_not_reach_the_disk_is_told(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(locations.journal)
    journal.begin(0)

    def full(self: Journal) -> None:
        raise FileError("disk_full", folder=str(self.path.parent))

    monkeypatch.setattr(Journal, "sync", full)
    group = GroupJournal(journal)

    with pytest.raises(FileError):
        await group.do(lambda: journal.order(1, wait=False), durable=True)
    await group.do(lambda: journal.job(remote_id="a"), durable=False)
