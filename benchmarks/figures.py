"""How long the figures take: ``python benchmarks/figures.py [--tasks 1000000]``.

Fills a temporary database through its triggers (twelve projects of a month, three providers with two models and two
keys each, a year without a free hour) and
prints median and 95th percentile over n runs of everything that the figures screen asks, and what keeping the sums
adds to a write.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from vidgen_core.config.paths import Locations
from vidgen_core.domain.providers import ProviderId
from vidgen_core.services.facade import Vidgen

#: Seconds since 1970 of the first task.
START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
YEAR = 365 * 86_400
BAR = 300.0
CHUNK = 50_000

#: One row for each v; pseudo-random by multiplication, so that a run is like the one before.
ROWS = """
WITH RECURSIVE n(v) AS (SELECT {first} UNION ALL SELECT v + 1 FROM n WHERE v < {last} - 1),
r AS (SELECT v, v * 2654435761 % 1000003 AS h, {start} + {year} * v / {count} AS at FROM n)
"""
TASKS = """
INSERT INTO tasks (id, project_id, shot_id, shot_position, take, batch, status, provider, model, text_id, turn, charge,
    rev, created_at, queued_at, polled_at, attempt_id, params)
{rows} SELECT v + 1, 1 + (12 * v / {count} + h % 2) % 12, 1 + v / 3, 1 + v / 3, 1 + v % 3, v / 300, 'processing',
    CASE h % 5 WHEN 0 THEN 'kie' WHEN 1 THEN 'lovart' ELSE 'yunwu' END, 'model-' || (h % 2), 1, v, 'none', v, at,
    at, at + 60 + h % 400, v + 1, '{{}}' FROM r
"""
ATTEMPTS = """
INSERT INTO attempts (id, project_id, task_id, number, state, provider, model, key_id, accepted_at, cost, cost_currency,
    charge, rev, created_at)
{rows} SELECT v + 1, 1 + (12 * v / {count} + h % 2) % 12, v + 1, 1, 'accepted', CASE h % 5 WHEN 0 THEN 'kie' WHEN 1 THEN 'lovart' ELSE 'yunwu' END,
    'model-' || (h % 2), 'key' || (h / 2 % 2), at + 5 + h % 40, 400000,
    CASE h % 5 WHEN 0 THEN 'credits' WHEN 1 THEN 'credits' ELSE 'CNY' END, 'estimated', v, at + h % 30 FROM r
"""
ENDED_ATTEMPTS = """
UPDATE attempts SET state = CASE WHEN id * 7919 % 10 = 0 THEN 'failed' ELSE 'succeeded' END,
    charge = CASE WHEN id * 7919 % 10 = 0 THEN 'refunded' ELSE 'charged' END,
    failure = CASE WHEN id * 7919 % 10 = 0 THEN '{"kind": "moderation"}' END,
    ended_at = accepted_at + 40 + id * 31 % 400 WHERE id > :first AND id <= :last
"""
DOWNLOADING = "UPDATE tasks SET status = 'downloading' WHERE id > :first AND id <= :last"
ENDED_TASKS = """
UPDATE tasks SET status = CASE WHEN id * 7919 % 10 = 0 THEN 'failed' ELSE 'completed' END,
    failure_kind = CASE WHEN id * 7919 % 10 = 0 THEN 'moderation' END,
    finished_at = polled_at + 1 + id * 17 % 90 WHERE id > :first AND id <= :last
"""


def fill(app: Vidgen, count: int) -> None:
    for number in range(12):
        app.projects.ensure(f"ep{number}")
    for first in range(0, count, CHUNK):
        last = min(first + CHUNK, count)
        rows = ROWS.format(first=first, last=last, start=START, year=YEAR, count=count)
        with app.store.write() as tx:
            for statement in (TASKS.format(rows=rows, count=count), ATTEMPTS.format(rows=rows, count=count)):
                tx._connection.exec_driver_sql(statement)
            for statement in (ENDED_ATTEMPTS, DOWNLOADING, ENDED_TASKS):
                tx._connection.exec_driver_sql(statement, {"first": first, "last": last})


def measure(ask: Callable[[], object], n: int) -> tuple[float, float, float]:
    """Median and 95th percentile by the clock and median on the processor, in milliseconds."""
    clock, used = [], []
    for _ in range(n):
        begun, before = time.perf_counter(), time.thread_time()
        ask()
        clock.append((time.perf_counter() - begun) * 1_000)
        used.append((time.thread_time() - before) * 1_000)
    return statistics.median(clock), sorted(clock)[int(n * 0.95)], statistics.median(used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--n", type=int, default=15, help="runs of each question")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Vidgen.open(Locations(Path(folder))) as app:
        begun = time.perf_counter()
        fill(app, given.tasks)
        app.store.checkpoint()
        with app.store.read() as tx:
            sizes = {
                name: tx._connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar()  # noqa: S608
                for name in ("tasks", "task_ends_daily", "ledger_daily", "stage_times_daily", "takes_hourly")
            }
        print(f"{sizes}, filled in {time.perf_counter() - begun:.0f} s")
        month = {"since": date(2026, 6, 1), "until": date(2026, 6, 30)}
        questions: list[tuple[str, Callable[[], object]]] = [
            ("all projects, the whole year", lambda: app.reports.of(None)),
            ("one project, the whole year", lambda: app.reports.of(1)),
            ("one project, 30 days", lambda: app.reports.of(1, **month)),
            ("one provider, the whole year", lambda: app.reports.of(None, provider=ProviderId("kie"))),
        ]
        print(f"{'question':38} {'median ms':>10} {'p95 ms':>8} {'cpu ms':>8} {'n':>4} {'bar ms':>7}")
        for name, ask in questions:
            median, high, used = measure(ask, given.n)
            mark = "" if median <= BAR else "  missed"
            print(f"{name:38} {median:10.1f} {high:8.1f} {used:8.1f} {given.n:4} {BAR:7.0f}{mark}", flush=True)


if __name__ == "__main__":
    main()
