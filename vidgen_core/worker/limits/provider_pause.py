"""Holds on a provider's lane: nothing new is submitted while one stands.

A hold is a fact that people see (``lane.<provider>`` in the store's state) with the code of its sentence. Some
end by themselves (a back-off has an ``until``, missing keys appear), others wait for a person to go on.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

from vidgen_core.config.paths import Locations
from vidgen_core.db import Tx
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import HandOver
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.providers import ProviderId, provider_ids
from vidgen_core.worker.backoff import LONGEST_BEFORE_SUBMIT
from vidgen_core.worker.clock import Clock
from vidgen_core.worker.group_commit import GroupCommit

#: Code of the hold while the database cannot be written.
UNWRITABLE = "lane_store_unwritable"
#: The code of a hold that ends with the day.
DAY_LIMIT = "budget_day"
#: Failures in a row with the same code before the lane waits for a person.
SAME_FAILURES = 3
#: Tasks that failed with the same words, which nobody knows, before the lane waits for a person.
SAME_WORDS = 2


class ProviderPause(Frozen):
    """Why a lane stands still; ``until`` None waits for a person or for what is missing."""

    code: str
    params: dict[str, Any]
    since: datetime
    until: datetime | None = None
    #: Whether the lane opens again without a person, once the cause is gone.
    by_itself: bool = True
    #: Whether a person was asked to do something in the provider's own window.
    handed_over: bool = False


class ProviderPauses:
    """The holds of all providers, written down when they change."""

    def __init__(self, writer: GroupCommit, clock: Clock, locations: Locations) -> None:
        self._writer = writer
        self._locations = locations
        self._clock = clock
        self._holds: dict[ProviderId, ProviderPause] = {}
        self._misses: dict[ProviderId, int] = {}
        self._same: dict[ProviderId, tuple[str, int]] = {}
        #: What providers said of jobs that failed for a reason nobody knows, and of which tasks.
        self._words: dict[ProviderId, dict[str, set[int]]] = {}
        #: Changes on their way into the store, which until then knows less than we do.
        self._unwritten: dict[ProviderId, Future[Any]] = {}

    def now(self) -> datetime:
        return self._clock()

    def load(self, tx: Tx) -> None:
        """Take over what the store says: a hold lifted by a person is gone there."""
        for mode in provider_ids():
            if mode in self._unwritten and not self._unwritten[mode].done():
                continue
            kept = tx.state.get(_name(mode))
            if kept is None:
                if self._holds.pop(mode, None) is not None:
                    self._same.pop(mode, None)
                    self._words.pop(mode, None)
            elif mode not in self._holds:
                self._holds[mode] = self._mend_time(ProviderPause.model_validate(kept))

    def _mend_time(self, hold: ProviderPause) -> ProviderPause:
        """A hold that reaches further than any of ours was written down under another time; a day's limit may."""
        latest = self._clock() + timedelta(seconds=LONGEST_BEFORE_SUBMIT)
        if hold.until is None or hold.until <= latest or hold.code == DAY_LIMIT:
            return hold
        return hold.model_copy(update={"until": latest})

    def shift(self, by: timedelta) -> None:
        """The clock was set: holds end when they would have; a day ends by the clock."""
        for mode, hold in list(self._holds.items()):
            if hold.until is not None and hold.code != DAY_LIMIT:
                self._put(mode, hold.model_copy(update={"until": hold.until + by, "since": hold.since + by}))

    def hold_of(self, mode: ProviderId) -> ProviderPause | None:
        """The hold that stands now; one whose time has passed is lifted."""
        hold = self._holds.get(mode)
        if hold is not None and hold.until is not None and hold.until <= self._clock():
            self.lift(mode)
            return None
        return hold

    def hold(
        self, mode: ProviderId, code: str, *, until: datetime | None = None, by_itself: bool = True, **params: Any
    ) -> None:
        """Stop submitting to ``mode``."""
        self._put(mode, ProviderPause(code=code, params=params, since=self._clock(), until=until, by_itself=by_itself))

    def hand_over(self, mode: ProviderId, error: HandOver) -> None:
        """Stop submitting until a person has done what ``error`` says."""
        params = {**error.params, "provider": mode.value}
        self._put(
            mode, ProviderPause(code=error.code, params=params, since=self._clock(), by_itself=False, handed_over=True)
        )

    def handed_back(self, mode: ProviderId) -> None:
        """A person has done what was asked for."""
        hold = self._holds.get(mode)
        if hold is not None and hold.handed_over:
            self.lift(mode)

    def _put(self, mode: ProviderId, hold: ProviderPause) -> None:
        before = self._holds.get(mode)
        same = before is not None and (before.code, before.until) == (hold.code, hold.until)
        # A person may be asked for another thing now; elsewhere params only count seconds and bytes.
        if before is not None and same and (not hold.handed_over or before.params == hold.params):
            return
        self._holds[mode] = hold
        news = before is None or before.code != hold.code
        self._unwritten[mode] = self._writer.post(lambda tx: _write_hold(tx, mode, hold, news=news))

    def lift(self, mode: ProviderId, code: str | None = None) -> None:
        """Go on with ``mode``; with ``code`` only if the hold is of that cause."""
        hold = self._holds.get(mode)
        if hold is None or (code is not None and hold.code != code):
            return
        del self._holds[mode]
        if hold.code == UNWRITABLE:
            # Left behind, it is over at its time all the same.
            with contextlib.suppress(OSError):
                self._locations.unwritable(mode).unlink(missing_ok=True)
        self._unwritten[mode] = self._writer.post(lambda tx: _write_lift(tx, mode))

    def unreachable(self, mode: ProviderId, delay: float, code: str) -> None:
        """A request surely did not leave: wait ``delay`` seconds before anybody tries again."""
        self._misses[mode] = self._misses.get(mode, 0) + 1
        self.hold(mode, code, until=self._clock() + timedelta(seconds=delay), provider=mode.value)

    def unwritable(self, mode: ProviderId, delay: float) -> None:
        """The database cannot be written: nothing new is bought that could not be written down."""
        until = self._clock() + timedelta(seconds=2 * delay)
        self.hold(mode, UNWRITABLE, until=until, provider=mode.value)
        # Other processes cannot read it in the store. An empty file and its time need no room on the disk.
        sign = self._locations.unwritable(mode)
        with contextlib.suppress(OSError):
            sign.touch(mode=0o600)
            os.utime(sign, (until.timestamp(), until.timestamp()))

    def unwritten(self) -> dict[ProviderId, dict[str, Any]]:
        """Holds for want of a database to write them to, as the store would keep them."""
        return {mode: one.model_dump(mode="json") for mode, one in self._holds.copy().items() if one.code == UNWRITABLE}

    def misses(self, mode: ProviderId) -> int:
        """Requests in a row that did not get through."""
        return self._misses.get(mode, 0)

    def reached(self, mode: ProviderId) -> None:
        """The provider answered."""
        self._misses.pop(mode, None)

    def refused_alike(self, mode: ProviderId, model: str, code: str, about: Mapping[str, Any]) -> None:
        """Count equal refusals in a row; too many of them are a wrong setting, not bad luck of one shot."""
        cause = f"{model}:{code}"
        before, count = self._same.get(mode, (cause, 0))
        count = count + 1 if before == cause else 1
        self._same[mode] = (cause, count)
        if count >= SAME_FAILURES:
            told: dict[str, Any] = {"provider": mode.value, "model": model, "cause": code, "detail": dict(about)}
            self.hold(mode, "lane_same_failure", by_itself=False, **told)

    def failed_alike(self, mode: ProviderId, model: str, task_id: int, said: str) -> None:
        """Count tasks that failed with the same unknown words: two are enough not to buy the rest of the batch."""
        words = f"{model}:{_without_numbers(said)}"
        tasks = self._words.setdefault(mode, {}).setdefault(words, set())
        tasks.add(task_id)
        if len(tasks) >= SAME_WORDS:
            self.hold(mode, "lane_same_words", by_itself=False, provider=mode.value, model=model, said=said)

    def accepted(self, mode: ProviderId) -> None:
        """An order was taken: the settings are good."""
        self._same.pop(mode, None)


