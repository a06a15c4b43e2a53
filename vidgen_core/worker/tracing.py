"""Spans of OpenTelemetry, from the order to the file: one trace an attempt, with a span for each request to the provider.

Made only where ``vidgen[trace]`` is installed and the environment names a collector (``OTEL_EXPORTER_OTLP_ENDPOINT`` or
``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``, as the OpenTelemetry specification has them); nothing is imported otherwise. The ids of a trace follow from its
attempt, so that what another process or the run before has sent belongs to the same trace. Prompts, keys and answers are not in it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from vidgen_core.domain.errors import VidgenError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from vidgen_core.domain.attempts import Attempt
    from vidgen_core.domain.tasks import Task

logger = logging.getLogger(__name__)

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def from_environment() -> Tracing | None:
    """Spans to the collector that the environment names; None without one, or where the extra is not installed."""
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        logger.warning("no traces: install vidgen[trace]")
        return None
    return Tracing(OTLPSpanExporter())


class Tracing:
    """The spans of one worker."""

    def __init__(self, exporter: SpanExporter) -> None:
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

        self._ids = _Ids(RandomIdGenerator())
        # The name is the collector's to change: OTEL_SERVICE_NAME.
        resource = Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "vidgen"})
        self._provider = TracerProvider(resource=resource, id_generator=self._ids)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("vidgen")

    @contextmanager
    def request(self, kind: str, task: Task, attempt: Attempt) -> Iterator[None]:
        """A span of one request to the provider."""
        from opentelemetry import trace

        trace_id, span_id = _ids_of(attempt)
        whole = trace.SpanContext(
            trace_id, span_id, is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED)
        )
        parent = trace.set_span_in_context(trace.NonRecordingSpan(whole))
        span = self._tracer.start_span(kind, parent, trace.SpanKind.CLIENT, _facts(task, attempt))
        try:
            yield
        except Exception as error:
            span.set_attribute("error.type", error.code if isinstance(error, VidgenError) else type(error).__name__)
            span.set_status(trace.StatusCode.ERROR)
            raise
        finally:
            span.end()

    def ended(self, task: Task, attempt: Attempt, now: datetime) -> None:
        """The span of the whole attempt, from its intent to the end of its task."""
        from opentelemetry import trace
        from opentelemetry.context import Context

        begun = attempt.intent_at or attempt.created_at
        self._ids.wanted = _ids_of(attempt)
        try:
            span = self._tracer.start_span(
                "attempt", Context(), attributes=_facts(task, attempt), start_time=_nanoseconds(begun)
            )
        finally:
            self._ids.wanted = None
        span.set_attribute("vidgen.status", task.status.value)
        if task.failure is not None:
            span.set_attribute("error.type", task.failure.code)
            span.set_status(trace.StatusCode.ERROR)
        span.end(_nanoseconds(max(now, begun)))

    def close(self) -> None:
        """Send what is left, and end."""
        self._provider.shutdown()


class _Ids:
    """Random ids, but for the one span whose ids are known before."""

    def __init__(self, others: Any) -> None:
        self._others = others
        #: Ids of the trace and the span that is begun next.
        self.wanted: tuple[int, int] | None = None

    def generate_trace_id(self) -> int:
        return int(self.wanted[0] if self.wanted else self._others.generate_trace_id())

    def generate_span_id(self) -> int:
        return int(self.wanted[1] if self.wanted else self._others.generate_span_id())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._others, name)


def _ids_of(attempt: Attempt) -> tuple[int, int]:
    """Ids of the trace and of its first span: the same in every process, and another one's in no other home."""
    digest = sha256(f"{attempt.id} {attempt.task_id} {attempt.created_at.timestamp()}".encode()).digest()
    return int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])


def _facts(task: Task, attempt: Attempt) -> dict[str, Any]:
    return {
        "vidgen.task": task.id,
        "vidgen.attempt": attempt.number,
        "vidgen.provider": attempt.provider.value,
        "vidgen.model": attempt.model,
        "vidgen.remote_id": attempt.remote_id or "",
    }


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000_000)
