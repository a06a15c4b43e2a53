"""Metrics in the text format of Prometheus: read from the store and from the worker's counters when somebody asks."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vidgen_core.db.repositories.reports import FigureFilter
from vidgen_core.db.worker_state import PAUSED, PROVIDER_PAUSE
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.providers import paid_providers, provider_ids
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.access.permissions import Role, requires
from vidgen_core.worker.telemetry import BOUNDS, Latency, Telemetry

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.core import GaugeMetricFamily

    from vidgen_core.config.schema import Settings
    from vidgen_core.db import Tx
    from vidgen_core.services.context import ServiceContext
    from vidgen_core.services.system.worker_control import WorkerControl

_KINDS: Final = ("prepare", "submit", "poll", "download")


class Metrics:
    """What a monitoring system is told."""

    def __init__(self, ctx: ServiceContext, worker: WorkerControl) -> None:
        self._ctx = ctx
        self._worker = worker

    @requires(Role.VIEWER)
    def text(self, accept: str = "") -> tuple[bytes, str]:
        """All metrics, and their media type: OpenMetrics where ``accept`` asks for it, else the older text format."""
        from prometheus_client.exposition import choose_encoder

        settings = self._ctx.settings()
        with self._ctx.store.read() as tx:
            families = [*_work(tx, settings), *_money(tx, settings), *self._signs(tx)]
        try:
            encode, media_type = choose_encoder(accept)
        except (TypeError, ValueError):
            # A version that is none: prometheus-client compares it all the same.
            encode, media_type = choose_encoder("")
        families += _requests(self._worker.telemetry)
        return encode(_Collected(lambda: families)), media_type

    def _signs(self, tx: Tx) -> Iterator[Metric]:
        beat = tx.heartbeat.get()
        age = _gauge("worker_heartbeat_age_seconds", "Seconds since the worker's last sign of life, wherever it runs.")
        if beat is not None:
            age.add_metric((), self._worker.silence(beat))
        yield age
        yield from _worker(tx)

    @requires(Role.VIEWER)
    def serve_worker(self, host: str, port: int) -> None:
        """Serve what the worker of this process counts over HTTP until the process ends; the rest any server can say.

        :raises OSError: the address cannot be used
        """
        from prometheus_client import CollectorRegistry, start_http_server

        registry = CollectorRegistry()
        registry.register(_Collected(lambda: _requests(self._worker.telemetry)))
        start_http_server(port, host, registry)


class _Collected(NamedTuple):
    """What prometheus_client asks for metrics: a registry, to its encoders, or what is registered with one."""

    read: Callable[[], Iterable[Metric]]

    def collect(self) -> Iterable[Metric]:
        return self.read()


def _gauge(name: str, help_: str, *labels: str) -> GaugeMetricFamily:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"vidgen_{name}", help_, labels=labels)


def _work(tx: Tx, settings: Settings) -> Iterator[Metric]:
    """Tasks, the queue, and how much of the concurrency is in use."""
    tasks = _gauge("tasks", "Tasks by provider and state; deleted ones are left out.", "provider", "state")
    slots = _gauge("slots", "Jobs that may be under way at once.", "provider")
    used = _gauge("slots_used", "Jobs under way, lost answers of running tasks included.", "provider")
    counts = tx.reports.task_counts()
    for mode, status in itertools.product(provider_ids(), TaskStatus):
        tasks.add_metric((mode.value, status.value), counts.get((mode.value, status.value), 0))
    for mode in provider_ids():
        slots.add_metric((mode.value,), settings.max_concurrent(mode))
        used.add_metric((mode.value,), counts.get((mode.value, TaskStatus.PROCESSING.value), 0))
    age = _gauge("queue_oldest_seconds", "For how long the task that has waited longest is in the queue.", "provider")
    now, oldest = tx.now(), tx.reports.oldest_queued()
    for mode in provider_ids():
        since = oldest.get(mode.value)
        age.add_metric((mode.value,), max(0.0, (now - since).total_seconds()) if since else 0.0)
    yield from (tasks, slots, used, age)


def _money(tx: Tx, settings: Settings) -> Iterator[Metric]:
    """The ledger: attempts, spend, what is unknown, what was bought twice, and how much of the budget is used."""
    attempts = _gauge(
        "attempts", "Paid requests by state and class of error, as the ledger has them.", "provider", "state", "class"
    )
    spend = _gauge("spend", "Money of the ledger in the currency of the provider.", "provider", "charge", "currency")
    owed = _gauge("spend_owed", "What is or may be owed of it.", "provider", "currency")
    unknown = _gauge("unknown_submits", "Submits whose answer was lost and that nobody has resolved.", "provider")
    counts: Counter[tuple[str, str, str]] = Counter({(mode.value, "unknown", ""): 0 for mode in paid_providers()})
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for line in tx.reports.attempts(FigureFilter()):
        counts[line.provider, line.state, line.kind] += line.n
        if line.currency:
            sums[line.provider, line.charge, line.currency] += line.cost
    lost: Counter[str] = Counter()
    for (provider, state, kind), n in counts.items():
        attempts.add_metric((provider, state, kind), n)
        if state == AttemptState.UNKNOWN:
            lost[provider] += n
    for (provider, charge, currency), cost in sums.items():
        spend.add_metric((provider, charge, currency), float(cost))
    for party, amounts in tx.ledger.committed().items():
        for amount in amounts:
            owed.add_metric((str(party), amount.currency), float(amount.amount))
    for provider, n in lost.items():
        unknown.add_metric((provider,), n)
    twice = _gauge("double_submits", "Orders sent while an earlier one of the same task was under way; always 0.")
    twice.add_metric((), tx.chain.double_submits())
    yield from (attempts, spend, owed, unknown, twice)
    yield from _budget(tx, settings)


def _budget(tx: Tx, settings: Settings) -> Iterator[Metric]:
    from vidgen_core import money

    limit = _gauge("budget_limit", "A limit of the budget.", "scope", "currency")
    spent = _gauge("budget_spent", "What counts against it: spent, set aside and perhaps owed.", "scope", "currency")
    for status in money.limit_statuses(tx, settings, None, tx.now()):
        limit.add_metric((status.scope.value, status.limit.currency), float(status.limit.amount))
        spent.add_metric((status.scope.value, status.spent.currency), float(status.spent.amount))
    yield from (limit, spent)


def _worker(tx: Tx) -> Iterator[Metric]:
    paused = _gauge("paused", "1 while nothing is submitted to a provider, with the reason.", "provider", "reason")
    everywhere = PAUSED.get(tx)
    for mode in provider_ids():
        held = PROVIDER_PAUSE.get(tx, mode)
        reason = everywhere.reason if everywhere else held.code if held else ""
        paused.add_metric((mode.value, reason), 1 if reason else 0)
    lines = _gauge("ledger_lines", "Lines of the ledger's chain.")
    head = tx.chain.head()
    lines.add_metric((), head.n if head else 0)
    yield from (paused, lines)


def _requests(telemetry: Telemetry | None) -> Iterator[Metric]:
    """What the worker of this process has counted since it started."""
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    errors = CounterMetricFamily(
        "vidgen_errors", "Requests to a provider that ended with an error.", labels=("step", "provider", "class")
    )
    for kind in _KINDS:
        family = HistogramMetricFamily(
            f"vidgen_{kind}_seconds", f"How long each {kind} request to a provider took.", labels=("provider",)
        )
        for (asked, mode), latency in list(telemetry.latencies.items()) if telemetry else ():
            if asked == kind:
                family.add_metric((mode.value,), _buckets(latency), latency.total)
        yield family
    for (kind, mode, error), n in list(telemetry.errors.items()) if telemetry else ():
        errors.add_metric((kind, mode.value, error.value), n)
    yield errors


def _buckets(latency: Latency) -> list[Any]:
    bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
    return list(zip(bounds, itertools.accumulate(latency.counts), strict=True))
