"""Several workers on one PostgreSQL beside one embedded worker on SQLite: makespan, processor time, takeover, submits a second.

    python benchmarks/scale.py [--tasks 160] [--cap 20] [--seconds 5] [--workers 2] [--many 4] [--only NAME …]

Needs the extra ``scale`` and PostgreSQL in ``/usr/lib/postgresql``; the provider is ``vidgen rehearse``. Whatever the figures of time are,
these must hold in each run: never more jobs at once than the cap, no prompt sent twice, no key used more often than its provider allows.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from postgres_server import Postgres

from vidgen_core.config.paths import Locations
from vidgen_core.db import Store
from vidgen_core.db.transaction import REVISION
from vidgen_core.domain.log import LogLevel
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.queries import TaskFilter
from vidgen_core.domain.tasks import NewTask, TaskStatus
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer, settings_hint
from vidgen_core.providers.registry import open_provider
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions
from vidgen_core.worker.context import BuiltOnUse
from vidgen_core.worker.engines import engine_of
from vidgen_core.worker.engines.shared import SharedScheduler
from vidgen_core.worker.group_commit import GroupCommit
from vidgen_core.worker.worker import StoredUploads, Worker

YUNWU = ProviderId("yunwu")
LONGEST = 900.0
TAKEOVER = 3


def wait(condition: Callable[[], Any]) -> float:
    """Seconds until a condition is true."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > LONGEST:
            raise SystemExit(f"not within {LONGEST} s")
        time.sleep(0.05)
    return time.monotonic() - begun


class Run:
    """A studio of its own with its orders queued; its workers are started by ``start``."""

    def __init__(
        self, folder: Path, server: RehearsalServer, url: str, tasks: int, cap: int, provider: ProviderId = YUNWU
    ) -> None:
        self.folder = folder
        self.server = server
        self.cap = cap
        self.tasks = tasks
        self.workers: list[psutil.Process] = []
        self._environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith("VIDGEN_") or "TAKEOVER" in name
            },
            **settings_hint(server.url),
            "VIDGEN_SAVE_DIR": str(folder / "saved"),
            "VIDGEN_RUNNER__POLL_INTERVAL": "1",
            "VIDGEN_RUNNER__MAX_CONCURRENT": str(cap),
            "VIDGEN_SCALE__DATABASE": url,
            "VIDGEN_SCALE__TIMEZONE": "UTC" if url else "",
        }
        os.environ.update(self._environment)
        locations = Locations(folder / "home-0").create()
        with Vidgen.open(locations) as app:
            self.project = app.projects.ensure("film").id
            shots = [app.shots.add(self.project, prompt=f"shot number {n}").id for n in range(tasks)]
            app.tasks.generate(self.project, shots, GenerateOptions(provider=provider, takes=1))
        # Opened once: to open a database on a server costs it as much as a task does.
        self._store = Store.open(url or locations.database)

    def start(self, workers: int) -> None:
        for number in range(workers):
            environment = {**self._environment, "VIDGEN_HOME": str(self.folder / f"home-{number}")}
            command = [sys.executable, "-m", "vidgen_core", "worker", "--name", f"w{number}"]
            self.workers.append(
                psutil.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )

    def read(self, question: Callable[[Any], Any]) -> Any:
        with self._store.read() as tx:
            return question(tx)

    def stats(self) -> dict[str, Any]:
        return self.server.stats()

    def is_done(self) -> bool:
        time.sleep(0.2)
        counts = self.read(lambda tx: tx.tasks.counts(self.project))
        return int(counts[TaskStatus.COMPLETED] + counts[TaskStatus.FAILED]) == self.tasks

    def cpu(self) -> float:
        times = [worker.cpu_times() for worker in self.workers if worker.is_running()]
        return sum(one.user + one.system for one in times)

    def holds(self) -> dict[str, Any]:
        """What must hold whatever happens."""
        prompts = Counter(job["prompt"] for job in self.server.jobs())
        found = {
            "peak": self.stats()["peak_in_flight"]["yunwu"],
            "most submits of a prompt": max(prompts.values()),
            "completed": self.read(lambda tx: tx.tasks.counts(self.project)[TaskStatus.COMPLETED]),
        }
        found["holds"] = found["peak"] <= self.cap and found["most submits of a prompt"] == 1
        return found

    def close(self) -> None:
        for worker in self.workers:
            if worker.is_running():
                worker.send_signal(signal.SIGTERM)
        psutil.wait_procs(self.workers, timeout=60)
        self._store.close()


