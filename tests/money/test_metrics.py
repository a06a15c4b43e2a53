"""Metrics can be read by Prometheus, and through a batch with faults they say what the ledger says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import httpx
import pytest
from doubles import free_port
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from rehearsed import rehearsed_home

from vidgen_core.config.paths import Locations
from vidgen_core.domain.attempts import AttemptState
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.shots import NewShot
from vidgen_core.domain.tasks import GenerationParams, NewTask, TaskStatus
from vidgen_core.services.facade import Vidgen
from vidgen_core.worker.background import billing_sync

YUNWU = ProviderId("yunwu")
DEPLOY = Path(__file__).parents[2] / "deploy"
PANELS = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
RULES = DEPLOY / "prometheus-rules.yml"
#: What the dashboard and the alert rules ask for.
ASKED = [
    *(target["expr"] for panel in PANELS for target in panel["targets"]),
    *re.findall(r"expr: (.+)", RULES.read_text()),
]
#: Endings of the samples of a family.
ENDINGS = ("", "_total", "_bucket", "_count", "_sum")


class Scraped:
    """The metrics as a scraper reads them."""

    def __init__(self, app: Vidgen) -> None:
        text, media_type = app.metrics.text()
        assert media_type.startswith("text/plain")
        self._samples = samples_of(text.decode())

    def sum(self, name: str, **labels: str) -> float:
        """Of all samples with these labels; there must be one."""
        found = [one.value for one in self._samples if one.name == name and labels.items() <= one.labels.items()]
        assert found, (name, labels)
        return sum(found)


def samples_of(text: str) -> list[Sample]:
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def exported(app: Vidgen) -> set[str]:
    """The names of all samples that there may be."""
    families = text_string_to_metric_families(app.metrics.text()[0].decode())
    return {f"{family.name}{ending}" for family in families for ending in ENDINGS}


def served_by_worker(app: Vidgen) -> list[Sample]:
    port = free_port()
    app.metrics.serve_worker("127.0.0.1", port)
    return samples_of(httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text)


def test_dashboard_and_alerts_ask_for_metrics_that_there_are(locations: Locations) -> None:
    with Vidgen.open(locations) as app:
        known = exported(app)
    asked = {name for expression in ASKED for name in re.findall(r"\bvidgen_\w+", expression)}
    assert len(asked) > 10
    assert asked <= known
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert all(panel["datasource"] == {"type": "prometheus", "uid": "${source}"} for panel in PANELS)
    areas = [(place["x"], place["y"], place["w"], place["h"]) for panel in PANELS for place in [panel["gridPos"]]]
    cells = [(x + dx, y + dy) for x, y, w, h in areas for dx in range(w) for dy in range(h)]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
def test_prometheus_reads_metrics_alerts_and_queries(locations: Locations, tmp_path: Path) -> None:
    with Vidgen.open(locations) as app:
        app.settings_file.change({"budget.limit": 10})
        text, _ = app.metrics.text()
    records = [f"      - {{record: 'q:{n}', expr: '{asked}'}}" for n, asked in enumerate(ASKED)]
    queries = tmp_path / "queries.yml"
    queries.write_text("\n".join(["groups:", "  - name: queries", "    rules:", *records]))
    for arguments, given in (("metrics", text), (f"rules {RULES}", b""), (f"rules {queries}", b"")):
        command = [str(shutil.which("promtool")), "check", *arguments.split(" ", 1)]
        checked = subprocess.run(command, input=given, capture_output=True, check=False, timeout=60)
        assert (checked.returncode, checked.stderr) == (0, b""), checked.stdout


def test_a_batch_with_faults_is_told_as_the_ledger_has_it(
    locations: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(billing_sync, "EVERY", 600.0)
    with rehearsed_home(locations, monkeypatch, {"keys": ["sk-good-aaaa1111"]}, seed=7) as (home, server):
        server.set_faults({"poll-500": 0.3, "reset-after-accept": 0.2})
        tasks = home.queue(YUNWU, [*(f"pan {n}" for n in range(8)), "no [[parameter]]"])
        with Vidgen.open(locations) as app:
            app.worker.start()
            home.finish(tasks)
            said = Scraped(app)
            served = served_by_worker(app)
            with app.store.read() as tx:
                attempts = [attempt for task in tasks for attempt in tx.attempts.of_task(task.id)]
                counts, owed = tx.tasks.counts(None), tx.ledger.committed()
            check = app.ledger.verify()
        assert check.ok
        assert said.sum("vidgen_ledger_lines") == check.lines
        for status in TaskStatus:
            assert said.sum("vidgen_tasks", provider="yunwu", state=status.value) == counts.get(status, 0)
        states = Counter(attempt.state for attempt in attempts)
        for state, n in states.items():
            assert said.sum("vidgen_attempts", provider="yunwu", state=state.value) == n
        assert said.sum("vidgen_unknown_submits", provider="yunwu") == states[AttemptState.UNKNOWN]
        assert said.sum("vidgen_double_submits") == 0
        [money] = owed[YUNWU]
        assert said.sum("vidgen_spend_owed", provider="yunwu", currency="CNY") == pytest.approx(float(money.amount))
        # Everything that has left was counted, and as often as the provider has it.
        left = sum(attempt.intent_at is not None for attempt in attempts)
        assert said.sum("vidgen_submit_seconds_count", provider="yunwu") == left == server.stats()["submits_total"]
        assert said.sum("vidgen_submit_seconds_bucket", provider="yunwu", le="+Inf") == left
        assert said.sum("vidgen_poll_seconds_count", provider="yunwu") >= states[AttemptState.SUCCEEDED]
        refused = {"provider": "yunwu", "class": "parameter"}
        assert said.sum("vidgen_errors_total", step="submit", **refused) == 1
        assert said.sum("vidgen_attempts", state="refused", **refused) == 1
        # A worker by itself serves what it alone knows, and nothing that every server says.
        assert ("vidgen_submit_seconds_count", {"provider": "yunwu"}, left) in [one[:3] for one in served]
        assert "vidgen_tasks" not in {one.name for one in served}
        assert said.sum("vidgen_queue_oldest_seconds", provider="yunwu") == 0
        assert said.sum("vidgen_slots", provider="yunwu") == 10


def test_an_order_sent_while_an_earlier_one_is_under_way_would_be_counted(locations: Locations) -> None:
    with Vidgen.open(locations) as app:
        with app.store.write() as tx:
            project = tx.projects.ensure("ep01")
            [shot] = tx.shots.add(project.id, [NewShot(number="1.0", prompt="a")])
            params = GenerationParams(prompt="a", aspect_ratio="9:16", size="720P")
            [task, other] = tx.tasks.add(
                [NewTask(project_id=project.id, shot_id=shot.id, provider=YUNWU, model="m", params=params)] * 2
            )

        def send(task_id: int) -> int:
            with app.store.write() as tx:
                attempt = tx.attempts.begin(task_id, YUNWU, "m", None, None, None, None)
            with app.store.write() as tx:
                tx.attempts.update(attempt.id, state=AttemptState.SENDING, intent_at=attempt.created_at)
            return attempt.id

        first = send(other.id)
        with app.store.write() as tx:
            tx.attempts.update(first, state=AttemptState.FAILED)
        send(other.id)
        assert Scraped(app).sum("vidgen_double_submits") == 0
        send(task.id)
        send(task.id)
        assert Scraped(app).sum("vidgen_double_submits") == 1
