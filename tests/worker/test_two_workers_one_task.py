"""Two holders of one task, in any order of steps: nothing is sent twice, nothing owed is called refused, an id is kept."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from doubles import queue_takes
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vidgen_core.config.file import SettingsFile
from vidgen_core.config.paths import Locations
from vidgen_core.db import Store
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.errors import ErrorKind, Superseded
from vidgen_core.domain.money import ChargeStatus
from vidgen_core.domain.tasks import Failure, Task, TaskStatus
from vidgen_core.providers.base import Prepared, RemoteState, RemoteStatus, Submission
from vidgen_core.worker import transition
from vidgen_core.worker.clock import Clock
from vidgen_core.worker.context import ActiveTask
from vidgen_core.worker.steps import claim, poll, submit

PREPARED = Prepared(payload={}, sent={})
LOST = Failure(kind=ErrorKind.SUBMIT_UNKNOWN, code="submit_interrupted", charged=ChargeStatus.UNKNOWN)
BROKEN = Failure(kind=ErrorKind.PROVIDER, code="provider_failed", charged=ChargeStatus.UNKNOWN)
#: States that say that nothing is owed for an attempt.
FREE = (AttemptState.PREPARING, AttemptState.REFUSED)
HOLDERS = st.integers(0, 1)
NOW = Clock()


@dataclass
class Holder:
    """What one holder knows, and the attempt whose answer it waits for."""

    held: ActiveTask
    out: int | None = None
    ready: int | None = None


@dataclass
class Provider:
    """What really happened at the provider, by attempt."""

    sent: Counter[int] = field(default_factory=Counter)
    jobs: dict[int, str] = field(default_factory=dict)
    told: dict[int, str] = field(default_factory=dict)


class TwoWorkersOneTask(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        locations = Locations(Path(self.folder.name)).create()
        self.store, self.settings = Store.open(locations.database), SettingsFile(locations).current()
        with self.store.write() as tx:
            [self.first] = queue_takes(tx)
        self.holders = [Holder(ActiveTask(self.first)), Holder(ActiveTask(self.first))]
        self.remote = Provider()

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def task(self) -> Task:
        with self.store.read() as tx:
            return tx.tasks.get(self.first.id)

    def write(self, holder: Holder, change: Callable[..., object], *args: object, **named: object) -> object:
        try:
            with self.store.write() as tx:
                return change(tx, holder.held, *args, **named)
        except Superseded:
            return None

    @rule(who=HOLDERS)
    def read_again(self, who: int) -> None:
        with self.store.read() as tx:
            task = tx.tasks.get(self.first.id)
            attempt = tx.attempts.get(task.attempt_id) if task.attempt_id is not None else None
        self.holders[who].held = ActiveTask(task, attempt)

    @rule(who=HOLDERS)
    def claim(self, who: int) -> None:
        self.write(self.holders[who], claim.claim, None, None, self.settings, NOW())

    @rule(who=HOLDERS)
    def intend(self, who: int) -> None:
        holder = self.holders[who]
        attempt = holder.held.attempt
        if attempt is None or attempt.state is not AttemptState.PREPARING:
            return
        if self.write(holder, submit.intend, PREPARED, NOW()):
            holder.ready = attempt.id

    @rule(who=HOLDERS, taken=st.booleans())
    def send(self, who: int, taken: bool) -> None:
        holder = self.holders[who]
        if holder.ready is not None:
            holder.out, holder.ready = holder.ready, None
            self.remote.sent[holder.out] += 1
            if taken:
                self.remote.jobs[holder.out] = f"job-{holder.out}"

    @rule(who=HOLDERS)
    def answer(self, who: int) -> None:
        """The provider's answer comes to whoever sent, whatever has become of the task."""
        holder = self.holders[who]
        attempt_id, holder.out = holder.out, None
        if attempt_id is None:
            return
        with self.store.read() as tx:
            held = ActiveTask(tx.tasks.get(self.first.id), tx.attempts.get(attempt_id))
        held.task = holder.held.task
        holder.held = held if holder.held.attempt is None or holder.held.attempt.id != attempt_id else holder.held
        if attempt_id in self.remote.jobs:
            self.write(holder, submit.accept, Submission(remote_id=self.remote.jobs[attempt_id]), NOW())
            self.remote.told[attempt_id] = self.remote.jobs[attempt_id]
        else:
            self.write(holder, transition.requeue, BROKEN, None, NOW(), 0.0, state=AttemptState.REFUSED)

    @rule(who=HOLDERS)
    def take_over(self, who: int) -> None:
        """As the runner does with what it finds, by what it knows of it."""
        holder, attempt = self.holders[who], self.holders[who].held.attempt
        if attempt is None or attempt.id in (holder.out, holder.ready):
            return
        if attempt.state is AttemptState.PREPARING:
            self.write(holder, transition.requeue, None, None, NOW(), 0.0, state=AttemptState.REFUSED)
        elif attempt.state is AttemptState.SENDING:
            self.write(holder, submit.lose_answer, LOST, None, NOW())
        elif attempt.state is AttemptState.UNKNOWN:
            self.write(holder, transition.fail, LOST, NOW())

    @rule(who=HOLDERS, ok=st.booleans())
    def poll(self, who: int, ok: bool) -> None:
        holder, attempt = self.holders[who], self.holders[who].held.attempt
        if attempt is None or attempt.state is not AttemptState.ACCEPTED:
            return
        if ok:
            state = RemoteState(status=RemoteStatus.SUCCEEDED, url="https://cdn.invalid/v.mp4")
            self.write(holder, poll.arrive, state, NOW())
        else:
            self.write(holder, transition.requeue, BROKEN, None, NOW(), 0.0, state=AttemptState.FAILED)

    @rule(who=HOLDERS)
    def complete(self, who: int) -> None:
        if self.holders[who].held.task.status is TaskStatus.DOWNLOADING:
            self.write(self.holders[who], transition.complete, "v.mp4")

    @rule(who=HOLDERS)
    def give_up(self, who: int) -> None:
        holder = self.holders[who]
        if holder.held.task.status is TaskStatus.PROCESSING and holder.out is None and holder.ready is None:
            attempt = holder.held.attempt
            if attempt is not None and attempt.state in (AttemptState.ACCEPTED, AttemptState.UNKNOWN):
                self.write(holder, poll.abandon, NOW(), stopped=False)

    @precondition(lambda self: self.task().status in (TaskStatus.QUEUED, TaskStatus.PROCESSING))
    @rule()
    def ask_to_cancel(self) -> None:
        with self.store.write() as tx:
            tx.tasks.request_cancel([self.first.id])

    @invariant()
    def no_attempt_is_sent_twice(self) -> None:
        assert all(times == 1 for times in self.remote.sent.values())

    @invariant()
    def what_may_be_owed_is_never_called_refused(self) -> None:
        with self.store.read() as tx:
            states = {attempt.id: attempt.state for attempt in tx.attempts.of_task(self.first.id)}
        assert all(states[attempt_id] not in FREE for attempt_id in self.remote.jobs)

    @invariant()
    def an_id_that_was_told_is_kept(self) -> None:
        with self.store.read() as tx:
            kept = {attempt.id: attempt.remote_id for attempt in tx.attempts.of_task(self.first.id)}
        assert all(kept[attempt_id] == remote_id for attempt_id, remote_id in self.remote.told.items())

    @invariant()
    def one_request_at_a_time_is_out_for_a_task(self) -> None:
        """A second one leaves only when a person asked for it or the first is over, which nobody says here of a job."""
        with self.store.read() as tx:
            open_ones = [
                attempt.id
                for attempt in tx.attempts.of_task(self.first.id)
                if attempt.state in (AttemptState.SENDING, AttemptState.UNKNOWN, AttemptState.ACCEPTED)
            ]
        assert len(open_ones) <= 1


