"""The state of a running fake provider, in memory only."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections import Counter, deque
from pathlib import Path
from random import Random
from typing import Any, Final

from vidgen_core.fake_provider.accounts import Accounts
from vidgen_core.fake_provider.faults import CATALOGUE, Rule, Verb, tags
from vidgen_core.fake_provider.jobs import Job, Jobs, Order
from vidgen_core.fake_provider.kie.validation import models
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.storage.pictures import Picture, Pictures, Uploads
from vidgen_core.fake_provider.storage.videos import Videos

#: Moments of faults that belong to one job.
_OF_JOBS: Final = (Verb.SUBMIT, Verb.ANSWER, Verb.POLL, Verb.RESULT, Verb.DOWNLOAD, Verb.AGENT, Verb.CHAT)
#: Usual prices, to which those of single models stand in proportion.
_USUAL: Final = {"kie": 60.0, "yunwu": 0.4, "lovart": 25.0}
#: Seconds over which submits by key are counted.
_WINDOW: Final = 10.0


class Counters:
    """Counts since the start or the last reset, kept when jobs are forgotten."""

    def __init__(self, keep: int) -> None:
        self.submits: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.submits_by_key: Counter[str] = Counter()
        self.max_submits_per_10s: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.unknown_tags: Counter[str] = Counter()
        self.images: deque[dict[str, Any]] = deque(maxlen=keep)
        self.images_total = 0
        self.polls_total = 0
        self.wrong_key_polls = 0
        self.uploads_total = 0
        #: Look-ups of KIE's catalogue by model; ``models``: of the list.
        self.lookups: Counter[str] = Counter()
        self.downloads_total = 0
        self.downloads_with_authorization = 0
        self.callbacks_sent = 0
        self.callbacks_failed = 0
        self._recent: dict[str, deque[float]] = {}

    def submitted(self, prompt: str, key: str, now: float) -> int:
        """Count a submit, whatever becomes of it; the number of submits of this prompt so far."""
        self.submits[prompt] += 1
        self.submits_by_key[key] += 1
        recent = self._recent.setdefault(key, deque())
        recent.append(now)
        while recent[0] <= now - _WINDOW:
            recent.popleft()
        self.max_submits_per_10s[key] = max(self.max_submits_per_10s[key], len(recent))
        return self.submits[prompt]

    def saw_image(self, facts: dict[str, Any]) -> None:
        self.images_total += 1
        self.images.append(facts)

    def as_dict(self) -> dict[str, Any]:
        """All counts as plain JSON values."""
        values = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        plain = {name: dict(value) if isinstance(value, Counter) else value for name, value in values.items()}
        return plain | {
            "images": list(self.images),
            "submits_total": self.submits.total(),
            "accepted_total": self.accepted.total(),
            "faults_total": self.faults.total(),
        }


class Rehearsal:
    """One fake provider; used by one event loop only."""

    def __init__(self, options: RehearsalOptions) -> None:
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix="vidgen-rehearsal-"))
        self.reset()

    def reset(self) -> None:
        """Forget everything: jobs, counts, balances, pictures, and shares set since the start."""
        shutil.rmtree(self.folder, ignore_errors=True)
        # A folder of its own each time: a render that is under way must not leave its file to what comes after.
        folder = self.folder / uuid.uuid4().hex
        folder.mkdir(parents=True)
        keep = self.options.keep
        self.jobs = Jobs(keep)
        self.accounts = Accounts(self.options.balance, self.options.key_balances, keep)
        self.counters = Counters(keep)
        self.pictures = Pictures(folder, keep)
        self.uploads = Uploads(self.pictures, self.options.upload_seconds, keep)
        self.videos = Videos(folder, self.options, self.pictures)
        self.rules: dict[str, Rule] = {rule.name: rule for rule in self.options.faults}
        #: Yuan for a job of a Yunwu model, where that was changed.
        self.yunwu_prices: dict[str, float] = {}
        #: Times of recent submits by key, for the limit of KIE.
        self.kie_recent: dict[str, deque[float]] = {}
        #: What KIE's catalogue lists, and when each account last made a look-up (monotonic).
        self.kie_models: dict[str, Any] = dict(models())
        self.kie_lookups: dict[str, float] = {}
        #: Keys of Lovart accounts whose videos are made in the free queue.
        self.unlimited: set[str] = set()
        #: Faults that a person has dismissed on Lovart's page.
        self.dismissed: set[str] = set()
        self._requests = 0

    def close(self) -> None:
        """Remove the files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def now(self) -> float:
        """Seconds since 1970."""
        return self.options.clock()

    def request_id(self) -> str:
        return uuid.uuid4().hex

    def settle(self) -> None:
        """Refund failed jobs that have ended since the last call."""
        for job in self.jobs.settle(self.now()):
            if job.refunded:
                self._book(job, -job.price, self.request_id(), job.ends)

    def random_for(self, *what: object) -> Random:
        """A random generator that depends on the seed and its purpose, not on the order of requests."""
        return Random(":".join(map(str, (self.options.seed, *what))))

    def faults_of(self, provider: str, prompt: str, number: int) -> dict[str, str | None]:
        """The faults of the ``number``-th submit of a prompt: its tags, and those chosen by share."""
        chosen = {
            rule.name: rule.argument for rule in self.rules.values() if self._is_chosen(rule, provider, prompt, number)
        }
        for name, argument in tags(prompt).items():
            if name not in CATALOGUE:
                self.counters.unknown_tags[name] += 1
            elif self._tag_applies(name, argument, number):
                chosen[name] = argument
        return {name: chosen[name] for name in CATALOGUE if name in chosen and provider in CATALOGUE[name].providers}

    def _is_chosen(self, rule: Rule, provider: str, prompt: str, number: int) -> bool:
        chance = self.random_for(provider, prompt, number, rule.name).random()
        return CATALOGUE[rule.name].verb in _OF_JOBS and chance < rule.rate

    def _tag_applies(self, name: str, argument: str | None, number: int) -> bool:
        """Whether a tag counts: one of a submit may name how many submits of its prompt it affects."""
        fault = CATALOGUE[name]
        if fault.verb not in (Verb.SUBMIT, Verb.CHAT) or fault.default is not None or not (argument or "").isdigit():
            return True
        return number <= int(argument or "0")

    def occurs(self, name: str) -> bool:
        """Whether a fault that belongs to no job affects this request."""
        rule = self.rules.get(name)
        if rule is None:
            return False
        self._requests += 1
        return self.random_for(name, self._requests).random() < rule.rate

    def price(self, provider: str, order: Order | None = None) -> float:
        """What a job costs; models with prices of their own cost those, in proportion to the usual price."""
        usual = self.options.price[provider]
        if order is None or order.price is None:
            return usual
        return round(order.price * usual / _USUAL[provider], 6)

    def accept(
        self, provider: str, key: str, order: Order, faults: dict[str, str | None], job_id: str, request_id: str
    ) -> Job:
        """Record a job and take its price: from here on it is paid, whatever the answer is."""
        self.settle()
        number = self.counters.accepted[order.prompt] = self.counters.accepted[order.prompt] + 1
        chance = self.random_for(provider, order.prompt, number)
        job = Job(
            id=job_id,
            file_id=uuid.uuid4().hex,
            provider=provider,
            key=key,
            order=order,
            seed=order.seed if order.seed is not None else chance.randrange(2**31),
            price=self.price(provider, order),
            faults=faults,
            created=self.now(),
            seconds=chance.uniform(*self.options.job_seconds),
        )
        if job.has("slow"):
            job.seconds = job.number("slow")
        self.jobs.add(job)
        self._book(job, job.price, request_id, job.created)
        return job

    def _book(self, job: Job, amount: float, request_id: str, at: float) -> None:
        self.accounts.book(job.provider, job.key, amount, request_id, at, job_id=job.id, model=job.order.model)

    def keep_picture(self, picture: Picture | None) -> str | None:
        """Count and keep a picture that was sent; its key."""
        if picture is None:
            return None
        self.counters.saw_image(picture.facts())
        return self.pictures.put(picture)

    def stats(self) -> dict[str, Any]:
        """The statistics as plain JSON values."""
        self.settle()
        return self.counters.as_dict() | {
            "in_flight": dict(self.jobs.in_flight),
            "peak_in_flight": dict(self.jobs.peak_in_flight),
            "charged": dict(self.accounts.charged),
            "refunded": dict(self.accounts.refunded),
        }