@contextmanager
def running(url: str, tasks: int, cap: int, seconds: float, provider: ProviderId = YUNWU) -> Iterator[Run]:
    folder = Path(tempfile.mkdtemp(prefix="vidgen-scale-"))
    options = RehearsalOptions(videos="shared", job_seconds=(seconds, seconds))
    with RehearsalServer(options) as server:
        run = Run(folder, server, url, tasks, cap, provider)
        try:
            yield run
        finally:
            run.close()
            shutil.rmtree(folder, ignore_errors=True)


def makespan(url: str, workers: int, asked: argparse.Namespace, server: int | None = None) -> dict[str, Any]:
    with running(url, asked.tasks, asked.cap, asked.seconds) as run:
        run.start(workers)
        wait(lambda: run.stats()["submits_total"])
        cpu, database, begun = run.cpu(), _cpu_of(server), time.monotonic()
        changes = run.read(lambda tx: tx.execute(REVISION).scalar())
        wait(run.is_done)
        took = time.monotonic() - begun
        changes = run.read(lambda tx: tx.execute(REVISION).scalar()) - changes
        return {
            "workers": workers,
            "makespan s": round(took, 1),
            "cpu ms a task": round((run.cpu() - cpu) * 1000 / asked.tasks, 1),
            "write transactions a task": round(changes / asked.tasks, 1),
            **({"postgres ms a task": round((_cpu_of(server) - database) * 1000 / asked.tasks, 1)} if server else {}),
            **run.holds(),
        }


