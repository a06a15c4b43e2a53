"""The keys of one provider: which one takes the next job, which must rest, which is of no use any more.

A pool belongs to the worker and is used by its loop only. The life of a key in it::

    lease -> (prepare) -> pace until 0.0 -> (submit) -> report -> (poll with by_id) -> release

Load is spread: the key with the fewest jobs goes first, then the one that has rested longest. A refused key is
passed over, not retried: ``report`` says what was learned and the next ``lease`` acts on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from vidgen_core.config.schema import Settings
from vidgen_core.db import Store, Tx
from vidgen_core.domain.base import Frozen
from vidgen_core.domain.errors import ErrorKind, RemoteError
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.provider_settings import KeySettings
from vidgen_core.domain.providers import ProviderId
from vidgen_core.providers.base import Key, RateLimit
from vidgen_core.worker.group_commit import GroupCommit

#: Submits are spaced a little wider than the limit allows, for the way to the provider is not always equally long.
MARGIN: Final = 1.05
#: Seconds of the first rest where the provider names none; it doubles with each refusal in a row.
FIRST_REST: Final[Mapping[str, float]] = {"rate_limited": 10.0, "overloaded": 15.0}
#: The longest rest of our own choice, in seconds.
LONGEST_REST: Final[Mapping[str, float]] = {"rate_limited": 300.0, "overloaded": 120.0}
#: The longest rest that a provider can ask for, in seconds.
LONGEST_ASKED: Final = 3600.0


class Health(StrEnum):
    """How a key is."""

    USABLE = "usable"
    #: Must rest until a time.
    COOLING = "cooling"
    #: The provider does not know it, or it has no right.
    REJECTED = "rejected"
    #: It has no money left.
    EXHAUSTED = "exhausted"
    #: Switched off by the user.
    DISABLED = "disabled"
    #: Entered for another address than the provider has now.
    ELSEWHERE = "elsewhere"


class KeyOutcome(StrEnum):
    """What a use of a key taught about it."""

    OK = "ok"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    REJECTED = "rejected"
    EXHAUSTED = "exhausted"


class KeyState(Frozen):
    """What is remembered of a key between runs."""

    health: Health = Health.USABLE
    #: With COOLING: until when it rests.
    cooling_until: datetime | None = None


class KeyStore(Protocol):
    """Where the health of keys is kept."""

    def load(self) -> Mapping[str, KeyState]:
        """The last known state by key id."""

    def save(self, key_id: str, name: str, state: KeyState) -> None:
        """Remember a state; may be written later."""


def kept_states(tx: Tx, mode: ProviderId) -> dict[str, KeyState]:
    """What the store knows of a provider's keys."""
    found = tx.keys.healths(mode)
    return {key_id: KeyState(health=Health(health), cooling_until=until) for key_id, (health, until) in found.items()}


class StoredKeys:
    """The key table of one provider, read once and written without waiting for the disk."""

    def __init__(self, mode: ProviderId, store: Store, writer: GroupCommit) -> None:
        self._mode = mode
        self._store = store
        self._writer = writer

    def load(self) -> Mapping[str, KeyState]:
        with self._store.read() as tx:
            return kept_states(tx, self._mode)

    def save(self, key_id: str, name: str, state: KeyState) -> None:
        mode = self._mode

        def write(tx: Tx) -> None:
            tx.keys.touch(mode, key_id, name)
            tx.keys.set_health(mode, key_id, state.health.value, state.cooling_until)
            if state.health in (Health.REJECTED, Health.EXHAUSTED):
                tx.log.add(LogLevel.WARNING, f"key_{state.health.value}", provider=mode.value, key=name)

        self._writer.post(write)


class Lease(Frozen):
    """A key for one job; give it back with ``release`` when the job needs it no more."""

    key: Key


class Wait(Frozen):
    """All keys that could work rest."""

    seconds: float
    #: ``rate_limited`` or ``overloaded``.
    reason: str


