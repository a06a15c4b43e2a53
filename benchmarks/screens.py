"""Server time of the screens: ``python benchmarks/screens.py [--tasks 100000]``.

Fills a temporary home with 10,000 shots and the tasks, and runs the real scripts without a browser: a whole run of the
page, a click on *Generate*, and what one refresh of the header and of the twelve cards of a page asks of the façade.
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
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from vidgen_core.config.paths import Locations
from vidgen_core.domain.queries import ShotFilter
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


def measure(n: int) -> None:
    app = get_vidgen()
    project = app.projects.all()[0].id
    shots = [view.shot.id for view in app.shots.page(project, ShotFilter(), 12).items]
    print(f"{'n = ' + str(n):<52} {'median':>8} {'cpu':>8}   bar (ms)")
    show("header: runner.status", timed(lambda: app.worker.status(project), n), "50 with the cards")
    show("12 cards: view", timed(lambda: [app.shots.view(shot) for shot in shots], n), "")
    show("12 cards: estimate", timed(lambda: [app.tasks.estimate(project, [shot]) for shot in shots], n), "")
    show("page of shots", timed(lambda: app.shots.page(project, ShotFilter(), 12), n), "")
    show("generate one shot", timed(lambda: app.tasks.generate(project, [shots[0]]), n), "")
    PagesManager.uses_pages_directory = False
    test = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    show("Shots: whole run", timed(test.run, n), "300")
    click = timed(lambda: test.button(key=f"generate_{shots[1]}").click().run(), n)
    show("Shots: a click on Generate, whole run", click, "300")
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
