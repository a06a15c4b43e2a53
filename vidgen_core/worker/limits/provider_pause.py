"""Provider pauses: nothing new is submitted to a provider while one stands.

A pause is a fact that people see (``PROVIDER_PAUSE`` in the state table) with the code of its sentence. Some end without a
person (a back-off has an ``until``, missing keys appear), others wait for a person to go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from vidgen_core.config.paths import Locations
from vidgen_core.db import Tx
from vidgen_core.db.worker_state import ALIKE, PROVIDER_PAUSE, Alike, ProviderPause
from vidgen_core.domain.errors import HandOver
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.providers import ProviderId, provider_ids
from vidgen_core.worker.clock import Clock
from vidgen_core.worker.group_commit import GroupCommit
from vidgen_core.worker.limits.key_pool import LONGEST_ASKED

#: Code of the pause while the database cannot be written.
UNWRITABLE = "pause_store_unwritable"
#: The code of a pause that ends with the day.
DAY_LIMIT = "budget_day"
#: Failures in a row with the same code before the provider waits for a person.
SAME_FAILURES = 3
#: Tasks that failed with the same unknown message, before the provider waits for a person.
SAME_MESSAGES = 2


class ProviderPauses:
    """The pauses of all providers, written down when they change."""

    def __init__(self, writer: GroupCommit, clock: Clock, locations: Locations, *, shared: bool = False) -> None:
        #: Whether other workers meet what belongs together.
        self._shared = shared
        self._writer = writer
        self._locations = locations
        self._clock = clock
        self._pauses: dict[ProviderId, ProviderPause] = {}
        self._misses: dict[ProviderId, int] = {}
        self._alike: dict[ProviderId, Alike] = {}
        #: Changes on their way into the store, which until then knows less than we do.
        self._unwritten: dict[ProviderId, asyncio.Future[Any]] = {}

    def now(self) -> datetime:
        return self._clock()

    def load(self, tx: Tx) -> None:
        """Take over what the store says: a pause lifted by a person is gone there."""
        rows = (PROVIDER_PAUSE, ALIKE) if self._shared else (PROVIDER_PAUSE,)
        tx.state.many([row.name(mode) for row in rows for mode in provider_ids()])
        for mode in provider_ids():
            if self._shared:
                self._alike[mode] = ALIKE.get(tx, mode) or Alike()
            if mode in self._unwritten and not self._unwritten[mode].done():
                continue
            kept = PROVIDER_PAUSE.get(tx, mode)
            if kept is None:
                if self._pauses.pop(mode, None) is not None:
                    self._alike.pop(mode, None)
            elif mode not in self._pauses or self._pauses[mode].since != kept.since:
                self._pauses[mode] = self._bounded(kept)

    def _bounded(self, pause: ProviderPause) -> ProviderPause:
        """A pause that reaches further than any of ours was written down under another time; a day's limit may."""
        latest = self._clock() + timedelta(seconds=LONGEST_ASKED)
        if pause.until is None or pause.until <= latest or pause.code == DAY_LIMIT:
            return pause
        return pause.model_copy(update={"until": latest})

    def shift(self, by: timedelta) -> None:
        """The clock was set: pauses end when they would have; a day ends by the clock."""
        for mode, pause in list(self._pauses.items()):
            if pause.until is not None and pause.code != DAY_LIMIT:
                self._put(mode, pause.model_copy(update={"until": pause.until + by, "since": pause.since + by}))

    def of(self, mode: ProviderId) -> ProviderPause | None:
        """The pause that stands now; one whose time has passed is lifted."""
        pause = self._pauses.get(mode)
        if pause is not None and pause.until is not None and pause.until <= self._clock():
            self.lift(mode)
            return None
        return pause

    def pause(
        self,
        mode: ProviderId,
        code: str,
        *,
        until: datetime | None = None,
        by_itself: bool = True,
        stop: dict[str, Any] | None = None,
        **params: Any,
    ) -> None:
        """Stop submitting to ``mode``."""
        now = self._clock()
        self._put(mode, ProviderPause(code=code, params=params, since=now, until=until, by_itself=by_itself, stop=stop))

    def hand_over(self, mode: ProviderId, error: HandOver) -> None:
        """Stop submitting until a person has done what ``error`` says."""
        params = {**error.params, "provider": mode.value}
        self._put(
            mode, ProviderPause(code=error.code, params=params, since=self._clock(), by_itself=False, handed_over=True)
        )

    def handed_back(self, mode: ProviderId) -> None:
        """A person has done what was asked for."""
        pause = self._pauses.get(mode)
        if pause is not None and pause.handed_over:
            self.lift(mode)

    def _put(self, mode: ProviderId, pause: ProviderPause) -> None:
        before = self._pauses.get(mode)
        same = before is not None and (before.code, before.until) == (pause.code, pause.until)
        # A person may be asked for another thing now; elsewhere params only count seconds and bytes.
        if before is not None and same and (not pause.handed_over or before.params == pause.params):
            return
        self._pauses[mode] = pause
        news = before is None or before.code != pause.code
        self._unwritten[mode] = self._writer.post(lambda tx: _write_pause(tx, mode, pause, news=news))

    def lift(self, mode: ProviderId, code: str | None = None) -> None:
        """Go on with ``mode``; with ``code`` only if the pause has that code."""
        pause = self._pauses.get(mode)
        if pause is None or (code is not None and pause.code != code):
            return
        del self._pauses[mode]
        if pause.code == UNWRITABLE:
            # Left behind, it is over at its time all the same.
            with contextlib.suppress(OSError):
                self._locations.unwritable(mode).unlink(missing_ok=True)
        self._unwritten[mode] = self._writer.post(lambda tx: _write_lift(tx, mode, pause))

    def unreachable(self, mode: ProviderId, delay: float, code: str) -> None:
        """A request surely did not leave: wait ``delay`` seconds before anybody tries again."""
        self._misses[mode] = self._misses.get(mode, 0) + 1
        self.pause(mode, code, until=self._clock() + timedelta(seconds=delay), provider=mode.value)

    def unwritable(self, mode: ProviderId, delay: float) -> None:
        """The database cannot be written: nothing new is bought that could not be written down."""
        until = self._clock() + timedelta(seconds=2 * delay)
        self.pause(mode, UNWRITABLE, until=until, provider=mode.value)
        # Other processes cannot read it in the store. An empty file and its time need no room on the disk.
        sign = self._locations.unwritable(mode)
        with contextlib.suppress(OSError):
            sign.touch(mode=0o600)
            os.utime(sign, (until.timestamp(), until.timestamp()))

    def unwritten(self) -> dict[ProviderId, dict[str, Any]]:
        """Pauses for want of a database to write them to, as the store would keep them."""
        return {
            mode: one.model_dump(mode="json") for mode, one in self._pauses.copy().items() if one.code == UNWRITABLE
        }

    def misses(self, mode: ProviderId) -> int:
        """Requests in a row that did not get through."""
        return self._misses.get(mode, 0)

    def reached(self, mode: ProviderId) -> None:
        """The provider answered."""
        self._misses.pop(mode, None)

    def refused_alike(self, mode: ProviderId, model: str, code: str, about: Mapping[str, Any]) -> None:
        """Count equal refusals in a row; too many of them are a wrong setting, not bad luck of one shot."""
        cause = f"{model}:{code}"

        def count(known: Alike) -> Alike:
            return known.model_copy(update={"cause": cause, "count": known.count + 1 if known.cause == cause else 1})

        def judge(known: Alike) -> None:
            if known.count >= SAME_FAILURES:
                told: dict[str, Any] = {"provider": mode.value, "model": model, "cause": code, "detail": dict(about)}
                self.pause(mode, "pause_same_failure", by_itself=False, **told)

        self._count(mode, count, judge)

    def failed_alike(self, mode: ProviderId, model: str, task_id: int, said: str) -> None:
        """Count tasks that failed with the same unknown message: two are enough not to buy the rest of the batch."""
        words = f"{model}:{_without_numbers(said)}"

        def count(known: Alike) -> Alike:
            tasks = sorted({task_id, *known.messages.get(words, ())})
            return known.model_copy(update={"messages": known.messages | {words: tasks}})

        def judge(known: Alike) -> None:
            if len(known.messages[words]) >= SAME_MESSAGES:
                self.pause(mode, "pause_same_words", by_itself=False, provider=mode.value, model=model, said=said)

        self._count(mode, count, judge)

    def accepted(self, mode: ProviderId) -> None:
        """An order was taken: the settings are good."""
        if self._alike.get(mode, Alike()).count:
            self._count(mode, lambda known: known.model_copy(update={"cause": "", "count": 0}), lambda _: None)

    def _count(self, mode: ProviderId, count: Callable[[Alike], Alike], judge: Callable[[Alike], None]) -> None:
        """Count what was met here, together with what other workers have met, and judge the whole."""
        if not self._shared:
            self._alike[mode] = count(self._alike.get(mode, Alike()))
            judge(self._alike[mode])
            return

        def write(tx: Tx) -> None:
            known = count(ALIKE.get(tx, mode) or Alike())
            ALIKE.put(tx, known, mode)
            tx.after_commit(lambda: judge(known))

        self._writer.post(write)