class Empty(Frozen):
    """No key can work until a person does something."""

    #: ``no_keys``, ``all_disabled``, ``all_elsewhere``, ``all_rejected``, ``all_exhausted`` or, of several kinds, ``all_unusable``.
    reason: str


class Pace(Protocol):
    """Spaces the submits of each key."""

    def take(self, key_id: str) -> float:
        """0.0: a submit may leave now and has been counted; else seconds until asking again makes sense."""


class SpacedPace:
    """Submits evenly spaced under a limit (GCRA without bursts)."""

    def __init__(self, limit: RateLimit) -> None:
        # Commands that send nothing need it not.
        from throttled import MemoryStore, Throttled, rate_limiter

        # The library counts periods in whole seconds, so both sides of the ratio are taken a thousandfold.
        period = timedelta(seconds=round(limit.seconds * MARGIN * 1000))
        quota = rate_limiter.per_duration(period, limit.submits * 1000, burst=1)
        self._throttle = Throttled(using="gcra", quota=quota, store=MemoryStore())

    def take(self, key_id: str) -> float:
        result = self._throttle.limit(key_id)
        return result.state.retry_after if result.limited else 0.0


class FreePace:
    """No known limit."""

    def take(self, key_id: str) -> float:  # noqa: ARG002 - the protocol names it
        return 0.0


def interval_of(limit: RateLimit) -> float:
    """Seconds between two submits of a key that keep ``limit``."""
    return limit.seconds * MARGIN / limit.submits


def pace_for(limit: RateLimit | None) -> Pace:
    """The pace that keeps ``limit``."""
    return SpacedPace(limit) if limit else FreePace()


def outcome_of(error: RemoteError) -> KeyOutcome | None:
    """What an error says about the key it was met with; None: nothing."""
    return {
        ErrorKind.AUTH: KeyOutcome.REJECTED,
        ErrorKind.BALANCE: KeyOutcome.EXHAUSTED,
        ErrorKind.RATE_LIMIT: KeyOutcome.RATE_LIMITED,
        ErrorKind.OVERLOADED: KeyOutcome.OVERLOADED,
    }.get(error.kind)


