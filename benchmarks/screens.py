"""Server time of the screens: ``python benchmarks/screens.py [--tasks 100000]``.

Fills a temporary home with 10,000 shots and the tasks, and runs the real scripts without a browser: a whole run of the page,
and one refresh of the header and of the twenty cards of a page after their tasks have moved on.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from store import fill
from streamlit.testing.v1 import AppTest

from vidgen_core.config.paths import Locations
from vidgen_core.dashboard.session import current_visit
from vidgen_core.dashboard.shell import header, live_updates, streamlit_fixes
from vidgen_core.dashboard.shots import takes
from vidgen_core.domain.queries import ShotFilter
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.facade import Vidgen
from vidgen_core.web.app_instance import get_vidgen

ROOT = Path(__file__).parents[1]


def timed(act: Callable[[], object], n: int) -> tuple[float, float]:
    """Median of the time on the clock and of the processor's in milliseconds, the first run left out."""
    act()
    clock, processor = [], []
    for _ in range(n):
        begun, used = time.perf_counter(), time.process_time()
        act()
        clock.append((time.perf_counter() - begun) * 1000)
        processor.append((time.process_time() - used) * 1000)
    return statistics.median(clock), statistics.median(processor)


def show(name: str, spans: tuple[float, float], bar: str) -> None:
    print(f"{name:<52} {spans[0]:8.0f} {spans[1]:8.0f}   {bar}")


def refresh() -> None:
    """What the server does when tasks have moved on: look what has changed, then the header and the takes of all cards."""
    visit = current_visit()
    live_updates.due()
    header.describe(visit, visit.app.worker.status(visit.project.id))
    takes.describe(visit, takes.views())


def measure(n: int) -> None:
    app = get_vidgen()
    project = app.projects.all()[0].id
    shown = [view.shot.id for view in app.shots.page(project, ShotFilter(), 20).items]
    moving = [task.id for task in app.tasks.generate(project, shown).tasks]
    with app.store.write() as tx:
        for task_id in moving:
            tx.tasks.move(task_id, TaskStatus.PROCESSING)
    spans: list[tuple[float, float]] = []

    def moved() -> None:
        with app.store.write() as tx:
            for task_id in moving:
                tx.tasks.note(task_id, progress=len(spans) % 100)
        begun, used = time.perf_counter(), time.process_time()
        refresh()
        spans.append(((time.perf_counter() - begun) * 1000, (time.process_time() - used) * 1000))

    streamlit_fixes.install()
    test = AppTest.from_file(str(ROOT / "tests" / "dashboard" / "dashboard.py"), default_timeout=60)
    print(f"{'n = ' + str(n):<52} {'median':>8} {'cpu':>8}   bar (ms)")
    show("Shots: whole run", timed(test.run, n), "300")
    for _ in range(n + 1):
        test.session_state["_test_act"] = moved
        test.run()
    clock, processor = (statistics.median(span[at] for span in spans[1:]) for at in (0, 1))
    show(f"header and 20 cards, {len(moving)} tasks moved", (clock, processor), "50")
    if test.exception:
        raise SystemExit(test.exception[0].message)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("-n", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VIDGEN_HOME"] = folder
        with Vidgen.open(Locations(Path(folder))) as vidgen:
            fill(vidgen.store, asked.tasks, 2)
        measure(asked.n)


if __name__ == "__main__":
    main()
