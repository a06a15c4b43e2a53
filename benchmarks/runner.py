"""How well the worker keeps its slots busy over HTTP, what a task costs it, and what other engines make of the same work.

    python benchmarks/runner.py [--cap 5 50 200] [--rounds 3] [--engine vidgen loop huey procrastinate]
    python benchmarks/runner.py --cap 1000 --jobs 1000 --spread 30 90 --poll 5 --engine vidgen

300 jobs of 0.5–2 s at a provider in a process of its own (``peers/provider.py``), polled every 0.125 s. *Ideal* is the sum of
their lengths over the cap; *FIFO* is a schedule in the order of the queue that fills each slot at once and learns of each end at
once. *Idle* is the share of slot time without a job, from the first submit to the last, as the provider saw it. CPU and memory
are the engine's own process, its start left out. *Late* is the most that a step began after its time, *longest* the longest
poll. The versions of the peers are pinned in the dependency group ``bench``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from vidgen_core.media.kenburns import RenderSpec, render

JOBS, SPREAD, POLL = 300, (0.5, 2.0), 0.125
ENGINES = {
    "vidgen": "with_vidgen", "loop": "plain_loop", "huey": "with_huey", "procrastinate": "with_procrastinate",
}  # fmt: skip
COLUMNS = (
    "makespan/FIFO", "makespan/ideal", "idle", "CPU ms/task", "peak MB", "delay s", "latest s", "polls/task", "peak",
    "statements", "commits", "triggers", "late s", "longest s",
)  # fmt: skip
HERE = Path(__file__).parent


@contextmanager
def provider_of(cap: int, spread: tuple[float, float], video: Path) -> Iterator[str]:
    arguments = [f"{cap}", *map(str, spread), str(video)]
    with subprocess.Popen(
        [sys.executable, "-m", "peers.provider", *arguments], cwd=HERE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def measure(
    engine: str, cap: int, jobs: int = JOBS, spread: tuple[float, float] = SPREAD, poll: float = POLL
) -> dict[str, float]:
    """One run of an engine in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "small.mp4"
        render(RenderSpec(image=None, prompt="", width=64, height=64, seconds=0.5), video)
        with provider_of(cap, spread, video) as url:
            arguments = [url, str(jobs), str(cap), str(poll), folder]
            done = subprocess.run(
                [sys.executable, "-m", f"peers.{ENGINES[engine]}", *arguments],
                cwd=HERE, stdout=subprocess.PIPE, text=True, check=True, timeout=900,
            )  # fmt: skip
            with urllib.request.urlopen(f"{url}/figures") as answer:  # noqa: S310 — loopback
                seen = json.load(answer)
        assert seen.pop("done") == jobs
        return {**seen, **json.loads(done.stdout.splitlines()[-1])}


def table(caps: list[int], rounds: int, engines: list[str], jobs: int, spread: tuple[float, float], poll: float) -> str:
    """Medians of all runs, which take turns so that a busy moment of the machine befalls them alike."""
    found: dict[tuple[int, str], list[dict[str, float]]] = {(cap, engine): [] for cap in caps for engine in engines}
    for _ in range(rounds):
        for cap, engine in found:
            found[cap, engine].append(measure(engine, cap, jobs, spread, poll))
    lines = [f"| cap | engine | n | {' | '.join(COLUMNS)} |", "|---|---|---|" + "---|" * len(COLUMNS)]
    for (cap, engine), runs in found.items():
        values = (statistics.median(run[name] for run in runs) if name in runs[0] else None for name in COLUMNS)
        cells = ("–" if value is None else f"{value:.3g}" for value in values)
        lines.append(f"| {cap} | {engine} | {len(runs)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _is_here(engine: str) -> bool:
    """Whether the peer is installed; procrastinate needs PostgreSQL as well."""
    has_server = engine != "procrastinate" or next(Path("/usr/lib/postgresql").glob("*/bin"), None) is not None
    return engine in ("vidgen", "loop") or (has_server and find_spec(engine) is not None)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cap", type=int, nargs="+", default=[5, 50, 200])
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--jobs", type=int, default=JOBS)
    options.add_argument(
        "--spread", type=float, nargs=2, default=SPREAD, help="seconds of the shortest and the longest job"
    )
    options.add_argument("--poll", type=float, default=POLL, help="seconds between two polls")
    options.add_argument("--engine", nargs="+", choices=ENGINES, default=list(ENGINES))
    given = options.parse_args()
    engines = [engine for engine in given.engine if _is_here(engine)]
    print(table(given.cap, given.rounds, engines, given.jobs, tuple(given.spread), given.poll))


if __name__ == "__main__":
    main()
