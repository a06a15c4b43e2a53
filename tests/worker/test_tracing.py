"""Spans from the order to the file; nothing of OpenTelemetry is imported where nobody collects them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from runner_bench import Bench

from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.worker import tracing


def test_without_a_collector_nothing_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tracing.ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    assert tracing.from_environment() is None
    code = "import sys, vidgen_core.worker.worker; print(any(name.startswith('opentelemetry') for name in sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


def test_an_attempt_is_one_trace_from_the_order_to_the_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="vidgen[trace] is not installed")
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "from_environment", lambda: tracing.Tracing(exporter))
    [task] = bench.queue()
    bench.start()
    bench.wait(task, TaskStatus.COMPLETED)
    bench.stop()
    spans = exporter.get_finished_spans()
    [whole] = [span for span in spans if span.name == "attempt"]
    parts = [span for span in spans if span is not whole]
    assert {span.name for span in parts} == {"prepare", "submit", "poll", "download"}
    assert {span.context.trace_id for span in spans} == {whole.context.trace_id}
    assert {span.parent.span_id for span in parts if span.parent} == {whole.context.span_id}
    assert whole.attributes is not None
    assert whole.attributes["vidgen.status"] == "completed"
    [attempt] = bench.attempts(task)
    assert attempt.intent_at is not None
    assert whole.start_time == pytest.approx(attempt.intent_at.timestamp() * 1e9, abs=1e6)
    assert "pan left" not in "".join(span.to_json() for span in spans)
