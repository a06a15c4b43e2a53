"""Group commit: durable when waited for, together when not, and a neighbour's failure is not ours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from vidgen_core.config.paths import Locations
from vidgen_core.db import Store, Tx
from vidgen_core.worker.group_commit import GroupCommit


@pytest.fixture
def store(locations: Locations) -> Iterator[Store]:
    store = Store.open(locations.database)
    yield store
    store.close()


@pytest.fixture
def writer(store: Store) -> Iterator[GroupCommit]:
    writer = GroupCommit(store)
    writer.start()
    yield writer
    writer.stop()


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


async def test_a_change_that_fails_leaves_its_neighbours_alone(store: Store, writer: GroupCommit) -> None:
    def fail(tx: Tx) -> None:
        tx.state.put("half", "done")
        raise ZeroDivisionError

    results = await asyncio.gather(writer.do(put("a")), writer.do(fail), writer.do(put("b")), return_exceptions=True)

    assert isinstance(results[1], ZeroDivisionError)
    assert (read(store, "a"), read(store, "half"), read(store, "b")) == ("a", None, "b")


def test_what_nobody_waits_for_is_written_before_the_end(store: Store) -> None:
    writer = GroupCommit(store)
    writer.start()
    writer.post(put("late"))
    writer.stop()

    assert read(store, "late") == "late"
