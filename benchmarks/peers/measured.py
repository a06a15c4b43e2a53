"""What every engine of the benchmark is given, and how it is measured."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Work:
    """So many jobs over the provider at ``url``, at most ``cap`` at once, each polled every ``poll`` seconds."""

    url: str
    jobs: int
    cap: int
    poll: float
    folder: str


def the_work() -> Work:
    """The work as the command line says."""
    url, jobs, cap, poll, folder = sys.argv[1:]
    return Work(url, int(jobs), int(cap), float(poll), folder)


def measured(run: Callable[[Work], None]) -> None:
    """Run the work and print what it took of this process, its start left out."""
    work, before = the_work(), time.process_time()
    run(work)
    tell(work, time.process_time() - before)


def tell(work: Work, cpu: float, **more: float) -> None:
    """Print CPU seconds as milliseconds a task, and the most memory in use."""
    print(json.dumps({"CPU ms/task": 1000 * cpu / work.jobs, "peak MB": _peak(), **more}), flush=True)


def _peak() -> float:
    """The most memory that this process has had; what the system calls ``ru_maxrss`` counts its parent's, too."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) / 1024 if found else float("nan")
