"""Several workers on one PostgreSQL beside one embedded worker on SQLite: makespan, processor time, takeover, submits a second.

    python benchmarks/scale.py [--tasks 160] [--cap 20] [--seconds 5] [--workers 2] [--many 4]

Needs the extra ``scale`` and PostgreSQL in ``/usr/lib/postgresql``; the provider is ``vidgen rehearse``. Whatever the figures of time are,
these must hold in each run: never more jobs at once than the cap, and no prompt sent twice.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from postgres_server import Postgres

from vidgen_core.config.paths import Locations
from vidgen_core.db import Store
from vidgen_core.domain.providers import ProviderId
from vidgen_core.domain.tasks import TaskStatus
from vidgen_core.fake_provider.options import RehearsalOptions
from vidgen_core.fake_provider.server import RehearsalServer, settings_hint
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

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

    def __init__(self, folder: Path, server: RehearsalServer, url: str, tasks: int, cap: int) -> None:
        self._folder = folder
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
        self._where: str | Path = url or locations.database
        with Vidgen.open(locations) as app:
            self.project = app.projects.ensure("film").id
            shots = [app.shots.add(self.project, prompt=f"shot number {n}").id for n in range(tasks)]
            app.tasks.generate(self.project, shots, GenerateOptions(provider=YUNWU, takes=1))

    def start(self, workers: int) -> None:
        for number in range(workers):
            environment = {**self._environment, "VIDGEN_HOME": str(self._folder / f"home-{number}")}
            command = [sys.executable, "-m", "vidgen_core", "worker", "--name", f"w{number}"]
            self.workers.append(
                psutil.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )

    def read(self, question: Callable[[Any], Any]) -> Any:
        store = Store.open(self._where)
        try:
            with store.read() as tx:
                return question(tx)
        finally:
            store.close()

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


@contextmanager
def running(url: str, tasks: int, cap: int, seconds: float) -> Iterator[Run]:
    folder = Path(tempfile.mkdtemp(prefix="vidgen-scale-"))
    options = RehearsalOptions(videos="shared", job_seconds=(seconds, seconds))
    with RehearsalServer(options) as server:
        run = Run(folder, server, url, tasks, cap)
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
        wait(run.is_done)
        took = time.monotonic() - begun
        return {
            "workers": workers,
            "makespan s": round(took, 1),
            "cpu ms a task": round((run.cpu() - cpu) * 1000 / asked.tasks, 1),
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
    asked = parser.parse_args()
    data = Path(tempfile.mkdtemp(prefix="vidgen-scale-postgres-"))
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(data, user, user)
    server = Postgres(data, user)
    server.start()
    pid = int((data / "postmaster.pid").read_text().split()[0])
    try:
        for name, figures in (
            ("embedded", lambda: makespan("", 1, asked)),
            ("shared", lambda: makespan(server.new(), asked.workers, asked, pid)),
            ("takeover", lambda: takeover(server.new(), asked)),
            ("one submits", lambda: submits(server.new(), 1, asked)),
            ("many submit", lambda: submits(server.new(), asked.many, asked)),
        ):
            print(json.dumps({"run": name, **figures()}, default=str), flush=True)
    finally:
        server.stop()
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
