"""Which key takes the next job, which rests, and which is of no use any more."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from vidgen_core.config.schema import Settings
from vidgen_core.domain.errors import ErrorKind, RemoteError
from vidgen_core.domain.providers import ProviderId
from vidgen_core.providers.base import RateLimit
from vidgen_core.worker.limits.key_pool import (
    Empty,
    Health,
    KeyOutcome,
    KeyPool,
    KeyState,
    Lease,
    Wait,
    outcome_of,
    pace_for,
)

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FAST = RateLimit(submits=20, seconds=1)


class Book:
    """Keeps states as a store would."""

    def __init__(self) -> None:
        self.states: dict[str, KeyState] = {}
        self.names: dict[str, str] = {}

    def load(self) -> Mapping[str, KeyState]:
        return self.states

    def save(self, key_id: str, name: str, state: KeyState) -> None:
        self.states[key_id] = state
        self.names[key_id] = name


class Desk:
    """A pool with its settings, clock and book within reach."""

    def __init__(self, *keys: str, limit: RateLimit | None = None) -> None:
        self.keys: list[dict[str, Any]] = [{"name": name, "secret": f"sk-secret-of-{name}"} for name in keys]
        self.now = NOON
        self.book = Book()
        self.limit = limit
        self.pool = self.make_pool()

    def make_pool(self) -> KeyPool:
        """A pool as after a restart: the book is what stays."""
        return KeyPool(ProviderId("kie"), self.settings, lambda: self.now, self.book, pace_for(self.limit))

    def settings(self) -> Settings:
        return Settings.model_validate({"providers": {"kie": {"keys": self.keys}}})

    def id(self, name: str) -> str:
        return next(key.fingerprint for key in self.settings().providers.kie.keys if key.name == name)

    def lease(self) -> str:
        """The name of the key that is leased now."""
        lease = self.pool.lease()
        assert isinstance(lease, Lease), lease
        return lease.key.label.split()[0]

    def report(self, name: str, outcome: KeyOutcome, retry_after: float | None = None) -> None:
        self.pool.report(self.id(name), outcome, retry_after)

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


# --- spreading -------------------------------------------------------------------------------------------------------


def test_load_is_spread_evenly() -> None:
    desk = Desk("a", "b", "c")
    assert Counter(desk.lease() for _ in range(9)) == {"a": 3, "b": 3, "c": 3}


def test_the_key_with_the_fewest_jobs_goes_first() -> None:
    desk = Desk("a", "b")
    taken = [desk.lease() for _ in range(4)]
    assert sorted(taken) == ["a", "a", "b", "b"]
    desk.pool.release(desk.id("b"))
    assert desk.lease() == "b"


def test_among_equals_the_one_that_rested_longest_goes_first() -> None:
    desk = Desk("a", "b")
    for expected in ("a", "b", "a", "b"):
        assert desk.lease() == expected
        desk.pool.release(desk.id(expected))
        desk.pass_time(1)


def test_releasing_too_often_does_no_harm() -> None:
    desk = Desk("a", "b")
    for _ in range(3):
        desk.pool.release(desk.id("a"))
    assert Counter(desk.lease() for _ in range(4)) == {"a": 2, "b": 2}


def test_jobs_of_the_last_run_count_as_load() -> None:
    desk = Desk("a", "b")
    desk.pool.start({desk.id("a"): 2}, [])
    assert [desk.lease(), desk.lease()] == ["b", "b"]


# --- health ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outcome", [KeyOutcome.REJECTED, KeyOutcome.EXHAUSTED, KeyOutcome.RATE_LIMITED, KeyOutcome.OVERLOADED]
)
def test_a_refused_key_is_passed_over(outcome) -> None:
    desk = Desk("a", "b")
    desk.report("a", outcome)
    assert {desk.lease() for _ in range(4)} == {"b"}


@pytest.mark.parametrize(
    ("outcomes", "reason"),
    [
        ((KeyOutcome.REJECTED, KeyOutcome.REJECTED), "all_rejected"),
        ((KeyOutcome.EXHAUSTED, KeyOutcome.EXHAUSTED), "all_exhausted"),
        ((KeyOutcome.REJECTED, KeyOutcome.EXHAUSTED), "all_unusable"),
    ],
)
def test_when_no_key_can_work_the_reason_is_said(outcomes, reason) -> None:
    desk = Desk("a", "b")
    for name, outcome in zip(("a", "b"), outcomes, strict=True):
        desk.report(name, outcome)
    assert desk.pool.lease() == Empty(reason=reason)


def test_without_keys_there_is_nothing_to_lease() -> None:
    assert Desk().pool.lease() == Empty(reason="no_keys")


def test_keys_that_are_all_switched_off_are_said_to_be() -> None:
    desk = Desk("a")
    desk.keys[0]["enabled"] = False
    assert desk.pool.lease() == Empty(reason="all_disabled")


def test_a_key_that_is_switched_off_does_not_hide_why_the_others_fail() -> None:
    desk = Desk("a", "b")
    desk.keys[0]["enabled"] = False
    desk.report("b", KeyOutcome.EXHAUSTED)
    assert desk.pool.lease() == Empty(reason="all_exhausted")


def test_a_cooling_key_comes_back_when_the_asked_time_has_passed() -> None:
    desk = Desk("a")
    desk.report("a", KeyOutcome.RATE_LIMITED, retry_after=42)
    assert desk.pool.lease() == Wait(seconds=42, reason="rate_limited")
    desk.pass_time(42)
    assert desk.lease() == "a"


def test_the_wait_is_that_of_the_key_that_comes_back_first() -> None:
    desk = Desk("a", "b")
    desk.report("a", KeyOutcome.RATE_LIMITED, retry_after=42)
    desk.report("b", KeyOutcome.OVERLOADED, retry_after=17)
    assert desk.pool.lease() == Wait(seconds=17, reason="overloaded")


def test_a_cooling_key_beside_a_rejected_one_is_waited_for() -> None:
    desk = Desk("a", "b")
    desk.report("a", KeyOutcome.REJECTED)
    desk.report("b", KeyOutcome.RATE_LIMITED, retry_after=5)
    assert isinstance(desk.pool.lease(), Wait)


def test_rests_grow_with_refusals_in_a_row_and_end_with_a_success() -> None:
    desk, rests = Desk("a"), []
    for _ in range(8):
        desk.report("a", KeyOutcome.RATE_LIMITED)
        wait = desk.pool.lease()
        assert isinstance(wait, Wait)
        rests.append(wait.seconds)
        desk.pass_time(wait.seconds)
    assert rests == [10, 20, 40, 80, 160, 300, 300, 300]
    desk.report("a", KeyOutcome.OK)
    desk.report("a", KeyOutcome.RATE_LIMITED)
    assert desk.pool.lease() == Wait(seconds=10, reason="rate_limited")


def test_requests_refused_together_count_once() -> None:
    desk = Desk("a")
    for _ in range(5):
        desk.report("a", KeyOutcome.RATE_LIMITED)
    assert desk.pool.lease() == Wait(seconds=10, reason="rate_limited")


def test_an_answer_that_was_on_its_way_does_not_end_a_rest() -> None:
    desk = Desk("a")
    desk.report("a", KeyOutcome.RATE_LIMITED, retry_after=30)
    desk.report("a", KeyOutcome.OK)
    assert desk.pool.lease() == Wait(seconds=30, reason="rate_limited")


def test_a_rate_limit_says_nothing_new_about_a_rejected_key() -> None:
    desk = Desk("a")
    desk.report("a", KeyOutcome.REJECTED)
    desk.report("a", KeyOutcome.RATE_LIMITED)
    assert desk.pool.lease() == Empty(reason="all_rejected")


def test_health_is_remembered_over_a_restart() -> None:
    desk = Desk("a", "b")
    desk.report("a", KeyOutcome.EXHAUSTED)
    assert desk.book.names == {desk.id("a"): "a"}
    desk.pool = desk.make_pool()
    assert {desk.lease() for _ in range(3)} == {"b"}


def test_a_key_with_a_new_secret_is_a_new_key() -> None:
    desk = Desk("a")
    desk.report("a", KeyOutcome.REJECTED)
    desk.keys[0]["secret"] = "sk-another-secret"
    assert desk.lease() == "a"


@pytest.mark.parametrize("restart", [False, True])
def test_switching_a_key_off_and_on_gives_it_another_chance(restart) -> None:
    desk = Desk("a")
    desk.report("a", KeyOutcome.REJECTED)
    desk.keys[0]["enabled"] = False
    assert isinstance(desk.pool.lease(), Empty)
    if restart:
        desk.pool = desk.make_pool()
    desk.keys[0]["enabled"] = True
    assert desk.lease() == "a"


def test_a_person_can_give_keys_another_chance() -> None:
    desk = Desk("a", "b")
    for name in ("a", "b"):
        desk.report(name, KeyOutcome.EXHAUSTED)
    desk.pool.renew(desk.id("a"))
    assert desk.lease() == "a"
    desk.pool.renew()
    assert desk.pool.health(desk.id("b")) is Health.USABLE


def test_health_can_be_asked_for() -> None:
    desk = Desk("a")
    assert desk.pool.health(desk.id("a")) is Health.USABLE
    desk.report("a", KeyOutcome.RATE_LIMITED)
    assert desk.pool.health(desk.id("a")) is Health.COOLING
    assert desk.pool.health("nobody") is None


# --- polling with the key that sent ----------------------------------------------------------------------------------


def test_a_job_is_asked_about_with_its_own_key_also_when_it_was_switched_off_or_removed_since() -> None:
    desk = Desk("a", "b")
    key_id = desk.id("a")
    desk.keys[0]["enabled"] = False
    key = desk.pool.by_id(key_id)
    assert key is not None
    assert key.secret.get_secret_value() == "sk-secret-of-a"
    del desk.keys[0]
    assert desk.pool.by_id(key_id) == key
    assert desk.pool.by_id(None) is None
    assert desk.pool.by_id("nobody") is None


def test_no_secret_stands_in_what_a_pool_hands_out_or_keeps() -> None:
    desk = Desk("a")
    lease = desk.pool.lease()
    desk.report("a", KeyOutcome.REJECTED)
    assert "sk-secret" not in repr(lease) + str(lease) + repr(desk.book.states)


# --- what errors teach -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (ErrorKind.AUTH, KeyOutcome.REJECTED),
        (ErrorKind.BALANCE, KeyOutcome.EXHAUSTED),
        (ErrorKind.RATE_LIMIT, KeyOutcome.RATE_LIMITED),
        (ErrorKind.OVERLOADED, KeyOutcome.OVERLOADED),
        (ErrorKind.MODERATION, None),
        (ErrorKind.NETWORK, None),
    ],
)
def test_an_error_teaches_about_its_key_what_its_kind_says(kind, outcome) -> None:
    assert outcome_of(RemoteError("x", kind=kind)) is outcome


# --- pace ------------------------------------------------------------------------------------------------------------


def test_without_a_limit_submits_go_at_once() -> None:
    desk = Desk("a")
    assert [desk.pool.pace(desk.id("a")) for _ in range(50)] == [0.0] * 50


def test_submits_of_a_key_are_spaced_under_the_limit() -> None:
    desk, sent = Desk("a", limit=FAST), []
    while len(sent) < 8:
        before = time.monotonic()
        wait = desk.pool.pace(desk.id("a"))
        if wait:
            time.sleep(wait)  # the limiter is real time, and the limit here is short
        else:
            sent.append((before, time.monotonic()))
    # At some moment between the two.
    gaps = [latest - earliest for (earliest, _), (_, latest) in pairwise(sent)]
    assert min(gaps) >= FAST.seconds / FAST.submits
    assert sum(gaps) / len(gaps) < 2 * FAST.seconds / FAST.submits


def test_the_limit_of_one_key_does_not_slow_another() -> None:
    desk = Desk("a", "b", limit=RateLimit(submits=1, seconds=10))
    assert desk.pool.pace(desk.id("a")) == 0.0
    assert desk.pool.pace(desk.id("a")) > 5
    assert desk.pool.pace(desk.id("b")) == 0.0


def test_submits_of_the_last_run_count() -> None:
    limit = RateLimit(submits=20, seconds=10)
    desk = Desk("a", limit=limit)
    desk.pool.start({}, [(desk.id("a"), NOON - timedelta(seconds=0.2)), (desk.id("a"), NOON)], limit)
    assert desk.pool.pace(desk.id("a")) == pytest.approx(2 * 0.525 - 0.2)
    desk.pass_time(1)
    assert desk.pool.pace(desk.id("a")) == 0.0
