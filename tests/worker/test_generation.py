"""A database that is older than what was bought buys nothing until a person has decided."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from doubles import RUNNING, done, wait_until
from runner_bench import Bench

from vidgen_core.db import Journal, Store
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import FileError, Refused
from vidgen_core.domain.money import Money
from vidgen_core.domain.tasks import Task, TaskStatus
from vidgen_core.providers.base import WAITING_FOR_CONFIRMATION, RemoteState, RemoteStatus
from vidgen_core.worker import database_age
from vidgen_core.worker.steps import confirm

COMPLETED, FAILED, QUEUED = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.QUEUED


def buy(bench: Bench, count: int) -> None:
    bench.start()
    tasks = bench.queue(count)
    for task in tasks:
        assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    bench.stop()


def put_back(bench: Bench, copy: Path) -> None:
    """A person copies a database over the present one."""
    bench.store.close()
    for name in ("vidgen.db", "vidgen.db-wal", "vidgen.db-shm"):
        (bench.locations.home / name).unlink(missing_ok=True)
    if copy.exists():
        shutil.copy(copy, bench.locations.database)
    bench.store = Store.open(bench.locations.database)


def held_for(bench: Bench) -> str | None:
    hold = bench.hold()
    return hold["code"] if hold else None


def decide(bench: Bench) -> None:
    journal = Journal(bench.locations.journal)
    with bench.store.write() as tx:
        seen, head = database_age.trust(tx, journal.read())
        database_age.go_on(tx, datetime.now(UTC))
        tx.state.put("provider_pause.yunwu", None)
    journal.begin(seen, head)


def test_every_paid_order_moves_both_on(bench: Bench) -> None:
    buy(bench, 3)
    with bench.store.read() as tx:
        assert database_age.generation_of(tx) == 3
    found = Journal(bench.locations.journal).read()
    assert (found.generation, [one["remote_id"] for one in found.jobs]) == (3, ["remote-1", "remote-2", "remote-3"])


def test_a_copy_put_back_buys_nothing_until_a_person_has_decided(bench: Bench, tmp_path: Path) -> None:
    bench.queue(2)
    bench.store.backup(tmp_path / "copy.db")
    bench.start()
    wait_until(lambda: len(bench.provider.sent) == 2)
    bench.stop()
    put_back(bench, tmp_path / "copy.db")
    bench.start()

    wait_until(lambda: held_for(bench) == "pause_database_behind")
    hold = bench.hold()
    assert hold is not None
    assert (hold["params"]["orders"], hold["until"]) == (2, None)
    with bench.store.read() as tx:
        assert tx.tasks.counts(None)[QUEUED] == 2

    decide(bench)
    wait_until(lambda: bench.hold() is None)
    with bench.store.read() as tx:
        assert tx.tasks.counts(None)[TaskStatus.PENDING] == 2
    [fresh] = bench.queue(1)
    assert bench.wait(fresh, COMPLETED, FAILED).status is COMPLETED
    assert len(bench.provider.sent) == 3


def test_an_emptied_database_buys_nothing(bench: Bench, tmp_path: Path) -> None:
    buy(bench, 1)
    put_back(bench, tmp_path / "none.db")
    with bench.store.read() as tx:
        assert database_age.doubt(tx, Journal(bench.locations.journal).read()) == database_age.Doubt(
            code="pause_database_behind", params={"orders": 1}
        )


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda path: path.unlink(), "pause_journal_missing"),
        (lambda path: path.write_bytes(b"rubbish\n" * 9), "pause_journal_damaged"),
        (lambda path: shutil.move(shutil.copy(path, f"{path}.copy"), path), "pause_home_copied"),
    ],
)
def test_a_journal_that_is_not_the_homes_own_stops_buying(bench: Bench, spoil: object, code: str) -> None:
    buy(bench, 1)
    [task] = bench.queue(1)
    spoil(bench.locations.journal)  # type: ignore[operator]
    bench.start()

    wait_until(lambda: held_for(bench) == code)
    assert len(bench.provider.sent) == 1
    decide(bench)
    wait_until(lambda: bench.hold() is None)
    assert bench.task(task).status is TaskStatus.PENDING


def test_a_copied_home_without_a_queue_asks_nothing(bench: Bench) -> None:
    buy(bench, 1)
    path = bench.locations.journal
    shutil.move(shutil.copy(path, f"{path}.copy"), path)
    buy(bench, 1)
    assert len(bench.provider.sent) == 2


def test_an_answer_in_the_journal_reaches_the_database_at_the_next_start(bench: Bench) -> None:
    bench.provider.polls = [RUNNING]
    [task] = bench.queue()
    bench.start()
    wait_until(lambda: bench.task(task).remote_id)
    bench.stop()
    [attempt] = bench.attempts(task)
    assert attempt.intent_at is not None
    with bench.store.write() as tx:  # as it was before the answer came
        tx.attempts.update(attempt.id, state=AttemptState.SENDING, remote_id=None, accepted_at=None)
        tx.tasks.note(task.id, remote_id=None)
    facts = {"task": task.id, "attempt": attempt.id, "intent_at": attempt.intent_at.timestamp()}
    journal = Journal(bench.locations.journal)
    journal.note("accepted", **facts, remote_id="late-1")
    journal.note("accepted", **(facts | {"intent_at": 5.0}), remote_id="somebody else's")
    bench.start()

    wait_until(lambda: bench.task(task).remote_id == "late-1")
    bench.stop()
    assert [one["remote_id"] for one in journal.read().notes] == ["somebody else's"]
    assert len(bench.provider.sent) == 1


def test_a_refusal_in_the_journal_is_one_at_the_next_start(bench: Bench) -> None:
    bench.provider.polls = [RUNNING]
    [task] = bench.queue()
    bench.start()
    wait_until(lambda: bench.task(task).remote_id)
    bench.stop()
    [attempt] = bench.attempts(task)
    assert attempt.intent_at is not None
    with bench.store.write() as tx:
        tx.attempts.update(attempt.id, state=AttemptState.SENDING, remote_id=None, accepted_at=None)
    failure = {"kind": "moderation", "code": "refused", "charged": "none"}
    Journal(bench.locations.journal).note(
        "refused",
        task=task.id,
        attempt=attempt.id,
        intent_at=attempt.intent_at.timestamp(),
        failure=failure,
        again=False,
    )
    bench.start()

    assert bench.wait(task, FAILED).failure is not None
    assert [one.state for one in bench.attempts(task)] == [AttemptState.REFUSED]


def test_nothing_paid_leaves_when_the_journal_cannot_be_written(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FileError("disk_full", folder="/")

    monkeypatch.setattr(Journal, "order", refuse)
    [task] = bench.queue()
    bench.start()

    wait_until(lambda: held_for(bench) == "pause_journal_unwritable")
    wait_until(lambda: bench.task(task).status is QUEUED)
    assert bench.provider.sent == []
    assert [one.state for one in bench.attempts(task)] == [AttemptState.REFUSED]


PRICE = Money(amount=Decimal(2), currency="CNY")
ASKS = RemoteState(status=RemoteStatus.RUNNING, stage=WAITING_FOR_CONFIRMATION, confirmation=PRICE)


def generations(bench: Bench) -> tuple[int, int]:
    with bench.store.read() as tx:
        return database_age.generation_of(tx), Journal(bench.locations.journal).read().generation


def agreed_since(bench: Bench, copy: Path) -> Task:
    """A job whose price was agreed to after the copy was made that is in place now."""
    bench.provider.polls = [ASKS]
    [task] = bench.queue()
    bench.start()
    wait_until(lambda: bench.task(task).stage == WAITING_FOR_CONFIRMATION)
    bench.stop()
    bench.store.backup(copy)
    bench.provider.confirms_up_to = PRICE.amount
    bench.start()
    wait_until(lambda: bench.provider.confirmed)
    bench.stop()
    put_back(bench, copy)
    return task


def wait_for_looks(bench: Bench) -> None:
    looks = len(bench.provider.poll_keys)
    wait_until(lambda: len(bench.provider.poll_keys) >= looks + 4)


def test_a_yes_to_a_price_moves_both_on_before_it_leaves(bench: Bench) -> None:
    bench.provider.polls = [ASKS, RUNNING, done()]
    bench.provider.confirms_up_to = PRICE.amount
    seen: list[tuple[int, int]] = []

    async def look() -> None:
        seen.append(generations(bench))

    bench.provider.at_confirm = look
    [task] = bench.queue()
    bench.start()

    assert bench.wait(task, COMPLETED, FAILED).status is COMPLETED
    assert seen == [(2, 2)]


def test_a_yes_said_since_the_copy_that_was_put_back_is_not_said_again(bench: Bench, tmp_path: Path) -> None:
    task = agreed_since(bench, tmp_path / "copy.db")
    bench.start()
    wait_until(lambda: held_for(bench) == "pause_database_behind")
    wait_for_looks(bench)
    assert len(bench.provider.confirmed) == 1

    [attempt] = bench.attempts(task)
    look, settings = Journal(bench.locations.journal).read(), bench.settings_file.current()
    with bench.store.write() as tx, pytest.raises(Refused, match="pause_database_behind"):
        confirm.agree(tx, attempt, PRICE, settings, datetime.now(UTC), look)

    # Nor when a person trusts the copy: only the person may say it again.
    decide(bench)
    wait_until(lambda: bench.hold() is None)
    wait_for_looks(bench)
    assert len(bench.provider.confirmed) == 1
    assert bench.task(task).stage == WAITING_FOR_CONFIRMATION


def test_no_yes_leaves_when_the_journal_cannot_be_written(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    order = Journal.order

    def only_the_first(self: Journal, generation: int, **facts: object) -> None:
        if generation > 1:
            raise FileError("disk_full", folder="/")
        order(self, generation, **facts)

    monkeypatch.setattr(Journal, "order", only_the_first)
    bench.provider.polls = [ASKS]
    bench.provider.confirms_up_to = PRICE.amount
    [task] = bench.queue()
    bench.start()

    wait_until(lambda: held_for(bench) == "pause_journal_unwritable")
    bench.stop()
    assert bench.provider.confirmed == []
    assert [attempt.confirmed_at for attempt in bench.attempts(task)] == [None]