def unwritable_elsewhere(locations: Locations, now: datetime) -> dict[ProviderId, dict[str, Any]]:
    """Holds that another process cannot write to the store, as the store would keep them."""
    found: dict[ProviderId, dict[str, Any]] = {}
    for mode in provider_ids():
        with contextlib.suppress(OSError):
            until = datetime.fromtimestamp(locations.unwritable(mode).stat().st_mtime, UTC)
            if until > now:
                hold = ProviderPause(code=UNWRITABLE, params={"provider": mode.value}, since=now, until=until)
                found[mode] = hold.model_dump(mode="json")
    return found


def _without_numbers(said: str) -> str:
    """Words without the ids and numbers that differ from job to job."""
    return " ".join(word.lower() for word in said.split() if not any(map(str.isdigit, word)))


def _name(mode: ProviderId) -> str:
    return f"lane.{mode.value}"


def _write_hold(tx: Tx, mode: ProviderId, hold: ProviderPause, *, news: bool) -> None:
    tx.state.put(_name(mode), hold.model_dump(mode="json"))
    if news:
        tx.log.add(LogLevel.WARNING, hold.code, **hold.params)


def _write_lift(tx: Tx, mode: ProviderId) -> None:
    tx.state.put(_name(mode), None)
    tx.log.add(LogLevel.INFO, "lane_open", provider=mode.value)
