"""How well the runner keeps its slots busy, and what a task costs it.

    python benchmarks/runner.py

Jobs last 0.5–2 s in a provider inside this process (no HTTP), polled every 0.125 s. *Ideal* is the sum of the jobs'
durations over the cap; *busy* is the share of slot time with a job in it, from the first submit to the last. CPU is that of
the whole process. Also: a thousand jobs in flight at once, with the latest poll against its time.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from vidgen_core.config.file import SettingsFile
from vidgen_core.config.paths import Locations
from vidgen_core.db import NewShot, NewTask, Store
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import GenerationParams, TaskStatus
from vidgen_core.media.files import PartFile
from vidgen_core.media.kenburns import RenderSpec, render
from vidgen_core.providers.base import (
    Capabilities,
    Connection,
    Key,
    Order,
    Prepared,
    Problem,
    Provider,
    RemoteJob,
    RemoteState,
    RemoteStatus,
    Submission,
)
from vidgen_core.worker.worker import Worker

KEYS = '[{"name":"a","secret":"sk-a-1111"}]'


class Timed(Provider):
    """Jobs that end after a drawn time."""

    mode = ProviderId("yunwu")

    def __init__(self, *args: Any, video: bytes, spread: tuple[float, float], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._video = video
        self._chance = random.Random(1)
        self._spread = spread
        self.jobs: dict[str, tuple[float, float]] = {}
        self.seen: dict[str, float] = {}
        self.polls = 0
        self.peak = 0

    @property
    def base_url(self) -> str | None:
        return None

    def models(self) -> tuple[str, ...]:
        return ("timed",)

    def capabilities(self, model: str) -> Capabilities:
        return Capabilities(model=model, aspect_ratios=("9:16",), sizes=("720P",))

    def check(self, model: str, params: GenerationParams) -> tuple[Problem, ...]:
        return ()

    async def prepare(self, order: Order, key: Key | None) -> Prepared:
        return Prepared(payload={})

    async def submit(self, order: Order, prepared: Prepared, key: Key | None) -> Submission:
        now = time.monotonic()
        self.jobs[order.reference] = (now, now + self._chance.uniform(*self._spread))
        self.peak = max(self.peak, len(self.jobs) - len(self.seen))
        return Submission(remote_id=order.reference)

    async def poll(self, job: RemoteJob, key: Key | None) -> RemoteState:
        self.polls += 1
        now = time.monotonic()
        if now >= self.jobs[job.remote_id][1]:
            self.seen[job.remote_id] = now
            return RemoteState(status=RemoteStatus.SUCCEEDED, url="memory:")
        return RemoteState(status=RemoteStatus.RUNNING, progress=50)

    async def fetch(self, job: RemoteJob, url: str, part: PartFile, key: Key | None) -> int | None:
        part.append(self._video)
        return len(self._video)

    async def test(self, key: Key | None) -> Connection:
        return Connection(ok=True)


def measure(tasks: int, cap: int, spread: tuple[float, float], interval: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        locations = Locations(Path(folder) / "home").create()
        os.environ["VIDGEN_RUNNER__MAX_CONCURRENT"] = str(cap)
        os.environ["VIDGEN_RUNNER__POLL_INTERVAL"] = str(interval)
        os.environ["VIDGEN_PROVIDERS__YUNWU__KEYS"] = KEYS
        video = Path(folder) / "small.mp4"
        render(RenderSpec(image=None, prompt="", width=64, height=64, seconds=0.5), video)
        settings = SettingsFile(locations)
        provider = Timed(settings.current, locations, video=video.read_bytes(), spread=spread)
        store, own = Store.open(locations.database), Store.open(locations.database, checkpoints=True)
        _queue(store, tasks)
        cpu, revision = time.process_time(), store.revision()
        runner = Worker(own, settings.current, locations, lambda _: {ProviderId("yunwu"): provider}).start()
        _wait(store, tasks)
        cpu, commits = time.process_time() - cpu, store.revision() - revision
        runner.stop()
        own.close()
        store.close()
        return _figures(provider, cap, tasks, cpu, commits)


def _queue(store: Store, tasks: int) -> None:
    params = GenerationParams(aspect_ratio="9:16", size="720P")
    with store.write() as tx:
        project = tx.projects.ensure("bench")
        [shot] = tx.shots.add(project.id, [NewShot(number="1.0", prompt="x")])
        tx.tasks.add([NewTask(project.id, shot.id, ProviderId("yunwu"), "timed", params)] * tasks)


def _wait(store: Store, tasks: int) -> None:
    end = time.monotonic() + 600
    while time.monotonic() < end:
        with store.read() as tx:
            if tx.tasks.counts(None)[TaskStatus.COMPLETED] == tasks:
                return
        time.sleep(0.2)
    raise TimeoutError


def _figures(provider: Timed, cap: int, tasks: int, cpu: float, commits: int) -> dict[str, float]:
    submits = [begin for begin, _ in provider.jobs.values()]
    window = max(submits) - min(submits)
    last = max(submits)
    busy = sum(min(end, last) - begin for begin, end in provider.jobs.values() if begin < last)
    late = [provider.seen[name] - end for name, (_, end) in provider.jobs.items()]
    return {
        "busy": busy / (cap * window) if window else 1.0,
        "makespan/ideal": (max(provider.seen.values()) - min(submits))
        / (sum(end - begin for begin, end in provider.jobs.values()) / cap),
        "peak": provider.peak,
        "mean delay s": sum(late) / len(late),
        "latest s": max(late),
        "polls/task": provider.polls / tasks,
        "CPU ms/task": 1000 * cpu / tasks,
        "changes/task": commits / tasks,
    }


def main() -> None:
    rows = [
        ("cap 5, 100 jobs of 0.5-2 s", measure(100, 5, (0.5, 2.0), 0.125)),
        ("cap 50, 500 jobs of 0.5-2 s", measure(500, 50, (0.5, 2.0), 0.125)),
        ("cap 1,000, 1,000 jobs of 20-30 s", measure(1000, 1000, (20.0, 30.0), 2.5)),
    ]
    print(f"{'':34}" + "".join(f"{name:>16}" for name in rows[0][1]))
    for title, figures in rows:
        print(f"{title:34}" + "".join(f"{value:16.3f}" for value in figures.values()))


if __name__ == "__main__":
    main()