class KeyPool:
    """The keys of one provider, as the settings name them at each use.

    :param pace: what spaces submits; ``pace_for(provider.rate_limit)`` usually.
    :param every: seconds between two submits of a key where several workers share it; the store then spaces them
    """

    def __init__(
        self,
        mode: ProviderId,
        settings: Callable[[], Settings],
        clock: Callable[[], datetime],
        usage: KeyStore,
        pace: Pace | None = None,
        every: float = 0.0,
    ) -> None:
        self._mode = mode
        self.every = every
        self._settings = settings
        self._clock = clock
        self._store = usage
        self._pace = pace or FreePace()
        latest = clock() + timedelta(seconds=LONGEST_ASKED)
        # A rest that reaches further was written down under another time.
        self._states = {
            key_id: state.model_copy(update={"cooling_until": latest})
            if state.cooling_until is not None and state.cooling_until > latest
            else state
            for key_id, state in usage.load().items()
        }
        self._why: dict[str, str] = {}
        self._refusals: Counter[str] = Counter()
        self._in_flight: Counter[str] = Counter()
        self._last_used: dict[str, datetime] = {}
        self._not_before: dict[str, datetime] = {}
        self._keys: tuple[KeySettings, ...] = ()
        self._seen: dict[str, Key] = {}

    def follow(self, kept: Mapping[str, KeyState]) -> None:
        """Take over what other workers have learned of the keys."""
        self._states.update(kept)

    # --- choosing -----------------------------------------------------------------------------------------------------

    def lease(self, now: datetime | None = None, only: str | None = None) -> Lease | Wait | Empty:
        """A key for the next job, or why there is none.

        :param only: the id of the one key that has what the job goes on from; where it is gone, any will do
        """
        now = now or self._clock()
        keys = self._configured()
        healths = {key.fingerprint: self._health(key, now) for key in keys}
        if only is not None and healths.get(only) in (Health.USABLE, Health.COOLING):
            keys, healths = tuple(key for key in keys if key.fingerprint == only), {only: healths[only]}
        usable = [key for key in keys if healths[key.fingerprint] is Health.USABLE]
        if usable:
            return self._take(min(usable, key=self._load), now)
        if Health.COOLING in healths.values():
            return self._wait(healths, now)
        return Empty(reason=_why_empty(healths.values()))

    def _load(self, key: KeySettings) -> tuple[int, float]:
        used = self._last_used.get(key.fingerprint)
        return self._in_flight[key.fingerprint], used.timestamp() if used else 0.0

    def _take(self, key: KeySettings, now: datetime) -> Lease:
        self._in_flight[key.fingerprint] += 1
        self._last_used[key.fingerprint] = now
        return Lease(key=self._seen[key.fingerprint])

    def _wait(self, healths: Mapping[str, Health], now: datetime) -> Wait:
        until, key_id = min(
            (self._states[key_id].cooling_until or now, key_id)
            for key_id, health in healths.items()
            if health is Health.COOLING
        )
        reason = self._why.get(key_id, KeyOutcome.RATE_LIMITED)
        return Wait(seconds=max((until - now).total_seconds(), 0.0), reason=reason)

    def release(self, key_id: str) -> None:
        """A job needs its key no more."""
        if self._in_flight[key_id] > 0:
            self._in_flight[key_id] -= 1

    def pace(self, key_id: str) -> float:
        """Ask right before the intent is written: 0.0 means *send now* and counts; else seconds to wait, then ask again."""
        not_before = self._not_before.get(key_id)
        wait = (not_before - self._clock()).total_seconds() if not_before else 0.0
        return wait if wait > 0 else self._pace.take(key_id)

    def by_id(self, key_id: str | None) -> Key | None:
        """The key that sent a job, also when it was switched off or, in this run, removed since."""
        self._configured()
        return self._seen.get(key_id) if key_id else None

    # --- learning -----------------------------------------------------------------------------------------------------

    def usable(self) -> list[Key]:
        """Keys that are switched on and were not rejected, in their order."""
        ids = [key.fingerprint for key in self._configured() if key.works]
        return [self._seen[id_] for id_ in ids if self.health(id_) is not Health.REJECTED]

    def start(
        self, jobs: Mapping[str, int], intents: Iterable[tuple[str, datetime]], limit: RateLimit | None = None
    ) -> None:
        """Take over from the last run: jobs in flight by key id, and when submits were last intended."""
        self._in_flight.update(jobs)
        sent = sorted(intents, key=lambda intent: intent[1])
        self._last_used.update(sent)
        if limit:
            self._not_before = _spaced(sent, limit)

    def report(
        self, key_id: str, outcome: KeyOutcome, retry_after: float | None = None, now: datetime | None = None
    ) -> None:
        """Say what a use of the key taught; ``retry_after`` in seconds, where the provider named it."""
        now = now or self._clock()
        match outcome:
            case KeyOutcome.OK:
                self._went_well(key_id, now)
            case KeyOutcome.REJECTED:
                self._change(key_id, KeyState(health=Health.REJECTED))
            case KeyOutcome.EXHAUSTED:
                self._change(key_id, KeyState(health=Health.EXHAUSTED))
            case KeyOutcome.RATE_LIMITED | KeyOutcome.OVERLOADED:
                self._rest(key_id, outcome, retry_after, now)

    def _went_well(self, key_id: str, now: datetime) -> None:
        until = self._states.get(key_id, KeyState()).cooling_until
        if until is None or until <= now:
            # Else the request was on its way before the refusal that began the rest.
            self._refusals.pop(key_id, None)
            self._change(key_id, KeyState())

    def _rest(self, key_id: str, outcome: KeyOutcome, retry_after: float | None, now: datetime) -> None:
        state = self._states.get(key_id, KeyState())
        if state.health in (Health.REJECTED, Health.EXHAUSTED):
            return
        resting = state.health is Health.COOLING and state.cooling_until is not None and state.cooling_until > now
        if not resting:
            # Requests that were on their way together are refused together; that counts once.
            self._refusals[key_id] += 1
        ours = min(FIRST_REST[outcome] * 2 ** (self._refusals[key_id] - 1), LONGEST_REST[outcome])
        asked = min(retry_after, LONGEST_ASKED) if retry_after is not None and retry_after >= 0 else ours
        until = now + timedelta(seconds=asked)
        if resting and state.cooling_until is not None:
            until = max(until, state.cooling_until)
        self._why[key_id] = outcome
        self._change(key_id, KeyState(health=Health.COOLING, cooling_until=until))

    def shift(self, by: timedelta) -> None:
        """The clock was set: rests and distances end when they would have."""
        self._not_before = {key_id: at + by for key_id, at in self._not_before.items()}
        self._last_used = {key_id: at + by for key_id, at in self._last_used.items()}
        for key_id, state in list(self._states.items()):
            if state.cooling_until is not None:
                self._change(key_id, state.model_copy(update={"cooling_until": state.cooling_until + by}))

    def renew(self, key_id: str | None = None) -> None:
        """Give a key (None: every key) another chance, because a person said so or after a test that went well."""
        for known in [key_id] if key_id else list(self._states):
            self._refusals.pop(known, None)
            self._change(known, KeyState())

    def health(self, key_id: str, now: datetime | None = None) -> Health | None:
        """How a configured key is; None for one that the settings do not name."""
        now = now or self._clock()
        return next((self._health(key, now) for key in self._configured() if key.fingerprint == key_id), None)

    # --- state --------------------------------------------------------------------------------------------------------

    def _configured(self) -> tuple[KeySettings, ...]:
        keys = self._settings().providers.of(self._mode).keys
        if keys is not self._keys:
            self._keys = keys
            self._seen.update((key.fingerprint, Key.of(key)) for key in keys)
        return keys

    def _health(self, key: KeySettings, now: datetime) -> Health:
        state = self._states.get(key.fingerprint, KeyState())
        if not key.works:
            # Remembered, so that switching it on again, even in a later run, gives it another chance.
            self._change(key.fingerprint, KeyState(health=Health.DISABLED))
            return Health.ELSEWHERE if key.enabled else Health.DISABLED
        if state.health is Health.DISABLED:
            self.renew(key.fingerprint)
            return Health.USABLE
        if state.health is Health.COOLING and (state.cooling_until is None or state.cooling_until <= now):
            return Health.USABLE
        return state.health

    def _change(self, key_id: str, state: KeyState) -> None:
        if self._states.get(key_id, KeyState()) == state:
            return
        self._states[key_id] = state
        self._store.save(key_id, self._name(key_id), state)

    def _name(self, key_id: str) -> str:
        keys = self._settings().providers.of(self._mode).keys
        return next((key.name for key in keys if key.fingerprint == key_id), "")


def _why_empty(healths: Iterable[Health]) -> str:
    kinds = set(healths)
    if not kinds:
        return "no_keys"
    # Keys that the user switched off do not count beside keys that failed.
    failed = kinds - {Health.DISABLED} or kinds
    return f"all_{failed.pop()}" if len(failed) == 1 else "all_unusable"


def _spaced(intents: Iterable[tuple[str, datetime]], limit: RateLimit) -> dict[str, datetime]:
    """When each key may submit next, given its earlier submits, the oldest first."""
    step = timedelta(seconds=interval_of(limit))
    free: dict[str, datetime] = {}
    for key_id, at in intents:
        free[key_id] = max(at, free.get(key_id, at)) + step
    return free