TestTwoCarriers = TwoWorkersOneTask.TestCase
TestTwoCarriers.settings = settings(
    max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture
def store(locations: Locations) -> Store:
    return Store.open(locations.database)


def test_the_cap_is_counted_where_a_task_is_claimed(store: Store, locations: Locations) -> None:
    now, own = datetime.now(UTC), SettingsFile(locations).current()
    with store.write() as tx:
        tasks = queue_takes(tx, 3)
    held = [ActiveTask(task) for task in tasks]

    def take(one: ActiveTask) -> object:
        with store.write() as tx:
            return claim.claim(tx, one, None, None, own, now, claim.Cap(1, 600))

    assert take(held[0]) is True
    assert take(held[1]) is claim.FULL

    with store.write() as tx:
        submit.intend(tx, held[0], PREPARED, now)
    with store.write() as tx:
        submit.lose_answer(tx, held[0], LOST, None, now)
    with store.write() as tx:
        transition.fail(tx, held[0], LOST, now)
    assert take(held[1]) is claim.FULL  # its job may be running

    with store.write() as tx:
        tx.attempts.update(held[0].attempt.id, state=AttemptState.FAILED)  # a person has looked
    assert take(held[1]) is True
    store.close()


def sending(store: Store, locations: Locations) -> ActiveTask:
    """A task whose intent is on disk."""
    now, own = datetime.now(UTC), SettingsFile(locations).current()
    with store.write() as tx:
        [task] = queue_takes(tx)
    slow = ActiveTask(task, worker="slow:1")
    for change in (
        lambda tx: claim.claim(tx, slow, None, None, own, now),
        lambda tx: submit.intend(tx, slow, PREPARED, now),
    ):
        with store.write() as tx:
            assert change(tx) is True
    return slow


def test_who_surely_has_not_sent_says_so_although_another_has_taken_the_task_over(
    store: Store, locations: Locations
) -> None:
    now, slow = datetime.now(UTC), sending(store, locations)
    with store.write() as tx:
        tx.attempts.update(slow.sent.id, worker="other:2")
        other = ActiveTask(slow.task, tx.attempts.get(slow.sent.id), worker="other:2")
    with store.write() as tx:
        submit.lose_answer(tx, other, LOST, None, now)
    with pytest.raises(Superseded), store.write() as tx:
        transition.requeue(tx, slow, None, None, now, 0.0, state=AttemptState.REFUSED)
    with store.write() as tx:
        submit.speak_as_sender(tx, slow)
        transition.requeue(tx, slow, None, None, now, 0.0, state=AttemptState.REFUSED)
    with store.read() as tx:
        found, [attempt] = tx.tasks.get(slow.task.id), tx.attempts.of_task(slow.task.id)
    assert found.status is TaskStatus.QUEUED
    assert (attempt.state, attempt.charge) == (AttemptState.REFUSED, ChargeStatus.NONE)
    with pytest.raises(Superseded), store.write() as tx:
        transition.fail(tx, other, LOST, now)
    store.close()


def test_an_id_that_comes_after_a_takeover_brings_the_task_back(store: Store, locations: Locations) -> None:
    now, slow = datetime.now(UTC), sending(store, locations)
    other = ActiveTask(slow.task, slow.attempt)
    with store.write() as tx:
        submit.lose_answer(tx, other, LOST, None, now)
    with store.write() as tx:
        transition.fail(tx, other, LOST, now)
    with store.write() as tx:
        submit.accept(tx, slow, Submission(remote_id="job-1"), now)

    with store.read() as tx:
        found, [attempt] = tx.tasks.get(slow.task.id), tx.attempts.of_task(slow.task.id)
    assert (found.status, found.remote_id, found.failure) == (TaskStatus.PROCESSING, "job-1", None)
    assert (attempt.state, attempt.remote_id) == (AttemptState.ACCEPTED, "job-1")
    store.close()