def unwritable_elsewhere(locations: Locations, now: datetime) -> dict[ProviderId, dict[str, Any]]:
    """Pauses that another process cannot write to the store, as the store would keep them."""
    found: dict[ProviderId, dict[str, Any]] = {}
    for mode in provider_ids():
        with contextlib.suppress(OSError):
            until = datetime.fromtimestamp(locations.unwritable(mode).stat().st_mtime, UTC)
            if until > now:
                pause = ProviderPause(code=UNWRITABLE, params={"provider": mode.value}, since=now, until=until)
                found[mode] = pause.model_dump(mode="json")
    return found


def _without_numbers(said: str) -> str:
    """A message without the ids and numbers that differ from job to job."""
    return " ".join(word.lower() for word in said.split() if not any(map(str.isdigit, word)))


def _write_pause(tx: Tx, mode: ProviderId, pause: ProviderPause, *, news: bool) -> None:
    PROVIDER_PAUSE.put(tx, pause, mode)
    if news:
        tx.log.add(LogLevel.WARNING, pause.code, **pause.params)


def _write_lift(tx: Tx, mode: ProviderId, pause: ProviderPause) -> None:
    kept = PROVIDER_PAUSE.get(tx, mode)
    if kept is not None and kept.since > pause.since:
        # Another worker has paused it since.
        return
    PROVIDER_PAUSE.put(tx, None, mode)
    tx.log.add(LogLevel.INFO, "pause_ended", provider=mode.value)
