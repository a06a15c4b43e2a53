"""What listeners cost a server: ``python benchmarks/listeners.py [--listeners 200] [--browsers 10] [--rounds 20]``.

One server of its own, without a runner. Three parts: nobody listens; streams of progress; browsers on *Shots* beside them.
Each part is measured at rest and while a task changes twice a second: the server's processor time, its memory, how long
the API takes meanwhile, and after how long a change has reached every stream.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
from filelock import FileLock
from playwright.async_api import async_playwright

from vidgen_core.config.paths import Locations
from vidgen_core.domain.tasks import Task
from vidgen_core.services.facade import Vidgen
from vidgen_core.services.generation.planning import GenerateOptions

PORT = 8766
URL = f"http://127.0.0.1:{PORT}"
TASKS = 20
#: Seconds of each measurement at rest.
REST = 10.0
FLAGS = ("--no-sandbox", "--disable-gpu")


@contextmanager
def server(home: Path) -> Iterator[psutil.Process]:
    """The whole product on a port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vidgen_core", "serve", "--no-browser", "--port", str(PORT)],
        env={**os.environ, "VIDGEN_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{URL}/api/health", trust_env=False).status_code == 200:
                    break
            time.sleep(0.2)
        yield psutil.Process(process.pid)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)


class Listeners:
    """Streams, and when each has heard of which progress of the first task."""

    def __init__(self, tasks: list[Task]) -> None:
        self.first = str(tasks[0].id)
        self.path = f"/api/local/progress?task_ids={','.join(str(task.id) for task in tasks)}"
        self.heard: asyncio.Queue[tuple[int, float]] = asyncio.Queue()

    async def listen(self, client: httpx.AsyncClient) -> None:
        async with client.stream("GET", f"{URL}{self.path}") as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: ["):
                    self._note(json.loads(line.removeprefix("data: ")))

    def _note(self, standings: list[dict[str, Any]]) -> None:
        mark = next(one["progress"] for one in standings if one["task_id"] == self.first)
        self.heard.put_nowait((mark or 0, time.monotonic()))

    async def all_at(self, mark: int, count: int) -> list[float]:
        """When each of the streams has heard of ``mark``."""
        moments: list[float] = []
        while len(moments) < count:
            heard, at = await self.heard.get()
            moments += [at] if heard == mark else []
        return moments


@asynccontextmanager
async def streams(listeners: Listeners, count: int, mark: int) -> Any:
    limits = httpx.Limits(max_connections=count + 1, max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=600, trust_env=False, limits=limits) as client:
        running = [asyncio.create_task(listeners.listen(client)) for _ in range(count)]
        await listeners.all_at(mark, count)
        yield
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@asynccontextmanager
async def browsers(count: int, project: str) -> Any:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(FLAGS))
        for _ in range(count):
            page = await (await chromium.new_context()).new_page()
            await page.goto(f"{URL}/?project={project}", timeout=120_000)
            await page.wait_for_selector("[class*=st-key-shot_]", timeout=120_000)
        yield
        await chromium.close()


class Measuring:
    def __init__(self, vidgen: Vidgen, task: Task, process: psutil.Process, listeners: Listeners, rounds: int) -> None:
        self.vidgen, self.task, self.process, self.listeners, self.rounds = vidgen, task, process, listeners, rounds
        self.mark = 0

    async def show(self, name: str, count: int) -> None:
        used, begun = self._used(), time.monotonic()
        await asyncio.sleep(REST)
        rest = (self._used() - used) / (time.monotonic() - begun)
        used, begun = self._used(), time.monotonic()
        delays, answers = [], []
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            for _ in range(self.rounds):
                changed = await asyncio.to_thread(self._change)
                asked = time.monotonic()
                (await client.get(f"{URL}/api/tasks?project=bench&limit=50")).raise_for_status()
                answers.append(time.monotonic() - asked)
                await asyncio.sleep(max(0.0, changed + 0.5 - time.monotonic()))
                delays += [heard - changed for heard in await self.listeners.all_at(self.mark, count)]
        busy = (self._used() - used) / (time.monotonic() - begun)
        memory = self.process.memory_info().rss / (1 << 20)
        told = f"{statistics.median(delays):5.2f} {max(delays):5.2f}" if delays else "    –     –"
        asked_ms = statistics.median(answers) * 1000
        print(f"{name:<28} {rest:7.1%} {busy:7.1%} {memory:7.0f} {asked_ms:7.0f}   {told}", flush=True)

    def _used(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system

    def _change(self) -> float:
        self.mark += 1
        with self.vidgen.store.write() as tx:
            tx.tasks.note(self.task.id, progress=self.mark)
        return time.monotonic()


async def measure(home: Path, wanted: argparse.Namespace) -> None:
    with Vidgen.open(Locations(home)) as vidgen:
        project = vidgen.projects.ensure("bench")
        shots = [vidgen.shots.add(project.id, prompt=f"shot {n}").id for n in range(TASKS)]
        tasks = list(vidgen.tasks.generate(project.id, shots, GenerateOptions(takes=1), release=False).tasks)
        # Tasks stand still while another process has the lock of the runner.
        with FileLock(home / "runner.lock"), server(home) as process:
            listeners = Listeners(tasks)
            measuring = Measuring(vidgen, tasks[0], process, listeners, wanted.rounds)
            print(f"{'':<28} {'rest':>7} {'busy':>7} {'MiB':>7} {'API ms':>7}   change heard, s: median, last")
            await measuring.show("nobody", 0)
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(streams(listeners, wanted.listeners, measuring.mark))
                await measuring.show(f"{wanted.listeners} streams", wanted.listeners)
                if wanted.browsers:
                    await stack.enter_async_context(browsers(wanted.browsers, project.name))
                    await measuring.show(f"… and {wanted.browsers} browsers", wanted.listeners)
                process.send_signal(signal.SIGINT)
                begun = time.monotonic()
                await asyncio.to_thread(process.wait, 60)
                print(f"the end with everybody listening took {time.monotonic() - begun:.1f} s (bar 3)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=200)
    parser.add_argument("--browsers", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=20)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder) / "home", parser.parse_args()))


if __name__ == "__main__":
    main()
