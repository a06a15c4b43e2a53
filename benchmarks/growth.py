"""Whether the worker's memory grows with the tasks that it has done: a day of 20,000 tasks over HTTP, as quick as they go.

    python benchmarks/growth.py [--tasks 20000] [--cap 50] [--trace]

*Growth* is between the ends of two quarters; of the last one the bar is 5 MiB. ``--trace`` shows where the memory of the second
half was asked for (tracemalloc, which makes everything slower and larger).
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
import tracemalloc
from pathlib import Path

import psutil
from peers.with_vidgen import KEYS, YUNWU, Timed, queue
from runner import provider_of

from vidgen_core.config.file import SettingsFile
from vidgen_core.config.paths import Locations
from vidgen_core.db import Store
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.media.kenburns import RenderSpec, render
from vidgen_core.worker.worker import Worker

MIB, BAR = 2**20, 5


def at_quarters(store: Store, tasks: int, *, trace: bool) -> list[tuple[float, float]]:
    """MiB in use and CPU seconds at the start and whenever another quarter of the tasks has been done."""
    process, found, middle = psutil.Process(), [], None
    while len(found) < 5:
        with store.read() as tx:
            counts = tx.tasks.counts(None)
        assert not counts[TaskStatus.FAILED]
        if counts[TaskStatus.COMPLETED] >= tasks * len(found) // 4:
            found.append((process.memory_info().rss / MIB, time.process_time()))
            if trace and len(found) == 3:
                middle = tracemalloc.take_snapshot()
        time.sleep(0.5)
    if middle is not None:
        for line in tracemalloc.take_snapshot().compare_to(middle, "traceback")[:12]:
            print(f"{line.size_diff / tasks * 2:+.0f} bytes a task", *line.traceback.format()[-6:], sep="\n")
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tasks", type=int, default=20_000)
    options.add_argument("--cap", type=int, default=50)
    options.add_argument("--trace", action="store_true")
    given = options.parse_args()
    os.environ["VIDGEN_RUNNER__MAX_CONCURRENT"] = str(given.cap)
    os.environ["VIDGEN_RUNNER__POLL_INTERVAL"] = "0.125"
    os.environ["VIDGEN_PROVIDERS__YUNWU__KEYS"] = KEYS
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "small.mp4"
        render(RenderSpec(image=None, prompt="", width=64, height=64, seconds=0.5), video)
        locations = Locations(Path(folder) / "home").create()
        settings = SettingsFile(locations)
        store, own = Store.open(locations.database), Store.open(locations.database, checkpoints=True)
        with provider_of(given.cap, (0.1, 0.3), video) as url:
            provider = Timed(settings.current, locations, url=url)
            queue(store, given.tasks)
            if given.trace:
                tracemalloc.start(8)
            worker = Worker(own, settings.current, locations, lambda _: {YUNWU: provider}).start()
            found = at_quarters(store, given.tasks, trace=given.trace)
            worker.stop()
    print("| tasks done | n | MiB | growth | CPU ms a task | bar |\n|---|---|---|---|---|---|")
    for number, ((before, early), (now, late)) in enumerate(itertools.pairwise(found), start=1):
        a_task = 4000 * (late - early) / given.tasks
        bar = BAR if number == 4 else "–"
        print(f"| {given.tasks * number // 4} | 1 | {now:.0f} | {now - before:+.1f} | {a_task:.0f} | {bar} |")


if __name__ == "__main__":
    main()
