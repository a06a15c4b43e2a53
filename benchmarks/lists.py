"""What long lists take of memory, and how long the store is held by an act on many tasks.

    python benchmarks/lists.py [--tasks 100000 1000000] [--stop 13000]

Each command is a process of its own; *added* is its most memory above that of ``vidgen tasks --limit 1``. Of an act the longest
transaction counts: for so long nobody else can write.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from store import fill

from vidgen_core.config.paths import Locations
from vidgen_core.db import Store
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.services.facade import Vidgen

BAR = 50
PEAK = """
import re, resource, sys
from vidgen_core.cli.program import run
status = run({arguments!r})
peak = re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1]
used = resource.getrusage(resource.RUSAGE_SELF)
print("\\n", status, int(peak) / 1024, used.ru_utime + used.ru_stime, file=sys.stderr)
"""


def command(home: Path, *arguments: str) -> tuple[float, float]:
    """The most MiB and the seconds of the processor that a command takes."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK.format(arguments=[*arguments, "--project", "film"])],
        env={**os.environ, "VIDGEN_HOME": str(home)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        check=True,
    )  # fmt: skip
    status, peak, seconds = done.stderr.split()[-3:]
    assert status == "0", done.stderr
    return float(peak), float(seconds)


def stop(home: Path, tasks: int) -> tuple[float, float, int]:
    """Seconds to stop so many queued tasks, those of the longest transaction, and how many there were."""
    with Vidgen.open(Locations(home)) as app:
        [project] = [one for one in app.projects.all() if one.name == "film"]
        queued = app.tasks.ids(project.id, TaskFilter(statuses=frozenset({TaskStatus.QUEUED})))[:tasks]
        lengths: list[float] = []
        write = app.store.write

        class Timed:
            def __enter__(self) -> object:
                self.inner, self.begun = write(), time.perf_counter()
                return self.inner.__enter__()

            def __exit__(self, *error: object) -> object:
                try:
                    return self.inner.__exit__(*error)  # type: ignore[arg-type]
                finally:
                    lengths.append(time.perf_counter() - self.begun)

        app.store.write = Timed  # type: ignore[method-assign,assignment]
        begun = time.perf_counter()
        done = app.tasks.cancel(queued)
        return time.perf_counter() - begun, max(lengths), len(done.done)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tasks", type=int, nargs="+", default=[100_000, 1_000_000])
    options.add_argument("--stop", type=int, default=13_000)
    given = options.parse_args()
    print("| tasks | what | n | added MiB | CPU s | bar |\n|---|---|---|---|---|---|")
    for count in given.tasks:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            store = Store.open(Locations(home).create().database)
            fill(store, count, 3)
            store.close()
            idle, _ = command(home, "tasks", "--limit", "1")
            lists = [
                ("export", "--to", str(Path(folder) / f"list.{kind}"), "--list", "tasks")
                for kind in ("csv", "json", "xlsx")
            ]
            for arguments in (*lists, ("tasks", "--json"), ("tasks",)):
                peak, seconds = command(home, *arguments)
                what = " ".join(part.rpartition("/")[2] for part in arguments)
                print(f"| {count} | `vidgen {what}` | 1 | {peak - idle:.0f} | {seconds:.1f} | {BAR} |", flush=True)
            took, longest, stopped = stop(home, given.stop)
            print(
                f"| {count} | stop {stopped} tasks: {took:.1f} s, the longest transaction {longest:.2f} s | 1 | – | – | – |"
            )


if __name__ == "__main__":
    main()