def _cpu_of(pid: int | None) -> float:
    """Processor seconds of a server; of its sessions those that still last, and those whose end it has waited for."""
    if pid is None:
        return 0.0
    server = psutil.Process(pid)
    own = server.cpu_times()
    total = float(own.user + own.system + own.children_user + own.children_system)
    for child in server.children():
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def takeover(url: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Seconds from a kill until another worker has the last of the dead one's tasks."""
    os.environ["VIDGEN_SCALE__TAKEOVER_SECONDS"] = str(TAKEOVER)
    with running(url, asked.cap * 3, asked.cap, 20.0) as run:
        run.start(2)

        def names() -> Counter[str]:
            attempts = run.read(lambda tx: tx.attempts.open(YUNWU))
            return Counter((one.worker or "").partition(":")[0] for one in attempts if one.remote_id)

        wait(lambda: len(names()) == 2 and sum(names().values()) >= asked.cap)
        run.workers[0].kill()
        del os.environ["VIDGEN_SCALE__TAKEOVER_SECONDS"]
        return {"takeover s": round(wait(lambda: "w0" not in names()), 1), "at takeover_seconds": TAKEOVER}


def rate(url: str, workers: int, asked: argparse.Namespace) -> dict[str, Any]:
    """The most submits of a key in any ten seconds, where nothing else holds several workers back; KIE allows 20."""
    with running(url, asked.tasks // 2, 1000, 0.0, ProviderId("kie")) as run:
        run.start(workers)
        wait(lambda: run.stats()["submits_total"] >= asked.tasks // 2)
        sent: dict[str, list[float]] = defaultdict(list)
        for job in run.server.jobs():
            sent[job["key"]].append(job["created"])
        most = max(
            bisect.bisect_left(times, begin + 10) - n for times in sent.values() for n, begin in enumerate(times)
        )
        return {"workers": workers, "most submits of a key in 10 s": most, "holds": most <= 20}


def writes(url: str, writers: int, seconds: float) -> dict[str, Any]:
    """Write transactions a second of processes that do nothing else."""
    Store.open(url).close()
    code = (
        "import sys, time\nfrom vidgen_core.db import Store\nfrom vidgen_core.domain.log import LogLevel\n"
        "store, n, end = Store.open(sys.argv[1]), 0, time.monotonic() + float(sys.argv[2])\n"
        "while time.monotonic() < end:\n"
        "    with store.write() as tx: tx.log.add(LogLevel.INFO, 'resumed')\n"
        "    n += 1\n"
        "print(n)"
    )
    command = [sys.executable, "-c", code, url, str(seconds)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(writers)]
    done = sum(int(process.communicate()[0]) for process in processes)
    return {"writers": writers, "write transactions/s": round(done / seconds, 1)}


def feeder(url: str, queued: int, asked: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds that the leader takes to choose what may begin of a long queue, and to ask the engine to hand it out."""
    with running(url, 100, asked.cap, 60.0) as run, Vidgen.open(Locations(run.folder / "home-0")) as app:
        with app.store.write() as tx:
            tasks = tx.tasks.many(tx.tasks.ids(run.project, TaskFilter()))
            new = [
                NewTask(
                    project_id=one.project_id,
                    shot_id=one.shot_id,
                    provider=one.provider,
                    model=one.model,
                    params=one.params,
                )
                for one in tasks
            ]
        for _ in range(queued // len(new) - 1):
            with app.store.write() as tx:
                tx.tasks.add(new)
        passes = asyncio.run(_passes(url, app, run.project))
    return {
        "queued": queued,
        "feeder pass ms": round(statistics.median(passes) * 1000, 1),
        "worst": round(max(passes) * 1000, 1),
    }


async def _passes(url: str, app: Vidgen, project: int) -> list[float]:
    """What a leader does when a job has ended."""
    store, locations = app.store, app.locations
    writer = GroupCommit(store)
    providers = BuiltOnUse(
        [YUNWU],
        lambda mode: open_provider(mode, app.settings, locations, StoredUploads(mode, store, writer)),
    )
    worker = Worker(store, app.settings, locations, lambda _: providers)
    ctx = await asyncio.to_thread(worker._context, writer, providers)
    engine = engine_of(url, ctx.takeover_seconds, "w0")
    scheduler = SharedScheduler(ctx, ctx.clock(), engine, store.runner_lock(locations.runner_lock))
    scheduler.leads = True
    carried = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(engine.run(lambda _: carried))
    while engine._manager is None:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.1)
    while not scheduler._wanted:
        # The balance is asked for before the first order.
        await scheduler._check_billing()
        scheduler._may_fill = True
        await scheduler._fill()
        await asyncio.sleep(0.2)
    scheduler._wanted.clear()
    found = []
    for _ in range(20):
        # As after each change, anybody's.
        await writer.do(lambda tx: tx.log.add(LogLevel.INFO, "resumed", project_id=project))
        begun = time.perf_counter()
        scheduler._may_fill = True
        await scheduler._fill()
        wanted, scheduler._wanted = scheduler._wanted, []
        await engine.put([id_ for _, id_ in wanted])
        found.append(time.perf_counter() - begun)
        assert len(wanted) >= 1
    await scheduler._billing.stop()
    engine.stop()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await writer.stop()
    for provider in providers.built.values():
        await provider.close()
    return found


def submits(url: str, workers: int, asked: argparse.Namespace) -> dict[str, Any]:
    """Submits a second where jobs end at once and nothing but the processor holds them back."""
    with running(url, asked.tasks * 2, 1000, 0.0) as run:
        run.start(workers)
        wait(lambda: run.stats()["submits_total"])
        before = run.stats()["submits_total"]
        took = wait(lambda: run.stats()["submits_total"] >= asked.tasks * 2)
        return {"workers": workers, "submits/s": round((asked.tasks * 2 - before) / took, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=160)
    parser.add_argument("--cap", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--many", type=int, default=4)
    parser.add_argument("--only", nargs="*", default=(), help="runs by name")
    asked = parser.parse_args()
    data = Path(tempfile.mkdtemp(prefix="vidgen-scale-postgres-"))
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(data, user, user)
    server = Postgres(
        data, user, {"fsync": "on", "full_page_writes": "on", "max_connections": "150", "autovacuum": "on"}
    )
    server.start()
    pid = int((data / "postmaster.pid").read_text().split()[0])
    try:
        runs: tuple[tuple[str, Callable[[], dict[str, Any]]], ...] = (
            ("embedded", lambda: makespan("", 1, asked)),
            ("shared", lambda: makespan(server.new(), asked.workers, asked, pid)),
            ("takeover", lambda: takeover(server.new(), asked)),
            ("one submits", lambda: submits(server.new(), 1, asked)),
            ("many submit", lambda: submits(server.new(), asked.many, asked)),
            ("rate", lambda: rate(server.new(), asked.workers, asked)),
            ("writes", lambda: writes(server.new(), 2, 10.0)),
            ("feeder", lambda: feeder(server.new(), 20_000, asked)),
        )
        for name, figures in runs:
            if not asked.only or name in asked.only:
                print(json.dumps({"run": name, **figures(), "load": os.getloadavg()[0]}, default=str), flush=True)
    finally:
        server.stop()
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
